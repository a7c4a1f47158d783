"""What a model upstream says, as plain data in the words of OpenAI's and Anthropic's HTTP.

A model's answer is decided by the question alone: `answer_to` says how.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

TOOL = re.compile(r"\[\[(\w+) (\{.*?\})\]\]")


def answer_to(question: str, messages: int) -> str:
    """What the model says: the last line of the question, and how many messages it was shown."""
    lines = question.strip().splitlines() or [""]
    return f"You said: {lines[-1][-80:]} ({messages} messages)"


def assistant(body: dict[str, Any]) -> dict[str, Any]:
    """The message of the model. `[[look_up {"id": "7"}]]` in the last user's message makes it call that tool, once."""
    messages = body["messages"]
    wanted = TOOL.search(last_user(messages))
    if wanted and body.get("tools") and messages[-1]["role"] == "user":
        function = {"name": wanted[1], "arguments": wanted[2]}
        return {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
        }
    return {"role": "assistant", "content": answer_to(last_user(messages), len(messages))}


def text_of(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(str(part.get("text", "")) for part in content)


def said(messages: list[dict[str, Any]]) -> str:
    return "\n".join(map(text_of, messages))


def last_user(messages: list[dict[str, Any]]) -> str:
    return next((text_of(m) for m in reversed(messages) if m.get("role") in ("user", "human")), "")


def vector(text: str) -> list[float]:
    """Three numbers that are the same for the same text."""
    return [1.0 + len(text) % 7, 1.0 + sum(text.encode()) % 11, 1.0]


def data(value: dict[str, Any], event: str = "") -> str:
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(value)}\n\n"


def pieces(text: str) -> list[str]:
    return re.findall(r"\S+\s*", text)


def chat_events(whole: dict[str, Any]) -> Iterator[str]:
    chunk = {**whole, "object": "chat.completion.chunk"}
    chunk.pop("usage")
    message = whole["choices"][0]["message"]
    if "tool_calls" in message:
        deltas = [{"role": "assistant", "tool_calls": [{"index": 0, **message["tool_calls"][0]}]}]
    else:
        deltas = [{"role": "assistant", "content": piece} for piece in pieces(message["content"])]
    for delta in deltas:
        yield data({**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    yield data({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": whole["choices"][0]["finish_reason"]}]})
    yield "data: [DONE]\n\n"


def response(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
    output = [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}]
    usage = {
        "input_tokens": 1,
        "output_tokens": 1,
        "total_tokens": 2,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "stub",
        "status": "completed",
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage,
    }


def response_events(whole: dict[str, Any]) -> Iterator[str]:
    begun = {**whole, "status": "in_progress", "output": []}
    yield data({"type": "response.created", "sequence_number": 0, "response": begun}, "response.created")
    item = {**whole["output"][0], "status": "in_progress", "content": []}
    yield data(
        {"type": "response.output_item.added", "sequence_number": 0, "output_index": 0, "item": item},
        "response.output_item.added",
    )
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    added = {
        "type": "response.content_part.added",
        "sequence_number": 0,
        "item_id": "msg_1",
        "output_index": 0,
        "content_index": 0,
        "part": part,
    }
    yield data(added, "response.content_part.added")
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "logprobs": []}
    number = 0
    for number, piece in enumerate(pieces(whole["output"][0]["content"][0]["text"]), 1):
        delta = {"type": "response.output_text.delta", "sequence_number": number, "delta": piece, **place}
        yield data(delta, "response.output_text.delta")
    yield data({"type": "response.completed", "sequence_number": number + 1, "response": whole}, "response.completed")


def message_events(whole: dict[str, Any]) -> Iterator[str]:
    begun = {**whole, "content": [], "stop_reason": None}
    yield data({"type": "message_start", "message": begun}, "message_start")
    block = {"type": "text", "text": ""}
    yield data({"type": "content_block_start", "index": 0, "content_block": block}, "content_block_start")
    for piece in pieces(whole["content"][0]["text"]):
        delta = {"type": "text_delta", "text": piece}
        yield data({"type": "content_block_delta", "index": 0, "delta": delta}, "content_block_delta")
    yield data({"type": "content_block_stop", "index": 0}, "content_block_stop")
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    yield data({"type": "message_delta", "delta": end, "usage": {"output_tokens": 1}}, "message_delta")
    yield data({"type": "message_stop"}, "message_stop")
