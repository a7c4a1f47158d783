"""Every coroutine here asks a model, a store or a tool that answers only when a whole crowd asks at the same time."""

import asyncio
import threading
from typing import Any

from langchain_classic.chains import ConversationalRetrievalChain, LLMChain, RetrievalQA
from langchain_classic.chains.base import Chain
from langchain_classic.memory import ConversationSummaryBufferMemory
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langchain_core.tools import tool
from langchain_core.vectorstores import InMemoryVectorStore
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph


class Crowd:
    """A meeting of `size` callers."""

    def __init__(self):
        self.resize(1)

    def resize(self, size):
        self.threads = threading.Barrier(size, timeout=20)
        self.tasks = asyncio.Barrier(size)

    def meet(self):
        self.threads.wait()

    async def ameet(self):
        async with asyncio.timeout(20):
            await self.tasks.wait()


crowd = Crowd()


def say(messages):
    return f"<{messages[-1].content[-20:].strip()}>"


class Model(BaseChatModel):
    @property
    def _llm_type(self):
        return "crowd"

    def get_num_tokens_from_messages(self, messages, tools=None):
        return 9 * len(messages)

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        crowd.meet()
        return ChatResult(generations=[ChatGeneration(message=AIMessage(say(messages)))])

    async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
        await crowd.ameet()
        return ChatResult(generations=[ChatGeneration(message=AIMessage(say(messages)))])

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        crowd.meet()
        for letter in say(messages):
            yield ChatGenerationChunk(message=AIMessageChunk(letter))

    async def _astream(self, messages, stop=None, run_manager=None, **kwargs):
        await crowd.ameet()
        for letter in say(messages):
            yield ChatGenerationChunk(message=AIMessageChunk(letter))


class Vectors(Embeddings):
    def embed_documents(self, texts):
        return [[float(len(text)), 1.0] for text in texts]

    def embed_query(self, text):
        crowd.meet()
        return [float(len(text)), 1.0]


class Finder(BaseRetriever):
    def _get_relevant_documents(self, query, *, run_manager):
        crowd.meet()
        return store.get_by_ids(["1"])


class Own(Chain):
    @property
    def input_keys(self):
        return ["q"]

    @property
    def output_keys(self):
        return ["a"]

    def _call(self, inputs: dict[str, Any], run_manager=None):
        crowd.meet()
        return {"a": inputs["q"] * 2}


@tool
def shout(text: str) -> str:
    """Says it aloud."""
    crowd.meet()
    return text.upper()


llm = Model()
prompt = ChatPromptTemplate.from_template("{q}")
chain = {"q": RunnablePassthrough()} | prompt | llm | StrOutputParser()
classic = LLMChain(llm=llm, prompt=PromptTemplate.from_template("Q {q}"))
vectors = Vectors()
store = InMemoryVectorStore(vectors)
store.add_texts(["a", "b" * 9], ids=["1", "2"])
finder = Finder()


def node(state):
    return {"messages": [llm.invoke(state["messages"])]}


async def anode(state):
    return {"messages": [llm.invoke(state["messages"])]}


def compiled(function):
    builder = StateGraph(MessagesState)
    builder.add_node("node", function)
    builder.add_edge(START, "node")
    return builder.compile(checkpointer=InMemorySaver())


graph = compiled(node)
agraph = compiled(anode)


async def piped(q):
    return chain.invoke(q), llm.invoke(q).content[1:], (prompt | llm).with_retry().invoke({"q": q}).content


async def listed(q):
    first = ", ".join(chain.invoke(part) for part in [q, q * 2])
    return first, [chain.invoke(part) for part in [q, q * 2] if chain.invoke(part)], {part: llm.invoke(part).content for part in q[:2]}


async def streamed(q):
    parts = []
    for chunk in chain.stream(q):
        parts.append(chunk)
    return parts, list(chain.stream(q)), "".join(chunk.content for chunk in llm.stream(q)), [*chain.stream(q)]


async def generated(q):
    async def pieces():
        stream = llm.stream(q)
        for chunk in stream:
            yield chunk.content

    return [piece async for piece in pieces()]


async def old(q):
    return classic.run(q), classic({"q": q})["text"], classic.predict(q=q).strip(), classic.apply([{"q": q}]), classic.generate([{"q": q}]).generations[0][0].text


async def own(q):
    return Own().run(q), Own()({"q": q})["a"], Own().invoke({"q": q})


async def found(q):
    return [d.page_content for d in store.similarity_search(q, k=1)], [d.page_content for d in finder.invoke(q)], vectors.embed_query(q)[0]


async def with_score(q):
    return [(d.page_content, score > 0) for d, score in store.similarity_search_with_score(q)], [d.page_content for d in store.as_retriever().invoke(q)]


async def built(q):
    fresh = InMemoryVectorStore.from_texts([q], vectors)
    fresh.add_texts([q + q])
    return len(fresh.store)


async def asked(q):
    qa = RetrievalQA.from_chain_type(llm=llm, retriever=finder)
    talk = ConversationalRetrievalChain.from_llm(llm, finder)
    return qa.run(q), qa({"query": q})["result"], talk({"question": q, "chat_history": []})["answer"]


async def tooled(q):
    return shout.invoke(q), shout.run(q), RunnableLambda(shout.invoke).invoke(q)


async def remembered(q):
    memory = ConversationSummaryBufferMemory(llm=llm, max_token_limit=9)
    memory.save_context({"q": q}, {"a": q})
    return memory.load_memory_variables({})


async def graphed(q):
    config = {"configurable": {"thread_id": q}}
    graph.update_state(config, {"messages": [q + "!"]})
    reply = graph.invoke({"messages": [q]}, config)["messages"][-1].content
    steps = [list(step) for step in graph.stream({"messages": [q * 2]}, config)]
    return reply, steps, len(graph.get_state(config).values["messages"]), len(list(graph.get_state_history(config)))


async def noded(q):
    return (await agraph.ainvoke({"messages": [q]}, {"configurable": {"thread_id": q}}))["messages"][-1].content


EVERY = [piped, listed, streamed, generated, old, own, found, with_score, built, asked, tooled, remembered, graphed, noded]
