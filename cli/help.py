"""How the commands explain themselves, `-h` in a few lines and `--help` whole; and that `loadproof` alone is `diff`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import Any

import click

from .trouble import Trouble, did_you_mean

GROUPS = ("Selection", "Files", "Output", "Git", "Batch", "Miscellaneous")


class Option(click.Option):
    """An option that knows its group."""

    def __init__(self, *args: Any, group: str = "Miscellaneous", **more: Any) -> None:
        super().__init__(*args, **more)
        self.group = group


def option(*names: str, group: str, **more: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An option in one of the groups."""
    return click.option(*names, cls=Option, group=group, **more)


def together(
    *decorators: Callable[[Callable[..., Any]], Callable[..., Any]],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Several decorators as one, in reading order."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def _show_short(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(_short(context.command, context))
        context.exit()


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

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params.append(
            Option(["-h"], is_flag=True, is_eager=True, expose_value=False, callback=_show_short, help="A short help.")
        )

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for group in GROUPS:
            if rows := list(_records(self, ctx, group)):
                with formatter.section(group):
                    formatter.write_dl(rows)


class Group(click.Group):
    """Commands in the order in which they are written down."""

    command_class = Command

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params.append(
            click.Option(
                ["-h"], is_flag=True, is_eager=True, expose_value=False, callback=_show_short, help="A short help."
            )
        )

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


class Commands(Group):
    """All commands. A first word that is none of them belongs to `diff`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help", "--version")):
            if args and not args[0].startswith("-") and not os.path.lexists(args[0]):
                raise Trouble(
                    f"{args[0]}: neither a command nor a file or folder", did_you_mean(args[0], self.commands)
                )
            args = ["diff", *args]
        return super().parse_args(ctx, args)
