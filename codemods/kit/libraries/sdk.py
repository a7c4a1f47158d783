"""The SDKs of model providers: their sync clients, and how each of their methods is had in async code.

`sdk.json` is read from the SDKs' own signatures (tests/codemods/sdk_tables.py). A kind is
    await             a coroutine                       await:X    a coroutine whose result, an X, is used another way in async code
    stream:X          a coroutine that gives an X under stream=True, and plain data without
    page:X            awaited it is an X; as it is, it can be iterated
    manager:X         entered with `async with`         iterate    iterated with `async for`, not awaited
    plain, plain:X    no coroutine
and an attribute of such an X is one of these, `data`, `iterable` (no call) or `has:X`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

Style = Literal["twin", "aio", "suffix"]
STYLES: dict[str, Style] = {"google-genai": "aio", "mistralai": "suffix"}
DISTRIBUTIONS = ("openai", "anthropic", "groq", "mistralai", "google-genai", "cohere")

# clients that others build on top of an SDK: (the SDK, the async twin)
COUSINS = {
    "langfuse.openai.OpenAI": ("openai", "langfuse.openai.AsyncOpenAI"),
    "langfuse.openai.AzureOpenAI": ("openai", "langfuse.openai.AsyncAzureOpenAI"),
    "langfuse.openai.openai.OpenAI": ("openai", "langfuse.openai.openai.AsyncOpenAI"),
    "langfuse.openai.openai.AzureOpenAI": ("openai", "langfuse.openai.openai.AsyncAzureOpenAI"),
}

# calls that take a client and give it back wrapped: what comes out
WRAPPERS = {
    "langsmith.wrappers.wrap_openai": "client",
    "langsmith.wrappers.wrap_anthropic": "client",
    "langsmith.wrap_openai": "client",
    "instructor.patch": "client",
    "instructor.from_openai": "Instructor",
    "instructor.from_anthropic": "Instructor",
    "instructor.from_groq": "Instructor",
    "instructor.from_cohere": "Instructor",
}
INSTRUCTOR = {"create": "stream:AsyncIterator", "create_with_completion": "await", "create_partial": "iterate", "create_iterable": "iterate"}
ITERATORS = ("AsyncIterator", "AsyncGenerator", "AsyncIterable")


@dataclass(frozen=True, slots=True)
class Thing:
    """A client, one of its resources or methods, or what a method gave.

    value: "client", "Instructor", or an X of the table; `path` leads from there to the resource or method that this is.
    """

    sdk: str
    value: str = "client"
    path: str = ""
    kind: str = ""  # of a method: see above
    maybe: bool = False  # a stream if `stream=` turns out to be true, else plain data


DATA = Thing("", "data")
PYDANTIC = frozenset(["json", "dict", "copy", "model_dump", "model_dump_json", "model_copy", "model_fields", "to_dict", "to_json"])


@cache
def tables() -> dict[str, Any]:
    """Everything that is known, by distribution."""
    import importlib.resources
    import json

    found = json.loads((importlib.resources.files(__package__) / "sdk.json").read_text("utf-8"))
    for table in found.values():
        for path, kind in table["older"].items():
            table["methods"].setdefault(path, kind)
        table["resources"] = {path[:cut] for path in table["methods"] for cut in range(len(path)) if path[cut] == "."}
    return found  # type: ignore[no-any-return]


@cache
def clients() -> dict[str, tuple[str, str]]:
    """The sync clients by dotted path: (distribution, the async class; "" where one class serves both)."""
    found = {path: (name, twin) for name, table in tables().items() for path, twin in table["clients"].items()}
    return found | COUSINS


def style(thing: Thing) -> Style:
    return STYLES.get(thing.sdk, "twin")


def member(thing: Thing, attr: str, major: int | None = None) -> Thing | None:
    """What an attribute of a thing is; None when the table does not know it. `major`: the SDK's declared version."""
    if thing == DATA:
        return DATA
    if thing.maybe and attr not in ("close", "response"):
        return DATA
    if thing.kind:
        return None
    table = tables()[thing.sdk]
    if thing.value == "Instructor":
        if attr in ("chat", "completions", "messages"):
            return thing
        return replace(thing, path=attr, kind=INSTRUCTOR[attr]) if attr in INSTRUCTOR else None
    if thing.value == "client":
        return _client_member(thing, attr, table, major)
    if thing.value in ITERATORS:
        return None
    kind = table["values"].get(thing.value, {}).get(attr)
    if attr == "stream_to_file" and thing.value == "AsyncAPIResponse":
        kind = "await"  # of the responses that are files
    if kind is None:
        return DATA if "Page" in thing.value and attr in PYDANTIC else None
    if kind == "data":
        return DATA
    if kind == "iterable":
        return Thing(thing.sdk, "AsyncIterator")
    if kind.startswith("has:"):
        return Thing(thing.sdk, kind[4:])
    return replace(thing, path=attr, kind=kind)


def _client_member(thing: Thing, attr: str, table: dict[str, Any], major: int | None) -> Thing | None:
    if thing.path.endswith((".with_raw_response", ".with_streaming_response")):
        where, _, how = thing.path.rpartition(".")
        if f"{where}.{attr}" not in table["methods"]:
            return None
        if how == "with_streaming_response":
            return replace(thing, path=f"{thing.path}.{attr}", kind="manager:AsyncAPIResponse")
        raw = table["raw"]
        if not isinstance(raw, dict):
            kinds = {raw}
        elif str(major) in raw:
            kinds = {raw[str(major)]}
        else:
            kinds = set(raw.values())
        return replace(thing, path=f"{thing.path}.{attr}", kind=f"await:{kinds.pop()}") if len(kinds) == 1 else None
    path = f"{thing.path}.{attr}" if thing.path else attr
    if path in table["methods"]:
        return replace(thing, path=path, kind=table["methods"][path])
    if path in table["resources"]:
        return replace(thing, path=path)
    if thing.path in table["resources"] and attr in ("with_raw_response", "with_streaming_response"):
        return replace(thing, path=path) if "raw" in table else None
    if thing.sdk in STYLES and (attr == "aio" or attr.endswith("_async") or attr in ("close", "vertexai", "sdk_configuration")):
        return DATA  # asynchronous already; and a client for both is closed as before
    return DATA if not thing.path and attr in table.get("client", ()) else None


def gives(method: Thing, streams: bool | None) -> Thing:
    """What calling a method gives, once awaited or entered as its kind says. `streams`: its `stream=`; None when that can't be told."""
    word, _, value = method.kind.partition(":")
    if value == "client":
        return Thing(method.sdk, method.value)
    if word == "stream":
        return DATA if streams is False else Thing(method.sdk, value, maybe=streams is None)
    if word == "iterate":
        return Thing(method.sdk, "AsyncIterator")
    return Thing(method.sdk, value) if value else DATA


def iterable(thing: Thing) -> bool:
    """Whether `async for` can go through a thing."""
    return thing.value in ITERATORS or thing.maybe or "iterable" in _itself(thing)


def entered(thing: Thing) -> Thing | None:
    """What `async with` binds; None when the thing can't be entered."""
    if (thing.value == "client" and not thing.path) or thing.value == "AsyncAPIResponse":
        return thing
    return next((Thing(thing.sdk, word[6:]) for word in _itself(thing) if word.startswith("enter:")), None)


def _itself(thing: Thing) -> list[str]:
    if thing == DATA or thing.value == "Instructor":
        return []
    told: str = tables()[thing.sdk]["values"].get(thing.value, {}).get("", "")
    return told.split()
