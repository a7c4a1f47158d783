"""How dear a branch is: `python tests/benchmarks/branch.py REPOSITORY [FILES] [PAIRS]`.

Puts a change to FILES Python files on a branch, in whole processes, turn by turn: ours (plumbing, work tree untouched), GitPython's
checkout, index and commit, and plain git's. Prints the median CPU time above a bare start, also without the import of GitPython,
which both Python ways pay, and the ratios of the pairs. The repository itself is never written: each way has a clone.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

OURS = """
import sys
from loadproof.cli.identity import settings
from loadproof.cli.objects import Change
from loadproof.cli.repository import Repository
folder, branch, *paths = sys.argv[1:]
repository = Repository.at(folder)
repository.refuse_unless_free(branch)
with repository.objects() as store:
    entries = {entry.path: entry for entry in store.tree(repository.head)}
    contents = store.contents([entries[path] for path in paths])
    files = {path: contents[path] + b"# changed\\n" for path in paths}
    modes = {path: entries[path].mode for path in paths}
    repository.write(store, branch, [Change("a change\\n", files)], modes, settings(repository.git))
"""
GITPYTHON = """
import sys, git
folder, branch, *paths = sys.argv[1:]
repository = git.Repo(folder)
repository.create_head(branch).checkout()
for path in paths:
    with open(f"{folder}/{path}", "ab") as file:
        file.write(b"# changed\\n")
repository.index.add(paths)
repository.index.commit("a change")
"""
PLAIN = """
import sys, subprocess
folder, branch, *paths = sys.argv[1:]
def git(*words): subprocess.run(["git", "-C", folder, *words], check=True, stdout=subprocess.DEVNULL)
git("checkout", "--quiet", "-b", branch)
for path in paths:
    with open(f"{folder}/{path}", "ab") as file:
        file.write(b"# changed\\n")
git("add", "--", *paths)
git("commit", "--quiet", "-m", "a change")
"""


def cpu(program: str, *words: str) -> float:
    """Milliseconds of processor time, of the process and all its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program, *words], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def main(words: Sequence[str]) -> None:
    source, count, pairs = words[0], int(words[1]) if len(words) > 1 else 10, int(words[2]) if len(words) > 2 else 9
    ways = {"loadproof": OURS, "GitPython": GITPYTHON, "plain git": PLAIN}
    times: dict[str, list[float]] = {name: [] for name in (*ways, "start", "import git")}
    with tempfile.TemporaryDirectory() as folder:
        clones = {name: str(Path(folder) / str(number)) for number, name in enumerate(ways)}
        for clone in clones.values():
            subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", source, clone], check=True)
            for key, value in (("user.name", "x"), ("user.email", "x@example.com"), ("gc.auto", "0")):
                subprocess.run(["git", "-C", clone, "config", key, value], check=True)
        listed = subprocess.run(["git", "-C", clones["loadproof"], "ls-files", "-z", "*.py"], capture_output=True, check=True).stdout
        every = [name for name in os.fsdecode(listed).split("\0") if name]
        paths = every[:: max(1, len(every) // count)][:count]
        for turn in range(pairs):
            times["start"].append(cpu("pass"))
            times["import git"].append(cpu("import git"))
            for name, program in ways.items():
                times[name].append(cpu(program, clones[name], f"branch-{turn}", *paths))
    start, imported = statistics.median(times["start"]), statistics.median(times["import git"])
    print(f"{len(paths)} files, {pairs} turns; a bare start takes {start:.0f} ms of processor time, with GitPython {imported:.0f} ms")
    for name in ways:
        middle = statistics.median(times[name])
        without = f", {middle - imported:.0f} ms above its import of GitPython" if name != "plain git" else ""
        print(f"{name:>10}: {middle - start:6.0f} ms above a bare start{without}")
    for name in ("GitPython", "plain git"):
        ratio = statistics.median((ours - start) / (theirs - start) for ours, theirs in zip(times["loadproof"], times[name], strict=True))
        print(f"loadproof / {name}: {ratio:.2f} of the processor time")
    ratio = statistics.median((ours - imported) / (theirs - imported) for ours, theirs in zip(times["loadproof"], times["GitPython"], strict=True))
    print(f"loadproof / GitPython without the import on either side: {ratio:.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
