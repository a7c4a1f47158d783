"""A stranger's repository executes nothing through any git call of ours. Each trap is first shown to work on plain git."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from loadproof.cli.apply import Wish, apply
from loadproof.cli.batch import outcomes
from loadproof.cli.fixing import fix
from loadproof.cli.lines import narrowed
from loadproof.cli.plan import plan
from loadproof.cli.project import projects
from loadproof.cli.settings import Asked
from loadproof.cli.trouble import Trouble
from loadproof.cli.undo import undo

from .traps import TRAPS
from .workbench import BRANCH, git, service

pytestmark = pytest.mark.usefixtures("home")

LIMITS = Asked(select=("requests-timeout",))


def _check(folder: Path) -> None:
    for project in projects([str(folder)], LIMITS):
        plan(project)


def _check_changed_lines(folder: Path) -> None:
    for project in projects([str(folder)], LIMITS):
        narrowed(plan(project), "HEAD", str(folder))


def _fix(folder: Path) -> None:
    fix([plan(project) for project in projects([str(folder)], LIMITS)])


def _clone(folder: Path) -> None:
    list(outcomes([f"file://{folder}"], LIMITS, Wish(BRANCH), cache=str(folder.parent / "cache"), allow_file=True))


# In this order: what one leaves behind, the next finds.
OPERATIONS: dict[str, Callable[[Path], object]] = {
    "check": _check,
    "check --diff-base": _check_changed_lines,
    "apply": lambda folder: apply(str(folder), LIMITS, Wish(BRANCH)),
    "undo --codemod": lambda folder: undo(str(folder), codemod="requests-timeout"),
    "apply --verify": lambda folder: apply(str(folder), LIMITS, Wish(BRANCH, verify=("true",))),
    "undo": lambda folder: undo(str(folder)),
    "apply --sign": lambda folder: apply(str(folder), LIMITS, Wish(BRANCH, sign=True)),
    "apply --diff-base": lambda folder: apply(str(folder), LIMITS, Wish("loadproof/lines", diff_base="HEAD~1")),
    "batch": lambda folder: list(outcomes([str(folder)], LIMITS, Wish("loadproof/batch"))),
    "batch of a clone": _clone,
    "fix": _fix,
}


@pytest.mark.parametrize("name", TRAPS)
def test_nothing_is_executed(name: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trap = TRAPS[name](tmp_path)
    git(home, "config", "--global", "gpg.program", "true")
    trap.marker.unlink(missing_ok=True)
    monkeypatch.chdir(trap.folder)
    executed = []
    for operation, run in OPERATIONS.items():
        with suppress(Trouble):  # it may refuse; it may not execute
            run(trap.folder)
        if trap.marker.exists():
            executed.append(operation)
            trap.marker.unlink()
    assert executed == []
    trap.spring()
    assert trap.marker.exists(), "the trap was no trap"


def test_a_configuration_that_never_ends_is_given_up(tmp_path: Path) -> None:
    """An included pipe that nobody writes to would keep git waiting for ever."""
    from loadproof.cli.git import Git

    folder = service(tmp_path / "repo")
    os.mkfifo(tmp_path / "pipe")
    with open(folder / ".git/config", "a") as file:
        file.write(f"[include]\npath = {tmp_path / 'pipe'}\n")
    with pytest.raises(Trouble, match="did not answer in 1 seconds"):
        Git(str(folder), patience=1)("rev-parse", "HEAD")
