"""Every pair under fixtures/: before becomes exactly after, and a second run finds nothing to fix."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from loadproof.codemods import codemods
from loadproof.codemods.kit.finding import Fix
from loadproof.codemods.kit.rewrite import Choice, Reported, Result, rewrite
from loadproof.codemods.kit.units import survey

FIXTURES = Path(__file__).parent.parent / "fixtures"
CASES = sorted(path for path in FIXTURES.glob("*/*.before*") if path.parent.name in codemods())


def files_of(path: Path) -> dict[str, bytes]:
    """One file, or all Python files of a folder by their path in it."""
    if path.is_file():
        return {"main.py": path.read_bytes()}
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in sorted(path.rglob("*.py"))}


def header(files: dict[str, bytes], word: str) -> list[str]:
    """The comma-separated values of `# word: a, b` at the head of any file."""
    found = [match for raw in files.values() for match in re.findall(rf"^# {word}: (.*)$".encode(), raw[:2000], re.MULTILINE)]
    return [part.strip() for line in found for part in line.decode().split(",") if part.strip()]


def choice_of(case: Path, files: dict[str, bytes]) -> Choice:
    name = case.parent.name
    settings: dict[str, dict[str, object]] = {}
    for pair in header(files, "set"):
        key, _, value = pair.partition("=")
        owner, _, setting = key.rpartition(".")
        owner = owner or name
        settings.setdefault(owner, {})[setting] = codemods()[owner].setting(setting, value)
    return Choice(tuple(header(files, "select") or [name]), settings, unsafe=bool(header(files, "unsafe")))


def run(case: Path, files: dict[str, bytes], choice: Choice) -> Result:
    declared = {}
    for text in header(files, "declares"):
        name, _, version = re.match(r"([\w.-]+)\s*(==)?(.*)", text).groups()  # type: ignore[union-attr]
        declared[name.lower()] = version.strip()
    return rewrite(files, choice, declared)


@pytest.mark.parametrize("case", CASES, ids=lambda path: f"{path.parent.name}/{path.name.partition('.before')[0]}")
def test_before_becomes_after(case: Path) -> None:
    files = files_of(case)
    choice = choice_of(case, files)
    result = run(case, files, choice)
    assert result.unreadable == ()
    after = case.with_name(case.name.replace(".before", ".after"))
    wanted = {**files, **files_of(after)} if after.exists() else files
    made = {**files, **{patch.path: patch.after for patch in result.patches}}
    for path, raw in wanted.items():
        assert made[path].decode("utf-8", "replace") == raw.decode("utf-8", "replace"), f"{path}: {_told(result)}"
        ast.parse(made[path])
    assert not [reported for reported in result.findings if reported.status == "failed"], _told(result)
    if after.exists():
        assert result.patches, _told(result)
    refused = {(path, number, code) for path, raw in files.items() for number, code in _refusals(raw)}
    said = {(each.finding.place.path, each.finding.place.line, each.reason) for each in result.findings if each.status == "refused"}
    assert refused <= said, _told(result)
    if refused:
        assert said == refused, _told(result)
    for path, raw in files.items():
        edits = sorted((edit for each in result.findings if isinstance(each.finding, Fix) for edit in each.finding.edits if edit.path == path), reverse=True)
        if all(each.status == "fixable" and each.finding.codemod for each in result.findings if isinstance(each.finding, Fix)) and path in {p.path for p in result.patches}:
            for edit in edits:
                raw = raw[: edit.start] + edit.text.encode() + raw[edit.stop :]
            assert raw == made[path], "the declared edits are all that differs"
    again = run(case, made, choice)
    assert again.patches == (), f"second run: {_told(again)}"


@pytest.mark.parametrize("default", [False, True], ids=["alone", "among-the-default-ones"])
@pytest.mark.parametrize("case", [case for case in CASES if case.is_dir()], ids=lambda path: f"{path.parent.name}/{path.name.partition('.before')[0]}")
def test_units_hold_what_must_be_seen_together(case: Path, default: bool) -> None:
    """A survey of the files leads to the same findings and bytes as if all were looked at together."""
    files = files_of(case)
    choice = choice_of(case, files)
    whole = run(case, files, choice)
    chosen = [codemod for codemod in codemods().values() if codemod.name in choice.codemods or (default and codemod.default)]
    parts = [run(case, {source.path: files[source.path] for source in unit}, choice) for unit in survey(files, chosen).units]
    assert sorted(_line(each) for part in parts for each in part.findings) == sorted(_line(each) for each in whole.findings)
    assert {patch.path: patch.after for part in parts for patch in part.patches} == {patch.path: patch.after for patch in whole.patches}


def _refusals(raw: bytes) -> list[tuple[int, str]]:
    lines = raw.decode("utf-8", "replace").splitlines()
    return [(number, match.group(1)) for number, line in enumerate(lines, 1) if (match := re.search(r"# refused: ([a-z0-9-]+)", line))]


def _line(each: Reported) -> tuple[str, int, int, str, str, str]:
    place = each.finding.place
    return place.path, place.line, place.column, each.finding.codemod, each.status, each.reason or ""


def _told(result: Result) -> str:
    return "\n".join(f"{each.status} {each.reason or ''} {each.finding.codemod} {each.finding.place.path}:{each.finding.place.line} {each.finding.message}" for each in result.findings)


@pytest.mark.parametrize("name", sorted(codemods()))
def test_page(name: str) -> None:
    """Broken becomes exactly Fixed; each Refuses example is refused for its code and unchanged; Settings lists exactly the parameters."""
    codemod = codemods()[name]
    page = codemod.page
    result = rewrite({"main.py": page.broken.encode()}, Choice((name,)))
    assert [patch.after.decode() for patch in result.patches] == [page.fixed], _told(result)
    assert rewrite({"main.py": page.fixed.encode()}, Choice((name,))).patches == ()
    for refused in page.refuses:
        assert refused.by_hand, f"{refused.code} does not say what to do by hand"
        assert refused.example, f"{refused.code} has no example"
        result = rewrite({"main.py": refused.example.encode()}, Choice((name,)))
        assert result.patches == (), f"{refused.code}: {_told(result)}"
        assert refused.code in {each.reason for each in result.findings}, f"{refused.code}: {_told(result)}"
    assert set(page.settings) == set(codemod.settings)


def test_ruff_finds_nothing_new(tmp_path: Path) -> None:
    """F821, F401 and E9 over all fixtures: not more after our rewrite than before."""
    counts = {}
    for side in ("before", "after"):
        for case in CASES:
            files = files_of(case)
            made = files
            if side == "after":
                made = {**files, **{patch.path: patch.after for patch in run(case, files, choice_of(case, files)).patches}}
            for path, raw in made.items():
                target = tmp_path / side / case.parent.name / case.name / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(raw)
        ruff = subprocess.run(
            [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "F821,F401,E9", "--output-format", "concise", str(tmp_path / side)],
            capture_output=True, text=True,
        )  # fmt: skip
        assert ruff.returncode in (0, 1), ruff.stderr
        found = [line.partition(str(tmp_path / side))[2] for line in ruff.stdout.splitlines() if ": " in line]
        counts[side] = sorted(re.sub(r":\d+:\d+|`[^`]*`", "", line) for line in found)
    new = [line for line in counts["after"] if counts["after"].count(line) > counts["before"].count(line)]
    assert not new


def test_the_order_of_sets_changes_nothing() -> None:
    """Two runs whose hashes differ say the same findings in the same order, and write the same bytes."""
    runs = [
        subprocess.run([sys.executable, __file__], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}).stdout.splitlines()
        for seed in ("1", "2")
    ]  # fmt: skip
    assert len(runs[0]) > len(CASES)
    assert runs[0] == runs[1]


if __name__ == "__main__":
    for each in CASES:
        each_files = files_of(each)
        told = run(each, each_files, choice_of(each, each_files))
        print(each.name, told.patches)
        for finding in told.findings:
            print(each.name, finding)
