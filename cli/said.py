"""What a user must know of a branch beside what is on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .identity import Settings, names, signs
from .scratch import Run
from .verify import OnFail, Verified


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was not done or not looked at: what, a stable reason code, one sentence. `grave`: it was asked for."""

    what: str
    reason: str
    message: str
    grave: bool = False


def of_verification(checked: Verified, on_fail: OnFail) -> list[Skipped]:
    """What was red before, what was left out, what is red still."""
    unused = "before anything was changed; it was not used to judge the changes"
    said = [Skipped(run.command, "red-before", f"{run.fate} {unused}", True) for run in checked.red_before]
    for one in checked.omitted:
        message = f"left out: {one.why} with it"
        said += [Skipped(f"{one.codemod} in {path}", "verification", message, True) for path in one.paths]
    if checked.red:
        fate = "the branch was made all the same" if on_fail == "keep" else "no branch was made"
        message = f"{checked.red.fate} with the changes; {fate}"
        said.append(Skipped(checked.red.command, "verification", message, True))
    return said


def of_git(configured: Settings, sign: bool, hooks: Sequence[str]) -> list[Skipped]:
    """What the user's own `git commit` would have done; `hooks` are those that were not run."""
    said = []
    if hooks:
        message = "the repository's hooks were not run on these commits; --run-hooks runs pre-commit and commit-msg"
        said.append(Skipped(", ".join(hooks), "hooks-not-run", message))
    if signs(configured) and not sign:
        message = "git is configured to sign commits; these are not signed, --sign does it"
        said.append(Skipped("signatures", "unsigned", message))
    if not names(configured).known:
        message = "git knows no name and address for you; the commits carry loadproof's own"
        said.append(Skipped("author", "no-identity", message))
    return said


def of_hook(run: Run) -> Skipped:
    """A hook said no."""
    words = run.tail.rpartition("\n")[2]
    return Skipped(run.command, "hook", f"{run.fate}; no branch was made" + (f": {words}" if words else ""), True)


def dirty(path: str) -> Skipped:
    """The user is working on a file that the branch changes."""
    message = "has changes that are not committed; the branch was made from HEAD and doesn't hold them"
    return Skipped(path, "dirty", message)
