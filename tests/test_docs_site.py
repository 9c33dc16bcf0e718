"""The documentation site: it has every public name and quotes real errors, and its links work."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import chatgpt4online
import chatgpt4online.server
import chatgpt4online.testing
from chatgpt4online import errors

from .commands import COMMAND

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "chatgpt4online"
DOCS = ROOT / "docs"
REFERENCE = (DOCS / "reference.rst").read_text(encoding="utf-8")
TROUBLES = (DOCS / "troubleshooting.rst").read_text(encoding="utf-8")
QUICKSTART = (DOCS / "quickstart.rst").read_text(encoding="utf-8")
QUOTED = re.findall(r"^``([^`]+)``(.*)\n    ", TROUBLES, re.MULTILINE)


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and name in ("href", "src"):
                self.links.append(value)
            elif value and name == "id":
                self.anchors.add(value)


def test_the_site(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="the extra docs is not installed")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q"]
    done = subprocess.run(
        [*command, "-d", str(tmp_path / "doctrees"), str(DOCS), str(tmp_path / "html")],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")

    pages = {path: Page(path) for path in (tmp_path / "html").rglob("*.html")}
    assert {path.stem for path in DOCS.glob("*.rst")} <= {path.stem for path in pages}
    assert list(broken_links(pages)) == []
    # Links to files, which GitHub follows, are links to pages here.
    index, reference = pages[tmp_path / "html/index.html"], pages[tmp_path / "html/reference.html"]
    assert {"quickstart.html#a-site-to-try", "command.html#check"} <= set(index.links)
    names = {*chatgpt4online.__all__, "Client.stream", "AsyncClient.upload", "server.LocalSite"}
    assert {f"chatgpt4online.{name}" for name in names} - reference.anchors == set()


def broken_links(pages: dict[Path, Page]) -> Iterator[str]:
    for path, page in pages.items():
        for link in page.links:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            anchors = {"", *pages[target].anchors} if target in pages else {""}
            if not target.is_file() or unquote(url.fragment) not in anchors:
                yield f"{path.name}: {link}"


@pytest.mark.parametrize(
    "module",
    [chatgpt4online, chatgpt4online.server, chatgpt4online.testing],
    ids=lambda m: m.__name__,
)
def test_every_public_name_is_in_the_reference(module: object) -> None:
    listed = re.findall(r"^\.\. (?:auto\w+|data):: (\w+)", REFERENCE, re.MULTILINE)
    assert set(getattr(module, "__all__")) - set(listed) == set()  # noqa: B009
    assert len(listed) == len(set(listed))


def source_texts() -> list[str]:
    """The strings in the package's source, with ``{}`` for what is put into them."""
    texts = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                texts.append("".join(text_of(part) for part in node.values))
            elif isinstance(node, ast.Constant):
                texts.append(text_of(node))
    return texts


def text_of(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else "{}"


def patterns_of(texts: list[str]) -> list[re.Pattern[str]]:
    """What the strings of the source can become, as far as they say enough."""
    parts = [text.split("{}") for text in texts if len(text.replace("{}", "")) > 9]
    return [re.compile(".+".join(map(re.escape, each))) for each in parts]


def test_the_errors_that_are_explained_are_those_of_the_code() -> None:
    texts = source_texts()
    patterns, all_texts = patterns_of([text for text in texts if "{}" in text]), "\n".join(texts)
    assert len(QUOTED) > 60
    for quoted, kinds in QUOTED:
        wanted = re.escape(quoted).replace(re.escape("..."), ".*")
        found = re.search(wanted, all_texts)
        assert found or any(pattern.fullmatch(quoted) for pattern in patterns), quoted
        for kind in re.findall(r"``(\w+)``", kinds):
            assert issubclass(getattr(errors, kind), errors.ChatError)


def test_the_command_of_the_quickstart() -> None:
    shown = re.search(
        r"^    \$ chatgpt4online (ask --demo .+)\n((?:    .+\n)+)", QUICKSTART, re.MULTILINE
    )
    assert shown is not None
    command = [*COMMAND, *shlex.split(shown[1])]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=True,
        cwd=ROOT,
        timeout=60,
    )
    port = re.compile(r":\d+\.")
    assert port.sub(":1.", done.stdout) == port.sub(":1.", textwrap.dedent(shown[2]))
