"""What a mapping that is spread into a call is known to hold."""

from __future__ import annotations

import ast
from typing import Literal

from .names import Binding
from .source import Source, is_none

Answer = Literal["yes", "no", "none", "unknown"]  # none: the key is there, and its value is None

READERS = frozenset({"get", "items", "keys", "values", "copy"})
PLAIN_CALLS = frozenset({"print", "len", "str", "repr", "dict", "list", "sorted", "bool"})
LOGGED = frozenset({"debug", "info", "warning", "error", "exception"})


def holds(source: Source, call: ast.Call, key: str) -> Answer:
    """Whether the keywords that a call spreads hold the key."""
    answers = {holding(source, given.value, key, call) for given in call.keywords if given.arg is None}
    return next((answer for answer in ("yes", "none", "unknown") if answer in answers), "no")


def holding(source: Source, node: ast.expr, key: str, call: ast.Call, hops: int = 0) -> Answer:
    """Whether one mapping holds the key at the time of the call."""
    if hops > 4:
        return "unknown"
    if isinstance(node, ast.Dict):
        answer: Answer = "no"
        for its, value in zip(node.keys, node.values, strict=True):
            if its is None:
                inner = holding(source, value, key, call, hops + 1)
                answer = answer if inner == "no" or (inner, answer) == ("unknown", "yes") else inner
            elif not isinstance(its, ast.Constant):
                answer = "unknown" if answer == "no" else answer
            elif its.value == key:
                answer = "none" if is_none(value) else "yes"
        return answer
    if isinstance(node, ast.Call) and source.qualified(node.func) == "" and isinstance(node.func, ast.Name) and node.func.id == "dict" and len(node.args) < 2:
        for given in node.keywords:
            if given.arg == key:
                return "none" if is_none(given.value) else "yes"
        spread = [*node.args, *(given.value for given in node.keywords if given.arg is None)]
        return next((answer for answer in (holding(source, each, key, call, hops + 1) for each in spread) if answer != "no"), "no")
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        right = holding(source, node.right, key, call, hops + 1)
        return right if right != "no" else holding(source, node.left, key, call, hops + 1)
    if isinstance(node, ast.Name):
        return _named(source, node, key, call, hops)
    if isinstance(node, ast.Call):  # of a function that returns a literal
        made = source.origins(node)
        if all(isinstance(origin.node, ast.Dict) and origin.binding is None for origin in made):
            answers = {holding(origin.source, origin.node, key, call, hops + 1) for origin in made if isinstance(origin.node, ast.Dict)}
            return answers.pop() if len(answers) == 1 else "unknown"
    return "unknown"


def _named(source: Source, node: ast.Name, key: str, call: ast.Call, hops: int) -> Answer:
    home = source.scope(node).home(node.id)
    bindings = source.bindings(node.id, home) if home is not None else []
    changed = [_change(source, binding.scope, use, key, call) for binding in bindings[:1] for use in source.uses(binding)]
    if "yes" in changed:
        return "yes"
    if len(bindings) == 1 and bindings[0].kind == "import":
        return _imported(source, bindings[0], key, call, hops)
    assigned = [binding for binding in bindings if binding.kind == "assign" and not binding.unpacked and binding.value is not None]
    if not assigned or any(binding.kind not in ("assign", "annotation", "param") for binding in bindings):
        return "unknown"
    answers = {holding(source, binding.value, key, call, hops + 1) for binding in assigned if binding.value is not None}
    if len(assigned) < len(bindings):
        # `kwargs = {"timeout": 5, **kwargs}` over a parameter: only the certain yes counts
        return "yes" if answers == {"yes"} else "unknown"
    if len(answers) > 1 or "unknown" in changed:
        return "unknown"
    return answers.pop()


def _imported(source: Source, binding: Binding, key: str, call: ast.Call, hops: int) -> Answer:
    found = source.project.lookup(binding.origin, source.path)
    if found is None or not found[1]:
        return "unknown"
    other, name = found
    its = other.names.module.bindings.get(name, [])
    if len(its) != 1 or its[0].kind != "assign" or not isinstance(its[0].value, ast.Dict):
        return "unknown"
    answer = holding(other, its[0].value, key, call, hops + 1)
    return answer if answer != "no" or all(_change(other, its[0].scope, use, key, call) == "no" for use in other.uses(its[0])) else "unknown"


def _change(source: Source, home: object, use: ast.Name, key: str, call: ast.Call) -> Answer:
    """What one use of a mapping's name does to the key: put it there for certain, leave it alone, or who knows."""
    above = source.parent(use)
    if isinstance(above, ast.Subscript) and above.value is use:
        if isinstance(above.ctx, ast.Load):
            return "no"
        if isinstance(above.slice, ast.Constant):
            return ("yes" if _certain(source, above, call) else "unknown") if above.slice.value == key else "no"
        return "unknown"
    if isinstance(above, ast.Attribute) and isinstance(source.parent(above), ast.Call):
        outer = source.parent(above)
        assert isinstance(outer, ast.Call)
        if above.attr in READERS or (above.attr == "pop" and outer.args and isinstance(outer.args[0], ast.Constant) and outer.args[0].value != key):
            return "no"
        if above.attr == "setdefault" and outer.args and isinstance(outer.args[0], ast.Constant):
            return ("yes" if _certain(source, outer, call) else "unknown") if outer.args[0].value == key else "no"
        return "unknown"
    if isinstance(above, ast.Call) and use in above.args:
        callee = above.func
        harmless = callee.id in PLAIN_CALLS if isinstance(callee, ast.Name) else isinstance(callee, ast.Attribute) and callee.attr in LOGGED
        return "no" if harmless else "unknown"
    if isinstance(above, (ast.keyword, ast.Dict, ast.Compare, ast.BoolOp, ast.If, ast.IfExp, ast.FormattedValue, ast.BinOp)):
        return "no" if not isinstance(above, ast.keyword) or above.arg is None else "unknown"
    return "unknown"


def _certain(source: Source, change: ast.AST, call: ast.Call) -> bool:
    """Whether the change is run before the call on every way: it stands above, in a block that the call is in too."""
    statement = source.statement(change)
    block = source.parent(statement)
    around = {call, *source.parents(call)}
    for name in ("body", "orelse", "finalbody"):
        statements = getattr(block, name, None)
        if isinstance(statements, list) and statement in statements:
            return any(later in around for later in statements[statements.index(statement) + 1 :])
    return False
