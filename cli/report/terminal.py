"""The findings as people read them: grouped by codemod, each with its why and its hunks, and the next thing to type."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO
from itertools import groupby
from textwrap import TextWrapper

from rich.console import Console
from rich.text import Text

from ..edits import edited
from ..outcome import Outcome, Row
from ..plan import Plan
from ..settings import known
from ..wishes import Wishes
from .clean import clean_line
from .concise import counted, summary
from .lines import drawn_hunks

Step = tuple[str, str]  # what to type next, and what it does
WIDEST = 110  # characters of prose on a line
NAME, PLACE, CODE, QUIET = "bold cyan", "bold", "yellow", "dim"


def drawn(
    outcome: Outcome, plans: Sequence[Plan], wishes: Wishes, steps: Iterable[Step] = (), with_hunks: bool = True
) -> str:
    """The whole answer as text, with colours when they are wished for."""
    paper = StringIO()
    console = _console(paper, wishes)
    for line in _lines(outcome, plans, wishes, steps, with_hunks, console.width):
        console.print(line, soft_wrap=True)
    return paper.getvalue()


def drawn_question(
    count: str, told: Iterable[tuple[str, str, str]], changes: Iterable[tuple[str, bytes, bytes]], wishes: Wishes
) -> str:
    """One change to decide on: (codemod, place, message) of its findings, (path, before, after) of its files."""
    paper = StringIO()
    console = _console(paper, wishes)
    console.print(Text(f"\n{count}", QUIET))
    for codemod, place, message in told:
        console.print(
            Text.assemble((codemod, NAME), "  ", (clean_line(place), PLACE), "  ", clean_line(message)), soft_wrap=True
        )
    for path, before, after in (changes := list(changes)):
        if len(changes) > 1:
            console.print(Text(f"  {clean_line(path)}", PLACE), soft_wrap=True)
        for line in drawn_hunks(before, after, "  ", context=3):
            console.print(line, soft_wrap=True)
    return paper.getvalue()


def _console(paper: StringIO, wishes: Wishes) -> Console:
    depth = (
        "truecolor"
        if os.environ.get("COLORTERM") in ("truecolor", "24bit")
        else "256"
        if "256" in os.environ.get("TERM", "")
        else "standard"
    )
    return Console(
        file=paper,
        force_terminal=wishes.has_color,
        color_system=depth if wishes.has_color else None,  # type: ignore[arg-type]
        no_color=not wishes.has_color,
        width=shutil.get_terminal_size((110, 24)).columns,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )


def _lines(
    outcome: Outcome, plans: Sequence[Plan], wishes: Wishes, steps: Iterable[Step], with_hunks: bool, width: int
) -> Iterator[Text]:
    if plans and not wishes.quiet:
        yield from _header(outcome, plans, width)
        yield Text()
    contents = {patch.path: patch.before for patch in outcome.patches if with_hunks}
    rows = [row for row in outcome.rows if row.status in ("fixable", "fixed")]
    for codemod in known():
        if mine := [row for row in rows if row.codemod == codemod]:
            yield from _section(codemod, mine, contents, width)
            yield Text()
    yield from _refused([row for row in outcome.rows if row.status == "refused"], width)
    yield from _listed(
        "failed",
        "the result did not pass its own checks; nothing was changed there",
        [row for row in outcome.rows if row.status == "failed"],
    )
    if wishes.verbose:
        yield from _listed(
            "suppressed", "silenced by a comment", [row for row in outcome.rows if row.status == "suppressed"]
        )
    yield from _unread(outcome)
    if not wishes.quiet:
        yield _sum(outcome)
        yield from _next(steps)


def _header(outcome: Outcome, plans: Sequence[Plan], width: int) -> Iterator[Text]:
    """How many files, and which LLM libraries they use, in the versions that the project declares."""
    line = Text(counted(outcome.read, "Python file"), PLACE)
    users = sum(plan.users for plan in plans)
    if users:
        line.append(f", {users:,} {'uses' if users == 1 else 'use'} LLM libraries:", "default")
    for part in _libraries(plans) if users else ():
        if len(line) + len(part) > width:
            yield line
            line = Text(" ")
        line.append_text(part)
    yield line


def _libraries(plans: Sequence[Plan]) -> Iterator[Text]:
    uses: Counter[str] = Counter()
    declared: dict[str, tuple[str, str]] = {}
    for plan in plans:
        uses.update(plan.uses)
        for name, entry in plan.project.declared_anywhere().items():
            declared.setdefault(name, (entry.version, entry.file))
    most = sorted(uses, key=lambda name: (-uses[name], name))[:6]
    for name in most:
        version, file = declared.get(name, ("", ""))
        told = (f" {version}" if version else "") + (f" ({file})" if file else "")
        comma = "," if name != most[-1] else ""
        yield Text.assemble(" ", (clean_line(name), NAME), (clean_line(told), QUIET), comma)
    if len(uses) > len(most):
        yield Text(f" and {len(uses) - len(most)} more", QUIET)


def _section(codemod: str, rows: Sequence[Row], contents: Mapping[str, bytes], width: int) -> Iterator[Text]:
    yield from _title(codemod, _first_sentence(known()[codemod].page.why), width)
    wide = max(len(_place(row)) for row in rows)
    for path, of_file in groupby(rows, key=lambda row: row.path):
        mine = list(of_file)
        told: dict[str, list[Row]] = {}
        for row in mine:
            told.setdefault(row.message + _condition(row), []).append(row)
        for message, alike in told.items():
            place = _place(alike[0]) + "".join(f", {row.line}" for row in alike[1:])
            yield from _at(f"{place:<{min(wide, 44)}}", clean_line(message), width)
        edits = [edit for row in mine if row.applied for edit in row.edits]
        last = path == rows[-1].path
        for other in dict.fromkeys([path, *(edit.path for edit in edits)]):
            here = [edit for edit in edits if edit.path == other]
            if here and other in contents:
                if other != path:
                    yield Text.assemble("    ", (clean_line(other), PLACE), ("  changes with it", QUIET))
                yield from drawn_hunks(contents[other], edited(contents[other], here), "    ")
        if edits and contents and not last:
            yield Text()


def _place(row: Row) -> str:
    return f"{row.path}:{row.line}"


def _condition(row: Row) -> str:
    if row.status == "fixable" and row.safety == "unsafe" and not row.applied:
        return "  (with --unsafe-fixes)"
    if row.group and not row.edits and row.applied:
        return (
            f"  (together with {row.group.partition(':')[2].rpartition(':')[0]})"
            if row.group.count(":") >= 3
            else "  (together with the change above)"
        )
    return ""


def _title(name: str, why: str, width: int, style: str = NAME) -> Iterator[Text]:
    lead = max(20, len(name) + 2)
    first, *rest = _wrapped(clean_line(why), min(width, WIDEST) - lead) or [""]
    yield Text.assemble((f"{name:<{lead}}", style), first)
    yield from (Text(" " * lead + line) for line in rest)


def _at(place: str, message: str, width: int) -> Iterator[Text]:
    """A place and what is said of it, side by side where there is room."""
    if len(place) + len(message) + 4 <= width:
        yield Text.assemble("  ", (clean_line(place), PLACE), "  ", message)
    else:
        yield Text.assemble("  ", (clean_line(place), PLACE))
        yield from (Text(f"    {line}") for line in _wrapped(message, min(width, WIDEST) - 4))


def _first_sentence(text: str) -> str:
    return text.partition(". ")[0].rstrip(".")


def _refused(rows: Sequence[Row], width: int) -> Iterator[Text]:
    if not rows:
        return
    yield from _title("refused", "recognised, and left as it is: a rewrite could not be proven right", width, CODE)
    ordered = sorted(rows, key=lambda row: (row.codemod, row.reason or "", row.help, row.path, row.line))
    for (codemod, reason, help), found in groupby(ordered, key=lambda row: (row.codemod, row.reason, row.help)):
        alike = list(found)
        messages = {row.message for row in alike}
        shared = alike[0].message if len(messages) == 1 else ""
        yield Text.assemble("  ", (codemod, NAME), " ", (clean_line(reason or ""), CODE))
        yield from (Text(f"    {line}") for line in _wrapped(clean_line(shared), min(width, WIDEST) - 4))
        for path, of_file in groupby(alike, key=lambda row: row.path):
            if shared:
                yield Text(clean_line(f"    {path}:" + ", ".join(str(row.line) for row in of_file)), PLACE)
            else:
                for row in of_file:
                    yield from _at(f"  {_place(row)}", clean_line(row.message), width)
        for number, line in enumerate(_wrapped(clean_line(help), min(width, WIDEST) - 13)):
            yield Text.assemble(("    by hand: " if not number else " " * 13, QUIET), line)
    yield Text()


def _listed(title: str, why: str, rows: Sequence[Row]) -> Iterator[Text]:
    if rows:
        yield from _title(title, why, WIDEST, "red" if title == "failed" else QUIET)
        wide = min(44, max(len(_place(row)) for row in rows))
        for row in rows:
            reason = row.reason if row.reason != title else None
            detail = ": ".join(part for part in (reason, row.help) if part)
            yield Text.assemble(
                "  ",
                (clean_line(f"{_place(row):<{wide}}"), PLACE),
                "  ",
                (row.codemod, NAME),
                "  ",
                clean_line(row.message),
                "  ",
                (clean_line(detail), CODE),
            )
        yield Text()


def _unread(outcome: Outcome) -> Iterator[Text]:
    if outcome.unreadable:
        yield from _title("not read", "whatever these files hold was not looked at", WIDEST, "red")
        wide = min(72, max(len(verdict.path) for verdict in outcome.unreadable))
        for verdict in outcome.unreadable:
            yield Text.assemble(
                "  ",
                (clean_line(f"{verdict.path:<{wide}}"), PLACE),
                "  ",
                clean_line(verdict.message),
                "  ",
                (verdict.reason, CODE),
            )
        yield Text()
    for path, line in outcome.unused:
        yield Text.assemble((clean_line(f"{path}:{line}"), PLACE), "  this `# loadproof: ignore` silences nothing")


def _sum(outcome: Outcome) -> Text:
    return Text(summary(outcome), "bold green" if outcome.exit_code == 0 else "bold")


def _next(steps: Iterable[Step]) -> Iterator[Text]:
    steps = list(steps)
    wide = max((len(command) for command, _ in steps), default=0)
    for number, (command, what) in enumerate(steps):
        yield Text.assemble(
            ("next: " if number == 0 else "      ", QUIET),
            (clean_line(f"{command:<{wide}}"), NAME),
            ("   " + what, QUIET),
        )


def _wrapped(text: str, width: int) -> list[str]:
    return TextWrapper(max(40, width), break_long_words=False, break_on_hyphens=False).wrap(text)
