"""Which files the user has changed since HEAD: found by reading them, never by asking git to compare.

git's own answer (status, diff-files, diff-index) runs the repository's clean filters on files whose times are in doubt.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence

from . import files
from .repository import Repository

_ENTRY = re.compile(
    rb"(?P<mode>\d{6}) (?P<id>[0-9a-f]+) \d\t(?P<path>[^\0]*)\0  ctime: \d+:\d+\n  mtime: (?P<seconds>\d+):(?P<nanoseconds>\d+)\n"
    rb"  dev: \d+\tino: \d+\n  uid: \d+\tgid: \d+\n  size: (?P<size>\d+)\tflags: (?P<flags>[0-9a-f]+)\n"
)
_NOT_LOOKED_AT = 0x4000_8000  # skip-worktree and assume-unchanged
_MOST = 200  # paths that go on a command line


def differing(repository: Repository, committed: Mapping[str, bytes], ids: Mapping[str, str]) -> list[str]:
    """Those of the files that are not in the work tree, or not staged, as they are in HEAD; `ids` are their blobs there."""
    if repository.top is None:
        return []
    suspects = [path for path, content in committed.items() if not _same(os.path.join(repository.top, path), content)]
    if not suspects:
        return []
    # A filter or an encoding may have made the difference when git checked the file out. The index remembers how it looked then.
    known = _clean_by_index(repository, suspects, ids)
    return [path for path in suspects if path not in known]


def _same(path: str, committed: bytes) -> bool:
    now = files.read(path, path)
    return isinstance(now, bytes) and now.replace(b"\r\n", b"\n") == committed.replace(b"\r\n", b"\n")


def _clean_by_index(repository: Repository, paths: Sequence[str], ids: Mapping[str, str]) -> set[str]:
    words = ("ls-files", "--stage", "--debug", "-z", "--full-name", "--", *(paths if len(paths) <= _MOST else ()))
    git = repository.git if repository.top is None else type(repository.git)(repository.top)
    clean = set()
    for entry in _ENTRY.finditer(git.ask(*words).out):
        path = entry["path"].decode("utf-8", "surrogateescape")
        if entry["id"].decode() != ids.get(path):
            continue  # something else is staged
        if int(entry["flags"], 16) & _NOT_LOOKED_AT or _as_checked_out(os.path.join(repository.top or "", path), entry):
            clean.add(path)
    return clean


def _as_checked_out(path: str, entry: re.Match[bytes]) -> bool:
    """Size and time are those that the index holds."""
    try:
        about = os.lstat(path)
    except OSError:
        return False
    when = int(entry["seconds"]) * 1_000_000_000 + int(entry["nanoseconds"])
    return (
        stat.S_ISREG(about.st_mode)
        and about.st_size == int(entry["size"])
        and when in (about.st_mtime_ns, about.st_mtime_ns // 1_000_000_000 * 1_000_000_000)
    )
