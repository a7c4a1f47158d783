"""Functions and objects that are handed on as values, or found by their names: what is registered, stored by a decorator, asked for by `getattr`."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ..handlers import registered_by
from ..names import FunctionNode, last_part
from ..origins import class_of
from ..source import Source, targets_of
from ..tests import in_tests
from .key import may_tell_apart
from .overlooked import serves_requests, used_by_requests
from .reach import Use, User, ancestors, enclosing, instances, is_instance, reached, read_by_requests, shelf_of
from .shared import Group


def registered(group: Group, early: Iterable[Use]) -> tuple[str, str] | None:
    """What is said of a use in what a framework is given to run, and that is no function of the project: a lambda, a bound method, a partial."""
    own = (node for statement in group.statements for node in ast.walk(statement) if isinstance(node, ast.Name) and node.id in group.slots and isinstance(node.ctx, ast.Load))
    for source, used in [*((use.source, use.node) for use in early), *((group.source, node) for node in own)]:
        node: ast.AST = used
        for above in source.parents(used):
            if isinstance(above, ast.Call) and node in registered_by(source, above):
                what = "a lambda" if isinstance(node, ast.Lambda) else source.code(node)
                return "handed-on", f"{what} is run for all requests with it"
            node = above.value if isinstance(above, ast.keyword) else above
    return None


def by_name(group: Group, users: list[User]) -> tuple[str, str] | None:
    """What is said of functions that requests find in another way than by their names in the code."""
    owner = group.owner
    for user in users:
        function = user.function
        if function is None:
            continue
        if (holder := _stored_by_decorator(user.source, function)) is not None:
            return "handed-on", f"a decorator puts {function.name} into {holder}, from which requests take it"
        if owner is not None and group.me and function.name == "__getattr__" and asked_by_requests(group.source, owner):
            return "handed-on", f"instances of {owner.name} hand on by __getattr__ what requests ask it for"
    if owner is not None and group.me:
        for other in group.source.project:
            for call in other.index.calls(("getattr",)):
                made_up = len(call.args) > 1 and not isinstance(call.args[1], ast.Constant)
                around = enclosing(other, call) if made_up else None
                if around is not None and is_instance(other, call.args[0], owner) and reached(other, around):
                    return "handed-on", f"{around.name} asks an instance of {owner.name} for a method by a name that is made up"
    return None


def by_method(group: Group, users: list[User]) -> tuple[str, str] | None:
    """What is said of an instance that is handed on, where a request asks something that can't be told for a method of its name."""
    source, owner = group.source, group.owner
    methods = [user.function for user in users if user.function is not None and source.parent(user.function) is owner and not user.function.name.startswith("_")]
    if owner is None or not group.me or not methods or not any(_goes_on(other, call) for other, call in instances(source, owner) if not in_tests(other)):
        return None
    above = {each for _, each in ancestors(source, owner)} | {owner}
    for method in methods:
        for other in source.project.mentioning(method.name):
            for each in other.attributes(method.name):
                around = enclosing(other, each)
                asked = isinstance(call := other.parent(each), ast.Call) and call.func is each and not other.qualified(each)
                if asked and around is not None and _may_be(other, each.value, above) and reached(other, around):
                    return "handed-on", f"an instance of {owner.name} is handed on, and {around.name} asks {ast.unparse(each.value)} for {method.name}"
    return None


def _goes_on(source: Source, call: ast.Call) -> bool:
    """Whether an instance is an argument, lies in a mapping, or is what a function gives."""
    if _is_handed(source, call):
        return True
    names = [target for target in targets_of(source.parent(call)) if isinstance(target, ast.Name)]
    return any(_is_handed(source, load) for name in names if (home := source.scope(name).home(name.id)) is not None for load in source.names.uses(name.id, home))


def _is_handed(source: Source, node: ast.expr) -> bool:
    above = source.parent(node)
    if isinstance(above, ast.Assign):
        return above.value is node and any(isinstance(target, ast.Subscript) and not may_tell_apart(ast.unparse(target)) for target in above.targets)
    return isinstance(above, (ast.keyword, ast.Lambda)) or (isinstance(above, ast.Call) and node in above.args)


def _may_be(source: Source, node: ast.expr, classes: set[ast.ClassDef]) -> bool:
    """Whether nothing says that an expression is something else than an instance of one of the classes."""
    if may_tell_apart(ast.unparse(node).removeprefix("self.")):
        return False  # sessions[session_id], chats.get(user)
    for origin in source.origins(node):
        found = class_of(origin)
        if found is not None and any(last_part(base) == "Protocol" for base in found[1].bases):
            continue
        if (found is not None and found[1] not in classes) or (found is None and origin.kind not in ("unknown", "parameter", "annotation", "value")):
            return False
        if origin.kind == "value" and found is None and not isinstance(origin.node, (ast.Subscript, ast.Call)):
            return False
        if origin.kind == "value" and isinstance(origin.node, ast.Call) and origin.source.qualified(origin.node.func) and origin.source.project.lookup(origin.source.qualified(origin.node.func), origin.source.path) is None:
            return False  # of a library
    return True


def asked_by_requests(source: Source, owner: ast.ClassDef) -> bool:
    """Whether a request reads an instance of the class that was made before."""
    if serves_requests(source, owner):
        return True
    return any(used_by_requests(other, target, other.function(call)) for other, call in instances(source, owner) for target in targets_of(other.statement(call)))


def _stored_by_decorator(source: Source, function: FunctionNode) -> str | None:
    """The mapping or list of a module, or of an instance, that requests read and into which a decorator of the project puts a function."""
    for decorator in function.decorator_list:
        named = decorator.func if isinstance(decorator, ast.Call) else decorator
        for origin in source.origins(named) if isinstance(named, (ast.Name, ast.Attribute)) else ():
            if isinstance(origin.node, FunctionNode) and (holder := _fills(origin.source, origin.node)) is not None:
                return holder
    return None


def _fills(source: Source, decorator: FunctionNode) -> str | None:
    for node in ast.walk(decorator):
        holder: ast.expr | None = None
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            holder = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("append", "add", "setdefault") and node.args:
            holder = node.func.value
        if isinstance(holder, ast.Name) and (shelf := shelf_of(source, holder)) is not None and read_by_requests(shelf[0], [shelf[1]]):
            return holder.id
        owner = source.class_of(decorator)
        if isinstance(holder, ast.Attribute) and isinstance(holder.value, ast.Name) and holder.value.id == "self" and owner is not None and serves_requests(source, owner):
            return source.code(holder)
    return None
