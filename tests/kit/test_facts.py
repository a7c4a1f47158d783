"""Which files are seen together."""

from __future__ import annotations

import pytest
from loadproof.codemods import codemods
from loadproof.codemods.kit.facts import imported_paths
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
    assert list(imported_paths("p/q/m.py", text))[:6] == ["a.b", "a.c", "e.f", "h", "p.q.i.j", "p.k"]


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
