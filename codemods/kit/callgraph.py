"""Who calls whom: the project's functions behind a call, and which of them wait, directly or through others."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator
from dataclasses import dataclass

from .heirs import overriding
from .names import FunctionNode, last_part
from .origins import class_of, member
from .source import Origin, Source, targets_of
from .waits.waiting import Wait, called_model, calls_in, wait_of

CACHES = frozenset({"functools.lru_cache", "functools.cache"})
MAX_FUNCTIONS = 400  # a call is followed through at most so many


@dataclass(frozen=True, slots=True)
class Function:
    """A def of the project."""

    source: Source
    node: FunctionNode

    @property
    def name(self) -> str:
        """The function's name; the class's for what makes an instance, and before what runs when one is called."""
        owner = self.source.parent(self.node)
        if isinstance(owner, ast.ClassDef) and self.node.name == "__call__":
            return f"{owner.name}.__call__"
        return owner.name if isinstance(owner, ast.ClassDef) and self.constructs else self.node.name

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
    """The project's functions that a call may run, a class's `__init__`, an instance's `__call__` and what heirs make of an abstract method among them; none when it may run something else as well."""
    key = ("callees", call)
    if key not in source.memo:
        source.memo[key] = _callees(source, call.func)
    return source.memo[key]  # type: ignore[no-any-return]


def may_run_sync(source: Source, call: ast.Call) -> bool:
    """Whether a call may run a sync function of the project, by the name of what is called."""
    func = call.func
    last = last_part(func)
    return last in _sync(source) or last in _instances(source) or _renamed(source, func)


def referred(source: Source, node: ast.expr) -> list[Function]:
    """The project's functions that an expression names."""
    return _callees(source, node) if isinstance(node, (ast.Name, ast.Attribute)) else []


def _callees(source: Source, func: ast.expr) -> list[Function]:
    last = last_part(func)
    if last not in _defined(source) and last not in _instances(source) and not _renamed(source, func):
        return []
    found: list[Function] = []
    for origin in source.origins(func):
        if origin.kind == "function" and isinstance(origin.node, FunctionNode):
            found.append(Function(origin.source, origin.node))
        elif origin.kind == "class" and isinstance(origin.node, ast.ClassDef):
            found += constructors(origin.source, origin.node)
        elif (called := _when_called(origin)) is not None:
            found.append(called)
        else:
            return []
    return list(dict.fromkeys(each for function in found for each in _overriders(function) or [function]))


def _overriders(function: Function) -> list[Function]:
    return [Function(*found) for found in overriding(function.source, function.node)]


def _when_called(origin: Origin) -> Function | None:
    """The `__call__` of the project's class of which a value is an instance."""
    owner = class_of(origin)
    methods = list(member(*owner, "__call__", 1)) if owner is not None else []
    if len(methods) == 1 and methods[0].kind == "function" and isinstance(methods[0].node, FunctionNode):
        return Function(methods[0].source, methods[0].node)
    return None


def _instances(source: Source) -> frozenset[str]:
    """Every name or attribute that may hold an instance of a class with a `__call__`."""

    def read() -> frozenset[str]:
        files = [other for other in source.project if "__call__" in other.index.defined]
        owners = [other.parent(node) for other in files for node in other.nodes(ast.FunctionDef) if node.name == "__call__"]
        names = list(dict.fromkeys(owner.name for owner in owners if isinstance(owner, ast.ClassDef)))
        for name in names:
            for other in source.project.mentioning(name):
                for load in other.names.loads.get(name, ()):
                    names += {each for each in _given(other, load) if each not in names}
        return frozenset(names)

    return source.project.remember("callable-instances", read)  # type: ignore[no-any-return]


def _given(source: Source, load: ast.Name) -> Iterator[str]:
    """The names and attributes that a value is given to, or an instance of the class that a name is: by assignment or by annotation."""
    node: ast.AST | None = load
    while isinstance(node, (ast.Name, ast.Subscript, ast.BinOp, ast.Tuple)) or (isinstance(node, ast.Call) and node.func is load):
        node = source.parent(node)
    if isinstance(node, FunctionNode):
        for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
            if arg.annotation is not None and load in ast.walk(arg.annotation):
                yield arg.arg
    for target in targets_of(node):
        if isinstance(target, (ast.Name, ast.Attribute)):
            yield target.id if isinstance(target, ast.Name) else target.attr


def _defined(source: Source) -> frozenset[str]:
    """Every name that a def or class of the project has."""
    return source.project.remember(  # type: ignore[no-any-return]
        "defined-names", lambda: frozenset().union(*(other.index.defined for other in source.project))
    )


def _sync(source: Source) -> frozenset[str]:
    """Every name that a class or a def without `async` has."""

    def read() -> frozenset[str]:
        functions = (node.name for other in source.project for node in other.nodes(ast.FunctionDef))
        return frozenset((*functions, *(node.name for other in source.project for node in other.nodes(ast.ClassDef))))

    return source.project.remember("sync-names", read)  # type: ignore[no-any-return]


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
    return start.source.remember(("closure", start.node), lambda: [*_ways(start)])  # type: ignore[no-any-return]


def _ways(start: Function, passed_over: Container[ast.AST] = ()) -> Iterator[tuple[Function, tuple[Function, ...]]]:
    seen = {start.node}
    todo: list[tuple[Function, tuple[Function, ...]]] = [(start, (start,))]
    for function, way in todo:
        yield function, way
        for other in _runs(function) if len(seen) < MAX_FUNCTIONS else ():
            if other.node not in seen and other.node not in passed_over:
                seen.add(other.node)
                todo.append((other, (*way, other)))


def _runs(function: Function) -> list[Function]:
    """The sync functions that a function calls itself, more often than once in the program's life."""

    def read() -> Iterator[Function]:
        for call in calls_in(function.source, function.node):
            called = callees(function.source, call) if may_run_sync(function.source, call) else []
            found = [other for other in called if not other.asynchronous and not other.once]
            if found and not made_once(function.source, call):
                yield from found

    return function.source.remember(("runs", function.node), lambda: [*dict.fromkeys(read())])  # type: ignore[no-any-return]


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
    idle: set[ast.AST] = start.source.project.remember("idle functions", set)  # nothing that they run waits for more than a file
    visited: list[ast.AST] = []
    for function, way in _ways(start, idle):
        visited.append(function.node)
        waits = [wait for wait in _own_waits(function) if wait.what != "file"]
        if waits:
            return Trail(waits[0], way)
    if len(visited) < MAX_FUNCTIONS:
        idle.update(visited)
    return next((Trail(wait, (start,)) for wait in _own_waits(start)), None)


def _own_waits(function: Function) -> list[Wait]:
    """What a function's own calls wait for, each time that it runs."""

    def read() -> Iterator[Wait]:
        for call in calls_in(function.source, function.node):
            wait = wait_of(function.source, call) or called_model(function.source, call)
            if wait is not None and wait.what != "quick" and not made_once(function.source, call):
                yield wait

    return function.source.remember(("own waits", function.node), lambda: [*read()])  # type: ignore[no-any-return]


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
