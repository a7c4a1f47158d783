"""Units: which files must be seen together, said by the sum of their facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from .codemod import Codemod
from .facts import Export, Facts, Traits, facts_of, imported_paths, may_matter, source_of, total
from .project import Modules
from .source import Source
from .text import Unreadable

MAX_FILES = 1  # how many files a call is followed through behind the one that is imported



class Web:
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
        if export.client and (self.facts.traits[path].graph or traits.divides):
            needed = True  # who runs a graph decides how a turn begins; a child or a second loop inherits what is shared
        elif export.kind == "value":
            needed = export.own or ((export.client or export.blocking) and traits.asynchronous)
        elif export.kind in ("class", "sync"):
            needed = ((export.client or export.blocking or export.briefly) and traits.asynchronous) or (export.keyed and traits.chain) or (export.client and traits.chain)
        else:
            needed = export.kind == "async" and (export.client or export.blocking) and traits.fans_out
        return target if needed else None


def units(facts: Facts) -> list[tuple[str, ...]]:
    """Files that must be seen together, each file once, in order of their first path."""
    web = Web(facts)
    above = {path: path for path in facts.exports}

    def root(path: str) -> str:
        while above[path] != path:
            above[path] = above[above[path]]
            path = above[path]
        return path

    def tie(one: str, other: str) -> None:
        low, high = sorted((root(one), root(other)))
        above[high] = low

    for path in [path for path, traits in facts.traits.items() if traits.preloads]:
        for other, exports in facts.exports.items():
            if any(export.own for export in exports.values()):
                tie(path, other)
    state = [path for path, traits in facts.traits.items() if traits.state]
    if any(traits.chain for traits in facts.traits.values()):
        for path in state[1:]:
            tie(state[0], path)
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
            if target in web.memories or (judged is not None and (judged.client or judged.blocking or judged.briefly or export.kind == "import")):  # type: ignore[union-attr]
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
    web = Web(facts, rest)
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


def _parts_of_graphs(web: Web, facts: Facts, rest: Mapping[str, bytes]) -> set[str]:
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
