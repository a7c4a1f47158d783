"""What remembers and is kept where it can't be rebuilt: under `global`, on the application's state, in a container, in a block."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator

from ..finding import Finding
from ..handlers import serves
from ..names import FunctionNode
from ..source import Source, targets_of
from ..tests import in_tests
from .on_application import is_state, read_on_application, slot_on_application
from .overlooked import MAKERS, built_with, overlooked, serves_requests
from .reach import attribute_read, enclosing, lasting, main_block, makes_one, reached, read_by_requests, shelf_of
from .shared import Group, cells_in, groups_in, value_of
from .starting import starts
from .values import asked_by_requests


def leftovers(source: Source, groups: Iterable[Group], more: Collection[ast.stmt] = ()) -> Iterator[Finding]:
    """A refusal for each constructor outside of the groups, and of `more`, whose result requests share; none in tests, which serve nobody."""
    if not serves(source.project) or in_tests(source):
        return
    answered = {statement for group in groups for statement in group.statements}.union(more)
    told: set[ast.stmt] = set(more)
    for group in _everywhere(source):
        for statement in group.statements:
            if statement in answered or statement in told:
                continue
            found = _kept(source, statement) or _captured(group, statement)
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
        elif _may_stay(source, function, statements):
            me = function.args.args[0].arg if source.class_of(function) is not None and function.args.args else ""
            yield from groups_in(source, statements, source.names.inner[function], None, me, loose=True)


def _may_stay(source: Source, function: FunctionNode, statements: Iterable[ast.stmt]) -> bool:
    """Whether anything that a function makes may outlive its run: bound to more than a local name, or read by a function within."""
    if function in source.remember("functions around others", lambda: _around(source)):
        return True
    for target in _flat(target for statement in statements for target in targets_of(statement)):
        if not isinstance(target, ast.Name) or target.id in source.scope(target).globals:
            return True
    return False


def _around(source: Source) -> set[ast.AST]:
    """The functions in which others are written."""
    found: set[ast.AST] = set()
    for inner in source.names.inner.values():
        scope = inner.parent if inner.kind in ("function", "lambda") else None
        while scope is not None and scope.node not in found:
            found.add(scope.node)
            scope = scope.parent
    return found


def _kept(source: Source, statement: ast.stmt) -> tuple[str, str] | None:
    targets = targets_of(statement)
    around = enclosing(source, statement)
    if around is None:
        return _at_import(source, statement, targets)
    for target in _flat(targets):
        if isinstance(target, ast.Name) and target.id in source.scope(target).globals:
            if read_by_requests(source, _built_of(source, target.id)) or reached(source, around):
                return "rebound", f"{target.id} is set under `global` and used by {'other requests too' if reached(source, around) else 'all requests'}"
        elif is_state(source, target):
            return "app-state", f"{ast.unparse(target)} belongs to the application, all requests use it"
        elif (found := _on_shelf(source, target)) is not None:
            return found
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
            owner = source.class_of(statement)
            if owner is not None and reached(source, around) and lasting(source, owner):
                return "rebound", f"{ast.unparse(target)} is set by one request and used by the others too"
            if owner is not None and around.name == "__getattr__" and asked_by_requests(source, owner):
                return "rebound", f"{ast.unparse(target)} is what instances of {owner.name} hand on by __getattr__ to all requests"
            if owner is not None and around.name in MAKERS and makes_one(source, owner) and serves_requests(source, owner):
                return "rebound", f"{ast.unparse(target)} is one for all instances of {owner.name}"
    return None


def _captured(group: Group, statement: ast.stmt) -> tuple[str, str] | None:
    """What is said of a local that a function within reads, where that lasts: `answer = make_answer()`."""
    source, function = group.source, group.source.function(statement)
    slots = [slot for slot, made in group.slots.items() if made is statement and not slot.startswith("self.")]
    if function is None or not any(source.function(load) is not function for slot in slots for load in source.names.uses(slot, group.scope)):
        return None
    kept = built_with(source, function) if not reached(source, function) else None
    return ("handed-on", f"{kept}, which {function.name} makes, uses {slots[0]} for all requests") if kept is not None else None


def _at_import(source: Source, statement: ast.stmt, targets: list[ast.expr]) -> tuple[str, str] | None:
    if isinstance(source.parent(statement), (ast.Module, ast.ClassDef)) and not targets:
        return None
    if main_block(source, statement) is not None:
        return _for_the_service(source, targets)
    for target in _remembering(source, statement, targets):
        root: ast.expr = target
        while isinstance(root, (ast.Attribute, ast.Subscript)):
            root = root.value
        if is_state(source, target):
            return "app-state", f"{ast.unparse(target)} belongs to the application, all requests use it"
        if (found := _on_shelf(source, target)) is not None:
            return found
        if isinstance(root, ast.Name) and read_by_requests(source, _built_of(source, root.id)):
            if not isinstance(source.parent(statement), ast.Module):
                return "built-in-a-block", f"{root.id} is shared by all requests and is built under a condition, loop or try"
            if root is target and len(targets) == 1 and not isinstance(source.parent(target), (ast.Tuple, ast.List)):
                again = [each for each in source.names.module.bindings[root.id] if isinstance(source.parent(each.node), ast.Module) and source.start(each.node) > source.start(statement)]
                return None if again else ("rebound", f"{root.id} is shared by all requests, and is bound in several places")
            where = "a container" if root is not target else "an assignment to several names"
            return "unusual-assignment", f"{root.id} is shared by all requests and is bound by {where}"
    return None


def _for_the_service(source: Source, targets: list[ast.expr]) -> tuple[str, str] | None:
    """What is said of what only the block under `__main__` builds, before it runs the service."""
    for target in _flat(targets):
        bindings = source.names.module.bindings[target.id] if isinstance(target, ast.Name) else []
        if isinstance(target, ast.Name) and all(main_block(source, each.node) is not None for each in bindings) and read_by_requests(source, [target.id]):
            return "built-in-a-block", f"{target.id} is shared by all requests and is built under `if __name__ == \"__main__\"`"
    return None


def _remembering(source: Source, statement: ast.stmt, targets: list[ast.expr]) -> list[ast.expr]:
    """What is assigned to, without the parts of `llm, memory = ChatOpenAI(), ConversationBufferMemory()` that remember nothing."""
    value = value_of(statement)
    found: list[ast.expr] = []
    for target in targets:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            found += [part for part, its in zip(target.elts, value.elts) if any(True for _ in cells_in(source, its))]
        else:
            found += _flat([target])
    return found


def _built_of(source: Source, name: str) -> list[str]:
    """A name of the module, and those that are built of it, at the top of the module or under `global`."""
    names, todo = [name], [name]
    while todo:
        for load in source.names.uses(todo.pop(), source.names.module):
            statement = source.statement(load)
            if isinstance(statement, (ast.Assign, ast.AnnAssign)):
                made = [each.id for each in _flat(targets_of(statement)) if isinstance(each, ast.Name) and each.id not in names and source.scope(each).home(each.id) is source.names.module]
                names += made
                todo += made
    return names


def _on_shelf(source: Source, target: ast.expr) -> tuple[str, str] | None:
    """What is said of a thing that is put on the application in another way, or under a name in a mapping of any module."""
    slot = slot_on_application(source, target)
    if slot is not None and read_on_application(source, slot):
        return "app-state", f"{ast.unparse(target)} belongs to the application, all requests use it"
    if isinstance(target, ast.Subscript) and ast.unparse(target.value) == "globals()" and (around := enclosing(source, target)) is not None and reached(source, around):
        return "rebound", f"{ast.unparse(target)} is set by one request and used by the others too"
    holder = shelf_of(source, target.value, module=True) if isinstance(target, ast.Attribute) and source.function(target) is not None else None
    if holder is not None and isinstance(target, ast.Attribute) and attribute_read(*holder, target.attr):
        return "rebound", f"{ast.unparse(target)} is one for all requests"
    function = source.function(target)
    abroad = source.qualified(target.value) if isinstance(target, (ast.Attribute, ast.Subscript)) and function is not None else ""
    if abroad and function is not None and source.project.lookup(abroad, source.path) is None and starts(source, function):
        return "unusual-assignment", f"{ast.unparse(target.value)} is of another file, and what stands in it serves all requests"  # type: ignore[attr-defined]
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
