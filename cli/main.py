"""The commands."""

from __future__ import annotations

import sys
from typing import Any

import click

from .help import Commands, Group, width, words
from .trouble import Trouble


@click.group(cls=Commands, context_settings={"terminal_width": width(), "help_option_names": ["--help"]})
@click.version_option(package_name="loadproof", prog_name="loadproof")
def commands() -> None:
    """Find the patterns that make LLM services fail under load, and rewrite them.

    Without a command it is `diff`. Nothing is written unless you say `fix` or
    `apply`, or answer the questions of `diff -i`.

    Exit codes: 0 nothing to do or all done, 1 findings remain, 2 usage or
    configuration, 3 something could not be done.
    """


@commands.command()
@words("paths", "common")
def check(paths: tuple[str, ...], **options: Any) -> int:
    """Findings, one line each; fixable, or refused and why."""
    from .outcome import outcome
    from .run import planned
    from .show import show

    plans, wishes = planned(paths, options)
    found = outcome(plans)
    show(found, wishes, plans)
    return found.exit_code


@commands.command()
@words("paths", "interactive", "common")
def diff(paths: tuple[str, ...], interactive: bool, **options: Any) -> int:
    """What would change; piped, a patch that `git apply` takes."""
    from .advice import after_diff
    from .outcome import outcome
    from .run import planned
    from .show import say_fixed, show

    plans, wishes = planned(paths, options, drawn=not interactive)
    if interactive:
        from .review import review

        return say_fixed(review(plans, wishes), wishes)
    found = outcome(plans)
    show(found, wishes, plans, "full" if wishes.is_terminal else "patch", after_diff(found, paths))
    return found.exit_code


@commands.command()
@words("paths", "common")
def fix(paths: tuple[str, ...], **options: Any) -> int:
    """Write the fixes to the files; prints an id for `undo`."""
    from .advice import after_fix
    from .fixing import fix
    from .run import planned
    from .show import put_back, show

    plans, wishes = planned(paths, options, drawn=True)
    if paths == ("-",):
        return put_back(plans, wishes)
    fixed = fix(plans)
    show(
        fixed.outcome,
        wishes,
        plans,
        "full" if wishes.is_terminal else "concise",
        after_fix(fixed.undo),
        more={"undo": list(fixed.undo)},
    )
    return fixed.outcome.exit_code


@commands.command()
@words("repository", "branch", "common")
def apply(repository: str, **options: Any) -> int:
    """Put the fixes on a new git branch; your files stay as they are."""
    from .run import applied
    from .show import say_branch, show

    made, wishes = applied(repository, options)
    show(made.outcome, wishes, (), "outline" if wishes.is_terminal else "concise", more=made.as_json())
    say_branch(made, wishes)
    return made.exit_code


@commands.group(cls=Group)
def batch() -> None:
    """The same for many repositories."""


@batch.command(name="run")
@words("repositories", "batch", "branch", "common")
def batch_run(repositories: tuple[str, ...], **options: Any) -> int:
    """Make the branch in each repository: folders, or addresses to clone."""
    from .batch import exit_code
    from .run import batched
    from .show import show_fleet

    every, wishes = batched(repositories, options)
    show_fleet(every, wishes)
    return exit_code(every)


@commands.command()
@words("id", "of codemod")
def undo(name: str | None, codemod: str | None) -> int:
    """Take back a fix or an apply, the latest without an ID."""
    from .run import undone
    from .show import say

    for line in undone(name, codemod):
        say(line)
    return 0


@commands.command()
@words("codemod")
def explain(codemod: str) -> int:
    """A codemod's page: why, an example, what it refuses."""
    from .report.pages import page
    from .settings import known_codemod

    click.echo(page(known_codemod(codemod)))
    return 0


@commands.command(name="list")
@words("json")
def list_(as_json: bool) -> int:
    """Every codemod, one line each."""
    from .report.pages import listing, listing_as_json
    from .settings import known

    click.echo(listing_as_json(known().values()) if as_json else listing(known().values()))
    return 0


@commands.command()
@words("output")
def demo(**options: Any) -> int:
    """Two services that fail under load, and what would change."""
    from .demo import demo
    from .wishes import wished

    return demo(wished(options))


def main() -> None:
    """Run a command and end with its exit code. What the user can do something about is said in a sentence."""
    try:
        code = commands.main(prog_name="loadproof", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except Trouble as trouble:
        from .report.clean import clean

        click.echo(
            f"loadproof: {clean(trouble.message)}" + (f"\n  {clean(trouble.advice)}" if trouble.advice else ""),
            err=True,
        )
        code = trouble.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except BrokenPipeError:
        from .show import stop_quietly

        stop_quietly()
        code = 2
    except Exception as error:  # a bug of ours; 1 would read as "findings remain"
        code = 2
        _own_up(error)
    sys.exit(code)


def _own_up(error: Exception) -> None:
    import traceback

    last = traceback.extract_tb(error.__traceback__)[-1]
    click.echo(
        f"loadproof: internal error: {type(error).__name__}: {error} ({last.name}, line {last.lineno})", err=True
    )
    if {"-v", "--verbose"} & set(sys.argv):
        traceback.print_exception(error)
    else:
        click.echo("  this is a bug; please report it with what the same command says with -v", err=True)
