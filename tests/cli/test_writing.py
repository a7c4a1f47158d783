"""Files are written whole or not at all, and what belongs together is written together."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loadproof.cli import files, journal
from loadproof.cli.fixing import fix
from loadproof.cli.merge import merged
from loadproof.cli.plan import plan
from loadproof.cli.project import projects
from loadproof.cli.report.patch import file_patch
from loadproof.cli.settings import Asked
from loadproof.codemods.kit.rewrite import Verdict

from .command import FIXED, HANG, loadproof, tree


def test_all_or_none(tmp_path: Path) -> None:
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_bytes(b"1")
    two.write_bytes(b"2")
    with pytest.raises(OSError, match="changed while"):
        files.write_all([(str(one), b"1", b"new"), (str(two), b"other than it holds", b"new")])
    assert tree(tmp_path) == {"one.py": b"1", "two.py": b"2"}
    files.write_all([(str(one), b"1", b"new 1"), (str(two), b"2", b"new 2")])
    assert tree(tmp_path) == {"one.py": b"new 1", "two.py": b"new 2"}


def test_a_file_that_changed_meanwhile_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_bytes(b"")
    (tmp_path / "a.py").write_bytes(HANG)
    (tmp_path / "b.py").write_bytes(HANG)
    plans = [plan(project) for project in projects((), Asked())]
    (tmp_path / "a.py").write_bytes(b"mine = 1\n")
    done = fix(plans)
    by_path = {row.path: row for row in done.outcome.rows}
    assert (by_path["a.py"].status, by_path["a.py"].reason, by_path["b.py"].status) == (
        "failed",
        "not-written",
        "fixed",
    )
    assert done.outcome.exit_code == 3
    assert (tmp_path / "a.py").read_bytes() == b"mine = 1\n"
    assert (tmp_path / "b.py").read_bytes() == FIXED


def test_links_are_not_written_through(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(HANG)
    (tmp_path / "link").symlink_to("target")
    with pytest.raises(OSError, match="symbolic link"):
        files.write_all([(str(tmp_path / "link"), HANG, FIXED)])
    assert target.read_bytes() == HANG


def test_what_a_killed_run_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(HANG)
    ended = subprocess.Popen(["true"])
    ended.wait()
    (tmp_path / f".loadproof-{ended.pid}-00000000.tmp").write_bytes(b"half")
    (tmp_path / f".loadproof-{os.getpid()}-00000000.tmp").write_bytes(b"another run's, at work")
    loadproof("fix", cwd=tmp_path)
    assert sorted(os.listdir(tmp_path)) == [f".loadproof-{os.getpid()}-00000000.tmp", "a.py"]


def test_reading_has_a_limit_and_reasons(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 100)

    def reason(name: str) -> str:
        found = files.read(str(tmp_path / name), name, limit=50)
        assert isinstance(found, Verdict)
        return found.reason

    assert reason("large") == "too-large"
    assert reason("none") == "missing"
    assert reason(".") == "not-a-file"


def test_a_journal_that_cannot_be_written_stops_everything(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(HANG)
    (tmp_path / "state").write_bytes(b"a file where a folder should be")
    said = loadproof("fix", cwd=tmp_path, XDG_STATE_HOME=str(tmp_path / "state"))
    assert said.code == 2
    assert "no file was changed" in said.err
    assert (tmp_path / "a.py").read_bytes() == HANG


def test_the_journal_forgets_the_oldest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(journal, "KEPT", 3)
    names = [journal.remember(str(tmp_path), []) for _ in range(5)]
    assert journal.entries(str(tmp_path)) == names[-3:]


def test_a_linked_work_tree_has_its_own_journal(tmp_path: Path) -> None:
    main = tmp_path / "main"
    main.mkdir()
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-C", str(main)]
    subprocess.run([*git, "init", "-q"], check=True)
    (main / "a.py").write_bytes(HANG)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "work"], check=True)
    subprocess.run([*git, "worktree", "add", "-q", str(tmp_path / "linked")], check=True)
    loadproof("fix", cwd=tmp_path / "linked")
    assert journal.entries(str(tmp_path / "linked"))
    assert not journal.entries(str(main))
    assert loadproof("undo", cwd=tmp_path / "linked").code == 0
    assert (tmp_path / "linked" / "a.py").read_bytes() == HANG


LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"\n", b"c\r\n", b"\xff\n"]), max_size=12)


@given(base=LINES, ours=LINES, theirs=LINES)
def test_a_merge_takes_both_sides_or_refuses(base: list[bytes], ours: list[bytes], theirs: list[bytes]) -> None:
    one, two, three = b"".join(base), b"".join(ours), b"".join(theirs)
    assert merged(one, one, three) == three
    assert merged(one, two, one) == two
    assert merged(one, two, two) == two
    assert merged(one, two, three) == merged(one, three, two)


def test_a_merge_of_changes_apart() -> None:
    base = b"1\n2\n3\n4\n"
    assert merged(base, b"one\n2\n3\n4\n", b"1\n2\n3\nfour\n") == b"one\n2\n3\nfour\n"
    assert merged(base, b"one\n2\n3\n4\n", b"1\ntwo\n3\n4\n") == b"one\ntwo\n3\n4\n"
    assert merged(base, b"one\n2\n3\n4\n", b"eins\n2\n3\n4\n") is None
    assert merged(base, b"1\n2\nmore\n3\n4\n", b"1\n2\nother\n3\n4\n") is None


@given(old=LINES, new=LINES, last=st.booleans())
def test_git_applies_what_we_print(
    tmp_path_factory: pytest.TempPathFactory, old: list[bytes], new: list[bytes], last: bool
) -> None:
    before, after = b"".join(old), b"".join(new)
    if last:
        after = after.removesuffix(b"\n")
    if before == after or not before or not after:
        return
    folder = tmp_path_factory.mktemp("patch")
    (folder / "a file.py").write_bytes(before)
    subprocess.run(
        ["git", "apply", "-"], cwd=folder, input=b"".join(file_patch("a file.py", before, after)), check=True
    )
    assert (folder / "a file.py").read_bytes() == after
