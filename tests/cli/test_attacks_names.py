"""Names and contents that strangers chose: links, escapes, paths that want out. Nothing is followed, obeyed or written outside."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from loadproof.cli.apply import Wish, apply
from loadproof.cli.batch import outcomes
from loadproof.cli.report.fleet import drawn, lines
from loadproof.cli.settings import Asked

from .workbench import BRANCH, CRM, FIXED, changed_on, commit, differences, fingerprint, git, service

pytestmark = pytest.mark.usefixtures("home")

LIMITS = Asked(select=("requests-timeout",))
EVIL = "\x1b]0;owned\x07\x1b[2J\u202egnp.\u2066\r\x9b31m<script>alert(1)</script>[bold red]\U000e0041"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")


def raw_tree(folder: Path, entries: list[tuple[str, str, str]]) -> None:
    """HEAD becomes a commit of these entries (mode, object, path), checked by nobody."""
    tree = b"".join(
        f"{mode} {path}\0".encode() + bytes.fromhex(id)
        for mode, id, path in sorted(entries, key=lambda entry: entry[2])
    )
    run = subprocess.run(
        ["git", "-C", str(folder), "hash-object", "-w", "-t", "tree", "--literally", "--stdin"],
        input=tree,
        capture_output=True,
        check=True,
    )
    made = git(folder, "commit-tree", "-m", "raw", run.stdout.decode().strip())
    git(folder, "update-ref", "HEAD", made)


def test_links_in_the_work_tree_are_not_followed(tmp_path: Path) -> None:
    """HEAD holds files; in the work tree links stand in their place, to a file and to a folder outside."""
    folder = service(tmp_path / "repo", files={"lib/mail.py": CRM})
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "crm.py").write_bytes(CRM)
    (outside / "mail.py").write_bytes(CRM)
    (folder / "app/crm.py").unlink()
    (folder / "app/crm.py").symlink_to(outside / "crm.py")
    (folder / "lib/mail.py").unlink()
    (folder / "lib").rmdir()
    (folder / "lib").symlink_to(outside)
    before = fingerprint(tmp_path)
    apply(str(folder), LIMITS, Wish(BRANCH, verify=("true",)))
    assert differences(before, fingerprint(tmp_path)) == []
    assert changed_on(folder) == {"app/crm.py": FIXED, "lib/mail.py": FIXED}


def test_a_checkout_to_verify_stays_inside_its_folder(tmp_path: Path) -> None:
    """A link and a file below its name, in one tree: who checks that out naively writes through the link."""
    folder = service(tmp_path / "repo")
    outside = tmp_path / "outside"
    outside.mkdir()
    link = git(folder, "hash-object", "-w", "--stdin", stdin=str(outside).encode())
    blob = git(folder, "rev-parse", "HEAD:app/crm.py")
    tree = git(folder, "rev-parse", "HEAD:app")
    raw_tree(
        folder,
        [("120000", link, "a"), ("100644", blob, "a/crm.py"), ("100644", blob, "crm.py"), ("40000", tree, "app")],
    )
    before = fingerprint(outside)
    try:
        apply(str(folder), LIMITS, Wish(BRANCH, verify=("true",)))
    except Exception as error:
        assert type(error).__name__ == "Trouble"
    assert fingerprint(outside) == before == {}


@pytest.mark.parametrize(
    "name", ["../escape.py", "/tmp/loadproof-escape.py", ".git/hooks.py", "..", "./x.py", "a//b.py", ".GIT/config.py"]
)
def test_paths_that_want_out_of_a_tree(name: str, tmp_path: Path) -> None:
    folder = service(tmp_path / "repo")
    blob = git(folder, "rev-parse", "HEAD:app/crm.py")
    raw_tree(folder, [("100644", blob, name), ("100644", blob, "crm.py")])
    before = fingerprint(tmp_path)
    for wish in (Wish(BRANCH), Wish("loadproof/verified", verify=("true",))):
        try:
            apply(str(folder), LIMITS, wish)
        except Exception as error:
            assert type(error).__name__ == "Trouble", error
    changed = [path for path in differences(before, fingerprint(tmp_path)) if b"/refs/heads/loadproof/" not in path]
    assert changed == []
    assert not os.path.lexists("/tmp/loadproof-escape.py") and not (tmp_path / "escape.py").exists()


def test_nothing_that_a_terminal_obeys_comes_out(tmp_path: Path) -> None:
    """Escapes in file names, code, and a folder's name: not in messages, tables, commits, or what the command prints."""
    folder = service(
        tmp_path / f"repo{EVIL.replace('/', '')}",
        files={f"app/{EVIL.replace('/', '')}.py": CRM + f"# {EVIL}\n".encode()},
    )
    (folder / "app/out.py").symlink_to("/etc/" + EVIL.replace("/", ""))
    commit(folder)
    found = list(outcomes([str(folder), f"nowhere{EVIL}"], LIMITS, Wish(BRANCH)))
    assert sorted(one.ending for one in found) == ["branch", "refused"]
    printed = [drawn(found, False), "\n".join(lines(found)), git(folder, "log", "-1", "--format=%B", BRANCH)]
    for way in (["check"], ["diff"], ["apply", "-b", "again"], ["check", "--output-format", "full"]):
        for color in ("never", "always"):
            words = [sys.executable, "-m", "loadproof", *way, *(["--color", color] if way[0] != "apply" else [])]
            run = subprocess.run(words, cwd=folder, capture_output=True, check=False, timeout=60)
            said = (run.stdout if way != ["diff"] else b"").decode("utf-8", "replace") + run.stderr.decode(
                "utf-8", "replace"
            )
            printed.append(re.sub(r"\x1b\[[0-9;]*m", "", said) if color == "always" else said)
    for text in printed:
        assert OBEYED.findall(text.replace("\n", "")) == [], text
