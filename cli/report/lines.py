"""Hunks as a terminal shows them: the file's line numbers, red and green, and within a line the part that changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from .clean import clean
from .hunks import Line, hunks

WIDEST = 400  # characters of a line that are shown
STYLES = {" ": "dim", "-": "red", "+": "green"}
CHANGED = {"-": "bold red on #3b1414", "+": "bold green on #12331b"}


def drawn_hunks(before: bytes, after: bytes, indent: str, context: int = 2) -> Iterator[Text]:
    """Every hunk, one line of Text each."""
    found = hunks(before, after, context)
    gutter = len(str(max((line.before for hunk in found for line in hunk.lines), default=1)))
    for number, hunk in enumerate(found):
        if number:
            yield Text(f"{indent}{'.' * gutter}", "dim")
        marks = _marks(hunk.lines)
        for line, mark in zip(hunk.lines, marks, strict=True):
            text = Text(
                f"{indent}{line.before or '':>{gutter}} {line.sign} ", "dim" if line.sign == " " else STYLES[line.sign]
            )
            text.append_text(_shown(line, mark))
            text.rstrip()
            yield text


def _shown(line: Line, mark: tuple[int, int] | None) -> Text:
    content = _decoded(line)
    if mark is None:
        return Text(clean(content), STYLES[line.sign])
    start, stop = mark
    text = Text(clean(content[:start]), STYLES[line.sign])
    text.append(clean(content[start:stop]), CHANGED[line.sign])
    return text.append(clean(content[stop:]), STYLES[line.sign])


def _decoded(line: Line) -> str:
    content = line.content.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "backslashreplace").expandtabs(4)
    return content if len(content) <= WIDEST else content[:WIDEST] + " ..."


def _marks(lines: Sequence[Line]) -> list[tuple[int, int] | None]:
    """For each line the part of it that changed, where a line became a line and most of it stayed."""
    marks: list[tuple[int, int] | None] = [None] * len(lines)
    at = 0
    while at < len(lines):
        gone = at
        while at < len(lines) and lines[at].sign == "-":
            at += 1
        come = at
        while at < len(lines) and lines[at].sign == "+":
            at += 1
        if come - gone == at - come:
            for offset in range(come - gone):
                old, new = _decoded(lines[gone + offset]), _decoded(lines[come + offset])
                head, tail = _shared(old, new)
                if head + tail - (len(old) - len(old.lstrip())) > min(len(old), len(new)) / 3:
                    marks[gone + offset] = (head, len(old) - tail)
                    marks[come + offset] = (head, len(new) - tail)
        at = max(at, gone + 1)
    return marks


def _shared(old: str, new: str) -> tuple[int, int]:
    """How many characters two lines share at the start and at the end."""
    most = min(len(old), len(new))
    head = 0
    while head < most and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < most - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    return head, tail
