"""The plain patch: bytes that `git apply` takes."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..outcome import Outcome
from .hunks import hunks

_ESCAPES = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}


def patch(outcome: Outcome) -> Iterator[bytes]:
    """Every changed file. The names are seen from the working directory, so that `git apply` works right there."""
    for each in outcome.patches:
        name = outcome.patch_names.get(each.path, each.path)
        yield from file_patch(name, each.before, each.after)


def file_patch(name: str, before: bytes, after: bytes) -> Iterator[bytes]:
    """One file's hunks. Without a `diff --git` line: with one, git counts names from the repository's top."""
    yield f"--- {quoted('a/' + name)}\n+++ {quoted('b/' + name)}\n".encode()
    for hunk in hunks(before, after):
        yield f"@@ -{_range(*hunk.before)} +{_range(*hunk.after)} @@\n".encode()
        for line in hunk.lines:
            yield line.sign.encode() + line.content
            if not line.content.endswith(b"\n"):
                yield b"\n\\ No newline at end of file\n"


def quoted(name: str) -> str:
    """A file's name as git writes it: odd bytes as octal in quotes; a tab closes a name with a space."""
    raw = os.fsencode(name)
    if all(32 <= byte < 127 and byte not in (34, 92) for byte in raw):
        return name + "\t" * (" " in name)
    return (
        '"' + "".join(_ESCAPES.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}") for byte in raw) + '"'
    )


def _range(start: int, count: int) -> str:
    return f"{start}" if count == 1 else f"{start},{count}"
