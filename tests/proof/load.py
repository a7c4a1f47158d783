"""People who use a service at the same time, and what can be seen of it from the outside and from upstream."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import httpx

from .service import Service
from .upstream import Call

Ask = Callable[[httpx.AsyncClient, int, int, str], Coroutine[Any, Any, httpx.Response]]
"""One turn of one user: (http, user, turn, text) -> the answer."""

PATIENCE = 15.0  # seconds that anything which must happen may take on a busy machine
BROKEN = 1.0  # seconds in which something that cannot happen does not happen
MODELS = ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages")
MANY = [f"question {n}" for n in range(8)]
TAG = re.compile(r"user(\d+) turn(\d+)")


@dataclass(frozen=True, slots=True)
class Talk:
    """What the model was shown while several people talked."""

    prompts: int
    leaks: int
    crowd: int
    followups: int
    kept: int
    failed: int
    wall: float

    def __str__(self) -> str:
        return (
            f"{self.leaks} of {self.prompts} prompts with another user's text (up to {self.crowd} others), "
            f"{self.kept} of {self.followups} follow-ups with their history, {self.failed} failed, {self.wall:.2f} s"
        )


@dataclass(frozen=True, slots=True)
class Crowd:
    """What happened while many asked at once and the upstream was slow."""

    asked: int
    in_flight: int
    health: bool
    statuses: tuple[int, ...]
    wall: float
    lag: float

    def __str__(self) -> str:
        health = "answered" if self.health else "stuck"
        return f"{self.in_flight} of {self.asked} in flight upstream, /health {health}; {self.wall:.2f} s, worst /health {self.lag:.2f} s"


def client(service: Service) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=200)
    return httpx.AsyncClient(base_url=service.url, timeout=PATIENCE, limits=limits, trust_env=False)


async def first_answer(service: Service, path: str = "/health") -> None:
    """Wait until the service has imported what it needs and answers."""
    async with client(service) as http:
        try:
            answer = await http.get(path, timeout=90)
        except httpx.HTTPError as error:
            raise AssertionError(f"no answer ({error!r}) from {service.explain()}") from error
    assert answer.status_code == 200, f"{answer.status_code} {answer.text} from {service.explain()}"


def text(user: int, turn: int) -> str:
    """What this user says in this turn: nobody else ever says it."""
    return f"user{user} turn{turn} please"


def seen(prompts: list[str], failed: int, wall: float) -> Talk:
    """Read the prompts: each ends with the question of the one whose prompt it is."""
    leaks = crowd = followups = kept = 0
    for prompt in prompts:
        tags = [(int(user), int(turn)) for user, turn in TAG.findall(prompt)]
        user, turn = tags[-1]
        others = {other for other, _ in tags} - {user}
        leaks += bool(others)
        crowd = max(crowd, len(others))
        if turn > 1:
            followups += 1
            kept += (user, turn - 1) in tags
    return Talk(len(prompts), leaks, crowd, followups, kept, failed, wall)


async def talk(
    service: Service, ask: Ask, *, first: int = 1, users: int = 4, turns: int = 3, delay: float = 0.02
) -> Talk:
    """`users` talk at the same time, each one turn after the other. `first`: the number of the first user."""
    await first_answer(service)
    service.upstream.delay = delay
    service.upstream.forget()

    async def one(http: httpx.AsyncClient, user: int) -> int:
        answers = [await ask(http, user, turn, text(user, turn)) for turn in range(1, turns + 1)]
        return sum(answer.status_code >= 500 for answer in answers)

    began = time.monotonic()
    async with client(service) as http:
        failed = sum(await asyncio.gather(*(one(http, user) for user in range(first, first + users))))
    assert not failed, service.explain()
    prompts = [call.text for call in service.upstream.calls if call.path in MODELS and TAG.search(call.text)]
    assert len(prompts) >= users * turns, f"{len(prompts)} prompts reached the model; {service.explain()}"
    return seen(prompts, failed, time.monotonic() - began)


async def until(condition: Callable[[], bool], within: float) -> bool:
    ends = time.monotonic() + within
    while not condition():
        if time.monotonic() > ends:
            return False
        await asyncio.sleep(0.01)
    return True


async def crowd(
    service: Service,
    ask: Ask,
    *,
    users: int = 6,
    calls: int = 0,
    within: float = PATIENCE,
    slow: Callable[[Call], bool] = lambda call: True,
    delay: float = 0.1,
) -> Crowd:
    """Everybody asks while the upstream holds its `slow` answers: how many calls get there, and is the loop still free?

    `calls` are expected there, one for each user unless told otherwise. Then all once more with nothing held but a delay, for the figures of wall time and lag.
    """
    upstream = service.upstream
    await first_answer(service)
    async with client(service) as http:
        warm = await ask(http, 0, 1, text(0, 1))
        assert warm.status_code < 500, f"{warm.text} {service.explain()}"
        upstream.hold(slow)
        try:
            asking = [asyncio.create_task(ask(http, user, 1, text(user, 1))) for user in range(1, users + 1)]
            assert await until(lambda: upstream.waiting > 0, PATIENCE), (
                f"nothing reached the upstream: {service.explain()}"
            )
            arriving = until(lambda: upstream.waiting >= (calls or users), within)
            health, _ = await asyncio.gather(answers(http, "/health", within), arriving)
            in_flight = upstream.waiting
        finally:
            upstream.release()
        statuses = tuple(answer.status_code for answer in await asyncio.gather(*asking))
        upstream.delay = delay
        began = time.monotonic()
        everybody = asyncio.gather(*(ask(http, user, 2, text(user, 2)) for user in range(1, users + 1)))
        await asyncio.sleep(0.02)
        lag = time.monotonic()
        await http.get("/health")
        lag = time.monotonic() - lag
        await everybody
        wall = time.monotonic() - began
        upstream.delay = 0
    return Crowd(calls or users, in_flight, health, statuses, wall, lag)


async def answers(http: httpx.AsyncClient, path: str, within: float) -> bool:
    """Whether `path` is answered while everything else waits."""
    try:
        return (await http.get(path, timeout=within)).status_code == 200
    except httpx.TimeoutException:
        return False


async def shape(service: Service, ask: Ask) -> tuple[int, object]:
    """The status and the form of one answer: the keys of its JSON, or its content type."""
    await first_answer(service)
    async with client(service) as http:
        answer = await ask(http, 99, 1, text(99, 1))
    kind = answer.headers.get("content-type", "")
    return answer.status_code, keys(answer.json()) if kind.startswith("application/json") else kind


def keys(value: object) -> object:
    """JSON without its texts and numbers."""
    if isinstance(value, dict):
        return {name: keys(item) for name, item in sorted(value.items())}
    return [keys(item) for item in value] if isinstance(value, list) else type(value).__name__


def says(path: str | tuple[str, ...], *, method: str = "POST", params: str = "", header: str = "", **body: str) -> Ask:
    """How the people of one service ask. `{user}` and `{text}` stand in the values; several paths are used by turns."""
    paths = (path,) if isinstance(path, str) else path

    async def ask(http: httpx.AsyncClient, user: int, turn: int, said: str) -> httpx.Response:
        def filled(template: str) -> str:
            return template.replace("{user}", f"u{user}").replace("{text}", said)

        query = dict(pair.split("=") for pair in filled(params).split("&")) if params else None
        headers = dict([filled(header).split(": ")]) if header else None
        json = {name: filled(value) for name, value in body.items()} or None
        where = filled(paths[turn % len(paths)])
        return await http.request(method, where, params=query, headers=headers, json=json)

    return ask


async def fan_out(service: Service, path: str, requests: int = 3) -> tuple[int, list[list[str]]]:
    """Several requests that each ask for many answers: the most calls in flight upstream, and the answers."""
    await first_answer(service)
    upstream = service.upstream
    upstream.delay = 0.05
    async with client(service) as http:
        await http.post(path, json={"questions": MANY[:1]})
        upstream.forget()
        answers = await asyncio.gather(*(http.post(path, json={"questions": MANY}) for _ in range(requests)))
    assert all(answer.status_code == 200 for answer in answers), service.explain()
    return upstream.most_in_flight, [answer.json()["answers"] for answer in answers]
