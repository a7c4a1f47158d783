"""batch run: a branch in each repository, one outcome for each, and a failure that costs only itself."""

from __future__ import annotations

import os
import pickle
import subprocess
from pathlib import Path

import pytest
from loadproof.cli.apply import Wish
from loadproof.cli.batch import ENDINGS, RepositoryOutcome, as_table, exit_code, outcomes, words_in
from loadproof.cli.settings import Asked
from loadproof.cli.sources import source, words_of_list
from loadproof.cli.trouble import Trouble

from .workbench import BRANCH, CRM, FIXED, blob, changed_on, commit, differences, fingerprint, git, service

pytestmark = pytest.mark.usefixtures("home")

LIMITS = Asked(select=("requests-timeout",))


def run(words: list[str], tmp_path: Path, branch: str = BRANCH, **more: object) -> dict[str, RepositoryOutcome]:
    found = list(outcomes(words, LIMITS, Wish(branch), cache=str(tmp_path / "cache"), **more))  # type: ignore[arg-type]
    assert len({one.name for one in found}) == len(found)
    return {one.name: one for one in found}


def test_a_branch_in_each_and_the_work_trees_untouched(tmp_path: Path) -> None:
    folders = [service(tmp_path / f"repo{number}") for number in range(4)]
    before = [fingerprint(folder) for folder in folders]
    found = run([str(folder) for folder in folders], tmp_path, jobs=2)
    assert {one.ending for one in found.values()} == {"branch"}
    assert exit_code(list(found.values())) == 0
    for folder, print_before in zip(folders, before, strict=True):
        assert changed_on(folder) == {"app/crm.py": FIXED}
        assert differences(print_before, fingerprint(folder)) == []
        assert found[str(folder)].counts["fixed"] == 1


def test_every_kind_of_ending(tmp_path: Path) -> None:
    clean = service(tmp_path / "clean", files={"app/crm.py": FIXED})
    taken = service(tmp_path / "taken")
    git(taken, "branch", BRANCH)
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "--quiet")
    words = [str(service(tmp_path / "good")), str(clean), str(taken), str(empty), "nowhere", "http://example.com/x"]
    found = run(words, tmp_path, jobs=2)
    endings = {Path(name).name: one.ending for name, one in found.items()}
    assert endings == {
        "good": "branch",
        "clean": "nothing",
        "taken": "refused",
        "empty": "refused",
        "nowhere": "refused",
        "x": "refused",
    }
    assert all(one.message for one in found.values() if one.ending == "refused")
    assert exit_code(list(found.values())) == 3
    table = as_table(list(found.values()))
    assert table["summary"]["repositories"] == {
        "total": 6,
        "branch": 1,
        "already": 0,
        "nothing": 1,
        "refused": 4,
        "failed": 0,
    }  # type: ignore[index]
    assert table["summary"]["findings"]["fixed"] == 1  # type: ignore[index]


def test_a_second_run_does_nothing_twice(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo")
    first = run([str(folder)], tmp_path)[str(folder)]
    before = fingerprint(folder)
    second = run([str(folder)], tmp_path)[str(folder)]
    assert (second.ending, second.branch, second.exit_code) == ("already", first.branch, 0)
    assert fingerprint(folder) == before
    commit(folder, {"app/mail.py": CRM})
    assert (
        run([str(folder)], tmp_path)[str(folder)].ending == "refused"
    )  # HEAD went on: the branch is not what would be made now


def test_the_same_repository_by_two_names_is_one(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo")
    (tmp_path / "link").symlink_to(folder)
    assert len(run([str(folder), f"{folder}/", str(tmp_path / "link")], tmp_path)) == 1


def test_a_repository_that_kills_its_process_costs_only_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """git itself is made to kill the process that called it, in one repository of six."""
    folders = [service(tmp_path / f"repo{number}") for number in range(6)]
    (folders[2] / "poison").touch()
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "git").write_text(
        f'#!/bin/sh\nif [ -e "$2/poison" ]; then kill -KILL $PPID; sleep 5; fi\nexec {real} "$@"\n'
    )
    (tools / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    found = run([str(folder) for folder in folders], tmp_path, jobs=2)
    endings = [found[str(folder)].ending for folder in folders]
    assert endings == ["branch", "branch", "failed", "branch", "branch", "branch"]
    assert "SIGKILL" in found[str(folders[2])].message
    assert exit_code(list(found.values())) == 3


def test_a_repository_that_hangs_is_given_up(tmp_path: Path) -> None:
    folders = [service(tmp_path / f"repo{number}") for number in range(3)]
    os.mkfifo(tmp_path / "pipe")
    git(folders[1], "config", "include.path", str(tmp_path / "pipe"))
    (tmp_path / "pipe").unlink()
    os.mkfifo(tmp_path / "pipe")
    found = run([str(folder) for folder in folders], tmp_path, jobs=2, limit=3.0)
    assert [found[str(folder)].ending for folder in folders] == ["branch", "failed", "branch"]
    assert "timeout" in found[str(folders[1])].message
    with open(tmp_path / "pipe", "wb"):
        pass  # lets the git that waits there go


def test_outcomes_travel(tmp_path: Path) -> None:
    for one in run([str(service(tmp_path / "repo")), "nowhere"], tmp_path).values():
        assert pickle.loads(pickle.dumps(one)) == one
        assert one.ending in ENDINGS


# clones


def test_a_clone_is_bare_and_shallow_and_brought_up_to_date(tmp_path: Path) -> None:
    origin = service(tmp_path / "origin")
    commit(origin, {"app/util.py": b"X = 2\n"})
    address = f"file://{origin}"
    first = run([address], tmp_path, allow_file=True)[address]
    assert first.ending == "branch"
    assert git(first.folder, "rev-parse", "--is-bare-repository", "--is-shallow-repository").split() == ["true", "true"]
    assert blob(first.folder, BRANCH, "app/crm.py") == FIXED
    assert git(origin, "for-each-ref", f"refs/heads/{BRANCH}") == ""
    commit(origin, {"app/mail.py": CRM})
    second = run([address], tmp_path, "again", allow_file=True)[address]
    assert second.folder == first.folder
    assert blob(second.folder, "again", "app/mail.py") == FIXED
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [Path(first.folder).name]


def test_a_clone_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    found = run([f"file://{tmp_path}/nothing-here"], tmp_path, allow_file=True)
    [one] = found.values()
    assert (one.ending, one.exit_code) == ("refused", 3)
    assert "does not appear to be a git repository" in one.message
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_secret_in_an_address_is_never_shown(tmp_path: Path) -> None:
    [one] = run(["https://ada:hunter2@localhost:1/x.git"], tmp_path).values()
    assert one.ending == "refused"
    assert "hunter2" not in repr(one) and "ada:" not in repr(one)
    assert one.name == "https://localhost:1/x.git"


# words and lists


def test_a_list_has_comments_and_folders_seen_from_itself(tmp_path: Path) -> None:
    folder = service(tmp_path / "fleet/repo")
    (tmp_path / "fleet/list.txt").write_text("# ours\nrepo   # the first\n\n  https://example.com/x#y  \nmissing\n")
    assert words_of_list(str(tmp_path / "fleet/list.txt")) == ["repo", "https://example.com/x#y", "missing"]
    assert words_in([str(tmp_path / "fleet/list.txt")], ["one"]) == [
        "one",
        str(folder),
        "https://example.com/x#y",
        "missing",
    ]


def test_no_repositories_is_said(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("# nothing\n")
    with pytest.raises(Trouble, match="no repositories"):
        words_in([str(tmp_path / "list")])
    with pytest.raises(Trouble, match="cannot be read"):
        words_in([str(tmp_path / "no-list")])


@pytest.mark.parametrize(
    "word, protocol",
    [
        ("https://example.com/x.git", "https"),
        ("https://user:word@example.com:8443/x.git", "https"),
        ("ssh://git@example.com/x.git", "ssh"),
        ("git@example.com:team/x.git", "ssh"),
        ("example.com:x", "ssh"),
    ],
)
def test_addresses_that_are_taken(word: str, protocol: str) -> None:
    found = source(word)
    assert (found.address, found.protocol) == (word, protocol)
    assert "@" not in found.name


@pytest.mark.parametrize(
    "word",
    [
        "ext::sh -c 'touch /tmp/x'", "ext::sh", "fd::17", "fd::17/foo", "http://example.com/x", "git://example.com/x", "ftp://example.com/x",
        "file:///etc", "FILE:///etc", "HTTPS://example.com/x", "-uroot", "--upload-pack=touch /tmp/x", "--config=core.sshCommand=x", "-c",
        "https://-oProxyCommand=x/y", "ssh://-oProxyCommand=touch/x", "-oProxyCommand=x@host:y", "host:-x", "ext://sh", "::x", "a::b", "",
        "https://exa mple.com/x", "https://example.com/x\nhttps://y", "ssh://host/\x1b[2J", "transport::https://x", "persistent-https://x/y",
        "https://example.com/x --upload-pack=y", "git+ssh://host/x", "user@-host:x", "https://",
    ],
)  # fmt: skip
def test_addresses_that_are_refused(word: str) -> None:
    with pytest.raises(Trouble):
        source(word)
