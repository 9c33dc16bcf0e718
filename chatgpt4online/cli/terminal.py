"""Text from a site, made harmless for a terminal."""

from __future__ import annotations

_KEPT = "\n\t"
_HARMLESS: dict[int, str | None] = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in _KEPT},
    0x0D: None,
    0x7F: "\u2421",
    **dict.fromkeys(range(0x80, 0xA0), "\ufffd"),
    # These turn the order of what follows round, so that it reads as something else.
    **dict.fromkeys([0x61C, 0x200E, 0x200F], "\ufffd"),
    **dict.fromkeys([*range(0x2028, 0x202F), *range(0x2066, 0x206A)], "\ufffd"),
    # These are shown by nothing, and can carry what nobody sees.
    **dict.fromkeys(range(0xE0000, 0xE0080), "\ufffd"),
}


def harmless(text: str) -> str:
    """Return text in which control characters are shown and not obeyed.

    Line feeds and tabs stay; carriage returns, which could overwrite a line, are left out.
    Each character is treated by itself, so a sequence that is cut over two pieces is harmless
    too.
    """
    return text.translate(_HARMLESS)
