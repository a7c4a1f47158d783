"""Page: a codemod's docstring, parsed. It drives `explain`, the table in the README, and the tests of the examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

SECTIONS = ("Why", "Broken", "Fixed", "Refuses", "Safety", "Settings", "Notes")
_REASON = re.compile(r"([a-z][a-z0-9-]+): (.*)")


@dataclass(frozen=True, slots=True)
class Refused:
    """One reason for a refusal: its code, one sentence, what to do by hand, and code that is refused for it ("" without one)."""

    code: str
    sentence: str
    by_hand: str
    example: str


@dataclass(frozen=True, slots=True)
class Page:
    """What a codemod promises."""

    title: str
    why: str
    broken: str
    fixed: str
    refuses: tuple[Refused, ...] = ()
    safety: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    notes: str = ""

    def by_hand(self, code: str) -> str:
        """What a reader does about a refusal of that code."""
        return next((refused.by_hand for refused in self.refuses if refused.code == code), "")


@cache
def read_page(module: str, docstring: str) -> Page:
    """The page of a module's docstring. Raises ValueError naming the section that is missing or unknown."""
    title, _, rest = docstring.strip().partition("\n")
    sections: dict[str, str] = {}
    name = ""
    for line in rest.splitlines():
        if line and not line.startswith(" "):
            name = line.strip()
            if name not in SECTIONS:
                raise ValueError(f"{module}: {name!r} is no section of a page; there are {', '.join(SECTIONS)}")
            sections[name] = ""
        elif name:
            sections[name] += line.removeprefix("    ") + "\n"
    for needed in ("Why", "Broken", "Fixed"):
        if not sections.get(needed, "").strip():
            raise ValueError(f"{module}: the page has no section {needed}")
    return Page(
        title.strip(),
        _flow(sections["Why"]),
        sections["Broken"].strip("\n") + "\n",
        sections["Fixed"].strip("\n") + "\n",
        tuple(_refused(sections.get("Refuses", ""))),
        _flow(sections.get("Safety", "")),
        dict(_settings(sections.get("Settings", ""))),
        _flow(sections.get("Notes", "")),
    )


def _flow(text: str) -> str:
    """Paragraphs with their lines joined."""
    return "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip()) if part.strip())


def _refused(text: str) -> Iterator[Refused]:
    code, prose, example = "", "", ""
    for line in [*text.splitlines(), "end-of-section: "]:
        starts = _REASON.fullmatch(line.rstrip() + (" " if line.rstrip().endswith(":") else ""))
        if starts and not line.startswith(" "):
            if code:
                sentence, _, by_hand = " ".join(prose.split()).partition("By hand: ")
                yield Refused(code, sentence.strip(), by_hand.strip(), example.strip("\n") + "\n" if example.strip() else "")
            code, prose, example = starts.group(1), starts.group(2), ""
        elif line.startswith("    ") or (example and not line.strip()):
            example += line.removeprefix("    ") + "\n"
        elif line.strip():
            prose += " " + line


def _settings(text: str) -> Iterator[tuple[str, str]]:
    name = ""
    told: dict[str, str] = {}
    for line in text.splitlines():
        starts = re.fullmatch(r"(\w+): (.*)", line)
        if starts:
            name = starts.group(1)
            told[name] = starts.group(2)
        elif line.strip() and name:
            told[name] += " " + line.strip()
    yield from told.items()
