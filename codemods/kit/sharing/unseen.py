"""What requests share though no way from a handler to it is seen: in a mapping, on an application or a class, behind a function that is handed on."""

from __future__ import annotations

import ast

from ..names import last_part
from ..source import Source
from .key import meaning_of
from .obstacles import hides, starred
from .on_application import application_slot
from .overlooked import handed_out
from .queued import told, worker_behind
from .reach import Use, User, enclosing, instances, kept_on_class, reached, read_by_requests, uses_of
from .shared import Group, value_of, written
from .values import by_method, by_name


def unseen(group: Group, users: list[User]) -> tuple[str, str] | None:
    """A reason code and a sentence; None for what no request gets."""
    source, owner = group.source, group.owner
    if owner is not None and group.me:
        shelf = shelf_of(source, owner) if group.cells else ""
        if shelf:
            return "unusual-assignment", f"instances of {owner.name} lie in {shelf}, which requests read"
        if slot := application_slot(source, owner, group.slots):
            return "app-state", f"requests ask the application for {slot.removeprefix('self.')}"
        if kept_on_class(source, owner) and read_by_requests(source, [owner.name]):
            return "rebound", f"instances of {owner.name} are kept on a class, for all of them"
    for user in users:
        if user.function is not None and (worker := worker_behind(user.source, user.function)) is not None:
            return told(worker)
        if user.function is not None and handed_out(user.source, user.function):
            return "handed-on", f"{user.function.name} is handed on as a value, who calls it can't be told"
    if (found := by_name(group, users) or by_method(group, users)) is not None:
        return found
    if owner is None and group.scope.kind == "module":
        for other in source.project:
            if source.module in starred(other) and hides(other, group, users):
                return "exported", f"{other.path} may get it by a star import"
    return None


def by_session(use: Use) -> bool:
    """Whether a read takes one session's object out of a mapping: `chains[session_id]`."""
    above = use.source.parent(use.node)
    given: ast.AST | None = None
    if isinstance(above, ast.Subscript) and above.value is use.node:
        given = above.slice
    elif isinstance(above, ast.Attribute) and above.attr == "get" and isinstance(call := use.source.parent(above), ast.Call) and call.args:
        given = call.args[0]
    elif isinstance(above, ast.Compare) and use.node in above.comparators:
        given = above.left
    word = last_part(given) if given is not None else ""
    if isinstance(given, ast.Subscript) and isinstance(given.slice, ast.Constant):
        word = str(given.slice.value)
    return meaning_of(word) is not None


def shelf_of(source: Source, owner: ast.ClassDef) -> str:
    """The mapping or list of a module, read by requests and not by a session's key, that is made with instances of the class in it."""
    for other, call in instances(source, owner):
        statement = other.statement(call)
        names = written(statement) if isinstance(other.parent(statement), ast.Module) and isinstance(value_of(statement), (ast.Dict, ast.List, ast.Tuple)) else None
        uses = uses_of(other, other.names.module, names, [statement]) if names else []
        around = [(use, function) for use in uses if (function := enclosing(use.source, use.node)) is not None]
        if names and any(reached(use.source, function) and not by_session(use) for use, function in around):
            return names[0]
    return ""
