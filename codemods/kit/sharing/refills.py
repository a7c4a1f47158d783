"""Lists that functions set anew, under `global` or on an instance: where each session has a list of its own, it is filled anew in place."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..callers import callers
from ..finding import Edit
from ..handlers import handlers
from ..names import Binding
from ..source import Source
from ..tests import in_tests
from .declared import unsaid
from .reach import Use, enclosing, imports_of, is_instance, member_uses, uses_of
from .renewals import renewed
from .shared import Group, value_of
from .starting import starts
from .transcripts import is_new_list

NEW = (ast.List, ast.ListComp, ast.BinOp, ast.Call)


@dataclass(frozen=True, slots=True)
class Refills:
    """The names that are assigned to, and what makes them changes of what the name stands for. `gone`: statements of which nothing is left."""

    uses: tuple[Use, ...]
    edits: tuple[Edit, ...]
    gone: tuple[ast.stmt, ...] = ()


def refills(group: Group) -> Refills | None:
    """What the functions do that set the only list of a group anew, or build what it holds once more; None where there is none, or one of them does it in another way."""
    return group.source.remember(("refills", group.first), lambda: _refills(group) or _renewals(group))  # type: ignore[no-any-return]


def _renewals(group: Group) -> Refills | None:
    uses, edits, gone = renewed(group) or ([], [], [])
    return Refills(tuple(uses), tuple(edits), tuple(gone)) if uses else None


def _refills(group: Group) -> Refills | None:
    source = group.source
    if len(group.slots) != 1 or len(group.cells) != 1 or (group.owner is not None and not group.me):
        return None
    (slot,), (cell,) = group.slots, group.cells
    made = value_of(group.first)
    if cell.kind != "transcript" or cell.call is not made or not (is_new_list(source, made) or _is_empty_deque(source, made)):
        return None
    read = uses_of(source, group.scope, [slot], group.statements) if group.owner is None else member_uses(source, group.owner, [slot], group.scope, group.statements)
    uses = _set_in_scope(group, slot) if group.owner is None else _set_on_instances(group, group.owner, slot)
    if not uses or any(_is_held(use) for use in read):
        return None
    edits: list[Edit] = []
    for home, target in ((use.source, use.node) for use in uses):
        node = home.parent(target)
        whole = isinstance(node, ast.Assign) and len(node.targets) == 1
        if not whole and not (isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add)):
            return None
        around = home.function(target)
        if around is None or around is group.scope.node or starts(home, around):
            return None
        if _is_empty_deque(source, made):  # it takes no slices
            if not isinstance(node, ast.Assign) or not _is_empty_deque(home, node.value):
                return None
            edits.append(home.edit(home.stop(target), home.stop(node), ".clear()"))
            continue
        if isinstance(node, ast.Assign) and not _is_new(node.value):
            return None
        if isinstance(node, ast.Assign) or enclosing(home, target) is not around:  # within a function inside, `+=` would make a local of it
            edits.append(home.edit(home.stop(target), home.stop(target), "[:]"))
    places = {source.path: (source, slot, group.scope)} | {use.source.path: (use.source, use.importing.name, use.importing.scope) for use in uses if use.importing is not None}
    for home, name, scope in places.values() if group.owner is None else ():
        said: list[ast.Global | ast.Nonlocal] = [*home.nodes(ast.Global), *home.nodes(ast.Nonlocal)]
        for statement in said:
            if name in statement.names and home.scope(statement).home(name) is scope:
                edits += unsaid(home, statement, [name])
    return Refills(tuple(uses), tuple(edits))


def _set_in_scope(group: Group, slot: str) -> list[Use]:
    """The names that functions assign to, and the same of the module in other files: `state.messages = []`; none where something else is done."""
    source = group.source
    found: list[Use] = []
    homes: list[tuple[Source, Binding, Binding | None]] = [(source, binding, None) for binding in group.scope.bindings.get(slot, ()) if binding.node is not group.first]
    for other, its in imports_of(source, slot) if group.scope is source.names.module else ():
        homes += [(other, binding, its) for binding in its.scope.bindings[its.name] if binding is not its]
    for home, binding, importing in homes:
        node = binding.node
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target if isinstance(node, ast.AugAssign) else None
        if binding.within is binding.scope or not isinstance(target, ast.Name):
            return []
        found.append(Use(home, target, slot, importing))
    for other in source.project.mentioning(slot) if group.scope is source.names.module else ():
        if other is not source and not in_tests(other):
            found += [Use(other, each, slot) for each in other.attributes(slot) if isinstance(each.ctx, ast.Store) and other.qualified(each.value) == source.module]
    return found


def _set_on_instances(group: Group, owner: ast.ClassDef, slot: str) -> list[Use]:
    """`self.messages = []` in a method, `tutor.messages = []` in a handler."""
    attr = slot.removeprefix("self.")
    inside = {node for statement in group.statements for node in ast.walk(statement)}
    return [
        Use(other, each, slot)
        for other in group.source.project.mentioning(attr)
        for each in other.attributes(attr)
        if isinstance(each.ctx, ast.Store) and each not in inside and not in_tests(other) and is_instance(other, each.value, owner)
    ]


def _is_held(use: Use) -> bool:
    """Whether the list itself gets another name, or lies in something: it would change there too."""
    above = use.source.parent(use.node)
    if isinstance(above, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
        return above.value is use.node
    if isinstance(above, ast.Call) and use.node in above.args:
        return _puts(above)
    if isinstance(above, ast.Dict):  # in an answer it may lie, not in what stays
        around = use.source.parent(above)
        return (isinstance(around, ast.Assign) and not all(isinstance(target, ast.Name) for target in around.targets)) or (isinstance(around, ast.Call) and _puts(around))
    if isinstance(above, ast.Return) and (function := use.source.function(above)) is not None and function not in handlers(use.source.project):
        asked = [other.parent(call) for other, call in callers(use.source, function).calls]
        return bool(function.decorator_list) or any(isinstance(each, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) for each in asked)
    return isinstance(above, (ast.Tuple, ast.List)) and isinstance(use.source.parent(above), (ast.Assign, ast.Call, ast.List))


def _puts(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in ("append", "insert", "appendleft", "put", "add", "setdefault")


def _is_empty_deque(source: Source, value: ast.AST | None) -> bool:
    return isinstance(value, ast.Call) and "deque" in source.words and source.qualified(value.func) == "collections.deque" and not value.args


def _is_new(value: ast.expr) -> bool:
    """Whether an expression surely gives a list that nothing else holds."""
    if isinstance(value, ast.Subscript):
        return isinstance(value.slice, ast.Slice)
    if isinstance(value, ast.IfExp):
        return _is_new(value.body) and _is_new(value.orelse)
    return isinstance(value, NEW)
