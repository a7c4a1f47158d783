"""What a project declares that it depends on: distribution names, versions, and which file said so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LOCKS = ("uv.lock", "poetry.lock", "pylock.toml", "Pipfile.lock")
MANIFESTS = ("pyproject.toml", "Pipfile", "setup.cfg", "setup.py")
Reader = Callable[[str], bytes | None]  # a path relative to the root -> the bytes, None when there is no such file

_PACKAGE = re.compile(r'^\[\[packages?\]\]\s*\nname = "([^"\n]+)"\s*\nversion = "([^"\n]+)"', re.M)
_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*(?:@\s*\S+|\(?([^;#)]*)\)?)")
_INCLUDE = re.compile(r"^\s*(?:-r|--requirement)[\s=]+(\S+)")
_LITERAL = re.compile(r"install_requires\s*=\s*\[([^\]]*)\]", re.S)


@dataclass(frozen=True, slots=True)
class Declared:
    """A version, or a specifier ('' when only the name is known), and the file that says so."""

    version: str
    file: str


def normal(name: str) -> str:
    """The one spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declares_for(path: str) -> str | None:
    """The folder that a declaring file speaks for, None for others. requirements/base.txt speaks for the one above."""
    folder, _, name = path.rpartition("/")
    if name in LOCKS or name in MANIFESTS or (name.startswith("pylock.") and name.endswith(".toml")):
        return folder
    if not name.endswith((".txt", ".in")):
        return None
    parent, _, last = folder.rpartition("/")
    if last == "requirements":
        return parent
    return folder if "requirements" in name else None


def declared_in(paths: list[str], read: Reader) -> dict[str, Declared]:
    """What these files of one folder say. A lock speaks before a specifier, a version before a bare name."""
    found: dict[str, Declared] = {}
    for path in sorted(paths, key=_rank):
        name = path.rpartition("/")[2]
        for distribution, version in _entries(path, name, read):
            known = found.get(normal(distribution))
            if known is None or (version and not known.version):
                found[normal(distribution)] = Declared(version, name)
    return found


def _rank(path: str) -> tuple[int, str]:
    name = path.rpartition("/")[2]
    if name in LOCKS:
        return LOCKS.index(name), name
    if name.startswith("pylock."):
        return len(LOCKS), name
    if name in MANIFESTS:
        return 10 + MANIFESTS.index(name), name
    return (20 if name == "requirements.txt" else 21), path


def _entries(path: str, name: str, read: Reader) -> Iterator[tuple[str, str]]:
    content = read(path)
    if content is None:
        return
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    if name == "Pipfile.lock":
        yield from _pipfile_lock(text)
    elif name in LOCKS or name.startswith("pylock."):
        yield from _lock(text)
    elif name == "pyproject.toml":
        yield from _pyproject(_toml(text))
    elif name == "Pipfile":
        yield from _pipfile(_toml(text))
    elif name == "setup.cfg":
        yield from _setup_cfg(text)
    elif name == "setup.py":
        yield from _setup_py(text)
    else:
        yield from _requirements(path, text, read, set())


def _lock(text: str) -> Iterator[tuple[str, str]]:
    """By pattern, not by parser: tomllib takes a quarter of a second for a lock of half a megabyte."""
    packages = _PACKAGE.findall(text)
    if not packages and "[[package" in text:
        table = _toml(text)
        entries = [*_tables(table.get("package")), *_tables(table.get("packages"))]
        packages = [(str(entry.get("name", "")), str(entry.get("version", ""))) for entry in entries]
    lowest: dict[str, str] = {}
    for name, version in packages:
        if name and (name not in lowest or _numbers(version) < _numbers(lowest[name])):
            lowest[name] = version  # locked twice, for two platforms: what is emitted must run on both
    yield from lowest.items()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _pipfile_lock(text: str) -> Iterator[tuple[str, str]]:
    import json

    try:
        table = json.loads(text)
    except ValueError:
        return
    for section in ("default", "develop"):
        for name, entry in _table(_table(table).get(section)).items():
            yield name, str(_table(entry).get("version", "")).removeprefix("==")


def _toml(text: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}  # settings complain about a pyproject.toml that cannot be read; here it declares nothing


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _tables(value: object) -> list[Mapping[str, Any]]:
    return [_table(entry) for entry in value] if isinstance(value, list) else []


def _lines(value: object) -> Iterator[tuple[str, str]]:
    for line in value if isinstance(value, list) else []:
        if isinstance(line, str):
            yield from _requirement(line)


def _requirement(line: str) -> Iterator[tuple[str, str]]:
    if match := _REQUIREMENT.match(line):
        yield match[1], (match[2] or "").replace(" ", "").split("--")[0].rstrip("\\").strip()
        if normal(match[1]) == "sqlalchemy" and "[asyncio" in line:  # what this extra is there for
            yield "greenlet", ""


def _pyproject(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    project = _table(table.get("project"))
    yield from _lines(project.get("dependencies"))
    for group in [
        *_table(project.get("optional-dependencies")).values(),
        *_table(table.get("dependency-groups")).values(),
    ]:
        yield from _lines(group)
    poetry = _table(_table(table.get("tool")).get("poetry"))
    yield from _poetry(poetry.get("dependencies"))
    yield from _poetry(poetry.get("dev-dependencies"))
    for group in _table(poetry.get("group")).values():
        yield from _poetry(_table(group).get("dependencies"))
    yield from _lines(_table(_table(_table(table.get("tool")).get("uv"))).get("dev-dependencies"))


def _poetry(dependencies: object) -> Iterator[tuple[str, str]]:
    for name, wanted in _table(dependencies).items():
        if isinstance(wanted, list):
            wanted = wanted[0] if wanted else ""
        version = wanted if isinstance(wanted, str) else str(_table(wanted).get("version", ""))
        if name != "python":
            yield name, "" if version == "*" else version


def _pipfile(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from _poetry(table.get("packages"))
    yield from _poetry(table.get("dev-packages"))


def _setup_cfg(text: str) -> Iterator[tuple[str, str]]:
    from configparser import ConfigParser
    from configparser import Error as ConfigError

    parser = ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except ConfigError:
        return
    blocks = [parser.get("options", "install_requires", fallback="")]
    if parser.has_section("options.extras_require"):
        blocks += [value or "" for _, value in parser.items("options.extras_require")]
    for block in blocks:
        for line in block.splitlines():
            yield from _requirement(line)


def _setup_py(text: str) -> Iterator[tuple[str, str]]:
    """Only a list written out in the call: a setup.py is never run."""
    for block in _LITERAL.findall(text):
        for line in re.findall(r"""["']([^"'\n]+)["']""", block):
            yield from _requirement(line)


def _requirements(path: str, text: str, read: Reader, seen: set[str]) -> Iterator[tuple[str, str]]:
    seen.add(path)
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if include := _INCLUDE.match(line):
            other = _joined(path, include[1])
            content = read(other) if other and other not in seen else None
            if other and content is not None:
                yield from _requirements(other, content.decode("utf-8", "replace"), read, seen)
        elif not line.lstrip().startswith(("-", "#")):
            yield from _requirement(line)


def _joined(path: str, other: str) -> str | None:
    """`other` as seen from the file `path`; None when it leads out of the project."""
    parts = path.split("/")[:-1]
    for part in other.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return None if other.startswith("/") else "/".join(parts)
