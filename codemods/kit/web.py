"""Which imports lead where, over the facts of a project's files, and what makes two files be seen together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from .facts import Export, Facts, Traits, total
from .glance import imported_names
from .project import Modules
from .shelves import put

MAX_FILES = 2  # how many files a call is followed through behind the one that is imported

Target = tuple[str, str]  # a file's path and a name of it; the name "" for the whole module


class Web:
    """Which imports lead where, over the facts of some of a project's files."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.facts = Facts()
        self.files = dict(files)
        self.modules = Modules(files)
        self._targets: dict[tuple[str, str], Target | None] = {}  # by dotted path and the importer's folder
        self._behind: dict[tuple[str, frozenset[str]], tuple[Target, ...]] = {}
        self._judged: dict[tuple[str, str, int], Export | None] = {}
        self.memories: set[Target] = set()
        self.keepers: set[str] = set()

    def add(self, facts: Iterable[Facts]) -> None:
        """More files are known."""
        self.facts = total([self.facts, *facts])
        self._judged.clear()
        self._remember()

    def _remember(self) -> None:
        """The exports that reach what keeps a conversation, through any number of files, and the files that read one. They are few, mostly none."""
        exports = self.facts.exports
        todo = [(path, name) for path, names in exports.items() for name, export in names.items() if export.memory]
        self.memories = set(todo)
        self.keepers = {path for path, traits in self.facts.traits.items() if traits.keeps}
        if not todo:
            return
        readers: dict[Target, list[Target]] = {}
        for path, names in exports.items():
            for name, export in names.items():
                for target in self.behind(path, replace(export, through=export.through | export.holds) if export.holds else export):
                    readers.setdefault(target, []).append((path, name))
        while todo:
            for reader in readers.get(todo.pop(), ()):
                if reader not in self.memories:
                    self.memories.add(reader)
                    todo.append(reader)
        for path, imports in self.facts.imports.items():
            if path not in self.keepers and any(self.target(dotted, path) in self.memories for dotted in imports):
                self.keepers.add(path)
        self.keepers |= {path for path, _ in self.memories}

    @property
    def put(self) -> dict[bytes, list[str]]:
        """The names under which files that may keep conversations, and are no tests, put something on the application, with the files."""
        found: dict[bytes, list[str]] = {}
        for path in sorted(self.keepers & self.facts.traits.keys()):
            for name in put(self.files[path]) if not path.rpartition("/")[2].startswith("test_") else ():
                found.setdefault(name, []).append(path)
        return found

    def target(self, dotted: str, importer: str) -> Target | None:
        """What a dotted path means in a file of the project; None for what lies elsewhere."""
        folder = importer.rpartition("/")[0]
        try:
            found = self._targets[dotted, folder]
        except KeyError:
            found = self._targets[dotted, folder] = self._target(dotted, f"{folder}/" if folder else "")
        if found is not None and found[0] == importer:
            return self._target(dotted, importer)
        return found

    def _target(self, dotted: str, importer: str) -> Target | None:
        if not self.modules.knows(dotted.partition(".")[0]):
            return None
        whole = self.modules.find(dotted.removesuffix(".*"), importer)
        if whole:
            package, _, name = dotted.rpartition(".")
            home = self.modules.find(package, importer) if package and name != "*" else ""
            return (home, name) if home.endswith("__init__.py") and home != importer and self._hides(home, name, whole) else (whole, "")
        for _ in range(2):  # module.name, module.name.attribute
            dotted, _, name = dotted.rpartition(".")
            part = self.modules.find(dotted, importer) if dotted else ""
            if part:
                return part, name
        return None

    def _hides(self, package: str, name: str, module: str) -> bool:
        """Whether a package has something else under the name of one of its modules: `from .agent import agent`."""
        raw = self.files[package]
        if name.encode() not in raw:
            return False
        if re.search(rb"^(?:%b[ \t]*(?::[^=\r\n]*)?=(?!=)|(?:async[ \t]+)?def[ \t]+%b\b|class[ \t]+%b\b)" % ((name.encode(),) * 3), raw, re.MULTILINE):
            return True
        return any(bound == name and self.modules.find(dotted, package) != module for bound, dotted in imported_names(package, raw))

    def export(self, path: str, name: str) -> Export | None:
        """What a file that is known exports by a name, or hands on by a star import."""
        exports = self.facts.exports.get(path, {})
        if name in exports or "*" not in exports:
            return exports.get(name)
        return Export("import", through=frozenset(f"{module}.{name}" for module in exports["*"].through))

    def judge(self, path: str, name: str, files: int = MAX_FILES) -> Export | None:
        """An export with what it reaches through other files added; re-exports are what they re-export."""
        export = self.export(path, name)
        if export is None or not export.through or (not files and export.kind != "import") or (export.client and export.blocking and export.kept):
            return export
        key = path, name, files
        if key not in self._judged:
            self._judged[key] = export  # until it is known better: a circle adds nothing
            self._judged[key] = self._with_others(path, export, files)
        return self._judged[key]

    def _with_others(self, path: str, export: Export, files: int) -> Export:
        files -= export.kind != "import"
        for other in (self.judge(*target, files) for target in self.behind(path, export)):
            if other is None:
                continue
            if export.kind == "import":
                return other
            export = joined(export, other)
        return export

    def behind(self, path: str, export: Export) -> tuple[Target, ...]:
        """The names of other files that an export reaches."""
        key = path, export.through
        found = self._behind.get(key)
        if found is None:
            targets = (self.target(dotted, path) for dotted in sorted(export.through))
            found = self._behind[key] = tuple({target: None for target in targets if target is not None and target[1]})
        return found

    def tied(self, importer: str, dotted: str) -> Target | None:
        """The export with which a file that is known must be seen together because it imports this path."""
        target = self.target(dotted, importer)
        if target is None:
            return None
        path, name = target
        if not name:
            return (path, "") if dotted.endswith(".*") and self.facts.exports.get(path) else None
        traits = self.facts.traits[importer]
        if path in self.facts.exports and (traits.graph or target in self.memories or dotted in self.facts.spread.get(importer, ())):
            return target
        export = self.judge(path, name)
        return target if export is not None and self.needed(traits, importer, dotted, path, export) else None

    def needed(self, traits: Traits, importer: str, dotted: str, path: str, export: Export) -> bool:
        """Whether who imports this path of what is exported there must see how it is made."""
        if export.own or export.memory:
            return True
        theirs = self.facts.traits.get(path)
        if export.client and theirs is not None and theirs.graph:
            return True  # who runs a graph decides how a turn begins
        if export.client and traits.overrides:
            return True
        if export.kept and traits.divides:
            return True  # a child or a second loop inherits what is shared
        if export.kind == "async":
            return (export.client or export.blocking) and traits.fans_out
        if traits.asynchronous and (export.client or export.blocking or export.briefly):
            awaited = self.facts.awaited.get(importer)
            if awaited is None or dotted in awaited:
                return True
        if export.kind in ("class", "sync"):
            if importer in self.keepers and (export.keyed or export.client):
                return True
            return export.client and (traits.listens or (theirs is not None and theirs.listens))
        return False


def joined(export: Export, other: Export) -> Export:
    """An export that reaches another; what only an async one calls does not block a sync one."""
    if other.kind == "async" and export.kind != "async":
        return export
    client, blocking, kept = export.client or other.client, export.blocking or other.blocking, export.kept or other.kept
    if (client, blocking, kept) == (export.client, export.blocking, export.kept):
        return export
    return replace(export, client=client, blocking=blocking, kept=kept)
