"""What an `apply` leaves behind for `undo`: a small file beside the references, in the git folder."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from tempfile import NamedTemporaryFile

from .repository import Repository

_FOLDER = ("loadproof", "applied")


@dataclass(frozen=True, slots=True)
class Record:
    """One branch that we made. `commits`: (commit, the codemods it holds), oldest first."""

    id: str
    branch: str
    base: str
    commits: tuple[tuple[str, tuple[str, ...]], ...]
    when: float

    @property
    def tip(self) -> str:
        return self.commits[-1][0] if self.commits else self.base


def identifier(branch: str, tip: str) -> str:
    """What the user types to mean this apply."""
    return sha256(f"{tip} {branch}".encode("utf-8", "surrogateescape")).hexdigest()[:8]


def remember(repository: Repository, record: Record) -> None:
    """Written whole or not at all."""
    folder = os.path.join(repository.common, *_FOLDER)
    os.makedirs(folder, exist_ok=True)
    with NamedTemporaryFile("w", dir=folder, prefix=".", suffix=".tmp", encoding="utf-8", delete=False) as file:
        json.dump(asdict(record), file)
    os.replace(file.name, os.path.join(folder, f"{record.id}.json"))


def forget(repository: Repository, id: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(repository.common, *_FOLDER, f"{id}.json"))


def records(repository: Repository) -> list[Record]:
    """Every apply that can be taken back, the latest first."""
    folder = os.path.join(repository.common, *_FOLDER)
    found = []
    with suppress(FileNotFoundError):
        for name in os.listdir(folder):
            if name.endswith(".json"):
                with (
                    open(os.path.join(folder, name), encoding="utf-8") as file,
                    suppress(ValueError, TypeError, KeyError),
                ):
                    found.append(_record(json.load(file)))
    return sorted(found, key=lambda record: record.when, reverse=True)


def _record(fields: dict[str, object]) -> Record:
    commits = tuple((str(commit), tuple(map(str, codemods))) for commit, codemods in fields["commits"])  # type: ignore[attr-defined]
    return Record(str(fields["id"]), str(fields["branch"]), str(fields["base"]), commits, float(str(fields["when"])))


def new_record(branch: str, base: str, commits: tuple[tuple[str, tuple[str, ...]], ...]) -> Record:
    return Record(identifier(branch, commits[-1][0]), branch, base, commits, time.time())
