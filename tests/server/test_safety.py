"""Who may use a server, with how much, and what is logged of it."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator

import pytest
import requests
from openai import APIStatusError, AuthenticationError, OpenAI

from chatgpt4online import Client, StatusError, UsageError
from chatgpt4online.server import offline_bot
from chatgpt4online.server.guards import LARGEST_REQUEST
from chatgpt4online.server.serving import ACCESS_LOG, Server
from chatgpt4online.server.sources import BotSource

from .servers import running
from .test_openai_clients import HELLO, SAID, client

KEY = "key-of-this-test"
COMPLETIONS = "/v1/chat/completions"


@pytest.fixture
def protected() -> Iterator[str]:
    with running(api_key=KEY) as url:
        yield url


def test_every_way_to_give_the_key(protected: str) -> None:
    with client(protected, KEY) as ai:
        answer = ai.chat.completions.create(model="default", messages=HELLO)
        assert answer.choices[0].message.content == SAID
    with Client(protected, token=KEY) as asking:
        assert asking.generate("Hello there").text == SAID
    with Client(protected, auth=("api", KEY)) as asking:
        assert asking.generate("Hello there").text == SAID
        assert [len(item.messages) for item in asking.discussions()] == [2]


@pytest.mark.parametrize("key", ["wrong", "", KEY + "x", "ключ"])
def test_a_wrong_key(key: str, protected: str) -> None:
    headers = {"Authorization": f"Bearer {key}".encode()}
    body = {"model": "default", "messages": HELLO}
    answer = requests.post(protected + COMPLETIONS, json=body, headers=headers, timeout=20)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"
    if key.isascii() and key:
        with client(protected, key) as ai, pytest.raises(AuthenticationError, match="API key"):
            ai.chat.completions.create(model="default", messages=HELLO)
        for options in ({"token": key}, {"auth": ("api", key)}, {"auth": ("ann", KEY)}, {}):
            with Client(protected, **options) as asking, pytest.raises(StatusError) as caught:
                asking.generate("Hi")
            assert caught.value.status == 401


def test_a_browser_asks_for_the_key(protected: str) -> None:
    for header in ("", "Basic", "Basic !", "Digest x", "Bearer"):
        answer = requests.get(protected, headers={"Authorization": header}, timeout=20)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_another_address_needs_a_key() -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.com"):
        with pytest.raises(UsageError, match="needs an API key"):
            Server(BotSource(offline_bot), host=host)
    for host in ("127.0.0.1", "127.1.2.3", "localhost"):
        with running(host=host) as url:
            assert requests.get(f"{url}/healthz", timeout=20).status_code == 200
    with running(host="0.0.0.0", api_key=KEY) as url:
        port = url.rpartition(":")[2]
        with client(f"http://127.0.0.1:{port}", KEY) as ai:
            assert [model.id for model in ai.models.list()] == ["default"]


def test_health_needs_no_key(protected: str) -> None:
    answer = requests.get(f"{protected}/healthz", timeout=20)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_pages_of_other_sites_are_kept_out() -> None:
    with running() as url:
        foreign = [{"Origin": origin} for origin in ("https://evil.example", "null", "http://[")]
        for headers in (*foreign, {"Host": "evil.example"}, {"Host": "["}):
            answer = requests.get(f"{url}/v1/models", headers=headers, timeout=20)
            assert answer.status_code in (400, 403)
            answer = requests.get(f"{url}/chat/", headers=headers, timeout=20)
            assert answer.status_code in (400, 403)
        port = url.rpartition(":")[2]
        for headers in ({"Origin": url}, {"Host": f"localhost:{port}"}, {"Host": "[::1]"}):
            answer = requests.get(f"{url}/v1/models", headers=headers, timeout=20)
            assert answer.status_code == 200


def test_a_request_that_is_too_large() -> None:
    size = LARGEST_REQUEST + 1
    with running() as url, client(url) as ai:
        with pytest.raises(APIStatusError, match="too large") as caught:
            ai.chat.completions.create(
                model="default", messages=[{"role": "user", "content": "x" * size}]
            )
        assert (caught.value.status_code, caught.value.code) == (413, "request_too_large")
        chunks = (b"x" * 65536 for _ in range(size // 65536 + 1))  # whose size is not announced
        answer = requests.post(url + COMPLETIONS, data=chunks, timeout=20)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
        with Client(url) as asking, pytest.raises(StatusError, match="too large"):
            asking.generate("x" * size)
        assert asking_again(url) == SAID


def asking_again(url: str) -> str:
    with Client(url) as asking:
        return asking.generate("Hello there").text


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["", "/", "/other", "/models/", "/chat/completions/x"])
def test_an_unknown_url(method: str, path: str) -> None:
    with running() as url:
        answer = requests.request(method, f"{url}/v1{path}", timeout=20)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_url")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/chat/completions"), ("PUT", "/chat/completions"), ("POST", "/models"),
     ("DELETE", "/models/default")],
)  # fmt: skip
def test_a_wrong_method(method: str, path: str) -> None:
    with running() as url:
        answer = requests.request(method, f"{url}/v1{path}", timeout=20)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_url")
        assert f"There is no {method} /v1{path} here" in answer.json()["error"]["message"]


def test_bodies_that_are_no_requests() -> None:
    with running() as url:
        for body in (b"", b"{", b"[]", b"[" * 100_000, b"\xff", b"5"):
            answer = requests.post(url + COMPLETIONS, data=body, timeout=20)
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, None)


def test_the_access_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, ACCESS_LOG.name)
    with running(api_key=KEY) as url:
        with OpenAI(base_url=f"{url}/v1", api_key=KEY) as ai:
            ai.chat.completions.create(
                model="default", messages=[{"role": "user", "content": "a private matter"}]
            )
        with Client(url, auth=("api", KEY)) as asking:
            asking.generate("a private matter")
        requests.get(f"{url}/chat/%0aforged?key={KEY}", timeout=20)
    lines = [record.getMessage() for record in caplog.records if record.name == ACCESS_LOG.name]
    assert lines[0].startswith("127.0.0.1 POST /v1/chat/completions 200 ")
    assert lines[-1].startswith("127.0.0.1 GET /chat/%0Aforged 401 ")
    assert not [line for line in lines if "private" in line or KEY in line or "\n" in line]


def test_an_address_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=f"on 127.0.0.1:{port}: Address already in use"):
            with running(port=port):
                pass
