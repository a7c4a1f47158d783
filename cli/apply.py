"""`apply`: the fixes of HEAD on a new branch, verified if asked. The work tree is looked at, and never written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..codemods.kit.rewrite import Identity
from . import said
from .commits import Omission, Per, Portion, change, portions
from .committed import CommitTree, commit_tree
from .dirty import differing
from .hooks import RUN, hooks, judged
from .identity import Settings as GitSettings
from .identity import names, settings
from .lines import hidden, outside
from .objects import Change
from .outcome import INCOMPLETE, Outcome, outcome
from .plan import Plan, plan
from .project import Project
from .record import Record, forget, new_record, remember
from .repository import Branch, Repository
from .said import Skipped
from .scratch import Run, scratch
from .settings import Asked, known
from .verify import OnFail, Verified, verified


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asks of an apply."""

    branch: str
    per: Per = "codemod"
    verify: tuple[str, ...] = ()
    on_fail: OnFail = "bisect"
    limit: float | None = None  # seconds for one run of a verify command
    sign: bool = False
    sign_off: bool = False
    run_hooks: bool = False
    diff_base: str | None = None
    jobs: int | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """One commit that was made."""

    codemods: tuple[str, ...]
    commit: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply came to. `branch` is None when there was nothing to put on one, or nothing stayed green."""

    outcome: Outcome
    branch: Branch | None = None
    commits: tuple[Made, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    verified: Verified | None = None
    id: str = ""  # for `undo`

    @property
    def exit_code(self) -> int:
        return INCOMPLETE if any(one.grave for one in self.skipped) else self.outcome.exit_code

    def as_json(self) -> dict[str, object]:
        """What `apply` adds to the common JSON."""
        branch = self.branch
        return {
            "branch": {"name": branch.name, "commit": branch.commit, "base": branch.base} if branch else None,
            "commits": [
                {"codemod": ", ".join(one.codemods), "commit": one.commit, "files": list(one.files)}
                for one in self.commits
            ],
            "skipped": [{"what": one.what, "reason": one.reason} for one in self.skipped],
        }


def apply(folder: str, asked: Asked, wish: Wish, tell: Callable[[str], None] = lambda news: None) -> Applied:
    """Put the fixes of the repository at `folder` on a branch. `tell` hears what is being done, for those who wait."""
    repository = Repository.at(folder)
    repository.refuse_unless_free(wish.branch)
    with repository.objects() as store:
        tree = commit_tree(store, repository.head)
        planned = _planner(Project(tree, asked, (repository.prefix.rstrip("/"),)), wish, folder)
        whole = planned(frozenset())
        skipped = [Skipped(path, "submodule", "a submodule is a repository of its own") for path in tree.submodules]
        if not whole.patches:
            return Applied(outcome([whole]), skipped=tuple(skipped))
        checked = _verified(repository, tree, whole, planned, wish, tell) if wish.verify else None
        skipped += said.of_verification(checked, wish.on_fail) if checked else []
        done = replace(whole, result=checked.result) if checked else whole
        omitted = checked.omitted if checked else ()
        if not done.patches or (checked and checked.red and wish.on_fail != "keep"):
            return Applied(_outcome(done, (), omitted), skipped=tuple(skipped), verified=checked)
        configured = settings(repository.git)
        shares = portions(done.result, wish.per)
        changes = _changes(shares, configured, wish, omitted)
        unused = hooks(repository, configured)
        if wish.run_hooks and unused:
            changes, red = _judged(repository, tree, unused, changes, wish, tell)
            if red:
                skipped.append(said.of_hook(red))
                return Applied(_outcome(done, (), omitted), skipped=tuple(skipped), verified=checked)
            unused = {name: file for name, file in unused.items() if name not in RUN}
        branch, id = _written(repository, tree, shares, changes, configured, wish)
    skipped += said.of_git(configured, wish.sign, list(unused))
    ids = {patch.path: tree.entries[patch.path].id for patch in done.patches}
    skipped += [
        said.dirty(path) for path in differing(repository, {patch.path: patch.before for patch in done.patches}, ids)
    ]
    commits = tuple(
        Made(share.codemods, commit, tuple(share.files)) for share, commit in zip(shares, branch.commits, strict=True)
    )
    return Applied(
        _outcome(done, [patch.path for patch in done.patches], omitted), branch, commits, tuple(skipped), checked, id
    )


def _planner(project: Project, wish: Wish, folder: str) -> Callable[[frozenset[Identity]], Plan]:
    """Plans of the project without some findings, and without those that --diff-base leaves out."""
    whole = plan(project, jobs=wish.jobs)
    unwanted = outside(whole, wish.diff_base, folder) if wish.diff_base is not None else frozenset()

    def planned(rejected: frozenset[Identity]) -> Plan:
        if not rejected and not unwanted:
            return whole
        return hidden(plan(project, rejected | unwanted, wish.jobs), unwanted)

    return planned


def _changes(
    shares: Sequence[Portion], configured: GitSettings, wish: Wish, omitted: Sequence[Omission]
) -> list[Change]:
    committer = names(configured).committer
    signs_off = wish.sign_off or configured.own.get("format.signoff", "").lower() == "true"
    pages = {name: known()[name].page for share in shares for name in share.codemods if name in known()}
    return [
        change(share, pages, omitted, f"{committer.name} <{committer.email}>" if signs_off else "") for share in shares
    ]


def _judged(
    repository: Repository,
    tree: CommitTree,
    files: dict[str, str],
    changes: Sequence[Change],
    wish: Wish,
    tell: Callable[[str], None],
) -> tuple[list[Change], Run | None]:
    tell(f"hooks: {', '.join(name for name in RUN if name in files)}")
    with scratch(repository, tree.modes(path for one in changes for path in one.files), wish.limit) as checkout:
        return judged(checkout, files, changes)


def _written(
    repository: Repository,
    tree: CommitTree,
    shares: Sequence[Portion],
    changes: Sequence[Change],
    configured: GitSettings,
    wish: Wish,
) -> tuple[Branch, str]:
    """The branch, and the id that `undo` knows it by. Its record is there before it is."""
    modes = tree.modes(path for share in shares for path in share.files)
    written: list[Record] = []

    def before(branch: Branch) -> None:
        commits = tuple((commit, share.codemods) for commit, share in zip(branch.commits, shares, strict=True))
        written.append(new_record(branch.name, branch.base, commits))
        remember(repository, written[0])

    try:
        return repository.write(
            tree.store, wish.branch, changes, modes, configured, sign=wish.sign, before=before
        ), written[0].id
    except BaseException:
        for record in written:
            forget(repository, record.id)
        raise


def _outcome(done: Plan, written: Sequence[str], omitted: Sequence[Omission]) -> Outcome:
    """The plan's findings with what became of them: on the branch, or taken out again for a reason."""
    seen = outcome([done])
    why = {(one.codemod, path): one.why for one in omitted for path in one.paths}
    rows = tuple(
        replace(row, status="failed", reason="verification", help=why[row.codemod, row.path], edits=(), applied=False)
        if row.status == "fixable" and not row.applied and (row.codemod, row.path) in why
        else row
        for row in seen.rows
    )
    return replace(seen, rows=rows).written(written, {}) if written else replace(seen, rows=rows, patches=())


def _verified(
    repository: Repository,
    tree: CommitTree,
    whole: Plan,
    planned: Callable[[frozenset[Identity]], Plan],
    wish: Wish,
    tell: Callable[[str], None],
) -> Verified:
    with scratch(repository, tree.modes(patch.path for patch in whole.patches), wish.limit) as checkout:

        def attempt(command: str, changes: Mapping[str, bytes]) -> Run:
            tell(f"{command}  (with {len(changes)} files changed)" if changes else f"{command}  (as it was)")
            return checkout.run(command, changes)

        return verified(whole.result, wish.verify, attempt, lambda rejected: planned(rejected).result, wish.on_fail)
