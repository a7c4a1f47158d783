"""The laws of the house."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import loadproof
import pytest
from loadproof.cli.report.pages import table
from loadproof.codemods import codemods

TOP = Path(__file__).parent.parent

# The map of the house, from the ground up. A module imports from its own floor's left neighbours and from the floors below.
FLOORS = (
    ("codemods.kit",),
    ("codemods",),
    ("cli.trouble", "cli.merge", "cli.temporary", "cli.options"),
    ("cli.help",),
    ("cli.declared", "cli.settings"),
    ("cli.listing", "cli.files", "cli.workers", "cli.edits"),
    ("cli.project",),
    ("cli.formatting",),
    ("cli.plan",),
    ("cli.outcome", "cli.git"),
    ("cli.objects", "cli.identity", "cli.committed", "cli.repository"),
    ("cli.journal", "cli.record", "cli.commits", "cli.lines", "cli.scratch", "cli.sources"),
    ("cli.verify", "cli.undo", "cli.dirty", "cli.hooks", "cli.said", "cli.wishes"),
    ("cli.fixing", "cli.apply"),
    ("cli.batch",),
    ("cli.report",),
    ("cli.advice", "cli.review", "cli.show"),
    ("cli.demo", "cli.run"),
    ("cli.main",),
)
# What touches the world, or is too heavy to think with.
WORLD = {
    "asyncio", "black", "click", "concurrent", "dask", "datetime", "distributed", "fcntl", "getpass", "git", "glob", "http", "httpx", "locale",
    "logging", "mmap", "multiprocessing", "os", "pathlib", "platform", "random", "requests", "resource", "rich", "select", "shutil", "signal",
    "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib",
}  # fmt: skip
HEAVY = {"black", "bowler", "dask", "distributed", "fissix", "git", "libcst", "rich", "subprocess"}


def modules(folder: str) -> Iterator[tuple[str, Path]]:
    """(dotted name from the top of the repository, file) of every module of a folder of the product."""
    for path in sorted((TOP / folder).rglob("*.py")):
        parts = path.relative_to(TOP).with_suffix("").parts
        if parts[:2] != ("cli", "package"):
            yield ".".join(parts).removesuffix(".__init__"), path


MODULES = [*modules("codemods"), *modules("cli")]


def imports(name: str, path: Path) -> Iterator[str]:
    """Dotted names that a module imports, relative ones from the top of the repository; inner imports as well."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names if node.level)


def floor(name: str) -> int | None:
    """The floor of a module; the longest name that fits decides."""
    fits = [
        (len(known), number)
        for number, names in enumerate(FLOORS)
        for known in names
        if f"{name}.".startswith(f"{known}.")
    ]
    return max(fits)[1] if fits else None


@pytest.mark.parametrize(
    ("name", "path"),
    [pair for pair in MODULES if pair[0] != "cli"],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_imports_go_down_only(name: str, path: Path) -> None:
    here = floor(name)
    assert here is not None, f"{name} has no floor yet; put it into FLOORS"
    for imported in imports(name, path):
        there = floor(imported)
        if there is not None:
            assert there <= here, f"{name} imports {imported} from above"


def test_there_are_no_cycles() -> None:
    known = dict(MODULES)
    graph = {
        name: {other for other in set(imports(name, path)) if other in known and other != name}
        for name, path in MODULES
    }
    while free := [
        name for name in graph if not graph[name] & graph.keys() or not any(name in needs for needs in graph.values())
    ]:
        for name in free:
            del graph[name]
    assert not graph, "\n".join(
        f"{name} imports {', '.join(sorted(needs & graph.keys()))}" for name, needs in graph.items()
    )


@pytest.mark.parametrize(
    ("name", "path"), [*modules("codemods")], ids=lambda value: str(value) if isinstance(value, str) else ""
)
def test_codemods_do_not_touch_the_world(name: str, path: Path) -> None:
    touched = {imported.partition(".")[0] for imported in imports(name, path)} & WORLD
    if name == "codemods":
        touched -= {"importlib", "pkgutil"}  # it is the table of contents
    assert not touched, f"{name} imports {sorted(touched)}"
    assert not re.search(r"(?<![\w.])(open|print|input)\(", path.read_text().replace('"', " ")) or not _calls_world(
        path
    )


def _calls_world(path: Path) -> list[str]:
    names = (
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    )
    return [name for name in names if name in ("open", "print", "input", "exec", "eval", "__import__")]


def test_bowler_has_one_door() -> None:
    users = [
        name
        for name, path in MODULES
        if {"bowler", "fissix"} & {imported.partition(".")[0] for imported in imports(name, path)}
    ]
    assert users in ([], ["codemods.kit.query"])


NEW = '''"""Say when print is used.

Why
    A print is lost in production.

Broken
    print("x")

Fixed
    log("x")
"""

from __future__ import annotations

from collections.abc import Iterator

from .kit.codemod import codemod
from .kit.finding import Finding
from .kit.source import Source


@codemod(mentions="print")
def tidy_prints(source: Source) -> Iterator[Finding]:
    for call in source.calls(["print"]):
        yield source.refuse(call, "printed", "this goes to nobody")
'''


def test_a_codemod_is_one_file(tmp_path: Path) -> None:
    package = tmp_path / "loadproof"
    shutil.copytree(TOP / "cli" / "package", package)
    shutil.copytree(TOP / "cli", package / "cli", ignore=shutil.ignore_patterns("package", "__pycache__"))
    shutil.copytree(TOP / "codemods", package / "codemods", ignore=shutil.ignore_patterns("__pycache__"))
    (package / "codemods" / "tidy_prints.py").write_text(NEW)
    listed = run("list", "--json", PYTHONPATH=str(tmp_path))
    assert "tidy-prints" in {entry["name"] for entry in json.loads(listed.stdout)}
    assert "Say when print is used." in run("explain", "tidy-prints", PYTHONPATH=str(tmp_path)).stdout


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "loadproof", *words]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
        cwd=Path(__file__).anchor,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_every_folder_is_in_the_wheel() -> None:
    with open(TOP / "pyproject.toml", "rb") as file:
        setuptools = tomllib.load(file)["tool"]["setuptools"]
    folders = {path.parent.relative_to(TOP).as_posix() for _, path in MODULES} - {"cli/package"}
    expected = {"loadproof", "loadproof.fixtures.demo"} | {
        f"loadproof.{folder.replace('/', '.')}" for folder in folders
    }
    assert set(setuptools["packages"]) == expected
    for package, folder in setuptools["package-dir"].items():
        assert package == "loadproof" or package == f"loadproof.{folder.replace('/', '.')}"


def test_data_files_are_in_the_wheel() -> None:
    installed = Path(loadproof.__file__).parent
    for path in [
        *(TOP / "fixtures" / "demo").rglob("*.*"),
        *(TOP / "codemods").rglob("*.json"),
        TOP / "cli" / "package" / "py.typed",
    ]:
        inside = path.relative_to(TOP / "cli" / "package") if path.name == "py.typed" else path.relative_to(TOP)
        assert (installed / inside).is_file(), inside


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from loadproof.__main__ import main; sys.argv = ['loadproof', '--help']\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: loadproof")
    assert not {name.partition(".")[0] for name in done.stderr.split()} & (HEAVY | {"loadproof.codemods"})


def test_a_clean_tree_pays_for_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "clean.py").write_text("import json\n\nprint(json.dumps({}))\n")
    code = "import sys; from loadproof.__main__ import main; sys.argv = ['loadproof', 'check']\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert not {name.partition(".")[0] for name in done.stderr.split()} & HEAVY


def test_the_table_in_the_readme_is_that_of_the_pages() -> None:
    between = re.search(r"<!-- codemods -->\n(.*?)\n<!-- /codemods -->", (TOP / "README.md").read_text(), re.DOTALL)
    assert between, "the README has lost its markers"
    assert between[1] == table(codemods().values()), "python tests/readme.py writes it"


def test_the_readme_names_every_command() -> None:
    words = subprocess.run([sys.executable, "-m", "loadproof", "-h"], capture_output=True, text=True, check=True).stdout
    commands = re.findall(r"^  ([a-z]+)  ", words, re.MULTILINE)
    assert {"check", "diff", "fix", "apply", "undo", "batch", "explain", "list", "demo"} <= set(commands)
    missing = [name for name in commands if f"loadproof {name}" not in (TOP / "README.md").read_text()]
    assert not missing


def test_pins_are_floors_that_hold() -> None:
    """Below these a resolver was seen to choose releases that break at import or hold known holes."""
    from importlib.metadata import version

    floors = {"libcst": (1, 9), "black": (26,), "GitPython": (3, 2, 1), "click": (8, 1), "fissix": (24, 4, 24)}
    for name, lowest in floors.items():
        assert tuple(int(part) for part in version(name).split(".")[: len(lowest)]) >= lowest
    assert version("bowler") == "0.9.0"
