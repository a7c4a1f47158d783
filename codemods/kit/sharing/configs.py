"""Configurations that name a conversation: `{"configurable": {"thread_id": "1"}}`, and whether what is run with one remembers by it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..source import Source, Surroundings, is_none, keyword

RUNS = frozenset(
    "invoke ainvoke stream astream batch abatch astream_events astream_log get_state aget_state get_state_history aget_state_history update_state aupdate_state".split()
)
# of these, what only goes on with what was said before
LOOKS = frozenset("get_state aget_state get_state_history aget_state_history update_state aupdate_state".split())
CONFIGS = ("langchain_core.runnables.RunnableConfig", "langchain_core.runnables.config.RunnableConfig", "langchain.schema.runnable.RunnableConfig")
WORDS = ("session_id", "thread_id")
AGENTS = ("create_react_agent", "create_agent", "create_deep_agent")


def named_session(source: Source, node: ast.AST) -> ast.expr | None:
    """The one session that a configuration names for every request: a constant, or what was made once when the module was imported."""
    for word, value in _configurable(source, node):
        if word in WORDS and keeps_by(source.project, word) and _fixed(source, value):
            return value
    return None


def keeps_by(project: Surroundings, word: str) -> bool:
    """Whether anything in sight keeps conversations by this word of a configuration."""

    def read() -> bool:
        if word == "session_id":
            return any(b"RunnableWithMessageHistory" in other.utf8 for other in project)
        if not any(b"langgraph" in other.utf8 or b"langchain" in other.utf8 for other in project):
            return False
        given = (each for other in project if b"checkpointer" in other.utf8 for each in other.nodes(ast.keyword))
        return any(each.arg == "checkpointer" and not is_none(each.value) for each in given)

    return project.remember(("keeps by", word), read)  # type: ignore[no-any-return]


def names_thread(source: Source) -> bool:
    """Whether a file may hold a configuration that names a conversation."""
    return b"configurable" in source.utf8 and any(keeps_by(source.project, word) for word in WORDS)


def _configurable(source: Source, node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """What stands under "configurable", by its names."""
    inner: ast.expr | None = None
    if isinstance(node, ast.Dict):
        inner = next((value for name, value in zip(node.keys, node.values, strict=True) if isinstance(name, ast.Constant) and name.value == "configurable"), None)
    elif isinstance(node, ast.Call) and last_part(node.func) == "RunnableConfig" and source.qualified(node.func) in CONFIGS and (given := keyword(node, "configurable")) is not None:
        inner = given.value
    if isinstance(inner, ast.Dict):
        for word, value in zip(inner.keys, inner.values, strict=True):
            if isinstance(word, ast.Constant) and isinstance(word.value, str):
                yield word.value, value


def last_part(callee: ast.expr) -> str:
    return callee.attr if isinstance(callee, ast.Attribute) else callee.id if isinstance(callee, ast.Name) else ""


def _fixed(source: Source, value: ast.expr) -> bool:
    """Whether an expression is the same for all requests."""
    if isinstance(value, ast.Constant):
        return isinstance(value.value, (str, int)) and not isinstance(value.value, bool)
    if isinstance(value, ast.Name):
        home = source.scope(value).home(value.id)
        bindings = home.bindings[value.id] if home is not None and home.kind == "module" else []
        return len(bindings) == 1 and bindings[0].kind == "assign" and not bindings[0].unpacked and bindings[0].value is not None and _once(source, bindings[0].value)
    return source.function(value) is None and _once(source, value)


def _once(source: Source, value: ast.expr) -> bool:
    """Whether an expression at the top of a module gives one text: written down, or made when it is imported."""
    made = source.qualified(value.args[0].func if isinstance(value, ast.Call) and len(value.args) == 1 and isinstance(value.args[0], ast.Call) else getattr(value, "func", None))
    return (isinstance(value, ast.Constant) and isinstance(value.value, (str, int))) or made in ("uuid.uuid4", "uuid.uuid1")


def run_with(source: Source, config: ast.expr) -> ast.Call | None:
    """The run that is given an expression as its configuration."""
    above = source.parent(config)
    if isinstance(above, ast.keyword):
        above = source.parent(above)
    return above if isinstance(above, ast.Call) and isinstance(above.func, ast.Attribute) and above.func.attr in RUNS and config is not above.func else None


def looks_at(source: Source, run: ast.Call) -> bool:
    """Whether a run begins nothing: it reads or corrects what a conversation has come to, or resumes it after an interrupt."""
    assert isinstance(run.func, ast.Attribute)
    first = run.args[0] if run.args else None
    resumes = is_none(first) or (isinstance(first, ast.Call) and last_part(first.func) == "Command")
    return run.func.attr in LOOKS or resumes


def runs_of(source: Source, config: ast.expr) -> list[tuple[Source, ast.Call]]:
    """The runs that are given a configuration where it is written down, or by the local name that it gets there."""
    if (call := run_with(source, config)) is not None:
        return [(source, call)]
    above = source.parent(config)
    target = above.targets[0] if isinstance(above, ast.Assign) and len(above.targets) == 1 else above.target if isinstance(above, ast.AnnAssign) else None
    if not isinstance(target, ast.Name):
        return []
    return [(source, call) for load in source.names.uses(target.id, source.scope(target)) if (call := run_with(source, load)) is not None]


def all_forget(runs: list[tuple[Source, ast.Call]]) -> bool:
    """Whether all of the runs are surely of graphs without a checkpointer, which pay no heed to the thread."""
    return bool(runs) and all(_forgets(source, run) for source, run in runs)


def _forgets(source: Source, run: ast.Call) -> bool:
    assert isinstance(run.func, ast.Attribute)
    for origin in source.origins(run.func.value):
        made = origin.node
        if not isinstance(made, ast.Call) or any(given.arg is None for given in made.keywords):
            return False
        given = keyword(made, "checkpointer")
        compiled = last_part(made.func) == "compile" and isinstance(made.func, ast.Attribute) and not made.args
        if not (compiled or last_part(made.func) in AGENTS) or not (given is None or is_none(given.value)):
            return False
    return True
