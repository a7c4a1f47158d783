"""Bad input: every file gets a verdict, costs only itself, and is left as it is."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from .bad import Case, cases
from .command import FIXED, HANG, Said, loadproof, tree

CASES = list(cases())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them in one project, among files that are well."""
    top = tmp_path_factory.mktemp("bad")
    for name, content, _ in CASES:
        (top / f"{name}.py").write_bytes(content)
    for number in range(5):
        (top / f"zz_well_{number}.py").write_bytes(HANG)
    return top


@pytest.fixture(scope="module")
def checked(folder: Path) -> Said:
    return loadproof("check", "--output-format", "json", "--select", "requests-timeout", cwd=folder)


@pytest.fixture(scope="module")
def fixed(folder: Path, checked: Said) -> dict[str, bytes]:
    """The files after `fix`."""
    assert checked.code == 3
    done = loadproof("fix", "-q", "--select", "requests-timeout", cwd=folder)
    assert done.code == 3
    return tree(folder)


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 120
    assert len({name for name, _, _ in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_each_gets_its_verdict_and_stays_as_it_is(case: Case, checked: Said, fixed: dict[str, bytes]) -> None:
    name, content, wanted = case
    path = f"{name}.py"
    verdicts = [entry["reason"] for entry in checked.json["files"]["unreadable"] if entry["path"] == path]
    found = [finding for finding in checked.json["findings"] if finding["path"] == path]
    assert len(verdicts) <= 1
    if wanted is None or not verdicts:
        assert not verdicts
        assert wanted is None or "-" in wanted
        assert found or b"nbformat" in content
        assert (fixed[path] != content) == bool(found)
    else:
        assert verdicts[0] in wanted
        assert not found
        assert fixed[path] == content


def test_those_beside_them_are_fixed(fixed: dict[str, bytes]) -> None:
    assert [content for path, content in fixed.items() if path.startswith("zz_well")] == [FIXED] * 5


def test_every_file_is_counted(checked: Said) -> None:
    files = checked.json["files"]
    unread_by_size = [entry for entry in files["unreadable"] if entry["reason"] == "too-large"]
    assert files["read"] + len(unread_by_size) == len(CASES) + 5


def test_a_second_fix_finds_nothing_more(folder: Path, fixed: dict[str, bytes]) -> None:
    again = loadproof("fix", "--output-format", "json", "--select", "requests-timeout", cwd=folder)
    assert again.json["summary"]["fixed"] == again.json["summary"]["fixable"] == 0
    assert tree(folder) == fixed


# the file system


def unread(said: Said) -> dict[str, str]:
    return {entry["path"]: entry["reason"] for entry in said.json["files"]["unreadable"]}


def check(*words: str, cwd: Path) -> Said:
    return loadproof("check", "--output-format", "json", *words, cwd=cwd)


def test_a_link_out_of_the_project_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_bytes(HANG)
    project = tmp_path / "project"
    project.mkdir()
    (project / "link.py").symlink_to("../outside.py")
    said = loadproof("fix", "--output-format", "json", cwd=project)
    assert (said.code, unread(said)) == (3, {"link.py": "symlink"})
    assert (tmp_path / "outside.py").read_bytes() == HANG
    assert (project / "link.py").is_symlink()


def test_a_link_to_a_file_that_is_read_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "real.py").write_bytes(HANG)
    (tmp_path / "link.py").symlink_to("real.py")
    said = loadproof("fix", "--output-format", "json", cwd=tmp_path)
    assert (said.code, unread(said), said.json["summary"]["fixed"]) == (0, {}, 1)
    assert (tmp_path / "link.py").is_symlink()
    assert (tmp_path / "real.py").read_bytes() == FIXED


def test_a_link_that_is_named_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real.py").write_bytes(HANG)
    (tmp_path / "link.py").symlink_to("real.py")
    said = check("link.py", cwd=tmp_path)
    assert (said.code, unread(said)) == (3, {"link.py": "symlink"})


def test_a_folder_behind_a_link_is_not_entered(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.py").write_bytes(HANG)
    project = tmp_path / "project"
    project.mkdir()
    (project / "linked").symlink_to("../elsewhere")
    (project / "own.py").write_bytes(b"x = 1\n")
    said = loadproof("fix", "--output-format", "json", cwd=project)
    assert (said.code, said.json["files"]["read"]) == (0, 1)
    assert (elsewhere / "a.py").read_bytes() == HANG


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "a.py").write_bytes(HANG)
    said = check(cwd=tmp_path)
    assert (said.code, unread(said), said.json["summary"]["found"]) == (3, {"pipe.py": "not-a-file"}, 1)


def test_a_file_with_a_second_name_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_bytes(HANG)
    os.link(tmp_path / "one.py", tmp_path / "two.py")
    said = loadproof("fix", "--output-format", "json", cwd=tmp_path)
    assert (said.code, unread(said)) == (3, {"one.py": "hard-link", "two.py": "hard-link"})
    assert tree(tmp_path) == {"one.py": HANG, "two.py": HANG}


def test_a_folder_named_like_a_file_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "folder.py" / "a.py").write_bytes(HANG)
    said = check(cwd=tmp_path)
    assert (said.code, [finding["path"] for finding in said.json["findings"]]) == (1, ["folder.py/a.py"])


def test_a_broken_link_is_told(tmp_path: Path) -> None:
    (tmp_path / "gone.py").symlink_to("nowhere.py")
    assert unread(check(cwd=tmp_path)) == {"gone.py": "symlink"}


@pytest.mark.parametrize(
    "name",
    ["with space.py", 'quote".py', "tab\t.py", "new\nline.py", "ümlaut.py", "-dash.py", "\udcff.py", "\x1b[31m.py"],
)
def test_any_name_is_a_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(HANG)
    said = check(cwd=tmp_path)
    assert [finding["path"] for finding in said.json["findings"]] == [name]
    shown = loadproof("check", cwd=tmp_path)
    assert "\x1b" not in shown.out + shown.err
    assert len(shown.out.splitlines()) == 1
    patch = loadproof("diff", cwd=tmp_path).raw
    (tmp_path / "change.patch").write_bytes(patch)
    assert os.spawnlp(os.P_WAIT, "git", "git", "-C", str(tmp_path), "apply", "change.patch") == 0
    assert (tmp_path / name).read_bytes() == FIXED


def test_the_mode_stays(tmp_path: Path) -> None:
    (tmp_path / "tool.py").write_bytes(HANG)
    (tmp_path / "tool.py").chmod(0o751)
    assert loadproof("fix", cwd=tmp_path).code == 0
    assert stat.S_IMODE((tmp_path / "tool.py").stat().st_mode) == 0o751
    assert sorted(os.listdir(tmp_path)) == ["tool.py"]


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_marks_stay(tmp_path: Path, ends: bytes, last: bool, bom: bytes) -> None:
    def written(content: bytes) -> bytes:
        return bom + (content if last else content.rstrip(b"\n")).replace(b"\n", ends)

    (tmp_path / "a.py").write_bytes(written(HANG))
    patch = loadproof("diff", cwd=tmp_path).raw
    assert loadproof("fix", cwd=tmp_path).code == 0
    assert (tmp_path / "a.py").read_bytes() == written(FIXED)
    (tmp_path / "a.py").write_bytes(written(HANG))
    (tmp_path / "change.patch").write_bytes(patch)
    assert os.spawnlp(os.P_WAIT, "git", "git", "-C", str(tmp_path), "apply", "change.patch") == 0
    assert (tmp_path / "a.py").read_bytes() == written(FIXED)
