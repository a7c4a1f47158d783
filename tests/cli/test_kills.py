"""SIGKILL at any moment: nothing torn, nothing half, and the next run works.

LOADPROOF_KILLS=200 is the slow suite; a few are enough to see a mistake.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from loadproof.cli import journal
from loadproof.cli.apply import Wish, apply
from loadproof.cli.batch import outcomes
from loadproof.cli.fixing import fix, undo
from loadproof.cli.git import ready
from loadproof.cli.plan import plan
from loadproof.cli.project import projects
from loadproof.cli.settings import Asked
from loadproof.cli.temporary import sweep

from .workbench import BRANCH, CRM, FIXED, changed_on, differences, fingerprint, git, service

pytestmark = pytest.mark.usefixtures("home")

KILLS = int(os.environ.get("LOADPROOF_KILLS", "10"))
LIMITS = Asked(select=("requests-timeout",))
FILES = {f"app/part{number}.py": CRM + b"# %d\n" % number for number in range(12)}
AFTER = {"app/crm.py": FIXED} | {path: FIXED + content.removeprefix(CRM) for path, content in FILES.items()}


def killed(work: Callable[[], object], after: float) -> bool:
    """Run it in a process of its own and kill that, with all it started, after so many seconds; whether it was still at work."""
    child = os.fork()
    if child == 0:
        os.setsid()
        work()
        os._exit(0)
    deadline = time.monotonic() + after
    while time.monotonic() < deadline:
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        time.sleep(0.0005)
    with suppress(ProcessLookupError):  # so early that it has no group yet
        os.killpg(child, signal.SIGKILL)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def duration(work: Callable[[], object]) -> float:
    started = time.monotonic()
    assert not killed(work, 60)
    return time.monotonic() - started


def moments(whole: float) -> list[float]:
    """As many moments as there are kills, from the start to a little after the end."""
    chance = random.Random(int(os.environ.get("LOADPROOF_SEED", time.time_ns())))
    return [chance.uniform(0, whole * 1.1) for _ in range(KILLS)]


def wait_for_git(folder: Path) -> None:
    """The one call of git that outlives us, the one that writes the reference, ends by itself and at once."""
    deadline = time.monotonic() + 10
    while (
        time.monotonic() < deadline
        and subprocess.run(
            ["pgrep", "-f", f"update-ref.*{folder}|{folder}.*update-ref"], capture_output=True, check=False
        ).stdout
    ):
        time.sleep(0.01)


def _is_rubbish_of_git(path: bytes) -> bool:
    """What git itself leaves in its store of objects when it is killed; nothing refers to it and `git gc` removes it."""
    return b".git/objects/" in path and os.path.basename(path).startswith((b"tmp_", b"pack-"))


def test_a_branch_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    template = service(tmp_path / "template", files=FILES)
    ready()

    def copy() -> Path:
        return Path(shutil.copytree(template, tmp_path / "repo", symlinks=True))

    folder = copy()
    whole = duration(lambda: apply(str(folder), LIMITS, Wish(BRANCH)))
    hit = 0
    for moment in moments(whole):
        shutil.rmtree(folder)
        copy()
        before = fingerprint(folder)
        hit += killed(lambda: apply(str(folder), LIMITS, Wish(BRANCH)), moment)
        wait_for_git(folder)
        changed = [path for path in differences(before, fingerprint(folder)) if not _is_rubbish_of_git(path)]
        assert [path for path in changed if not path.startswith(b".git/loadproof/applied/.")] == [], moment
        there = git(folder, "for-each-ref", "--format=%(refname:short)") == f"{BRANCH}\nmain"
        if there:
            assert changed_on(folder) == AFTER
        git(folder, "fsck", "--no-dangling", "--strict")
        [one] = outcomes([str(folder)], LIMITS, Wish(BRANCH))
        assert one.ending == ("already" if there else "branch"), one
        assert changed_on(folder) == AFTER
    assert hit


def test_files_are_before_or_after_and_undo_brings_them_back(tmp_path: Path) -> None:
    template = service(tmp_path / "template", files=FILES)
    names = ["app/crm.py", *FILES]
    old = {name: (template / name).read_bytes() for name in names}

    def fixed(folder: Path) -> None:
        fix([plan(project) for project in projects([str(folder)], LIMITS)])

    folder = Path(shutil.copytree(template, tmp_path / "repo", symlinks=True))
    whole = duration(lambda: fixed(folder))
    hit = 0
    for moment in moments(whole):
        shutil.rmtree(folder)
        shutil.copytree(template, folder, symlinks=True)
        hit += killed(lambda: fixed(folder), moment)
        now = {name: (folder / name).read_bytes() for name in names}
        assert all(now[name] in (old[name], AFTER[name]) for name in names), moment
        fixed(folder)  # goes on where the killed one stopped, and sweeps what it left
        assert {name: (folder / name).read_bytes() for name in names} == AFTER
        assert not [path for path in folder.rglob("*") if ".loadproof" in path.name and ".git" not in path.parts]
        for entry in reversed(journal.entries(str(folder))):
            undo(str(folder), entry)
        assert {name: (folder / name).read_bytes() for name in names} == old
        git(folder, "diff", "--exit-code", "--quiet")
    assert hit


def test_a_batch_that_was_killed_is_simply_run_again(tmp_path: Path) -> None:
    folders = [service(tmp_path / f"repo{number}", files={"app/mail.py": CRM}) for number in range(4)]
    words = [str(folder) for folder in folders]
    ready()
    whole = duration(lambda: list(outcomes(words, LIMITS, Wish("measured"), jobs=2)))
    for number, moment in enumerate(moments(whole)[: max(2, KILLS // 4)]):
        branch = f"loadproof/run{number}"
        killed(lambda branch=branch: list(outcomes(words, LIMITS, Wish(branch), jobs=2)), moment)  # type: ignore[misc]
        for folder in folders:
            wait_for_git(folder)
        found = list(outcomes(words, LIMITS, Wish(branch), jobs=2))
        assert {one.ending for one in found} <= {"branch", "already"}, [one.message for one in found]
        for folder in folders:
            assert changed_on(folder, branch) == {"app/crm.py": FIXED, "app/mail.py": FIXED}


def test_folders_of_killed_runs_are_swept_when_they_are_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    gone = os.fork()
    if gone == 0:
        os._exit(0)
    os.waitpid(gone, 0)
    yesterday = time.time() - 2 * 24 * 3600
    for name, when in {
        f"loadproof-{gone}-old": yesterday,
        f"loadproof-{gone}-new": time.time(),
        f"loadproof-{os.getpid()}-x": yesterday,
        "mine": yesterday,
    }.items():
        (tmp_path / name / "deep").mkdir(parents=True)
        os.utime(tmp_path / name, (when, when))
    (tmp_path / f"loadproof-{gone}-link").symlink_to(tmp_path / "mine")
    sweep()
    left = {path.name for path in tmp_path.iterdir() if path.name != "home"}
    assert left == {f"loadproof-{gone}-new", f"loadproof-{os.getpid()}-x", "mine", f"loadproof-{gone}-link"}
    assert (tmp_path / "mine/deep").is_dir()
