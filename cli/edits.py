"""A file with some edits made."""

from __future__ import annotations

from collections.abc import Iterable

from ..codemods.kit.finding import Edit
from ..codemods.kit.text import read


def edited(raw: bytes, edits: Iterable[Edit]) -> bytes:
    """The bytes of a file after edits that do not overlap; their text is written in the file's own encoding."""
    encoding = read(raw).encoding
    parts: list[bytes] = []
    at = 0
    for edit in sorted(set(edits)):
        parts += [raw[at : edit.start], edit.text.encode(encoding)]
        at = edit.stop
    return b"".join([*parts, raw[at:]])
