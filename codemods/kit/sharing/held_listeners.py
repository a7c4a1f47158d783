"""Callback handlers that `__init__` makes for an instance which serves all requests: one for each run instead."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..finding import Finding, Import
from ..libraries.callbacks import collecting, is_collecting
from ..names import FunctionNode, Scope
from ..source import Source
from .listeners import Listener, ListenerPlace, ListenerPlan
from .overlooked import serves_requests
from .reach import Use, enclosing, lasting, member_uses, reached
from .shared import written
from .stations import Unclear


@dataclass(frozen=True, slots=True, eq=False)
class Held(Listener):
    """`self.name = Collector()` in the `__init__` of a class."""

    owner: ast.ClassDef
    init: ast.FunctionDef


def held_listeners(source: Source) -> Iterator[tuple[ast.Call, Finding]]:
    """The fixes for those that only methods read which run the model, too; the others are refused elsewhere."""
    for call in source.index.calls(collecting(source.project), source.index.aliases):
        statement, init, owner = source.statement(call), source.function(call), source.class_of(call)
        if owner is None or not isinstance(init, ast.FunctionDef) or init.name != "__init__" or statement not in init.body or len(init.body) < 2 or not init.args.args:
            continue
        me = init.args.args[0].arg
        names = written(statement, me)
        if not names or not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is not call or not is_collecting(source, call):
            continue
        if lasting(source, owner) and serves_requests(source, owner):
            try:
                plan = _HeldPlan(Held(source, statement, names[0], call, owner, init))
                if any(place.runs and reached(place.source, place.function) for place in plan.places.values()):
                    yield call, plan.finding()
            except Unclear:
                continue


class _HeldPlan(ListenerPlan):
    listener: Held

    def __init__(self, listener: Held) -> None:
        self.me = listener.init.args.args[0].arg
        super().__init__(listener)

    @property
    def body(self) -> list[ast.stmt]:
        return self.listener.init.body

    @property
    def scope(self) -> Scope:
        return self.listener.source.names.inner[self.listener.init]

    def uses(self, names: Iterable[str], statements: Iterable[ast.stmt]) -> list[Use]:
        return member_uses(self.listener.source, self.listener.owner, names, self.scope, statements)

    def around(self, use: Use) -> FunctionNode | None:
        function = enclosing(use.source, use.node)
        return None if function is self.listener.init else function

    def object_to_bindings(self) -> None:
        listener, source = self.listener, self.source
        attr = listener.name.rpartition(".")[2]
        if listener.name == attr and len(self.scope.bindings[attr]) > 1:
            raise Unclear("bound-twice", f"{attr} is bound in several places", source, listener.statement)
        for (_, name), targets in source.names.stores.items():
            if listener.name != attr and name == attr and any(source.class_of(target) is listener.owner and source.statement(target) is not listener.statement for target in targets):
                raise Unclear("bound-twice", f"{listener.name} is set in several places", source, listener.statement)
        if any(isinstance(node, ast.Name) and node.id in self.scope.bindings for node in ast.walk(listener.call)):
            raise Unclear("handed-on", "its arguments are those of __init__", source, listener.call)

    def spelled(self, place: ListenerPlace) -> tuple[str, list[tuple[str, Import]]]:
        if place.source is not self.source:
            raise Unclear("handed-on", f"{place.source.path} asks an instance for it", place.source, place.function)
        return super().spelled(place)
