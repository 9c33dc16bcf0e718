"""The documentation site: ``pip install ".[docs]" && sphinx-build -W docs build/html``."""

from __future__ import annotations

import inspect
import os
import re
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from docutils import nodes
from pygments.lexers.python import PythonLexer
from sphinx.application import Sphinx
from sphinx.util import logging

import chatgpt4online

project = "chatgpt4online"
author = "The chatgpt4online authors"
release = version = chatgpt4online.__version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]

html_theme = "furo"
html_title = project
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
smartquotes_action = "D"  # dashes; quotes stay as they are
toc_object_entries_show_parents = "hide"

highlight_language = "text"
default_role = "py:obj"  # the docstrings write names between single backticks
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_inherit_docstrings = False
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
# Public aliases keep their names, instead of showing what they stand for.
autodoc_type_aliases = {
    "Bot": "~chatgpt4online.server.Bot",
    "FileInput": "~chatgpt4online.FileInput",
    "PromptInput": "~chatgpt4online.PromptInput",
    "Row": "Row",  # not public: see `spell_out`
}
maximum_signature_line_length = 88
napoleon_numpy_docstring = False
napoleon_use_ivar = True
copybutton_prompt_text = "$ "

# Links to the documentation of others need the network, so that a build without it is the default.
intersphinx_mapping = {}
if os.environ.get("DOCS_INTERSPHINX"):
    intersphinx_mapping = {
        "aiohttp": ("https://docs.aiohttp.org/en/stable/", None),
        "python": ("https://docs.python.org/3/", None),
        "requests": ("https://requests.readthedocs.io/en/latest/", None),
    }

# Each name of this package leads to its description. `Mock` stands for two optional libraries.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!chatgpt4online).*|.*\.mocks\.Mock")]

PAGES = {"readme": "examples"}
"""Documents of the repository whose page has another name: that of the folder examples."""
REPOSITORY_ONLY = {"results"}
"""Documents of the repository that the site does not have: a link to one becomes plain text."""


def remove_contents(app: Sphinx, doctree: nodes.document) -> None:
    """Remove the lists of a page's sections: the theme shows them at its side."""
    for topic in list(doctree.findall(nodes.topic)):
        if "contents" in topic["classes"]:
            topic.parent.remove(topic)
    for title in doctree.findall(nodes.title):
        title.attributes.pop("refid", None)  # a link back to the list


def spell_out(types: str) -> str:
    """Replace the alias of a prompt of a batch, which is not public, by what it stands for."""
    return re.sub(r"\bRow\b", "PromptInput | Mapping[str, Any]", types)


def write_signature(app: Sphinx, *described: Any) -> tuple[str, str | None] | None:
    """Write types readably, and a default that a function makes, such as a dict, as ``...``."""
    *_, signature, returned = described
    if not signature:
        return None
    if "<factory>" in signature:
        signature = signature.replace("<factory>", "...").replace("~typing.", "")
    return spell_out(signature), returned


def describe_once(app: Sphinx, *described: Any) -> None:
    """Describe the arguments that both clients have with the blocking one only."""
    _, name, obj, _, lines = described
    twin = name.replace(".Async", ".", 1)
    if twin == name or "Args:" not in lines:
        return
    kind, _, member = twin.removeprefix("chatgpt4online.").partition(".")
    original = getattr(getattr(chatgpt4online, kind), member, None)
    own, shared = (inspect.getdoc(item) or "" for item in (obj, original))
    if own.partition("\n")[2] == shared.partition("\n")[2]:
        lines[1:] = ["", f"See `{twin}` for its arguments and errors.", ""]


def shorten_types(app: Sphinx, *described: Any) -> None:
    """Show the types of attributes without their modules, as those of signatures are."""
    *_, lines = described
    for number, line in enumerate(lines):
        if line.startswith(":vartype "):
            lines[number] = spell_out(re.sub(r"(?<![\w.~])(?=\w+\.\w)", "~", line))


def link_pages(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Turn links to files, as GitHub follows them, into links to pages with their titles."""
    for link in list(doctree.findall(nodes.reference)):
        url = urlsplit(link.get("refuri", ""))
        if url.scheme or not url.path.endswith(".rst"):
            continue
        stem = PurePosixPath(url.path).stem.lower()
        page = PAGES.get(stem, stem)
        if page in REPOSITORY_ONLY:
            link.replace_self(link.children)
            continue
        if page not in app.env.found_docs:
            logging.getLogger(__name__).warning("no page for %s", url.path, location=link)
            continue
        anchor = f"#{url.fragment}" if url.fragment else ""
        link["refuri"] = app.builder.get_relative_uri(docname, page) + anchor
        link["internal"] = True
        if link.astext().endswith(".rst"):
            link.children = [nodes.Text(app.env.titles[page].astext())]


def link_public_names(app: Sphinx, env: Any, node: Any, contents: nodes.Node) -> nodes.Node | None:
    """Resolve a name from the module that defines it: it is documented as the package's own."""
    name = node.get("reftarget", "").rpartition(".")[2]
    if node.get("refdomain") != "py" or name not in chatgpt4online.__all__:
        return None
    domain = env.get_domain("py")
    public = f"chatgpt4online.{name}"
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", public, node, contents)


def setup(app: Sphinx) -> None:
    """Connect the functions above to Sphinx."""
    app.add_lexer("ipython", PythonLexer)  # IPython's own comes with IPython
    app.connect("autodoc-process-docstring", describe_once, priority=100)  # before napoleon
    app.connect("autodoc-process-docstring", shorten_types, priority=900)  # after napoleon
    app.connect("autodoc-process-signature", write_signature)
    app.connect("doctree-read", remove_contents)
    app.connect("doctree-resolved", link_pages)
    app.connect("missing-reference", link_public_names)
