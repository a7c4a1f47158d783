"""From the words of the command line to plans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .options import Wishes, understood
from .trouble import Trouble

if TYPE_CHECKING:
    from .plan import Plan


def planned(paths: Sequence[str], options: dict[str, Any], drawn: bool = False) -> tuple[list[Plan], Wishes]:
    """The plans of the projects that hold these paths, and how the user wants to see them. `drawn`: a terminal gets the full picture."""
    asked, wishes, jobs, instead = understood({**options, "paths": tuple(paths)})
    from .plan import plan
    from .project import projects

    is_full = wishes.format == "full" or (drawn and wishes.format is None and wishes.is_terminal)
    plans = [plan(project, jobs=jobs, count_libraries=is_full) for project in projects(paths, asked, instead)]
    if not any(each.read or each.unreadable for each in plans) and not wishes.quiet:
        from .show import say

        say("no Python files here" if not paths else f"no Python files in {' '.join(paths)}")
    return plans, wishes


def undone(name: str | None, codemod: str | None) -> list[str]:
    """Take back a `fix` or an `apply`; the files or the branch that changed. Without a name, the latest."""
    from .journal import entries
    from .project import projects
    from .settings import Asked

    [project] = projects((), Asked())
    known = entries(project.root)
    if not known or (name is not None and name not in known):
        raise Trouble(f"there is nothing to take back{f' by the name {name}' if name else ''} in {project.root}", "known: " + (", ".join(known) or "none"))
    from .fixing import undo

    return undo(project.root, name or known[-1], codemod)
