"""What a run is asked for, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .codemod import Codemod, registered
from .finding import Finding

Identity = tuple[str, str, int, int]  # codemod, path, line, column


@dataclass(frozen=True, slots=True)
class Step:
    """What one codemod made of one file, in the file's own bytes."""

    codemod: str
    before: bytes
    after: bytes


@dataclass(frozen=True, slots=True)
class Patch:
    """One file that changes. The steps chain from `before` to `after`."""

    path: str
    before: bytes
    after: bytes
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A file that was not read to the end: a stable reason code and one sentence."""

    path: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Reported:
    """A finding and what became of it. Edits are byte offsets into the file before the run; only fixable ones carry any.

    `applied`: its edits are part of the patches; a fixable finding that waits for --unsafe-fixes or was rejected is not.
    """

    finding: Finding
    status: Literal["fixable", "refused", "suppressed", "failed"]
    reason: str | None = None
    applied: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that is to be said of the files. `unused` holds suppression comments that silenced nothing: (path, line)."""

    findings: tuple[Reported, ...] = ()
    patches: tuple[Patch, ...] = ()
    unreadable: tuple[Verdict, ...] = ()
    unused: tuple[tuple[str, int], ...] = ()

    def __add__(self, other: Result) -> Result:
        return Result(
            self.findings + other.findings, self.patches + other.patches, self.unreadable + other.unreadable, self.unused + other.unused
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """Which codemods run, with which settings, and which of their fixes are taken.

    `rejected` names findings that the user said no to, as (codemod, path, line, column): reported, not applied.
    `format` lays a changed file out, given its path, its text before and its new text; only what it does at our edits is kept.
    """

    codemods: tuple[str, ...]
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    unsafe: bool = False
    rejected: frozenset[Identity] = frozenset()
    format: Callable[[str, str, str], str] | None = None

    def chosen(self) -> list[Codemod]:
        """The codemods themselves, in the order in which they are applied."""
        return [codemod for name, codemod in registered().items() if name in self.codemods]


def everything(results: Iterable[Result]) -> Result:
    """The sum, in order of path and line."""
    findings: list[Reported] = []
    patches: list[Patch] = []
    unreadable: list[Verdict] = []
    idle: list[tuple[str, int]] = []
    for result in results:
        findings += result.findings
        patches += result.patches
        unreadable += result.unreadable
        idle += result.unused
    findings.sort(key=lambda reported: (reported.finding.place, reported.finding.codemod))
    return Result(tuple(findings), tuple(sorted(patches, key=lambda patch: patch.path)), tuple(sorted(unreadable, key=lambda verdict: verdict.path)), tuple(sorted(idle)))
