"""What a service runs when it starts."""

from __future__ import annotations

import ast

from ..names import FunctionNode
from ..source import Source

LIFESPANS = ("contextlib.asynccontextmanager", "contextlib.contextmanager")
STARTS = ("on_event", "before_serving", "before_server_start", "on_startup", "startup", "main_process_start")


def starts(source: Source, function: FunctionNode) -> bool:
    """Whether a service runs a function when it starts."""
    names = [source.qualified(each.func if isinstance(each, ast.Call) else each) or ast.unparse(each) for each in function.decorator_list]
    return any(name in LIFESPANS or name.rpartition(".")[2].partition("(")[0] in STARTS for name in names)
