"""How programs write down what was said: the names of such lists, what is put into them, and what gives them to a model."""

from __future__ import annotations

import re

GROWS = frozenset({"append", "extend", "insert", "appendleft"})
# parameters and keys that take messages
NAMED = frozenset("messages message_history chat_history history chat_messages conversation conversation_history contents input prompt".split())
RUNS = frozenset(
    "invoke ainvoke stream astream batch abatch run arun predict apredict predict_messages apredict_messages generate agenerate acall complete acomplete create parse "
    "generate_content generate_content_async send_message start_chat chat completion acompletion chat_completion converse converse_stream".split()
)  # fmt: skip
SDKS = frozenset("openai anthropic groq mistralai cohere ollama litellm google vertexai huggingface_hub langchain langchain_core langchain_classic langgraph together replicate".split())
SPOKEN = frozenset("HumanMessage AIMessage SystemMessage ChatMessage FunctionMessage ToolMessage".split())
SHOWS = frozenset("render render_template TemplateResponse jsonify JSONResponse json_response dump print len dict info debug warning emit send_json".split())
# what gives the same messages again, in another form
COPIES = frozenset("list tuple deque reversed str repr dumps join format format_messages format_prompt from_messages from_template copy deepcopy islice trim_messages get_buffer_string".split())
# what begins a conversation that a library or its server keeps
REMOTE = (b"threads.create(", b"conversations.create(", b"previous_response_id", b"start_chat(", b"chats.create(")
# how such a list begins: at the left margin, or as an attribute
BEGUN = (
    *(f"\n{name}" for name in ("messages", "history", "chat_history", "conversation", "message_history")),
    *(f"self.{name}" for name in ("messages", "_messages", "history", "_history", "chat_history", "conversation")),
    *(f"\n    {name} = [" for name in ("messages", "history", "chat_history")),
    " field(default_factory=list)",
)
_TELLING = re.compile(r"(?i)(^|_)(messages?|history|histories|conversations?|transcript|dialog(ue)?|chat(s|_?log)?|memory|context|msgs?|turns|log)$")


def is_telling(name: str) -> bool:
    """Whether a name says that what was said is kept under it."""
    return _TELLING.search(name) is not None
