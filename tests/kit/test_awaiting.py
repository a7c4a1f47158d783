"""Where an await or an async for may stand, seen in what is made of a call at that place."""

from __future__ import annotations

import ast

import pytest
from loadproof.codemods.kit.awaiting import Place, place_to_await, place_to_iterate
from loadproof.codemods.kit.facts import source_of
from loadproof.codemods.kit.locks import held_lock
from loadproof.codemods.kit.source import Source

HEAD = "import asyncio\nfrom fastapi.responses import StreamingResponse\n"


def found(body: str, place: str) -> tuple[Source, Place]:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    source = source_of("main.py", f"{HEAD}async def f(xs):\n{lines}".encode())
    call = next(node for node in source.nodes(ast.Call) if isinstance(node.func, ast.Attribute) and node.func.attr == "call")
    return source, (place_to_await if place == "await" else place_to_iterate)(source, call)


def applied(source: Source, place: Place) -> str:
    text = source.utf8
    for edit in sorted(place.edits, reverse=True):
        text = text[: edit.start] + edit.text.encode() + text[edit.stop :]
    made = text.decode().partition("async def f(xs):\n")[2]
    compile(text, "main.py", "exec")
    return "\n".join(line.removeprefix("    ") for line in made.splitlines())


@pytest.mark.parametrize(
    ("body", "verb", "made"),
    [
        ("return o.call()", "await", None),
        ("return await o.call()", "bare", None),
        ("return [o.call(x) for x in xs]", "await", None),
        ("return list(o.call(x) for x in xs)", "await", "return list([o.call(x) for x in xs])"),
        ("return sorted((o.call(x) for x in xs), key=len)", "await", "return sorted([o.call(x) for x in xs], key=len)"),
        ("return print(*(o.call(x) for x in xs))", "await", "return print(*[o.call(x) for x in xs])"),
        ("return (o.call(x) for x in xs)", "refuse", None),
        ("return any(o.call(x) for x in xs)", "refuse", None),
        ("return (x for x in o.call())", "await", None),
        ("return await asyncio.gather(o.call(), g())", "bare", None),
        ("return await asyncio.gather(*[o.call(x) for x in xs])", "bare", None),
        ("jobs = []\njobs.append(o.call())\nreturn await asyncio.gather(*jobs)", "bare", None),
        ("jobs = []\njobs.append(o.call())\nreturn jobs", "await", None),
        ("return await asyncio.to_thread(o.call())", "refuse", None),
        ("return await asyncio.to_thread(g, o.call())", "await", None),
    ],
)
def test_places_to_await(body: str, verb: str, made: str | None) -> None:
    source, place = found(body, "await")
    assert place.verb == verb
    assert applied(source, place) == (made or body)


@pytest.mark.parametrize(
    ("body", "verb", "made"),
    [
        ("for x in o.call(): print(x)", "iterate", "async for x in o.call(): print(x)"),
        ("async for x in o.call(): print(x)", "iterate", None),
        ("return [x for x in o.call()]", "iterate", "return [x async for x in o.call()]"),
        ("return {x: y for x in xs for y in o.call(x)}", "iterate", "return {x: y for x in xs async for y in o.call(x)}"),
        ("return [x for (\n  x) in o.call()]", "iterate", "return [x async for (\n  x) in o.call()]"),
        ("return list(o.call())", "iterate", "return [chunk async for chunk in o.call()]"),
        ("return tuple( o.call() )", "iterate", "return tuple( [chunk async for chunk in o.call()] )"),
        ("return ''.join(x for x in o.call())", "iterate", "return ''.join([x async for x in o.call()])"),
        ("for y in (x for x in o.call()): print(y)", "iterate", "async for y in (x async for x in o.call()): print(y)"),
        ("s = o.call()\nfor x in s: print(x)", "iterate", "s = o.call()\nasync for x in s: print(x)"),
        ("s = o.call()\ng(s)\nfor x in s: print(x)", "refuse", None),
        ("s = o.call()\ns = g()\nfor x in s: print(x)", "refuse", None),
        ("return enumerate(o.call())", "refuse", None),
        ("return o.call()", "refuse", None),
        ("return StreamingResponse(o.call())", "leave", None),
        ("return StreamingResponse(x for x in o.call())", "leave", None),
        ("s = o.call()\ndef g():\n    yield from s\n    for x in s: yield x\nreturn g()", "refuse", None),
        ("s = o.call()\ndef g():\n    for x in s: yield x\nreturn g()", "leave", None),
    ],
)
def test_places_to_iterate(body: str, verb: str, made: str | None) -> None:
    source, place = found(body, "iterate")
    assert place.verb == verb
    assert applied(source, place) == (made or body)


@pytest.mark.parametrize(
    ("body", "lock"),
    [
        ("with lock: o.call()", "lock"),
        ("with self._lock, g():\n    if xs: o.call()", "self._lock"),
        ("async with lock: o.call()", ""),
        ("with g(lock): o.call()", ""),
        ("with lock:\n    def g():\n        o.call()", ""),
    ],
)
def test_locks(body: str, lock: str) -> None:
    source, _ = found(body, "await")
    call = next(node for node in source.nodes(ast.Call) if isinstance(node.func, ast.Attribute) and node.func.attr == "call")
    assert held_lock(source, call) == lock
