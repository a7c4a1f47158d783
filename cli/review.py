"""`diff -i`: each finding is shown and asked about, and what was accepted is written."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..codemods.kit.finding import Edit, Fix
from ..codemods.kit.rewrite import Identity, Patch, Reported, Step
from ..codemods.kit.text import Unreadable, parse, read
from .edits import edited
from .fixing import Fixed, fix
from .merge import merged
from .outcome import spelling
from .plan import Plan, plan
from .trouble import Trouble
from .wishes import Wishes

KEYS = """y  yes, make this change
n  no, leave it
a  yes to this and to all that follow in this file
d  no to this and to all that follow in this file
e  edit what will stand there
q  no to this and to everything that follows; write what was accepted
?  this help"""


@dataclass(frozen=True, slots=True)
class Question:
    """Findings that are accepted or rejected together."""

    findings: tuple[Reported, ...]

    @property
    def path(self) -> str:
        return self.findings[0].finding.place.path

    @property
    def edits(self) -> tuple[Edit, ...]:
        return tuple(edit for each in self.findings if isinstance(each.finding, Fix) for edit in each.finding.edits)

    @property
    def identities(self) -> frozenset[Identity]:
        return frozenset(identity(each) for each in self.findings)


@dataclass(frozen=True, slots=True)
class Written:
    """A change that the user typed in an editor instead of ours."""

    question: Question
    before: bytes
    after: bytes


def identity(reported: Reported) -> Identity:
    place = reported.finding.place
    return reported.finding.codemod, place.path, place.line, place.column


def questions(one: Plan) -> list[Question]:
    """What there is to ask, in order of place."""
    found: dict[object, list[Reported]] = {}
    for number, each in enumerate(one.findings):
        if each.applied and isinstance(each.finding, Fix):
            found.setdefault(each.finding.group or number, []).append(each)
    return [Question(tuple(each)) for each in found.values()]


def review(plans: Sequence[Plan], wishes: Wishes, ask: Callable[[str], str] = input) -> Fixed:
    """Ask about every change, then write the accepted ones."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Trouble(
            "-i asks questions, and there is no terminal to ask on",
            "`loadproof fix` writes all fixes; --select and PATHS narrow them",
        )
    return fix([_reviewed(one, wishes, ask) for one in plans])


def _reviewed(one: Plan, wishes: Wishes, ask: Callable[[str], str]) -> Plan:
    """The plan without what was rejected, and with what the user wrote."""
    asked = questions(one)
    contents = {patch.path: patch.before for patch in one.patches}
    standing: dict[str, str] = {}  # by path: the answer to everything that follows there; "" for every path
    rejected: set[Identity] = set()
    written: list[Written] = []
    for number, question in enumerate(asked, 1):
        answer = standing.get("", standing.get(question.path, ""))
        if not answer:
            _show(one, question, contents, wishes, f"{number} of {len(asked)}")
        while not answer:
            typed = _typed(ask)
            if typed in ("a", "d"):
                standing[question.path] = answer = "y" if typed == "a" else "n"
            elif typed == "q":
                standing[""] = answer = "n"
            elif typed == "e":
                change = _edited_by_hand(question, contents)
                written += [change] if change else []
                answer = "n" if change else ""
            elif typed in ("y", "n"):
                answer = typed
            else:
                print(KEYS)
        if answer == "n":
            rejected |= question.identities
    return _with(_without(one, asked, frozenset(rejected)), written)


def _typed(ask: Callable[[str], str]) -> str:
    try:
        return ask("make this change? [y,n,a,d,q,e,?] ").strip().lower()[:1]
    except EOFError:
        return "q"


def _without(one: Plan, asked: Sequence[Question], rejected: frozenset[Identity]) -> Plan:
    """Planned again without the rejected findings; what only comes to light then was never shown, and stays out."""
    if not rejected:
        return one
    accepted = {name for question in asked for name in question.identities} - rejected
    while True:
        again = plan(one.project, rejected)
        unseen = {identity(each) for each in again.findings if each.applied} - accepted
        if not unseen:
            return again
        rejected |= unseen


def _show(one: Plan, question: Question, contents: Mapping[str, bytes], wishes: Wishes, count: str) -> None:
    from .report.terminal import drawn_question

    spell = spelling(one.project.root)
    told = [
        (each.finding.codemod, f"{spell(each.finding.place.path)}:{each.finding.place.line}", each.finding.message)
        for each in question.findings
    ]
    changes = [(spell(path), contents[path], after) for path, after in _afters(question, contents).items()]
    sys.stdout.write(drawn_question(count, told, changes, wishes))
    sys.stdout.flush()


def _afters(question: Question, contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """What the files would be with this change alone."""
    paths = dict.fromkeys(edit.path for edit in question.edits)
    return {path: edited(contents[path], [edit for edit in question.edits if edit.path == path]) for path in paths}


# `e`


def _edited_by_hand(question: Question, contents: Mapping[str, bytes]) -> Written | None:
    """The lines that would change, as the user's editor leaves them; None to ask again."""
    afters = _afters(question, contents)
    if len(afters) != 1:
        print("this change spans several files and cannot be edited; y or n")
        return None
    [(path, after)] = afters.items()
    before = contents[path]
    from .report.hunks import hunks

    found = hunks(before, after, context=0)
    lines = [line + b"\n" for line in after.split(b"\n")]
    first, last = found[0].after[0] - 1, found[-1].after[0] - 1 + found[-1].after[1]
    typed = _through_editor(b"".join(lines[first:last]), os.path.basename(path))
    result = b"".join([*lines[:first], typed, *lines[last:]])[:-1]  # the split gave the last line one end too many
    try:
        parse(read(result))
    except Unreadable as verdict:
        print(f"that does not read as Python: {verdict.message}")
        return None
    return Written(question, before, result)


def _through_editor(text: bytes, name: str) -> bytes:
    import shlex
    import subprocess
    import tempfile

    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="loadproof-") as folder:
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            file.write(text)
        try:
            subprocess.run([*shlex.split(editor), path], check=False)
        except OSError as error:
            raise Trouble(f"the editor `{editor}` does not start: {error.strerror}", "set VISUAL or EDITOR") from None
        with open(path, "rb") as file:
            return file.read()


def _with(one: Plan, written: Sequence[Written]) -> Plan:
    """The plan with the user's own changes on top, each counted as the fix that it stands for."""
    patches = {patch.path: patch for patch in one.patches}
    replaced: set[Identity] = set()
    for change in written:
        path = change.question.path
        patch = patches.get(path, Patch(path, change.before, change.before, ()))
        content = merged(change.before, patch.after, change.after)
        if content is None:
            print(f"{path}: your text and an accepted change meet on the same lines; your text is not written")
            continue
        step = Step(change.question.findings[0].finding.codemod, patch.after, content)
        patches[path] = replace(patch, after=content, steps=(*patch.steps, step))
        replaced |= change.question.identities
    findings = tuple(_as_written(each) if identity(each) in replaced else each for each in one.findings)
    return replace(
        one, result=replace(one.result, findings=findings, patches=tuple(patches[path] for path in sorted(patches)))
    )


def _as_written(reported: Reported) -> Reported:
    finding = reported.finding
    return replace(reported, finding=replace(finding, edits=()), applied=True) if isinstance(finding, Fix) else reported
