"""A LangChain object, and everything that an expression may be."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from ..source import Source


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A LangChain object: its family, and where it is made.

    `path` is the dotted path of the class or function that makes it ("" for a pipe); `node` is the expression in `source`:
    a call, a pipe, an annotation, a decorated def. `owner` is the project's own class, when it is an instance of one.
    """

    family: str
    path: str
    source: Source
    node: ast.AST
    owner: ast.ClassDef | None = None
    home: Source | None = None  # the file of `owner`

    @property
    def name(self) -> str:
        """The class or function without its module."""
        return self.path.rpartition(".")[2]

    @property
    def call(self) -> ast.Call | None:
        """The call that makes it, if one is in sight."""
        return self.node if isinstance(self.node, ast.Call) else None


@dataclass(frozen=True, slots=True)
class Kinds:
    """Everything that an expression may be. `certain`: nothing else than these can it be."""

    found: tuple[Kind, ...]
    certain: bool


UNKNOWN = Kinds((), False)


def one(family: str, path: str, source: Source, node: ast.AST) -> Kinds:
    """One kind, for certain; nothing for no family."""
    return Kinds((Kind(family, path, source, node),), True) if family else UNKNOWN


def total(kinds: Iterable[Kinds]) -> Kinds:
    """All of them together: certain when each is, and there is one at all."""
    every = list(kinds)
    return Kinds(
        tuple(kind for each in every for kind in each.found), bool(every) and all(each.certain for each in every)
    )
