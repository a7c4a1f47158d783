"""Chains that remember and are run by a library's own routes: `langserve.add_routes(app, chain)`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..finding import Finding
from ..source import Source, keyword
from .reach import users_of, uses_of
from .shared import Group, cells_in, foreign_groups, module_groups

# what mounts such routes: at which place it is given the chain, and by which keyword
MOUNTS = {
    "langserve.add_routes": (1, "runnable"), "langserve.APIHandler": (0, "runnable"), "langserve.server.add_routes": (1, "runnable"),
    "lanarky.LangchainRouter": (1, "langchain_object"), "lanarky.routing.LangchainRouter": (1, "langchain_object"),
}  # fmt: skip


def mounted(source: Source) -> Iterator[Finding]:
    """A refusal for each such chain that no function uses besides; of one that is used so, its own finding speaks."""
    for call in source.index.calls((path.rpartition(".")[2] for path in MOUNTS), source.index.aliases):
        path = source.qualified(call.func)
        place, word = MOUNTS.get(path, (0, ""))
        given = keyword(call, word)
        value = given.value if given is not None else call.args[place] if word and len(call.args) > place else None
        if value is not None and _remembers(source, value):
            yield source.refuse(value, "needed-at-import", f"{ast.unparse(value)} remembers, and {path} runs the one for all requests")


def _remembers(source: Source, value: ast.expr) -> bool:
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr.startswith("with_"):
        value = value.func.value  # chain.with_types(input_type=...)
    if not isinstance(value, ast.Name):
        return any(True for _ in cells_in(source, value))
    group: Group | None = foreign_groups(source).get(value.id) or next((each for each in module_groups(source) if value.id in each.slots), None)
    return group is not None and not users_of(uses_of(group.source, group.scope, group.slots, group.statements))[0]
