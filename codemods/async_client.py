"""Call model providers through async clients in async code.

Why
    A sync client in an `async def` stops the event loop until the answer is there: every other request of the process waits
    with it, health checks included. The async client of the same SDK has the same methods.

Broken
    import openai

    client = openai.OpenAI()

    async def call_model(state):
        resp = client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": state["prompt"]}],
        )
        return {"answer": resp.choices[0].message.content}

Fixed
    from openai import AsyncOpenAI, Timeout

    client = AsyncOpenAI(timeout=Timeout(20.0, connect=5.0))

    async def call_model(state):
        resp = await client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": state["prompt"]}],
        )
        return {"answer": resp.choices[0].message.content}

Refuses
    client-elsewhere: Only the client's type, or what it is asked for, is known here; where it is made is not in sight.
    By hand: make an async client where this one is made, and await the calls.

        from openai import OpenAI

        async def ask(client: OpenAI, text: str):
            return client.responses.create(model="m", input=text)

    client-escapes: The client, or an attribute of its name on something unknown, goes where it can't be followed.
    By hand: make a second, async client beside it for the async code.

        from openai import OpenAI

        client = OpenAI()

        async def ask(text: str):
            mine = client
            keep(mine)
            return mine.responses.create(model="m", input=text)

    configured-elsewhere: The module's settings are made where a new client might not see them.
    By hand: make an AsyncOpenAI with these settings and use it in the async code.

        import openai

        def setup(key: str):
            openai.api_key = key

        async def ask(text: str):
            return openai.responses.create(model="m", input=text)

    http-client: Its http_client is a sync one that can't be exchanged with certainty.
    By hand: give the async client an httpx.AsyncClient of the same settings.

        import httpx
        from openai import OpenAI

        client = OpenAI(http_client=httpx.Client(event_hooks={"request": [print]}))

        async def ask(text: str):
            return client.responses.create(model="m", input=text)

    key-provider: Its api_key is a function, which the async client awaits.
    By hand: make the function an async one and give it to an async client.

        from openai import OpenAI

        client = OpenAI(api_key=lambda: "key")

        async def ask(text: str):
            return client.responses.create(model="m", input=text)

    keywords-spread: The keywords are spread from a mapping that may hold a sync http_client or a timeout.
    By hand: write the keywords out, or make the async client yourself.

        import json
        from openai import OpenAI

        client = OpenAI(**json.loads("{}"))

        async def ask(text: str):
            return client.responses.create(model="m", input=text)

    legacy-api: The call was removed in openai 1.0, and no older version is declared.
    By hand: move to AsyncOpenAI().chat.completions.create(...); under openai<1 it is `await openai.ChatCompletion.acreate(...)`.

        import openai

        async def ask(text: str):
            return openai.ChatCompletion.create(model="m", messages=[])

    lock-held: A lock of threads is held around the call: kept over an `await`, it stops the whole loop.
    By hand: make it an asyncio.Lock and write `async with`.

        import threading
        from openai import OpenAI

        client = OpenAI()
        lock = threading.Lock()

        async def ask(text: str):
            with lock:
                return client.responses.create(model="m", input=text)

    file-update: A file is read before the call and written back behind it: requests that an `await` lets come between would mix it up.
    By hand: write `async with` of an asyncio.Lock around all of it, and loadproof will put the await in.

        import json
        from openai import OpenAI

        client = OpenAI()

        async def note(text: str, path: str):
            with open(path) as file:
                notes = json.load(file)
            notes.append(client.responses.create(model="m", input=text).output_text)
            with open(path, "w") as file:
                json.dump(notes, file)

    mixed-origins: What is used here is not always this client.
    By hand: keep the async client under a name of its own.

        from openai import OpenAI

        client = OpenAI()
        if backup():
            client = backup()

        async def ask(text: str):
            return client.responses.create(model="m", input=text)

    mixed-use: Sync code uses the same client, or what the same call gave, and no second one can be put beside it.
    By hand: make an async client for the async code.

        from openai import OpenAI

        client = None

        def get_client():
            global client
            if client is None:
                client = OpenAI()
            return client

        def work(text: str):
            return get_client().responses.create(model="m", input=text)

        async def ask(text: str):
            return get_client().responses.create(model="m", input=text)

    several-loops: A new event loop is made each time, and an async client that is kept fails in the second one.
    By hand: make the async client inside the coroutine, with `async with`.

        import asyncio
        from openai import OpenAI

        client = OpenAI()

        async def ask(text: str):
            return client.responses.create(model="m", input=text)

        @app.route("/ask")
        def view():
            return asyncio.run(ask("hello"))

    shared-with: One `with` enters an async and a sync thing.
    By hand: write two, `async with` for the client's.

        from openai import OpenAI

        client = OpenAI()

        async def ask(text: str, path: str):
            with open(path, "w") as file, client.responses.stream(model="m", input=text) as stream:
                for event in stream:
                    file.write(event.type)

    stream-escapes: A stream, page or response goes where it can't be followed, and would be an async one there.
    By hand: change the code that takes it as well.

        from openai import OpenAI

        client = OpenAI()

        async def ask(text: str):
            return consume(client.responses.create(model="m", input=text, stream=True))

    sync-scope: The call is made where no await can stand: in a lambda, or a generator expression that is not consumed at once.
    By hand: write a loop, or a list comprehension.

        from openai import OpenAI

        client = OpenAI()

        async def order(texts):
            return sorted(texts, key=lambda text: client.embeddings.create(model="e", input=text).data[0].embedding)

    unknown-method: The method is not known of this client.
    By hand: see whether the SDK's async client has it, and how.

        from openai import OpenAI

        client = OpenAI()

        async def ask(text: str):
            return client.responses.invent(text)

Settings
    connect: seconds to wait for a connection, where no timeout was given
    read: seconds to wait for the next bytes of the answer

Notes
    Where sync code needs the client too, a second one is put beside it, and only async code changes. A timeout that was given stays.
    `httpx.Timeout` is written where the project has httpx (declared, imported, or openai below 3), else the SDK's own `Timeout`.

    google-genai and mistralai have one client for both: their calls change, their constructors don't.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from .kit.clients.apart import apart
from .kit.clients.beside import beside
from .kit.clients.change import Cutter, Outcome, Survey, annotated
from .kit.clients.leaves import unmistakable
from .kit.clients.loops import outlived
from .kit.clients.modular import legacy_calls, module_calls
from .kit.clients.swap import Client, found_clients
from .kit.clients.twins import Limits
from .kit.codemod import codemod
from .kit.finding import Finding
from .kit.libraries.sdk import clients, style, tables
from .kit.source import Source
from .kit.tests import patched

SDKS = ("openai", "anthropic", "groq", "mistralai", "genai", "cohere")
BLOCKS = "a sync client stops the event loop until the model has answered"


@codemod(mentions=(SDKS,), stage="call")
def async_client(source: Source, *, connect: float = 5.0, read: float = 20.0) -> Iterator[Finding]:
    for client in found_clients(source):
        if client.roots[0][0] is source:
            yield from _findings(source, client, Limits(connect, read))
    if b"openai" in source.utf8:
        calls = module_calls(source, Limits(connect, read))
        for number, outcome in enumerate([*([calls] if calls else []), *legacy_calls(source)]):
            yield from _told(source, outcome, f"{source.path}/openai/{number}", "")
    yield from _elsewhere(source)


def _findings(source: Source, client: Client, limits: Limits) -> Iterator[Finding]:
    survey = Survey(client).look()
    for leak in client.every_leak():
        call = leak.source.parent(leak.node)
        if leak.reason == "unknown-method" and not leak.source.awaited(call or leak.node) and isinstance(call, ast.Call) and call.func is leak.node and leak.source.in_async(leak.node):
            yield leak.source.refuse(call, leak.reason, f"{BLOCKS}; {leak.message}")
    if not survey.faults(client.every_site()):
        return
    group = f"{source.path}:{source.start(client.roots[0][1])}"
    if style(client.things[client.roots[0][1]][1]) == "twin":
        outcomes = [whole(survey, limits) or beside(survey, limits)]
        if outcomes[0].fixed and (run := outlived(client)) is not None:
            where = f"line {run.lineno} makes a new event loop each time" if isinstance(run, ast.Call) else f"Flask runs {run.name} in a new event loop each time"
            why = f"{where}, and an async client that is kept fails in the second one"
            outcomes = [Outcome(refused=[(site, "several-loops", why) for site in survey.faults(client.every_site())])]
    else:
        outcomes = list(apart(survey))
    for number, outcome in enumerate(outcomes):
        yield from _told(source, outcome, f"{group}/{number}", _help(client, outcome))


def _told(source: Source, outcome: Outcome, group: str, help: str) -> Iterator[Finding]:
    cut = [*outcome.edits, *(edit for site in outcome.fixed for edit in outcome.own.get(site, ()))]
    if uncut := next((edit.text for edit in cut if edit.start < 0), ""):  # all or nothing
        outcome.refused += [(site, uncut, "the code is laid out in a way that can't be cut safely") for site in outcome.fixed]
        outcome.fixed = []
    rest, needs = list(dict.fromkeys(outcome.edits)), list(dict.fromkeys(outcome.needs))
    for site in outcome.fixed:
        message = "what a sync client gives can't be awaited" if site.source.awaited(site.node) else BLOCKS
        yield site.source.fix(site.node, [*outcome.own.get(site, ()), *rest], message, group=group, imports=needs, help=help)
        rest, needs = [], []
    for site, reason, message in outcome.refused:
        yield site.source.refuse(site.node, reason, f"{BLOCKS}; {message}")


def _help(client: Client, outcome: Outcome) -> str:
    """What a reader should know besides: the second client, and tests that put a mock in the client's place."""
    told = []
    if outcome.second:
        told.append(f"Sync code goes on with the first client; async code uses `{outcome.second}` beside it.")
    names = {holder.name for holder in client.holders if holder.name}
    mocked = [place for name in sorted(names) for place in patched(client.roots[0][0].project, name)]
    if mocked:
        told.append(f"Tests put something in its place, which must be awaitable now (AsyncMock): {', '.join(mocked[:5])}.")
    return " ".join(told)


def whole(survey: Survey, limits: Limits) -> Outcome | None:
    """The client, exchanged for its twin everywhere; None when not everything can change."""
    client = survey.client
    if any(client.every_leak()) or any(mode in ("sync", "stuck") for mode in survey.modes.values()):
        return None
    cutter = Cutter(survey)
    cutter.cut(client.every_site())
    wrong = annotated(client, client.roots, set(client.holders), limits, cutter)
    if wrong:
        return Outcome(refused=[(site, *wrong) for site in survey.faults(client.every_site())])
    return cutter.outcome(client.every_site())


def _elsewhere(source: Source) -> Iterator[Finding]:
    """Calls on a client of which only the type is known."""
    if b"async def" not in source.utf8:
        return
    followed = source.project.remember("followed clients", lambda: {node for client in found_clients(source) for node in client.things})
    lasts = _last_names()
    speaks = any(word.encode() in source.utf8 for word in SDKS)
    if not speaks and not source.project.remember("names clients", lambda: any(not _class_names().isdisjoint(other.words) for other in source.project)):
        return
    for call in source.index.calls(lasts):
        if not isinstance(call.func, ast.Attribute) or not source.in_async(call) or source.awaited(call):
            continue
        base: ast.expr = call.func
        while isinstance(base, ast.Attribute):
            base = base.value
            if base in followed:
                break
            if source.made_by(base) in clients():
                yield source.refuse(call, "client-elsewhere", f"{BLOCKS}; where it is made is not in sight")
                break
        else:
            if speaks and unmistakable(source, call) and source.qualified(call.func).partition(".")[0] not in SDKS and not _is_async(source, base):
                yield source.refuse(call, "client-elsewhere", f"{BLOCKS}; by what it is asked for this is one, but where it is made is not in sight")


def _is_async(source: Source, base: ast.expr) -> bool:
    return source.made_by(base) in {twin for _, twin in clients().values() if twin}


@cache
def _class_names() -> frozenset[str]:
    return frozenset(path.rpartition(".")[2] for path in clients())


@cache
def _last_names() -> frozenset[str]:
    return frozenset(path.rpartition(".")[2] for table in tables().values() for path in table["methods"])
