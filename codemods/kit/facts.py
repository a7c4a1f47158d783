"""Facts: what other files must know of this one, so that files are seen together only where they have to be.

Map `facts_of` over the files that may matter, add the answers up, and ask `units` of the sum. Files in which no codemod
may fire can still use what another exports: `second_look` says which of them are to be read after all.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from .codemod import Codemod
from .libraries import blocks, blocks_briefly, is_client
from .libraries.memory import remembers
from .names import FunctionNode
from .project import Modules, Project
from .source import Source
from .text import Unreadable, read

MAX_FILES = 1  # how many files a call is followed through behind the one that is imported
KEYS = frozenset({"session_id", "conversation_id", "thread_id", "chat_id", "user_id"})
_IMPORTS = re.compile(rb"^[ \t]*from[ \t]+([.\w]+)[ \t]+import[ \t]+(\([^)]*\)|[^\r\n]*)|^[ \t]*import[ \t]+([^\r\n#]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Export:
    """A module-level name: what it is, and what its definition reaches."""

    kind: str  # value class sync async import
    client: bool  # reaches a library whose objects are shared
    blocking: bool  # reaches a call that blocks
    briefly: bool  # of a sync function: makes itself a call that blocks for a short time
    own: bool  # of a value: made by such a library in this very statement
    keyed: bool  # of a class: has a field that can tell users apart
    through: frozenset[str]  # dotted paths outside the file that the definition reaches
    memory: bool = False  # reaches what keeps a conversation


@dataclass(frozen=True, slots=True)
class Traits:
    """What a file's text says of it at a glance."""

    asynchronous: bool
    fans_out: bool
    graph: bool
    chain: bool

    @classmethod
    def of(cls, raw: bytes) -> Traits:
        return cls(
            b"async def" in raw,
            b"gather(" in raw or b"TaskGroup" in raw or b"as_completed(" in raw or b"create_task(" in raw,
            b"StateGraph" in raw or b"MessageGraph" in raw,
            b"chain" in raw or b"emory" in raw or b"agent" in raw,
        )


@dataclass(frozen=True, slots=True)
class Facts:
    """By path: exports, imported dotted paths, traits. The sum of two is the facts of both."""

    exports: Mapping[str, Mapping[str, Export]] = field(default_factory=dict)
    imports: Mapping[str, frozenset[str]] = field(default_factory=dict)
    traits: Mapping[str, Traits] = field(default_factory=dict)

    def __add__(self, other: Facts) -> Facts:
        return Facts({**self.exports, **other.exports}, {**self.imports, **other.imports}, {**self.traits, **other.traits})


def total(facts: Iterable[Facts]) -> Facts:
    """The sum of many."""
    exports: dict[str, Mapping[str, Export]] = {}
    imports: dict[str, frozenset[str]] = {}
    traits: dict[str, Traits] = {}
    for each in facts:
        exports.update(each.exports)
        imports.update(each.imports)
        traits.update(each.traits)
    return Facts(exports, imports, traits)


def may_matter(raw: bytes, codemods: Iterable[Codemod]) -> bool:
    """Whether any of the codemods may fire in a file with these bytes."""
    return any(codemod.may_fire(raw) for codemod in codemods)


def source_of(path: str, raw: bytes) -> Source:
    """The file, parsed. Raises Unreadable."""
    source = Project.alone(path, read(raw))
    try:
        source.names  # noqa: B018
    except RecursionError:
        raise Unreadable("too-deep", "an expression is nested deeper than can be followed") from None
    return source


def imported_paths(path: str, raw: bytes) -> Iterator[str]:
    """The dotted paths that a file imports, read off its text without parsing it."""
    package = path.removesuffix(".py").split("/")[:-1]
    for match in _IMPORTS.finditer(raw):
        module, names, plain = (part.decode("utf-8", "replace") if part else "" for part in match.groups())
        if plain:
            yield from (part.strip().partition(" ")[0] for part in plain.partition(";")[0].split(","))
            continue
        dots = len(module) - len(module.lstrip("."))
        lead = package[: len(package) - dots + 1] if dots else []
        base = ".".join([*lead, *([module.lstrip(".")] if module.lstrip(".") else [])])
        for name in re.sub(r"#[^\r\n]*|;.*", "", names).strip("() \t").replace("\\", " ").split(","):
            if word := name.strip().partition(" ")[0]:
                yield f"{base}.{word}"


# what one file says


def facts_of(source: Source) -> Facts:
    """What one file exports and imports."""
    names = source.names
    reached: dict[str, set[str]] = {}  # top-level name -> dotted paths that its definition reads
    local: dict[str, set[str]] = {}  # top-level name -> other top-level names that it reads
    imported: set[str] = set()
    owners = _Owners(source)
    for scope in names.inner.values():
        for name, bindings in scope.bindings.items():
            for binding in bindings:
                if binding.kind == "import":
                    imported.add(binding.origin)
                    for load in names.uses(name, scope):
                        used = _dotted(binding.origin, load, names.parents)
                        imported.update(used)
                        for owner in owners.of(load):
                            reached.setdefault(owner, set()).update(used)
                elif scope is names.module:
                    for load in names.uses(name, scope):
                        for owner in owners.of(load):
                            if owner != name:
                                local.setdefault(owner, set()).add(name)
                    break
    for load in names.loads.get("open", ()):
        if names.scopes[load].home("open") is None:
            for owner in owners.of(load):
                reached.setdefault(owner, set()).add("builtins.open")
    traits = Traits.of(source.utf8)
    kinds = {name: _kind(bindings[0].node) for name, bindings in names.module.bindings.items()}
    exports = {}
    for name, bindings in names.module.bindings.items():
        if bindings[0].kind == "import":
            exports[name] = Export("import", False, False, False, False, False, frozenset({bindings[0].origin}))
            continue
        kind, node = kinds[name], bindings[0].node
        own = reached.get(name, set())
        if kind == "value":  # data that a call gave is nobody's business; what a client or a class of ours made is
            makers = {other for other in local.get(name, ()) if kinds.get(other) != "value" or traits.graph}  # a builder is a value, what it compiles a graph
            paths = {path for path in own if is_client(path) or not blocks(path)}.union(*(_closure(other, local, reached, kinds) for other in makers))
        else:
            paths = _closure(name, local, reached, kinds)
        keyed = isinstance(node, ast.ClassDef) and any(isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name) and s.target.id in KEYS for s in node.body)
        if paths or keyed:
            made = kind == "value" and any(map(is_client, own))
            briefly = kind == "sync" and any(map(blocks_briefly, own))
            kept = any(map(remembers, paths))
            exports[name] = Export(kind, any(map(is_client, paths)), any(map(blocks, paths)), briefly, made, keyed, frozenset(paths), kept)
    return Facts({source.path: exports}, {source.path: frozenset(imported)}, {source.path: traits})


def _dotted(origin: str, load: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> list[str]:
    """What a read of an imported name reaches: with its next attribute, and with one more where the first may be a module."""
    above = parents[load]
    if not isinstance(above, ast.Attribute):
        return [origin]
    first = f"{origin}.{above.attr}"
    beyond = parents[above]
    return [first, f"{first}.{beyond.attr}"] if isinstance(beyond, ast.Attribute) else [first]


def _kind(node: ast.AST) -> str:
    if isinstance(node, ast.ClassDef):
        return "class"
    return "async" if isinstance(node, ast.AsyncFunctionDef) else "sync" if isinstance(node, ast.FunctionDef) else "value"


def _closure(name: str, local: Mapping[str, set[str]], reached: Mapping[str, set[str]], kinds: Mapping[str, str]) -> set[str]:
    """What a definition reaches through others of its file; what only an async one calls does not block a sync one."""
    seen, todo = {name}, [name]
    while todo:
        for other in local.get(todo.pop(), ()):
            if other not in seen and (kinds.get(other) != "async" or kinds[name] == "async"):
                seen.add(other)
                todo.append(other)
    return set().union(*(reached.get(each, set()) for each in seen))


class _Owners:
    """Which module-level names the top-level statement around a node defines; blocks at the top are looked into."""

    def __init__(self, source: Source) -> None:
        self.parents = source.names.parents
        self.known: dict[ast.AST, list[str]] = {}

    def of(self, node: ast.AST) -> list[str]:
        chain = [node]
        while not isinstance(above := self.parents[chain[-1]], ast.Module):
            chain.append(above)
        top = chain.pop()
        while isinstance(top, _BLOCKS) and chain:
            if isinstance(top, ast.If) and _is_main(top.test):
                return []
            top = chain.pop()
        if top not in self.known:
            self.known[top] = [*_defined(top)]
        return self.known[top]


_BLOCKS = (ast.If, ast.Try, ast.With, ast.ExceptHandler, ast.For, ast.While)


def _is_main(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


def _defined(top: ast.AST) -> Iterator[str]:
    if isinstance(top, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield top.name
    elif isinstance(top, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        for child in ast.walk(top):
            if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                yield child.id


# what the sum says


class _Web:
    """Which imports lead where, over the facts of many files."""

    def __init__(self, facts: Facts, rest: Iterable[str] = ()) -> None:
        self.facts = facts
        self.judge = cache(self._judge)
        self.modules = Modules({*facts.exports, *rest})
        self.target = cache(self._target)
        self.memories = self._memories()

    def _memories(self) -> set[tuple[str, str]]:
        """The exports that reach what keeps a conversation, through any number of files. They are few, mostly none."""
        found = {(path, name) for path, exports in self.facts.exports.items() for name, export in exports.items() if export.memory}
        fresh = bool(found)
        while fresh:
            fresh = False
            for path, exports in self.facts.exports.items():
                for name, export in exports.items():
                    if (path, name) not in found and any(self.target(dotted, path) in found for dotted in export.through):
                        found.add((path, name))
                        fresh = True
        return found

    def _target(self, dotted: str, importer: str) -> tuple[str, str] | None:
        """(path, name) of a project's file that a dotted path means; the name "" for a whole module."""
        if not self.modules.knows(dotted.partition(".")[0]):
            return None
        whole = self.modules.find(dotted.removesuffix(".*"), importer)
        if whole:
            return whole, ""
        for _ in range(2):  # module.name, module.name.attribute
            dotted, _, name = dotted.rpartition(".")
            part = self.modules.find(dotted, importer) if dotted else ""
            if part:
                return part, name
        return None

    def _judge(self, path: str, name: str) -> Export | None:
        """An export with what it reaches through other files added; re-exports are what they re-export."""
        return self._judged(path, name, frozenset())

    def _judged(self, path: str, name: str, seen: frozenset[tuple[str, str]]) -> Export | None:
        export = self.facts.exports.get(path, {}).get(name)
        if export is None or (path, name) in seen or len(seen) > MAX_FILES:
            return export
        client, blocking = export.client, export.blocking
        for dotted in export.through:
            if client and blocking and export.kind != "import":
                break
            if not self.modules.knows(dotted.partition(".")[0]):
                continue
            target = self.target(dotted, path)
            if target is None or not target[1]:
                continue
            other = self._judged(*target, seen | {(path, name)})
            if other is None or (other.kind == "async" and export.kind not in ("import", "async")):
                continue
            if export.kind == "import":
                return other
            client, blocking = client or other.client, blocking or other.blocking
        if (client, blocking) == (export.client, export.blocking):
            return export
        return replace(export, client=client, blocking=blocking)

    def carrier(self, path: str, name: str) -> bool:
        """Whether an export may matter to the importers of those that import it."""
        export = self.judge(path, name)
        return export is not None and (export.client or export.blocking or export.briefly) and export.kind in ("sync", "class", "value")

    def carries(self, importer: str, dotted: str) -> bool:
        """Whether a file that imports this path may hand something on that matters to its own importers."""
        target = self.target(dotted, importer)
        if target is None:
            return False
        path, name = target
        return any(self.carrier(path, each) for each in ([name] if name else self.facts.exports.get(path, ())))

    def may_tie(self, traits: Traits, importer: str, dotted: str) -> bool:
        """The same for a file whose use of an imported module is not known yet."""
        target = self.target(dotted, importer)
        if target is None or target[1]:
            return target is not None and self.tied(traits, importer, dotted) is not None
        return any(self.tied(traits, importer, f"{dotted}.{name}") for name in self.facts.exports.get(target[0], ()))

    def tied(self, traits: Traits, importer: str, dotted: str) -> tuple[str, str] | None:
        """The export with which a file must be seen together because it imports this path."""
        target = self.target(dotted, importer)
        if target is None:
            return None
        path, name = target
        if not name:
            return (path, "") if dotted.endswith(".*") and self.facts.exports.get(path) else None
        if traits.graph or target in self.memories:
            return target
        export = self.judge(path, name)
        if export is None:
            return None
        if export.client and self.facts.traits[path].graph:
            needed = True  # who runs a graph decides how a turn begins
        elif export.kind == "value":
            needed = export.own or ((export.client or export.blocking) and traits.asynchronous)
        elif export.kind in ("class", "sync"):
            needed = ((export.client or export.blocking or export.briefly) and traits.asynchronous) or (export.keyed and traits.chain) or (export.client and traits.chain)
        else:
            needed = export.kind == "async" and (export.client or export.blocking) and traits.fans_out
        return target if needed else None


def units(facts: Facts) -> list[tuple[str, ...]]:
    """Files that must be seen together, each file once, in order of their first path."""
    web = _Web(facts)
    above = {path: path for path in facts.exports}

    def root(path: str) -> str:
        while above[path] != path:
            above[path] = above[above[path]]
            path = above[path]
        return path

    def tie(one: str, other: str) -> None:
        low, high = sorted((root(one), root(other)))
        above[high] = low

    todo: list[tuple[str, str]] = []
    for path, imports in facts.imports.items():
        for dotted in imports:
            if target := web.tied(facts.traits[path], path, dotted):
                tie(path, target[0])
                todo.append(target)
    seen = set(todo)
    while todo:  # what a needed export is judged by is needed too
        path, name = todo.pop()
        export = facts.exports[path].get(name)
        for dotted in export.through if export is not None else ():
            target = web.target(dotted, path)
            if target is None or target in seen or not target[1]:
                continue
            judged = web.judge(*target)
            if target in web.memories or judged is not None and (judged.client or judged.blocking or judged.briefly or export.kind == "import"):  # type: ignore[union-attr]
                tie(path, target[0])
                seen.add(target)
                todo.append(target)
    found: dict[str, list[str]] = {}
    for path in sorted(facts.exports):
        found.setdefault(root(path), []).append(path)
    return [tuple(members) for members in found.values()]


@dataclass(slots=True)
class Survey:
    """All files of a project, sorted: those that matter, parsed, in units; those that can't be read; and how many were passed over."""

    units: list[tuple[Source, ...]]
    unreadable: list[tuple[str, Unreadable]]
    passed: int


def survey(files: Mapping[str, bytes], codemods: Iterable[Codemod]) -> Survey:
    """Sorts the files of a project in one process."""
    codemods = list(codemods)
    sources: dict[str, Source] = {}
    unreadable: list[tuple[str, Unreadable]] = []
    facts = Facts()
    rest = dict(files)
    glances: dict[str, Glance] = {}
    wanted = [path for path, raw in files.items() if may_matter(raw, codemods)]
    while True:
        found = [facts]
        for path in wanted:
            try:
                sources[path] = source_of(path, rest.pop(path))
                found.append(facts_of(sources[path]))
            except Unreadable as verdict:
                unreadable.append((path, verdict))
        facts = total(found)
        wanted = second_look(facts, rest, glances, codemods)
        if not wanted:
            break
    return Survey([tuple(sources[path] for path in unit) for unit in units(facts)], unreadable, len(rest))


@dataclass(frozen=True, slots=True)
class Glance:
    """What is known of a file that was passed over."""

    traits: Traits
    imports: tuple[str, ...]


def second_look(facts: Facts, rest: Mapping[str, bytes], glances: dict[str, Glance], codemods: Iterable[Codemod]) -> list[str]:
    """Files that were passed over and are to be read after all; `glances` remembers what was seen of them.

    Those that use a shared object; and, following imports from the files that matter and the asynchronous ones, those that
    may hand something to them.
    """
    web = _Web(facts, rest)
    words = {word for codemod in codemods for word in codemod.shares}

    def glance(path: str) -> Glance:
        if path not in glances:
            glances[path] = Glance(Traits.of(rest[path]), tuple(imported_paths(path, rest[path])))
        return glances[path]

    def imports(path: str) -> Iterable[str]:
        return facts.imports[path] if path in facts.imports else glance(path).imports

    own = {
        (_tail(path), name.encode())
        for path, exports in facts.exports.items()
        for name, export in exports.items()
        if export.own or (path, name) in web.memories or (export.client and facts.traits[path].graph)
    }
    asynchronous = {path for path, raw in rest.items() if b"async def" in raw}
    users = asynchronous | {path for path, raw in rest.items() if any(tail in raw and name in raw for tail, name in own)}
    wanted = {path for path in users if any(web.may_tie(glance(path).traits, path, dotted) for dotted in glance(path).imports)}
    reached = {*asynchronous, *facts.traits}
    seen = set(reached)
    for _ in range(MAX_FILES + 2):
        reached = {target[0] for path in reached for dotted in imports(path) if (target := web.target(dotted, path)) is not None} - seen
        seen |= reached
        for path in reached:
            raw = rest.get(path)
            if raw is not None and (any(word in raw for word in words) or any(web.carries(path, dotted) for dotted in glance(path).imports)):
                wanted.add(path)
    return sorted(wanted | _parts_of_graphs(web, facts, rest))


def _parts_of_graphs(web: _Web, facts: Facts, rest: Mapping[str, bytes]) -> set[str]:
    """Files that were passed over and hold a part of a graph: its state, nodes and routers, re-exports followed."""
    todo = [(path, dotted) for path, traits in facts.traits.items() if traits.graph for dotted in facts.imports[path]]
    found: set[str] = set()
    for path, dotted in todo:
        target = web.target(dotted, path)
        if target is None:
            continue
        if target[0] in rest:
            found.add(target[0])
        export = facts.exports.get(target[0], {}).get(target[1])
        if export is not None and export.kind == "import" and len(todo) < 10_000:
            todo += [(target[0], through) for through in export.through]
    return found


def _tail(path: str) -> bytes:
    """The last part of a file's module, as importers write it."""
    parts = path.removesuffix(".py").split("/")
    return (parts[-2] if parts[-1] == "__init__" and len(parts) > 1 else parts[-1]).encode()
