"""Plan: every patch and every finding of one project."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from ..codemods.kit.codemod import Codemod
from ..codemods.kit.finding import Fix
from ..codemods.kit.rewrite import Identity, Patch, Reported, Result, Verdict, everything, rewrite
from .project import Project
from .settings import known
from .workers import Lost, in_children

SMALL = 256_000  # bytes of files that mention nothing and are parsed all the same, to tell of those that do not parse: 25 ms
PER_CHILD = 25  # files; below that another process costs more than it gives


@dataclass(frozen=True, slots=True)
class Plan:
    """What would change in a project, what would not and why, and what could not be read."""

    project: Project
    result: Result
    read: int  # files whose bytes were seen

    @property
    def patches(self) -> tuple[Patch, ...]:
        return self.result.patches

    @property
    def findings(self) -> tuple[Reported, ...]:
        return self.result.findings

    @property
    def unreadable(self) -> tuple[Verdict, ...]:
        return self.result.unreadable


def plan(project: Project, rejected: frozenset[Identity] = frozenset(), jobs: int | None = None) -> Plan:
    """The plan of a project. `rejected`: findings that the user said no to; `jobs`: processes at most."""
    collecting = gc.isenabled()
    gc.disable()  # nothing here is worth looking for: 5 to 12 % of the time
    try:
        read, contents, verdicts = _survivors(project)
        units = _units(project, contents)
        project.declared_for(())  # read once, here, and inherited by every child
        work = partial(_planned, project, contents, rejected)
        results = list(_worked(work, units, jobs or default_jobs()))
    finally:
        if collecting:
            gc.enable()
    return Plan(project, everything([Result(unreadable=tuple(verdicts)), *results]), read)


def default_jobs() -> int:
    """One under pre-commit, which runs several of us beside each other; else as many as there are processors."""
    return 1 if os.environ.get("PRE_COMMIT") == "1" else len(os.sched_getaffinity(0))


def _survivors(project: Project) -> tuple[int, dict[str, bytes], list[Verdict]]:
    """How many files were read, the bytes of those that some codemod may speak of, and what could not be read."""
    read, contents, verdicts = 0, {}, []
    others: dict[str, bytes] = {}
    spared = 0
    chosen = tuple(known()[name] for name in project.settings_for(()).names())
    for path in project.python:
        content = project.read(path)
        if content is None:
            continue
        if isinstance(content, Verdict):
            if project.is_target(path):
                verdicts.append(content)
            continue
        read += project.is_target(path)
        if any(codemod.may_fire(content) for codemod in _codemods(project, path, chosen)) or path in project.named:
            contents[path] = content
        elif project.is_target(path):
            if b"\0" in content:
                verdicts.append(Verdict(path, "nul", "the file contains a NUL byte"))
            elif spared <= SMALL:
                spared += len(content)
                others[path] = content
    if spared <= SMALL:
        contents |= others
    return read, contents, verdicts


def _codemods(project: Project, path: str, usual: tuple[Codemod, ...]) -> tuple[Codemod, ...]:
    if not project.has_nested_settings:
        return usual
    return tuple(known()[name] for name in project.settings_for((path,)).names())


def _units(project: Project, contents: Mapping[str, bytes]) -> list[tuple[str, ...]]:
    """Files that must be seen together, largest first: the longest work is not left for the end."""
    units = [(path,) for path in contents if project.is_target(path)]
    return sorted(units, key=lambda unit: -sum(len(contents[path]) for path in unit))


def _worked(work: partial[Result | None], units: list[tuple[str, ...]], jobs: int) -> Iterator[Result]:
    if not units:
        return
    gc.freeze()
    children = max(1, min(jobs, len(units) // PER_CHILD))
    for index, result in in_children(work, units, children):
        if isinstance(result, Lost):
            yield Result(unreadable=tuple(Verdict(path, *_reason(result)) for path in units[index]))
        elif result is not None:
            yield result


def _reason(lost: Lost) -> tuple[str, str]:
    if lost.reason != "failed":
        return lost.reason, lost.message
    last = lost.message.strip().rpartition("\n")[2]
    if last.startswith("MemoryError"):
        return "too-large", "its syntax tree needs more memory than one file may take"
    return "internal-error", last


def _planned(project: Project, contents: Mapping[str, bytes], rejected: frozenset[Identity], paths: tuple[str, ...]) -> Result | None:
    """One unit: what the codemods make of it, without what the user did not ask about."""
    settings = project.settings_for(paths)
    declared = {name: entry.version for name, entry in project.declared_for(paths).items()}
    choice = replace(settings.choice(), rejected=rejected)
    result = rewrite({path: contents[path] for path in paths}, choice, declared)
    while unasked := {_identity(each) for each in result.findings if each.status == "fixable" and not _asked(project, each)} - choice.rejected:
        choice = replace(choice, rejected=choice.rejected | unasked)
        result = rewrite({path: contents[path] for path in paths}, choice, declared)
    if result == Result():
        return None
    findings = tuple(each for each in result.findings if _asked(project, each))
    return replace(result, findings=findings, unreadable=tuple(each for each in result.unreadable if project.is_target(each.path)))


def _identity(reported: Reported) -> Identity:
    place = reported.finding.place
    return reported.finding.codemod, place.path, place.line, place.column


def _asked(project: Project, reported: Reported) -> bool:
    """Whether the user wants to hear of this finding: it stands in what they named, and no per-file-ignores name it."""
    path = reported.finding.place.path
    return project.is_target(path) and not (project.has_ignores and project.ignores(reported.finding.codemod, path))


def will_change(reported: Reported, plan: Plan) -> bool:
    """Whether this finding's edits are part of the plan's patches."""
    return isinstance(reported.finding, Fix) and reported.applied
