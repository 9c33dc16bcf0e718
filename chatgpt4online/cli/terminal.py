"""Making text from a site safe to print to a terminal."""

from __future__ import annotations

_KEPT = "\n\t"
_HARMLESS: dict[int, str | None] = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in _KEPT},
    0x0D: None,
    0x7F: "\u2421",
    **dict.fromkeys(range(0x80, 0xA0), "\ufffd"),
    # Embeddings, overrides and isolates can make the text read as something else. The marks that
    # Arabic and Hebrew need (U+061C, U+200E and U+200F) cannot.
    **dict.fromkeys([*range(0x2028, 0x202F), *range(0x2066, 0x206A)], "\ufffd"),
    # Language tags. The rest of the block, from U+E0020 on, is part of emoji flags.
    **dict.fromkeys(range(0xE0000, 0xE0020), "\ufffd"),
}


def shortened(text: str, length: int) -> str:
    """Return a text of at most so many characters, with an ellipsis in place of the rest."""
    return text if len(text) <= length else text[: length - 1] + "…"


def harmless(text: str) -> str:
    """Return text with its control characters made visible, so that they have no effect.

    Line feeds and tabs stay. Carriage returns, which could overwrite a line, are removed. Each
    character is handled on its own, so a sequence that is split over two pieces is safe too.
    """
    return text.translate(_HARMLESS)
