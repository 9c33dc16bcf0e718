"""Making text from a site safe to print to a terminal."""

from __future__ import annotations

_KEPT = "\n\t"
_HARMLESS: dict[int, str | None] = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in _KEPT},
    0x0D: None,
    0x7F: "\u2421",
    **dict.fromkeys(range(0x80, 0xA0), "\ufffd"),
    # These change the direction of the text, so that it reads as something else.
    **dict.fromkeys([0x61C, 0x200E, 0x200F], "\ufffd"),
    **dict.fromkeys([*range(0x2028, 0x202F), *range(0x2066, 0x206A)], "\ufffd"),
    # These are invisible, and can carry hidden text.
    **dict.fromkeys(range(0xE0000, 0xE0080), "\ufffd"),
}


def harmless(text: str) -> str:
    """Return text with its control characters made visible, so that they have no effect.

    Line feeds and tabs stay. Carriage returns, which could overwrite a line, are removed. Each
    character is handled on its own, so a sequence that is split over two pieces is safe too.
    """
    return text.translate(_HARMLESS)
