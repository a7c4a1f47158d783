"""Where a service gives up what it kept, when it stops or before it starts: `chain = None`, `del app.state.chain`, `app.pop("chain", None)`."""

from __future__ import annotations

import ast
from collections.abc import Collection

from ..cut import replace
from ..finding import Edit
from ..handlers import handlers
from ..move import movable, taken_out
from ..source import Source, is_none, targets_of
from ..tests import in_tests
from .reach import reached
from .shared import Group


def lets_go(source: Source, node: ast.AST) -> bool:
    """Whether what a node stands for is only set to None, deleted or taken out there, where no request is served."""
    above = source.parent(node)
    if isinstance(node, ast.Call):
        gone = isinstance(above, ast.Expr)
    elif isinstance(above, (ast.Assign, ast.AnnAssign)):
        gone = node in targets_of(above) and (is_none(above.value) or above.value is None)
    else:
        gone = isinstance(above, ast.Delete)
    function = source.function(node)
    return gone and not in_tests(source) and (function is None or not (function in handlers(source.project) or reached(source, function)))


def when_it_stops(source: Source, node: ast.AST) -> bool:
    """Whether a name is given up behind the `yield` of what a service runs from its start to its stop."""
    function = source.function(node)
    return function is not None and lets_go(source, node) and any(source.start(each) < source.start(node) for each in source.index.yields.get(function, ()))


def until_stop(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements of a body that run before the service does: those up to a `yield`."""
    waits = next((place for place, each in enumerate(body) if isinstance(each, ast.Expr) and isinstance(each.value, ast.Yield)), len(body))
    return body[:waits]


def asks_whether(source: Source, node: ast.AST, group: Group | None = None) -> bool:
    """Whether a read only asks if the object is there yet: `if chain is None:`; a list of the group's is asked whether it is empty by `if not messages:`."""
    above = source.parent(node)
    if isinstance(above, ast.Compare):
        return above.left is node and len(above.ops) == 1 and is_none(above.comparators[0])
    if group is not None and any(cell.kind == "transcript" for cell in group.cells):
        return False
    if isinstance(above, (ast.If, ast.IfExp)):
        return above.test is node
    return (isinstance(above, ast.UnaryOp) and isinstance(above.op, ast.Not)) or (isinstance(above, ast.Call) and isinstance(above.func, ast.Name) and above.func.id == "bool")


def forgotten(group: Group, stands_for: str, factory: str, *, keeps_key: bool = False) -> list[Edit]:
    """The edits by which these places ask for, or give up, the factory, which took the place of the slot `stands_for`; what else is given up is gone.

    `keeps_key`: the factory lies under the slot's own key.
    """
    edits: list[Edit] = []
    gone = {source.parent(node) for source, node, slot in group.let_go if slot != stands_for}
    for source, node, slot in group.let_go:
        leaves = isinstance(source.parent(node), (ast.Assign, ast.AnnAssign, ast.Delete, ast.Expr))
        if slot != stands_for and leaves:
            edits += _gone(source, node, gone)
        elif not keeps_key:
            edits += _under_another_name(source, node, factory)
    return edits


def _under_another_name(source: Source, node: ast.expr, name: str) -> list[Edit]:
    if isinstance(node, ast.Name):
        return replace(source, node, name)
    if isinstance(node, ast.Attribute):
        return replace(source, node, f"{source.code(node.value)}.{name}")
    key = node.slice if isinstance(node, ast.Subscript) else node.args[0] if isinstance(node, ast.Call) else node
    return replace(source, key, f'"{name}"') if isinstance(key, ast.Constant) else []


def _gone(source: Source, node: ast.expr, others: Collection[ast.AST | None]) -> list[Edit]:
    statement = source.parent(node)
    if not isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Delete, ast.Expr)):
        return []
    if isinstance(statement, ast.Delete) and len(statement.targets) > 1:
        place = statement.targets.index(node)
        start, stop = (source.start(node), source.start(statement.targets[place + 1])) if place == 0 else (source.stop(statement.targets[place - 1]), source.stop(node))
        return [source.edit(start, stop, "")]
    if len(targets_of(statement)) > 1:
        return []
    return leaves_block(source, statement, others)


def leaves_block(source: Source, statement: ast.stmt, others: Collection[ast.AST | None]) -> list[Edit]:
    """A statement goes, as these others do; where nothing else is left of its block but `global`, one `pass` is."""
    block = next((body for name in ("body", "orelse", "finalbody") if isinstance(body := getattr(source.parent(statement), name, ()), list) and statement in body), [])
    left = [each for each in block if not isinstance(each, (ast.Global, ast.Nonlocal))]
    if not movable(source, statement) or (left[:1] == [statement] and not isinstance(source.parent(statement), ast.Module) and all(each is statement or each in others for each in left)):
        return replace(source, statement, "pass")
    return [taken_out(source, statement)]
