"""Conversations that other libraries keep in their objects: what makes one, and the uses that keep none."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ..source import Source

# by package: the classes whose objects keep what is said
KEEPERS: dict[str, frozenset[str]] = {
    "llama_index": frozenset(
        "ChatMemoryBuffer ChatSummaryMemoryBuffer SimpleComposableMemory Memory Context SimpleChatEngine ContextChatEngine CondenseQuestionChatEngine CondensePlusContextChatEngine "
        "MultiModalContextChatEngine".split()
    ),
    "autogen_agentchat": frozenset("AssistantAgent CodeExecutorAgent SocietyOfMindAgent RoundRobinGroupChat SelectorGroupChat Swarm MagenticOneGroupChat GraphFlow".split()),
    "autogen_core": frozenset("BufferedChatCompletionContext UnboundedChatCompletionContext HeadAndTailChatCompletionContext TokenLimitedChatCompletionContext".split()),
    "semantic_kernel": frozenset({"ChatHistory", "ChatHistoryAgentThread", "ChatHistorySummarizationReducer", "ChatHistoryTruncationReducer"}),
    "strands": frozenset({"Agent"}),
    "agno": frozenset({"Agent", "Team"}),
    "phi": frozenset({"Agent", "Assistant"}),
    "dspy": frozenset({"History"}),
    "smolagents": frozenset({"CodeAgent", "ToolCallingAgent", "MultiStepAgent"}),
    "crewai": frozenset({"Crew"}),
}  # fmt: skip
MAKERS = frozenset({"from_defaults", "from_tools", "from_llm"})
WITH_TOOLS = frozenset({"ReActAgent", "OpenAIAgent", "FunctionCallingAgent", "FunctionCallingAgentWorker"})  # of llama_index: by `from_tools` they keep a chat
# keywords without which such an object keeps nothing
ASKED = {
    "agno": frozenset("add_history_to_messages add_history_to_context read_chat_history".split()),
    "phi": frozenset("add_history_to_messages add_chat_history_to_messages add_chat_history_to_prompt read_chat_history".split()),
    "crewai": frozenset({"memory"}),
}
# and those that say where it is kept: what is built anew would find the same conversation there
STORED = {
    "llama_index": frozenset("chat_store async_engine async_database_uri".split()), "agno": frozenset({"session_id"}), "phi": frozenset({"session_id", "run_id"}),
    "strands": frozenset({"session_manager", "messages"}),
}  # fmt: skip
ENGINE = "as_chat_engine"
# how such objects are talked to, and the keywords of a call that brings its own history, or says whose it is
TALKS = frozenset("chat achat stream_chat astream_chat run arun print_response aprint_response run_stream on_messages on_messages_stream invoke_async stream_async".split())
OWN = frozenset("chat_history session_id ctx memory message_history messages".split())
RESETS = frozenset("reset areset on_reset clear load_state".split())
GROWS = {
    "semantic_kernel": frozenset("add_user_message add_message add_assistant_message add_system_message get_response invoke".split()),
    "dspy": frozenset({"append", "extend"}),
}  # fmt: skip
IMPORTED = ("llama_index", "autogen_", "semantic_kernel", "from strands", "from agno", "from phi.", "smolagents", "crewai", "dspy")


def begins(dotted: str) -> str:
    """The package, where a dotted path is of what makes such an object; "" for anything else."""
    parts = dotted.split(".")
    names = KEEPERS.get(parts[0])
    if names is None or len(parts) < 2:
        return ""
    if parts[-1] in names or (parts[-1] in MAKERS and parts[-2] in names):
        return parts[0]
    return parts[0] if parts[0] == "llama_index" and parts[-1] == "from_tools" and parts[-2] in WITH_TOOLS else ""


def keeps_elsewhere(source: Source, call: ast.Call, path: str) -> Literal["", "whole", "vectors", "stored"]:
    """How an object of another library that a call makes keeps what all say to it; "" where it does not, or is used so that it keeps nothing."""
    package = "llama_index" if isinstance(call.func, ast.Attribute) and call.func.attr == ENGINE and _is_index(source, call.func.value) else begins(path)
    if not package or (package in ASKED and not any(given.arg in ASKED[package] and not _is_off(given.value) for given in call.keywords)):
        return ""
    if not _is_used_so(source, call, package):
        return ""
    stored = any(given.arg in STORED.get(package, ()) and not isinstance(given.value, ast.Call) for given in call.keywords)
    return "vectors" if package == "crewai" else "stored" if stored else "whole"


def _is_off(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and not value.value


def _is_index(source: Source, node: ast.expr) -> bool:
    return source.made_by(node).partition(".")[0] in ("llama_index", "")


def _is_used_so(source: Source, call: ast.Call, package: str) -> bool:
    statement = source.statement(call)
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target] if isinstance(statement, ast.AnnAssign) else []
    names = {target.attr if isinstance(target, ast.Attribute) else target.id for target in targets if isinstance(target, (ast.Name, ast.Attribute))}
    if package in GROWS:
        return any(_is_grown(other, name, GROWS[package]) for name in names for other in source.project.mentioning(name))
    asked = [(other, each) for other in source.project for word in TALKS for each in other.attributes(word) if _is_called(other, each)]
    named = [(other, each) for other, each in asked if _last(each.value) in names]
    if package == "smolagents":
        return any(given.arg == "reset" and _is_off(given.value) for other, each in named for given in other.parent(each).keywords)  # type: ignore[union-attr]
    asked = named or asked
    return not asked or not all(_forgets(other, each, names) for other, each in asked)


def _is_grown(source: Source, name: str, words: frozenset[str]) -> bool:
    """`history.add_user_message(...)`, `history.messages.append(...)`, in a function."""
    for word in words:
        for each in source.attributes(word):
            held = each.value.value if isinstance(each.value, ast.Attribute) and each.value.attr == "messages" else each.value
            if source.function(each) is not None and (_last(held) == name or (word in ("get_response", "invoke") and any(_last(given.value) == name for given in _keywords(source, each)))):
                return True
    return False


def _keywords(source: Source, method: ast.Attribute) -> list[ast.keyword]:
    call = source.parent(method)
    return call.keywords if isinstance(call, ast.Call) and call.func is method else []


def _is_called(source: Source, method: ast.Attribute) -> bool:
    call = source.parent(method)
    return isinstance(call, ast.Call) and call.func is method


def _forgets(source: Source, method: ast.Attribute, names: set[str]) -> bool:
    """Whether a call brings a history other than what goes by these names (`engine.chat(text, said)`), or stands where the object is emptied first: `engine.reset()`."""
    call = source.parent(method)
    if method.attr.endswith("chat") and isinstance(call, ast.Call) and len(call.args) > 1:
        return True
    if any(given.arg is None or (given.arg in OWN and _last(given.value) not in names) for given in _keywords(source, method)):
        return True
    function, name = source.function(method), _last(method.value)
    return function is not None and any(
        source.function(each) is function and source.start(each) < source.start(method) and _last(each.value) == name and _is_called(source, each) for word in RESETS for each in source.attributes(word)
    )


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
