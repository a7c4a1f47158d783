"""Whose blocking stops others: who shares the event loop, told from who runs the coroutine."""

from __future__ import annotations

import ast

import pytest
from loadproof.codemods.kit.alone import shares_loop
from loadproof.codemods.kit.facts import source_of
from loadproof.codemods.kit.project import Project
from loadproof.codemods.kit.source import Source

WORK = "async def work():\n    pass\n"
SHARED = {
    "nobody is seen to run it": WORK,
    "a decorator hands it to a framework": "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\n" + WORK,
    "it is handed on as a value": WORK + "graph.add_node(work)\n",
    "a task runs beside it": "import asyncio\n" + WORK + "async def main():\n    await asyncio.gather(work(), work())\nasyncio.run(main())\n",
    "the main that awaits it starts tasks": "import asyncio\n" + WORK + "async def main():\n    asyncio.create_task(tick())\n    await work()\nasyncio.run(main())\n",
    "the main that awaits it serves": "import asyncio\nimport uvicorn\n" + WORK + "async def main():\n    await work()\nasyncio.run(main())\n",
}
ALONE = {
    "it is run": "import asyncio\n" + WORK + "asyncio.run(work())\n",
    "it is run by a main": "import asyncio\n" + WORK + "async def main():\n    await work()\nif __name__ == '__main__':\n    asyncio.run(main())\n",
    "an old loop runs it": "import asyncio\n" + WORK + "asyncio.get_event_loop().run_until_complete(work())\n",
    "anyio runs it": "import anyio\n" + WORK + "anyio.run(work)\n",
    "each request of a sync route runs it": "import asyncio\nfrom fastapi import FastAPI\napp = FastAPI()\n" + WORK + "@app.get('/')\ndef route():\n    return asyncio.run(work())\n",
    "flask gives each request a loop": "from flask import Flask\napp = Flask('a')\n@app.route('/')\n" + WORK,
    "it awaits itself": "import asyncio\n" + WORK.replace("pass", "await work()") + "asyncio.run(work())\n",
}


def answer(code: str, **others: str) -> bool:
    source = source_of("main.py", code.encode())
    project = Project()
    for member in [source, *(source_of(f"{name}.py", text.encode()) for name, text in others.items())]:
        member.project = project
        project.sources[member.path] = member
    return shares_loop(source, work_of(source))


def work_of(source: Source) -> ast.AsyncFunctionDef:
    return next(node for node in source.nodes(ast.AsyncFunctionDef) if node.name == "work")


@pytest.mark.parametrize("why", SHARED)
def test_shared(why: str) -> None:
    assert answer(SHARED[why])


@pytest.mark.parametrize("why", ALONE)
def test_alone(why: str) -> None:
    assert not answer(ALONE[why])


def test_a_method_is_run_by_name() -> None:
    code = "import asyncio\nclass Bot:\n    async def work(self):\n        pass\nasync def main():\n    await Bot().work()\nasyncio.run(main())\n"
    assert not answer(code)
    assert answer(code.replace("await Bot().work()", "await asyncio.gather(Bot().work())"))


def test_other_files_run_it_too() -> None:
    served = "from fastapi import FastAPI\nfrom main import work\napp = FastAPI()\n@app.get('/')\nasync def route():\n    await work()\n"
    script = "import asyncio\nimport main\nasync def go():\n    await main.work()\nasyncio.run(go())\n"
    assert answer(WORK, api=served)
    assert not answer(WORK, run=script)
    assert answer(WORK, api=served, run=script)
