"""An asynchronous Django view that streams replies, with a whole project in one file.

::

    pip install django uvicorn
    uvicorn --app-dir examples --port 8001 django_view:application
    curl "http://127.0.0.1:8001/ask?question=Hello"
"""

from answers import explain, pieces
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import path

from chatgpt4online import AsyncClient, ChatError

client = AsyncClient(timeout=60)


async def ask(request: HttpRequest) -> HttpResponseBase:
    try:
        stream = await client.stream(request.GET.get("question", ""))
    except ChatError as error:
        status, headers = explain(error)
        return JsonResponse({"detail": str(error)}, status=status, headers=headers)
    return StreamingHttpResponse(pieces(stream), content_type="text/plain")


urlpatterns = [path("ask", ask)]
settings.configure(ALLOWED_HOSTS=["127.0.0.1", "localhost"], ROOT_URLCONF=__name__)
application = get_asgi_application()
