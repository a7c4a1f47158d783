"""What a run comes to: one row per finding, counts that add up, and the exit code."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..codemods.kit.finding import Edit, Fix, Safety, Status
from ..codemods.kit.rewrite import Patch, Reported, Verdict
from .plan import Plan

STATUSES: tuple[Status, ...] = ("fixable", "fixed", "refused", "suppressed", "failed")
DONE, REMAINS, USAGE, INCOMPLETE = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Row:
    """One finding as people and programs read it. Paths are those that the user would type."""

    codemod: str
    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    status: Status
    safety: Safety
    message: str
    reason: str | None = None
    help: str = ""
    group: str = ""
    edits: tuple[Edit, ...] = ()
    applied: bool = False  # its edits are part of the patch


@dataclass(frozen=True, slots=True)
class Outcome:
    """Rows and patches of a run, in order of path and line.

    `unused`: suppression comments that silenced nothing. `patch_names`: how the patch calls files that are not below
    the working directory, where names with `..` would not apply: from their project's top.
    """

    rows: tuple[Row, ...] = ()
    patches: tuple[Patch, ...] = ()
    unreadable: tuple[Verdict, ...] = ()
    unused: tuple[tuple[str, int], ...] = ()
    read: int = 0
    patch_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> Mapping[str, int]:
        """found, then every status: found is their sum."""
        by_status = Counter(row.status for row in self.rows)
        return {"found": len(self.rows)} | {status: by_status[status] for status in STATUSES}

    @property
    def exit_code(self) -> int:
        """0 when nothing is left to do, 1 when findings remain, 3 when something could not be done."""
        if self.unreadable or any(row.status == "failed" for row in self.rows):
            return INCOMPLETE
        return REMAINS if any(row.status in ("fixable", "refused") for row in self.rows) else DONE

    def written(self, paths: Collection[str], failures: Mapping[str, str]) -> Outcome:
        """The outcome once the patches of `paths` are in the files; `failures` says for the others why not."""
        rows = tuple(_after_writing(row, failures) for row in self.rows)
        return replace(self, rows=rows, patches=tuple(patch for patch in self.patches if patch.path in paths))


def _after_writing(row: Row, failures: Mapping[str, str]) -> Row:
    if not row.applied:
        return row
    for path in (row.path, *(edit.path for edit in row.edits)):
        if path in failures:
            return replace(row, status="failed", reason="not-written", help=failures[path], edits=(), applied=False)
    return replace(row, status="fixed")


def outcome(plans: Iterable[Plan]) -> Outcome:
    """The plans of one run, seen from the working directory."""
    rows: list[Row] = []
    patches: list[Patch] = []
    names: dict[str, str] = {}
    unreadable: list[Verdict] = []
    unused: list[tuple[str, int]] = []
    read = 0
    for plan in plans:
        spell = spelling(plan.project.root)
        rows += [_row(reported, spell) for reported in plan.findings]
        patches += [replace(patch, path=spell(patch.path)) for patch in plan.patches]
        if any(_is_elsewhere(spell(patch.path)) for patch in plan.patches):
            names |= {spell(patch.path): patch.path for patch in plan.patches}
        unreadable += [replace(verdict, path=spell(verdict.path)) for verdict in plan.unreadable]
        unused += [(spell(path), line) for path, line in plan.result.unused]
        read += plan.read
    rows.sort(key=lambda row: (row.path, row.line, row.column, row.codemod))
    patches.sort(key=lambda patch: patch.path)
    unreadable.sort(key=lambda verdict: verdict.path)
    return Outcome(tuple(rows), tuple(patches), tuple(unreadable), tuple(sorted(unused)), read, names)


def spelling(root: str) -> Callable[[str], str]:
    """How a project's paths are typed in the working directory. A commit's paths stay as they are."""
    if not root:
        return lambda path: path
    here = os.getcwd()
    if here == root:
        return os.path.normpath
    return lambda path: os.path.relpath(f"{root}/{path}", here)


def _is_elsewhere(path: str) -> bool:
    return path.startswith("../") or os.path.isabs(path)


def _row(reported: Reported, spell: Callable[[str], str]) -> Row:
    finding, place = reported.finding, reported.finding.place
    code, detail = _reason(reported)
    edits: Sequence[Edit] = finding.edits if isinstance(finding, Fix) and reported.status == "fixable" else ()
    return Row(
        finding.codemod,
        spell(place.path),
        place.line,
        place.column,
        place.end_line,
        place.end_column,
        reported.status,
        finding.safety if isinstance(finding, Fix) else "safe",
        finding.message,
        code,
        detail or finding.help,
        finding.group if isinstance(finding, Fix) else "",
        tuple(replace(edit, path=spell(edit.path)) for edit in edits),
        reported.status == "fixable" and reported.applied,
    )


def _reason(reported: Reported) -> tuple[str | None, str]:
    """A reason code, and the words that come with it."""
    if reported.status == "fixable":
        return None, ""
    told = reported.reason or reported.status
    if reported.status == "suppressed":
        return "suppressed", "" if told == "suppressed" else told
    code, _, detail = told.partition(": ")
    return code, detail
