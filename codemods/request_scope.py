"""Give every request a conversation memory of its own.

Why
    A memory that is built when the module is imported is one memory for everybody: each prompt carries the messages of
    all users, and every answer is a 200. Measured with twenty users: 40 of 60 prompts held other people's text.

    What remembers, and what is built from it, is built per request. Where the handler has a key (a session,
    conversation, thread, chat or user id), the history is kept under that key. What holds no state stays global: models,
    prompts, vector stores, retrievers, compiled graphs, chains without a memory.

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

Settings
    history: where messages are kept by key: redis, sql, memory (this process only), or auto: what the project declares
    move_clients: build the chat model per request too
    stateless: build chains per request even when they hold no memory
"""

from __future__ import annotations

from collections.abc import Iterator

from .kit.codemod import codemod
from .kit.finding import Finding
from .kit.isolate import Wishes, isolated
from .kit.leftovers import leftovers
from .kit.shared import class_groups, function_groups, groups_in
from .kit.source import Source

MENTIONS = ("langchain", ("emory", "History", "ConversationChain", "create_conversational_retrieval_agent"))


@codemod(mentions=MENTIONS, stage="scope")
def request_scope(source: Source, *, history: str = "auto", move_clients: bool = False, stateless: bool = False) -> Iterator[Finding]:
    wishes = Wishes(history, move_clients, stateless)
    groups = [*groups_in(source, source.tree.body, source.names.module, chains=stateless), *function_groups(source), *class_groups(source, chains=stateless)]
    for group in groups:
        yield from isolated(group, wishes)
    yield from leftovers(source, groups)
