"""Plan: every patch and every finding of one project."""

from __future__ import annotations

import gc
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from ..codemods.kit.codemod import Codemod
from ..codemods.kit.facts import Facts, facts_of, may_matter, source_of
from ..codemods.kit.rewrite import Identity, Patch, Reported, Result, Verdict, everything, rewrite_sources
from ..codemods.kit.source import Source
from ..codemods.kit.text import Unreadable
from ..codemods.kit.units import units
from ..codemods.kit.unread import Unread
from ..codemods.kit.web import Web
from .formatting import Formatter
from .project import Project
from .settings import known
from .workers import Crew, Lost, default_jobs

SMALL = 256_000  # bytes of files that mention nothing and are parsed all the same, to tell of broken ones: 25 ms
PATIENCE = 30.0  # seconds for one file
MEMORY = 1 << 30  # bytes for one file
_LIBRARIES = re.compile(
    rb"^[ \t]*(?:from|import)[ \t]+"
    rb"(langchain\w*|langgraph|openai|anthropic|groq|mistralai|google\.genai|litellm|llama_index|cohere|ollama)\b",
    re.MULTILINE,
)
PER_CHILD = 25  # files; below that another process costs more than it gives


@dataclass(frozen=True, slots=True)
class Plan:
    """What would change in a project, what would not and why, and what could not be read."""

    project: Project
    result: Result
    read: int  # files whose bytes were seen
    users: int = 0  # files that import an LLM library
    uses: Mapping[str, int] = field(default_factory=dict)  # distribution -> files that import it

    @property
    def patches(self) -> tuple[Patch, ...]:
        return self.result.patches

    @property
    def findings(self) -> tuple[Reported, ...]:
        return self.result.findings

    @property
    def unreadable(self) -> tuple[Verdict, ...]:
        return self.result.unreadable


def plan(
    project: Project,
    rejected: frozenset[Identity] = frozenset(),
    jobs: int | None = None,
    count_libraries: bool = False,
) -> Plan:
    """The plan of a project. `rejected`: findings that the user said no to; `jobs`: processes at most."""
    collecting = gc.isenabled()
    gc.disable()  # nothing here is worth looking for: 5 to 12 % of the time
    try:
        found = _survivors(project, count_libraries)
        results = [Result(unreadable=tuple(found.verdicts))]
        if found.contents or any(b"async def" in raw for raw in found.passed.values()):
            project.declared_for(())  # read once, here, and inherited by every child
            found.web.modules.tops  # noqa: B018  the same
            size = max(1, min(jobs or default_jobs(), len(found.contents) // PER_CHILD))
            with Crew(_Worker(project, found, rejected).work, size, _patience, _memory) as crew:
                results += _results(crew, project, found)
    finally:
        if collecting:
            gc.enable()
    return Plan(project, everything(results), found.read, found.users, found.uses)


def _results(crew: Crew, project: Project, found: _Survivors) -> Iterator[Result]:
    """First what each file says of itself, then, of files that must be seen together, what is to be done."""
    web, seen_by = found.web, dict[str, int]()
    unread = Unread(web, found.passed, found.codemods)
    wanted = [(path,) for path in found.contents]
    while True:
        several = []
        for index, pid, answer in crew.map([("facts", paths) for paths in wanted]):
            if isinstance(answer, (Lost, Verdict)):
                yield Result(unreadable=tuple(_verdicts(project, answer, wanted[index])))
            else:
                seen_by[wanted[index][0]] = pid
                several.append(answer)
        web.add(several)
        wanted = [(path,) for path in unread.wanted()]
        for (path,) in wanted:
            found.contents[path] = found.passed.pop(path)
        if not wanted:
            break
    together = [unit for unit in units(web) if any(project.is_target(path) for path in unit)]
    together.sort(
        key=lambda unit: -sum(len(found.contents[path]) for path in unit)
    )  # the longest work is not left for the end
    for index, _, answer in crew.map([("rewrite", unit) for unit in together], lambda piece: seen_by[piece[1][0]]):
        if isinstance(answer, (Lost, Verdict)):
            yield Result(unreadable=tuple(_verdicts(project, answer, together[index])))
        elif answer is not None:
            yield answer


def _verdicts(project: Project, answer: Lost | Verdict, paths: tuple[str, ...]) -> Iterator[Verdict]:
    reason, message = (answer.reason, answer.message) if isinstance(answer, Verdict) else _told(answer)
    return (Verdict(path, reason, message) for path in paths if project.is_target(path))


def _patience(piece: tuple[str, tuple[str, ...]]) -> float:
    """Seconds for one file, and a little more for each that is seen together with it."""
    return PATIENCE + len(piece[1]) - 1


def _memory(piece: tuple[str, tuple[str, ...]]) -> int:
    """Bytes for one file, which a chain of 5,000 operators was seen to exceed, and more for those together with it."""
    return MEMORY + (len(piece[1]) - 1) * MEMORY // 64


@dataclass
class _Survivors:
    """What the first look at the bytes leaves."""

    read: int = 0  # files
    contents: dict[str, bytes] = field(default_factory=dict)
    passed: dict[str, bytes] = field(default_factory=dict)  # files in which nothing can fire
    verdicts: list[Verdict] = field(default_factory=list)
    codemods: tuple[Codemod, ...] = ()  # those that run at the project's top
    users: int = 0
    uses: Counter[str] = field(default_factory=Counter)

    @cached_property
    def web(self) -> Web:
        """Which imports lead where; nothing is known of the files yet."""
        return Web({**self.contents, **self.passed})

    def count_libraries(self, content: bytes) -> None:
        names = {match.decode().replace("_", "-").replace(".", "-") for match in _LIBRARIES.findall(content)}
        self.users += bool(names)
        self.uses.update(names)


def _survivors(project: Project, count_libraries: bool) -> _Survivors:
    """Reads every file once, and keeps the bytes of those that some codemod may speak of."""
    found = _Survivors(codemods=tuple(known()[name] for name in project.settings_for(()).names()))
    spared: dict[str, bytes] = {}
    for path in project.python:
        content = project.read(path)
        if content is None:
            continue
        target = project.is_target(path)
        if isinstance(content, Verdict):
            if target:
                found.verdicts.append(content)
            continue
        found.read += target
        if count_libraries and target:
            found.count_libraries(content)
        if may_matter(content, _codemods(project, path, found.codemods)) or path in project.named:
            found.contents[path] = content
        elif target and b"\0" in content:
            found.verdicts.append(Verdict(path, "nul", "the file contains a NUL byte"))
        else:
            found.passed[path] = content
            if target:
                spared[path] = content
    if sum(map(len, spared.values())) <= SMALL:
        found.contents |= spared
        for path in spared:
            del found.passed[path]
    return found


def _codemods(project: Project, path: str, usual: tuple[Codemod, ...]) -> tuple[Codemod, ...]:
    if not project.has_nested_settings:
        return usual
    return tuple(known()[name] for name in project.settings_for((path,)).names())


def _told(lost: Lost) -> tuple[str, str]:
    if lost.reason != "failed":
        return lost.reason, lost.message
    last = lost.message.strip().rpartition("\n")[2]
    if last.startswith("MemoryError"):
        return "too-large", "its syntax tree needs more memory than one file may take"
    return "internal-error", last


@dataclass(slots=True)
class _Worker:
    """A child's work. It keeps the files that it has parsed."""

    project: Project
    found: _Survivors
    rejected: frozenset[Identity]
    parsed: dict[str, Source] = field(default_factory=dict)

    def work(self, piece: tuple[str, tuple[str, ...]]) -> Facts | Verdict | Result | None:
        kind, paths = piece
        try:
            sources = [self._source(path) for path in paths]
            return facts_of(sources[0], self.found.web.modules.tops) if kind == "facts" else self._rewritten(sources)
        except Unreadable as verdict:
            return Verdict(paths[0], verdict.reason, verdict.message)

    def _source(self, path: str) -> Source:
        if path not in self.parsed:
            raw = self.found.contents.get(path)
            self.parsed[path] = source_of(path, self.found.passed[path] if raw is None else raw)
        return self.parsed[path]

    def _rewritten(self, sources: list[Source]) -> Result | None:
        """What the codemods make of files that are seen together, without what the user did not ask about."""
        project, paths = self.project, [source.path for source in sources]
        declared = {name: entry.version for name, entry in project.declared_for(paths).items()}
        choice = replace(project.settings_for(paths).choice(), rejected=self.rejected, format=Formatter(project))
        result = rewrite_sources(sources, choice, declared)
        while unasked := {_identity(each) for each in result.findings if each.applied and not _asked(project, each)}:
            choice = replace(choice, rejected=choice.rejected | unasked)
            result = rewrite_sources(sources, choice, declared)
        for path in paths:
            self.parsed.pop(path, None)
        if result == Result():
            return None
        findings = tuple(each for each in result.findings if _asked(project, each))
        unreadable = tuple(each for each in result.unreadable if project.is_target(each.path))
        unused = tuple(each for each in result.unused if project.is_target(each[0]))
        return replace(result, findings=findings, unreadable=unreadable, unused=unused)


def _identity(reported: Reported) -> Identity:
    place = reported.finding.place
    return reported.finding.codemod, place.path, place.line, place.column


def _asked(project: Project, reported: Reported) -> bool:
    """Whether the user wants to hear of this finding: it stands in what they named, and no per-file-ignores name it."""
    path = reported.finding.place.path
    return project.is_target(path) and not (project.has_ignores and project.ignores(reported.finding.codemod, path))
