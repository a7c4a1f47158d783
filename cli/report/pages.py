"""A codemod's page as text, and the list of all codemods."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping

from ...codemods.kit.codemod import Codemod


def page(codemod: Codemod) -> str:
    """Everything that the page says, in its order."""
    return "\n".join(_page(codemod)).rstrip()


def _page(codemod: Codemod) -> Iterator[str]:
    about = codemod.page
    yield codemod.name + ("" if codemod.default else "  (only when selected)")
    yield from textwrap.wrap(about.title, 100)
    yield ""
    yield from _flow(about.why)
    yield "Broken"
    yield textwrap.indent(about.broken, "    ")
    yield "Fixed"
    yield textwrap.indent(about.fixed, "    ")
    if about.safety:
        yield "Safety"
        yield from _flow(about.safety)
    if about.refuses:
        yield "Refuses"
        for refused in about.refuses:
            yield f"    {refused.code}"
            yield from textwrap.wrap(refused.sentence, 100, initial_indent="        ", subsequent_indent="        ")
            if refused.by_hand:
                yield from textwrap.wrap(
                    f"By hand: {refused.by_hand}", 100, initial_indent="        ", subsequent_indent="        "
                )
        yield ""
    if codemod.settings:
        yield "Settings"
        for name, default in codemod.settings.items():
            told = f"{name} = {json.dumps(default)}"
            yield from textwrap.wrap(
                f"{told:<24}  {about.settings.get(name, '')}", 100, initial_indent="    ", subsequent_indent=" " * 30
            )
        yield ""
    if about.notes:
        yield "Notes"
        yield from _flow(about.notes)


def _flow(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield from textwrap.wrap(paragraph, 100, initial_indent="    ", subsequent_indent="    ")
        yield ""


def listing(codemods: Iterable[Codemod]) -> str:
    """One line each: name, whether it is on, title."""
    rows = sorted(codemods, key=lambda codemod: codemod.name)
    wide = max(len(codemod.name) for codemod in rows)
    return "\n".join(
        f"{codemod.name:<{wide}}  {'on ' if codemod.default else 'off'}  {codemod.page.title}" for codemod in rows
    )


def listing_as_json(codemods: Iterable[Codemod]) -> str:
    """For programs: with reason codes and settings."""
    return json.dumps([_entry(codemod) for codemod in sorted(codemods, key=lambda codemod: codemod.name)], indent=2)


def _entry(codemod: Codemod) -> Mapping[str, object]:
    return {
        "name": codemod.name,
        "default": codemod.default,
        "title": codemod.page.title,
        "why": codemod.page.why,
        "reasons": {refused.code: refused.sentence for refused in codemod.page.refuses},
        "settings": [
            {"name": name, "default": default, "about": codemod.page.settings.get(name, "")}
            for name, default in codemod.settings.items()
        ],
    }


def table(codemods: Iterable[Codemod]) -> str:
    """The rows of the README."""
    rows = [
        f"| `{codemod.name}` | {'on' if codemod.default else 'off'} | {codemod.page.title} |"
        for codemod in sorted(codemods, key=lambda codemod: codemod.name)
    ]
    return "\n".join(["| codemod | | what it does |", "|---|---|---|", *rows])
