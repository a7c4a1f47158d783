"""Many repositories at a glance: a bar while they are worked on, then what became of each."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import Protocol

from ..batch import ENDINGS, RepositoryOutcome
from .clean import clean_line
from .concise import counted

_STYLES = {"branch": "green", "already": "green", "nothing": "dim", "refused": "yellow", "failed": "bold red"}


class Watch(Protocol):
    """Hears of every repository that is done."""

    def __call__(self, done: RepositoryOutcome) -> None: ...


@contextmanager
def progress(total: int, quiet: bool = False) -> Iterator[Watch]:
    """A bar on standard error where somebody can see it; a line for each failure everywhere."""
    if quiet or not sys.stderr.isatty():
        yield _say_failure
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[last]}", markup=False),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as bar:  # no thread: there are forks
        task = bar.add_task("", total=total, last="")
        bar.refresh()

        def hear(done: RepositoryOutcome) -> None:
            bar.update(task, advance=1, last=clean_line(done.name)[-40:], refresh=True)

        yield hear


def _say_failure(done: RepositoryOutcome) -> None:
    if done.ending in ("refused", "failed"):
        print(f"loadproof: {clean_line(done.name)}: {clean_line(done.message)}", file=sys.stderr)


def lines(every: Sequence[RepositoryOutcome]) -> Iterator[str]:
    """One line for each repository, then the sum."""
    for one in every:
        yield clean_line(f"{one.name}: {_told(one)}")
    yield total(every)


def _told(one: RepositoryOutcome) -> str:
    if one.ending in ("refused", "failed"):
        return f"{one.ending}: {one.message}" + (f" ({one.advice})" if one.advice else "")
    where = f"branch {one.branch.name} at {one.branch.commit[:10]}" if one.branch else ENDINGS[one.ending]
    if one.ending == "already":
        return f"{where}, made before"
    return f"{where}: {_counts(one)}"


def _counts(one: RepositoryOutcome) -> str:
    told = [
        f"{one.counts[status]} {status}"
        for status in ("fixed", "fixable", "refused", "suppressed", "failed")
        if one.counts.get(status)
    ]
    unread = [f"{counted(len(one.unreadable), 'file')} not read"] if one.unreadable else []
    grave = [f"{skipped.what}: {skipped.reason}" for skipped in one.skipped if skipped.grave]
    return ", ".join(told + unread + grave) or "nothing found"


def total(every: Sequence[RepositoryOutcome]) -> str:
    """One sentence with the numbers, which add up."""
    endings = [
        f"{count} {ENDINGS[ending]}" for ending in ENDINGS if (count := sum(one.ending == ending for one in every))
    ]
    fixed = sum(one.counts.get("fixed", 0) for one in every)
    files = sum(one.changed for one in every)
    noun = "repository" if len(every) == 1 else "repositories"
    return f"{len(every):,} {noun}: {', '.join(endings)}; {fixed:,} fixed in {counted(files, 'file')}"


def drawn(every: Sequence[RepositoryOutcome], has_color: bool) -> str:
    """The table for a terminal, failures explained below it."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold" if has_color else "")
    for name in ("repository", "outcome", "branch"):
        table.add_column(name, overflow="fold")
    for name in ("fixed", "left", "files", "seconds"):
        table.add_column(name, justify="right")
    for one in every:
        left = sum(one.counts.get(status, 0) for status in ("fixable", "refused", "failed"))
        branch = f"{one.branch.name} {one.branch.commit[:10]}" if one.branch else ""
        numbers = (one.counts.get("fixed", 0), left, one.changed)
        cells = (one.name, one.ending, branch, *(str(number or "") for number in numbers), f"{one.seconds:.1f}")
        table.add_row(
            *(
                Text(clean_line(cell), style=_STYLES[one.ending] if place == 1 else "")
                for place, cell in enumerate(cells)
            )
        )
    paper = StringIO()
    width = shutil.get_terminal_size((110, 24)).columns
    console = Console(
        file=paper,
        force_terminal=has_color,
        no_color=not has_color,
        width=width,
        markup=False,
        highlight=False,
        emoji=False,
    )
    console.print(table)
    for one in every:
        if one.message:
            console.print(Text(clean_line(f"{one.name}: {one.message}"), style=_STYLES[one.ending]), soft_wrap=True)
            if one.advice:
                console.print(Text(clean_line(f"  {one.advice}")), soft_wrap=True)
        for skipped in one.skipped:
            if skipped.grave:
                console.print(Text(clean_line(f"{one.name}: {skipped.what}: {skipped.message}")), soft_wrap=True)
    console.print(Text(total(every)), soft_wrap=True)
    return paper.getvalue()
