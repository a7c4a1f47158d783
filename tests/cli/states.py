"""The states that a repository can be in when somebody asks for a branch."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .workbench import BRANCH, CRM, FIXED, commit, git, service, write


@dataclass(frozen=True)
class State:
    """A repository and what is to come of it: files of the branch, what is said, or why there is no branch."""

    folder: Path
    files: dict[str, bytes] = field(default_factory=lambda: {"app/crm.py": FIXED})
    said: frozenset[tuple[str, str]] = frozenset()
    unreadable: frozenset[tuple[str, str]] = frozenset()
    trouble: str = ""
    environment: dict[str, str] = field(default_factory=dict)


STATES: dict[str, Callable[[Path], State]] = {}


def state(build: Callable[[Path], State]) -> Callable[[Path], State]:
    STATES[build.__name__] = build
    return build


def said(*pairs: str) -> frozenset[tuple[str, str]]:
    return frozenset((pair.partition(": ")[0], pair.partition(": ")[2]) for pair in pairs)


DIRTY = said("app/crm.py: dirty")


@state
def clean(tmp: Path) -> State:
    return State(service(tmp / "repo"))


@state
def nothing_committed(tmp: Path) -> State:
    folder = tmp / "repo"
    folder.mkdir()
    git(folder, "init", "--quiet")
    write(folder, {"app/crm.py": CRM})
    return State(folder, trouble="no commit to start from")


@state
def no_repository(tmp: Path) -> State:
    write(tmp / "repo", {"app/crm.py": CRM})
    return State(tmp / "repo", trouble="not in a git repository", environment={"GIT_CEILING_DIRECTORIES": str(tmp)})


@state
def an_empty_commit(tmp: Path) -> State:
    folder = tmp / "repo"
    folder.mkdir()
    git(folder, "init", "--quiet")
    commit(folder)
    return State(folder, {})


@state
def detached(tmp: Path) -> State:
    folder = service(tmp / "repo")
    git(folder, "checkout", "--quiet", "--detach")
    return State(folder)


@state
def dirty(tmp: Path) -> State:
    folder = service(tmp / "repo")
    write(folder, {"app/util.py": b"X = 2\n"})
    return State(folder)


@state
def dirty_where_the_branch_changes(tmp: Path) -> State:
    folder = service(tmp / "repo")
    write(folder, {"app/crm.py": CRM + b"# a thought\n"})
    return State(folder, said=DIRTY)


@state
def staged(tmp: Path) -> State:
    folder = service(tmp / "repo")
    write(folder, {"app/crm.py": CRM + b"# a thought\n"})
    git(folder, "add", "app/crm.py")
    return State(folder, said=DIRTY)


@state
def staged_and_dirty(tmp: Path) -> State:
    folder = staged(tmp).folder
    write(folder, {"app/crm.py": CRM + b"# another thought\n"})
    return State(folder, said=DIRTY)


@state
def touched_only(tmp: Path) -> State:
    folder = service(tmp / "repo")
    os.utime(folder / "app/crm.py", (1, 1))
    return State(folder)


@state
def untracked(tmp: Path) -> State:
    folder = service(tmp / "repo")
    write(folder, {"app/new.py": CRM})
    return State(folder)


@state
def deleted_in_the_work_tree(tmp: Path) -> State:
    folder = service(tmp / "repo")
    (folder / "app/crm.py").unlink()
    return State(folder, said=DIRTY)


@state
def replaced_by_a_folder(tmp: Path) -> State:
    folder = service(tmp / "repo")
    (folder / "app/crm.py").unlink()
    (folder / "app/crm.py").mkdir()
    return State(folder, said=DIRTY)


@state
def replaced_by_a_pipe(tmp: Path) -> State:
    folder = service(tmp / "repo")
    (folder / "app/crm.py").unlink()
    os.mkfifo(folder / "app/crm.py")
    return State(folder, said=DIRTY)


@state
def renamed_and_staged(tmp: Path) -> State:
    folder = service(tmp / "repo")
    git(folder, "mv", "app/crm.py", "app/client.py")
    return State(folder, said=DIRTY)


@state
def intent_to_add(tmp: Path) -> State:
    folder = service(tmp / "repo")
    write(folder, {"app/new.py": CRM})
    git(folder, "add", "--intent-to-add", "app/new.py")
    return State(folder)


@state
def assumed_unchanged(tmp: Path) -> State:
    folder = service(tmp / "repo")
    git(folder, "update-index", "--assume-unchanged", "app/crm.py")
    return State(folder)


@state
def locked_index(tmp: Path) -> State:
    folder = service(tmp / "repo")
    (folder / ".git/index.lock").write_bytes(b"")
    return State(folder)


@state
def locked_head_and_config(tmp: Path) -> State:
    folder = service(tmp / "repo")
    (folder / ".git/HEAD.lock").write_bytes(b"")
    (folder / ".git/config.lock").write_bytes(b"")
    return State(folder)


def _two_lines_of_work(tmp: Path) -> Path:
    folder = service(tmp / "repo")
    git(folder, "switch", "--quiet", "--create", "other")
    commit(folder, {"app/util.py": b"X = 'theirs'\n"})
    git(folder, "switch", "--quiet", "main")
    commit(folder, {"app/util.py": b"X = 'ours'\n"})
    return folder


@state
def merging(tmp: Path) -> State:
    folder = _two_lines_of_work(tmp)
    git(folder, "merge", "other", code=1)
    return State(folder)


@state
def rebasing(tmp: Path) -> State:
    folder = _two_lines_of_work(tmp)
    git(folder, "rebase", "other", code=1)
    return State(folder)


@state
def cherry_picking(tmp: Path) -> State:
    folder = _two_lines_of_work(tmp)
    git(folder, "cherry-pick", "other", code=1)
    return State(folder)


@state
def reverting(tmp: Path) -> State:
    folder = _two_lines_of_work(tmp)
    commit(folder, {"app/util.py": b"X = 'again'\n"})
    git(folder, "revert", "--no-edit", "HEAD~1", code=1)
    return State(folder)


@state
def applying_mail(tmp: Path) -> State:
    folder = _two_lines_of_work(tmp)
    patch = git(folder, "format-patch", "-1", "--stdout", "other")
    git(folder, "am", stdin=patch.encode() + b"\n", code=128)
    return State(folder)


@state
def bisecting(tmp: Path) -> State:
    folder = service(tmp / "repo")
    commit(folder, {"app/util.py": b"X = 2\n"})
    commit(folder, {"app/util.py": b"X = 3\n"})
    git(folder, "bisect", "start", "HEAD", "HEAD~2")
    return State(folder)


@state
def stashed(tmp: Path) -> State:
    folder = service(tmp / "repo")
    write(folder, {"app/crm.py": b"gone = 1\n"})
    git(folder, "stash", "push", "--quiet")
    return State(folder)


@state
def bare(tmp: Path) -> State:
    git(tmp, "clone", "--quiet", "--bare", str(service(tmp / "origin")), str(tmp / "repo"))
    return State(tmp / "repo")


@state
def inside_the_git_folder(tmp: Path) -> State:
    return State(service(tmp / "repo") / ".git")


@state
def below_the_top(tmp: Path) -> State:
    folder = service(tmp / "repo", files={"other/crm.py": CRM})
    return State(folder / "app")


@state
def shallow(tmp: Path) -> State:
    origin = service(tmp / "origin")
    commit(origin, {"app/util.py": b"X = 2\n"})
    git(tmp, "clone", "--quiet", "--depth=1", f"file://{origin}", str(tmp / "repo"))
    return State(tmp / "repo")


@state
def sparse(tmp: Path) -> State:
    folder = service(tmp / "repo", files={"docs/index.md": b"hello\n"})
    git(folder, "sparse-checkout", "set", "docs")
    assert not (folder / "app").exists()
    return State(folder)


@state
def sparse_index(tmp: Path) -> State:
    folder = service(tmp / "repo", files={"docs/index.md": b"hello\n"})
    git(folder, "sparse-checkout", "set", "--cone", "--sparse-index", "docs")
    return State(folder)


@state
def sha256(tmp: Path) -> State:
    return State(service(tmp / "repo", "--object-format=sha256"))


@state
def split_index(tmp: Path) -> State:
    folder = service(tmp / "repo")
    git(folder, "update-index", "--split-index")
    write(folder, {"app/util.py": b"X = 2\n"})
    git(folder, "add", "app/util.py")
    return State(folder)


@state
def index_of_version_4(tmp: Path) -> State:
    folder = service(tmp / "repo")
    git(folder, "update-index", "--index-version", "4")
    return State(folder)


@state
def untracked_cache(tmp: Path) -> State:
    folder = service(tmp / "repo")
    git(folder, "config", "core.untrackedCache", "true")
    git(folder, "update-index", "--untracked-cache")
    return State(folder)


@state
def corrupt_index(tmp: Path) -> State:
    folder = service(tmp / "repo")
    (folder / ".git/index").write_bytes(b"DIRC rubbish")
    return State(folder)


@state
def corrupt_index_and_dirty(tmp: Path) -> State:
    folder = corrupt_index(tmp).folder
    write(folder, {"app/crm.py": CRM + b"# a thought\n"})
    return State(folder, said=DIRTY)


@state
def no_index(tmp: Path) -> State:
    folder = service(tmp / "repo")
    (folder / ".git/index").unlink()
    return State(folder)


@state
def linked_work_tree(tmp: Path) -> State:
    folder = service(tmp / "repo")
    git(folder, "worktree", "add", "--quiet", "-b", "feature", str(tmp / "linked"))
    commit(tmp / "linked", {"app/mail.py": CRM})
    return State(tmp / "linked", {"app/crm.py": FIXED, "app/mail.py": FIXED})


@state
def main_beside_a_linked_work_tree(tmp: Path) -> State:
    return State(linked_work_tree(tmp).folder.parent / "repo")


@state
def work_tree_of_a_bare_repository(tmp: Path) -> State:
    git(tmp, "clone", "--quiet", "--bare", str(service(tmp / "origin")), str(tmp / "bare"))
    git(tmp / "bare", "worktree", "add", "--quiet", str(tmp / "repo"), "main")
    return State(tmp / "repo")


@state
def work_tree_configuration(tmp: Path) -> State:
    folder = service(tmp / "repo")
    git(folder, "config", "extensions.worktreeConfig", "true")
    git(folder, "config", "--worktree", "core.sparseCheckout", "false")
    return State(folder)


@state
def separate_git_folder(tmp: Path) -> State:
    return State(service(tmp / "repo", f"--separate-git-dir={tmp / 'elsewhere'}"))


@state
def work_tree_elsewhere(tmp: Path) -> State:
    folder = service(tmp / "repo")
    (tmp / "tree").mkdir()
    git(folder, "config", "core.worktree", str(tmp / "tree"))
    return State(folder / ".git", said=frozenset())


@state
def autocrlf(tmp: Path) -> State:
    folder = service(tmp / "repo")
    git(folder, "config", "core.autocrlf", "true")
    (folder / "app/crm.py").unlink()
    git(folder, "checkout", "--quiet", "app/crm.py")
    assert b"\r\n" in (folder / "app/crm.py").read_bytes()
    return State(folder)


@state
def line_ends_by_attribute(tmp: Path) -> State:
    folder = service(tmp / "repo", files={".gitattributes": b"*.py text eol=crlf\n"})
    (folder / "app/crm.py").unlink()
    git(folder, "checkout", "--quiet", "app/crm.py")
    return State(folder)


@state
def line_ends_that_were_committed(tmp: Path) -> State:
    crlf = CRM.replace(b"\n", b"\r\n")
    return State(service(tmp / "repo", files={"app/crm.py": crlf}), {"app/crm.py": FIXED.replace(b"\n", b"\r\n")})


@state
def filter_that_changes_the_text(tmp: Path) -> State:
    folder = service(tmp / "repo", files={".gitattributes": b"*.py filter=shout\n"})
    git(folder, "config", "filter.shout.clean", "sed 's/api.EXAMPLE/api.example/'")
    git(folder, "config", "filter.shout.smudge", "sed 's/api.example/api.EXAMPLE/'")
    (folder / "app/crm.py").unlink()
    git(folder, "checkout", "--quiet", "app/crm.py")
    assert b"EXAMPLE" in (folder / "app/crm.py").read_bytes()
    return State(folder)


@state
def filter_that_fails(tmp: Path) -> State:
    folder = service(tmp / "repo", files={".gitattributes": b"*.py filter=broken\n"})
    for key, value in {"clean": "false", "smudge": "false", "process": "false", "required": "true"}.items():
        git(folder, "config", f"filter.broken.{key}", value)
    return State(folder)


@state
def another_encoding_in_the_work_tree(tmp: Path) -> State:
    folder = service(tmp / "repo")
    write(
        folder,
        {
            ".gitattributes": b"app/crm.py working-tree-encoding=UTF-16LE\n",
            "app/crm.py": CRM.decode().encode("utf-16-le"),
        },
    )
    commit(folder)
    return State(folder)


@state
def keywords_in_the_text(tmp: Path) -> State:
    folder = service(tmp / "repo", files={".gitattributes": b"*.py ident\n", "app/crm.py": b"# $Id$\n" + CRM})
    (folder / "app/crm.py").unlink()
    git(folder, "checkout", "--quiet", "app/crm.py")
    return State(folder, {"app/crm.py": b"# $Id$\n" + FIXED})


@state
def pointer_to_large_file_storage(tmp: Path) -> State:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12\n"
    return State(service(tmp / "repo", files={"app/big.py": pointer}), unreadable=said("app/big.py: lfs-pointer"))


@state
def submodule(tmp: Path) -> State:
    folder = service(tmp / "repo")
    git(folder, "submodule", "--quiet", "add", str(service(tmp / "library")), "vendored")
    commit(folder)
    write(folder / "vendored", {"app/crm.py": b"changed = 1\n"})
    return State(folder, said=said("vendored: submodule"))


@state
def the_submodule_itself(tmp: Path) -> State:
    return State(submodule(tmp).folder / "vendored", said=DIRTY)


@state
def links(tmp: Path) -> State:
    folder = service(tmp / "repo")
    (tmp / "outside.py").write_bytes(CRM)
    (folder / "app/again.py").symlink_to("crm.py")
    (folder / "app/outside.py").symlink_to(tmp / "outside.py")
    (folder / "app/dangling.py").symlink_to("nowhere.py")
    (folder / "linked").symlink_to("app")
    commit(folder)
    return State(folder, unreadable=said("app/outside.py: symlink", "app/dangling.py: symlink"))


@state
def executable(tmp: Path) -> State:
    folder = service(tmp / "repo")
    (folder / "app/crm.py").chmod(0o755)
    commit(folder)
    return State(folder)


@state
def modes_ignored(tmp: Path) -> State:
    folder = executable(tmp).folder
    git(folder, "config", "core.fileMode", "false")
    (folder / "app/crm.py").chmod(0o644)
    return State(folder)


@state
def names_that_are_not_utf8(tmp: Path) -> State:
    return State(
        service(tmp / "repo", files={"app/caf\udce9.py": CRM}), {"app/crm.py": FIXED, "app/caf\udce9.py": FIXED}
    )


@state
def names_of_every_kind(tmp: Path) -> State:
    names = [
        "a b.py",
        "-rf.py",
        'qu"ote.py',
        "li\nne.py",
        "ta\tb.py",
        "back\\slash.py",
        "naïve.py",
        "$HOME.py",
        "~.py",
        ":(top)x.py",
        "#.py",
    ]
    files = {f"odd/{name}": CRM for name in names} | {"-x.py": CRM, '".py': CRM}
    return State(service(tmp / "repo", files=files), {"app/crm.py": FIXED, **dict.fromkeys(files, FIXED)})


@state
def folder_with_an_odd_name(tmp: Path) -> State:
    return State(service(tmp / "$HOME ~ 'x' \"y\" -z é"))


@state
def names_that_differ_in_case(tmp: Path) -> State:
    folder = service(tmp / "repo", files={"App/CRM.py": CRM, "app/CRM.py": CRM})
    git(folder, "config", "core.ignoreCase", "true")
    return State(folder, {"app/crm.py": FIXED, "App/CRM.py": FIXED, "app/CRM.py": FIXED})


def _hook(folder: Path, name: str, text: str = "exit 1") -> None:
    (folder / ".git/hooks").mkdir(exist_ok=True)
    (folder / ".git/hooks" / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / ".git/hooks" / name).chmod(0o755)


@state
def hooks_that_fail(tmp: Path) -> State:
    folder = service(tmp / "repo")
    _hook(folder, "pre-commit")
    _hook(folder, "commit-msg")
    return State(folder, said=said("pre-commit, commit-msg: hooks-not-run"))


@state
def hook_on_references(tmp: Path) -> State:
    folder = service(tmp / "repo")
    _hook(folder, "reference-transaction")
    return State(folder, said=said("reference-transaction: hooks-not-run"))


@state
def hooks_elsewhere(tmp: Path) -> State:
    folder = service(tmp / "repo")
    write(folder, {".husky/pre-commit": b"#!/bin/sh\nexit 1\n"})
    (folder / ".husky/pre-commit").chmod(0o755)
    git(folder, "config", "core.hooksPath", ".husky")
    return State(folder, said=said("pre-commit: hooks-not-run"))


@state
def signing_wanted(tmp: Path) -> State:
    folder = service(tmp / "repo")
    git(folder, "config", "commit.gpgSign", "true")
    git(folder, "config", "gpg.program", "false")
    return State(folder, said=said("signatures: unsigned"))


@state
def nobody_known(tmp: Path) -> State:
    folder = service(tmp / "repo")
    return State(folder, said=said("author: no-identity"), environment={"GIT_CONFIG_GLOBAL": os.devnull})


@state
def only_configuration_may_name_the_user(tmp: Path) -> State:
    folder = service(tmp / "repo")
    git(folder, "config", "user.useConfigOnly", "true")
    return State(folder, said=said("author: no-identity"), environment={"GIT_CONFIG_GLOBAL": os.devnull})


@state
def branch_exists(tmp: Path) -> State:
    folder = service(tmp / "repo")
    git(folder, "branch", BRANCH)
    return State(folder, trouble="exists already")


@state
def branch_in_the_place_of_our_folder(tmp: Path) -> State:
    folder = service(tmp / "repo")
    git(folder, "branch", BRANCH.partition("/")[0])
    return State(folder, trouble="cannot stand beside")


@state
def branch_below_our_name(tmp: Path) -> State:
    folder = service(tmp / "repo")
    git(folder, "branch", f"{BRANCH}/deeper")
    git(folder, "pack-refs", "--all")
    return State(folder, trouble="cannot stand beside")


@state
def tag_of_the_same_name(tmp: Path) -> State:
    folder = service(tmp / "repo")
    git(folder, "tag", BRANCH)
    git(folder, "update-ref", f"refs/remotes/origin/{BRANCH}", "HEAD")
    return State(folder)


@state
def somebody_elses(tmp: Path) -> State:
    return State(
        service(tmp / "repo"), trouble="dubious ownership", environment={"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
    )


def _partial(tmp: Path, filter: str) -> Path:
    origin = service(tmp / "origin")
    git(origin, "config", "uploadpack.allowFilter", "true")
    git(tmp, "clone", "--quiet", f"--filter={filter}", "--no-checkout", f"file://{origin}", str(tmp / "repo"))
    return tmp / "repo"


@state
def partial_clone_without_blobs(tmp: Path) -> State:
    return State(
        _partial(tmp, "blob:none"), {}, unreadable=said("app/crm.py: missing-blob", "app/util.py: missing-blob")
    )


@state
def partial_clone_without_trees(tmp: Path) -> State:
    return State(_partial(tmp, "tree:0"), trouble="not all in this repository")


@state
def partial_clone_with_the_files_checked_out(tmp: Path) -> State:
    folder = _partial(tmp, "blob:none")
    git(folder, "checkout", "--quiet", "main")
    return State(folder)


@state
def objects_borrowed(tmp: Path) -> State:
    git(tmp, "clone", "--quiet", "--shared", str(service(tmp / "origin")), str(tmp / "repo"))
    return State(tmp / "repo")


@state
def everything_packed(tmp: Path) -> State:
    folder = service(tmp / "repo")
    git(folder, "gc", "--quiet", "--aggressive", "--prune=now")
    git(folder, "commit-graph", "write", "--reachable")
    git(folder, "multi-pack-index", "write")
    return State(folder)


@state
def replaced_objects(tmp: Path) -> State:
    """The branch stands on what HEAD really is: elsewhere nobody has the replacement."""
    folder = service(tmp / "repo")
    old = git(folder, "rev-parse", "HEAD:app/crm.py")
    new = git(folder, "hash-object", "-w", "--stdin", stdin=b"other = 1\n")
    git(folder, "replace", old, new)
    return State(folder)


@state
def grafted(tmp: Path) -> State:
    folder = service(tmp / "repo")
    commit(folder, {"app/util.py": b"X = 2\n"})
    (folder / ".git/info").mkdir(exist_ok=True)
    (folder / ".git/info/grafts").write_text(git(folder, "rev-parse", "HEAD") + "\n")
    return State(folder)


@state
def notes(tmp: Path) -> State:
    folder = service(tmp / "repo")
    git(folder, "notes", "add", "-m", "reviewed")
    return State(folder)


@state
def huge_file(tmp: Path) -> State:
    folder = service(tmp / "repo", files={"app/huge.py": b"x = 1\n" * 400_000})
    return State(folder, unreadable=said("app/huge.py: too-large"))


@state
def nested_repository(tmp: Path) -> State:
    folder = service(tmp / "repo")
    service(folder / "nested")
    return State(folder)


@state
def called_from_a_hook_of_another_repository(tmp: Path) -> State:
    other = service(tmp / "other", files={"app/other.py": CRM})
    environment = {"GIT_DIR": str(other / ".git"), "GIT_WORK_TREE": str(other), "GIT_INDEX_FILE": str(tmp / "no-index")}
    return State(service(tmp / "repo"), environment=environment)


@state
def settings_from_a_calling_git(tmp: Path) -> State:
    environment = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.bare", "GIT_CONFIG_VALUE_0": "true"}
    return State(service(tmp / "repo"), environment=environment)


@state
def odd_head(tmp: Path) -> State:
    folder = service(tmp / "repo")
    git(folder, "switch", "--quiet", "--create", "feature/äöü-#1")
    git(folder, "branch", "HEAD", code=128)
    git(folder, "update-ref", "refs/heads/HEAD", "HEAD")
    return State(folder)


@state
def history_in_latin_1(tmp: Path) -> State:
    folder = service(tmp / "repo")
    git(folder, "config", "i18n.commitEncoding", "ISO-8859-1")
    commit(folder, {"app/util.py": b"X = 2\n"}, "caf\udce9")
    return State(folder)


@state
def source_in_latin_1(tmp: Path) -> State:
    head = b"# -*- coding: latin-1 -*-\n# caf\xe9\n"
    return State(service(tmp / "repo", files={"app/crm.py": head + CRM}), {"app/crm.py": head + FIXED})


@state
def mark_at_the_start_and_no_end_of_line(tmp: Path) -> State:
    files = {"app/crm.py": b"\xef\xbb\xbf" + CRM.rstrip(b"\n")}
    return State(service(tmp / "repo", files=files), {"app/crm.py": b"\xef\xbb\xbf" + FIXED.rstrip(b"\n")})


@state
def shared_with_a_group(tmp: Path) -> State:
    return State(service(tmp / "repo", "--shared=group"))


@state
def no_logs_of_references(tmp: Path) -> State:
    folder = service(tmp / "repo")
    git(folder, "config", "core.logAllRefUpdates", "false")
    return State(folder)


@state
def more_files_than_fit_loose(tmp: Path) -> State:
    files = {f"app/part{number:03}.py": CRM + b"# %d\n" % number for number in range(120)}
    return State(
        service(tmp / "repo", files=files),
        {"app/crm.py": FIXED} | {name: FIXED + CRM_TAIL(content) for name, content in files.items()},
    )


def CRM_TAIL(content: bytes) -> bytes:
    return content.removeprefix(CRM)


if "--ref-format" in subprocess.run(["git", "init", "-h"], capture_output=True, text=True, check=False).stdout:

    @state
    def references_in_a_table(tmp: Path) -> State:
        return State(service(tmp / "repo", "--ref-format=reftable"))
