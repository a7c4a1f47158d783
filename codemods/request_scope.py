"""Give every request a conversation memory of its own.

Why
    A memory that is built when the module is imported is one memory for everybody: each prompt carries the messages of
    all users, and every answer is a 200. Measured with twenty users: 40 of 60 prompts held other people's text.

    What remembers, and what is built from it, is built per request, wherever it is kept: in a name of the module (also one
    that is set when the service starts and given up when it stops), behind a function that makes it once (cached, lazy,
    behind a lock), on the application (its state, its mapping, its configuration, an attribute), in an instance. A list of
    messages that a handler fills and gives to a model is a memory too, and so are a thread that never changes, one that the
    provider keeps, and the objects in which LlamaIndex, AutoGen, Strands, Agno and others keep a chat. Where the handler has
    a key (a session, conversation, thread, chat or user id), the history is kept under that key; a request that built it
    anew for everybody clears the history of its own session. What holds no state stays global: models, prompts, vector
    stores, retrievers, compiled graphs, chains without a memory.

Broken
    from fastapi import FastAPI
    from langchain_classic.chains import LLMChain
    from langchain_classic.memory import ConversationBufferMemory
    from langchain_core.prompts import PromptTemplate
    from langchain_openai import ChatOpenAI

    app = FastAPI()
    llm = ChatOpenAI(model="gpt-4o-mini")
    prompt = PromptTemplate.from_template("{history}\\n{question}")
    memory = ConversationBufferMemory()
    chain = LLMChain(llm=llm, prompt=prompt, memory=memory)


    @app.post("/ask")
    async def ask(payload: dict):
        result = await chain.ainvoke({"question": payload["question"]})
        return {"answer": result["text"]}

Fixed
    from fastapi import FastAPI
    from langchain_classic.chains import LLMChain
    from langchain_classic.memory import ConversationBufferMemory
    from langchain_core.prompts import PromptTemplate
    from langchain_openai import ChatOpenAI

    app = FastAPI()
    llm = ChatOpenAI(model="gpt-4o-mini")
    prompt = PromptTemplate.from_template("{history}\\n{question}")


    @app.post("/ask")
    async def ask(payload: dict):
        memory = ConversationBufferMemory()
        chain = LLMChain(llm=llm, prompt=prompt, memory=memory)
        result = await chain.ainvoke({"question": payload["question"]})
        return {"answer": result["text"]}

Refuses
    needed-at-import: It is needed when the module is imported: as a default argument, in a decorator, by what is built or registered there.
    By hand: hand over a function that builds it, or build it where it is used; let a default be None and make the list in the function.

        from fastapi import FastAPI
        from langchain.chains import ConversationChain
        from langchain_openai import ChatOpenAI

        app = FastAPI()
        chain = ConversationChain(llm=ChatOpenAI())


        def answer(q: str, using=chain):
            return using.predict(input=q)


        @app.get("/ask")
        def ask(q: str):
            return chain.predict(input=q)

    handed-on: It, or a function that uses it, is handed to something that may keep it or run it: a thread, a tool, a registry, a worker behind a queue.
    By hand: build it inside the function that is handed on, with the key of the session as an argument.

        from threading import Thread

        from fastapi import FastAPI
        from langchain.chains import ConversationChain
        from langchain_openai import ChatOpenAI

        app = FastAPI()
        chain = ConversationChain(llm=ChatOpenAI())
        worker = Thread(target=chain.predict)


        @app.get("/ask")
        def ask(q: str):
            return chain.predict(input=q)

    helper-signature: A helper between the handler and the object can't take one more argument.
    By hand: give the helper a parameter for the session's key, or for the object.

        from fastapi import FastAPI
        from langchain.chains import ConversationChain
        from langchain_openai import ChatOpenAI

        app = FastAPI()
        chain = ConversationChain(llm=ChatOpenAI())


        def answer(**options):
            return chain.predict(**options)


        @app.get("/ask")
        def ask(q: str, session_id: str):
            return answer(input=q)

    unknown-callers: A function that uses it is called by nobody in sight, but may be called from elsewhere.
    By hand: give it a parameter for the session's key.

        from fastapi import FastAPI
        from langchain.chains import ConversationChain
        from langchain_openai import ChatOpenAI

        app = FastAPI()
        chain = ConversationChain(llm=ChatOpenAI())


        @registry.task
        def nightly(q: str):
            return chain.predict(input=q)


        @app.get("/ask")
        def ask(q: str):
            return chain.predict(input=q)

    patched-by-tests: Tests replace it by its name, or call a function that uses it.
    By hand: change these tests together with the code: let them replace the function that builds it.

        from unittest.mock import patch

        from fastapi import FastAPI
        from langchain.chains import ConversationChain
        from langchain_openai import ChatOpenAI

        app = FastAPI()
        chain = ConversationChain(llm=ChatOpenAI())


        @app.get("/ask")
        def ask(q: str):
            return chain.predict(input=q)


        def test_ask():
            with patch("main.chain") as fake:
                fake.predict.return_value = "yes"
                assert ask("?") == "yes"

    exported: It stands in `__all__`, or other files get it by a star import or only to hand it on.
    By hand: export the function that builds it.

        from fastapi import FastAPI
        from langchain.chains import ConversationChain
        from langchain_openai import ChatOpenAI

        app = FastAPI()
        chain = ConversationChain(llm=ChatOpenAI())
        __all__ = ["app", "chain"]


        @app.get("/ask")
        def ask(q: str):
            return chain.predict(input=q)

    rebound: It, or a name of which it is built, is set to something else in another place: under `global`, twice, by a later assignment.
    By hand: keep the objects in a mapping by the key of the session: `chains[session_id] = ...` where it is set, `chains[session_id]` where it is used.

        from fastapi import FastAPI
        from langchain.chains import ConversationChain
        from langchain_openai import ChatOpenAI

        app = FastAPI()
        chain = None


        @app.post("/upload")
        def upload(text: str):
            global chain
            chain = ConversationChain(llm=ChatOpenAI())


        @app.get("/ask")
        def ask(q: str):
            return chain.predict(input=q)

    built-in-a-block: It is built under a condition, in a loop or a try at the top of the module, or under `__main__` for the service.
    By hand: put the block into a function that builds it, and call that where it is used.

        import os

        from fastapi import FastAPI
        from langchain.chains import ConversationChain
        from langchain_openai import ChatOpenAI

        app = FastAPI()
        if os.environ.get("CHAT"):
            chain = ConversationChain(llm=ChatOpenAI())


        @app.get("/ask")
        def ask(q: str):
            return chain.predict(input=q)

    unusual-assignment: It is bound together with other names, or put into a container.
    By hand: give it an assignment of its own; of what lies in a mapping or on one object for all, keep one for each session.

        from fastapi import FastAPI
        from langchain.chains import ConversationChain
        from langchain_openai import ChatOpenAI

        app = FastAPI()
        chain, limit = ConversationChain(llm=ChatOpenAI()), 5


        @app.get("/ask")
        def ask(q: str):
            return chain.predict(input=q)

    app-state: It is kept on the application or its state, and requests set it anew there, or ask for it in a way that can't be followed.
    By hand: keep there what holds no conversation (the model, the prompt), and build the chain in the handler.

        from fastapi import FastAPI, Request
        from langchain.chains import ConversationChain
        from langchain_openai import ChatOpenAI

        app = FastAPI()


        @app.post("/upload")
        def upload(request: Request, text: str):
            request.app.state.chain = ConversationChain(llm=ChatOpenAI())


        @app.get("/ask")
        def ask(request: Request, q: str):
            return request.app.state.chain.predict(input=q)

    read-elsewhere: One function remembers, another reads, clears or begins it anew, and there is no key by which both could mean the same conversation.
    By hand: send a session id with both requests.

        from fastapi import FastAPI
        from langchain.chains import ConversationChain
        from langchain_openai import ChatOpenAI

        app = FastAPI()
        chain = ConversationChain(llm=ChatOpenAI())


        @app.get("/ask")
        def ask(q: str):
            return chain.predict(input=q)


        @app.get("/history")
        def history():
            return chain.memory.buffer

    fixed-session: Its history is kept under one fixed session id, and no handler has a key, or it lies in a store that the tool does not know.
    By hand: send a session id with the request, and give it to what keeps the history.

        from fastapi import FastAPI
        from langchain.chains import ConversationChain
        from langchain.memory import ConversationBufferMemory, RedisChatMessageHistory
        from langchain_openai import ChatOpenAI

        app = FastAPI()
        memory = ConversationBufferMemory(chat_memory=RedisChatMessageHistory("support"))
        chain = ConversationChain(llm=ChatOpenAI(), memory=memory)


        @app.get("/ask")
        def ask(q: str):
            return chain.predict(input=q)

    shared-list: The messages of all requests are put into one list that the model is given, and no handler has a key.
    By hand: send a session id with the request, and keep a list for each.

        from fastapi import FastAPI
        from openai import OpenAI

        app = FastAPI()
        client = OpenAI()
        messages = [{"role": "system", "content": "Be brief."}]


        @app.get("/ask")
        def ask(q: str):
            messages.append({"role": "user", "content": q})
            return client.chat.completions.create(model="gpt-4o-mini", messages=messages)

    group-chat: What one says is sent to everybody who is connected: the conversation may be meant for all of them.
    By hand: give each room a list of its own, or leave it as it is where there is one room for everybody.

        from fastapi import FastAPI, WebSocket
        from openai import AsyncOpenAI

        app = FastAPI()
        client = AsyncOpenAI()
        sockets = []
        messages = []


        @app.websocket("/chat")
        async def chat(socket: WebSocket):
            await socket.accept()
            sockets.append(socket)
            async for text in socket.iter_text():
                messages.append({"role": "user", "content": text})
                answer = await client.chat.completions.create(model="gpt-4o-mini", messages=messages)
                for each in sockets:
                    await each.send_text(answer.choices[0].message.content)

    vector-memory: The memory lies in a vector store that knows no sessions.
    By hand: give each session a namespace or collection of its own.

        from fastapi import FastAPI
        from langchain.chains import ConversationChain
        from langchain.memory import VectorStoreRetrieverMemory
        from langchain_openai import ChatOpenAI

        app = FastAPI()
        memory = VectorStoreRetrieverMemory(retriever=store.as_retriever())
        chain = ConversationChain(llm=ChatOpenAI(), memory=memory)


        @app.get("/ask")
        def ask(q: str):
            return chain.predict(input=q)

    factory: A function of the project builds it and can't be called for each request as it is.
    By hand: make it a plain function that builds a new object and takes the session's key.

        from functools import cache

        from fastapi import FastAPI
        from langchain.chains import ConversationChain
        from langchain_openai import ChatOpenAI

        app = FastAPI()


        @cache
        def get_chain():
            return ConversationChain(llm=ChatOpenAI())


        chain = get_chain()


        @app.get("/ask")
        def ask(q: str):
            return chain.predict(input=q)

    heavy-factory: The function that builds it does other work too, which would be done again for each request.
    By hand: split it: what loads stays global, what builds the chain takes it as an argument.

        from fastapi import FastAPI
        from langchain.chains import ConversationChain
        from langchain_openai import ChatOpenAI

        app = FastAPI()


        def get_chain():
            download_the_model()
            return ConversationChain(llm=ChatOpenAI())


        chain = get_chain()


        @app.get("/ask")
        def ask(q: str):
            return chain.predict(input=q)

    no-place: A handler uses it before its key is there, or in places that have no common beginning.
    By hand: find out the key first, then build it, then use it.

        import uuid

        from fastapi import FastAPI
        from langchain.chains import ConversationChain
        from langchain_openai import ChatOpenAI

        app = FastAPI()
        chain = ConversationChain(llm=ChatOpenAI())


        @app.get("/ask")
        def ask(q: str, session_id: str | None = None):
            if session_id is None:
                session_id = str(uuid.uuid4())
                chain.memory.clear()
            return chain.predict(input=q)

    graph-node: A node of a graph uses it, and the graph's state has no key.
    By hand: put the session's key into the state.

        from fastapi import FastAPI
        from langchain.chains import ConversationChain
        from langgraph.graph import StateGraph
        from langchain_openai import ChatOpenAI

        app = FastAPI()
        chain = ConversationChain(llm=ChatOpenAI())
        graph = StateGraph(dict)


        def talk(state):
            return {"answer": chain.predict(input=state["question"])}


        graph.add_node("talk", talk)


        @app.get("/ask")
        def ask(q: str):
            return chain.predict(input=q)

    streamlit-cache: Streamlit keeps it for all who have the app open: behind a cache, or in a module that the script imports.
    By hand: keep it in `st.session_state`, and cache only what holds no conversation (the model, the vector store).

        import streamlit as st
        from langchain.chains import ConversationChain
        from langchain_openai import ChatOpenAI


        @st.cache_resource
        def get_chain():
            return ConversationChain(llm=ChatOpenAI())


        if question := st.chat_input():
            st.write(get_chain().predict(input=question))

    shared-line: The code is laid out in a way that can't be cut.
    By hand: give each statement lines of its own.

        from fastapi import FastAPI
        from langchain.chains import ConversationChain
        from langchain_openai import ChatOpenAI

        app = FastAPI()
        llm = ChatOpenAI(); chain = ConversationChain(llm=llm)


        @app.get("/ask")
        def ask(q: str):
            return chain.predict(input=q)

Settings
    history: where messages are kept by key: redis, sql, memory (this process only), or auto: what the project declares
    move_clients: build the chat model per request too
    stateless: build chains per request even when they hold no memory
"""

from __future__ import annotations

from collections.abc import Iterator

from .kit.codemod import codemod
from .kit.finding import Finding
from .kit.libraries.conversations import IMPORTED
from .kit.libraries.messages import BEGUN
from .kit.sharing.anew import made_anew
from .kit.sharing.constant_sessions import constant_sessions
from .kit.sharing.isolate import isolated
from .kit.sharing.kept import isolated_kept, kept_groups
from .kit.sharing.leftovers import leftovers
from .kit.sharing.lent import isolated_lent
from .kit.sharing.mounted import mounted
from .kit.sharing.near import near_memory
from .kit.sharing.once import made_once
from .kit.sharing.plan import Wishes
from .kit.sharing.sessions_of_apps import shared_in_apps
from .kit.sharing.shared import class_groups, function_groups, groups_in
from .kit.sharing.started import StartedPlan, started_groups, uses_of_started
from .kit.source import Source

MENTIONS = (
    (
        "langchain", "langgraph", "openai", "anthropic", "groq", "mistralai", "genai", "generativeai", "generative_models", *IMPORTED, "ollama", "litellm", "pydantic_ai", "from agents",
        '"messages":', "'messages':",
    ),
    (
        "emory", "History", "ConversationChain", "create_conversational_retrieval_agent", "thread_id", '"role"', "'role'", "dict(role=", "chat_history", "HumanMessage", "threads.create(",
        "conversations.create(", "previous_response_id", "start_chat(", "chats.create(", "message_history", "SQLiteSession", *IMPORTED, *BEGUN,
    ),
)  # fmt: skip


@codemod(mentions=MENTIONS, shares=MENTIONS[0], meets=("app.state", *BEGUN), stage="scope")
def request_scope(source: Source, *, history: str = "auto", move_clients: bool = False, stateless: bool = False) -> Iterator[Finding]:
    if not source.project.remember("speaks of conversations", lambda: all(any(word.encode() in other.utf8 for other in source.project for word in words) for words in MENTIONS)):
        return
    wishes = Wishes(history, move_clients, stateless)
    if stateless or near_memory(source):
        groups = [*groups_in(source, source.tree.body, source.names.module, chains=stateless), *function_groups(source), *class_groups(source, chains=stateless)]
        kept = {group: [*isolated_kept(group, wishes)] for group in kept_groups(source)}
        kept |= {group: [*isolated_kept(group, wishes, StartedPlan, uses_of_started)] for group in started_groups(source)}
        taken = {statement for group, found in kept.items() if found for statement in group.statements}
        for group in groups:
            if taken.isdisjoint(group.statements):
                yield from [*isolated_lent(group, wishes)] or isolated(group, wishes)
        for found in kept.values():
            yield from found
        once = [*made_once(source)]
        for each in once:
            yield from made_anew(each, wishes)
        yield from mounted(source)
        yield from leftovers(source, groups, [*taken, *(statement for each in once for statement in each.statements)])
    yield from constant_sessions(source)
    yield from shared_in_apps(source)
