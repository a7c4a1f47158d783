"""The words that several commands understand."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from .help import option, together
from .trouble import Trouble

if TYPE_CHECKING:
    from .settings import Asked

FORMATS = ("full", "concise", "json")

paths = click.argument("paths", nargs=-1, type=click.Path(), metavar="[PATHS]...")

selection = together(
    option(
        "--select",
        metavar="NAMES",
        group="Selection",
        help="Only these codemods, separated by commas; ALL for every one.",
    ),
    option("--extend-select", metavar="NAMES", group="Selection", help="These as well."),
    option("--ignore", metavar="NAMES", group="Selection", help="Not these."),
    option(
        "--unsafe-fixes/--no-unsafe-fixes",
        default=None,
        group="Selection",
        help="Also fixes after which a user can notice a difference.",
    ),
    option(
        "--set",
        "settings",
        metavar="CODEMOD.SETTING=VALUE",
        multiple=True,
        group="Selection",
        help="A codemod's setting; may be repeated.",
    ),
    option(
        "--exclude",
        metavar="PATTERNS",
        group="Files",
        help="Leave these out instead of the default ones (build, .venv, node_modules, ...).",
    ),
    option("--extend-exclude", metavar="PATTERNS", group="Files", help="Leave these out as well."),
    option(
        "--force-exclude/--no-force-exclude",
        default=None,
        group="Files",
        help="Leave them out even when they are named on the command line.",
    ),
)

stdin = option(
    "--stdin-filename",
    metavar="FILE",
    group="Files",
    help="With `-`: the name that the text from standard input has in the project.",
)

output = together(
    option(
        "--output-format",
        type=click.Choice(FORMATS),
        group="Output",
        help="full is drawn for people, concise one line per finding.",
    ),
    option("--output-file", type=click.Path(), group="Output", help="Write there what would go to standard output."),
    option(
        "--statistics",
        is_flag=True,
        group="Output",
        help="Only how often each codemod found something, and what became of it.",
    ),
    option(
        "--color",
        type=click.Choice(("auto", "always", "never")),
        default="auto",
        group="Output",
        help="NO_COLOR and FORCE_COLOR are honoured.",
    ),
    option("-q", "--quiet", is_flag=True, group="Output", help="Findings only: no summary, no advice."),
    option(
        "-v",
        "--verbose",
        is_flag=True,
        group="Output",
        help="Also what is suppressed, what was read, and how long it took.",
    ),
)

jobs = option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    group="Miscellaneous",
    help="Processes at most. Default: one per processor, 1 under pre-commit.",
)

branching = together(
    option("-b", "--branch", required=True, metavar="NAME", group="Git", help="The new branch; it must not exist yet."),
    option(
        "--commit-per",
        type=click.Choice(("codemod", "file", "run")),
        default="codemod",
        group="Git",
        help="How the changes are cut into commits.",
    ),
    option(
        "--verify",
        metavar="COMMAND",
        multiple=True,
        group="Git",
        help="Run this in a checkout of the branch; may be repeated.",
    ),
    option(
        "--on-fail",
        type=click.Choice(("bisect", "keep", "drop")),
        default="bisect",
        group="Git",
        help="When it fails: leave out what breaks it, keep all, or drop all.",
    ),
    option(
        "--verify-limit",
        type=float,
        metavar="SECONDS",
        group="Git",
        help="How long one run of a verification may take.",
    ),
    option("--sign", is_flag=True, group="Git", help="Sign the commits as your git is configured to."),
    option("--sign-off", is_flag=True, group="Git", help="Add a Signed-off-by line."),
    option("--diff-base", metavar="REF", group="Git", help="Only findings on lines changed since REF."),
)

common = together(selection, stdin, output, jobs)


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
    from .settings import asked

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
