"""Module-level clients, sessions and connections that a child process or a second event loop inherits."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ..callgraph import callees, closure
from ..names import Binding, last_part
from ..sharing.reach import main_block
from ..source import Source
from ..waits.threads import root_of
from ..waits.waiting import calls_in, wait_of
from .forks import Fork, Loop, forks, loops

# what holds connections once it is used
SYNC = frozenset(
    "openai.OpenAI openai.AzureOpenAI anthropic.Anthropic anthropic.AnthropicBedrock groq.Groq mistralai.Mistral mistralai.client.Mistral requests.Session requests.session requests.sessions.Session "
    "httpx.Client urllib3.PoolManager sqlalchemy.create_engine sqlmodel.create_engine".split()
)
# what holds one as soon as it is made
CONNECTED = frozenset("psycopg.connect psycopg2.connect pymysql.connect MySQLdb.connect mysql.connector.connect sqlite3.connect".split())
ASYNC = frozenset(
    "openai.AsyncOpenAI openai.AsyncAzureOpenAI anthropic.AsyncAnthropic anthropic.AsyncAnthropicBedrock groq.AsyncGroq httpx.AsyncClient redis.asyncio.Redis redis.asyncio.from_url".split()
)
# langchain-openai's models: their HTTP client is the same for equal settings
CACHING = frozenset(f"{package}.{name}" for package in ("langchain_openai", "langchain_openai.chat_models") for name in ("ChatOpenAI", "AzureChatOpenAI", "OpenAI", "OpenAIEmbeddings"))
# what makes sessions that use an engine; and the calls that use one which they are given
MAKERS = frozenset("sessionmaker scoped_session Session".split())
GIVEN = frozenset("create_all drop_all reflect prepare read_sql read_sql_query read_sql_table to_sql inspect".split())
FREE = frozenset("with_options copy mount update close dispose".split())


@dataclass(frozen=True, slots=True)
class Candidate:
    """A module-level name that holds an object with connections."""

    source: Source
    binding: Binding
    node: ast.AST
    made_by: str
    asynchronous: bool
    caches: bool

    @property
    def name(self) -> str:
        return self.binding.name

    @property
    def close(self) -> str:
        """The async method that closes it."""
        old_redis = self.made_by.startswith("redis.") and self.source.project.below("redis", 5, 0, 1)
        return "aclose" if self.made_by.startswith(("httpx.", "redis.")) and not old_redis else "close"


def candidates(source: Source) -> Iterator[Candidate]:
    for name, bindings in source.names.module.bindings.items():
        for binding in bindings:
            if binding.kind != "assign" or not isinstance(binding.value, ast.Call) or binding.within is not source.names.module:
                continue
            made = source.qualified(binding.value.func)
            if made in SYNC | CONNECTED | ASYNC | CACHING:
                if any(each.within is not source.names.module for each in source.names.module.bindings[name]):
                    continue  # a function makes it anew under `global`: the author sees to it
                yield Candidate(source, binding, binding.node, made, made in ASYNC, made in CACHING)


def loads_of(candidate: Candidate) -> dict[ast.AST, Source]:
    """Every read of the object in the files seen together."""
    found: dict[ast.AST, Source] = dict.fromkeys(candidate.source.uses(candidate.binding), candidate.source)
    for other in candidate.source.project:
        if other is candidate.source:
            continue
        for scope in other.names.inner.values():
            for name, bindings in scope.bindings.items():
                for bound in bindings:
                    meant = other.project.lookup(bound.origin, other.path) if bound.kind == "import" else None
                    if meant == (candidate.source, candidate.name):
                        found.update((load, other) for load in other.names.uses(name, scope))
                    elif meant == (candidate.source, ""):
                        found.update((above, other) for load in other.names.uses(name, scope) if isinstance(above := other.parent(load), ast.Attribute) and above.attr == candidate.name)
    return found


def _through_sessions(candidate: Candidate, loads: dict[ast.AST, Source]) -> dict[ast.AST, Source]:
    """The reads of an engine, and of what makes sessions with it: `SessionLocal = sessionmaker(bind=engine)`."""
    if not candidate.made_by.endswith("create_engine"):
        return loads
    found, source = dict(loads), candidate.source
    for bindings in source.names.module.bindings.values():
        made = bindings[0].value if len(bindings) == 1 and bindings[0].kind == "assign" else None
        if isinstance(made, ast.Call) and source.qualified(made.func).rpartition(".")[2] in MAKERS and any(part in loads for part in ast.walk(made)):
            found |= loads_of(Candidate(source, bindings[0], bindings[0].node, "", False, False))
    return found


def kept_over_fork(candidate: Candidate) -> str:
    """How a child gets at connections of its parent, in words; "" when it does not."""
    loads = loads_of(candidate)
    through = _through_sessions(candidate, loads)
    for fork in forks(candidate.source.project):
        if not fork.reaches(through):
            continue
        if candidate.made_by.endswith("create_engine") and any(_is_given(home, load) for load, home in loads.items() if home is candidate.source or fork.source.path.rpartition("/")[2].startswith("gunicorn")):
            return f"`{candidate.name}` is used before {fork.words} forks: children and parent read answers from the same connections"
        if candidate.made_by in CONNECTED or _used_at_import(candidate, loads) or _used_before(fork, loads):
            return f"`{candidate.name}` is {'connected' if candidate.made_by in CONNECTED else 'used'} before {fork.words} forks: children and parent read answers from the same connections"
    return ""


def kept_over_loops(candidate: Candidate) -> str:
    """How an async object gets into a second event loop, in words; "" when it does not."""
    loads = loads_of(candidate)
    reached = [loop for loop in loops(candidate.source.project) if loop.reaches(loads)]
    if len(reached) > 1 or any(loop.again for loop in reached):
        return f"`{candidate.name}` is used in one event loop after the other: its connections belong to the first"
    return ""


def by_hand(candidate: Candidate) -> Loop | None:
    """A loop in which it is used and that ends without ending its tasks: one that is not run by `asyncio.run`."""
    loads = loads_of(candidate)
    made = [loop for loop in loops(candidate.source.project) if isinstance(loop.call, ast.Call) and isinstance(loop.call.func, ast.Attribute) and loop.call.func.attr == "run_until_complete"]
    return next((loop for loop in made if loop.reaches(loads)), None)


def _used_at_import(candidate: Candidate, loads: dict[ast.AST, Source]) -> bool:
    """Whether importing the files sends something: a call on the object at module level, or of a function that makes one."""
    for source in {id(source): source for source in loads.values()}.values():
        for call in source.nodes(ast.Call):
            if source.function(call) is None and not _deferred(source, call) and _sends(source, call, loads):
                return True
    return False


def _is_given(source: Source, load: ast.AST) -> bool:
    """Whether importing the file gives an engine to a call that uses it: `Base.metadata.create_all(bind=engine)`."""
    above = source.parent(load)
    call = source.parent(above) if isinstance(above, ast.keyword) else above
    return isinstance(call, ast.Call) and call.func is not load and last_part(call.func) in GIVEN and source.function(call) is None and main_block(source, call) is None


def _deferred(source: Source, node: ast.AST) -> bool:
    return any(isinstance(above, (ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef)) for above in source.parents(node))


def _sends(source: Source, call: ast.Call, loads: dict[ast.AST, Source]) -> bool:
    """Whether a call sends something over one of the objects, itself or in the functions behind it."""
    if _is_request(source, call, loads):
        return True
    for function in callees(source, call):
        for inner, _ in closure(function) if not function.asynchronous else ():
            if any(_is_request(inner.source, each, loads) for each in calls_in(inner.source, inner.node)):
                return True
    return False


def _is_request(source: Source, call: ast.Call, loads: dict[ast.AST, Source]) -> bool:
    if not isinstance(call.func, ast.Attribute) or call.func.attr in FREE:
        return False
    root = root_of(call.func)
    within = root in loads or any(part in loads for part in ast.walk(call.func))
    if not within:
        return False
    wait = wait_of(source, call)
    if wait is not None:
        return True
    path = [call.func.attr]
    node: ast.expr = call.func.value
    while isinstance(node, ast.Attribute):
        path.append(node.attr)
        node = node.value
    return len(path) > 1 or path[0] in ("connect", "execute", "begin", "invoke", "batch", "stream", "request", "get", "post")


def _used_before(fork: Fork, loads: dict[ast.AST, Source]) -> bool:
    """Whether the function that forks sends something first."""
    if fork.at is None:
        return False
    source, function = fork.source, fork.source.function(fork.at)
    calls = calls_in(source, function) if function is not None else [call for call in source.nodes(ast.Call) if source.function(call) is None]
    around = [above for above in source.parents(fork.at) if isinstance(above, (ast.For, ast.While)) and source.function(above) is function]
    again = {node for loop in around for node in ast.walk(loop)} - _walked(fork.beyond)  # what a turn does after the fork is done before the next one
    again = again if fork.beyond or fork.words != "os.fork" else set()
    return any(
        (source.start(call) < source.start(fork.at) or call in again) and call is not fork.at and _sends(source, call, loads) for call in calls if not _deferred_within(source, call, function)
    )  # fmt: skip


def _walked(nodes: tuple[ast.AST, ...]) -> set[ast.AST]:
    return {part for node in nodes for part in ast.walk(node)}


def handed_to_children(candidate: Candidate) -> tuple[Source, ast.AST] | None:
    """A read that gives the parent's object to a child."""
    loads = loads_of(candidate)
    return next(((home, load) for load, home in loads.items() for fork in forks(candidate.source.project) if fork.source is home and fork.hands(load)), None)


def _deferred_within(source: Source, node: ast.AST, function: ast.AST | None) -> bool:
    for above in source.parents(node):
        if above is function:
            return False
        if isinstance(above, ast.Lambda):
            return True
    return False

