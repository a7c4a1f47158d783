"""A scratch checkout outside the user's tree, in which the user's own commands are run on a version of the files."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from tempfile import TemporaryFile

from .commits import plain
from .git import Git
from .objects import UNCONFIGURED, Change, Objects, Person, write_git_folder
from .repository import Repository
from .temporary import sweep, temporary_folder
from .trouble import Trouble

_TAIL = 4_000  # bytes of a command's output that are kept
_NOBODY = Person("loadproof", "loadproof@localhost", 0)


@dataclass(frozen=True, slots=True)
class Run:
    """One command, run once. `code` is None when it was stopped for taking too long."""

    command: str
    code: int | None
    seconds: float
    tail: str

    @property
    def red(self) -> bool:
        return self.code != 0

    @property
    def fate(self) -> str:
        """How it ended, in a few words."""
        if self.code is None:
            return f"was stopped after {self.seconds:.0f} seconds"
        if self.code < 0:
            return f"was ended by {signal.Signals(-self.code).name}"
        return f"ended with code {self.code}"

    @property
    def ending(self) -> str:
        """The same, with the command's name."""
        return f"`{self.command}` {self.fate}"


@dataclass(frozen=True, slots=True)
class Scratch:
    """A folder that becomes a fresh checkout for every run: what one run leaves behind, no other sees."""

    repository: Repository
    modes: Mapping[str, str]
    folder: str
    limit: float | None

    def run(self, command: str, changes: Mapping[str, bytes]) -> Run:
        """The command on the base with these files changed."""
        tree = self.check_out([Change("under test\n", changes)] if changes else [])
        # The folder's own packages come before a copy that is installed from the user's work tree.
        paths = [path for path in (os.path.join(tree, "src"), tree) if os.path.isdir(path)]
        search = os.pathsep.join([*paths, *filter(None, [os.environ.get("PYTHONPATH")])])
        return executed(command, os.path.join(tree, self.repository.prefix), {"PYTHONPATH": search}, self.limit)

    def check_out(self, changes: Sequence[Change], committed: bool = True) -> str:
        """A fresh folder that holds the base with these changes; unless `committed`, the last one is only staged.

        It is a repository of our own that borrows the user's objects: none of their configuration, filters or hooks is in it.
        """
        tree = os.path.join(self.folder, os.path.basename(self.repository.top or "") or "checkout")
        shutil.rmtree(tree, ignore_errors=True)
        folder, base = os.path.join(tree, ".git"), self.repository.head
        write_git_folder(folder, self.repository.format, bare=False)
        os.makedirs(os.path.join(folder, "objects", "info"))
        with open(os.path.join(folder, "objects", "info", "alternates"), "wb") as file:
            file.write(_alternate(os.path.join(self.repository.common, "objects")))
        with suppress(FileNotFoundError):
            shutil.copyfile(os.path.join(self.repository.common, "shallow"), os.path.join(folder, "shallow"))
        quiet = {"GIT_DIR": folder, **UNCONFIGURED}
        store = Objects(Git(tree, quiet), folder, self.repository.format)
        commits = (base, *(store.commit(base, changes, self.modes, _NOBODY, _NOBODY) if changes else ()))
        with open(os.path.join(folder, "HEAD"), "w", encoding="ascii") as head:
            head.write((commits[-1] if committed else commits[-2]) + "\n")
        answer = Git(tree, {**quiet, "GIT_WORK_TREE": tree}).ask("read-tree", "-u", "--reset", commits[-1])
        if answer.code != 0:
            said = plain(" ".join(answer.said.split()))
            advice = "in a partial clone, `git fetch --refetch` brings what is missing"
            raise Trouble(f"the files of HEAD could not be checked out to verify them: {said}", advice, exit_code=3)
        return tree


@contextmanager
def scratch(repository: Repository, modes: Mapping[str, str], limit: float | None) -> Iterator[Scratch]:
    """A scratch folder for this repository, removed afterwards. `limit`: seconds that a command may take."""
    sweep()  # of killed runs, whose checkouts may be large
    with temporary_folder() as folder:
        yield Scratch(repository, modes, os.path.realpath(folder), limit)


def _alternate(store: str) -> bytes:
    """A line of objects/info/alternates; quoted where the path would not be read as it stands."""
    from .objects import quoted

    return (quoted(store) if store.startswith(("#", '"')) else store.encode("utf-8", "surrogateescape")) + b"\n"


def executed(command: str, folder: str, environment: Mapping[str, str], limit: float | None) -> Run:
    """A command of the user's, in a folder, with more environment, and the end of what it said."""
    import subprocess

    started = time.monotonic()
    with TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            shell=True,  # the user's own words, from the command line
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        code: int | None = None
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            pass
        finally:
            with suppress(ProcessLookupError):  # also the servers that a test forgot to stop
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        seconds = time.monotonic() - started
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - _TAIL))
        lines = output.read().decode("utf-8", "replace").splitlines()
    return Run(command, code, seconds, "\n".join(map(plain, lines)).strip("\n"))
