"""Functions that build from what is shared, before any request: `chain = make_chain()`, where `make_chain` reads the memory of its module.

Given the memory as a parameter such a function can be asked for each request.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..callers import argument, callers, takes_more
from ..handlers import handlers
from ..libraries.memory import is_light, is_model, is_plain, keeps
from ..names import FunctionNode, Scope
from ..source import Source
from .key import parameters

SHOWN = ("load_memory_variables", "chat_memory")  # what a chain may be given of a memory instead of the whole


@dataclass(frozen=True, slots=True, eq=False)
class Maker:
    """`reads`: where it reads names of the module, or attributes of its instance, by what these are called. `sets`: its last statement, where that sets an attribute."""

    function: ast.FunctionDef
    calls: tuple[ast.Call, ...]
    reads: Mapping[str, list[ast.expr]]
    sets: ast.Assign | None = None


def makers(source: Source, scope: Scope, me: str) -> Mapping[str, Maker]:
    """Such functions beside a body, by name: of a module, or of the class that `scope` makes instances of."""
    return source.remember(("makers", scope.node, me), lambda: {each.function.name: each for each in _makers(source, scope, me)})  # type: ignore[no-any-return]


def _makers(source: Source, scope: Scope, me: str) -> Iterator[Maker]:
    around = scope.node
    if scope.kind == "module":
        for function in source.tree.body:
            if not isinstance(function, ast.FunctionDef) or len(scope.bindings.get(function.name, ())) != 1:
                continue
            early = any(source.function(load) is None for load in source.names.loads.get(function.name, ()))
            if early and (found := _maker(source, function, None, _of_module(source, function))) is not None:
                yield found
    elif isinstance(around, ast.FunctionDef) and isinstance(owner := source.parent(around), ast.ClassDef) and me.isidentifier() and around.name == "__init__":
        for function in owner.body:
            if not isinstance(function, ast.FunctionDef) or function is around or not function.args.args or len(source.names.inner[owner].bindings.get(function.name, ())) != 1:
                continue
            if (found := _maker(source, function, around, _of_instance(source, function))) is not None:
                yield found


def _maker(source: Source, function: ast.FunctionDef, around: ast.FunctionDef | None, read: dict[str, list[ast.expr]]) -> Maker | None:
    """`around`: the function that alone calls it; None for the module."""
    fitting = {name: nodes for name, nodes in read.items() if all(built_upon(source, node) for node in nodes) and takes_more(source, function, name)}
    sets = _last_set(function) if around is not None else None
    if not fitting or function.decorator_list or function in handlers(source.project) or not builds_only(source, function, sets):
        return None
    mentions = callers(source, function)
    if mentions.others or mentions.runs or not mentions.calls or function.name in (source.exports() or ()) or any(True for _ in source.project.importers(source, function.name)):
        return None
    body = around.body if around is not None else source.tree.body
    for other, call in mentions.calls:
        statement = other.statement(call)
        plain = isinstance(statement, (ast.Assign, ast.AnnAssign)) if sets is None else isinstance(statement, ast.Expr) and statement.value is call
        if other is not source or source.function(call) is not around or statement not in body or not plain:
            return None
    return Maker(function, tuple(call for _, call in mentions.calls), fitting, sets) if sets is None or len(mentions.calls) == 1 else None


def _last_set(function: ast.FunctionDef) -> ast.Assign | None:
    """The last statement of a method that answers nothing: `self.chain = ConversationChain(...)`."""
    last = function.body[-1]
    me = function.args.args[0].arg if function.args.args else ""
    if not isinstance(last, ast.Assign) or len(last.targets) != 1 or function.returns is not None:
        return None
    target = last.targets[0]
    return last if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == me else None


def _of_module(source: Source, function: ast.FunctionDef) -> dict[str, list[ast.expr]]:
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and source.scope(node).home(node.id) is source.names.module:
            found.setdefault(node.id, []).append(node)
    return found


def _of_instance(source: Source, function: ast.FunctionDef) -> dict[str, list[ast.expr]]:
    found: dict[str, list[ast.expr]] = {}
    me = function.args.args[0].arg
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == me:
            found.setdefault(node.attr, []).append(node)
    return found


def built_upon(source: Source, node: ast.expr) -> bool:
    """Whether a read is an argument for something of LangChain's."""
    if not isinstance(getattr(node, "ctx", None), ast.Load):
        return False
    above = source.parent(node)
    while isinstance(above, (ast.List, ast.Tuple)) or (isinstance(above, ast.Attribute) and above.attr in SHOWN):
        above = source.parent(above)
    call = source.parent(above) if isinstance(above, ast.keyword) else above
    return isinstance(call, ast.Call) and call.func is not node and source.qualified(call.func).startswith("langchain")


def builds_only(source: Source, function: FunctionNode, sets: ast.Assign | None = None) -> bool:
    """Whether a function may be asked for each request: it makes what costs little, begins no conversation itself, and leaves nothing behind, but what it `sets` last."""
    answers = any(True for _ in source.index.returns.get(function, ()))
    if isinstance(function, ast.AsyncFunctionDef) or answers is (sets is not None):
        return False
    for node in ast.walk(function):
        if sets is not None and node is sets.targets[0]:
            continue
        if isinstance(node, ast.Return) and sets is not None:
            return False
        if isinstance(node, (ast.Global, ast.Nonlocal, ast.Yield, ast.YieldFrom, ast.Await)) or (isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load)):
            return False
        if isinstance(node, ast.Call) and (keeps(source, node) is not None or not (is_light(source, node) or is_model(source, node) or is_plain(source, node))):
            return False
    return True


def builds_upon(source: Source, function: ast.FunctionDef, call: ast.Call, given: list[ast.expr]) -> bool:
    """Whether a function does nothing with these arguments of a call but to build what is LangChain's, and may be asked for each request."""
    if function.decorator_list or function in handlers(source.project) or not builds_only(source, function):
        return False
    names = [arg.arg for arg in parameters(function) if argument(function, call, arg.arg, method=False) in given]
    scope = source.names.inner[function]
    return len(names) == len(given) and all(len(scope.bindings.get(name, ())) == 1 and all(built_upon(source, node) for node in source.names.uses(name, scope)) for name in names)


def asked_abroad(source: Source, function: FunctionNode) -> ast.Call | None:
    """The only call of a function that may be asked for each request, where another file makes a name of its module with it."""
    if not isinstance(function, ast.FunctionDef) or function.decorator_list or not isinstance(source.parent(function), ast.Module):
        return None
    mentions = callers(source, function)
    if len(mentions.calls) != 1 or mentions.others or mentions.runs or function in handlers(source.project) or not builds_only(source, function):
        return None
    (other, call), statement = mentions.calls[0], mentions.calls[0][0].statement(mentions.calls[0][1])
    plain = isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is call and statement in other.tree.body
    return call if plain and other is not source else None


def lent_by(source: Source, node: ast.AST, scope: Scope, me: str) -> tuple[Maker, tuple[str, ...]] | None:
    """The function that a call asks to build, and the slots that it reads."""
    if not isinstance(node, ast.Call):
        return None
    callee = node.func
    if isinstance(callee, ast.Name) and scope.kind == "module":
        found = makers(source, scope, me).get(callee.id)
        return (found, tuple(found.reads)) if found is not None and node in found.calls else None
    if isinstance(callee, ast.Attribute) and isinstance(callee.value, ast.Name) and callee.value.id == me and scope.kind == "function":
        found = makers(source, scope, me).get(callee.attr)
        return (found, tuple(f"self.{name}" for name in found.reads)) if found is not None and node in found.calls else None
    return None
