"""Folders that a run needs for itself, outside every project, and that the next run sweeps when it was killed."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryDirectory, gettempdir

_NAME = re.compile(r"loadproof-(\d+)-")
_OLD = 24 * 3600.0  # seconds; a process number alone says nothing where containers share a folder


@contextmanager
def temporary_folder() -> Iterator[str]:
    """A new folder that only this user can enter."""
    with TemporaryDirectory(prefix=f"loadproof-{os.getpid()}-", ignore_cleanup_errors=True) as folder:
        yield folder


def sweep() -> None:
    """Remove what killed runs of this user left behind; once in a run is enough."""
    for entry in os.scandir(gettempdir()):
        found = _NAME.match(entry.name)
        if found and not os.path.exists(f"/proc/{found[1]}"):
            with suppress(OSError):
                about = entry.stat(follow_symlinks=False)
                if (
                    about.st_uid == os.geteuid()
                    and entry.is_dir(follow_symlinks=False)
                    and time.time() - about.st_mtime > _OLD
                ):
                    shutil.rmtree(entry.path, ignore_errors=True)
