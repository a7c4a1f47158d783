"""Building an object where a request needs it: in the handler, or handed to the helpers between."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from ..callers import add_argument, add_parameter
from ..cut import replace
from ..finding import Edit, Import
from ..move import insertion, place_for
from ..names import Binding, FunctionNode
from ..source import Source
from .key import Key
from .reach import Use, imports_of
from .rebuild import inline_text
from .sessions import session_function
from .shared import Group, value_of
from .stations import Station, Unclear, choose_keys, may_pass, serves_sockets


@dataclass(slots=True)
class Changes:
    """Edits and imports over all files."""

    edits: list[Edit] = field(default_factory=list)
    imports: list[tuple[str, Import]] = field(default_factory=list)

    def need(self, source: Source, imports: tuple[Import, ...]) -> None:
        self.imports += [(source.path, each) for each in imports]


class Building:
    """One group, who builds it and who hands it on; collects the changes."""

    def __init__(self, group: Group, sessions: list[Use], stations: list[Station]) -> None:
        self.group, self.sessions, self.stations = group, sessions, stations
        self.source = group.source
        self.parameter, self.meaning = choose_keys(stations)
        if sessions or (group.owner is not None and serves_sockets(stations)):
            self.parameter = self.parameter or "session_id"
        self.builders = [each for each in stations if not each.passes]
        read = {use.slot for each in stations for use in each.uses} | {use.slot for use in sessions}
        order = sorted(group.slots, key=lambda slot: group.body.index(group.slots[slot]))
        self.wanted = [slot for slot in order if slot in read]
        self.changes = Changes()
        self.borrowers: list[Station] = []
        self.connected: list[Station] = []
        self.kind = ""  # where the history is kept
        self.cached = False  # the objects themselves are kept by key, in this process
        self.factory = self.free_name()

    def free_name(self) -> str:
        memories = {slot for slot, statement in self.group.slots.items() if any(value_of(statement) is cell.call and cell.kind != "chain" for cell in self.group.cells)}
        best = [slot for slot in self.wanted if slot not in memories] or self.wanted
        plain = best[-1].removeprefix("self.").lstrip("_")
        name = f"build_{plain.lower() if plain.isupper() else plain}"
        taken = {found for source in self.source.project for scope in source.names.inner.values() for found in scope.bindings}
        if name in taken:
            name = f"build_session_{name.removeprefix('build_')}"
        while name in taken:
            name += "_"
        return name

    def key_text(self, each: Station) -> str:
        if not self.parameter:
            return ""
        if each.key is not None:
            self.changes.need(each.source, each.key.needs)
            if each.key.borrow and isinstance(each.function, FunctionNode) and each not in self.borrowers:
                self.borrowers.append(each)
                self.changes.edits += add_parameter(each.source, each.function, each.key.borrow)
            return self.per_connection(each, self.apart(each, each.key))
        if isinstance(each.function, ast.If):
            return '"main"'
        self.changes.need(each.source, (Import("uuid", "uuid4"),))
        if connection := self.made_for_connection(each):
            return connection
        return "uuid4().hex"

    def apart(self, each: Station, key: Key) -> str:
        """A key as it is written; what is a user's among conversations, or the other way round, never means one of these."""
        if key.meaning == self.meaning:
            return key.written
        if each.only_reads or each.looks_at_calls:
            raise Unclear("read-elsewhere", f"{each.name} reads by the key of a {key.meaning}, and others speak by that of a {self.meaning}", each.source, each.function)
        whole = isinstance(ast.parse(key.written, mode="eval").body, (ast.Call, ast.Name, ast.Attribute, ast.Subscript))
        return f'"{key.meaning} " + {key.written}' if whole else f'"{key.meaning} " + ({key.written})'

    def made_for_connection(self, each: Station) -> str:
        """The name of a key that is made once for each websocket, before it is listened to; "" where there is no place for it."""
        if each.handler is None or each.handler.kind != "websocket" or not isinstance(each.function, FunctionNode) or _bound(each, "connection_id"):
            return ""
        before = place_for(each.source, each.function, each.nodes, _accepts(each))
        if before is None:
            return ""
        if each not in self.connected:
            self.connected.append(each)
            self.changes.edits.append(insertion(each.source, before, f"connection_id = uuid4().hex{each.source.newline}"))
        return "connection_id"

    def per_connection(self, each: Station, text: str) -> str:
        """A key that is read from each message of a websocket: what stands for a missing one is made once, before the loop."""
        function = each.function
        if each.handler is None or each.handler.kind != "websocket" or each.key is None or not (each.key.may_be_new and each.key.after) or not isinstance(function, FunctionNode):
            return text
        before = place_for(each.source, function, each.nodes, _accepts(each))
        if before is None or any(statement in ast.walk(function) and each.source.start(statement) < each.source.start(before) for statement in each.key.after) or _bound(each, "connection_id"):
            return text
        if each not in self.connected:
            self.connected.append(each)
            self.changes.edits.append(insertion(each.source, before, f"connection_id = uuid4().hex{each.source.newline}"))
        return text.replace("uuid4().hex", "connection_id")

    def build_in(self, each: Station, inline: bool, edits: list[Edit]) -> None:
        """The lines at the start of a builder's work."""
        handled = each.calls and self.parameter
        if handled and not each.uses:
            return  # hands a key on and needs nothing itself
        before, key = self.place(each)
        each.key = key
        text = self.key_text(each)
        if inline:
            body = inline_text(self.group, edits)
        else:
            local = self.locals(each)
            factory = self.spelled_factory(each)
            body = f"{local} = {factory}({text}){each.source.newline}"
        self.changes.edits.append(insertion(each.source, before, body))

    def naming(self, each: Station) -> tuple[ast.stmt, ...]:
        """The statements of a function that name what it asks to build."""
        return ()

    def place(self, each: Station) -> tuple[ast.stmt, Key | None]:
        """Where it is built, and with which of its keys."""
        after = (*_accepts(each), *self.naming(each))
        nodes = [use.node for use in each.uses] + ([] if self.parameter else [call for call, _, _ in each.calls])
        function = each.function
        candidates: list[Key | None] = [*([each.key] if each.key else []), *each.keys, None] if self.parameter else [None]
        for key in candidates:
            needed = (*after, *(key.after if key else ()))
            found = place_for(each.source, function, nodes, needed, in_loops=key is not None and bool(key.after))  # type: ignore[arg-type]
            if found is not None:
                if key is None and each.keys and all(found_key.after for found_key in each.keys):
                    raise Unclear("no-place", f"{each.name} uses it before its key is there", each.source, function)
                return found, key
        found = place_for(each.source, function, nodes, self.naming(each))  # type: ignore[arg-type]
        if found is None:
            raise Unclear("no-place", f"{each.name} has no one place before all uses", each.source, function)
        return found, next((key for key in candidates if key is not None and not key.after), None)

    def locals(self, each: Station) -> str:
        """The names on the left: what the uses call the objects."""
        names = []
        for slot in self.wanted:
            own = [use for use in each.uses if use.slot == slot]
            handed = not self.parameter and any(self.passed(below, slot) for _, below, _ in each.calls)
            if not own and not handed:
                names.append("_")
                continue
            name = next((use.node.id for use in own if isinstance(use.node, ast.Name)), slot.removeprefix("self."))
            while any(isinstance(use.node, (ast.Attribute, ast.Subscript, ast.Call)) for use in own) and (_bound(each, name) or _read_there(each, name)):
                name += "_"
            names.append(name)
            for use in own:
                if not (isinstance(use.node, ast.Name) and use.node.id == name):
                    self.changes.edits += replace(use.source, use.node, name)
        return ", ".join(names)

    def passed(self, below: Station, slot: str) -> bool:
        """Whether a station further down is to get this object from its callers."""
        seen: set[int] = set()
        todo = [below]
        while todo:
            each = todo.pop()
            if id(each) in seen:
                continue
            seen.add(id(each))
            if any(use.slot == slot for use in each.uses):
                return True
            todo += [under for _, under, _ in each.calls]
        return False

    def spelled_factory(self, each: Station) -> str:
        if each.source is self.source:
            return self.factory
        for use in each.uses:
            if use.importing is not None:
                return self.factory
            if isinstance(use.node, ast.Attribute):
                return f"{each.source.code(use.node.value)}.{self.factory}"
        slot = self.wanted[-1]
        spellings = [binding.origin.rpartition(".")[0] for _, binding in imports_of(self.source, slot)]
        for module in [*spellings, self.source.module]:
            found = self.source.project.lookup(f"{module}.{slot}", each.source.path)
            if found is not None and found[0] is self.source:
                self.changes.need(each.source, (Import(module, self.factory),))
                return self.factory
        raise Unclear("handed-on", f"{each.source.path} does not import it where it would have to be built", each.source, each.function)

    def pass_through(self, each: Station) -> None:
        """A helper gets the key, and builds; or it gets the objects."""
        assert isinstance(each.function, FunctionNode)
        if self.parameter:
            may_pass(each, self.parameter)
            self.changes.edits += add_parameter(each.source, each.function, self.parameter, "str")
            if each.uses:
                local = self.locals(each)
                found = place_for(each.source, each.function, [use.node for use in each.uses], self.naming(each))
                if found is None:
                    raise Unclear("no-place", f"{each.name} has no one place before all uses", each.source, each.function)
                self.changes.edits.append(insertion(each.source, found, f"{local} = {self.spelled_factory(each)}({self.parameter}){each.source.newline}"))
            return
        for slot in self.wanted:
            if self.passed(each, slot):
                may_pass(each, slot)
                self.changes.edits += add_parameter(each.source, each.function, slot)
                for use in each.uses:
                    if use.slot == slot and not (isinstance(use.node, ast.Name) and use.node.id == slot):
                        self.changes.edits += replace(use.source, use.node, slot)

    def hand_on(self, each: Station) -> None:
        """The calls of helpers get what the helpers need."""
        text = ""
        if each.calls and self.parameter:
            text = self.parameter if each.passes else self.handed_key(each)
        for call, below, keywords in each.calls:
            self.alone(each, call, below)
            if self.parameter:
                self.argue(each, call, self.parameter if below.passes or below.key is None else below.key.text, text, keywords or _place_behind(each, call, below))
            else:
                for slot in self.wanted:
                    if self.passed(below, slot):
                        name = next((use.node.id for use in each.uses if use.slot == slot and isinstance(use.node, ast.Name)), slot)
                        self.argue(each, call, slot, name, keywords)

    def alone(self, each: Station, call: ast.Call, below: Station) -> None:
        """Raises Unclear when a call may run something besides what gets one more argument."""
        taking = {station.function for station in self.stations if station.passes}
        if not isinstance(call.func, (ast.Name, ast.Attribute)) or below.function not in taking:
            return
        for origin in each.source.origins(call.func):
            if origin.kind == "function" and origin.node not in taking:
                raise Unclear("helper-signature", f"{each.name} may call another {below.name} instead, which takes no key", each.source, call)

    def handed_key(self, each: Station) -> str:
        """The key as it is written at the calls; one that would be new at each call is put into a local first."""
        for key in [*([each.key] if each.key else []), *each.keys]:
            if all(place_for(each.source, each.function, [call], key.after, in_loops=True) is not None for call, _, _ in each.calls):  # type: ignore[arg-type]
                each.key = key
                if _in_a_text(each, key.written):
                    break
                if not key.may_be_new or len(each.calls) == 1:
                    return self.key_text(each)
                break
        else:
            if each.keys and all(key.after for key in each.keys):
                raise Unclear("no-place", f"{each.name} uses it before its key is there", each.source, each.function)
            each.key = None
        if len(each.calls) == 1 and not (each.key is not None and _in_a_text(each, each.key.written)):
            return self.key_text(each)
        before = place_for(each.source, each.function, [call for call, _, _ in each.calls], each.key.after if each.key else ())  # type: ignore[arg-type]
        name = self.parameter if not _bound(each, self.parameter) else f"{self.parameter}_"
        if before is None:
            raise Unclear("no-place", f"{each.name} has no one place before all uses", each.source, each.function)
        self.changes.edits.append(insertion(each.source, before, f"{name} = {self.key_text(each)}{each.source.newline}"))
        return name

    def argue(self, each: Station, call: ast.Call, name: str, value: str, keywords: bool | int) -> None:
        """`keywords`: whether keywords reach the helper; 2 where it takes one more argument behind those that it is given."""
        if keywords == 2:
            self.changes.edits.append(each.source.edit(each.source.stop(call.args[-1]), each.source.stop(call.args[-1]), f", {value}"))
            return
        if not keywords:
            raise Unclear("handed-on", f"{each.name} hands a helper on where no keyword can follow", each.source, call)
        self.changes.edits += add_argument(each.source, call, name, value)

    def in_sessions(self) -> None:
        """`lambda session_id: history` asks the factory."""
        for use in self.sessions:
            function = session_function(use.source, use.node)
            assert function is not None
            index = "" if len(self.wanted) == 1 else f"[{self.wanted.index(use.slot)}]"
            self.changes.edits += replace(use.source, use.node, f"{self.factory}({function.args.args[0].arg}){index}")

    def importing(self) -> None:
        """Imports of the objects become imports of the factory."""
        lists: dict[ast.ImportFrom, tuple[Source, list[ast.alias]]] = {}
        building = {id(each.source) for each in self.stations if (each.uses and (self.parameter or not each.passes))}
        for slot in self.group.slots if self.group.owner is None else self.wanted:
            for other, binding in imports_of(self.source, slot):
                onward = any(True for third, its in imports_of(self.source, slot) if third is not other and _through(third, its, other))
                used = id(other) in building and (any(use.importing is binding for each in self.stations for use in each.uses))
                if not used and not (onward and slot in self.wanted):
                    if not any(True for _ in other.uses(binding)):
                        raise Unclear("exported", f"{other.path} imports {slot} and may hand it on", other, binding.node)
                    continue
                if isinstance(binding.node, ast.ImportFrom):
                    alias = next(each for each in binding.node.names if (each.asname or each.name) == binding.name)
                    lists.setdefault(binding.node, (other, []))[1].append(alias)
        for node, (other, aliases) in lists.items():
            order = sorted(dict.fromkeys(aliases), key=node.names.index)
            for alias in order[:-1]:
                self.changes.edits.append(other.edit(other.start(alias), other.start(node.names[node.names.index(alias) + 1]), ""))
            self.changes.edits += replace(other, order[-1], self.factory)


def _in_a_text(each: Station, written: str) -> bool:
    """Whether one of its calls stands in an f-string, where Python below 3.12 reads no quotes."""
    return not set("'\"\\").isdisjoint(written) and any(isinstance(above, ast.JoinedStr) for call, _, _ in each.calls for above in each.source.parents(call))


def _place_behind(each: Station, call: ast.Call, below: Station) -> int:
    """2 where a call hands a helper on with all that it takes, so that its new last parameter is the next: `run_in_executor(None, answer, text)`; else 0."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    place = {"run_in_executor": 1, "run_sync": 0}.get(name)
    if place is None or not below.passes or not isinstance(below.function, FunctionNode) or any(isinstance(given, ast.Starred) for given in call.args):
        return 0
    args = below.function.args
    if args.posonlyargs or args.defaults or args.vararg or args.kwonlyargs or args.kwarg:
        return 0
    method = isinstance(below.source.parent(below.function), ast.ClassDef)
    return 2 if len(call.args) - place - 1 == len(args.args) - method else 0


def _through(source: Source, binding: Binding, other: Source) -> bool:
    found = source.project.lookup(binding.origin, source.path)
    return found is not None and found[0] is other


def _accepts(each: Station) -> tuple[ast.stmt, ...]:
    """The statement that accepts a websocket."""
    if each.handler is None or each.handler.kind != "websocket":
        return ()
    found = []
    for call in each.source.nodes(ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr == "accept" and each.source.function(call) is each.function:
            found.append(each.source.statement(call))
    return tuple(found[:1])


def _read_there(each: Station, name: str) -> bool:
    """Whether a function reads something else by that name, which a local would hide."""
    return any(each.function in each.source.parents(load) for load in each.source.names.loads.get(name, ()))


def _bound(each: Station, name: str) -> bool:
    return isinstance(each.function, FunctionNode) and name in each.source.names.inner[each.function].bindings
