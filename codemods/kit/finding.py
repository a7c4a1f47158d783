"""What a codemod says of a place: a Fix with its edits, or a Refusal with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Safety = Literal["safe", "unsafe"]
Status = Literal["fixable", "fixed", "refused", "suppressed", "failed"]


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Bytes `start` to `stop` of the file `path` become `text`, written in the file's own encoding."""

    path: str
    start: int
    stop: int
    text: str


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a finding stands: 1-based lines and columns, in characters, the end exclusive."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True, order=True)
class Import:
    """A name that an edit needs at module level: `import module`, or `from module import name as alias`."""

    module: str
    name: str = ""
    alias: str = ""

    @property
    def bound(self) -> str:
        """The name by which the file then knows it."""
        return self.alias or self.name or self.module.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Fix:
    """A place that is rewritten, by all its edits or by none.

    Fixes of one `group` are accepted or rejected together; an empty group stands alone.
    """

    place: Place
    message: str
    edits: tuple[Edit, ...] = ()
    safety: Safety = "safe"
    group: str = ""
    help: str = ""
    codemod: str = ""
    imports: tuple[tuple[str, Import], ...] = ()  # (path, what its module level must bind); names that nothing reads any more go by themselves


@dataclass(frozen=True, slots=True)
class Refusal:
    """A place that is recognised and left as it is: why, and what to do by hand."""

    place: Place
    message: str
    reason: str
    help: str = ""
    codemod: str = ""


Finding = Fix | Refusal
