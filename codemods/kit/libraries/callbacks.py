"""LangChain's callback handlers: which remember what they saw, and how a run is given one."""

from __future__ import annotations

import ast

from ..names import FunctionNode
from ..source import Source, Surroundings

# handlers of the library that collect into themselves
COLLECTING = frozenset({"AsyncIteratorCallbackHandler", "AsyncFinalIteratorCallbackHandler", "FinalStreamingStdOutCallbackHandler"})
BASES = ("CallbackHandler", "CallbackHandlerMixin")
# made to be shared: they take runs apart by their ids
TRACERS = ("Tracer", "LangfuseCallbackHandler", "OpenAICallbackHandler", "CometCallbackHandler", "WandbCallbackHandler", "MlflowCallbackHandler")
GROWS = frozenset("append extend add insert update put put_nowait clear pop popleft appendleft set setdefault write remove".split())
# runs that take `config=`, at this place if not by keyword; and those of the old kind that take `callbacks=`
BY_CONFIG = {
    "invoke": 1, "ainvoke": 1, "stream": 1, "astream": 1, "batch": 1, "abatch": 1, "astream_events": 1, "astream_log": 1, "transform": 1, "atransform": 1,
}  # fmt: skip
BY_CALLBACKS = frozenset(
    "run arun predict apredict predict_messages apredict_messages generate agenerate apply aapply acall generate_prompt agenerate_prompt call_as_llm".split()
)
MODEL_EVENTS = ("on_llm", "on_chat_model", "on_retry", "on_text")


def collects(source: Source, owner: ast.ClassDef) -> bool:
    """Whether a handler class of the project keeps in its instance what its events bring."""
    if not _is_handler(source, owner):
        return False
    for method in owner.body:
        if isinstance(method, FunctionNode) and method.name.startswith("on_") and method.args.args:
            me = method.args.args[0].arg
            if any(_changes(node, me) for node in ast.walk(method)):
                return True
    return False


def _is_handler(source: Source, owner: ast.ClassDef, depth: int = 0) -> bool:
    for base in owner.bases:
        path = source.qualified(base)
        name = path.rpartition(".")[2]
        if path.startswith("langchain") and name.endswith(BASES) and not any(tracer in name for tracer in TRACERS):
            return True
        if depth < 4:
            for origin in source.origins(base):
                if isinstance(origin.node, ast.ClassDef) and origin.node is not owner and _is_handler(origin.source, origin.node, depth + 1):
                    return True
    return False


def _changes(node: ast.AST, me: str) -> bool:
    """`self.x = ...`, `self.x += ...`, `self.x[k] = ...`, `self.x.append(...)`."""
    if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any(_of(target, me) and not (isinstance(target, ast.Subscript) and _tells_runs_apart(target.slice)) for target in targets)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in GROWS or not _of(node.func.value, me):
        return False
    by_run = node.func.attr in ("pop", "setdefault", "add", "remove") and bool(node.args) and _tells_runs_apart(node.args[0])
    return not by_run and not (isinstance(node.func.value, ast.Subscript) and _tells_runs_apart(node.func.value.slice))


def _tells_runs_apart(key: ast.expr) -> bool:
    """`run_id`, `str(run_id)`, `kwargs["run_id"]`: what is kept by it is that of one run."""
    names = {each.id if isinstance(each, ast.Name) else each.value if isinstance(each, ast.Constant) else "" for each in ast.walk(key)}
    return not names.isdisjoint({"run_id", "parent_run_id"})


def _of(node: ast.AST, me: str) -> bool:
    """Whether an expression is an attribute of the instance, or lies in one."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == me:
            return True
        node = node.value
    return False


def collecting(project: Surroundings) -> frozenset[str]:
    """The names of the classes of such handlers."""

    def read() -> frozenset[str]:
        return COLLECTING | {owner.name for source in project for owner in source.nodes(ast.ClassDef) if owner.bases and collects(source, owner)}

    return project.remember("collecting handlers", read)  # type: ignore[no-any-return]


def is_collecting(source: Source, call: ast.Call) -> bool:
    """Whether the call makes a handler that remembers."""
    path = source.qualified(call.func)
    if path.startswith("langchain") and path.rpartition(".")[2] in COLLECTING:
        return True
    return any(collects(*found) for found in class_of(source, call))


def class_of(source: Source, call: ast.Call) -> list[tuple[Source, ast.ClassDef]]:
    if not isinstance(call.func, (ast.Name, ast.Attribute)):
        return []
    return [(origin.source, origin.node) for origin in source.origins(call.func) if isinstance(origin.node, ast.ClassDef)]


def only_models(source: Source, call: ast.Call) -> bool:
    """Whether the handler listens to nothing but models: given to a whole chain it hears no more than before."""
    if source.qualified(call.func).rpartition(".")[2] in COLLECTING:
        return True
    classes = class_of(source, call)
    events = [method.name for _, owner in classes for method in owner.body if isinstance(method, FunctionNode) and method.name.startswith("on_")]
    return bool(classes) and all(event.startswith(MODEL_EVENTS) for event in events)


def only_chains(source: Source, call: ast.Call) -> bool:
    """Whether the handler listens to nothing but the beginning and the end of chains."""
    events = [method.name for _, owner in class_of(source, call) for method in owner.body if isinstance(method, FunctionNode) and method.name.startswith("on_")]
    return bool(events) and all(event.startswith("on_chain") for event in events)
