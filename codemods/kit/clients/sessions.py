"""Which values are sessions of requests, and which of them have a time limit of their own."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..libraries.requests import SESSION_METHODS, SESSIONS
from ..names import FunctionNode
from ..origins import annotation_path, maker, origins_of
from ..source import Origin, Source, has_keyword


@dataclass(frozen=True, slots=True)
class Session:
    """A value that is a Session on every known way. `classes`: those of the project that it may be an instance of."""

    origins: tuple[Origin, ...]
    classes: tuple[tuple[Source, ast.ClassDef], ...] = ()


def may_hold(source: Source) -> bool:
    """Whether a file can have anything of requests: it names the library, or imports from files that make or derive sessions."""
    if b"requests" in source.utf8:
        return True
    project = source.project
    last = {path.rpartition(".")[2] for path in SESSIONS}
    near: frozenset[str] = project.remember("near sessions", lambda: project.reaching(each.path for each in project if b"requests" in each.utf8 and not last.isdisjoint(each.words)))
    return source.path in near


def session_of(source: Source, node: ast.expr) -> Session | None:
    """The session that an expression is; None for anything else. A parameter without a type is believed where a session stands beside it."""
    origins = list(_spread(source, source.origins(node)))
    known: list[Origin] = []
    classes: list[tuple[Source, ast.ClassDef]] = []
    for origin in origins:
        owner = _project_class(origin)
        if owner is not None and derives(*owner):
            known.append(origin)
            classes.append(owner)
        elif owner is None and maker(origin) in SESSIONS and origin.kind != "import":
            known.append(origin)
        elif origin.kind != "parameter":
            return None
    return Session(tuple(known), tuple(classes)) if known else None


def _spread(source: Source, origins: Iterable[Origin]) -> Iterator[Origin]:
    """`local.session` of an object that can't be followed: what this file stores there."""
    for origin in origins:
        node = origin.node
        if origin.kind == "value" and isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and origin.source is source:
            stores = [source.statement(target) for target in source.names.stores.get((node.value.id, node.attr), [])]
            values = [store.value for store in stores if isinstance(store, (ast.Assign, ast.AnnAssign)) and store.value is not None]
            found = [each for value in values for each in origins_of(source, value, 1)]
            if found:
                yield from found
                continue
        yield origin


def _project_class(origin: Origin) -> tuple[Source, ast.ClassDef] | None:
    """The project's class of which the origin is an instance."""
    source, node = origin.source, origin.node
    if origin.kind == "instance" and isinstance(node, ast.ClassDef):
        return source, node
    callee: ast.AST | None = None
    if origin.kind == "value" and isinstance(node, ast.Call):
        callee = node.func
    elif origin.kind == "annotation" and isinstance(node, (ast.Name, ast.Attribute)):
        callee = node
    if isinstance(callee, (ast.Name, ast.Attribute)):
        for made in source.origins(callee):
            if made.kind == "class" and isinstance(made.node, ast.ClassDef):
                return made.source, made.node
    return None


def derives(source: Source, owner: ast.ClassDef, hops: int = 0) -> bool:
    """Whether a class of the project is a Session."""
    if hops > 5:
        return False
    for base in owner.bases:
        if annotation_path(source, base) in SESSIONS:
            return True
        for origin in source.origins(base):
            if origin.kind == "class" and isinstance(origin.node, ast.ClassDef) and derives(origin.source, origin.node, hops + 1):
                return True
    return False


def own_methods(session: Session) -> list[tuple[Source, FunctionNode]]:
    """What the classes of the project put in place of a Session's own `request`, `send` and verbs."""
    return [
        (source, method)
        for source, owner in session.classes
        for method in owner.body
        if isinstance(method, FunctionNode) and method.name in SESSION_METHODS
    ]  # fmt: skip


def speaks_of_timeout(source: Source, node: ast.AST) -> bool:
    """Whether a timeout is named anywhere in the node."""
    for inner in ast.walk(node):
        named = (
            inner.arg if isinstance(inner, (ast.keyword, ast.arg))
            else inner.id if isinstance(inner, ast.Name)
            else inner.attr if isinstance(inner, ast.Attribute)
            else inner.value if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
            else ""
        )  # fmt: skip
        if named and "timeout" in named.lower() and len(named) < 60:
            return True
    return False


def limited(source: Source, session: Session) -> bool:
    """Whether the session brings a limit of its own: an adapter, a patched method, a class that sees to it."""
    if any(speaks_of_timeout(home, method) for home, method in own_methods(session)):
        return True
    if any(method.name == "__init__" and _limits_itself(home, method) for home, owner in session.classes for method in owner.body if isinstance(method, FunctionNode)):
        return True
    made = {id(origin.node) for origin in session.origins}
    for other in {origin.source.path: origin.source for origin in session.origins}.values():
        if made & _limited_sessions(other):
            return True
    return bool(made & _limited_sessions(source))


def _limits_itself(source: Source, method: FunctionNode) -> bool:
    """Whether a constructor mounts a limiting adapter on `self`."""
    return any(
        _mounts_limit(source, call) for call in ast.walk(method) if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "mount"
    )  # fmt: skip


def _limited_sessions(source: Source) -> set[int]:
    """The makers (node ids) of sessions to which this file gives a limit."""

    def read() -> set[int]:
        found: set[int] = set()
        for call in source.nodes(ast.Call):
            if isinstance(call.func, ast.Attribute) and call.func.attr == "mount" and _mounts_limit(source, call):
                found.update(id(origin.node) for origin in source.origins(call.func.value))
        for target in source.nodes(ast.Attribute):
            if target.attr in SESSION_METHODS and isinstance(target.ctx, ast.Store):
                found.update(id(origin.node) for origin in source.origins(target.value))
        return found

    return source.remember("limited sessions", read)  # type: ignore[no-any-return]


def _mounts_limit(source: Source, call: ast.Call) -> bool:
    adapter = call.args[1] if len(call.args) > 1 else next((given.value for given in call.keywords if given.arg == "adapter"), None)
    for origin in source.origins(adapter) if adapter is not None else []:
        if origin.kind == "value" and isinstance(origin.node, ast.Call):
            if has_keyword(origin.node, "timeout") or "timeout" in origin.source.code(origin.node.func).lower():
                return True
            owner = _project_class(origin)
            if owner is not None and speaks_of_timeout(*owner):
                return True
    return False
