"""All our services together: what one run leaves behind."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .service import APPS, fix

SERVICES = sorted(path.name for path in APPS.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def rewritten(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every service, rewritten in one run: each folder is a project of its own."""
    folder = Path(shutil.copytree(APPS, tmp_path_factory.mktemp("all") / "apps"))
    assert fix(folder, paths=SERVICES).fixed
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def complaints(folder: Path) -> list[str]:
    """What ruff says of names that nothing defines, nothing uses, or two things define."""
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--no-cache",
        "--select",
        "F821,F401,F811,E9",
        "--output-format",
        "json",
    ]
    done = subprocess.run([*command, "."], cwd=folder, capture_output=True, text=True, timeout=60)
    return [f"{Path(said['filename']).relative_to(folder)}: {said['message']}" for said in json.loads(done.stdout)]


def test_every_service_is_proven() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert [name for name in SERVICES if f'"{name}"' not in tests] == []


def test_every_service_declares_what_it_uses() -> None:
    assert [
        name
        for name in SERVICES
        if not (APPS / name / "requirements.txt").exists() and not (APPS / name / "pyproject.toml").exists()
    ] == []


def test_nothing_fixable_is_left(rewritten: Path) -> None:
    command = [sys.executable, "-m", "loadproof", "check", "--output-format", "json", *SERVICES]
    done = subprocess.run(command, cwd=rewritten, capture_output=True, text=True, timeout=120)
    left = [finding for finding in json.loads(done.stdout)["findings"] if finding["status"] == "fixable"]
    assert [f"{f['path']}:{f['line']} {f['codemod']}" for f in left if f["safety"] == "safe"] == []


def test_only_python_files_change_and_none_is_added(rewritten: Path) -> None:
    before, after = files(APPS), files(rewritten)
    assert sorted(before) == sorted(after)
    changed = [name for name in before if before[name] != after[name]]
    assert changed
    assert [name for name in changed if not name.endswith(".py")] == []


def test_no_name_is_undefined_unused_or_defined_twice(rewritten: Path) -> None:
    before = complaints(APPS)
    assert [line for line in complaints(rewritten) if line not in before] == []


def test_a_service_alone_is_rewritten_as_among_others(rewritten: Path, tmp_path: Path) -> None:
    alone = fix(Path(shutil.copytree(APPS / "chain_elsewhere", tmp_path / "alone"))).folder
    assert files(alone) == files(rewritten / "chain_elsewhere")
