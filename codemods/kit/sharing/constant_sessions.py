"""Runs of a chain with a history by session that all name one session: `{"configurable": {"session_id": "default"}}`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..cut import replace
from ..finding import Finding
from ..handlers import handlers, serves
from ..names import FunctionNode
from ..source import Source
from .keys import Key, keys
from .reach import enclosing, reached


def constant_sessions(source: Source) -> Iterator[Finding]:
    """A finding for each run whose session is a constant although requests begin it."""
    if not serves(source.project) or not any(b"RunnableWithMessageHistory" in other.utf8 for other in source.project):
        return
    for given in source.nodes(ast.Dict):
        value = _session(given)
        around = enclosing(source, given)
        if value is None or around is None or not reached(source, around):
            continue
        what = f"all requests lead the conversation {ast.unparse(value)}"
        key = _key(source, around, value)
        if key is None:
            yield source.refuse(value, "fixed-session", f"{what}; no key is in sight")
        else:
            help = "Requests that send no key get a conversation of their own, which lasts for that request." if key.may_be_new else ""
            yield source.fix(value, replace(source, value, key.written), f"{what}; each has its own now", help=help, imports=[(source.path, need) for need in key.needs])


def _session(given: ast.Dict) -> ast.Constant | None:
    """The constant session in `{"configurable": {"session_id": ...}}`."""
    for name, inner in zip(given.keys, given.values, strict=True):
        if isinstance(name, ast.Constant) and name.value == "configurable" and isinstance(inner, ast.Dict):
            for word, value in zip(inner.keys, inner.values, strict=True):
                if isinstance(word, ast.Constant) and word.value == "session_id" and isinstance(value, ast.Constant) and isinstance(value.value, str):
                    return value
    return None


def _key(source: Source, function: FunctionNode, value: ast.Constant) -> Key | None:
    """The first key of the function that is there before the run."""
    around = list(source.parents(value))
    for key in keys(source, function, handlers(source.project).get(function)):
        ready = all(source.stop(each) <= source.start(value) and source.parent(each) in around for each in key.after)
        if not key.borrow and source.function(value) is function and ready:
            return key
    return None
