"""A global object becomes a function that gives one for each process or event loop: the edits, in all files that use it."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from ..cut import alone, lines_of, reindent, span, sure
from ..finding import Edit, Import
from ..imports import spell
from ..names import Binding
from ..sharing.declared import undeclared
from ..source import Source
from ..tests import patched


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What stands in the way: a reason's code, and in words."""

    code: str
    words: str


@dataclass(frozen=True, slots=True)
class Shared:
    """A module-level name that holds an object, the statement that makes it, what is done to it there at once, and its reads."""

    source: Source
    binding: Binding
    statement: ast.Assign | ast.AnnAssign
    setup: tuple[ast.stmt, ...]
    reads: tuple[tuple[Source, ast.expr], ...]  # a Name, or `module.name`

    @property
    def name(self) -> str:
        return self.binding.name


def shared_of(source: Source, binding: Binding) -> Shared | Obstacle:
    """The object behind a module-level assignment with everything that has to follow it; or why that can't be seen."""
    statement = binding.node
    found = source.names.module.bindings[binding.name]
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or len(found) > 1 or not isinstance(source.parent(statement), ast.Module) or not alone(source, statement):
        return Obstacle("assigned-elsewhere", f"`{binding.name}` is assigned in several places, or under a condition")
    if isinstance(statement, ast.Assign) and (len(statement.targets) > 1 or not isinstance(statement.targets[0], ast.Name)):
        return Obstacle("assigned-elsewhere", f"`{binding.name}` shares its assignment with other names")
    if binding.name in (source.exports() or ()):
        return Obstacle("exported", f"`{binding.name}` is in __all__: others may import it from outside")
    if tests := patched(source.project, binding.name):
        return Obstacle("patched-in-tests", f"a test patches `{binding.name}` ({tests[0]})")
    reads: list[tuple[Source, ast.expr]] = [(source, load) for load in source.uses(binding)]
    for other in source.project:
        if other is source:
            continue
        for scope in other.names.inner.values() if binding.name in other.words else ():
            for name, bindings in scope.bindings.items():
                for bound in bindings:
                    meant = other.project.lookup(bound.origin, other.path) if bound.kind == "import" else None
                    if meant == (source, binding.name):
                        if len(bindings) > 1 or scope is not other.names.module or name in (other.exports() or ()) or other.path.endswith("__init__.py"):
                            return Obstacle("exported", f"{other.path} hands `{binding.name}` on")
                        reads += [(other, load) for load in other.names.uses(name, scope)]
                    elif meant == (source, ""):
                        reads += [(other, above) for load in other.names.uses(name, scope) if isinstance(above := other.parent(load), ast.Attribute) and above.attr == binding.name]
        if source in other.project.stars(other):
            return Obstacle("exported", f"{other.path} imports everything from {source.path}")
    setup = _setup(source, statement, binding)
    inside = {part for each in setup for part in ast.walk(each)}
    reads = [(home, read) for home, read in reads if read not in inside]
    for home, read in reads:
        if (obstacle := _obstacle(home, read, binding.name)) is not None:
            return obstacle
    return Shared(source, binding, statement, setup, tuple(reads))


def _setup(source: Source, statement: ast.stmt, binding: Binding) -> tuple[ast.stmt, ...]:
    """The statements right behind the assignment that set the object up: `session.headers.update(...)`, `client.timeout = 5`."""
    body = source.tree.body
    found: list[ast.stmt] = []
    for following in body[body.index(statement) + 1 :]:
        target = following.targets[0] if isinstance(following, ast.Assign) else following.value.func if isinstance(following, ast.Expr) and isinstance(following.value, ast.Call) else None
        attributes = 0
        while isinstance(target, (ast.Attribute, ast.Subscript)):
            target, attributes = target.value, attributes + 1
        named = isinstance(target, ast.Name) and target.id == binding.name and attributes
        quiet = isinstance(following, ast.Assign) or (isinstance(following, ast.Expr) and isinstance(following.value, ast.Call) and _sets_up(following.value))
        if not (named and quiet and alone(source, following)):
            break
        found.append(following)
    return tuple(found)


def _sets_up(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in ("update", "mount", "append", "setdefault", "add", "extend")


def _obstacle(source: Source, read: ast.expr, name: str) -> Obstacle | None:
    """A read that a call in its place would not serve."""
    above = source.parent(read)
    if not sure(source, read):
        return Obstacle("in-f-string", f"`{name}` stands in an f-string whose parts can't be placed")
    if isinstance(above, ast.Attribute) and isinstance(above.ctx, (ast.Store, ast.Del)):
        return Obstacle("changed-later", f"`{name}.{above.attr}` is set after it is made")
    if source.function(read) is None and not (isinstance(above, ast.Attribute) and _within_call(source, above)):
        return Obstacle("handed-on", f"`{name}` is handed to something else at import, which keeps it")
    return None


def _within_call(source: Source, node: ast.AST) -> bool:
    """Whether an attribute path ends in a call: the object is used, not kept."""
    above = source.parent(node)
    while isinstance(above, ast.Attribute):
        node, above = above, source.parent(above)
    return isinstance(above, ast.Call) and above.func is node


# the edits


def getter_name(shared: Shared) -> str:
    """`client` is got by `get_client`."""
    lead, plain = ("_", shared.name[1:]) if shared.name.startswith("_") else ("", shared.name)
    name = f"{lead}get_{plain.lower()}"
    while any(name in scope.bindings for source in {home.path: home for home, _ in shared.reads}.values() for scope in source.names.inner.values()) or name in shared.source.names.module.bindings:
        name += "_here"
    return name


def per_process(shared: Shared) -> tuple[list[Edit], list[tuple[str, Import]]]:
    """One object for each process, made when it is first asked for."""
    source = shared.source
    cache, needs = _spelled(source, "functools", "cache")
    getpid, more = _spelled(source, "os", "getpid")
    name = getter_name(shared)
    maker = f"_{shared.name.strip('_').lower()}_of"
    while maker in source.names.module.bindings:
        maker += "_process"
    arrow = _arrow(shared)
    made = f"@{cache}\ndef {maker}(process: int){arrow}:\n{_body(shared, 'return ')}"
    got = f'def {name}(){arrow}:\n    """The {shared.name.strip("_")} of this process: after a fork, two must not use the same connection."""\n    return {maker}({getpid}())\n'
    return _edits(shared, name, f"{made}\n\n{got}"), [(source.path, need) for need in (*needs, *more)]


def per_loop(shared: Shared, close: str) -> tuple[list[Edit], list[tuple[str, Import]]]:
    """One object for each event loop, closed when the loop ends; `close` is the method that does it."""
    source = shared.source
    module, needs = spell(source, "asyncio")
    name = getter_name(shared)
    plain = shared.name.strip("_").lower()
    kept, closer = f"_{plain}_by_loop", f"_close_{plain}"
    while kept in source.names.module.bindings or closer in source.names.module.bindings:
        kept, closer = f"{kept}_", f"{closer}_"
    made = _class(shared)
    body = f'''{kept}: dict[{module}.AbstractEventLoop, tuple[{made or "object"}, {module}.Task[None]]] = {{}}


def {name}(){_arrow(shared)}:
    """The {shared.name.strip("_")} of the running event loop: its connections work in no other one."""
    loop = {module}.get_running_loop()
    if loop not in {kept}:
{_making(shared)}        {kept}[loop] = {shared.name}, loop.create_task({closer}({shared.name}))
    return {kept}[loop][0]


async def {closer}({shared.name}{f": {made}" if made else ""}) -> None:
    """Waits for the end of the loop, which cancels it, and closes the {shared.name.strip('_')} in time."""
    try:
        await {module}.Event().wait()
    finally:
        {kept}.pop({module}.get_running_loop(), None)
        await {shared.name}.{close}()
'''
    return _edits(shared, name, body), [(source.path, need) for need in needs]


def _spelled(source: Source, module: str, name: str) -> tuple[str, tuple[Import, ...]]:
    text, needs = spell(source, module, name)
    if not needs:
        return text, ()
    text, needs = spell(source, module)
    return f"{text}.{name}", needs


def _class(shared: Shared) -> str:
    """How the code writes the object's class, if a class makes it."""
    call = shared.statement.value
    text = shared.source.code(call.func) if isinstance(call, ast.Call) else ""
    return text if text.rpartition(".")[2][:1].isupper() and text.replace(".", "").isidentifier() else ""


def _arrow(shared: Shared) -> str:
    return f" -> {made}" if (made := _class(shared)) else ""


def _value(shared: Shared, indent: str) -> str:
    """The constructor as written, its further lines moved with it."""
    source, value = shared.source, shared.statement.value
    assert value is not None
    return reindent(source.code(value), "", indent).removeprefix(indent) if "\n" in source.code(value) else source.code(value)


def _body(shared: Shared, lead: str) -> str:
    if not shared.setup:
        return f"    {lead}{_value(shared, '    ')}\n"
    lines = "".join(reindent(lines_of(shared.source, statement), "", "    ") for statement in shared.setup)
    return f"    {shared.name} = {_value(shared, '    ')}\n{lines}    return {shared.name}\n"


def _making(shared: Shared) -> str:
    lines = "".join(reindent(lines_of(shared.source, statement), "", "        ") for statement in shared.setup)
    return f"        {shared.name} = {_value(shared, '        ')}\n{lines}"


def _edits(shared: Shared, name: str, text: str) -> list[Edit]:
    source = shared.source
    start, _ = span(source, shared.statement)
    _, stop = span(source, shared.setup[-1] if shared.setup else shared.statement)
    behind = source.slice(source.stop(shared.statement), span(source, shared.statement)[1]).strip()
    text = (f"{behind}\n" if behind.startswith("#") else "") + text
    before, after = _blanks(source, start, back=True), _blanks(source, stop, back=False)
    first = start == 0
    apart = 0 if first or not text.startswith(("@", "def ", "#")) else max(0, 2 - before)
    text = "\n" * apart + text + ("" if stop >= len(source.utf8) else "\n" * max(0, 2 - after))
    edits = [source.edit(start, stop, text.replace("\n", source.newline) if source.newline != "\n" else text)]
    for home, read in shared.reads:
        tail_start = home.stop(read) - len(shared.name.encode()) if isinstance(read, ast.Attribute) else home.start(read)
        edits.append(home.edit(tail_start, home.stop(read), f"{name}()"))
    return edits + undeclared(source, source.names.module, [shared.name])


def importers(shared: Shared, name: str) -> list[tuple[str, Import]]:
    """What other files import instead of the object."""
    found: dict[tuple[str, Import], None] = {}
    for home, read in shared.reads:
        if home is not shared.source and isinstance(read, ast.Name):
            bound = next(binding for binding in home.names.module.bindings[read.id] if binding.kind == "import")
            assert isinstance(bound.node, ast.ImportFrom)
            found[home.path, Import(home.names.absolute(bound.node), name)] = None
    return list(found)


def _blanks(source: Source, offset: int, back: bool) -> int:
    """The empty lines before or behind an offset at which a line starts."""
    lines: Iterable[str] = source.slice(0, offset).splitlines()[::-1] if back else source.slice(offset, len(source.utf8)).splitlines()
    return next((count for count, line in enumerate(lines) if line.strip()), 2)
