"""What people type, what they see, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from .command import FIXED, HANG, REFUSED, loadproof, tree

MIXED = {"app/crm.py": HANG, "app/bot.py": REFUSED, "app/clean.py": b"x = 1\n"}
SILENCED = HANG.replace(b"get(url)", b"get(url)  # loadproof: ignore[requests-timeout] the gateway cuts it")


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    return write(tmp_path, MIXED)


# exit codes


@pytest.mark.parametrize(
    ("files", "words", "code"),
    [
        ({"a.py": b"x = 1\n"}, ("check",), 0),
        ({"a.py": HANG}, ("check",), 1),
        ({"a.py": HANG}, ("diff",), 1),
        ({"a.py": HANG}, (), 1),
        ({"a.py": HANG}, ("fix",), 0),
        ({"a.py": REFUSED}, ("check",), 1),
        ({"a.py": REFUSED}, ("diff",), 1),
        ({"a.py": REFUSED}, ("fix",), 1),
        ({"a.py": SILENCED}, ("check",), 0),
        ({"a.py": HANG, "b.py": b"import requests\nrequests.get(\n"}, ("check",), 3),
        ({"a.py": b"x = 1\n", "b.py": b"import requests\nrequests.get(\n"}, ("diff",), 3),
        ({"a.py": HANG, "b.py": b"import requests\nrequests.get(\n"}, ("fix",), 3),
        ({"a.py": HANG}, ("check", "--no-such-option"), 2),
        ({"a.py": HANG}, ("check", "--select", "no-such-codemod"), 2),
        ({"a.py": HANG, "b.py": b"import requests\nrequests.get(\n"}, ("check", "nowhere"), 2),
        ({"loadproof.toml": b"selekt = []\n", "a.py": b"requests.get(\n"}, ("check",), 2),
        ({"a.py": HANG}, ("check", "--ignore", "requests-timeout"), 0),
        ({}, ("check",), 0),
        ({"a.py": HANG}, ("explain", "requests-timeout"), 0),
        ({"a.py": HANG}, ("explain", "nothing"), 2),
        ({"a.py": HANG}, ("list",), 0),
        ({"a.py": HANG}, ("undo",), 2),
        ({"a.py": HANG}, ("diff", "-i"), 2),
    ],
)
def test_exit_codes(tmp_path: Path, files: dict[str, bytes], words: tuple[str, ...], code: int) -> None:
    assert loadproof(*words, cwd=write(tmp_path, files)).code == code


def test_nothing_is_written_unless_told(mixed: Path) -> None:
    for words in (
        (),
        ("check",),
        ("diff",),
        ("diff", "--output-format", "full"),
        ("check", "--output-format", "json"),
        ("--statistics",),
    ):
        loadproof(*words, cwd=mixed)
        assert tree(mixed) == MIXED


# what stands where


def test_alone_it_is_diff_and_paths_narrow_it(mixed: Path) -> None:
    whole = loadproof(cwd=mixed)
    assert (
        whole.out
        == loadproof("diff", cwd=mixed).out
        == loadproof("app", cwd=mixed).out
        == loadproof("app/crm.py", cwd=mixed).out
    )
    assert loadproof("app/bot.py", cwd=mixed).out == ""
    assert loadproof("--select", "requests-timeout", "app", cwd=mixed).out == whole.out


def test_piped_a_diff_is_a_patch_and_nothing_else(mixed: Path) -> None:
    said = loadproof("diff", cwd=mixed)
    assert said.out.startswith("--- a/app/crm.py\n+++ b/app/crm.py\n@@ -2,4 +2,4 @@\n")
    subprocess.run(["git", "apply", "-"], cwd=mixed, input=said.raw, check=True)
    assert (mixed / "app/crm.py").read_bytes() == FIXED


@pytest.mark.parametrize("where", [".", "app"])
def test_the_patch_applies_where_it_was_made(mixed: Path, where: str) -> None:
    subprocess.run(["git", "init", "-q"], cwd=mixed, check=True)
    said = loadproof("diff", cwd=mixed / where)
    subprocess.run(["git", "apply", "-"], cwd=mixed / where, input=said.raw, check=True)
    assert (mixed / "app/crm.py").read_bytes() == FIXED


def test_findings_on_stdout_everything_else_on_stderr(mixed: Path) -> None:
    said = loadproof("check", cwd=mixed)
    assert said.out.splitlines() == [
        "app/bot.py:5:12: requests-timeout: the keywords are spread, timeout may be among them [refused: keywords-spread]",
        "app/crm.py:5:12: requests-timeout: requests.get waits for ever when the other side is silent [fixable]",
    ]
    assert said.err == "2 findings in 2 files: 1 can be fixed, 1 refused\n"
    assert loadproof("check", "-q", cwd=mixed).err == ""


def test_paths_are_seen_from_the_working_directory(mixed: Path) -> None:
    (mixed / "pyproject.toml").write_bytes(b"")
    said = loadproof("check", "--output-format", "json", "..", cwd=mixed / "app")
    assert [finding["path"] for finding in said.json["findings"]] == ["bot.py", "crm.py"]
    (mixed / "other").mkdir()
    said = loadproof("check", "--output-format", "json", "..", cwd=mixed / "other")
    assert [finding["path"] for finding in said.json["findings"]] == ["../app/bot.py", "../app/crm.py"]


def test_output_file(mixed: Path, tmp_path: Path) -> None:
    said = loadproof("diff", "--output-file", "change.patch", cwd=mixed)
    assert said.out == ""
    assert (mixed / "change.patch").read_bytes() == loadproof("diff", cwd=mixed).raw
    assert loadproof("diff", "--output-file", "no/such/folder", cwd=mixed).code == 2


def test_statistics_count_by_codemod_and_reason(mixed: Path) -> None:
    said = loadproof("check", "--statistics", cwd=mixed)
    assert said.out.splitlines() == ["1  requests-timeout  fixable", "1  requests-timeout  refused: keywords-spread"]


# the full picture


def test_full_groups_by_codemod_and_adds_up(mixed: Path) -> None:
    out = loadproof("diff", "--output-format", "full", cwd=mixed, COLUMNS="120").out
    assert out.startswith("3 Python files\n\nrequests-timeout    requests waits for ever")
    assert "    5 -     return requests.get(url)\n      +     return requests.get(url, timeout=(5, 20))\n" in out
    assert "refused" in out and "by hand: " in out
    assert "2 findings in 2 files: 1 can be fixed, 1 refused\nnext: loadproof diff -i" in out


def test_the_header_names_libraries_and_who_declares_them(tmp_path: Path) -> None:
    lock = b'[[package]]\nname = "openai"\nversion = "3.52.0"\n\n[[package]]\nname = "langgraph"\nversion = "1.2.22"\n'
    files = {
        "uv.lock": lock,
        "a.py": b"import openai\nfrom langgraph.graph import END\n",
        "b.py": b"import openai.types\n",
        "c.py": b"x = 1\n",
    }
    out = loadproof("diff", "--output-format", "full", cwd=write(tmp_path, files), COLUMNS="120").out
    assert (
        out.splitlines()[0]
        == "3 Python files, 2 use LLM libraries: openai 3.52.0 (uv.lock), langgraph 1.2.22 (uv.lock)"
    )


@pytest.mark.parametrize(
    ("words", "environment", "colored"),
    [
        ((), {}, False),
        (("--color", "always"), {}, True),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
        ((), {"FORCE_COLOR": "1"}, True),
        ((), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (("--color", "never"), {"FORCE_COLOR": "1"}, False),
    ],
)
def test_color(mixed: Path, words: tuple[str, ...], environment: dict[str, str], colored: bool) -> None:
    said = loadproof("diff", "--output-format", "full", *words, cwd=mixed, **environment)
    assert ("\x1b[" in said.out) == colored


def test_escapes_in_code_reach_no_terminal(tmp_path: Path) -> None:
    nasty = b"import requests\n# \x1b[31m \xe2\x80\xae evil\nrequests.get('x')  # \x1b]0;title\x07\n"
    write(tmp_path, {"a.py": nasty})
    for words in (("diff", "--output-format", "full"), ("check",), ("check", "--statistics")):
        assert not set("\x1b\u202e\x07") & set(loadproof(*words, cwd=tmp_path).out)
    out = loadproof("diff", "--output-format", "full", "--color", "always", cwd=tmp_path).out
    assert "\x1b]" not in out and not set("\u202e\x07") & set(out)
    assert "\\x1b[31m \\u202e evil" in out


# fix and undo


def test_fix_names_an_id_and_undo_takes_it_back(mixed: Path) -> None:
    said = loadproof("fix", cwd=mixed)
    assert (mixed / "app/crm.py").read_bytes() == FIXED
    name = said.err.split("loadproof undo ")[1].split()[0]
    assert loadproof("fix", cwd=mixed).err == "1 finding in 1 file: 1 refused\n"
    assert loadproof("undo", name, cwd=mixed).err == "taken back: app/crm.py\n"
    assert tree(mixed) == MIXED


def test_undo_in_a_repository_without_a_commit(mixed: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=mixed, check=True)
    loadproof("fix", cwd=mixed)
    assert loadproof("undo", cwd=mixed).code == 0
    assert tree(mixed) == MIXED


def test_undo_keeps_what_was_changed_elsewhere_since(mixed: Path) -> None:
    loadproof("fix", cwd=mixed)
    with open(mixed / "app/crm.py", "ab") as file:
        file.write(b"\nMINE = 1\n")
    assert loadproof("undo", cwd=mixed).code == 0
    assert (mixed / "app/crm.py").read_bytes() == HANG + b"\nMINE = 1\n"


def test_undo_refuses_where_the_same_lines_were_changed(mixed: Path) -> None:
    loadproof("fix", cwd=mixed)
    mine = FIXED.replace(b"20", b"30")
    (mixed / "app/crm.py").write_bytes(mine)
    said = loadproof("undo", cwd=mixed)
    assert said.code == 3
    assert (mixed / "app/crm.py").read_bytes() == mine


def test_the_journal_is_in_no_work_tree(mixed: Path, tmp_path: Path) -> None:
    loadproof("fix", cwd=mixed, XDG_STATE_HOME=str(tmp_path / "state"))
    assert set(tree(mixed)) - set(MIXED) == {path for path in tree(mixed) if path.startswith("state/")}
    (mixed / "app/crm.py").write_bytes(HANG)
    subprocess.run(["git", "init", "-q"], cwd=mixed, check=True)
    loadproof("fix", cwd=mixed, XDG_STATE_HOME=str(tmp_path / "other"))
    assert not (tmp_path / "other").exists()
    assert list((mixed / ".git" / "loadproof" / "undo").iterdir())


# standard input


def test_standard_input(mixed: Path) -> None:
    said = loadproof("check", "-", "--stdin-filename", "app/new.py", cwd=mixed, stdin=HANG)
    assert (said.code, said.out.split(":")[0]) == (1, "app/new.py")
    said = loadproof("diff", "-", cwd=mixed, stdin=HANG)
    assert said.out.startswith("--- a/stdin.py\n")
    said = loadproof("fix", "-", "--stdin-filename", "app/crm.py", cwd=mixed, stdin=b"\n" + HANG)
    assert (said.code, said.raw) == (0, b"\n" + FIXED)
    assert tree(mixed) == MIXED
    said = loadproof("fix", "-", cwd=mixed, stdin=b"x = 1\n")
    assert (said.code, said.raw) == (0, b"x = 1\n")
    assert loadproof("check", "-", "app", cwd=mixed).code == 2
    assert loadproof("check", "--stdin-filename", "a.py", cwd=mixed).code == 2


# words that are not known


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("chekc",), "did you mean `check`?"),
        (("check", "--select", "requests-timeuot"), "did you mean `requests-timeout`?"),
        (("check", "--ignore", "request-timeout"), "did you mean `request"),
        (("check", "--set", "requests-timeout.raed=3"), "did you mean `read`?"),
        (("check", "--set", "requests-timeout.read=soon"), "is a number, not 'soon'"),
        (("check", "--set", "requests-timeout"), "not CODEMOD.SETTING=VALUE"),
        (("explain", "requests"), "did you mean `requests-timeout`?"),
        (("nowhere/at/all.py",), "neither a command nor a file or folder"),
        (("check", "nowhere.py"), "there is no such file or folder"),
    ],
)
def test_a_wrong_word_gets_the_right_one(mixed: Path, words: tuple[str, ...], told: str) -> None:
    said = loadproof(*words, cwd=mixed)
    assert said.code == 2
    assert told in said.err
    assert said.out == ""


def test_settings_on_the_command_line(mixed: Path) -> None:
    assert "timeout=(5, 60)" in loadproof("diff", "--set", "requests-timeout.read=60", cwd=mixed).out
    assert "timeout=(3.5, 20)" in loadproof("diff", "--set", "requests-timeout.connect=3.5", cwd=mixed).out


# pages


def test_list_and_explain_come_from_the_pages(tmp_path: Path) -> None:
    every = json.loads(loadproof("list", "--json", cwd=tmp_path).out)
    names = [entry["name"] for entry in every]
    assert {
        "request-scope",
        "async-client",
        "async-chain",
        "bounded-gather",
        "requests-timeout",
        "attempt-counter",
    } <= set(names)
    listed = loadproof("list", cwd=tmp_path).out.splitlines()
    assert [line.split()[0] for line in listed] == names
    page = loadproof("explain", "requests-timeout", cwd=tmp_path).out
    for entry in every:
        if entry["name"] == "requests-timeout":
            assert entry["title"] in page
            assert all(code in page for code in entry["reasons"])
            assert all(f"{setting['name']} = " in page for setting in entry["settings"])


def test_demo_shows_what_is_broken_and_where_it_is(tmp_path: Path) -> None:
    said = loadproof("demo", cwd=tmp_path, TMPDIR=str(tmp_path))
    assert said.code == 0
    for codemod in (
        "request-scope",
        "async-client",
        "async-chain",
        "bounded-gather",
        "requests-timeout",
        "attempt-counter",
    ):
        assert f"\n{codemod} " in said.out, codemod
    folder = said.out.split("cd ")[1].split()[0]
    fixed = loadproof("fix", cwd=Path(folder))
    assert fixed.code == 0
    assert loadproof("check", cwd=Path(folder)).code == 0


def test_help_is_short_and_long(tmp_path: Path) -> None:
    short, whole = loadproof("check", "-h", cwd=tmp_path), loadproof("check", "--help", cwd=tmp_path)
    assert short.code == whole.code == 0
    assert len(short.out) < len(whole.out)
    for group in ("Selection:", "Files:", "Output:", "Miscellaneous:"):
        assert group in whole.out
    assert loadproof("--version", cwd=tmp_path).out.startswith("loadproof")
    assert "Exit codes: 0" in loadproof("--help", cwd=tmp_path).out.replace("\n", " ")


# a hostile folder


@pytest.mark.parametrize(
    "name", ["click", "git", "libcst", "black", "rich", "ast", "json", "tomllib", "loadproof_helper"]
)
def test_modules_of_the_folder_are_not_imported(tmp_path: Path, name: str) -> None:
    marker = tmp_path / "executed"
    write(tmp_path, {f"{name}.py": f"open({str(marker)!r}, 'w')\n".encode(), "a.py": HANG})
    for words in (("check",), ("diff", "--output-format", "full")):
        assert loadproof(*words, cwd=tmp_path).code in (1, 3)
        assert loadproof(
            *words,
            cwd=tmp_path,
            PYTHONPATH=os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(tmp_path)])),
        ).code in (1, 3)
    assert not marker.exists()
