"""Giving one run of a chain or model a callback handler of its own."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from ..callers import RUNNER_METHODS, RUNNERS
from ..cut import add_keyword, replace, reshaped, uncuttable
from ..finding import Edit
from ..libraries.callbacks import BY_CALLBACKS, BY_CONFIG
from ..source import Source, keyword, spreads_arguments, spreads_keywords

if TYPE_CHECKING:
    import libcst as cst

UNCLEAR_CONFIG = "config-made-elsewhere"


def run_of(source: Source, receiver: ast.expr) -> ast.Call | None:
    """The call that runs an object: `chain.ainvoke(...)`, or the object called."""
    above = source.parent(receiver)
    if isinstance(above, ast.Call) and above.func is receiver:
        return above
    if isinstance(above, ast.Attribute) and above.value is receiver and (above.attr in BY_CONFIG or above.attr in BY_CALLBACKS):
        call = source.parent(above)
        return call if isinstance(call, ast.Call) and (call.func is above or _runner(source, call) is above) else _thread(source, above)
    return None


def _runner(source: Source, call: ast.Call) -> ast.Attribute | None:
    """The run that a call does elsewhere, with the keywords that it is given: `asyncio.to_thread(chain.invoke, text)`."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    place = RUNNERS.get(source.qualified(call.func)) or RUNNER_METHODS.get(name)
    run = call.args[place[0]] if place is not None and place[1] and len(call.args) > place[0] else None
    return run if isinstance(run, ast.Attribute) and (run.attr in BY_CONFIG or run.attr in BY_CALLBACKS) else None


def _thread(source: Source, run: ast.Attribute) -> ast.Call | None:
    """`Thread(target=chain.invoke, args=(text,))`."""
    given = source.parent(run)
    call = source.parent(given) if isinstance(given, ast.keyword) and given.arg == "target" else None
    return call if isinstance(call, ast.Call) and source.qualified(call.func) == "threading.Thread" and keyword(call, "kwargs") is None else None


def with_handler(source: Source, call: ast.Call, handler: str) -> list[Edit]:
    """The run with one more handler, merged into what it is given already."""
    if spreads_keywords(call) or spreads_arguments(call):
        return uncuttable(source, UNCLEAR_CONFIG)
    attr = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    target = keyword(call, "target")
    if target is not None and isinstance(target.value, ast.Attribute) and source.qualified(call.func) == "threading.Thread":
        more = f'{{"config": {{"callbacks": [{handler}]}}}}' if target.value.attr in BY_CONFIG else f'{{"callbacks": [{handler}]}}'
        return add_keyword(source, call, "kwargs", more)
    place = BY_CONFIG.get(attr, 1)
    if (run := _runner(source, call)) is not None:
        attr, place = run.attr, call.args.index(run) + 1 + BY_CONFIG.get(run.attr, 1)
    if attr not in BY_CONFIG:
        given = keyword(call, "callbacks")
        if given is None:
            return add_keyword(source, call, "callbacks", f"[{handler}]")
        return _appended(source, given.value, handler)
    given = keyword(call, "config")
    config = given.value if given is not None else call.args[place] if len(call.args) > place else None
    if config is None:
        return add_keyword(source, call, "config", f'{{"callbacks": [{handler}]}}')
    if not isinstance(config, ast.Dict) or any(key is None for key in config.keys):
        return uncuttable(source, UNCLEAR_CONFIG)
    for key, value in zip(config.keys, config.values, strict=True):
        if isinstance(key, ast.Constant) and key.value == "callbacks":
            return _appended(source, value, handler)
    last = config.values[-1] if config.values else None
    if last is None:
        return replace(source, config, f'{{"callbacks": [{handler}]}}')
    return [source.edit(source.stop(last), source.stop(last), f', "callbacks": [{handler}]')]


def _appended(source: Source, given: ast.expr, handler: str) -> list[Edit]:
    if not isinstance(given, ast.List):
        return uncuttable(source, UNCLEAR_CONFIG)
    if not given.elts:
        return replace(source, given, f"[{handler}]")
    last = given.elts[-1]
    return [source.edit(source.stop(last), source.stop(last), f", {handler}")]


def without_handler(source: Source, call: ast.Call, use: ast.expr) -> list[Edit]:
    """A constructor without this element of its `callbacks=[...]`; the keyword goes when nothing is left in it."""
    given = keyword(call, "callbacks")
    assert given is not None and isinstance(given.value, ast.List)
    if len(given.value.elts) > 1:
        place = given.value.elts.index(use)
        elts = given.value.elts
        if place + 1 < len(elts):
            return [source.edit(source.start(use), source.start(elts[place + 1]), "")]
        return [source.edit(source.stop(elts[place - 1]), source.stop(use), "")]

    def change(tree: cst.BaseExpression) -> cst.BaseExpression:
        import libcst as cst

        assert isinstance(tree, cst.Call)
        kept = [arg for arg in tree.args if arg.keyword is None or arg.keyword.value != "callbacks"]
        if kept and tree.args[-1] not in kept:  # the last one went: its end is the new last one's
            gone = tree.args[-1]
            kept[-1] = kept[-1].with_changes(comma=gone.comma, whitespace_after_arg=gone.whitespace_after_arg)
        return tree.with_changes(args=kept, whitespace_before_args=tree.whitespace_before_args if kept else cst.SimpleWhitespace(""))

    return reshaped(source, call, change)
