"""Call model providers through their async clients in async code, with a time limit.

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

Settings
    connect: seconds to wait for a connection, where no timeout was given
    read: seconds to wait for the next bytes of the answer
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .kit.apart import apart
from .kit.beside import beside
from .kit.change import Cutter, Outcome, Survey, annotated
from .kit.codemod import codemod
from .kit.finding import Finding
from .kit.libraries.sdk import clients, style, tables
from .kit.loops import outlived
from .kit.modular import legacy_calls, module_calls
from .kit.source import Source
from .kit.swap import Client, found_clients
from .kit.tests import patched
from .kit.twins import Limits

SDKS = ("openai", "anthropic", "groq", "mistralai", "genai", "cohere")
BLOCKS = "a sync client stops the event loop until the model has answered"


@codemod(mentions=(SDKS,), stage="call")
def async_client(source: Source, *, connect: float = 5.0, read: float = 20.0) -> Iterator[Finding]:
    for client in found_clients(source):
        if client.roots[0][0] is source:
            yield from _findings(source, client, Limits(connect, read))
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
            why = f"line {run.lineno} makes a new event loop each time, and an async client that is kept fails in the second one"
            outcomes = [Outcome(refused=[(site, "several-loops", why) for site in survey.faults(client.every_site())])]
    else:
        outcomes = list(apart(survey))
    for number, outcome in enumerate(outcomes):
        yield from _told(source, outcome, f"{group}/{number}", _help(client, outcome))


def _told(source: Source, outcome: Outcome, group: str, help: str) -> Iterator[Finding]:
    rest, needs = list(outcome.edits), list(outcome.needs)
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
    followed = {node for client in found_clients(source) for node in client.things}
    lasts = _last_names()
    for call in source.nodes(ast.Call):
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in lasts or not source.in_async(call) or source.awaited(call):
            continue
        base: ast.expr = call.func
        while isinstance(base, ast.Attribute):
            base = base.value
            if base in followed:
                break
            if source.made_by(base) in clients():
                yield source.refuse(call, "client-elsewhere", f"{BLOCKS}; where it is made is not in sight")
                break


def _last_names() -> frozenset[str]:
    return frozenset(path.rpartition(".")[2] for table in tables().values() for path in table["methods"])
