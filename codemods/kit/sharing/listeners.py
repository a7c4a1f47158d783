"""Callback handlers that requests share: who runs with them, who reads them, and the edits that make one per run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..cut import replace
from ..finding import Edit, Finding, Import
from ..handlers import serves
from ..imports import spell
from ..libraries.callbacks import is_collecting, only_chains, only_models
from ..libraries.memory import is_model
from ..move import gone, insertion, movable, place_for
from ..names import FunctionNode, Scope
from ..source import Source
from .configured import Config, config_of
from .declared import undeclared
from .reach import Use, enclosing, imports_of, reached, read_by_requests, uses_of
from .runs import UNCLEAR_CONFIG, run_of, with_handler, without_handler
from .shared import reads, written
from .stations import Unclear


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """`name = Collector()` at the top of a module."""

    source: Source
    statement: ast.Assign | ast.AnnAssign
    name: str
    call: ast.Call


def shared_listeners(source: Source) -> Iterator[Listener]:
    for statement in source.tree.body:
        names = written(statement)
        if names and isinstance(statement, (ast.Assign, ast.AnnAssign)) and isinstance(statement.value, ast.Call) and is_collecting(source, statement.value):
            yield Listener(source, statement, names[0], statement.value)


def freshened(listener: Listener) -> Finding | None:
    """The finding for one handler; None when no request reaches it."""
    source = listener.source
    if not serves(source.project):
        return None
    plan = ListenerPlan(listener)
    if not any(reached(each.source, each.function) for each in plan.places.values()) and not any(_lasts(use) for use in plan.early):
        return None
    try:
        return plan.finding()
    except Unclear as unclear:
        where = f" ({unclear.source.path}:{unclear.source.place(unclear.node).line})" if unclear.source is not None and unclear.node is not None else ""
        return source.refuse(listener.call, unclear.reason, f"{listener.name} collects from all requests; {unclear.message}{where}")


def _lasts(use: Use) -> bool:
    """Whether requests read what a statement of the module builds with the handler."""
    statement = use.source.statement(use.node)
    names = written(statement) if statement in use.source.tree.body else None
    return bool(names) and read_by_requests(use.source, names or ())


@dataclass(slots=True, eq=False)
class ListenerPlace:
    """One function: its own reads of the handler, and its runs of what was built with the handler."""

    source: Source
    function: FunctionNode
    reads: list[Use]
    runs: list[tuple[Use, ast.Call | None]]
    configured: list[tuple[Use, Config]] = field(default_factory=list)


class ListenerPlan:
    """One handler of a module: what holds it, what runs with that, and the edits."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.source = listener.source
        self.places: dict[FunctionNode, ListenerPlace] = {}
        self.models: list[tuple[ast.Call, ast.expr]] = []  # constructors that hold the handler
        self.early: list[Use] = []
        self.configs: list[Config] = []
        self.chained = False
        self.within: ast.Call | None = None  # a chain that holds it and runs others
        for use in self.uses([listener.name], [listener.statement]):
            function = self.around(use)
            model = self.model_of(use)
            if function is None and not self.me and (config := config_of(self.source, use)) is not None:
                self.configs.append(config)
                for run in config.runs:
                    self.place(run[0].source, run[1]).configured.append((run[0], config))
            elif function is not None:
                self.place(use.source, function).reads.append(use)
            elif model is not None:
                self.models.append((model, use.node))
            else:
                self.early.append(use)
        self.follow()

    me = ""  # what a method calls its instance

    @property
    def body(self) -> list[ast.stmt]:
        return self.source.tree.body

    @property
    def scope(self) -> Scope:
        return self.source.names.module

    def uses(self, names: Iterable[str], statements: Iterable[ast.stmt]) -> list[Use]:
        return uses_of(self.source, self.scope, names, statements)

    def around(self, use: Use) -> FunctionNode | None:
        """The function that reads it for a request; None where things are built."""
        return enclosing(use.source, use.node)

    def place(self, source: Source, function: FunctionNode) -> ListenerPlace:
        return self.places.setdefault(function, ListenerPlace(source, function, [], []))

    def model_of(self, use: Use) -> ast.Call | None:
        """The constructor in whose `callbacks=[...]` the handler stands: of a model, or of a chain within which no other runs that it would hear."""
        given = use.source.parent(use.node)
        word = use.source.parent(given) if isinstance(given, ast.List) else None
        call = use.source.parent(word) if isinstance(word, ast.keyword) and word.arg == "callbacks" else None
        if not isinstance(call, ast.Call) or use.source is not self.source:
            return None
        if is_model(use.source, call) or (use.source.qualified(call.func).endswith(".LLMChain") and only_chains(self.source, self.listener.call)):
            return call
        self.within = self.within or (call if use.source.qualified(call.func).startswith("langchain") else None)
        return None

    def follow(self) -> None:
        """From the models that hold the handler to the chains built of them, and to their runs."""
        source = self.source
        tainted: dict[str, ast.stmt] = {}
        inside = [call for call, _ in self.models]
        statements: list[ast.stmt] = []
        for statement in self.body:
            held = any(call in ast.walk(statement) for call in inside)
            read = bool(tainted) and bool(reads(source, statement, self.scope, tainted, self.me))
            names = written(statement, self.me)
            if names and (held or read):
                value = getattr(statement, "value", None)
                self.chained = self.chained or not (held and isinstance(value, ast.Call) and value in inside)
                tainted[names[0]] = statement
                statements.append(statement)
            elif held:
                self.early.append(Use(source, inside[0], self.listener.name))
        for use in self.uses(tainted, statements):
            function = self.around(use)
            if function is None:
                self.early.append(use)
            else:
                self.place(use.source, function).runs.append((use, run_of(use.source, use.node)))

    def finding(self) -> Finding:
        listener, source = self.listener, self.source
        if self.within is not None:
            raise Unclear("hears-more", f"{ast.unparse(self.within.func)} holds it for its own runs, and at the run it would hear all that runs within as well", source, self.within)
        if self.early:
            when = "when the module is imported" if not self.me else "where it is made"
            raise Unclear("needed-at-import", f"{self.early[0].slot} is needed {when}", self.early[0].source, self.early[0].node)
        self.object_to_bindings()
        if not movable(source, listener.statement):
            raise Unclear("shared-line", "a statement shares its line with another", source, listener.statement)
        if self.chained and not only_models(source, listener.call):
            raise Unclear("hears-more", "it listens to more than models and would hear more at the run of a chain")
        edits: list[Edit] = [gone(source, listener.statement), *(undeclared(source, self.scope, [listener.name]) if not self.me else [])]
        for call, node in self.models:
            edits += without_handler(source, call, node)
        for config in self.configs:
            edits += config.without
        imports: list[tuple[str, Import]] = []
        for place in self.places.values():
            if not place.reads and not place.runs and not place.configured:
                continue
            if place.reads and not place.runs and not place.configured and (self.models or self.configs or not self.used_in_a_run(place)):
                raise Unclear("read-elsewhere", f"{place.function.name} reads what it collects and does not run the model itself", place.source, place.function)
            made, needs = self.spelled(place)
            imports += needs
            edits += self.in_place(place, made)
        if any(edit.start < 0 for edit in edits):
            reason = next(edit.text for edit in edits if edit.start < 0)
            raise Unclear(reason, "the run's configuration is not written at the run" if reason == UNCLEAR_CONFIG else "the code is laid out in a way that can't be cut safely")
        for other, binding in imports_of(source, listener.name) if not self.me else ():
            if not any(True for _ in other.uses(binding)):
                raise Unclear("imported-elsewhere", f"{other.path} imports {listener.name} and may hand it on", other, binding.node)
        return source.fix(
            listener.call, edits, f"{listener.name} collects from all requests at once; one per run now", imports=imports,
            help="What it collected is read from the run's own handler.",
        )  # fmt: skip

    def object_to_bindings(self) -> None:
        """Raises Unclear where the name stands for something else besides."""
        bindings = self.scope.bindings[self.listener.name]
        if len(bindings) > 1:
            raise Unclear("bound-twice", f"{self.listener.name} is bound in several places", self.source, bindings[-1].node)

    def used_in_a_run(self, place: ListenerPlace) -> bool:
        """Whether one of the reads gives the handler to a run: `config={"callbacks": [handler]}`, `callbacks=[handler]`."""
        return any(any(isinstance(above, ast.Call) for above in use.source.parents(use.node)) and isinstance(use.source.parent(use.node), ast.List) for use in place.reads)

    def in_place(self, place: ListenerPlace, made: str) -> list[Edit]:
        edits: list[Edit] = []
        name = made
        if len(place.reads) == 1 and not place.runs and not place.configured:
            return [place.source.edit(place.source.start(place.reads[0].node), place.source.stop(place.reads[0].node), made)]
        if place.reads:
            name = next((use.node.id for use in place.reads if isinstance(use.node, ast.Name)), self.listener.name.rpartition(".")[2])
            if self.me and name in place.source.names.inner[place.function].bindings:
                raise Unclear("name-taken", f"{name} means something else in {place.function.name}", place.source, place.function)
            nodes = [use.node for use in place.reads] + [use.node for use, _ in [*place.runs, *place.configured]]
            before = place_for(place.source, place.function, nodes)
            if before is None:
                raise Unclear("no-place", f"{place.function.name} has no one place before all uses", place.source, place.function)
            edits.append(insertion(place.source, before, f"{name} = {made}{place.source.newline}"))
            for use in place.reads:
                if not isinstance(use.node, ast.Name):
                    edits.append(place.source.edit(place.source.start(use.node), place.source.stop(use.node), name))
        for use, call in place.runs:
            if call is None:
                raise Unclear("handed-on", f"{use.slot} is handed on in {place.function.name}, its runs can't be seen", place.source, use.node)
            edits += with_handler(place.source, call, name)
        for use, config in place.configured:
            edits += replace(use.source, use.node, config.with_handler(use.source.code(use.node), name))
        return edits

    def spelled(self, place: ListenerPlace) -> tuple[str, list[tuple[str, Import]]]:
        """The constructor call as it is written in a place's file."""
        source, call = self.source, self.listener.call
        if place.source is source:
            scope = source.names.inner[place.function]
            taken = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)} & set(scope.bindings)
            if taken:
                raise Unclear("name-taken", f"{sorted(taken)[0]} means something else in {place.function.name}", source, place.function)
            return source.code(call), []
        if any(isinstance(node, ast.Name) for part in [*call.args, *call.keywords] for node in ast.walk(part)) or not isinstance(call.func, ast.Name):
            raise Unclear("handed-on", f"{place.source.path} can't build it: its arguments are names of {source.path}", source, call)
        path = source.qualified(call.func)
        module = path.rpartition(".")[0]
        if any(binding.kind != "import" for binding in source.names.module.bindings.get(call.func.id, ())):
            module = next((binding.origin.rpartition(".")[0] for other, binding in imports_of(source, self.listener.name) if other is place.source), source.module)
        text, needs = spell(place.source, module, path.rpartition(".")[2] or call.func.id)
        arguments = source.slice(source.stop(call.func), source.stop(call))
        return f"{text}{arguments}", [(place.source.path, need) for need in needs]

