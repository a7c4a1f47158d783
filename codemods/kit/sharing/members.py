"""Attributes that a method makes when they are first asked for: `if self.chain is None: self.chain = ...`."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..move import movable
from ..names import FunctionNode
from ..source import Source, is_none


@dataclass(frozen=True, slots=True)
class Lazy:
    """`me`: what the method calls its instance. `begins`: the statements of the class that set the attribute to None."""

    me: str
    attr: str
    block: ast.If
    begins: list[ast.stmt]


def lazy_attribute(source: Source, function: FunctionNode, owner: ast.ClassDef) -> Lazy | None:
    """The attribute that nothing but this method reads or sets, as a whole, in a block that asks whether it is there."""
    me = function.args.args[0].arg if function.args.args and function.name not in ("__init__", "__new__", "__post_init__") else ""
    if any(ast.unparse(each) == "classmethod" for each in function.decorator_list):
        return None
    for block in function.body if me else ():
        if not isinstance(block, ast.If) or block.orelse or not (attr := _asked_for(block.test, me)):
            continue
        begins: list[ast.stmt] = []
        sets = [each for each in block.body if isinstance(each, (ast.Assign, ast.AnnAssign)) and _is(each.targets[0] if isinstance(each, ast.Assign) else each.target, me, attr)]
        if len(sets) != 1 or any(isinstance(each, ast.Assign) and len(each.targets) > 1 for each in sets):
            return None
        for node in source.attributes(attr):
            statement, method = source.statement(node), source.function(node)
            if source.class_of(node) not in (None, owner) and isinstance(node.value, ast.Name) and node.value.id == "self":
                continue
            if method is function and _is(node, me, attr) and (isinstance(node.ctx, ast.Load) or statement is sets[0]):
                continue
            if not _begins(source, statement, node, owner):
                return None
            begins.append(statement)
        for statement in owner.body:  # `chain = None`, `chain: ConversationChain | None = None`
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target if isinstance(statement, ast.AnnAssign) else None
            if isinstance(target, ast.Name) and target.id == attr:
                if not is_none(getattr(statement, "value", None)) or owner.decorator_list or len(owner.body) < 2:
                    return None
                begins.append(statement)
        others = [other for other in source.project.mentioning(attr) if other is not source and other.attributes(attr)]
        return Lazy(me, attr, block, begins) if not others and all(movable(source, each) for each in begins) else None
    return None


def _asked_for(test: ast.expr, me: str) -> str:
    """The attribute that a test finds unset: `self.chain is None`, `not self.chain`, `not hasattr(self, "chain")`."""
    node: ast.AST = test
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], (ast.Is, ast.Eq)) and is_none(test.comparators[0]):
        node = test.left
    elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        node = test.operand
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "hasattr" and len(node.args) == 2:
            holder, name = node.args
            return name.value if isinstance(holder, ast.Name) and holder.id == me and isinstance(name, ast.Constant) and isinstance(name.value, str) else ""
    return node.attr if isinstance(node, ast.Attribute) and _is(node, me, node.attr) else ""


def _is(node: ast.AST, me: str, attr: str) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == attr and isinstance(node.value, ast.Name) and node.value.id == me


def _begins(source: Source, statement: ast.stmt, node: ast.Attribute, owner: ast.ClassDef) -> bool:
    """Whether `__init__` sets the attribute to None, and does more than that."""
    method = source.function(node)
    alone = isinstance(statement, ast.AnnAssign) or (isinstance(statement, ast.Assign) and statement.targets == [node])
    if not alone or not isinstance(method, FunctionNode) or method.name != "__init__" or source.parent(method) is not owner:
        return False
    return is_none(getattr(statement, "value", None)) and statement in method.body and len(method.body) > 1
