"""LangChain's OpenAI models in one event loop after the other: their HTTP client is one for all, and belongs to the first loop."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ..cut import replace
from ..finding import Edit
from ..libraries.memory import last_name
from ..source import Source, has_keyword, spreads_keywords, targets_of
from .forks import Loop, loops
from .inherited import CACHING

TWINS = {"ainvoke": "invoke", "abatch": "batch"}
ASYNC_RUNS = frozenset([*TWINS, *"astream astream_events astream_log agenerate apredict apredict_messages arun acall atransform aembed_query aembed_documents".split()])
# what runs in sync code as it does in async code, when it is a part of a pipe
PARTS = frozenset("ChatPromptTemplate PromptTemplate StrOutputParser JsonOutputParser PydanticOutputParser".split())
NAMES = frozenset(map(last_name, CACHING))
LAYERS = ("from_template", "from_messages", "from_examples", "bind", "with_retry", "with_config", "with_structured_output", "with_fallbacks", "partial")


@dataclass(frozen=True, slots=True)
class Outlived:
    """A model's constructor, the loops in which it is used, and the edits that do without them; none where that is not certain."""

    source: Source
    node: ast.Call
    loops: tuple[Loop, ...]
    edits: tuple[Edit, ...]


def outlived(source: Source) -> Iterator[Outlived]:
    """The models of this file whose connections are used in more than one event loop."""
    for call in source.index.calls(NAMES):
        if source.qualified(call.func) not in CACHING or has_keyword(call, "http_async_client") or spreads_keywords(call):
            continue
        if source.function(call) is not None and has_keyword(call, "timeout") and not _plain_timeout(call):
            continue  # equal settings share a client; a new Timeout object is equal to none
        loads = _asked(source, call)
        reached = [loop for loop in loops(source.project) if loop.reaches(loads)]
        if len(reached) > 1 or any(loop.again for loop in reached):
            edits = [_synchronous(loop) for loop in reached]
            yield Outlived(source, call, tuple(reached), tuple(edit for each in edits if each for edit in each) if all(edits) else ())


def _plain_timeout(call: ast.Call) -> bool:
    return any(given.arg == "timeout" and isinstance(given.value, (ast.Constant, ast.Tuple)) for given in call.keywords)


def _asked(source: Source, call: ast.Call) -> dict[ast.AST, Source]:
    """Where something made of the model is run asynchronously: the objects of these runs."""
    statement = source.statement(call)
    scope = source.scope(call)
    found: dict[ast.AST, Source] = {call: source} if asks(source, call) else {}
    todo = [(source, name, scope) for name in _bound(source, statement)]
    seen = {(source.path, name) for _, name, _ in todo}
    while todo:
        home, name, where = todo.pop()
        loads = [(home, load) for load in home.names.uses(name, where)]
        if where is home.names.module:
            for other, binding in home.project.importers(home, name):
                loads += [(other, load) for load in other.uses(binding)]
        for other, load in loads:
            if asks(other, load):
                found[load] = other
            holder = other.statement(load)
            if other.scope(load) is (where if other is home else other.names.module):
                for bound in _bound(other, holder):
                    if (other.path, bound) not in seen:
                        seen.add((other.path, bound))
                        todo.append((other, bound, other.scope(load)))
    return found


def _bound(source: Source, statement: ast.stmt) -> list[str]:
    targets = targets_of(statement)
    return [target.id for target in targets if isinstance(target, ast.Name)]


def asks(source: Source, node: ast.AST) -> bool:
    """Whether a model, or what is made of it, is run asynchronously here."""
    above = source.parent(node)
    while isinstance(above, (ast.BinOp, ast.Attribute, ast.Call)):
        if isinstance(above, ast.Attribute) and above.attr in ASYNC_RUNS:
            return True
        node, above = above, source.parent(above)
    return False


def _synchronous(loop: Loop) -> list[Edit]:
    """`asyncio.run(chain.ainvoke(x))` as `chain.invoke(x)`, where every part of the chain does the same in sync code; nothing else."""
    source, given = loop.source, loop.given
    if not isinstance(loop.call, ast.Call) or source.qualified(loop.call.func) != "asyncio.run" or len(loop.call.args) != 1 or loop.call.keywords or not isinstance(given, ast.Call):
        return []
    func = given.func
    if not isinstance(func, ast.Attribute) or func.attr not in TWINS or not _known(source, func.value):
        return []
    stop = source.stop(func)
    before = source.code(given)
    cut = stop - source.start(given)
    lead = before.encode()[: cut - len(func.attr)].decode()
    return replace(source, loop.call, f"{lead}{TWINS[func.attr]}{before.encode()[cut:].decode()}")


def _known(source: Source, node: ast.expr, hops: int = 0) -> bool:
    """Whether an expression is a model, or a pipe of a model with prompts and parsers."""
    if hops > 8:
        return False
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _known(source, node.left, hops + 1) and _known(source, node.right, hops + 1)
    if isinstance(node, ast.Call):
        if has_keyword(node, "callbacks"):
            return False
        path = source.qualified(node.func)
        if path in CACHING or (path.startswith("langchain") and last_name(path) in PARTS):
            return True
        if isinstance(node.func, ast.Attribute) and node.func.attr in LAYERS:
            of_class = source.qualified(node.func.value)
            return (of_class.startswith("langchain") and last_name(of_class) in PARTS) or _known(source, node.func.value, hops + 1)
        return False
    if isinstance(node, (ast.Name, ast.Attribute)):
        origins = source.origins(node)
        return bool(origins) and all(isinstance(each.node, ast.expr) and each.node is not node and _known(each.source, each.node, hops + 1) for each in origins)
    return False
