"""What remembers and is kept on the application's state or in a dictionary, under a name given in writing: `app.state.chain`, `parts["chain"]`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from ..callers import add_parameter
from ..cut import reindent, replace
from ..finding import Edit, Finding
from ..handlers import handlers, serves
from ..move import apart, place_for
from ..names import FunctionNode
from ..source import Source
from .obstacles import object_to
from .plan import Plan, Wishes
from .providers import keyed_dependent
from .reach import Use, enclosing, reached, users_of, uses_of
from .rebuild import as_locals, factory_text
from .shared import Cell, Group, groups_in, held
from .state import asked_through
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
        for group in groups_in(source, body, source.scope(statement), None, me):
            if any(slot.startswith("self.") for slot in group.slots) and not group.foreign:
                yield group


def _holder(source: Source, target: ast.expr) -> str:
    """What holds the thing that is assigned to: `app.state`, `parts[]` of a dictionary that begins empty; "" for anything else."""
    if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Attribute) and target.value.attr == "state" and isinstance(target.value.value, ast.Name):
        whole = ast.unparse(target.value)
        return whole if whole.endswith("app.state") else ""
    if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) and held(target, f"{target.value.id}[]"):
        made = source.names.module.bindings.get(target.value.id, [])
        home = source.scope(target).home(target.value.id)
        if home is source.names.module and len(made) == 1 and isinstance(made[0].node, (ast.Assign, ast.AnnAssign)) and _is_dict(made[0].value):
            return f"{target.value.id}[]"
    return ""


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
        uses = list((reads or _uses)(group))
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


def _uses(group: Group) -> Iterator[Use]:
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
                        raise Unclear("app-state", f"{ast.unparse(attribute)} is set or deleted in another place", home, attribute)
                    yield Use(home, attribute, names[attribute.attr])
        for name, slot in names.items():
            for attribute in other.attributes(name):
                if attribute in inside or not (isinstance(attribute.value, ast.Attribute) and attribute.value.attr == "state" and _of_application(other, attribute.value, group.me)):
                    continue
                if not isinstance(attribute.ctx, ast.Load):
                    raise Unclear("app-state", f"{ast.unparse(attribute)} is set or deleted in another place", other, attribute)
                yield Use(other, attribute, slot)
            for call in other.nodes(ast.Call):
                if _asks_by_name(call) and call.args[1].value == name:  # type: ignore[attr-defined]
                    raise Unclear("app-state", f"{ast.unparse(call)} asks for it by its name", other, call)


def _of_application(source: Source, state: ast.Attribute, me: str) -> bool:
    """Whether `.state` is the application's, not a request's own."""
    if ast.unparse(state) == me or (isinstance(state.value, ast.Attribute) and state.value.attr == "app"):
        return True
    return isinstance(state.value, ast.Name) and (state.value.id in ("app", "application") or source.made_by(state.value).endswith((".FastAPI", ".Starlette")))


def _asks_by_name(node: ast.AST | None) -> bool:
    """`getattr(app.state, "chain")`."""
    named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("getattr", "hasattr", "setattr", "delattr")
    return named and isinstance(node, ast.Call) and len(node.args) > 1 and isinstance(node.args[1], ast.Constant)


def _of_container(group: Group, names: dict[str, str], inside: set[ast.AST]) -> Iterator[Use]:
    holder = group.me[:-2]
    for use in uses_of(group.source, group.source.names.module, [holder]):
        if use.node in inside:
            continue
        above = use.source.parent(use.node)
        if isinstance(above, ast.Subscript) and above.value is use.node and (name := held(above, f"{ast.unparse(use.node)}[]").removeprefix("self.")):
            if name not in names:
                continue
            if not isinstance(above.ctx, ast.Load):
                raise Unclear("unusual-assignment", f"{ast.unparse(above)} is set or deleted in another place", use.source, above)
            yield Use(use.source, above, names[name], use.importing)
        elif not (isinstance(above, ast.Attribute) and above.attr == "clear"):
            raise Unclear("unusual-assignment", f"{holder} is read in another way than by a name in writing", use.source, use.node)


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
        object_to_stored(self.stations)
        around = source.function(group.first)
        own = {node for statement in group.statements for node in ast.walk(statement)}
        after = [each for each in source.nodes(ast.Name) if isinstance(each.ctx, ast.Store) and each not in own and source.function(each) is around and source.start(each) > source.start(group.first)]
        read = {node.id for statement in group.statements for node in ast.walk(statement) if isinstance(node, ast.Name)}
        if around is not None and (late := next((each for each in after if each.id in read and each.id not in group.slots), None)) is not None:
            raise Unclear("rebound", f"{late.id}, of which it is built, is set anew later", source, late)

    def inlines(self) -> bool:
        return False

    def with_histories(self, cells: list[Cell], session: str, home: Group | None) -> tuple[list[Edit], list[str]]:
        return super().with_histories(cells, session, None if home is self.group else home)

    def definition(self, inline: bool, edits: list[Edit], kept: dict[ast.stmt, list[str]], definitions: str) -> None:
        group, source = self.group, self.source
        newline, margin = source.newline, source.indent(group.first)
        edits = [*edits, *as_locals(group, group.me)]
        outer = enclosing(source, group.first)
        opening = ""
        if definitions and isinstance(outer, FunctionNode):
            self.changes.edits.append(apart(source, outer, definitions))
        elif definitions:
            opening = reindent(definitions.replace("\n", newline), "", margin) + newline * 2
        stays = "".join(margin + line for statement in group.statements for line in kept.get(statement, ()))
        factory = factory_text(group, self.factory, self.parameter, self.wanted, edits, cached=self.cache(), types=self.types, margin=margin)
        blank = newline * (1 if margin else 2)
        stays += blank if stays and opening else ""
        told = self.registered(blank, margin)
        self.put(f"{stays}{opening}{blank if stays and not opening else ''}{factory}{told}", (1 if margin else 2) if not stays else 0, 0 if told else 1)

    def registered(self, blank: str, margin: str) -> str:
        """The line that keeps the factory where the object was kept."""
        return f"{blank}{margin}{self.spelled(self.group.me.removesuffix('[]'))} = {self.factory}{self.source.newline}"

    def build_in(self, each: Station, inline: bool, edits: list[Edit]) -> None:
        use = self.named_there(each)
        if use is None:
            return super().build_in(each, inline, edits)
        if self.parameter:
            fitting = [key for key in [*([each.key] if each.key else []), *each.keys] if place_for(each.source, each.function, [use.node], key.after, in_loops=True) is not None]  # type: ignore[arg-type]
            if each.keys and not fitting:
                raise Unclear("no-place", f"{each.name} uses it before its key is there", each.source, each.function)
            each.key = fitting[0] if fitting else None
        self.changes.edits += replace(use.source, use.node, f"{self.spelled_factory(each)}({self.key_text(each)})")

    def pass_through(self, each: Station) -> None:
        use = self.named_there(each) if self.parameter else None
        if use is None or not isinstance(each.function, FunctionNode):
            return super().pass_through(each)
        may_pass(each, self.parameter)
        self.changes.edits += add_parameter(each.source, each.function, self.parameter, "str")
        self.changes.edits += replace(use.source, use.node, f"{self.spelled_factory(each)}({self.parameter})")

    def named_there(self, each: Station) -> Use | None:
        """The only read of a station, where it gets its name in the function or is returned: `chain = request.app.state.chain`."""
        if len(each.uses) != 1 or len(self.wanted) != 1:
            return None
        use = each.uses[0]
        above = use.source.parent(use.node)
        plain = isinstance(above, ast.Return) or (isinstance(above, ast.Assign) and len(above.targets) == 1 and isinstance(above.targets[0], ast.Name))
        around = each.source.parent(above) if isinstance(above, ast.stmt) else None
        alone = around is each.function or (isinstance(around, (ast.If, ast.Try, ast.With, ast.AsyncWith)) and each.source.function(use.node) is each.function)
        return use if plain and alone else None

    def naming(self, each: Station) -> tuple[ast.stmt, ...]:
        found: dict[ast.stmt, None] = {}
        for use in each.uses:
            holder = use.node.value if isinstance(use.node, ast.Attribute) else None
            home = each.source.scope(holder).home(holder.id) if isinstance(holder, ast.Name) else None
            if not isinstance(holder, ast.Name) or home is None or home.kind != "function":
                continue
            if home.node is not each.function:
                raise Unclear("app-state", f"a function within {each.name} has a name of its own for the state, {holder.id}", each.source, holder)
            found.update(dict.fromkeys(binding.node for binding in home.bindings[holder.id] if isinstance(binding.node, (ast.Assign, ast.AnnAssign))))
        return tuple(found)

    def spelled(self, holder: str) -> str:
        return f'{holder}["{self.factory}"]' if self.group.me.endswith("[]") else f"{holder}.{self.factory}"

    def spelled_factory(self, each: Station) -> str:
        for use in each.uses:
            if isinstance(use.node, (ast.Attribute, ast.Subscript)):
                return self.spelled(each.source.code(use.node.value))
        raise Unclear("handed-on", f"{each.name} has nothing to ask for it", each.source, each.function)

    def importing(self) -> None:
        return
