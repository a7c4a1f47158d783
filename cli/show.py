"""What a command says: the findings to standard output or a file, the rest to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from .outcome import Outcome
from .trouble import Trouble
from .wishes import Wishes

if TYPE_CHECKING:
    from .apply import Applied
    from .batch import RepositoryOutcome
    from .fixing import Fixed
    from .plan import Plan


Step = tuple[str, str]  # what to type next, and what it does


def show(
    outcome: Outcome,
    wishes: Wishes,
    plans: Sequence[Plan] = (),
    default: str = "concise",
    steps: Iterable[Step] = (),
    more: Mapping[str, object] | None = None,
) -> None:
    """The outcome in the form that was wished for. `steps` are what to type next; `more` goes into the JSON."""
    form = "statistics" if wishes.statistics else wishes.format or default
    if form == "json":
        from .report.json import document

        _put([document(outcome, more or {}).encode()], wishes)
    elif form == "patch":
        from .report.patch import patch

        _put(patch(outcome), wishes)
        _say_summary(outcome, wishes, steps)
    elif form in ("full", "outline"):
        from .report.terminal import drawn

        _put(
            [drawn(outcome, plans, wishes, steps, with_hunks=form == "full").encode("utf-8", "surrogateescape")], wishes
        )
    else:
        from .report import concise

        lines = concise.statistics(outcome) if form == "statistics" else concise.lines(outcome)
        _put((f"{line}\n".encode("utf-8", "backslashreplace") for line in lines), wishes)
        _say_summary(outcome, wishes, steps)


def put_back(plans: Sequence[Plan], wishes: Wishes) -> int:
    """The text from standard input, fixed, on standard output; the findings on standard error. The exit code."""
    from .outcome import outcome
    from .report.concise import lines

    found = outcome(plans)
    fixed = {patch.path: patch.after for patch in found.patches}
    for plan in plans:
        for path in plan.project.targets:
            given = plan.project.tree.read(path)
            _put([next(iter(fixed.values()), given if isinstance(given, bytes) else b"")], wishes)
    done = found.written(fixed.keys(), {})
    for line in lines(done) if not wishes.quiet else ():
        say(line)
    return done.exit_code


def say_fixed(fixed: Fixed, wishes: Wishes) -> int:
    """What a review wrote, on standard error; the exit code."""
    from .advice import after_fix

    _say_summary(fixed.outcome, wishes, after_fix(fixed.undo))
    return fixed.outcome.exit_code


def say_branch(applied: Applied, wishes: Wishes) -> None:
    """What became of an `apply`, on standard error."""
    from .advice import after_apply
    from .report.branch import branch_lines

    if not wishes.quiet:
        for line in branch_lines(applied):
            say(line)
        for command, what in (
            after_apply(applied.branch.name, applied.branch.base, applied.id) if applied.branch else ()
        ):
            say(f"{command}   {what}")


def show_fleet(every: Sequence[RepositoryOutcome], wishes: Wishes) -> None:
    """What became of each repository of a batch."""
    from .report.fleet import drawn, lines

    if wishes.format == "json":
        import json

        from .batch import as_table

        _put([f"{json.dumps(as_table(every), indent=2)}\n".encode()], wishes)
    elif wishes.format == "full" or (wishes.format is None and wishes.is_terminal):
        _put([drawn(every, wishes.has_color).encode("utf-8", "backslashreplace")], wishes)
    else:
        _put((f"{line}\n".encode("utf-8", "backslashreplace") for line in lines(every)), wishes)


def _put(parts: Iterable[bytes], wishes: Wishes) -> None:
    if wishes.file is not None:
        try:
            with open(wishes.file, "wb") as file:
                file.writelines(parts)
        except OSError as error:
            raise Trouble(
                f"{wishes.file} cannot be written: {error.strerror}", "name another file after --output-file"
            ) from None
        return
    sys.stdout.flush()
    for part in parts:
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()


def _say_summary(outcome: Outcome, wishes: Wishes, steps: Iterable[Step]) -> None:
    if wishes.quiet:
        return
    from .report.clean import clean_line
    from .report.concise import summary

    for verdict in outcome.unreadable if wishes.format != "concise" else ():
        say(clean_line(f"{verdict.path}: not read: {verdict.message} [{verdict.reason}]"))
    for line in _unused(outcome):
        say(clean_line(line))
    say(summary(outcome))
    for command, what in steps:
        say(clean_line(f"{command}   {what}"))


def _unused(outcome: Outcome) -> Iterator[str]:
    for path, line in outcome.unused:
        yield f"{path}:{line}: this `# loadproof: ignore` silences nothing"


def say(text: str) -> None:
    """A line for the person, on standard error."""
    print(text, file=sys.stderr)


def stop_quietly() -> None:
    """The reader of our output has gone: nothing more is written, not even by the interpreter's end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
