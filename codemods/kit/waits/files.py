"""Files that requests would mix up in threads: those that are written anew in their place, and those that are read and then written back."""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from ..callers import argument, callers
from ..callgraph import Function, callees, made_once
from ..locks import in_turn
from ..names import FunctionNode
from ..source import Source
from .waiting import body, calls_in, kind_of, path_of

OPENERS = ("builtins.open", "io.open", "codecs.open")
MOVERS = frozenset({"os.replace", "os.rename", "shutil.move", "shutil.copy", "shutil.copyfile", "shutil.copy2"})
NEVER_TWICE = frozenset({"uuid", "tempfile", "time", "datetime", "secrets", "random"})
Shape = frozenset[str]  # the words of a path besides what differs from call to call


@dataclass(slots=True)
class Touched:
    """The files that calling a function reads, writes over, or puts anew in their place.

    Paths that are the same in every call by what they are, with their text; others by parameters and their shapes.
    """

    read: dict[Hashable, str] = field(default_factory=dict)
    written: dict[Hashable, str] = field(default_factory=dict)
    replaced: dict[Hashable, str] = field(default_factory=dict)
    reads: set[tuple[str, Shape]] = field(default_factory=set)
    writes: set[tuple[str, Shape]] = field(default_factory=set)


# paths


def written_path(source: Source, call: ast.Call) -> ast.expr | None:
    """The path of a file that a call overwrites."""
    if path_of(source, call.func) in OPENERS and call.args:
        mode = call.args[1] if len(call.args) > 1 else next((given.value for given in call.keywords if given.arg == "mode"), None)
        return call.args[0] if _overwrites(mode) else None
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("write_text", "write_bytes", "open"):
        kind = kind_of(source, call.func.value)
        mode = call.args[0] if call.args else next((given.value for given in call.keywords if given.arg == "mode"), None)
        if kind is not None and kind.name == "path":
            return call.func.value if call.func.attr != "open" or _overwrites(mode) else None
    return None


def read_path(source: Source, call: ast.Call) -> ast.expr | None:
    """The path of a file that a call reads, or opens to be read."""
    func = call.func
    if path_of(source, func) in OPENERS and call.args:
        mode = call.args[1] if len(call.args) > 1 else next((given.value for given in call.keywords if given.arg == "mode"), None)
        return call.args[0] if _reads(mode) else None
    if isinstance(func, ast.Attribute) and func.attr in ("read_text", "read_bytes"):
        return func.value
    if isinstance(func, ast.Attribute) and func.attr == "open" and (kind := kind_of(source, func.value)) is not None and kind.name == "path":
        mode = call.args[0] if call.args else next((given.value for given in call.keywords if given.arg == "mode"), None)
        return func.value if _reads(mode) else None
    return None


def moved_to(source: Source, call: ast.Call) -> ast.expr | None:
    """Where a call puts a file that is whole already."""
    if len(call.args) > 1 and source.qualified(call.func) in MOVERS:
        return call.args[1]
    return None


def _overwrites(mode: ast.expr | None) -> bool:
    """Whether a file is opened so that what it held may go: appending keeps it."""
    return isinstance(mode, ast.Constant) and isinstance(mode.value, str) and bool(set(mode.value) & set("wx+")) and "a" not in mode.value


def _reads(mode: ast.expr | None) -> bool:
    return mode is None or (isinstance(mode, ast.Constant) and isinstance(mode.value, str) and not set(mode.value) & set("wxa"))


def ground(source: Source, node: ast.expr, function: ast.AST, hops: int = 0) -> tuple[frozenset[str], bool]:
    """What a value depends on: parameters by name, and whether on the moment, or on the turn of a loop."""
    names: frozenset[str] = frozenset()
    moment = False
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and source.qualified(part.func).partition(".")[0] in NEVER_TWICE:
            moment = True
        if not (isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)):
            continue
        home = source.scope(part).home(part.id)
        for binding in home.bindings[part.id] if home is not None and home.kind not in ("module", "class") else ():
            if binding.kind == "param" and not (source.class_of(home.node) is not None and is_first(home.node, binding.node)):  # type: ignore[union-attr]
                names |= {part.id}
            elif binding.kind in ("for", "with", "except", "augmented") or binding.unpacked:
                moment = True
            if binding.value is not None and hops < 5:
                below, later = ground(source, binding.value, function, hops + 1)
                names, moment = names | below, moment or later
    return names, moment


def is_first(function: ast.AST, arg: ast.AST) -> bool:
    """Whether a parameter is the first one: `self`, in a method."""
    if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    return not any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in function.decorator_list) and [*function.args.posonlyargs, *function.args.args][:1] == [arg]


def _identity(source: Source, node: ast.expr) -> Hashable:
    """What tells one fixed path from another, in whichever file it is spelled."""
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords and source.qualified(node.func) == "pathlib.Path":
        return _identity(source, node.args[0])
    origins = list(source.origins(node))
    if len(origins) == 1 and origins[0].kind == "value" and isinstance(origins[0].node, ast.expr):
        value, home = origins[0].node, origins[0].source
        if isinstance(value, ast.Constant):
            return str(value.value)
        if value is not node and isinstance(value, ast.Call):
            return _identity(home, value)
        return value if home.function(value) is None else (home.path, home.code(value))
    if isinstance(node, ast.Attribute) and (owner := source.class_of(node)) is not None:
        return owner, source.code(node)
    return source.path, source.code(node)


def _shape(source: Source, node: ast.expr, hops: int = 0) -> Shape:
    words: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            words.add(part.value)
        elif isinstance(part, ast.Attribute):
            words.add(part.attr)
        elif isinstance(part, ast.Name):
            home = source.scope(part).home(part.id)
            if home is None or home.kind in ("module", "class"):
                words.add(part.id)
            else:
                for binding in home.bindings[part.id] if hops < 5 else ():
                    words |= _shape(source, binding.value, hops + 1) if binding.kind == "assign" and binding.value is not None else set()
    return frozenset(words)


# functions


def touched(function: Function) -> Touched:
    """The files that calling a sync function reads and overwrites, itself or by others."""
    memo, key = function.source.memo, ("touched", function.node)
    if key not in memo:
        memo[key] = Touched()  # what a circle sees
        memo[key] = _touched(function)
    return memo[key]  # type: ignore[no-any-return]


def _touched(function: Function) -> Touched:
    source, node, found = function.source, function.node, Touched()
    for call in calls_in(source, node):
        if (path := written_path(source, call)) is not None:
            _sort(source, path, node, _shape(source, path), found.written, found.writes)
        elif (path := read_path(source, call)) is not None:
            _sort(source, path, node, _shape(source, path), found.read, found.reads)
        elif (path := moved_to(source, call)) is not None:
            _sort(source, path, node, _shape(source, path), found.replaced, found.writes)
        for other in callees(source, call):
            if other.asynchronous or other.once or made_once(source, call):
                continue
            below = touched(other)
            found.read.update(below.read)
            found.written.update(below.written)
            found.replaced.update(below.replaced)
            method = isinstance(other.source.parent(other.node), ast.ClassDef)
            for mine, theirs, into in ((found.reads, below.reads, found.read), (found.writes, below.writes, found.written)):
                for name, shape in theirs:
                    if (given := argument(other.node, call, name, method=method)) is not None:
                        _sort(source, given, node, shape | _shape(source, given), into, mine)
    return found


def _sort(source: Source, path: ast.expr, function: ast.AST, shape: Shape, fixed: dict[Hashable, str], others: set[tuple[str, Shape]]) -> None:
    names, moment = ground(source, path, function)
    if moment:
        return
    if names:
        others.update((name, shape) for name in names)
    else:
        fixed.setdefault(_identity(source, path), source.code(path))


# the project


def overwritten(source: Source) -> dict[Hashable, str]:
    """The fixed paths that functions of the files seen together write over, with the function's name: whoever reads them meanwhile may find half of it."""
    return source.project.remember("overwritten", lambda: dict(_overwritten(source)))  # type: ignore[no-any-return]


def _overwritten(source: Source) -> Iterator[tuple[Hashable, str]]:
    for other in source.project:
        if not (b"open(" in other.utf8 or b"write_" in other.utf8):
            continue
        uses = [*other.names.loads.get("open", ()), *(attribute for name in ("open", "write_text", "write_bytes") for attribute in other.attributes(name))]
        for use in uses:
            call, function = other.parent(use), other.function(use)
            if not (isinstance(call, ast.Call) and call.func is use and isinstance(function, FunctionNode)) or _first_time(other, call, function):
                continue
            path = written_path(other, call)
            if path is None:
                continue
            names, moment = ground(other, path, function)
            if not moment and not names:
                yield _identity(other, path), function.name
            elif not moment:
                for name in names:
                    yield from _handed(other, function, name)


def _handed(source: Source, function: FunctionNode, name: str) -> Iterator[tuple[Hashable, str]]:
    """The fixed paths that calls of the function give for a parameter."""
    method = isinstance(source.parent(function), ast.ClassDef)
    for other, call in callers(source, function).calls:
        given, caller = argument(function, call, name, method=method), other.function(call)
        if given is not None and caller is not None and ground(other, given, caller) == (frozenset(), False):
            yield _identity(other, given), function.name


def _first_time(source: Source, call: ast.Call, function: ast.AST) -> bool:
    """Whether the file is only written where there is none."""
    for above in source.parents(call):
        if above is function:
            return False
        if isinstance(above, ast.If) and any(isinstance(part, ast.Attribute) and part.attr in ("exists", "is_file", "isfile") for part in ast.walk(above.test)):
            return True
        if isinstance(above, ast.ExceptHandler) and above.type is not None and "NotFound" in ast.unparse(above.type):
            return True
    return False


def helper_trouble(function: Function, source: Source, call: ast.Call, caller: ast.AST) -> str | None:
    """In words, the file that a helper would mix up with others in another thread."""
    found = touched(function)
    written = dict(found.written)
    read = dict(found.read)
    method = isinstance(function.source.parent(function.node), ast.ClassDef)
    for theirs, into in ((found.writes, written), (found.reads, read)):
        for name, shape in theirs:
            if (given := argument(function.node, call, name, method=method)) is not None:
                _sort(source, given, caller, shape, into, set())
    for path in written.values():
        return f"{function.name}() writes the file {path}; two threads at once would mix it up"
    for name in sorted(name for name, _ in found.writes & found.reads):
        return f"{function.name}() reads the file of `{name}` and writes it back; two threads at once would mix it up"
    others = overwritten(source)
    for key, path in read.items():
        if key in others:
            return f"{function.name}() reads the file {path}, which {others[key]}() writes over: it may be half written by then"
    return None


# an async function


def fixed_writes(source: Source, function: ast.AST) -> Iterator[str]:
    """The paths, as written, of files that a function overwrites and that are the same in every call."""
    for _, path in _fixed(source, function):
        yield source.code(path)


def _fixed(source: Source, function: ast.AST) -> Iterator[tuple[ast.Call, ast.expr]]:
    for call in calls_in(source, function):
        path = written_path(source, call)
        if path is not None and ground(source, path, function) == (frozenset(), False):
            yield call, path


def rewritten(source: Source, function: ast.AST) -> Iterator[str]:
    """The paths, as written, of files that a function both reads and overwrites."""
    read, written = set(), set()
    for call in calls_in(source, function):
        if (path := written_path(source, call)) is not None or (path := moved_to(source, call)) is not None:
            written.add(source.code(path))
        elif (path := read_path(source, call)) is not None:
            read.add(source.code(path))
    yield from sorted(read & written)


def read_while_written(source: Source, path: ast.expr, function: ast.AST) -> str:
    """The function that writes over the file of a fixed path while others read it; "" for none."""
    return overwritten(source).get(_identity(source, path), "") if ground(source, path, function) == (frozenset(), False) else ""


def torn(source: Source, node: ast.AST, function: FunctionNode) -> str | None:
    """In words, the file that an `await` at the node would leave to others between what this function does to it before and after; None where a lock of asyncio keeps them away."""
    if in_turn(source, node):
        return None
    pairs: list[tuple[int, int, str]] = source.remember(("torn", function), lambda: [*_pairs(source, function)])
    here, end = source.start(node), source.stop(node)
    return next((words for first, last, words in pairs if first <= end and here <= last), None)


def _pairs(source: Source, function: FunctionNode) -> Iterator[tuple[int, int, str]]:
    """The stretches of the function in which nobody else may come to a file, each with a sentence."""
    awaits = [source.start(part) for part in body(source, function) if isinstance(part, (ast.Await, ast.AsyncFor, ast.AsyncWith))]

    def alone(first: int, last: int) -> bool:
        return not any(first < place < last for place in awaits)

    for call, path in _fixed(source, function):
        text = source.code(path)
        uses = [source.stop(part) for part in body(source, function) if isinstance(part, ast.expr) and type(part) is type(path) and source.code(part) == text]
        later = [stop for stop in uses if stop > source.stop(call) and alone(source.stop(call), stop)]
        if later:
            yield source.start(call), max(later), f"the file {text} is written and then used, and no other request comes between today"
    read: list[tuple[int, Hashable, str]] = []
    for call in sorted(calls_in(source, function), key=source.start):
        written, known = _by_call(source, call, function)
        for place, key, text in read:
            if key in written and alone(place, source.start(call)):
                yield place, source.start(call), f"the file of `{text}` is read and then written back, and no other request comes between today"
        read += [(source.stop(call), key, text) for key, text in known.items()]


def _by_call(source: Source, call: ast.Call, function: ast.AST) -> tuple[dict[Hashable, str], dict[Hashable, str]]:
    """The files that a call writes and reads, by what is told of their paths here, each with its text."""
    written: dict[Hashable, str] = {}
    read: dict[Hashable, str] = {}
    for path, into in ((written_path(source, call) or moved_to(source, call), written), (read_path(source, call), read)):
        if path is not None:
            into[source.code(path), frozenset()] = source.code(path)
            _sort(source, path, function, frozenset(), into, set())
    for other in callees(source, call):
        if other.asynchronous or other.once:
            continue
        below = touched(other)
        read.update(below.read)
        written.update(below.written | below.replaced)
        method = isinstance(other.source.parent(other.node), ast.ClassDef)
        for theirs, into in ((below.writes, written), (below.reads, read)):
            for name, shape in theirs:
                if (given := argument(other.node, call, name, method=method)) is not None:
                    into[source.code(given), shape] = source.code(given)
                    _sort(source, given, function, shape, into, set())
    return written, read
