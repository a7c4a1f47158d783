"""Give every call of requests a time limit.

Why
    requests waits for ever unless it is told not to. One slow service then holds a worker, then all of them, and the
    users of every other endpoint wait with it. A limit turns the hang into an error that the caller can handle.

Broken
    import requests

    def fetch_customer(customer_id: str):
        return requests.get(f"https://api.example.com/customers/{customer_id}").json()

Fixed
    import requests

    def fetch_customer(customer_id: str):
        return requests.get(f"https://api.example.com/customers/{customer_id}", timeout=(5, 20)).json()

Refuses
    asked-for: timeout=None asks in writing for no limit.
    By hand: write timeout=(5, 20), or the longest wait that its callers can bear.

        import requests

        def wait_for_report():
            return requests.get("https://api.example.com/report", timeout=None)

    keywords-spread: The keywords are spread from a mapping that may already hold a timeout.
    By hand: put it into the mapping where that is made, options.setdefault("timeout", (5, 20)).

        import requests

        def call(options):
            return requests.get("https://api.example.com", **options)

    arguments-spread: The arguments are spread, and a session takes its timeout as a positional argument too.
    By hand: name the arguments, and add timeout=(5, 20).

        import requests

        session = requests.Session()

        def call(arguments):
            return session.request(*arguments)

    streamed: The answer is streamed: the limit is on the silence between two pieces, and a slow source may be silent for long.
    By hand: add timeout=(5, 120) with the longest silence that is still healthy, or set requests-timeout.stream_read.

        import requests

        def tokens(prompt):
            return requests.post("https://api.example.com/generate", json={"prompt": prompt}, stream=True)

    long-poll: The server is asked to hold its answer back until there is news.
    By hand: add a read timeout that is longer than the server's own wait.

        import requests

        def updates(offset):
            return requests.get("https://api.example.com/getUpdates", params={"offset": offset, "timeout": 50})

    passed-on: The function itself is handed to code that can't be seen here.
    By hand: hand on functools.partial(requests.get, timeout=(5, 20)).

        import requests
        from toolbox import with_retries

        def fetch(url):
            return with_retries(requests.get, url)

    own-request: The session's class has a request method of its own, which takes no timeout.
    By hand: give that method **kwargs and hand them on, or set the timeout where it calls super().

        import requests

        class Api(requests.Session):
            def request(self, method, url):
                return super().request(method, "https://api.example.com" + url)

        def customers():
            return Api().get("/customers")

    no-setting: requests does not know an attribute timeout on a session: it is stored and never read.
    By hand: remove the line; the limit belongs to each call, or to an adapter that is mounted.

        import requests

        session = requests.Session()
        session.timeout = 10

Safety
    Answers that come within the limits are what they were. What would have hung raises requests.exceptions.Timeout.

Settings
    connect: seconds to wait for a connection
    read: seconds to wait for the next bytes of the answer
    stream_read: the same for answers that are streamed; 0 refuses them

Notes
    The limit is on the silence between two pieces of the answer, not on the whole: a server that sends a byte now and
    then is waited for. The article also calls raise_for_status: that is the codemod raise-for-status.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .kit.callers import callers
from .kit.clients.sessions import Session, limited, may_hold, own_methods, session_of
from .kit.codemod import codemod
from .kit.cut import add_keyword, wrap
from .kit.finding import Edit, Finding, Import
from .kit.imports import spell
from .kit.libraries.requests import FORWARDERS, FUNCTIONS, RUNNER_METHODS, RUNNERS, SESSION_METHODS, TIMEOUT_POSITION
from .kit.mappings import holds
from .kit.source import Source, is_none, keyword, spreads_arguments
from .kit.tests import in_tests

REPLACED = frozenset({"requests", "requests.api", "requests.Session", "requests.sessions.Session"})
COMPARISONS = frozenset({"assert_called_with", "assert_called_once_with", "assert_any_call"})
LOOKED_AT = frozenset({"isinstance", "callable", "issubclass", "hasattr", "getattr", "repr", "print", "id", "functools.wraps", "inspect.signature"})  # the function is not called
WAITS = "{what} waits for ever when the other side is silent"


@codemod(mentions=(("requests",),), stage="argument", inner=True)
def requests_timeout(source: Source, *, connect: float = 5, read: float = 20, stream_read: float = 0) -> Iterator[Finding]:
    if _replaced(source) or source.project.remember("requests replaced", lambda: any(_replaced(other) for other in source.project if not in_tests(other))):
        return  # requests itself was given a default
    if not may_hold(source):
        return
    limits = _Limits(source, connect, read, stream_read)
    for call in source.index.calls(SESSION_METHODS, source.index.variables, source.index.aliases, [""]):
        if target := _called(source, call):
            yield from limits.judge(call, *target)
    for call, node in _given(source):
        yield from limits.handed_on(call, node)
    yield from _no_settings(source)


class _Limits:
    """The judgement of one file's calls."""

    def __init__(self, source: Source, connect: float, read: float, stream_read: float) -> None:
        self.source = source
        self.connect = connect
        self.plain = f"({connect:g}, {read:g})"
        self.stream_read = stream_read

    def judge(self, call: ast.Call, what: str, session: Session | None) -> Iterator[Finding]:
        source = self.source
        if session is not None and limited(source, session):
            return
        if session is not None and (refusal := self._own_request(call, what, session)):
            yield refusal
            return
        given = keyword(call, "timeout")
        if given is not None:
            if is_none(given.value):
                yield source.refuse(call, "asked-for", f"{what} is told to wait for ever")
            return
        if session is not None and what.endswith(".request"):
            if spreads_arguments(call):
                yield source.refuse(call, "arguments-spread", "the arguments are spread, timeout may be among them")
                return
            if len(call.args) > TIMEOUT_POSITION:
                if is_none(call.args[TIMEOUT_POSITION]):
                    yield source.refuse(call, "asked-for", f"{what} is told to wait for ever")
                return
        yield from self.limit(call, call, what)

    def limit(self, place: ast.expr, call: ast.Call, what: str) -> Iterator[Finding]:
        """The timeout as one more keyword of `call`."""
        source = self.source
        held = holds(source, call, "timeout")
        if held == "yes":
            return
        if held == "none":
            yield source.refuse(place, "asked-for", f"{what} is told to wait for ever")
        elif held == "unknown":
            if _given_by_all(source, call):
                return
            yield source.refuse(place, "keywords-spread", "the keywords are spread, timeout may be among them")
        elif _holds_back(call):
            yield source.refuse(place, "long-poll", "the server is asked to hold its answer back until there is news")
        elif (value := self.value(call)) == "":
            yield source.refuse(place, "streamed", "the answer is streamed, and a slow source may be silent for longer than the limit")
        else:
            yield source.fix(place, add_keyword(source, call, "timeout", value), WAITS.format(what=what), help=_tests(source, what))

    def value(self, call: ast.Call) -> str:
        """What to write; "" for an answer that is streamed and has no limit set for it."""
        stream = keyword(call, "stream")
        if stream is None and holds(self.source, call, "stream") == "no":
            return self.plain
        if stream is not None and isinstance(stream.value, ast.Constant) and not stream.value.value:
            return self.plain
        return f"({self.connect:g}, {self.stream_read:g})" if self.stream_read else ""

    def _own_request(self, call: ast.Call, what: str, session: Session) -> Finding | None:
        for home, method in own_methods(session):
            if method.name in (what.rpartition(".")[2], "request") and method.args.kwarg is None:
                return self.source.refuse(call, "own-request", f"{method.name} of {home.path}:{method.lineno} takes no timeout")
        return None

    def handed_on(self, call: ast.Call, node: ast.expr) -> Iterator[Finding]:
        """`requests.get` as a value: an argument of a call that runs it."""
        source = self.source
        what = self._function(node)
        if not what:
            return
        above = source.parent(node)
        path = source.qualified(call.func) or (call.func.id if isinstance(call.func, ast.Name) else "")
        if path in LOOKED_AT or path.startswith(("unittest.mock.", "mock.")) or (isinstance(above, ast.keyword) and above.arg in ("wraps", "side_effect", "spec")):
            return
        if keyword(call, "timeout") is not None or _thread_keywords(call):
            return
        if path in FORWARDERS and call.args and call.args[0] is node:
            yield from self.limit(call, call, what)
        elif path in RUNNERS or (isinstance(call.func, ast.Attribute) and call.func.attr in RUNNER_METHODS):
            if holds(source, call, "timeout") != "no" or keyword(call, "stream") is not None:
                yield source.refuse(call, "keywords-spread", "the keywords are spread, timeout may be among them")
                return
            edits, needs = self._partial(node)
            yield source.fix(call, edits, WAITS.format(what=what), imports=needs, help=_tests(source, what))
        else:
            yield source.refuse(call, "passed-on", f"{what} is handed to code that can't be seen here, and waits for ever there")

    def _partial(self, node: ast.expr) -> tuple[list[Edit], tuple[Import, ...]]:
        partial, needs = spell(self.source, "functools", "partial", near=node)
        return wrap(self.source, node, f"{partial}(", f", timeout={self.plain})"), needs

    def _function(self, node: ast.expr) -> str:
        source = self.source
        if isinstance(node, ast.Attribute):
            if node.attr not in SESSION_METHODS:
                return ""
            if (path := source.qualified(node)) in FUNCTIONS:
                return _plain(path)
            if path and (path.partition(".")[0] == "requests" or not _is_value(source, node.value)):
                return ""
            session = session_of(source, node.value)
            return f"Session.{node.attr}" if session is not None and not limited(source, session) else ""
        path = source.qualified(node) if isinstance(node, ast.Name) else ""
        return _plain(path) if path in FUNCTIONS else ""


def _given(source: Source) -> Iterator[tuple[ast.Call, ast.expr]]:
    """What may be a verb of requests and is an argument of a call."""
    nodes: list[ast.expr] = [node for verb in SESSION_METHODS for node in source.attributes(verb)]
    nodes += [load for name in SESSION_METHODS | source.index.aliases for load in source.names.loads.get(name, ())]
    for node in sorted(nodes, key=source.start):
        above = source.parent(node)
        call = source.parent(above) if isinstance(above, ast.keyword) else above
        if isinstance(call, ast.Call) and call.func is not node:
            yield call, node


def _called(source: Source, call: ast.Call) -> tuple[str, Session | None] | None:
    """What a call asks of requests ("requests.get", "Session.post") and of which session; None for any other call."""
    callee = call.func
    if isinstance(callee, ast.Attribute) and (callee.attr not in SESSION_METHODS or isinstance(callee.value, ast.Constant)):
        return None
    path = source.qualified(callee)
    if path in FUNCTIONS:
        return _plain(path), None
    if isinstance(callee, ast.Attribute):
        if path and path.partition(".")[0] != "requests" and not _is_value(source, callee.value):
            return None
        session = session_of(source, callee.value)
        return (f"Session.{callee.attr}", session) if session is not None else None
    if path:
        return None
    if isinstance(callee, ast.Call) and source.qualified(callee.func) == "" and isinstance(callee.func, ast.Name) and callee.func.id == "getattr":
        return _looked_up(source, callee) if call.args or call.keywords else None
    if isinstance(callee, ast.Name):
        if source.scope(callee).home(callee.id) is None:
            return None
        found = {origin.path for origin in source.origins(callee) if origin.kind == "import"}
        return (_plain(min(found)), None) if found and found <= FUNCTIONS and len(source.origins(callee)) == len(found) else None
    if isinstance(callee, (ast.Subscript, ast.Call)):
        return _dispatched(source, callee)
    return None


def _is_value(source: Source, node: ast.expr) -> bool:
    """Whether a dotted path names an object of the project, not a module outside of it."""
    return any(origin.kind != "import" for origin in source.origins(node))


def _looked_up(source: Source, lookup: ast.Call) -> tuple[str, Session | None] | None:
    """`getattr(requests, method)`."""
    if len(lookup.args) != 2:
        return None
    owner, name = lookup.args
    if isinstance(name, ast.Constant) and name.value not in SESSION_METHODS:
        return None
    if source.qualified(owner) in ("requests", "requests.api"):
        return "requests", None
    session = session_of(source, owner) if isinstance(owner, (ast.Name, ast.Attribute)) else None
    return ("Session", session) if session is not None else None


def _dispatched(source: Source, callee: ast.Subscript | ast.Call) -> tuple[str, Session | None] | None:
    """`{"GET": requests.get, ...}[method]`, also with `.get(method)`, the table in sight."""
    table: ast.expr | None = callee.value if isinstance(callee, ast.Subscript) else None
    if isinstance(callee, ast.Call) and isinstance(callee.func, ast.Attribute) and callee.func.attr == "get":
        table = callee.func.value
    if not isinstance(table, (ast.Name, ast.Attribute, ast.Dict)):
        return None
    for origin in source.origins(table):
        if not isinstance(origin.node, ast.Dict) or not origin.node.values:
            return None
        if not all(origin.source.qualified(value) in FUNCTIONS for value in origin.node.values):
            return None
    return "requests", None


def _plain(path: str) -> str:
    return path.replace("requests.api.", "requests.")


def _holds_back(call: ast.Call) -> bool:
    """Whether the request itself tells the server to wait: a long poll."""
    for part in [*call.args, *(given.value for given in call.keywords if given.arg in ("url", "params"))]:
        for node in ast.walk(part):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value.lower()
                if part in call.args[:2] and any(word in text for word in ("getupdates", "longpoll", "long-poll", "long_poll", "timeout=")):
                    return True
            if isinstance(node, ast.Dict) and part not in call.args[2:]:
                keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
                if keys & {"timeout", "longpoll", "long_poll"}:
                    return True
    return False


def _given_by_all(source: Source, call: ast.Call) -> bool:
    """Whether the keywords are those of the function around the call, and all who call it in sight give it a timeout."""
    spread = [given.value for given in call.keywords if given.arg is None]
    function = source.function(call)
    if function is None or function.args.kwarg is None or not all(isinstance(each, ast.Name) and each.id == function.args.kwarg.arg for each in spread):
        return False
    if len(source.names.inner[function].bindings.get(function.args.kwarg.arg, [])) != 1:
        return False
    name = function.name
    if not any(_may_give_timeout(each) for other in source.project.mentioning(name) for each in other.index.calls([name], other.index.aliases)):
        return False
    if any(not _gives_timeout(source, each) and any(origin.node is function for origin in source.origins(each.func)) for each in source.index.calls([name])):
        return False  # asked of this file first: it needs no look at the others
    found = callers(source, function)
    return bool(found.calls) and not found.runs and not found.others and all(_gives_timeout(other, each) for other, each in found.calls)


def _may_give_timeout(call: ast.Call) -> bool:
    return any(given.arg in ("timeout", None) for given in call.keywords)


def _gives_timeout(source: Source, call: ast.Call) -> bool:
    given = keyword(call, "timeout")
    return holds(source, call, "timeout") == "yes" if given is None else isinstance(given.value, (ast.Constant, ast.Tuple)) and not is_none(given.value)


def _thread_keywords(call: ast.Call) -> bool:
    """`Thread(target=requests.post, kwargs={"timeout": 5})`."""
    given = keyword(call, "kwargs") or keyword(call, "kwds")
    return given is not None and not (isinstance(given.value, ast.Dict) and all(isinstance(key, ast.Constant) and key.value != "timeout" for key in given.value.keys))


def _replaced(source: Source) -> bool:
    """`requests.get = partial(requests.get, timeout=5)`: the library itself was changed."""
    return b"requests" in source.utf8 and any(
        isinstance(target.ctx, ast.Store) and source.qualified(target.value) in REPLACED
        for verb in SESSION_METHODS
        for target in source.attributes(verb)
    )


def _tests(source: Source, what: str) -> str:
    """The tests that compare the call's arguments, when they are in sight: they will want the timeout too."""
    found = [place for code, place in source.project.remember("compared arguments", lambda: _compared(source)) if what.rpartition(".")[2] in code]
    return f"tests that compare the arguments will want timeout too: {', '.join(found[:5])}" if found else ""


def _compared(source: Source) -> list[tuple[str, str]]:
    """Every `assert_called_with(...)` in sight that names no timeout: its code, and where it is."""
    return [
        (other.code(call.func).lower(), f"{other.path}:{call.lineno}")
        for other in source.project
        if b"assert_" in other.utf8
        for call in other.nodes(ast.Call)
        if isinstance(call.func, ast.Attribute) and call.func.attr in COMPARISONS and call.args and keyword(call, "timeout") is None
    ]


def _no_settings(source: Source) -> Iterator[Finding]:
    """`session.timeout = 5` with nobody who reads it."""
    if any(isinstance(node.ctx, ast.Load) for node in source.attributes("timeout")):
        return
    for target in source.attributes("timeout"):
        if isinstance(target.ctx, ast.Store) and (session := session_of(source, target.value)) is not None and not session.classes:
            yield source.refuse(source.statement(target), "no-setting", "requests does not know this attribute: nothing is limited by it")
