"""`diff -i` on a real terminal."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pytest

HEAD = b"import requests\n\n"
ONE, TWO, THREE = (f"{name} = requests.get('{name}')\n".encode() for name in "abc")
FILE = HEAD + ONE + TWO + THREE
QUESTION = b"[y,n,a,d,q,e,?] "


def timed(line: bytes, timeout: bytes = b"(5, 20)") -> bytes:
    return line.replace(b"')", b"', timeout=" + timeout + b")")


def session(folder: Path, keys: str, *words: str, edit: str = "s/(5, 20)/(1, 2)/") -> tuple[int, bytes]:
    """Answer the questions one after the other; the exit code and what was on the screen."""
    editor = folder.parent / "editor"
    editor.write_text(f"#!/bin/sh\nsed -i '{edit}' \"$1\"\n")
    editor.chmod(0o755)
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.environ.update(VISUAL=str(editor), TERM="xterm-256color")
        os.execv(sys.executable, [sys.executable, "-m", "loadproof", "diff", "-i", *words])
    screen, since, left = b"", 0, list(keys)
    while True:
        try:
            screen += os.read(terminal, 4096)
        except OSError:  # the terminal's other side is closed
            break
        if screen[since:].endswith(QUESTION) and left:
            since = len(screen)
            key = left.pop(0)
            os.write(terminal, b"\x04" if key == "^" else f"{key}\n".encode())
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), screen


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    top = tmp_path / "project"
    top.mkdir()
    (top / "a.py").write_bytes(FILE)
    (top / "b.py").write_bytes(FILE)
    return top


@pytest.mark.parametrize(
    ("keys", "a", "b", "code"),
    [
        ("yyyyyy", HEAD + timed(ONE) + timed(TWO) + timed(THREE), HEAD + timed(ONE) + timed(TWO) + timed(THREE), 0),
        ("nnnnnn", FILE, FILE, 1),
        ("nynnyn", HEAD + ONE + timed(TWO) + THREE, HEAD + ONE + timed(TWO) + THREE, 1),
        ("yd" + "nnn", HEAD + timed(ONE) + TWO + THREE, FILE, 1),
        ("na" + "nnn", HEAD + ONE + timed(TWO) + timed(THREE), FILE, 1),
        ("ad", HEAD + timed(ONE) + timed(TWO) + timed(THREE), FILE, 1),
        ("yq", HEAD + timed(ONE) + TWO + THREE, FILE, 1),
        ("y^", HEAD + timed(ONE) + TWO + THREE, FILE, 1),
        ("?xyq", HEAD + timed(ONE) + TWO + THREE, FILE, 1),
        ("yeyq", HEAD + timed(ONE) + timed(TWO, b"(1, 2)") + timed(THREE), FILE, 1),
        ("eq", HEAD + timed(ONE, b"(1, 2)") + TWO + THREE, FILE, 1),
    ],
)
def test_what_is_accepted_is_written(folder: Path, keys: str, a: bytes, b: bytes, code: int) -> None:
    ended, screen = session(folder, keys)
    assert (folder / "a.py").read_bytes() == a
    assert (folder / "b.py").read_bytes() == b
    assert ended == code, screen
    assert b"Traceback" not in screen
    assert (b"loadproof undo " in screen) == (a != FILE or b != FILE)


def test_each_question_shows_its_change_and_how_many_there_are(folder: Path) -> None:
    _, screen = session(folder, "nnnnnn", "--color", "never")
    shown = screen.replace(b"\r\n", b"\n").decode()
    assert "2 of 6\nrequests-timeout  a.py:4  requests.get waits for ever" in shown
    assert "  4 - b = requests.get('b')\n    + b = requests.get('b', timeout=(5, 20))\n" in shown


def test_the_help_names_every_key(folder: Path) -> None:
    _, screen = session(folder, "?q")
    for key in b"yndaqe?":
        assert b"\n" + bytes([key]) + b"  " in screen


def test_text_that_does_not_parse_is_asked_again(folder: Path) -> None:
    ended, screen = session(folder, "eq", edit="s/requests.get(/requests.get((/")
    assert ended == 1
    assert b"does not read as Python" in screen
    assert (folder / "a.py").read_bytes() == FILE


def test_on_a_terminal_a_diff_is_drawn(folder: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.environ.update(TERM="xterm-256color", COLUMNS="100")
        os.environ.pop("NO_COLOR", None)
        os.execv(sys.executable, [sys.executable, "-m", "loadproof"])
    screen = b""
    while True:
        try:
            screen += os.read(terminal, 4096)
        except OSError:
            break
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    assert b"\x1b[" in screen
    assert b"2 Python files" in screen and b"6 findings in 2 files: 6 can be fixed" in screen and b"next: " in screen
    assert b"--- a/" not in screen
