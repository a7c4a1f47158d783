"""Units: which files must be seen together, said by the sum of their facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .codemod import Codemod
from .facts import facts_of, may_matter, source_of
from .shelves import asked
from .source import Source
from .text import Unreadable
from .unread import Unread
from .web import Target, Web


def units(web: Web) -> list[tuple[str, ...]]:
    """Files that must be seen together, each file once, in order of their first path."""
    facts = web.facts
    above = {path: path for path in facts.exports}

    def root(path: str) -> str:
        while above[path] != path:
            above[path] = above[above[path]]
            path = above[path]
        return path

    def tie(one: str, other: str) -> None:
        low, high = sorted((root(one), root(other)))
        above[high] = low

    preloading = [path for path, traits in facts.traits.items() if traits.preloads]
    for path, imports in facts.imports.items() if preloading else ():  # who uses before the fork what a module keeps
        for target in {web.target(dotted, path) for dotted in imports} - {None}:
            if target is not None and (export := web.export(*target)) is not None and export.kind == "value" and export.kept:
                tie(path, target[0])
    for path in preloading:
        for other, exports in facts.exports.items():
            if any(export.own or (export.kind == "value" and export.kept) for export in exports.values()):
                tie(path, other)
    state = [path for path, traits in facts.traits.items() if traits.state]
    if any(traits.keeps for traits in facts.traits.values()):
        for path in state[1:]:
            tie(state[0], path)
    if put := web.put:
        for path in (path for path in facts.traits if any(name in web.files[path] for name in put)):
            for word in asked(web.files[path]) & put.keys():
                for other in put[word]:
                    tie(path, other)
    todo: list[Target] = []
    for path, imports in facts.imports.items():
        for dotted in imports:
            if target := web.tied(path, dotted):
                tie(path, target[0])
                todo.append(target)
    seen = set(todo)
    while todo:  # what a needed export is judged by is needed too
        path, name = todo.pop()
        export = web.export(path, name)
        again = export is not None and export.kind == "import"
        for target in web.behind(path, export) if export is not None else ():
            if target[0] not in above:
                continue
            judged = web.judge(*target)
            if again or target in web.memories or (judged is not None and (judged.client or judged.blocking or judged.briefly)):
                tie(path, target[0])
                if target not in seen:
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
    rest = dict(files)
    web = Web(files)
    unread = Unread(web, rest, codemods)
    wanted = [path for path, raw in files.items() if may_matter(raw, codemods)]
    while True:
        found = []
        for path in wanted:
            try:
                sources[path] = source_of(path, rest.pop(path))
                found.append(facts_of(sources[path], web.modules.tops))
            except Unreadable as verdict:
                unreadable.append((path, verdict))
        web.add(found)
        wanted = unread.wanted()
        if not wanted:
            break
    return Survey([tuple(sources[path] for path in unit) for unit in units(web)], unreadable, len(rest))
