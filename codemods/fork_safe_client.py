"""Give every process, and every event loop, a client of its own.

Why
    A client that was used before a fork is copied with its open connections: parent and children then read from the same
    sockets, and each gets answers that were meant for another (22 of 80 in a measurement), with no exception. An async
    client is bound to the event loop that used it first: in the next `asyncio.run` it says "Event loop is closed".

Broken
    import multiprocessing

    from openai import OpenAI

    client = OpenAI()
    client.models.list()


    def classify(ticket: str) -> str:
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": ticket}])
        return answer.choices[0].message.content


    def run(tickets: list[str]) -> list[str]:
        with multiprocessing.Pool(4) as pool:
            return pool.map(classify, tickets)

Fixed
    import functools
    import multiprocessing
    import os

    from openai import OpenAI


    @functools.cache
    def _client_of(process: int) -> OpenAI:
        return OpenAI()


    def get_client() -> OpenAI:
        \"\"\"The client of this process: after a fork, two must not use the same connection.\"\"\"
        return _client_of(os.getpid())


    get_client().models.list()


    def classify(ticket: str) -> str:
        answer = get_client().chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": ticket}])
        return answer.choices[0].message.content


    def run(tickets: list[str]) -> list[str]:
        with multiprocessing.Pool(4) as pool:
            return pool.map(classify, tickets)

Refuses
    assigned-elsewhere: The name gets its object in several places, or under a condition.
    By hand: write a function that makes the object once for each process (`os.getpid()`) or loop, and call it at each use.

        import multiprocessing

        from openai import OpenAI

        try:
            client = OpenAI()
        except Exception:
            client = None
        client.models.list()

        def work(text):
            return client.responses.create(model="gpt-4o-mini", input=text)

        multiprocessing.Process(target=work, args=("a",)).start()

    exported: The object is handed on to code that can't be seen.
    By hand: export a function that gives the object of this process, and have its users call it.

        import multiprocessing

        from openai import OpenAI

        __all__ = ["client"]
        client = OpenAI()
        client.models.list()

        def work(text):
            return client.responses.create(model="gpt-4o-mini", input=text)

        multiprocessing.Process(target=work, args=("a",)).start()

    handed-on: Another object was given it at import, and keeps it.
    By hand: make both in a function that is called once in each process.

        import multiprocessing

        from openai import OpenAI
        from store import Store

        client = OpenAI()
        store = Store(client)
        client.models.list()

        def work(text):
            return client.responses.create(model="gpt-4o-mini", input=text)

        multiprocessing.Process(target=work, args=("a",)).start()

    changed-later: An attribute of it is set after it was made.
    By hand: set it where it is made, once for each process.

        import multiprocessing

        from openai import OpenAI

        client = OpenAI()
        client.models.list()

        def configure(key):
            client.api_key = key

        def work(text):
            return client.responses.create(model="gpt-4o-mini", input=text)

        multiprocessing.Process(target=work, args=("a",)).start()

    cached-http-client: LangChain's OpenAI classes share one HTTP client behind the scenes: a new object has the same connections.
    By hand: give each process or loop its own `http_client=` (or `http_async_client=`), made in a function that is called there.

        import multiprocessing

        from langchain_openai import ChatOpenAI

        llm = ChatOpenAI()
        llm.invoke("warm up")

        def work(text):
            return llm.invoke(text)

        multiprocessing.Process(target=work, args=("a",)).start()

    read-outside-loop: The async object is read in a plain function, where no event loop may be running yet.
    By hand: make it in the coroutine that runs first, and pass it on.

        import asyncio

        from openai import AsyncOpenAI

        client = AsyncOpenAI()

        def ask(text):
            return asyncio.run(answer(client, text))

        async def answer(client, text):
            return await client.responses.create(model="gpt-4o-mini", input=text)

        async def other(text):
            return await client.responses.create(model="gpt-4o-mini", input=text)

        for text in ("a", "b"):
            asyncio.run(other(text))

    loop-by-hand: The event loop is made and closed by hand, which ends none of its tasks: an object of its own would never be closed.
    By hand: run the coroutine with `asyncio.run`.

        import asyncio

        from flask import Flask
        from openai import AsyncOpenAI

        app = Flask(__name__)
        client = AsyncOpenAI()

        async def answer(text):
            return await client.responses.create(model="gpt-4o-mini", input=text)

        @app.get("/ask/<text>")
        def ask(text):
            loop = asyncio.new_event_loop()
            return loop.run_until_complete(answer(text)).output_text

    kept-elsewhere: An instance that is made at import keeps it.
    By hand: make it in the coroutine that uses it, with `async with`, or let a method give the one of the running loop.

        import asyncio

        from flask import Flask
        from openai import AsyncOpenAI

        app = Flask(__name__)

        class Helper:
            def __init__(self):
                self.client = AsyncOpenAI()

            async def answer(self, text):
                return await self.client.responses.create(model="gpt-4o-mini", input=text)

        helper = Helper()

        @app.get("/ask/<text>")
        def ask(text):
            return asyncio.run(helper.answer(text)).output_text

    patched-in-tests: A test puts something else in the place of the name.
    By hand: make the change with its tests: they have to patch the function that gives the object.

        import multiprocessing
        from unittest import mock

        from openai import OpenAI

        client = OpenAI()
        client.models.list()

        def work(text):
            return client.responses.create(model="gpt-4o-mini", input=text)

        def test_work():
            with mock.patch("main.client"):
                work("a")

        multiprocessing.Process(target=work, args=("a",)).start()

Notes
    A client that is made at import and first used after the fork is right (80 of 80 answers), and is left alone; so are the
    start methods spawn and forkserver, an `initializer=`, and the hooks `post_fork` and `worker_process_init`.
    The client of an event loop is closed when the loop ends. `asyncio.run(chain.ainvoke(x))` in sync code becomes
    `chain.invoke(x)` where the chain is made of a model, prompts and parsers.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .kit.clients.forks import forks, loops
from .kit.clients.getter import Obstacle, Shared, getter_name, importers, per_loop, per_process, shared_of
from .kit.clients.held import held
from .kit.clients.inherited import Candidate, by_hand, candidates, handed_to_children, kept_over_fork, kept_over_loops
from .kit.clients.model_loops import outlived
from .kit.codemod import codemod
from .kit.finding import Finding
from .kit.source import Source

MENTIONS = ("fork", "Process", "Pool", "celery", "preload_app", "asyncio.run", "async_to_sync", "anyio.run", "uvloop.run", "run_until_complete")
CLIENTS = ("OpenAI", "Anthropic", "Groq", "Mistral", "requests", "httpx", "urllib3", "psycopg", "pymysql", "sqlite3", "create_engine", "preload_app")
LOOPS_BY_HAND = "ask the model in sync code (`invoke`), keep one event loop for all requests, or give each loop a model with its own `http_async_client=`."
ENGINES_BY_HAND = "call `engine.dispose(close=False)` in each child: in gunicorn's `post_fork`, Celery's `worker_process_init`, a pool's `initializer=`."


@codemod(mentions=(CLIENTS,), shares=MENTIONS, meets=(".create_all(",), stage="scope")
def fork_safe_client(source: Source) -> Iterator[Finding]:
    if not source.project.remember("may divide", lambda: any(word.encode() in other.utf8 for other in source.project for word in (*MENTIONS, "flask"))):
        return
    if not forks(source.project) and not loops(source.project):
        return
    for candidate in candidates(source):
        words = kept_over_loops(candidate) if candidate.asynchronous else kept_over_fork(candidate)
        if not words:
            continue
        found = _answered(source, candidate)
        if isinstance(found, Obstacle):
            yield source.refuse(candidate.node, found.code, f"{words}; {found.words}", ENGINES_BY_HAND if candidate.made_by.endswith("create_engine") else "")
        else:
            edits, needs = per_loop(found, candidate.close) if candidate.asynchronous else per_process(found)
            yield source.fix(candidate.node, edits, words, imports=[*needs, *importers(found, getter_name(found))])
    for kept in held(source):
        words = f"`self.{kept.attr}` of {kept.owner.name} is used in one event loop after the other: its connections belong to the first"
        if kept.caches:
            yield source.refuse(kept.node, "cached-http-client", f"{words}; its class keeps one HTTP client for all", LOOPS_BY_HAND)
        else:
            yield source.refuse(kept.node, "kept-elsewhere", words)
    told: set[ast.AST] = set()
    for model in outlived(source):
        words = "the model's connections are used in one event loop after the other, and belong to the first"
        if model.edits and not told.issuperset(loop.call for loop in model.loops):
            told.update(loop.call for loop in model.loops)
            spot = next((loop.call for loop in model.loops if loop.source is source), model.node)
            yield source.fix(spot, model.edits, f"{words}; it is asked in sync code without one now")
        elif model.edits:
            continue
        else:
            loop = model.loops[0]
            yield source.refuse(model.node, "cached-http-client", f"{words} ({loop.source.path}:{loop.source.place(loop.call).line}); its class keeps one HTTP client for all", LOOPS_BY_HAND)


def _answered(source: Source, candidate: Candidate) -> Shared | Obstacle:
    if candidate.caches:
        return Obstacle("cached-http-client", "its class keeps one HTTP client for all")
    found = shared_of(source, candidate.binding)
    if not candidate.asynchronous and (handed := handed_to_children(candidate)) is not None:
        return Obstacle("handed-on", f"line {handed[0].place(handed[1]).line} of {handed[0].path} hands the parent's to a child")
    if candidate.asynchronous and isinstance(found, Shared) and (loop := by_hand(candidate)) is not None:
        return Obstacle("loop-by-hand", f"line {loop.source.place(loop.call).line} of {loop.source.path} closes its loop without ending what runs in it")
    if candidate.asynchronous and isinstance(found, Shared):
        for home, read in found.reads:
            if not isinstance(home.function(read), ast.AsyncFunctionDef):
                return Obstacle("read-outside-loop", f"line {home.place(read).line} of {home.path} reads it where no loop may run")
    return found

