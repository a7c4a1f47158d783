"""black, at the lines that a fix wrote, in projects that format with it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .project import Project

if TYPE_CHECKING:
    import black


@dataclass(slots=True)
class Formatter:
    """Lays out a changed file as its project does: a file that was as black leaves it stays so, any other stays its owner's.

    Only keys that are plain data are taken from a project's `[tool.black]`: line length, target versions and the two about strings
    and trailing commas. black is imported when the first file of a project that configures it changes.
    """

    project: Project
    modes: dict[str, black.Mode | None] = field(default_factory=dict)

    def __call__(self, path: str, before: str, after: str) -> str:
        mode = self._mode(path.rpartition("/")[0])
        if mode is None:
            return after
        import black
        from black.parsing import InvalidInput

        try:
            if black.format_str(before, mode=mode) != before:
                return after
            return black.format_str(after, mode=mode)
        except (InvalidInput, RecursionError):  # newer grammar than black reads
            return after

    def _mode(self, folder: str) -> black.Mode | None:
        """How files of a folder are formatted; None where nothing says that black does it."""
        if folder not in self.modes:
            table = _table(self.project.declaration(f"{folder}/pyproject.toml" if folder else "pyproject.toml"))
            if table is not None:
                self.modes[folder] = _read(table)
            else:
                self.modes[folder] = self._mode(folder.rpartition("/")[0]) if folder else None
        return self.modes[folder]


def _table(content: bytes | None) -> Mapping[str, Any] | None:
    if content is None or b"tool.black" not in content:
        return None
    try:
        table = tomllib.loads(content.decode("utf-8"))["tool"]["black"]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError):
        return None
    return table if isinstance(table, dict) else None


def _read(table: Mapping[str, Any]) -> black.Mode:
    import black
    from black.const import DEFAULT_LINE_LENGTH
    from black.mode import TargetVersion

    length = table.get("line-length", DEFAULT_LINE_LENGTH)
    wanted = table.get("target-version", [])
    versions = {version for version in TargetVersion if isinstance(wanted, list) and version.name.lower() in wanted}
    return black.Mode(
        target_versions=versions,
        line_length=length if isinstance(length, int) and 1 <= length <= 1000 else DEFAULT_LINE_LENGTH,
        string_normalization=table.get("skip-string-normalization") is not True,
        magic_trailing_comma=table.get("skip-magic-trailing-comma") is not True,
    )
