"""The words that the commands understand, in groups."""

from __future__ import annotations

from typing import Any

import click

FORMATS = ("full", "concise", "json")


class Option(click.Option):
    """An option that knows its group."""

    def __init__(self, *args: Any, group: str = "Miscellaneous", **more: Any) -> None:
        super().__init__(*args, **more)
        self.group = group


def _option(*names: str, group: str, **more: Any) -> click.Parameter:
    return Option(names, group=group, **more)


def _argument(name: str, **more: Any) -> list[click.Parameter]:
    return [click.Argument([name], **more)]


_SELECTION = [
    _option("--select", metavar="NAMES", group="Selection", help="Only these codemods, by commas; ALL for every one."),
    _option("--extend-select", metavar="NAMES", group="Selection", help="These as well."),
    _option("--ignore", metavar="NAMES", group="Selection", help="Not these."),
    _option(
        "--unsafe-fixes/--no-unsafe-fixes",
        default=None,
        group="Selection",
        help="Also fixes after which a user can notice a difference.",
    ),
    _option(
        "--set",
        "settings",
        metavar="CODEMOD.SETTING=VALUE",
        multiple=True,
        group="Selection",
        help="A codemod's setting; may be repeated.",
    ),
    _option("--diff-base", metavar="REF", group="Selection", help="Only findings on lines changed since REF."),
    _option(
        "--exclude",
        metavar="PATTERNS",
        group="Files",
        help="Leave these out instead of the usual ones, such as build and node_modules.",
    ),
    _option("--extend-exclude", metavar="PATTERNS", group="Files", help="Leave these out as well."),
    _option(
        "--force-exclude/--no-force-exclude",
        default=None,
        group="Files",
        help="Leave them out even when they are named on the command line.",
    ),
]
_STDIN = [
    _option(
        "--stdin-filename",
        metavar="FILE",
        group="Files",
        help="With `-`: the name that the text from standard input has in the project.",
    )
]
_OUTPUT = [
    _option(
        "--output-format",
        type=click.Choice(FORMATS),
        group="Output",
        help="full is drawn for people, concise one line per finding.",
    ),
    _option("--output-file", type=click.Path(), group="Output", help="Write there what would go to standard output."),
    _option(
        "--statistics",
        is_flag=True,
        group="Output",
        help="Only how often each codemod found something, and what became of it.",
    ),
    _option(
        "--color",
        type=click.Choice(("auto", "always", "never")),
        default="auto",
        group="Output",
        help="NO_COLOR and FORCE_COLOR are honoured.",
    ),
    _option("-q", "--quiet", is_flag=True, group="Output", help="Findings only: no summary, no advice."),
    _option("-v", "--verbose", is_flag=True, group="Output", help="Also what is suppressed; tracebacks of bugs."),
]
_JOBS = [
    _option(
        "-j",
        "--jobs",
        type=click.IntRange(min=1),
        group="Miscellaneous",
        help="Processes at most. Default: one per processor, 1 under pre-commit.",
    )
]
_BRANCH = [
    _option("-b", "--branch", required=True, metavar="NAME", group="Git", help="The new branch."),
    _option(
        "--commit-per",
        type=click.Choice(("codemod", "file", "run")),
        default="codemod",
        group="Git",
        help="How the changes are cut into commits.",
    ),
    _option(
        "--verify",
        metavar="COMMAND",
        multiple=True,
        group="Git",
        help="Run this in a checkout of the branch; may be repeated.",
    ),
    _option(
        "--on-fail",
        type=click.Choice(("bisect", "keep", "drop")),
        default="bisect",
        group="Git",
        help="When it fails: leave out what breaks it, keep all, or drop all.",
    ),
    _option("--verify-limit", type=float, metavar="SECONDS", group="Git", help="How long one run of it may take."),
    _option("--sign", is_flag=True, group="Git", help="Sign the commits as your git is configured to."),
    _option("--sign-off", is_flag=True, group="Git", help="Add a Signed-off-by line."),
    _option("--run-hooks", is_flag=True, group="Git", help="Run the repository's pre-commit and commit-msg hooks."),
]
_BATCH = [
    _option(
        "--repos",
        metavar="FILE",
        multiple=True,
        type=click.Path(),
        group="Batch",
        help="A list of repositories, one a line; # begins a comment.",
    ),
    _option("--cache-dir", metavar="FOLDER", type=click.Path(), group="Batch", help="Where clones are kept."),
    _option("--allow-file", is_flag=True, group="Batch", help="Also file:// addresses."),
    _option("--time-limit", type=float, metavar="SECONDS", group="Batch", help="How long one repository may take."),
]
_COMMON = [*_SELECTION, *_STDIN, *_OUTPUT, *_JOBS]

WORDS = {
    "paths": _argument("paths", nargs=-1, type=click.Path(), metavar="[PATHS]..."),
    "repository": _argument("repository", required=False, default=".", type=click.Path(), metavar="[REPOSITORY]"),
    "repositories": _argument("repositories", nargs=-1, metavar="[REPOSITORY]..."),
    "id": _argument("name", required=False, metavar="[ID]"),
    "codemod": _argument("codemod", metavar="CODEMOD"),
    "of codemod": [_option("--codemod", metavar="NAME", group="Selection", help="Only what this codemod did.")],
    "interactive": [
        _option(
            "-i",
            "--interactive",
            is_flag=True,
            group="Selection",
            help="Ask for each finding, and write those that you accept.",
        )
    ],
    "json": [_option("--json", "as_json", is_flag=True, group="Output", help="For programs.")],
    "output": _OUTPUT,
    "common": _COMMON,
    "branch": _BRANCH,
    "batch": _BATCH,
}
