"""What every result must pass before anyone sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable

from .source import Source
from .text import comments


def wrongs(before: Iterable[Source], after: Iterable[Source], commented: Container[str]) -> str:
    """The first thing that a change broke over the same files ("" for nothing): a new undefined or unused name, a lost comment.

    `commented` are the paths in which an edit touches a comment at all.
    """
    lost: Counter[str] = Counter()
    for old, new in zip(before, after):
        if undefined := new.undefined_names - old.undefined_names:
            return f"undefined-name: {', '.join(sorted(undefined))} in {new.path}"
        if idle := new.unused_imports - old.unused_imports:
            return f"unused-import: {', '.join(sorted(idle))} in {new.path}"
        if old.path in commented:
            lost.update(comments(old.utf8))
            lost.subtract(comments(new.utf8))
    gone = sorted(comment for comment, count in lost.items() if count > 0)
    return f"lost-comment: {gone[0]}" if gone else ""
