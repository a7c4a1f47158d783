"""What the bytes of a file say without being parsed: its imports, and what a definition of it may reach. It says too much rather than too little."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator
from functools import cached_property

from .facts import KEYS, Export, Traits
from .libraries import BLOCKING, BRIEFLY, CLIENTS, PLAIN
from .libraries.marks import HEADS, Marks, marks

_IMPORT = re.compile(rb"import(?=[ \t(])[ \t]*(\([^)]*\)|[^\r\n]*)")  # a plain word first: the fastest to look for
_STARTS = re.compile(r"^(?:(async[ \t]+)?(def|class)[ \t]+(\w+)|(\w+)[ \t]*(?::[^=\r\n]*)?=(?!=))", re.MULTILINE | re.ASCII)
_WORD = re.compile(r"[^\W\d]\w*", re.ASCII)
_FIELD = re.compile(rf"^(?: {{1,4}}|\t)(?:{'|'.join(sorted(KEYS))})[ \t]*:", re.MULTILINE | re.ASCII)
_LIST = re.compile(r"^[ \t]+(?:self\.)?(\w*(?:messages|history|conversation|transcript|dialog|turns|log))[ \t]*(?::[^=\r\n]*)?=[ \t]*(?:\[|list\(|deque\(|(?:dataclasses\.)?field\()", re.MULTILINE | re.ASCII)
_GROWN = re.compile(r"(?<![\w.])(?:self\.)?([^\W\d]\w*)\.append\([ \t\r\n]*\{[ \t\r\n]*[\"']role[\"']", re.ASCII)
_NOISE = re.compile(rb"#[^\r\n]*|;.*")
_TABLE = sorted({*CLIENTS, *BLOCKING, *BRIEFLY} - PLAIN)
_BELOW = {head: [path.split(".") for path in _TABLE if path.partition(".")[0] == head] for head in HEADS}


def imported_names(path: str, raw: bytes) -> Iterator[tuple[str, str]]:
    """The names that the imports of a file bind and the dotted paths that they mean, read off its text."""
    package: list[str] | None = None
    for match in _IMPORT.finditer(raw):
        start = match.start()
        lead = raw[raw.rfind(b"\n", 0, start) + 1 : start].strip()
        if not lead:
            for part in match[1].partition(b";")[0].partition(b"#")[0].split(b","):
                module, _, name = part.strip().partition(b" as ")
                if module:
                    dotted = module.decode("utf-8", "replace").strip()
                    yield name.strip().decode("utf-8", "replace") or dotted.partition(".")[0], dotted
            continue
        if not lead.startswith((b"from ", b"from\t", b"from.")):
            continue
        base = lead[4:].strip().decode("utf-8", "replace")
        dots = len(base) - len(base.lstrip("."))
        if dots:
            if package is None:
                package = path.removesuffix(".py").split("/")[:-1]
            base = ".".join([*package[: len(package) - dots + 1], *([base[dots:]] if base[dots:] else [])])
        for each in _NOISE.sub(b"", match[1]).strip(b"() \t").replace(b"\\", b" ").split(b","):
            words = each.split()
            if words:
                name = words[0].decode("utf-8", "replace")
                yield words[-1].decode("utf-8", "replace"), f"{base}.{name}" if base else name


class Glance:
    """What is known of a file that was passed over.

    `tops`: the names with which an import of a file of the project may start; `target`: what a path means, see Web.
    """

    def __init__(self, path: str, raw: bytes, tops: Container[str], target: Callable[[str, str], tuple[str, str] | None]) -> None:
        self.path = path
        self.raw = raw
        self.asynchronous = b"async def" in raw
        self.imports: dict[str, list[str]] = {}  # bound name -> paths of the project
        self.outside: dict[str, list[str]] = {}  # bound name -> paths that may lead to what a table knows
        for name, dotted in imported_names(path, raw):
            head = dotted.partition(".")[0]
            if head in tops:
                self.imports.setdefault(name, []).append(dotted)
            if head in HEADS:
                self.outside.setdefault(name, []).append(dotted)
        self._target = target
        self._exports: dict[str, Export | None] = {}

    @cached_property
    def traits(self) -> Traits:
        return Traits.of(self.raw)

    @cached_property
    def _text(self) -> str:
        return self.raw.decode("utf-8", "replace")

    @cached_property
    def _words(self) -> set[str]:
        return set(_WORD.findall(self._text))

    @cached_property
    def meant(self) -> dict[str, list[tuple[str, tuple[str, str]]]]:
        """By bound name: paths that are imported or named below an imported module, and what they mean. A star's name is "*"."""
        found: dict[str, list[tuple[str, tuple[str, str]]]] = {}
        for name, paths in self.imports.items():
            for dotted in paths:
                target = self._target(dotted, self.path)
                if target is None:
                    continue
                if target[1] or name == "*":
                    found.setdefault(name, []).append((dotted, target))
                else:
                    below = ((each, self._target(each, self.path)) for each in self._below(name, dotted))
                    found.setdefault(name, []).extend((each, part) for each, part in below if part is not None and part[1])
        return found

    def leads(self, paths: Container[str]) -> bool:
        """Whether it imports anything of one of these files."""
        return bool(self.imports) and any(target[0] in paths for meant in self.meant.values() for _, target in meant)

    def _below(self, name: str, dotted: str) -> set[str]:
        """The paths that are named below an imported module: as its attributes, and in `setattr(module, "attribute", ...)`."""
        spelled = {dotted if dotted.startswith(f"{name}.") else name} | ({name} if dotted.endswith(f".{name}") else set())
        named = (re.finditer(rf"(?<![\w.]){re.escape(each)}(?:\.|, ['\"])([^\W\d]\w*)", self._text, re.ASCII) for each in spelled if each in self._text)
        return {f"{dotted}.{match[1]}" for found in named for match in found}

    @cached_property
    def _has_fields(self) -> bool:
        """Whether a class of the file may have a field that tells users apart."""
        return _FIELD.search(self._text) is not None

    @cached_property
    def _lists(self) -> frozenset[str]:
        """What lists of messages in its classes may be called."""
        return frozenset(_LIST.findall(self._text))

    @cached_property
    def _grown(self) -> frozenset[str]:
        """What messages are put into, by functions of the module."""
        return frozenset(_GROWN.findall(self._text)) if b"role" in self.raw else frozenset()

    @cached_property
    def _chunks(self) -> dict[str, tuple[str, set[str]]]:
        """The definitions at the left margin: what each is, and the words from its line to the next one's."""
        found: dict[str, tuple[str, set[str]]] = {}
        starts = [*_STARTS.finditer(self._text)]
        for match, following in zip(starts, [*starts[1:], None]):
            words = set(_WORD.findall(self._text, match.start(), following.start() if following else len(self._text)))
            kind = "value" if match[4] else "class" if match[2] == "class" else "async" if match[1] else "sync"
            name = match[3] or match[4]
            old = found.get(name)
            found[name] = (old[0], old[1] | words) if old else (kind, words)
        return found

    def export(self, name: str) -> Export | None:
        """What a definition may be, at most; None when it can't matter by itself or through the project's other files."""
        if name not in self._exports:
            self._exports[name] = self._export(name)
        return self._exports[name]

    def _export(self, name: str) -> Export | None:
        if name in self._chunks:
            (kind, own), words = self._chunks[name], self._reached(name)
        elif name in self.imports:
            return Export("import", through=frozenset(self.imports[name]))
        elif "*" in self.imports:
            return Export("import", through=frozenset(f"{dotted.removesuffix('.*')}.{name}" for dotted in self.imports["*"]))
        elif name in self._words:
            kind, words = "value", self._words
            own = words
        else:
            return None
        said = self._said(words)
        client, blocking = any(mark.client for mark in said), any(mark.blocking for mark in said)
        briefly = kind == "sync" and ("open" in own or any(mark.briefly for mark in self._said(own)))
        keyed = kind == "class" and not KEYS.isdisjoint(words) and self._has_fields
        through = frozenset(dotted for bound in self.meant.keys() & words for dotted, target in self.meant[bound] if target[1] in words or bound != target[1])
        memory = any(mark.memory for mark in said) or not (self._grown | (self._lists if kind == "value" else frozenset())).isdisjoint(words)
        if not (client or blocking or briefly or keyed or through or memory):
            return None
        return Export(kind, client, blocking, briefly, kind == "value" and any(mark.everywhere for mark in said), keyed, through, memory, client)

    def _said(self, words: set[str]) -> list[Marks]:
        return [marks(path) for bound in self.outside.keys() & words for dotted in self.outside[bound] for path in _known(dotted, words)]

    def _reached(self, name: str) -> set[str]:
        """The words of a definition and of those of the file that it names."""
        kind = self._chunks[name][0]
        seen, todo = {name}, [name]
        words: set[str] = set()
        while todo:
            more = self._chunks[todo.pop()][1]
            words |= more
            fresh = {each for each in more & self._chunks.keys() if each not in seen and (kind == "async" or self._chunks[each][0] != "async")}
            seen |= fresh
            todo += fresh
        return words


def _known(dotted: str, words: set[str]) -> Iterator[str]:
    """The paths that a table knows at or below an imported one, the rest of them named by these words."""
    parts = dotted.split(".")
    for known in _BELOW[parts[0]]:
        if known[: len(parts)] == parts and words.issuperset(known[len(parts) :]):
            yield ".".join(known)
        elif parts[: len(known)] == known:
            yield dotted
