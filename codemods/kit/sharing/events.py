"""The keys that the event of a bot brings, and the path of a route."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ..callers import callers
from ..handlers import Handler, of_gradio
from ..imports import spell
from ..names import FunctionNode
from ..source import Source
from .key import Key, meaning_of, parameters


def of_event(source: Source, function: FunctionNode, handler: Handler | None) -> Iterator[Key]:
    if handler is None:
        return
    names = [arg.arg for arg in parameters(function) if arg.arg not in ("self", "cls")]
    first = names[0] if names else ""
    if handler.kind == "session" and first:
        yield Key("conversation", -9, first, is_text=True)
    elif handler.framework == "chainlit":
        text, needs = spell(source, "chainlit", "user_session", near=function.body[0])
        yield Key("conversation", -5, f'{text}.get("id")', imports=needs)
    elif handler.framework == "gradio":
        yield from _gradio(source, function)
    elif handler.framework == "telegram" and first:
        yield Key("conversation", -5, f"{first}.effective_chat.id")
        yield Key("user", 50, f"{first}.effective_user.id")
    elif handler.framework in ("telebot", "aiogram", "telethon") and first:
        lead = f"{first}.message" if first in ("call", "callback", "callback_query", "query") else first
        yield Key("conversation", -5, f"{lead}.chat_id" if handler.framework == "telethon" else f"{lead}.chat.id")
    elif handler.framework == "pyrogram" and len(names) > 1:
        yield Key("conversation", -5, f"{names[1]}.chat.id")
    elif handler.framework == "discord" and first:
        interaction = "interaction" in first or first == "inter"
        yield Key("conversation", -5, f"{first}.channel_id" if interaction else f"{first}.channel.id")
        yield Key("user", 50, f"{first}.user.id" if interaction else f"{first}.author.id")
    elif handler.framework == "line" and first:
        yield Key("user", 50, f"{first}.source.user_id")
    elif handler.framework == "flask_socketio":
        text, needs = spell(source, "flask", "request", near=function.body[0])
        yield Key("conversation", 9, f"{text}.sid", is_text=True, imports=needs)
    elif handler.framework in ("aiohttp", "starlette") and handler.path and (first or (handler.framework == "aiohttp" and function.args.args)):
        yield from _placeholders(handler, first or f"{function.args.args[0].arg}.request")
    elif handler.framework == "slack":
        yield from _slack(source, function, names)


def _placeholders(handler: Handler, request: str) -> Iterator[Key]:
    """What the path of a route names and the handler may ask its request for: `/rooms/{room_id}`."""
    asked = "match_info" if handler.framework == "aiohttp" else "path_params"
    for name, kind in re.findall(r"{(\w+)(?::([^}]*))?}", handler.path):
        if meaning := meaning_of(name):
            yield Key(*meaning, f'{request}.{asked}["{name}"]', is_text=asked == "match_info" or kind in ("", "str"))


def _slack(source: Source, function: FunctionNode, names: list[str]) -> Iterator[Key]:
    written = source.slice(source.start(function.body[0]), source.stop(function))
    for name in ("event", "message"):
        if name in names:
            yield Key("user", 50, f'{name}["user"]', is_text=True)
    for name in ("command", "shortcut"):
        if name in names:
            yield Key("user", 50, f'{name}["user_id"]', is_text=True)
    if "body" in names:
        decorators = " ".join(ast.unparse(decorator) for decorator in function.decorator_list)
        if "command" in decorators:
            yield Key("user", 51, 'body["user_id"]', is_text=True)
        elif "event" in decorators or "message" in decorators or '"event"' in written:
            yield Key("user", 51, 'body["event"]["user"]', is_text=True)
        else:
            yield Key("user", 51, 'body["user"]["id"]', is_text=True)


def _gradio(source: Source, function: FunctionNode) -> Iterator[Key]:
    """The visitor's session: of the request that a function declares, or may declare where Gradio alone calls it."""


    def asked(request: str) -> str:  # examples may be run when the interface is built, where there is no request
        return f'getattr({request}, "session_hash", None)' if b"examples" in source.utf8 else f"{request}.session_hash"

    for arg in parameters(function):
        if arg.annotation is not None and source.qualified(arg.annotation) == "gradio.Request":
            yield Key("conversation", -5, asked(arg.arg), is_text=True, optional=True)
            return
    args, mentions = function.args, callers(source, function)
    others = [call for other, call, _ in mentions.runs if not of_gradio(other, call)]
    plain = not (function.decorator_list or args.defaults or args.kwonlyargs or args.vararg or args.kwarg or args.posonlyargs or mentions.calls or others)
    if plain and all(arg.arg != "request" for arg in args.args) and "request" not in source.names.inner[function].bindings:
        text, needs = spell(source, "gradio", "Request", near=function.body[0])
        yield Key("conversation", -4, asked("request"), is_text=True, optional=True, borrow=f"request: {text}", imports=needs)
