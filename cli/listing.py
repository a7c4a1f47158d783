"""Which files a folder holds: as git sees them, or by walking where git is not at home."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from .declared import declares_for
from .settings import CONFIGURATION

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

# Asked of git, so that it does not print the 50,000 files that nobody asked for.
_GLOBS = ("*.py", "*.toml", "*.lock", "*.txt", "*.in", "*Pipfile", "*setup.cfg")
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
_STRIPPED = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_LITERAL_PATHSPECS",
    "GIT_GLOB_PATHSPECS",
)
_SET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none", "GIT_TERMINAL_PROMPT": "0"}


def listed(root: str, excluded: tuple[str, ...]) -> list[str]:
    """Python files, configuration and declarations below `root`, relative to it, ignored ones left out; sorted."""
    found = _from_git(root, excluded)
    return sorted({path for path in found if is_interesting(path)}) if found else walked(root, excluded)


def walked(root: str, excluded: tuple[str, ...]) -> list[str]:
    """The same without git, also for a folder that git ignores."""
    return sorted({path for path in _walk(root, excluded) if is_interesting(path)})


def is_interesting(path: str) -> bool:
    return path.endswith(".py") or path.rpartition("/")[2] in CONFIGURATION or declares_for(path) is not None


@lru_cache(maxsize=64)
def excluder(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Finds a path that one of the patterns excludes: a bare name at any depth, one with a slash from the top."""
    return re.compile("|".join(_pattern(pattern) for pattern in patterns) or r"(?!)", re.DOTALL)


def _pattern(pattern: str) -> str:
    pattern = pattern.removeprefix("./")
    lead = "" if "/" not in pattern.rstrip("/") else r"\A"
    body = ""
    for part in re.split(r"(\*\*/?|\*|\?|\[[^\]]+\])", pattern.strip("/")):
        if part.startswith("**"):
            body += ".*" if part == "**" else "(?:.*/)?"
        elif part == "*":
            body += "[^/]*"
        elif part == "?":
            body += "[^/]"
        elif part.startswith("[") and part.endswith("]"):
            body += "[" + part[1:-1].replace("\\", "\\\\").replace("!", "^", 1) + "]"
        else:
            body += re.escape(part)
    return f"{lead}(?:\\A|(?<=/)){body}(?=/|\\Z)" if not lead else f"\\A{body}(?=/|\\Z)"


def git_environment() -> dict[str, str]:
    """The user's environment, without what points git at another repository, and with the doors to the network shut."""
    return {name: value for name, value in os.environ.items() if name not in _STRIPPED} | _SET


def _from_git(root: str, excluded: tuple[str, ...]) -> list[str]:
    """git's own answer; empty when this is no repository, or all of it is ignored."""
    if not _in_repository(root):
        return []
    plain = [f"--exclude={name}/" for name in excluded if "/" not in name and "*" not in name]
    command = [*_GIT, "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", *plain, "--", *_GLOBS]
    # not through `subprocess`: its import costs more than git does
    output, nothing = os.pipe(), os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        actions = [
            (os.POSIX_SPAWN_DUP2, nothing, 0),
            (os.POSIX_SPAWN_DUP2, output[1], 1),
            (os.POSIX_SPAWN_DUP2, nothing, 2),
        ]
        child = os.posix_spawnp("git", command, git_environment(), file_actions=actions)
    except OSError:
        os.close(output[0])
        return []  # git is not installed
    finally:
        os.close(output[1])
        os.close(nothing)
    with open(output[0], "rb") as pipe:
        names = pipe.read()
    _, status = os.waitpid(child, 0)
    return os.fsdecode(names).split("\0")[:-1] if status == 0 else []


def _in_repository(folder: str) -> bool:
    while True:
        if os.path.lexists(os.path.join(folder, ".git")):
            return True
        parent = os.path.dirname(folder)
        if parent == folder:
            return False
        folder = parent


def _walk(root: str, excluded: tuple[str, ...]) -> Iterator[str]:
    """Without git: every folder, links not followed, .gitignore files honoured."""
    pruned = excluder(tuple(pattern for pattern in excluded if "/" not in pattern))
    folders: list[tuple[str, tuple[tuple[str, GitIgnoreSpec], ...]]] = [("", ())]
    while folders:
        folder, ignores = folders.pop()
        try:
            entries = sorted(os.scandir(os.path.join(root, folder)), key=lambda entry: entry.name)
        except OSError:
            continue
        lead = f"{folder}/" if folder else ""
        if any(entry.name == ".gitignore" and entry.is_file(follow_symlinks=False) for entry in entries):
            ignores = (*ignores, (lead, _ignores(os.path.join(root, folder, ".gitignore"))))
        for entry in entries:
            path = lead + entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if pruned.search(entry.name) or _ignored(path + "/" * is_folder, ignores):
                continue
            if is_folder:
                folders.append((path, ignores))
            elif not entry.is_dir() or not entry.is_symlink():
                yield path


def _ignores(path: str) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    with open(path, encoding="utf-8", errors="replace") as file:
        return GitIgnoreSpec.from_lines(file)


def _ignored(path: str, ignores: Iterable[tuple[str, GitIgnoreSpec]]) -> bool:
    return any(spec.match_file(path[len(lead) :]) for lead, spec in ignores)
