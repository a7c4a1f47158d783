"""How the commands explain themselves, `-h` in a few lines and `--help` whole; and that `loadproof` alone is `diff`."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterable
from typing import Any

import click

from .trouble import Trouble, did_you_mean

GROUPS = ("Selection", "Files", "Output", "Git", "Batch", "Miscellaneous")


def width() -> int:
    """How wide a help may be. click would import shutil to ask, which is a tenth of the time that `--help` takes."""
    try:
        return min(110, int(os.environ.get("COLUMNS") or os.get_terminal_size().columns))
    except (OSError, ValueError):
        return 80


class Later:
    """Words that a command understands, made when that command is asked for: for all of them `--help` would pay."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.opts: list[str] = []

    def made(self) -> list[click.Parameter]:
        from .options import WORDS

        return WORDS[self.name]


def words(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The words that a command understands, by their names in `options`."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        function.__dict__["__click_params__"] = [Later(name) for name in reversed(names)]
        return function

    return decorate


def _show_short(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(context.get_help() if isinstance(context.command, Commands) else _short(context.command, context))
        context.exit()


def _short_help() -> click.Option:
    return click.Option(
        ["-h"], is_flag=True, is_eager=True, expose_value=False, callback=_show_short, help="A short help."
    )


def _short(command: click.Command, context: click.Context) -> str:
    """Usage, one sentence, and the names of what there is."""
    formatter = context.make_formatter()
    command.format_usage(context, formatter)
    formatter.write_paragraph()
    formatter.write_text(command.get_short_help_str(100))
    if isinstance(command, click.Group):
        rows = [(name, command.commands[name].get_short_help_str(90)) for name in command.commands]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
    else:
        rows = [(name, re.split(r"[.;] |\.$", told)[0]) for name, told in _records(command, context, None)]
        with formatter.section("Options (--help says more)"):
            formatter.write_dl(rows)
    return formatter.getvalue().rstrip("\n")


def _records(command: click.Command, context: click.Context, group: str | None) -> Iterable[tuple[str, str]]:
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Argument):
            continue
        if group is None or getattr(parameter, "group", "Miscellaneous") == group:
            record = parameter.get_help_record(context)
            if record is not None:
                yield record


class Command(click.Command):
    """A command whose long help has its options in groups."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        if not any("-h" in each.opts for each in self.params):
            made = [own for each in self.params for own in (each.made() if isinstance(each, Later) else [each])]
            self.params = [*made, _short_help()]
        return super().get_params(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for group in GROUPS:
            if rows := list(_records(self, ctx, group)):
                with formatter.section(group):
                    formatter.write_dl(rows)


class Group(click.Group):
    """Commands in the order in which they are written down."""

    command_class = Command

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        if not any("-h" in each.opts for each in self.params):
            self.params.append(_short_help())
        return super().get_params(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


class Commands(Group):
    """All commands. A first word that is none of them belongs to `diff`."""

    def get_help(self, ctx: click.Context) -> str:
        """As written, without click's formatter: the import of textwrap alone is a twentieth of the time."""
        rows = [f"  {name:<8}  {command.help}" for name, command in self.commands.items()]
        lead = "Usage: loadproof [PATHS]... [OPTIONS]\n       loadproof COMMAND [ARGUMENTS]... [OPTIONS]"
        about = inspect.cleandoc(self.help or "")
        return "\n".join([lead, "", about, "", "Commands (-h or --help after one says more):", *rows])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help", "--version")):
            if args and not args[0].startswith("-") and not os.path.lexists(args[0]):
                raise Trouble(
                    f"{args[0]}: neither a command nor a file or folder", did_you_mean(args[0], self.commands)
                )
            args = ["diff", *args]
        return super().parse_args(ctx, args)
