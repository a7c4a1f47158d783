"""What becomes of one client: exchanged as a whole, joined by an async twin, or left with the reason."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..awaiting import OFFLOADERS, place_to_await
from ..cut import awaited, rename, sure, uncuttable, wrap
from ..finding import Edit, Import
from ..libraries.sdk import style
from ..locks import held_lock
from ..names import FunctionNode
from ..source import Source
from ..turned import Turn, asynced, turn_of, turned
from ..waits.files import torn
from .spelling import Need
from .swap import ASYNC_ITERATORS_WELCOME, OFFLOADING_METHODS, Client, Leak, Node, Site
from .twins import Limits, annotations_of, reannotated, replaced_names, twin_of

NEUTRAL = ("changed",)


@dataclass(slots=True)
class Outcome:
    """The calls at fault that are rewritten, what else changes with them, and the calls that are refused."""

    fixed: list[Site] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    needs: list[Need] = field(default_factory=list)
    own: dict[Site, list[Edit]] = field(default_factory=dict)
    refused: list[tuple[Site, str, str]] = field(default_factory=list)
    unknown: list[Leak] = field(default_factory=list)
    second: str = ""  # the name of the client that was put beside the first


@dataclass(slots=True)
class Survey:
    """Where each site of a client stands.

    async: an await may stand there. turn: in a generator function that can be turned. lazy: in a generator expression that a response
    runs in a thread of its own, and could run as an async one. sync: in plain code, which goes on as it is.
    stuck: in async code, but where no await can stand.
    """

    client: Client
    modes: dict[Site, str] = field(default_factory=dict)
    why: dict[Site, tuple[str, str]] = field(default_factory=dict)
    turns: dict[ast.AST, Turn | None] = field(default_factory=dict)
    awaited: bool = True  # whether a call that is awaited already counts as at fault

    def look(self) -> Survey:
        for site in self.client.every_site():
            self.modes[site] = self._mode(site)
        return self

    def _mode(self, site: Site) -> str:
        source = site.source
        if site.op not in NEUTRAL and not _cuttable(site):
            self.why[site] = ("in-f-string", "it stands inside an f-string, where it can't be cut safely")
            return "stuck"
        if site.op in NEUTRAL or (site.op == "call" and site.call is None and (style(site.thing) == "twin" or site.thing.value != "client")):
            return "neutral"
        node = site.node.context_expr if isinstance(site.node, ast.withitem) else site.node
        if isinstance(node, ast.comprehension):
            node = whole_of(source, node)
        function = source.function(node)
        if isinstance(function, ast.AsyncFunctionDef):
            return self._in_async(site, node)
        above = _lambda(source, node)
        if above is not None:
            around = source.function(above)
            if isinstance(around, ast.AsyncFunctionDef) and not _offloaded(source, above):
                self.why[site] = ("sync-scope", "the call is made in a lambda, where no await can stand")
                return "stuck"
            return "sync"
        if function is not None and self.turn(source, function) is not None and not _in_generator(source, node) and not held_lock(source, node):
            return "turn"
        return "sync"

    def _in_async(self, site: Site, node: ast.AST) -> str:
        source = site.source
        if lock := held_lock(source, node):
            self.why[site] = ("lock-held", f"`{lock}` is held around it, and must not be over an await")
            return "stuck"
        function = source.function(node)
        if site.op not in NEUTRAL and isinstance(function, FunctionNode) and (words := torn(source, node, function)) is not None:
            self.why[site] = ("file-update", words)
            return "stuck"
        if isinstance(site.node, ast.YieldFrom):
            self.why[site] = ("sync-scope", "`yield from` can't be used in async code")
            return "stuck"
        if site.op == "await":
            assert isinstance(node, ast.Call)
            place = place_to_await(source, node)
            scope = source.scope(node)
            if place.verb == "refuse" and isinstance(scope.node, ast.GeneratorExp) and welcome(source, scope.node):
                return "lazy"
            if place.verb == "refuse":
                self.why[site] = ("sync-scope", place.message)
                return "stuck"
        elif isinstance(site.node, ast.comprehension) and isinstance(node, ast.GeneratorExp):
            if listed(source, node) is None and not welcome(source, node):
                self.why[site] = ("sync-scope", "an async for would make the generator expression an async generator")
                return "stuck"
        elif site.op == "with" and not self._entered_alone(site):
            self.why[site] = ("shared-with", "one `with` enters it together with something that is not async")
            return "stuck"
        elif site.op != "for" and _in_generator(source, node):
            self.why[site] = ("sync-scope", "an await in a generator expression would make it an async generator")
            return "stuck"
        return "async"

    def _entered_alone(self, site: Site) -> bool:
        statement = site.source.parent(site.node)
        mine = {other.node for other in self.client.every_site() if other.op == "with"}
        return isinstance(statement, ast.AsyncWith) or (isinstance(statement, ast.With) and all(item in mine for item in statement.items))

    def turn(self, source: Source, function: ast.AST) -> Turn | None:
        if function not in self.turns:
            self.turns[function] = turn_of(source, function)  # type: ignore[arg-type]
        return self.turns[function]

    def faults(self, among: Iterable[Site]) -> list[Site]:
        """The calls that hold up the event loop, in the order of the files."""
        found = [site for site in among if site.call is not None and self._holds_up(site)]
        return sorted(found, key=lambda site: (site.source.path, site.source.start(site.node)))

    def _holds_up(self, site: Site) -> bool:
        if site.op == "await" and isinstance(site.source.parent(site.node), ast.Await):
            return self.awaited
        if self.modes[site] == "turn":
            function = site.source.function(site.node)
            turn = self.turns.get(function) if function is not None else None
            return turn is not None and turn.blocking
        return self.modes[site] in ("async", "stuck")


def _cuttable(site: Site) -> bool:
    node = site.node
    if isinstance(node, ast.comprehension):
        node = whole_of(site.source, node)
    return isinstance(node, ast.withitem) or sure(site.source, node)


def whole_of(source: Source, clause: ast.comprehension) -> ast.expr:
    """The comprehension that a clause belongs to."""
    groups = (source.nodes(ast.ListComp), source.nodes(ast.SetComp), source.nodes(ast.DictComp), source.nodes(ast.GeneratorExp))
    return next(each for group in groups for each in group if clause in each.generators)


def _lambda(source: Source, node: ast.AST) -> ast.Lambda | None:
    for above in source.parents(node):
        if isinstance(above, ast.Lambda):
            return above
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return None
    return None


def _offloaded(source: Source, node: ast.AST) -> bool:
    above = source.parent(node)
    if isinstance(above, ast.keyword):
        above = source.parent(above)
    if not isinstance(above, ast.Call):
        return False
    return source.qualified(above.func) in OFFLOADERS or (isinstance(above.func, ast.Attribute) and above.func.attr in OFFLOADING_METHODS)


def _in_generator(source: Source, node: ast.AST) -> bool:
    scope = source.scope(node)
    while scope.kind == "comprehension" and scope.parent is not None:
        if isinstance(scope.node, ast.GeneratorExp):
            return True
        scope = scope.parent
    return False


def welcome(source: Source, generator: ast.GeneratorExp) -> bool:
    """Whether who takes the generator expression takes an async one as well."""
    above = source.parent(generator)
    if isinstance(above, ast.keyword) and above.arg == "content":
        above = source.parent(above)
    elif not (isinstance(above, ast.Call) and generator in above.args[:1]):
        return False
    return isinstance(above, ast.Call) and source.qualified(above.func) in ASYNC_ITERATORS_WELCOME


def listed(source: Source, generator: ast.GeneratorExp) -> list[Edit] | None:
    from ..awaiting import _listed

    return _listed(source, generator)


# edits


class Cutter:
    """The edits of a set of sites that change together: each one's own, and the rest."""

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self.client = survey.client
        self.own: dict[Site, list[Edit]] = {}
        self.rest: list[Edit] = []
        self.needs: list[Need] = []
        self.lists: set[ast.AST] = set()
        self.withs: set[ast.AST] = set()

    def cut(self, sites: Iterable[Site]) -> None:
        sites = list(sites)
        entered = {site.node for site in sites if site.op == "with"}
        functions: dict[ast.AST, Turn] = {}
        for site in sites:
            edits = self._site(site, entered)
            if site.call is not None:
                self.own.setdefault(site, []).extend(edits)
            else:
                self.rest += edits
            function = site.source.function(site.node)
            if self.survey.modes[site] == "turn" and function is not None and (turn := self.survey.turn(site.source, function)) is not None:
                functions[function] = turn
        for turn in functions.values():
            edits, needs = turned(turn)
            self.rest += edits
            self.needs += needs

    def outcome(self, sites: Iterable[Site]) -> Outcome:
        """What was cut; calls that are at no fault have no finding of their own."""
        fixed = self.survey.faults(sites)
        rest = [*self.rest, *(edit for site, edits in self.own.items() if site not in fixed for edit in edits)]
        return Outcome(fixed, rest, self.needs, self.own)

    def _site(self, site: Site, entered: set[ast.AST]) -> list[Edit]:
        source, node = site.source, site.node
        if site.op == "for":
            return self._loop(source, node)
        if site.op == "with":
            return self._with(source, node, entered)
        if site.op == "list":
            assert isinstance(node, ast.Call)
            inner = node.args[0]
            return [
                source.edit(source.start(node), source.start(inner), "[item async for item in "), source.edit(source.stop(inner), source.stop(node), "]")
            ]  # fmt: skip
        if site.op == "await" and isinstance(node, ast.Call):
            edits = self._brackets(source, node)
            if self.survey.modes[site] in ("turn", "lazy") or place_to_await(source, node).verb != "bare":
                edits = [*edits, *awaited(source, node)]
            return [*edits, *self._styled(site, node)]
        if site.op == "call" and isinstance(node, ast.Call):
            return self._styled(site, node)
        return []

    def _brackets(self, source: Source, node: ast.AST) -> list[Edit]:
        """Generator expressions around an await become lists."""
        edits: list[Edit] = []
        scope = source.scope(node)
        while scope.kind == "comprehension" and scope.parent is not None:
            if isinstance(scope.node, ast.GeneratorExp) and scope.node not in self.lists and (found := listed(source, scope.node)):
                self.lists.add(scope.node)
                edits += found
            scope = scope.parent
        return edits

    def _loop(self, source: Source, node: ast.AST) -> list[Edit]:
        if isinstance(node, ast.AsyncFor):
            return []
        if isinstance(node, ast.YieldFrom):
            statement = source.parent(node)
            if not isinstance(statement, ast.Expr):
                return uncuttable(source, "unusual-layout")
            inner = f"{source.newline}{source.indent(statement)}{source.indent_unit}yield item"
            return [source.edit(source.start(node), source.start(node.value), "async for item in "), source.edit(source.stop(node), source.stop(node), f":{inner}")]
        assert isinstance(node, (ast.For, ast.comprehension))
        edits: list[Edit] = []
        if isinstance(node, ast.comprehension):
            if node.is_async:
                return []
            whole = whole_of(source, node)
            if isinstance(whole, ast.GeneratorExp) and whole not in self.lists:
                self.lists.add(whole)
                edits += listed(source, whole) or []
        return edits + asynced(source, node)

    def _with(self, source: Source, node: ast.AST, entered: set[ast.AST]) -> list[Edit]:
        statement = source.parent(node)
        if isinstance(statement, ast.AsyncWith):
            return []
        assert isinstance(statement, ast.With)
        if any(item not in entered for item in statement.items):
            return uncuttable(source, "shared-with")
        if statement in self.withs:
            return []
        self.withs.add(statement)
        return asynced(source, statement)

    def _styled(self, site: Site, call: ast.Call) -> list[Edit]:
        """The spelling of the async method on a client that has both."""
        how = style(site.thing)
        if how == "twin" or site.thing.value != "client":
            return []
        if not isinstance(call.func, ast.Attribute):
            return uncuttable(site.source, "client-escapes")
        if how == "suffix":
            return rename(site.source, call.func, f"{call.func.attr}_async")
        node: ast.expr = call.func
        while isinstance(node, ast.Attribute) and self.client.things.get(node, (None, None))[1] is not None and self.client.things[node][1].path:
            node = node.value
        known = self.client.things.get(node)
        if known is None or known[1].path:
            return uncuttable(site.source, "client-escapes")
        return wrap(site.source, node, "", ".aio")


def annotated(client: Client, roots: Iterable[tuple[Source, ast.expr]], within: set[Node], limits: Limits, cutter: Cutter, swap: bool = True) -> tuple[str, str] | None:
    """The constructors and the annotations of every holder among `within`, put down at the cutter; why not, if one does not fit."""
    marked = [(source, annotation) for holder, thing in client.holders.items() if holder in within for source, annotation in annotations_of(holder, thing)]
    marked = list({id(annotation): (source, annotation) for source, annotation in marked}.values())
    replaced: dict[str, frozenset[ast.AST]] = {}
    for source in {source for source, _ in (*roots, *marked)}:
        mine = [root for other, root in roots if other is source]
        replaced[source.path] = replaced_names(source, mine, [annotation for other, annotation in marked if other is source])
    for source, root in roots if swap else ():
        twin = twin_of(source, root, limits, replaced[source.path])
        if twin.reason:
            return twin.reason, twin.message
        cutter.rest += twin.edits
        cutter.needs += twin.needs
    for source, annotation in marked:
        edits, needs = reannotated(source, annotation, replaced[source.path])
        cutter.rest += edits
        cutter.needs += needs
    return None


def import_of(source: Source, name: str, path: str) -> tuple[str, Import]:
    return source.path, Import(path, name)
