"""The layers of the package, its public names, and its two sides that mirror each other."""

from __future__ import annotations

import ast
import importlib
import inspect
import pydoc
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import chatgpt4online

PACKAGE = Path(chatgpt4online.__file__).parent
ALIASES = {"Event", "FileInput", "Progress", "PromptInput"}
"""Types for annotations, which have no docstrings of their own."""

# The layers, from the bottom; a module imports from its own layer or below.
LAYERS = [
    {"errors"},
    {"config", "models"},
    {"protocol"},
    {"network", "transport_errors", "uploads", "logs", "retries"},
    {"settings", "calls", "reply_stream", "conversation"},
    {"sync", "aio"},
    {"onecall", "batches", "dask", "provider", "server", "g4f_provider"},
    {"testing"},
    {"cli"},
    {"llm_plugin"},
    {"__main__", "__init__"},
]
HEAVY = ("requests", "urllib3", "aiohttp", "tenacity", "asyncio")
FORBIDDEN_IN_CORE = {
    "requests", "urllib3", "aiohttp", "tenacity", "asyncio", "socket", "ssl", "http", "time",
    "datetime", "logging", "random", "secrets", "os", "uuid", "subprocess",
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


@pytest.mark.parametrize(
    ("side", "foreign"),
    [
        ("sync", {"aiohttp", "asyncio", "chatgpt4online.aio"}),
        ("aio", {"requests", "urllib3", "http", "chatgpt4online.sync"}),
    ],
)
def test_the_clients_share_nothing_but_what_is_below_them(side: str, foreign: set[str]) -> None:
    for path in (PACKAGE / side).glob("*.py"):
        for name in imports_of(path):
            parts = name.split(".")
            assert not {".".join(parts[:length]) for length in (1, 2)} & foreign, f"{path}: {name}"


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_an_import_loads_no_http_library() -> None:
    code = "import sys, chatgpt4online; print(*sorted(set(sys.modules) & set(sys.argv[1:])))"
    code = code.replace("sys.argv[1:]", repr(HEAVY))
    assert run_python(code).split() == []


def test_values_and_errors_load_no_http_library() -> None:
    names = [name for name, module in chatgpt4online._MODULE_OF.items() if is_light(module)]
    assert {"Message", "Timeout", "ChatError", "fold_prompt", "SiteInfo"} <= set(names)
    code = f"import sys; from chatgpt4online import {', '.join(names)};"
    code += f"print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    assert run_python(code).split() == []


def is_light(module: str) -> bool:
    return module.partition(".")[0] in ("config", "errors", "models", "protocol")


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
        _ = chatgpt4online.nothing  # type: ignore[attr-defined]


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
    assert seen == {(module, name) for name, module in chatgpt4online._MODULE_OF.items()}
    assert sorted(name for _, name in seen) == chatgpt4online.__all__


# What must differ between the two sides, as it reads on the async one and on the sync one.
REPLACEMENTS = [
    (r"\bAsync(?=[A-Z])", ""),
    (r"\basync (?=for|with)", ""),
    (r"\bawait ", ""),
    (r"\baiohttp\.Client(?=Session|Response)", "requests."),
    (r"\baiohttp\b", "requests"),
    (r"\bAn asyncio\b", "A blocking"),
    (r"\basyncio\b", "blocking"),
    (r"\bAwaited\b", "Called"),
    (r"\btask", "thread"),
    (r"^Awaitable\[None\]$", "None"),
]
# These say on both sides when a prompt is sent, what can be shared, or what closing does.
DIFFERENT_PROSE = {
    "Client", "Client.close", "Client.stream", "Conversation.stream", "ReplyStream",
    "ReplyStream.close", "ResponseStream.close", "Runner.stream", "Sessions",
    "Transport.check_usable", "Transport.close",
}  # fmt: skip
ONLY_ASYNC = {"Client.aclose", "ReplyStream.aclose", "Transport.check_open"}
# requests reads an upload itself, and does not warn of clients that were never closed.
ONLY_ASYNC_MODULES = {"upload"}
ONLY_ASYNC_IMPORTS = {
    "transport": {"chatgpt4online.aio.upload"}, "session": {"chatgpt4online.protocol.address"},
}  # fmt: skip
ONLY_SYNC_IMPORTS = {"conversation": {"chatgpt4online.errors"}}
SIDES = {"sync": PACKAGE / "sync", "aio": PACKAGE / "aio"}
MIRRORED = sorted(path.stem for path in SIDES["sync"].glob("*.py"))


def as_sync(text: str) -> str:
    """Return a text of the async side in the words of the sync side, on one line."""
    for pattern, replacement in REPLACEMENTS:
        text = re.sub(pattern, replacement, text)
    return " ".join(text.split())


def public_members(side: str, module: str) -> dict[str, Any]:
    """Return the public classes and methods of a module by name, as on the sync side."""
    found: dict[str, Any] = {}
    loaded = importlib.import_module(f"chatgpt4online.{side}.{module}")
    for name, kind in vars(loaded).items():
        if inspect.isclass(kind) and kind.__module__ == loaded.__name__ and name[0] != "_":
            found[as_sync(name)] = kind
            for member, value in vars(kind).items():
                if not member.startswith("_") and callable(getattr(kind, member)):
                    found[f"{as_sync(name)}.{member}"] = value
                elif isinstance(value, property) and not member.startswith("_"):
                    found[f"{as_sync(name)}.{member}"] = value.fget
    return found


def signature_of(member: Any) -> list[tuple[str, Any, Any, str]]:
    """Return the parameters and, under the name of return, the annotation of the result."""
    signature = inspect.signature(member)
    parameters = [
        (item.name, item.kind, item.default, as_sync(str(item.annotation)))
        for item in signature.parameters.values()
    ]
    result = re.sub(r"AsyncGenerator\[(\w+), None\]", r"Iterator[\1]", signature.return_annotation)
    return [*parameters, ("return", None, None, as_sync(result))]


def sections_of(member: Any) -> dict[str, str]:
    """Return the sections of a docstring; what is before all of them has no name."""
    title, sections = "", {"": ""}
    for line in (inspect.getdoc(member) or "").splitlines():
        if line in ("Args:", "Attributes:", "Raises:", "Returns:"):
            title = line
            sections[title] = ""
        else:
            sections[title] += line + "\n"
    return sections


def entries_of(section: str) -> list[str]:
    return re.findall(r"^ {4}(\w+):", section, re.MULTILINE)


def test_both_sides_have_the_same_modules() -> None:
    modules = {path.stem for path in SIDES["aio"].glob("*.py")}
    assert sorted(modules - ONLY_ASYNC_MODULES) == MIRRORED


@pytest.mark.parametrize("module", MIRRORED)
def test_both_sides_have_the_same_classes_and_methods(module: str) -> None:
    sync, aio = public_members("sync", module), public_members("aio", module)
    assert [name for name in aio if name not in ONLY_ASYNC] == list(sync)
    for name, member in sync.items():
        if not inspect.isclass(member) or name in ("Client", "Conversation"):
            assert signature_of(member) == signature_of(aio[name]), name


@pytest.mark.parametrize("module", MIRRORED)
def test_both_sides_are_documented_alike(module: str) -> None:
    aio = public_members("aio", module)
    for name, member in public_members("sync", module).items():
        ours, theirs = sections_of(member), sections_of(aio[name])
        assert list(ours) == list(theirs), name
        for title, text in ours.items():
            if name in DIFFERENT_PROSE:
                assert entries_of(text) == entries_of(theirs[title]), name
            else:
                assert as_sync(text) == as_sync(theirs[title]), name


@pytest.mark.parametrize("module", MIRRORED)
def test_both_sides_import_the_same_of_ours(module: str) -> None:
    sync, aio = (
        {name for name in imports_of(folder / f"{module}.py") if name.startswith("chatgpt4online")}
        for folder in SIDES.values()
    )
    both = {name.replace(".sync", ".aio") for name in sync} - ONLY_SYNC_IMPORTS.get(module, set())
    assert both == aio - ONLY_ASYNC_IMPORTS.get(module, set())


def test_both_one_off_functions_have_the_same_parameters() -> None:
    for name in ("generate", "stream"):
        ours = inspect.signature(getattr(chatgpt4online, name)).parameters
        assert ours == inspect.signature(getattr(chatgpt4online, f"a{name}")).parameters


def test_every_public_name_has_a_docstring() -> None:
    for name in chatgpt4online.__all__:
        value = getattr(chatgpt4online, name)
        if name in ALIASES:
            continue
        assert (value.__doc__ or "").strip(), name
        for member, inner in vars(value).items() if inspect.isclass(value) else ():
            if not member.startswith("_") and (
                inspect.isfunction(inner) or isinstance(inner, property)
            ):
                assert inspect.getdoc(inner), f"{name}.{member}"


def test_help_shows_the_public_names() -> None:
    text = pydoc.plain(pydoc.render_doc(chatgpt4online))
    _, *rest = re.split(r"^([A-Z][A-Z ]*)\n", text, flags=re.MULTILINE)
    sections = dict(zip(rest[::2], rest[1::2], strict=True))
    shown = sections["CLASSES"] + sections["FUNCTIONS"] + sections["DATA"]
    for name in chatgpt4online.__all__:
        assert re.search(rf"^    (class |async )?{name}\b", shown, re.MULTILINE), name
    data = re.findall(r"^    (\w+) = ", sections["DATA"], re.MULTILINE)
    assert set(data) <= {*ALIASES, "__all__"}
    functions = re.findall(r"^    (?:async )?(\w+)\(", sections["FUNCTIONS"], re.MULTILINE)
    assert {name for name in functions if not name.startswith("__")} == {
        "agenerate", "astream", "batch", "fold_prompt", "generate", "stream",
    }  # fmt: skip
    assert "_MODULES" not in text
    assert "import_module" not in text


def test_a_module_of_the_package_does_not_hide_a_public_name() -> None:
    code = """
import chatgpt4online.sync.stream, chatgpt4online.aio.client, chatgpt4online.server
from chatgpt4online import Client, conversation, stream
print(callable(stream), callable(Client), type(conversation).__name__)
"""
    assert run_python(code).split() == ["True", "True", "module"]
