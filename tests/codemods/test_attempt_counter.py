"""Rewritten graphs, run by LangGraph itself: three tries, the graph's own exit, and a budget for each turn."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langgraph.errors import GraphRecursionError
from loadproof.codemods.kit.rewrite import Choice, rewrite

HEAD = """
import operator
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Annotated, Literal, TypedDict
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from pydantic import BaseModel

class State(TypedDict):
    question: str
    answer: str

def work():
    runs.append(len(runs) + 1)
    return "good" if len(runs) >= good_at else f"bad {len(runs)}"

def draft(state: State):
    return {"answer": work()}

builder = StateGraph(State)
"""

TAIL = """
builder.add_node("draft", draft)
builder.add_edge(START, "draft")
"""

FORMS = {
    "truth": "def retry(s):\n    return 'bad' in s['answer']\n" + TAIL + "builder.add_conditional_edges('draft', retry, {True: 'draft', False: END})\ngraph = builder.compile()\n",
    "opposite truth": "def good(s: State) -> bool:\n    return s['answer'] == 'good' or s['answer'] == ''\n"
    + TAIL
    + "builder.add_conditional_edges('draft', good, {False: 'draft', True: END})\ngraph = builder.compile()\n",
    "labels": "def route(s: State):\n    if s['answer'] == 'good':\n        return 'done'\n    return 'again'\n"
    + TAIL
    + "builder.add_conditional_edges('draft', route, {'again': 'draft', 'done': END})\ngraph = builder.compile()\n",
    "no mapping": "def route(s):\n    return END if s['answer'] == 'good' else 'draft'\n" + TAIL + "builder.add_conditional_edges('draft', route)\ngraph = builder.compile()\n",
    "no exit in writing": "def route(s):\n    if s['answer'] != 'good':\n        return 'draft'\n    return 'finish'\ndef finish(s):\n    return {'question': 'done'}\nbuilder.add_node('finish', finish)\n"
    + TAIL
    + "builder.add_conditional_edges('draft', route)\ngraph = builder.compile()\n",
    "literal": "def route(s) -> Literal['draft', '__end__']:\n    if s['answer'] == 'good':\n        return '__end__'\n    return 'draft'\n"
    + TAIL
    + "builder.add_conditional_edges('draft', route)\ngraph = builder.compile()\n",
    "lambda": TAIL + "builder.add_conditional_edges('draft', lambda s: 'draft' if s['answer'] != 'good' else END, ['draft', END])\ngraph = builder.compile()\n",
    "list": "def route(s):\n    if s['answer'] == 'good':\n        return [END]\n    return ['draft']\n" + TAIL + "builder.add_conditional_edges('draft', route, ['draft', END])\ngraph = builder.compile()\n",
    "key": "def judge(s: State):\n    return {'question': 'retry' if s['answer'] != 'good' else 'ok'}\nbuilder.add_node('judge', judge)\nbuilder.add_edge('draft', 'judge')\n"
    + TAIL
    + "builder.add_conditional_edges('judge', lambda s: s['question'], {'retry': 'draft', 'ok': END})\ngraph = builder.compile()\n",
    "local name": "def route(s):\n    where = 'draft'\n    if s['answer'] == 'good':\n        where = END\n    return where\n" + TAIL + "builder.add_conditional_edges('draft', route)\ngraph = builder.compile()\n",
    "async": "async def adraft(s):\n    return {'answer': work()}\nasync def retry(s):\n    return s['answer'] != 'good'\nbuilder.add_node('adraft', adraft)\nbuilder.set_entry_point('adraft')\n"
    "builder.add_conditional_edges('adraft', retry, {True: 'adraft', False: END})\ngraph = builder.compile()\n",
    "two nodes": "def grade(s: State):\n    result = {'question': s['answer']}\n    return result\ndef route(s: State):\n    return 'rewrite' if s['question'] != 'good' else 'finish'\n"
    "def finish(s: State):\n    return {'question': 'done'}\nbuilder.add_node('grade', grade)\nbuilder.add_node('finish', finish)\nbuilder.add_edge('draft', 'grade')\n"
    + TAIL
    + "builder.add_conditional_edges('grade', route, {'rewrite': 'draft', 'finish': 'finish'})\ngraph = builder.compile()\n",
    "spread": "def all_of_it(s: State):\n    return {**s, 'answer': work()}\ndef retry(s):\n    return s['answer'] != 'good'\nbuilder.add_node('draft', all_of_it)\nbuilder.add_edge(START, 'draft')\n"
    "builder.add_conditional_edges('draft', retry, {True: 'draft', False: END})\ngraph = builder.compile()\n",
    "in place": "def mutate(s: State):\n    s['answer'] = work()\n    return s\ndef retry(s):\n    return s['answer'] != 'good'\nbuilder.add_node('draft', mutate)\nbuilder.add_edge(START, 'draft')\n"
    "builder.add_conditional_edges('draft', retry, {True: 'draft', False: END})\ngraph = builder.compile()\n",
    "several returns": "def many(s: State):\n    if not s['question']:\n        return\n    try:\n        return {\n            'answer': work(),  # the newest\n        }\n    finally:\n        print()\n"
    "def retry(s):\n    return s['answer'] != 'good'\nbuilder.add_node('draft', many)\nbuilder.add_edge(START, 'draft')\n"
    "builder.add_conditional_edges('draft', retry, {True: 'draft', False: END})\ngraph = builder.compile()\n",
    "partial": "def bound(s, suffix):\n    return {'answer': work() + suffix}\nbuilder.add_node('draft', partial(bound, suffix=''))\nbuilder.add_edge(START, 'draft')\n"
    "builder.add_conditional_edges('draft', lambda s: s['answer'] != 'good', {True: 'draft', False: END})\ngraph = builder.compile()\n",
    "method": "class Drafts:\n    def draft(self, s: State):\n        return {'answer': work()}\n    def retry(self, s: State):\n        return s['answer'] != 'good'\n"
    "    def build(self):\n        b = StateGraph(State)\n        b.add_node('draft', self.draft)\n        b.add_edge(START, 'draft')\n"
    "        b.add_conditional_edges('draft', self.retry, {True: 'draft', False: END})\n        return b.compile()\ngraph = Drafts().build()\n",
    "callable": "class Draft:\n    def __call__(self, s: State):\n        return {'answer': work()}\nbuilder.add_node('draft', Draft())\nbuilder.add_edge(START, 'draft')\n"
    "builder.add_conditional_edges('draft', lambda s: s['answer'] != 'good', {True: 'draft', False: END})\ngraph = builder.compile()\n",
    "pydantic": "class Model(BaseModel):\n    question: str\n    answer: str = ''\ndef pdraft(s: Model):\n    return {'answer': work()}\ndef retry(s: Model):\n    return s.answer != 'good'\n"
    "b = StateGraph(Model)\nb.add_node('draft', pdraft)\nb.add_edge(START, 'draft')\nb.add_conditional_edges('draft', retry, {True: 'draft', False: END})\ngraph = b.compile()\n",
    "pydantic instance": "class Model(BaseModel):\n    question: str\n    answer: str = ''\ndef pdraft(s: Model):\n    return Model(question=s.question, answer=work())\ndef retry(s: Model):\n    return s.answer != 'good'\n"
    "b = StateGraph(Model)\nb.add_node('draft', pdraft)\nb.add_edge(START, 'draft')\nb.add_conditional_edges('draft', retry, {True: 'draft', False: END})\ngraph = b.compile()\n",
    "dataclass": "@dataclass\nclass Data:\n    question: str\n    answer: str = ''\ndef ddraft(s: Data):\n    return {'answer': work()}\ndef retry(s: Data):\n    return s.answer != 'good'\n"
    "b = StateGraph(Data)\nb.add_node('draft', ddraft)\nb.add_edge(START, 'draft')\nb.add_conditional_edges('draft', retry, {True: 'draft', False: END})\ngraph = b.compile()\n",
    "library's state": "def answer(s: MessagesState):\n    return {'messages': [('ai', work())]}\ndef retry(s: MessagesState):\n    return s['messages'][-1].content != 'good'\n"
    "b = StateGraph(MessagesState)\nb.add_node('answer', answer)\nb.add_edge(START, 'answer')\nb.add_conditional_edges('answer', retry, {True: 'answer', False: END})\ngraph = b.compile()\n",
    "exit for failures": "def route(s: State):\n    if s['answer'] == 'good':\n        return 'publish'\n    return 'retry' if s['question'] else 'failed'\ndef publish(s):\n    return {}\ndef failed(s):\n    return {'question': 'failed'}\n"
    "builder.add_node('publish', publish)\nbuilder.add_node('failed', failed)\n"
    + TAIL
    + "builder.add_conditional_edges('draft', route, {'retry': 'draft', 'publish': 'publish', 'failed': 'failed'})\ngraph = builder.compile()\n",
}


def test_a_router_that_looks_at_a_counter_gets_one() -> None:
    code = HEAD + TAIL + "builder.add_conditional_edges('draft', lambda s: s['attempts'] < 3, {True: 'draft', False: END})\ngraph = builder.compile()\n"
    with pytest.raises(KeyError):
        Program(code).run(99)
    assert Program(rewritten(code)).run(99)[0] == 3


class Program:
    """A graph's program, with what its nodes count."""

    def __init__(self, code: str | bytes) -> None:
        self.names: dict[str, Any] = {"runs": [], "good_at": 99}
        exec(compile(code, "main.py", "exec"), self.names)

    def run(self, good_at: int, thread: str = "", **more: Any) -> tuple[int, dict[str, Any]]:
        """How often the node ran, and what came out, without any counter."""
        self.names.update(good_at=good_at)
        self.names["runs"].clear()
        given = {"question": "why?", "answer": "", "messages": [], **more}
        config: dict[str, Any] = {"recursion_limit": 12, "configurable": {"thread_id": thread}}
        result = asyncio.run(self.names["graph"].ainvoke(given, config))
        out = {key: value for key, value in result.items() if "attempts" not in key}
        if "messages" in out:
            out["messages"] = [message.content for message in out["messages"]]
        return len(self.names["runs"]), out


def rewritten(code: str) -> bytes:
    result = rewrite({"main.py": code.encode()}, Choice(("attempt-counter",)))
    assert [each.status for each in result.findings] == ["fixable"], [(each.reason, each.finding.message) for each in result.findings]
    return result.patches[0].after


@pytest.mark.parametrize("form", FORMS)
def test_gives_up_after_three_tries_and_changes_nothing_before(form: str) -> None:
    before, after = Program(HEAD + FORMS[form]), Program(rewritten(HEAD + FORMS[form]))
    for good_at in (1, 2, 3):
        assert after.run(good_at) == before.run(good_at)
        assert len(after.names["runs"]) == good_at
    with pytest.raises(GraphRecursionError):
        before.run(99)
    runs, result = after.run(99)
    assert runs == 3
    last = result["answer"] if "answer" in result and "messages" not in result else result["messages"][-1]
    assert last == "bad 3"
    assert after.run(99) == (runs, result), "each run has a budget of its own"
    if form == "exit for failures":
        assert result["question"] == "failed"
    if form == "no exit in writing":
        assert result["question"] == "done"


THREADS = {
    "entry": "def prepare(s: State):\n    return {'answer': ''}\nbuilder.add_node('prepare', prepare)\nbuilder.add_node('draft', draft)\nbuilder.add_edge(START, 'prepare')\nbuilder.add_edge('prepare', 'draft')\n"
    "builder.add_conditional_edges('draft', lambda s: s['answer'] != 'good', {True: 'draft', False: END})\ngraph = builder.compile(checkpointer=InMemorySaver())\n",
    "part of a graph": "def prepare(s: State):\n    return {'answer': ''}\nbuilder.add_node('prepare', prepare)\nbuilder.add_node('draft', draft)\nbuilder.add_edge(START, 'prepare')\nbuilder.add_edge('prepare', 'draft')\n"
    "builder.add_conditional_edges('draft', lambda s: s['answer'] != 'good', {True: 'draft', False: END})\ninner = builder.compile()\n"
    "outer = StateGraph(State)\nouter.add_node('inner', inner)\nouter.add_edge(START, 'inner')\nouter.add_edge('inner', END)\ngraph = outer.compile(checkpointer=InMemorySaver())\n",
}


@pytest.mark.parametrize("form", THREADS)
def test_each_turn_of_a_thread_has_its_own_budget(form: str) -> None:
    after = Program(rewritten(HEAD + THREADS[form]))
    for _ in range(3):
        assert after.run(99, thread="one") == (3, {"question": "why?", "answer": "bad 3"})
    assert after.run(2, thread="one") == (2, {"question": "why?", "answer": "good"})
    assert after.run(99, thread="two")[0] == 3


def test_each_turn_of_a_thread_has_its_own_budget_through_its_input() -> None:
    code = (
        HEAD
        + TAIL
        + "builder.add_conditional_edges('draft', lambda s: s['answer'] != 'good', {True: 'draft', False: END})\n"
        + "graph = builder.compile(checkpointer=InMemorySaver())\n"
        + "def ask(question, thread):\n    return graph.invoke({'question': question}, {'configurable': {'thread_id': thread}, 'recursion_limit': 12})\n"
    )
    after = Program(rewritten(code))
    for _ in range(3):
        after.names["runs"].clear()
        assert after.names["ask"]("why?", "one")["answer"] == "bad 3"
        assert len(after.names["runs"]) == 3
