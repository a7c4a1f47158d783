"""Where a process forks or starts a second event loop, and which functions run on the far side."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ..callgraph import Function, callees, referred
from ..handlers import handlers, has_own_loops
from ..names import FunctionNode, last_part
from ..source import Source, Surroundings, is_none, keyword
from ..waits.waiting import calls_in

PROCESSES = {"multiprocessing.Process": "target", "multiprocessing.context.Process": "target"}
POOLS = frozenset({"multiprocessing.Pool", "multiprocessing.pool.Pool", "concurrent.futures.ProcessPoolExecutor", "concurrent.futures.process.ProcessPoolExecutor", "billiard.Pool", "joblib.Parallel"})
POOL_NAMES = ("Pool", "ProcessPoolExecutor")
HANDERS = frozenset("map map_async imap imap_unordered starmap starmap_async apply apply_async submit".split())
CONTEXT_MAKERS = frozenset({"multiprocessing.get_context"})
FORKS_NOT = frozenset({"spawn", "forkserver"})
TASKS = frozenset("task shared_task".split())
HOOKS = frozenset("post_fork worker_process_init worker_init post_worker_init register_at_fork".split())
LOOP_MAKERS = frozenset({"asyncio.run", "asgiref.sync.async_to_sync", "anyio.run", "uvloop.run"})
LOOP_NAMES = frozenset({"run", "async_to_sync", "run_until_complete"})
MAX_FUNCTIONS = 2000


@dataclass(frozen=True, slots=True)
class Fork:
    """A place after which there are two processes: what starts them in words, and the functions that the children run.

    `at`: the call, for the order within its function; None when a server or a worker forks behind the scenes.
    `given`: what the children are handed. `beyond`: other code that they run: the branch of an `if`, what follows at the top of a module.
    """

    words: str
    source: Source
    at: ast.Call | None
    targets: tuple[Function, ...]
    given: tuple[ast.expr, ...] = ()
    beyond: tuple[ast.AST, ...] = ()

    def hands(self, load: ast.AST) -> bool:
        """Whether a node is among what the children are handed."""
        return any(load in ast.walk(each) for each in self.given)

    def reaches(self, loads: dict[ast.AST, Source]) -> bool:
        """Whether the children get at one of the nodes."""
        if reaches(self.targets, loads):
            return True
        for node in (part for each in (*self.given, *self.beyond) for part in ast.walk(each)):
            if node in loads or (isinstance(node, ast.Call) and reaches(tuple(callees(self.source, node)), loads)):
                return True
        return False


def forks(project: Surroundings) -> list[Fork]:
    """Every fork of the files seen together; none where the author starts processes anew or renews things in a hook."""
    return project.remember("forks", lambda: [] if _hooked(project) else [fork for source in project for fork in _forks(source)])  # type: ignore[no-any-return]


def _hooked(project: Surroundings) -> bool:
    """Whether some file starts processes by spawn for all, or has a hook that runs in each child."""
    for source in project:
        for call in source.calls("multiprocessing.set_start_method"):
            if call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value in FORKS_NOT:
                return True
        if HOOKS & source.words or any(function.name in HOOKS for function in source.functions()) or not HOOKS.isdisjoint(source.names.module.bindings):
            return True
    return False


def _forks(source: Source) -> Iterator[Fork]:
    for call in source.index.calls(HANDERS, ("Process", "fork", *POOL_NAMES), source.index.aliases):
        func = call.func
        last = last_part(func)
        if last == "Process" and _forks_here(source, func):
            target = keyword(call, "target")
            given = tuple(each.value for each in call.keywords if each.arg in ("args", "kwargs"))
            yield Fork("multiprocessing.Process", source, call, tuple(_named(source, [target.value] if target is not None else [])), given)
        elif last in POOL_NAMES and (handed := keyword(call, "initargs")) is not None and (source.qualified(func) in POOLS or _forks_here(source, func)):
            yield Fork("a pool of processes", source, call, (), (handed.value,))
        elif last in HANDERS and isinstance(func, ast.Attribute) and call.args and _is_pool(source, func.value):
            yield Fork("a pool of processes", source, call, tuple(_named(source, call.args[:1])))
        elif source.qualified(func) == "os.fork":
            function = source.function(call)
            branch = _child(source, call)
            if branch is None and function is None:
                branch = tuple(each for each in source.nodes(ast.Call) if source.function(each) is None and source.start(each) > source.start(call))
            yield Fork("os.fork", source, call, (Function(source, function),) if branch is None and function is not None else (), beyond=branch or ())
    tasks = [Function(source, function) for function in source.functions() if any(_is_task(source, decorator) for decorator in function.decorator_list)]
    if tasks:
        yield Fork("Celery's workers", source, None, tuple(tasks))
    if source.path.rpartition("/")[2].startswith("gunicorn") and _preloads(source):
        everything = tuple(Function(other, function) for other in source.project if other is not source for function in other.functions())
        yield Fork("gunicorn with preload_app", source, None, everything)


def _child(source: Source, fork: ast.Call) -> tuple[ast.AST, ...] | None:
    """The branch that the child of a fork runs; None where it is not told apart by an `if`."""
    statement = source.statement(fork)
    names = [target.id for target in statement.targets if isinstance(target, ast.Name)] if isinstance(statement, ast.Assign) else []
    for branch in source.nodes(ast.If):
        inside = [*ast.walk(branch.test)]
        if source.function(branch) is source.function(fork) and (fork in inside or any(isinstance(node, ast.Name) and node.id in names for node in inside)):
            zero = any(isinstance(node, (ast.Eq, ast.Not)) for node in inside)
            return tuple(branch.body if zero else branch.orelse) or None
    return None


def _named(source: Source, nodes: list[ast.expr]) -> Iterator[Function]:
    for node in nodes:
        yield from referred(source, node)


def _forks_here(source: Source, func: ast.expr) -> bool:
    """Whether `Process` or `Pool`, named so, forks: of multiprocessing itself or of a context that forks."""
    if source.qualified(func) in PROCESSES or source.qualified(func) in POOLS:
        return True
    return isinstance(func, ast.Attribute) and _context_forks(source, func.value)


def _context_forks(source: Source, node: ast.expr) -> bool:
    contexts = [origin.node for origin in source.origins(node) if isinstance(origin.node, ast.Call) and origin.source.qualified(origin.node.func) in CONTEXT_MAKERS]
    return bool(contexts) and all(not call.args or not isinstance(call.args[0], ast.Constant) or call.args[0].value not in FORKS_NOT for call in contexts)


def _is_pool(source: Source, node: ast.expr) -> bool:
    """Whether a value is a pool of processes that forks and gives its children nothing of their own."""
    for origin in source.origins(node):
        call = origin.node
        if not isinstance(call, ast.Call) or keyword(call, "initializer") is not None:
            return False
        context = keyword(call, "mp_context")
        if context is not None and not is_none(context.value) and not _context_forks(origin.source, context.value) and not _direct_context_forks(origin.source, context.value):
            return False
        last = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if origin.source.qualified(call.func) not in POOLS and not (last == "Pool" and _forks_here(origin.source, call.func)):
            return False
    return True


def _direct_context_forks(source: Source, node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and source.qualified(node.func) in CONTEXT_MAKERS and not any(isinstance(arg, ast.Constant) and arg.value in FORKS_NOT for arg in node.args)


def _is_task(source: Source, decorator: ast.expr) -> bool:
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    path = source.qualified(target)
    if path in ("celery.shared_task", "celery.task", "celery.app.task"):
        return True
    return isinstance(target, ast.Attribute) and target.attr in TASKS and source.made_by(target.value) in ("celery.Celery", "celery.app.Celery", "celery.app.base.Celery")


def _preloads(source: Source) -> bool:
    return any(isinstance(binding.value, ast.Constant) and binding.value.value is True for binding in source.names.module.bindings.get("preload_app", ()))


# event loops


@dataclass(frozen=True, slots=True)
class Loop:
    """A call that makes an event loop, runs a coroutine in it, and closes it; or a handler for which its framework does so.

    `given`: what it runs. `target`: the function of the project behind that; None for a method of a library.
    """

    source: Source
    call: ast.AST
    given: ast.AST
    target: Function | None
    again: bool  # it surely happens more than once in a process

    def reaches(self, loads: dict[ast.AST, Source]) -> bool:
        """Whether one of the nodes is used in the loop."""
        if self.target is not None and reaches((self.target,), loads):
            return True
        return any(node in loads for node in ast.walk(self.given))


def loops(project: Surroundings) -> list[Loop]:
    """Every such call of the files seen together."""
    return project.remember("loops", lambda: [loop for source in project for loop in _loops(source)])  # type: ignore[no-any-return]


def _loops(source: Source) -> Iterator[Loop]:
    for call in source.index.calls(LOOP_NAMES, source.index.aliases):
        if call.args and _makes_loop(source, call) and not isinstance(source.function(call), ast.AsyncFunctionDef):
            given = call.args[0]
            found = callees(source, given) if isinstance(given, ast.Call) else referred(source, given)
            targets: list[Function | None] = [target for target in found if target.asynchronous]
            for target in targets or ([None] if not found else []):
                yield Loop(source, call, given, target, _again(source, call))
    for handler in handlers(source.project).values() if b"flask" in source.utf8 and b"async def" in source.utf8 else ():
        if handler.source is source and has_own_loops(handler):
            yield Loop(source, handler.function, handler.function, Function(source, handler.function), True)


def _makes_loop(source: Source, call: ast.Call) -> bool:
    """`asyncio.run(...)`, or `loop.run_until_complete(...)` of a loop that the same function made."""
    if source.qualified(call.func) in LOOP_MAKERS:
        return True
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "run_until_complete" or source.function(call) is None:
        return False
    origins = source.origins(call.func.value)
    return all(
        isinstance(each.node, ast.Call) and each.source.qualified(each.node.func) == "asyncio.new_event_loop" and each.source.function(each.node) is source.function(call)
        for each in origins
    )  # fmt: skip


def _again(source: Source, node: ast.AST) -> bool:
    """Whether a place is reached more than once: in a loop, or in a function that a framework or several places call."""
    function = source.function(node)
    for above in source.parents(node):
        if above is function:
            break
        if isinstance(above, (ast.For, ast.While, ast.ListComp, ast.GeneratorExp)):
            return True
    if function is None:
        return False
    if any(isinstance(decorator, ast.Attribute) or (isinstance(decorator, ast.Call) and isinstance(decorator.func, (ast.Attribute, ast.Name))) for decorator in function.decorator_list):
        return not any(_of_command_line(source, decorator) for decorator in function.decorator_list)
    uses = [(other, load) for other in source.project.mentioning(function.name) for load in _uses_of(other, source, function.name)]
    return len(uses) > 1 or any(_again(other, load) for other, load in uses if other.function(load) is not function)


def _of_command_line(source: Source, decorator: ast.expr) -> bool:
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    made = source.made_by(target.value) if isinstance(target, ast.Attribute) else ""
    return source.qualified(target).partition(".")[0] in ("click", "typer", "functools", "invoke", "fire", "pytest") or made.partition(".")[0] in ("click", "typer")


def _uses_of(other: Source, source: Source, name: str) -> list[ast.Name]:
    if other is source:
        return list(source.names.uses(name, source.names.module))
    found: list[ast.Name] = []
    for binding in other.index.imports.get(name, ()):
        if binding.scope is other.names.module and other.project.lookup(binding.origin, other.path) == (source, name):
            found += other.names.uses(binding.name, other.names.module)
    return found


def reaches(starts: tuple[Function, ...], loads: dict[ast.AST, Source]) -> bool:
    """Whether one of the functions, or one that they call, sync or async, holds one of the nodes `loads`."""
    if not starts:
        return False
    run = _run_from(starts)
    return any(above in run for load, source in loads.items() for above in source.parents(load))


def _run_from(starts: tuple[Function, ...]) -> frozenset[ast.AST]:
    """The functions that these run, themselves among them."""

    def read() -> frozenset[ast.AST]:
        seen, todo = {start.node for start in starts}, [*starts]
        while todo and len(seen) <= MAX_FUNCTIONS:
            each = todo.pop()
            inside = [each.node, *(node for node in ast.walk(each.node) if isinstance(node, FunctionNode) and node is not each.node)]
            for other in (other for node in inside for call in calls_in(each.source, node) for other in callees(each.source, call)):
                if other.node not in seen:
                    seen.add(other.node)
                    todo.append(other)
        return frozenset(seen)

    return starts[0].source.project.remember(("run from", *(start.node for start in starts)), read)  # type: ignore[no-any-return]
