"""Configurations that name a conversation: `{"configurable": {"thread_id": "1"}}`, and whether what is run with one remembers by it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..callers import argument
from ..names import FunctionNode, last_part
from ..origins import assignments
from ..source import Origin, Source, Surroundings, is_none, keyword, spreads_keywords
from .reach import instances, lasting

RUNS = frozenset(
    "invoke ainvoke stream astream batch abatch astream_events astream_log get_state aget_state get_state_history aget_state_history update_state aupdate_state".split()
)
# of these, what only goes on with what was said before
LOOKS = frozenset("get_state aget_state get_state_history aget_state_history update_state aupdate_state".split())
CONFIGS = ("langchain_core.runnables.RunnableConfig", "langchain_core.runnables.config.RunnableConfig", "langchain.schema.runnable.RunnableConfig")
WORDS = ("session_id", "thread_id")
SETTINGS = frozenset({"settings", "config", "cfg", "conf", "constants"})
AGENTS = ("create_react_agent", "create_agent", "create_deep_agent")


def named_session(source: Source, node: ast.AST) -> ast.expr | None:
    """The one session that a configuration names for every request: a constant, or what was made once when the module was imported."""
    if not source.remember("configurable", lambda: b"configurable" in source.utf8):
        return None
    for word, value in _configurable(source, node):
        if word in WORDS and keeps_by(source.project, word) and _fixed(source, value):
            return value
    return None


def keeps_by(project: Surroundings, word: str) -> bool:
    """Whether anything in sight keeps conversations by this word of a configuration."""

    def read() -> bool:
        if not any(name in other.utf8 for other in project for name in (b"langchain", b"langgraph")):
            return False
        if word == "session_id":
            return any(b"RunnableWithMessageHistory" in other.utf8 for other in project)
        if not any(b"langgraph" in other.utf8 or b"langchain" in other.utf8 for other in project):
            return False
        given = (each for other in project if b"checkpointer" in other.utf8 for each in other.nodes(ast.keyword))
        return any(each.arg == "checkpointer" and not is_none(each.value) for each in given)

    return project.remember(("keeps by", word), read)  # type: ignore[no-any-return]


def asks_in_vain(project: Surroundings) -> bool:
    """Whether no history in sight is given by the session that a run names."""

    def read() -> bool:
        made = [(other, call) for other in project if b"RunnableWithMessageHistory" in other.utf8 for call in other.index.calls(["RunnableWithMessageHistory"])]
        return bool(made) and all(_ignores(call) for _, call in made)

    return project.remember("asked in vain", read)  # type: ignore[no-any-return]


def _ignores(call: ast.Call) -> bool:
    """Whether a lambda gives the history that does not look at the session: `lambda session_id: history`."""
    given = call.args[1] if len(call.args) > 1 else next((each.value for each in call.keywords if each.arg == "get_session_history"), None)
    if not isinstance(given, ast.Lambda):
        return False
    names = {arg.arg for arg in given.args.args}
    return not any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(given.body))


def names_thread(source: Source) -> bool:
    """Whether a file may hold a configuration that names a conversation."""
    return b"configurable" in source.utf8 and any(keeps_by(source.project, word) for word in WORDS)


def names_one_thread(source: Source) -> bool:
    """Whether a file holds a configuration that names one conversation for all requests."""
    return names_thread(source) and any(named_session(source, node) is not None for node in [*source.nodes(ast.Dict), *source.index.calls(["RunnableConfig"])])


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


def _fixed(source: Source, value: ast.expr) -> bool:
    """Whether an expression is the same for all requests."""
    if isinstance(value, ast.Constant):
        return isinstance(value.value, (str, int)) and not isinstance(value.value, bool)
    if isinstance(value, ast.Name):
        home = source.scope(value).home(value.id)
        bindings = home.bindings[value.id] if home is not None and home.kind == "module" else []
        if len(bindings) == 1 and bindings[0].kind == "import":
            return _is_setting(source, value)
        return len(bindings) == 1 and bindings[0].kind == "assign" and not bindings[0].unpacked and bindings[0].value is not None and _once(source, bindings[0].value)
    if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name) and value.value.id == "self":
        return _one_of_instance(source, value)
    if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name):
        return _is_setting(source, value)
    return source.function(value) is None and _once(source, value)


def _is_setting(source: Source, value: ast.Name | ast.Attribute) -> bool:
    """Whether a name of another file, or an attribute of an object or module that a module knows, is one constant: `settings.thread_id`."""
    root = value.value if isinstance(value, ast.Attribute) else value
    home = source.scope(root).home(root.id) if isinstance(root, ast.Name) else None
    if home is None or home.kind != "module" or not isinstance(root, ast.Name):
        return False
    if isinstance(value, ast.Attribute) and any(isinstance(each.ctx, ast.Store) for other in source.project.mentioning(value.attr) for each in other.attributes(value.attr)):
        return False
    origins = source.origins(value)
    if all(origin.kind in ("import", "unknown") or (origin.kind == "value" and origin.node is value) for origin in origins):  # of a file that is not seen
        name = value.id if isinstance(value, ast.Name) else value.attr
        return home.bindings[root.id][0].kind == "import" and (name.isupper() or (isinstance(value, ast.Attribute) and root.id.lower() in SETTINGS))
    return all(isinstance(origin.node, ast.Constant) and isinstance(origin.node.value, (str, int)) and not isinstance(origin.node.value, bool) for origin in origins)


def _one_of_instance(source: Source, value: ast.Attribute) -> bool:
    """Whether `self.thread_id` is what one lasting instance was made with: a constant, a new id, or the default of a parameter that nobody gives."""
    owner = source.class_of(value)
    given = assignments(source, owner).get(value.attr, []) if owner is not None else []
    if owner is None or not given or not all(made is not None for _, made, _ in given) or not lasting(source, owner):
        return False
    statement, made, _ = given[0]
    if len(given) > 1:  # begun anew at times, for everybody
        return all(made is not None and _once(source, made) for _, made, _ in given)
    maker = source.function(statement)
    if isinstance(made, ast.Name) and maker is not None and maker.name == "__init__":
        default = _default_of(source, made)
        return default is not None and all(argument(maker, call, made.id, method=True) is None and not spreads_keywords(call) for _, call in instances(source, owner))
    return (maker is None or maker.name == "__init__") and made is not None and _once(source, made)


def session_parameter(source: Source, node: ast.AST) -> tuple[ast.Name, ast.expr] | None:
    """The parameter whose default names the session where nobody gives another, and that default."""
    for word, value in _configurable(source, node):
        if word in WORDS and isinstance(value, ast.Name) and keeps_by(source.project, word) and (default := _default_of(source, value)) is not None:
            return value, default
    return None


def _default_of(source: Source, name: ast.Name) -> ast.expr | None:
    """The text that a parameter is by default, where nothing else is assigned to it."""
    home = source.scope(name).home(name.id)
    bindings = home.bindings[name.id] if home is not None and home.kind == "function" else []
    default = bindings[0].value if len(bindings) == 1 and bindings[0].kind == "param" else None
    return default if default is not None and not is_none(default) and isinstance(default, ast.Constant) and isinstance(default.value, (str, int)) else None


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
    """Whether all of the runs are surely of graphs that remember nothing: without a checkpointer, or made for the run with one of their own."""
    return bool(runs) and all(_forgets(source, run) for source, run in runs)


def _forgets(source: Source, run: ast.Call) -> bool:
    assert isinstance(run.func, ast.Attribute)
    if _made_for_it(source, run.func.value):
        return True
    for origin in source.origins(run.func.value):
        made = origin.node
        if not isinstance(made, ast.Call) or any(given.arg is None for given in made.keywords):
            return False
        given = keyword(made, "checkpointer")
        compiled = last_part(made.func) == "compile" and isinstance(made.func, ast.Attribute) and not made.args
        if not (compiled or last_part(made.func) in AGENTS) or not (given is None or is_none(given.value) or _left_out(source, run.func.value, origin.source, given.value)):
            return False
    return True


def _left_out(source: Source, graph: ast.expr, home: Source, checkpointer: ast.expr) -> bool:
    """Whether a checkpointer is a builder's parameter, none by default, that the call which built this graph does not give."""
    function = home.function(checkpointer)
    bindings = home.names.inner[function].bindings.get(checkpointer.id, []) if isinstance(checkpointer, ast.Name) and function is not None else []
    if not isinstance(checkpointer, ast.Name) or function is None or len(bindings) != 1 or bindings[0].kind != "param" or not is_none(bindings[0].value):
        return False
    built: ast.AST | None = graph
    where = source
    for _ in range(4):
        if not isinstance(built, ast.Name):
            break
        holder = where.scope(built).home(built.id)
        made = holder.bindings[built.id] if holder is not None else []
        if len(made) == 1 and made[0].kind == "import" and (found := where.project.lookup(made[0].origin, where.path)) is not None:
            where = found[0]
            made = where.names.module.bindings.get(found[1], [])
        built = made[0].value if len(made) == 1 else None
    return isinstance(built, ast.Call) and any(each.node is function for each in where.origins(built.func)) and argument(function, built, checkpointer.id, method=False) is None and not spreads_keywords(built)


def _made_for_it(source: Source, graph: ast.expr) -> bool:
    """Whether a graph is built by the function that runs it, with a checkpointer in this process that is as new as the graph."""
    if isinstance(graph, ast.Name):
        home = source.scope(graph).home(graph.id)
        bindings = home.bindings[graph.id] if home is not None and home.kind == "function" else []
        if len(bindings) != 1 or bindings[0].value is None or bindings[0].unpacked:
            return False
        graph = bindings[0].value
    graph = graph.value if isinstance(graph, ast.Await) else graph
    if not isinstance(graph, ast.Call):
        return False
    builders = [each.node for each in source.origins(graph.func) if isinstance(each.node, FunctionNode)]
    return all(_is_new(builder) for builder in builders) and all(_has_own(each) for each in source.origins(graph))


def _has_own(graph: Origin) -> bool:
    made, source = graph.node, graph.source
    given = keyword(made, "checkpointer") if isinstance(made, ast.Call) else None
    around = source.function(made) if made is not None else None
    if given is None or around is None or not _is_new(around):
        return False
    savers = source.origins(given.value)
    return all(isinstance(each.node, ast.Call) and last_part(each.node.func) in ("MemorySaver", "InMemorySaver") and each.source.function(each.node) is not None for each in savers)


def _is_new(function: FunctionNode) -> bool:
    """Whether a function makes what it returns each time anew."""
    return not function.decorator_list and not any(isinstance(node, (ast.Global, ast.Nonlocal)) for node in ast.walk(function)) and function.name != "__init__"


def instead_of(source: Source, config: ast.expr) -> str:
    """The parameter for which a configuration stands in when nobody gives one: `config or {...}`, `if config is None: config = {...}`; "" for none."""
    above = source.parent(config)
    name = ""
    if isinstance(above, ast.BoolOp) and isinstance(above.values[0], ast.Name) and above.values[0] is not config:
        name = above.values[0].id
    elif isinstance(above, ast.Assign) and isinstance(above.targets[0], ast.Name):
        name = above.targets[0].id
    home = source.scope(config).bindings.get(name, [])
    return name if any(each.kind == "param" for each in home) else ""
