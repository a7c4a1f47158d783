"""The project's subclasses of a class, and what they put in the place of a method that it leaves open."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .names import FunctionNode
from .source import Source


def overriding(source: Source, method: FunctionNode) -> list[tuple[Source, FunctionNode]]:
    """The methods that answer for an abstract one, each with its file; none for any other function."""
    owner = source.parent(method)
    if not isinstance(owner, ast.ClassDef) or not _abstract(method):
        return []
    found: list[tuple[Source, FunctionNode]] = []
    todo = [(source, owner)]
    seen = {owner}
    for home, above in todo:
        for other, heir in _heirs(home, above):
            own = [each for each in heir.body if isinstance(each, FunctionNode) and each.name == method.name and not _abstract(each)]
            found += [(other, each) for each in own]
            if not own and heir not in seen:
                seen.add(heir)
                todo.append((other, heir))
    return found


def descendants(source: Source, owner: ast.ClassDef) -> list[tuple[Source, ast.ClassDef]]:
    """A class and the classes that inherit from it, each with its file, nearest first."""

    def read() -> list[tuple[Source, ast.ClassDef]]:
        found = [(source, owner)]
        for home, above in found:
            found += [each for each in dict.fromkeys(_heirs(home, above)) if each not in found]
        return found

    return source.remember(("descendants", owner), read)  # type: ignore[no-any-return]


def _heirs(source: Source, owner: ast.ClassDef) -> Iterator[tuple[Source, ast.ClassDef]]:
    """The classes that name this one as a base."""
    for other in source.project.mentioning(owner.name):
        for load in (*other.names.loads.get(owner.name, ()), *other.attributes(owner.name)):
            named: ast.expr = load
            heir = other.parent(named)
            if isinstance(heir, ast.Subscript):  # Base[Item]
                named, heir = heir, other.parent(heir)
            if isinstance(heir, ast.ClassDef) and named in heir.bases and any(origin.node is owner for origin in other.origins(load)):
                yield other, heir


def _abstract(method: FunctionNode) -> bool:
    """Whether a method is declared abstract, or does nothing but say that it is not there."""
    if any(ast.unparse(decorator).rpartition(".")[2] == "abstractmethod" for decorator in method.decorator_list):
        return True
    body = [each for each in method.body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))]  # a docstring, `...`
    return all(isinstance(each, ast.Pass) or (isinstance(each, ast.Raise) and "NotImplementedError" in ast.unparse(each)) for each in body)
