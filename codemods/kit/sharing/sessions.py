"""Functions that are asked for the history of one session."""

from __future__ import annotations

import ast

from ..source import Source


def session_function(source: Source, node: ast.AST) -> ast.Lambda | None:
    """The lambda around a node that is asked for one session's history."""
    for above in source.parents(node):
        if isinstance(above, ast.Lambda):
            call = source.parent(above)
            if isinstance(call, ast.keyword):
                call = source.parent(call)
            if isinstance(call, ast.Call) and source.qualified(call.func).endswith(".RunnableWithMessageHistory") and above.args.args:
                return above
    return None
