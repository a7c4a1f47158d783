"""Who asks for what is kept on an application or in a dictionary, and who gives it up."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from ..callers import callers
from ..names import FunctionNode
from ..source import Source, is_none, targets_of
from .let_go import asks_whether, lets_go
from .on_application import ASKS, UNKNOWN, asked_by_key, key_there, last_word, shelf_on
from .reach import Use, main_block, uses_of
from .renewals import built_again
from .shared import Group, named_by
from .state import asked_through
from .stations import Unclear

BY_NAME = ("getattr", "hasattr", "setattr", "delattr")


def kept_uses(group: Group) -> Iterator[Use]:
    """Every read of the slots. Raises Unclear where one may be hidden."""
    source = group.source
    without = group.inside
    inside = {node for statement in without for node in ast.walk(statement)}
    for slot in group.slots:
        if not slot.startswith("self."):
            if group.scope is source.names.module:
                yield from uses_of(source, group.scope, [slot], without)
            else:
                yield from (Use(source, load, slot) for load in source.names.uses(slot, group.scope) if load not in inside)
    names = {slot.removeprefix("self."): slot for slot in group.slots if slot.startswith("self.")}
    if group.me.endswith("[]"):
        yield from _of_container(group, names, inside)
        return
    if not group.me.endswith(".state"):
        yield from on_application(group, names, inside)
        return
    for other in source.project:
        if b"state" not in other.utf8:
            continue
        for state in other.attributes("state"):
            if _of_application(other, state, group.me) and not isinstance(other.parent(state), ast.Attribute) and not _asks_by_name(other.parent(state)):
                places = asked_through(other, state)
                if places is None:
                    raise Unclear("app-state", f"{ast.unparse(state)} is handed on", other, state)
                for home, attribute in places:
                    if attribute.attr not in names:
                        continue
                    if not isinstance(attribute.ctx, ast.Load):
                        yield from _set(group, home, attribute, names[attribute.attr])
                    elif not _only_asked(group, home, attribute, names[attribute.attr]):
                        yield Use(home, attribute, names[attribute.attr])
        for name, slot in names.items():
            for attribute in other.attributes(name):
                if attribute in inside or not (isinstance(attribute.value, ast.Attribute) and attribute.value.attr == "state" and _of_application(other, attribute.value, group.me)):
                    continue
                if not isinstance(attribute.ctx, ast.Load):
                    yield from _set(group, other, attribute, slot)
                elif not _only_asked(group, other, attribute, slot):
                    yield Use(other, attribute, slot)
            yield from _named(group, other, name, slot, lambda holder, other=other: isinstance(holder, ast.Attribute) and holder.attr == "state" and _of_application(other, holder, group.me))  # type: ignore[misc]


def _set(group: Group, source: Source, node: ast.expr, slot: str, reason: str = "app-state") -> Iterator[Use]:
    """Where a request begins the conversation anew. Raises Unclear where what is kept is set to something else, other than to give it up."""
    if lets_go(source, node):
        group.let_go.append((source, node, slot))
    elif built_again(group, source, node, slot):
        yield Use(source, node, slot, clears=True)
    else:
        raise Unclear(reason, f"{ast.unparse(node)} is set or deleted in another place", source, node)


def _only_asked(group: Group, source: Source, node: ast.expr, slot: str) -> bool:
    """Whether a read only asks if the object is there; that is asked of the factory."""
    if not asks_whether(source, node, group):
        return False
    group.let_go.append((source, node, slot))
    return True


def _named(group: Group, source: Source, name: str, slot: str, ours: Callable[[ast.expr], bool]) -> Iterator[Use]:
    """The attribute asked for by its name, `getattr(app.state, "chain", None)`. Raises Unclear where more is done by that than to read it, to ask whether it is there or to delete it."""
    for call in source.index.calls(BY_NAME):
        if not _asks_by_name(call) or call.args[1].value != name:  # type: ignore[attr-defined]
            continue
        word = call.func.id if isinstance(call.func, ast.Name) and ours(call.args[0]) else ""
        if word == "hasattr" or (word == "delattr" and lets_go(source, call)):
            group.let_go.append((source, call.args[1], slot))
        elif word != "getattr":
            raise Unclear("app-state", f"{ast.unparse(call)} asks for it by its name", source, call)
        elif asks_whether(source, call, group):
            group.let_go.append((source, call.args[1], slot))
        else:
            object_to_missing(group, source, call)
            yield Use(source, call, slot)


def on_application(group: Group, names: dict[str, str], inside: set[ast.AST]) -> Iterator[Use]:
    """Every read of what lies on an application in another way than on its state."""
    source = group.source
    for name, slot in names.items():
        target = targets_of(group.slots[slot])[0]
        shelf = shelf_on(source, target.value) if isinstance(target, (ast.Attribute, ast.Subscript)) else None
        if shelf is None:
            raise Unclear("app-state", f"{slot} is set in a way that can't be followed", source, target)
        if isinstance(target, ast.Attribute):
            for other in source.project.mentioning(name):
                for attribute in other.attributes(name):
                    if attribute in inside or shelf_on(other, attribute.value) != shelf:
                        continue
                    if not isinstance(attribute.ctx, ast.Load):
                        yield from _set(group, other, attribute, slot)
                    elif not _only_asked(group, other, attribute, slot):
                        yield Use(other, attribute, slot)
                yield from _named(group, other, name, slot, lambda holder, other=other, shelf=shelf: shelf_on(other, holder) == shelf)  # type: ignore[misc]
        elif isinstance(target, ast.Subscript):
            yield from _by_key(group, shelf, target, slot, inside)


def _by_key(group: Group, shelf: str, target: ast.Subscript, slot: str, inside: set[ast.AST]) -> Iterator[Use]:
    key = key_there(group.source, target.slice)
    if key == UNKNOWN:
        raise Unclear("app-state", f"{ast.unparse(target)} is set under a key that can't be told", group.source, target)
    for other in group.source.project:
        if not any(word in other.utf8 for word in (b"app", b"config")):
            continue
        nodes: list[ast.expr] = [*other.nodes(ast.Subscript), *other.index.calls(ASKS)]
        for node in nodes:
            asked = asked_by_key(node)
            if asked is None or node in inside or (its := key_there(other, asked[1])) not in (key, UNKNOWN) or shelf_on(other, asked[0]) != shelf:
                continue
            if its == UNKNOWN:
                raise Unclear("app-state", f"{ast.unparse(node)} may ask for it, under a key that can't be told", other, node)
            if _only_asked(group, other, node, slot):
                continue
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
                yield Use(other, node, slot)
            elif isinstance(node, ast.Call) and last_word(node) == "get":
                object_to_missing(group, other, node)
                yield Use(other, node, slot)
            else:
                yield from _set(group, other, node, slot)
        for compare in other.nodes(ast.Compare):  # `"chain" in app`
            if isinstance(compare.ops[0], (ast.In, ast.NotIn)) and key_there(other, compare.left) == key and shelf_on(other, compare.comparators[0]) == shelf:
                group.let_go.append((other, compare.left, slot))


def _of_application(source: Source, state: ast.Attribute, me: str) -> bool:
    """Whether `.state` is the application's, not a request's own."""
    if ast.unparse(state) == me or (isinstance(state.value, ast.Attribute) and state.value.attr == "app"):
        return True
    return isinstance(state.value, ast.Name) and (state.value.id in ("app", "application") or source.made_by(state.value).endswith((".FastAPI", ".Starlette")))


def _asks_by_name(node: ast.AST | None) -> bool:
    """`getattr(app.state, "chain")`."""
    named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BY_NAME
    return named and isinstance(node, ast.Call) and len(node.args) > 1 and isinstance(node.args[1], ast.Constant)


def _of_container(group: Group, names: dict[str, str], inside: set[ast.AST]) -> Iterator[Use]:
    holder = group.me[:-2]
    for use in uses_of(group.source, group.source.names.module, [holder]):
        if use.node in inside:
            continue
        source, above = use.source, use.source.parent(use.node)
        asks = isinstance(above, ast.Attribute) and isinstance(call := source.parent(above), ast.Call) and call.func is above
        node = source.parent(above) if asks and above is not None else above
        asked = asked_by_key(node) if node is not None else None
        name = named_by(asked[1], group.me) if asked is not None and asked[0] is use.node else ""
        slot = names.get(name, "")
        if name and not slot:
            continue
        if isinstance(node, (ast.Subscript, ast.Call)) and slot and _only_asked(group, source, node, slot):
            continue
        if isinstance(node, ast.Subscript) and slot and isinstance(node.ctx, ast.Load):
            yield Use(source, node, slot, use.importing)
        elif isinstance(node, ast.Call) and slot and last_word(node) == "get":
            object_to_missing(group, source, node)
            yield Use(source, node, slot, use.importing)
        elif isinstance(node, (ast.Subscript, ast.Call)) and slot:
            yield from _set(group, source, node, slot, "unusual-assignment")
        elif isinstance(above, ast.Compare) and above.comparators[0] is use.node and isinstance(above.ops[0], (ast.In, ast.NotIn)) and (name := named_by(above.left, group.me)):
            if name in names:
                group.let_go.append((source, above.left, names[name]))
        elif not (isinstance(above, ast.Attribute) and above.attr == "clear"):
            raise Unclear("unusual-assignment", f"{holder} is read in another way than by a name in writing", source, use.node)


def object_to_missing(group: Group, source: Source, call: ast.Call) -> None:
    """Raises Unclear where a request asks whether the object is there, and it may not be."""
    above, place = source.parent(call), 2 if isinstance(call.func, ast.Name) else 1
    if len(call.args) > place and not is_none(call.args[place]):
        raise Unclear("app-state", f"{ast.unparse(call)} has something instead of it", source, call)
    target = above.targets[0] if isinstance(above, ast.Assign) and len(above.targets) == 1 else None
    name = target.id if isinstance(target, ast.Name) else ""
    if any(asks_whether(source, load) for load in source.names.uses(name, source.scope(call))) and not _always_built(group):
        raise Unclear("app-state", f"{ast.unparse(call)} may find nothing there, and is asked whether it did", source, call)


def _always_built(group: Group) -> bool:
    """Whether a service that runs has built the group: under no condition, and with no other way on."""
    source = group.source
    around = source.function(group.first)
    if not isinstance(around, FunctionNode):
        return isinstance(source.parent(group.first), ast.Module)
    before = group.body[: group.body.index(group.first)]
    if source.parent(group.first) is not around or any(isinstance(node, (ast.Return, ast.Raise)) and source.function(node) is around for statement in before for node in ast.walk(statement)):
        return False
    mentions = callers(source, around)
    places = [*mentions.calls, *((other, node) for other, node, _ in mentions.runs), *mentions.others]
    return all(isinstance(other.parent(other.statement(node)), (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.With, ast.AsyncWith)) or main_block(other, node) is not None for other, node in places)
