"""The rewritten programs are run: the same answers, and everybody's at the same time."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from loadproof.codemods import codemods
from loadproof.codemods.kit.rewrite import Choice, Result, rewrite
from loadproof.codemods.kit.units import survey

HERE = Path(__file__).parent
FIXTURES = HERE.parent.parent / "fixtures" / "async-chain"
PROGRAM = (HERE / "programs" / "chains.py").read_bytes()
CHOICE = Choice(("async-chain",))


def loaded(name: str, code: bytes, folder: Path) -> ModuleType:
    path = folder / f"{name}.py"
    path.write_bytes(code)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ModuleType, ModuleType]]:
    result = rewrite({"chains.py": PROGRAM}, CHOICE)
    assert {reported.status for reported in result.findings} == {"fixable"}, told(result)
    folder = tmp_path_factory.mktemp("sides")
    yield loaded("chains_before", PROGRAM, folder), loaded("chains_after", result.patches[0].after, folder)


def told(result: Result) -> str:
    return "\n".join(f"{each.status} {each.reason} {each.finding.place.line} {each.finding.message}" for each in result.findings)


NAMES = "piped listed streamed generated old own found with_score built asked tooled remembered graphed noded".split()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_same_answers_at_the_same_time(name: str, sides: tuple[ModuleType, ModuleType]) -> None:
    """Before, a caller alone is answered; after, three are answered only because all three are waited for together."""
    before, after = sides
    assert [each.__name__ for each in after.EVERY] == NAMES
    questions = ["one", "three", "seventeen"]

    async def alone(question: str) -> Any:
        before.crowd.resize(1)
        return await getattr(before, name)(question)

    async def together() -> list[Any]:
        after.crowd.resize(3)
        return await asyncio.gather(*(getattr(after, name)(question) for question in questions))

    assert asyncio.run(together()) == [asyncio.run(alone(question)) for question in questions]


@pytest.mark.filterwarnings("ignore")
def test_before_they_wait_for_each_other(sides: tuple[ModuleType, ModuleType]) -> None:
    """The crowd proves something: the program as it was never brings two callers together."""
    before, _ = sides

    async def together() -> list[Any]:
        before.crowd.resize(2)
        before.crowd.threads._timeout = 0.2  # a sync call that waits for a second caller gives up
        return await asyncio.gather(before.piped("a"), before.piped("b"), return_exceptions=True)

    assert [type(answer).__name__ for answer in asyncio.run(together())] == ["BrokenBarrierError", "BrokenBarrierError"]


@pytest.mark.parametrize("name", ["silence", "script", "flask_view"])
def test_what_is_right_gets_no_finding(name: str) -> None:
    result = rewrite({"main.py": (FIXTURES / f"{name}.before.py").read_bytes()}, CHOICE)
    assert result.findings == (), told(result)


@pytest.mark.parametrize("path", ["test_app.py", "app_test.py", "conftest.py", "tests/helpers.py"])
def test_tests_are_left_alone(path: str) -> None:
    assert rewrite({path: (FIXTURES / "article.before.py").read_bytes()}, CHOICE).findings == ()


def test_finding_names_the_tests_that_patch_the_chain() -> None:
    tests = b'from unittest.mock import MagicMock, patch\n\nimport main\n\n\n@patch("main.chain", MagicMock())\ndef test_ask():\n    main.ask({})\n'
    result = rewrite({"main.py": (FIXTURES / "article.before.py").read_bytes(), "tests/test_main.py": tests}, CHOICE)
    (reported,) = result.findings
    assert "tests/test_main.py:6" in reported.finding.help and "AsyncMock" in reported.finding.help


@pytest.mark.parametrize("unrelated", [False, True])
def test_files_are_seen_together(unrelated: bool) -> None:
    """The chain is built in one file, kept in a second and called in a third; neither of the latter names the library."""
    folder = FIXTURES / "files.before"
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.py")}
    files |= {"shop/__init__.py": b"", "shop/other.py": b"async def f():\n    return 1\n"} if unrelated else {}
    units = survey(files, [codemods()["async-chain"]]).units
    together = [{source.path for source in unit} for unit in units if len(unit) > 1]
    assert together == [{"shop/api.py", "shop/chains.py", "shop/service.py"}]
