"""What every result must pass before anyone sees it."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Container, Iterable

from .source import Source
from .text import comments


def wrongs(before: Iterable[Source], after: Iterable[Source], commented: Container[str]) -> str:
    """The first thing that a change broke over the same files ("" for nothing): a new undefined or unused name, a lost comment.

    `commented` are the paths in which an edit touches a comment at all.
    """
    lost: Counter[str] = Counter()
    before, after = list(before), list(after)
    for old, new in zip(before, after):
        if undefined := new.undefined_names - old.undefined_names:
            return f"undefined-name: {', '.join(sorted(undefined))} in {new.path}"
        if idle := new.unused_imports - old.unused_imports - _asked_for(new, after):
            return f"unused-import: {', '.join(sorted(idle))} in {new.path}"
        if old.path in commented:
            lost.update(comments(old.utf8))
            lost.subtract(comments(new.utf8))
    gone = sorted(comment for comment, count in lost.items() if count > 0)
    return f"lost-comment: {gone[0]}" if gone else ""


def _asked_for(source: Source, others: Iterable[Source]) -> set[str]:
    """The names that other files import from this one."""
    found: set[str] = set()
    for other in others:
        if other is not source:
            for bindings in other.names.module.bindings.values():
                found |= {binding.origin.rpartition(".")[2] for binding in bindings if binding.kind == "import"}
            found |= {attribute.attr for attribute in other.nodes(ast.Attribute)} if source.path.endswith("__init__.py") else set()
    return found
