"""Await LangChain and LangGraph in async code.

Why
    `chain.invoke(...)` inside `async def` holds the event loop until the model has answered. Every other request of
    this worker waits, health checks time out, and a proxy turns the wait into 502 and 504. The async method of the same
    object lets the loop serve the others meanwhile.

Broken
    from fastapi import FastAPI
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_openai import ChatOpenAI

    app = FastAPI()
    chain = ChatPromptTemplate.from_template("{question}") | ChatOpenAI(model="gpt-4o-mini") | StrOutputParser()

    @app.post("/ask")
    async def ask(payload: dict):
        result = chain.invoke({"question": payload["question"]})
        return result

Fixed
    from fastapi import FastAPI
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_openai import ChatOpenAI

    app = FastAPI()
    chain = ChatPromptTemplate.from_template("{question}") | ChatOpenAI(model="gpt-4o-mini") | StrOutputParser()

    @app.post("/ask")
    async def ask(payload: dict):
        result = await chain.ainvoke({"question": payload["question"]})
        return result

Refuses
    sync-checkpointer: The graph is compiled with a checkpointer whose async methods raise NotImplementedError.
    By hand: compile with the async saver (AsyncSqliteSaver, AsyncPostgresSaver), opened in the app's lifespan.

        from langgraph.checkpoint.sqlite import SqliteSaver
        from langgraph.graph import StateGraph

        builder = StateGraph(dict)

        async def chat(question):
            with SqliteSaver.from_conn_string("chat.db") as saver:
                graph = builder.compile(checkpointer=saver)
                return graph.invoke({"question": question})

    unknown-checkpointer: It can't be seen which checkpointer the graph has, and a sync one would fail.
    By hand: use the async method if the checkpointer is an InMemorySaver, an Async... saver or none.

        from langgraph.graph.state import CompiledStateGraph

        async def chat(graph: CompiledStateGraph, question: str):
            return graph.invoke({"question": question})

    mixed-origins: The object is a LangChain object on one way to this place and something unknown on another.
    By hand: annotate the parameter or the attribute, or write the async call yourself.

        from langchain_openai import ChatOpenAI

        class Service:
            def __init__(self, llm=None):
                self.llm = llm or ChatOpenAI()

            async def ask(self, question):
                return self.llm.invoke(question)

    no-async-twin: The object has no async method that does the same, or one that raises NotImplementedError.
    By hand: `await asyncio.to_thread(history.add_user_message, text)`, or implement the async method in your class.

        from langchain_community.chat_message_histories import RedisChatMessageHistory

        async def remember(session_id, text):
            RedisChatMessageHistory(session_id).add_user_message(text)

    sync-memory: The chain's memory makes its summary (or keeps its limit) in save_context, and its asave_context does not.
    By hand: `await asyncio.to_thread(chain.invoke, ...)`, or a memory without a summary.

        from langchain.chains import ConversationChain
        from langchain.memory import ConversationSummaryMemory

        async def talk(llm, text):
            chain = ConversationChain(llm=llm, memory=ConversationSummaryMemory(llm=llm))
            return chain.predict(input=text)

    sync-connection: The object was given a connection or an HTTP client for its sync methods alone.
    By hand: give it the async one too (`http_async_client=httpx.AsyncClient(...)`, `async_mode=True` with an async driver).

        import httpx
        from langchain_openai import ChatOpenAI

        llm = ChatOpenAI(http_client=httpx.Client(proxy="http://proxy:3128"))

        async def ask(question):
            return llm.invoke(question)

    lock-held: A lock of threads is held around the call: kept over an `await`, it stops the whole loop.
    By hand: make it an asyncio.Lock and write `async with`.

        import threading
        from langchain_openai import ChatOpenAI

        llm = ChatOpenAI()
        lock = threading.Lock()

        async def ask(question):
            with lock:
                return llm.invoke(question)

    file-update: A file is read before the call and written back behind it: requests that an `await` lets come between would mix it up.
    By hand: write `async with` of an asyncio.Lock around all of it, and loadproof will put the await in.

        import json
        from langchain_openai import ChatOpenAI

        llm = ChatOpenAI()

        async def note(question, path):
            with open(path) as file:
                notes = json.load(file)
            notes.append(llm.invoke(question).content)
            with open(path, "w") as file:
                json.dump(notes, file)

    own-method: Your class overrides the sync method and not its async twin.
    By hand: write the async method in the class too.

        from langchain.chains import LLMChain

        class Loud(LLMChain):
            def run(self, text):
                return super().run(text).upper()

        async def ask(llm, prompt, text):
            return Loud(llm=llm, prompt=prompt).run(text)

    in-process-model: The model runs in this process and takes one call at a time.
    By hand: `async with lock: await asyncio.to_thread(llm.invoke, text)` with one asyncio.Lock for the model.

        from langchain_community.llms import LlamaCpp

        llm = LlamaCpp(model_path="model.gguf")

        async def ask(question):
            return llm.invoke(question)

    thread-bound: The object belongs to the thread that made it, and its async methods use other threads.
    By hand: make it and use it in one function, and call that with `await asyncio.to_thread(...)`.

        from langchain_community.vectorstores import SQLiteVec

        async def search(store: SQLiteVec, question):
            return store.similarity_search(question)

    stream-handed-on: The stream is given to other code that iterates it as a plain iterator.
    By hand: make that code `async for`, then hand it the async stream.

        from langchain_openai import ChatOpenAI

        llm = ChatOpenAI()

        async def first(question):
            return next(llm.stream(question))

    generator-expression: An `await` would turn the generator expression into an async generator.
    By hand: make it a list comprehension, or a loop.

        from langchain_openai import ChatOpenAI

        llm = ChatOpenAI()

        async def first_yes(questions):
            return any(llm.invoke(question).content == "yes" for question in questions)

    other-signature: The call gives arguments that the async method takes in another form.
    By hand: write `await llm.ainvoke(text, config={"callbacks": [...]})`.

        from langchain_openai import ChatOpenAI

        llm = ChatOpenAI()

        async def ask(question, handler):
            return llm.predict(question, callbacks=[handler])

    called-too-early: The call stands where only the function was to be given to a thread.
    By hand: `await asyncio.to_thread(llm.invoke, question)`, or `await llm.ainvoke(question)` without the thread.

        import asyncio
        from langchain_openai import ChatOpenAI

        llm = ChatOpenAI()

        async def ask(question):
            return await asyncio.to_thread(llm.invoke(question))

Notes
    Each family gets its own twin: `run` becomes `arun`, `predict` becomes `apredict`, `chain(...)` becomes `chain.acall(...)`.
    `llm.predict(x)`, `llm(x)` and `get_relevant_documents`, which langchain-core 1 has no more, become `ainvoke` unless the project
    declares an older one. A coroutine that nothing shares the loop with (the `main` of a script) is left alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .kit.alone import shares_loop
from .kit.awaiting import Place, place_to_await, place_to_iterate
from .kit.codemod import codemod
from .kit.cut import UNUSUAL_LAYOUT, awaited, uncuttable, wrap
from .kit.finding import Edit, Finding
from .kit.libraries.langchain_calls import Shape, Site, shape_of, site_of
from .kit.libraries.langchain_obstacles import obstacle
from .kit.libraries.langchain_twins import WITHOUT
from .kit.locks import held_lock
from .kit.names import last_part
from .kit.source import Source
from .kit.tests import patched
from .kit.waits.files import torn

LIBRARIES = ("langchain", "langgraph", "langserve", "deepagents")


@codemod(mentions=(LIBRARIES,), shares=LIBRARIES, stage="call")
def async_chain(source: Source) -> Iterator[Finding]:
    if b"async def" not in source.utf8:
        return
    for call in source.nodes(ast.Call):
        function = source.function(call)
        if not isinstance(function, ast.AsyncFunctionDef):
            continue
        site = site_of(source, call)
        if site is not None and shares_loop(source, function) and not _on_purpose(source, site):
            yield from _judged(source, site)


def _judged(source: Source, site: Site) -> Iterator[Finding]:
    call, method = site.call, site.method
    if not site.certain:
        yield source.refuse(
            call,
            "mixed-origins",
            f"{_name(site)} blocks the event loop; what it is called on is a {site.words} on one way to here and unknown on another",
        )
        return
    if method in WITHOUT.get(site.family, ()):
        yield source.refuse(
            call, "no-async-twin", f"{_name(site)} blocks the event loop, and a {site.words} has no async method for it"
        )
        return
    for kind in site.kinds:
        if kind.owner is not None and kind.node is kind.owner and source.class_of(call) is kind.owner:
            yield source.refuse(
                call,
                "own-method",
                f"{_name(site)} blocks the event loop; in {kind.owner.name} itself its async method may lead back to here",
            )
            return
        if found := obstacle(kind, method, source):
            yield source.refuse(call, found[0], f"{_name(site)} blocks the event loop; {found[1]}")
            return
    if lock := held_lock(source, call):
        yield source.refuse(
            call,
            "lock-held",
            f"{_name(site)} blocks the event loop; `{lock}` is held around it, and must not be over an await",
        )
        return
    if (words := torn(source, call, source.function(call))) is not None:  # type: ignore[arg-type]
        yield source.refuse(call, "file-update", f"{_name(site)} blocks the event loop; {words}")
        return
    place = place_to_iterate(source, call) if site.twin.how == "iterate" else place_to_await(source, call)
    if place.verb == "leave":
        return
    if place.verb == "refuse":
        yield source.refuse(call, place.reason, f"{_name(site)} blocks the event loop; {place.message}")
        return
    shape = shape_of(source, site)
    if isinstance(shape, str):
        yield source.refuse(call, "other-signature", f"{_name(site)} blocks the event loop; {shape}")
        return
    says = (
        "gives no coroutine here, {0} does"
        if place.verb == "bare"
        else "blocks the event loop, {0} lets it serve others meanwhile"
    )
    opening = [
        edit for edit in place.edits if edit.start <= source.start(call)
    ]  # at one offset, what stands outside comes first
    edits = [
        *opening,
        *_awaited(source, call, shape, place),
        *shape.edits,
        *(edit for edit in place.edits if edit not in opening),
    ]
    yield source.fix(
        call,
        edits,
        f"{_name(site)} {says.format(shape.name if shape.name != site.method else 'async for')}",
        help=_told(source, site),
    )


def _name(site: Site) -> str:
    return f"calling the {site.words}" if site.method == "__call__" else site.method


def _awaited(source: Source, call: ast.Call, shape: Shape, place: Place) -> list[Edit]:
    if place.verb != "await":
        return uncuttable(source, UNUSUAL_LAYOUT) if shape.suffix else []
    return wrap(source, call, "(await ", f"){shape.suffix}") if shape.suffix else awaited(source, call)


def _on_purpose(source: Source, site: Site) -> bool:
    """Whether the call is the author's own way out where the async method is missing: its twin stands in the other branch."""
    receiver = ast.dump(site.receiver)
    below: ast.AST = site.call
    for above in source.parents(site.call):
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            return False
        branch = isinstance(above, (ast.If, ast.IfExp)) and below is not above.test
        if branch and (any(_asks(node, receiver) for node in ast.walk(above.test)) or _has_twin(above, receiver, site)):  # type: ignore[attr-defined]
            return True
        if (
            isinstance(above, ast.Try)
            and isinstance(below, ast.ExceptHandler)
            and any(_has_twin(part, receiver, site) for part in above.body)
        ):
            return True
        below = above
    return False


def _asks(node: ast.AST, receiver: str) -> bool:
    """`hasattr(tool, "ainvoke")`, `inspect.iscoroutinefunction(tool.coroutine)`."""
    if not isinstance(node, ast.Call) or not node.args:
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in ("hasattr", "getattr", "iscoroutinefunction", "isawaitable", "iscoroutine") and any(
        ast.dump(part) == receiver for part in ast.walk(node.args[0])
    )


def _has_twin(tree: ast.AST, receiver: str, site: Site) -> bool:
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in (site.twin.name, "ainvoke")
        and ast.dump(node.value) == receiver
        for node in ast.walk(tree)
    )


def _told(source: Source, site: Site) -> str:
    """What a reader should look at besides: tests that put something else in the object's place."""
    root: ast.AST = site.receiver
    while isinstance(root, (ast.Attribute, ast.Call, ast.Subscript)) and not (
        isinstance(root, ast.Attribute) and isinstance(root.value, ast.Name) and root.value.id == "self"
    ):
        root = root.func if isinstance(root, ast.Call) else root.value
    name = last_part(root)
    where = patched(source.project, name) if name else []
    return f"{', '.join(where)} patch {name}: a MagicMock can't be awaited, use AsyncMock there" if where else ""
