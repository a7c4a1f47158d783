"""What seeing files together costs: `python tests/benchmarks/crossfile.py FOLDER [--pairs N] [--select NAMES]`.

The same codemods over the same bytes, once with each file on its own and once across files, in turns (A B A B), each run in a child
process of its own. Printed are the CPU of both, the findings, and the median of the ratios of neighbours; reading the files is in neither.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from loadproof.codemods import codemods
from loadproof.codemods.kit.codemod import Codemod
from loadproof.codemods.kit.facts import may_matter, source_of
from loadproof.codemods.kit.rewrite import Choice, rewrite_sources
from loadproof.codemods.kit.source import Source
from loadproof.codemods.kit.text import Unreadable
from loadproof.codemods.kit.units import survey

Files = Mapping[str, bytes]
Way = Callable[[Files, list[Codemod]], Iterator[list[Source]]]


def alone(files: Files, chosen: list[Codemod]) -> Iterator[list[Source]]:
    """Each file in which a codemod may fire."""
    for path, raw in files.items():
        if may_matter(raw, chosen):
            try:
                yield [source_of(path, raw)]
            except Unreadable:
                continue


def together(files: Files, chosen: list[Codemod]) -> Iterator[list[Source]]:
    """Those, and what they need of each other."""
    for unit in survey(files, chosen).units:
        yield list(unit)


def measured(way: Way, files: Files, chosen: list[Codemod]) -> tuple[float, int]:
    """Seconds of CPU, and how many findings it gave."""
    gc.disable()
    start = time.process_time()
    choice = Choice(tuple(codemod.name for codemod in chosen))
    found = sum(len(rewrite_sources(sources, choice).findings) for sources in way(files, chosen))
    return time.process_time() - start, found


def in_child(way: Way, files: Files, chosen: list[Codemod]) -> tuple[float, int]:
    """The same, in a fresh fork, which leaves nothing behind for the next run."""
    fork = multiprocessing.get_context("fork")
    answers = fork.SimpleQueue()
    child = fork.Process(target=lambda: answers.put(measured(way, files, chosen)))
    child.start()
    answer: tuple[float, int] = answers.get()
    child.join()
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--select", default="", help="codemods, by commas; the default ones without")
    asked = parser.parse_args()
    names = asked.select.split(",") if asked.select else [each.name for each in codemods().values() if each.default]
    chosen = [codemods()[name] for name in names]
    paths = sorted(path for path in asked.folder.rglob("*.py") if path.is_file() and ".git" not in path.parts)
    files = {path.relative_to(asked.folder).as_posix(): path.read_bytes() for path in paths}
    pairs = [(in_child(alone, files, chosen), in_child(together, files, chosen)) for _ in range(asked.pairs)]
    (_, few), (_, many) = pairs[0]
    one, other = (statistics.median(pair[which][0] for pair in pairs) for which in (0, 1))
    ratio = statistics.median(cross / single for (single, _), (cross, _) in pairs)
    print(f"{asked.folder.resolve().name}: {len(files):,} Python files, {len(chosen)} codemods, {asked.pairs} pairs")
    print(f"each file alone {one:7.2f} s of CPU, {few:5,} findings")
    print(f"across files    {other:7.2f} s of CPU, {many:5,} findings, x{ratio:.2f}")


if __name__ == "__main__":
    main()
