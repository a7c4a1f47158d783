"""Which functions does a framework call once per request, message, event or task."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from .names import FunctionNode, last_part
from .origins import class_of
from .source import Source, Surroundings, is_none, keyword

VERBS = frozenset("get post put patch delete head options trace api_route route websocket websocket_route".split())
ADDERS = {
    "add_api_route": 1, "add_api_websocket_route": 1, "add_route": 1, "add_url_rule": 2, "add_websocket_route": 1, "add_websocket_rule": 2,
    "add_get": 1, "add_post": 1, "add_put": 1, "add_patch": 1, "add_delete": 1,
}  # fmt: skip
HANDLER_KEYWORDS = ("endpoint", "handler", "view_func", "callback")
ROUTES = {
    "starlette.routing.Route": 1, "starlette.routing.WebSocketRoute": 1, "fastapi.routing.APIRoute": 1, "aiohttp.web.get": 1, "aiohttp.web.post": 1, "aiohttp.web.put": 1,
    "aiohttp.web.patch": 1, "aiohttp.web.delete": 1, "aiohttp.web.route": 2, "django.urls.path": 1, "django.urls.re_path": 1, "django.conf.urls.url": 1,
}  # fmt: skip
TELEGRAM = {
    "CommandHandler": 1, "MessageHandler": 1, "CallbackQueryHandler": 0, "InlineQueryHandler": 0, "ConversationHandler": 9, "TypeHandler": 1,
}  # fmt: skip
CHAINLIT = frozenset("on_message on_chat_start on_chat_resume on_chat_end action_callback on_stop on_audio_chunk on_audio_end on_settings_update on_file_upload".split())
SLACK = frozenset("event message command action shortcut view options function mention".split())
TASKS = frozenset(
    "celery.shared_task celery.task.task dramatiq.actor huey.task rq.job procrastinate.task taskiq.task".split()
)  # fmt: skip
# Gradio's interfaces, and the events of its components: one process runs these functions for all visitors
GRADIO = {"ChatInterface": 0, "Interface": 0}
GRADIO_EVENTS = frozenset("click submit change input upload clear then success load select like release blur stop tick edit retry undo".split())
REGISTERING = frozenset({*ADDERS, *(path.rpartition(".")[2] for path in ROUTES), *TELEGRAM, "add_view", "view", "RunnableWithMessageHistory", "add_node", "Depends", "Security", "Provide", "register_message_handler", "register", "on", "on_event", *GRADIO})
FRAMEWORKS = frozenset("fastapi starlette flask quart aiohttp sanic litestar starlite robyn bottle flask_openapi3 ninja fastapi_utils azure flask_restx lanarky".split())
BARE = frozenset({"litestar", "starlite", "bottle", "blacksheep"})  # their decorators are imported by their own names
BARE_VERBS = VERBS | {"websocket_listener"}
AROUND = frozenset({"middleware", "before_request", "before_app_request", "after_request", "on_request"})
VIEW_BASES = frozenset("MethodView View Resource HTTPEndpoint WebSocketEndpoint APIView ViewSet GenericAPIView TemplateView FormView RequestHandler HTTPMethodView".split())
VIEW_METHODS = frozenset("get post put patch delete head options dispatch_request on_connect on_receive on_disconnect create retrieve list update destroy form_valid".split())
AIOGRAM = frozenset("message callback_query edited_message inline_query channel_post".split())
DISCORD_EVENTS = frozenset("on_message on_message_edit on_reaction_add on_member_join on_interaction on_thread_create".split())


@dataclass(frozen=True, slots=True, eq=False)
class Handler:
    """A function and who calls it.

    kind: route, websocket, message (a chat bot's event), task; and those that serve within a request: session (asked for one
    session's history), provider (a dependency), node (of a graph), middleware.
    """

    source: Source
    function: FunctionNode
    kind: str
    framework: str
    path: str = ""  # of a route that is registered by a call, or decorated for aiohttp
    placed: bool = False  # told by where it stands


INNER = ("session", "provider", "node", "middleware")


def serves(project: Surroundings) -> bool:
    """Whether anything in sight answers requests, messages or tasks."""
    return any(each.kind not in INNER for each in handlers(project).values())


def handlers(project: Surroundings) -> dict[FunctionNode, Handler]:
    """Every handler of the files that are seen together."""
    first = next(iter(project), None)
    if first is None:
        return {}

    def read() -> dict[FunctionNode, Handler]:
        found: dict[FunctionNode, Handler] = {}
        for source in project:
            for handler in _of(source):
                known = found.setdefault(handler.function, handler)
                one, other = (known, handler) if known.framework == "aiohttp" else (handler, known)
                if one.path and one.framework == "aiohttp" and (other.framework, other.path) == ("web", ""):
                    found[handler.function] = one  # a method of a view: the class says what it is, its registration for which path
                elif known.placed and handler.path:  # where its class is registered
                    found[handler.function] = replace(known, framework=handler.framework, path=handler.path, placed=False)
                elif known.path != handler.path and not handler.placed:  # what only one of its routes names is not always there
                    found[handler.function] = replace(known, path="")
        return found

    return first.remember("handlers", read)  # type: ignore[no-any-return]


def has_own_loops(handler: Handler) -> bool:
    """Whether each call of an async handler is run in an event loop of its own: Flask does so with its async views."""
    flask = handler.framework.startswith("flask") and handler.kind == "route"
    return flask and isinstance(handler.function, ast.AsyncFunctionDef)


def _of(source: Source) -> Iterator[Handler]:
    for function in source.functions():
        for decorator in function.decorator_list:
            described = _decorated(source, function, decorator)
            if described:
                yield Handler(source, function, *described, path=_path(decorator, 0) if described[1] == "aiohttp" else "")
                break
        else:
            described = _by_place(source, function)
            if described:
                yield Handler(source, function, *described, placed=True)
    for owner in source.nodes(ast.ClassDef):
        for decorator in owner.decorator_list:
            if isinstance(decorator, ast.Call) and last_part(decorator.func) == "view":
                yield from _viewed(source, owner, _path(decorator, 0))
    for call in source.index.calls(REGISTERING, GRADIO_EVENTS if "gradio" in source.index.roots else (), source.index.aliases):
        yield from _registered(source, call)
    for call in source.index.calls(("",)):
        yield from _decorating(source, call)
    for assign in source.nodes(ast.Assign):
        yield from _worker(source, assign)


# by decorator


def _decorated(source: Source, function: FunctionNode, decorator: ast.expr) -> tuple[str, str] | None:
    call = decorator if isinstance(decorator, ast.Call) else None
    callee = call.func if call is not None else decorator
    path = source.qualified(callee)
    if path in TASKS or path.endswith(".shared_task"):
        return "task", path.partition(".")[0]
    if path == "aiohttp.web.middleware":
        return "middleware", "aiohttp"
    if path.partition(".")[0] in BARE and path.count(".") < 3 and path.rpartition(".")[2] in BARE_VERBS:
        return ("websocket" if "websocket" in path else "route"), path.partition(".")[0]
    if not isinstance(callee, ast.Attribute):
        return None
    attr = callee.attr
    if path.startswith("chainlit."):
        return ("message", "chainlit") if attr in CHAINLIT else None
    root = path.partition(".")[0]
    if root in ("click", "typer", "pytest", "functools", "unittest", "responses", "abc"):
        return None
    if path.endswith(("app_commands.command", "commands.command", "commands.slash_command", "Cog.listener", "commands.hybrid_command", "app_commands.context_menu")):
        return "message", "discord"
    owner = _maker(source, callee.value)
    top = owner.partition(".")[0]
    if top in ("click", "typer", "pytest", "responses"):
        return None
    if top in ("celery", "dramatiq", "huey") and attr in ("task", "actor", "periodic_task"):
        return "task", top
    if attr == "task" and (top == "" or "celery" in ast.unparse(callee.value).lower()) and _named(callee.value, ("celery", "app", "celery_app", "task_app", "worker")):
        return "task", "celery"
    if top == "slack_bolt" or (not top and attr in ("event", "command", "shortcut", "mention") and _slack_like(function) and call is not None):
        return ("message", "slack") if attr in SLACK else None
    if top in ("discord", "nextcord", "disnake", "interactions"):
        discord = attr in ("event", "command", "slash_command", "listen", "hybrid_command", "user_command", "message_command")
        return ("message", "discord") if discord or (isinstance(callee.value, ast.Attribute) and callee.value.attr == "tree") else None
    if attr == "event" and call is None and function.name in DISCORD_EVENTS:
        return "message", "discord"
    if top == "linebot" or (attr == "add" and call is not None and any(isinstance(a, ast.Name) and a.id.endswith("Event") for a in call.args)):
        return ("message", "line") if attr in ("add", "default") else None
    if top in ("telebot", "aiogram", "pyrogram", "telethon") or attr.endswith("_handler") or attr in ("on_message", "on_callback_query"):
        bot = attr.endswith("_handler") or attr in ("message", "callback_query", "edited_message", "on", "on_message", "on_callback_query", "inline_query")
        framework = top if top in ("telebot", "aiogram", "pyrogram", "telethon") else "telebot"
        return ("message", framework) if bot and top != "fastapi" and attr != "exception_handler" else None
    if top in ("flask_socketio", "socketio") and attr in ("on", "event"):
        return "message", top
    if attr in AROUND and (top in FRAMEWORKS or _named(callee.value, ("app", "bp", "blueprint"))):
        return "middleware", top or "web"
    if attr not in VERBS:
        return None
    if top in FRAMEWORKS:
        return ("websocket" if attr.startswith("websocket") else "route"), top
    if call is not None and _has_path(call):
        return ("websocket" if attr.startswith("websocket") else "route"), ("fastapi" if isinstance(function, ast.AsyncFunctionDef) else "web")
    return None


def _has_path(call: ast.Call) -> bool:
    given = [*call.args[:1], *(each.value for each in call.keywords if each.arg in ("path", "rule", "route"))]
    return any(isinstance(value, (ast.JoinedStr, ast.BinOp)) or (isinstance(value, ast.Constant) and isinstance(value.value, str) and (value.value.startswith("/") or value.value == "")) for value in given)


def _named(node: ast.expr, names: tuple[str, ...]) -> bool:
    return isinstance(node, ast.Name) and node.id in names


def _slack_like(function: FunctionNode) -> bool:
    names = {arg.arg for arg in [*function.args.args, *function.args.kwonlyargs]}
    return bool(names & {"say", "ack", "event", "body", "command", "respond"}) and "request" not in names


def _maker(source: Source, receiver: ast.expr) -> str:
    """Whose object a decorator belongs to."""
    while isinstance(receiver, ast.Attribute) and receiver.attr in ("tree", "router", "api", "app"):
        found = source.made_by(receiver)
        if found:
            return found
        receiver = receiver.value
    made = source.made_by(receiver)
    if made:
        return made
    for origin in source.origins(receiver):  # an instance of a class of the project
        if origin.kind in ("value", "instance", "class") and origin.node is not None:
            node = origin.node.func if isinstance(origin.node, ast.Call) else origin.node
            for its in origin.source.origins(node) if isinstance(node, (ast.Name, ast.Attribute)) else [origin]:
                if isinstance(its.node, ast.ClassDef):
                    for base in its.node.bases:
                        if path := its.source.qualified(base):
                            return path
    return ""


def _decorating(source: Source, call: ast.Call) -> Iterator[Handler]:
    """`app.event("message")(answer)`: a decorator that is called."""
    given = call.args[0] if isinstance(call.func, ast.Call) and len(call.args) == 1 and not call.keywords else None
    for origin in source.origins(given) if isinstance(given, (ast.Name, ast.Attribute)) and isinstance(call.func.func, ast.Attribute) else ():  # type: ignore[attr-defined]
        if origin.kind == "function" and isinstance(origin.node, FunctionNode) and (described := _decorated(source, origin.node, call.func)) is not None:
            yield Handler(origin.source, origin.node, *described, path=_path(call.func, 0) if described[1] == "aiohttp" else "")


# by place


def _by_place(source: Source, function: FunctionNode) -> tuple[str, str] | None:
    owner = source.parent(function)
    first = [arg.arg for arg in function.args.args[:1]]
    if isinstance(owner, ast.Module):
        if function.name in ("lambda_handler",) and len(function.args.args) == 2:
            return "route", "lambda"
        if first == ["request"] and (source.path.rpartition("/")[2].startswith("views") or "/views/" in source.path) and _imports(source, "django"):
            return "route", "django"
        return None
    if not isinstance(owner, ast.ClassDef):
        return None
    bases = [source.qualified(base) or ast.unparse(base) for base in owner.bases]
    if any(base.partition(".")[0] in ("discord", "nextcord", "disnake") for base in bases) and function.name in DISCORD_EVENTS:
        return "message", "discord"
    if any(base.rpartition(".")[2] in VIEW_BASES for base in bases) and function.name in VIEW_METHODS:
        framework = "django" if any("django" in base for base in bases) or _imports(source, "django") else "flask" if _imports(source, "flask") else "web"
        return "route", framework
    return None


def _imports(source: Source, root: str) -> bool:
    return any(binding.origin.partition(".")[0] == root for found in source.names.module.bindings.values() for binding in found if binding.kind == "import")


# by registration


def _registered(source: Source, call: ast.Call) -> Iterator[Handler]:
    found = _registration(source, call)
    if found is not None:
        yield from _handed(source, call, *found)
    elif (last_part(call.func) == "add_view" and isinstance(call.func, ast.Attribute)) or source.qualified(call.func) == "aiohttp.web.view":
        for origin in source.origins(call.args[1]) if len(call.args) > 1 else ():
            if isinstance(origin.node, ast.ClassDef):
                yield from _viewed(origin.source, origin.node, _path(call, 0))


def registered_by(source: Source, call: ast.Call) -> list[ast.expr]:
    """What a call hands to a framework that runs it per request, message or task, a function or something else; nothing for another call."""
    found = _registration(source, call)
    return _given(call, found[0], found[3]) if found is not None and found[1] not in INNER else []


def _registration(source: Source, call: ast.Call) -> tuple[int, str, str, tuple[str, ...]] | None:
    """At which place such a call is given the function, what kind of handler that is then, of which framework, and the keywords for it."""
    path = source.qualified(call.func)
    name = last_part(call.func)
    if name == "add_route" and isinstance(call.func, ast.Attribute) and len(call.args) > 2 and _is_verb(call.args[0]):
        return 2, "route", "aiohttp", HANDLER_KEYWORDS
    if name in ADDERS and isinstance(call.func, ast.Attribute):
        return ADDERS[name], "websocket" if "websocket" in name else "route", "aiohttp" if name in ("add_get", "add_post") else "web", HANDLER_KEYWORDS
    if path in ROUTES:
        return ROUTES[path], "websocket" if "WebSocket" in path else "route", path.partition(".")[0], HANDLER_KEYWORDS
    if path.startswith("telegram.ext.") and name in TELEGRAM:
        return TELEGRAM[name], "message", "telegram", HANDLER_KEYWORDS
    if name == "RunnableWithMessageHistory" and path.startswith("langchain"):
        return 1, "session", "langchain", ("get_session_history",)
    if name == "add_node" and isinstance(call.func, ast.Attribute):
        return 1 if len(call.args) > 1 else 0, "node", "langgraph", ("action", "node")
    if path in ("fastapi.Depends", "fastapi.params.Depends", "fastapi.Security"):
        return 0, "provider", "fastapi", ("dependency",)
    if path in ("litestar.di.Provide", "litestar.Provide"):
        return 0, "provider", "litestar", ("dependency",)
    if (name in GRADIO and path.startswith("gradio.")) or (name in GRADIO_EVENTS and of_gradio(source, call)):
        return 0, "message", "gradio", ("fn",)
    if name == "register_message_handler" or (name == "register" and isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Attribute) and call.func.value.attr in AIOGRAM):
        return 0, "message", "aiogram", HANDLER_KEYWORDS
    if name in ("on", "on_event") and isinstance(call.func, ast.Attribute) and (top := source.made_by(call.func.value).partition(".")[0]) in ("flask_socketio", "socketio"):
        return 1, "message", top, HANDLER_KEYWORDS
    return None


def _is_verb(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and (node.value == "*" or node.value.lower() in VERBS)


def _viewed(source: Source, owner: ast.ClassDef, path: str) -> Iterator[Handler]:
    """The methods of a class that aiohttp asks for a path."""
    if any(source.qualified(base) == "aiohttp.web.View" for base in owner.bases):
        for method in owner.body:
            if isinstance(method, FunctionNode) and method.name in VIEW_METHODS:
                yield Handler(source, method, "route", "aiohttp", path)


def of_gradio(source: Source, call: ast.Call) -> bool:
    """Whether a call registers for an event of one of Gradio's components, also behind another event: `button.click(ask).then(clear)`."""
    receiver: ast.expr = call
    while isinstance(receiver, ast.Call) and isinstance(receiver.func, ast.Attribute) and receiver.func.attr in GRADIO_EVENTS:
        receiver = receiver.func.value
    return receiver is not call and source.made_by(receiver).partition(".")[0] == "gradio"


def _given(call: ast.Call, place: int, words: tuple[str, ...]) -> list[ast.expr]:
    """What stands at this place of the call, or under one of these keywords."""
    given = [each.value for word in words if (each := keyword(call, word)) is not None]
    return given or call.args[place : place + 1]


def _handed(source: Source, call: ast.Call, place: int, kind: str, framework: str, words: tuple[str, ...]) -> Iterator[Handler]:
    for node in _given(call, place, words):
        if not isinstance(node, (ast.Name, ast.Attribute)) or is_none(node):
            continue
        for origin in source.origins(node):
            if origin.kind == "function" and isinstance(origin.node, FunctionNode):
                yield Handler(origin.source, origin.node, kind, framework, _path(call, place - 1))
            elif isinstance(origin.node, ast.ClassDef) and framework == "starlette":
                for method in origin.node.body:
                    if isinstance(method, FunctionNode) and method.name in VIEW_METHODS:
                        yield Handler(origin.source, method, "route", framework, _path(call, place - 1))
            elif origin.kind in ("value", "instance") and (found := class_of(origin)) is not None:
                for method in found[1].body:
                    if isinstance(method, FunctionNode) and method.name == "__call__":
                        yield Handler(found[0], method, kind, framework, _path(call, place - 1))


def _path(call: ast.AST, place: int) -> str:
    """The path that a registration names."""
    given = call.args[place : place + 1] if isinstance(call, ast.Call) and place >= 0 else []
    return given[0].value if given and isinstance(given[0], ast.Constant) and isinstance(given[0].value, str) else ""


def _worker(source: Source, assign: ast.Assign) -> Iterator[Handler]:
    """The functions of an arq worker: `functions = [...]` in a class WorkerSettings."""
    owner = source.parent(assign)
    named = isinstance(owner, ast.ClassDef) and "WorkerSettings" in owner.name
    if not named or not any(isinstance(target, ast.Name) and target.id == "functions" for target in assign.targets) or not isinstance(assign.value, (ast.List, ast.Tuple)):
        return
    for item in assign.value.elts:
        for origin in source.origins(item) if isinstance(item, (ast.Name, ast.Attribute)) else ():
            if origin.kind == "function" and isinstance(origin.node, FunctionNode):
                yield Handler(origin.source, origin.node, "task", "arq")
