"""Facts: what other files must know of this one, so that files are seen together only where they have to be.

Map `facts_of` over the files that may matter, add the answers up, and ask `units` of the sum. Files that no codemod
mentions may still use what another exports: `second_look` says for which words they are read after all.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from .codemod import Codemod
from .libraries import shared as is_shared
from .names import Scope
from .project import find_module
from .source import Source
from .text import Unreadable, parse, read


@dataclass(frozen=True, slots=True)
class Export:
    """A module-level name: whether its definition reaches a library of interest, and which imports it reaches."""

    direct: bool
    through: frozenset[str]


@dataclass(frozen=True, slots=True)
class Facts:
    """By path: the exports, and every dotted path that the file imports."""

    exports: Mapping[str, Mapping[str, Export]] = field(default_factory=dict)
    imports: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __add__(self, other: Facts) -> Facts:
        return Facts({**self.exports, **other.exports}, {**self.imports, **other.imports})


def may_matter(raw: bytes, codemods: Iterable[Codemod]) -> bool:
    """Whether any of the codemods may fire in a file with these bytes."""
    return any(codemod.may_fire(raw) for codemod in codemods)


def source_of(path: str, raw: bytes) -> Source:
    """The file, parsed. Raises Unreadable."""
    text = read(raw)
    source = Source(path, text, tree=parse(text))
    try:
        source.names  # noqa: B018
    except RecursionError:
        raise Unreadable("too-deep", "an expression is nested deeper than can be followed") from None
    return source


def facts_of(source: Source) -> Facts:
    """What one file exports and imports."""
    names = source.names
    reached: dict[str, set[str]] = {}  # top-level name -> dotted imports that its definition reads
    local: dict[str, set[str]] = {}  # top-level name -> other top-level names that it reads
    imported: set[str] = set()
    for scope in names.inner.values():
        for name, bindings in scope.bindings.items():
            for binding in bindings:
                if binding.kind == "import":
                    imported.add(binding.origin)
                    _reach(source, scope, name, binding.origin, reached)
                elif scope is names.module:
                    for load in names.uses(name, scope):
                        for owner in _owners(source, load):
                            local.setdefault(owner, set()).add(name)
                    break
        if scope.stars:
            imported.update(f"{names.absolute(node)}.*" for node in source.nodes(ast.ImportFrom) if any(alias.name == "*" for alias in node.names))
    for load in names.loads.get("open", ()):
        if names.scopes[load].home("open") is None:
            for owner in _owners(source, load):
                reached.setdefault(owner, set()).add("builtins.open")
    for name in local:
        seen, todo = {name}, [name]
        while todo:
            for other in local.get(todo.pop(), ()):
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        reached[name] = set().union(*(reached.get(other, set()) for other in seen))
    exports = {
        name: Export(any(is_shared(path) for path in paths), frozenset(paths)) for name, paths in reached.items() if paths
    }  # fmt: skip
    return Facts({source.path: exports}, {source.path: frozenset(imported)})


def _reach(source: Source, scope: Scope, name: str, origin: str, reached: dict[str, set[str]]) -> None:
    if scope is source.names.module:
        reached.setdefault(name, set()).add(origin)  # the import itself is an export
    for load in source.names.uses(name, scope):
        above = source.names.parents[load]
        used = f"{origin}.{above.attr}" if isinstance(above, ast.Attribute) else origin
        for owner in _owners(source, load):
            reached.setdefault(owner, set()).add(used)


def _owners(source: Source, node: ast.AST) -> list[str]:
    """The module-level names that the statement around a node defines."""
    parents = source.names.parents
    above = parents.get(node)
    while above is not None and not isinstance(above, ast.Module):
        node, above = above, parents.get(above)
    while isinstance(node, (ast.If, ast.Try, ast.With)):  # top-level blocks: the whole block counts
        break
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    found = []
    for child in ast.walk(node) if not isinstance(node, ast.Expr) else ():
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            found.append(child.id)
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.append(child.name)
    return found


def _shared(facts: Facts, paths: frozenset[str] | set[str]) -> dict[str, set[str]]:
    """By path: the names that matter to importers, directly or through what they import themselves."""
    shared = {path: {name for name, export in exports.items() if export.direct} for path, exports in facts.exports.items()}
    changed = True
    while changed:
        changed = False
        for path, exports in facts.exports.items():
            for name, export in exports.items():
                if name not in shared[path] and any(_leads(facts, dotted, path, paths, shared) for dotted in export.through):
                    shared[path].add(name)
                    changed = True
    return shared


def _leads(facts: Facts, dotted: str, importer: str, paths: frozenset[str] | set[str], shared: Mapping[str, set[str]]) -> str:
    """The file that an import, or an attribute of one, leads to, if what it reaches there matters."""
    whole = find_module(paths, dotted.removesuffix(".*"), importer)
    if whole:
        return whole if shared.get(whole) else ""
    for _ in range(2):  # module.name, module.name.attribute
        dotted, _, name = dotted.rpartition(".")
        part = find_module(paths, dotted, importer) if dotted else ""
        if part:
            return part if name in shared.get(part, ()) else ""
    return ""


def second_look(facts: Facts) -> list[tuple[bytes, bytes]]:
    """Pairs of words, a module's name and a name in it: a file that was passed over and holds both is to be read."""
    paths = set(facts.exports)
    pairs: set[tuple[bytes, bytes]] = set()
    for path, names in _shared(facts, paths).items():
        parts = path.removesuffix(".py").split("/")
        module = parts[-2] if parts[-1] == "__init__" and len(parts) > 1 else parts[-1]
        own = {name for name in names if not _is_library(facts, path, name)}
        pairs.update((module.encode(), name.encode()) for name in own)
    return sorted(pairs)


def _is_library(facts: Facts, path: str, name: str) -> bool:
    """Whether the name is nothing but a library's own, imported there."""
    through = facts.exports[path][name].through
    return any(dotted == name or dotted.endswith(f".{name}") for dotted in through) and all(is_shared(dotted) for dotted in through)


def units(facts: Facts) -> list[tuple[str, ...]]:
    """Files that must be seen together, each file once, in order of their first path."""
    paths = set(facts.exports)
    shared = _shared(facts, paths)
    shared = {path: {name for name in names if not _is_library(facts, path, name)} for path, names in shared.items()}
    above = {path: path for path in paths}

    def root(path: str) -> str:
        while above[path] != path:
            above[path] = above[above[path]]
            path = above[path]
        return path

    for path, imports in facts.imports.items():
        for dotted in imports:
            other = _leads(facts, dotted, path, paths, shared)
            if other and root(other) != root(path):
                one, two = sorted((root(other), root(path)))
                above[two] = one
    found: dict[str, list[str]] = {}
    for path in sorted(paths):
        found.setdefault(root(path), []).append(path)
    return [tuple(members) for members in found.values()]


@dataclass(slots=True)
class Survey:
    """All files of a project, sorted: those that matter, parsed, in units; those that can't be read; and how many were passed over."""

    units: list[tuple[Source, ...]]
    unreadable: list[tuple[str, Unreadable]]
    passed: int


def survey(files: Mapping[str, bytes], codemods: Iterable[Codemod], parsed: Callable[[str, bytes], Source] = source_of) -> Survey:
    """Sorts the files of a project in one process."""
    codemods = list(codemods)
    sources: dict[str, Source] = {}
    unreadable: list[tuple[str, Unreadable]] = []
    facts = Facts()
    rest = dict(files)
    wanted = [path for path, raw in files.items() if may_matter(raw, codemods)]
    while wanted:
        found: list[Facts] = []
        for path in wanted:
            raw = rest.pop(path)
            try:
                sources[path] = parsed(path, raw)
                found.append(facts_of(sources[path]))
            except Unreadable as verdict:
                unreadable.append((path, verdict))
        exports = dict(facts.exports)
        imports = dict(facts.imports)
        for each in found:
            exports.update(each.exports)
            imports.update(each.imports)
        facts = Facts(exports, imports)
        words = second_look(facts)
        wanted = [path for path, raw in rest.items() if any(module in raw and name in raw for module, name in words)]
    return Survey([tuple(sources[path] for path in unit) for unit in units(facts)], unreadable, len(rest))
