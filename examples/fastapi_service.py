"""A web service with FastAPI that streams replies. A refused question is HTTP status 400.

::

    pip install fastapi uvicorn
    uvicorn --app-dir examples --port 8001 fastapi_service:app
    curl -N "http://127.0.0.1:8001/ask?question=Hello"
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from answers import explain, pieces
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse

from chatgpt4online import AsyncClient, ChatError


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncClient(timeout=60) as app.state.client:
        yield


app = FastAPI(lifespan=lifespan)


@app.exception_handler(ChatError)
async def refuse(request: Request, error: ChatError) -> JSONResponse:
    status, headers = explain(error)
    return JSONResponse({"detail": str(error)}, status, headers)


@app.get("/ask")
async def ask(request: Request, question: str) -> StreamingResponse:
    stream = await request.app.state.client.stream(question)
    return StreamingResponse(pieces(stream), media_type="text/plain")
