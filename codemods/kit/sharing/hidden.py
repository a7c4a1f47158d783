"""What instances hold, asked for or changed where the instance can't be told: `getattr(engine, "chain")`, `other.chain`, `engine.memory = ...`."""

from __future__ import annotations

import ast

from ..callers import argument
from ..names import FunctionNode
from ..origins import class_of
from ..source import Source, is_none
from .reach import enclosing, instances, is_instance, reached
from .refills import refills
from .shared import Group
from .stations import Unclear

BY_NAME = ("getattr", "hasattr", "setattr", "delattr", "object", "attrgetter")


def object_to_hidden(group: Group) -> None:
    """Raises Unclear where something besides the known uses may need an attribute that goes."""
    assert group.owner is not None
    home, owner, anew = group.source, group.owner, refills(group)
    for slot in group.slots:
        attr = slot.removeprefix("self.")
        if attr == slot:
            continue
        for other in home.project:
            if attr.encode() not in other.utf8:
                continue
            for call in other.index.calls(BY_NAME):
                named = any(isinstance(each, ast.Constant) and each.value == attr for each in call.args)
                if named and not _of_another(other, call.args[0], owner):
                    raise Unclear("handed-on", f"{ast.unparse(call)} asks for {attr} by its name", other, call)
            for attribute in other.attributes(attr):
                if other.class_of(attribute) is owner or any(attribute in ast.walk(statement) for statement in group.statements if other is home):
                    continue
                if not isinstance(attribute.ctx, ast.Load):
                    if (anew is None or all(use.node is not attribute for use in anew.uses)) and is_instance(other, attribute.value, owner):
                        raise Unclear("rebound", f"{ast.unparse(attribute)} is set anew in another place", other, attribute)
                elif _unknown(other, attribute.value) and (around := enclosing(other, attribute)) is not None and reached(other, around):
                    raise Unclear("handed-on", f"{ast.unparse(attribute)} may be that of {owner.name}", other, attribute)


def object_to_given(group: Group) -> None:
    """Raises Unclear where an instance is given what it would make itself: `self.chain = chain or ConversationChain(...)`."""
    function = group.scope.node
    if group.owner is None or not isinstance(function, FunctionNode):
        return
    for statement in group.statements:
        for choice in ast.walk(statement):
            if not isinstance(choice, (ast.BoolOp, ast.IfExp)):
                continue
            for name in ast.walk(choice):
                given = isinstance(name, ast.Name) and any(binding.kind == "param" for binding in group.scope.bindings.get(name.id, ())) and name.id != group.me
                for other, call in instances(group.source, group.owner) if given else ():
                    sent = argument(function, call, name.id, method=True)  # type: ignore[attr-defined]
                    if sent is not None and not is_none(sent):
                        raise Unclear("handed-on", f"{ast.unparse(call)} is given one from outside", other, call)


def _unknown(source: Source, node: ast.expr) -> bool:
    """Whether nothing is known of an object but what a request, or a call by a name in text, may have given it."""
    origins = source.origins(node)
    if any(class_of(origin) is not None or origin.kind not in ("unknown", "parameter", "value") for origin in origins):
        return False
    return all(origin.kind == "parameter" or _by_name(origin.node) for origin in origins)


def _by_name(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr"


def _of_another(source: Source, node: ast.expr, owner: ast.ClassDef) -> bool:
    """Whether an object is known, and no instance of the class."""
    if is_instance(source, node, owner):
        return False
    return all(class_of(origin) is not None or origin.kind in ("import", "module", "annotation", "class", "function") for origin in source.origins(node))
