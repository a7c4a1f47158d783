"""An upstream of our own on a real port: OpenAI's and Anthropic's HTTP and plain endpoints, which can be slow, stuck or broken.

    with Upstream() as upstream:
        upstream.delay = 0.2                 # seconds before each answer
        upstream.hold(); upstream.release()  # nobody is answered until we say so; `waiting` counts them
        upstream.hang = True                 # never answers
        upstream.drip = 0.1                  # seconds between the pieces of a streamed answer, or the bytes of a plain one
        upstream.failures = [429, 503]       # what the next calls get instead of an answer
        ...
        upstream.calls                       # who asked what, from when to when, and whether they hung up
        upstream.in_flight, upstream.most_in_flight

What a model answers is in `wire.py`.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from . import wire

LONGEST = 60.0  # seconds: no call is held longer, so that a broken test ends


@dataclass(slots=True)
class Call:
    """One request that reached the upstream. `text` is all that it says to the model."""

    path: str
    text: str
    body: dict[str, Any]
    client: int
    began: float
    ended: float | None = None
    hung_up: bool = False
    status: int = 200


@dataclass
class Upstream:
    """The server and what it saw. Set its manners at any time, from any thread."""

    delay: float = 0.0
    drip: float = 0.0
    hang: bool = False
    waiting: int = 0
    failures: list[int] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    url: str = ""

    def __enter__(self) -> Upstream:
        self._held: Callable[[Call], bool] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(timeout=10)
        return self

    def __exit__(self, *exc: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    def hold(self, only: Callable[[Call], bool] = lambda call: True) -> None:
        """Answer none of these calls until `release`."""
        self._held = only

    def release(self) -> None:
        self._held = None

    def forget(self) -> None:
        """Begin to count anew."""
        self.calls = []
        self.most_in_flight = self.in_flight

    @property
    def env(self) -> dict[str, str]:
        """What a service needs in its environment to take this for the real thing."""
        return {
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": f"{self.url}/v1",
            "OPENAI_API_BASE": f"{self.url}/v1",
            "ANTHROPIC_API_KEY": "sk-ant-test",
            "ANTHROPIC_BASE_URL": self.url,
            "UPSTREAM_URL": self.url,
        }

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/completions", self._completion)
        app.router.add_post("/v1/embeddings", self._embeddings)
        app.router.add_post("/v1/responses", self._response)
        app.router.add_post("/v1/messages", self._messages)
        app.router.add_route("*", "/{path:.*}", self._plain)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, backlog=512)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}"

    @asynccontextmanager
    async def _call(self, request: web.Request, text: str, body: dict[str, Any]) -> AsyncIterator[Call]:
        peer = request.transport.get_extra_info("peername") if request.transport else None
        call = Call(request.path, text, body, peer[1] if peer else 0, time.monotonic())
        self.calls.append(call)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if self.failures:
                call.status = self.failures.pop(0)
            await self._wait(call)
            yield call
        except (asyncio.CancelledError, ConnectionResetError):
            call.hung_up = True
            raise
        finally:
            self.in_flight -= 1
            call.ended = time.monotonic()

    async def _wait(self, call: Call) -> None:
        await asyncio.sleep(self.delay)
        self.waiting += 1
        try:
            while (self.hang or (self._held and self._held(call))) and time.monotonic() - call.began < LONGEST:
                await asyncio.sleep(0.005)
        finally:
            self.waiting -= 1

    async def _say(
        self, request: web.Request, call: Call, whole: dict[str, Any], events: Iterator[str]
    ) -> web.StreamResponse:
        """The answer in the form that was asked for: `events` when the caller streams, else `whole`."""
        if call.status != 200:
            error = {"message": f"upstream says {call.status}", "type": "server_error", "code": None}
            return web.json_response(
                {"type": "error", "error": error}, status=call.status, headers={"retry-after-ms": "1"}
            )
        if call.body.get("stream"):
            stream = web.StreamResponse(headers={"content-type": "text/event-stream"})
            await stream.prepare(request)
            for event in events:
                await stream.write(event.encode())
                await asyncio.sleep(self.drip)
            return stream
        if not self.drip:
            return web.json_response(whole)
        answer = web.StreamResponse(headers={"content-type": "application/json"})
        await answer.prepare(request)
        for byte in json.dumps(whole).encode():
            await answer.write(bytes((byte,)))
            await asyncio.sleep(self.drip)
        return answer

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        async with self._call(request, wire.said(body["messages"]), body) as call:
            message = wire.assistant(body)
            whole = {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1,
                "model": body.get("model", "stub"),
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "tool_calls" if "tool_calls" in message else "stop",
                        "message": message,
                    }
                ],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
            }
            return await self._say(request, call, whole, wire.chat_events(whole))

    async def _completion(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        prompt = body["prompt"] if isinstance(body["prompt"], str) else "\n".join(body["prompt"])
        async with self._call(request, prompt, body) as call:
            choice = {"index": 0, "text": wire.answer_to(prompt, 1), "finish_reason": "stop", "logprobs": None}
            whole = {
                "id": "cmpl-1",
                "object": "text_completion",
                "created": 1,
                "model": "stub",
                "choices": [choice],
                "usage": None,
            }
            return await self._say(request, call, whole, iter([wire.data(whole), "data: [DONE]\n\n"]))

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        async with self._call(request, "\n".join(map(str, texts)), body) as call:
            vectors = [
                {"object": "embedding", "index": i, "embedding": wire.vector(str(t))} for i, t in enumerate(texts)
            ]
            usage = {"prompt_tokens": 1, "total_tokens": 1}
            whole = {"object": "list", "model": "stub", "data": vectors, "usage": usage}
            return await self._say(request, call, whole, iter(()))

    async def _response(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        messages = [{"role": "user", "content": body["input"]}] if isinstance(body["input"], str) else body["input"]
        async with self._call(request, wire.said(messages), body) as call:
            whole = wire.response(wire.answer_to(wire.last_user(messages), len(messages)))
            return await self._say(request, call, whole, wire.response_events(whole))

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        async with self._call(request, wire.said(body["messages"]), body) as call:
            text = wire.answer_to(wire.last_user(body["messages"]), len(body["messages"]))
            whole = {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": body.get("model", "stub"),
                "content": [{"type": "text", "text": text}],
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "usage": {"input_tokens": 1, "output_tokens": 1},
            }
            return await self._say(request, call, whole, wire.message_events(whole))

    async def _plain(self, request: web.Request) -> web.StreamResponse:
        """Any other path tells the caller what it asked for."""
        sent = await request.text()
        text = " ".join([request.path, *request.query.values(), sent])
        async with self._call(request, text, {}) as call:
            whole = {"method": request.method, "path": request.path, "args": dict(request.query), "body": sent}
            return await self._say(request, call, whole, iter(()))
