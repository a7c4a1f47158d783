"""How long we take beside others: `python tests/benchmarks/peers.py FOLDER [--pairs N] [--select NAMES]`.

Whole processes, run in turns (A B A B), and the median of the ratios of neighbours: a noisy machine disturbs both alike. CPU is that of
all processes. ruff and ast-grep are their wheels from PyPI (`pip install ruff ast-grep-cli`).
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

Command = list[str]


def tool(name: str) -> str:
    """A command of this environment, or of the PATH."""
    here = os.path.join(sysconfig.get_path("scripts"), name)
    found = here if os.path.exists(here) else shutil.which(name)
    return found or sys.exit(f"{name} is not installed: pip install ruff ast-grep-cli")


def measured(command: Command, folder: str) -> tuple[float, float]:
    """Seconds of CPU, of this process's children, and of wall."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode not in (0, 1, 3):
        sys.exit(f"{' '.join(command)} failed: {done.stderr}")
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def compare(name: str, ours: Command, theirs: Command, folder: str, pairs: int) -> None:
    measured(ours, folder), measured(theirs, folder)  # the first runs fill the page cache
    cpu, wall, own, other = [], [], [], []
    for _ in range(pairs):
        (our_cpu, our_wall), (their_cpu, their_wall) = measured(ours, folder), measured(theirs, folder)
        cpu.append(our_cpu / their_cpu)
        wall.append(our_wall / their_wall)
        own.append(our_cpu)
        other.append(their_cpu)
    told = f"{statistics.median(own) * 1000:8.0f} ms beside {statistics.median(other) * 1000:6.0f} ms"
    print(f"{name:<58} CPU x{statistics.median(cpu):6.2f}   wall x{statistics.median(wall):6.2f}   {told} of CPU")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--select", default="", help="codemods, by commas; the default ones without")
    asked = parser.parse_args()
    select = ["--select", asked.select] if asked.select else []
    folder, loadproof = str(asked.folder.resolve()), tool("loadproof")
    files = sum(1 for _ in asked.folder.rglob("*.py"))
    print(f"{folder}: {files:,} Python files, {os.cpu_count()} processors, {asked.pairs} pairs; below 1 we are faster")
    ruff = [tool("ruff"), "check", "--isolated", "--no-cache", "--select", "S113,ASYNC", "."]
    compare(
        "check / ruff check --select S113,ASYNC --no-cache", [loadproof, "check", *select], ruff, folder, asked.pairs
    )
    sg = [
        tool("ast-grep"),
        "run",
        "--lang",
        "python",
        "--pattern",
        "requests.$VERB($$$ARGS)",
        "--rewrite",
        "requests.$VERB($$$ARGS, timeout=(5, 20))",
        ".",
    ]
    compare("diff / ast-grep run --rewrite, one pattern", [loadproof, "diff", *select], sg, folder, asked.pairs)
    compare("--help / python -c pass", [loadproof, "--help"], [sys.executable, "-c", "pass"], folder, 3 * asked.pairs)


if __name__ == "__main__":
    main()
