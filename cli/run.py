"""From the words of the command line to plans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .trouble import Trouble
from .wishes import Wishes, understood

if TYPE_CHECKING:
    from .apply import Applied, Wish
    from .batch import RepositoryOutcome
    from .plan import Plan
    from .record import Record
    from .settings import Asked


def planned(paths: Sequence[str], options: dict[str, Any], drawn: bool = False) -> tuple[list[Plan], Wishes]:
    """The plans for these paths, and how to show them. `drawn`: a terminal gets the full picture."""
    asked, wishes, jobs, instead = understood({**options, "paths": tuple(paths)})
    from .plan import plan
    from .project import projects

    is_full = wishes.format == "full" or (drawn and wishes.format is None and wishes.is_terminal)
    plans = [plan(project, jobs=jobs, count_libraries=is_full) for project in projects(paths, asked, instead)]
    if options.get("diff_base") is not None:
        from .lines import narrowed

        plans = [narrowed(each, options["diff_base"], each.project.root, jobs) for each in plans]
    if not any(each.read or each.unreadable for each in plans) and not wishes.quiet:
        from .show import say

        say("no Python files here" if not paths else f"no Python files in {' '.join(paths)}")
    return plans, wishes


def applied(repository: str, options: dict[str, Any]) -> tuple[Applied, Wishes]:
    """What `apply` came to, told on the way to those who wait."""
    from .apply import apply
    from .show import say

    asked, wish, wishes = _branch_wish(options)
    return apply(repository, asked, wish, lambda news: None if wishes.quiet else say(news)), wishes


def batched(repositories: Sequence[str], options: dict[str, Any]) -> tuple[list[RepositoryOutcome], Wishes]:
    """What became of each repository, told by a bar to those who wait."""
    from .batch import LIMIT, outcomes, words_in
    from .report.fleet import progress
    from .workers import default_jobs

    words = words_in(options.pop("repos"), repositories)
    cache, allow_file, limit = (
        options.pop("cache_dir") or "",
        options.pop("allow_file"),
        options.pop("time_limit") or LIMIT,
    )
    asked, wish, wishes = _branch_wish(options)
    every = []
    with progress(len(words), wishes.quiet) as watch:
        for one in outcomes(
            words, asked, wish, jobs=wish.jobs or default_jobs(), cache=cache, allow_file=allow_file, limit=limit
        ):
            watch(one)
            every.append(one)
    return sorted(every, key=lambda one: one.name), wishes


def _branch_wish(options: dict[str, Any]) -> tuple[Asked, Wish, Wishes]:
    from .apply import Wish

    given = {
        word: options.pop(word)
        for word in ("branch", "verify", "on_fail", "sign", "sign_off", "run_hooks", "diff_base")
    }
    given |= {"per": options.pop("commit_per"), "limit": options.pop("verify_limit")}
    asked, wishes, jobs, _ = understood({**options, "paths": ()})
    return asked, Wish(**given, jobs=jobs), wishes


def undone(name: str | None, codemod: str | None) -> Iterator[str]:
    """Take back a `fix` or an `apply`, and tell what changed. Without a name, whatever was done last."""
    from . import journal
    from .fixing import undo as undo_fix
    from .outcome import spelling
    from .project import projects
    from .settings import Asked
    from .undo import undo

    [project] = projects((), Asked())
    fixes = journal.entries(project.root)
    last = _latest_apply(project.root)
    if name is None and fixes and (last is None or journal.when(project.root, fixes[-1]) > last.when):
        name = fixes[-1]
    if name is not None and name in fixes:
        spell = spelling(project.root)
        for path in undo_fix(project.root, name, codemod):
            yield f"taken back: {spell(path)}"
    elif last is not None:
        done = undo(project.root, name, codemod)
        yield f"taken back: {len(done.commits)} commits of {done.branch}" + (
            f"; the rest is {done.id}" if done.tip else "; the branch is gone"
        )
        for remote in done.elsewhere:
            yield f"note: {remote} still has it"
    else:
        known = f"known: {', '.join(fixes)}" if fixes else "nothing was fixed or applied here"
        raise Trouble("there is nothing to take back" + (f" by the name {name}" if name else ""), known)


def _latest_apply(root: str) -> Record | None:
    from . import journal
    from .undo import latest

    if not journal.in_repository(root):
        return None
    try:
        return latest(root)
    except Trouble:  # a repository without a commit, or not the user's: there is no branch of ours in it
        return None
