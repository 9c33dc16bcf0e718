"""A local site whose process is killed, and two processes on one folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatgpt4online import ChatError, Client
from chatgpt4online.server import LocalSite

from ..drivers import NO_RETRY
from .crashes import SiteProcess, survive


def test_a_site_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    known = survive(tmp_path, kills=3, seed=14)
    assert known.turns


def test_a_file_that_is_being_written(tmp_path: Path) -> None:
    size = 50_000_000  # more than all buffers between the client and the site
    with SiteProcess(tmp_path) as site, Client(site.url, retry=NO_RETRY) as client:
        whole = client.upload(b"whole")

        def kill(sent: int, total: int) -> None:
            if sent > size / 2:
                site.kill()

        with pytest.raises(ChatError):
            client.upload(bytes(size), progress=kill)
    (incomplete,) = (path for path in (tmp_path / "files").iterdir() if path.name != whole.id)
    assert 0 < incomplete.stat().st_size < size
    with LocalSite(data=tmp_path) as again, Client(again.url) as client:
        assert [file.id for file in client.list_files()] == [whole.id]
        assert [path.name for path in (tmp_path / "files").iterdir()] == [whole.id]


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    with SiteProcess(tmp_path) as first:
        with SiteProcess(tmp_path) as second:
            assert not second.url
            assert second.errors().endswith(f"{tmp_path} is in use by another process.\n")
            assert second.process.returncode == 1
        with Client(first.url) as client:
            assert client.generate("Hi").text == "You said: Hi (1 word)"
    with LocalSite(data=tmp_path) as third:  # the lock has ended with its process
        assert third.url


def test_one_of_two_that_start_together_is_refused(tmp_path: Path) -> None:
    one, other = SiteProcess(tmp_path), SiteProcess(tmp_path)
    with one, other:
        assert bool(one.url) != bool(other.url)
