"""A web service with FastAPI that streams replies. A refused question is HTTP status 400.

::

    pip install fastapi uvicorn
    uvicorn --app-dir examples --port 8001 fastapi_service:app
    curl -N "http://127.0.0.1:8001/ask?question=Hello"
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse

from chatgpt4online import AsyncClient, ChatError, QueryRejected, UsageError


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncClient(timeout=60) as app.state.client:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/ask")
async def ask(request: Request, question: str) -> StreamingResponse:
    try:
        stream = await request.app.state.client.stream(question)
    except (QueryRejected, UsageError) as error:
        raise HTTPException(400, str(error)) from error
    except ChatError as error:
        raise HTTPException(502, str(error)) from error
    return StreamingResponse(stream, media_type="text/plain")
