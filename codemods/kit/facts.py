"""Facts: what other files must know of this one, so that files are seen together only where they have to be.

Map `facts_of` over the files that may matter, add the answers up, and ask `units` of the sum. Files in which no codemod
may fire can still use what another exports: `unread` says which of them are to be read after all.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from .codemod import Codemod
from .libraries.conversations import ENGINE, IMPORTED
from .libraries.marks import HEADS, marks
from .libraries.messages import REMOTE, is_first_message, is_telling
from .names import Names, Scope
from .project import Project
from .source import Source
from .text import Unreadable, read

KEYS = frozenset(
    "session_id conversation_id thread_id chat_id user_id room_id client_id customer_id sessionId conversationId threadId chatId userId roomId clientId customerId".split()
)

_BUILTINS = frozenset(dir(builtins))
_DIVIDERS = (b"asyncio.run(", b"async_to_sync", b"Process(", b"Pool(", b"ProcessPool", b"os.fork", b"celery", b"run_until_complete")
_LISTENING = (b"CallbackHandler", b"callbacks=", b'callbacks"', b"callbacks'", b"callbacks =", b"callbacks.append", b"callback_manager")
_ELSEWHERE = (ENGINE.encode(), *(word.encode() for word in IMPORTED))
_MEMORIES = (b"emory", b"History", b"ConversationChain", b"create_conversational_retrieval_agent", b"thread_id")


@dataclass(frozen=True, slots=True)
class Export:
    """A module-level name: what it is, and what its definition reaches."""

    kind: str  # value class sync async import
    client: bool = False  # reaches a library whose objects are shared
    blocking: bool = False  # reaches a call that blocks
    briefly: bool = False  # of a sync function: makes itself a call that blocks for a short time
    own: bool = False  # of a value: made by such a library in this very statement
    keyed: bool = False  # of a class: has a field that can tell users apart
    through: frozenset[str] = frozenset()  # dotted paths outside the file that the definition reaches
    memory: bool = False  # reaches what keeps a conversation
    kept: bool = False  # reaches an object of such a library that a module holds
    holds: frozenset[str] = frozenset()  # of a mapping: dotted paths that what is put into it may reach


@dataclass(frozen=True, slots=True)
class Traits:
    """What a file's text says of it at a glance."""

    asynchronous: bool
    fans_out: bool
    graph: bool
    keeps: bool  # may keep conversations
    listens: bool  # may have a LangChain callback handler, or hand one on
    divides: bool  # starts processes or event loops
    preloads: bool  # a server's configuration by which all files are read before it forks
    state: bool  # puts something on the application's state, or reads it there
    overrides: bool  # puts something in the place of a dependency
    talks: bool  # gives messages to a model

    @classmethod
    def of(cls, raw: bytes) -> Traits:
        lang = b"langchain" in raw or b"langgraph" in raw
        return cls(
            b"async def" in raw,
            b"gather(" in raw or b"TaskGroup" in raw or b"as_completed(" in raw or b"create_task(" in raw,
            b"StateGraph" in raw or b"MessageGraph" in raw,
            (lang and any(word in raw for word in _MEMORIES)) or (b"app.state" in raw and any(word in raw for word in _ELSEWHERE)),
            lang and b"allback" in raw and any(word in raw for word in _LISTENING),
            any(word in raw for word in _DIVIDERS),
            b"preload_app" in raw,
            b"app.state" in raw,
            b"dependency_overrides" in raw,
            b"messages=" in raw,
        )


@dataclass(frozen=True, slots=True)
class Facts:
    """By path: exports, imported dotted paths, those of them that asynchronous code may reach, traits, imported paths that calls spread (`**DEFAULTS`). The sum of two is the facts of both."""

    exports: Mapping[str, Mapping[str, Export]] = field(default_factory=dict)
    imports: Mapping[str, frozenset[str]] = field(default_factory=dict)
    awaited: Mapping[str, frozenset[str]] = field(default_factory=dict)
    traits: Mapping[str, Traits] = field(default_factory=dict)
    spread: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __add__(self, other: Facts) -> Facts:
        return total([self, other])


def total(facts: Iterable[Facts]) -> Facts:
    """The sum of many."""
    exports: dict[str, Mapping[str, Export]] = {}
    imports: dict[str, frozenset[str]] = {}
    awaited: dict[str, frozenset[str]] = {}
    traits: dict[str, Traits] = {}
    spread: dict[str, frozenset[str]] = {}
    for each in facts:
        exports.update(each.exports)
        imports.update(each.imports)
        awaited.update(each.awaited)
        traits.update(each.traits)
        spread.update(each.spread)
    return Facts(exports, imports, awaited, traits, spread)


def may_matter(raw: bytes, codemods: Iterable[Codemod]) -> bool:
    """Whether any of the codemods may fire in a file with these bytes."""
    return any(codemod.may_fire(raw) or codemod.may_meet(raw) for codemod in codemods)


def source_of(path: str, raw: bytes) -> Source:
    """The file, parsed. Raises Unreadable."""
    source = Project.alone(path, read(raw))
    try:
        source.names  # noqa: B018
    except RecursionError:
        raise Unreadable("too-deep", "an expression is nested deeper than can be followed") from None
    return source


# what one file says


def facts_of(source: Source, tops: Container[str] | None = None) -> Facts:
    """What one file exports (a file of tests: nothing) and imports. `tops`: the names with which an import of a file of the project may start; without, any may."""
    names = source.names
    traits = Traits.of(source.utf8)
    tests = source.path.rpartition("/")[2].startswith("test_")
    reads = _Reads(source, tops, deep=traits.asynchronous or not tests)
    kinds = {name: _kind(bindings[0].node) for name, bindings in names.module.bindings.items()}
    exports = {} if tests else _exports(source, reads, traits, kinds)
    awaited = reads.awaited(kinds) if traits.asynchronous else frozenset()
    spread = {source.path: paths} if b"requests" in source.utf8 and (paths := reads.spread()) else {}
    return Facts({source.path: exports}, {source.path: frozenset(reads.imported)}, {source.path: awaited}, {source.path: traits}, spread)


def _exports(source: Source, reads: _Reads, traits: Traits, kinds: Mapping[str, str]) -> dict[str, Export]:
    names = source.names
    kept: set[str] = set()
    exports: dict[str, Export] = {"*": Export("import", through=frozenset(reads.starred))} if reads.starred else {}
    for values in (True, False):  # what a function reaches of the values is asked after
        for name, bindings in names.module.bindings.items():
            kind, node = kinds[name], bindings[0].node
            if bindings[0].kind == "import":
                if values and reads.known(bindings[0].origin):
                    exports[name] = Export("import", through=frozenset({bindings[0].origin}))
                continue
            if (kind == "value") is not values:
                continue
            own = reads.reached.get(name, set())
            if values:  # data that a call gave is nobody's business; what a client or a class of ours made is
                makers = {other for other in reads.local.get(name, ()) if kinds.get(other) != "value" or traits.graph}  # a builder is a value, what it compiles a graph
                paths = {path for path in own if marks(path).client or not marks(path).blocking}
                if makers:
                    paths = paths.union(*(reads.beyond(reads.closure(other, kinds)) for other in makers))
                holds, talks = False, name in reads.lists or not reads.lists.isdisjoint(reads.local.get(name, ()))
            else:
                behind = reads.closure(name, kinds)
                paths = reads.beyond(behind)
                holds = not kept.isdisjoint(behind)
                talks = not reads.lists.isdisjoint(behind)
            keyed = isinstance(node, ast.ClassDef) and any(isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name) and s.target.id in KEYS for s in node.body)
            if not paths and not keyed and not talks:
                continue
            said = [marks(path) for path in paths]
            client = any(mark.client for mark in said)
            if values and client:
                kept.add(name)
            exports[name] = Export(
                kind,
                client,
                any(mark.blocking for mark in said),
                kind == "sync" and any(marks(path).briefly for path in own),
                values and any(marks(path).everywhere for path in own) and _makes(node),
                keyed,
                frozenset(filter(reads.known, paths)),
                talks or any(mark.memory for mark in said),
                holds or (values and client),
            )
    for name, owners in _filled(source, reads.owners):
        paths = reads.beyond({each for owner in owners for each in reads.closure(owner, kinds)})
        if paths:
            export = exports.get(name) or Export("value")
            memory = export.memory or any(marks(path).memory for path in paths)
            exports[name] = replace(export, memory=memory, holds=export.holds.union(filter(reads.known, paths)))
    for name, owners in _set_by_functions(source, reads.owners):
        if any(marks(path).memory for path in reads.beyond({each for owner in owners for each in reads.closure(owner, kinds)})):
            exports[name] = replace(exports.get(name) or Export("value"), memory=True)
    return exports


def _filled(source: Source, owners: _Owners) -> Iterator[tuple[str, list[str]]]:
    """The names of the module whose items are set one by one (`parts["chain"] = ...`), and the definitions that do so."""
    for assign in source.nodes(ast.Assign):
        for target in assign.targets:
            filled = target.value if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant) else None
            if isinstance(filled, ast.Name) and filled.id in source.names.module.bindings:
                yield filled.id, owners.of(assign)


def _set_by_functions(source: Source, owners: _Owners) -> Iterator[tuple[str, list[str]]]:
    """The names of the module that a function sets under `global`, and the function."""
    for statement in source.nodes(ast.Global):
        for name in statement.names:
            if name in source.names.module.bindings:
                yield name, owners.of(statement)


def _lists(source: Source, owners: _Owners) -> set[str]:
    """The lists of the module into which messages may be put, the conversations that a library keeps, and the classes that have one of them."""
    names, grown = source.names, _grown(source)
    begun = [(binding.node, is_telling(name) or name in grown) for name, bindings in names.module.bindings.items() for binding in bindings[:1]]
    begun += [(names.parents[node], True) for (head, name), nodes in names.stores.items() if head == "self" for node in nodes if is_telling(name) or _class_name(source, node) in grown]
    for owner in names.by_type.get(ast.ClassDef, ()):
        begun += [(binding.node, True) for name, bindings in names.inner[owner].bindings.items() if is_telling(name) for binding in bindings]
    found = [node for node, telling in begun if _begins_list(node, telling)]
    found += source.attributes(ENGINE)
    found += [node for attr in ("create", "start_chat") for node in source.attributes(attr) if f"{ast.unparse(node)}(".encode().endswith(REMOTE)]
    if b"previous_response_id" in source.utf8:
        found += [word for word in names.by_type.get(ast.keyword, ()) if word.arg == "previous_response_id"]  # type: ignore[attr-defined]
    return {owner for node in found for owner in owners.of(node)} | (_heard(source, owners) if b"allback" in source.utf8 else set())


def _makes(node: ast.AST) -> bool:
    """Whether an assignment may make an object: a type or a tuple of exceptions is none."""
    value = getattr(node, "value", None)
    return not isinstance(value, (ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Subscript)) or any(isinstance(part, ast.Call) for part in ast.walk(value))


def _begins_list(node: ast.AST, telling: bool) -> bool:
    """Whether a statement begins a list into which messages may be put; `telling`: its name says so."""
    value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
    if isinstance(value, ast.List):
        return not any(isinstance(each, ast.Constant) for each in value.elts) if telling else any(is_first_message(each) for each in value.elts[:1])
    if isinstance(value, ast.Dict):
        return any(isinstance(each, ast.List) and any(is_first_message(first) for first in each.elts[:1]) for each in value.values)
    if not telling or not isinstance(value, ast.Call) or not isinstance(value.func, ast.Name):
        return False
    return value.func.id in ("list", "deque") or (value.func.id == "field" and any(each.arg == "default_factory" for each in value.keywords))


def _grown(source: Source) -> set[str]:
    """The names of what messages are put into: `recent.append({"role": "user", ...})`; of `self.recent`, the class."""
    if b"role" not in source.utf8:
        return set()
    found: set[str] = set()
    for node in source.attributes("append"):
        call = source.parent(node)
        added = call.args[0] if isinstance(call, ast.Call) and call.args else None
        if isinstance(added, ast.Dict) and any(isinstance(key, ast.Constant) and key.value == "role" for key in added.keys):
            found.add(node.value.id if isinstance(node.value, ast.Name) else _class_name(source, node))
    return found


def _class_name(source: Source, node: ast.AST) -> str:
    owner = source.class_of(node)
    return owner.name if owner is not None else ""


def _heard(source: Source, owners: _Owners) -> set[str]:
    """The names of the module that a list of callbacks holds, and what is built with such a list."""
    found: set[str] = set()
    lists: list[ast.expr] = [word.value for word in source.nodes(ast.keyword) if word.arg == "callbacks"]
    lists += [value for given in source.nodes(ast.Dict) for key, value in zip(given.keys, given.values) if isinstance(key, ast.Constant) and key.value == "callbacks"]
    for each in lists:
        handlers = [part.id for part in each.elts if isinstance(part, ast.Name)] if isinstance(each, ast.List) else []
        if handlers:
            found.update(name for name in handlers if name in source.names.module.bindings)
            found.update(owners.of(each) if source.function(each) is None else ())
    return found


class _Reads:
    """Which imports are read; if `deep`, by which top-level definitions, and which of those read each other."""

    def __init__(self, source: Source, tops: Container[str] | None, deep: bool) -> None:
        self.names = names = source.names
        self.tops = tops
        self.imported: set[str] = set()  # dotted paths of the project, or that a table knows
        self.reached: dict[str, set[str]] = {}  # top-level name -> such paths that its definition reads
        self.local: dict[str, set[str]] = {}  # top-level name -> other top-level names that it reads
        self.lists: set[str] = set()  # top-level names that hold a list of what was said
        self.owners = _Owners(names)
        for name, homes in self._imports().items():
            for load in names.loads.get(name, ()):
                home = names.scopes[load].home(name)
                for origin, known in homes.get(home, ()) if home is not None else ():
                    used = _dotted(origin, load, names.parents)
                    if not known:
                        used = [path for path in used if marks(path)]
                    if used:
                        self.imported.update(used)
                        if deep:
                            self._reach(load, used)
        self.starred = [base for node in names.by_type.get(ast.ImportFrom, ()) if node.names[0].name == "*" and self.known(base := names.absolute(node))] if names.module.stars else []  # type: ignore[attr-defined, arg-type]
        if self.starred:
            self._read_starred(deep)
        if not deep:
            return
        for load in names.loads.get("open", ()):
            if names.scopes[load].home("open") is None:
                self._reach(load, ["builtins.open"])
        self.lists = _lists(source, self.owners)
        if self.reached or self.lists:
            self._read_each_other(names.module)

    def _read_starred(self, deep: bool) -> None:
        """Names that only a star import can bring, as paths of each module of which everything is imported."""
        names = self.names
        for name, loads in names.loads.items():
            for load in loads if name not in _BUILTINS else ():
                if names.scopes[load].home(name) is None:
                    used = [path for base in self.starred for path in _dotted(f"{base}.{name}", load, names.parents)]
                    self.imported.update(used)
                    if deep:
                        self._reach(load, used)

    def _read_each_other(self, module: Scope) -> None:
        """Which definitions read which."""
        loads, scopes = self.names.loads, self.names.scopes
        for name, bindings in module.bindings.items():
            if name not in loads or all(binding.kind == "import" for binding in bindings):
                continue
            for load in loads[name]:
                scope = scopes[load]
                if scope is module or scope.home(name) is module:
                    for owner in self.owners.of(load):
                        if owner != name:
                            self.local.setdefault(owner, set()).add(name)

    def _imports(self) -> dict[str, dict[Scope, list[tuple[str, bool]]]]:
        """Imports that may mean something, by name and scope, and whether each may lie in the project."""
        found: dict[str, dict[Scope, list[tuple[str, bool]]]] = {}
        for binding in self.names.imports:
            origin = binding.origin
            known = self.known(origin)
            if known or origin.partition(".")[0] in HEADS:
                found.setdefault(binding.name, {}).setdefault(binding.scope, []).append((origin, known))
                if known or marks(origin):
                    self.imported.add(origin)
        return found

    def known(self, dotted: str) -> bool:
        """Whether a path may lie in the project."""
        return self.tops is None or dotted.partition(".")[0] in self.tops

    def _reach(self, load: ast.AST, used: list[str]) -> None:
        for owner in self.owners.of(load):
            self.reached.setdefault(owner, set()).update(used)

    def closure(self, name: str, kinds: Mapping[str, str]) -> set[str]:
        """The definitions of the file that one runs; what only an async one calls does not block a sync one."""
        waits = kinds.get(name) == "async"
        seen, todo = {name}, [name]
        while todo:
            for other in self.local.get(todo.pop(), ()):
                if other not in seen and (waits or kinds.get(other) != "async"):
                    seen.add(other)
                    todo.append(other)
        return seen

    def beyond(self, definitions: Iterable[str]) -> set[str]:
        """What definitions reach outside of the file."""
        found: set[str] = set()
        for each in definitions:
            found.update(self.reached.get(each, ()))
        return found

    def spread(self) -> frozenset[str]:
        """The imports of which calls get the items as keywords."""
        names = self.names
        given = {each.value.id for each in names.by_type.get(ast.keyword, ()) if each.arg is None and isinstance(each.value, ast.Name)}  # type: ignore[attr-defined]
        return frozenset(binding.origin for binding in names.imports if binding.name in given and self.known(binding.origin)) if given else frozenset()

    def awaited(self, kinds: Mapping[str, str]) -> frozenset[str]:
        """The imports that the async defs of the file may reach."""
        seen = {owner for node in self.names.by_type.get(ast.AsyncFunctionDef, ()) for owner in self.owners.of(node)}
        seen |= {name for name, read in self.local.items() if kinds.get(name) == "class" and not seen.isdisjoint(read)}  # a subclass may answer for it
        todo = [*seen]
        while todo:
            for other in self.local.get(todo.pop(), ()):
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        return frozenset(self.beyond(seen))


def _dotted(origin: str, load: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> list[str]:
    """What a read of an imported name reaches: with its next attribute, and with one more where the first may be a module."""
    above = parents[load]
    if isinstance(above, ast.Call) and above.args[1:] and above.args[0] is load and isinstance(above.args[1], ast.Constant) and isinstance(above.args[1].value, str):
        return [origin, f"{origin}.{above.args[1].value}"]  # `monkeypatch.setattr(main, "chain", fake)`
    if not isinstance(above, ast.Attribute):
        return [origin]
    first = f"{origin}.{above.attr}"
    beyond = parents[above]
    return [first, f"{first}.{beyond.attr}"] if isinstance(beyond, ast.Attribute) else [first]


def _kind(node: ast.AST) -> str:
    if isinstance(node, ast.ClassDef):
        return "class"
    return "async" if isinstance(node, ast.AsyncFunctionDef) else "sync" if isinstance(node, ast.FunctionDef) else "value"


class _Owners:
    """Which module-level names the top-level statement around a node defines; blocks at the top are looked into."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.tops: dict[ast.AST, list[str]] = {}
        self.scopes: dict[Scope, list[str]] = {}

    def of(self, node: ast.AST) -> list[str]:
        scope = self.names.scopes[node]
        if scope is self.names.module:
            return self._around(node)
        known = self.scopes.get(scope)
        if known is None:
            outer = scope
            while outer.parent is not None and outer.parent is not self.names.module:
                outer = outer.parent
            known = self.scopes[scope] = self._around(outer.node)
        return known

    def _around(self, node: ast.AST) -> list[str]:
        parents = self.names.parents
        chain = [node]
        while not isinstance(above := parents[chain[-1]], ast.Module):
            chain.append(above)
        top = chain.pop()
        while isinstance(top, _BLOCKS) and chain:
            if isinstance(top, ast.If) and _is_main(top.test):
                return []
            top = chain.pop()
        known = self.tops.get(top)
        if known is None:
            known = self.tops[top] = [*_defined(top)]
        return known


_BLOCKS = (ast.If, ast.Try, ast.With, ast.ExceptHandler, ast.For, ast.While)


def _is_main(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


def _defined(top: ast.AST) -> Iterator[str]:
    if isinstance(top, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield top.name
    elif isinstance(top, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        for child in ast.walk(top):
            if isinstance(child, ast.Subscript) and isinstance(child.ctx, ast.Store) and isinstance(child.value, ast.Name):
                yield child.value.id
            if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                yield child.id
