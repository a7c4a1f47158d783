"""What has no limit as the service stands, and has one after our rewrite: fan-out, waiting, trying again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from .load import BROKEN, MANY, PATIENCE, Ask, client, fan_out, first_answer, says, shape, until
from .service import Service, pair


@pytest.mark.parametrize("path", ["/questions", "/grades"])
def test_fan_out_is_bounded_for_the_whole_process(path: str, tmp_path: Path) -> None:
    in_order = [f"You said: {question} (1 messages)" for question in MANY]
    with pair("fan_out", tmp_path, expect={"bounded-gather"}) as sides:
        before, after = (asyncio.run(fan_out(service, path)) for service in (sides.before, sides.after))
        print(f"fan_out {path}: {before[0]} in flight before, {after[0]} after")
        assert before[0] > 5
        assert after[0] <= 5
        assert before[1] == after[1] == [in_order] * 3


@pytest.mark.parametrize(
    "ask",
    [says("/customers/{user}", method="GET"), says("/customers/{user}/notes")],
    ids=["get", "session"],
)
def test_hanging_upstream_is_given_up(ask: Ask, tmp_path: Path) -> None:
    """Before, the upstream must hang up itself; after, the service does."""

    async def waits(service: Service, within: float) -> bool:
        """Whether the service is still waiting for an upstream that never answers."""
        upstream = service.upstream
        await first_answer(service)
        upstream.hang = True
        async with client(service) as http:
            asked = asyncio.create_task(ask(http, 1, 1, "hello"))
            assert await until(lambda: upstream.in_flight == 1, PATIENCE), service.explain()
            await until(lambda: upstream.in_flight == 0, within)
            waiting = upstream.in_flight == 1
            if not waiting:
                assert (await asked).status_code == 500
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
        return waiting

    settings = ("--set", "requests-timeout.read=1", "--set", "requests-timeout.connect=1")
    with pair("no_timeout", tmp_path, *settings, kind="wsgi", expect={"requests-timeout"}) as sides:
        assert asyncio.run(shape(sides.before, ask)) == asyncio.run(shape(sides.after, ask))
        assert asyncio.run(waits(sides.before, 4 * BROKEN))
        assert not asyncio.run(waits(sides.after, PATIENCE))


async def runs(service: Service, question: str, enough: int) -> tuple[int, httpx.Response | None]:
    """How often the model is asked for one answer; `enough` ends the wait for a service that never gives up."""
    await first_answer(service)
    service.upstream.forget()
    async with client(service) as http:
        asked = asyncio.create_task(http.post("/answer", json={"question": question}))
        await until(lambda: asked.done() or len(service.upstream.calls) >= enough, PATIENCE)
        if asked.done():
            return len(service.upstream.calls), asked.result()
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        return len(service.upstream.calls), None


@pytest.mark.parametrize("app", ["article_retry", "endless_retry", "checkpointed_retry"])
def test_graph_gives_up_through_its_own_exit(app: str, tmp_path: Path) -> None:
    question = "what is it all about"
    with pair(app, tmp_path, expect={"attempt-counter"}) as sides:
        after, answer = asyncio.run(runs(sides.after, question, enough=40))
        before, endless = asyncio.run(runs(sides.before, question, enough=40))
        print(f"{app}: {before} calls and no end before, {after} after")
        assert endless is None
        assert before >= 40
        assert answer is not None
        assert (answer.status_code, answer.json()) == (200, {"answer": f"You said: {question} (1 messages)"})
        assert after == 3
        again, _ = asyncio.run(runs(sides.after, question, enough=40))
        assert again == 3, "each run has a budget of its own, also in the same thread"


def test_graph_that_succeeds_at_once_is_unchanged(tmp_path: Path) -> None:
    with pair("endless_retry", tmp_path, expect={"attempt-counter"}) as sides:
        both = [asyncio.run(runs(service, "is it 42", enough=40)) for service in (sides.before, sides.after)]
        assert [count for count, _ in both] == [1, 1]
        assert [answer.json() for _, answer in both if answer] == [{"answer": "You said: is it 42 (1 messages)"}] * 2
