"""The places in async code that wait in the event loop's thread: calls by the tables, helpers of the project, loops, properties."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..callgraph import Function, Trail, callees, may_run_sync, referred, trail_of
from ..libraries.blocking import CALLS, READERS, Kind
from ..names import COMPREHENSIONS, last_part
from ..source import Source
from .threads import Bar, trail_words
from .waiting import Wait, inner, kind_of, path_of, wait_of

AT_ONCE = frozenset({"builtins.map", "builtins.filter", "builtins.sorted", "builtins.min", "builtins.max", "functools.reduce"})


@dataclass(frozen=True, slots=True)
class Spot:
    """A place that waits: `node` is where a finding stands, `wait` what the tables say, `trail` the way through a helper."""

    node: ast.expr
    function: ast.AsyncFunctionDef
    words: str
    wait: Wait | None = None
    trail: Trail | None = None
    bar: Bar | None = None  # known at once to be refused
    whole: bool = False  # several parts of the expression wait
    uses: tuple[ast.Call, ...] = ()  # of an opened file: what reads and writes it


def spots(source: Source) -> Iterator[Spot]:
    """Every place of the file that waits inside `async def`, outer ones first; what is awaited or done in another thread is none."""
    done: set[ast.AST] = set()
    allowed = _allowed_lines(source)
    properties = _properties(source)
    for call in source.nodes(ast.Call):
        function = source.function(call)
        if not isinstance(function, ast.AsyncFunctionDef) or call in done or call.lineno in allowed:
            continue
        for spot in _spots_of_call(source, call, function):
            done.update(spot.uses)
            if spot.whole:
                done.update(part for part in ast.walk(call) if isinstance(part, ast.Call))
            yield spot
    for iterated in _iterated(source):
        function = source.function(iterated)
        if isinstance(function, ast.AsyncFunctionDef):
            kind = kind_of(source, iterated)
            if kind is not None and "" in kind.lazy and not _opened_in(source, iterated, function):
                yield Spot(iterated, function, f"iterating over a {kind.name} waits", bar=Bar("lazy-iteration", f"the loop waits for each part of the {kind.name}"))
    for name in sorted(properties.keys() & source.index.attributes.keys()):
        for attribute in source.attributes(name):
            function = source.function(attribute)
            if isinstance(function, ast.AsyncFunctionDef) and isinstance(attribute.ctx, ast.Load):
                trail = _property_trail(source, attribute, properties[attribute.attr])
                if trail is not None:
                    yield Spot(attribute, function, "", bar=Bar("blocking-property", f"`{trail_words(trail)}` waits behind the attribute"))


_ALLOWED = re.compile(rb"#[^\r\n]*noqa:[^\r\n]*ASYNC(1|2)\d\d")


def _allowed_lines(source: Source) -> frozenset[int]:
    """Lines on which the author has told another tool that the call may block."""
    return frozenset(source.line_of(match.start()) for match in _ALLOWED.finditer(source.utf8)) if b"ASYNC" in source.utf8 else frozenset()


def _iterated(source: Source) -> Iterator[ast.expr]:
    """What the file's loops and comprehensions go over."""
    for loop in source.nodes(ast.For):
        yield loop.iter
    comprehensions: list[ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp] = [*source.nodes(ast.ListComp), *source.nodes(ast.SetComp)]
    for node in [*comprehensions, *source.nodes(ast.DictComp), *source.nodes(ast.GeneratorExp)]:
        yield from (generator.iter for generator in node.generators if not generator.is_async)


def _loops_over(source: Source, node: ast.expr) -> bool:
    """Whether a loop or a comprehension goes over the very node."""
    above = source.parent(node)
    if isinstance(above, ast.For):
        return above.iter is node
    return isinstance(above, COMPREHENSIONS) and any(generator.iter is node for generator in above.generators)


def _spots_of_call(source: Source, call: ast.Call, function: ast.AsyncFunctionDef) -> Iterator[Spot]:
    wait = wait_of(source, call)
    if wait is not None:
        if wait.what == "model" or source.awaited(call):
            return
        words = f"`{wait.name}` waits"
        if _waits_inside(source, call) and not any(isinstance(part, (ast.Await, ast.NamedExpr, ast.Yield)) for part in ast.walk(call)):
            yield Spot(call, function, words, wait, whole=True)
        elif wait.name in ("open", "io.open", "codecs.open", "gzip.open", "bz2.open", "lzma.open") or (wait.kind is not None and wait.kind.name == "path" and wait.name == "path.open"):
            yield _opening(source, call, function, Spot(call, function, words, wait))
        elif (kind := _exit_waits(source, call)) is not None:
            uses = [user for load in _loads(source, call, function) if (user := _user(source, load)) is not None]
            yield Spot(call, function, words, wait, bar=Bar("blocking-with", f"leaving the block of a {kind.name} waits, too"), uses=tuple(uses))
        else:
            yield Spot(call, function, words, wait)
        return
    if path_of(source, call.func) in AT_ONCE:
        yield from _callbacks(source, call, function)
        return
    trail, bar = _helper(source, call)
    if trail is not None:
        yield Spot(call, function, f"`{trail_words(trail)}` waits", trail=trail, bar=bar)


def _waits_inside(source: Source, call: ast.Call) -> bool:
    """Whether the call's own object, or the file it reads to the end, is made by a call that waits."""
    within: list[ast.expr] = [call.func.value] if isinstance(call.func, ast.Attribute) else []
    wait = wait_of(source, call)
    if wait is not None and wait.kind is not None and not (isinstance(call.func, ast.Attribute) and kind_of(source, call.func.value) is wait.kind):
        within += call.args
    for node in within:
        part: ast.AST = node
        while isinstance(part, (ast.Attribute, ast.Subscript, ast.Call)):
            if isinstance(part, ast.Call):
                waits = wait_of(source, part)
                if waits is not None and waits.what not in ("quick", "model"):
                    return True
                part = part.func
            else:
                part = part.value
    return False


def _exit_waits(source: Source, call: ast.Call) -> Kind | None:
    """The kind of what a call makes for a `with` whose end talks to the other side, too."""
    above = source.parent(call)
    if not isinstance(above, ast.withitem):
        return None
    kind = kind_of(source, call)
    return kind if kind is not None and kind.exit_waits and kind.threads != "own" and not _communicates(source, above) else None


def _communicates(source: Source, item: ast.withitem) -> bool:
    """Whether the block of a process waits for its end by itself."""
    block = source.parent(item)
    name = item.optional_vars.id if isinstance(item.optional_vars, ast.Name) else ""
    return isinstance(block, ast.With) and any(
        isinstance(part, ast.Attribute) and part.attr in ("communicate", "wait") and isinstance(part.value, ast.Name) and part.value.id == name for part in inner(block)
    )


def _user(source: Source, load: ast.expr) -> ast.Call | None:
    """The call of a method of the object that a name is, if it waits."""
    attribute = source.parent(load)
    user = source.parent(attribute) if isinstance(attribute, ast.Attribute) else None
    return user if isinstance(user, ast.Call) and user.func is attribute and wait_of(source, user) is not None else None


# files


def _opening(source: Source, call: ast.Call, function: ast.AsyncFunctionDef, spot: Spot) -> Spot:
    """An `open` with what is done to the file in the same function."""

    def refused(code: str, words: str, uses: list[ast.Call]) -> Spot:
        return Spot(call, function, spot.words, spot.wait, bar=Bar(code, words), uses=tuple(uses))

    above = source.parent(call)
    if _loops_over(source, call):
        return refused("lazy-iteration", "the loop reads the file line by line", [])
    if isinstance(above, ast.Call) and call in above.args and _reads_lazily(source, above):
        return refused("lazy-iteration", "the file is read while it is iterated", [])
    uses: list[ast.Call] = []
    trouble: tuple[str, str] | None = None
    for load in _loads(source, call, function):
        parent = source.parent(load)
        if _loops_over(source, load):
            trouble = trouble or ("lazy-iteration", "the loop reads the file line by line")
        elif isinstance(parent, ast.Call) and load in parent.args:
            if _reads_lazily(source, parent):
                trouble = trouble or ("lazy-iteration", "the file is read while it is iterated")
            elif wait_of(source, parent) is not None and wait_of(source, parent).kind is not None:  # type: ignore[union-attr]
                uses.append(parent)
        elif (user := _user(source, load)) is not None:
            uses.append(user)
    for use in uses:
        if source.awaited(use):
            trouble = trouble or ("returns-awaitable", "what it gives is awaited, as if it were an async file")
        elif not source.in_async(use):
            trouble = trouble or ("generator-expression", "the file is read in a generator expression")
        elif _in_tight_loop(source, use, call):
            trouble = trouble or ("many-small-calls", "the file is read or written little by little in a loop")
    if trouble is not None:
        return refused(*trouble, uses)
    return Spot(call, function, spot.words, spot.wait, uses=tuple(uses))


def _reads_lazily(source: Source, call: ast.Call) -> bool:
    return path_of(source, call.func) in READERS


def _loads(source: Source, call: ast.Call, function: ast.AsyncFunctionDef) -> list[ast.Name]:
    """The reads of the name that the opened file gets, in the same function."""
    above = source.parent(call)
    if isinstance(above, ast.withitem) and isinstance(above.optional_vars, ast.Name):
        name, around = above.optional_vars.id, source.parent(above)
    elif isinstance(above, ast.Assign) and len(above.targets) == 1 and isinstance(above.targets[0], ast.Name):
        name, around = above.targets[0].id, function
    else:
        return []
    home = source.names.inner[function]
    found = [load for load in source.names.uses(name, home) if source.function(load) is function]
    return [load for load in found if any(parent is around for parent in source.parents(load))]


def _opened_in(source: Source, node: ast.expr, function: ast.AsyncFunctionDef) -> bool:
    """Whether the value is a file that this very function opens: its `open` carries the finding."""
    return any(
        isinstance(origin.node, ast.Call) and origin.source is source and source.function(origin.node) is function and path_of(source, origin.node.func).rpartition(".")[2] == "open"
        for origin in source.origins(node)
    )


def _in_tight_loop(source: Source, use: ast.Call, opened: ast.Call) -> bool:
    """Whether the use is repeated by a loop that does not await anything and does not open the file itself."""
    for above in source.parents(use):
        if above is source.function(use):
            return False
        if isinstance(above, (ast.For, ast.While, ast.ListComp, ast.SetComp, ast.DictComp)):
            parts = list(ast.walk(above))
            if opened in parts:
                return False
            return not any(isinstance(part, (ast.Await, ast.AsyncFor, ast.AsyncWith)) for part in parts)
        if isinstance(above, ast.AsyncFor):
            return False
    return False


# helpers


def _helper(source: Source, call: ast.Call) -> tuple[Trail | None, Bar | None]:
    """The way to a wait through the project's functions that a call runs, and what is known at once to keep it in place."""
    functions = callees(source, call) if may_run_sync(source, call) else []
    if not functions or any(function.asynchronous for function in functions):
        return None, None
    trail = next((trail for function in functions if (trail := trail_of(function)) is not None), None)
    if trail is None:
        return None, None
    above = source.parent(call)
    decorators = [decorator for function in functions for decorator in _decorators(function)]
    if all(function.once for function in functions):
        return None, None
    told = next((words for _, words in decorators if words), "")
    entered = isinstance(above, (ast.withitem, ast.AsyncFor)) and _async_user(source, above, call)
    made = all(function.constructs for function in functions)  # an instance is entered or iterated here, and may be made elsewhere
    if isinstance(above, ast.Await) or (entered and not made) or _goes_to_loop(source, call):
        return (None, None) if told or decorators else (trail, Bar("returns-awaitable", f"what {functions[0].name}() gives is awaited"))
    if told:
        return trail, Bar("decorated", f"{functions[0].name}() is decorated by {told}, which may change what calling it does")
    if any(function.generates for function in functions):
        return _lazy_helper(source, call, functions[0], trail)
    return trail, None


def _async_user(source: Source, above: ast.AST, call: ast.Call) -> bool:
    return (isinstance(above, ast.AsyncFor) and above.iter is call) or isinstance(source.parent(above), ast.AsyncWith)


def _goes_to_loop(source: Source, call: ast.Call) -> bool:
    """Whether the call's value is handed to what runs awaitables, at once or by a name that is awaited later."""
    above = source.parent(call)
    if isinstance(above, ast.Starred):
        above = source.parent(above)
    if isinstance(above, ast.Call) and call is not above.func:
        last = last_part(above.func)
        return last in ("gather", "create_task", "ensure_future", "wait_for", "shield", "run_coroutine_threadsafe", "as_completed", "run_until_complete")
    if isinstance(above, ast.Assign) and len(above.targets) == 1 and isinstance(above.targets[0], ast.Name):
        home = source.scope(above.targets[0]).home(above.targets[0].id)
        return home is not None and any(source.awaited(load) for load in source.names.uses(above.targets[0].id, home))
    return False


def _decorators(function: Function) -> Iterator[tuple[str, str]]:
    """(dotted path, "" when calling stays calling) of each decorator; else its text as written."""
    source = function.source
    for decorator in function.node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        path = source.qualified(target) or (target.id if isinstance(target, ast.Name) else "")
        root = path.partition(".")[0]
        plain = path in ("staticmethod", "classmethod") or root in ("functools", "tenacity", "backoff", "typing", "abc", "retry", "retrying", "typing_extensions", "contextlib")
        if not plain and isinstance(target, ast.Attribute):
            plain = source.made_by(target.value).rpartition(".")[2] in ("FastAPI", "APIRouter", "Flask", "Blueprint", "Celery")
        if not plain:
            made = referred(source, target)
            plain = bool(made) and not any(isinstance(part, ast.AsyncFunctionDef) for one in made for part in ast.walk(one.node))
        yield path, "" if plain else source.code(target)


def _lazy_helper(source: Source, call: ast.Call, function: Function, trail: Trail) -> tuple[Trail | None, Bar | None]:
    """A generator runs where it is iterated: here, or in the hands of something that knows how."""
    above = source.parent(call)
    if _loops_over(source, call):
        return trail, Bar("lazy-iteration", f"{function.name}() waits while it is iterated")
    if isinstance(above, ast.withitem):
        return trail, Bar("blocking-with", f"entering and leaving {function.name}() waits")
    if isinstance(above, ast.Call) and path_of(source, above.func) in ("builtins.list", "builtins.tuple", "builtins.set", "builtins.sum", "next", "builtins.next"):
        return trail, Bar("lazy-iteration", f"{function.name}() waits while it is iterated")
    return None, None


def _callbacks(source: Source, call: ast.Call, function: ast.AsyncFunctionDef) -> Iterator[Spot]:
    given = [*call.args[:1], *(each.value for each in call.keywords if each.arg == "key")]
    for value in given:
        path = path_of(source, value)
        trail = next((trail for each in referred(source, value) if not each.asynchronous and (trail := trail_of(each)) is not None), None)
        if CALLS.get(path, "quick") != "quick" or trail is not None:
            name = trail_words(trail) if trail is not None else path
            yield Spot(call, function, "", bar=Bar("callback", f"`{name}` waits each time it is called back"))


# properties


def _properties(source: Source) -> dict[str, list[Function]]:
    """The project's properties by name."""

    def read() -> dict[str, list[Function]]:
        found: dict[str, list[Function]] = {}
        for other in source.project:
            for node in other.nodes(ast.FunctionDef) if b"@property" in other.utf8 else ():
                if any(isinstance(decorator, ast.Name) and decorator.id == "property" for decorator in node.decorator_list):
                    found.setdefault(node.name, []).append(Function(other, node))
        return found

    return source.project.remember("properties", read)  # type: ignore[no-any-return]


def _property_trail(source: Source, attribute: ast.Attribute, known: list[Function]) -> Trail | None:
    for origin in source.origins(attribute.value):
        classes = [origin]
        if origin.kind == "value" and isinstance(origin.node, ast.Call):
            classes = origin.source.origins(origin.node.func)
        for each in classes:
            for each_property in known:
                if each.node is each_property.source.parent(each_property.node) and (trail := trail_of(each_property)) is not None:
                    return trail
    return None
