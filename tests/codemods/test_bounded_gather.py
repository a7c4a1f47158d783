"""Rewritten fan-outs keep to the limit, give the same answers, and never wait for themselves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from loadproof.codemods.kit.rewrite import Choice, rewrite

LIMIT = 3
HEAD = "import asyncio\nfrom asyncio import TaskGroup\n"


class Upstream:
    """A chain that counts how many of its calls are in flight."""

    def __init__(self) -> None:
        self.now = self.most = self.calls = 0

    async def answer(self, text: str) -> str:
        self.now += 1
        self.calls += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(0.005)
            if text == "bad":
                raise ValueError(text)
            return f"<{text}>"
        finally:
            self.now -= 1

    def module(self, code: str | bytes) -> dict[str, Any]:
        namespace: dict[str, Any] = {"chain": RunnableLambda(self.answer)}
        exec(compile(code, "main.py", "exec"), namespace)
        return namespace


def rewritten(code: str, **settings: object) -> bytes:
    result = rewrite({"main.py": code.encode()}, Choice(("bounded-gather",), {"bounded-gather": {"limit": LIMIT, **settings}}))
    assert {each.status for each in result.findings} == {"fixable"}
    return result.patches[0].after


def pair(code: str, **settings: object) -> tuple[tuple[Upstream, Callable[[list[str]], Awaitable[Any]]], tuple[Upstream, Callable[[list[str]], Awaitable[Any]]]]:
    before, after = Upstream(), Upstream()
    return (before, before.module(HEAD + code)["run"]), (after, after.module(rewritten(HEAD + code, **settings))["run"])


FORMS = {
    "list": "async def run(xs):\n    return await asyncio.gather(*[chain.ainvoke(x) for x in xs])\n",
    "generator": "async def run(xs):\n    return await asyncio.gather(*(chain.ainvoke(x) for x in xs if x))\n",
    "helper": "async def ask(x):\n    return await chain.ainvoke(x)\nasync def run(xs):\n    return await asyncio.gather(*[ask(x) for x in xs])\n",
    "map": "async def run(xs):\n    return await asyncio.gather(*map(chain.ainvoke, xs))\n",
    "appended": "async def run(xs):\n    jobs = []\n    for x in xs:\n        jobs.append(chain.ainvoke(x))\n    return await asyncio.gather(*jobs)\n",
    "tasks": "async def run(xs):\n    jobs = [asyncio.create_task(chain.ainvoke(x), name=x) for x in xs]\n    names = [job.get_name() for job in jobs]\n    return names, await asyncio.gather(*jobs)\n",
    "tasks awaited in turn": "async def run(xs):\n    jobs = [asyncio.create_task(chain.ainvoke(x)) for x in xs]\n    return [await job for job in jobs]\n",
    "group": "async def run(xs):\n    async with TaskGroup() as group:\n        jobs = [group.create_task(chain.ainvoke(x)) for x in xs]\n    return [job.result() for job in jobs]\n",
    "group in a loop": "async def run(xs):\n    jobs = []\n    async with TaskGroup() as group:\n        for x in xs:\n            jobs.append(group.create_task(chain.ainvoke(x)))\n    return [job.result() for job in jobs]\n",
    "as completed": "async def run(xs):\n    return sorted([await done for done in asyncio.as_completed([chain.ainvoke(x) for x in xs])])\n",
    "wait": "async def run(xs):\n    done, _ = await asyncio.wait([asyncio.create_task(chain.ainvoke(x)) for x in xs])\n    return sorted(task.result() for task in done)\n",
    "wait_for": "async def run(xs):\n    return await asyncio.gather(*[asyncio.wait_for(chain.ainvoke(x), timeout=5) for x in xs])\n",
    "by name": "async def run(xs):\n    jobs = {x: asyncio.create_task(chain.ainvoke(x)) for x in xs}\n    await asyncio.gather(*jobs.values())\n    return {x: job.result() for x, job in jobs.items()}\n",
    "exceptions": "async def run(xs):\n    return [str(x) for x in await asyncio.gather(*[chain.ainvoke(x) for x in [*xs, 'bad']], return_exceptions=True)]\n",
    "recursive": "async def grow(x, depth):\n    first = await chain.ainvoke(x)\n    if depth == 0:\n        return [first]\n    return [first, await asyncio.gather(*[grow(x + c, depth - 1) for c in x])]\n"
    "async def run(xs):\n    return await grow('abc', 2)\n",
    "nested": "async def inner(xs):\n    head = await chain.ainvoke('head')\n    return head, await asyncio.gather(*[chain.ainvoke(x) for x in xs])\nasync def run(xs):\n    return await asyncio.gather(*[inner(xs) for _ in xs])\n",
    "nested, nothing between": "async def inner(xs):\n    return await asyncio.gather(*[chain.ainvoke(x) for x in xs])\nasync def run(xs):\n    return await asyncio.gather(*[inner(xs) for _ in xs])\n",
}
QUESTIONS = [f"q{number}" for number in range(12)]


@pytest.mark.parametrize("form", FORMS)
def test_keeps_to_the_limit_and_gives_the_same_answers(form: str) -> None:
    (before, old), (after, new) = pair(FORMS[form])

    async def several(run: Callable[[list[str]], Awaitable[Any]]) -> list[Any]:
        return await asyncio.wait_for(asyncio.gather(*[run(QUESTIONS) for _ in range(3)]), timeout=30)

    wanted, got = asyncio.run(several(old)), asyncio.run(several(new))
    assert got == wanted
    assert before.most > LIMIT, "the case shows nothing"
    assert after.most == LIMIT
    assert after.calls == before.calls


@pytest.mark.parametrize("form", ["list", "map", "appended", "tasks", "group in a loop"])
def test_limit_of_one_call(form: str) -> None:
    (_, old), (after, new) = pair(FORMS[form], scope="call")

    async def twice() -> list[Any]:
        return await asyncio.gather(new(QUESTIONS), new(QUESTIONS))

    assert asyncio.run(new(QUESTIONS)) == asyncio.run(old(QUESTIONS))  # type: ignore[arg-type]
    assert after.most == LIMIT
    asyncio.run(twice())
    assert after.most == 2 * LIMIT


def test_several_event_loops_one_after_the_other_and_at_once() -> None:
    upstream = Upstream()
    module = upstream.module(rewritten(HEAD + FORMS["list"]))
    for _ in range(4):
        assert len(asyncio.run(module["run"](QUESTIONS))) == len(QUESTIONS)
    assert upstream.most == LIMIT
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(len(asyncio.run(module["run"](QUESTIONS))))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [len(QUESTIONS)] * 3
    asyncio.run(module["run"](["last"]))
    assert len(module["_slots"]) == 1, "closed loops are forgotten"


def test_a_failure_frees_its_slot() -> None:
    upstream = Upstream()
    module = upstream.module(rewritten(HEAD + FORMS["list"]))

    async def fails_then_works() -> list[str]:
        for _ in range(LIMIT + 1):
            with pytest.raises(ValueError, match="bad"):
                await module["run"](["bad"])
        answers: list[str] = await asyncio.wait_for(module["run"](QUESTIONS), timeout=5)
        return answers

    assert len(asyncio.run(fails_then_works())) == len(QUESTIONS)
