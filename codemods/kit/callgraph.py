"""Who calls whom: the project's functions behind a call, and which of them wait, directly or through others."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from .names import FunctionNode
from .origins import member
from .source import Source
from .waits.waiting import Wait, calls_in, wait_of

CACHES = frozenset({"functools.lru_cache", "functools.cache"})
MAX_FUNCTIONS = 400  # a call is followed through at most so many


@dataclass(frozen=True, slots=True)
class Function:
    """A def of the project."""

    source: Source
    node: FunctionNode

    @property
    def name(self) -> str:
        """The function's name; the class's for what makes an instance."""
        owner = self.source.parent(self.node) if self.constructs else None
        return owner.name if isinstance(owner, ast.ClassDef) else self.node.name

    @property
    def constructs(self) -> bool:
        return self.node.name in ("__init__", "__post_init__")

    @property
    def asynchronous(self) -> bool:
        return isinstance(self.node, ast.AsyncFunctionDef)

    @property
    def once(self) -> bool:
        """Whether it runs once and is remembered: cached, and nothing to tell its calls apart."""
        args = self.node.args
        named = [*args.posonlyargs, *args.args, *args.kwonlyargs, *(each for each in (args.vararg, args.kwarg) if each is not None)]
        return not named and any(
            self.source.qualified(decorator.func if isinstance(decorator, ast.Call) else decorator) in CACHES for decorator in self.node.decorator_list
        )

    @property
    def generates(self) -> bool:
        """Whether calling it gives a generator, which runs nothing yet."""
        return self.node in generators(self.source)


@dataclass(frozen=True, slots=True)
class Trail:
    """A wait, and the functions through which it is reached, the called one first."""

    wait: Wait
    through: tuple[Function, ...]


def generators(source: Source) -> frozenset[ast.AST]:
    """The defs that hold a `yield`."""
    return source.remember(  # type: ignore[no-any-return]
        "generators", lambda: frozenset(f for kind in (ast.Yield, ast.YieldFrom) for node in source.nodes(kind) if (f := source.function(node)) is not None)
    )


def callees(source: Source, call: ast.Call) -> list[Function]:
    """The project's functions that a call may run, the `__init__` of a class among them; none when it may run something else as well."""
    key = ("callees", call)
    if key not in source.memo:
        source.memo[key] = _callees(source, call.func)
    return source.memo[key]  # type: ignore[no-any-return]


def referred(source: Source, node: ast.expr) -> list[Function]:
    """The project's functions that an expression names."""
    return _callees(source, node) if isinstance(node, (ast.Name, ast.Attribute)) else []


def _callees(source: Source, func: ast.expr) -> list[Function]:
    last = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
    if last not in _defined(source) and not _renamed(source, func):
        return []
    found: list[Function] = []
    for origin in source.origins(func):
        if origin.kind == "function" and isinstance(origin.node, FunctionNode):
            found.append(Function(origin.source, origin.node))
        elif origin.kind == "class" and isinstance(origin.node, ast.ClassDef):
            found += constructors(origin.source, origin.node)
        else:
            return []
    return list(dict.fromkeys(found))


def _defined(source: Source) -> frozenset[str]:
    """Every name that a def or class of the project has."""
    return source.project.remember(  # type: ignore[no-any-return]
        "defined-names", lambda: frozenset().union(*(other.index.defined for other in source.project))
    )


def _renamed(source: Source, func: ast.expr) -> bool:
    """Whether a name is an import under another name, or assigned: `from crm import fetch as load`."""
    if not isinstance(func, ast.Name):
        return False
    home = source.scope(func).home(func.id)
    return home is not None and any(binding.kind == "assign" or binding.origin.rpartition(".")[2] not in ("", func.id) for binding in home.bindings.get(func.id, ()))


def constructors(source: Source, owner: ast.ClassDef) -> list[Function]:
    """What making an instance runs, of this class or inherited."""
    found = []
    for name in ("__init__", "__post_init__"):
        for origin in member(source, owner, name, 1):
            if origin.kind == "function" and isinstance(origin.node, FunctionNode):
                found.append(Function(origin.source, origin.node))
    return found


def closure(start: Function) -> list[tuple[Function, tuple[Function, ...]]]:
    """The sync functions that run when `start` is called, nearest first, each with the way to it."""
    key = ("closure", start.node)
    memo = start.source.memo
    if key not in memo:
        found: dict[ast.AST, tuple[Function, tuple[Function, ...]]] = {start.node: (start, (start,))}
        todo = [start]
        while todo and len(found) < MAX_FUNCTIONS:
            function = todo.pop(0)
            way = found[function.node][1]
            for call in calls_in(function.source, function.node):
                fresh = [other for other in callees(function.source, call) if other.node not in found and not other.asynchronous and not other.once]
                for other in fresh if fresh and not made_once(function.source, call) else ():
                    found[other.node] = (other, (*way, other))
                    todo.append(other)
        memo[key] = list(found.values())
    return memo[key]  # type: ignore[no-any-return]


def trail_of(start: Function) -> Trail | None:
    """The first wait that calling a sync function leads to; None when nothing known waits.

    What is done once and kept (`if client is None: client = connect()`), and looking at a directory entry, does not count.
    Files count where the called function itself reads or writes them: deeper down they are mostly small and read once.
    """
    key = ("trail", start.node)
    memo = start.source.memo
    if key not in memo:
        memo[key] = _trail_of(start)
    return memo[key]  # type: ignore[no-any-return]


def _trail_of(start: Function) -> Trail | None:
    brief: Trail | None = None
    for function, way in closure(start):
        for call in calls_in(function.source, function.node):
            wait = wait_of(function.source, call)
            if wait is None or wait.what == "quick" or made_once(function.source, call):
                continue
            if wait.what != "file":
                return Trail(wait, way)
            if brief is None and len(way) == 1:
                brief = Trail(wait, way)
    return brief


def made_once(source: Source, node: ast.AST) -> bool:
    """Whether the node runs under a test that what it makes is not there yet: `if x is None: x = ...`, `if not _loaded: load()`."""
    function = source.function(node)
    below: ast.AST = node
    for above in source.parents(node):
        if above is function:
            return False
        if isinstance(above, ast.If) and below in above.body:
            tested = _absent(above.test)
            if tested and _is_global(source, above.test):
                return True
            if tested and any(ast.dump(target, annotate_fields=False).replace("Store()", "Load()") == tested for target in _targets(above)):
                return True
        below = above
    return False


def _absent(test: ast.expr) -> str:
    """What a test says is missing: `x is None`, `not x`, `not hasattr(...)` aside."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return ast.dump(test.operand, annotate_fields=False)
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Is) and isinstance(test.comparators[0], ast.Constant) and test.comparators[0].value is None:
        return ast.dump(test.left, annotate_fields=False)
    return ""


def _is_global(source: Source, test: ast.expr) -> bool:
    """Whether a test is about a flag or an object of the module that some function sets: `if not _loaded: load()`."""
    subject = test.operand if isinstance(test, ast.UnaryOp) else test.left if isinstance(test, ast.Compare) else test
    if not isinstance(subject, ast.Name):
        return False
    home = source.scope(subject).home(subject.id)
    return home is source.names.module and any(binding.within is not home for binding in home.bindings[subject.id])


def _targets(branch: ast.If) -> list[ast.expr]:
    found: list[ast.expr] = []
    for statement in branch.body:
        for part in ast.walk(statement):
            if isinstance(part, ast.Assign):
                found += part.targets
            elif isinstance(part, (ast.AnnAssign, ast.NamedExpr)):
                found.append(part.target)
    return found
