"""Which of the files that were passed over are to be read after all, because they meet another in a unit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from .codemod import Codemod
from .facts import Export, Traits
from .glance import Glance
from .shelves import asked
from .web import MAX_FILES, Target, Web, joined

NONE: frozenset[str] = frozenset()


class Unread:
    """The files that were passed over; `rest` loses those that are read."""

    def __init__(self, web: Web, rest: Mapping[str, bytes], codemods: Iterable[Codemod]) -> None:
        self.web = web
        self.rest = rest
        self.codemods = [*codemods]
        self._sharing: dict[str, bool] = {}
        self._glances: dict[str, Glance] = {}
        self._known: dict[tuple[str, str, int], tuple[Export | None, frozenset[str]]] = {}
        self._seen: set[str] = set()
        self._memories: set[Target] = set()
        self._keepers: set[str] = set()

    def wanted(self) -> list[str]:
        """Those that use what another shares, and those that may hand something to a file that is known or asynchronous."""
        self._known.clear()
        first, fresh = not self._seen, self._fresh()
        wanted: set[str] = set()
        for path, imports in self.web.facts.imports.items():
            traits = self.web.facts.traits[path]
            if traits.graph:
                wanted.update(self._parts(path, imports))
            if path not in fresh:
                continue
            if path in self.web.facts.spread:
                wanted.update(self._parts(path, self.web.facts.spread[path]))
            curious = traits.divides or traits.listens or traits.talks or path in self.web.keepers
            for dotted in imports if curious else self.web.facts.awaited[path]:
                wanted |= self._needs(traits, path, dotted)
        for path in self.rest:
            if first or self._glance(path).leads(fresh):
                wanted |= self._uses(path)
        if put := self.web.put:
            wanted |= {path for path, raw in self.rest.items() if any(name in raw for name in put) and not put.keys().isdisjoint(asked(raw))}
        return sorted(wanted)

    def _fresh(self) -> set[str]:
        """The files of which more is known than the last time: what is said of the others, reading more can only make less."""
        web = self.web
        fresh = {path for path, _ in web.memories - self._memories} | (web.keepers - self._keepers) | (web.facts.imports.keys() - self._seen)
        self._seen, self._memories, self._keepers = {*web.facts.imports}, {*web.memories}, {*web.keepers}
        return fresh

    def _glance(self, path: str) -> Glance:
        if path not in self._glances:
            self._glances[path] = Glance(path, self.rest[path], self.web.modules.tops, self.web.target)
        return self._glances[path]

    def _shares(self, path: str) -> bool:
        """Whether a codemod says that a file is worth reading for what it hands to its importers."""
        if path not in self._sharing:
            self._sharing[path] = any(codemod.may_share(self.rest[path]) for codemod in self.codemods)
        return self._sharing[path]

    def _needs(self, traits: Traits, path: str, dotted: str) -> frozenset[str]:
        """The files through which something reaches a file that imports this path."""
        target = self.web.target(dotted, path)
        if target is None or not target[1]:
            return NONE
        export, files = self._possible(target, MAX_FILES)
        if files and export is not None and self.web.needed(traits, path, dotted, target[0], export):
            return files
        return NONE

    def _possible(self, target: Target, files: int) -> tuple[Export | None, frozenset[str]]:
        """What an export may be judged to be once everything is read, and the files to read for it."""
        key = *target, files
        if key not in self._known:
            self._known[key] = None, NONE  # a circle adds nothing
            self._known[key] = self._followed(*target, files)
        return self._known[key]

    def _followed(self, path: str, name: str, files: int) -> tuple[Export | None, frozenset[str]]:
        here = NONE
        if path in self.rest:
            export, here = self._glance(path).export(name), frozenset({path})
        else:
            export = self.web.export(path, name)
        if export is None:
            return None, NONE
        hands = export.client or export.blocking or export.briefly
        found = here if here and (export.keyed or export.memory or (hands and self._shares(path))) else NONE
        for target in self.web.behind(path, export) if files or export.kind == "import" else ():
            again = export.kind == "import"
            other, more = self._possible(target, files if again else files - 1)
            if other is None:
                continue
            if again:
                return other, more | here
            if other.client or other.blocking:
                found |= more
                reached = joined(export, other)
                if reached is not export:
                    export, found = reached, found | here
        return export, found

    def _parts(self, path: str, imports: frozenset[str]) -> Iterator[str]:
        """Files that hold what is imported: a graph's state, nodes and routers, what calls spread; re-exports followed."""
        todo = [(path, dotted) for dotted in imports]
        seen = set(todo)
        while todo:
            path, dotted = todo.pop()
            target = self.web.target(dotted, path)
            if target is None:
                continue
            if target[0] in self.rest:
                yield target[0]
            export = self.web.export(*target)
            if export is not None and export.kind == "import":
                more = {(target[0], through) for through in export.through} - seen
                seen |= more
                todo += more

    def _uses(self, path: str) -> frozenset[str]:
        """A file that imports what it must be seen with, and what lies between."""
        glance = self._glance(path)
        found: set[str] = set()
        for name, meant in glance.meant.items() if glance.imports else ():
            for dotted, target in meant:
                if target[0] in self.rest and not glance.asynchronous:
                    continue
                if name == "*":
                    if self.web.facts.exports.get(target[0]):
                        found.add(path)
                elif self._tied(glance, dotted, target):
                    found |= {path, *self._possible(target, MAX_FILES)[1]}
        return frozenset(found)

    def _tied(self, glance: Glance, dotted: str, target: Target) -> bool:
        if target in self.web.memories:
            return True
        export, _ = self._possible(target, MAX_FILES)
        if export is None or not (export.own or export.client or export.blocking or export.briefly or export.kept):
            return False
        return self.web.needed(glance.traits, glance.path, dotted, target[0], export)
