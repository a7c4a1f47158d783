"""Whatever state a repository is in: a right branch or a plain refusal, and not a byte of the user's is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from loadproof.cli.apply import Wish, apply
from loadproof.cli.settings import Asked
from loadproof.cli.trouble import Trouble

from .states import STATES
from .workbench import BRANCH, changed_on, differences, fingerprint, git

pytestmark = pytest.mark.usefixtures("home")


@pytest.mark.parametrize("name", STATES)
def test_a_branch_or_a_refusal_and_nothing_else(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = STATES[name](tmp_path)
    for variable, value in state.environment.items():
        monkeypatch.setenv(variable, value)
    before = fingerprint(tmp_path)
    if state.trouble:
        with pytest.raises(Trouble, match=state.trouble):
            apply(str(state.folder), Asked(select=("requests-timeout",)), Wish(BRANCH))
        assert differences(before, fingerprint(tmp_path)) == []
        return
    applied = apply(str(state.folder), Asked(select=("requests-timeout",)), Wish(BRANCH))
    assert differences(before, fingerprint(tmp_path)) == []
    for variable in state.environment:
        monkeypatch.delenv(variable, raising=False)
    assert {(one.what, one.reason) for one in applied.skipped} == state.said
    assert {(one.path, one.reason) for one in applied.outcome.unreadable} == state.unreadable
    if not state.files:
        assert applied.branch is None
        assert git(state.folder, "for-each-ref", f"refs/heads/{BRANCH}") == ""
        return
    assert applied.branch is not None
    real = {"GIT_NO_REPLACE_OBJECTS": "1"}
    assert git(state.folder, "rev-parse", f"refs/heads/{BRANCH}") == applied.branch.commit
    assert git(state.folder, "rev-parse", f"{applied.branch.commit}^", **real) == git(
        state.folder, "rev-parse", "HEAD^{commit}"
    )
    monkeypatch.setenv("GIT_NO_REPLACE_OBJECTS", "1")
    assert changed_on(state.folder, f"refs/heads/{BRANCH}", "HEAD^{commit}") == state.files
    assert _modes(state.folder, f"refs/heads/{BRANCH}") == _modes(state.folder, "HEAD^{commit}")
    git(state.folder, "fsck", "--no-dangling", GIT_INDEX_FILE=str(tmp_path / "no-index"))


def _modes(folder: Path, commit: str) -> list[str]:
    return [
        record[:6] + record.partition("\t")[2]
        for record in git(folder, "ls-tree", "-r", "-z", "--full-tree", commit).split("\0")
    ]
