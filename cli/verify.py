"""Is it still green? If not: which changes break it, found by bisection, left out, and the rest verified again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..codemods.kit.rewrite import Identity, Result
from .commits import Omission, codemods_in_order, contents, together
from .scratch import Run

OnFail = Literal["bisect", "keep", "drop"]
ON_FAIL: tuple[OnFail, ...] = ("bisect", "keep", "drop")

_PATIENCE = 4  # groups of files that may break by one codemod before all of it is left out

Try = Callable[[str, Mapping[str, bytes]], Run]  # a command, on the base with these files changed
Replan = Callable[[frozenset[Identity]], Result]  # the result without these findings


@dataclass(frozen=True, slots=True)
class Verified:
    """What verification made of a result. `red_before`: commands that failed without any change; `red`: what still fails."""

    result: Result
    commands: tuple[str, ...]
    runs: int
    red_before: tuple[Run, ...] = ()
    red: Run | None = None
    omitted: tuple[Omission, ...] = ()
    failures: tuple[Run, ...] = field(default=(), repr=False)


def verified(
    result: Result, commands: Sequence[str], attempt: Try, replan: Replan, on_fail: OnFail = "bisect"
) -> Verified:
    """The result, or as much of it as keeps the commands green. A command that is red on the base is reported and not used."""
    bench = _Bench(attempt)
    red_before = tuple(run for command in commands if (run := bench.attempt_once(command, {})).red)
    bench.commands = tuple(command for command in commands if command not in {run.command for run in red_before})
    omitted: list[Omission] = []
    failures: list[Run] = []
    identities: frozenset[Identity] = frozenset()
    everything = result
    while True:
        red = bench.red(_after(result)) if result.patches else None
        if red is None or on_fail != "bisect":
            break
        codemod, paths, run = _culprit(result, bench, red)
        if (
            sum(one.codemod == codemod for one in omitted) >= _PATIENCE
            or not _leaves(everything, codemod, paths) - identities
        ):
            paths = tuple(patch.path for patch in result.patches)
        if not (more := _leaves(everything, codemod, paths) - identities):
            break  # what breaks is no finding's work; the caller keeps nothing of it
        identities |= more
        failures.append(run)
        omitted.append(Omission(codemod, paths, run.ending))
        result = replan(identities)
    return Verified(result, bench.commands, bench.runs, red_before, red, tuple(omitted), tuple(failures))


class _Bench:
    """Runs of commands, each version of the files at most once."""

    def __init__(self, attempt: Try) -> None:
        self.attempt = attempt
        self.commands: tuple[str, ...] = ()
        self.runs = 0
        self.known: dict[frozenset[tuple[str, bytes]], Run | None] = {frozenset(): None}

    def attempt_once(self, command: str, files: Mapping[str, bytes]) -> Run:
        self.runs += 1
        return self.attempt(command, files)

    def red(self, files: Mapping[str, bytes]) -> Run | None:
        """The first command that fails with these files changed."""
        key = frozenset(files.items())
        if key not in self.known:
            runs = (self.attempt_once(command, files) for command in self.commands)
            self.known[key] = next((run for run in runs if run.red), None)
        return self.known[key]


def _after(result: Result) -> dict[str, bytes]:
    return {patch.path: patch.after for patch in result.patches}


def _culprit(result: Result, bench: _Bench, red: Run) -> tuple[str, tuple[str, ...], Run]:
    """The first codemod after whose work the base is red, then the first of its files that does it, those bound to it included."""
    order = codemods_in_order(result.patches)
    before = {patch.path: patch.before for patch in result.patches}

    def changed(count: int) -> dict[str, bytes]:
        return {
            path: content
            for path, content in contents(result.patches, order[:count]).items()
            if content != before[path]
        }

    count, red = _first_red(len(order), lambda count: bench.red(changed(count)), red)
    codemod, good, bad = order[count - 1], changed(count - 1), changed(count)
    units = [unit for unit in together(result, codemod) if any(bad.get(path) != good.get(path) for path in unit)]

    def partly(number: int) -> dict[str, bytes]:
        chosen = {path for unit in units[:number] for path in unit if path in bad}
        return good | {path: bad[path] for path in chosen}

    number, red = _first_red(len(units), lambda number: bench.red(partly(number)), red)
    return codemod, units[number - 1], red


def _first_red(last: int, red: Callable[[int], Run | None], known: Run) -> tuple[int, Run]:
    """The smallest number from 1 to `last` that is red, given that 0 is green and `last` is red; and how it failed."""
    green = 0
    while last - green > 1:
        middle = (green + last) // 2
        run = red(middle)
        if run is None:
            green = middle
        else:
            last, known = middle, run
    return last, known


def _leaves(result: Result, codemod: str, paths: Sequence[str]) -> frozenset[Identity]:
    """The findings of a codemod in these files, as one names those that are not wanted."""
    return frozenset(
        (codemod, place.path, place.line, place.column)
        for each in result.findings
        if each.finding.codemod == codemod and (place := each.finding.place).path in paths
    )
