"""Calls that were rewritten give up on a server that never answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
import requests
from loadproof.codemods.kit.rewrite import Choice, rewrite

CHOICE = Choice(("requests-timeout",), {"requests-timeout": {"connect": 1.0, "read": 0.2}})


@pytest.fixture(scope="module")
def silent() -> Iterator[str]:
    """A server that accepts, says nothing, and hangs up after a while: without a limit that is a ConnectionError."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Timer(3, connection.close).start()

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    listening.close()


FORMS = {
    "function": "def ask(url):\n    return requests.get(url)\n",
    "alias": "import requests as rq\ndef ask(url):\n    return rq.post(url, {'a': 1})\n",
    "request": "def ask(url):\n    return requests.request('GET', url)\n",
    "session": "s = requests.Session()\ndef ask(url):\n    return s.get(url)\n",
    "session.request": "s = requests.Session()\ndef ask(url):\n    return s.request('PUT', url, None, b'x')\n",
    "session.send": "def ask(url):\n    with requests.Session() as s:\n        return s.send(requests.Request('GET', url).prepare())\n",
    "attribute": "class Api:\n    def __init__(self):\n        self.s = requests.Session()\n    def ask(self, url):\n        return self.s.get(url)\ndef ask(url):\n    return Api().ask(url)\n",
    "subclass": "class Api(requests.Session):\n    pass\ndef ask(url):\n    return Api().get(url)\n",
    "subclass that hands on": "class Api(requests.Session):\n    def request(self, method, url, **kwargs):\n        return super().request(method, url, **kwargs)\ndef ask(url):\n    return Api().get(url)\n",
    "getattr": "def ask(url, verb='get'):\n    return getattr(requests, verb)(url)\n",
    "table": "VERBS = {'GET': requests.get}\ndef ask(url):\n    return VERBS['GET'](url)\n",
    "literal mapping": "def ask(url):\n    return requests.get(url, **{'headers': {}})\n",
    "local mapping": "def ask(url):\n    options = {'headers': {}}\n    return requests.get(url, **options)\n",
    "to_thread": "import asyncio\ndef ask(url):\n    return asyncio.run(asyncio.to_thread(requests.get, url))\n",
    "run_in_executor": "import asyncio\nasync def main(url):\n    return await asyncio.get_running_loop().run_in_executor(None, requests.get, url)\ndef ask(url):\n    return asyncio.run(main(url))\n",
    "partial": "from functools import partial\nfetch = partial(requests.get, headers={})\ndef ask(url):\n    return fetch(url)\n",
    "map": "def ask(url):\n    return list(map(requests.get, [url]))\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_gives_up(form: str, silent: str) -> None:
    code = f"import requests\n{FORMS[form]}".encode()
    result = rewrite({"main.py": code}, CHOICE)
    assert [each.status for each in result.findings] == ["fixable"]
    module: dict[str, object] = {}
    exec(compile(result.patches[0].after, "main.py", "exec"), module)
    ask = module["ask"]
    assert callable(ask)
    with pytest.raises(requests.exceptions.Timeout):
        ask(silent)


def test_tests_that_will_want_the_timeout_are_named() -> None:
    code = b"import requests\n\ndef ask(url):\n    return requests.get(url)\n"
    test = b"from unittest.mock import patch\nfrom main import ask\n\n@patch('requests.get')\ndef test_ask(get):\n    ask('u')\n    get.assert_called_once_with('u')\n"
    (finding,) = rewrite({"main.py": code, "test_main.py": test}, CHOICE).findings
    assert "test_main.py:7" in finding.finding.help
