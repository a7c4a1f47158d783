"""Modules that lie in the folder that we work on are never imported: not by the command, not by `python -m`, not by a child."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .workbench import BRANCH, git, service

pytestmark = pytest.mark.usefixtures("home")

# Everything that a run imports of its own accord, and some of what those import.
NAMES = [
    "black",
    "bowler",
    "cli",
    "click",
    "codemods",
    "difflib",
    "fissix",
    "git",
    "gitdb",
    "hashlib",
    "html",
    "json",
    "libcst",
    "loadproof_plugin",
    "marshal",
    "moreorless",
    "pathspec",
    "pickle",
    "platformdirs",
    "pygments",
    "resource",
    "rich",
    "select",
    "signal",
    "smmap",
    "sqlite3",
    "subprocess",
    "tempfile",
    "textwrap",
    "tomllib",
    "typing_extensions",
    "sitecustomize",
    "usercustomize",
]

COMMANDS = {
    "check": ["check", "."],
    "diff": ["diff", "."],
    "apply": ["apply", "-b", BRANCH],
    "apply --verify": ["apply", "-b", "loadproof/verified", "--verify", "true"],
    "batch": ["batch", "run", "-b", "loadproof/batch", "."],
    "explain": ["explain", "requests-timeout"],
    "fix": ["fix", "."],
    "undo": ["undo"],
    "help": ["--help"],
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository full of modules that tell when they are imported."""
    template = tmp_path_factory.mktemp("hostile")
    for name in NAMES:
        (template / f"{name}.py").write_text(
            f"open({str(template / 'executed')!r}, 'a').write('{name} ')\nimport os; os._exit(66)\n"
        )
    (template / "conftest.py").write_text((template / "git.py").read_text().replace("git ", "conftest "))
    return template


@pytest.mark.parametrize("way", ["command", "module"])
def test_no_module_of_the_repository_is_imported(way: str, hostile: Path, tmp_path: Path) -> None:
    marker = hostile / "executed"
    marker.unlink(missing_ok=True)
    folder = service(tmp_path / "repo")
    for path in hostile.glob("*.py"):
        shutil.copy(path, folder)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "modules")
    start = (
        [os.path.join(os.path.dirname(sys.executable), "loadproof")]
        if way == "command"
        else [sys.executable, "-m", "loadproof"]
    )
    for name, words in COMMANDS.items():
        run = subprocess.run([*start, *words], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        assert not marker.exists(), (name, marker.read_text())
        assert run.returncode in (0, 1, 3), (name, run.returncode, run.stdout, run.stderr)


def test_the_modules_do_tell(hostile: Path) -> None:
    """Without our care they are imported: the test above can fail."""
    run = subprocess.run([sys.executable, "-c", "import click"], cwd=hostile, check=False)
    assert run.returncode == 66
    (hostile / "executed").unlink()
