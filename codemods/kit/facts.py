"""Facts: what other files must know of this one, so that files are seen together only where they have to be.

Map `facts_of` over the files that may matter, add the answers up, and ask `units` of the sum. Files in which no codemod
may fire can still use what another exports: `second_look` says which of them are to be read after all.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from .codemod import Codemod
from .libraries import blocks, blocks_briefly, is_client
from .libraries.memory import keeps_threads, remembers
from .project import Project
from .source import Source
from .text import Unreadable, read

KEYS = frozenset({"session_id", "conversation_id", "thread_id", "chat_id", "user_id"})
_IMPORTS = re.compile(rb"^[ \t]*from[ \t]+([.\w]+)[ \t]+import[ \t]+(\([^)]*\)|[^\r\n]*)|^[ \t]*import[ \t]+([^\r\n#]+)", re.MULTILINE)


_DIVIDERS = (b"asyncio.run(", b"async_to_sync", b"Process(", b"Pool(", b"ProcessPool", b"os.fork", b"celery", b"run_until_complete")


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
    divides: bool  # starts processes or event loops
    preloads: bool  # a server's configuration by which all files are read before it forks
    state: bool  # puts something on the application's state, or reads it there

    @classmethod
    def of(cls, raw: bytes) -> Traits:
        return cls(
            b"async def" in raw,
            b"gather(" in raw or b"TaskGroup" in raw or b"as_completed(" in raw or b"create_task(" in raw,
            b"StateGraph" in raw or b"MessageGraph" in raw,
            b"chain" in raw or b"emory" in raw or b"agent" in raw,
            any(word in raw for word in _DIVIDERS),
            b"preload_app" in raw,
            b"app.state" in raw,
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
    return any(codemod.may_fire(raw) or codemod.may_meet(raw) for codemod in codemods)


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
            kept = any(remembers(path) or keeps_threads(path) for path in paths)
            exports[name] = Export(kind, any(map(is_client, paths)), any(map(blocks, paths)), briefly, made, keyed, frozenset(paths), kept)
    for name in _filled(source) if traits.chain else ():
        exports[name] = replace(exports.get(name, Export("value", False, False, False, False, False, frozenset())), memory=True)
    return Facts({source.path: exports}, {source.path: frozenset(imported)}, {source.path: traits})


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


def _closure(name: str, local: Mapping[str, set[str]], reached: Mapping[str, set[str]], kinds: Mapping[str, str]) -> set[str]:
    """What a definition reaches through others of its file; what only an async one calls does not block a sync one."""
    seen, todo = {name}, [name]
    while todo:
        for other in local.get(todo.pop(), ()):
            if other not in seen and (kinds.get(other) != "async" or kinds[name] == "async"):
                seen.add(other)
                todo.append(other)
    return set().union(*(reached.get(each, set()) for each in seen))


def _filled(source: Source) -> Iterator[str]:
    """The names of the module whose items are set one by one: `parts["chain"] = ...`."""
    for assign in source.nodes(ast.Assign):
        for target in assign.targets:
            named = isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant) and isinstance(target.value, ast.Name)
            if named and target.value.id in source.names.module.bindings:  # type: ignore[attr-defined]
                yield target.value.id  # type: ignore[attr-defined]


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
