"""What kind of LangChain or LangGraph object an expression is: proven through where its value comes from, never by a name.

`kind_of(source, expr)` is the door. A Kind's `family` is one of: chat-model, llm, model (a chat model or an LLM), embeddings, prompt,
parser, fixing-parser (one that asks a model), runnable, chain, executor, retriever, vector-store, tool, memory, history, graph, graph-builder, checkpointer, store, utility.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ..names import Binding, FunctionNode
from ..origins import annotation_path, origins_of, returned
from ..source import Origin, Source, is_none
from .langchain_names import class_family, known, made

COMPOSABLE = frozenset("chat-model llm model prompt parser fixing-parser runnable chain executor retriever tool graph".split())
LANGUAGE_MODELS = frozenset(("chat-model", "llm", "model"))

# methods of an object that give an object of the same kind, or of the family named
SAME = frozenset("bind with_config with_retry with_fallbacks with_types with_listeners with_alisteners configurable_fields configurable_alternatives partial copy".split())
GIVES: dict[str, str] = {
    "as_retriever": "retriever", "as_tool": "tool", "pipe": "runnable", "assign": "runnable", "pick": "runnable", "map": "runnable", "bind_tools": "runnable", "bind_functions": "runnable",
    "with_structured_output": "runnable", "get_prompt": "prompt",
}  # fmt: skip
# families whose `bind` and friends give a plain runnable without the methods of the old API
BINDING = frozenset("bind with_config with_retry with_fallbacks with_types with_listeners with_alisteners configurable_fields configurable_alternatives".split())


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A LangChain object: its family, and where it is made.

    `path` is the dotted path of the class or function that makes it ("" for a pipe); `node` is the expression in `source`:
    a call, a pipe, an annotation, a decorated def. `owner` is the project's own class, when it is an instance of one.
    """

    family: str
    path: str
    source: Source
    node: ast.AST
    owner: ast.ClassDef | None = None
    home: Source | None = None  # the file of `owner`

    @property
    def name(self) -> str:
        """The class or function without its module."""
        return self.path.rpartition(".")[2]

    @property
    def call(self) -> ast.Call | None:
        """The call that makes it, if one is in sight."""
        return self.node if isinstance(self.node, ast.Call) else None


@dataclass(frozen=True, slots=True)
class Kinds:
    """Everything that an expression may be. `certain`: nothing else than these can it be."""

    found: tuple[Kind, ...]
    certain: bool


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
    source.memo[key] = Kinds(tuple(found), certain)
    return source.memo[key]  # type: ignore[no-any-return]


def kinds_from(source: Source, factory: ast.expr) -> Kinds:
    """Every kind of object that calling a function (a name or a lambda) gives."""
    return _sum(_of_origin(origin, 1) for origin in returned(source, factory, 1))


UNKNOWN = Kinds((), False)


def _one(family: str, path: str, source: Source, node: ast.AST) -> Kinds:
    return Kinds((Kind(family, path, source, node),), True) if family else UNKNOWN


def _sum(kinds: Iterable[Kinds]) -> Kinds:
    every = list(kinds)
    return Kinds(tuple(kind for each in every for kind in each.found), bool(every) and all(each.certain for each in every))


def _of_origin(origin: Origin, hops: int) -> Kinds:
    source, node = origin.source, origin.node
    if origin.kind == "annotation" and node is not None:
        path = annotation_path(source, node)
        if family := class_family(path):
            return _one(family, path, source, node)
        return _of_annotated_class(origin)
    if origin.kind == "instance" and isinstance(node, ast.ClassDef):
        return _of_project_class(source, node, node, source)
    if origin.kind == "function" and isinstance(node, FunctionNode):
        return _of_function(source, node)
    if origin.kind == "unknown" and origin.binding is not None:
        return _of_loop(source, origin.binding, hops)
    if origin.kind != "value" or node is None:
        return UNKNOWN
    if isinstance(node, ast.Call):
        return _of_call(source, node, hops)
    if isinstance(node, ast.Await):
        return _of_call(source, node.value, hops) if isinstance(node.value, ast.Call) else UNKNOWN
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = [kinds_of(source, side, hops + 1) for side in (node.left, node.right)]
        if any(side.found and side.certain and all(kind.family in COMPOSABLE for kind in side.found) for side in sides):
            return _one("runnable", "", source, node)
        return UNKNOWN
    if isinstance(node, ast.Subscript):
        return _of_key(source, node.value, node.slice, hops)
    if isinstance(node, ast.Attribute):
        return _of_attribute(source, node, hops)
    return UNKNOWN


def _of_call(source: Source, call: ast.Call, hops: int) -> Kinds:
    path = source.qualified(call.func)
    family, maker = made(path)
    if family:
        return _one(family, maker, source, call)
    callees = origins_of(source, call.func) if isinstance(call.func, (ast.Name, ast.Attribute)) else []
    classes = [origin for origin in callees if origin.kind == "class" and isinstance(origin.node, ast.ClassDef)]
    if classes and len(classes) == len(callees):
        return _sum(_of_project_class(origin.source, origin.node, call, source) for origin in classes)  # type: ignore[arg-type]
    if isinstance(call.func, ast.Call):  # `tool("name")(function)`
        family, maker = made(source.qualified(call.func.func))
        return _one(family, maker, source, call) if family in ("tool", "graph") else UNKNOWN
    if not isinstance(call.func, ast.Attribute):
        return UNKNOWN
    method = call.func.attr
    if method == "get" and source.qualified(call.func.value) == "chainlit.user_session" and call.args:
        return _of_session(source, call.args[0], hops)
    if method in ("get", "setdefault", "pop") and call.args:
        given = [kinds_of(source, argument, hops + 1) for argument in call.args[1:] if not is_none(argument)]
        return _sum([_of_key(source, call.func.value, call.args[0], hops), *given])
    if method not in SAME and method not in GIVES and method != "compile":
        return UNKNOWN
    base = kinds_of(source, call.func.value, hops + 1)
    answers = []
    for kind in base.found:
        if method == "compile":
            answers.append(_one("graph", "langgraph.graph.StateGraph.compile", source, call) if kind.family == "graph-builder" else UNKNOWN)
        elif kind.family not in COMPOSABLE | {"vector-store"}:
            answers.append(UNKNOWN)
        elif method in GIVES:
            answers.append(_one(GIVES[method], "", source, call))
        elif method in BINDING and kind.family != "graph":
            answers.append(_one("runnable", "", source, call))
        else:
            answers.append(Kinds((kind,), True))
    return Kinds(tuple(kind for each in answers for kind in each.found), base.certain and bool(answers) and all(each.certain for each in answers))


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
            return _one(family, maker, source, function)
    return UNKNOWN


# values that lie in containers


def _of_loop(source: Source, binding: Binding, hops: int) -> Kinds:
    """`for tool in tools`: what the elements are."""
    target = getattr(binding.node, "target", None)
    if binding.kind != "for" or binding.value is None or not isinstance(target, ast.Name):
        return UNKNOWN
    return elements_of(source, binding.value, hops + 1)


def elements_of(source: Source, iterable: ast.expr, hops: int = 0) -> Kinds:
    """What the elements of a list, tuple or set are, or the values of a mapping."""
    if hops > 8:
        return UNKNOWN
    if isinstance(iterable, ast.Call) and isinstance(iterable.func, ast.Attribute) and iterable.func.attr == "values" and not iterable.args:
        iterable = iterable.func.value
    answers = []
    for origin in origins_of(source, iterable):
        home, node = origin.source, origin.node
        if origin.kind == "annotation":
            answers.append(_of_element_annotation(home, node))
        elif origin.kind == "parameter" and origin.binding is not None:
            answers.append(_of_element_annotation(home, origin.binding.annotation))
        elif isinstance(node, (ast.List, ast.Tuple, ast.Set)) and node.elts:
            answers += [elements_of(home, part.value, hops + 1) if isinstance(part, ast.Starred) else kinds_of(home, part, hops + 1) for part in node.elts]
        elif isinstance(node, ast.Dict) and node.values:
            answers += [kinds_of(home, part, hops + 1) for part in node.values]
        elif isinstance(node, ast.DictComp):
            answers.append(kinds_of(home, node.value, hops + 1))
        elif isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
            answers.append(kinds_of(home, node.elt, hops + 1))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            answers += [elements_of(home, side, hops + 1) for side in (node.left, node.right)]
        elif isinstance(node, ast.Call) and made(home.qualified(node.func))[0] == "tools":
            answers.append(_one("tool", made(home.qualified(node.func))[1], home, node))
        elif not (isinstance(node, (ast.List, ast.Dict, ast.Tuple))):
            answers.append(UNKNOWN)
    return _sum(answers)


def _of_element_annotation(source: Source, node: ast.AST | None) -> Kinds:
    if isinstance(node, ast.Subscript) and source.qualified(node.value) in ("", "list", "typing.List", "typing.Sequence", "collections.abc.Sequence", "typing.Iterable", "dict", "typing.Dict"):
        inner = node.slice.elts[-1] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
        path = annotation_path(source, inner)
        return _one(class_family(path), path, source, inner)
    return UNKNOWN


def _of_key(source: Source, container: ast.expr, key: ast.expr, hops: int) -> Kinds:
    """`tools_by_name[name]`: what was put under the same text key, else everything that was put into the container."""
    filled = [(target, kinds_of(source, _put(source, target), hops + 1)) for target in _stores(source, container)]
    made_of = origins_of(source, container)
    if isinstance(key, ast.Constant):
        stored = [kinds for target, kinds in filled if isinstance(target.slice, ast.Constant) and target.slice.value == key.value]
        for origin in made_of:
            if isinstance(origin.node, ast.Dict):
                pairs = zip(origin.node.keys, origin.node.values, strict=True)
                stored += [kinds_of(origin.source, value, hops + 1) for given, value in pairs if isinstance(given, ast.Constant) and given.value == key.value and not is_none(value)]
        if stored:
            return _sum(stored)
    answers = [kinds for _, kinds in filled]
    if not all(_empty(origin.node) for origin in made_of):
        answers.append(elements_of(source, container, hops + 1))
    return _sum(answers)


def _empty(node: ast.AST | None) -> bool:
    if isinstance(node, ast.Call):
        return not node.args and not node.keywords and isinstance(node.func, ast.Name) and node.func.id in ("dict", "list")
    return (isinstance(node, ast.Dict) and not node.values) or (isinstance(node, ast.List) and not node.elts)


def _stores(source: Source, container: ast.expr) -> list[ast.Subscript]:
    """Every `container[...] = ...` of the file."""
    written = ast.dump(container)
    return [target for target in source.nodes(ast.Subscript) if isinstance(target.ctx, ast.Store) and ast.dump(target.value) == written]


def _put(source: Source, target: ast.Subscript) -> ast.expr | None:
    statement = source.statement(target)
    return statement.value if isinstance(statement, ast.Assign) and target in statement.targets else None


def _of_attribute(source: Source, node: ast.Attribute, hops: int) -> Kinds:
    """`app.state.chain`, `request.app.state.chain`: what the project's files store under that name."""
    if not (isinstance(node.value, ast.Attribute) and node.value.attr == "state"):
        return _of_part(source, node, hops)
    stored = []
    for other in source.project:
        for target in other.nodes(ast.Attribute):
            if isinstance(target.ctx, ast.Store) and target.attr == node.attr and isinstance(target.value, ast.Attribute) and target.value.attr == "state":
                statement = other.statement(target)
                if isinstance(statement, ast.Assign) and target in statement.targets:
                    if not is_none(statement.value):
                        stored.append(kinds_of(other, statement.value, hops + 1))
                else:
                    stored.append(UNKNOWN)
    return _sum(stored)


def _of_part(source: Source, node: ast.Attribute, hops: int) -> Kinds:
    """`chain.memory`, `vectorstore.embeddings`: the part that was given at construction."""
    answers = []
    for kind in kinds_of(source, node.value, hops + 1).found:
        given = next((part.value for part in kind.call.keywords if part.arg == node.attr), None) if kind.call is not None else None
        answers.append(kinds_of(kind.source, given, hops + 1) if given is not None else UNKNOWN)
    return _sum(answers)


def _of_session(source: Source, key: ast.expr, hops: int) -> Kinds:
    """`cl.user_session.get("chain")`: what the project's files set under that key."""
    if not isinstance(key, ast.Constant):
        return UNKNOWN
    stored = []
    for other in source.project:
        for call in other.calls("chainlit.user_session.set"):
            if len(call.args) == 2 and isinstance(call.args[0], ast.Constant) and call.args[0].value == key.value:
                stored.append(kinds_of(other, call.args[1], hops + 1))
    return _sum(stored)
