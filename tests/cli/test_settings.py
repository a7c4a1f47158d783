"""Where settings come from, which win, and what is wrong with the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from loadproof.cli.project import Project, projects
from loadproof.cli.settings import Asked, asked, known
from loadproof.cli.trouble import Trouble

from .command import HANG, loadproof

CODEMODS = "[tool.loadproof]\n"


def project(folder: Path, files: dict[str, str], wanted: Asked | None = None, *paths: str) -> Project:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    [found] = projects([str(folder / path) for path in paths] or [str(folder)], wanted or Asked())
    return found


def test_the_nearest_file_wins(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": CODEMODS + 'select = ["requests-timeout"]\n',
        "api/loadproof.toml": 'ignore = ["request-scope"]\n',
        "api/pyproject.toml": CODEMODS + 'select = ["async-chain"]\n',
        "api/v1/pyproject.toml": "[tool.other]\n",
    }
    found = project(tmp_path, files)
    assert found.settings_for(["main.py"]).names() == ("requests-timeout",)
    for path in ("api/main.py", "api/v1/main.py"):
        assert "request-scope" not in found.settings_for([path]).names()
        assert "async-chain" in found.settings_for([path]).names()
    assert found.settings_for(["api/main.py", "main.py"]).names() == ("requests-timeout",)


def test_a_file_above_the_project_counts_within_the_repository(tmp_path: Path) -> None:
    files = {
        ".git/HEAD": "",
        "loadproof.toml": 'select = ["async-chain"]\n',
        "service/pyproject.toml": "",
        "service/a.py": "",
    }
    found = project(tmp_path, files, None, "service")
    assert found.root == str(tmp_path / "service")
    assert found.settings_for(["a.py"]).names() == ("async-chain",)


def test_the_command_line_wins(tmp_path: Path) -> None:
    files = {
        "loadproof.toml": 'select = ["async-chain"]\nunsafe-fixes = true\n[requests-timeout]\nread = 60\nconnect = 1\n'
    }
    wanted = asked(select="requests-timeout", unsafe_fixes=False, settings=["requests-timeout.read=7"])
    settings = project(tmp_path, files, wanted).settings_for(["a.py"])
    assert settings.names() == ("requests-timeout",)
    assert settings.unsafe_fixes is False
    assert settings.codemods == {"requests-timeout": {"read": 7, "connect": 1}}
    assert project(tmp_path, files).settings_for(["a.py"]).unsafe_fixes is True


def test_selecting() -> None:
    default = {name for name, codemod in known().items() if codemod.default}
    from loadproof.cli.settings import Settings

    def names(**words: str) -> set[str]:
        return set(asked(**words).over(Settings()).names())  # type: ignore[arg-type]

    assert names() == default
    assert names(select="ALL") == set(known())
    assert names(select="requests-timeout,async-chain") == {"requests-timeout", "async-chain"}
    assert names(extend_select="langchain-imports") == default | {"langchain-imports"}
    assert names(ignore="requests-timeout") == default - {"requests-timeout"}
    assert names(select="requests-timeout", ignore="ALL") == set()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("selekt = []\n", "unknown key `selekt`: did you mean `select`?"),
        ('select = ["request-timeout"]\n', "no codemod `request-timeout`: did you mean"),
        ("select = 3\n", "is a list of texts"),
        ("unsafe-fixes = 1\n", "true or false"),
        ("[requests-timeout]\nraed = 3\n", "no setting `raed`: did you mean `read`?"),
        ('[requests-timeout]\nread = "long"\n', "is a number"),
        ("requests-timeout = 3\n", "its settings are a table"),
        ('[per-file-ignores]\n"a.py" = ["nothing"]\n', "no codemod `nothing`"),
        ("per-file-ignores = 3\n", "is a table"),
        ("select = [\n", "cannot be read"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, content: str, told: str) -> None:
    with pytest.raises(Trouble) as caught:
        project(tmp_path, {"loadproof.toml": content}).settings_for(["a.py"])
    said = f"{caught.value.message}: {caught.value.advice}"
    assert told in said
    assert said.startswith("loadproof.toml")
    assert caught.value.exit_code == 2


def test_a_wrong_file_deeper_is_named_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match=r"^api/pyproject\.toml: unknown key"):
        project(tmp_path, {"a.py": "", "api/pyproject.toml": CODEMODS + "x = 1\n"}).settings_for(["api/a.py"])


def test_per_file_ignores(tmp_path: Path) -> None:
    (tmp_path / "loadproof.toml").write_text(
        '[per-file-ignores]\n"scripts/**" = ["requests-timeout"]\n"old_*.py" = ["ALL"]\n'
    )
    for name in ("scripts/deep/a.py", "old_b.py", "c.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(HANG)
    document = loadproof("fix", "--output-format", "json", cwd=tmp_path).json
    assert [finding["path"] for finding in document["findings"]] == ["c.py"]
    assert (tmp_path / "old_b.py").read_bytes() == HANG
