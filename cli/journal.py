"""The undo journal: what files held before a `fix`, kept where no work tree shows it, and the way back."""

from __future__ import annotations

import hashlib
import json
import os
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..codemods.kit.rewrite import Patch, Step
from .trouble import Trouble

KEPT = 50  # entries of a project; older ones go


@dataclass(frozen=True, slots=True)
class Entry:
    """One run of `fix`: where, when, and for each file what it held before and after each codemod."""

    id: str
    root: str
    patches: tuple[Patch, ...]


def folder(root: str) -> str:
    """Where a project's journal is: in its git folder, or else in the user's folder for state."""
    git = _git_folder(root)
    if git is not None:
        return os.path.join(git, "loadproof", "undo")
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(state, "loadproof", hashlib.sha256(os.fsencode(root)).hexdigest()[:16], "undo")


def _git_folder(root: str) -> str | None:
    here = root
    while not os.path.lexists(f"{here}/.git"):
        parent = os.path.dirname(here)
        if parent == here:
            return None
        here = parent
    git = f"{here}/.git"
    if os.path.isfile(git):  # a linked work tree or a submodule
        with open(git, encoding="utf-8", errors="surrogateescape") as file:
            git = os.path.join(here, file.read().removeprefix("gitdir:").strip())
    return git if os.path.isfile(f"{git}/HEAD") else None


def remember(root: str, patches: Sequence[Patch]) -> str:
    """Write an entry, whole or not at all; its id."""
    place = folder(root)
    os.makedirs(place, mode=0o700, exist_ok=True)
    name = time.strftime("%m%d-%H%M%S-") + os.urandom(2).hex()
    table = {
        "version": 1,
        "root": _text(os.fsencode(root)),
        "files": [
            {
                "path": _text(os.fsencode(patch.path)),
                "before": _text(patch.before),
                "steps": [{"codemod": step.codemod, "after": _text(step.after)} for step in patch.steps],
            }
            for patch in patches
        ],
    }
    temporary = os.path.join(place, f".{name}.tmp")
    with open(temporary, "w", encoding="ascii") as file:
        json.dump(table, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, os.path.join(place, f"{name}.json"))
    for old in entries(root)[:-KEPT]:
        forget(root, old)
    return name


def forget(root: str, name: str) -> None:
    os.unlink(os.path.join(folder(root), f"{name}.json"))


def entries(root: str) -> list[str]:
    """The ids of a project's entries, oldest first."""
    place = folder(root)
    try:
        names = [name for name in os.listdir(place) if name.endswith(".json")]
    except FileNotFoundError:
        return []
    names.sort(key=lambda name: (os.stat(os.path.join(place, name)).st_mtime_ns, name))
    return [name.removesuffix(".json") for name in names]


def when(root: str, name: str) -> float:
    return os.stat(os.path.join(folder(root), f"{name}.json")).st_mtime


def in_repository(root: str) -> bool:
    return _git_folder(root) is not None


def entry(root: str, name: str) -> Entry:
    """An entry by its id."""
    if name not in entries(root):
        raise Trouble(f"there is no undo entry `{name}` for {root}", "known: " + (", ".join(entries(root)) or "none"))
    with open(os.path.join(folder(root), f"{name}.json"), encoding="ascii") as file:
        table = json.load(file)
    return Entry(name, os.fsdecode(b64decode(table["root"])), tuple(_patch(each) for each in table["files"]))


def _patch(table: Mapping[str, object]) -> Patch:
    before = b64decode(str(table["before"]))
    steps: list[Step] = []
    for each in table["steps"] if isinstance(table["steps"], list) else []:
        steps.append(Step(each["codemod"], steps[-1].after if steps else before, b64decode(each["after"])))
    return Patch(os.fsdecode(b64decode(str(table["path"]))), before, steps[-1].after, tuple(steps))


def _text(content: bytes) -> str:
    return b64encode(content).decode("ascii")
