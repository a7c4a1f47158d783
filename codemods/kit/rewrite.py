"""Composes codemods over files that are seen together, until a run finds nothing more, and checks each result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .compose import Composition
from .facts import source_of
from .project import Project
from .result import Choice, Identity, Patch, Reported, Result, Step, Verdict, everything
from .source import Source
from .text import Unreadable

__all__ = ["Choice", "Identity", "Patch", "Reported", "Result", "Step", "Verdict", "everything", "rewrite", "rewrite_sources"]


def rewrite(files: Mapping[str, bytes], choice: Choice, declared: Mapping[str, str] | None = None) -> Result:
    """What the chosen codemods make of files that must be seen together, given by path from the project's root."""
    sources = []
    unreadable = []
    for path, raw in files.items():
        try:
            sources.append(source_of(path, raw))
        except Unreadable as verdict:
            unreadable.append(Verdict(path, verdict.reason, verdict.message))
    return rewrite_sources(sources, choice, declared) + Result(unreadable=tuple(unreadable))


def rewrite_sources(sources: Iterable[Source], choice: Choice, declared: Mapping[str, str] | None = None) -> Result:
    """The same, for files that are parsed already; they become members of one new project."""
    project = Project(declared)
    for source in sources:
        source.project = project
        source.memo.clear()
        project.sources[source.path] = source
    composition = Composition(project, choice)
    composition.run()
    return composition.result() + Result(unreadable=tuple(composition.crashes))
