"""Which async method of a LangChain object does what a sync one does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..source import keyword, spreads_keywords
from .langchain import Kind, kinds_of

How = Literal["await", "iterate", "call", "model"]


@dataclass(frozen=True, slots=True)
class Twin:
    """An async method. how: `await` it; `iterate` it with `async for`; `call`: the object itself is called today; `model`: text out of a model."""

    name: str
    how: How = "await"


def _awaited(names: str) -> dict[str, Twin]:
    return {name: Twin(f"a{name}") for name in names.split()}


def _iterated(names: str) -> dict[str, Twin]:
    return {name: Twin(f"a{name}", "iterate") for name in names.split()}


RUNNABLE = _awaited("invoke batch") | _iterated("stream batch_as_completed transform")
CHAIN = (
    RUNNABLE
    | _awaited("run predict apply generate predict_and_parse apply_and_parse combine_docs")
    | {"__call__": Twin("acall", "call")}
)
MODEL = (
    RUNNABLE
    | _awaited("generate generate_prompt")
    | {
        "predict": Twin("apredict", "model"),
        "predict_messages": Twin("apredict_messages", "model"),
        "__call__": Twin("ainvoke", "call"),
    }
)

TWINS: dict[str, dict[str, Twin]] = {
    "chat-model": MODEL,
    "llm": MODEL,
    "model": MODEL,
    "runnable": RUNNABLE,
    "chain": CHAIN,
    "executor": RUNNABLE | _awaited("run") | {"__call__": Twin("acall", "call"), "iter": Twin("iter", "iterate")},
    "fixing-parser": RUNNABLE | _awaited("parse parse_with_prompt"),
    "retriever": RUNNABLE | _awaited("get_relevant_documents"),
    "embeddings": _awaited("embed_query embed_documents"),
    "vector-store": _awaited(
        "add_documents add_texts delete get_by_ids search similarity_search similarity_search_with_score "
        "similarity_search_with_relevance_scores similarity_search_by_vector "
        "max_marginal_relevance_search max_marginal_relevance_search_by_vector from_texts from_documents"
    ),
    "tool": RUNNABLE | _awaited("run") | {"__call__": Twin("arun", "call")},
    "memory": _awaited("load_memory_variables save_context clear"),
    "history": _awaited("add_messages clear"),
    "graph": RUNNABLE | _awaited("get_state update_state bulk_update_state") | _iterated("get_state_history"),
}

# methods that block and have no twin, by family
WITHOUT: dict[str, frozenset[str]] = {
    "history": frozenset(["add_message", "add_user_message", "add_ai_message"]),
    "utility": frozenset(["run", "results"]),
}

METHODS = frozenset(name for table in TWINS.values() for name in table) | frozenset(
    name for names in WITHOUT.values() for name in names
)

IN_MEMORY = frozenset(["ChatMessageHistory", "InMemoryChatMessageHistory"])
BUFFERS = frozenset(
    ["ConversationBufferMemory", "ConversationBufferWindowMemory", "ConversationStringBufferMemory", "SimpleMemory"]
)


def blocks(kind: Kind) -> bool:
    """Whether the object's methods can wait for anything: a prompt, a parser and a buffer in memory can't."""
    if kind.family == "history":
        return kind.name not in IN_MEMORY
    if kind.family != "memory" or kind.name not in BUFFERS or kind.call is None or spreads_keywords(kind.call):
        return True
    given = keyword(kind.call, "chat_memory")
    if given is None:
        return False
    stores = kinds_of(kind.source, given.value)
    return not stores.certain or any(blocks(store) for store in stores.found)
