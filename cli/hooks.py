"""The repository's own hooks: named always, run only when the user says so, and then in a checkout of ours."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace

from .identity import Settings
from .objects import Change
from .repository import Repository
from .scratch import Run, Scratch, executed

_KNOWN = ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "reference-transaction")
RUN = ("pre-commit", "commit-msg")  # those that judge a commit


def hooks(repository: Repository, configured: Settings) -> dict[str, str]:
    """The hooks that `git commit` or a new reference would run, by name: each one's file."""
    folder = os.path.expanduser(configured.all.get("core.hookspath") or os.path.join(repository.common, "hooks"))
    folder = os.path.join(repository.top or repository.git_folder, folder)
    files = {name: os.path.join(folder, name) for name in _KNOWN}
    return {name: file for name, file in files.items() if os.access(file, os.X_OK)}


def judged(checkout: Scratch, files: dict[str, str], changes: Sequence[Change]) -> tuple[list[Change], Run | None]:
    """The changes with the messages that commit-msg made of theirs, or how the first hook failed.

    Each hook sees its commit as `git commit` would show it: the commit before is HEAD, the change is staged and in the files.
    What a hook writes into the files is not taken.
    """
    kept: list[Change] = []
    for number, change in enumerate(changes, 1):
        tree = checkout.check_out(changes[:number], committed=False)
        message = os.path.join(tree, ".git", "COMMIT_EDITMSG")
        with open(message, "wb") as file:
            file.write(change.message.encode("utf-8", "backslashreplace"))
        environment = {
            "GIT_DIR": os.path.join(tree, ".git"),
            "GIT_INDEX_FILE": os.path.join(tree, ".git", "index"),
            "GIT_EDITOR": ":",
        }
        for name in RUN:
            if name in files:
                words = [_in(checkout.repository, tree, files[name]), *([message] if name == "commit-msg" else [])]
                run = executed(shlex.join(words), tree, environment, checkout.limit)
                if run.red:
                    return [], replace(run, command=f"hook {name}")
        with open(message, encoding="utf-8", errors="replace") as file:
            kept.append(replace(change, message=file.read()))
    return kept, None


def _in(repository: Repository, tree: str, file: str) -> str:
    """A hook that is among the repository's files is run as the checkout has it."""
    if repository.top is not None and file.startswith(f"{repository.top}/") and not file.startswith(repository.common):
        there = os.path.join(tree, os.path.relpath(file, repository.top))
        return there if os.access(there, os.X_OK) else file
    return file
