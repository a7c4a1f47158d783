"""A repository as it is committed: the files of HEAD, and new branches beside it. Work tree, index and HEAD are never written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from .files import LIMIT
from .git import Answer, Git, told
from .identity import Names
from .objects import FILE, LINK, SUBMODULE, Blobs, Change, Entry, Objects, objects
from .trouble import Trouble

_LFS = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was not done: what, a stable reason code, and one sentence."""

    what: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The wanted files of one commit: bytes and modes by path, and what could not be had."""

    commit: str
    files: Blobs
    modes: dict[str, str]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch that was made: its name, where it points, what it stands on, and its commits, oldest first."""

    name: str
    commit: str
    base: str
    commits: tuple[str, ...]


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
        answer = git.ask("rev-parse", *asked, "--show-cdup", "--show-prefix", "HEAD^{commit}")
        if answer.code != 0:
            raise _no_commit(folder, answer)
        inside, format, git_folder, common, up, prefix, head = answer.lines
        top = os.path.normpath(os.path.join(folder, up)) if inside == "true" else None
        return Repository(git, git_folder, os.path.normpath(os.path.join(folder, common)), format, head, top, prefix)

    @contextmanager
    def objects(self, shared: str = "") -> Iterator[Objects]:
        """The repository's objects, behind a git folder of our own."""
        with objects(os.path.join(self.common, "objects"), self.format, shared) as store:
            yield store

    def snapshot(self, store: Objects, wanted: Callable[[str], bool], commit: str = "") -> Snapshot:
        """The wanted files of HEAD (or of `commit`), from its blobs; paths are seen from the repository's top."""
        commit = commit or self.head
        chosen = [entry for entry in store.tree(commit) if entry.kind != SUBMODULE and wanted(entry.path)]
        skipped = [reason for entry in chosen if (reason := _unreadable(entry))]
        whole = [entry for entry in chosen if not _unreadable(entry)]
        files = store.contents(whole)
        pointers = {
            entry.path for entry in whole if entry.size and entry.size < 1024 and files[entry.path].startswith(_LFS)
        }
        skipped += [
            Skipped(path, "lfs-pointer", "the file itself is in LFS; here is only its pointer") for path in pointers
        ]
        modes = {entry.path: entry.mode for entry in whole if entry.path not in pointers}
        return Snapshot(commit, files.only(modes), modes, tuple(sorted(skipped, key=lambda one: one.what)))

    def refuse_unless_free(self, branch: str) -> None:
        """Trouble when no branch of this name can be made."""
        if (
            branch.startswith("-")
            or branch == "HEAD"
            or self.git.ask("check-ref-format", f"refs/heads/{branch}").code != 0
        ):
            raise Trouble(
                f"`{branch}` is no name for a branch", "letters, digits, `-`, `_`, `.` and `/`, as git allows them"
            )
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
        branch: str,
        changes: Sequence[Change],
        modes: dict[str, str],
        by: Names,
        *,
        sign: bool = False,
        shared: str = "",
        base: str = "",
        before: Callable[[Branch], None] = lambda branch: None,
    ) -> Branch:
        """Put the changes on a new branch, all of it or nothing: objects first, then one atomic create-only reference.

        `before` is called when everything but the reference is there.
        """
        base = base or self.head
        with self.objects(shared) as store:
            commits = store.commit(base, changes, modes, by.author, by.committer)
            if sign:
                commits = store.signed(base, commits, changes, by.author, by.committer)
        made = Branch(branch, commits[-1], base, commits)
        before(made)
        self.point(branch, made.commit, "", by)
        return made

    def point(self, branch: str, new: str, old: str, by: Names | None = None) -> None:
        """Move the branch from `old` to `new`; an empty `old` creates it, an empty `new` removes it. Atomic, or Trouble."""
        nothing = "0" * len(self.head)
        words = ["update-ref", "-m", "loadproof", f"refs/heads/{branch}", new or nothing, old or nothing]
        if not new:
            words = ["update-ref", "-d", f"refs/heads/{branch}", old]
        named = {"GIT_COMMITTER_NAME": by.committer.name, "GIT_COMMITTER_EMAIL": by.committer.email} if by else {}
        answer = Git(self.git.folder, named).ask(*words)
        if answer.code != 0:
            raise Trouble(
                f"the branch `{branch}` could not be {'written' if new else 'removed'}: {told(answer)}", exit_code=3
            )


def _no_commit(folder: str, answer: Answer) -> Trouble:
    if "not a git repository" in answer.said:
        return Trouble(f"{folder} is not in a git repository", "run `git init` there, or use `loadproof fix`")
    if "dubious ownership" in answer.said:
        return Trouble(answer.said.strip())  # git's own text says what to do, and it is the user's decision
    if "unknown revision" in answer.said or "Needed a single revision" in answer.said:
        return Trouble(f"{folder} has no commit to start from", "commit something first, or use `loadproof fix`")
    return Trouble(told(answer))


def _unreadable(entry: Entry) -> Skipped | None:
    if entry.kind == LINK:
        return Skipped(entry.path, "symlink", "a symbolic link; the file that it points to is looked at where it is")
    if entry.kind != FILE:
        return Skipped(entry.path, "not-a-file", f"an entry of the unknown mode {entry.mode}")
    if entry.size is None:
        return Skipped(
            entry.path, "missing-blob", "a partial clone without this file's content; `git fetch --refetch` brings it"
        )
    if entry.size > LIMIT:
        return Skipped(entry.path, "too-large", f"{entry.size:,} bytes, the limit is {LIMIT:,}")
    return None
