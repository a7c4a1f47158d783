"""One client and all that hangs on it: what would have to change if it became its async twin."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..awaiting import OFFLOADERS
from ..fills import writes
from ..flow import Holder, Move, moves
from ..libraries.sdk import DATA, WRAPPERS, Thing, clients, entered, gives, iterable, member, style
from ..names import last_part
from ..reads import reads, states
from ..source import Source, keyword
from ..tests import in_tests
from .leaves import escape, iterated, leaves, named, streams

Node = ast.AST | Holder

# what may be asked of a client without keeping it
ASKING = frozenset(["print", "id", "repr", "str", "bool", "type", "callable", "hash", "vars", "dir", "hasattr", "len"])
LOGGING = frozenset(["debug", "info", "warning", "error", "exception", "critical", "log"])
OFFLOADING_METHODS = frozenset(["run_in_executor", "submit", "run_sync", "run_in_threadpool", "to_thread"])
ASYNC_ITERATORS_WELCOME = frozenset(
    ["fastapi.responses.StreamingResponse", "starlette.responses.StreamingResponse", "fastapi.StreamingResponse", "sse_starlette.EventSourceResponse", "sse_starlette.sse.EventSourceResponse"]
)  # fmt: skip


@dataclass(eq=False, slots=True)
class Site:
    """A place that changes with the client. op: await, for, with, list, changed (an attribute of the client is set).

    `call`: the call of the client's method that is made here; None for what only follows from one.
    """

    op: str
    source: Source
    node: ast.AST
    thing: Thing
    call: ast.Call | None = None


@dataclass(eq=False, slots=True)
class Leak:
    """A place beyond which the value can't be followed, or where it does not come from the client alone."""

    source: Source
    node: ast.AST
    reason: str
    message: str


@dataclass(eq=False, slots=True)
class Client:
    """Constructors that belong together, everything they flow to, and what happens there."""

    roots: list[tuple[Source, ast.expr]] = field(default_factory=list)
    things: dict[ast.AST, tuple[Source, Thing]] = field(default_factory=dict)
    holders: dict[Holder, Thing] = field(default_factory=dict)
    after: dict[Node, list[Node]] = field(default_factory=dict)  # where a value goes next
    sites: dict[ast.AST, list[Site]] = field(default_factory=dict)  # by the expression that is used there
    leaks: dict[Node, list[Leak]] = field(default_factory=dict)

    @property
    def sdk(self) -> str:
        return self.things[self.roots[0][1]][1].sdk

    def every_site(self) -> Iterator[Site]:
        for found in self.sites.values():
            yield from found

    def every_leak(self) -> Iterator[Leak]:
        for found in self.leaks.values():
            yield from found

    def downstream(self, start: Node) -> set[Node]:
        """What a value at `start` can reach, itself among it."""
        seen = {start}
        todo = [start]
        while todo:
            for node in self.after.get(todo.pop(), ()):
                if node not in seen:
                    seen.add(node)
                    todo.append(node)
        return seen


def found_clients(source: Source) -> list[Client]:
    """Every sync client of the project with what hangs on it, in order of the first constructor."""

    def read() -> list[Client]:
        found: list[Client] = []
        taken: set[ast.AST] = set()
        for other in source.project:
            for root in constructors(other):
                if root not in taken:
                    client = _Tracing(other, root).client
                    taken.update(node for _, node in client.roots)
                    found.append(client)
        return found

    return source.project.remember("sync clients", read)  # type: ignore[no-any-return]


def constructors(source: Source) -> Iterator[ast.expr]:
    """Calls that make a sync client, and names of its class that serve as a default_factory."""
    last = {path.rpartition(".")[2] for path in clients()}
    if last.isdisjoint(source.words):
        return
    for call in source.nodes(ast.Call):
        name = last_part(call.func)
        if (name in last or isinstance(call.func, ast.Name)) and source.qualified(call.func) in clients():
            yield call
        for given in call.keywords:
            if given.arg == "default_factory" and source.qualified(given.value) in clients():
                yield given.value


def traced(source: Source, node: ast.expr, thing: Thing) -> Client:
    """What hangs on an expression that is such a thing."""
    return _Tracing(source, node, thing).client


def class_path(source: Source, root: ast.expr) -> str:
    return source.qualified(root.func if isinstance(root, ast.Call) else root)


class _Tracing:
    """Follows one constructor forward, and takes in the constructors that share a holder with it."""

    def __init__(self, source: Source, root: ast.expr, thing: Thing | None = None) -> None:
        self.client = Client()
        self.major = 0
        self.mixed: set[ast.AST] = set()
        if thing is None:
            self._root(source, root)
        else:
            self.client.roots.append((source, root))
            self._expression(source, root, thing, None)
        checked: set[Holder] = set()
        while rest := [holder for holder in self.client.holders if holder not in checked]:
            for holder in rest:
                checked.add(holder)
                self._filled(holder, source)

    def _root(self, source: Source, root: ast.expr) -> None:
        sdk = clients()[class_path(source, root)][0]
        version = source.project.version(sdk)
        self.major = version[0] if version else -1
        self.client.roots.append((source, root))
        self._expression(source, root, Thing(sdk), None)

    # forward

    def _edge(self, before: Node | None, node: Node) -> None:
        if before is not None:
            self.client.after.setdefault(before, []).append(node)

    def _expression(self, source: Source, node: ast.AST, thing: Thing, before: Node | None) -> None:
        self._edge(before, node)
        known = self.client.things.get(node)
        if known is not None:
            if known[1] != thing:
                self._leak(node, source, node, "mixed-origins", "what stands here is not always the same kind of thing")
            return
        self.client.things[node] = (source, thing)
        for move in moves(source, node):
            self._move(move, node, thing)

    def _move(self, move: Move, node: ast.AST, thing: Thing) -> None:
        source, to = move.source, move.node
        if move.kind == "held" and move.holder is not None:
            self._holder(move.holder, thing, node, source)
        elif move.kind in ("same", "awaited"):
            self._expression(source, to, thing, node)
        elif move.kind == "member":
            assert isinstance(to, ast.Attribute)
            part = member(thing, to.attr, self.major)
            if part is None:
                reason = "unknown-method" if thing.value in ("client", "Instructor") else escape(thing)
                self._leak(node, source, to, reason, f"`{to.attr}` is not known of this {named(thing)}")
            elif part != DATA:
                self._expression(source, to, part, node)
        elif move.kind == "changed":
            self._site("changed", source, to, thing, node)
        elif move.kind == "called" and thing.kind:
            assert isinstance(to, ast.Call)
            self._called(source, to, thing, node)
        elif move.kind == "iterated" and iterable(thing):
            self._site("for", source, to, thing, node)
        elif move.kind == "entered" and (inner := entered(thing)) is not None:
            self._site("with", source, to, thing, node)
            assert isinstance(to, ast.withitem)
            if to.optional_vars is not None:
                from ..flow import holder_of

                holder = holder_of(source, to.optional_vars)
                if holder is None:
                    self._leak(node, source, to.context_expr, escape(thing), "what is entered here can't be followed")
                else:
                    self._holder(holder, inner, node, source)
        elif move.kind == "argument":
            assert isinstance(to, ast.Call)
            self._argument(source, to, node, thing)
        elif move.kind != "tested":
            self._leak(node, source, to if hasattr(to, "lineno") else node, escape(thing), f"the {named(thing)} goes where it can't be followed")

    def _called(self, source: Source, call: ast.Call, method: Thing, node: ast.AST) -> None:
        word = method.kind.partition(":")[0]
        result = gives(method, streams(source, call))
        if word in ("await", "stream") or (word == "page" and not iterated(source, call)):
            self._site("await", source, call, method, node, call)
        elif word != "plain" or method.value != "client" or style(method) != "twin":
            self._site("call", source, call, method, node, call if word != "plain" else None)
        if result != DATA:
            self._expression(source, call, result, node)

    def _argument(self, source: Source, call: ast.Call, node: ast.AST, thing: Thing) -> None:
        path = source.qualified(call.func)
        plain = call.func.id if isinstance(call.func, ast.Name) and source.scope(call.func).home(call.func.id) is None else ""
        if path in WRAPPERS and thing.value == "client" and not thing.path:
            self._expression(source, call, Thing(thing.sdk, WRAPPERS[path]), node)
        elif plain in ASKING or (isinstance(call.func, ast.Attribute) and call.func.attr in LOGGING):
            return
        elif plain == "list" and iterable(thing) and len(call.args) == 1:
            self._site("list", source, call, thing, node)
        elif path in ASYNC_ITERATORS_WELCOME and iterable(thing) and not thing.maybe:
            return
        elif plain == "isinstance":
            self._leak(node, source, call, "type-test", "the client's class is tested, and would be another one")
        elif path in OFFLOADERS or (isinstance(call.func, ast.Attribute) and call.func.attr in OFFLOADING_METHODS) or path == "functools.partial":
            self._leak(node, source, call, "offloaded", "the call runs in a thread, with the sync client")
        else:
            self._leak(node, source, call, escape(thing), f"the {named(thing)} is handed to {source.code(call.func)[:40]}, which can't be followed")

    def _holder(self, holder: Holder, thing: Thing, before: Node, source: Source) -> None:
        self._edge(before, holder)
        known = self.client.holders.get(holder)
        if known is not None:
            if known != thing:
                self._leak(holder, source, before if isinstance(before, ast.AST) else source.tree, "mixed-origins", f"`{holder.name}` holds different things")
            return
        self.client.holders[holder] = thing
        if holder.kind == "state":
            for other, node in states(source, holder.name):
                if isinstance(node.ctx, ast.Load):
                    self._expression(other, node, thing, holder)
            return
        for move in reads(holder):
            if move.kind == "value":
                self._expression(move.source, move.node, thing, holder)
            elif move.kind == "held" and move.holder is not None:
                self._holder(move.holder, thing, holder, move.source)
            elif move.kind == "maybe":
                if self._looks_used(move.source, move.node, thing):
                    self._leak(holder, move.source, move.node, "client-escapes", f"`{move.source.code(move.node)}` may be this client, or another object's")
            else:
                self._leak(holder, move.source, move.node, escape(thing), f"`{holder.name or 'what is returned'}` goes where it can't be followed")

    def _looks_used(self, source: Source, node: ast.AST, thing: Thing) -> bool:
        """Whether something unknown is used as only such a thing is."""
        above = source.parent(node)
        if not isinstance(above, ast.Attribute) or thing.value != "client":
            return False
        part = member(thing, above.attr, self.major)
        return part is not None and part != DATA and part.path not in ("close", "copy", "models")

    # backward

    def _filled(self, holder: Holder, source: Source) -> None:
        """Whether everything that fills a holder comes from the client; other constructors join."""
        for move in writes(holder, source):
            if move.kind == "held" and move.holder is not None:
                if move.holder not in self.client.holders:
                    self._filled_from(holder, move.holder, source)
            elif move.kind == "unknown":
                if not in_tests(move.source):
                    self._leak(holder, move.source, move.node, "mixed-origins", f"`{holder.name}` is also filled with something that can't be followed")
            else:
                for leaf in leaves(move.node):
                    self._leaf(holder, move.source, leaf)

    def _filled_from(self, holder: Holder, other: Holder, source: Source) -> None:
        for move in writes(other, source):
            for leaf in leaves(move.node) if move.kind == "value" else ():
                self._leaf(holder, move.source, leaf)

    def _leaf(self, holder: Holder, source: Source, leaf: ast.expr) -> None:
        if leaf in self.client.things or (isinstance(leaf, ast.Constant) and leaf.value is None) or in_tests(source):
            return
        if self._optional(source, leaf, holder) or self._made_by_factory(source, leaf):
            return
        for origin in source.origins(leaf):
            made = origin.node
            if origin.kind == "value" and isinstance(made, ast.Call) and origin.source.qualified(made.func) in clients():
                if made not in self.client.things and clients()[origin.source.qualified(made.func)][0] == self.client.sdk:
                    self._root(origin.source, made)
                continue
            if leaf not in self.client.things:
                self._leak(holder, source, leaf, "mixed-origins", f"`{holder.name or 'what is returned'}` may also be {source.code(leaf)[:40]!r}")
        if leaf not in self.client.things and leaf not in self.mixed:
            self.mixed.add(leaf)
            self._leak(holder, source, leaf, "mixed-origins", f"`{holder.name or 'what is returned'}` may also be {source.code(leaf)[:40]!r}")

    def _optional(self, source: Source, leaf: ast.expr, holder: Holder) -> bool:
        """A parameter that is None unless somebody passes a client: it holds what the project passes."""
        home = source.scope(leaf).home(leaf.id) if isinstance(leaf, ast.Name) else None
        if home is None or not isinstance(leaf, ast.Name) or not isinstance(home.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return False
        bindings = home.bindings[leaf.id]
        default = bindings[0].value
        if len(bindings) != 1 or bindings[0].kind != "param" or not (isinstance(default, ast.Constant) and default.value is None):
            return False
        self._holder(Holder("name", source, home.node, leaf.id), self.client.holders[holder], holder, source)
        return True

    def _made_by_factory(self, source: Source, leaf: ast.expr) -> bool:
        """`field(default_factory=...)` whose factory gives the client."""
        given = keyword(leaf, "default_factory") if isinstance(leaf, ast.Call) else None
        if given is None:
            return False
        factory = given.value
        if factory in self.client.things or (isinstance(factory, ast.Lambda) and all(part in self.client.things for part in leaves(factory.body))):
            return True
        return any(Holder("returns", origin.source, origin.node, "") in self.client.holders for origin in source.origins(factory) if origin.kind == "function")

    # notes

    def _site(self, op: str, source: Source, node: ast.AST, thing: Thing, before: ast.AST, call: ast.Call | None = None) -> None:
        self.client.sites.setdefault(before, []).append(Site(op, source, node, thing, call))

    def _leak(self, at: Node, source: Source, node: ast.AST, reason: str, message: str) -> None:
        self.client.leaks.setdefault(at, []).append(Leak(source, node, reason, message))
