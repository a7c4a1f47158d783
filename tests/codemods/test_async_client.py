"""The clients that async-client exchanges, run with the real SDKs against an upstream of our own: the same answers, and calls that overlap."""

from __future__ import annotations

import ast
import asyncio
import importlib.metadata
import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web
from loadproof.codemods.kit.libraries import sdk
from loadproof.codemods.kit.rewrite import Choice, rewrite

from ..proof.upstream import Upstream
from ..proof.wire import data
from . import sdk_tables

FIXTURES = Path(__file__).parent.parent.parent / "fixtures" / "async-client"
TABLES = Path(sdk.__file__).with_name("sdk.json")


class Provider(Upstream):
    """The upstream, with the lists and odds and ends that the fixtures ask for."""

    async def _plain(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/v1/")
        async with self._call(request, path, {}) as call:
            if "GenerateContent" in path or path.endswith(":generateContent"):
                whole = {"candidates": [{"content": {"role": "model", "parts": [{"text": f"said {word}"}]}} for word in ("so",)]}
                call.body = {"stream": "stream" in path}
                return await self._say(request, call, whole, (data(whole).replace("\n\n", "\r\n\r\n") for _ in range(3)))
            if path == "/v2/chat":
                call.body = await request.json()
                whole = {"id": "1", "finish_reason": "COMPLETE", "message": {"role": "assistant", "content": [{"type": "text", "text": "so"}]}}
                events = [{"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": word}}}} for word in ("so", "it", "is")]
                return await self._say(request, call, whole, (data(event) for event in events))
            if path == "/openai/v1/chat/completions":
                return await self._chat(request)
            if path.startswith("models/"):
                return web.json_response({"id": path.partition("/")[2], "object": "model", "created": 1, "owned_by": "us"})
            if path == "moderations":
                return web.json_response({"id": "1", "model": "m", "results": [{"flagged": False, "categories": {}, "category_scores": {}}]})
            if path == "audio/speech":
                return web.Response(body=b"sound", content_type="audio/mpeg")
            after = request.query.get("after", "")
            names = ["c", "d"] if after == "b" else ["a", "b"]
            items = [{"id": name, "object": "thing", "created": 1, "created_at": 1, "owned_by": "us"} for name in names]
            whole = {"object": "list", "data": items, "first_id": names[0], "last_id": names[-1], "has_more": not after}
            return await self._say(request, call, whole, iter(()))


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as upstream, pytest.MonkeyPatch.context() as patch:
        for name, value in upstream.env.items():
            patch.setenv(name, value)
        yield upstream


@pytest.fixture(autouse=True)
def at_once(provider: Provider) -> None:
    provider.delay = 0.0


def module(name: str, text: str) -> ModuleType:
    made = ModuleType(name)
    exec(compile(text, f"{name}.py", "exec"), made.__dict__)
    return made


def sides(name: str) -> tuple[ModuleType, ModuleType]:
    """The fixture as it was and as it becomes."""
    raw = (FIXTURES / f"{name}.before.py").read_bytes()
    result = rewrite({"main.py": raw}, Choice(("async-client",)), {"openai": "3"})
    assert result.patches
    return module("before", raw.decode()), module("after", result.patches[0].after.decode())


async def outcome(function: Callable[..., Any], *args: object) -> object:
    """What a function gives, in plain data: a coroutine's result, or all that a generator yields."""
    made = function(*args)
    if inspect.isasyncgen(made):
        return [plain(part) async for part in made]
    return plain(await made)


def plain(value: Any) -> object:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return [plain(part) for part in value] if isinstance(value, (list, tuple)) else value


OTHERS = {
    "ask_claude": "messages", "claude_live": "messages", "ask_groq": "chat", "ask_mistral": "chat", "mistral_live": "chat", "ask_gemini": "generateContent",
    "gemini_live": "streamGenerateContent", "gemini_chat": "generateContent", "ask_cohere": "chat", "cohere_live": "chat",
}  # fmt: skip


def test_other_sdks_give_the_same_answers(provider: Provider, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Anthropic, Groq, Mistral, Gemini and Cohere, plain and streamed."""
    for name, value in {"GROQ_BASE_URL": provider.url, "CO_API_URL": provider.url, "GOOGLE_GEMINI_BASE_URL": provider.url}.items():
        monkeypatch.setenv(name, value)
    elsewhere = 'bedrock = anthropic.AnthropicBedrock(aws_region="eu-west-1")\n'
    raw = (FIXTURES / "other_sdks.before.py").read_text()
    raw = raw.replace("from mistralai import", "from mistralai.client import").replace('Mistral(api_key="x")', f'Mistral(api_key="x", server_url="{provider.url}")')
    raw = raw.replace(elsewhere, "")
    [patch] = rewrite({"main.py": raw.encode()}, Choice(("async-client",)), {"mistralai": "3"}).patches

    async def run(side: ModuleType) -> dict[str, object]:
        found: dict[str, object] = {}
        for function, path in OTHERS.items():
            provider.forget()
            found[function] = await outcome(getattr(side, function), "hello there"), capsys.readouterr().out
            assert [call.path for call in provider.calls if path in call.path], f"{function} asked {provider.calls}"
        return found

    after = asyncio.run(run(module("after", patch.after.decode())))
    assert after == asyncio.run(run(module("before", raw)))
    assert all(answer for answer, _ in after.values())  # type: ignore[misc]


RUNS: dict[str, dict[str, tuple[object, ...]]] = {
    "parentheses": {"title": ("hello",), "both": ("one", "two"), "nested": ("hello",), "conditional": ("hello",)},
    "streams": dict.fromkeys(("printed", "kept", "joined", "listed", "everything", "entered", "plain"), ("hello there",)),
    "stream_helpers": {**dict.fromkeys(("watch", "respond", "raw", "quick", "speech"), ("hello there",)), "finish": ()},
    "pages": dict.fromkeys(("names", "first", "comprehended", "kept", "whole", "in_hand"), ()),
    "comprehensions": {"vectors": (["one", "three"],), "by_text": (["one", "", "three"],), "summary": (["one", "three"],), "total": (["one", "three"],)},
    "local_clients": dict.fromkeys(("entered", "walrus", "at_once", "passed", "defaulted"), ("hello",)),
    "factories": {"d": ("hello",), "e": ("hello",)},
    "lazy_global": {"ask": ("hello",)},
    "mixed": dict.fromkeys(("ask", "ask_claude", "in_thread", "quick"), ("hello",)),
    "module_calls_plain": {"ask": ("hello",)},
}


@pytest.mark.parametrize("fixture", RUNS)
def test_the_same_answers(provider: Provider, fixture: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def run(side: ModuleType) -> dict[str, object]:
        found: dict[str, object] = {}
        for function, args in RUNS[fixture].items():
            provider.forget()
            answer = await outcome(getattr(side, function), *args)
            found[function] = answer, capsys.readouterr().out, [(call.path, call.text) for call in provider.calls]
        return found

    before, after = sides(fixture)
    assert asyncio.run(run(after)) == asyncio.run(run(before))


@pytest.mark.parametrize(
    ("fixture", "function", "args"), [("parentheses", "title", ("hello",)), ("mixed", "ask", ("hello",)), ("streams", "kept", ("hello",)), ("mixed", "ask_claude", ("x",))]
)
def test_calls_overlap(provider: Provider, fixture: str, function: str, args: tuple[object, ...]) -> None:
    """Five calls at once: one after the other before, all in flight after."""

    async def five(side: ModuleType) -> int:
        provider.forget()
        provider.delay = 0.05
        await asyncio.gather(*(outcome(getattr(side, function), *args) for _ in range(5)))
        return provider.most_in_flight

    before, after = sides(fixture)
    assert (asyncio.run(five(before)), asyncio.run(five(after))) == (1, 5)


def test_sync_callers_keep_their_client(provider: Provider) -> None:
    before, after = sides("mixed")
    assert before.nightly("hello") == after.nightly("hello")
    assert before.Tool().run("hello") == after.Tool().run("hello") == asyncio.run(after.Tool().arun("hello"))
    assert before.plain("hello").output_text == after.plain("hello").output_text


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.glob("*.after*")))
def test_silent_about_its_own_output(name: str) -> None:
    """What was fixed is not spoken of again; what was refused is, in the same words."""
    before = _said(FIXTURES / name.replace(".after", ".before"))
    after = _said(FIXTURES / name)
    assert {status for status, _ in after} <= {"refused"}
    assert after == [each for each in before if each[0] == "refused"]


def _said(path: Path) -> list[tuple[str, str | None]]:
    files = {"main.py": path.read_bytes()} if path.is_file() else {file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*.py")}
    if path.is_dir() and ".after" in path.name:
        whole = path.with_name(path.name.replace(".after", ".before"))
        files = {**{file.relative_to(whole).as_posix(): file.read_bytes() for file in whole.rglob("*.py")}, **files}
    head = b"".join(files.values())
    declared = {"openai": "0.28.1"} if b"openai==0" in head else {}
    return [(each.status, each.reason) for each in rewrite(files, Choice(("async-client",)), declared).findings]


def test_every_emitted_timeout_is_one() -> None:
    """The numbers of the settings reach the client that is made."""
    for name in ("article", "local_clients", "other_sdks"):
        text = (FIXTURES / f"{name}.after.py").read_text()
        for call in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2].endswith("Timeout")):
            made = eval(ast.unparse(call), {"httpx": pytest.importorskip("httpx"), **_timeouts()})
            assert (made.connect, made.read) == (5.0, 20.0)


def _timeouts() -> dict[str, Any]:
    import anthropic
    import groq
    import openai

    return {"Timeout": openai.Timeout, "openai": openai, "anthropic": anthropic, "GroqTimeout": groq.Timeout}


@pytest.mark.parametrize("name", sdk.DISTRIBUTIONS)
def test_tables_tell_what_the_sdk_says(name: str) -> None:
    """Read again from the SDK that is installed: what both know is the same; for the version of the tables, everything is."""
    kept = json.loads(TABLES.read_text())[name]
    read = sdk_tables.read_one(name)
    both = read["methods"].keys() & kept["methods"].keys()
    assert len(both) > 0.5 * len(kept["methods"])
    if importlib.metadata.version(name) == kept["versions"][0]:
        assert read["methods"] == kept["methods"]
        assert {value: kept["values"][value] for value in read["values"]} == read["values"]
    else:
        assert {method: read["methods"][method].partition(":")[0] for method in both} == {method: kept["methods"][method].partition(":")[0] for method in both}


def test_openai_in_numbers() -> None:
    """What introspection of openai 3.52 gave when it was first done by hand: 334 awaited, 84 paginators, 15 managers."""
    kinds = [kind.partition(":")[0] for kind in json.loads(TABLES.read_text())["openai"]["methods"].values()]
    assert len([kind for kind in kinds if kind in ("await", "stream")]) >= 334
    assert kinds.count("page") >= 84
    assert kinds.count("manager") == 15
