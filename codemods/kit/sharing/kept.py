"""What remembers and is kept on the application's state or in a dictionary, under a name given in writing: `app.state.chain`, `parts["chain"]`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace as replaced

from ..callers import add_parameter
from ..cut import reindent, replace
from ..finding import Edit, Finding, Import
from ..handlers import handlers, serves
from ..imports import spell
from ..move import apart, lead, place_for
from ..names import FunctionNode
from ..source import Source, targets_of
from .kept_uses import kept_uses
from .let_go import forgotten, until_stop, when_it_stops
from .obstacles import object_to
from .on_application import asked_by_key, holder_of, holder_on_application, key_binding
from .plan import Plan, Wishes
from .providers import keyed_dependent
from .reach import Use, enclosing, reached, shelf_of, users_of
from .rebuild import as_locals, factory_text, result_type
from .renewals import clearing
from .shared import Cell, Group, groups_in, held, reads, value_of
from .stations import Station, Unclear, may_pass, own_stations, stations_for
from .stored import object_to_stored
from .wording import shared_by_all


def kept_groups(source: Source) -> Iterator[Group]:
    """The groups of one body that put something on the state or into a dictionary of the module, outside of all requests."""
    bodies: dict[tuple[int, str], tuple[list[ast.stmt], str, ast.Assign | ast.AnnAssign]] = {}
    every: list[ast.Assign | ast.AnnAssign] = [*source.nodes(ast.Assign), *source.nodes(ast.AnnAssign)]
    for statement in every:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        me = _holder(source, target)
        body = _body(source, statement) if me else None
        around = source.function(statement)
        if body is not None and (around is None or (around not in handlers(source.project) and not reached(source, around))):
            bodies.setdefault((id(body), me), (body, me, statement))
    for body, me, statement in bodies.values():
        for group in groups_in(source, until_stop(body), source.scope(statement), None, me):
            if any(slot.startswith("self.") for slot in group.slots) and not group.foreign:
                yield group


def _holder(source: Source, target: ast.expr) -> str:
    """What holds the thing that is assigned to: `app.state`, `app[key]`, `parts[]` of a dictionary that begins empty; "" for anything else."""
    if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Attribute) and target.value.attr == "state" and isinstance(target.value.value, ast.Name):
        whole = ast.unparse(target.value)
        return whole if whole.endswith("app.state") else ""
    if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) and held(target, f"{target.value.id}[]"):
        made = source.names.module.bindings.get(target.value.id, [])
        home = source.scope(target).home(target.value.id)
        if home is source.names.module and len(made) == 1 and isinstance(made[0].node, (ast.Assign, ast.AnnAssign)) and _is_dict(made[0].value):
            return f"{target.value.id}[]"
    return holder_on_application(source, target)


def _is_dict(value: ast.AST | None) -> bool:
    return isinstance(value, ast.Dict) or (isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "dict" and not value.args)


def _body(source: Source, statement: ast.stmt) -> list[ast.stmt] | None:
    """The statements among which one stands; None in a loop, where it is done several times, or beside another way on."""
    above = source.parent(statement)
    if isinstance(above, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.With, ast.AsyncWith, ast.Try)):
        return above.body if statement in above.body else None
    return None


def isolated_kept(group: Group, wishes: Wishes, plan: type[KeptPlan] | None = None, reads: Callable[[Group], Iterator[Use]] | None = None) -> Iterator[Finding]:
    """The finding for one such group; none when no request reads it. `plan` and `reads`: of what is kept in another way."""
    source = group.source
    if not serves(source.project):
        return
    try:
        uses = list((reads or kept_uses)(group))
        users, early = users_of(uses)
        if not any(reached(user.source, user.function) for user in users if user.function is not None):
            return
        stations = stations_for(users)
        if not any(each.keys for each in stations if not each.passes):
            stations = own_stations(users)
        yield (plan or KeptPlan)(group, wishes, [], early, stations).finding()
    except Unclear as unclear:
        where = f" ({unclear.source.path}:{unclear.source.place(unclear.node).line})" if unclear.source is not None and unclear.node is not None else ""
        yield source.refuse(group.cells[0].call if group.cells[0].source is source else group.first, unclear.reason, f"{shared_by_all(group)}; {unclear.message}{where}")


class KeptPlan(Plan):
    """The factory takes the object's place on the state or in the dictionary."""

    def check(self, early: list[Use]) -> None:
        group, source = self.group, self.source
        for each in self.stations:
            for use in each.uses:
                if not use.slot.startswith("self."):
                    raise Unclear("needed-at-import", f"{use.slot} is used besides", use.source, use.node)
        if group.me.endswith("[]") and any(cell.factory is not None and cell.factory.source is not source for cell in group.cells):
            raise Unclear("factory", "another file builds it", group.cells[0].source, group.cells[0].call)
        for each in self.stations:
            provides = each.handler is not None and each.handler.kind == "provider" and each.key is None
            if provides and isinstance(each.function, FunctionNode) and (known := keyed_dependent(each.source, each.function)) is not None:
                raise Unclear("factory", f"{known[1].name} has a key that {each.name} can't ask for", *known)
        object_to(group, self.parameter, self.stations, early)
        if again := next((use for each in self.stations for use in each.uses if use.clears and (len(each.uses) > 1 or len(self.wanted) > 1 or not self.parameter)), None):
            raise Unclear("rebound" if isinstance(again.node, ast.Name) else "app-state", f"{ast.unparse(again.node)} is set anew, and asked for besides", again.source, again.node)
        object_to_stored(self.stations)
        around = source.function(group.first)
        own = {node for statement in group.statements for node in ast.walk(statement)}
        after = [each for each in source.nodes(ast.Name) if not isinstance(each.ctx, ast.Load) and each not in own and source.function(each) is around and source.start(each) > source.start(group.first)]
        read = {node.id for statement in group.statements for node in ast.walk(statement) if isinstance(node, ast.Name)}
        if around is not None and (late := next((each for each in after if each.id in read and each.id not in group.slots and not when_it_stops(source, each)), None)) is not None:
            raise Unclear("rebound", f"{late.id}, of which it is built, is set anew later", source, late)

    def inlines(self) -> bool:
        return False

    def with_histories(self, cells: list[Cell], session: str, home: Group | None) -> tuple[list[Edit], list[str]]:
        return super().with_histories(cells, session, None if home is self.group else home)

    def definition(self, inline: bool, edits: list[Edit], kept: dict[ast.stmt, list[str]], definitions: str) -> None:
        group, source = self.group, self.source
        newline, margin = source.newline, source.indent(group.first)
        for waits in (node for statement in group.statements for node in ast.walk(statement) if isinstance(node, ast.Await)):
            if not any(edit.start <= source.start(waits) and source.stop(waits) <= edit.stop for edit in edits):
                raise Unclear("factory", f"{ast.unparse(waits.value)} is awaited where it is built", source, waits)
        edits = [*edits, *as_locals(group, group.me)]
        outer = enclosing(source, group.first)
        opening = ""
        if definitions and isinstance(outer, FunctionNode):
            top = next(each for each in (outer, *source.parents(outer)) if isinstance(source.parent(each), ast.Module))
            self.changes.edits.append(apart(source, top, definitions))  # type: ignore[arg-type]
        elif definitions:
            opening = reindent(definitions.replace("\n", newline), "", margin) + newline * (1 if margin else 2)
        stays = "".join(margin + line for statement in group.statements for line in kept.get(statement, ()))
        factory = factory_text(_without_renaming(group, self.wanted), self.defined_as, self.parameter, self.wanted, edits, cached=self.cache(), types=self.types, margin=margin)
        blank = newline * (1 if margin else 2)
        stays += blank if stays and opening else ""
        told = self.registered(blank, margin)
        self.put(f"{stays}{opening}{blank if stays and not opening else ''}{factory}{told}", (1 if margin else 2) if not stays else 0, 0 if told else 1)

    @property
    def defined_as(self) -> str:
        """What the factory is called where it is defined."""
        return self.factory

    def registered(self, blank: str, margin: str) -> str:
        """The line that keeps the factory where the object was kept."""
        self.changes.edits += forgotten(self.group, self.wanted[-1], self.key_in_writing() or self.factory, keeps_key=bool(self.key))
        if self.key and (found := shelf_of(self.source, self.key)) is not None:
            self.retyped(*found)
        return f"{blank}{margin}{self.spelled(self.group.me.partition('[')[0], self.source)} = {self.factory}{self.source.newline}"

    @property
    def key(self) -> ast.expr | None:
        """The name that the object lies under, where the factory must lie under it too: it is no text, or some who ask don't write it out."""
        if not self.group.me.endswith("[key]"):
            return None
        target = targets_of(self.group.slots[self.wanted[-1]])[0]
        own = target.slice if isinstance(target, ast.Subscript) else target
        asked = [(asked_by_key(node) or (node, node))[1] for node in [*(use.node for each in self.stations for use in each.uses), *(node for _, node, _ in self.group.let_go)]]
        return None if all(isinstance(each, ast.Constant) for each in [own, *asked]) else own

    def key_in(self, source: Source, key: ast.expr) -> str:
        """That name as it is written in a file."""
        if source is self.source:
            return source.code(key)
        for use in (use for each in self.stations for use in each.uses if use.source is source and use.slot == self.wanted[-1]):
            if (asked := asked_by_key(use.node)) is not None:
                return source.code(asked[1])
        home = shelf_of(self.source, key)
        if home is None or any(home[1] in scope.bindings for scope in source.names.inner.values()) or source.project.lookup(f"{home[0].module}.{home[1]}", source.path) != home:
            raise Unclear("app-state", f"{ast.unparse(key)} is not at hand in {source.path}, where something else of it is asked for", source, source.tree.body[0])
        self.changes.need(source, (Import(home[0].module, home[1]),))
        return home[1]

    def key_in_writing(self) -> str:
        """What the factory lies under in a mapping of the application, as upper case as the object's own key."""
        if not self.group.me.endswith("[key]"):
            return ""
        own = (asked_by_key(targets_of(self.group.slots[self.wanted[-1]])[0]) or (None, None))[1]
        upper = isinstance(own, ast.Constant) and isinstance(own.value, str) and own.value.isupper()
        return self.factory.upper() if upper else self.factory

    def retyped(self, home: Source, name: str) -> None:
        """`web.AppKey("chain", ConversationChain)` says that it is for what builds one."""
        binding = key_binding(home, name)
        call = binding.value if binding is not None else None
        if binding is None or not isinstance(call, ast.Call):
            return
        said = [*call.args[1:2], *(each.slice for each in (binding.annotation, call.func) if isinstance(each, ast.Subscript))]
        for kind in said:
            built = home.code(kind)
            if len(self.wanted) > 1:
                types = [self.types.get(slot) or result_type(self.group, slot) for slot in self.wanted] if home is self.source else [""]
                built = f"tuple[{', '.join(types)}]" if all(types) else "tuple"
            text, needs = spell(home, "collections.abc", "Callable")
            self.changes.need(home, needs)
            self.changes.edits += replace(home, kind, f"{text}[[{'str' if self.parameter else ''}], {built}]")

    def clears(self, each: Station, key: str) -> None:
        """Who began the conversation anew for all clears that of the session."""
        (use,) = each.uses
        how = clearing(self.source, value_of(self.group.slots[use.slot]), self.group.cells[0])
        self.changes.edits += replace(use.source, use.source.statement(use.node), f"{self.spelled_factory(each)}({key}){how}")

    def build_in(self, each: Station, inline: bool, edits: list[Edit]) -> None:
        if any(use.clears for use in each.uses):
            each.key = self.place(each)[1]
            return self.clears(each, self.key_text(each))
        use = self.named_there(each)
        if use is None:
            return super().build_in(each, inline, edits)
        if self.parameter:
            fitting = [key for key in [*([each.key] if each.key else []), *each.keys] if place_for(each.source, each.function, [use.node], key.after, in_loops=True) is not None]  # type: ignore[arg-type]
            if each.keys and not fitting:
                raise Unclear("no-place", f"{each.name} uses it before its key is there", each.source, each.function)
            each.key = fitting[0] if fitting else None
        self.changes.edits += self.in_place(each, use, self.key_text(each))

    def in_place(self, each: Station, use: Use, key: str) -> list[Edit]:
        """The factory is asked where the object was: `chain = request.app.state.build_chain(session_id)`, `_, chain = ...` where it gives more."""
        edits = replace(use.source, use.node, f"{self.spelled_factory(each)}({key})")
        above = use.source.parent(use.node)
        if len(self.wanted) > 1 and isinstance(above, ast.Assign) and isinstance(target := above.targets[0], ast.Name):
            edits += replace(use.source, target, ", ".join(target.id if slot == use.slot else "_" for slot in self.wanted))
        return edits

    def pass_through(self, each: Station) -> None:
        if any(use.clears for use in each.uses) and isinstance(each.function, FunctionNode):
            may_pass(each, self.parameter)
            self.changes.edits += add_parameter(each.source, each.function, self.parameter, "str")
            return self.clears(each, self.parameter)
        use = self.named_there(each) if self.parameter else None
        if use is None or not isinstance(each.function, FunctionNode):
            return super().pass_through(each)
        may_pass(each, self.parameter)
        self.changes.edits += add_parameter(each.source, each.function, self.parameter, "str")
        self.changes.edits += self.in_place(each, use, self.parameter)

    def named_there(self, each: Station) -> Use | None:
        """The only read of a station, where it gets its name in the function or is returned: `chain = request.app.state.chain`."""
        if len(each.uses) != 1:
            return None
        use = each.uses[0]
        above = use.source.parent(use.node)
        if len(self.wanted) > 1 and not isinstance(above, ast.Assign):
            return None
        plain = isinstance(above, ast.Return) or (isinstance(above, (ast.Assign, ast.AnnAssign)) and len(targets := targets_of(above)) == 1 and isinstance(targets[0], ast.Name))
        around = each.source.parent(above) if isinstance(above, ast.stmt) else None
        alone = around is each.function or (isinstance(around, (ast.If, ast.Try, ast.With, ast.AsyncWith)) and each.source.function(use.node) is each.function)
        return use if plain and alone else None

    def naming(self, each: Station) -> tuple[ast.stmt, ...]:
        found: dict[ast.stmt, None] = {}
        for use in each.uses:
            root = holder_of(use.node)
            while isinstance(root, ast.Attribute):
                root = root.value
            home = each.source.scope(root).home(root.id) if isinstance(root, ast.Name) else None
            if not isinstance(root, ast.Name) or home is None or home.kind != "function" or home.node in each.source.parents(each.function):
                continue
            if home.node is not each.function:
                raise Unclear("app-state", f"a function within {each.name} has a name of its own for the application, {root.id}", each.source, root)
            found.update(dict.fromkeys(binding.node for binding in home.bindings[root.id] if isinstance(binding.node, (ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom))))
        return tuple(found)

    def spelled(self, holder: str, source: Source) -> str:
        """The factory where it is kept, as a file asks for it."""
        if not self.group.me.endswith("]"):
            return f"{holder}.{self.factory}"
        key = f'"{self.key_in_writing() or self.factory}"'
        if (named := self.key) is not None:
            key = self.key_in(source, named)
        return f"{holder}[{key}]"

    def spelled_factory(self, each: Station) -> str:
        for use in each.uses:
            if (holder := holder_of(use.node)) is not None:
                return self.spelled(each.source.code(holder), each.source)
        raise Unclear("handed-on", f"{each.name} has nothing to ask for it", each.source, each.function)

    def importing(self) -> None:
        return


def _without_renaming(group: Group, wanted: list[str]) -> Group:
    """The group without what would only be another name in its factory that nobody needs: `app["memory"] = memory`."""
    source = group.source
    left: list[ast.stmt] = []
    for statement in group.statements:
        targets, value = targets_of(statement), value_of(statement)
        slot = held(targets[0], group.me) if len(targets) == 1 else ""
        same = isinstance(value, ast.Name) and value.id in group.slots and slot == f"self.{value.id}"
        renames = isinstance(value, (ast.Name, ast.Attribute, ast.Subscript)) and slot.startswith("self.") and slot not in wanted
        idle = renames and not any(reads(source, other, group.scope, [slot], group.me) for other in group.statements if other is not statement)
        line = source.slice(source.stop(statement), source.line_start(source.line_of(source.stop(statement)) + 1))
        told = bool(line.strip()) or lead(source, statement) < source.line_start(source.line_of(source.start(statement)))
        if not (same or idle) or told:
            left.append(statement)
    return replaced(group, statements=left)
