"""LangChain objects that lie in lists, mappings, sessions and application state: what was put there."""

from __future__ import annotations

import ast
from collections.abc import Callable

from ..names import Binding
from ..origins import annotation_path, origins_of
from ..source import Source, is_none
from .langchain_kind import UNKNOWN, Kinds, one, total
from .langchain_names import class_family, made

Ask = Callable[[Source, ast.expr | None], Kinds]  # what an expression inside may be


def by_loop(source: Source, binding: Binding, ask: Ask) -> Kinds:
    """`for tool in tools`: what the elements are."""
    target = getattr(binding.node, "target", None)
    if binding.kind != "for" or binding.value is None or not isinstance(target, ast.Name):
        return UNKNOWN
    return elements(source, binding.value, ask)


def elements(source: Source, iterable: ast.expr, ask: Ask, hops: int = 0) -> Kinds:
    """What the elements of a list, tuple or set are, or the values of a mapping."""
    if hops > 8:
        return UNKNOWN
    if (
        isinstance(iterable, ast.Call)
        and isinstance(iterable.func, ast.Attribute)
        and iterable.func.attr == "values"
        and not iterable.args
    ):
        iterable = iterable.func.value
    answers = []
    for origin in origins_of(source, iterable):
        home, node = origin.source, origin.node
        if origin.kind == "annotation":
            answers.append(_of_element_annotation(home, node))
        elif origin.kind == "parameter" and origin.binding is not None:
            answers.append(_of_element_annotation(home, origin.binding.annotation))
        elif isinstance(node, (ast.List, ast.Tuple, ast.Set)) and node.elts:
            answers += [
                (elements(home, part.value, ask, hops + 1) if isinstance(part, ast.Starred) else ask(home, part))
                for part in node.elts
            ]
        elif isinstance(node, ast.Dict) and node.values:
            answers += [ask(home, part) for part in node.values]
        elif isinstance(node, ast.DictComp):
            answers.append(ask(home, node.value))
        elif isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
            answers.append(ask(home, node.elt))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            answers += [elements(home, side, ask, hops + 1) for side in (node.left, node.right)]
        elif isinstance(node, ast.Call) and made(home.qualified(node.func))[0] == "tools":
            answers.append(one("tool", made(home.qualified(node.func))[1], home, node))
        elif not (isinstance(node, (ast.List, ast.Dict, ast.Tuple))):
            answers.append(UNKNOWN)
    return total(answers)


def _of_element_annotation(source: Source, node: ast.AST | None) -> Kinds:
    if not isinstance(node, ast.Subscript):
        return UNKNOWN
    outer = source.qualified(node.value).rpartition(".")[2] or getattr(node.value, "id", "")
    if outer.lower() not in ("list", "sequence", "iterable", "dict", "mapping"):
        return UNKNOWN
    inner = node.slice.elts[-1] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
    path = annotation_path(source, inner)
    return one(class_family(path), path, source, inner)


def by_key(source: Source, container: ast.expr, key: ast.expr, ask: Ask) -> Kinds:
    """`tools_by_name[name]`: what was put under the same text key, else everything that was put into the container."""
    filled = [(target, ask(source, _put(source, target))) for target in _stores(source, container)]
    made_of = origins_of(source, container)
    if isinstance(key, ast.Constant):
        stored = [
            kinds
            for target, kinds in filled
            if isinstance(target.slice, ast.Constant) and target.slice.value == key.value
        ]
        for origin in made_of:
            if isinstance(origin.node, ast.Dict):
                pairs = zip(origin.node.keys, origin.node.values, strict=True)
                stored += [
                    ask(origin.source, value)
                    for given, value in pairs
                    if isinstance(given, ast.Constant) and given.value == key.value and not is_none(value)
                ]
        if stored:
            return total(stored)
    answers = [kinds for _, kinds in filled]
    if not all(_empty(origin.node) for origin in made_of):
        answers.append(elements(source, container, ask))
    return total(answers)


def _empty(node: ast.AST | None) -> bool:
    if isinstance(node, ast.Call):
        return (
            not node.args and not node.keywords and isinstance(node.func, ast.Name) and node.func.id in ("dict", "list")
        )
    return (isinstance(node, ast.Dict) and not node.values) or (isinstance(node, ast.List) and not node.elts)


def _stores(source: Source, container: ast.expr) -> list[ast.Subscript]:
    """Every `container[...] = ...` of the file."""
    stored: dict[str, list[ast.Subscript]] = source.remember("stored items", lambda: _stored(source))
    return stored.get(ast.dump(container), []) if stored else []


def _stored(source: Source) -> dict[str, list[ast.Subscript]]:
    found: dict[str, list[ast.Subscript]] = {}
    for target in source.nodes(ast.Subscript):
        if isinstance(target.ctx, ast.Store):
            found.setdefault(ast.dump(target.value), []).append(target)
    return found


def _put(source: Source, target: ast.Subscript) -> ast.expr | None:
    statement = source.statement(target)
    return statement.value if isinstance(statement, ast.Assign) and target in statement.targets else None


def by_attribute(source: Source, node: ast.Attribute, ask: Ask) -> Kinds:
    """`app.state.chain`, `request.app.state.chain`: what the project's files store under that name."""
    if not (isinstance(node.value, ast.Attribute) and node.value.attr == "state"):
        return _of_part(source, node, ask)
    stored = []
    for other in source.project.mentioning(node.attr):
        for target in other.attributes(node.attr):
            if (
                isinstance(target.ctx, ast.Store)
                and isinstance(target.value, ast.Attribute)
                and target.value.attr == "state"
            ):
                statement = other.statement(target)
                if isinstance(statement, ast.Assign) and target in statement.targets:
                    if not is_none(statement.value):
                        stored.append(ask(other, statement.value))
                else:
                    stored.append(UNKNOWN)
    return total(stored)


def _of_part(source: Source, node: ast.Attribute, ask: Ask) -> Kinds:
    """`chain.memory`, `vectorstore.embeddings`: the part that was given at construction."""
    answers = []
    for kind in ask(source, node.value).found:
        given = (
            next((part.value for part in kind.call.keywords if part.arg == node.attr), None)
            if kind.call is not None
            else None
        )
        answers.append(ask(kind.source, given) if given is not None else UNKNOWN)
    return total(answers)


def by_session(source: Source, key: ast.expr, ask: Ask) -> Kinds:
    """`cl.user_session.get("chain")`: what the project's files set under that key."""
    if not isinstance(key, ast.Constant):
        return UNKNOWN
    stored = []
    for other in source.project:
        for call in other.calls("chainlit.user_session.set"):
            if len(call.args) == 2 and isinstance(call.args[0], ast.Constant) and call.args[0].value == key.value:
                stored.append(ask(other, call.args[1]))
    return total(stored)
