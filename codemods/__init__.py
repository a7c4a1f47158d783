"""The codemods: every module directly here is one."""

from __future__ import annotations

import importlib
import pkgutil

from .kit.codemod import Codemod, registered

for _module in pkgutil.iter_modules(__path__):
    if not _module.ispkg:
        importlib.import_module(f"{__name__}.{_module.name}")
_codemods = registered()


def codemods() -> dict[str, Codemod]:
    """Every codemod by its public name, in the order in which they are applied."""
    return dict(_codemods)
