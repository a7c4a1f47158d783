"""The methods of the SDKs, read from their own signatures: what `codemods/kit/libraries/sdk.json` is made of.

    python tests/codemods/sdk_tables.py read > new.json         in an environment with the SDKs of one generation
    python tests/codemods/sdk_tables.py merge new.json old.json > codemods/kit/libraries/sdk.json

The newest generation comes first: the others only add what it has no more.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import json
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

TWINS = {"openai": "AsyncOpenAI", "anthropic": "AsyncAnthropic", "groq": "AsyncGroq"}
NOT_METHODS = ("with_raw_response", "with_streaming_response", "aio", "platform_headers", "qs", "timeout")
ASYNC = re.compile(r"\b(?:Beta|Parsed)?Async[A-Z]\w+|\bEventStreamAsync\b")

ITERATORS = ("AsyncIterator", "AsyncGenerator", "AsyncIterable")
PYDANTIC = frozenset(dir(BaseModel))

Table = dict[str, Any]


def read() -> dict[str, Table]:
    """The tables of every SDK that is installed here."""
    found = {}
    for name in (*TWINS, "cohere", "mistralai", "google-genai"):
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        found[name] = read_one(name)
    return found


def read_one(name: str) -> Table:
    reader = {"cohere": cohere, "mistralai": mistral, "google-genai": genai}.get(name, twin)
    return {"versions": [importlib.metadata.version(name)], **reader(name)}


def twin(name: str) -> Table:
    """An SDK with a second class, AsyncX, beside X."""
    package = importlib.import_module(name)
    clients = {
        f"{name}.{each.removeprefix('Async')}": f"{name}.{each}"
        for each in dir(package)
        if each.startswith("Async") and hasattr(getattr(package, each), "with_options") and each != "AsyncClient"
    }
    clients[f"{name}.Client"] = f"{name}.{TWINS[name]}"
    root = getattr(package, TWINS[name])
    methods = dict(_instance_methods(name, root(api_key="x"), ""))
    raw = "LegacyAPIResponse" if hasattr(package, "_legacy_response") else "AsyncAPIResponse"
    return {"clients": clients, "methods": methods, "values": _values(name, methods, "AsyncAPIResponse", "AsyncStream", raw), "raw": raw, "client": _attributes(root)}


def cohere(name: str) -> Table:
    package = importlib.import_module(name)
    methods: dict[str, str] = {}
    for each in ("AsyncClientV2", "AsyncClient"):
        for path, kind in _instance_methods(name, getattr(package, each)(api_key="x"), ""):
            methods.setdefault(path, kind)
    return {"clients": {f"{name}.ClientV2": f"{name}.AsyncClientV2", f"{name}.Client": f"{name}.AsyncClient"}, "methods": methods, "values": _values(name, methods)}


def mistral(name: str) -> Table:
    """One class for both: the async method is called `x_async`."""
    try:
        from mistralai.client import Mistral
    except ImportError:
        from mistralai import Mistral  # type: ignore[attr-defined,no-redef]
    methods = dict(_suffixed(Mistral(api_key="x"), ""))
    return {"clients": {"mistralai.Mistral": "", "mistralai.client.Mistral": ""}, "methods": methods, "values": _values(name, methods)}


def genai(name: str) -> Table:
    """One client for both: the async methods are those of `client.aio`."""
    from google import genai as package

    client = package.Client(api_key="x")
    methods = dict(_instance_methods("google.genai", client.aio, ""))
    sync = {path for path, _ in _instance_methods("google.genai", client, "")}
    kept = {path: kind for path, kind in methods.items() if path in sync and kind != "plain"}
    return {"clients": {"google.genai.Client": ""}, "methods": kept, "values": _values("google.genai", kept)}


def _public(owner: object) -> Iterator[str]:
    yield from (name for name in dir(owner) if not name.startswith("_"))


def _instance_methods(package: str, owner: Any, lead: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Methods of an async client and of the resources that it holds, by dotted path."""
    held = {name for name in vars(owner) if not name.startswith("_")}  # older generations make their resources in __init__
    for name in sorted({*_public(type(owner)), *held}):
        if name in NOT_METHODS:
            continue
        static = inspect.getattr_static(type(owner), name, None)
        if inspect.isfunction(static):
            yield f"{lead}{name}", _kind(static)
        elif name in held or isinstance(static, property) or type(static).__name__ == "cached_property":
            member = _member(owner, name)
            if _is_resource(package, member) and depth < 7:
                yield from _instance_methods(package, member, f"{lead}{name}.", depth + 1)


def _member(owner: Any, name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return getattr(owner, name)
        except Exception:
            return None


def _is_resource(package: str, member: Any) -> bool:
    return type(member).__module__.startswith(package) and not hasattr(member, "model_dump") and not isinstance(member, (str, tuple, dict))


def _suffixed(owner: Any, lead: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    for name in {*_public(owner), *getattr(owner, "_sub_sdk_map", {})}:
        member = _member(owner, name)
        if inspect.ismethod(member) and hasattr(owner, f"{name}_async"):
            yield f"{lead}{name}", _kind(getattr(owner, f"{name}_async"))
        elif hasattr(member, "sdk_configuration") and depth < 7 and name != "parent_ref":
            yield from _suffixed(member, f"{lead}{name}.", depth + 1)


def _kind(function: Any) -> str:
    """How a method's result is had in async code: see kit/libraries/sdk.py."""
    function = inspect.unwrap(function)
    told = _annotation(function)
    value = _async_class(told)
    if function.__name__ in ("with_options", "copy", "with_middleware"):
        return "plain:client"
    if inspect.iscoroutinefunction(function):
        if re.search(r"Stream\w*(\[|$)|StreamAsync", told) and value and ("|" in told or "Union" in told):
            return f"stream:{value}"
        return f"await:{value}" if value else "await"
    if inspect.isasyncgenfunction(function):
        return "iterate"
    if value == "AsyncPaginator":
        return "page:AsyncPage"
    if value.endswith("Manager"):
        return f"manager:{value}"
    if value in ("AsyncIterator", "AsyncGenerator", "AsyncIterable"):
        return "iterate"
    if re.search(r"Awaitable|Coroutine", told):
        return "await"
    return f"plain:{value}" if value else "plain"


def _async_class(told: str) -> str:
    """The class in an annotation that differs from its sync twin; a type variable stands for the class it is named after."""
    name = next(iter(ASYNC.findall(told)), "")
    return name.removesuffix("T") if name.endswith(("PageT", "HandlerT")) else name


def _annotation(function: Any) -> str:
    told = inspect.signature(function).return_annotation
    return told if isinstance(told, str) else "" if told is inspect.Signature.empty else str(told).replace("typing.", "")


def _found(package: str, name: str) -> Any:
    """A class of the package, by its bare name."""
    homes = [module for path, module in sorted(sys.modules.copy().items(), key=lambda item: item[0]) if path.startswith(package)]
    return next((made for home in homes if inspect.isclass(made := dict(getattr(home, "__dict__", {})).get(name))), None)


def _values(package: str, methods: dict[str, str], *more: str) -> dict[str, dict[str, str]]:
    """What methods give that is used another way in async code: each attribute, "" for the thing itself."""
    values: dict[str, dict[str, str]] = {}
    todo = sorted({kind.partition(":")[2] for kind in methods.values()} | set(more))
    while todo:
        name = todo.pop()
        made = None if not name or name in values or name in ("client", *ITERATORS) else _found(package, name)
        if made is not None:
            values[name] = _value(made)
            todo += [part.partition(":")[2] for kind in values[name].values() for part in kind.split()]
    return dict(sorted(values.items()))


def _value(made: type) -> dict[str, str]:
    found: dict[str, str] = {}
    itself = ["iterable"] if hasattr(made, "__aiter__") else []
    if hasattr(made, "__aenter__"):
        itself.append(f"enter:{_async_class(_annotation(made.__aenter__)) or made.__name__}")
    if itself:
        found[""] = " ".join(itself)
    for above in reversed(made.__mro__):
        for name, told in vars(above).get("__annotations__", {}).items():
            value = _async_class(str(told))
            if not name.startswith("_"):
                found[name] = "iterable" if value in ITERATORS else f"has:{value}" if value else "data"
    for name in _public(made):
        member = inspect.getattr_static(made, name)
        if isinstance(member, property) or type(member).__name__ == "cached_property":
            value = _async_class(_annotation(member.fget if isinstance(member, property) else member.func))
            found[name] = f"has:{value}" if value else "data"
        elif inspect.isfunction(member):
            found[name] = _kind(member)
    if hasattr(made, "model_dump"):
        found = {name: kind for name, kind in found.items() if name not in PYDANTIC}
    return found


def _attributes(owner: type) -> list[str]:
    """What a client holds besides resources."""
    found = {name for above in owner.__mro__ for name in vars(above).get("__annotations__", {}) if not name.startswith("_")}
    found |= {name for name in _public(owner) if isinstance(inspect.getattr_static(owner, name), property)}
    return sorted(found)


def merge(tables: list[dict[str, Table]]) -> dict[str, Table]:
    """The first table, with what only the others have. A method whose kind changed between generations is left out."""
    merged: dict[str, Table] = {}
    for table in tables:
        for name, sdk in table.items():
            if name not in merged:
                merged[name] = {**sdk, "older": {}}
                continue
            into = merged[name]
            into["versions"] += [version for version in sdk["versions"] if version not in into["versions"]]
            into["clients"] = {**sdk["clients"], **into["clients"]}
            for method, kind in sdk["methods"].items():
                if method not in into["methods"] and method not in into["older"] and kind != "plain" and not method.endswith("do_request"):
                    into["older"][method] = kind
            for value, attributes in sdk["values"].items():
                into["values"].setdefault(value, attributes)
            if "raw" in sdk:
                if not isinstance(into["raw"], dict):
                    into["raw"] = {_major(into["versions"][0]): into["raw"]}
                into["raw"].setdefault(_major(sdk["versions"][0]), sdk["raw"])
    return merged


def _major(version: str) -> str:
    return version.partition(".")[0]


def main(words: list[str]) -> None:
    table = read() if words[:1] == ["read"] else merge([json.loads(Path(path).read_text("utf-8")) for path in words[1:]])
    print(json.dumps(table, indent=1, sort_keys=True))


if __name__ == "__main__":
    main(sys.argv[1:])
