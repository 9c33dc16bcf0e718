"""What imports what."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import chatgpt4online
from chatgpt4online import AsyncClient, Client

PACKAGE = Path(chatgpt4online.__file__).parent
# The layers, from the bottom; a module imports from its own layer or below.
LAYERS = [
    {"errors", "values"},
    {"messages"},
    {"protocol"},
    {"discretion", "failures", "files", "retries", "settings", "terminal", "reply_stream"},
    {"base_client", "conversation"},
    {"answer", "chunked", "idle_switch"},
    {"connections", "async_connections"},
    {"sync_answer", "async_answer"},
    {"under_way"},
    {"transport", "async_transport"},
    {"sync_reply_stream", "async_reply_stream"},
    {"sync_engine", "async_engine"},
    {"client", "async_client", "sync_conversation", "async_conversation"},
    {"onecall", "provider", "server"},
    {"cli"},
    {"__main__", "__init__"},
]
HEAVY = ("requests", "urllib3", "aiohttp", "tenacity", "asyncio")
FORBIDDEN_IN_CORE = {
    "requests", "urllib3", "aiohttp", "tenacity", "asyncio", "socket", "ssl", "http", "time",
    "datetime", "logging", "random", "secrets", "os", "sys",
}  # fmt: skip


def imports_of(path: Path) -> set[str]:
    """The absolute names of the modules that a module imports, at its top or inside."""
    package = ["chatgpt4online", *path.relative_to(PACKAGE).parent.parts]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            found.add(name)
    return found


def layer_of(name: str) -> int:
    return next(index for index, layer in enumerate(LAYERS) if name in layer)


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down_only(path: Path) -> None:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    for name in imports_of(path):
        if name.startswith("chatgpt4online.") and parts != ("__init__",):
            assert layer_of(name.split(".")[1]) <= layer_of(parts[0]), f"{path} imports {name}"
        if parts[0] == "protocol":
            assert name.split(".")[0] not in FORBIDDEN_IN_CORE


def test_the_clients_do_not_import_each_other() -> None:
    for path in PACKAGE.glob("*.py"):
        names = imports_of(path)
        if path.stem in (
            "client",
            "connections",
            "transport",
            "sync_conversation",
            "sync_engine",
            "sync_reply_stream",
        ):
            assert not {name for name in names if "async" in name or name == "aiohttp"}
        elif path.stem.startswith("async_"):
            assert not names & {"chatgpt4online.client", "chatgpt4online.transport"}
            assert not {name for name in names if "sync_" in name.replace("async_", "")}
            assert not names & {"requests", "urllib3"}


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_an_import_loads_no_http_library() -> None:
    code = "import sys, chatgpt4online; print(*sorted(set(sys.modules) & set(sys.argv[1:])))"
    code = code.replace("sys.argv[1:]", repr(HEAVY))
    assert run_python(code).split() == []


def test_each_client_loads_only_its_own_http_library() -> None:
    code = "import sys; from chatgpt4online import {}; loaded = set(sys.modules);"
    code += "print('requests' in loaded, 'aiohttp' in loaded)"
    assert run_python(code.format("Client")).split() == ["True", "False"]
    assert run_python(code.format("AsyncClient")).split() == ["False", "True"]


def test_all_public_names_are_there() -> None:
    for name in chatgpt4online.__all__:
        assert getattr(chatgpt4online, name) is not None
        assert name in dir(chatgpt4online)
    assert callable(chatgpt4online.stream)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = chatgpt4online.nothing


def test_the_table_of_names_is_what_type_checkers_see() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    seen = {
        (node.module, alias.name)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }
    assert seen == {(home, name) for name, home in chatgpt4online._HOME_OF.items()}
    assert sorted(name for _, name in seen) == chatgpt4online.__all__


def test_both_clients_have_the_same_signatures() -> None:
    names = [name for name in vars(Client) if not name.startswith("_")]
    assert names == [name for name in vars(AsyncClient) if not name.startswith("_")]
    assert inspect.signature(Client) == inspect.signature(AsyncClient)
    for name in names:
        ours = inspect.signature(getattr(Client, name)).parameters
        assert ours == inspect.signature(getattr(AsyncClient, name)).parameters


def test_every_public_name_has_a_docstring() -> None:
    for name in chatgpt4online.__all__:
        value = getattr(chatgpt4online, name)
        if name == "Event":
            continue
        assert inspect.getdoc(value), name
        for member, inner in vars(value).items() if inspect.isclass(value) else ():
            if inspect.isfunction(inner) and not member.startswith("_"):
                assert inspect.getdoc(inner), f"{name}.{member}"
