"""What an awaitable comes to: which calls of models and servers it makes, and whether something on the way limits them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..libraries.upstream import (
    FUNCTIONS,
    HTTP_CLIENTS,
    HTTP_METHODS,
    HTTP_NAMES,
    LIMITER_WORDS,
    LIMITERS,
    METHODS,
    QUEUES,
    SDK_CLIENTS,
    SIGNALS,
    TAILS,
)  # fmt: skip
from ..names import FunctionNode, last_part
from ..origins import maker
from ..source import Source, attribute_path, keyword
from .fanout import fanouts

MAX_DEPTH = 8
RUN_IN_THREADS = frozenset(["asyncio.to_thread", "anyio.to_thread.run_sync", "starlette.concurrency.run_in_threadpool", "fastapi.concurrency.run_in_threadpool"])
GRAPH_CALLS = frozenset(["ainvoke", "astream", "abatch", "arun", "acall", "astream_events"])


@dataclass(slots=True)
class Reach:
    """What an awaitable does before it is done.

    leaves: calls upstream that nothing limits; nested: elements of other fan-outs, or of its own; limited: some call
    upstream waits for a limiter; held: of a helper `_bounded` that this tool wrote; serves: it works for as long as there is work; listens: it answers messages that come in
    from elsewhere; waits: it waits for others to signal; runs: objects that may be graphs or agents, and so run code of this project.
    """

    leaves: list[tuple[Source, ast.expr]] = field(default_factory=list)
    nested: list[tuple[Source, ast.AST]] = field(default_factory=list)
    limited: bool = False
    held: bool = False
    serves: bool = False
    listens: bool = False
    waits: bool = False
    runs: list[tuple[Source, ast.expr]] = field(default_factory=list)


def reach_of(source: Source, node: ast.expr) -> Reach:
    """What the awaitable that `node` makes comes to; `node` may also be the function itself (of `map`)."""
    reach = Reach()
    walk = _Walk(reach)
    if isinstance(node, ast.Call):
        walk.call(source, node, node, ())
    elif isinstance(node, ast.Lambda):
        for call in ast.walk(node.body):
            if isinstance(call, ast.Call):
                walk.call(source, call, node, ())
    else:
        walk.callee(source, node, ())
    return reach


class _Walk:
    def __init__(self, reach: Reach) -> None:
        self.reach = reach

    def call(self, source: Source, call: ast.Call, element: ast.AST, stack: tuple[FunctionNode, ...]) -> None:
        """A call, and the calls that are handed to it as coroutines."""
        if source.qualified(call.func) in RUN_IN_THREADS or (isinstance(call.func, ast.Attribute) and call.func.attr == "run_in_executor"):
            self.reach.limited = True  # by the pool of threads
            return
        functions = project_functions(source, call.func)
        if functions:
            for home, function in functions:
                if limits_its_argument(home, function):
                    self.behind(function)
                    return
            for home, function in functions:
                self.function(home, function, stack)
        elif is_upstream(source, call):
            self.leaf(source, call, call.func)
        for arg in [*call.args, *(given.value for given in call.keywords)]:
            inner = arg.value if isinstance(arg, ast.Starred) else arg
            if isinstance(inner, ast.Call) and inner is not element:
                self.call(source, inner, element, stack)

    def callee(self, source: Source, node: ast.expr, stack: tuple[FunctionNode, ...]) -> None:
        """A function that is called with arguments that aren't seen."""
        for home, function in project_functions(source, node):
            self.function(home, function, stack)
        if isinstance(node, ast.Attribute) and node.attr in METHODS:
            self.leaf(source, node, node)

    def leaf(self, source: Source, node: ast.expr, callee: ast.expr) -> None:
        if limited_maker(source, callee):
            self.reach.limited = True
            return
        self.reach.leaves.append((source, node))
        if isinstance(callee, ast.Attribute) and callee.attr in GRAPH_CALLS:
            self.reach.runs.append((source, callee.value))

    def behind(self, limiter: FunctionNode) -> None:
        self.reach.limited = True
        self.reach.held = self.reach.held or limiter.name.startswith("_bounded")

    def function(self, source: Source, function: FunctionNode, stack: tuple[FunctionNode, ...]) -> None:
        if function in stack or len(stack) > MAX_DEPTH:
            return
        stack = (*stack, function)
        if any(LIMIT_NAME.search(source.code(decorator)) for decorator in function.decorator_list):
            self.reach.limited = True
            return
        if takes_slots(source, function) or any(_is_gate(source, call) for call in calls_of(source, function)):
            self.reach.limited = True
            return
        if _works_off_a_queue(source, function):
            self.reach.serves = True
            return
        before = len(self.reach.leaves)
        elements = fanouts(source)
        for call in calls_of(source, function):
            part = next((node for node in (call, *_up_to(source, call, function)) if node in elements), None)
            if part is not None:
                if not any(inner is part for _, inner in self.reach.nested):
                    self.reach.nested.append((source, part))
                continue
            self.reach.nested += [each for each in _made_by_call(source, call) if all(inner is not each[1] for _, inner in self.reach.nested)]
            if isinstance(call.func, ast.Attribute) and call.func.attr == "wait" and source.made_by(call.func.value) in SIGNALS:
                self.reach.waits = True
            if in_limiter(source, call, function):
                self.reach.limited = self.reach.limited or is_upstream(source, call) or bool(project_functions(source, call.func))
                continue
            limiters = [
                inner for above in _up_to(source, call, function) if isinstance(above, ast.Call)
                for home, inner in project_functions(source, above.func) if limits_its_argument(home, inner)
            ]  # fmt: skip
            if limiters:
                self.behind(limiters[0])
                continue
            functions = [each for each in project_functions(source, call.func) if isinstance(each[1], ast.AsyncFunctionDef)]
            if functions:
                for home, inner in functions:
                    if not limits_its_argument(home, inner):
                        self.function(home, inner, stack)
            elif source.qualified(call.func) in RUN_IN_THREADS:
                continue
            elif is_upstream(source, call):
                self.leaf(source, call, call.func)
        if len(self.reach.leaves) > before:
            self.reach.serves = self.reach.serves or _never_ends(source, function)
            self.reach.listens = self.reach.listens or _listens(source, function)


LIMIT_NAME = re.compile(r"limit|throttl|semaphore|concurren", re.IGNORECASE)


def calls_of(source: Source, function: FunctionNode) -> list[ast.Call]:
    """The calls that a function's own body makes, lambdas and inner functions left out."""

    def read() -> dict[FunctionNode, list[ast.Call]]:
        found: dict[FunctionNode, list[ast.Call]] = {}
        for call in source.nodes(ast.Call):
            owner = source.function(call)
            if owner is not None:
                found.setdefault(owner, []).append(call)
        return found

    return source.remember("calls by function", read).get(function, [])  # type: ignore[no-any-return]


def _made_by_call(source: Source, call: ast.Call) -> list[tuple[Source, ast.AST]]:
    """The elements of a fan-out that a plain function makes: `gather(*jobs(texts))` starts what `jobs` gives back."""
    makers = [(home, function) for home, function in project_functions(source, call.func) if isinstance(function, ast.FunctionDef)]
    return [(home, node) for home, function in makers for node in fanouts(home) if home.function(node) is function]


def project_functions(source: Source, callee: ast.expr) -> list[tuple[Source, FunctionNode]]:
    """The project's functions that a callee may be."""
    if not isinstance(callee, (ast.Name, ast.Attribute)):
        return []
    found: list[tuple[Source, FunctionNode]] = []
    for origin in source.origins(callee):
        if origin.kind == "function" and isinstance(origin.node, FunctionNode):
            found.append((origin.source, origin.node))
        elif origin.kind == "value" and isinstance(origin.node, ast.Call) and origin.node.args and origin.source.qualified(origin.node.func) == "functools.partial" and not isinstance(callee, ast.Call):
            found += project_functions(origin.source, origin.node.args[0])
    return found


def is_upstream(source: Source, call: ast.Call) -> bool:
    """Whether a call waits for a model, a chain, a graph or an HTTP server, in async code."""
    callee = call.func
    path = source.qualified(callee)
    if path in FUNCTIONS:
        return True
    if not isinstance(callee, ast.Attribute):
        return False
    if callee.attr in METHODS:
        return True
    _, names = attribute_path(callee)
    if len(names) > 1 and tuple(names[-2:]) in TAILS:
        return _is_waited_for(source, call)
    if callee.attr in HTTP_METHODS and _is_waited_for(source, call):
        made = {maker(origin) for origin in source.origins(callee.value)}
        if made & HTTP_CLIENTS:
            return True
        return _http_parameter(source, callee.value)
    return callee.attr in ("chat", "generate", "embed", "search", "run", "rerank") and source.made_by(callee.value) in SDK_CLIENTS


def _is_waited_for(source: Source, call: ast.Call) -> bool:
    """Awaited, entered with `async with`, returned, or handed on: not used as plain data."""
    above = source.parent(call)
    if isinstance(above, ast.withitem):
        return isinstance(source.parent(above), ast.AsyncWith)
    return not isinstance(above, (ast.Attribute, ast.Subscript, ast.For, ast.Compare, ast.BinOp, ast.FormattedValue))


def _http_parameter(source: Source, node: ast.expr) -> bool:
    """`async def fetch(session, url)`: a parameter without a type, in a file that knows an async HTTP client."""
    if not isinstance(node, ast.Name) or node.id not in HTTP_NAMES:
        return False
    binding = source.binding(node)
    if binding is None or binding.kind != "param" or binding.annotation is not None:
        return False
    return any(bound.origin.partition(".")[0] in ("aiohttp", "httpx", "httpx2") for scope in source.names.inner.values() for found in scope.bindings.values() for bound in found if bound.kind == "import")  # fmt: skip


def limited_maker(source: Source, callee: ast.expr) -> bool:
    """Whether the object that is called was made with a limit of its own: a rate limiter, a bounded pool of connections."""
    base, _ = attribute_path(callee)
    return any(_has_limit(origin.source, origin.node) for origin in source.origins(base) if isinstance(origin.node, ast.Call))


def _has_limit(source: Source, made: ast.Call, hops: int = 0) -> bool:
    if hops > 3:
        return False
    for name in ("rate_limiter", "limits", "connector", "max_concurrency"):
        given = keyword(made, name)
        if given is not None and not (isinstance(given.value, ast.Constant) and given.value.value is None):
            return True
    inner = [given.value for given in made.keywords if given.arg in ("http_client", "http_async_client", "transport", "llm", "bound")]
    return any(_has_limit(origin.source, origin.node, hops + 1) for each in inner for origin in source.origins(each) if isinstance(origin.node, ast.Call))


def is_limiter(source: Source, node: ast.expr) -> bool:
    """Whether a thing that is entered lets only some in at a time."""
    for origin in source.origins(node):
        if maker(origin) in LIMITERS:
            return True
        if origin.kind == "value" and isinstance(origin.node, ast.Subscript):
            return is_limiter(origin.source, origin.node.value) or _says_limit(origin.node.value)
    inner = node.func if isinstance(node, ast.Call) else node
    return _says_limit(inner)


def _says_limit(node: ast.expr) -> bool:
    name = last_part(node)
    words = name.lower()
    return any(word in words for word in LIMITER_WORDS) and "session" not in words


def in_limiter(source: Source, node: ast.AST, function: FunctionNode) -> bool:
    """Whether the node stands inside `async with semaphore:` within the function."""
    child: ast.AST = node
    for above in _up_to(source, node, function):
        if isinstance(above, ast.AsyncWith) and child in above.body and any(is_limiter(source, item.context_expr) for item in above.items):
            return True
        child = above
    return False


def takes_slots(source: Source, function: FunctionNode) -> bool:
    """Whether the function awaits `semaphore.acquire()` or a limiter's turn before it goes on."""
    for call in calls_of(source, function):
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("acquire", "wait_for_slot", "wait_for_token", "throttle", "wait_if_needed", "acquire_slot"):
            return True
        if isinstance(call.func, ast.Attribute) and call.func.attr == "wait" and _says_limit(call.func.value) and source.awaited(call):
            return True
    return False


def limits_its_argument(source: Source, function: FunctionNode) -> bool:
    """Whether a function is a limiter for the coroutine it is given: `async with semaphore: return await coroutine`."""
    if not isinstance(function, ast.AsyncFunctionDef):
        return False
    args = function.args
    names = {arg.arg for arg in [*args.posonlyargs, *args.args, *args.kwonlyargs]} | ({args.vararg.arg} if args.vararg else set())
    for node in source.nodes(ast.Await):
        if source.function(node) is function and isinstance(node.value, (ast.Name, ast.Call)):
            awaited = node.value.func if isinstance(node.value, ast.Call) else node.value
            if isinstance(awaited, ast.Name) and awaited.id in names and in_limiter(source, node, function):
                return True
    return False


def _is_gate(source: Source, call: ast.Call) -> bool:
    """`await self._throttle()`: a function of the project that only lets its caller through when there is room."""
    if not source.awaited(call):
        return False
    return any(takes_slots(home, inner) or (LIMIT_NAME.search(inner.name) is not None and not call.args) for home, inner in project_functions(source, call.func))


def _works_off_a_queue(source: Source, function: FunctionNode) -> bool:
    """Whether the function takes work from a queue in a loop, itself or in what the loop calls: a worker of a pool."""
    for call in calls_of(source, function):
        if any(isinstance(above, (ast.While, ast.For)) for above in _up_to(source, call, function)):
            if _takes_from_queue(source, call):
                return True
            for home, inner in project_functions(source, call.func):
                if any(_takes_from_queue(home, each) for each in calls_of(home, inner)):
                    return True
    return False


def _takes_from_queue(source: Source, call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in ("get", "get_nowait"):
        return False
    base = call.func.value
    name = last_part(base)
    return "queue" in name.lower() or source.made_by(base) in QUEUES


def _never_ends(source: Source, function: FunctionNode) -> bool:
    """`while True` with no way out."""
    return any(
        not any(isinstance(node, (ast.Break, ast.Return, ast.Raise)) for statement in loop.body for node in ast.walk(statement))
        for loop in source.nodes(ast.While)
        if source.function(loop) is function and isinstance(loop.test, ast.Constant) and loop.test.value
    )


def _listens(source: Source, function: FunctionNode) -> bool:
    """A call upstream for each message that comes in from elsewhere, for as long as they come."""
    for loop in source.nodes(ast.AsyncFor):
        if source.function(loop) is function and not (isinstance(loop.iter, (ast.Call, ast.Await)) and any(is_upstream(source, call) for call in ast.walk(loop.iter) if isinstance(call, ast.Call))):
            inside = {id(node) for statement in loop.body for node in ast.walk(statement)}
            if any(id(call) in inside and is_upstream(source, call) for call in calls_of(source, function)):
                return True
    return False


def _up_to(source: Source, node: ast.AST, function: FunctionNode) -> Iterator[ast.AST]:
    for above in source.parents(node):
        if above is function:
            return
        yield above
