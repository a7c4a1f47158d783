"""A group that requests share, taken apart: the edits that build it per request, or the reason why not."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .callers import add_argument, add_parameter, callers
from .cut import reindent, replace, span
from .finding import Edit, Finding, Import
from .handlers import handlers, serves
from .histories import MAX_SESSIONS, History, history, place_of_history
from .imports import spell
from .keys import Key, meaning_of
from .libraries.memory import is_light, is_plain, keeps
from .move import insertion, instead, lead, movable, place_for, runs, without
from .names import Binding, FunctionNode
from .reach import Use, User, imports_of, lasting, member_uses, reached, users_of, uses_of
from .rebuild import as_locals, factory_text, hoisted, inline_text, is_client, keyed
from .shared import Cell, Group, cells_in, groups_in, reads, session_function, value_of, written
from .source import Source, has_keyword
from .stations import Station, Unclear, choose_keys, may_pass, own_stations, stations_for

INLINE = 3  # statements that still read well inside a handler


@dataclass(frozen=True, slots=True)
class Wishes:
    history: str = "auto"
    move_clients: bool = False
    stateless: bool = False


@dataclass(slots=True)
class Changes:
    """Edits and imports over all files."""

    edits: list[Edit] = field(default_factory=list)
    imports: list[tuple[str, Import]] = field(default_factory=list)

    def need(self, source: Source, imports: tuple[Import, ...]) -> None:
        self.imports += [(source.path, each) for each in imports]


def isolated(group: Group, wishes: Wishes) -> Iterator[Finding]:
    """The finding for one group; none when no request reaches it."""
    source = group.source
    if group.owner is None:
        if wishes.move_clients:
            with_clients(group)
        uses = uses_of(source, group.scope, group.slots, group.statements)
    else:
        if group.me and not lasting(source, group.owner):
            return
        uses = member_uses(source, group.owner, group.slots, group.scope, group.statements)
    sessions = [use for use in uses if session_function(use.source, use.node) is not None]
    users, early = users_of([use for use in uses if use not in sessions], group.scope if group.scope.kind == "function" and not group.me else None)
    behind = [handler for user in users if user.function is not None for handler in reached(user.source, user.function)]
    if uses and all(by_session(use) for use in uses):
        return
    if not serves(source.project):
        return
    if not behind and not sessions:
        starred = group.owner is None and group.scope.kind == "module" and [other for other in source.project if source.module in _starred(other) and _hides(other, group, users)]
        if starred:
            yield source.refuse(_spot(group), "exported", f"{_shared(group)}; {starred[0].path} may get it by a star import")
        return
    try:
        stations = stations_for(users)
        if group.owner is not None and not any(each.keys for each in stations if not each.passes):
            stations = own_stations(users)
        plan = _Plan if group.owner is None else _ClassPlan
        yield plan(group, wishes, sessions, early, stations).finding()
    except Unclear as unclear:
        where = f" ({unclear.source.path}:{unclear.source.place(unclear.node).line})" if unclear.source is not None and unclear.node is not None else ""
        yield source.refuse(_spot(group), unclear.reason, f"{_shared(group)}; {unclear.message}{where}")


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
    word = given.attr if isinstance(given, ast.Attribute) else given.id if isinstance(given, ast.Name) else ""
    if isinstance(given, ast.Subscript) and isinstance(given.slice, ast.Constant):
        word = str(given.slice.value)
    return meaning_of(word) is not None


def _names(group: Group) -> str:
    names = sorted((slot for slot in group.slots if slot.startswith("self.") or not group.me), key=lambda slot: group.body.index(group.slots[slot]))
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _shared(group: Group) -> str:
    names = _names(group)
    return f"{names} {'are' if ' and ' in names else 'is'} shared by all requests"


def _spot(group: Group) -> ast.AST:
    return group.cells[0].call if group.cells and group.cells[0].source is group.source else group.first


def with_clients(group: Group) -> None:
    """The chat models that nothing else uses belong to the group too."""
    source = group.source
    for statement in group.body:
        names = written(statement)
        if not names or statement in group.statements or not is_client(source, value_of(statement) or statement):
            continue
        loads = list(source.names.uses(names[0], group.scope))
        inside = {node for member in group.statements for node in ast.walk(member)}
        if loads and all(load in inside for load in loads):
            group.statements.append(statement)
            group.slots[names[0]] = statement
    group.statements.sort(key=group.body.index)


class _Plan:
    """Everything that is known before the edits are written."""

    def __init__(self, group: Group, wishes: Wishes, sessions: list[Use], early: list[Use], stations: list[Station]) -> None:
        self.group, self.wishes, self.sessions, self.stations = group, wishes, sessions, stations
        self.source = group.source
        self.parameter = choose_keys(stations)
        if sessions:
            self.parameter = self.parameter or "session_id"
        self.check(early)
        self.cells = [*group.cells, *(cell for other in group.foreign.values() for cell in other.cells)]
        self.builders = [each for each in stations if not each.passes]
        read = {use.slot for each in stations for use in each.uses} | {use.slot for use in sessions}
        self.wanted = [slot for slot in self.slots_in_order() if slot in read]
        self.changes = Changes()
        self.borrowers: list[Station] = []
        self.foreign: dict[str, str] = {}  # imported name -> the factory for it in its own file
        self.types: dict[str, str] = {}  # of slots whose history is of another class now
        kinds = {cell.kind for cell in self.cells}
        self.kind = place_of_history(self.source, wishes.history) if self.parameter else ""
        self.cached = bool(self.parameter) and ("whole" in kinds or ("list" in kinds and self.kind != "memory") or self.seeded())
        if self.kind == "memory" and "factory" in kinds:
            self.cached = True
        if self.kind == "memory" and kinds == {"store"} and len(group.statements) == 1 and value_of(group.first) is group.cells[0].call:
            self.cached = True  # the factory is the store
        self.factory = self.free_name()

    def slots_in_order(self) -> list[str]:
        return sorted(self.group.slots, key=lambda slot: self.group.body.index(self.group.slots[slot]))

    def seeded(self) -> bool:
        return any(isinstance(statement, ast.Expr) for statement in self.group.statements)

    def free_name(self) -> str:
        memories = {slot for slot, statement in self.group.slots.items() if any(value_of(statement) is cell.call and cell.kind != "chain" for cell in self.group.cells)}
        best = [slot for slot in self.wanted if slot not in memories] or self.wanted
        name = f"build_{best[-1].removeprefix('self.').lstrip('_')}"
        taken = {found for source in self.source.project for scope in source.names.inner.values() for found in scope.bindings}
        while name in taken:
            name += "_"
        return name

    # what stands in the way

    def check(self, early: list[Use]) -> None:
        group, source = self.group, self.source
        if early:
            use = early[0]
            raise Unclear("needed-at-import", f"{use.slot} is needed when the module is imported", use.source, use.node)
        for slot in group.slots:
            bindings = group.scope.bindings.get(slot, [])
            if any(binding.within is not group.scope for binding in bindings):
                raise Unclear("rebound", f"{slot} is set anew under `global`")
            if len(bindings) > 1:
                raise Unclear("rebound", f"{slot} is bound in several places", source, bindings[-1].node)
            if group.scope.kind == "module":
                self.check_exports(slot)
        for statement in group.statements:
            for call in strangers(group, statement):
                raise Unclear("handed-on", f"{ast.unparse(call.func)} gets it when the module is imported", source, call)
            if not movable(source, statement):
                raise Unclear("shared-line", "a statement shares its line with another", source, statement)
            self.check_free_names(statement)
        for cell in [*group.cells, *(cell for other in group.foreign.values() for cell in other.cells)]:
            if cell.kind == "vectors":
                raise Unclear("vector-memory", "a memory in a vector store knows no sessions", cell.source, cell.call)
            if cell.kind == "session" and not self.parameter:
                raise Unclear("fixed-session", "the history has one fixed session id, and no handler has a key", cell.source, cell.call)
            if cell.factory is not None:
                usable(cell)
        keyless = next((each for each in self.stations if each.handler is not None and each.handler.kind == "node" and not each.keys), None)
        if keyless is not None:
            raise Unclear("graph-node", f"{keyless.name} is a node of a graph, and its state has no key", keyless.source, keyless.function)
        if not self.parameter and group.owner is not None and len([each for each in self.stations if each.handler is None]) > 1:
            raise Unclear("read-elsewhere", "several methods use it within one request, and there is no key by which they could share a history", source, self.stations[0].function)
        if not self.parameter and len(self.stations) > 1:
            for each in self.stations:
                if each.only_reads:
                    raise Unclear("read-elsewhere", f"{each.name} reads what other requests have said, and there is no key to tell them apart", each.source, each.function)

    def check_exports(self, slot: str) -> None:
        for other in [self.source, *(found for found, _ in imports_of(self.source, slot))]:
            if slot in (other.exports() or ()):
                raise Unclear("exported", f"{slot} stands in __all__ of {other.path}", other)
        tail = f"{self.source.module.rpartition('.')[2]}.{slot}"
        for other in self.source.project:
            for node in other.nodes(ast.Constant):
                if isinstance(node.value, str) and (node.value == tail or node.value.endswith(f".{tail}")):
                    raise Unclear("patched-by-tests", f"{slot} is named in a string, as tests do that replace it", other, node)
            if other is not self.source and other.names.module.stars and slot in other.names.loads and self.source.module in _starred(other):
                raise Unclear("exported", f"{other.path} gets {slot} by a star import", other)

    def check_free_names(self, statement: ast.stmt) -> None:
        """What the statement reads must still mean the same when it runs later."""
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in self.group.slots:
                home = self.source.scope(node).home(node.id)
                bindings = home.bindings.get(node.id, []) if home is self.group.scope else []
                if any(binding.within is not home for binding in bindings) or any(
                    self.source.start(binding.node) > self.source.start(statement) for binding in bindings if binding.kind in ("assign", "augmented", "for", "with", "delete")
                ):
                    raise Unclear("rebound", f"{node.id}, of which it is built, is set anew later", self.source, node)

    # the finding

    def finding(self) -> Finding:
        group = self.group
        history_of = self.histories()
        hoist = hoisted(self.group, clients=self.wishes.move_clients)
        edits = list(hoist.edits)
        session = self.parameter
        inline = self.inlines()
        if inline:
            session = self.key_text(self.builders[0])
        definitions: list[str] = []
        if self.parameter and not self.cached:
            for cell in group.cells:
                if cell.factory is not None:
                    edits += self.in_factory(cell, history_of, session)
                    continue
                if cell.kind != "session" and has_keyword(cell.call, "chat_memory"):
                    continue
                found = history_of(cell, session) if cell.kind != "session" else History("session", "")
                if cell.kind == "store":
                    self.types |= {slot: found.type for slot, statement in self.group.slots.items() if value_of(statement) is cell.call}
                cut, needs = keyed(cell, found, session)
                edits += cut
                self.changes.need(cell.source, needs)
                if found.definitions and found.definitions not in definitions:
                    definitions.append(found.definitions)
            for name, other in group.foreign.items():
                self.abroad(name, other, history_of)
        else:
            for name, other in group.foreign.items():
                self.abroad(name, other, None)
        if self.cached:
            self.changes.need(self.source, spell(self.source, "functools", "lru_cache")[1])
        if any(edit.start < 0 for edit in edits):
            raise Unclear("shared-line", "the code is laid out in a way that can't be cut safely")
        self.definition(inline, edits, hoist.lines, "\n\n".join(definitions))
        for each in self.builders:
            self.build_in(each, inline, edits)
        for each in self.stations:
            if each.passes:
                self.pass_through(each)
            self.hand_on(each)
        self.in_sessions()
        self.importing()
        return self.source.fix(_spot(self.group), self.changes.edits, self.message(), help=self.told(), imports=self.changes.imports)

    def histories(self) -> Callable[[Cell, str], History]:
        asynchronous = any(isinstance(each.function, ast.AsyncFunctionDef) for each in self.stations) or bool(self.sessions)
        several = _several(self.source, self.group)

        def of(cell: Cell, session: str) -> History:
            slot = next((slot for slot, statement in self.group.slots.items() if any(node is cell.call for node in ast.walk(statement))), "chat")
            return history(cell.source, self.kind, session, name=slot, own=several, asynchronous=asynchronous, near=cell.call)

        return of

    def in_factory(self, cell: Cell, history_of: Callable[[Cell, str], History], session: str) -> list[Edit]:
        """The project's own factory takes the key and builds with it."""
        assert cell.factory is not None and isinstance(cell.factory.node, FunctionNode)
        source, function = cell.factory.source, cell.factory.node
        may_pass(Station(source, function, None), self.parameter)
        mentions = callers(source, function)
        if mentions.others or mentions.runs or len(mentions.calls) > 1:
            raise Unclear("factory", f"{function.name} builds for others too", source, function)
        inner = groups_in(source, function.body, source.names.inner[function])
        cells = list(dict.fromkeys([*(each for group in inner for each in group.cells), *_returned(source, function)]))
        definitions: list[str] = []
        for each in cells:
            if each.factory is not None or each.kind in ("whole", "vectors", "list"):
                raise Unclear("factory", f"what {function.name} builds can't be given a history by key", source, each.call)
            if each.kind != "session" and has_keyword(each.call, "chat_memory"):
                continue
            found = history_of(each, self.parameter) if each.kind != "session" else History("session", "")
            cut, needs = keyed(each, found, self.parameter)
            self.changes.edits += cut
            self.changes.need(source, needs)
            if found.definitions and found.definitions not in definitions:
                definitions.append(found.definitions)
        if definitions:
            start = lead(source, function)
            self.changes.edits.append(source.edit(start, start, "\n\n".join(definitions).replace("\n", source.newline) + source.newline * 2))
        self.changes.edits += add_parameter(source, function, self.parameter, "str")
        return add_argument(cell.source, cell.call, self.parameter, session)

    def abroad(self, name: str, other: Group, history_of: Callable[[Cell, str], History] | None) -> None:
        """What another module builds and this one builds upon: a factory there, called by ours."""
        source, (slot,) = other.source, tuple(other.slots)
        mine = {node for statement in self.group.statements for node in ast.walk(statement)}
        uses = uses_of(source, other.scope, other.slots, other.statements)
        if foreign := [use for use in uses if use.source is not self.source or use.node not in mine]:
            raise Unclear("needed-at-import", f"{slot} of {source.path} is used on its own too", foreign[0].source, foreign[0].node)
        parameter = self.parameter if history_of is not None else ""
        edits: list[Edit] = []
        definitions: list[str] = []
        for cell in other.cells:
            if cell.factory is not None or cell.kind == "vectors" or not all(movable(source, statement) for statement in other.statements):
                raise Unclear("factory", f"what {source.path} builds can't be built per request", cell.source, cell.call)
            if history_of is None or (cell.kind != "session" and has_keyword(cell.call, "chat_memory")):
                continue
            found = history_of(cell, parameter) if cell.kind != "session" else History("session", "")
            cut, needs = keyed(cell, found, parameter)
            edits += cut
            self.changes.need(source, needs)
            definitions += [found.definitions.replace("\n", source.newline)] if found.definitions else []
        factory = f"build_{slot.lstrip('_')}"
        if any(factory in scope.bindings for each in source.project for scope in each.names.inner.values()):
            raise Unclear("rebound", f"{factory} has a meaning already", source, other.first)
        self.foreign[name] = factory
        text = (source.newline * 3).join([*definitions, factory_text(other, factory, parameter, [slot], edits)])
        rows = runs(other.body, other.statements)
        self.changes.edits += [without(source, *row) for row in rows[:-1]]
        self.changes.edits.append(instead(source, *rows[-1], text, before=2, after=2))
        for importer, binding in imports_of(source, slot):
            if isinstance(binding.node, ast.ImportFrom):
                alias = next(each for each in binding.node.names if (each.asname or each.name) == binding.name)
                self.changes.edits += replace(importer, alias, factory)

    def inlines(self) -> bool:
        """Whether the statements go right into the one handler that uses them."""
        if len(self.builders) != 1 or len(self.stations) != 1 or self.sessions or self.cached or self.group.foreign or len(self.group.statements) > INLINE:
            return False
        only = self.builders[0]
        if only.source is not self.source or not isinstance(only.function, FunctionNode) or only.handler is None:
            return False
        if any(isinstance(statement, FunctionNode) for statement in self.group.statements) or any(not isinstance(use.node, ast.Name) for use in only.uses):
            return False
        scope = self.source.names.inner[only.function]
        names = {node.id for statement in self.group.statements for node in ast.walk(statement) if isinstance(node, ast.Name)}
        inner = [each for node, each in self.source.names.inner.items() if node is only.function or only.function in self.source.parents(node)]
        return scope.kind == "function" and not any(name in each.bindings for each in inner for name in names)

    def key_text(self, each: Station) -> str:
        if not self.parameter:
            return ""
        if each.key is not None:
            self.changes.need(each.source, each.key.needs)
            if each.key.borrow and isinstance(each.function, FunctionNode) and each not in self.borrowers:
                self.borrowers.append(each)
                self.changes.edits += add_parameter(each.source, each.function, each.key.borrow)
            return each.key.written
        if isinstance(each.function, ast.If):
            return '"main"'
        self.changes.need(each.source, (Import("uuid", "uuid4"),))
        return "uuid4().hex"

    def definition(self, inline: bool, edits: list[Edit], kept: dict[ast.stmt, list[str]], definitions: str) -> None:
        """Where the statements stood: nothing, or the factory, behind what stays."""
        group, source = self.group, self.source
        newline, margin = source.newline, source.indent(group.first)
        blank = 1 if margin else 2
        parts = [reindent(definitions.replace("\n", newline), "", margin)] if definitions else []
        if not inline:
            lines = [f"{name} = {factory}({self.parameter if not self.cached else ''}){newline}" for name, factory in self.foreign.items()]
            parts.append(factory_text(group, self.factory, self.parameter, self.wanted, edits, cached=self.cache(), types=self.types, margin=margin, opening=lines))
        stays = "".join(margin + line for statement in group.statements for line in kept.get(statement, ()))
        self.put(newline.join([""] * (blank + 1)).join([*([stays] if stays else []), *parts]), 0 if stays else blank, blank if parts else 0)

    def cache(self) -> str:
        return f"{spell(self.source, 'functools', 'lru_cache')[0]}(maxsize={MAX_SESSIONS})" if self.cached else ""

    def put(self, text: str, before: int, after: int) -> None:
        """The statements go; `text` stands where the last of them stood."""
        found = runs(self.group.body, self.group.statements)
        self.changes.edits += [without(self.source, *row) for row in (found[:-1] if text else found)]
        if text:
            self.changes.edits.append(instead(self.source, *found[-1], text, before=before, after=after))

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

    def place(self, each: Station) -> tuple[ast.stmt, Key | None]:
        """Where it is built, and with which of its keys."""
        after = _accepts(each)
        nodes = [use.node for use in each.uses] + ([] if self.parameter else [call for call, _, _ in each.calls])
        function = each.function
        candidates: list[Key | None] = [*([each.key] if each.key else []), *each.keys, None] if self.parameter else [None]
        for key in candidates:
            needed = (*after, *(key.after if key else ()))
            found = place_for(each.source, function, nodes, needed, in_loops=key is not None and bool(key.after))  # type: ignore[arg-type]
            if found is not None:
                return found, key
        found = place_for(each.source, function, nodes)  # type: ignore[arg-type]
        if found is None:
            raise Unclear("no-place", f"{each.name} has no one place before all uses", each.source, function)
        return found, None

    def locals(self, each: Station) -> str:
        """The names on the left: what the uses call the objects."""
        names = []
        needed = self.wanted if self.parameter and not each.calls else self.wanted
        for slot in needed:
            own = [use for use in each.uses if use.slot == slot]
            handed = not self.parameter and any(self.passed(below, slot) for _, below, _ in each.calls)
            if not own and not handed:
                names.append("_")
                continue
            name = next((use.node.id for use in own if isinstance(use.node, ast.Name)), slot.removeprefix("self."))
            while any(isinstance(use.node, ast.Attribute) for use in own) and _bound(each, name):
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
        raise Unclear("handed-on", f"{each.source.path} does not import it where it would have to be built", each.source, each.function)

    # helpers between

    def pass_through(self, each: Station) -> None:
        """A helper gets the key, and builds; or it gets the objects."""
        assert isinstance(each.function, FunctionNode)
        if self.parameter:
            may_pass(each, self.parameter)
            self.changes.edits += add_parameter(each.source, each.function, self.parameter, "str")
            if each.uses:
                local = self.locals(each)
                found = place_for(each.source, each.function, [use.node for use in each.uses])
                if found is None:
                    raise Unclear("no-place", f"{each.name} has no one place before all uses", each.source, each.function)
                self.changes.edits.append(insertion(each.source, found, f"{local} = {self.spelled_factory(each)}({self.parameter}){each.source.newline}"))
            return
        for slot in self.wanted:
            if self.passed(each, slot):
                may_pass(each, slot)
                type_name = self.group.slots[slot] and ""
                self.changes.edits += add_parameter(each.source, each.function, slot, type_name)
                for use in each.uses:
                    if use.slot == slot and not (isinstance(use.node, ast.Name) and use.node.id == slot):
                        self.changes.edits += replace(use.source, use.node, slot)

    def hand_on(self, each: Station) -> None:
        """The calls of helpers get what the helpers need."""
        text = ""
        if each.calls and self.parameter:
            if each.passes:
                text = self.parameter
            else:
                text = self.handed_key(each)
        for call, below, keywords in each.calls:
            if self.parameter:
                self.argue(each, call, self.parameter, text, keywords)
            else:
                for slot in self.wanted:
                    if self.passed(below, slot):
                        name = next((use.node.id for use in each.uses if use.slot == slot and isinstance(use.node, ast.Name)), slot)
                        self.argue(each, call, slot, name, keywords)

    def handed_key(self, each: Station) -> str:
        """The key as it is written at the calls; one that would be new at each call is put into a local first."""
        for key in [*([each.key] if each.key else []), *each.keys]:
            if all(place_for(each.source, each.function, [call], key.after, in_loops=True) is not None for call, _, _ in each.calls):  # type: ignore[arg-type]
                each.key = key
                if not key.optional or len(each.calls) == 1:
                    return self.key_text(each)
                break
        else:
            each.key = None
        if len(each.calls) == 1:
            return self.key_text(each)
        before = place_for(each.source, each.function, [call for call, _, _ in each.calls], each.key.after if each.key else ())  # type: ignore[arg-type]
        name = self.parameter if not _bound(each, self.parameter) else f"{self.parameter}_"
        if before is None:
            raise Unclear("no-place", f"{each.name} has no one place before all uses", each.source, each.function)
        self.changes.edits.append(insertion(each.source, before, f"{name} = {self.key_text(each)}{each.source.newline}"))
        return name

    def argue(self, each: Station, call: ast.Call, name: str, value: str, keywords: bool) -> None:
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
        done: set[ast.AST] = set()
        building = {id(each.source) for each in self.stations if (each.uses and (self.parameter or not each.passes))}
        for slot in self.wanted:
            for other, binding in imports_of(self.source, slot):
                onward = any(True for third, its in imports_of(self.source, slot) if third is not other and _through(third, its, other))
                used = id(other) in building and (any(use.importing is binding for each in self.stations for use in each.uses))
                if not used and not onward:
                    if not any(True for _ in other.uses(binding)):
                        raise Unclear("exported", f"{other.path} imports {slot} and may hand it on", other, binding.node)
                    continue
                if not isinstance(binding.node, ast.ImportFrom):
                    continue
                alias = next(each for each in binding.node.names if (each.asname or each.name) == binding.name)
                if binding.node in done:
                    continue
                done.add(binding.node)
                self.changes.edits += replace(other, alias, self.factory)

    # words

    def message(self) -> str:
        group = self.group
        what = f"{_shared(group)}, which see each other's messages"
        if not self.parameter:
            loops = any(each.handler is not None and each.handler.kind == "websocket" for each in self.builders)
            lasts = "one connection" if loops else "one request"
            return f"{what}; built per request now. No key is in sight, so the history now lasts for {lasts}"
        where = {"redis": "in Redis", "sql": "in SQL", "memory": "in this process"}["memory" if self.cached else self.kind]
        return f"{what}; built per {self.parameter} now, the history is kept {where}"

    def told(self) -> str:
        lines = []
        if not self.parameter:
            lines.append("To keep a conversation, send a session id with each request and run this again.")
        elif self.cached or self.kind == "memory":
            lines.append("Each worker process keeps its own history, and a restart forgets it; declare redis or langchain-community to keep it outside.")
        keyless = [each.name for each in self.builders if each.key is None and self.parameter and not isinstance(each.function, ast.If)]
        if keyless:
            lines.append(f"Without a key: {', '.join(keyless)} - there the history lasts for one request.")
        defaults = [each.key.default for each in self.builders if each.key is not None and each.key.default]
        if defaults:
            lines.append(f"Requests that send no key share the conversation {defaults[0]}.")
        others = _other_state(self.stations)
        if others:
            lines.append(f"Not all state is apart yet: {', '.join(others)} is still shared by all requests.")
        return " ".join(lines)


class _ClassPlan(_Plan):
    """The same where instances of a class hold the objects: the factory is a method, or a function made in `__init__`."""

    def check_exports(self, slot: str) -> None:
        return

    def check(self, early: list[Use]) -> None:
        super().check(early)
        group, source = self.group, self.source
        assert group.owner is not None
        if not group.me:
            return
        for slot in group.slots:
            attr = slot.removeprefix("self.")
            for (_, name), targets in source.names.stores.items():
                for target in targets:
                    if name == attr and slot != attr and source.class_of(target) is group.owner and source.statement(target) not in group.statements:
                        raise Unclear("rebound", f"{slot} is set anew in another place", source, target)
        for use in [*(use for each in self.stations for use in each.uses)]:
            if not use.slot.startswith("self."):
                raise Unclear("needed-at-import", f"{use.slot} is used by a function within {group.owner.name}", use.source, use.node)

    def inlines(self) -> bool:
        return False

    @property
    def closes(self) -> bool:
        """Whether the statements need locals or parameters of the method that they stand in."""
        group = self.group
        if not group.me:
            return False
        return self.wishes.move_clients or any(
            isinstance(node, ast.Name) and node.id not in group.slots and node.id != group.me and self.source.scope(node).home(node.id) is group.scope
            for statement in group.statements
            for node in ast.walk(statement)
        )  # fmt: skip

    def definition(self, inline: bool, edits: list[Edit], kept: dict[ast.stmt, list[str]], definitions: str) -> None:
        group, source = self.group, self.source
        assert group.owner is not None
        newline, margin = source.newline, source.indent(group.first)
        me = group.me or "self"
        edits = [*edits, *as_locals(group, me)]
        if definitions:
            start = lead(source, group.owner)
            self.changes.edits.append(source.edit(start, start, definitions.replace("\n", newline) + newline * 2))
        stays = "".join(margin + line for statement in group.statements for line in kept.get(statement, ()))
        if group.me and not (self.closes or stays):
            method = next(above for above in source.parents(group.first) if isinstance(above, FunctionNode))
            factory = factory_text(group, self.factory, self.parameter, self.wanted, edits, cached=self.cache(), types=self.types, margin=source.indent(method), me=me)
            stop = span(source, method)[1]
            opening = newline if source.utf8.endswith((b"\n", b"\r")) or stop < len(source.utf8) else newline * 2
            self.changes.edits.append(source.edit(stop, stop, opening + factory))
            self.put("" if len(group.body) > len(group.statements) else f"{margin}pass{newline}", 0, 0)
        elif group.me:
            factory = factory_text(group, self.factory, self.parameter, self.wanted, edits, cached=self.cache(), types=self.types, margin=margin)
            told = f"{newline}{margin}{me}.{self.factory} = {self.factory}{newline}"
            self.put(f"{stays}{newline if stays else ''}{factory}{told}", 0 if stays else 1, 0)
        else:
            factory = factory_text(group, self.factory, self.parameter, self.wanted, edits, cached=self.cache(), types=self.types, margin=margin, me=me)
            self.put(f"{stays}{newline if stays else ''}{factory}", 0 if stays else 1, 1)

    def spelled_factory(self, each: Station) -> str:
        for use in each.uses:
            if isinstance(use.node, ast.Attribute):
                return f"{each.source.code(use.node.value)}.{self.factory}"
        raise Unclear("handed-on", f"{each.name} has no instance to ask", each.source, each.function)

    def importing(self) -> None:
        return


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
        if not any(keeps_only(origin.source, origin.node) for origin in source.origins(call.func) if isinstance(origin.node, ast.ClassDef)):
            yield call


def keeps_only(source: Source, owner: ast.ClassDef) -> bool:
    """Whether making an instance does nothing but keep what it is given."""
    method = next((each for each in owner.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"), None)
    if method is None:
        return not owner.bases
    return all(isinstance(each, (ast.Assign, ast.AnnAssign)) and isinstance(each.value, (ast.Name, ast.Constant, ast.List, ast.Dict)) for each in method.body)


def usable(cell: Cell) -> None:
    """Raises Unclear when a factory may not be called for each request."""
    assert cell.factory is not None and isinstance(cell.factory.node, FunctionNode)
    source, function = cell.factory.source, cell.factory.node
    if function.decorator_list:
        raise Unclear("factory", f"{function.name} is decorated; it may give the same object again", source, function)
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and keeps(source, node) is None and not (is_light(source, node) or is_client(source, node) or is_plain(source, node)):
            raise Unclear("heavy-factory", f"{function.name} does more than build a chain: {ast.unparse(node.func)} would run for each request", source, node)
        if isinstance(node, (ast.Global, ast.Yield, ast.Await)):
            raise Unclear("factory", f"{function.name} is no plain factory", source, node)


def _returned(source: Source, function: FunctionNode) -> list[Cell]:
    return [cell for node in source.nodes(ast.Return) if source.function(node) is function and node.value is not None for cell in cells_in(source, node.value)]


def _hides(other: Source, group: Group, users: list[User]) -> bool:
    """Whether a file with a star import reads the objects, or calls what reads them."""
    names = {*group.slots, *(user.function.name for user in users if user.function is not None)}
    if not any(name in other.names.loads for name in names):
        return False
    return any(each.source is other for each in handlers(other.project).values())


def _starred(source: Source) -> set[str]:
    return {source.names.absolute(node) for node in source.nodes(ast.ImportFrom) if any(alias.name == "*" for alias in node.names)}


def _through(source: Source, binding: Binding, other: Source) -> bool:
    found = source.project.lookup(binding.origin, source.path)
    return found is not None and found[0] is other


def _several(source: Source, group: Group) -> bool:
    """Whether the files keep more conversations than this one memory's."""
    count = sum(1 for other in source.project for call in other.nodes(ast.Call) if keeps(other, call) in ("history", "list", "whole", "chain", "store", "session"))
    return count > 1 and count > sum(1 for cell in group.cells if cell.source is source and cell.kind != "factory") or len(group.cells) > 1


def _accepts(each: Station) -> tuple[ast.stmt, ...]:
    """The statement that accepts a websocket."""
    if each.handler is None or each.handler.kind != "websocket":
        return ()
    found = []
    for call in each.source.nodes(ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr == "accept" and each.source.function(call) is each.function:
            found.append(each.source.statement(call))
    return tuple(found[:1])


def _bound(each: Station, name: str) -> bool:
    return isinstance(each.function, FunctionNode) and name in each.source.names.inner[each.function].bindings


def _other_state(stations: list[Station]) -> list[str]:
    """Module-level lists and dictionaries that the same functions fill."""
    found: list[str] = []
    for each in stations:
        for name, bindings in each.source.names.module.bindings.items():
            if len(bindings) != 1 or not isinstance(bindings[0].value, (ast.List, ast.Dict)):
                continue
            for load in each.source.names.uses(name, each.source.names.module):
                above = each.source.parent(load)
                grows = isinstance(above, ast.Attribute) and above.attr in ("append", "extend", "insert")
                if grows and each.source.function(load) is each.function and name not in found:
                    found.append(name)
    return found
