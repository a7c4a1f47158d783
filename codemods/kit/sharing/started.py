"""What a function sets under `global` before any request, and nothing sets again: `chain` of `@app.on_event("startup")`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..cut import replace
from ..handlers import handlers
from ..move import lead, movable, without
from ..names import Binding, FunctionNode
from ..source import Source
from .declared import unsaid
from .kept import KeptPlan
from .let_go import asks_whether, forgotten, lets_go, until_stop
from .obstacles import object_to_exported
from .reach import Use, imports_of, reached, uses_of
from .renewals import built_again
from .shared import Group, groups_in
from .stations import Station, Unclear


def started_groups(source: Source) -> Iterator[Group]:
    """The groups that such functions build."""
    declaring = (function for each in source.nodes(ast.Global) if isinstance(function := source.parent(each), FunctionNode))
    for function in dict.fromkeys(declaring):
        if not isinstance(source.parent(function), ast.Module) or function in handlers(source.project) or reached(source, function):
            continue
        for body in [until_stop(function.body), *(until_stop(each.body) for each in function.body if isinstance(each, (ast.Try, ast.With, ast.AsyncWith)))]:
            names = [name for each in function.body if isinstance(each, ast.Global) for name in each.names if _set_once(source, body, name)]
            for group in groups_in(source, body, source.names.inner[function], None, f"global {' '.join(names)}") if names else ():
                if any(slot.startswith("self.") for slot in group.slots) and not group.foreign and not group.lent:
                    yield group


def _set_once(source: Source, body: list[ast.stmt], name: str) -> bool:
    """Whether a name of the module begins as None, is set among these statements as a whole and only given up elsewhere, and belongs to this file."""
    bindings = source.names.module.bindings.get(name, [])
    begins = [each for each in bindings if each.within is source.names.module]
    within = [each for each in bindings if each.within is not source.names.module and _given_up(source, each) is None]
    within.sort(key=lambda each: each.node not in body)
    once = bool(within) and isinstance(within[0].node, ast.Assign) and within[0].node in body and all(_again(source, each) for each in within[1:])
    return once and len(begins) < 2 and all(_is_placeholder(source, each) for each in begins) and not any(True for _ in imports_of(source, name))


def _again(source: Source, binding: Binding) -> ast.Name | None:
    """The name that a request sets under `global`; whether to the same is asked of its group."""
    node = binding.node
    target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
    function = source.function(node)
    return target if isinstance(target, ast.Name) and function is not None and reached(source, function) and binding.within is not source.names.module else None


def _given_up(source: Source, binding: Binding) -> ast.Name | None:
    """The name in `chain = None` or `del chain`, where the service stops or has not begun."""
    targets = binding.node.targets if isinstance(binding.node, (ast.Assign, ast.Delete)) else []
    return next((each for each in targets if isinstance(each, ast.Name) and each.id == binding.name and binding.within is not source.names.module and lets_go(source, each)), None)


def _is_placeholder(source: Source, binding: Binding) -> bool:
    node = binding.node
    whole = isinstance(node, ast.AnnAssign) or (isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name))
    empty = binding.value is None or (isinstance(binding.value, ast.Constant) and binding.value.value is None)
    return whole and empty and isinstance(source.parent(node), ast.Module)


def uses_of_started(group: Group) -> Iterator[Use]:
    """Every read of what the group's statements bind."""
    source = group.source
    inside = {node for statement in group.statements for node in ast.walk(statement)}
    for slot in group.slots:
        name = slot.removeprefix("self.")
        group.let_go += [(source, node, slot) for each in source.names.module.bindings.get(name, ()) if slot != name and (node := _given_up(source, each)) is not None]
        for again in (_again(source, each) for each in source.names.module.bindings.get(name, ()) if slot != name and each.node is not group.slots[slot] and _given_up(source, each) is None):
            if again is not None and not built_again(group, source, again, slot):
                raise Unclear("rebound", f"{name} is set anew under `global`", source, again)
            if again is not None:
                yield Use(source, again, slot, clears=True)
        if name == slot:
            yield from (Use(source, load, slot) for load in source.names.uses(slot, group.scope) if load not in inside)
        else:
            yield from (Use(use.source, use.node, slot) for use in uses_of(source, source.names.module, [name], group.statements) if not asks_whether(use.source, use.node, group))


class StartedPlan(KeptPlan):
    """The factory takes the object's place among the names of the module."""

    def check(self, early: list[Use]) -> None:
        super().check(early)
        group, source = self.group, self.source
        for name in self.names:
            object_to_exported(group, name)
        for node in (node for statement in group.statements for node in ast.walk(statement)):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                set_at = source.names.module.bindings.get(node.id, []) if source.scope(node).home(node.id) is source.names.module else []
                if anew := next((each for each in set_at if (setter := source.function(each.node)) is not None and setter is not self.around and reached(source, setter)), None):
                    raise Unclear("rebound", f"{node.id}, of which it is built, is set anew later", source, anew.node)

    @property
    def names(self) -> list[str]:
        return [slot.removeprefix("self.") for slot in self.group.slots if slot.startswith("self.")]

    @property
    def around(self) -> FunctionNode:
        function = self.source.function(self.group.first)
        assert isinstance(function, FunctionNode)
        return function

    @property
    def defined_as(self) -> str:
        """A name of its own where the same function sets the factory to None again: a linter takes that for a second definition."""
        sets = [node for _, node, slot in self.group.let_go if slot == self.wanted[-1] and self.source.function(node) is self.around]
        if not any(isinstance(self.source.statement(node), ast.Assign) for node in sets):
            return self.factory
        name = f"make{self.factory.removeprefix('build')}"
        taken = {found for scope in self.source.names.inner.values() for found in scope.bindings}
        while name in taken:
            name += "_"
        return name

    def registered(self, blank: str, margin: str) -> str:
        """The factory's place among the names of the module; nothing where the function's own `global` says it."""
        source, function = self.source, self.around
        self.changes.edits += forgotten(self.group, self.wanted[-1], self.factory)
        waiting = {function, *(source.function(node) for _, node, slot in self.group.let_go if slot == self.wanted[-1])}
        for statement in source.nodes(ast.Global):
            gone = [name for name in statement.names if name in self.names]
            if gone and (where := source.function(statement)) in waiting:
                waiting.remove(where)
                self.changes.edits += replace(source, statement, f"global {', '.join([*(name for name in statement.names if name not in gone), self.factory])}")
            elif gone:
                self.changes.edits += unsaid(source, statement, gone)
        for use in uses_of(source, source.names.module, self.names, self.group.statements):
            if asks_whether(use.source, use.node, self.group):
                self.changes.edits += replace(use.source, use.node, _spelled(use, self.factory))
        for name in self.names:
            for binding in source.names.module.bindings[name]:
                if binding.within is source.names.module and isinstance(binding.node, ast.stmt):
                    self.unset(binding.node, name == self.wanted[-1].removeprefix("self."))
        return f"{blank}{margin}{self.factory} = {self.defined_as}{source.newline}" if self.defined_as != self.factory else ""

    def unset(self, statement: ast.stmt, stays: bool) -> None:
        """The module's `chain = None` stands for the factory now, or goes."""
        source = self.source
        start, stop = source.start(statement), source.stop(statement)
        told = lead(source, statement) < source.line_start(source.line_of(start)) or source.slice(stop, source.line_start(source.line_of(stop) + 1)).strip()
        if stays or told or not movable(source, statement):
            self.changes.edits += replace(source, statement, f"{self.factory if stays else ast.unparse(statement.targets[0] if isinstance(statement, ast.Assign) else statement.target)} = None")  # type: ignore[attr-defined]
        else:
            self.changes.edits.append(without(source, statement, statement))

    def spelled_factory(self, each: Station) -> str:
        return next((_spelled(use, self.factory) for use in each.uses), self.factory)


def _spelled(use: Use, name: str) -> str:
    """A name of the module as the file of a use may write it: `bot.build_chain`."""
    return f"{use.source.code(use.node.value)}.{name}" if isinstance(use.node, ast.Attribute) else name
