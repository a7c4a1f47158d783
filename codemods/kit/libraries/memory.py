"""Classic LangChain memory: which classes remember a conversation, where they keep it, and what holds one without saying so."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Literal

from .conversations import begins, keeps_elsewhere

if TYPE_CHECKING:
    from ..source import Source

# How a kept thing can be given a conversation of its own:
# history - all it knows is in `chat_memory`; any chat history will do
# list    - the same, but it cuts the list in place: only a history in this process will do
# whole   - it keeps a summary, entities, ... in itself: one object per conversation
# chain   - a chain with a buffer memory that nobody wrote down
# store   - a history in this process: the messages themselves
# session - a history or memory outside of the process, under a session's name given in writing
# vectors - a vector store that knows no sessions
# file    - a history in one file
# thread  - what a provider keeps, a thread of its Assistants or a conversation of its Responses: one for each session
# stored  - of another library, in a store under a name in writing, or in a list that others hold
Keeps = Literal["history", "list", "whole", "chain", "store", "session", "vectors", "file", "thread", "stored"]

KEEPS: dict[str, Keeps] = {
    "ConversationBufferMemory": "history",
    "ConversationBufferWindowMemory": "history",
    "ConversationTokenBufferMemory": "list",
    "AgentTokenBufferMemory": "list",
    "ConversationStringBufferMemory": "whole",
    "ConversationSummaryMemory": "whole",
    "ConversationSummaryBufferMemory": "whole",
    "ConversationEntityMemory": "whole",
    "ConversationKGMemory": "whole",
    "ConversationVectorStoreTokenBufferMemory": "whole",
    "create_conversational_retrieval_agent": "whole",
    "ConversationChain": "chain",
    "ChatMessageHistory": "store",
    "InMemoryChatMessageHistory": "store",
    "VectorStoreRetrieverMemory": "vectors",
    "MotorheadMemory": "session",
    "ZepMemory": "session",
    "RedisChatMessageHistory": "session",
    "SQLChatMessageHistory": "session",
    "MongoDBChatMessageHistory": "session",
    "PostgresChatMessageHistory": "session",
    "DynamoDBChatMessageHistory": "session",
    "CosmosDBChatMessageHistory": "session",
    "CassandraChatMessageHistory": "session",
    "AstraDBChatMessageHistory": "session",
    "ElasticsearchChatMessageHistory": "session",
    "FirestoreChatMessageHistory": "session",
    "FileChatMessageHistory": "file",
    "MomentoChatMessageHistory": "session",
    "SingleStoreDBChatMessageHistory": "session",
    "UpstashRedisChatMessageHistory": "session",
    "XataChatMessageHistory": "session",
    "ZepChatMessageHistory": "session",
}  # fmt: skip
BASES = frozenset({"BaseMemory", "BaseChatMemory", "BaseChatMessageHistory", *KEEPS})
ROOTS = (
    "langchain", "langchain_classic", "langchain_community", "langchain_core", "langchain_redis", "langchain_mongodb", "langchain_postgres", "langchain_astradb",
    "langchain_google_firestore", "langchain_elasticsearch", "langchain_aws",
)  # fmt: skip
# Cheap to make: no connection, no file, no download.
LIGHT_MODULES = (
    "langchain.prompts", "langchain_core.prompts", "langchain_classic.prompts", "langchain.schema", "langchain_core.messages", "langchain_core.output_parsers",
    "langchain_core.runnables", "langchain.output_parsers", "langchain_classic.output_parsers", "langchain.chains", "langchain_classic.chains", "langchain.agents",
    "langchain_classic.agents", "langchain.memory", "langchain_classic.memory", "langchain.callbacks", "langchain_core.callbacks", "langchain.tools", "langchain_core.tools",
    "langchain_core.chat_history", "langchain_community.chat_message_histories", "langchain.PromptTemplate", "langchain.LLMChain", "langchain.ConversationChain",
    "langchain.FewShotPromptTemplate", "operator.itemgetter", "datetime", "os.getenv", "os.environ", "functools.partial",
)  # fmt: skip
HEAVY_NAMES = ("load_tools", "load_qa", "from_documents", "from_texts")


def last_name(path: str) -> str:
    return path.rpartition(".")[2]


def of_langchain(path: str) -> bool:
    return path.partition(".")[0] in ROOTS


def keeps(source: Source, call: ast.Call) -> Keeps | None:
    """What kind of conversation a constructor call keeps; None when it keeps none of its own."""
    key = ("keeps", call)
    if key not in source.memo:
        source.memo[key] = _keeps(source, call)
    return source.memo[key]  # type: ignore[no-any-return]


def _keeps(source: Source, call: ast.Call) -> Keeps | None:
    if begins_thread(source, call):
        return "thread"
    if begins_chat(source, call):
        return "whole"
    path = source.qualified(call.func)
    if of_langchain(path):
        kind = KEEPS.get(last_name(path))
        if kind == "chain" and any(given.arg == "memory" for given in call.keywords):
            return None
        if kind is not None and any(given.arg == "chat_memory" and last_name(source.made_by(given.value)) == "StreamlitChatMessageHistory" for given in call.keywords):
            return None  # Streamlit keeps what is in it for each session
        return kind
    if (elsewhere := keeps_elsewhere(source, call, path)) != "":
        return elsewhere
    if path and _own_memory(source, call):
        return "whole"
    return None


THREADS = ("threads", "conversations")


def begins_thread(source: Source, call: ast.Call) -> bool:
    """`client.beta.threads.create()`, `client.conversations.create()`: OpenAI keeps what is said in it."""
    above = call.func.value if isinstance(call.func, ast.Attribute) and call.func.attr == "create" else None
    if not isinstance(above, ast.Attribute) or above.attr not in THREADS:
        return False
    root: ast.expr = above.value
    if isinstance(root, ast.Attribute) and root.attr == "beta":
        root = root.value
    return source.made_by(root) in ("openai.OpenAI", "openai.AzureOpenAI")


CHATTERS = {
    "start_chat": ("google.generativeai.GenerativeModel", "vertexai.generative_models.GenerativeModel", "vertexai.preview.generative_models.GenerativeModel"),
    "create": ("google.genai.Client", "google.genai.client.Client"),
}


def begins_chat(source: Source, call: ast.Call) -> bool:
    """`model.start_chat()`, `client.chats.create(model=...)`: Google's SDKs keep what is said in the object that this gives."""
    func = call.func
    if not isinstance(func, ast.Attribute) or func.attr not in CHATTERS:
        return False
    root = func.value
    if func.attr == "create":
        if not isinstance(root, ast.Attribute) or root.attr != "chats":
            return False
        root = root.value
        if isinstance(root, ast.Attribute) and root.attr == "aio":
            root = root.value
    return source.made_by(root) in CHATTERS[func.attr]


def _own_memory(source: Source, call: ast.Call) -> bool:
    """Whether the call makes an instance of a memory class that the project wrote itself."""
    own: set[ast.ClassDef] = source.project.remember("own memories", lambda: {each for other in source.project if not BASES.isdisjoint(other.words) for each in other.nodes(ast.ClassDef) if _inherits_memory(other, each)})
    if not own or not isinstance(call.func, (ast.Name, ast.Attribute)):
        return False
    found = source.origins(call.func)
    return len(found) == 1 and found[0].kind == "class" and found[0].node in own


def _inherits_memory(source: Source, owner: ast.ClassDef) -> bool:
    bases = [source.qualified(base) for base in owner.bases]
    return any(of_langchain(base) and last_name(base) in BASES for base in bases)


def remembers(dotted: str) -> bool:
    """Whether a dotted path is a class that keeps a conversation, or holds one without saying so."""
    return (last_name(dotted) in KEEPS and of_langchain(dotted)) or begins(dotted) != ""


def keeps_threads(dotted: str) -> bool:
    """Whether a dotted path is what keeps the threads of a graph."""
    return dotted.startswith("langgraph.checkpoint.") and last_name(dotted).endswith("Saver")


def is_light(source: Source, call: ast.Call) -> bool:
    """Whether making it once more per request costs nothing worth naming."""
    path = source.qualified(call.func)
    if isinstance(call.func, ast.Attribute) and call.func.attr == "as_retriever":
        return not any(isinstance(inner, ast.Call) for inner in ast.walk(call.func.value))
    if not path:
        return False
    if last_name(path) in HEAVY_NAMES:
        return False
    return any(path == module or path.startswith(f"{module}.") for module in LIGHT_MODULES) or path in ("str", "list", "dict", "len")


def is_plain(source: Source, call: ast.Call) -> bool:
    """Whether a call is of the everyday kind: a builtin, the environment, a string's method, logging."""
    path = source.qualified(call.func)
    if isinstance(call.func, ast.Name):
        return path.startswith(("os.", "dotenv.", "textwrap.")) or (not path and call.func.id in PLAIN)
    return path.startswith(("os.", "dotenv.", "logging.", "textwrap.")) or (isinstance(call.func, ast.Attribute) and call.func.attr in ("get", "format", "info", "debug", "strip", "partial", "append"))


PLAIN = frozenset("str int float bool list dict tuple set len print range min max isinstance getattr sorted".split())
CHAINS = frozenset(
    "LLMChain ConversationalRetrievalChain RetrievalQA RetrievalQAWithSourcesChain SequentialChain SimpleSequentialChain AgentExecutor initialize_agent load_qa_chain "
    "StuffDocumentsChain TransformChain LLMMathChain".split()
)  # fmt: skip


def is_chain(source: Source, node: ast.AST) -> bool:
    """Whether a call builds one of the classic chains."""
    if not isinstance(node, ast.Call):
        return False
    path = source.qualified(node.func)
    return of_langchain(path) and any(part in CHAINS for part in path.split("."))


def is_model(source: Source, node: ast.AST) -> bool:
    """Whether a call makes a chat model."""
    if not isinstance(node, ast.Call):
        return False
    path = source.qualified(node.func)
    name = last_name(path)
    return path.startswith(("langchain", "openai", "anthropic")) and (name.startswith(("Chat", "AzureChat")) or name in ("OpenAI", "AzureOpenAI", "Anthropic", "init_chat_model"))


def memory_module(path: str) -> str:
    """Where the buffer memory is imported from beside a class of this path."""
    return "langchain_classic.memory" if path.startswith("langchain_classic") else "langchain.memory"
