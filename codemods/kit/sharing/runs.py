"""Giving one run of a chain or model a callback handler of its own."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

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
        return call if isinstance(call, ast.Call) and call.func is above else None
    return None


def with_handler(source: Source, call: ast.Call, handler: str) -> list[Edit]:
    """The run with one more handler, merged into what it is given already."""
    if spreads_keywords(call) or spreads_arguments(call):
        return uncuttable(source, UNCLEAR_CONFIG)
    attr = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if attr not in BY_CONFIG:
        given = keyword(call, "callbacks")
        if given is None:
            return add_keyword(source, call, "callbacks", f"[{handler}]")
        return _appended(source, given.value, handler)
    given = keyword(call, "config")
    config = given.value if given is not None else call.args[BY_CONFIG[attr]] if len(call.args) > BY_CONFIG[attr] else None
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
