"""How a group that requests share is built for each of them: the edits, over all files."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field

from ..callers import add_argument, add_parameter, callers
from ..cut import reindent, replace, span
from ..finding import Edit, Finding
from ..imports import either_way, spell
from ..libraries.memory import keeps
from ..move import apart, insertion, instead, lead, movable, runs, without
from ..names import FunctionNode, Scope
from ..source import Source, has_keyword
from .building import Building
from .cuts import cuts_messages
from .declared import undeclared
from .histories import MAX_SESSIONS, History, history, place_of_history
from .obstacles import object_to
from .once import object_to_keyless
from .reach import Use, imports_of, uses_of
from .rebuild import factory_text, hoisted, inline_text, keyed, result_type
from .refills import refills
from .shared import Cell, Group, adopted, cells_in, groups_in, value_of
from .stations import Station, Unclear, may_pass
from .stored import object_to_stored
from .wording import message, told

INLINE = 3  # statements that still read well inside a handler


@dataclass(frozen=True, slots=True)
class Wishes:
    history: str = "auto"
    move_clients: bool = False
    stateless: bool = False
    ends: set[tuple[str, int]] = field(default_factory=set)  # where the text of one ends
    given: dict[Scope, set[str]] = field(default_factory=dict)  # what the fixes of one run define already
    stores: dict[tuple[str, str], ast.AST] = field(default_factory=dict)  # whose histories have which names
    named: dict[Scope, set[str]] = field(default_factory=dict)  # and what they call the parts that stay


def spot(group: Group) -> ast.AST:
    return group.cells[0].call if group.cells and group.cells[0].source is group.source else group.first


class Plan(Building):
    """How a group of a module or function is built anew."""

    def __init__(self, group: Group, wishes: Wishes, sessions: list[Use], early: list[Use], stations: list[Station]) -> None:
        super().__init__(group, sessions, stations)
        self.wishes = wishes
        self.check(early)
        self.cells = [*group.cells, *(cell for other in group.foreign.values() for cell in other.cells)]
        self.foreign: dict[str, str] = {}  # imported name -> the factory for it in its own file
        self.tie = ""  # fixes that need the same definition are applied together
        self.types: dict[str, str] = {}  # of slots whose history is of another class now
        kinds = {cell.kind for cell in self.cells}
        self.kind = place_of_history(self.source, wishes.history) if self.parameter and kinds != {"config"} else ""
        self.cached = bool(self.parameter) and (not kinds.isdisjoint(("whole", "transcript", "thread")) or ("list" in kinds and self.kind != "memory") or self.seeded())
        if self.parameter and self.kind in ("redis", "sql") and cuts_messages(stations):
            self.cached = True  # a history outside of the process gives out copies of its list
        if (self.kind == "memory" and "factory" in kinds) or (self.parameter and any(_is_repeated(cell) for cell in self.cells)):
            self.cached = True
        if self.kind == "memory" and kinds == {"store"} and len(group.statements) == 1 and value_of(group.first) is group.cells[0].call:
            self.cached = True  # the factory is the store

    def check(self, early: list[Use]) -> None:
        object_to(self.group, self.parameter, self.stations, early)
        object_to_stored(self.stations)
        for each in self.stations:
            if each.handler is not None and each.handler.kind == "provider" and each.key is None and isinstance(each.function, FunctionNode):
                object_to_keyless(each.source, each.function)

    def holder(self) -> str:
        """What has the names of the group's scope as its attributes where the group is built."""
        return ""

    def whole(self) -> Group:
        """What the factory is to build."""
        return self.group

    def seeded(self) -> bool:
        return any(isinstance(statement, ast.Expr) and statement not in self.group.slots.values() for statement in self.group.statements)

    def finding(self) -> Finding:
        group = self.group
        hoist = hoisted(self.group, group.me, clients=self.wishes.move_clients, named=self.wishes.named.setdefault(group.scope, set()), holder=self.holder())
        edits = list(hoist.edits)
        session = self.parameter
        inline = self.inlines()
        if inline:
            only = self.builders[0]
            only.key = self.place(only)[1]
            session = self.key_text(only)
        definitions: list[str] = []
        if self.parameter and not self.cached:
            cut, definitions = self.with_histories([cell for cell in group.cells if cell.factory is None], session, group)
            edits += cut
            for cell in group.cells:
                if cell.factory is not None:
                    edits += self.in_factory(cell, session)
        else:
            for cell in group.cells:
                self.adopt(cell, "")
        edits += self.lend()
        for name, other in group.foreign.items():
            self.abroad(name, other)
        if self.cached:
            self.changes.need(self.source, spell(self.source, "functools", "lru_cache")[1])
        anew = refills(group)
        for edit in anew.edits if anew is not None else undeclared(self.source, group.scope, group.slots):
            moves = edit.path == self.source.path and any(self.source.start(each) < edit.start < self.source.stop(each) for each in group.statements)
            (edits if moves else self.changes.edits).append(edit)
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
        return self.source.fix(spot(self.group), self.changes.edits, message(self), help=told(self), imports=self.changes.imports, group=self.tie)

    def histories(self) -> Callable[[Cell, str], History]:
        asynchronous = any(isinstance(each.function, ast.AsyncFunctionDef) for each in self.stations) or bool(self.sessions)
        several = _several(self.source, self.group)

        def of(cell: Cell, session: str) -> History:
            name = _own_name(self.whole(), cell)
            while self.wishes.stores.setdefault((cell.source.path, name), cell.call) is not cell.call or (several and _kept_so(cell.source, name)):  # another conversation has it
                name += "_too"
            return history(cell.source, self.kind, session, name=name, own=several, asynchronous=asynchronous)

        return of

    def with_histories(self, cells: list[Cell], session: str, home: Group | None) -> tuple[list[Edit], list[str]]:
        """The edits that give constructors the history of a session, and what must be defined for that where nobody did yet."""
        edits: list[Edit] = []
        definitions: list[str] = []
        history_of = self.histories()
        for cell in cells:
            named = cell.kind in ("session", "config")
            if not named and has_keyword(cell.call, "chat_memory"):  # type: ignore[arg-type]
                continue
            if cell.kind == "chain" and isinstance(cell.call, ast.Call) and (name := ast.unparse(cell.call.func)) and either_way(cell.source, name) and not either_way(cell.source, "ConversationBufferMemory"):
                raise Unclear("factory", f"{name} is imported from one of two packages, and its memory would have to be too", cell.source, cell.call)
            found = history_of(cell, session) if not named else History("session", "")
            if cell.kind == "store" and home is not None:
                self.types |= {slot: found.type for slot, statement in home.slots.items() if value_of(statement) is cell.call}
            cut, needs = keyed(cell, found, session, cell.call if home is None or home.owner is None else None)
            edits += cut
            self.changes.need(cell.source, needs)
            scope = home.scope if home is not None and home.owner is None else cell.source.names.module
            given = self.wishes.given.setdefault(scope, set())
            definitions += [text for text in found.definitions if text not in given]
            given.update(found.definitions)
            if found.common:
                self.tie = f"history {cell.source.path}"
        return edits, definitions

    def lend(self) -> list[Edit]:
        """The functions that build from the objects get them as parameters; the edits of their calls."""
        group, source = self.group, self.source
        edits: list[Edit] = []
        for function in dict.fromkeys(maker.function for maker, _, _ in group.lent):
            found = [(maker, call, slots) for maker, call, slots in group.lent if maker.function is function and slots]
            slots = sorted({slot for _, _, each in found for slot in each}, key=lambda slot: group.body.index(group.slots[slot]))
            names = [slot.removeprefix("self.") for slot in slots]
            if not names:
                continue
            if group.owner is not None:
                may_pass(Station(source, function, None), names[0])
            kind = self.types.get(slots[0]) or result_type(group, slots[0]) if len(slots) == 1 else ""
            self.changes.edits += add_parameter(source, function, ", ".join(names), kind)
            for _, call, _ in found:
                if call.args or call.keywords or len(names) == 1:
                    edits += [edit for name in reversed(names) for edit in add_argument(source, call, name, name)]
                else:
                    edits.append(source.edit(source.stop(call) - 1, source.stop(call) - 1, ", ".join(f"{name}={name}" for name in names)))
            if (last := found[0][0].sets) is not None and isinstance(last.targets[0], ast.Attribute):
                place, start, stop = source.start(found[0][1]), source.start(last), source.start(last.value)
                edits.append(source.edit(place, place, f"{last.targets[0].attr} = "))
                self.changes.edits.append(source.edit(start, stop, f"return {source.slice(start, stop).rpartition('=')[2].strip()}"))
            for name in names:
                for read in found[0][0].reads[name]:
                    if not isinstance(read, ast.Name):
                        self.changes.edits += replace(source, read, name)
        return edits

    def in_factory(self, cell: Cell, session: str) -> list[Edit]:
        """The project's own factory takes the key and builds with it."""
        assert cell.factory is not None and isinstance(cell.factory.node, FunctionNode)
        source, function = cell.factory.source, cell.factory.node
        may_pass(Station(source, function, None), self.parameter)
        mentions = callers(source, function)
        if mentions.others or mentions.runs or len(mentions.calls) > 1:
            raise Unclear("factory", f"{function.name} builds for others too", source, function)
        inner = groups_in(source, function.body, source.names.inner[function])
        cells = list(dict.fromkeys([*(each for group in inner for each in group.cells), *_returned(source, function)]))
        for each in cells:
            if each.factory is not None or each.kind in ("whole", "vectors", "list"):
                raise Unclear("factory", f"what {function.name} builds can't be given a history by key", source, each.call)
        cut, definitions = self.with_histories(cells, self.parameter, None)
        self.changes.edits += cut
        definitions += self.adopt(cell, self.parameter)
        if definitions:
            self.changes.edits.append(apart(source, function, "\n\n".join(definitions)))
        self.changes.edits += add_parameter(source, function, self.parameter, "str")
        return add_argument(cell.source, cell.call, self.parameter, session) if isinstance(cell.call, ast.Call) else []

    def adopt(self, cell: Cell, session: str) -> list[str]:
        """What its module builds for the project's own factory is built in that; what must be defined for it."""
        if cell.factory is None or not isinstance(cell.factory.node, FunctionNode) or (taken := adopted(cell.factory.source, cell.factory.node)) is None:
            return []
        source, function = taken.source, cell.factory.node
        object_to(taken, self.parameter, [], [])
        if hoisted(taken).lines:
            raise Unclear("heavy-factory", "a part of it is too much for each request", source, taken.first)
        cut, definitions = self.with_histories(taken.cells, session, None) if session else ([], [])
        first = next((each for each in function.body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))), function.body[0])
        self.changes.edits += [without(source, *row) for row in runs(taken.body, taken.statements)]
        self.changes.edits.append(insertion(source, first, inline_text(taken, cut)))
        return definitions

    def abroad(self, name: str, other: Group) -> None:
        """What another module builds and this one builds upon: a factory there, called by ours."""
        source, (slot,) = other.source, tuple(other.slots)
        mine = {node for statement in self.group.statements for node in ast.walk(statement)}
        uses = uses_of(source, other.scope, other.slots, other.statements)
        if foreign := [use for use in uses if use.source is not self.source or use.node not in mine]:
            raise Unclear("needed-at-import", f"{slot} of {source.path} is used on its own too", foreign[0].source, foreign[0].node)
        parameter = self.parameter if not self.cached else ""
        for cell in other.cells:
            if cell.factory is not None or cell.kind == "vectors" or not all(movable(source, statement) for statement in other.statements):
                raise Unclear("factory", f"what {source.path} builds can't be built per request", cell.source, cell.call)
        edits, definitions = self.with_histories(other.cells, parameter, None) if parameter else ([], [])
        factory = f"build_{slot.lstrip('_')}"
        if any(factory in scope.bindings for each in source.project for scope in each.names.inner.values()):
            raise Unclear("rebound", f"{factory} has a meaning already", source, other.first)
        self.foreign[name] = factory
        text = (source.newline * 3).join([*(text.replace("\n", source.newline) for text in definitions), factory_text(other, factory, parameter, [slot], edits)])
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
            above = (self.source.path, lead(self.source, found[-1][0]))  # a neighbour's text ends here, with its blank lines
            self.changes.edits.append(instead(self.source, *found[-1], text, before=0 if above in self.wishes.ends else before, after=after))
            if after:
                self.wishes.ends.add((self.source.path, span(self.source, found[-1][1])[1]))


def _is_repeated(cell: Cell) -> bool:
    """Whether several are built by one expression, each with messages of its own: `{name: make(name) for name in names}`."""
    return any(isinstance(above, (ast.DictComp, ast.ListComp, ast.SetComp, ast.GeneratorExp)) for above in cell.source.parents(cell.call))


def _returned(source: Source, function: FunctionNode) -> list[Cell]:
    return [cell for node in source.nodes(ast.Return) if source.function(node) is function and node.value is not None for cell in cells_in(source, node.value)]


def _own_name(group: Group, cell: Cell) -> str:
    """What one history is called among others: by its variable, its class, its module, whatever tells it apart."""
    for each in [group, *group.foreign.values()]:
        for slot, statement in each.slots.items():
            inside = [node for node in ast.walk(statement) if any(node is other.call for other in each.cells)]
            if cell.call in inside:
                name = slot.removeprefix("self.").strip("_")
                if each.owner is not None:
                    name = f"{each.owner.name.lower()}_{name}"
                elif any(slot in other.names.module.bindings for other in each.source.project if other is not each.source):
                    name = f"{each.source.module.rpartition('.')[2]}_{name}"
                return name if len(inside) == 1 else f"{name}_{inside.index(cell.call) + 1}"
    return f"{cell.source.module.rpartition('.')[2]}_chat"


def _kept_so(source: Source, name: str) -> bool:
    """Whether a history outside of the process has this name already."""
    written = (f'key_prefix="{name}:"'.encode(), f'table_name="{name}"'.encode())
    return any(text in other.utf8 for other in source.project for text in written)


def _several(source: Source, group: Group) -> bool:
    """Whether the files keep more conversations than this one memory's."""
    count = sum(1 for other in source.project for call in other.nodes(ast.Call) if keeps(other, call) in ("history", "list", "whole", "chain", "store", "session"))
    mine = sum(1 for cell in group.cells if cell.source is source and cell.kind != "factory")
    return (count > 1 and count > mine) or len(group.cells) > 1
