"""`batch run`: the same over many repositories, a branch in each. A repository that fails costs only itself."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from .apply import Applied, Made, Wish, apply
from .git import ready
from .outcome import DONE, INCOMPLETE, REMAINS
from .record import records
from .repository import Branch, Repository, is_branch_name
from .said import Skipped
from .settings import Asked
from .sources import Source, cache_folder, fetched, source, words_of_list
from .temporary import sweep
from .trouble import Trouble
from .workers import Crew, Lost

Ending = Literal["branch", "already", "nothing", "refused", "failed"]
ENDINGS: dict[Ending, str] = {
    "branch": "a new branch",
    "already": "the branch was there, from the same commit",
    "nothing": "nothing to change",
    "refused": "not possible as it is",
    "failed": "it broke",
}
LIMIT = 1800.0  # seconds for one repository


@dataclass(frozen=True, slots=True)
class RepositoryOutcome:
    """What became of one repository. Plain data: it travels between processes."""

    name: str
    ending: Ending
    folder: str = ""
    branch: Branch | None = None
    commits: tuple[Made, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    read: int = 0
    changed: int = 0
    unreadable: tuple[tuple[str, str], ...] = ()  # path, reason
    skipped: tuple[Skipped, ...] = ()
    seconds: float = 0.0
    message: str = ""
    advice: str = ""
    trace: str = ""
    exit_code: int = DONE


def outcomes(
    words: Sequence[str],
    asked: Asked,
    wish: Wish,
    *,
    jobs: int = 1,
    cache: str = "",
    allow_file: bool = False,
    limit: float = LIMIT,
) -> Iterator[RepositoryOutcome]:
    """One outcome for each repository, as they come. A word is a folder or an address; the same one twice counts once."""
    pieces: dict[str, Source] = {}
    for word in words:
        try:
            found = source(word, allow_file)
        except Trouble as trouble:
            yield _refused(word, trouble)
        else:
            place = os.path.realpath(found.folder) if found.folder else found.address
            pieces.setdefault(place, found)
    yield from _worked(list(pieces.values()), asked, wish, cache or cache_folder(), jobs, limit)


def _worked(
    pieces: Sequence[Source], asked: Asked, wish: Wish, cache: str, jobs: int, limit: float
) -> Iterator[RepositoryOutcome]:
    if not pieces:
        return
    _prepare(wish)
    work = partial(_one, asked=asked, wish=replace(wish, jobs=1), cache=cache)
    with Crew(work, min(jobs, len(pieces)), lambda piece: limit, memory=None, ahead=1) as crew:
        for index, _, answer in crew.map(pieces):
            if isinstance(answer, Lost):
                last = answer.message.strip().rpartition("\n")[2]
                yield RepositoryOutcome(
                    pieces[index].name,
                    "failed",
                    message=f"{answer.reason}: {last}",
                    trace=answer.message,
                    exit_code=INCOMPLETE,
                )
            else:
                yield answer


def _prepare(wish: Wish) -> None:
    """What every child would do for itself is done once, before there are any: imports, and the look at the branch's name."""
    ready()
    is_branch_name(wish.branch)
    sweep()
    import libcst  # noqa: F401  # 140 ms


def _one(wanted: Source, asked: Asked, wish: Wish, cache: str) -> RepositoryOutcome:
    """The border of one repository: whatever happens inside becomes a value."""
    started = time.monotonic()
    try:
        folder = fetched(wanted, cache)
        there = _already(folder, wish)
        found = there or _outcome(wanted.name, folder, apply(folder, asked, wish))
    except Trouble as trouble:
        found = _refused(wanted.name, trouble)
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        found = RepositoryOutcome(
            wanted.name, "failed", message=message, trace=traceback.format_exc(), exit_code=INCOMPLETE
        )
    return replace(found, name=wanted.name, seconds=time.monotonic() - started)


def _outcome(name: str, folder: str, applied: Applied) -> RepositoryOutcome:
    seen = applied.outcome
    return RepositoryOutcome(
        name,
        "branch" if applied.branch else "nothing",
        folder,
        applied.branch,
        applied.commits,
        dict(seen.counts),
        seen.read,
        len(seen.patches),
        tuple((verdict.path, verdict.reason) for verdict in seen.unreadable),
        applied.skipped,
        exit_code=applied.exit_code,
    )


def _already(folder: str, wish: Wish) -> RepositoryOutcome | None:
    """An earlier run made this very branch from this very commit, and nobody has moved it since."""
    repository = Repository.at(folder)
    for record in records(repository):
        if record.branch == wish.branch and record.base == repository.head:
            tip = repository.git.ask("rev-parse", "--verify", "--quiet", f"refs/heads/{wish.branch}").lines
            if tip == [record.tip]:
                branch = Branch(record.branch, record.base, tuple(commit for commit, _ in record.commits))
                return RepositoryOutcome("", "already", folder, branch)
    return None


def _refused(name: str, trouble: Trouble) -> RepositoryOutcome:
    return RepositoryOutcome(name, "refused", message=trouble.message, advice=trouble.advice, exit_code=INCOMPLETE)


def words_in(lists: Sequence[str], words: Sequence[str] = ()) -> list[str]:
    """The words of the command line and of the lists; a relative folder in a list is seen from the list's own folder."""
    every = list(words)
    for path in lists:
        beside = os.path.dirname(os.path.abspath(path))
        for word in words_of_list(path):
            folder = os.path.join(beside, os.path.expanduser(word))
            every.append(folder if os.path.isdir(folder) else word)
    if not every:
        raise Trouble("there are no repositories to work on", "name folders or addresses, or a list with --repos FILE")
    return every


def exit_code(every: Sequence[RepositoryOutcome]) -> int:
    """3 when something could not be done anywhere, else 1 when findings remain somewhere."""
    codes = {one.exit_code for one in every}
    return INCOMPLETE if INCOMPLETE in codes else REMAINS if REMAINS in codes else DONE


def as_table(every: Sequence[RepositoryOutcome]) -> dict[str, object]:
    """The whole batch as JSON has it."""
    return {
        "version": 1,
        "repositories": [_as_table(one) for one in every],
        "summary": {
            "repositories": {
                "total": len(every),
                **{ending: sum(one.ending == ending for one in every) for ending in ENDINGS},
            },
            "findings": _sum(one.counts for one in every),
        },
    }


def _as_table(one: RepositoryOutcome) -> dict[str, object]:
    branch = one.branch
    return {
        "name": one.name,
        "outcome": one.ending,
        "folder": one.folder,
        "branch": {"name": branch.name, "commit": branch.commit, "base": branch.base} if branch else None,
        "commits": [
            {"codemod": ", ".join(made.codemods), "commit": made.commit, "files": list(made.files)}
            for made in one.commits
        ],
        "files": {
            "read": one.read,
            "changed": one.changed,
            "unreadable": [{"path": path, "reason": reason} for path, reason in one.unreadable],
        },
        "skipped": [{"what": skipped.what, "reason": skipped.reason} for skipped in one.skipped],
        "summary": dict(one.counts),
        "seconds": round(one.seconds, 3),
        "message": one.message,
        "advice": one.advice,
    }


def _sum(tables: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for table in tables:
        for name, count in table.items():
            total[name] = total.get(name, 0) + count
    return total
