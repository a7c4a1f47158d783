"""Where an application's state is asked under another name: `state = request.app.state`, `state=Depends(get_state)`."""

from __future__ import annotations

import ast

from ..callers import callers
from ..names import FunctionNode
from ..source import Source
from .handed import MAX_PLACES, Place, depending


def asked_through(source: Source, state: ast.Attribute) -> list[tuple[Source, ast.Attribute]] | None:
    """What is asked of the names that it gets in functions; None where it goes anywhere else."""
    found: list[tuple[Source, ast.Attribute]] = []
    todo: list[Place] = [(source, state)]
    for home, node in todo:
        above = home.parent(node)
        if isinstance(above, ast.Attribute) and above.value is node and node is not state:
            found.append((home, above))
            continue
        further = _renamed(home, above) if len(todo) < MAX_PLACES else None
        if further is None:
            return None
        todo += further
    return found


def _renamed(source: Source, above: ast.AST | None) -> list[Place] | None:
    if isinstance(above, (ast.Assign, ast.AnnAssign)):
        targets = above.targets if isinstance(above, ast.Assign) else [above.target]
        scope = source.scope(above)
        if len(targets) != 1 or not isinstance(name := targets[0], ast.Name) or scope.home(name.id) is not scope or scope.kind != "function" or len(scope.bindings.get(name.id, ())) != 1:
            return None
        return [(source, load) for load in source.names.uses(name.id, scope)]
    function = source.function(above) if isinstance(above, ast.Return) else None
    if not isinstance(function, FunctionNode):
        return None
    mentions = callers(source, function)
    if mentions.calls or mentions.runs or not mentions.others:
        return None
    if not all(isinstance(call := other.parent(mention), ast.Call) and other.qualified(call.func).startswith("fastapi.") for other, mention in mentions.others):
        return None
    return [place for other, mention in mentions.others for place in depending(other, mention)]
