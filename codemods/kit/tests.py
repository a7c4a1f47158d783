"""Which files are tests, and what tests put in the place of a name."""

from __future__ import annotations

import ast

from .source import Source, Surroundings

PATCHING = frozenset({"patch", "setattr", "object"})


def in_tests(source: Source) -> bool:
    """Whether a file is part of the project's tests, which put mocks in the place of things."""
    *folders, name = source.path.split("/")
    return name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py" or not {"test", "tests"}.isdisjoint(folders)


def patched(project: Surroundings, name: str) -> list[str]:
    """The places, as path:line, where a test patches an attribute or global of that name."""
    return _patches(project).get(name, [])[:5]


def _patches(project: Surroundings) -> dict[str, list[str]]:
    """Every name in the dotted texts that patching calls are given."""
    return project.remember("patches", lambda: _read(project))  # type: ignore[no-any-return]


def _read(project: Surroundings) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for source in project:
        if source.words.isdisjoint(PATCHING):
            continue
        for call in source.nodes(ast.Call):
            callee = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if callee not in PATCHING:
                continue
            texts = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            for name in dict.fromkeys(part for text in texts for part in text.split(".")):
                found.setdefault(name, []).append(f"{source.path}:{call.lineno}")
    return found
