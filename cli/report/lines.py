"""Hunks as a terminal shows them: the file's line numbers, red and green, and within a line the part that changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from rich.text import Text

from .clean import clean
from .hunks import Line, hunks

WIDEST = 400  # characters of a line that are shown
STYLES = {" ": "dim", "-": "red", "+": "green"}
_WORDS = re.compile(r"\w+|\s+|.", re.DOTALL)
CHANGED = {"-": "bold red on #3b1414", "+": "bold green on #12331b"}


def drawn_hunks(before: bytes, after: bytes, indent: str, context: int = 2) -> Iterator[Text]:
    """Every hunk, one line of Text each; blank lines at its edges say nothing and are left out."""
    found = hunks(before, after, context)
    gutter = len(str(max((line.before for hunk in found for line in hunk.lines), default=1)))
    for number, hunk in enumerate(found):
        if number:
            yield Text(f"{indent}{'.' * gutter}", "dim")
        lines = _without_blank_edges(hunk.lines)
        for line, marks in zip(lines, _marks(lines), strict=True):
            style = STYLES[line.sign]
            text = Text(f"{indent}{line.before or '':>{gutter}} {line.sign} ", style)
            at, content = 0, _decoded(line)
            for start, stop in marks:
                text.append(clean(content[at:start]), style)
                text.append(clean(content[start:stop]), CHANGED[line.sign])
                at = stop
            text.append(clean(content[at:]), style)
            text.rstrip()
            yield text


def _without_blank_edges(lines: Sequence[Line]) -> Sequence[Line]:
    first, last = 0, len(lines)
    while first < last and lines[first].sign == " " and not lines[first].content.strip():
        first += 1
    while last > first and lines[last - 1].sign == " " and not lines[last - 1].content.strip():
        last -= 1
    return lines[first:last]


def _decoded(line: Line) -> str:
    content = line.content.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "backslashreplace").expandtabs(4)
    return content if len(content) <= WIDEST else content[:WIDEST] + " ..."


Spans = list[tuple[int, int]]


def _marks(lines: Sequence[Line]) -> list[Spans]:
    """For each line the words that changed, where a line became a line and most of it stayed."""
    marks: list[Spans] = [[] for _ in lines]
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
                old, new = _changed_words(_decoded(lines[gone + offset]), _decoded(lines[come + offset]))
                marks[gone + offset], marks[come + offset] = old, new
        at = max(at, gone + 1)
    return marks


def _changed_words(old: str, new: str) -> tuple[Spans, Spans]:
    one, two = _WORDS.findall(old), _WORDS.findall(new)
    matcher = SequenceMatcher(None, one, two, autojunk=False)
    if matcher.ratio() < 0.5:
        return [], []
    gone: Spans = []
    come: Spans = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            gone.append((len("".join(one[:i1])), len("".join(one[:i2]))))
            come.append((len("".join(two[:j1])), len("".join(two[:j2]))))
    return [span for span in gone if span[0] < span[1]], [span for span in come if span[0] < span[1]]
