"""Findings, one line each: where, codemod, what; fixable, or refused and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ..outcome import Outcome, Row
from .clean import clean_line


def lines(outcome: Outcome) -> Iterator[str]:
    """One line per finding and per file that could not be read, in order of place."""
    for row in outcome.rows:
        yield clean_line(f"{row.path}:{row.line}:{row.column}: {row.codemod}: {row.message} {_status(row)}")
    for verdict in outcome.unreadable:
        yield clean_line(f"{verdict.path}: unreadable: {verdict.message} [{verdict.reason}]")


def _status(row: Row) -> str:
    if row.status == "fixable":
        return "[fixable]" if row.safety == "safe" else "[fixable with --unsafe-fixes]"
    return f"[{row.status}: {row.reason}]" if row.reason and row.reason != row.status else f"[{row.status}]"


def statistics(outcome: Outcome) -> Iterator[str]:
    """How many findings each codemod has, by what became of them."""
    by_codemod = Counter(
        (row.codemod, row.status, row.reason if row.status in ("refused", "failed") else None) for row in outcome.rows
    )
    width = max((len(str(count)) for count in by_codemod.values()), default=0)
    for (codemod, status, reason), count in sorted(
        by_codemod.items(), key=lambda item: (-item[1], item[0][0], item[0][1], item[0][2] or "")
    ):
        yield f"{count:>{width}}  {codemod}  {status}" + (f": {reason}" if reason else "")


def summary(outcome: Outcome) -> str:
    """One sentence with the numbers, which add up."""
    counts = outcome.counts
    files = len({row.path for row in outcome.rows})
    unread = f"; {counted(len(outcome.unreadable), 'file')} not read" if outcome.unreadable else ""
    if not counts["found"]:
        return f"nothing found in {counted(outcome.read, 'Python file')}{unread}"
    parts = [
        f"{counts['fixable']} can be fixed" if counts["fixable"] else "",
        *(f"{counts[status]} {status}" for status in ("fixed", "refused", "suppressed", "failed") if counts[status]),
    ]
    return (
        f"{counted(counts['found'], 'finding')} in {counted(files, 'file')}: "
        + ", ".join(part for part in parts if part)
        + unread
    )


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
