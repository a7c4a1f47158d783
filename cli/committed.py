"""The files of a commit, as a project reads them: from its blobs, whatever the work tree holds."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..codemods.kit.rewrite import Verdict
from .files import LIMIT
from .listing import excluder, is_interesting
from .objects import FILE, LINK, SUBMODULE, Blobs, Entry, Objects
from .settings import DEFAULT_EXCLUDE

_POINTER = b"version https://git-lfs.github.com/spec/"
_POINTER_LIMIT = 1024  # bytes; LFS says so itself


@dataclass(frozen=True)
class CommitTree:
    """Python files, configuration and declarations of one commit; paths are seen from the repository's top."""

    commit: str
    entries: Mapping[str, Entry]
    submodules: tuple[str, ...]
    blobs: Blobs
    store: Objects

    def paths(self, excluded: tuple[str, ...] = ()) -> Sequence[str]:
        return [path for path in self.entries if not self._is_second_name(path)]

    def read(self, path: str, limit: int = LIMIT) -> bytes | Verdict:
        """The bytes as the repository holds them, or why there are none."""
        entry = self.entries.get(path)
        if entry is None:
            return Verdict(path, "missing", "no such file")
        if entry.kind == LINK:
            return Verdict(path, "symlink", "a symbolic link; name the file that it points to")
        if entry.kind != FILE:
            return Verdict(path, "not-a-file", f"an entry of the unknown mode {entry.mode}")
        if entry.size is None:
            return Verdict(
                path, "missing-blob", "this partial clone lacks its content; `git fetch --refetch` brings it"
            )
        if entry.size > limit:
            return Verdict(path, "too-large", f"{entry.size:,} bytes, the limit is {limit:,}")
        content = self.blobs[path] if path in self.blobs else self.store.contents([entry])[path]
        if len(content) < _POINTER_LIMIT and content.startswith(_POINTER):
            return Verdict(path, "lfs-pointer", "the file is kept in LFS; the commit holds only a pointer to it")
        return content

    def modes(self, paths: Iterable[str]) -> dict[str, str]:
        return {path: self.entries[path].mode for path in paths}

    def _is_second_name(self, path: str) -> bool:
        """A link to a file that is read under its own name: nothing is lost without it."""
        if self.entries[path].kind != LINK or path not in self.blobs:
            return False
        target = self.blobs[path].decode("utf-8", "surrogateescape")
        aim = self.entries.get(posixpath.normpath(posixpath.join(posixpath.dirname(path), target)))
        return aim is not None and aim.kind == FILE and aim.path.endswith(".py")


def commit_tree(store: Objects, commit: str) -> CommitTree:
    """The interesting files of the commit. What is likely to be read is fetched at once, by one process."""
    everything = store.tree(commit)
    entries = [entry for entry in everything if entry.kind != SUBMODULE and is_interesting(entry.path)]
    excluded = excluder(DEFAULT_EXCLUDE)
    likely = [entry for entry in entries if (entry.size or 0) <= LIMIT and not excluded.search(entry.path)]
    submodules = tuple(entry.path for entry in everything if entry.kind == SUBMODULE)
    return CommitTree(commit, {entry.path: entry for entry in entries}, submodules, store.contents(likely), store)
