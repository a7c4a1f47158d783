"""`apply`, `batch run`, `undo` and --diff-base as they are typed: what goes where, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .command import loadproof
from .workbench import BRANCH, CRM, FIXED, changed_on, commit, differences, fingerprint, git, service

pytestmark = pytest.mark.usefixtures("home")

LIMITS = ("--select", "requests-timeout")


def test_apply_as_json(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo")
    said = loadproof("apply", "-b", BRANCH, *LIMITS, "--output-format", "json", cwd=folder)
    assert said.code == 0
    assert said.json["branch"] == {
        "name": BRANCH,
        "commit": git(folder, "rev-parse", BRANCH),
        "base": git(folder, "rev-parse", "HEAD"),
    }
    assert said.json["commits"] == [
        {"codemod": "requests-timeout", "commit": git(folder, "rev-parse", BRANCH), "files": ["app/crm.py"]}
    ]
    assert said.json["skipped"] == []
    assert [(row["path"], row["status"]) for row in said.json["findings"]] == [("app/crm.py", "fixed")]
    assert said.json["summary"]["found"] == said.json["summary"]["fixed"] == 1
    assert said.json["files"]["changed"] == 1


def test_apply_for_people_keeps_its_news_off_standard_output(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo")
    before = fingerprint(folder)
    said = loadproof("apply", "-b", BRANCH, *LIMITS, "--verify", "true", cwd=folder)
    assert said.code == 0
    assert "app/crm.py:5" in said.out and BRANCH not in said.out
    assert f"branch {BRANCH}: 1 commit" in said.err and "true  (as it was)" in said.err
    assert differences(before, fingerprint(folder)) == []


def test_apply_with_nothing_to_fix_ends_as_check_does(tmp_path: Path) -> None:
    folder = service(
        tmp_path / "repo", files={"app/crm.py": b"import requests\n\nrequests.get('https://x', **options)\n"}
    )
    check = loadproof("check", *LIMITS, cwd=folder)
    said = loadproof("apply", "-b", BRANCH, *LIMITS, "--output-format", "json", cwd=folder)
    assert (said.code, said.json["branch"], said.json["commits"]) == (check.code, None, []) == (1, None, [])


def test_a_verification_that_leaves_something_out_ends_with_3_and_shows_why(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo", files={"app/mail.py": CRM})
    command = "echo checking; if grep -q timeout app/mail.py; then echo mail is broken; exit 1; fi"
    said = loadproof("apply", "-b", BRANCH, *LIMITS, "--verify", command, "--output-format", "json", cwd=folder)
    assert said.code == 3
    assert said.json["skipped"] == [{"what": "requests-timeout in app/mail.py", "reason": "verification"}]
    assert {row["path"]: row["status"] for row in said.json["findings"]} == {
        "app/crm.py": "fixed",
        "app/mail.py": "failed",
    }
    assert "  | mail is broken" in said.err
    assert set(changed_on(folder)) == {"app/crm.py"}


@pytest.mark.parametrize(
    "words, told",
    [
        (("-b", "-D"), "no name for a branch"),
        (("-b", "main"), "exists already"),
        (("-b", "x", "nowhere"), "not a folder"),
        (("-b", "x", "--diff-base", "no-such-ref"), "no commit here"),
        (("-b", "x", "--diff-base", "--output=x"), "is no commit"),
        (("-b", "x", "--on-fail", "panic"), "panic"),
        (("-b", "x", "--commit-per", "line"), "line"),
    ],
)
def test_apply_that_cannot_be_understood_ends_with_2(words: tuple[str, ...], told: str, tmp_path: Path) -> None:
    said = loadproof("apply", *LIMITS, *words, cwd=service(tmp_path / "repo"))
    assert (said.code, said.out) == (2, "")
    assert told in said.err


def test_undo_takes_back_what_was_last(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo")
    assert loadproof("apply", "-b", BRANCH, *LIMITS, cwd=folder).code == 0
    assert loadproof("fix", *LIMITS, cwd=folder).code == 0
    assert (folder / "app/crm.py").read_bytes() == FIXED
    assert loadproof("undo", cwd=folder).code == 0
    assert (folder / "app/crm.py").read_bytes() == CRM
    assert git(folder, "for-each-ref", f"refs/heads/{BRANCH}") != ""
    said = loadproof("undo", cwd=folder)
    assert said.code == 0 and BRANCH in said.err + said.out
    assert git(folder, "for-each-ref", f"refs/heads/{BRANCH}") == ""
    assert loadproof("undo", cwd=folder).code == 2


def test_undo_by_id_and_by_codemod(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo")
    loadproof("apply", "-b", BRANCH, *LIMITS, cwd=folder)
    assert loadproof("undo", "nonsense", cwd=folder).code == 2
    assert loadproof("undo", "--codemod", "async-client", cwd=folder).code == 2
    assert loadproof("undo", BRANCH, "--codemod", "requests-timeout", cwd=folder).code == 0
    assert git(folder, "for-each-ref", f"refs/heads/{BRANCH}") == ""


def test_only_changed_lines_in_the_work_tree(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo")
    more = CRM + b"\n\ndef again():\n    return requests.get('https://api.example.com').json()\n"
    (folder / "app/crm.py").write_bytes(more)
    (folder / "app/new.py").write_bytes(CRM)
    said = loadproof("check", *LIMITS, "--diff-base", "HEAD", "--output-format", "json", cwd=folder)
    assert [(row["path"], row["line"]) for row in said.json["findings"]] == [("app/crm.py", 9), ("app/new.py", 5)]
    below = loadproof("check", *LIMITS, "--diff-base", "HEAD", "--output-format", "json", ".", cwd=folder / "app")
    assert [(row["path"], row["line"]) for row in below.json["findings"]] == [("crm.py", 9), ("new.py", 5)]
    assert loadproof("fix", *LIMITS, "--diff-base", "HEAD", cwd=folder).code == 0
    assert (folder / "app/crm.py").read_bytes() == more.replace(b"example.com')", b"example.com', timeout=(5, 20))")
    assert (folder / "app/new.py").read_bytes() == FIXED


def test_other_line_ends_in_the_work_tree_are_no_change(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo")
    (folder / "app/crm.py").write_bytes(CRM.replace(b"\n", b"\r\n"))
    assert loadproof("check", *LIMITS, "--diff-base", "HEAD", cwd=folder).code == 0


def test_since_the_branches_parted(tmp_path: Path) -> None:
    """What the other branch did meanwhile is not ours."""
    folder = service(tmp_path / "repo")
    git(folder, "switch", "--quiet", "--create", "feature")
    commit(folder, {"app/mine.py": CRM})
    git(folder, "switch", "--quiet", "main")
    commit(folder, {"app/crm.py": b"# rewritten\n"})
    git(folder, "switch", "--quiet", "feature")
    said = loadproof("check", *LIMITS, "--diff-base", "main", "--output-format", "json", cwd=folder)
    assert [row["path"] for row in said.json["findings"]] == ["app/mine.py"]


# batch


def test_batch_run_over_a_list(tmp_path: Path) -> None:
    for name in ("one", "two"):
        service(tmp_path / name)
    (tmp_path / "list.txt").write_text("# all of them\none\ntwo   # the second\nmissing\n")
    said = loadproof(
        "batch", "run", "-b", BRANCH, *LIMITS, "--repos", "list.txt", "-j", "2", "--output-format", "json", cwd=tmp_path
    )
    assert said.code == 3
    outcomes = {Path(one["name"]).name: one for one in json.loads(said.out)["repositories"]}
    assert {name: one["outcome"] for name, one in outcomes.items()} == {
        "one": "branch",
        "two": "branch",
        "missing": "refused",
    }
    for name in ("one", "two"):
        assert changed_on(tmp_path / name) == {"app/crm.py": FIXED}
        assert outcomes[name]["branch"]["commit"] == git(tmp_path / name, "rev-parse", BRANCH)
    assert "missing" in said.err


def test_batch_run_for_people(tmp_path: Path) -> None:
    service(tmp_path / "one")
    said = loadproof("batch", "run", "-b", BRANCH, *LIMITS, "one", cwd=tmp_path)
    assert said.code == 0
    assert f"one: branch {BRANCH} at" in said.out and "1 fixed in 1 file" in said.out
    assert loadproof("batch", "run", "-b", BRANCH, cwd=tmp_path).code == 2
