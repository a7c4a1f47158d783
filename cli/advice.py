"""What to type next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from .outcome import Outcome

Step = tuple[str, str]  # the command, and what it does


def after_diff(outcome: Outcome, paths: Sequence[str]) -> Iterator[Step]:
    """Once the changes were seen."""
    here = "".join(" " + shlex.quote(path) for path in paths)
    if outcome.patches:
        yield f"loadproof diff -i{here}", "choose one by one"
        yield f"loadproof fix{here}", "write them all to the files"
        yield 'loadproof apply -b loadproof/fixes --verify "pytest -q"', "commit them on a branch"
    elif any(row.status == "fixable" for row in outcome.rows):
        yield f"loadproof diff --unsafe-fixes{here}", "see the changes that a user can notice"
    elif refused := next((row for row in outcome.rows if row.status == "refused"), None):
        yield f"loadproof explain {refused.codemod}", "why it refuses, and what to do by hand"


def after_fix(undo: Sequence[str]) -> Iterator[Step]:
    """Once files were written."""
    for name in undo:
        yield f"loadproof undo {name}", "take it back"


def after_apply(branch: str, base: str, undo: str) -> Iterator[Step]:
    """Once a branch was made."""
    yield f"git log -p {base[:10]}..{shlex.quote(branch)}", "read it"
    yield f"git push -u origin {shlex.quote(branch)}", "let others read it"
    yield f"loadproof undo {undo}", "take it back"
