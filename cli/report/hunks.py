"""What changed between two versions of a file: hunks of lines, as a patch has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

CONTEXT = 3


@dataclass(frozen=True, slots=True)
class Line:
    """` `, `-` or `+`; the number before and after (0: not there); the bytes with their line end."""

    sign: str
    before: int
    after: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines that belong together; starts and counts as `@@` gives them."""

    before: tuple[int, int]
    after: tuple[int, int]
    lines: tuple[Line, ...]


def hunks(before: bytes, after: bytes, context: int = CONTEXT) -> list[Hunk]:
    """The hunks between two versions, with some lines around each. Lines end at LF alone, as git counts them."""
    old, new = _lines(before), _lines(after)
    found: list[Hunk] = []
    group: list[tuple[int, int, int, int]] = []
    for change in _changes(old, new):
        if group and change[0] - group[-1][1] > 2 * context:
            found.append(_hunk(old, new, group, context))
            group = []
        group.append(change)
    if group:
        found.append(_hunk(old, new, group, context))
    return found


def _lines(content: bytes) -> list[bytes]:
    parts = content.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _changes(old: list[bytes], new: list[bytes]) -> Iterator[tuple[int, int, int, int]]:
    """(first, last, first, last): lines that became lines. Equal heads and tails are cut off first."""
    head = 0
    while head < len(old) and head < len(new) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < len(old) - head and tail < len(new) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    # autojunk would look away from lines that are frequent, and a blank line is
    matcher = SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False)
    changes = [
        (head + i1, head + i2, head + j1, head + j2) for tag, i1, i2, j1, j2 in matcher.get_opcodes() if tag != "equal"
    ]
    for number, (i1, i2, j1, j2) in enumerate(changes):
        floor = changes[number - 1][1] if number else 0
        ceiling = changes[number + 1][0] if number + 1 < len(changes) else len(old)
        if i1 == i2:
            shift = _best_shift(new, j1, j2, floor - i1, ceiling - i1)
        elif j1 == j2:
            shift = _best_shift(old, i1, i2, floor - i1, ceiling - i2)
        else:
            shift = 0
        yield i1 + shift, i2 + shift, j1 + shift, j2 + shift


def _best_shift(lines: list[bytes], start: int, stop: int, lowest: int, highest: int) -> int:
    """How far to slide lines that came or went: best they begin with the outermost statement, not a bracket's end."""
    up = 0
    while up > lowest and start + up > 0 and lines[start + up - 1] == lines[stop + up - 1]:
        up -= 1
    down = 0
    while down < highest and stop + down < len(lines) and lines[start + down] == lines[stop + down]:
        down += 1
    return min(range(down, up - 1, -1), key=lambda shift: _awkward(lines[start + shift]))


def _awkward(first: bytes) -> tuple[bool, bool, int]:
    text = first.strip()
    return not text, text[:1] in (b")", b"]", b"}"), len(first) - len(first.lstrip())


def _hunk(old: list[bytes], new: list[bytes], changes: list[tuple[int, int, int, int]], context: int) -> Hunk:
    start_old = max(0, changes[0][0] - context)
    start_new = changes[0][2] - (changes[0][0] - start_old)
    stop_old = min(len(old), changes[-1][1] + context)
    lines: list[Line] = []
    at_old, at_new = start_old, start_new
    for i1, i2, j1, j2 in [*changes, (stop_old, stop_old, -1, -1)]:
        while at_old < i1:
            lines.append(Line(" ", at_old + 1, at_new + 1, old[at_old]))
            at_old, at_new = at_old + 1, at_new + 1
        if j1 < 0:
            break
        lines += [Line("-", number + 1, 0, old[number]) for number in range(i1, i2)]
        lines += [Line("+", 0, number + 1, new[number]) for number in range(j1, j2)]
        at_old, at_new = i2, j2
    count_old = sum(line.sign != "+" for line in lines)
    count_new = sum(line.sign != "-" for line in lines)
    # a side without lines is counted from the line before it
    return Hunk((start_old + (count_old > 0), count_old), (start_new + (count_new > 0), count_new), tuple(lines))
