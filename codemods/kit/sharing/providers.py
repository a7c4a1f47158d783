"""FastAPI dependencies: who depends on a provider, and which of their parameters it may ask for as well."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from ..handlers import handlers
from ..names import FunctionNode
from ..source import Source
from .keys import Key, keys

_BUILTIN = re.compile(r"\w+\s*:\s*(str|int)(\s*\|\s*None)?(\s*=\s*(None|\d+|'[^']*'|\"[^\"]*\"))?")
DEPENDS = ("fastapi.Depends", "fastapi.params.Depends", "fastapi.Security")


def dependents(source: Source, provider: FunctionNode) -> Iterator[tuple[Source, FunctionNode | None]]:
    """The functions with a parameter that the provider gives; None where that can't be told."""
    for other in source.project:
        for call in other.nodes(ast.Call):
            if other.qualified(call.func) in DEPENDS and call.args and any(origin.node is provider for origin in other.origins(call.args[0])):
                holder = next((node for node in other.parents(call) if isinstance(node, ast.stmt)), None)
                yield other, holder if isinstance(holder, FunctionNode) else None


def keyed_dependent(source: Source, provider: FunctionNode) -> tuple[Source, FunctionNode] | None:
    """A function with a key of its own that depends on the provider."""
    found = ((other, user) for other, user in dependents(source, provider) if user is not None)
    return next((each for each in found if keys(*each, handlers(each[0].project).get(each[1]))), None)


def borrowed(source: Source, provider: FunctionNode) -> list[Key]:
    """Keys in parameters that all dependents declare alike: the provider may declare such a parameter too and gets the same value."""
    found: dict[tuple[str, str], list[Key]] = {}
    holders = list(dependents(source, provider))
    taken = {arg.arg for arg in [*provider.args.posonlyargs, *provider.args.args, *provider.args.kwonlyargs]}
    for other, function in holders:
        if function is None:
            return []
        for key in keys(other, function, handlers(source.project).get(function)):
            lead = key.text.partition(".")[0]
            written = _declared(other, function, lead)
            if other is not source and not _BUILTIN.fullmatch(written):
                continue  # its class would have to be imported
            if written and not key.after and lead not in taken and key.text.replace(".", "_").isidentifier():
                found.setdefault((key.text, written), []).append(replace(key, borrow=written))
    return sorted((group[0] for group in found.values() if len(group) == len(holders)), key=lambda key: key.rank)


def _declared(source: Source, function: FunctionNode, name: str) -> str:
    """A parameter as it is written, with its default."""
    args = function.args
    positional = [*args.posonlyargs, *args.args]
    defaults = dict(zip([arg.arg for arg in positional[len(positional) - len(args.defaults) :]], args.defaults, strict=True))
    defaults |= {arg.arg: default for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True) if default is not None}
    for arg in [*positional, *args.kwonlyargs]:
        if arg.arg == name and arg.annotation is not None:
            default = defaults.get(name)
            return f"{source.code(arg)} = {source.code(default)}" if default is not None else source.code(arg)
    return ""
