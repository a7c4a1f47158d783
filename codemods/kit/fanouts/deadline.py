"""What must be done by a given time: where turns are taken, waiting for one's turn counts too."""

from __future__ import annotations

import ast

from ..source import Source, is_none, keyword

BLOCKS = frozenset(
    {"asyncio.timeout", "asyncio.timeout_at", "asyncio.timeouts.timeout", "async_timeout.timeout", "async_timeout.timeout_at", "anyio.fail_after", "anyio.move_on_after", "anyio.CancelScope"}
)
WITHIN = frozenset({"asyncio.wait_for", "asyncio.tasks.wait_for"})
ALL_BY = frozenset({"asyncio.wait", "asyncio.as_completed", "asyncio.tasks.wait", "asyncio.tasks.as_completed"})


def deadline(source: Source, place: ast.Call) -> ast.Call | None:
    """The call that sets a time by which all that is started here must be done; None where each may take its own."""
    function = source.function(place)
    below: ast.AST = place
    for above in source.parents(place):
        if isinstance(above, ast.Call) and source.qualified(above.func) in WITHIN and above.args and above.args[0] is below and _given(above):
            return above
        if isinstance(above, (ast.With, ast.AsyncWith)):
            for item in above.items:
                if isinstance(item.context_expr, ast.Call) and source.qualified(item.context_expr.func) in BLOCKS:
                    return item.context_expr
        if above is function:
            break
        below = above
    names = _names(source, place)
    if source.qualified(place.func) in ALL_BY:
        return place if _given(place) else None
    for call in source.index.calls(["wait", "as_completed", "wait_for"], source.index.aliases):
        path = source.qualified(call.func)
        if call is not place and source.function(call) is function and path in ALL_BY | WITHIN and _given(call) and call.args and names & _read(call.args[0]):
            return call
    return None


def _given(call: ast.Call) -> bool:
    """Whether a call has a time limit that is not None."""
    word = keyword(call, "timeout")
    return not is_none(word.value) if word is not None else len(call.args) > 1


def _names(source: Source, place: ast.Call) -> set[str]:
    """The names under which what is started is kept: by an assignment, or in a list that it is put into."""
    statement = source.statement(place)
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        targets: list[ast.expr] = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)} | _put_into(source, targets)
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) and isinstance(statement.value.func, ast.Attribute):
        return _read(statement.value.func.value)
    return set()


def _put_into(source: Source, targets: list[ast.expr]) -> set[str]:
    """The lists that take a task on in a later statement: `task = create_task(...)`, `tasks.append(task)`."""
    found = set()
    for target in targets:
        home = source.scope(target).home(target.id) if isinstance(target, ast.Name) else None
        for load in source.names.uses(target.id, home) if isinstance(target, ast.Name) and home is not None else ():
            call = source.parent(load)
            if isinstance(call, ast.Call) and load in call.args and isinstance(call.func, ast.Attribute) and call.func.attr in ("append", "add"):
                found |= _read(call.func.value)
    return found


def _read(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
