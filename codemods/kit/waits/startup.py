"""Which coroutines run once, before or after the serving, when nobody waits yet; and which could as well be plain functions."""

from __future__ import annotations

import ast

from ..callgraph import callees
from ..names import FunctionNode, last_part
from ..source import Source
from .blocked import Spot
from .threads import Bar, bar_of, local_to, passes_affine, root_of
from .waiting import body, calls_in, kind_of

EVENTS = frozenset({"startup", "shutdown"})
NAMES = frozenset(
    "on_startup on_shutdown on_app_startup on_app_shutdown before_serving after_serving before_server_start after_server_start before_server_stop after_server_stop main_process_start "
    "on_cleanup setup_hook post_init post_shutdown lifespan".split()
)
ROUTES = frozenset("get post put patch delete head options api_route route".split())


def starts_up(source: Source, function: FunctionNode) -> bool:
    """Whether the function runs once when the service starts or stops, or is only awaited in such functions."""
    return bool(source.remember(("starts-up", function), lambda: _starts_up(source, function, frozenset())))


def _starts_up(source: Source, function: FunctionNode, seen: frozenset[FunctionNode]) -> bool:
    if function in seen or len(seen) > 10:
        return False
    if function.name in NAMES or _sets_up_bot(function) or any(_is_startup(source, decorator, function) for decorator in function.decorator_list):
        return True
    if function.decorator_list or not isinstance(source.parent(function), ast.Module):
        return False
    loads = list(source.names.uses(function.name, source.names.module))
    if any(_registers(source, load) for load in loads):
        return True
    return bool(loads) and not _imported_elsewhere(source, function) and all(_awaited_at_startup(source, load, seen | {function}) for load in loads)


def _sets_up_bot(function: FunctionNode) -> bool:
    """Whether discord.py calls the function when it loads the file: `async def setup(bot)`."""
    return function.name == "setup" and [arg.arg for arg in function.args.args] in (["bot"], ["client"])


def _is_startup(source: Source, decorator: ast.expr, function: FunctionNode) -> bool:
    call = decorator if isinstance(decorator, ast.Call) else None
    target = call.func if call is not None else decorator
    last = last_part(target)
    if last in NAMES:
        return True
    if call is not None and call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value in EVENTS:
        return last in ("on_event", "listener")
    if last != "asynccontextmanager":
        return False
    first = [*function.args.posonlyargs, *function.args.args][:1]
    annotated = source.qualified(first[0].annotation).rpartition(".")[2] if first and first[0].annotation is not None else ""
    return "lifespan" in function.name or annotated in ("FastAPI", "Starlette", "FastMCP", "Litestar") or (bool(first) and first[0].arg in ("app", "_app"))


def _registers(source: Source, load: ast.Name) -> bool:
    above = source.parent(load)
    if isinstance(above, ast.List):
        above = source.parent(above)
    if isinstance(above, ast.keyword):
        return above.arg in NAMES
    if isinstance(above, ast.Call) and isinstance(above.func, ast.Attribute) and load in above.args:
        base, first = above.func.value, above.args[0]
        if isinstance(base, ast.Attribute) and base.attr in NAMES:  # app.on_startup.append(f)
            return True
        return above.func.attr in NAMES or (above.func.attr == "add_event_handler" and isinstance(first, ast.Constant) and first.value in EVENTS)
    return False


def _awaited_at_startup(source: Source, load: ast.Name, seen: frozenset[FunctionNode]) -> bool:
    call = source.parent(load)
    caller = source.function(load)
    return isinstance(call, ast.Call) and source.awaited(call) and caller is not None and _starts_up(source, caller, seen)


def _imported_elsewhere(source: Source, function: FunctionNode) -> bool:
    for other in source.project:
        for bindings in other.names.module.bindings.values() if other is not source else ():
            for binding in bindings:
                if binding.kind == "import" and binding.origin.endswith(f".{function.name}"):
                    found = other.project.lookup(binding.origin, other.path)
                    if found is not None and found[0] is source:
                        return True
    return False


def never_awaits(source: Source, function: ast.AsyncFunctionDef) -> bool:
    """Whether nothing in the function needs it to be async."""
    return not any(
        isinstance(part, (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Yield)) or (isinstance(part, ast.comprehension) and part.is_async) for part in body(source, function)
    )


def is_route(source: Source, function: FunctionNode) -> bool:
    """Whether FastAPI or Starlette calls the function, and would call a plain `def` in a thread."""
    return any(
        isinstance(decorator, ast.Call)
        and isinstance(decorator.func, ast.Attribute)
        and decorator.func.attr in ROUTES
        and source.made_by(decorator.func.value).rpartition(".")[2] in ("FastAPI", "APIRouter", "Starlette")
        for decorator in function.decorator_list
    )


# what a thread for the whole function would not make worse, as two of them may run at once
WHOLE = frozenset("lazy-iteration many-small-calls quick-file-call generator-expression blocking-with callback blocking-property decorated".split())


def moves_whole(source: Source, spot: Spot, bar: Bar) -> bool:
    """Whether what must stay where it is could be in a thread in which the whole function runs: things that are bound to a thread are made there, or for this call."""
    if bar.code != "thread-affine":
        return bar.code in WHOLE
    if spot.wait is None:
        return isinstance(spot.node, ast.Call) and passes_affine(source, spot.node) is not None
    if spot.wait.object is None:
        made = kind_of(source, spot.node)
        return made is not None and made.threads == "own"
    root = root_of(spot.wait.object)
    home = source.scope(root).home(root.id) if isinstance(root, ast.Name) else None
    return local_to(source, spot.wait.object, spot.function) or (home is not None and home.node is spot.function)


def plain_instead(source: Source, function: ast.AsyncFunctionDef) -> str:
    """In words, that the function need not be async."""
    if is_route(source, function) and never_awaits(source, function) and not _speaks_to_loop(source, function):
        return f"Nothing in {function.name}() is awaited: as a plain `def` it would run in a thread of its own, and could stay as it is."
    return ""


def _speaks_to_loop(source: Source, function: ast.AsyncFunctionDef) -> bool:
    """Whether the function works only where the event loop runs: it starts tasks, or helpers of it do."""
    for part in body(source, function):
        if isinstance(part, ast.Attribute) and source.qualified(part).startswith("asyncio."):
            return True
    helpers = [helper for call in calls_in(source, function) for helper in callees(source, call) if not helper.asynchronous]
    return any((bar := bar_of(helper, shared=False)) is not None and bar.code == "uses-the-loop" for helper in helpers)
