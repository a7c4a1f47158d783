"""What the project's tests put in the place of a name."""

from __future__ import annotations

import ast

from .source import Surroundings


def patched(project: Surroundings, name: str) -> list[str]:
    """The places, as path:line, where a test patches an attribute or global of that name."""
    found = []
    for source in project:
        for call in source.nodes(ast.Call):
            callee = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if callee not in ("patch", "setattr", "object"):
                continue
            texts = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            if any(name in text.split(".") for text in texts):
                found.append(f"{source.path}:{call.lineno}")
    return found[:5]
