"""Writing to the work tree, and taking it back: a finding's files all change, or none does."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..codemods.kit.finding import Fix
from ..codemods.kit.rewrite import Patch
from . import journal
from .files import read, sweep, write_all
from .merge import merged
from .outcome import Outcome, outcome, spelling
from .plan import Plan
from .trouble import Trouble


@dataclass(frozen=True, slots=True)
class Fixed:
    """What became of the files, and the ids by which it can be taken back, one per project that changed."""

    outcome: Outcome
    undo: tuple[str, ...]


def fix(plans: Sequence[Plan]) -> Fixed:
    """Write every patch. A file that cannot be written costs only the files that change together with it."""
    paths: set[str] = set()
    failures: dict[str, str] = {}
    ids: list[str] = []
    for plan in plans:
        if not plan.patches:
            continue
        spell = spelling(plan.project.root)
        sweep({os.path.dirname(f"{plan.project.root}/{patch.path}") for patch in plan.patches})
        name = _remembered(plan)  # before the first byte is written
        done = 0
        for group in _together(plan):
            try:
                write_all((f"{plan.project.root}/{patch.path}", patch.before, patch.after) for patch in group)
            except OSError as error:
                failures |= {spell(patch.path): error.strerror or type(error).__name__ for patch in group}
            else:
                paths |= {spell(patch.path) for patch in group}
                done += len(group)
        if done:
            ids.append(name)
        else:
            journal.forget(plan.project.root, name)
    return Fixed(outcome(plans).written(paths, failures), tuple(ids))


def _remembered(plan: Plan) -> str:
    try:
        return journal.remember(plan.project.root, plan.patches)
    except OSError as error:
        place = journal.folder(plan.project.root)
        raise Trouble(
            f"the undo journal cannot be written to {place}: {error.strerror}; no file was changed",
            "make that folder writable, or use `loadproof diff > change.patch` and `git apply change.patch`",
        ) from None


def _together(plan: Plan) -> Iterable[list[Patch]]:
    """The patches, in groups that share a finding."""
    leader = {patch.path: patch.path for patch in plan.patches}

    def lead(path: str) -> str:
        while leader[path] != path:
            path = leader[path]
        return path

    shared: dict[str, str] = {}
    for reported in plan.findings:
        if reported.applied and isinstance(reported.finding, Fix):
            touched = [edit.path for edit in reported.finding.edits]
            if reported.finding.group:
                touched.append(
                    shared.setdefault(reported.finding.group, touched[0] if touched else reported.finding.place.path)
                )
            for path in touched[1:]:
                if path in leader and touched[0] in leader:
                    leader[lead(path)] = lead(touched[0])
    groups: dict[str, list[Patch]] = {}
    for patch in plan.patches:
        groups.setdefault(lead(patch.path), []).append(patch)
    return groups.values()


def undo(root: str, name: str, codemod: str | None = None) -> list[str]:
    """Take back an entry of the journal, whole or one codemod's part; the files that changed.

    Later changes by hand stay, where they stand on other lines.
    """
    entry = journal.entry(root, name)
    changes: list[tuple[str, bytes, bytes]] = []
    clashes: list[str] = []
    for patch in entry.patches:
        steps = [step for step in patch.steps if step.codemod == codemod]
        path = f"{root}/{patch.path}"
        now = read(path, patch.path)
        if not isinstance(now, bytes):
            clashes.append(patch.path)
            continue
        if codemod is None and now == patch.before:
            continue  # taken back already, or never written
        content: bytes | None = now
        for before, after in (
            [(patch.before, patch.after)]
            if codemod is None
            else [(step.before, step.after) for step in reversed(steps)]
        ):
            content = None if content is None else merged(after, content, before)
        if content is None:
            clashes.append(patch.path)
        elif content != now:
            changes.append((path, now, content))
    if clashes:
        raise Trouble(
            f"changed since, on the same lines: {', '.join(clashes)}; nothing was taken back",
            "undo your later change to them first",
            3,
        )
    try:
        write_all(changes)
    except OSError as error:
        raise Trouble(f"nothing was taken back: {error.strerror}", "", 3) from None
    if codemod is None:
        journal.forget(root, name)
    return [path.removeprefix(f"{root}/") for path, _, _ in changes]
