"""The bytes of files: read with suspicion, written atomically."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress

from ..codemods.kit.rewrite import Verdict

LIMIT = 1_000_000  # bytes; a parse of 5 MB takes 20 s and a gigabyte
TEMPORARY = ".loadproof-"  # what a killed run may leave behind begins so
_CHUNK = 1 << 20


def read(path: str, name: str, limit: int = LIMIT) -> bytes | Verdict:
    """The file's bytes, or why it is not read. Never follows a link, never waits for a pipe or a device."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return _refused(path, name, error)
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            return Verdict(name, "not-a-file", "not a regular file")
        if about.st_nlink != 1:
            return Verdict(name, "hard-link", "the file has a second name; writing one would part the two")
        if about.st_size > limit:
            return Verdict(name, "too-large", f"{about.st_size:,} bytes, the limit is {limit:,}")
        content = os.read(descriptor, about.st_size + 1)
        while chunk := os.read(descriptor, _CHUNK):  # it grew meanwhile, or the system gave less than asked
            content += chunk
            if len(content) > limit:
                return Verdict(name, "too-large", f"more than the limit of {limit:,} bytes")
        return content
    except OSError as error:
        return _refused(path, name, error)
    finally:
        os.close(descriptor)


def _refused(path: str, name: str, error: OSError) -> Verdict:
    if os.path.islink(path):
        return Verdict(name, "symlink", "a symbolic link; name the file that it points to")
    if isinstance(error, FileNotFoundError):
        return Verdict(name, "missing", "no such file")
    if isinstance(error, PermissionError):
        return Verdict(name, "permission", "reading is not permitted")
    if not os.path.isfile(path):
        return Verdict(name, "not-a-file", "not a regular file")
    return Verdict(name, "unreadable", error.strerror or type(error).__name__)


def write_all(changes: Iterable[tuple[str, bytes, bytes]]) -> None:
    """Each file's `before` becomes its `after`, or, when one cannot be written, none does and OSError is raised.

    A file is replaced whole or not at all; its permissions stay; links are never followed.
    """
    ready: list[tuple[str, str, bytes, bytes]] = []
    done: list[tuple[str, bytes, bytes]] = []
    try:
        for path, before, after in changes:
            ready.append((_beside(path, before, after), path, before, after))
        while ready:
            temporary, path, before, after = ready[0]
            os.replace(temporary, path)
            del ready[0]
            done.append((path, after, before))
        for folder in {os.path.dirname(path) for path, _, _ in done}:
            _sync_folder(folder)
    except OSError:
        for path, after, before in reversed(done):
            os.replace(_beside(path, after, before), path)
        raise
    finally:
        for temporary, *_ in ready:
            os.unlink(temporary)


def _beside(path: str, before: bytes, after: bytes) -> str:
    """A temporary file next to `path` that holds `after`, once `path` was seen to hold `before` still."""
    about = os.lstat(path)
    now = read(path, path)
    if now != before:
        reason = now.message if isinstance(now, Verdict) else "the file changed while loadproof was running"
        raise OSError(0, reason, path)
    if not os.access(path, os.W_OK):
        raise PermissionError(13, "the file is read-only", path)
    temporary = os.path.join(os.path.dirname(path), f"{TEMPORARY}{os.getpid()}-{os.urandom(4).hex()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            written = 0
            while written < len(after):
                written += os.write(descriptor, after[written:])
            if (about.st_uid, about.st_gid) != (os.geteuid(), os.getegid()):
                with suppress(PermissionError):  # only root can give a file away
                    os.fchown(descriptor, about.st_uid, about.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(about.st_mode))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        os.unlink(temporary)
        raise
    return temporary


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(folders: Iterable[str]) -> None:
    """Remove what killed runs left in these folders; a run that still lives keeps its own."""
    for folder in folders:
        for entry in os.scandir(folder):
            if entry.name.startswith(TEMPORARY) and entry.name.endswith(".tmp"):
                pid = entry.name[len(TEMPORARY) :].split("-")[0]
                if pid.isdigit() and not _alive(int(pid)):
                    os.unlink(entry.path)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
