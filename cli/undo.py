"""Taking an `apply` back: the branch goes, or one codemod's commit in it, as long as nobody has built on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..codemods.kit.check import wrongs
from ..codemods.kit.facts import source_of
from ..codemods.kit.text import Unreadable
from .commits import plain
from .identity import Settings, settings
from .merge import merged
from .objects import FILE, Change, Objects
from .record import Record, forget, identifier, records, remember
from .repository import Repository, commits
from .trouble import Trouble


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What was taken back. `tip` is where the branch points now, None when it is gone. `elsewhere`: remotes that have it."""

    branch: str
    id: str
    commits: tuple[str, ...]
    tip: str | None
    elsewhere: tuple[str, ...] = ()


def latest(folder: str) -> Record | None:
    """The last apply in this repository that can be taken back."""
    return next(iter(records(Repository.at(folder))), None)


def undo(folder: str, id: str | None = None, codemod: str | None = None) -> TakenBack:
    """Take back the apply `id` (the last one without), whole or one codemod's commit. Nothing happens when others built on it."""
    repository = Repository.at(folder)
    configured = settings(repository.git)
    record = _record(repository, id)
    elsewhere = _refuse_if_built_on(repository, record)
    dropped = _dropped(record, codemod)
    if len(dropped) == len(record.commits):
        repository.point(record.branch, "", record.tip, configured)
        forget(repository, record.id)
        return TakenBack(record.branch, record.id, dropped, None, elsewhere)
    rest = _rebuilt(repository, record, dropped, configured)
    remember(repository, rest)
    try:
        repository.point(record.branch, rest.tip, record.tip, configured)
    except BaseException:
        forget(repository, rest.id)
        raise
    forget(repository, record.id)
    return TakenBack(record.branch, rest.id, dropped, rest.tip, elsewhere)


def _record(repository: Repository, id: str | None) -> Record:
    known = records(repository)
    for record in known:
        if id is None or record.id == id or record.branch == id:
            return record
    if not known:
        raise Trouble("there is no apply to take back in this repository")
    told = ", ".join(f"{record.id} ({record.branch})" for record in known[:5])
    raise Trouble(f"there is no apply `{id}`", f"known: {told}")


def _refuse_if_built_on(repository: Repository, record: Record) -> tuple[str, ...]:
    """Trouble unless the branch is as we left it; the remote branches that hold it too."""
    lines = repository.git("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/remotes").lines
    points = {name: commit for commit, _, name in (line.partition(" ") for line in lines)}
    reference = f"refs/heads/{record.branch}"
    if reference not in points:
        forget(repository, record.id)
        raise Trouble(f"the branch `{record.branch}` is gone already", "there is nothing to take back")
    if points[reference] != record.tip:
        advice = f"to remove it all the same: git branch -D {record.branch}"
        raise Trouble(
            f"the branch `{record.branch}` holds commits that are not loadproof's; it was left as it is",
            advice,
            exit_code=3,
        )
    for line in repository.git("worktree", "list", "--porcelain").lines:
        if line == f"branch {reference}":
            raise Trouble(
                f"the branch `{record.branch}` is checked out", "go to another branch first: git switch -", exit_code=3
            )
    holding = repository.git(
        "for-each-ref", "--format=%(refname)", "--contains", record.tip, "refs/heads", "refs/remotes"
    ).lines
    ours = {
        f"refs/heads/{one.branch}" for one in records(repository) if points.get(f"refs/heads/{one.branch}") == one.tip
    }
    builders = [
        name.removeprefix("refs/heads/") for name in holding if name.startswith("refs/heads/") and name not in ours
    ]
    if builders:
        raise Trouble(f"built on `{record.branch}`: {', '.join(builders)}; it was left as it is", exit_code=3)
    return tuple(name.removeprefix("refs/remotes/") for name in holding if name.startswith("refs/remotes/"))


# one codemod's commit


def _dropped(record: Record, codemod: str | None) -> tuple[str, ...]:
    """The commits that go."""
    going = [(commit, names) for commit, names in record.commits if codemod is None or codemod in names]
    if not going:
        held = ", ".join(sorted({name for _, names in record.commits for name in names}))
        raise Trouble(f"`{record.branch}` holds nothing of {codemod}", f"it holds: {held}")
    mixed = next((names for _, names in going if codemod is not None and len(names) > 1), None)
    if mixed:
        raise Trouble(f"one commit holds the work of {' and '.join(mixed)}", _ADVICE)
    return tuple(commit for commit, _ in going)


def _rebuilt(repository: Repository, record: Record, dropped: Sequence[str], configured: Settings) -> Record:
    """The record of the same branch without these commits: what came before them as it is, what came after made again."""
    first = next(number for number, (commit, _) in enumerate(record.commits) if commit in dropped)
    later = [(commit, names) for commit, names in record.commits[first:] if commit not in dropped]
    base = record.commits[first - 1][0] if first else record.base
    with repository.objects() as store:
        versions = _Versions(store, (base, *(commit for commit, _ in record.commits[first:])))
        now = {path: versions.content(0, path) for path in versions.touched}
        changes = []
        for number, (commit, _) in enumerate(record.commits[first:], 1):
            if commit not in dropped:
                pairs = {
                    path: (versions.content(number - 1, path), versions.content(number, path))
                    for path in versions.changed(number)
                }
                files = {path: _carried(path, before, now[path], after) for path, (before, after) in pairs.items()}
                now |= files
                changes.append(Change(store.message(commit), files))
        for path, content in now.items():
            _refuse_if_wrong(path, versions.content(0, path), content)
        modes = {path: versions.trees[0][path].mode for path in versions.touched}
        made_again = commits(store, base, changes, modes, configured) if changes else ()
    made = tuple((commit, names) for commit, (_, names) in zip(made_again, later, strict=True))
    chain = (*record.commits[:first], *made)
    return replace(record, id=identifier(record.branch, chain[-1][0]), commits=chain)


class _Versions:
    """The files that some commits of a chain changed, in every version."""

    def __init__(self, store: Objects, commits: Sequence[str]) -> None:
        self.trees = [{entry.path: entry for entry in store.tree(commit) if entry.kind == FILE} for commit in commits]
        self.touched = sorted({path for number in range(1, len(commits)) for path in self.changed(number)})
        self._contents = [store.contents([tree[path] for path in self.touched]) for tree in self.trees]

    def changed(self, number: int) -> list[str]:
        """The paths that this commit changed."""
        before, after = self.trees[number - 1], self.trees[number]
        return [path for path, entry in after.items() if entry != before[path]]

    def content(self, number: int, path: str) -> bytes:
        return self._contents[number][path]


def _carried(path: str, before: bytes, now: bytes, after: bytes) -> bytes:
    content = merged(before, now, after)
    if content is None:
        raise Trouble(f"later commits changed the same lines of {plain(path)}", _ADVICE, 3)
    return content


def _refuse_if_wrong(path: str, before: bytes, after: bytes) -> None:
    """Trouble when what is left would not run: a later commit uses what the dropped one brought."""
    try:
        wrong = wrongs([source_of(path, before)], [source_of(path, after)], ())
    except Unreadable as verdict:
        wrong = verdict.reason
    if wrong:
        raise Trouble(f"later commits need it: without it there would be {wrong}", _ADVICE, 3)


_ADVICE = "take back the whole apply, or apply again without it"
