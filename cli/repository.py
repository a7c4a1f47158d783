"""A repository as it is committed: the files of HEAD, and new branches beside it. Work tree, index and HEAD are never written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from .git import Answer, Git, told
from .identity import Settings, names
from .objects import Change, Objects, objects
from .trouble import Trouble


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch that was made: its name, what it stands on, and its commits, oldest first."""

    name: str
    base: str
    commits: tuple[str, ...]

    @property
    def commit(self) -> str:
        """Where it points."""
        return self.commits[-1]


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository, as `git rev-parse` finds it at a folder. `prefix` is that folder, seen from the top."""

    git: Git
    git_folder: str
    common: str
    format: str
    head: str
    top: str | None
    prefix: str

    @staticmethod
    def at(folder: str) -> Repository:
        """The repository that the folder lies in; Trouble with git's own words when there is none to be used."""
        folder = os.path.abspath(folder)
        if not os.path.isdir(folder):
            raise Trouble(f"{folder} is not a folder")
        if "\n" in folder:
            raise Trouble("the folder's name holds a line break", "rename it; git's answers could not be told apart")
        git = Git(folder)
        asked = ("--is-inside-work-tree", "--show-object-format", "--absolute-git-dir", "--git-common-dir")
        answer = git.ask("rev-parse", *asked, "HEAD^{commit}", "--show-prefix", "--show-cdup")
        if answer.code != 0:
            raise _no_commit(folder, answer)
        inside, format, git_folder, common, head, *place = answer.lines
        prefix, up = place if inside == "true" else ("", "")
        top = os.path.normpath(os.path.join(folder, up)) if inside == "true" else None
        return Repository(git, git_folder, os.path.normpath(os.path.join(folder, common)), format, head, top, prefix)

    @contextmanager
    def objects(self) -> Iterator[Objects]:
        """The repository's objects, behind a git folder of our own."""
        with objects(os.path.join(self.common, "objects"), self.format) as store:
            yield store

    def refuse_unless_free(self, branch: str) -> None:
        """Trouble when no branch of this name can be made."""
        if not is_branch_name(branch):
            advice = "letters, digits, `-`, `_`, `.` and `/`, as git allows them"
            raise Trouble(f"`{branch}` is no name for a branch", advice)
        parts = branch.split("/")
        above = ["refs/heads/" + "/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        there = self.git("for-each-ref", "--format=%(refname)", *above).lines
        if above[-1] in there:
            raise Trouble(f"the branch `{branch}` exists already", "give another name with -b, or delete it first")
        for taken in there:
            if taken in above or taken.startswith(above[-1] + "/"):
                name = taken.removeprefix("refs/heads/")
                raise Trouble(f"`{branch}` cannot stand beside the branch `{name}`", "give another name with -b")

    def write(
        self,
        store: Objects,
        branch: str,
        changes: Sequence[Change],
        modes: Mapping[str, str],
        configured: Settings,
        *,
        sign: bool = False,
        before: Callable[[Branch], None] = lambda branch: None,
    ) -> Branch:
        """Put the changes on a new branch, all of it or nothing: objects first, then one atomic create-only reference.

        `before` is called when everything but the reference is there.
        """
        made = Branch(branch, self.head, commits(store, self.head, changes, modes, configured, sign=sign))
        before(made)
        self.point(branch, made.commit, "", configured)
        return made

    def point(self, branch: str, new: str, old: str, configured: Settings) -> None:
        """Move the branch from `old` to `new`; an empty `old` creates it, an empty `new` removes it. Atomic, or Trouble."""
        reference, nothing = f"refs/heads/{branch}", "0" * len(self.head)
        words = (
            ("update-ref", "-m", "loadproof", reference, new, old or nothing)
            if new
            else ("update-ref", "-d", reference, old)
        )
        by = names(configured).committer
        named = {"GIT_COMMITTER_NAME": by.name, "GIT_COMMITTER_EMAIL": by.email}
        answer = Git(self.git.folder, named, apart=True).ask(
            *words
        )  # killed in the middle it would leave its lock behind
        if answer.code != 0:
            done = "written" if new else "removed"
            raise Trouble(f"the branch `{branch}` could not be {done}: {told(answer)}", exit_code=3)


@cache
def is_branch_name(name: str) -> bool:
    """As git judges it; and nothing that a command would take for an option, or for HEAD."""
    if name.startswith("-") or name == "HEAD" or "\0" in name:
        return False
    return Git(os.path.abspath(os.sep)).ask("check-ref-format", f"refs/heads/{name}").code == 0


def commits(
    store: Objects,
    base: str,
    changes: Sequence[Change],
    modes: Mapping[str, str],
    configured: Settings,
    *,
    sign: bool = False,
) -> tuple[str, ...]:
    """The changes as commits on top of `base`, oldest first; no reference knows them yet."""
    by = names(configured)
    store.share(configured.all.get("core.sharedrepository", ""))
    made = store.commit(base, changes, modes, by.author, by.committer)
    return store.signed(base, made, changes, by.author, by.committer) if sign else made


def _no_commit(folder: str, answer: Answer) -> Trouble:
    if "not a git repository" in answer.said:
        return Trouble(f"{folder} is not in a git repository", "run `git init` there, or use `loadproof fix`")
    if "dubious ownership" in answer.said:
        return Trouble(answer.said.strip())  # git's own text says what to do, and it is the user's decision
    if "unknown revision" in answer.said or "Needed a single revision" in answer.said:
        return Trouble(f"{folder} has no commit to start from", "commit something first, or use `loadproof fix`")
    return Trouble(told(answer))
