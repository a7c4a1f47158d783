"""What is done about a place that waits in the event loop's thread: the edits, or the reason why not."""

from __future__ import annotations

import ast

from ..callgraph import callees, made_once
from ..finding import Edit, Import
from ..imports import spell
from ..libraries.blocking import BY_MAKER, WIDE_CONTEXTS
from ..locks import held, in_turn, is_lock
from ..source import Source
from .blocked import Spot
from .files import fixed_writes, helper_trouble, read_path, read_while_written, rewritten, torn, written_path
from .offload import around, offloaded, offloaded_whole
from .threads import (
    Bar,
    bar_of,
    exclusive,
    local_to,
    passes_affine,
    root_of,
    shared_root,
)
from .waiting import inner, kind_of, path_of

Cure = tuple[list[Edit], tuple[Import, ...]]


def cure(source: Source, spot: Spot) -> Cure | Bar:
    """The edits that free the loop and the imports they need, or what stands in their way."""
    bar = spot.bar or _of_place(source, spot) or (_of_wait(source, spot) if spot.wait is not None else _of_helper(source, spot))
    if bar is not None:
        return bar
    assert isinstance(spot.node, ast.Call)
    call = spot.node
    if spot.wait is not None and spot.wait.what == "sleep":
        spelled, needs = spell(source, "asyncio", "sleep", near=call)
        if needs:
            spelled, needs = _module_form(source, "sleep", call)
        before, after = around(source, call)
        start, stop = source.start(call), source.stop(call)
        edits = [source.edit(start, source.stop(call.func), f"{before}{spelled}")]
        return [*edits, source.edit(stop, stop, after)] if after else edits, needs
    spelled, needs = spell(source, "asyncio", "to_thread", near=call)
    if needs:
        spelled, needs = _module_form(source, "to_thread", call)
    if spot.whole:
        return offloaded_whole(source, call, spelled), needs
    edits = offloaded(source, call, spelled)
    for use in spot.uses:
        edits += offloaded(source, use, spelled)
    return edits, needs


def _module_form(source: Source, name: str, near: ast.AST) -> tuple[str, tuple[Import, ...]]:
    """`asyncio.name`: the module is what people import."""
    module, needs = spell(source, "asyncio", near=near)
    return f"{module}.{name}", needs


# the place


def _of_place(source: Source, spot: Spot) -> Bar | None:
    if _uses_trio(source):
        return Bar("other-loop", "the file runs on trio")
    if not source.in_async(spot.node):
        return Bar("generator-expression", f"{spot.words} in a generator expression")
    for context in held(source, spot.node):
        if is_lock(source, context) or (isinstance(context, ast.Call) and source.qualified(context.func) in WIDE_CONTEXTS):
            return Bar("held-over-await", f"{spot.words} while `{source.code(context).partition(chr(10))[0]}` is held")
    if (words := torn(source, spot.node, spot.function)) is not None:
        return Bar("file-update", words)
    if (slot := _torn_slot(source, spot)) and not in_turn(source, spot.node):
        return Bar("shared-state", f"`{slot}` is looked for before and set after it, and two of what is made would come to be")
    if (name := _torn_global(source, spot)) is not None:
        return Bar("shared-state", f"the global `{name}` is read before and written after it, which no other request can come between today")
    return None


def _uses_trio(source: Source) -> bool:
    roots = {binding.origin.partition(".")[0] for found in source.names.module.bindings.values() for binding in found if binding.kind == "import"}
    return "trio" in roots and "asyncio" not in roots


def _torn_slot(source: Source, spot: Spot) -> str:
    """The place that outlives the call and gets the instance that is made here, because there was none: `if key not in people: people[key] = Person(key)`."""
    statement = source.statement(spot.node)
    branch = source.parent(statement)
    if spot.trail is None or not isinstance(statement, ast.Assign) or statement.value is not spot.node or not isinstance(branch, ast.If) or statement not in branch.body:
        return ""
    target = statement.targets[0]
    made = any(origin.kind in ("instance", "class") for origin in [*source.origins(statement.value), *(source.origins(spot.node.func) if isinstance(spot.node, ast.Call) else ())])
    return source.code(target) if isinstance(target, (ast.Subscript, ast.Attribute)) and made and _asks_for(source, branch.test, target) else ""


def _asks_for(source: Source, test: ast.expr, target: ast.Subscript | ast.Attribute) -> bool:
    """Whether a test asks if there is nothing at the target yet."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return source.code(test.operand) == source.code(target)
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return False
    if isinstance(test.ops[0], ast.NotIn):
        return isinstance(target, ast.Subscript) and source.code(test.comparators[0]) == source.code(target.value) and source.code(test.left) == source.code(target.slice)
    return isinstance(test.ops[0], ast.Is) and source.code(test.left) == source.code(target)


def _torn_global(source: Source, spot: Spot) -> str | None:
    """A global that the async function reads before the place and assigns after it, with no await between."""
    scope = source.names.inner[spot.function]
    if not scope.globals:
        return None
    here = source.start(spot.node)
    parts: list[ast.Name] = source.remember(("global-names", spot.function), lambda: [part for part in inner(spot.function) if isinstance(part, ast.Name) and part.id in scope.globals])
    for name in sorted(scope.globals):
        loads = [source.start(part) for part in parts if part.id == name and isinstance(part.ctx, ast.Load)]
        stores = [source.start(part) for part in parts if part.id == name and isinstance(part.ctx, ast.Store) and not made_once(source, part)]
        if any(start < here for start in loads) and any(start > here for start in stores):
            return name
    return None


# calls by the tables


def _of_wait(source: Source, spot: Spot) -> Bar | None:
    wait, call = spot.wait, spot.node
    assert wait is not None and isinstance(call, ast.Call)
    if wait.what == "quick":
        return Bar("quick-file-call", f"`{wait.name}` only looks at a directory entry")
    if spot.whole:
        kind = kind_of(source, root_of(call))
        return Bar("thread-affine", f"a {kind.name} belongs to the thread that made it") if kind is not None and kind.threads == "own" else None
    if any(given.arg == "preexec_fn" and not (isinstance(given.value, ast.Constant) and given.value.value is None) for given in call.keywords):
        return Bar("thread-affine", "`preexec_fn` runs Python in the forked child, which may hang when it is forked beside other threads: `start_new_session` and `process_group` need none")
    made = BY_MAKER.get(path_of(source, call.func))
    if made is not None and made.threads == "own":
        return Bar("thread-affine", f"a {made.name} belongs to the thread that makes it")
    if _streams(call) or wait.name in ("httpx.stream", "httpx2.stream"):
        return Bar("lazy-iteration", f"`{wait.name}` gives a response that is still to be read")
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if wait.kind is not None:
        if method in wait.kind.lazy:
            return Bar("lazy-iteration", f"what `{method}()` gives waits while it is iterated")
        if wait.kind.threads == "own":
            return Bar("thread-affine", f"a {wait.kind.name} belongs to the thread that made it")
        if wait.kind.threads == "one" and wait.object is not None and not local_to(source, wait.object, spot.function) and shared_root(source, wait.object):
            return Bar("shared-connection", f"all callers share this {wait.kind.name}")
    return _of_file(source, call, spot.function)


def _of_file(source: Source, call: ast.Call, function: ast.AsyncFunctionDef) -> Bar | None:
    written, read = written_path(source, call), read_path(source, call)
    opened = written if written is not None else read
    if opened is None or in_turn(source, call):
        return None
    text = source.code(opened)
    if (written is not None and text in fixed_writes(source, function)) or text in rewritten(source, function):
        return Bar("file-update", f"the file {text} is written here; requests that come between would mix it up")
    if read is not None and (writer := read_while_written(source, read, function)):
        return Bar("file-update", f"{writer}() writes over the file {text}, which may be half written when it is read in another thread")
    return None


def _streams(call: ast.Call) -> bool:
    return any(given.arg == "stream" and not (isinstance(given.value, ast.Constant) and not given.value.value) for given in call.keywords)


# helpers


def _of_helper(source: Source, spot: Spot) -> Bar | None:
    call = spot.node
    assert isinstance(call, ast.Call)
    if (kind := passes_affine(source, call)) is not None:
        return Bar("thread-affine", f"a {kind.name} is handed to the helper, and belongs to this thread")
    waits_its_turn = in_turn(source, call)
    for function in callees(source, call):
        if (bar := bar_of(function, shared=not (function.constructs or exclusive(source, call)))) is not None and not (waits_its_turn and bar.code == "shared-state"):
            return bar
        if not waits_its_turn and (words := helper_trouble(function, source, call, spot.function)) is not None:
            return Bar("file-update", words)
    return None
