"""The words of the command line, understood."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

from .settings import Asked, asked
from .trouble import Trouble


@dataclass(frozen=True, slots=True)
class Wishes:
    """How the answer is to look, and where it goes."""

    format: str | None = None
    file: str | None = None
    statistics: bool = False
    color: str = "auto"
    quiet: bool = False
    verbose: bool = False

    @property
    def is_terminal(self) -> bool:
        return self.file is None and sys.stdout.isatty()

    @property
    def has_color(self) -> bool:
        """--color speaks first, then NO_COLOR, then FORCE_COLOR, then the terminal."""
        if self.color != "auto":
            return self.color == "always"
        if os.environ.get("NO_COLOR"):
            return False
        return bool(os.environ.get("FORCE_COLOR")) or (self.is_terminal and os.environ.get("TERM") != "dumb")


def understood(options: dict[str, Any]) -> tuple[Asked, Wishes, int | None, tuple[str, bytes] | None]:
    """The shared options, taken out of `options`: settings, output, jobs, and the text from standard input."""
    words = (
        "select",
        "extend_select",
        "ignore",
        "unsafe_fixes",
        "settings",
        "exclude",
        "extend_exclude",
        "force_exclude",
    )
    wanted = asked(**{word: options.pop(word) for word in words if word in options})
    return wanted, wished(options), options.pop("jobs", None), _standard_input(options)


def wished(options: dict[str, Any]) -> Wishes:
    """The wishes for the output, taken out of `options`."""
    looks = {"output_format": "format", "output_file": "file"} | {
        name: name for name in ("statistics", "color", "quiet", "verbose")
    }
    return Wishes(**{looks[word]: options.pop(word) for word in list(options) if word in looks})


def _standard_input(options: dict[str, Any]) -> tuple[str, bytes] | None:
    name, paths = options.pop("stdin_filename", None), options.get("paths", ())
    if "-" not in paths:
        if name is not None:
            raise Trouble("--stdin-filename goes with `-`", f"loadproof check - --stdin-filename {name} < {name}")
        return None
    if paths != ("-",):
        raise Trouble("`-` stands alone: the text comes from standard input", "name files, or give the text, not both")
    return name or "stdin.py", sys.stdin.buffer.read()
