"""What remembers and is one for all who have an app open that Streamlit or Chainlit runs: in a function under their cache, in a module that a script imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..callers import callers
from ..finding import Finding
from ..handlers import serves
from ..libraries.memory import keeps_threads
from ..names import FunctionNode
from ..source import Source, keyword, targets_of
from ..tests import in_tests
from .configs import named_session
from .handed import Place, everywhere, reaches_model
from .key import may_tell_apart, parameters
from .plan import spot
from .reach import enclosing, uses_of
from .shared import module_groups, returns_cells
from .transcripts import adds
from .wording import shared_by_all


def shared_in_apps(source: Source) -> Iterator[Finding]:
    """A refusal for each such function and object."""
    if source.project.remember("speaks of Streamlit", lambda: any(b"streamlit" in each.utf8 for each in source.project)) and not in_tests(source):
        yield from _cached(source)
        yield from _imported(source)


def _cached(source: Source) -> Iterator[Finding]:
    for function in source.functions() if "streamlit" in source.index.roots else ():
        wrap = next((each for each in function.decorator_list if _keeps_whole(source, each)), None)
        if wrap is None or _by_session(source, function):
            continue
        what = f"what {function.name} returns is one for all sessions of the app"
        if returns_cells(source, function) or _gives_list(source, function):
            yield source.refuse(function, "streamlit-cache", f"{what}, which see each other's messages: {ast.unparse(wrap)} keeps it")
        elif _keeps_threads(source, function) and (name := next(_constant_threads(source), "")):
            yield source.refuse(function, "streamlit-cache", f"{what}, and they all lead the thread {name}: {ast.unparse(wrap)} keeps it")


def _keeps_whole(source: Source, decorator: ast.expr) -> bool:
    """Whether a decorator gives all callers the very same object, no copy of it."""
    call = decorator if isinstance(decorator, ast.Call) else None
    path = source.qualified(call.func if call is not None else decorator)
    if path == "streamlit.cache":
        given = keyword(call, "allow_output_mutation") if call is not None else None
        return given is not None and isinstance(given.value, ast.Constant) and given.value.value is True
    return path in ("streamlit.cache_resource", "streamlit.experimental_singleton")


def _by_session(source: Source, function: FunctionNode) -> bool:
    """Whether an argument that the cache looks at may tell one session from another."""
    names = [arg.arg for arg in parameters(function) if not arg.arg.startswith("_")]
    if not names:
        return bool(function.args.vararg or function.args.kwarg)
    given = [ast.unparse(each) for _, call in callers(source, function).calls for each in [*call.args, *(word.value for word in call.keywords)]]
    return any(may_tell_apart(text) for text in [*names, *given])


def _gives_list(source: Source, function: FunctionNode) -> bool:
    """Whether a function returns a list into which its callers put messages for a model."""
    if not any(isinstance(each.value, ast.List) for each in source.index.returns.get(function, ())):
        return False
    places: list[Place] = []
    name = ""
    for other, call in callers(source, function).calls:
        for target in targets_of(other.statement(call)):
            home = other.scope(target).home(target.id) if isinstance(target, ast.Name) else None
            if isinstance(target, ast.Name) and home is not None:
                name = target.id
                places += [(other, load) for load in other.names.uses(name, home)]
    return bool(places) and adds(places, name) and reaches_model(everywhere(places))


def _keeps_threads(source: Source, function: FunctionNode) -> bool:
    """Whether a function makes what keeps the threads of a graph."""
    return any(isinstance(node, ast.Call) and keeps_threads(source.qualified(node.func)) for node in ast.walk(function))


def _constant_threads(source: Source) -> Iterator[str]:
    """The threads that a script names in writing."""
    for node in source.nodes(ast.Dict):
        value = named_session(source, node)
        if isinstance(value, ast.Name) and source.scope(value).home(value.id) is source.names.module:
            value = next((each.value for each in source.names.module.bindings[value.id]), None)
        if isinstance(value, ast.Constant):
            yield ast.unparse(value)


def _imported(source: Source) -> Iterator[Finding]:
    """What a module makes when it is imported: Streamlit runs a script for each session, but what it imports only once."""
    for group in module_groups(source) if not serves(source.project) else ():
        if group.owner is None and any(_asked_by_script(source, use.source, use.node, set()) for use in uses_of(source, group.scope, group.slots, group.statements)):
            yield source.refuse(spot(group), "streamlit-cache", f"{shared_by_all(group).replace('requests', 'sessions of the app')}, which see each other's messages: the module is imported once")


def _asked_by_script(home: Source, source: Source, node: ast.AST, seen: set[FunctionNode]) -> bool:
    """Whether a script of Streamlit's, other than the module itself, runs what a node stands in."""
    if source is not home and "streamlit" in source.index.roots:
        return True
    function = enclosing(source, node)
    if function is None or function in seen:
        return False
    seen.add(function)
    mentions = callers(source, function)
    return any(_asked_by_script(home, other, call, seen) for other, call in [*mentions.calls, *mentions.others])
