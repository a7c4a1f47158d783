"""From a result to commits: everything arrives, in an order in which each commit makes sense, with a message worth reading."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loadproof.cli.commits import Omission, Portion, change, codemods_in_order, contents, plain, portions, together
from loadproof.codemods.kit.page import Page
from loadproof.codemods.kit.rewrite import Result

from .literal import fix, patch, refusal

PAGES = {
    "limits": Page("Give every call a time limit.", "One slow service\n    holds all workers.", "", ""),
    "clients": Page("Use the async client.", "A blocked loop serves nobody.", "", ""),
}


def test_each_codemod_is_a_commit() -> None:
    first = patch("a.py", ("limits", b"1\n"), ("clients", b"2\n"))
    second = patch("b.py", ("limits", b"3\n"))
    made = portions(Result((), (first, second)), "codemod")
    assert [(one.codemods, dict(one.files)) for one in made] == [
        (("limits",), {"a.py": b"1\n", "b.py": b"3\n"}),
        (("clients",), {"a.py": b"2\n"}),
    ]


def test_a_codemod_comes_after_those_whose_work_it_found_done() -> None:
    patches = [patch("a.py", ("z", b"1\n"), ("a", b"2\n")), patch("b.py", ("a", b"3\n"))]
    assert codemods_in_order(patches) == ["z", "a"]


def test_what_comes_back_to_a_file_comes_with_the_one_it_builds_on() -> None:
    made = portions(Result((), (patch("a.py", ("a", b"1\n"), ("b", b"2\n"), ("a", b"3\n")),)), "codemod")
    assert [(one.codemods, dict(one.files)) for one in made] == [(("a",), {"a.py": b"1\n"}), (("b",), {"a.py": b"3\n"})]


def test_files_that_disagree_on_the_order_all_arrive() -> None:
    patches = (
        patch("a.py", ("b", b"1\n"), ("a", b"2\n")),
        patch("b.py", ("b", b"1\n"), ("a", b"2\n")),
        patch("c.py", ("a", b"1\n"), ("b", b"2\n")),
    )
    made = portions(Result((), patches), "codemod")
    final: dict[str, bytes] = {}
    for one in made:
        final |= one.files
    assert final == {"a.py": b"2\n", "b.py": b"2\n", "c.py": b"2\n"}


@given(st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=5), min_size=1, max_size=5))
def test_whatever_the_chains_everything_arrives_and_every_state_was_seen(chains: list[list[str]]) -> None:
    patches = tuple(
        patch(f"{number}.py", *((name, b"%d\n" % place) for place, name in enumerate(chain, 1)))
        for number, chain in enumerate(chains)
    )
    now = {one.path: one.before for one in patches}
    for portion in portions(Result((), patches), "codemod"):
        assert portion.files
        for path, content in portion.files.items():
            [mine] = [one for one in patches if one.path == path]
            states = [mine.before, *(step.after for step in mine.steps)]
            assert states.index(content) > states.index(now[path])
            now[path] = content
    assert now == {one.path: one.after for one in patches}


def test_a_commit_for_each_file() -> None:
    made = portions(
        Result((), (patch("a.py", ("limits", b"1\n"), ("clients", b"2\n")), patch("b.py", ("limits", b"3\n")))), "file"
    )
    assert [(one.codemods, dict(one.files)) for one in made] == [
        (("limits", "clients"), {"a.py": b"2\n"}),
        (("limits",), {"b.py": b"3\n"}),
    ]


def test_files_that_change_together_share_a_commit() -> None:
    result = Result(
        (fix("limits", "a.py", group="g"), fix("limits", "c.py", group="g"), fix("limits", "b.py", also="d.py")),
        tuple(patch(f"{name}.py", ("limits", b"1\n")) for name in "abcde"),
    )
    assert together(result) == [("a.py", "c.py"), ("b.py", "d.py"), ("e.py",)]
    assert [tuple(one.files) for one in portions(result, "file")] == together(result)


def test_one_commit_for_a_run() -> None:
    [made] = portions(Result((), (patch("a.py", ("limits", b"1\n")), patch("b.py", ("clients", b"3\n")))), "run")
    assert dict(made.files) == {"a.py": b"1\n", "b.py": b"3\n"}
    assert set(made.codemods) == {"limits", "clients"}


def test_nothing_to_change_is_no_commit() -> None:
    assert portions(Result((refusal("limits", "a.py"),)), "codemod") == portions(Result(), "run") == ()


def test_contents_stop_where_anothers_work_begins() -> None:
    one = patch("a.py", ("a", b"1\n"), ("b", b"2\n"), ("c", b"3\n"))
    assert contents([one], ["a", "c"]) == {"a.py": b"1\n"}
    assert contents([one], []) == {"a.py": b"0\n"}


def test_the_message_says_what_why_where_what_not_and_how_back() -> None:
    portion = Portion(
        ("limits",), {"a.py": b""}, (fix("limits", "a.py", 7), fix("limits", "a.py", 9), refusal("limits", "b.py", 3))
    )
    message = change(
        portion, PAGES, [Omission("limits", ("c.py",), "`pytest -q` ended with code 1")], "Ada <ada@example.com>"
    ).message
    assert message == (
        "Give every call a time limit\n\n"
        "limits: One slow service holds all workers.\n\n"
        "Changed (lines as they were before):\n- a.py:7: waits for ever\n- a.py:9: waits for ever\n\n"
        "Recognised and left as it was:\n"
        "- b.py:3: the keywords are spread [keywords-spread]; by hand: name them\n  one by one\n\n"
        "Taken out again:\n- c.py: `pytest -q` ended with code 1\n\n"
        "To take it back: git revert this commit, or `loadproof undo --codemod\nlimits` while it is the branch's own.\n\n"
        "Loadproof-Codemod: limits\nSigned-off-by: Ada <ada@example.com>\n"
    )


@pytest.mark.parametrize("count, subject", [(1, "Fix a0.py with clients, limits"), (3, "Apply 3 fixes in 3 files")])
def test_the_subject_of_a_mixed_commit(count: int, subject: str) -> None:
    files = {f"a{number}.py": b"" for number in range(count)}
    portion = Portion(("clients", "limits"), files, tuple(fix("limits", path) for path in files))
    assert change(portion, PAGES).message.splitlines()[0] == subject


def test_hundreds_of_places_are_not_all_told() -> None:
    portion = Portion(("limits",), {"a.py": b""}, tuple(fix("limits", "a.py", line) for line in range(1, 251)))
    lines = change(portion, PAGES).message.splitlines()
    assert sum(line.startswith("- a.py") for line in lines) == 100
    assert "- and 150 more" in lines


def test_strangers_text_cannot_write_a_message() -> None:
    """A file name with a line break forges no trailer, one with an escape sequence obeys no terminal."""
    evil = "a\n\nSigned-off-by: Linus <l@x>\x1b[2J\u202e\udce9.py"
    message = change(Portion(("limits",), {evil: b""}, (fix("limits", evil),)), PAGES).message
    assert not any(line.startswith("Signed-off-by") for line in message.splitlines())
    assert "\\x1b[2J\\u202e\\xe9.py" in message
    assert message.isascii()


@given(st.text(st.characters()))
def test_plain_text_prints_on_one_line(text: str) -> None:
    assert plain(text).isprintable()
