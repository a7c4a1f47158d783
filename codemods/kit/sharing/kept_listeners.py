"""Callback handlers that requests share through an instance, a container, another object: where no name of a module could be followed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..libraries.callbacks import collecting, is_collecting
from ..names import last_part
from ..source import Source, targets_of
from .leftovers import roots
from .on_application import read_on_application, slot_on_application
from .overlooked import default_of, is_cached, serves_requests
from .reach import enclosing, lasting, main_block, reached, read_by_requests, shelf_of


def kept_listeners(source: Source, answered: set[ast.Call]) -> Iterator[tuple[ast.Call, str]]:
    """The constructor and one sentence, for each that outlives a request."""
    for call in source.index.calls(collecting(source.project), source.index.aliases):
        if call not in answered and is_collecting(source, call):
            found = _kept(source, call)
            if found:
                yield call, f"{found} is shared by all requests, and so is what the {last_part(call.func)} collects"


def _kept(source: Source, call: ast.Call) -> str:
    """What keeps it beyond a request; "" when nothing does."""
    statement, around, taker = source.statement(call), enclosing(source, call), default_of(source, call)
    targets = targets_of(statement)
    if taker is not None:
        return f"a default argument of {taker.name}" if reached(source, taker) else ""
    owner = source.class_of(call)
    if around is None:
        if isinstance(source.parent(statement), ast.ClassDef) or main_block(source, statement) is not None:
            return ""
        return next((name for name in roots(targets) if read_by_requests(source, [name])), "")
    if is_cached(source, around) and isinstance(statement, ast.Return) and reached(source, around):
        return f"what {around.name} returns"
    for target in targets:
        slot = slot_on_application(source, target)
        if slot is not None and read_on_application(source, slot) and not reached(source, around):
            return ast.unparse(target)
        shelf = shelf_of(source, target.value) if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant) else None
        if shelf is not None and read_by_requests(shelf[0], [shelf[1]]) and not reached(source, around):
            return ast.unparse(target)
    scope = source.scope(statement)
    for name in roots(targets):
        if name == "self" and owner is not None and lasting(source, owner) and serves_requests(source, owner):
            return f"an instance of {owner.name}"
        if name in scope.globals and read_by_requests(source, [name]):
            return name
    return ""
