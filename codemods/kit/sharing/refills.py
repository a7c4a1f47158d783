"""Lists that functions set anew under `global`: where each session has a list of its own, it is filled anew in place."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..cut import replace
from ..finding import Edit
from ..move import without
from ..names import FunctionNode
from .reach import Use, uses_of
from .shared import Group, value_of

NEW = (ast.List, ast.ListComp, ast.BinOp, ast.Call)


@dataclass(frozen=True, slots=True)
class Refills:
    """The names that are assigned to, and what makes them changes of the list that the name stands for."""

    uses: tuple[Use, ...]
    edits: tuple[Edit, ...]


def refills(group: Group) -> Refills | None:
    """What the functions do that set the only list of a group anew; None where there is none, or one of them does it in another way."""
    return group.source.remember(("refills", group.first), lambda: _refills(group))  # type: ignore[no-any-return]


def _refills(group: Group) -> Refills | None:
    source = group.source
    if group.owner is not None or group.scope is not source.names.module or len(group.slots) != 1 or len(group.cells) != 1:
        return None
    (slot,), (cell,) = group.slots, group.cells
    made = value_of(group.first)
    if slot not in group.scope.bindings or cell.kind != "transcript" or cell.call is not made or not (isinstance(made, ast.List) or (isinstance(made, ast.Call) and ast.unparse(made.func) == "list")):
        return None
    if any(_is_held(use) for use in uses_of(source, group.scope, [slot], group.statements)):
        return None
    uses: list[Use] = []
    edits: list[Edit] = []
    functions: list[FunctionNode] = []
    for binding in group.scope.bindings[slot]:
        if binding.node is group.first:
            continue
        node, function = binding.node, source.function(binding.node)
        target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else node.target if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add) else None
        if binding.within is group.scope or function is None or not isinstance(target, ast.Name):
            return None
        if isinstance(node, ast.Assign):
            if not _is_new(node.value):
                return None
            edits.append(source.edit(source.stop(target), source.stop(target), "[:]"))
        uses.append(Use(source, target, slot))
        functions.append(function)
    said = [each for each in source.nodes(ast.Global) if slot in each.names]
    for statement in said if uses else ():
        block = next((part for part in ("body", "orelse") if statement in getattr(source.parent(statement), part, ())), "")
        if not block or len(getattr(source.parent(statement), block)) == 1:
            return None
        others = [name for name in statement.names if name != slot]
        edits += replace(source, statement, f"global {', '.join(others)}") if others else [without(source, statement, statement)]
    return Refills(tuple(uses), tuple(edits)) if uses else None


def _is_held(use: Use) -> bool:
    """Whether the list itself gets another name, or lies in something: it would change there too."""
    above = use.source.parent(use.node)
    if isinstance(above, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
        return above.value is use.node
    if isinstance(above, ast.Call) and use.node in above.args:
        return isinstance(above.func, ast.Attribute) and above.func.attr in ("append", "insert", "appendleft", "put", "add", "setdefault")
    return isinstance(above, (ast.Tuple, ast.List)) and isinstance(use.source.parent(above), (ast.Assign, ast.Call, ast.List))


def _is_new(value: ast.expr) -> bool:
    """Whether an expression surely gives a list that nothing else holds."""
    if isinstance(value, ast.Subscript):
        return isinstance(value.slice, ast.Slice)
    if isinstance(value, ast.IfExp):
        return _is_new(value.body) and _is_new(value.orelse)
    return isinstance(value, NEW)
