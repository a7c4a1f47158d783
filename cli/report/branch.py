"""What an `apply` made: the branch, its commits, and what the user must know of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .clean import clean_line
from .concise import counted

if TYPE_CHECKING:
    from ..apply import Applied


_ALIKE = 3  # things of which the same is said, named one by one
_TAIL = 12  # lines of a command's output that are shown


def branch_lines(applied: Applied) -> Iterator[str]:
    """A few lines for the person."""
    if applied.branch is None:
        yield "no branch was made: " + (
            "nothing stayed to put on it" if any(one.grave for one in applied.skipped) else "there is nothing to fix"
        )
    else:
        on = applied.branch.base[:10]
        yield clean_line(
            f"branch {applied.branch.name}: {counted(len(applied.commits), 'commit')} on {on}; "
            "your files, index and HEAD are as they were"
        )
        wide = max((len(", ".join(one.codemods)) for one in applied.commits), default=0)
        for one in applied.commits:
            yield clean_line(
                f"  {one.commit[:10]}  {', '.join(one.codemods):<{wide}}  {counted(len(one.files), 'file')}"
            )
    alike: dict[tuple[bool, str, str], list[str]] = {}
    for skipped in applied.skipped:
        alike.setdefault((skipped.grave, skipped.reason, skipped.message), []).append(skipped.what)
    for (grave, reason, message), whats in alike.items():
        several = f"{whats[0]} and {len(whats) - 1} more" if len(whats) > _ALIKE else ", ".join(whats)
        yield clean_line(f"{'not done' if grave else 'note'}: {several}: {message} [{reason}]")
    if applied.verified is not None and applied.branch is not None and applied.verified.red is None:
        for command in applied.verified.commands:
            yield clean_line(f"verified: {command}")
    yield from _last_words(applied)


def _last_words(applied: Applied) -> Iterator[str]:
    """The end of what the commands said that failed."""
    if applied.verified is None:
        return
    red = [applied.verified.red] if applied.verified.red else []
    for run in (*applied.verified.red_before, *applied.verified.failures, *red):
        if run.tail:
            yield clean_line(f"{run.ending}, after {run.seconds:.0f} seconds:")
            yield from (f"  | {clean_line(line)}" for line in run.tail.split("\n")[-_TAIL:])
