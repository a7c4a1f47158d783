"""Which coroutines share their event loop with other work, so that blocking in one stops the others."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .names import FunctionNode
from .source import Source
from .tests import in_tests

# calls that make a loop, run one coroutine in it to its end, and close it
RUNNERS = frozenset(
    "asyncio.run asyncio.Runner.run anyio.run anyio.from_thread.run trio.run uvloop.run "
    "asgiref.sync.async_to_sync asyncer.syncify".split()
)
CONCURRENT = frozenset(
    "gather create_task ensure_future as_completed TaskGroup create_task_group "
    "run_coroutine_threadsafe start_server start_soon add_task abatch wait".split()
)
SERVERS = frozenset(
    "fastapi starlette quart sanic aiohttp litestar blacksheep robyn tornado django chainlit discord "
    "nextcord disnake interactions telegram telebot aiogram pyrogram telethon slack_bolt linebot "
    "websockets "
    "socketio grpc uvicorn hypercorn faust arq taskiq langserve mcp fastmcp nats aio_pika botbuilder "
    "twitchio vkbottle nonebot gradio aiosmtpd asyncssh nicegui reflex panel solara livekit pipecat "
    "a2a line_bot_sdk mattermostdriver nio".split()
)
# what stands on a def and does not hand it to anybody
PLAIN = frozenset(
    "staticmethod classmethod property override final abstractmethod cache lru_cache wraps traceable "
    "observe retry asynccontextmanager contextmanager deprecated no_type_check".split()
)
DEMOS = frozenset(["examples", "example", "docs", "demo", "demos", "scripts", "tutorials", "benchmarks", "notebooks"])
COMMANDS = frozenset(["click", "typer", "asyncclick"])
OWN_LOOP = frozenset(
    ["flask.Flask", "flask.Blueprint", "flask_socketio.SocketIO", "flask_restx.Namespace", "flask_restful.Api"]
)


def shares_loop(source: Source, function: FunctionNode) -> bool:
    """Whether other work waits for the loop while this coroutine runs: false for the `main` of a script, for a coroutine
    that gets a loop of its own each time, and for tests."""
    return bool(
        source.remember(("shares-loop", function), lambda: not in_tests(source) and not _alone(source, function, set()))
    )


def comes_first(source: Source, function: FunctionNode, node: ast.AST) -> bool:
    """Whether a script's main coroutine does this before anything else can run in its loop: before it awaits or starts anything."""
    first = source.remember(("first-await", function), lambda: _first_await(source, function))
    return source.start(node) < first and not any(
        isinstance(above, (ast.For, ast.While)) and first < source.stop(above) for above in source.parents(node)
    )


def _first_await(source: Source, function: FunctionNode) -> int:
    """Where other work can first run in the loop; 0 for a coroutine that gets no loop of its own."""
    uses = list(_uses(source, function))
    for other, use in uses:
        call = other.parent(use)
        above = other.parent(call) if isinstance(call, ast.Call) and call.func is use else None
        if not isinstance(above, ast.Call) or call not in above.args or other.qualified(above.func) not in RUNNERS:
            return 0
    if not uses:
        return 0
    places = [len(source.utf8)]
    for part in ast.walk(function):
        if isinstance(part, (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Yield)) or (
            isinstance(part, ast.Attribute) and part.attr in CONCURRENT
        ):
            places.append(source.start(part))
    return min(places)


def _alone(source: Source, function: FunctionNode, seen: set[FunctionNode]) -> bool:
    if function in seen:
        return True
    seen.add(function)
    for decorator in function.decorator_list:
        if _own_loop(source, decorator):
            return True
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if (target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")) not in PLAIN:
            return False
    uses = list(_uses(source, function))
    return all(_runs_alone(other, use, seen) for other, use in uses) if uses else _shows(source)


def _shows(source: Source) -> bool:
    """Whether a file shows how something is used: it lies with others of its kind and runs itself, one thing after the other."""

    def read() -> bool:
        runs = any(source.qualified(attribute) in RUNNERS for attribute in source.attributes("run"))
        return runs and not DEMOS.isdisjoint(source.path.split("/")[:-1]) and not _concurrent(source)

    return bool(source.remember("shows", read))


def _own_loop(source: Source, decorator: ast.expr) -> bool:
    """Whether a decorator hands the function to a framework that gives each call a loop of its own."""
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(target, ast.Attribute) and source.made_by(target.value) in OWN_LOOP


def _uses(source: Source, function: FunctionNode) -> Iterator[tuple[Source, ast.expr]]:
    """Every place in the project's files that reads the function; of a method, every attribute of its name."""
    if isinstance(source.parent(function), ast.ClassDef):
        for other in source.project.mentioning(function.name):
            yield from ((other, node) for node in other.attributes(function.name) if isinstance(node.ctx, ast.Load))
        return
    home = source.names.scopes[function]
    yield from ((source, node) for node in source.names.uses(function.name, home))
    if home is not source.names.module:
        return
    for other, binding in source.project.importers(source, function.name):
        yield from ((other, node) for node in other.uses(binding))
    for other, binding in source.project.importers(source, ""):
        yield from (
            (other, above)
            for node in other.uses(binding)
            if isinstance(above := other.parent(node), ast.Attribute) and above.attr == function.name
        )


def _runs_alone(source: Source, use: ast.expr, seen: set[FunctionNode]) -> bool:
    call = source.parent(use)
    if not isinstance(call, ast.Call):
        return False
    if call.func is not use:
        return _is_runner(source, call) and _once(source, call)  # anyio.run(main), async_to_sync(main)
    above = source.parent(call)
    if isinstance(above, ast.Call) and call in above.args and _is_runner(source, above):
        return _once(source, above)
    caller = source.function(call)
    if isinstance(above, ast.Await) and isinstance(caller, ast.AsyncFunctionDef):
        return not _concurrent(source) and _alone(source, caller, seen)
    return False


def _is_runner(source: Source, call: ast.Call) -> bool:
    return source.qualified(call.func) in RUNNERS or (
        isinstance(call.func, ast.Attribute) and call.func.attr == "run_until_complete"
    )


def _once(source: Source, runner: ast.Call) -> bool:
    """Whether nothing else runs in the loop that a runner makes: no tasks, no server; or it is made anew for each call of a sync handler."""
    function = source.function(runner)
    handled = (
        [
            d
            for d in function.decorator_list
            if source.qualified(d.func if isinstance(d, ast.Call) else d).partition(".")[0] not in COMMANDS
        ]
        if function is not None
        else []
    )
    return bool(handled) or not _concurrent(source)


def _concurrent(source: Source) -> bool:
    """Whether a file starts tasks or serves."""

    def read() -> bool:
        for bindings in (found for scope in source.names.inner.values() for found in scope.bindings.values()):
            for binding in bindings:
                if binding.kind == "import" and (
                    binding.origin.partition(".")[0] in SERVERS or binding.origin.rpartition(".")[2] in CONCURRENT
                ):
                    return True
        return any(node.attr in CONCURRENT for node in source.nodes(ast.Attribute))

    return bool(source.remember("concurrent", read))
