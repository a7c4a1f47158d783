"""Strangers' text, made harmless before a terminal or a log shows it."""

from __future__ import annotations

import re

# Controls (but not tab and line feed), the C1 range, and the characters that reorder or hide text.
_ODD = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def clean(text: str) -> str:
    """`text` with every character that a terminal would obey, or that would hide something, spelled out."""
    return _ODD.sub(_spelled, text)


def clean_line(text: str) -> str:
    """The same for what must stay on one line."""
    return clean(text).replace("\n", "\\n").replace("\t", "\\t")


def _spelled(match: re.Match[str]) -> str:
    code = ord(match.group())
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"  # an undecodable byte of a file name
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
