"""Which files belong to a project, and what it declares."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from loadproof.cli.declared import declared_in, declares_for
from loadproof.cli.listing import excluder
from loadproof.cli.project import Project, projects
from loadproof.cli.settings import Asked, asked
from loadproof.cli.trouble import Trouble

from .command import HANG, loadproof


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(HANG)


def python(folder: Path, *paths: str, wanted: Asked | None = None) -> list[str]:
    [found] = projects([str(folder / path) for path in paths] or [str(folder)], wanted or Asked())
    return [path for path in found.python if found.is_target(path)]


@pytest.fixture(params=["git", "no git"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The same answers with git and without."""
    if request.param == "git":
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    else:
        (tmp_path / "pyproject.toml").touch()
    return tmp_path


def test_ignored_files_are_left_out(folder: Path) -> None:
    write(folder, "a.py", "data/b.py", "sub/c.py", "sub/skip/d.py", "sub/keep.py")
    (folder / ".gitignore").write_text("/data/\n*.log\n")
    (folder / "sub/.gitignore").write_text("skip/\n")
    assert python(folder) == ["a.py", "sub/c.py", "sub/keep.py"]
    assert python(folder, "data/b.py") == ["data/b.py"]
    assert python(folder, "data") == ["data/b.py"]


def test_usual_folders_are_left_out(folder: Path) -> None:
    write(
        folder,
        "a.py",
        ".venv/b.py",
        "venv/lib/c.py",
        "node_modules/d.py",
        "x/site-packages/e.py",
        "build/f.py",
        "a_pb2.py",
        "a_pb2_grpc.py",
        "builder/g.py",
    )
    assert python(folder) == ["a.py", "builder/g.py"]
    assert python(folder, wanted=asked(extend_exclude="builder")) == ["a.py"]
    assert python(folder, wanted=asked(exclude="a.py,builder,.venv,venv,x,node_modules")) == [
        "a_pb2.py",
        "a_pb2_grpc.py",
        "build/f.py",
    ]


def test_what_is_named_is_read_unless_forced(folder: Path) -> None:
    write(folder, "build/f.py", "build/venv/g.py")
    assert python(folder, "build/f.py") == ["build/f.py"]
    assert python(folder, "build") == ["build/f.py"]
    assert python(folder, "build/f.py", wanted=asked(force_exclude=True)) == []


def test_untracked_files_count_and_deleted_ones_do_not(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    write(tmp_path, "gone.py")
    subprocess.run(["git", "-C", str(tmp_path), "add", "."], check=True)
    (tmp_path / "gone.py").unlink()
    write(tmp_path, "new.py")
    said = loadproof("check", "--output-format", "json", cwd=tmp_path)
    assert ([finding["path"] for finding in said.json["findings"]], said.code) == (["new.py"], 1)


def test_only_part_of_a_project_is_asked_about_but_all_of_it_is_seen(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    write(tmp_path, "app/a.py", "other/b.py")
    said = loadproof("fix", "app", "--output-format", "json", cwd=tmp_path)
    assert [finding["path"] for finding in said.json["findings"]] == ["app/a.py"]
    assert (tmp_path / "other/b.py").read_bytes() == HANG
    [found] = projects([str(tmp_path / "app")], Asked())
    assert found.python == ("app/a.py", "other/b.py")


def test_several_projects_in_one_run(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path, f"{name}/a.py")
        (tmp_path / name / "pyproject.toml").touch()
    said = loadproof("check", "one", "two/a.py", "--output-format", "json", cwd=tmp_path)
    assert [finding["path"] for finding in said.json["findings"]] == ["one/a.py", "two/a.py"]


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="no such file or folder"):
        projects([str(tmp_path / "nowhere")], Asked())


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        ("venv", "a/venv/b.py", True),
        ("venv", "a/venvs/b.py", False),
        ("venv", "a/my-venv/b.py", False),
        ("*.py", "a/b.py", True),
        ("a/*.py", "a/b.py", True),
        ("a/*.py", "a/b/c.py", False),
        ("a/**", "a/b/c.py", True),
        ("a/**/c.py", "a/b/d/c.py", True),
        ("a/**/c.py", "a/c.py", True),
        ("/a", "b/a/c.py", False),
        ("docs/", "docs/a.py", True),
        ("[ab].py", "b.py", True),
        ("[!ab].py", "b.py", False),
        ("test_?.py", "test_1.py", True),
        ("a+b", "x/a+b/c.py", True),
    ],
)
def test_patterns(pattern: str, path: str, found: bool) -> None:
    assert bool(excluder((pattern,)).search(path)) == found


DECLARATIONS = {
    "uv.lock": '[[package]]\nname = "openai"\nversion = "3.52.0"\nsource = { registry = "x" }\n',
    "poetry.lock": '[[package]]\nname = "openai"\nversion = "3.52.0"\ndescription = "x"\n',
    "pylock.toml": '[[packages]]\nname = "openai"\nversion = "3.52.0"\n',
    "pylock.dev.toml": '[[packages]]\nversion = "3.52.0"\nname = "openai"\n',
    "Pipfile.lock": '{"default": {"openai": {"version": "==3.52.0"}}, "develop": {}}',
}


@pytest.mark.parametrize("name", DECLARATIONS)
def test_locks(name: str) -> None:
    found = declared_in([name], lambda path: DECLARATIONS[name].encode())
    assert (found["openai"].version, found["openai"].file) == ("3.52.0", name)


SPECIFIERS = {
    "pyproject.toml": "[project]\ndependencies = [\"OpenAI[realtime] >=2, <4 ; python_version > '3'\"]\n",
    "a/pyproject.toml": '[project.optional-dependencies]\nllm = ["openai>=2,<4"]\n',
    "b/pyproject.toml": '[dependency-groups]\ndev = ["openai>=2,<4", {include-group = "x"}]\n',
    "c/pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.11"\nopenai = {version = ">=2,<4", extras = ["x"]}\n',
    "d/pyproject.toml": '[tool.poetry.group.dev.dependencies]\nopenai = ">=2,<4"\n',
    "Pipfile": '[packages]\nopenai = ">=2,<4"\n',
    "requirements.txt": "# a comment\n-r more.txt\n--hash=x\nopenai>=2, <4  # why\n",
    "e/requirements-dev.txt": "openai (>=2,<4)\n",
    "requirements/base.txt": "openai>=2,<4 \\\n    --hash=sha256:00\n",
    "setup.cfg": "[options]\ninstall_requires =\n    openai>=2,<4\n",
    "setup.py": "setup(name='x', install_requires=['openai>=2,<4', \"httpx\"])\n",
}


@pytest.mark.parametrize("name", SPECIFIERS)
def test_specifiers(name: str) -> None:
    found = declared_in([name], lambda path: SPECIFIERS[name].encode() if path == name else None)
    assert found["openai"].version == ">=2,<4"
    assert "python" not in found


def test_includes_are_followed_within_the_project() -> None:
    files = {
        "reqs/requirements.txt": "-r ../base.txt\n-r ../../outside.txt\n",
        "base.txt": "openai==2.1\n-r reqs/requirements.txt\n",
    }
    found = declared_in(["reqs/requirements.txt"], lambda path: files[path].encode() if path in files else None)
    assert {name: entry.version for name, entry in found.items()} == {"openai": "==2.1"}


def test_a_lock_speaks_first_and_names_are_normal() -> None:
    files = {
        "uv.lock": '[[package]]\nname = "langchain-core"\nversion = "1.2"\n',
        "requirements.txt": "LangChain_Core>=0.1\nredis\n",
    }
    found = declared_in([*files], lambda path: files[path].encode())
    assert {name: (entry.version, entry.file) for name, entry in found.items()} == {
        "langchain-core": ("1.2", "uv.lock"),
        "redis": ("", "requirements.txt"),
    }


def test_what_cannot_be_read_declares_nothing() -> None:
    for name in ("uv.lock", "pyproject.toml", "Pipfile.lock", "setup.cfg", "requirements.txt"):
        assert declared_in([name], lambda path: b"\xff[[[\x00 = not a file\n] = 3") is not None


def test_which_folder_a_file_speaks_for() -> None:
    assert declares_for("uv.lock") == ""
    assert declares_for("api/requirements-dev.txt") == "api"
    assert declares_for("api/requirements/prod.txt") == "api"
    assert declares_for("docs/notes.txt") is None
    assert declares_for("main.py") is None


def test_in_a_monorepo_the_nearest_declaration_counts(tmp_path: Path) -> None:
    for name, content in {
        ".git/HEAD": "",
        "uv.lock": DECLARATIONS["uv.lock"],
        "api/requirements.txt": "openai<2\nredis\n",
        "web/a.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    [found] = projects([str(tmp_path)], Asked())

    def version(project: Project, *paths: str) -> str:
        return project.declared_for(paths)["openai"].version

    assert version(found, "api/main.py") == version(found, "api/a.py", "api/b/c.py") == "<2"
    assert version(found, "web/a.py") == version(found, "web/a.py", "api/main.py") == "3.52.0"
    assert "redis" not in found.declared_for(["web/a.py"])
    [part] = projects([str(tmp_path / "web")], Asked())
    assert version(part, "web/a.py") == "3.52.0"
