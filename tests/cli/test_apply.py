"""apply on real repositories: what is on the branch, what is said, how it ends, and what a verification sees."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
from loadproof.cli.apply import Applied, Wish, apply
from loadproof.cli.settings import Asked
from loadproof.cli.trouble import Trouble

from .workbench import BRANCH, CRM, FIXED, blob, changed_on, commit, differences, fingerprint, git, service, write

pytestmark = pytest.mark.usefixtures("home")

LIMITS = Asked(select=("requests-timeout",))
WISH = Wish(BRANCH)


def reasons(applied: Applied) -> set[tuple[str, str]]:
    return {(one.what, one.reason) for one in applied.skipped}


def test_the_commit_carries_the_users_name_and_the_whole_story(tmp_path: Path) -> None:
    folder = service(
        tmp_path / "repo", files={"app/mail.py": b"import requests\n\nrequests.get('https://x', **options)\n"}
    )
    applied = apply(str(folder), LIMITS, WISH)
    name, email, *message = git(folder, "log", "-1", "--format=%an%n%ae%n%B", BRANCH).split("\n")
    assert (name, email) == ("Ada Example", "ada@example.com")
    assert message[0] == "Give every call of requests a time limit"
    assert "- app/crm.py:5: " in "\n".join(message)
    assert "[keywords-spread]" in "\n".join(message)
    assert "Loadproof-Codemod: requests-timeout" in message
    assert applied.exit_code == 1  # one refusal remains
    assert applied.as_json() == {
        "branch": {
            "name": BRANCH,
            "commit": git(folder, "rev-parse", BRANCH),
            "base": git(folder, "rev-parse", "HEAD"),
        },
        "commits": [
            {"codemod": "requests-timeout", "commit": git(folder, "rev-parse", BRANCH), "files": ["app/crm.py"]}
        ],
        "skipped": [],
    }
    assert {(row.path, row.status) for row in applied.outcome.rows} == {
        ("app/crm.py", "fixed"),
        ("app/mail.py", "refused"),
    }


def test_the_environment_names_the_author_as_it_does_for_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = service(tmp_path / "repo")
    git(folder, "config", "user.email", "ada@work.example")
    git(folder, "config", "committer.name", "Robot <evil>")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Grace")
    apply(str(folder), LIMITS, WISH)
    assert (
        git(folder, "log", "-1", "--format=%an|%ae|%cn|%ce", BRANCH)
        == "Grace|ada@work.example|Robot evil|ada@work.example"
    )


def test_signed_off_when_asked(tmp_path: Path, home: Path) -> None:
    folder = service(tmp_path / "repo")
    apply(str(folder), LIMITS, replace(WISH, sign_off=True))
    assert (
        git(folder, "log", "-1", "--format=%(trailers:key=Signed-off-by,valueonly)", BRANCH).strip()
        == "Ada Example <ada@example.com>"
    )


def test_nothing_to_fix_makes_no_branch(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo", files={"app/crm.py": FIXED})
    before = fingerprint(tmp_path)
    applied = apply(str(folder), LIMITS, WISH)
    assert (applied.branch, applied.exit_code) == (None, 0)
    assert differences(before, fingerprint(tmp_path)) == []


def test_a_second_apply_on_the_branch_finds_nothing(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo")
    assert apply(str(folder), LIMITS, WISH).exit_code == 0
    git(folder, "switch", "--quiet", BRANCH)
    assert apply(str(folder), LIMITS, Wish("again")).branch is None


def test_only_the_named_folder_is_changed(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo", files={"app/deep/mail.py": CRM, "other/crm.py": CRM})
    apply(str(folder / "app"), LIMITS, WISH)
    assert set(changed_on(folder)) == {"app/crm.py", "app/deep/mail.py"}


def test_settings_come_from_head_and_not_from_the_work_tree(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo", files={"loadproof.toml": b"[requests-timeout]\nread = 60\n"})
    write(folder, {"loadproof.toml": b"[requests-timeout]\nread = 7\n"})
    apply(str(folder), LIMITS, WISH)
    assert b"timeout=(5, 60)" in blob(folder, BRANCH, "app/crm.py")


@pytest.mark.parametrize(
    "name", ["-D", "--help", "a..b", "a b", "a~1", "HEAD", "", "a/", ".a", "a.lock", "a\nb", "@{-1}", "a\x1b[2J"]
)
def test_a_bad_name_for_a_branch_is_refused(name: str, tmp_path: Path) -> None:
    folder = service(tmp_path / "repo")
    before = fingerprint(tmp_path)
    with pytest.raises(Trouble, match="no name for a branch"):
        apply(str(folder), LIMITS, Wish(name))
    assert differences(before, fingerprint(tmp_path)) == []


@pytest.mark.parametrize("per, commits", [("codemod", 1), ("file", 2), ("run", 1)])
def test_commits_per(per: str, commits: int, tmp_path: Path) -> None:
    folder = service(tmp_path / "repo", files={"app/mail.py": CRM})
    applied = apply(str(folder), LIMITS, replace(WISH, per=per))  # type: ignore[arg-type]
    assert git(folder, "rev-list", "--count", f"HEAD..{BRANCH}") == str(commits)
    assert [one.commit for one in applied.commits] == git(folder, "rev-list", "--reverse", f"HEAD..{BRANCH}").split()
    assert changed_on(folder) == {"app/crm.py": FIXED, "app/mail.py": FIXED}


def test_a_branch_that_could_not_be_made_leaves_nothing_to_undo(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo")
    (folder / ".git/refs/heads/loadproof").mkdir()
    (folder / f".git/refs/heads/{BRANCH}.lock").write_bytes(b"")
    with pytest.raises(Trouble, match="could not be written") as caught:
        apply(str(folder), LIMITS, WISH)
    assert caught.value.exit_code == 3
    assert list((folder / ".git/loadproof/applied").iterdir()) == []


def test_a_git_folder_that_may_not_be_written(tmp_path: Path) -> None:
    """As a user who may read everything and write nothing: root may write everywhere, so this runs as somebody else."""
    folder = service(tmp_path / "repo")
    before = fingerprint(tmp_path)
    program = (
        "import os, sys\n"
        "from loadproof.cli.apply import Wish, apply\nfrom loadproof.cli.settings import Asked\nfrom loadproof.cli.trouble import Trouble\n"
        "import loadproof.cli.git, loadproof.cli.plan, git, loadproof.codemods.requests_timeout, libcst\n"
        "if os.geteuid() == 0: os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)\n"
        "try: apply(sys.argv[1], Asked(select=('requests-timeout',)), Wish('loadproof/fixes'))\n"
        "except Trouble as trouble: print(trouble.message); sys.exit(trouble.exit_code)\n"
    )
    temporary = Path(tempfile.gettempdir())
    above = [place for place in reversed(folder.parents) if place.is_relative_to(temporary) and place != temporary]
    for place in (*above, *[Path(here) for here, *_ in os.walk(folder)]):
        place.chmod(0o555 if place.is_relative_to(folder) else 0o755)
    import sys

    environment = {
        **os.environ,
        "GIT_CONFIG_COUNT": "",
        "HOME": "/nonexistent",
        "XDG_CONFIG_HOME": "/nonexistent",
        "TMPDIR": "/tmp",
    }
    (tmp_path / "gitconfig").write_text("[safe]\ndirectory = *\n")
    environment["GIT_CONFIG_GLOBAL"] = str(tmp_path / "gitconfig")
    del environment["GIT_CONFIG_COUNT"]
    run = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        capture_output=True,
        text=True,
        env=environment,
        cwd="/",
        check=False,
    )
    assert run.returncode in (2, 3), run.stderr
    assert "ermission" in run.stdout
    after = {path: about for path, about in fingerprint(tmp_path).items() if path != b"gitconfig"}
    assert {path: about for path, about in after.items() if path in before} == before


# signing


@pytest.fixture
def signing_key(home: Path) -> Path:
    key = home / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f", str(key)], check=True)
    (home / "signers").write_text(f"ada@example.com {(home / 'key.pub').read_text()}")
    for name, value in {
        "gpg.format": "ssh",
        "user.signingKey": str(key),
        "gpg.ssh.allowedSignersFile": str(home / "signers"),
    }.items():
        git(home, "config", "--global", name, value)
    return key


@pytest.mark.usefixtures("signing_key")
def test_signed_when_asked_with_the_users_own_key(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo", files={"app/mail.py": CRM})
    applied = apply(str(folder), LIMITS, replace(WISH, sign=True, per="file"))
    for made in applied.commits:
        git(folder, "verify-commit", made.commit)
    assert changed_on(folder) == {"app/crm.py": FIXED, "app/mail.py": FIXED}
    assert git(folder, "log", "-1", "--format=%s", BRANCH).startswith("Give every call")


@pytest.mark.usefixtures("signing_key")
def test_the_repository_does_not_choose_the_program_that_signs(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo")
    marker = tmp_path / "executed"
    for name in ("gpg.program", "gpg.ssh.program", "gpg.ssh.defaultKeyCommand", "gpg.openpgp.program"):
        git(folder, "config", name, f"touch {marker}")
    git(folder, "config", "gpg.format", "openpgp")
    apply(str(folder), LIMITS, replace(WISH, sign=True))
    assert not marker.exists()
    for name in ("gpg.program", "gpg.ssh.program", "gpg.ssh.defaultKeyCommand", "gpg.openpgp.program", "gpg.format"):
        git(folder, "config", "--unset", name)
    git(folder, "verify-commit", BRANCH)


def test_signing_that_fails_makes_no_branch(tmp_path: Path, home: Path) -> None:
    folder = service(tmp_path / "repo")
    git(home, "config", "--global", "gpg.program", "false")
    with pytest.raises(Trouble, match="commit-tree"):
        apply(str(folder), LIMITS, replace(WISH, sign=True))
    assert git(folder, "for-each-ref", f"refs/heads/{BRANCH}") == ""


# verification


def test_verified_in_a_checkout_of_its_own(tmp_path: Path) -> None:
    """The command sees the branch's files in a repository whose HEAD holds them, and nothing of it stays or reaches the user's."""
    folder = service(
        tmp_path / "repo", files={"run.sh": b"#!/bin/sh\nexit 0\n", ".gitattributes": b"*.py filter=evil\n"}
    )
    (folder / "run.sh").chmod(0o755)
    (folder / "app/link.py").symlink_to("crm.py")
    commit(folder)
    git(folder, "config", "filter.evil.smudge", f"touch {tmp_path}/smudged; cat")
    (folder / "untracked.txt").write_text("mine")
    before = fingerprint(folder)
    log = tmp_path / "log"
    command = f"""
        pwd >> {log} && test -z "$(git status --porcelain)" && git log -1 --format=%s >> {log} && ./run.sh && test -L app/link.py &&
        test ! -e untracked.txt && grep -c timeout= app/crm.py >> {log}; touch leftover.txt; echo "$PYTHONPATH" >> {log}; true"""
    applied = apply(str(folder), LIMITS, replace(WISH, verify=(command,)))
    assert applied.branch is not None and applied.verified is not None and applied.verified.runs == 2
    where, subject, count, path, where2, subject2, count2, _ = log.read_text().split("\n")[:-1]
    assert (subject, count, subject2, count2) == ("work", "0", "under test", "1")
    assert path.split(":")[0] == where == where2
    assert where.endswith("/repo") and not where.startswith(str(tmp_path)) and not os.path.exists(where)
    assert differences(before, fingerprint(folder)) == []
    assert not (tmp_path / "smudged").exists()


def test_objects_that_were_only_tried_stay_out_of_the_repository(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo")
    count = git(folder, "count-objects")
    applied = apply(str(folder), LIMITS, replace(WISH, verify=("! grep -q timeout app/crm.py",)))
    assert applied.branch is None
    assert git(folder, "count-objects") == count


def test_the_breaking_file_is_left_out_and_named(tmp_path: Path) -> None:
    files = {f"app/part{number}.py": CRM for number in range(5)}
    folder = service(tmp_path / "repo", files=files)
    heard: list[str] = []
    applied = apply(str(folder), LIMITS, replace(WISH, verify=("! grep -q timeout app/part3.py",)), heard.append)
    assert set(changed_on(folder)) == {"app/crm.py", *files} - {"app/part3.py"}
    assert reasons(applied) == {("requests-timeout in app/part3.py", "verification")}
    assert applied.exit_code == 3
    assert {row.path: (row.status, row.reason) for row in applied.outcome.rows}["app/part3.py"] == (
        "failed",
        "verification",
    )
    assert "app/part3.py: `! grep -q timeout app/part3.py` ended with" in git(
        folder, "log", "-1", "--format=%B", BRANCH
    ).replace("\n  ", " ")
    assert len(heard) == applied.verified.runs if applied.verified else 0


def test_a_suite_that_was_red_before_is_not_blamed_on_the_change(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo")
    applied = apply(str(folder), LIMITS, replace(WISH, verify=("echo sad; exit 4", "true")))
    assert applied.branch is not None
    assert reasons(applied) == {("echo sad; exit 4", "red-before")}
    assert applied.verified is not None and applied.verified.red_before[0].tail == "sad"
    assert applied.exit_code == 3


@pytest.mark.parametrize("on_fail, made", [("keep", True), ("drop", False), ("bisect", False)])
def test_on_fail(on_fail: str, made: bool, tmp_path: Path) -> None:
    folder = service(tmp_path / "repo")
    applied = apply(str(folder), LIMITS, replace(WISH, verify=("! grep -q timeout app/crm.py",), on_fail=on_fail))  # type: ignore[arg-type]
    assert (applied.branch is not None) == made == (git(folder, "for-each-ref", f"refs/heads/{BRANCH}") != "")
    assert applied.exit_code == 3
    assert {one.reason for one in applied.skipped} == {"verification"}


def test_a_command_that_hangs_is_stopped_with_all_it_started(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo")
    command = f"if grep -q timeout app/crm.py; then (sleep 30; touch {tmp_path}/survived) & sleep 30; fi"
    started = time.monotonic()
    applied = apply(str(folder), LIMITS, replace(WISH, verify=(command,), limit=2, on_fail="drop"))
    assert time.monotonic() - started < 20
    assert "was stopped after 2 seconds" in applied.skipped[0].message
    assert subprocess.run(["pgrep", "-f", f"touch {tmp_path}/survived"], capture_output=True, check=False).stdout == b""


def test_what_a_command_leaves_running_is_ended(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo")
    apply(str(folder), LIMITS, replace(WISH, verify=(f"(sleep 60; touch {tmp_path}/survived) >/dev/null 2>&1 & true",)))
    assert subprocess.run(["pgrep", "-f", f"touch {tmp_path}/survived"], capture_output=True, check=False).stdout == b""


def test_verification_in_a_partial_clone_says_what_is_missing(tmp_path: Path) -> None:
    origin = service(tmp_path / "origin", files={"data.bin": b"\0\1"})
    git(origin, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", "--no-checkout", f"file://{origin}", str(tmp_path / "repo"))
    git(tmp_path / "repo", "show", "HEAD:app/crm.py")
    git(tmp_path / "repo", "show", "HEAD:app/util.py")
    with pytest.raises(Trouble, match="could not be checked out"):
        apply(str(tmp_path / "repo"), LIMITS, replace(WISH, verify=("true",)))
    assert apply(str(tmp_path / "repo"), LIMITS, WISH).branch is not None


@pytest.mark.parametrize("options", [("--object-format=sha256",), ("--bare",)], ids=["sha256", "bare"])
def test_verification_in_other_kinds_of_repository(options: tuple[str, ...], tmp_path: Path) -> None:
    folder = service(tmp_path / "origin", *[option for option in options if option != "--bare"])
    if "--bare" in options:
        git(tmp_path, "clone", "--quiet", "--bare", str(folder), str(tmp_path / "repo"))
        folder = tmp_path / "repo"
    applied = apply(str(folder), LIMITS, replace(WISH, verify=("test -f app/crm.py && git fsck --no-dangling",)))
    assert applied.exit_code == 0 and applied.branch is not None


# --diff-base


def test_only_lines_changed_since_another_commit(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo")
    more = CRM + b"\n\ndef again():\n    return requests.get('https://api.example.com').json()\n"
    commit(folder, {"app/crm.py": more, "app/new.py": CRM})
    git(folder, "mv", "app/new.py", "app/newer.py")
    commit(folder)
    applied = apply(str(folder), LIMITS, replace(WISH, diff_base="HEAD~2"))
    assert {(row.path, row.line) for row in applied.outcome.rows} == {("app/crm.py", 9), ("app/newer.py", 5)}
    assert changed_on(folder)["app/crm.py"] == more.replace(b"example.com')", b"example.com', timeout=(5, 20))")
    assert apply(str(folder), LIMITS, Wish("none", diff_base="HEAD")).branch is None
    renamed = apply(str(folder), LIMITS, Wish("renamed", diff_base="HEAD~1"))
    assert (renamed.branch, renamed.outcome.rows) == (None, ())  # a new name is no new line


# hooks, when asked for


def hook(folder: Path, name: str, text: str) -> None:
    write(folder, {f".git/hooks/{name}": f"#!/bin/sh\n{text}\n".encode()})
    (folder / f".git/hooks/{name}").chmod(0o755)


def test_hooks_see_each_commit_as_git_would_show_it(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo", files={"app/mail.py": CRM})
    hook(folder, "pre-commit", f"pwd >> {tmp_path}/log; git diff --cached --name-only >> {tmp_path}/log; echo scribble >> app/crm.py")
    hook(folder, "commit-msg", 'echo "Change-Id: I1" >> "$1"')
    hook(folder, "reference-transaction", "exit 1")
    before = fingerprint(folder)
    applied = apply(str(folder), LIMITS, replace(WISH, run_hooks=True, per="file"))
    assert differences(before, fingerprint(folder)) == []
    first, one, second, two = (tmp_path / "log").read_text().splitlines()
    assert (one, two) == ("app/crm.py", "app/mail.py")
    assert not first.startswith(str(tmp_path)) and not os.path.exists(first) and not os.path.exists(second)
    assert git(folder, "log", "--format=%(trailers:key=Change-Id,valueonly)", f"HEAD..{BRANCH}").split() == ["I1", "I1"]
    assert changed_on(folder) == {"app/crm.py": FIXED, "app/mail.py": FIXED}
    assert reasons(applied) == {("reference-transaction", "hooks-not-run")}


@pytest.mark.parametrize("name", ["pre-commit", "commit-msg"])
def test_a_hook_that_says_no_makes_no_branch(name: str, tmp_path: Path) -> None:
    folder = service(tmp_path / "repo")
    hook(folder, name, "echo not like this; exit 3")
    applied = apply(str(folder), LIMITS, replace(WISH, run_hooks=True))
    assert (applied.branch, applied.exit_code) == (None, 3)
    assert reasons(applied) == {(f"hook {name}", "hook")}
    assert "not like this" in applied.skipped[0].message
    assert git(folder, "for-each-ref", f"refs/heads/{BRANCH}") == ""


def test_hooks_among_the_files_run_as_they_are_committed(tmp_path: Path) -> None:
    folder = service(tmp_path / "repo", files={".husky/pre-commit": b"#!/bin/sh\ntouch committed\nexit 0\n"})
    (folder / ".husky/pre-commit").chmod(0o755)
    commit(folder)
    git(folder, "config", "core.hooksPath", ".husky")
    write(folder, {".husky/pre-commit": b"#!/bin/sh\nexit 1\n"})
    assert apply(str(folder), LIMITS, replace(WISH, run_hooks=True)).branch is not None
