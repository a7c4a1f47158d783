"""`None` stands for "not yet": it is no origin of its own."""

from __future__ import annotations

import ast

import pytest
from loadproof.codemods.kit.facts import source_of


@pytest.mark.parametrize(
    "code",
    [
        "from lib import Client\nclient = None\n\ndef start():\n    global client\n    client = Client()\n\ndef use():\n    client.get()\n",
        "from lib import Client\nclass Service:\n    def __init__(self):\n        self.client = None\n    def start(self):\n        self.client = Client()\n    def use(self):\n        self.client.get()\n",
        "from lib import Client\nfrom typing import Optional\nclient: Optional[Client] = None\n\ndef use():\n    client.get()\n",
    ],
    ids=["global", "attribute", "annotated"],
)
def test_none_is_left_out(code: str) -> None:
    source = source_of("main.py", code.encode())
    (call,) = [node for node in source.nodes(ast.Call) if isinstance(node.func, ast.Attribute)]
    assert source.made_by(call.func.value) == "lib.Client"


def test_nothing_but_none_is_unknown() -> None:
    source = source_of("main.py", b"client = None\nclient.get()\n")
    (call,) = source.nodes(ast.Call)
    assert [origin.kind for origin in source.origins(call.func.value)] == ["unknown"]
