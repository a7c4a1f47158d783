"""The objects of a repository (trees, blobs, commits), read and written behind a git folder of our own.

Every call here has GIT_DIR on a temporary folder that we wrote and GIT_OBJECT_DIRECTORY on the user's objects. So what the
repository configures (filters, hooks, promisor remotes, replaced objects) is not put out: it is never read. References that
fast-import has to have, and its crash reports, fall into the temporary folder too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import BinaryIO

from .git import Git, plain_input
from .temporary import temporary_folder
from .trouble import Trouble

FILE, LINK, SUBMODULE = "file", "link", "submodule"
_IMPORT = ("-c", "core.ignoreCase=false", "-c", "pack.compression=1")
UNCONFIGURED = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
_KINDS = {"100": FILE, "120": LINK, "160": SUBMODULE}


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a commit. `size` is None where the object is missing, as in a partial clone."""

    path: str
    mode: str
    id: str
    size: int | None

    @property
    def kind(self) -> str:
        return _KINDS.get(self.mode[:3], "other")


@dataclass(frozen=True, slots=True)
class Person:
    """Who did it and when, as git writes it: seconds since 1970 and the zone."""

    name: str
    email: str
    when: int
    zone: str = "+0000"

    def __str__(self) -> str:
        return f"{self.name} <{self.email}> {self.when} {self.zone}"


@dataclass(frozen=True, slots=True)
class Change:
    """A commit still to be made: its message, and the whole new content of the files that it changes."""

    message: str
    files: Mapping[str, bytes]


class Blobs(Mapping[str, bytes]):
    """Contents by path, read from one spooled file when they are asked for: a large repository does not fill the memory."""

    def __init__(self, spool: BinaryIO, places: Mapping[str, tuple[int, int]]) -> None:
        self._spool = spool
        self._places = places

    def __getitem__(self, path: str) -> bytes:
        start, size = self._places[path]
        return os.pread(self._spool.fileno(), size, start) if size else b""

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


@dataclass(frozen=True, slots=True)
class Objects:
    """A store of objects, with a git folder of our own in front of it."""

    git: Git
    folder: str
    format: str

    def tree(self, commit: str) -> list[Entry]:
        """Every path of the commit, links and submodules among them."""
        answer = self.git.ask("ls-tree", "-r", "-z", "-l", "--full-tree", commit)
        if answer.code != 0:
            raise Trouble(
                "the folders of HEAD are not all in this repository",
                "it looks like a clone with --filter=tree:0; `git fetch --refetch` brings the rest",
                exit_code=3,
            )
        return [_entry(record) for record in answer.out.split(b"\0") if record]

    def contents(self, entries: Sequence[Entry]) -> Blobs:
        """The bytes of these entries as the repository holds them: no smudging, no line-end conversion."""
        spool = TemporaryFile()  # noqa: SIM115  # lives as long as the mapping
        present = [entry for entry in entries if entry.size is not None]
        wanted = dict.fromkeys(entry.id for entry in present)
        if wanted:
            ids = plain_input("".join(f"{id}\n" for id in wanted).encode())
            self.git("cat-file", "--batch", "--buffer", stdin=ids, into=spool)
        places: dict[str, tuple[int, int]] = {}
        spool.seek(0)
        while header := spool.readline():
            id, *rest = header.decode().split()
            if rest[0] == "missing":
                continue
            places[id] = (spool.tell(), int(rest[1]))
            spool.seek(int(rest[1]) + 1, os.SEEK_CUR)
        return Blobs(spool, {entry.path: places[entry.id] for entry in present if entry.id in places})

    def message(self, commit: str) -> str:
        """What a commit's author said."""
        return self.git("cat-file", "commit", commit).out.partition(b"\n\n")[2].decode("utf-8", "replace")

    def commit(
        self, base: str, changes: Sequence[Change], modes: Mapping[str, str], author: Person, committer: Person
    ) -> tuple[str, ...]:
        """The commits, written one upon the other on top of `base`; no reference knows them yet."""
        stream = TemporaryFile()  # noqa: SIM115
        stream.write(b"feature done\n")
        for number, change in enumerate(changes, 1):
            stream.write(f"commit refs/heads/made\nmark :{number}\n".encode())
            stream.write(f"author {author}\ncommitter {committer}\n".encode("utf-8", "replace"))
            _write_data(stream, change.message.encode("utf-8", "backslashreplace"))
            if number == 1:
                stream.write(f"from {base}\n".encode())
            for path, content in change.files.items():
                mode = "100755" if modes[path] == "100755" else "100644"
                stream.write(b"M %s inline %s\n" % (mode.encode(), quoted(path)))
                _write_data(stream, content)
        stream.write(b"".join(b"get-mark :%d\n" % number for number in range(1, len(changes) + 1)))
        stream.write(b"done\n")
        stream.seek(0)
        # A few objects are unpacked right away: neither deltas nor hard compression would live longer than the call.
        answer = self.git(*_IMPORT, "fast-import", "--quiet", "--done", "--depth=0", stdin=stream)
        return tuple(answer.lines)

    def share(self, setting: str) -> None:
        """What is written from now on has the permissions that core.sharedRepository asks for."""
        if setting.isalnum():
            with open(os.path.join(self.git.folder, "config"), "a", encoding="utf-8") as file:
                file.write(f"[core]\nsharedRepository = {setting}\n")

    def signed(
        self, base: str, commits: Sequence[str], changes: Sequence[Change], author: Person, committer: Person
    ) -> tuple[str, ...]:
        """The same commits with the user's signature, by the program that the user's global configuration names."""
        signer = Git(
            self.git.folder, {name: self.git.environment[name] for name in _WHERE} | _as_environment(author, committer)
        )
        parent, made = base, []
        for commit, change in zip(commits, changes, strict=True):
            message = plain_input(change.message.encode("utf-8", "backslashreplace"))
            parent = signer("commit-tree", "-S", "-p", parent, "-F", "-", f"{commit}^{{tree}}", stdin=message).lines[0]
            made.append(parent)
        return tuple(made)


_WHERE = ("GIT_DIR", "GIT_OBJECT_DIRECTORY")


def _as_environment(author: Person, committer: Person) -> dict[str, str]:
    return {
        "GIT_AUTHOR_NAME": author.name,
        "GIT_AUTHOR_EMAIL": author.email,
        "GIT_AUTHOR_DATE": f"@{author.when} {author.zone}",
        "GIT_COMMITTER_NAME": committer.name,
        "GIT_COMMITTER_EMAIL": committer.email,
        "GIT_COMMITTER_DATE": f"@{committer.when} {committer.zone}",
    }


def _entry(record: bytes) -> Entry:
    about, _, path = record.partition(b"\t")
    mode, _, id, size = about.decode().split()
    return Entry(path.decode("utf-8", "surrogateescape"), mode, id, int(size) if size.isdigit() else None)


def _write_data(stream: BinaryIO, content: bytes) -> None:
    stream.write(b"data %d\n" % len(content))
    stream.write(content)
    stream.write(b"\n")


def quoted(path: str) -> bytes:
    """The path in git's C style quotes, byte by byte where it is not plain ASCII."""
    raw = path.encode("utf-8", "surrogateescape")
    plain = (
        b"\\%c" % byte if byte in b'"\\' else b"%c" % byte if 32 <= byte < 127 else b"\\%03o" % byte for byte in raw
    )
    return b'"' + b"".join(plain) + b'"'


@contextmanager
def objects(store: str, format: str) -> Iterator[Objects]:
    """The objects in the folder `store`; what is written goes there too."""
    with temporary_folder() as folder:
        write_git_folder(folder, format)
        environment = {"GIT_DIR": folder, "GIT_OBJECT_DIRECTORY": store, **UNCONFIGURED}
        yield Objects(Git(folder, environment), store, format)


def write_git_folder(folder: str, format: str, *, bare: bool = True) -> None:
    """The few files that make a folder a git folder, without templates, hooks or a process."""
    os.makedirs(os.path.join(folder, "refs"))
    lines = [
        "[core]",
        f"repositoryFormatVersion = {0 if format == 'sha1' else 1}",
        f"bare = {str(bare).lower()}",
        *([] if format == "sha1" else ["[extensions]", f"objectFormat = {format}"]),
    ]
    for name, text in (("HEAD", "ref: refs/heads/made"), ("config", "\n".join(lines))):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text + "\n")
