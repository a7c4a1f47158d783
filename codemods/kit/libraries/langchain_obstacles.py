"""Why the async method of a LangChain object would not do what the sync one does: read from the libraries, class by class."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..callers import arguments_of
from ..names import FunctionNode
from ..source import Source, is_none, keyword, spreads_keywords
from .langchain import Kind, elements_of, kinds_from, kinds_of
from .langchain_twins import TWINS

# their own async method raises NotImplementedError
RAISING = frozenset(
    "VectorDBQA VectorDBQAWithSourcesChain ChatVectorDBChain RePhraseQueryRetriever "
    "WebResearchRetriever SpacyEmbeddings MojeekSearch E2BDataAnalysisTool RequestsGetToolWithParsing "
    "RequestsPostToolWithParsing RequestsPatchToolWithParsing RequestsPutToolWithParsing "
    "RequestsDeleteToolWithParsing".split()
)
# the model runs in this process and takes one call at a time
ONE_AT_A_TIME = frozenset(
    "LlamaCpp ChatLlamaCpp LlamaCppEmbeddings GPT4All GPT4AllEmbeddings CTransformers ExLlamaV2 RWKV "
    "HuggingFacePipeline MLXPipeline ChatMLX IpexLLM BigdlLLM".split()
)
# their connection belongs to the thread that made it
THREAD_BOUND = frozenset(["SQLiteVSS", "SQLiteVec", "StreamlitChatMessageHistory"])

# their asave_context stores the messages and leaves out what their save_context does besides (a summary, entities, a limit)
SYNC_MEMORIES = frozenset(
    "ConversationSummaryMemory ConversationEntityMemory ConversationTokenBufferMemory "
    "ConversationVectorStoreTokenBufferMemory ConversationKGMemory AgentTokenBufferMemory "
    "MotorheadMemory ZepMemory".split()
)
# they compute relevance scores in the sync method alone
SYNC_RELEVANCE = frozenset(
    "AlibabaCloudOpenSearch ApacheDoris Clickhouse DashVector FalkorDBVector MyScale "
    "MyScaleWithoutJSON Rockset StarRocks SupabaseVectorStore".split()
)

# before langchain 0.1 only these had async methods of their own
OLD_CHAINS = frozenset(
    "LLMChain ConversationChain RetrievalQA RetrievalQAWithSourcesChain ConversationalRetrievalChain "
    "load_qa_chain load_qa_with_sources_chain load_summarize_chain StuffDocumentsChain "
    "MapReduceDocumentsChain RefineDocumentsChain QAWithSourcesChain".split()
)
OLD_MODELS = frozenset(
    [
        "ChatOpenAI",
        "AzureChatOpenAI",
        "OpenAI",
        "AzureOpenAI",
        "OpenAIChat",
        "ChatAnthropic",
        "Anthropic",
        "PromptLayerChatOpenAI",
    ]
)

# the hooks of a subclass by which the family's async methods do their work
HOOKS: dict[str, tuple[str, ...]] = {
    "chain": ("_acall",),
    "executor": ("_acall",),
    "tool": ("_arun",),
    "retriever": ("_aget_relevant_documents", "aget_relevant_documents"),
    "chat-model": ("_agenerate", "_acall"),
    "llm": ("_agenerate", "_acall"),
    "embeddings": ("aembed_query", "aembed_documents"),
    "memory": ("aload_memory_variables", "asave_context"),
}


def obstacle(kind: Kind, method: str, source: Source) -> tuple[str, str] | None:
    """Why the async twin of a method would not do: (reason code, sentence); None when it will."""
    twin = TWINS[kind.family][method].name
    if kind.owner is not None and not _delegates(kind, method) and _overrides(kind.owner, method, twin):
        return "own-method", f"{kind.owner.name} overrides {method}, and {twin} would pass it by"
    if kind.family == "chain" and method == "apply" and kind.name not in ("LLMChain", "ConversationChain"):
        return "no-async-twin", f"{kind.name or 'this chain'} has no aapply"
    if kind.name in SYNC_RELEVANCE and method == "similarity_search_with_relevance_scores":
        return "no-async-twin", f"{kind.name} computes relevance scores in the sync method alone"
    for part in (kind, *parts_of(kind)):
        saves = kind.family != "memory" or method != "load_memory_variables"
        if found := _weakness(part) or (_remembering(part) if saves else None):
            return found
    if source.project.below("langchain", 0, 1) and (old := _too_old(kind, method)):
        return "no-async-twin", old
    return None


def _weakness(kind: Kind) -> tuple[str, str] | None:
    name = kind.name
    if name in RAISING:
        return "no-async-twin", f"the async methods of {name} raise NotImplementedError"
    if name in ONE_AT_A_TIME:
        return (
            "in-process-model",
            f"{name} runs in this process and takes one call at a time: its async methods would let several threads into it",
        )
    if kind.call is not None and (sync := _sync_connection(kind, kind.call)):
        return "sync-connection", sync
    if kind.path == "" and isinstance(kind.node, ast.BinOp) and (generator := _generator_in(kind)):
        return "no-async-twin", f"{generator}() is a sync generator: the pipe that holds it has sync methods only"
    if name in THREAD_BOUND:
        return "thread-bound", f"{name} belongs to the thread that made it, and its async methods use others"
    if kind.owner is not None:
        for hook in HOOKS.get(kind.family, ()):
            if _only_raises(kind.owner, hook):
                return "no-async-twin", f"{hook} of {kind.owner.name} raises NotImplementedError"
    if kind.family == "graph":
        return _checkpointing(kind)
    return None


def _sync_connection(kind: Kind, call: ast.Call) -> str:
    """What the object was given for its sync methods alone, in words; "" when nothing."""
    own = set(kind.home.names.inner[kind.owner].bindings) if kind.owner is not None and kind.home is not None else set()
    old = kind.source.project.below("langchain", 0, 2) or kind.source.project.below("langchain-community", 0, 2)
    if (
        kind.name == "SQLChatMessageHistory"
        and not old
        and not _true(call, "async_mode")
        and not {"aget_messages", "aadd_messages"} <= own
    ):
        return "SQLChatMessageHistory without async_mode=True raises ValueError in its async methods"
    if kind.path.startswith("langchain_postgres.") and kind.name == "PGVector" and not _true(call, "async_mode"):
        return "PGVector without async_mode=True fails in its async methods"
    if (
        kind.path.startswith("langchain_postgres.")
        and kind.name == "PostgresChatMessageHistory"
        and keyword(call, "async_connection") is None
    ):
        return "PostgresChatMessageHistory without async_connection= raises ValueError in its async methods"
    for sync, twin in (("http_client", "http_async_client"), ("sync_client_kwargs", "async_client_kwargs")):
        given = keyword(call, sync)
        if (
            kind.family in ("chat-model", "llm", "embeddings")
            and given is not None
            and not is_none(given.value)
            and keyword(call, twin) is None
        ):
            return f"{kind.name} was given {sync}= and no {twin}=: its async methods would go without those settings"
    return ""


def _true(call: ast.Call, name: str) -> bool:
    given = keyword(call, name)
    return given is not None and isinstance(given.value, ast.Constant) and given.value.value is True


def _generator_in(kind: Kind) -> str:
    """The name of a sync generator function in a pipe."""
    for part in _given(kind.node):
        if isinstance(part, ast.BinOp):
            continue
        for origin in kind.source.origins(part) if isinstance(part, (ast.Name, ast.Attribute)) else ():
            node = origin.node
            if (
                isinstance(node, ast.FunctionDef)
                and not node.decorator_list
                and any(origin.source.function(each) is node for each in origin.source.nodes(ast.Yield))
            ):
                return node.name
    return ""


def _remembering(kind: Kind) -> tuple[str, str] | None:
    """Whether a memory, given or held, does its work in the sync save_context alone."""
    if kind.family == "memory":
        if kind.name in SYNC_MEMORIES or (
            kind.owner is not None
            and not _delegates(kind, "save_context")
            and _overrides(kind.owner, "save_context", "asave_context")
        ):
            name = kind.owner.name if kind.owner is not None else kind.name
            return "sync-memory", f"{name} does its work in save_context, and asave_context leaves it out"
    elif kind.family in ("chain", "executor") and kind.call is not None:
        given = keyword(kind.call, "memory")
        if given is not None and not is_none(given.value) and not kinds_of(kind.source, given.value).certain:
            return (
                "sync-memory",
                "what its memory is can't be seen, and some do their work in the sync save_context alone",
            )
    return None


def _only_raises(owner: ast.ClassDef, hook: str) -> bool:
    for method in owner.body:
        if isinstance(method, FunctionNode) and method.name == hook:
            body = [s for s in method.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
            return bool(body) and isinstance(body[0], ast.Raise)
    return False


def _delegates(kind: Kind, method: str) -> bool:
    """Whether the async method, where a subclass does not write one, runs the sync one in a thread."""
    if kind.family == "runnable":
        return method == "invoke" and kind.name in ("Runnable", "RunnableSerializable")
    if kind.family == "memory":
        return kind.name == "BaseMemory" or method == "load_memory_variables"
    return kind.family in ("embeddings", "vector-store", "history")


def _overrides(owner: ast.ClassDef, method: str, twin: str) -> bool:
    own = {each.name for each in owner.body if isinstance(each, FunctionNode)}
    return method in own and twin not in own


def _checkpointing(kind: Kind) -> tuple[str, str] | None:
    """Whether the graph's checkpointer can be used by the async methods: a sync one raises NotImplementedError."""
    if kind.name == "RemoteGraph":
        return None
    if kind.call is None and not isinstance(kind.node, FunctionNode):
        return (
            "unknown-checkpointer",
            "where this graph is compiled can't be seen, and with a sync checkpointer its async methods raise NotImplementedError",
        )
    for call in _makers(kind):
        if spreads_keywords(call):
            return "unknown-checkpointer", "the keywords of compile are spread, a sync checkpointer may be among them"
        given = keyword(call, "checkpointer")
        value = given.value if given is not None else call.args[0] if call.args and kind.name == "compile" else None
        if value is not None and (found := _savers(kind.source, value)):
            return found
    return None


def _savers(source: Source, value: ast.expr, hops: int = 0) -> tuple[str, str] | None:
    if is_none(value) or (isinstance(value, ast.Constant) and isinstance(value.value, bool)):
        return None
    savers = kinds_of(source, value)
    for saver in savers.found:
        if saver.family == "checkpointer" and not _async_saver(saver):
            return (
                "sync-checkpointer",
                f"{saver.owner.name if saver.owner else saver.name} is a sync checkpointer: the graph's async methods raise NotImplementedError with it",
            )
    if savers.certain and savers.found:
        return None
    arguments = arguments_of(source, value) if hops < 3 else None
    if arguments is None:
        return (
            "unknown-checkpointer",
            "what the checkpointer is can't be seen, and with a sync one the graph's async methods raise NotImplementedError",
        )
    return next((found for other, argument in arguments if (found := _savers(other, argument, hops + 1))), None)


def _makers(kind: Kind) -> Iterator[ast.Call]:
    if kind.call is not None:
        yield kind.call
    elif isinstance(kind.node, FunctionNode):
        yield from (decorator for decorator in kind.node.decorator_list if isinstance(decorator, ast.Call))


def _async_saver(saver: Kind) -> bool:
    if saver.owner is not None:
        own = {each.name for each in saver.owner.body if isinstance(each, ast.AsyncFunctionDef)}
        return {"aget_tuple", "aput"} <= own or saver.name in ("MemorySaver", "InMemorySaver")
    return saver.name in ("MemorySaver", "InMemorySaver", "AsyncBatchedCheckpointSaver") or saver.name.startswith(
        "Async"
    )


def _too_old(kind: Kind, method: str) -> str:
    """What the declared langchain before 0.1 lacks for this, "" for nothing."""
    if kind.family in ("executor", "tool", "fixing-parser", "embeddings", "memory", "history", "runnable") or (
        kind.family == "chain" and kind.name not in OLD_CHAINS
    ):
        return f"the declared langchain is older than 0.1, where the async methods of {kind.name or 'pipes'} are missing or raise NotImplementedError"
    if kind.family == "vector-store" and method not in ("similarity_search",):
        return f"the declared langchain is older than 0.1, where a{method} is missing or raises NotImplementedError"
    for part in (kind, *parts_of(kind)):
        if part.family in ("chat-model", "llm") and part.name not in OLD_MODELS:
            return f"the declared langchain is older than 0.1, where {part.name} has no async methods"
    return ""


# what an object is made of


def parts_of(kind: Kind, hops: int = 0) -> Iterator[Kind]:
    """The LangChain objects that were given to a kind where it was made, and theirs."""
    if hops > 6:
        return
    for part in _given(kind.node):
        for inner in (
            kinds_of(kind.source, part, hops).found
            or elements_of(kind.source, part, hops).found
            or _from_factory(kind, part)
        ):
            if inner.node is not kind.node:
                yield inner
                yield from parts_of(inner, hops + 1)


def _from_factory(kind: Kind, part: ast.expr) -> tuple[Kind, ...]:
    """What `RunnableWithMessageHistory(chain, get_history)` keeps the messages in."""
    if kind.name != "RunnableWithMessageHistory" or not isinstance(part, (ast.Name, ast.Attribute, ast.Lambda)):
        return ()
    return kinds_from(kind.source, part).found


def _given(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            yield node.func.value
        yield from (argument.value if isinstance(argument, ast.Starred) else argument for argument in node.args)
        yield from (given.value for given in node.keywords)
    elif isinstance(node, ast.BinOp):
        yield from (node.left, node.right)
    elif isinstance(node, ast.Dict):
        yield from node.values
