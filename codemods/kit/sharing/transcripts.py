"""Lists that handlers fill with messages and hand to a model: a memory that nobody called one."""

from __future__ import annotations

import ast

from ..callers import argument
from ..names import FunctionNode
from ..source import Source

GROWS = ("append", "extend", "insert")
NAMED = frozenset("messages message_history chat_history history chat_messages conversation conversation_history contents input".split())
RUNS = frozenset("invoke ainvoke stream astream batch abatch run arun predict apredict predict_messages apredict_messages generate agenerate acall complete acomplete create".split())
SPOKEN = ("HumanMessage", "AIMessage", "SystemMessage", "ChatMessage", "FunctionMessage", "ToolMessage")
SHOWS = frozenset("render render_template TemplateResponse jsonify JSONResponse json_response dumps dump print str len list dict info debug".split())


def may_hold_transcripts(source: Source) -> bool:
    """Whether a file's text could hold such a list."""
    if source.words.isdisjoint(GROWS):
        return False
    return b'"role"' in source.utf8 or b"'role'" in source.utf8 or "chat_history" in source.words or not source.words.isdisjoint(SPOKEN)


def holds_transcripts(source: Source) -> bool:
    """Whether there is such a list in a file."""
    return may_hold_transcripts(source) and any(is_transcript(source, node) for node in source.nodes(ast.List))


def is_transcript(source: Source, node: ast.AST) -> bool:
    """Whether a list, bound at the top of a module, in a class or on `self` when it is made, grows by messages and is handed to a model."""
    statement = source.parent(node)
    if not isinstance(node, ast.List) or not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is not node or not may_hold_transcripts(source):
        return False
    return bool(source.remember(("transcript", node), lambda: _is_transcript(source, statement)))


def _is_transcript(source: Source, statement: ast.Assign | ast.AnnAssign) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    uses = _uses(source, statement, targets[0]) if len(targets) == 1 else []
    inside = [use for use in uses if source.function(use) not in (None, source.function(statement))]
    return any(_grows(source, use) for use in inside) and any(_handed_over(source, use) for use in inside)


def _uses(source: Source, statement: ast.stmt, target: ast.expr) -> list[ast.expr]:
    """The reads of a name of the module, or of an attribute of the class's instances within the class."""
    owner = source.class_of(statement)
    function = source.function(statement)
    if isinstance(target, ast.Name) and function is None and isinstance(source.parent(statement), ast.Module):
        return [*source.names.uses(target.id, source.names.module)]
    if isinstance(target, ast.Name) and function is None and owner is not None and not owner.bases and not owner.decorator_list:
        attr = target.id
    elif isinstance(target, ast.Attribute) and function is not None and function.name == "__init__" and source.parent(statement) is function:
        attr = target.attr
    else:
        return []
    return [node for node in source.attributes(attr) if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls") and source.class_of(node) is owner]


def _grows(source: Source, use: ast.expr) -> bool:
    method = source.parent(use)
    if not isinstance(method, ast.Attribute) or method.attr not in GROWS:
        return False
    call = source.parent(method)
    if not isinstance(call, ast.Call) or call.func is not method or not call.args:
        return False
    added = call.args[-1]
    return any(_is_message(source, each) for each in (added.elts if method.attr == "extend" and isinstance(added, (ast.List, ast.Tuple)) else [added]))


def _is_message(source: Source, node: ast.expr) -> bool:
    if isinstance(node, ast.Dict):
        return any(isinstance(key, ast.Constant) and key.value == "role" for key in node.keys)
    if isinstance(node, ast.Call):
        return source.qualified(node.func).rpartition(".")[2] in SPOKEN
    if isinstance(node, ast.Name):
        return any(_is_message(source, origin.node) for origin in source.origins(node) if origin.source is source and isinstance(origin.node, (ast.Call, ast.Dict)))
    return isinstance(node, ast.Tuple) and len(node.elts) == 2


def _handed_over(source: Source, use: ast.expr, hops: int = 0) -> bool:
    """Whether a model, or a function of the project that names it a history, is given the list, a part of it, or a list with it within."""
    node: ast.expr = use
    while True:
        above = source.parent(node)
        if (isinstance(above, ast.Subscript) and above.value is node) or isinstance(above, (ast.BinOp, ast.Starred, ast.List)):
            node = above
        else:
            break
    if isinstance(above, ast.Assign) and hops < 2 and len(above.targets) == 1 and isinstance(above.targets[0], ast.Name):
        scope = source.scope(above.targets[0])
        return any(_handed_over(source, load, hops + 1) for load in source.names.uses(above.targets[0].id, scope))
    if isinstance(above, ast.keyword):
        call = source.parent(above)
        return isinstance(call, ast.Call) and above.arg in NAMED and _name(call) not in SHOWS
    if isinstance(above, ast.Dict):
        words = [key.value for key, value in zip(above.keys, above.values, strict=True) if value is node and isinstance(key, ast.Constant)]
        call = source.parent(above)
        return bool(words) and words[0] in NAMED and isinstance(call, ast.Call) and above in call.args and _name(call) not in SHOWS
    if not isinstance(above, ast.Call) or node not in above.args:
        return False
    if _name(above) in RUNS:
        return True
    return any(_takes(origin.node, above, node, isinstance(origin.source.parent(origin.node), ast.ClassDef)) for origin in source.origins(above.func) if isinstance(origin.node, FunctionNode))


def _takes(function: FunctionNode, call: ast.Call, node: ast.expr, method: bool) -> bool:
    """Whether the parameter that gets the list is called a history."""
    return any(argument(function, call, arg.arg, method=method) is node for arg in function.args.args if arg.arg in NAMED)


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""
