"""What stands in the way of building something per request that was built once."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..handlers import handlers
from ..libraries.memory import is_light, is_model, is_plain, keeps
from ..move import movable
from ..names import FunctionNode, last_part
from ..source import Source
from ..tests import in_tests
from .configs import named_session
from .constant_sessions import asked_by_name
from .let_go import when_it_stops
from .makers import builds_upon, lent_by
from .once import dear
from .placeholders import placeholders
from .reach import Use, User, imports_of
from .refills import refills
from .rooms import is_group_chat
from .shared import Cell, Group, reads, value_of
from .stations import Station, Unclear, converses


def object_to(group: Group, parameter: str, stations: list[Station], early: list[Use]) -> None:
    """Raises Unclear for the first thing that stands in the way of building a group per request."""
    source = group.source
    for slot in group.slots:
        bindings = group.scope.bindings.get(slot, [])
        if len(bindings) > 1 and refills(group) is not None:
            continue
        if (anew := next((binding for binding in bindings if binding.within is not group.scope), None)) is not None:
            word = "global" if group.scope.kind == "module" else "nonlocal"
            raise Unclear("rebound", f"{slot} is set anew under `{word}`", source, anew.node)
        if len(bindings) > 1:
            raise Unclear("rebound", f"{slot} is bound in several places", source, bindings[-1].node)
    for other, its in (each for slot in group.slots for each in imports_of(source, slot)) if group.scope.kind == "module" and refills(group) is None else ():
        if len(again := its.scope.bindings[its.name]) > 1:
            raise Unclear("rebound", f"{its.name} is set anew in another file", other, again[-1].node)
    for slot, statement in group.slots.items():
        if (value := value_of(statement)) is not None and reads(source, value, group.scope, [slot], group.me):
            raise Unclear("rebound", f"{slot} is made of what it was before", source, statement)
    if early:
        use = early[0]
        raise Unclear("needed-at-import", f"{use.slot} is needed when the module is imported", use.source, use.node)
    for slot in group.slots:
        if group.scope.kind == "module":
            object_to_exported(group, slot)
    for statement in group.statements:
        for call in strangers(group, statement):
            when = " when the module is imported" if group.scope.kind == "module" else ""
            raise Unclear("handed-on", f"{ast.unparse(call.func)} gets it{when}, and may come to more than it was given", source, call)
        if not movable(source, statement):
            raise Unclear("shared-line", "a statement shares its line with another", source, statement)
        _free_names(group, statement, statement)
    for maker, call, _ in group.lent:
        _free_names(group, maker.function, source.statement(call))
    for cell in [*group.cells, *(cell for other in group.foreign.values() for cell in other.cells)]:
        if cell.kind == "vectors":
            raise Unclear("vector-memory", "a memory in a vector store knows no sessions", cell.source, cell.call)
        if cell.kind == "transcript" and isinstance(cell.source.parent(cell.call), (ast.BoolOp, ast.IfExp)):
            raise Unclear("shared-list", "it may be a list that was given, and would be the same for each", cell.source, cell.call)
        if cell.kind == "stored":
            raise Unclear("fixed-session", "it is kept in a store, where one that is built for each request would find the same", cell.source, cell.call)
        if cell.kind == "file":
            raise Unclear("fixed-session", "its messages are in one file; keep them by the session's id in a database: what a client sends must not name a file", cell.source, cell.call)
        if cell.kind == "transcript" and not parameter and not all(each.handler is not None and each.handler.kind == "websocket" for each in stations if not each.passes):
            raise Unclear("shared-list", "the model is given what all have said, and no handler has a key", cell.source, cell.call)
        if cell.kind == "transcript" and (beside := _set_beside(cell, stations)) is not None:
            raise Unclear("unusual-assignment", f"{beside.slot} holds more than messages, and that is set for all", beside.source, beside.node)
        if cell.kind == "config" and (named := named_session(cell.source, cell.call)) is not None and (asked := asked_by_name(cell.source, named)) is not None:
            raise Unclear("read-elsewhere", f"{asked[0].code(asked[0].parent(asked[1]) or asked[1])} asks for the same conversation by its name", *asked)
        if cell.kind == "config" and not parameter:
            raise Unclear("fixed-session", "it names one conversation for all runs, and no handler has a key", cell.source, cell.call)
        if cell.kind == "thread" and not parameter:
            raise Unclear("fixed-session", "all requests lead one conversation that the provider keeps, and no handler has a key", cell.source, cell.call)
        if cell.kind == "session" and not parameter:
            raise Unclear("fixed-session", "the history has one fixed session id, and no handler has a key", cell.source, cell.call)
        if cell.factory is not None:
            usable(cell)
    keyless = next((each for each in stations if each.handler is not None and each.handler.kind == "node" and not each.keys), None)
    if keyless is not None:
        raise Unclear("graph-node", f"{keyless.name} is a node of a graph, and its state has no key", keyless.source, keyless.function)
    if (each := next((each for each in stations if each.name == "on_receive" and each.key is None and not each.passes), None)) is not None:
        raise Unclear("no-place", f"{each.name} is run for each message of a connection, and has no key by which it could go on", each.source, each.function)
    if not parameter and group.owner is not None and len([each for each in stations if each.handler is None]) > 1:
        raise Unclear("read-elsewhere", "several methods use it within one request, and there is no key by which they could share a history", source, stations[0].function)
    listed = any(cell.kind == "transcript" for cell in group.cells)
    remote = any(cell.kind == "thread" for cell in group.cells)
    if listed and (room := next((each for each in stations if is_group_chat(each)), None)) is not None:
        raise Unclear("group-chat", f"{room.name} sends what is said to everybody who is connected", room.source, room.function)
    if listed and not any(converses(each) for each in stations if not each.passes):
        raise Unclear("read-elsewhere", "what one request puts into it another gives to the model: it may be meant for all", source, group.first)
    for each in stations if parameter else ():
        if each.key is None and not each.passes and any(use.clears for below in each.all_below for use in below.uses):
            raise Unclear("read-elsewhere", f"{each.name} begins the conversation anew, and has no key that says whose", each.source, each.function)
    if len(stations) > 1:
        for each in stations:
            aside = each.only_reads or remote or (listed and not converses(each))
            if aside and each.key is None and not each.passes and isinstance(each.function, FunctionNode):
                clears = any(use.clears for below in each.all_below for use in below.uses)
                what = "clears" if clears else "reads" if each.only_reads else "reads or changes"
                raise Unclear("read-elsewhere", f"{each.name} {what} what other requests have said, and there is no key to tell them apart", each.source, each.function)


def _set_beside(cell: Cell, stations: list[Station]) -> Use | None:
    """A use that sets anything but a list in the mapping in which a list of messages lies: `state["count"] += 1`."""
    mapping = cell.source.parent(cell.call)
    if not isinstance(mapping, ast.Dict):
        return None
    lists = {key.value for key, value in zip(mapping.keys, mapping.values) if isinstance(key, ast.Constant) and isinstance(value, ast.List)}
    for use in (use for each in stations for use in each.uses):
        item = use.source.parent(use.node)
        if isinstance(item, ast.Subscript) and isinstance(item.ctx, ast.Store) and not (isinstance(item.slice, ast.Constant) and item.slice.value in lists):
            return use
    return None


def object_to_class(group: Group, stations: list[Station]) -> None:
    """The same for what instances of a class hold."""
    source = group.source
    assert group.owner is not None
    if not group.me:
        for (_, name), targets in source.names.stores.items():
            if name in group.slots and (anew := next((target for target in targets if source.class_of(target) is group.owner), None)) is not None:
                raise Unclear("rebound", f"{name} is set anew in another place", source, anew)
        return
    filled = refills(group)
    own = [*group.statements, *placeholders(group), *(maker.sets for maker, _, _ in group.lent if maker.sets is not None), *(use.source.statement(use.node) for use in (filled.uses if filled is not None else ()))]
    for slot in group.slots:
        attr = slot.removeprefix("self.")
        if slot != attr and group.owner.decorator_list and attr in source.names.inner[group.owner].bindings:
            raise Unclear("unusual-assignment", f"{attr} is a field of {group.owner.name}, which is compared and shown with it", source, group.slots[slot])
        for (_, name), targets in source.names.stores.items():
            for target in targets:
                if name == attr and slot != attr and source.class_of(target) is group.owner and source.statement(target) not in own:
                    raise Unclear("rebound", f"{slot} is set anew in another place", source, target)
    for use in [*(use for each in stations for use in each.uses)]:
        if not use.slot.startswith("self."):
            raise Unclear("needed-at-import", f"{use.slot} is used by a function within {group.owner.name}", use.source, use.node)


def object_to_exported(group: Group, slot: str) -> None:
    """Raises Unclear where others get a name of the module, or replace what it stands for."""
    source, filled = group.source, refills(group)
    for other in [source, *(found for found, _ in imports_of(source, slot))]:
        if slot in (other.exports() or ()):
            raise Unclear("exported", f"{slot} stands in __all__ of {other.path}", other)
    for call in source.index.calls(("globals", "vars")):
        if not call.args and any(isinstance(node, ast.Constant) and node.value == slot for node in ast.walk(source.statement(call))):
            raise Unclear("handed-on", f"{ast.unparse(source.parent(call) or call)} asks for it by its name", source, call)
    tail = f"{source.module.rpartition('.')[2]}.{slot}"
    for other in source.project:
        for node in other.nodes(ast.Constant):
            if isinstance(node.value, str) and (node.value == tail or node.value.endswith(f".{tail}")):
                raise Unclear("patched-by-tests", f"{slot} is named in a string, as tests do that replace it", other, node)
        spot = _set_abroad(other, source.module, slot) if other is not source else None
        if spot is not None and (isinstance(spot, ast.Call) or in_tests(other)):
            raise Unclear("patched-by-tests", f"{slot} is replaced by tests", other, spot)
        if spot is not None and (filled is None or all(use.node is not spot for use in filled.uses)):
            raise Unclear("rebound", f"{slot} is set anew in another file", other, spot)
        if other is not source and other.names.module.stars and slot in other.names.loads and source.module in starred(other):
            raise Unclear("exported", f"{other.path} gets {slot} by a star import", other)


def _set_abroad(other: Source, module: str, slot: str) -> ast.AST | None:
    """`patch.object(main, "chain")`, `monkeypatch.setattr(main, "chain", fake)`, `main.chain = fake` in another file."""
    for call in other.nodes(ast.Call):
        name = last_part(call.func)
        named = name in ("object", "setattr") and len(call.args) > 1 and isinstance(call.args[1], ast.Constant) and call.args[1].value == slot
        if named and other.qualified(call.args[0]) == module:
            return call
    for (_, name), targets in other.names.stores.items():
        for target in targets if name == slot else ():
            if isinstance(target, ast.Attribute) and other.qualified(target.value) == module:
                return target
    return None


def _free_names(group: Group, inside: ast.stmt, statement: ast.stmt) -> None:
    """What a statement reads, itself or in a function that it calls, must still mean the same when it runs later."""
    for node in ast.walk(inside):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in group.slots:
            home = group.source.scope(node).home(node.id)
            bindings = home.bindings.get(node.id, []) if home is group.scope else []
            if any(binding.within is not home for binding in bindings) or any(
                group.source.start(binding.node) > group.source.start(statement) and not _given_up(group.source, binding.node, node.id)
                for binding in bindings
                if binding.kind in ("assign", "augmented", "for", "with", "delete")
            ):
                raise Unclear("rebound", f"{node.id}, of which it is built, is set anew later", group.source, node)


def _given_up(source: Source, statement: ast.AST, name: str) -> bool:
    """Whether a name is only given up there, when the service stops: `llm = None` behind the yield."""
    targets = statement.targets if isinstance(statement, (ast.Assign, ast.Delete)) else []
    return any(isinstance(each, ast.Name) and each.id == name and when_it_stops(source, each) for each in targets)


def strangers(group: Group, statement: ast.stmt) -> Iterator[ast.Call]:
    """Calls that are given what remembers and are neither LangChain's nor simple: threads, registries, classes that do more than keep it."""
    source = group.source
    value = value_of(statement)
    if value is None or isinstance(statement, ast.Expr):
        return
    for call in ast.walk(value):
        if not isinstance(call, ast.Call) or any(cell.call is call for cell in group.cells) or not reads(source, call, group.scope, group.slots, group.me):
            continue
        path = source.qualified(call.func)
        if path.startswith(("langchain", "operator.", "functools.partial")) or (not path and isinstance(call.func, ast.Attribute)):
            continue
        if not path and isinstance(call.func, ast.Name) and call.func.id in ("dict", "list", "tuple"):
            continue
        if lent_by(source, call, group.scope, group.me) is not None or _is_given(group, call):
            continue
        if not any(keeps_only(origin.source, origin.node) for origin in source.origins(call.func) if isinstance(origin.node, ast.ClassDef)):
            yield call


def _is_given(group: Group, call: ast.Call) -> bool:
    """Whether a function of the project takes what remembers and only builds upon it: `make_chain(llm, memory)`."""
    source = group.source
    origins = source.origins(call.func)
    function = origins[0].node if len(origins) == 1 and origins[0].kind == "function" else None
    if not isinstance(function, ast.FunctionDef) or not isinstance(origins[0].source.parent(function), ast.Module):
        return False
    given = [each for each in [*call.args, *(word.value for word in call.keywords)] if reads(source, each, group.scope, group.slots, group.me)]
    return builds_upon(origins[0].source, function, call, given)


def keeps_only(source: Source, owner: ast.ClassDef) -> bool:
    """Whether making an instance does nothing but keep what it is given, and the instance comes to nothing more."""
    method = next((each for each in owner.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"), None)
    if method is None:
        return not owner.bases
    simple = all(isinstance(each, (ast.Assign, ast.AnnAssign)) and isinstance(each.value, (ast.Name, ast.Constant)) for each in method.body)
    inside = set(ast.walk(method))
    return simple and not any(isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load) and node not in inside for node in ast.walk(owner))


def usable(cell: Cell) -> None:
    """Raises Unclear when a factory may not be called for each request."""
    assert cell.factory is not None and isinstance(cell.factory.node, FunctionNode)
    source, function = cell.factory.source, cell.factory.node
    if function.decorator_list:
        raise Unclear("factory", f"{function.name} is decorated; it may give the same object again", source, function)
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and keeps(source, node) is None and not (is_light(source, node) or is_model(source, node) or is_plain(source, node) or _is_slight(source, node)):
            raise Unclear("heavy-factory", f"{function.name} does more than build a chain: {ast.unparse(node.func)} would run for each request", source, node)
        if isinstance(node, (ast.Global, ast.Yield, ast.Await)):
            raise Unclear("factory", f"{function.name} is no plain factory", source, node)


def _is_slight(source: Source, call: ast.Call) -> bool:
    """Whether a function of the project does no more than such calls, or a class keeps what it is given."""
    origins = source.origins(call.func) if isinstance(call.func, (ast.Name, ast.Attribute)) else []
    if len(origins) != 1 or isinstance(source.parent(call), ast.Await):
        return False
    made = origins[0]
    if isinstance(made.node, ast.ClassDef):
        return keeps_only(made.source, made.node)
    return isinstance(made.node, ast.FunctionDef) and not made.node.decorator_list and dear(made.source, made.node.body, 1) is None


def hides(other: Source, group: Group, users: list[User]) -> bool:
    """Whether a file with a star import reads the objects, or calls what reads them."""
    names = {*group.slots, *(user.function.name for user in users if user.function is not None)}
    if not any(name in other.names.loads for name in names):
        return False
    return any(each.source is other for each in handlers(other.project).values())


def starred(source: Source) -> set[str]:
    return {source.names.absolute(node) for node in source.nodes(ast.ImportFrom) if any(alias.name == "*" for alias in node.names)}
