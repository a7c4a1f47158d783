"""What may be called like a function and is an object: `chain({"question": q})`."""

from __future__ import annotations

import ast

from ..source import Source
from ..tests import in_tests
from .langchain_names import ROOTS


def may_be_object(source: Source, func: ast.Name | ast.Attribute) -> bool:
    """Whether what is called may be an object of the project, and no plain def or class, by its name."""
    if not _present(source):
        return False
    if isinstance(func, ast.Name):
        if func.id not in source.index.objects and func.id not in source.index.imports and not source.names.module.stars:
            return False
    elif func.attr not in _members(source):
        return False
    path = source.qualified(func)
    if not path:
        return True
    if path.startswith(f"{source.module}."):
        return path.count(".") > source.module.count(".") + 1  # an attribute of a class
    found = source.project.lookup(path, source.path)
    if found is not None:
        home = found[0]
        return found[1] in home.index.objects or found[1] in home.index.imports or home.names.module.stars  # or handed on
    return isinstance(func, ast.Attribute) and source.project.lookup(path.rpartition(".")[0], source.path) is not None


def _members(source: Source) -> frozenset[str]:
    """What may be called behind a dot and is no plain def or class; what a test puts on an object is for that test alone."""
    common: frozenset[str] = source.project.remember("members", lambda: frozenset().union(*(other.index.members for other in source.project if not in_tests(other))))

    def read() -> frozenset[str]:
        return common | source.index.members if in_tests(source) else common

    return source.remember("members", read)  # type: ignore[no-any-return]


def _present(source: Source) -> bool:
    """Whether any of it can be called: not where LangGraph alone is imported, whose graphs can't be."""

    def read() -> bool:
        return not {root for other in source.project for root in other.index.roots if root.startswith(ROOTS)} <= {"langgraph"}

    return source.project.remember("callables", read)  # type: ignore[no-any-return]
