"""A project: which files it has, their settings, their bytes, and what it declares that it depends on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from ..codemods.kit.rewrite import Verdict
from . import files
from .declared import Declared, declared_in, declares_for
from .listing import excluder, is_interesting, listed, walked
from .settings import CONFIGURATION, Asked, Settings, settings_in
from .trouble import Trouble

MARKS = (".git", "pyproject.toml", "loadproof.toml")  # a folder with one of these is the top of a project
DECLARATION_LIMIT = 20_000_000  # bytes; lock files are long


class Tree(Protocol):
    """Where a project's files come from: a folder on disk, or a commit. Paths are seen from its top."""

    def paths(self, excluded: tuple[str, ...]) -> Sequence[str]:
        """Python files, configuration, declarations; at least those that `excluded` does not name."""

    def read(self, path: str, limit: int = files.LIMIT) -> bytes | Verdict:
        """A file's bytes, or why it is not read."""


@dataclass(frozen=True)
class WorkTree:
    """A folder on disk. `instead` holds files whose bytes come from elsewhere, such as standard input."""

    root: str
    instead: Mapping[str, bytes] = field(default_factory=dict)

    def paths(self, excluded: tuple[str, ...]) -> Sequence[str]:
        return [*listed(self.root, excluded), *(path for path in self.instead if not os.path.lexists(self.path(path)))]

    def read(self, path: str, limit: int = files.LIMIT) -> bytes | Verdict:
        if path in self.instead:
            return self.instead[path]
        return files.read(self.path(path), path, limit)

    def path(self, path: str) -> str:
        return f"{self.root}/{path}"


@dataclass(frozen=True)
class Project:
    """A tree, what the user asked for, and of which part of it.

    Settings are those of the nearest folder above a file that has any. A dependency is looked up in the nearest folder
    that declares it. Both searches go on above the project's top as far as the repository does: `above` holds what was
    found there, nearest first.
    """

    tree: Tree
    asked: Asked = field(default_factory=Asked)
    targets: tuple[str, ...] = ("",)  # files and folders that the user named; "" is the whole project
    above: tuple[tuple[Settings | None, Mapping[str, Declared]], ...] = ()
    root: str = ""  # on disk; empty for a commit

    @cached_property
    def _listed(self) -> Sequence[str]:
        excluded = self._top_settings.excluded
        found = list(self.tree.paths(excluded))
        for target in self.targets if self.root else ():
            if target and target not in self.named and not any(path.startswith(f"{target}/") for path in found):
                # ignored or excluded as a whole, and named all the same
                found += [f"{target}/{path}" for path in walked(f"{self.root}/{target}", excluded)]
        return found

    @cached_property
    def _top_settings(self) -> Settings:
        return self._settings_of_folder("")

    @cached_property
    def named(self) -> frozenset[str]:
        """The files that the user named one by one: these are read, whatever the excludes say."""
        return frozenset(target for target in self.targets if target and self._is_file(target))

    def _is_file(self, target: str) -> bool:
        if not self.root:
            return target in self._listed
        return not os.path.isdir(f"{self.root}/{target}") or os.path.islink(f"{self.root}/{target}")

    @cached_property
    def python(self) -> tuple[str, ...]:
        """Every Python file that is looked at, also outside the targets: what one file builds, another may use."""
        found = {path for path in self._listed if path.endswith(".py") and not self._is_excluded(path)}
        if any(self._settings_of(path).force_exclude for path in self.named):
            return tuple(sorted(found | {path for path in self.named if not self._is_excluded(path)}))
        return tuple(sorted(found | self.named))

    def _is_excluded(self, path: str) -> bool:
        """The part of a path that the user typed is not held against it: `loadproof build/` looks into build/."""
        folder, _, name = path.rpartition("/")
        if folder not in self._folders:
            settings = self._by_folder(folder)
            bare = tuple(pattern for pattern in settings.excluded if "/" not in pattern.strip("/"))
            typed = () if settings.force_exclude else self.targets
            below = next((target for target in typed if target and f"{folder}/".startswith(f"{target}/")), "")
            rest = folder[len(below) :].lstrip("/")
            plain = frozenset(pattern for pattern in bare if not set("*?[") & set(pattern))
            self._folders[folder] = (
                excluder(bare).search(rest) is not None,
                plain,
                excluder(tuple(pattern for pattern in bare if pattern not in plain)),
                excluder(settings.excluded) if len(bare) < len(settings.excluded) else None,
            )
        is_out, plain, names, whole = self._folders[folder]
        return is_out or name in plain or bool(names.search(name)) or bool(whole and whole.search(path))

    @cached_property
    def _folders(self) -> dict[str, tuple[bool, frozenset[str], re.Pattern[str], re.Pattern[str] | None]]:
        """Folder -> whether it is excluded as a whole, and what excludes a file in it by name or by path."""
        return {}

    def is_target(self, path: str) -> bool:
        """Whether the user asked about this file."""
        return any(not target or path == target or path.startswith(f"{target}/") for target in self.targets)

    def read(self, path: str) -> bytes | Verdict | None:
        """The bytes, or why not; None where nothing is lost: a file that is gone, a link to a file that is read."""
        content = self.tree.read(path)
        if isinstance(content, Verdict) and path not in self.named:
            if content.reason == "missing":
                return None
            if content.reason == "symlink" and self.root and self._is_second_name(path):
                return None
        return content

    def _is_second_name(self, path: str) -> bool:
        target = os.path.realpath(f"{self.root}/{path}")
        return target.startswith(f"{self.root}/") and target[len(self.root) + 1 :] in self._python_set

    @cached_property
    def _python_set(self) -> frozenset[str]:
        return frozenset(self.python)

    # settings

    @cached_property
    def _configured(self) -> Mapping[str, Settings]:
        """Folder -> its own settings."""
        found: dict[str, Settings] = {}
        default = excluder(Settings().exclude)
        for path in sorted(self._listed, key=lambda path: path.endswith("/pyproject.toml") or path == "pyproject.toml"):
            folder, _, name = path.rpartition("/")
            if name in CONFIGURATION and folder and folder not in found and not default.search(path):
                settings = self._settings_file(path)
                found |= {folder: settings} if settings is not None else {}
        return found

    def _settings_file(self, path: str) -> Settings | None:
        content = self.tree.read(path)
        if isinstance(content, Verdict):
            return None
        try:
            settings = settings_in(path.rpartition("/")[2], content)
        except Trouble as trouble:
            raise Trouble(f"{path.rpartition('/')[0]}/{trouble.message}".lstrip("/"), trouble.advice) from None
        return settings

    def _settings_of_folder(self, folder: str) -> Settings:
        """The folder's own settings or the nearest above, with the command line's words on top."""
        if not folder:
            for name in CONFIGURATION:
                if (settings := self._settings_file(name)) is not None:
                    return self.asked.over(settings)
            for settings, _ in self.above:
                if settings is not None:
                    return self.asked.over(settings)
            return self.asked.over(Settings())
        return self._by_folder(folder)

    def _by_folder(self, folder: str) -> Settings:
        known = self._folder_settings
        if folder not in known:
            own = self._configured.get(folder)
            known[folder] = self.asked.over(own) if own is not None else self._by_folder(folder.rpartition("/")[0])
        return known[folder]

    @cached_property
    def _folder_settings(self) -> dict[str, Settings]:
        return {"": self._top_settings}

    def _settings_of(self, path: str) -> Settings:
        return self._by_folder(path.rpartition("/")[0])

    def settings_for(self, paths: Iterable[str]) -> Settings:
        """The settings of the nearest folder that is above all of these files."""
        return self._by_folder(_common([path.rpartition("/")[0] for path in paths]))

    def ignores(self, codemod: str, path: str) -> bool:
        """Whether per-file-ignores of the file's settings name this codemod."""
        for pattern, names in self._settings_of(path).per_file_ignores:
            if (codemod in names or "ALL" in names) and excluder((pattern,)).search(path):
                return True
        return False

    @property
    def has_nested_settings(self) -> bool:
        return bool(self._configured)

    @cached_property
    def has_ignores(self) -> bool:
        return any(settings.per_file_ignores for settings in (self._top_settings, *self._configured.values()))

    # declarations

    @cached_property
    def _declaring(self) -> Mapping[str, list[str]]:
        """Folder -> the files that declare for it."""
        found: dict[str, list[str]] = {}
        for path in self._listed:
            folder = declares_for(path)
            if folder is not None and not excluder(self._top_settings.excluded).search(path):
                found.setdefault(folder, []).append(path)
        return found

    def declared_for(self, paths: Iterable[str]) -> Mapping[str, Declared]:
        """What is declared for these files: by the nearest folder above all of them that names the distribution."""
        return self._declared_of_folder(_common([path.rpartition("/")[0] for path in paths]))

    def declared_anywhere(self) -> Mapping[str, Declared]:
        """What any folder of the project declares, the outermost first."""
        found: dict[str, Declared] = {}
        for folder in ["", *sorted(self._declaring)]:
            found = {**self._declared_of_folder(folder), **found}
        return found

    def _declared_of_folder(self, folder: str) -> Mapping[str, Declared]:
        known = self._folder_declared
        if folder not in known:
            if folder:
                outer = self._declared_of_folder(folder.rpartition("/")[0])
            else:
                outer = {name: entry for _, declared in reversed(self.above) for name, entry in declared.items()}
            own = self._declaring.get(folder)
            known[folder] = {**outer, **declared_in(own, self.declaration)} if own else outer
        return known[folder]

    @cached_property
    def _folder_declared(self) -> dict[str, Mapping[str, Declared]]:
        return {}

    def declaration(self, path: str) -> bytes | None:
        """The bytes of a file that configures or declares something; None without one that can be read."""
        content = self.tree.read(path, DECLARATION_LIMIT)
        return None if isinstance(content, Verdict) else content


def _common(folders: Sequence[str]) -> str:
    """The deepest folder that is above all of these."""
    first, last = min(folders, default=""), max(folders, default="")
    if first == last:
        return first
    shared: list[str] = []
    for a, b in zip(first.split("/"), last.split("/"), strict=False):
        if a != b:
            break
        shared.append(a)
    return "/".join(shared)


def projects(paths: Sequence[str], asked: Asked, instead: tuple[str, bytes] | None = None) -> list[Project]:
    """The projects that these files and folders belong to, each asked about its own part.

    The top of a project is the nearest folder upward with .git, pyproject.toml or loadproof.toml, else the one named.
    `instead`: a file whose bytes are given and not read.
    """
    targets: dict[str, list[str]] = {}
    contents: dict[str, dict[str, bytes]] = {}
    for path in [instead[0]] if instead else paths or ["."]:
        full = os.path.abspath(path)
        if not os.path.lexists(full) and not instead:
            raise Trouble(
                f"{path}: there is no such file or folder",
                "name files or folders of your project, or none for the current folder",
            )
        # links in the folders above are the user's own spelling; a link at the end is judged when it is read
        is_folder = os.path.isdir(full)
        full = (
            os.path.realpath(full)
            if is_folder
            else os.path.join(os.path.realpath(os.path.dirname(full)), os.path.basename(full))
        )
        root = _top(full if is_folder else os.path.dirname(full))
        relative = full[len(root) :].lstrip("/")
        targets.setdefault(root, []).append(relative)
        if instead:
            contents[root] = {relative: instead[1]}
    return [
        Project(
            WorkTree(root, contents.get(root, {})),
            asked,
            tuple(dict.fromkeys(targets[root])),
            tuple(_above(root)),
            root,
        )
        for root in targets
    ]


def _top(folder: str) -> str:
    here = folder
    while True:
        if any(os.path.lexists(f"{here}/{mark}") for mark in MARKS):
            return here
        parent = os.path.dirname(here)
        if parent == here:
            return folder
        here = parent


def _above(root: str) -> Iterable[tuple[Settings | None, Mapping[str, Declared]]]:
    """Settings and declarations of the folders above `root`, up to the top of its repository."""
    here, folders = root, []
    while not os.path.lexists(f"{here}/.git"):
        parent = os.path.dirname(here)
        if parent == here:
            return
        here = parent
        folders.append(here)
    for folder in folders:
        names = [name for name in sorted(os.listdir(folder)) if is_interesting(name) and not name.endswith(".py")]
        project = Project(WorkTree(folder, {}), root=folder)
        declaring = [name for name in names if declares_for(name) is not None]
        own = [
            settings
            for name in CONFIGURATION
            if name in names and (settings := project._settings_file(name)) is not None
        ]
        yield (own[0] if own else None), declared_in(declaring, project.declaration)
