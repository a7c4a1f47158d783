"""Taking an apply back: all of it or one codemod's part, and nothing that others have built."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from loadproof.cli.apply import Wish, apply
from loadproof.cli.identity import settings
from loadproof.cli.objects import Change
from loadproof.cli.record import new_record, records, remember
from loadproof.cli.repository import Repository
from loadproof.cli.settings import Asked
from loadproof.cli.trouble import Trouble
from loadproof.cli.undo import latest, undo

from .workbench import BRANCH, blob, changed_on, differences, fingerprint, git, service

pytestmark = pytest.mark.usefixtures("home")

LIMITS = Asked(select=("requests-timeout",))
BASE = b"import os\n\n\ndef a():\n    return 1\n\n\ndef b():\n    return 2\n\n\ndef c():\n    return 3\n"


def branch(folder: Path, *steps: tuple[Sequence[str], dict[str, bytes]]) -> str:
    """A branch as an apply makes it, of these codemods with these contents; its id."""
    repository = Repository.at(str(folder))
    configured = settings(repository.git)
    paths = {path for _, files in steps for path in files}
    changes = [Change(f"{'+'.join(codemods)}\n\nbecause\n", files) for codemods, files in steps]
    with repository.objects() as store:
        made = repository.write(store, BRANCH, changes, dict.fromkeys(paths, "100644"), configured)
    record = new_record(
        BRANCH,
        made.base,
        tuple((commit, tuple(codemods)) for commit, (codemods, _) in zip(made.commits, steps, strict=True)),
    )
    remember(repository, record)
    return record.id


def three(folder: Path) -> str:
    first = BASE.replace(b"return 1", b"return 10")
    second = first.replace(b"return 2", b"return 20")
    third = second.replace(b"return 3", b"return 30")
    return branch(
        folder,
        (["one"], {"app/util.py": first}),
        (["two"], {"app/util.py": second, "app/crm.py": b"x = 1\n"}),
        (["three"], {"app/util.py": third}),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return service(tmp_path / "repo", files={"app/util.py": BASE})


def test_the_whole_apply_is_taken_back(folder: Path) -> None:
    before = fingerprint(folder)
    applied = apply(str(folder), LIMITS, Wish(BRANCH))
    found = latest(str(folder))
    assert found is not None and (found.id, found.branch) == (applied.id, BRANCH)
    back = undo(str(folder), applied.id)
    assert (back.branch, back.tip, back.commits) == (BRANCH, None, (applied.branch.commit if applied.branch else "",))
    assert git(folder, "for-each-ref", f"refs/heads/{BRANCH}") == ""
    assert latest(str(folder)) is None
    assert differences(before, fingerprint(folder)) == []


def test_without_an_id_the_last_one_goes(folder: Path) -> None:
    apply(str(folder), LIMITS, Wish("first"))
    apply(str(folder), LIMITS, Wish("second"))
    assert undo(str(folder)).branch == "second"
    assert undo(str(folder)).branch == "first"
    with pytest.raises(Trouble, match="no apply to take back"):
        undo(str(folder))


def test_two_branches_with_the_same_commit_are_two_applies(folder: Path) -> None:
    steps = (["one"], {"app/util.py": b"x = 2\n"})
    first = branch(folder, steps)
    git(folder, "branch", "second", BRANCH)
    tip = git(folder, "rev-parse", BRANCH)
    second = new_record("second", git(folder, "rev-parse", "HEAD"), ((tip, ("one",)),))
    remember(Repository.at(str(folder)), second)
    assert first != second.id
    assert undo(str(folder), first).branch == BRANCH
    assert git(folder, "rev-parse", "second") == tip


def test_by_the_name_of_the_branch(folder: Path) -> None:
    apply(str(folder), LIMITS, Wish("first"))
    apply(str(folder), LIMITS, Wish("second"))
    assert undo(str(folder), "first").branch == "first"
    with pytest.raises(Trouble, match="there is no apply `third`"):
        undo(str(folder), "third")


def test_not_when_somebody_went_on_there(folder: Path) -> None:
    apply(str(folder), LIMITS, Wish(BRANCH))
    tree = git(folder, "rev-parse", f"{BRANCH}^{{tree}}")
    more = git(folder, "commit-tree", "-p", BRANCH, "-m", "mine", tree)
    git(folder, "update-ref", f"refs/heads/{BRANCH}", more)
    with pytest.raises(Trouble, match="not loadproof's"):
        undo(str(folder))
    assert git(folder, "rev-parse", BRANCH) == more


def test_not_when_another_branch_stands_on_it(folder: Path) -> None:
    apply(str(folder), LIMITS, Wish(BRANCH))
    git(folder, "branch", "feature", BRANCH)
    with pytest.raises(Trouble, match=r"built on .*: feature"):
        undo(str(folder))
    git(folder, "rev-parse", BRANCH)


@pytest.mark.parametrize("linked", [False, True])
def test_not_while_it_is_checked_out(linked: bool, folder: Path, tmp_path: Path) -> None:
    apply(str(folder), LIMITS, Wish(BRANCH))
    if linked:
        git(folder, "worktree", "add", "--quiet", str(tmp_path / "linked"), BRANCH)
    else:
        git(folder, "switch", "--quiet", BRANCH)
    with pytest.raises(Trouble, match="is checked out"):
        undo(str(folder))
    git(folder, "rev-parse", BRANCH)


def test_a_branch_that_is_gone_is_forgotten(folder: Path) -> None:
    apply(str(folder), LIMITS, Wish(BRANCH))
    git(folder, "branch", "--quiet", "-D", BRANCH)
    with pytest.raises(Trouble, match="gone already"):
        undo(str(folder))
    assert latest(str(folder)) is None


def test_what_was_pushed_is_said(folder: Path) -> None:
    apply(str(folder), LIMITS, Wish(BRANCH))
    git(folder, "update-ref", f"refs/remotes/origin/{BRANCH}", BRANCH)
    assert undo(str(folder)).elsewhere == (f"origin/{BRANCH}",)


def test_in_a_linked_work_tree_too(folder: Path, tmp_path: Path) -> None:
    git(folder, "worktree", "add", "--quiet", str(tmp_path / "linked"))
    applied = apply(str(tmp_path / "linked"), LIMITS, Wish(BRANCH))
    assert undo(str(folder)).id == applied.id


# one codemod


@pytest.mark.parametrize("codemod, kept", [("one", [2, 3]), ("two", [1, 3]), ("three", [1, 2])])
def test_one_codemod_leaves_and_the_others_stay(codemod: str, kept: list[int], folder: Path) -> None:
    three(folder)
    tree = fingerprint(folder)
    before = git(folder, "rev-list", "--reverse", f"HEAD..{BRANCH}").split()
    back = undo(str(folder), codemod=codemod)
    want = BASE
    for number in kept:
        want = want.replace(b"return %d\n" % number, b"return %d0\n" % number)
    assert blob(folder, BRANCH, "app/util.py") == want
    assert ("app/crm.py" in changed_on(folder)) == (codemod != "two")
    names = [name for name in ("one", "two", "three") if name != codemod]
    assert git(folder, "log", "--reverse", "--format=%s", f"HEAD..{BRANCH}").split() == names
    assert git(folder, "log", "-1", "--format=%b", BRANCH) == "because\n".rstrip()
    after = git(folder, "rev-list", "--reverse", f"HEAD..{BRANCH}").split()
    assert back.commits == (before[["one", "two", "three"].index(codemod)],)
    assert after[: ["one", "two", "three"].index(codemod)] == before[: ["one", "two", "three"].index(codemod)]
    assert [record.id for record in records(Repository.at(str(folder)))] == [back.id]
    assert {path for path in differences(tree, fingerprint(folder)) if b".git/" not in path} == set()
    assert undo(str(folder), back.id).tip is None


def test_one_after_the_other_until_nothing_is_left(folder: Path) -> None:
    three(folder)
    for codemod in ("two", "three", "one"):
        assert git(folder, "rev-parse", BRANCH)
        undo(str(folder), codemod=codemod)
    assert git(folder, "for-each-ref", f"refs/heads/{BRANCH}") == ""


def test_not_when_a_later_one_changed_the_same_lines(folder: Path) -> None:
    first = BASE.replace(b"return 1", b"return 10")
    branch(
        folder,
        (["one"], {"app/util.py": first}),
        (["two"], {"app/util.py": first.replace(b"return 10", b"return 100")}),
    )
    tip = git(folder, "rev-parse", BRANCH)
    with pytest.raises(Trouble, match="changed the same lines"):
        undo(str(folder), codemod="one")
    assert git(folder, "rev-parse", BRANCH) == tip
    undo(str(folder), codemod="two")
    assert blob(folder, BRANCH, "app/util.py") == first


def test_not_when_a_later_one_uses_what_it_brought(folder: Path) -> None:
    first = BASE.replace(b"import os\n", b"import os\nimport asyncio\n").replace(b"return 1", b"return asyncio.run(1)")
    branch(
        folder,
        (["one"], {"app/util.py": first}),
        (["two"], {"app/util.py": first.replace(b"return 3", b"return asyncio.run(3)")}),
    )
    with pytest.raises(Trouble, match=r"later commits need it.*asyncio"):
        undo(str(folder), codemod="one")


def test_not_when_one_commit_holds_several(folder: Path) -> None:
    branch(folder, (["one", "two"], {"app/util.py": b"x = 2\n"}), (["three"], {"app/util.py": b"x = 3\n"}))
    with pytest.raises(Trouble, match="holds the work of one and two"):
        undo(str(folder), codemod="one")
    with pytest.raises(Trouble, match="holds nothing of four"):
        undo(str(folder), codemod="four")


def test_a_record_that_is_torn_is_passed_over(folder: Path) -> None:
    apply(str(folder), LIMITS, Wish("first"))
    applied = folder / ".git/loadproof/applied"
    (applied / "0000000000.json").write_text("{")
    (applied / "1111111111.json").write_text(json.dumps({"id": 1}))
    found = latest(str(folder))
    assert found is not None and found.branch == "first"
