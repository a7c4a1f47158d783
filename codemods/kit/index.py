"""What a file holds by word, so that a question about one name does not walk the whole tree."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from functools import cached_property

from .names import Binding, FunctionNode, Names, Scope, last_part


class Index:
    """The nodes of one file by the words in them; each table is made when it is first asked for."""

    def __init__(self, names: Names) -> None:
        self.names = names

    @cached_property
    def attributes(self) -> Mapping[str, list[ast.Attribute]]:
        """Every `something.name` by its name, in source order."""
        found: dict[str, list[ast.Attribute]] = {}
        for node in self.names.by_type.get(ast.Attribute, ()):
            found.setdefault(node.attr, []).append(node)  # type: ignore[attr-defined, arg-type]
        return found

    @cached_property
    def imports(self) -> Mapping[str, list[Binding]]:
        """The imports of all scopes, by the last part of what they bring."""
        found: dict[str, list[Binding]] = {}
        for binding in self.names.imports:
            found.setdefault(binding.origin.rpartition(".")[2], []).append(binding)
        return found

    @cached_property
    def returns(self) -> Mapping[ast.AST, list[ast.Return]]:
        """The returns of a value, by their function."""
        return self._by_function(node for node in self.names.by_type.get(ast.Return, ()) if node.value is not None)  # type: ignore[attr-defined,return-value]

    @cached_property
    def yields(self) -> Mapping[ast.AST, list[ast.AST]]:
        """Every `yield` and `yield from`, by its function."""
        return self._by_function(node for kind in (ast.Yield, ast.YieldFrom) for node in self.names.by_type.get(kind, ()))

    def _by_function(self, nodes: Iterable[ast.AST]) -> dict[ast.AST, list[ast.AST]]:
        found: dict[ast.AST, list[ast.AST]] = {}
        for node in nodes:
            scope: Scope | None = self.names.scopes[node]
            while scope is not None and scope.kind == "comprehension":
                scope = scope.parent
            if scope is not None and isinstance(scope.node, FunctionNode):
                found.setdefault(scope.node, []).append(node)
        return found

    @cached_property
    def roots(self) -> frozenset[str]:
        """The first parts of what is imported."""
        return frozenset(binding.origin.partition(".")[0] for binding in self.names.imports)

    @cached_property
    def defined(self) -> frozenset[str]:
        """The names of all defs and classes."""
        return frozenset(node.name for kind in (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef) for node in self.names.by_type.get(kind, ()))  # type: ignore[attr-defined]

    @cached_property
    def words(self) -> frozenset[str]:
        """Every name that is read, every attribute, the last part of every import."""
        return frozenset({*self.names.loads, *self.attributes, *self.imports})

    @cached_property
    def aliases(self) -> frozenset[str]:
        """Names that stand for something of another name: by `import ... as`, or by an assignment of a name or an attribute."""
        found = {binding.name for tail, bindings in self.imports.items() for binding in bindings if binding.name != tail}
        for scope in self.names.inner.values():
            for name, bindings in scope.bindings.items():
                if any(binding.kind == "assign" and isinstance(binding.value, (ast.Name, ast.Attribute)) for binding in bindings):
                    found.add(name)
        return frozenset(found)

    @cached_property
    def variables(self) -> frozenset[str]:
        """Names that something else than a def, a class or an import gives a value."""
        return frozenset(
            name for scope in self.names.inner.values() for name, bindings in scope.bindings.items() if any(binding.kind not in ("function", "class", "import") for binding in bindings)
        )

    @cached_property
    def objects(self) -> frozenset[str]:
        """Names and attributes that may stand for something else than a plain def or class, and the defs that a decorator may have turned into one."""
        return self.variables | self.aliases | self.members

    @cached_property
    def members(self) -> frozenset[str]:
        """The same of what is read behind a dot: of modules, classes and instances, without the locals of functions."""
        held = {name for name, nodes in self.attributes.items() if any(isinstance(node.ctx, ast.Store) for node in nodes)}
        turned = {node.name for kind in (ast.FunctionDef, ast.AsyncFunctionDef) for node in self.names.by_type.get(kind, ()) if node.decorator_list}  # type: ignore[attr-defined]
        outer = (scope.bindings.items() for scope in self.names.inner.values() if scope.kind in ("module", "class"))
        bound = {name for bindings in outer for name, found in bindings if any(each.kind not in ("function", "class", "import") or each.origin.rpartition(".")[2] not in ("", name) for each in found)}
        return frozenset(held | turned | bound)

    @cached_property
    def _calls(self) -> Mapping[str, list[tuple[int, ast.Call]]]:
        """The calls by the last name of what is called, "" for what has none, each with its place in source order."""
        found: dict[str, list[tuple[int, ast.Call]]] = {}
        for place, call in enumerate(self.names.by_type.get(ast.Call, ())):
            func = call.func  # type: ignore[attr-defined]
            name = last_part(func)
            found.setdefault(name, []).append((place, call))  # type: ignore[arg-type]
        return found

    def calls(self, *names: Iterable[str]) -> list[ast.Call]:
        """The calls of what is named so, plainly or behind a dot, in source order."""
        lists = [found for name in set().union(*names) if (found := self._calls.get(name))]
        return [call for _, call in (lists[0] if len(lists) == 1 else sorted((each for found in lists for each in found), key=lambda each: each[0]))]
