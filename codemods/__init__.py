"""The codemods: every module directly here is one."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from .kit.codemod import STAGES, Codemod


@cache
def codemods() -> dict[str, Codemod]:
    """Every codemod by its public name, in the order in which they are applied."""
    found = []
    for info in pkgutil.iter_modules(__path__):
        if not info.ispkg:
            module = importlib.import_module(f"{__name__}.{info.name}")
            found.append(getattr(module, info.name))
    return {each.name: each for each in sorted(found, key=lambda each: (STAGES.index(each.stage), each.name))}
