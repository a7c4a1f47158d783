"""Configurations of a module that hold a callback handler: `CONFIG = {"callbacks": [handler], "tags": ["chat"]}`, given to runs by their name."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..finding import Edit
from ..libraries.callbacks import BY_CONFIG
from ..move import movable, without
from ..names import FunctionNode
from ..source import Source
from .reach import Use, enclosing, uses_of


@dataclass(frozen=True, slots=True, eq=False)
class Config:
    """The runs that are given it, with the functions they stand in; the edits that take the handler out of it, and whether anything is left in it then."""

    runs: tuple[tuple[Use, FunctionNode], ...]
    without: tuple[Edit, ...]
    empty: bool

    def with_handler(self, name: str, handler: str) -> str:
        """What a run is given instead of it."""
        return f'{{"callbacks": [{handler}]}}' if self.empty else f'{{**{name}, "callbacks": [{handler}]}}'


def config_of(source: Source, use: Use) -> Config | None:
    """The configuration in which a handler stands alone, where nothing but runs is given it by its name."""
    row = use.source.parent(use.node)
    given = source.parent(row) if use.source is source and isinstance(row, ast.List) and len(row.elts) == 1 else None
    statement = source.parent(given) if isinstance(given, ast.Dict) else None
    target = statement.targets[0] if isinstance(statement, ast.Assign) and len(statement.targets) == 1 else None
    if not isinstance(given, ast.Dict) or not isinstance(target, ast.Name) or not isinstance(source.parent(statement), ast.Module):  # type: ignore[arg-type]
        return None
    key = given.keys[given.values.index(row)]  # type: ignore[arg-type]
    if not isinstance(key, ast.Constant) or key.value != "callbacks" or len(source.names.module.bindings[target.id]) != 1 or not movable(source, statement):  # type: ignore[arg-type]
        return None
    runs: list[tuple[Use, FunctionNode]] = []
    for each in uses_of(source, source.names.module, [target.id], [statement]):  # type: ignore[list-item]
        function = enclosing(each.source, each.node)
        if function is None or not _is_run(each):
            return None
        runs.append((each, function))
    if not runs:
        return None
    if len(given.keys) == 1:
        return Config(tuple(runs), (without(source, statement, statement),), True)  # type: ignore[arg-type]
    place = given.values.index(row)  # type: ignore[arg-type]
    following = given.keys[place + 1] if place + 1 < len(given.keys) else None
    if place + 1 < len(given.keys):
        stop = source.start(following) if following is not None else -1  # `**more`
        cut = source.edit(source.start(key), stop, "")
    else:
        cut = source.edit(source.stop(given.values[place - 1]), source.stop(given.values[place]), "")
    return Config(tuple(runs), (cut,), False) if cut.stop > cut.start else None


def _is_run(use: Use) -> bool:
    """Whether a run is given the configuration: `chain.invoke(x, config=CONFIG)`, `chain.invoke(x, CONFIG)`."""
    above = use.source.parent(use.node)
    call = use.source.parent(above) if isinstance(above, ast.keyword) and above.arg == "config" else above
    attr = call.func.attr if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else ""
    if attr not in BY_CONFIG or not isinstance(call, ast.Call):
        return False
    return isinstance(above, ast.keyword) or (len(call.args) > BY_CONFIG[attr] and call.args[BY_CONFIG[attr]] is use.node)
