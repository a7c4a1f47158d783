"""Real repositories for the tests: a small service under git, and a look at everything that must not change."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path

import libcst  # noqa: F401  # here, so that no forked child spends 140 ms on it

CRM = b"""import requests


def fetch_customer(customer_id: str):
    return requests.get(f"https://api.example.com/customers/{customer_id}").json()
"""
FIXED = CRM.replace(b'{customer_id}")', b'{customer_id}", timeout=(5, 20))')
BRANCH = "loadproof/fixes"

# What a branch may add to a git folder: objects, the reference, its log, and what undo wants to know.
_OURS = re.compile(
    rb"(^|/)(objects/([0-9a-f]{2}/[0-9a-f]+|pack/pack-[0-9a-f]+\.(pack|idx|rev))|(logs/)?refs/heads/loadproof/fixes|loadproof/applied/[0-9a-f]+\.json)$"
)


def git(folder: Path | str, *words: str, stdin: bytes | None = None, code: int = 0, **environment: str) -> str:
    """Plain git, as the user would call it."""
    run = subprocess.run(
        ["git", "-C", str(folder), *words], input=stdin, capture_output=True, env={**os.environ, **environment}, check=False
    )  # fmt: skip
    assert run.returncode == code, (words, run.returncode, run.stdout, run.stderr)
    return run.stdout.decode("utf-8", "surrogateescape").rstrip("\n")


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = os.path.join(os.fsencode(folder), name.encode("utf-8", "surrogateescape"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)


def commit(folder: Path, files: dict[str, bytes] | None = None, message: str = "work") -> str:
    """Write the files, commit everything; the new commit."""
    write(folder, files or {})
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def service(folder: Path, *options: str, files: dict[str, bytes] | None = None) -> Path:
    """A repository with one call that waits for ever."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", *options)
    commit(folder, {"app/crm.py": CRM, "app/util.py": b"X = 1\n", "README.md": b"# a service\n", **(files or {})})
    return folder


Print = dict[bytes, tuple[object, ...]]


def fingerprint(folder: Path | str) -> Print:
    """Kind, mode, time and content of everything below the folder."""
    found: Print = {}
    root = os.fsencode(str(folder))
    for here, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = os.path.join(here, name)
            relative = os.path.relpath(path, root)
            about = os.lstat(path)
            if stat.S_ISLNK(about.st_mode):
                found[relative] = ("link", os.readlink(path), about.st_mtime_ns)
            elif stat.S_ISREG(about.st_mode):
                with open(path, "rb") as file:
                    time = 0 if b"/objects/" in relative else about.st_mtime_ns  # git renews an object that it would write again
                    found[relative] = ("file", about.st_mode, time, file.read())
            elif not stat.S_ISDIR(about.st_mode):
                found[relative] = ("other", about.st_mode)
    return found


def differences(before: Print, after: Print) -> list[bytes]:
    """What is not as it was; a new branch may add what it has to, and may change nothing."""
    changed = [path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]
    return sorted(path for path in changed if path in before or not _OURS.search(path))


def changed_on(folder: Path | str, branch: str = BRANCH, base: str = "HEAD") -> dict[str, bytes]:
    """The files in which the branch differs from the base, with their content on the branch."""
    no_index = {"GIT_INDEX_FILE": os.path.join(str(folder), "no-such-index")}
    names = git(folder, "diff-tree", "-r", "-z", "--name-only", base, branch, **no_index).split("\0")[:-1]
    return {name: blob(folder, branch, name) for name in names}


def blob(folder: Path | str, commit: str, name: str) -> bytes:
    line = next(
        line
        for line in git(folder, "ls-tree", "-r", "-z", "--full-tree", commit).split("\0")
        if line.partition("\t")[2] == name
    )
    run = subprocess.run(
        ["git", "-C", str(folder), "cat-file", "blob", line.split()[2]], capture_output=True, check=True
    )
    return run.stdout
