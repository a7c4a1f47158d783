"""Attributes that begin as None and get their object from a method that runs once, before any request: `init_app`, `setup`."""

from __future__ import annotations

import ast

from ..move import movable
from ..names import FunctionNode
from ..source import Source, is_none
from .shared import Group


def placeholders(group: Group) -> list[ast.stmt]:
    """The statements `self.chain = None` of `__init__`, for what another method of the class sets; none of those that something asks after."""
    source, owner = group.source, group.owner
    if owner is None or not group.me or getattr(group.scope.node, "name", "") == "__init__":
        return []
    found: list[ast.stmt] = []
    for slot in group.slots:
        attr = slot.removeprefix("self.")
        read = [(other, node) for other in source.project.mentioning(attr) for node in other.attributes(attr) if slot != attr and _may_be(other, node, owner)]
        if slot == attr or any(_asks(other, node) for other, node in read):
            continue
        for (_, name), targets in source.names.stores.items():
            found += [source.statement(target) for target in targets if name == attr and source.class_of(target) is owner and _is_placeholder(source, target)]
    return found


def _is_placeholder(source: Source, target: ast.expr) -> bool:
    statement, method = source.statement(target), source.function(target)
    alone = isinstance(statement, ast.AnnAssign) or (isinstance(statement, ast.Assign) and statement.targets == [target])
    if not alone or not is_none(getattr(statement, "value", None)) or not isinstance(method, FunctionNode) or method.name != "__init__":
        return False
    return statement in method.body and len(method.body) > 1 and movable(source, statement)


def _may_be(source: Source, node: ast.Attribute, owner: ast.ClassDef) -> bool:
    """Whether an attribute may be one of the class's instances'; that of `self` in another class is not."""
    around = source.class_of(node)
    return around is None or around is owner or not (isinstance(node.value, ast.Name) and node.value.id == "self")


def _asks(source: Source, node: ast.Attribute) -> bool:
    """`if self.chain is None`, `if not self.chain`, `self.chain or other`."""
    above = source.parent(node)
    if isinstance(above, (ast.Compare, ast.BoolOp, ast.UnaryOp)):
        return True
    return isinstance(above, (ast.If, ast.IfExp, ast.While, ast.Assert)) and above.test is node
