"""What request-scope promises beyond one text: several files at once, settings, and all or nothing."""

from __future__ import annotations

import pytest
from loadproof.codemods import codemods
from loadproof.codemods.kit.rewrite import Choice, rewrite
from loadproof.codemods.kit.units import survey

FILES = {
    "memory.py": "from langchain.memory import ConversationBufferMemory\n\nmemory = ConversationBufferMemory()\n",
    "chains.py": (
        "from langchain.chains import ConversationChain\nfrom langchain_openai import ChatOpenAI\n\nfrom memory import memory\n\n"
        "llm = ChatOpenAI()\nchain = ConversationChain(llm=llm, memory=memory)\n"
    ),
    "answers.py": "from chains import chain\n\n\ndef answer(text):\n    return chain.predict(input=text)\n",
    "main.py": (
        "from flask import Flask, request\n\nimport answers\n\napp = Flask(__name__)\n\n\n"
        '@app.post("/ask")\ndef ask():\n    return answers.answer(request.json["text"]) + request.json["session_id"]\n'
    ),
    "other.py": "def other():\n    return 1\n",
}
RAW = {path: text.encode() for path, text in FILES.items()}
NAME = "request-scope"


def test_a_memory_ties_all_modules_between_it_and_the_handlers() -> None:
    units = [{source.path for source in unit} for unit in survey(RAW, [codemods()[NAME]]).units]
    assert {"memory.py", "chains.py", "answers.py", "main.py"} in units


def test_one_finding_has_its_edits_in_every_module() -> None:
    result = rewrite(RAW, Choice((NAME,)), {"langchain": "0.3.30"})
    assert [patch.path for patch in result.patches] == ["answers.py", "chains.py", "main.py", "memory.py"]
    assert [each.status for each in result.findings] == ["fixable"]
    assert rewrite({**RAW, **{patch.path: patch.after for patch in result.patches}}, Choice((NAME,))).findings == ()


def test_who_says_no_to_the_finding_keeps_every_module() -> None:
    (found,) = rewrite(RAW, Choice((NAME,))).findings
    place = found.finding.place
    result = rewrite(RAW, Choice((NAME,), rejected=frozenset({(NAME, place.path, place.line, place.column)})))
    assert result.patches == ()


def test_one_module_that_can_not_follow_keeps_all_as_they_are() -> None:
    raw = {**RAW, "main.py": RAW["main.py"] + b"\n\nANSWER = answers.answer\n"}
    result = rewrite(raw, Choice((NAME,)))
    assert result.patches == ()
    assert [each.reason for each in result.findings] == ["handed-on"]


@pytest.mark.parametrize(
    ("wanted", "emitted"), [("redis", "RedisChatMessageHistory"), ("sql", "SQLChatMessageHistory"), ("memory", "lru_cache")]
)
def test_history_goes_where_the_setting_says(wanted: str, emitted: str) -> None:
    result = rewrite(RAW, Choice((NAME,), {NAME: {"history": wanted}}), {"langchain-community": "0.3.20", "redis": "5.0"})
    assert emitted.encode() in b"".join(patch.after for patch in result.patches)


@pytest.mark.parametrize(
    ("declared", "emitted"),
    [
        ({"langchain-community": "0.3.20", "redis": "5.0"}, b"langchain_community.chat_message_histories import RedisChatMessageHistory"),
        ({"langchain-community": "0.3.20", "greenlet": ""}, b"langchain_community.chat_message_histories import SQLChatMessageHistory"),
        ({"langchain-community": "0.3.20"}, b"langchain_core.chat_history import InMemoryChatMessageHistory"),
        ({"langchain": "0.0.300", "redis": "5.0"}, b"from langchain.memory import ConversationBufferMemory, RedisChatMessageHistory"),
        ({"langchain": "0.3.30", "redis": "5.0"}, b"langchain_core.chat_history import InMemoryChatMessageHistory"),
        ({}, b"langchain_core.chat_history import InMemoryChatMessageHistory"),
    ],
)  # fmt: skip
def test_history_goes_to_what_the_project_has(declared: dict[str, str], emitted: bytes) -> None:
    result = rewrite(RAW, Choice((NAME,)), declared)
    assert emitted in b"".join(patch.after for patch in result.patches)


def test_a_test_that_replaces_the_chain_by_its_name_is_seen_together_with_it() -> None:
    raw = {
        "main.py": b"from flask import Flask\nfrom langchain.chains import ConversationChain\n\nchain = ConversationChain(llm=llm)\n",
        "test_main.py": b'import main\n\n\ndef test_ask(monkeypatch, fake):\n    monkeypatch.setattr(main, "chain", fake)\n',
    }
    assert [[source.path for source in unit] for unit in survey(raw, [codemods()[NAME]]).units] == [["main.py", "test_main.py"]]
