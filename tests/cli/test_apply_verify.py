"""Verification: the base first, then everything; what breaks is found, left out, and said."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hypothesis import given
from hypothesis import strategies as st
from loadproof.cli.scratch import Run
from loadproof.cli.verify import Verified, verified

from .literal import Site, planned

Files = Mapping[str, bytes]


def verify(
    sites: list[Site], breaks: Callable[[Files], bool], on_fail: str = "bisect", groups: dict[Site, str] | None = None
) -> Verified:
    """Verified with one command that is red when `breaks` says so of the changed files."""

    def attempt(command: str, files: Files) -> Run:
        return Run(command, int(breaks(files)), 0.1, "boom")

    return verified(
        planned(sites, groups=groups), ["test"], attempt, lambda rejected: planned(sites, rejected, groups), on_fail
    )  # type: ignore[arg-type]


def spoiled(*bad: Site) -> Callable[[Files], bool]:
    """Red as soon as one of these sites is changed."""
    return lambda files: any(
        path in files and files[path].splitlines()[line - 1] == codemod.encode() for codemod, path, line in bad
    )


def left(result: Verified) -> set[Site]:
    return {(each.finding.codemod, each.finding.place.path, each.finding.place.line) for each in result.result.findings}


def test_green_is_two_runs() -> None:
    sites = [("a", f"{number}.py", 1) for number in range(5)]
    result = verify(sites, lambda files: False)
    assert (result.runs, result.red, result.omitted, left(result)) == (2, None, (), set(sites))


def test_red_before_is_said_and_not_blamed_on_the_change() -> None:
    sites = [("a", "x.py", 1)]
    result = verify(sites, lambda files: True)
    assert [run.command for run in result.red_before] == ["test"]
    assert (result.runs, result.red, result.omitted, left(result)) == (1, None, (), set(sites))


def test_a_command_that_was_green_still_judges_beside_one_that_was_red() -> None:
    sites: list[Site] = [("a", "x.py", 1), ("a", "y.py", 1)]

    def attempt(command: str, files: Files) -> Run:
        return Run(command, 1 if command == "lint" or "x.py" in files else 0, 0.1, "")

    result = verified(planned(sites), ["lint", "test"], attempt, lambda rejected: planned(sites, rejected))
    assert result.commands == ("test",)
    assert left(result) == {("a", "y.py", 1)}


def test_one_bad_file_among_many_is_found_in_few_runs() -> None:
    sites = [("a", f"{number:02}.py", 1) for number in range(64)]
    result = verify(sites, spoiled(sites[37]))
    assert left(result) == set(sites) - {sites[37]}
    assert [(one.codemod, one.paths) for one in result.omitted] == [("a", ("37.py",))]
    assert "`test` ended with code 1" in result.omitted[0].why
    assert result.runs <= 2 + 6 + 1  # base, all, the bisection, the rest again


def test_only_the_breaking_codemod_leaves_a_file() -> None:
    sites = [(codemod, f"{number}.py", line) for line, codemod in enumerate("abc", 1) for number in range(4)]
    bad = [("b", "2.py", 2), ("c", "0.py", 3)]
    result = verify(sites, spoiled(*bad))
    assert left(result) == set(sites) - set(bad)


def test_of_two_that_break_only_together_the_later_goes() -> None:
    sites = [("a", "x.py", 1), ("b", "y.py", 2), ("c", "z.py", 3)]
    result = verify(sites, lambda files: {"x.py", "y.py"} <= files.keys())
    assert left(result) == {("a", "x.py", 1), ("c", "z.py", 3)}


def test_files_that_belong_together_leave_together() -> None:
    sites = [("a", f"{number}.py", 1) for number in range(6)]
    groups = {sites[1]: "g", sites[4]: "g"}
    result = verify(sites, spoiled(sites[4]), groups=groups)
    assert left(result) == set(sites) - {sites[1], sites[4]}
    assert result.omitted[0].paths == ("1.py", "4.py")


def test_a_codemod_that_breaks_again_and_again_goes_whole() -> None:
    sites = [("a", f"{number:02}.py", 1) for number in range(40)] + [("b", "00.py", 2)]
    result = verify(sites, spoiled(*sites[:40]))
    assert left(result) == {("b", "00.py", 2)}
    assert len(result.omitted) == 5


def test_keep_and_drop_only_tell() -> None:
    sites = [("a", "x.py", 1), ("a", "y.py", 1)]
    for on_fail in ("keep", "drop"):
        result = verify(sites, spoiled(sites[0]), on_fail)
        assert (result.runs, left(result), result.omitted) == (2, set(sites), ())
        assert result.red is not None


def test_everything_may_go() -> None:
    sites = [("a", "x.py", 1)]
    result = verify(sites, lambda files: bool(files))
    assert (left(result), result.red, result.result.patches) == (set(), None, ())


SITES = [(codemod, f"{number}.py", line) for line, codemod in enumerate("abc", 1) for number in range(6)]


@given(st.sets(st.sampled_from(SITES), max_size=4))
def test_whatever_breaks_is_left_out_and_nothing_else(bad: set[Site]) -> None:
    result = verify(SITES, spoiled(*bad))
    assert result.red is None
    assert left(result) == set(SITES) - bad
    assert {(one.codemod, path) for one in result.omitted for path in one.paths} == {
        (codemod, path) for codemod, path, _ in bad
    }
