"""Files that are seen together, how they import each other, and what the project declares that it depends on."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from .names import Binding
from .origins import maker, origins_of
from .source import Origin, Source
from .text import Text


class Project:
    """Sources by path, from the project's root; files that were not read are no part of it."""

    def __init__(self, declared: Mapping[str, str] | None = None) -> None:
        self.sources: dict[str, Source] = {}
        self.declared: Mapping[str, str] = declared or {}
        self._importers: dict[tuple[str, str], list[tuple[Source, Binding]]] | None = None
        self._mentioning: dict[str, dict[str, None]] | None = None  # word -> paths
        self._imported: dict[Source, frozenset[str]] = {}
        self._modules: Modules | None = None
        self._count = 0
        self.memo: dict[Any, Any] = {}  # answers about all files, by question

    @classmethod
    def alone(cls, path: str, text: Text) -> Source:
        """One file as a project of its own. Raises Unreadable."""
        project = cls()
        source = project.sources[path] = Source(path, text, project)
        return source

    def __iter__(self) -> Iterator[Source]:
        return iter(self.sources.values())

    def replace(self, new: Source) -> None:
        """One file has a new text: what others remember of it is forgotten."""
        path, old = new.path, self.sources[new.path]
        self.sources[path] = new
        self._importers = None
        if self._mentioning is not None:
            for word in old.words - new.words:
                del self._mentioning[word][path]
            for word in new.words - old.words:
                self._mentioning.setdefault(word, {})[path] = None
        self.memo.clear()
        for source in self:
            source.memo.clear()

    def remember(self, question: object, answer: Callable[[], Any]) -> Any:
        """`answer()`, computed once for these texts."""
        if question not in self.memo:
            self.memo[question] = answer()
        return self.memo[question]

    def mentioning(self, word: str) -> list[Source]:
        """The files whose code has the word: as a name that is read, an attribute, or the last part of an import."""
        if self._mentioning is None:
            self._mentioning = {}
            for path, source in self.sources.items():
                for each in source.words:
                    self._mentioning.setdefault(each, {})[path] = None
        return [self.sources[path] for path in sorted(self._mentioning.get(word, ()))]

    # values

    def origins(self, source: Source, node: ast.AST | None, hops: int = 0) -> list[Origin]:
        """See Source.origins."""
        return origins_of(source, node, hops)

    def made_by(self, source: Source, node: ast.AST | None) -> str:
        """See Source.made_by."""
        paths = {maker(origin) for origin in origins_of(source, node)}
        return paths.pop() if len(paths) == 1 else ""

    # imports

    def find(self, module: str, importer: str) -> Source | None:
        """The file that `import module` means in the file `importer`: looked for in its folder, then in each folder above, then in src/."""
        if self._modules is None or self._count != len(self.sources):
            self._modules, self._count = Modules(self.sources), len(self.sources)
        path = self._modules.find(module, importer)
        return self.sources[path] if path else None

    def lookup(self, dotted: str, importer: str) -> tuple[Source, str] | None:
        """The file and the module-level name that a dotted path means in the file `importer`; ("", the module itself) for a module."""
        module = self.find(dotted, importer)
        parent, _, name = dotted.rpartition(".")
        above = self.find(parent, importer) if parent else None
        if module is not None:
            return (above, name) if above is not None and self._hides(above, name, module, importer) else (module, "")
        if above is not None and name not in above.names.module.bindings and not above.names.module.stars:
            package, _, hidden = parent.rpartition(".")
            holder = self.find(package, importer) if package else None
            if holder is not None and self._hides(holder, hidden, above, importer):
                return None  # an attribute of what the package has in the module's place
        return (above, name) if above is not None else None

    def _hides(self, package: Source, name: str, module: Source, importer: str) -> bool:
        """Whether a package has something else under the name of one of its modules, for the other files: `from .agent import agent`."""
        if package.path == importer or not package.path.endswith("__init__.py"):
            return False
        bindings = package.names.module.bindings.get(name, ())
        return any(binding.kind != "import" or self.find(binding.origin, package.path) is not module for binding in bindings)

    def imported(self, source: Source) -> frozenset[str]:
        """The paths of the files that a file imports, or imports names from, anywhere in it."""
        if source not in self._imported:
            modules = {alias.name for node in source.nodes(ast.Import) for alias in node.names}
            for node in source.nodes(ast.ImportFrom):
                base = source.names.absolute(node)
                modules |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
            found = (self.find(module, source.path) for module in modules)
            self._imported[source] = frozenset(each.path for each in found if each is not None)
        return self._imported[source]

    def stars(self, source: Source) -> tuple[Source, ...]:
        """The files of which a file imports everything, `from x import *`."""

        def read() -> Iterator[Source]:
            for node in source.nodes(ast.ImportFrom) if source.names.module.stars else ():
                if node.names[0].name == "*" and (found := self.find(source.names.absolute(node), source.path)) is not None:
                    yield found

        return source.remember("star imports", lambda: tuple(read()))  # type: ignore[no-any-return]

    def reaching(self, paths: Iterable[str]) -> frozenset[str]:
        """These files and all that import them, directly or through others."""
        above = self._above()
        found = set(paths)
        todo = [*found]
        while todo:
            for path in above.get(todo.pop(), ()):
                if path not in found:
                    found.add(path)
                    todo.append(path)
        return frozenset(found)

    def _above(self) -> dict[str, list[str]]:
        """By path: the files that import it."""

        def read() -> dict[str, list[str]]:
            above: dict[str, list[str]] = {}
            for source in self:
                for path in self.imported(source):
                    above.setdefault(path, []).append(source.path)
            return above

        return self.remember("above", read)  # type: ignore[no-any-return]

    def near(self, paths: Iterable[str]) -> frozenset[str]:
        """These files, those that they import, those that import them, and those that import those."""
        above = self._above()
        found = set(paths)
        for path in list(found):
            found.update(self.imported(self.sources[path]))
        last = set(paths)
        for _ in range(2):
            last = {other for path in last for other in above.get(path, ())}
            found |= last
        return frozenset(found)

    def importers(self, source: Source, name: str) -> list[tuple[Source, Binding]]:
        """The module-level imports, in other files, of a name of this file; of the name "", of the file as a module."""
        if self._importers is None:
            self._importers = {}
            for other in self:
                for binding in (binding for found in other.names.module.bindings.values() for binding in found if binding.kind == "import"):
                    target = self.lookup(binding.origin, other.path)
                    if target is not None and target[0] is not other:
                        self._importers.setdefault((target[0].path, target[1]), []).append((other, binding))
        return self._importers.get((source.path, name), [])

    # dependencies

    def declares(self, distribution: str) -> bool:
        """Whether the project names this distribution among its dependencies."""
        return normal(distribution) in self.declared

    def version(self, distribution: str) -> tuple[int, ...] | None:
        """The declared version's numbers: of a lock, a pin or a lower bound; None when undeclared or unbounded."""
        return numbers(self.declared.get(normal(distribution), ""))

    def below(self, distribution: str, *version: int) -> bool:
        """Whether the declared version is surely older: a pin or lock below, or an upper bound at or below."""
        spec = self.declared.get(normal(distribution), "")
        if not spec:
            return False
        upper = re.search(r"<\s*=?\s*([\d.]+)", spec)
        if upper and (found := numbers(upper.group(1))) is not None:
            return found <= version
        pinned = re.fullmatch(r"\s*(?:={2,3}\s*)?v?(\d[\d.]*)[\w.+!-]*\s*", spec) or re.fullmatch(r"\s*[~^]=?\s*(\d[\d.]*).*", spec)
        found = numbers(pinned.group(1)) if pinned else None
        return found is not None and found < version


class Modules:
    """Which file an import means, among these paths: looked for in the importer's folder, then in each folder above, then in src/."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._by_tail: dict[str, list[str]] = {}  # "a/b" -> the files that `import a.b` may mean
        self._found: dict[tuple[str, str], str] = {}  # by module and the importer's folder
        for path in paths:
            parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
            for start in range(len(parts)):
                self._by_tail.setdefault("/".join(parts[start:]), []).append(path)

    def find(self, module: str, importer: str) -> str:
        """The path of the file that `import module` means in the file `importer`; "" for none."""
        folder = importer[: importer.rfind("/") + 1]
        found = self._found.get((module, folder))
        if found is None:
            found = self._found[module, folder] = self._find(module, folder)
        return self._find(module, importer) if found == importer else found

    def _find(self, module: str, importer: str) -> str:
        if not module:
            return ""
        tail = module.replace(".", "/")
        best = ""
        depth = -1
        for path in self._by_tail.get(tail, ()):
            plain = path.removesuffix(".py").removesuffix("/__init__")
            lead = plain[: len(plain) - len(tail)]
            if path == importer or not (importer.startswith(lead) or lead == "src/"):
                continue
            rank = 0 if lead == "src/" and not importer.startswith(lead) else 1 + len(lead)
            if rank > depth or (rank == depth and not path.endswith("/__init__.py")):
                best, depth = path, rank
        return best

    def knows(self, name: str) -> bool:
        """Whether an import that starts with this name may mean one of the files."""
        return name in self.tops

    @cached_property
    def tops(self) -> frozenset[str]:
        """The names with which such an import starts."""
        return frozenset(tail.partition("/")[0] for tail in self._by_tail)


def normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def numbers(specifier: str) -> tuple[int, ...] | None:
    """The first version in a specifier that is not an upper bound or an exclusion."""
    for operator, version in re.findall(r"(<=?|>=?|==|~=|!=|\^|~)?\s*v?(\d+(?:\.\d+)*)", specifier):
        if operator not in ("<", "<=", "!="):
            return tuple(int(part) for part in version.split("."))
    return None
