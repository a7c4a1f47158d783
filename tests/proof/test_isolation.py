"""Users get each other's text as the services stand, and nobody does after our rewrite; history stays where a key exists."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import websockets

from .load import Ask, Talk, client, first_answer, says, shape, talk, text
from .service import Pair, Service, pair


@dataclass(frozen=True, slots=True)
class Case:
    """A service whose users share a conversation, and how they talk to it."""

    app: str
    ask: Ask
    keyed: bool = True
    kind: str = "asgi"


CASES = [
    Case("article_ask", says("/ask", question="{text}"), keyed=False),
    Case("keyed_in_process", says("/chat", session_id="{user}", message="{text}")),
    Case(
        "several_handlers",
        says(("/trips/ask", "/trips/refine", "/trips/book/{user}"), conversation_id="{user}", text="{text}"),
    ),
    Case("helper_between", says("/support/{user}", question="{text}")),
    Case("helper_without_key", says("/ask", header="x-session-id: {user}", question="{text}")),
    Case("helper_elsewhere", says(("/ask/{user}", "/complain"), session_id="{user}", question="{text}")),
    Case("depends_chain", says("/ask/{user}", question="{text}")),
    Case("graph_node_memory", says("/library", session_id="{user}", question="{text}")),
    Case("chain_elsewhere", says("/questions", session_id="{user}", question="{text}")),
    Case("class_router", says("/concierge", session_id="{user}", message="{text}")),
    Case("flask_support", says("/api/chat", user_id="{user}", message="{text}"), kind="wsgi"),
    Case("keyed_sqlite", says(("/ask", "/ask-sync"), session_id="{user}", question="{text}")),
    Case("conversation_chain", says("/chat", method="GET", params="user_id={user}&message={text}")),
    Case("agent_memory", says("/agent/{user}", message="{text}")),
    Case("lcel_history", says("/cook", session_id="{user}", question="{text}")),
    Case("one_thread", says(("/museum", "/museum/{user}/tour"), session_id="{user}", text="{text}")),
    Case("lent_memory", says("/guide", session_id="{user}", text="{text}")),
    Case("chain_on_state", says("/garden/{user}", text="{text}")),
    Case("lazy_chain", says("/barista", user_id="{user}", text="{text}")),
    Case("message_lists", says("/notes", session_id="{user}", text="{text}")),
    Case("message_lists", says("/shortened", session_id="{user}", text="{text}")),
    Case("message_lists", says("/recent", session_id="{user}", text="{text}")),
    Case("message_lists", says("/logged/{user}", session_id="{user}", text="{text}")),
    Case("message_log", says("/tutor", session_id="{user}", text="{text}")),
    Case("lazy_chain", says("/waiter", user_id="{user}", text="{text}")),
]


def judge(app: str, before: Talk, after: Talk, *, keyed: bool) -> None:
    """The leak was there and is gone; who had a key has a history."""
    print(f"{app}\n  before: {before}\n  after:  {after}")
    assert before.leaks > 0
    assert after.leaks == 0
    assert after.kept == (after.followups if keyed else 0)


def same_shape(sides: Pair, ask: Ask) -> None:
    assert asyncio.run(shape(sides.before, ask)) == asyncio.run(shape(sides.after, ask))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.app)
def test_no_user_sees_another(case: Case, tmp_path: Path) -> None:
    with pair(case.app, tmp_path, kind=case.kind, expect={"request-scope"}) as sides:
        same_shape(sides, case.ask)
        before = asyncio.run(talk(sides.before, case.ask))
        after = asyncio.run(talk(sides.after, case.ask))
        judge(case.app, before, after, keyed=case.keyed)
        if not case.keyed:
            assert "history" in sides.rewrite.said("request-scope")


def test_no_user_sees_another_with_redis(tmp_path: Path, redis_url: str) -> None:
    ask = says(("/claims", "/claims/{user}/documents"), session_id="{user}", question="{text}")
    with pair("keyed_redis", tmp_path, env={"REDIS_URL": redis_url}, expect={"request-scope"}) as sides:
        before = asyncio.run(talk(sides.before, ask))
        after = asyncio.run(talk(sides.after, ask))
        judge("keyed_redis", before, after, keyed=True)
        same_shape(sides, ask)
        assert "RedisChatMessageHistory" in (sides.rewrite.folder / "main.py").read_text()


def test_who_gives_no_key_shares_with_nobody(tmp_path: Path) -> None:
    """The key is optional: every second user does without, and has no history then."""

    async def ask(http: httpx.AsyncClient, user: int, turn: int, said: str) -> httpx.Response:
        return await http.post("/chat", json={"text": said, "session_id": f"u{user}"} if user % 2 else {"text": said})

    with pair("optional_key", tmp_path, expect={"request-scope"}) as sides:
        before, after = asyncio.run(talk(sides.before, ask)), asyncio.run(talk(sides.after, ask))
        print(f"optional_key\n  before: {before}\n  after:  {after}")
        assert before.leaks > 0
        assert (after.leaks, after.kept) == (0, after.followups // 2)


def test_history_outlives_the_process_with_sqlite(tmp_path: Path) -> None:
    """A second process of the rewritten service (another worker, or the next deployment) knows the conversation."""
    from .service import running
    from .upstream import Upstream

    ask = says("/ask", session_id="{user}", question="{text}")
    with pair("keyed_sqlite", tmp_path, expect={"request-scope"}) as sides:
        asyncio.run(talk(sides.after, ask, users=2, turns=1))
        with Upstream() as upstream, running(sides.rewrite.folder, upstream) as second:

            async def second_turn() -> list[str]:
                await first_answer(second)
                async with client(second) as http:
                    for user in (1, 2):
                        await ask(http, user, 2, text(user, 2))
                return [call.text for call in upstream.calls]

            prompts = asyncio.run(second_turn())
    assert ["user1 turn1" in prompt for prompt in prompts] == [True, False]
    assert ["user2 turn1" in prompt for prompt in prompts] == [False, True]


async def chat(service: Service, path: str, users: int, *, wrapped: bool, hello: bool) -> list[object]:
    """Several people on one websocket each; gives the keys of the answers."""
    await first_answer(service)
    service.upstream.delay = 0.02
    url = service.url.replace("http", "ws")

    async def one(user: int) -> list[object]:
        async with websockets.connect(url + path.replace("{user}", f"u{user}"), proxy=None) as socket:
            got = [json.loads(await socket.recv())] if hello else []
            for turn in (1, 2, 3):
                said = text(user, turn)
                await socket.send(json.dumps({"text": said}) if wrapped else said)
                got.append(json.loads(await asyncio.wait_for(socket.recv(), 30)))
            return [sorted(answer) for answer in got]

    return list(await asyncio.gather(*(one(user) for user in range(1, users + 1))))


@pytest.mark.parametrize(
    ("app", "path", "wrapped"), [("websocket_chat", "/game", False), ("websocket_rooms", "/rooms/{user}", True)]
)
def test_no_user_of_a_websocket_sees_another(app: str, path: str, wrapped: bool, tmp_path: Path) -> None:
    """A connection without a key keeps its history as long as it lasts."""
    from .load import seen

    with pair(app, tmp_path, expect={"request-scope"}) as sides:
        talks, answers = [], []
        for service in (sides.before, sides.after):
            answers.append(asyncio.run(chat(service, path, 3, wrapped=wrapped, hello=not wrapped)))
            talks.append(seen([call.text for call in service.upstream.calls], 0, 0))
        judge(app, talks[0], talks[1], keyed=True)
        assert answers[0] == answers[1]


async def typed(service: Service, path: str, users: int = 4) -> list[dict[str, object]]:
    """Everybody's answer to one question, while the tokens drip."""
    await first_answer(service)
    service.upstream.drip = 0.01
    async with client(service) as http:

        async def one(user: int) -> dict[str, object]:
            answer = await http.post(path, json={"question": text(user, 1)})
            assert answer.status_code == 200, service.explain()
            return {"user": user, **answer.json()}

        return list(await asyncio.gather(*(one(user) for user in range(1, users + 1))))


def complete(user: int) -> str:
    return f"You said: {text(user, 1)} (1 messages)"


def test_tokens_reach_their_own_user(tmp_path: Path) -> None:
    with pair("shared_handler", tmp_path, expect={"fresh-callbacks"}) as sides:
        before, after = (asyncio.run(typed(service, "/type")) for service in (sides.before, sides.after))
        wrong = [sum("".join(answer["tokens"]) != answer["text"] for answer in answers) for answers in (before, after)]  # type: ignore[arg-type]
        print(f"shared_handler: {wrong[0]} of {len(before)} users got wrong tokens before, {wrong[1]} after")
        assert wrong[0] > 0
        assert wrong[1] == 0
        assert [answer["text"] for answer in after] == [complete(user) for user in range(1, 5)]


def test_transcript_is_ones_own(tmp_path: Path) -> None:
    with pair("shared_handler_on_model", tmp_path, expect={"fresh-callbacks"}) as sides:
        before, after = (asyncio.run(typed(service, "/say")) for service in (sides.before, sides.after))
        wrong = [
            sum(answer["text"] != complete(int(str(answer["user"]))) for answer in answers)
            for answers in (before, after)
        ]
        print(
            f"shared_handler_on_model: {wrong[0]} of {len(before)} users got a wrong transcript before, {wrong[1]} after"
        )
        assert wrong[0] > 0
        assert wrong[1] == 0


def test_two_event_loops_in_one_process(tmp_path: Path) -> None:
    """A view that calls asyncio.run: the second request gets `Event loop is closed`."""

    async def twice(service: Service) -> list[int]:
        await first_answer(service)
        async with httpx.AsyncClient(base_url=service.url, timeout=30, trust_env=False) as http:
            asked = [await http.post("/summaries", json={"texts": [text(n, 1), text(n, 2)]}) for n in range(1, 5)]
            for number, answer in enumerate(asked, 1):
                if answer.status_code == 200:
                    assert answer.json()["summaries"] == [
                        f"You said: {text(number, turn)} (1 messages)" for turn in (1, 2)
                    ]
            return [answer.status_code for answer in asked]

    with pair("two_loops", tmp_path, kind="wsgi", expect={"fork-safe-client"}) as sides:
        before, after = asyncio.run(twice(sides.before)), asyncio.run(twice(sides.after))
        print(f"two_loops: {before} before, {after} after")
        assert 500 in before
        assert after == [200] * 4


def test_a_chain_in_one_event_loop_after_the_other(tmp_path: Path) -> None:
    """A view that runs a chain with asyncio.run: the model's connections belong to the loop of the request before."""

    async def four(service: Service) -> list[int]:
        await first_answer(service)
        async with httpx.AsyncClient(base_url=service.url, timeout=30, trust_env=False) as http:
            asked = [await http.post("/summary", json={"text": text(n, 1)}) for n in range(1, 5)]
        for number, answer in enumerate(asked, 1):
            if answer.status_code == 200:
                assert answer.json()["summary"] == f"You said: Summarize: {text(number, 1)} (1 messages)"
        return [answer.status_code for answer in asked]

    with pair("chain_in_loops", tmp_path, kind="wsgi", expect={"fork-safe-client"}) as sides:
        before, after = asyncio.run(four(sides.before)), asyncio.run(four(sides.after))
        print(f"chain_in_loops: {before} before, {after} after")
        assert 500 in before
        assert after == [200] * 4
