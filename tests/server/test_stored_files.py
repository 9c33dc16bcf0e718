"""The files that a local site keeps in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from chatgpt4online import ChatError, ReplyError
from chatgpt4online.server import LocalSite

from ..drivers import Driver


def test_files_outlive_the_site(tmp_path: Path, driver: Driver) -> None:
    with LocalSite(data=tmp_path) as site, driver.client(site.url) as client:
        first = client.upload(b"one" * 100_000, filename="1.png")
        second = client.upload(b"two", purpose="test")
        deleted = client.upload(b"three")
        assert client.delete_files(deleted) == 1
        assert requests.get(first.url).content == b"one" * 100_000
        assert requests.get(deleted.url).status_code == 404
    with LocalSite(data=tmp_path) as site, driver.client(site.url) as client:
        uploads = list(site.app.files.uploads.values())
        assert [(item["filename"], item["size"]) for item in uploads] == [
            ("1.png", 300_000),
            ("file", 3),
        ]
        two, one = client.list_files()
        assert [one.id, two.id] == [first.id, second.id]
        response = requests.get(one.url)
        assert response.content == b"one" * 100_000
        assert response.headers["Content-Type"] == "image/png"
        assert client.list_files(purpose="test") == (two,)
        assert client.delete_files(*client.list_files()) == 2
        assert requests.get(one.url).status_code == 404
    assert not list((tmp_path / "files").iterdir())


def test_a_page_among_the_files_runs_no_scripts(tmp_path: Path, driver: Driver) -> None:
    with LocalSite(data=tmp_path) as site, driver.client(site.url) as client:
        response = requests.get(client.upload(b"<script>", filename="x.html").url)
        assert response.headers["Content-Security-Policy"] == "sandbox"
        assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_without_a_folder_the_contents_of_files_are_discarded(driver: Driver) -> None:
    with LocalSite() as site, driver.client(site.url) as client:
        assert requests.get(client.upload(b"x").url).status_code == 404


@pytest.mark.parametrize("name", ["../site.sqlite3", "%2e%2e/site.sqlite3", "..%2fsite.sqlite3"])
def test_only_files_are_served(name: str, tmp_path: Path) -> None:
    with LocalSite(data=tmp_path) as site, requests.Session() as session:
        request = requests.Request("GET", site.url).prepare()
        request.url = f"{site.url}/wp-content/uploads/{name}"
        assert session.send(request).status_code == 404


def test_an_upload_cannot_choose_its_id(tmp_path: Path) -> None:
    with LocalSite(data=tmp_path) as site, requests.Session() as session:
        start = session.post(site.url + "/wp-json/mwai/v1/start_session").json()
        session.headers["X-WP-Nonce"] = start["restNonce"]
        fields = {"purpose": "test", "id": "../site.sqlite3", "url": "x", "type": "a\r\nb: c"}
        url = site.url + "/wp-json/mwai-ui/v1/files/upload"
        stored = session.post(url, data=fields, files={"file": b"x"}).json()["data"]
        assert list(site.app.files.uploads) == [stored["id"]]
        assert session.get(stored["url"]).content == b"x"
        assert session.get(site.url + "/wp-content/uploads/..%2Fsite.sqlite3").status_code == 404


FORM = "multipart/form-data; boundary=b"
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nabc'
NESTED = (
    b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", FILE),
        (FORM, b""),
        (FORM, b"{}"),
        (FORM, FILE),
        (FORM, FILE + b"\r\n--b--\r\n"),
        (FORM, NESTED),
    ],
    ids=["JSON", "no boundary", "empty", "no form", "cut", "no purpose", "nested"],
)
def test_an_upload_that_is_no_form_with_a_file(kind: str, body: bytes, tmp_path: Path) -> None:
    with LocalSite(data=tmp_path) as site, requests.Session() as session:
        start = session.post(site.url + "/wp-json/mwai/v1/start_session").json()
        headers = {"X-WP-Nonce": start["restNonce"], "Content-Type": kind}
        url = site.url + "/wp-json/mwai-ui/v1/files/upload"
        answer = session.post(url, data=body, headers=headers)
        assert answer.status_code == 400
        assert answer.json()["message"] == "The file or its purpose is missing."
        assert not site.app.files.uploads
    assert not list((tmp_path / "files").iterdir())


def test_a_refused_file_is_not_kept(tmp_path: Path, driver: Driver) -> None:
    with LocalSite(data=tmp_path) as site, driver.client(site.url) as client:
        with pytest.raises(ReplyError, match="Invalid file type"):
            client.upload(b"MZ", filename="x.exe")
        assert not list((tmp_path / "files").iterdir())
        assert not client.list_files()


def test_an_upload_that_stops(tmp_path: Path, driver: Driver) -> None:
    def stop(sent: int, total: int) -> None:
        if sent > total / 2:
            raise KeyError

    with LocalSite(data=tmp_path) as site, driver.client(site.url) as client:
        with pytest.raises((KeyError, ChatError)):
            client.upload(bytes(50_000_000), progress=stop)
        assert not client.list_files()
    assert not list((tmp_path / "files").iterdir())
