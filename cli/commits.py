"""From a result to commits: which bytes come in which commit, and what its message tells a reviewer. Text in, values out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..codemods.kit.finding import Fix
from ..codemods.kit.page import Page
from ..codemods.kit.rewrite import Patch, Reported, Result
from .objects import Change

Per = Literal["codemod", "file", "run"]
PER: tuple[Per, ...] = ("codemod", "file", "run")

_WIDTH = 72  # what git's own tools are made for
_MOST = 100  # sites named in one message; a reviewer reads no more


@dataclass(frozen=True, slots=True)
class Portion:
    """One commit's share of a result: the whole new content of its files, by whom, and what is to be said of it."""

    codemods: tuple[str, ...]
    files: Mapping[str, bytes]
    findings: tuple[Reported, ...]


@dataclass(frozen=True, slots=True)
class Omission:
    """A codemod's changes to some files that were taken out again, and why."""

    codemod: str
    paths: tuple[str, ...]
    why: str


def portions(result: Result, per: Per) -> tuple[Portion, ...]:
    """The result in commits, each on top of the one before. Changes that belong together are never parted."""
    if not result.patches:
        return ()
    if per == "run":
        return (_portion({patch.path: patch.after for patch in result.patches}, result),)
    if per == "file":
        after = {patch.path: patch.after for patch in result.patches}
        return tuple(_portion({path: after[path] for path in unit}, result) for unit in together(result))
    made: list[Portion] = []
    before = {patch.path: patch.before for patch in result.patches}
    order = codemods_in_order(result.patches)
    waiting: list[str] = []  # whose work builds on that of a later one, and comes with it
    for number, codemod in enumerate(order, 1):
        waiting.append(codemod)
        after = contents(result.patches, order[:number])
        changed = {path: content for path, content in after.items() if content != before[path]}
        before = after
        if changed:
            findings = tuple(each for each in result.findings if each.finding.codemod in waiting)
            made.append(Portion(tuple(waiting), changed, findings))
            waiting = []
    return tuple(made)


def _portion(files: Mapping[str, bytes], result: Result) -> Portion:
    codemods = codemods_in_order([patch for patch in result.patches if patch.path in files])
    return Portion(tuple(codemods), files, tuple(each for each in result.findings if each.finding.place.path in files))


def codemods_in_order(patches: Sequence[Patch]) -> list[str]:
    """The codemods that changed something, each after those whose work it found done in most files."""
    chains = [list(dict.fromkeys(step.codemod for step in patch.steps)) for patch in patches]
    left = sorted({name for chain in chains for name in chain})
    order: list[str] = []
    while left:
        waits = {name: sum(name in chain and chain[0] != name for chain in chains) for name in left}
        first = min(left, key=lambda name: (waits[name], name))
        order.append(first)
        left.remove(first)
        chains = [rest for chain in chains if (rest := [name for name in chain if name != first])]
    return order


def contents(patches: Iterable[Patch], codemods: Sequence[str]) -> dict[str, bytes]:
    """Every file of the patches after the work of these codemods, as far as it doesn't build on that of others."""
    now: dict[str, bytes] = {}
    for patch in patches:
        now[patch.path] = patch.before
        for step in patch.steps:
            if step.codemod not in codemods:
                break
            now[patch.path] = step.after
    return now


def together(result: Result, codemod: str = "") -> list[tuple[str, ...]]:
    """The changed files, those in one tuple that one group of fixes (of this codemod) changes together."""
    paths = [patch.path for patch in result.patches]
    unit = {path: {path} for path in paths}
    groups: dict[str, set[str]] = {}
    for each in result.findings:
        fix = each.finding
        if isinstance(fix, Fix) and each.applied and codemod in ("", fix.codemod):
            touched = {fix.place.path, *(edit.path for edit in fix.edits)} & unit.keys()
            groups.setdefault(fix.group or f"\0{len(groups)}", set()).update(touched)
    for touched in groups.values():
        joined = set().union(*(unit[path] for path in touched))
        for path in joined:
            unit[path] = joined
    return [
        tuple(path for path in paths if path in found)
        for found in {id(found): found for found in unit.values()}.values()
    ]


# messages


def change(
    portion: Portion, pages: Mapping[str, Page], omitted: Sequence[Omission] = (), signed_off: str = ""
) -> Change:
    """The commit of a portion. `signed_off`: name and address for a Signed-off-by line."""
    parts = [_subject(portion, pages), *(_why(name, pages) for name in portion.codemods), _sites(portion)]
    parts += [_refused(portion), _omitted([one for one in omitted if one.codemod in portion.codemods])]
    parts += [_undo(portion), _trailers(portion, signed_off)]
    return Change("\n\n".join(part for part in parts if part) + "\n", portion.files)


def _subject(portion: Portion, pages: Mapping[str, Page]) -> str:
    if len(portion.codemods) == 1 and portion.codemods[0] in pages:
        title = pages[portion.codemods[0]].title.rstrip(".")
        return title if len(title) <= _WIDTH else f"Apply {portion.codemods[0]}"
    places = len({(each.finding.place, each.finding.codemod) for each in portion.findings if each.applied})
    (first, *others) = portion.files
    subject = f"Fix {plain(first)} with {', '.join(portion.codemods)}"
    if others or len(subject) > _WIDTH:
        return f"Apply {_count(places, 'fix', 'fixes')} in {_count(len(portion.files), 'file', 'files')}"
    return subject


def _why(codemod: str, pages: Mapping[str, Page]) -> str:
    page = pages.get(codemod)
    if page is None:
        return codemod
    why = " ".join(page.why.split())
    return textwrap.fill(f"{codemod}: {why}", _WIDTH, break_long_words=False, break_on_hyphens=False)


def _sites(portion: Portion) -> str:
    several = len(portion.codemods) > 1
    lines = []
    for each in portion.findings:
        if each.applied:
            place = each.finding.place
            by = f" ({each.finding.codemod})" if several else ""
            lines.append(_item(f"{plain(place.path)}:{place.line}: {plain(each.finding.message)}{by}"))
    if not lines:
        lines = [_item(plain(path)) for path in portion.files]
    if len(lines) > _MOST:
        lines = [*lines[:_MOST], f"- and {len(lines) - _MOST} more"]
    return "Changed (lines as they were before):\n" + "\n".join(lines)


def _refused(portion: Portion) -> str:
    lines = []
    for each in portion.findings:
        if each.status == "refused":
            place = each.finding.place
            hand = f"; by hand: {plain(each.finding.help)}" if each.finding.help else ""
            lines.append(
                _item(f"{plain(place.path)}:{place.line}: {plain(each.finding.message)} [{each.reason}]{hand}")
            )
    if len(lines) > _MOST:
        lines = [*lines[:_MOST], f"- and {len(lines) - _MOST} more"]
    return "Recognised and left as it was:\n" + "\n".join(lines) if lines else ""


def _omitted(omitted: Sequence[Omission]) -> str:
    lines = [_item(f"{', '.join(map(plain, one.paths))}: {plain(one.why)}") for one in omitted]
    return "Taken out again:\n" + "\n".join(lines) if lines else ""


def _undo(portion: Portion) -> str:
    drop = (
        f", or `loadproof undo --codemod {portion.codemods[0]}` while it is the branch's own"
        if len(portion.codemods) == 1
        else ""
    )
    return textwrap.fill(f"To take it back: git revert this commit{drop}.", _WIDTH, break_on_hyphens=False)


def _trailers(portion: Portion, signed_off: str) -> str:
    lines = [f"Loadproof-Codemod: {name}" for name in portion.codemods]
    return "\n".join([*lines, *([f"Signed-off-by: {signed_off}"] if signed_off else [])])


def _item(text: str) -> str:
    return textwrap.fill(
        text, _WIDTH, initial_indent="- ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )  # fmt: skip


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def plain(text: str) -> str:
    """The text with nothing in it that a terminal would obey: control, escape and direction characters are spelt out."""
    return text if text.isascii() and text.isprintable() else "".join(map(_spelt, text))


def _spelt(letter: str) -> str:
    if letter.isprintable():
        return letter
    if "\udc80" <= letter <= "\udcff":  # a byte that is not UTF-8
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode("ascii")
