"""How a second name of a library is written where a first one stands: `openai.OpenAI` beside `openai.AsyncOpenAI`."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..finding import Edit, Import
from ..imports import spell, taken
from ..names import Binding
from ..source import Source

Need = tuple[str, Import]


@dataclass(frozen=True, slots=True)
class Spelling:
    """A name as it is written at a place, and what it lacks there: imports at the top, or edits of an import further in."""

    text: str
    needs: tuple[Need, ...] = ()
    edits: tuple[Edit, ...] = ()


def spelled_like(source: Source, first: ast.expr, module: str, name: str, replaced: frozenset[ast.AST] = frozenset(), alias: str = "") -> Spelling:
    """`module.name`, written the way that `first` is, which names something of the same module.

    `replaced`: attributes `module.X` that all go; a module that is read by nothing else is not kept for the new name.
    """
    if isinstance(first, ast.Attribute) and source.qualified(first.value) == module:
        if _goes(source, first.value, replaced):
            return _at_top(source, module, name, alias)
        return Spelling(f"{source.code(first.value)}.{name}")
    bound = _import_of(source, first, module) if isinstance(first, ast.Name) else None
    if bound is None:
        text, needs = spell(source, module, name, first)
        return Spelling(text, tuple((source.path, need) for need in needs))
    if isinstance(source.parent(bound.node), ast.Module):
        return _at_top(source, module, name, alias)
    return _further_in(source, bound, name, alias, replaced)


def _goes(source: Source, base: ast.expr, replaced: frozenset[ast.AST]) -> bool:
    """Whether the module was imported for what is replaced alone."""
    bound = source.binding(base) if isinstance(base, ast.Name) else None
    if bound is None or bound.kind != "import" or bound.scope is not source.names.module:
        return False
    uses = source.uses(bound)
    return bool(uses) and all(source.parent(use) in replaced for use in uses)


def _at_top(source: Source, module: str, name: str, alias: str) -> Spelling:
    written = alias or name
    if taken(source, written, f"{module}.{name}"):
        text, needs = spell(source, module, name)
        return Spelling(text, tuple((source.path, need) for need in needs))
    return Spelling(written, ((source.path, Import(module, name, alias)),))


def _import_of(source: Source, name: ast.Name, module: str) -> Binding | None:
    """The from-import that brings a name, also beside an `except ImportError: name = None`."""
    home = source.scope(name).home(name.id)
    found = [bound for bound in (source.bindings(name.id, home) if home is not None else []) if bound.kind == "import"]
    return found[0] if len(found) == 1 and isinstance(found[0].node, ast.ImportFrom) and found[0].origin.rpartition(".")[0] == module else None


def _further_in(source: Source, bound: Binding, name: str, alias: str, replaced: frozenset[ast.AST]) -> Spelling:
    """In a function, or under a condition: the name joins the import that stands there."""
    statement = bound.node
    assert isinstance(statement, ast.ImportFrom)
    present = next((each for each in statement.names if each.name == name), None)
    if present is not None:
        return Spelling(present.asname or present.name)
    text = f"{name} as {alias}" if alias else name
    uses = source.uses(bound)
    mine = next(each for each in statement.names if (each.asname or each.name) == bound.name)
    last = statement.names[-1]
    if name.startswith("Async") and len(source.bindings(bound.name, bound.scope)) == 1 and uses and all(use in replaced for use in uses):
        return Spelling(alias or name, (), (source.edit(source.start(mine), source.stop(mine), text),))
    return Spelling(alias or name, (), (source.edit(source.stop(last), source.stop(last), f", {text}"),))
