"""Which files are seen together."""

from __future__ import annotations

import pytest
from loadproof.codemods import codemods
from loadproof.codemods.kit.glance import imported_names
from loadproof.codemods.kit.units import survey


def together(files: dict[str, str]) -> list[set[str]]:
    found = survey({path: text.encode() for path, text in files.items()}, codemods().values())
    assert not found.unreadable
    return [{source.path for source in unit} for unit in found.units if len(unit) > 1]


CLIENT = "from openai import OpenAI\nclient = OpenAI()\n"
HELPER = "import requests\ndef fetch(url):\n    return requests.get(url)\n"
ROUTE = "async def route():\n    return {}\n"


@pytest.mark.parametrize(
    ("importer", "line"),
    [
        ("app/main.py", "from app.clients import client"),
        ("app/main.py", "from .clients import client"),
        ("app/main.py", "from . import clients"),
        ("app/main.py", "import app.clients"),
        ("app/main.py", "from app import clients as c"),
        ("app/main.py", "from clients import client"),
        ("app/api/main.py", "from ..clients import client"),
    ],
)
def test_a_client_ties_its_importers(importer: str, line: str) -> None:
    use = {"from . import clients": "clients.client", "import app.clients": "app.clients.client", "from app import clients as c": "c.client"}.get(line, "client")
    files = {"app/clients.py": CLIENT, importer: f"{line}\nasync def route():\n    return {use}.models.list()\n"}
    assert together(files) == [{"app/clients.py", importer}]


def test_a_helper_that_blocks_ties_async_files_through_sync_ones() -> None:
    files = {
        "helper.py": HELPER,
        "service.py": "import helper\ndef answer(url):\n    return helper.fetch(url)\n",
        "main.py": "from service import answer\nasync def route():\n    return answer('u')\n",
        "script.py": "from service import answer\nprint(answer('u'))\n",
    }
    assert together(files) == [{"helper.py", "service.py", "main.py"}]


def test_files_with_nothing_to_share_stay_alone() -> None:
    files = {"a.py": HELPER, "b.py": "import a\nprint(a.__doc__)\n", "c.py": CLIENT, "d.py": "import os\nasync def f():\n    os.getcwd()\n"}
    assert together(files) == []


def test_a_re_export_is_followed() -> None:
    files = {
        "app/__init__.py": "from .clients import client\n",
        "app/clients.py": CLIENT,
        "main.py": "from app import client\nasync def route():\n    return client.models.list()\n",
    }
    assert together(files) == [{"app/__init__.py", "app/clients.py", "main.py"}]


def test_imports_are_read_off_the_text() -> None:
    text = b"from a import (  # why\n    b,\n    c as d,  # because\n)\nimport e.f as g, h\nfrom .i import j; x = 1\nfrom .. import k\n"
    assert list(imported_names("p/q/m.py", text)) == [("b", "a.b"), ("d", "a.c"), ("g", "e.f"), ("h", "h"), ("j", "p.q.i.j"), ("k", "p.k")]


def test_the_parts_of_a_graph_are_read_with_it() -> None:
    files = {
        "agent/graph.py": b"from langgraph.graph import StateGraph\nfrom .nodes import draft\nfrom .types import State\nb = StateGraph(State)\nb.add_node(draft)\n",
        "agent/nodes.py": b"from .helpers import shout\n\ndef draft(state):\n    return {'answer': shout(state)}\n",
        "agent/helpers.py": b"def shout(state):\n    return state['answer'].upper()\n",
        "agent/types/__init__.py": b"from .state import State\n",
        "agent/types/state.py": b"from typing import TypedDict\n\nclass State(TypedDict):\n    answer: str\n",
        "other.py": b"def nothing(): ...\n",
    }
    found = survey(files, [codemods()["attempt-counter"]])
    assert [sorted(source.path for source in unit) for unit in found.units] == [["agent/graph.py", "agent/nodes.py", "agent/types/__init__.py", "agent/types/state.py"]]


def test_a_helper_is_found_though_no_file_mentions_enough_by_itself() -> None:
    files = {"helper.py": "import time\ndef pause():\n    time.sleep(1)\n", "main.py": "from helper import pause\nasync def route():\n    pause()\n"}
    found = survey({path: text.encode() for path, text in files.items()}, [codemods()["offload-blocking"]])
    assert [[source.path for source in unit] for unit in found.units] == [["helper.py", "main.py"]]


def test_who_runs_a_graph_is_read_with_it() -> None:
    files = {
        "agent.py": "from langgraph.graph import StateGraph\nbuilder = StateGraph(dict)\ngraph = builder.compile()\ndef build():\n    return builder.compile()\n",
        "cli.py": "from agent import graph\ngraph.invoke({})\n",
        "flask_app.py": "from agent import build\ndef ask():\n    return build().invoke({})\n",
        "other.py": "import os\n",
    }
    assert together(files) == [{"agent.py", "cli.py", "flask_app.py"}]


def test_who_forks_or_starts_loops_is_read_with_the_client() -> None:
    """The server's configuration that preloads, and the file that makes processes or loops of what another exports."""
    files = {
        "clients.py": b"from openai import OpenAI\nclient = OpenAI()\n\ndef ask(text):\n    return client.responses.create(input=text)\n",
        "run.py": b"import multiprocessing\nfrom clients import ask\nmultiprocessing.Process(target=ask).start()\n",
        "gunicorn.conf.py": b"preload_app = True\n",
        "other.py": b"import os\nprint(os.sep)\n",
    }
    found = survey(files, [codemods()["fork-safe-client"]])
    assert [tuple(source.path for source in unit) for unit in found.units if len(unit) > 1] == [("clients.py", "gunicorn.conf.py", "run.py")]


def read(files: dict[str, str], *names: str) -> set[str]:
    found = survey({path: text.encode() for path, text in files.items()}, [codemods()[name] for name in names] if names else codemods().values())
    return {source.path for unit in found.units for source in unit}


def test_what_only_sync_code_uses_does_not_tie_an_async_file() -> None:
    files = {"helper.py": HELPER, "main.py": "from helper import fetch\nasync def route():\n    return {}\ndef script():\n    return fetch('u')\nfetch('v')\n"}
    assert together(files) == []


@pytest.mark.parametrize(
    "code",
    [
        "async def route():\n    return ask()\ndef ask():\n    return fetch('u')\n",
        "class A:\n    async def route(self):\n        return self.ask()\n    def ask(self):\n        return fetch('u')\n",
        "class A:\n    async def route(self):\n        return self.ask()\nclass B(A):\n    def ask(self):\n        return fetch('u')\n",
        "getter = fetch\nasync def route():\n    return getter('u')\n",
        "def build():\n    async def route():\n        return fetch('u')\n    return route\n",
        "if True:\n    async def route():\n        return fetch('u')\n",
    ],
)
def test_what_async_code_reaches_ties(code: str) -> None:
    assert together({"helper.py": HELPER, "main.py": f"from helper import fetch\n{code}"}) == [{"helper.py", "main.py"}]


def test_what_a_path_is_judged_by_is_tied_for_each_that_names_it() -> None:
    files = {
        "low.py": HELPER,
        "mid.py": "import low\ndef answer(url):\n    return low.fetch(url)\n",
        "a.py": "from low import fetch\nasync def a():\n    return fetch('u')\n",
        "b.py": "from mid import answer\nasync def b():\n    return answer('u')\n",
    }
    assert together(files) == [{"low.py", "mid.py", "a.py", "b.py"}]


def test_a_file_is_not_read_for_a_word_that_no_import_leads_to() -> None:
    files = {
        "main.py": "import os\nimport util, texts\nasync def route():\n    return util.name(), texts.shout('a')\n",
        "util.py": "from pathlib import Path\n\nNAME = Path('a')\n\ndef name():\n    return str(NAME)\n\ndef load():\n    return open('x').read()\n",
        "texts.py": "import time\n\ndef shout(text):\n    return text.upper()\n\ndef slow():\n    time.sleep(1)\n",
    }
    assert read(files, "offload-blocking") == set()
    files["main.py"] = files["main.py"].replace("texts.shout('a')", "texts.slow()")
    assert read(files, "offload-blocking") == {"main.py", "texts.py"}


def test_a_passed_file_is_read_for_what_lies_behind_it() -> None:
    files = {
        "main.py": "import service\nasync def route():\n    return service.answer()\n",
        "service/__init__.py": "from .answers import answer\n",
        "service/answers.py": "from .pauses import pause\nfrom .words import word\n\ndef answer():\n    pause()\n    return word()\n",
        "service/pauses.py": "import time\n\ndef pause():\n    time.sleep(1)\n",
        "service/words.py": "def word():\n    return 'a'\n",
    }
    assert read(files, "offload-blocking") == {"main.py", "service/__init__.py", "service/answers.py", "service/pauses.py"}


@pytest.mark.parametrize("key", ["session_id", "conversationId", "room_id"])
def test_a_class_that_tells_users_apart_is_read_with_who_keeps_conversations(key: str) -> None:
    files = {
        "models.py": f"from pydantic import BaseModel\nclass Ask(BaseModel):\n    {key}: str\n",
        "chains.py": "from langchain.chains import ConversationChain\nchain = ConversationChain(llm=None)\n",
        "main.py": "from chains import chain\nfrom models import Ask\ndef ask(given: Ask):\n    return chain.run(given)\n",
        "other.py": "from models import Ask\nprint(Ask, 'chain')\n",
    }
    assert together(files) == [{"models.py", "chains.py", "main.py"}]


def test_only_who_reaches_a_kept_client_is_read_with_who_forks() -> None:
    files = {
        "kept.py": "from openai import OpenAI\nclient = OpenAI()\n\ndef ask():\n    return client.models.list()\n",
        "made.py": "from openai import OpenAI\n\ndef ask():\n    return OpenAI().models.list()\n",
        "run.py": "import multiprocessing, kept, made\nmultiprocessing.Process(target=kept.ask).start()\nmultiprocessing.Process(target=made.ask).start()\n",
    }
    assert together(files) == [{"kept.py", "run.py"}]


def test_exceptions_of_a_library_are_no_shared_objects() -> None:
    files = {"errors.py": "import openai, redis\nERRORS = (redis.exceptions.ConnectionError, openai.APIError)\n", "main.py": "import requests\nfrom errors import ERRORS\nprint(ERRORS, requests)\n"}
    assert together(files) == []


@pytest.mark.parametrize("fill", ["parts['chain'] = build()\n", "def start():\n    parts['chain'] = build()\n"])
def test_a_mapping_that_is_given_a_conversation_ties_its_readers(fill: str) -> None:
    files = {
        "chains.py": "from langchain.chains import ConversationChain\ndef build():\n    return ConversationChain(llm=None)\n",
        "parts.py": f"from chains import build\nparts = {{}}\n{fill}",
        "main.py": "from parts import parts\ndef ask(text):\n    return parts['chain'].run(text)\n",
        "other.py": "import requests\nfrom names import names\nprint(names, requests, 'chain agent memory')\n",
        "names.py": "names = {}\nnames['requests'] = 1\n",
    }
    assert together(files) == [{"chains.py", "parts.py", "main.py"}]


def test_a_session_factory_is_seen_where_async_code_uses_it_or_a_function_that_does() -> None:
    db = "from sqlalchemy.orm import sessionmaker\nSessionLocal = sessionmaker()\n"
    titles = "from db import SessionLocal\ndef title():\n    return SessionLocal().query(1).first()\n"
    script = "from db import SessionLocal\nprint(SessionLocal().query(1).first())\n"
    assert together({"db.py": db, "main.py": "from db import SessionLocal\nasync def route():\n    return SessionLocal().query(1).first()\n"}) == [{"db.py", "main.py"}]
    main = "from titles import title\nasync def route():\n    return title()\n"
    assert together({"db.py": db, "titles.py": titles, "main.py": main, "script.py": script}) == [{"db.py", "titles.py", "main.py"}]


def test_items_may_be_set_on_a_name_that_a_star_import_brought() -> None:
    fill = 'from everything import *\nimport requests\nparts = {}\nparts["a"] = settings["b"] = requests.get("u", timeout=5)\n'
    assert together({"a.py": fill, "b.py": "import requests\nfrom a import parts\n"}) == []


def test_who_hands_a_handler_on_is_read_with_what_is_built() -> None:
    handler = "from langchain_core.callbacks import BaseCallbackHandler\nclass Counter(BaseCallbackHandler):\n    def on_llm_end(self, response, **kwargs):\n        self.last = response\n"
    models = "from langchain_openai import ChatOpenAI\nfrom handler import Counter\ncounter = Counter()\nmodel = ChatOpenAI(callbacks=[counter])\n"
    quiet = "from langchain_core.callbacks import CallbackManagerForToolRun\nfrom tool import Tool\n\ndef build(run_manager: CallbackManagerForToolRun):\n    return Tool()\n"
    tool = "from langchain_core.callbacks import CallbackManagerForToolRun\nfrom langchain_openai import ChatOpenAI\n\nclass Tool:\n    def __init__(self):\n        self.model = ChatOpenAI()\n"
    assert together({"handler.py": handler, "models.py": models, "quiet.py": quiet, "tool.py": tool}) == [{"handler.py", "models.py"}]


@pytest.mark.parametrize("between", ["from .core import *", "from .core import fetch"])
@pytest.mark.parametrize("line", ["from shop import *", "from shop import fetch"])
def test_what_a_star_import_brings_is_seen_together(between: str, line: str) -> None:
    files = {
        "shop/__init__.py": f"{between}\n",
        "shop/core.py": "import requests\n\ndef fetch(url):\n    return requests.get(url)\n",
        "web.py": f"import asyncio\n{line}\n\nasync def page(url):\n    return fetch(url)\n",
    }
    assert set(files) in together(files)


def test_a_list_of_messages_that_instances_hold_ties_who_serves_them() -> None:
    tutor = "from openai import OpenAI\nclient = OpenAI()\n\nclass Tutor:\n    %s\n    def ask(self, text):\n        self.history.append({'role': 'user', 'content': text})\n        return client.chat.completions.create(messages=self.history)\n"
    form = "from pydantic import BaseModel\nclass Ask(BaseModel):\n    session_id: str\n"
    main = "from form import Ask\nfrom tutor import Tutor\n\ndef ask(given: Ask):\n    return Tutor().ask(given)\n"
    for line in ("history: list = []", "def __init__(self):\n        self.history = []"):
        assert together({"tutor.py": tutor % line, "form.py": form, "main.py": main}) == [{"tutor.py", "form.py", "main.py"}]
    assert together({"tutor.py": tutor % "history = None", "form.py": form, "main.py": main}) == []


def test_what_runs_with_a_handler_of_the_module_is_read_with_who_asks_for_it() -> None:
    handler = "from langchain_core.callbacks import BaseCallbackHandler\nclass Counter(BaseCallbackHandler):\n    def on_llm_end(self, response, **kwargs):\n        self.last = response\n"
    model = "from langchain_openai import ChatOpenAI\nfrom handler import Counter\ncounter = Counter()\nmodel = ChatOpenAI(callbacks=[counter])\n\nasync def run(text):\n    return await model.ainvoke(text), counter.last\n"
    assert together({"handler.py": handler, "model.py": model, "main.py": "from model import run\n\nasync def route(text):\n    return await run(text)\n"}) == [{"handler.py", "model.py", "main.py"}]


def test_what_a_package_has_under_the_name_of_a_module_is_what_importers_mean() -> None:
    files = {
        "brain/__init__.py": "from .brain import brain\n",
        "brain/brain.py": "from langchain.chains import ConversationChain\nbrain = ConversationChain(llm=None)\n",
        "main.py": "from brain import brain\ndef ask(text):\n    return brain.run(text)\n",
    }
    assert together(files) == [set(files)]
    files["brain/__init__.py"] = "from . import brain\n"
    assert together(files | {"main.py": "from brain import brain\ndef ask(text):\n    return brain.brain.run(text)\n"}) == [{"brain/brain.py", "main.py"}]


def test_a_class_that_keeps_messages_is_read_with_its_heirs() -> None:
    base = "class Base:\n    def __init__(self):\n        self.said = []\n        self.history = []\n\n    def keep(self, text):\n        self.history.append({'role': 'user', 'content': text})\n"
    heir = "from openai import OpenAI\nfrom base import Base\nclient = OpenAI()\n\nclass Heir(Base):\n    def ask(self, text):\n        self.keep(text)\n        return client.chat.completions.create(messages=self.history)\n"
    main = "from heir import Heir\nheir = Heir()\n\ndef ask(text):\n    return heir.ask(text)\n"
    assert together({"base.py": base, "heir.py": heir, "main.py": main}) == [{"base.py", "heir.py", "main.py"}]
