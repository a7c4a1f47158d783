"""What every result must pass before anyone sees it."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Container, Iterable

from .names import Binding, FunctionNode
from .source import Source, is_none
from .text import comments

LOOPS = (ast.For, ast.AsyncFor, ast.While)


def wrongs(before: Iterable[Source], after: Iterable[Source], commented: Container[str]) -> str:
    """The first thing that a change broke over the same files ("" for nothing): a new undefined or unused name, a local that is read
    before it is set, one more name that a function sets for all, a lost comment.

    `commented` are the paths in which an edit touches a comment at all.
    """
    lost: Counter[str] = Counter()
    before, after = list(before), list(after)
    for old, new in zip(before, after):
        if undefined := new.undefined_names - old.undefined_names:
            return f"undefined-name: {', '.join(sorted(undefined))} in {new.path}"
        if idle := new.unused_imports - old.unused_imports - _asked_for(new, after):
            return f"unused-import: {', '.join(sorted(idle))} in {new.path}"
        if early := _read_early(new) - _read_early(old):
            return f"unbound-local: {', '.join(sorted(early))} in {new.path}"
        if shared := _set_for_all(new) - _set_for_all(old):
            return f"set-for-all: {', '.join(sorted(shared))} in {new.path}"
        if old.path in commented:
            lost.update(comments(old.utf8))
            lost.subtract(comments(new.utf8))
    gone = sorted(comment for comment, count in lost.items() if count > 0)
    return f"lost-comment: {gone[0]}" if gone else ""


def _set_for_all(source: Source) -> Counter[str]:
    """The names that functions set under `global` or `nonlocal`, and in how many places; functions, and nothing at all, are no objects that a request makes."""
    every = (binding for scope in source.names.inner.values() for found in scope.bindings.values() for binding in found)
    return Counter(binding.name for binding in every if binding.within is not binding.scope and not _makes_nothing(binding))


def _makes_nothing(binding: Binding) -> bool:
    if isinstance(binding.node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Delete)) or is_none(binding.value):
        return True
    meant = binding.within.bindings.get(binding.value.id, []) if isinstance(binding.value, ast.Name) else []
    return bool(meant) and all(isinstance(each.node, FunctionNode) for each in meant)


def _read_early(source: Source) -> set[str]:
    """The locals that a function reads above everything that sets them, outside of loops."""
    found: set[str] = set()
    for function, scope in source.names.inner.items():
        for name, bindings in scope.bindings.items() if isinstance(function, FunctionNode) else ():
            if any(binding.kind == "param" for binding in bindings):
                continue
            first = min(source.start(binding.node) for binding in bindings)
            for load in source.names.uses(name, scope):
                if source.start(load) < first and source.function(load) is function and not any(isinstance(above, LOOPS) for above in source.parents(load)):
                    found.add(name)
    return found


def _asked_for(source: Source, others: Iterable[Source]) -> set[str]:
    """The names that other files import from this one."""
    found: set[str] = set()
    for other in others:
        if other is not source:
            for bindings in other.names.module.bindings.values():
                found |= {binding.origin.rpartition(".")[2] for binding in bindings if binding.kind == "import"}
            found |= {attribute.attr for attribute in other.nodes(ast.Attribute)} if source.path.endswith("__init__.py") else set()
    return found
