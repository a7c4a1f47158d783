"""What kind of LangChain or LangGraph object an expression is: proven through where its value comes from, never by a name.

`kind_of(source, expr)` is the door. A Kind's `family` is one of: chat-model, llm, model (a chat model or an LLM), embeddings, prompt,
parser, fixing-parser (one that asks a model), runnable, chain, executor, retriever, vector-store, tool, memory, history, graph, graph-builder, checkpointer, store, utility.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace

from ..fills import writes
from ..flow import Holder
from ..names import Binding, FunctionNode
from ..origins import annotation_path, origins_of, returned
from ..source import Origin, Source, is_none
from ..tests import in_tests
from .langchain_held import by_attribute, by_key, by_loop, by_session, elements
from .langchain_kind import UNKNOWN, Kind, Kinds, one, total
from .langchain_names import class_family, known, made

__all__ = ["LANGUAGE_MODELS", "Kind", "Kinds", "bases_of", "elements_of", "kind_of", "kinds_from", "kinds_of"]

COMPOSABLE = frozenset(
    "chat-model llm model prompt parser fixing-parser runnable chain executor retriever tool graph".split()
)
LANGUAGE_MODELS = frozenset(("chat-model", "llm", "model"))

# methods of an object that give an object of the same kind, or of the family named
SAME = frozenset(
    "bind with_config with_retry with_fallbacks with_types with_listeners with_alisteners "
    "configurable_fields configurable_alternatives partial copy".split()
)
GIVES: dict[str, str] = {
    "as_retriever": "retriever",
    "as_tool": "tool",
    "pipe": "runnable",
    "assign": "runnable",
    "pick": "runnable",
    "map": "runnable",
    "bind_tools": "runnable",
    "bind_functions": "runnable",
    "with_structured_output": "runnable",
    "get_prompt": "prompt",
}
# families whose `bind` and friends give a plain runnable without the methods of the old API
BINDING = frozenset(
    "bind with_config with_retry with_fallbacks with_types with_listeners with_alisteners "
    "configurable_fields configurable_alternatives".split()
)


def elements_of(source: Source, iterable: ast.expr, hops: int = 0) -> Kinds:
    """What the elements of a list, tuple or set are, or the values of a mapping."""
    return elements(source, iterable, _asked(hops))


def _asked(hops: int) -> Callable[[Source, ast.expr | None], Kinds]:
    return lambda source, expr: kinds_of(source, expr, hops + 1)


def kind_of(source: Source, expr: ast.AST | None) -> Kind | None:
    """The one kind of object that an expression surely is; None when nothing says so or the ways to it disagree."""
    kinds = kinds_of(source, expr)
    families = {kind.family for kind in kinds.found}
    if not kinds.found or not kinds.certain:
        return None
    if len(families) == 1:
        return kinds.found[0]
    if families <= LANGUAGE_MODELS:
        return replace(kinds.found[0], family="model")
    if families <= {"runnable", "prompt", "parser"} or families <= LANGUAGE_MODELS | {"runnable"}:
        return replace(kinds.found[0], family="runnable")
    return None


def kinds_of(source: Source, expr: ast.AST | None, hops: int = 0) -> Kinds:
    """Every kind of object that an expression may be, over all origins of its value."""
    if expr is None or hops > 8:
        return Kinds((), False)
    key = ("langchain", expr)
    if key in source.memo:
        return source.memo[key]  # type: ignore[no-any-return]
    source.memo[key] = Kinds((), True)  # what a circle sees: nothing new
    found: list[Kind] = []
    certain = True
    for origin in origins_of(source, expr):
        kinds = _of_origin(origin, hops)
        found += kinds.found
        certain = certain and kinds.certain
    if not found and isinstance(expr, ast.Name) and (said := _annotated(source, expr)) is not None:
        found, certain = [said], True
    source.memo[key] = Kinds(tuple(found), certain)
    return source.memo[key]  # type: ignore[no-any-return]


def _annotated(source: Source, name: ast.Name) -> Kind | None:
    """What a name is said to be where it gets something unknown: `chain: Runnable = session.get("chain")`, `chain = cast(Runnable, ...)`."""
    home = source.scope(name).home(name.id)
    bound = source.bindings(name.id, home) if home is not None else []
    if len(bound) != 1 or bound[0].kind != "assign":
        return None
    value = bound[0].value
    cast = isinstance(value, ast.Call) and len(value.args) == 2 and source.qualified(value.func) == "typing.cast"
    node = value.args[0] if cast and isinstance(value, ast.Call) else bound[0].annotation
    path = annotation_path(source, node) if node is not None else ""
    family = class_family(path)
    return Kind(family, path, source, node) if family and node is not None else None


def kinds_from(source: Source, factory: ast.expr) -> Kinds:
    """Every kind of object that calling a function (a name or a lambda) gives."""
    return total(_of_origin(origin, 1) for origin in returned(source, factory, 1))


def _of_origin(origin: Origin, hops: int) -> Kinds:
    source, node = origin.source, origin.node
    if origin.kind == "annotation" and node is not None:
        path = annotation_path(source, node)
        if family := class_family(path):
            return one(family, path, source, node)
        return _of_annotated_class(origin)
    if origin.kind == "instance" and isinstance(node, ast.ClassDef):
        return _of_project_class(source, node, node, source)
    if origin.kind == "function" and isinstance(node, FunctionNode):
        return _of_function(source, node)
    if origin.kind == "parameter" and origin.binding is not None:
        return _of_arguments(source, origin.binding, hops)
    if origin.kind == "unknown" and origin.binding is not None:
        return by_loop(source, origin.binding, _asked(hops))
    if origin.kind != "value" or node is None:
        return UNKNOWN
    if isinstance(node, ast.Call):
        return _of_call(source, node, hops)
    if isinstance(node, ast.Await):
        return _of_call(source, node.value, hops) if isinstance(node.value, ast.Call) else UNKNOWN
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = [kinds_of(source, side, hops + 1) for side in (node.left, node.right)]
        if any(side.found and side.certain and all(kind.family in COMPOSABLE for kind in side.found) for side in sides):
            return one("runnable", "", source, node)
        return UNKNOWN
    if isinstance(node, ast.Subscript):
        return by_key(source, node.value, node.slice, _asked(hops))
    if isinstance(node, ast.Attribute):
        return by_attribute(source, node, _asked(hops))
    return UNKNOWN


def _of_arguments(source: Source, binding: Binding, hops: int) -> Kinds:
    """What a parameter without an annotation gets from those who call its function; certain when all of them are in sight."""
    function = binding.scope.node
    if hops > 4 or not isinstance(function, FunctionNode):
        return UNKNOWN
    given = source.remember(("arguments", binding), lambda: writes(Holder("name", source, function, binding.name), source))
    kinds = [kinds_of(move.source, move.node, hops + 1) if move.kind == "value" else UNKNOWN for move in given if not in_tests(move.source)]
    return total(kinds) if any(each.found for each in kinds) else UNKNOWN


def _of_call(source: Source, call: ast.Call, hops: int) -> Kinds:
    path = source.qualified(call.func)
    family, maker = made(path)
    if family:
        return one(family, maker, source, call)
    callees = origins_of(source, call.func) if isinstance(call.func, (ast.Name, ast.Attribute)) else []
    classes = [origin for origin in callees if origin.kind == "class" and isinstance(origin.node, ast.ClassDef)]
    if classes and len(classes) == len(callees):
        return total(_of_project_class(origin.source, origin.node, call, source) for origin in classes)  # type: ignore[arg-type]
    if isinstance(call.func, ast.Call):  # `tool("name")(function)`
        family, maker = made(source.qualified(call.func.func))
        return one(family, maker, source, call) if family in ("tool", "graph") else UNKNOWN
    if not isinstance(call.func, ast.Attribute):
        return UNKNOWN
    method = call.func.attr
    if method == "get" and source.qualified(call.func.value) == "chainlit.user_session" and call.args:
        return by_session(source, call.args[0], _asked(hops))
    if method in ("get", "setdefault", "pop") and call.args:
        given = [kinds_of(source, argument, hops + 1) for argument in call.args[1:] if not is_none(argument)]
        return total([by_key(source, call.func.value, call.args[0], _asked(hops)), *given])
    if method not in SAME and method not in GIVES and method != "compile":
        return UNKNOWN
    base = kinds_of(source, call.func.value, hops + 1)
    answers = []
    for kind in base.found:
        if method == "compile":
            answers.append(
                one("graph", "langgraph.graph.StateGraph.compile", source, call)
                if kind.family == "graph-builder"
                else UNKNOWN
            )
        elif kind.family not in COMPOSABLE | {"vector-store"}:
            answers.append(UNKNOWN)
        elif method in GIVES:
            answers.append(one(GIVES[method], "", source, call))
        elif method in BINDING and kind.family != "graph":
            answers.append(one("runnable", "", source, call))
        else:
            answers.append(Kinds((kind,), True))
    return Kinds(
        tuple(kind for each in answers for kind in each.found),
        base.certain and bool(answers) and all(each.certain for each in answers),
    )


def _of_project_class(home: Source, owner: ast.ClassDef, node: ast.AST, source: Source) -> Kinds:
    for base in bases_of(home, owner):
        if family := class_family(base):
            return Kinds((Kind(family, base, source, node, owner, home),), True)
    return UNKNOWN


def _of_annotated_class(origin: Origin) -> Kinds:
    """An annotation that names a class of the project."""
    source, node = origin.source, origin.node
    if isinstance(node, (ast.Name, ast.Attribute)):
        named = origins_of(source, node)
        if len(named) == 1 and named[0].kind == "class" and isinstance(named[0].node, ast.ClassDef):
            return _of_project_class(named[0].source, named[0].node, node, source)
    return UNKNOWN


def bases_of(source: Source, owner: ast.ClassDef, hops: int = 0) -> Iterator[str]:
    """The dotted paths of the classes outside the project that a class of the project descends from."""
    for base in owner.bases if hops < 8 else ():
        named = base.value if isinstance(base, ast.Subscript) else base
        path = source.qualified(named)
        if known(path):
            yield path
            continue
        for origin in origins_of(source, named):
            if origin.kind == "class" and isinstance(origin.node, ast.ClassDef) and origin.node is not owner:
                yield from bases_of(origin.source, origin.node, hops + 1)


def _of_function(source: Source, function: FunctionNode) -> Kinds:
    """A def that a decorator turns into a tool, a runnable or a graph."""
    for decorator in function.decorator_list:
        family, maker = made(source.qualified(decorator.func if isinstance(decorator, ast.Call) else decorator))
        if family in ("tool", "runnable", "graph") and maker.rpartition(".")[2] in ("tool", "chain", "entrypoint"):
            return one(family, maker, source, function)
    return UNKNOWN
