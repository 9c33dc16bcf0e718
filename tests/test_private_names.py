"""The package uses the documented API of other libraries only, and stays flat and small."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import aiohttp
import pytest
import requests
import urllib3

import chatgpt4online

PACKAGE = Path(chatgpt4online.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
EVERY_MODULE = pytest.mark.parametrize(
    "path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE))
)
LONGEST_MODULE = 350
NOT_IMPORTED = ("__main__", "g4f_provider", "llm_plugin")
"""The last two need other programs, which may not be installed."""
BY_NAME = ("getattr", "setattr", "delattr", "hasattr")

# `_replace` is documented; named tuples have it under this name so that a field can be `replace`.
ALLOWED = {("protocol/address.py", "_replace")}

# Public by name, but meant for the library itself. aiohttp hides the bytes that arrived before the
# connection broke behind its exception, and there is no other way to get at them.
INTERNAL_BY_USE = {("aio/transport.py", "set_exception")}


def is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def names_defined_in(tree: ast.AST) -> Iterator[str]:
    """Yield the names that a module defines: functions, classes, variables and attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Name(ctx=ast.Store()):
                yield node.id
            case ast.Attribute(value=ast.Name(id="self" | "cls"), ctx=ast.Store()):
                yield node.attr


def private_names_used_in(tree: ast.AST, *, own_objects: bool = True) -> Iterator[str]:
    """Yield the private names that a module looks up in objects and modules.

    Args:
        own_objects: Whether to look at `self` and `cls` too.
    """
    for node in ast.walk(tree):
        names: list[str] = []
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls")) if not own_objects:
                pass
            case ast.Attribute():
                names = [node.attr]
            case ast.Import():
                names = [part for alias in node.names for part in alias.name.split(".")]
            case ast.ImportFrom():
                names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            case ast.Call(func=ast.Name(id=function), args=[_, ast.Constant(value=str(name)), *_]):
                names = [name] if function in BY_NAME else []
        yield from filter(is_private, names)


def names_defined_by(*packages: ModuleType) -> set[str]:
    folders = [Path(package.__path__[0]) for package in packages]
    paths = [path for folder in folders for path in folder.rglob("*.py")]
    return {name for path in paths for name in names_defined_in(parse(path))}


OUR_NAMES = names_defined_by(chatgpt4online)
THEIR_NAMES = names_defined_by(requests, urllib3, aiohttp)


@EVERY_MODULE
def test_no_private_name_of_another_library_is_used(path: Path) -> None:
    module, tree = str(path.relative_to(PACKAGE)), parse(path)
    foreign = {name for name in private_names_used_in(tree) if name not in OUR_NAMES}
    # A name of ours can be one of theirs as well.
    foreign |= {*private_names_used_in(tree, own_objects=False)} & THEIR_NAMES
    assert {(module, name) for name in foreign} <= ALLOWED


def test_the_search_finds_private_names() -> None:
    code = """
import requests._internal
from urllib3 import _collections
from ._ours import thing
response.raw._fp
getattr(response, "_content", None)
self._mine = response.__class__
"""
    assert sorted(private_names_used_in(ast.parse(code))) == [
        "_collections", "_content", "_fp", "_internal", "_mine", "_ours",
    ]  # fmt: skip
    assert "_mine" not in private_names_used_in(ast.parse(code), own_objects=False)
    assert list(names_defined_in(ast.parse(code))) == ["_mine"]


def test_what_is_public_by_name_only() -> None:
    names = {name for _, name in INTERNAL_BY_USE}
    found = [
        (str(path.relative_to(PACKAGE)), node.attr)
        for path in MODULES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Attribute) and node.attr in names
    ]
    assert len(found) == len(INTERNAL_BY_USE)
    assert set(found) == INTERNAL_BY_USE


def own_bases(kind: type) -> list[type]:
    return [base for base in kind.__mro__[1:] if base.__module__.startswith("chatgpt4online")]


@EVERY_MODULE
def test_classes_have_at_most_one_base_of_our_own(path: Path) -> None:
    """Exceptions aside, which are a tree."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    if parts[-1] in NOT_IMPORTED:
        return
    module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
    for name, kind in vars(module).items():
        if inspect.isclass(kind) and not issubclass(kind, BaseException):
            assert len(own_bases(kind)) <= 1, f"{name} has the bases {own_bases(kind)}"


@EVERY_MODULE
def test_modules_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_MODULE
