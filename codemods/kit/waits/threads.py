"""What keeps a function of the project from running in another thread while the event loop goes on."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..callers import argument
from ..callgraph import Function, Trail, callees, closure, made_once
from ..libraries.blocking import KINDS, LOOP_BOUND, LOOP_FREE, THREAD_BOUND, Kind
from ..origins import assignments
from ..source import MAX_HOPS, Source
from .files import ground, is_first
from .waiting import body, calls_in, kind_of, path_of, wait_of


@dataclass(frozen=True, slots=True)
class Bar:
    """A reason, by its code, and what it is about in words."""

    code: str
    words: str


def bar_of(start: Function, shared: bool) -> Bar | None:
    """The first reason why a sync function must stay in the loop's thread; `shared`: others may use the same instance meanwhile."""
    return start.source.remember(("bar", start.node, shared), lambda: _bar_of(start, shared))  # type: ignore[no-any-return]


def _bar_of(start: Function, shared: bool) -> Bar | None:
    functions = closure(start)
    bar: Bar | None
    for part in start.source.index.returns.get(start.node, ()):
        if part.value is not None and (bar := next(_by_result(start, part.value), None)) is not None:
            return bar
    for function, _ in functions:
        if (bar := function.source.remember(("bars", function.node), lambda: next(_bars(function), None))) is not None:  # noqa: B023 - called at once
            return bar  # type: ignore[no-any-return]
        if shared and not function.constructs:
            for attr in _kept_attributes(function):
                return Bar("shared-state", f"{function.name}() changes `{attr}` of an object that others may use at the same time")
    taken, bar = _lent(start)
    if taken:
        return Bar("thread-affine", next(iter(taken.values())))
    return bar


def _lent(function: Function) -> tuple[dict[str, str], Bar | None]:
    """What must be made by who calls the function, in the thread where it runs: parameters, each with a sentence; or why it is not made on the way."""
    source, memo = function.source, function.source.memo
    key = ("lent", function.node)
    if key not in memo:
        memo[key] = {}, None  # what a circle sees
        taken = dict(_borrowed(function))
        for call in calls_in(source, function.node):
            for other in callees(source, call):
                if other.asynchronous or other.once:
                    continue
                needs, bar = _lent(other)
                method = bool(needs) and isinstance(other.source.parent(other.node), ast.ClassDef)
                for name, words in needs.items():
                    given = argument(other.node, call, name, method=method)
                    if given is None or local_to(source, given, function.node):
                        continue
                    if behind := _parameter_behind(source, given, function.node):
                        taken.setdefault(behind, words)
                    else:
                        bar = Bar("thread-affine", words)
                if bar is not None and not made_once(source, call):
                    memo[key] = {}, bar
                    return memo[key]  # type: ignore[no-any-return]
        memo[key] = taken, None
    return memo[key]  # type: ignore[no-any-return]


def _borrowed(function: Function) -> Iterator[tuple[str, str]]:
    """The parameters whose objects belong to the thread that made them and are waited for here, each with a sentence."""
    for call in calls_in(function.source, function.node):
        wait = wait_of(function.source, call)
        if wait is None or wait.kind is None or wait.kind.threads != "own" or wait.object is None:
            continue
        if name := _parameter_behind(function.source, wait.object, function.node):
            yield name, f"{function.name}() uses a {wait.kind.name} that was made elsewhere"


def _parameter_behind(source: Source, node: ast.expr, function: ast.AST, hops: int = 0) -> str:
    """The parameter of the function on which an object hangs; "" for none, and for an instance's own attributes."""
    root = root_of(node)
    home = source.scope(root).home(root.id) if isinstance(root, ast.Name) else None
    if not isinstance(root, ast.Name) or home is None or home.node is not function or hops > MAX_HOPS:
        return ""
    for binding in home.bindings[root.id]:
        if binding.kind == "param":
            return "" if source.class_of(function) is not None and is_first(function, binding.node) else root.id
        if binding.kind == "assign" and binding.value is not None and (name := _parameter_behind(source, binding.value, function, hops + 1)):
            return name
    return ""


def _bars(function: Function) -> Iterator[Bar]:
    source, node = function.source, function.node
    for part in body(source, node):
        if isinstance(part, (ast.Attribute, ast.Name)) and isinstance(part.ctx, ast.Load):
            yield from _by_path(function, path_of(source, part))
    for call in calls_in(source, node):
        yield from _by_call(function, call)
    for part in body(source, node):
        if isinstance(part, ast.Assign) and any(isinstance(target, ast.Attribute) for target in part.targets):
            kind = kind_of(source, part.value)
            if kind is not None and kind.threads == "own":
                yield Bar("thread-affine", f"{function.name}() keeps a {kind.name}, which would belong to another thread")
    for name in _written_globals(function):
        yield Bar("shared-state", f"{function.name}() changes the global `{name}`")


def _by_path(function: Function, path: str) -> Iterator[Bar]:
    if not path or ("." not in path and path not in THREAD_BOUND):
        return
    root, _, rest = path.partition(".")
    if root == "asyncio" and rest and rest.partition(".")[0] not in LOOP_FREE:
        yield Bar("uses-the-loop", f"{function.name}() uses {path}")
    for table, code in ((THREAD_BOUND, "thread-affine"), (LOOP_BOUND, "uses-the-loop")):
        parts = path.split(".")
        for length in range(1, min(len(parts), 4) + 1):
            if (words := table.get(".".join(parts[:length]))) is not None:
                yield Bar(code, f"{function.name}() uses {'.'.join(parts[:length])}: {words}")


def _by_call(function: Function, call: ast.Call) -> Iterator[Bar]:
    source = function.source
    for other in callees(source, call):
        if other.asynchronous and not _run_at_once(source, call):
            yield Bar("uses-the-loop", f"{function.name}() makes a coroutine of {other.name}()")
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("set", "reset") and source.made_by(call.func.value) == "contextvars.ContextVar":
        yield Bar("context-bound", f"{function.name}() sets a context variable, which would be lost with the thread")
    wait = wait_of(source, call)
    if wait is not None and wait.kind is not None and wait.object is not None and not local_to(source, wait.object, function.node):
        if wait.kind.threads == "own":
            if not _parameter_behind(source, wait.object, function.node):
                yield Bar("thread-affine", f"{function.name}() uses a {wait.kind.name} that was made elsewhere")
        elif wait.kind.threads == "one" and shared_root(source, wait.object):
            yield Bar("shared-connection", f"{function.name}() uses a {wait.kind.name} that all callers share")


def _run_at_once(source: Source, call: ast.Call) -> bool:
    above = source.parent(call)
    return isinstance(above, ast.Call) and source.qualified(above.func) in ("asyncio.run", "asgiref.sync.async_to_sync", "anyio.from_thread.run")


def _by_result(function: Function, value: ast.expr) -> Iterator[Bar]:
    """What the function gives back, and the loop's thread goes on with."""
    if isinstance(value, ast.GeneratorExp):
        yield Bar("lazy-iteration", f"{function.name}() returns a generator, which waits while it is iterated")
        return
    kind = kind_of(function.source, value)
    if kind is not None and kind.threads == "own" and kind.name != "SQLAlchemy result":
        yield Bar("thread-affine", f"{function.name}() returns a {kind.name}, which would belong to another thread")
    elif isinstance(value, ast.Call) and (name := _of_argument(function.source, value)):
        yield Bar("thread-affine", f"{function.name}() returns a {name}, which would belong to another thread")
    for origin in function.source.origins(value):
        if isinstance(origin.node, ast.Call) and _streams(origin.node):
            yield Bar("lazy-iteration", f"{function.name}() returns a response that is still being read")


def _of_argument(source: Source, call: ast.Call) -> str:
    """The name of the thread-bound thing that a helper makes of an argument and returns: a cursor of a connection; "" for none."""
    for other in callees(source, call):
        home, method = other.source, isinstance(other.source.parent(other.node), ast.ClassDef)
        for part in home.index.returns.get(other.node, ()):
            for made in [part.value, *(origin.node for origin in home.origins(part.value) if origin.source is home)]:
                func = made.func if isinstance(made, ast.Call) else None
                root = func.value if isinstance(func, ast.Attribute) else None
                given = argument(other.node, call, root.id, method=method) if isinstance(root, ast.Name) else None
                kind = kind_of(source, given) if given is not None else None
                gives = KINDS.get(kind.gives.get(func.attr, "")) if kind is not None and isinstance(func, ast.Attribute) else None
                if gives is not None and gives.threads == "own" and gives.name != "SQLAlchemy result":
                    return gives.name
    return ""


def _streams(call: ast.Call) -> bool:
    return any(given.arg == "stream" and isinstance(given.value, ast.Constant) and given.value.value is True for given in call.keywords)


# objects


def root_of(node: ast.expr) -> ast.expr:
    """The name at which a chain of attributes, items and calls starts."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call, ast.Await)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node


def local_to(source: Source, node: ast.expr, function: ast.AST) -> bool:
    """Whether an object was made by the function itself: its name lives there and is no parameter."""
    root = root_of(node)
    if not isinstance(root, ast.Name):
        return True
    home = source.scope(root).home(root.id)
    if home is None or home.node is not function:
        path = source.qualified(root)
        return isinstance(node, ast.Call) and bool(path)  # `sqlite3.connect(...).execute(...)`
    return not any(
        binding.kind == "param" or (binding.kind in ("assign", "with") and binding.value is not None and _handed_on(source, binding.value, function)) for binding in home.bindings[root.id]
    )


def _handed_on(source: Source, value: ast.expr, function: ast.AST) -> bool:
    """Whether a local name is only another name for an object from elsewhere (`db = self.db`)."""
    if isinstance(value, ast.Call):
        func = value.func
        return kind_of(source, value) is not None and isinstance(func, ast.Attribute) and _connected(source, func.value) and not local_to(source, func.value, function)
    return isinstance(value, (ast.Name, ast.Attribute, ast.Subscript)) and not local_to(source, value, function)


def shared_root(source: Source, node: ast.expr) -> bool:
    """Whether an object hangs on a module's global or on `self`."""
    root = root_of(node)
    if not isinstance(root, ast.Name):
        return False
    home = source.scope(root).home(root.id)
    if home is None or home.kind in ("module", "class"):
        return not source.qualified(root) or not isinstance(node, ast.Call)
    first = home.bindings[root.id][0]
    if first.kind == "param":
        return bool(node is not root and isinstance(node, ast.Attribute) and source.class_of(home.node) is not None and is_first(home.node, first.node))
    values = [binding.value for binding in home.bindings[root.id] if binding.kind in ("assign", "with")]
    parts = [value.func.value if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and _connected(source, value.func.value) else value for value in values]
    return any(isinstance(part, (ast.Name, ast.Attribute)) and shared_root(source, part) for part in parts)


def _connected(source: Source, node: ast.expr) -> bool:
    """Whether what a method of the object gives hangs on the object: a cursor does on its connection, a file not on its path."""
    kind = kind_of(source, node)
    return kind is not None and kind.threads != "any"


def exclusive(source: Source, call: ast.Call) -> bool:
    """Whether the object whose method is called belongs to the function that calls it."""
    func = call.func
    if not isinstance(func, ast.Attribute):
        return True
    function = source.function(call)
    root = root_of(func)
    if not isinstance(root, ast.Name) or function is None:
        return isinstance(root_of(func), ast.Constant)
    home = source.scope(root).home(root.id)
    if home is None or home.node is not function:
        return isinstance(func.value, ast.Call)
    values = [binding.value for binding in home.bindings[root.id]]
    return all(isinstance(value, ast.Call) and callees_or_class(source, value) for value in values)


def callees_or_class(source: Source, call: ast.Call) -> bool:
    """Whether a call makes an instance of a class of the project."""
    return any(origin.kind == "class" for origin in source.origins(call.func))


# state


def _written_globals(function: Function) -> Iterator[str]:
    """Module-level names that the function gives a value of this very call, or changes by reading and writing."""
    source, node = function.source, function.node
    scope = source.names.inner[node]
    for part in body(source, node):
        if not isinstance(part, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            continue
        for target in part.targets if isinstance(part, ast.Assign) else [part.target]:
            if isinstance(target, ast.Name) and target.id in scope.globals and (_of_this_call(source, part, target, node) or _changed_elsewhere(function, part, source.names.loads.get(target.id, ()))):
                yield target.id
            elif isinstance(target, (ast.Subscript, ast.Attribute)) and (isinstance(part, ast.AugAssign) or _counts_on(target, part.value)):
                root = root_of(target)
                if isinstance(root, ast.Name) and (home := source.scope(root).home(root.id)) is not None and home.kind == "module":
                    yield root.id


def _counts_on(target: ast.expr, value: ast.expr | None) -> bool:
    """`cache[user] = cache.get(user, 0) + 1`: a new value made of the old one."""
    root = root_of(target)
    if not isinstance(value, ast.BinOp) or not isinstance(root, ast.Name) or not isinstance(target, ast.Subscript):
        return False
    asked = [node.slice for node in ast.walk(value) if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == root.id]
    asked += [
        node.args[0]
        for node in ast.walk(value)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get" and isinstance(node.func.value, ast.Name) and node.func.value.id == root.id and node.args
    ]
    return any(ast.dump(each) == ast.dump(target.slice) for each in asked)


def _kept_attributes(function: Function) -> Iterator[str]:
    """Attributes of `self` that a method gives a value of this very call, or changes by reading and writing."""
    source, node = function.source, function.node
    owner = source.class_of(node)
    if owner is None or source.parent(node) is not owner:
        return
    for attr, given in assignments(source, owner).items():
        for statement, _, _ in given:
            if source.function(statement) is node and isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
                target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
                if _of_this_call(source, statement, target, node) or _changed_elsewhere(function, statement, source.attributes(attr)):
                    yield f"self.{attr}"


CHANGES = frozenset("append extend insert add update setdefault pop popitem popleft appendleft remove discard clear sort".split())


def _changed_elsewhere(function: Function, statement: ast.stmt, uses: Iterable[ast.expr]) -> bool:
    """Whether what the function sets anew is changed in place by others, between whose steps the loop lets nobody come today."""
    source = function.source
    if made_once(source, statement):
        return False
    for use in uses:
        around, above = source.function(use), source.parent(use)
        if around is None or around is function.node or getattr(around, "name", "") == "__init__":
            continue
        if isinstance(above, ast.Subscript) and above.value is use and isinstance(above.ctx, (ast.Store, ast.Del)):
            return True
        if isinstance(above, ast.Attribute) and above.attr in CHANGES and isinstance(call := source.parent(above), ast.Call) and call.func is above:
            return True
    return False


def _of_this_call(source: Source, statement: ast.Assign | ast.AnnAssign | ast.AugAssign, target: ast.expr, function: ast.AST) -> bool:
    """Whether what is kept differs from call to call; a token that is fetched again, or a thing made once, does not."""
    if isinstance(statement, ast.AugAssign):
        return True
    if statement.value is None or made_once(source, statement):
        return False
    own = source.code(target)
    reads_itself = any(isinstance(part, (ast.Name, ast.Attribute)) and source.code(part) == own for part in ast.walk(statement.value))
    return reads_itself or _varies(source, statement.value, function)


def _varies(source: Source, node: ast.expr, function: ast.AST) -> bool:
    """Whether a value depends on what the function was given."""
    return bool(ground(source, node, function)[0])


def passes_affine(source: Source, call: ast.Call) -> Kind | None:
    """An argument of the call that belongs to the thread it was made in."""
    for value in [*call.args, *(given.value for given in call.keywords)]:
        kind = kind_of(source, value.value if isinstance(value, ast.Starred) else value)
        if kind is not None and kind.threads == "own":
            return kind
    return None


def trail_words(trail: Trail) -> str:
    """The way to a wait, in words: `load() -> fetch() -> requests.get`."""
    names = [f"{function.name}()" for function in trail.through]
    return " -> ".join([*names, trail.wait.name])
