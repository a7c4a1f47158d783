"""Three versions of a text become one: what a later hand changed stays, what is taken back goes."""

from __future__ import annotations

from difflib import SequenceMatcher


def merged(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """`ours` with the change from `base` to `theirs` made as well; None where both changed the same lines."""
    if ours == base:
        return theirs
    old, mine, other = (content.splitlines(keepends=True) for content in (base, ours, theirs))
    result: list[bytes] = []
    at = 0  # of the base
    left, right = _changes(old, mine), _changes(old, other)
    while left or right:
        if left and right and _meet(left[0][0], left[0][1], right[0][0], right[0][1]):
            if left[0] != right[0]:
                return None
            right.pop(0)  # both did the same
            continue
        side = left if not right or (left and left[0][:2] < right[0][:2]) else right
        start, stop, lines = side.pop(0)
        result += old[at:start] + lines
        at = stop
    return b"".join(result + old[at:])


def _meet(start: int, stop: int, start2: int, stop2: int) -> bool:
    return (start < stop2 and start2 < stop) or (start == start2 and (start == stop or start2 == stop2))


def _changes(old: list[bytes], new: list[bytes]) -> list[tuple[int, int, list[bytes]]]:
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    return [(i1, i2, new[j1:j2]) for tag, i1, i2, j1, j2 in matcher.get_opcodes() if tag != "equal"]
