"""One blocking call stops the event loop for everybody; after our rewrite the calls overlap upstream and the loop stays free."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from .load import BROKEN, PATIENCE, Ask, Crowd, client, crowd, first_answer, says, shape, text, until
from .service import Service, pair
from .upstream import Call


def everything(call: Call) -> bool:
    return True


def inside_tool(call: Call) -> bool:
    """The call that a tool makes, not the ones of the agent around it."""
    return "tools" not in call.body


@dataclass(frozen=True, slots=True)
class Case:
    """A service that blocks its loop, its routes, and the codemods that must free it."""

    app: str
    codemods: frozenset[str]
    routes: tuple[Ask, ...]
    slow: Callable[[Call], bool] = everything


CLIENT = frozenset({"async-client"})
CHAIN = frozenset({"async-chain"})
OFFLOAD = frozenset({"offload-blocking"})

CASES = [
    Case("article_graph", CLIENT, (says("/run", prompt="{text}"),)),
    Case(
        "client_global",
        CLIENT,
        (says("/complete", text="{text}"), says("/respond", text="{text}"), says("/vectors", text="{text}")),
    ),
    Case("client_on_self", CLIENT, (says("/translate", text="{text}"), says("/translate-twice", text="{text}"))),
    Case("client_elsewhere", CLIENT, (says("/titles", text="{text}"), says("/summaries", text="{text}"))),
    Case("client_mixed", CLIENT, (says("/explain", text="{text}"),)),
    Case("stream_response", CLIENT, (says("/stream", text="{text}"), says("/events", text="{text}"))),
    Case("claude_route", CLIENT, (says("/ask", question="{text}"), says("/ask-live", question="{text}"))),
    Case(
        "chain_invoke",
        CHAIN,
        tuple(says(path, question="{text}") for path in ("/invoke", "/run", "/call", "/predict", "/model")),
    ),
    Case("graph_invoke", CHAIN, (says("/chat/{user}", message="{text}"),)),
    Case(
        "retriever_async", CHAIN, tuple(says(path, question="{text}") for path in ("/retrieve", "/similar", "/embed"))
    ),
    Case("client_in_helper", OFFLOAD, (says("/label", text="{text}"),)),
    Case("requests_helper", OFFLOAD, (says("/customers/{user}", method="GET"), says("/paths/{user}", method="GET"))),
    Case("subprocess_route", OFFLOAD, (says("/convert/{user}", method="GET"), says("/quick/{user}", method="GET"))),
    Case(
        "tools_async",
        CLIENT | OFFLOAD,
        (
            says("/agent", message='[[rephrase {"text": "{text}"}]]'),
            says("/agent", message='[[stock {"article": "{text}"}]]'),
        ),
        inside_tool,
    ),
]


def in_front(route: int, app: str, before: Crowd, after: Crowd) -> None:
    ratio = before.wall / after.wall
    print(f"{app}, route {route}: {ratio:.1f} times faster\n  before: {before}\n  after:  {after}")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.app)
def test_calls_overlap_and_the_loop_is_free(case: Case, tmp_path: Path) -> None:
    with pair(case.app, tmp_path, expect=set(case.codemods)) as sides:
        for number, ask in enumerate(case.routes, 1):
            assert asyncio.run(shape(sides.before, ask)) == asyncio.run(shape(sides.after, ask))
            # six threads are what asyncio.to_thread and a graph's sync nodes have on two cores; the loop has no such limit
            users = 5
            before = asyncio.run(crowd(sides.before, ask, users=users, within=BROKEN, slow=case.slow))
            after = asyncio.run(crowd(sides.after, ask, users=users, slow=case.slow))
            in_front(number, case.app, before, after)
            assert (before.in_flight, before.health) == (1, False)
            assert (after.in_flight, after.health) == (users, True)
            assert before.statuses == after.statuses == (200,) * users


def test_batch_leaves_the_loop_free(tmp_path: Path) -> None:
    """Two calls for each of three users: `batch` has threads of its own, but it blocks the loop that waits for them."""
    ask = says("/batch", question="{text}")
    with pair("chain_invoke", tmp_path, expect={"async-chain"}) as sides:
        before = asyncio.run(crowd(sides.before, ask, users=3, calls=6, within=BROKEN))
        after = asyncio.run(crowd(sides.after, ask, users=3, calls=6))
        in_front(1, "chain_invoke /batch", before, after)
        assert (before.in_flight, before.health) == (2, False)
        assert (after.in_flight, after.health) == (6, True)


def test_streams_arrive_whole_and_in_pieces(tmp_path: Path) -> None:
    """The first piece is there before the upstream has said the last one, for everybody at once."""

    async def pieces(service: Service, path: str, users: int = 3) -> list[tuple[int, str]]:
        await first_answer(service)
        service.upstream.drip = 0.03
        async with client(service) as http:

            async def one(user: int) -> tuple[int, str]:
                early, parts = 0, []
                async with http.stream("POST", path, json={"text": text(user, 1)}) as answer:
                    async for part in answer.aiter_text():
                        parts.append(part)
                        early += service.upstream.in_flight > 0
                return early, "".join(parts)

            return list(await asyncio.gather(*(one(user) for user in range(1, users + 1))))

    with pair("stream_response", tmp_path, expect={"async-client"}) as sides:
        for path in ("/stream", "/events"):
            before, after = (asyncio.run(pieces(service, path)) for service in (sides.before, sides.after))
            assert [whole for _, whole in before] == [whole for _, whole in after]
            assert all(f"user{user}" in whole for user, (_, whole) in enumerate(after, 1))
            assert all(early for early, _ in after)


def test_sync_callers_still_work(tmp_path: Path) -> None:
    """The sync helper that shares the client with async code answers as before."""
    ask = says("/label", text="{text}")
    with pair("client_mixed", tmp_path, expect={"async-client"}) as sides:
        before, after = (asyncio.run(crowd(service, ask, users=4)) for service in (sides.before, sides.after))
        assert before.in_flight == after.in_flight == 4
        assert after.statuses == (200,) * 4
        ask = says("/report/{user}", method="GET")
    with pair("requests_helper", tmp_path / "second", expect={"offload-blocking"}) as sides:
        after = asyncio.run(crowd(sides.after, ask, users=4))
        assert after.in_flight == 4


def test_graph_still_knows_its_threads(tmp_path: Path) -> None:
    """A checkpointer keyed by thread_id is not ours to touch: two turns of one thread, one of another."""

    async def turns(service: Service) -> list[int]:
        await first_answer(service)
        async with client(service) as http:
            answers = [await http.post(f"/chat/{thread}", json={"message": "hello"}) for thread in ("a", "a", "b")]
            return [answer.json()["turns"] for answer in answers]

    with pair("graph_invoke", tmp_path, expect={"async-chain"}) as sides:
        assert asyncio.run(turns(sides.before)) == asyncio.run(turns(sides.after)) == [2, 4, 2]


def test_sleeping_route_lets_others_pass(tmp_path: Path) -> None:
    async def order(service: Service) -> list[str]:
        """Who is answered first: the one that sleeps, or /health that asks while it does?"""
        await first_answer(service)
        upstream = service.upstream
        done: list[str] = []
        async with client(service) as http:

            async def sleeper() -> None:
                answer = await http.post("/gentle", json={"text": text(1, 1), "pause": 2})
                assert answer.status_code == 200, service.explain()
                done.append("sleeper")

            async def passer() -> None:
                assert await until(lambda: len(upstream.calls) > 0 and upstream.in_flight == 0, PATIENCE)
                await asyncio.sleep(0.5)
                assert (await http.get("/health")).status_code == 200
                done.append("passer")

            await asyncio.gather(sleeper(), passer())
        return done

    with pair("sleeping_route", tmp_path, expect={"offload-blocking"}) as sides:
        before, after = asyncio.run(order(sides.before)), asyncio.run(order(sides.after))
        print(f"sleeping_route: {before} before, {after} after")
        assert before == ["sleeper", "passer"]
        assert after == ["passer", "sleeper"]
