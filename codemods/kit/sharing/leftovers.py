"""What remembers and is kept where it can't be rebuilt: under `global`, on the application's state, in a container, in a block."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator

from ..finding import Finding
from ..handlers import serves
from ..names import FunctionNode
from ..source import Source
from .on_application import read_on_application, slot_on_application
from .overlooked import overlooked
from .reach import enclosing, lasting, main_block, reached, read_by_requests, shelf_of
from .shared import Group, groups_in


def leftovers(source: Source, groups: Iterable[Group], more: Collection[ast.stmt] = ()) -> Iterator[Finding]:
    """A refusal for each constructor outside of the groups, and of `more`, whose result requests share."""
    if not serves(source.project):
        return
    answered = {statement for group in groups for statement in group.statements}.union(more)
    told: set[ast.stmt] = set(more)
    for group in _everywhere(source):
        for statement in group.statements:
            if statement in answered or statement in told:
                continue
            found = _kept(source, statement)
            if found is not None:
                told.update(group.statements)
                yield source.refuse(statement, *found)
    for node, reason, message in overlooked(source):
        if source.statement(node) not in told:
            told.add(source.statement(node))
            yield source.refuse(node, reason, message)


def _everywhere(source: Source) -> Iterator[Group]:
    """What all statements of the module's top, and of each function, build, blocks within them flattened."""
    within: dict[FunctionNode | None, list[ast.stmt]] = {}
    for statement in [*source.nodes(ast.Assign), *source.nodes(ast.AnnAssign)]:
        within.setdefault(source.function(statement), []).append(statement)
    for function, statements in within.items():
        statements.sort(key=source.start)
        if function is None:
            statements = [each for each in statements if source.scope(each) is source.names.module]
            yield from groups_in(source, statements, source.names.module, loose=True)
        else:
            me = function.args.args[0].arg if source.class_of(function) is not None and function.args.args else ""
            yield from groups_in(source, statements, source.names.inner[function], None, me, loose=True)


def _kept(source: Source, statement: ast.stmt) -> tuple[str, str] | None:
    targets: list[ast.expr] = statement.targets if isinstance(statement, ast.Assign) else [statement.target] if isinstance(statement, ast.AnnAssign) else []
    around = enclosing(source, statement)
    if around is None:
        return _at_import(source, statement, targets)
    for target in _flat(targets):
        if isinstance(target, ast.Name) and target.id in source.scope(target).globals:
            if read_by_requests(source, [target.id]) or reached(source, around):
                return "rebound", f"{target.id} is set under `global` and used by other requests too"
        elif isinstance(target, ast.Attribute) and _is_state(target):
            return "app-state", f"{ast.unparse(target)} belongs to the application, all requests use it"
        elif (found := _on_shelf(source, target)) is not None:
            return found
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
            owner = source.class_of(statement)
            if owner is not None and reached(source, around) and lasting(source, owner):
                return "rebound", f"{ast.unparse(target)} is set by one request and used by the others too"
    return None


def _at_import(source: Source, statement: ast.stmt, targets: list[ast.expr]) -> tuple[str, str] | None:
    if main_block(source, statement) is not None:
        return None
    if isinstance(source.parent(statement), (ast.Module, ast.ClassDef)) and not targets:
        return None
    for target in _flat(targets):
        root: ast.expr = target
        while isinstance(root, (ast.Attribute, ast.Subscript)):
            root = root.value
        if isinstance(target, ast.Attribute) and _is_state(target):
            return "app-state", f"{ast.unparse(target)} belongs to the application, all requests use it"
        if (found := _on_shelf(source, target)) is not None:
            return found
        if isinstance(root, ast.Name) and read_by_requests(source, [root.id]):
            if not isinstance(source.parent(statement), ast.Module):
                return "built-in-a-block", f"{root.id} is shared by all requests and is built under a condition, loop or try"
            where = "a container" if root is not target else "an assignment to several names"
            return "unusual-assignment", f"{root.id} is shared by all requests and is bound by {where}"
    return None


def _on_shelf(source: Source, target: ast.expr) -> tuple[str, str] | None:
    """What is said of a thing that is put on the application in another way, or under a name in a mapping of any module."""
    slot = slot_on_application(source, target)
    if slot is not None and read_on_application(source, slot):
        return "app-state", f"{ast.unparse(target)} belongs to the application, all requests use it"
    if not isinstance(target, ast.Subscript) or not isinstance(target.slice, ast.Constant) or source.function(target) is None:
        return None
    shelf = shelf_of(source, target.value)
    if shelf is not None and read_by_requests(shelf[0], [shelf[1]]):
        return "unusual-assignment", f"{ast.unparse(target.value)} is shared by all requests, and so is what stands in it under {ast.unparse(target.slice)}"
    return None


def _flat(targets: Iterable[ast.expr]) -> Iterator[ast.expr]:
    for target in targets:
        if isinstance(target, (ast.Tuple, ast.List)):
            yield from _flat(target.elts)
        else:
            yield target


def roots(targets: Iterable[ast.expr]) -> Iterator[str]:
    """The names at the left of what is assigned to: `self` of `self.x["y"]`."""
    for target in _flat(targets):
        root = target
        while isinstance(root, (ast.Attribute, ast.Subscript)):
            root = root.value
        if isinstance(root, ast.Name):
            yield root.id


def _is_state(target: ast.Attribute) -> bool:
    return isinstance(target.value, ast.Attribute) and target.value.attr == "state"
