"""FastAPI dependencies: who depends on a provider, and which of their parameters it may ask for as well."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from ..finding import Import
from ..handlers import handlers
from ..imports import spell
from ..names import FunctionNode
from ..origins import class_of
from ..source import Origin, Source
from .key import Key
from .keys import keys
from .reach import imports_of

_BUILTIN = re.compile(r"\w+\s*:\s*(str|int)(\s*\|\s*None)?(\s*=\s*(None|\d+|'[^']*'|\"[^\"]*\"))?")
_FASTAPI = re.compile(r"\w+\s*:\s*(?:str|int)(?:\s*\|\s*None)?\s*=\s*(Header|Query|Cookie|Path)\((?:\.\.\.|None|[\w=]*(?:'[^']*'|\"[^\"]*\"|None|\.\.\.|\d+|True|False)|,\s*)*\)")
DEPENDS = ("fastapi.Depends", "fastapi.params.Depends", "fastapi.Security")


def dependents(source: Source, provider: FunctionNode) -> Iterator[tuple[Source, FunctionNode | None]]:
    """The functions with a parameter that the provider gives; None where that can't be told."""
    owner = source.parent(provider) if provider.name == "__call__" else None
    for other in source.project:
        for call in other.nodes(ast.Call):
            if other.qualified(call.func) in DEPENDS and call.args and any(origin.node is provider or _is_instance(origin, owner) for origin in other.origins(call.args[0])):
                holder = next((node for node in other.parents(call) if isinstance(node, ast.stmt)), None)
                if isinstance(holder, ast.Assign) and isinstance(holder.targets[0], ast.Name):
                    yield from _by_alias(other, holder.targets[0].id)
                else:
                    yield other, holder if isinstance(holder, FunctionNode) else None


def _is_instance(origin: Origin, owner: ast.AST | None) -> bool:
    """Whether what is depended on is an instance that is called: `Depends(get_chain)`, of `get_chain = ChainGetter()`."""
    return owner is not None and (found := class_of(origin)) is not None and found[1] is owner and origin.kind != "class"


def _by_alias(source: Source, name: str) -> Iterator[tuple[Source, FunctionNode | None]]:
    """The functions with a parameter of the type `Chain = Annotated[ConversationChain, Depends(get_chain)]`."""
    loads = [(source, load) for load in source.names.uses(name, source.names.module)]
    for other, binding in imports_of(source, name):
        loads += [(other, load) for load in other.uses(binding)]
    for other, load in loads:
        holder = next((each for each in other.parents(load) if isinstance(each, FunctionNode)), None)
        annotated = holder is not None and any(each.annotation is load for each in [*holder.args.posonlyargs, *holder.args.args, *holder.args.kwonlyargs])
        yield other, holder if annotated else None


def keyed_dependent(source: Source, provider: FunctionNode) -> tuple[Source, FunctionNode] | None:
    """A function with a key of its own that depends on the provider, or on one that does."""
    seen = [(source, provider)]
    for home, asked in seen:
        for other, user in dependents(home, asked):
            if user is None or any(user is each for _, each in seen):
                continue
            handler = handlers(other.project).get(user)
            if keys(other, user, handler):
                return other, user
            if handler is not None and handler.kind == "provider" and len(seen) < 9:
                seen.append((other, user))
    return None


def borrowed(source: Source, provider: FunctionNode) -> list[Key]:
    """Keys in parameters that all dependents declare alike: the provider may declare such a parameter too and gets the same value."""
    return _borrowed(source, provider, source, provider, 0)


def _borrowed(source: Source, provider: FunctionNode, home: Source, asks: FunctionNode, depth: int) -> list[Key]:
    """The same; the keys of a dependent that has none of its own are those of its own dependents. `asks`: who is to declare the parameter, in the file `home`."""
    found: dict[tuple[str, str], list[Key]] = {}
    holders = list(dependents(source, provider))
    taken = {arg.arg for arg in [*asks.args.posonlyargs, *asks.args.args, *asks.args.kwonlyargs]}
    for other, function in holders:
        if function is None:
            return []
        handler = handlers(source.project).get(function)
        its = keys(other, function, handler)
        if not its and handler is not None and handler.kind == "provider" and depth < 4:
            for key in _borrowed(other, function, home, asks, depth + 1):
                found.setdefault((key.text, key.borrow), []).append(key)
            continue
        for key in its:
            names = {node.id for node in ast.walk(ast.parse(key.text, mode="eval")) if isinstance(node, ast.Name)}
            lead = min(names, default="")
            written = _declared(other, function, lead, asks if other is home else None)
            imports: tuple[Import, ...] = ()
            if other is not home and not _BUILTIN.fullmatch(written):
                if (marker := _marker(other, written)) is None:
                    continue  # its class would have to be imported
                text, imports = spell(home, "fastapi", marker)
                if text != marker:
                    continue
            if written and not key.after and lead not in taken and len(names) == 1:
                found.setdefault((key.text, written), []).append(replace(key, borrow=written, imports=(*key.imports, *imports)))
    return sorted((group[0] for group in found.values() if len(group) == len(holders)), key=lambda key: key.rank)


def _marker(source: Source, written: str) -> str | None:
    """What FastAPI reads a plain parameter by: "Header" of `x_session_id: str = Header(...)`."""
    found = _FASTAPI.fullmatch(written)
    bound = source.names.module.bindings.get(found[1], []) if found is not None else []
    return found[1] if found is not None and bound and bound[0].origin == f"fastapi.{found[1]}" else None


def _declared(source: Source, function: FunctionNode, name: str, asks: FunctionNode | None) -> str:
    """A parameter as it is written, with its default; what is defined only after the function `asks` is named in quotes."""
    args = function.args
    positional = [*args.posonlyargs, *args.args]
    defaults = dict(zip([arg.arg for arg in positional[len(positional) - len(args.defaults) :]], args.defaults, strict=True))
    defaults |= {arg.arg: default for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True) if default is not None}
    for arg in [*positional, *args.kwonlyargs]:
        if arg.arg == name and arg.annotation is not None:
            default = defaults.get(name)
            if default is not None and asks is not None and _comes_later(source, default, asks):
                return ""
            written = source.code(arg.annotation)
            if asks is not None and _comes_later(source, arg.annotation, asks):
                if '"' in written:
                    return ""
                written = f'"{written}"'
            return f"{name}: {written} = {source.code(default)}" if default is not None else f"{name}: {written}"
    return ""


def _comes_later(source: Source, node: ast.expr, function: FunctionNode) -> bool:
    """Whether a name in an expression is bound only below the function."""
    start = source.start(function)
    return any(
        source.start(binding.node) > start
        for name in ast.walk(node)
        if isinstance(name, ast.Name)
        for binding in source.names.module.bindings.get(name.id, ())
    )
