"""Building HTML of which every text is escaped."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from ..terminal import harmless

Node = ET.Element | str


def tag(name: str, /, *children: Node, **attributes: str) -> ET.Element:
    """Return an element.

    Args:
        name: Its name.
        children: Elements and texts. Control characters of a text are made visible.
        attributes: Its attributes. An underscore at the end is dropped, others become hyphens.
    """
    names = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
    element = ET.Element(name, {key: harmless(value) for key, value in names.items()})
    for child in children:
        if isinstance(child, ET.Element):
            element.append(child)
        elif len(element):
            element[-1].tail = (element[-1].tail or "") + harmless(child)
        else:
            element.text = (element.text or "") + harmless(child)
    return element


def document(root: ET.Element) -> bytes:
    """Return the page with this root element."""
    text = "<!doctype html>\n" + ET.tostring(root, encoding="unicode", method="html") + "\n"
    return text.encode("utf-8", errors="replace")
