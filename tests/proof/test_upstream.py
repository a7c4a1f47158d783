"""The stub is taken for the real thing by the real SDKs, and tells the truth about what it saw."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import openai
import pytest

from .upstream import Upstream

HELLO = [{"role": "user", "content": "hello there"}]
HEARD = "You said: hello there (1 messages)"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture
def client(upstream: Upstream) -> Any:
    return openai.OpenAI(base_url=f"{upstream.url}/v1", api_key="sk-test")


@pytest.fixture
def claude(upstream: Upstream) -> Any:
    return anthropic.Anthropic(base_url=upstream.url, api_key="sk-ant-test")


def test_chat_completion(client: Any, upstream: Upstream) -> None:
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    assert answer.choices[0].message.content == HEARD
    assert [call.text for call in upstream.calls] == ["hello there"]
    assert upstream.in_flight == 0
    assert upstream.most_in_flight == 1


def test_chat_completion_in_pieces(client: Any) -> None:
    stream = client.chat.completions.create(model="gpt-4o-mini", messages=HELLO, stream=True)
    texts = [chunk.choices[0].delta.content for chunk in stream]
    assert len(texts) > 3
    assert "".join(text or "" for text in texts) == HEARD


def test_tool_call(client: Any) -> None:
    tool = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}
    question = {"role": "user", "content": 'find it [[look_up {"id": "7"}]]'}
    answer = client.chat.completions.create(model="m", messages=[question], tools=[tool])
    assert answer.choices[0].message.tool_calls[0].function.arguments == '{"id": "7"}'


def test_completion(client: Any) -> None:
    assert client.completions.create(model="m", prompt="hello there").choices[0].text == HEARD


def test_response(client: Any) -> None:
    assert client.responses.create(model="m", input="hello there").output_text == HEARD


def test_response_in_pieces(client: Any) -> None:
    events = client.responses.create(model="m", input="hello there", stream=True)
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == HEARD


def test_embeddings(client: Any) -> None:
    answer = client.embeddings.create(model="m", input=["one", "three"])
    assert answer.data[0].embedding != answer.data[1].embedding


def test_message(claude: Any) -> None:
    answer = claude.messages.create(model="m", max_tokens=9, messages=HELLO)
    assert answer.content[0].text == HEARD


def test_message_in_pieces(claude: Any) -> None:
    with claude.messages.stream(model="m", max_tokens=9, messages=HELLO) as stream:
        assert "".join(stream.text_stream) == HEARD


@pytest.mark.parametrize("status", [429, 503])
def test_first_calls_fail(upstream: Upstream, status: int) -> None:
    upstream.failures = [status, status]
    client = openai.OpenAI(base_url=f"{upstream.url}/v1", api_key="sk-test", max_retries=2)
    assert client.completions.create(model="m", prompt="hello there").choices[0].text == HEARD
    assert [call.status for call in upstream.calls] == [status, status, 200]


def test_plain_call_is_told_what_it_asked(upstream: Upstream) -> None:
    answer = httpx.post(f"{upstream.url}/customers/7?full=yes", content="abc").json()
    assert answer == {"method": "POST", "path": "/customers/7", "args": {"full": "yes"}, "body": "abc"}


def test_nobody_is_answered_while_it_holds(upstream: Upstream) -> None:
    async def main() -> tuple[int, list[int]]:
        async with httpx.AsyncClient() as http:
            upstream.hold()
            asked = [asyncio.create_task(http.get(upstream.url)) for _ in range(7)]
            while upstream.in_flight < 7:
                await asyncio.sleep(0.01)
            done = sum(task.done() for task in asked)
            upstream.release()
            return done, [answer.status_code for answer in await asyncio.gather(*asked)]

    assert asyncio.run(main()) == (0, [200] * 7)
    assert upstream.most_in_flight == 7


def test_caller_who_hangs_up_is_seen(upstream: Upstream) -> None:
    upstream.hang = True
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(upstream.url, timeout=0.2)
    ends = time.monotonic() + 10
    while upstream.in_flight and time.monotonic() < ends:
        time.sleep(0.01)
    assert [call.hung_up for call in upstream.calls] == [True]


def test_dripping_answer_comes_byte_by_byte(upstream: Upstream) -> None:
    upstream.drip = 0.001
    with httpx.stream("GET", upstream.url) as answer:
        assert len(list(answer.iter_raw())) > 1
