"""Seed inputs for the fuzz targets, made from recordings of real sites."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .targets import STATUSES

ROOT = Path(__file__).parent.parent
WIRE = ROOT / "tests" / "wire"
CASES = Path(__file__).parent / "cases"
TOKENS = [
    b"data: ", b'{"type":"live","data":"', b'{"type":"end","data":"', b'{"type":"error","data":"',
    b'"}\n\n', b"\r\n", b'"subtype":"content"', b'"success":true', b'"success":false',
    b'"reply":"', b'"message":"', b'"code":"', b'"images":[', b'"actions":[{"type":"function"',
    b'"shortcuts":[', b'"usage":{', b'"restNonce":"', b'"sessionId":"', b'"restUrl":"',
    b'"new_token":"', b"rest_cookie_invalid_nonce", b"rest_no_route", b"data-system='",
    b"data-params='", b"<link rel='https://api.w.org/' href='", b"<!--", b"-->", b"<script",
    b"retry-after:", b"location:", b"link:", b"cf-ray:", b"x-wp-nonce:", b"https://api.w.org/",
    b"?rest_route=/", b"/wp-json/", b"http://", b"https://site.example", b"\xef\xbb\xbf",
    b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\\ud83d", b"\x1b[31m", b"1e999", b"NaN", b"\0\0",
    b"0123456789", b'"approval":{"tool":"', b'"responseId":"', b'"chats":[{"chatId":"',
    b'"role":"', b'"content":"', b'"format":"chatgpt4online.conversation"', b'"version":1',
]  # fmt: skip


def seeds(target: str) -> Iterator[bytes]:
    """Yield the seeds of a target: earlier findings, then recordings."""
    cases = CASES / target
    for path in sorted(cases.iterdir()) if cases.exists() else ():
        yield path.read_bytes()
    for path in sorted(WIRE.glob("**/*.response")):
        head, _, body = path.read_bytes().partition(b"\r\n\r\n")
        if target in ("turn", "opening", "calls"):
            status = STATUSES.index(int(head.split(b" ", 2)[1]))
            yield bytes([status]) + b"\t".join(head.split(b"\r\n")[1:]) + b"\n" + body
        elif target == "headers":
            yield b"\n".join(line.partition(b":")[2] for line in head.split(b"\r\n"))
        else:
            yield body
    for path in sorted(WIRE.glob("**/*.request")) if target in ("prompt", "address") else ():
        head, _, body = path.read_bytes().partition(b"\r\n\r\n")
        yield body if target == "prompt" else b"http://127.0.0.1" + head.split(b" ", 2)[1]


def dictionary() -> str:
    """Return the tokens as a libFuzzer dictionary."""
    escaped = ("".join(f"\\x{byte:02x}" for byte in token) for token in TOKENS)
    return "".join(f'"{token}"\n' for token in escaped)
