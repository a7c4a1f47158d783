"""black formats what a fix wrote, and only where the project formats with black."""

from __future__ import annotations

from pathlib import Path

import pytest
from loadproof.cli.plan import plan
from loadproof.cli.project import projects
from loadproof.cli.settings import Asked

CALL = "import requests\n\n\ndef f(url, headers):\n    return requests.get(url, headers=headers, verify=True)\n"
BLACK = "[tool.black]\nline-length = 60\n"


def after(folder: Path) -> str:
    (project,) = projects([str(folder)], Asked(select=("requests-timeout",)))
    (patch,) = plan(project, jobs=1).patches
    return patch.after.decode()


@pytest.mark.parametrize(
    ("configuration", "text", "laid_out"),
    [
        (BLACK, CALL, True),
        ("[tool.other]\n", CALL, False),
        (BLACK, CALL.replace("headers=headers", "headers = headers"), False),
        (BLACK, CALL + "x = {  'a': 1 }\n", False),
    ],
    ids=["black-clean", "no-black", "not-clean-there", "not-clean-elsewhere"],
)
def test_only_files_that_black_left_clean_are_laid_out(tmp_path: Path, configuration: str, text: str, laid_out: bool) -> None:
    (tmp_path / "pyproject.toml").write_text(configuration)
    (tmp_path / "main.py").write_text(text)
    made = after(tmp_path)
    assert "timeout=(5, 20)" in made
    assert ("\n        timeout=(5, 20),\n" in made or "requests.get(\n" in made) is laid_out


def test_a_nearer_configuration_wins(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(BLACK)
    (tmp_path / "wide").mkdir()
    (tmp_path / "wide" / "pyproject.toml").write_text("[tool.black]\nline-length = 120\n")
    (tmp_path / "wide" / "main.py").write_text(CALL)
    assert "requests.get(url, headers=headers, verify=True, timeout=(5, 20))" in after(tmp_path)
