"""Routers that stop sending back: their decisions, bound by a condition."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ..cut import replace, wrap
from ..finding import Edit, Import
from ..imports import spell
from ..libraries.langgraph_actions import COMMANDS, END, Action, constant, decisions
from ..names import FunctionNode
from ..source import Source, keyword, spreads_keywords
from .counting import Unclear
from .tries import Loop

GIVES_UP = re.compile(r"fail|error|fallback|give_?up|giveup|escalat|abort|stop|max|handoff|apolog|human", re.IGNORECASE)


def way_out(loop: Loop) -> object:
    """The label of the exit that a router takes when it gives up; END itself where no label leads out and none is needed."""
    labels = list(loop.leave)
    if not labels:
        if loop.router.mapped or loop.by_goto or loop.router.action is None or _is_literal(loop.router.action):
            raise Unclear("no-exit", "every way of the router leads back")
        return END
    ends = {loop.leave[label] for label in labels}
    if len(ends) == 1:
        return labels[0]
    giving_up = [label for label in labels if GIVES_UP.search(f"{label} {loop.leave[label]}")]
    ending = [label for label in labels if loop.leave[label] == END]
    for found in (giving_up, ending):
        if len(found) == 1:
            return found[0]
    raise Unclear("several-exits", f"the router has several exits ({', '.join(sorted(ends))}), and none of them says that it is the one for giving up")


def _is_literal(action: Action) -> bool:
    returns = action.node.returns if isinstance(action.node, FunctionNode) else None
    return isinstance(returns, ast.Subscript) and action.source.qualified(returns.value).rpartition(".")[2] == "Literal"


def capped(loop: Loop, leave: object, under: str, over: str) -> tuple[list[Edit], tuple[Import, ...]]:
    """The router, sending back only while `under` holds (`over` says the opposite). Raises Unclear."""
    action = loop.router.action
    assert action is not None
    if isinstance(leave, bool):
        return _truths(loop, action, leave, under, over), ()
    source = action.source
    exit_text, needs = _spelled(loop, action, leave)
    edits: list[Edit] = []
    several = len(set(loop.leave.values())) > 1
    for _, part in decisions(action):
        label = constant(source, part)
        if label is None:
            if isinstance(part, ast.Constant) and part.value is None:
                continue
            if several:
                raise Unclear("several-exits", "the router's answer is computed, and it has several exits")
            edits += wrap(source, part, *_around(source, part, f"{exit_text} if {over} else "))
        elif label in loop.back:
            edits += _bound(loop, source, part, exit_text, under, over)
    if not edits:
        raise Unclear("unclear-router", "the decision that leads back can't be found in the router")
    return edits, needs


def held_back(loop: Loop, leave: object, under: str, over: str) -> tuple[list[Edit], tuple[Import, ...]]:
    """The same for a node that says with Command where to go. Raises Unclear."""
    action = loop.router.action
    assert action is not None
    source = action.source
    exit_text, needs = _spelled(loop, action, leave)
    edits: list[Edit] = []
    for call in source.calls(COMMANDS):
        if source.function(call) is not action.node:
            continue
        goto = keyword(call, "goto")
        if spreads_keywords(call) or call.args or keyword(call, "graph") is not None:
            raise Unclear("command", "where its Command goes can't be read")
        for part in [goto.value, *_sides(goto.value)] if goto is not None else ():
            if isinstance(part, ast.IfExp):
                continue
            label = constant(source, part)
            if not isinstance(label, str):
                raise Unclear("command", "where its Command goes is computed")
            if label in loop.back:
                edits += _bound(loop, source, part, exit_text, under, over)
    if not edits:
        raise Unclear("command", "the Command that sends back can't be found")
    return edits, needs


def _sides(node: ast.expr) -> Iterator[ast.expr]:
    for side in (node.body, node.orelse) if isinstance(node, ast.IfExp) else ():
        yield side
        yield from _sides(side)


def _bound(loop: Loop, source: Source, part: ast.expr, exit_text: str, under: str, over: str) -> list[Edit]:
    """One decision that leads back."""
    above = source.parent(part)
    if isinstance(above, ast.IfExp) and part is not above.test:
        other = above.orelse if part is above.body else above.body
        if source.code(other) == exit_text:
            return _and(source, above.test, under) if part is above.body else _or(source, above.test, over)
        return wrap(source, part, "(", f" if {under} else {exit_text})")
    return wrap(source, part, *_around(source, part, "", f" if {under} else {exit_text}"))


def _around(source: Source, part: ast.expr, before: str, after: str = "") -> tuple[str, str]:
    above = source.parent(part)
    inner = isinstance(above, (ast.IfExp, ast.BoolOp, ast.BinOp, ast.Compare))
    return (f"({before}", f"{after})") if inner else (before, after)


def _truths(loop: Loop, action: Action, leave: bool, under: str, over: str) -> list[Edit]:
    """A router that answers True or False."""
    source = action.source
    if set(loop.back) - {True, False} or loop.router.labels.keys() - {True, False}:
        raise Unclear("unclear-router", "the router answers with truth values and others")
    edits: list[Edit] = []
    for value in _whole(action):
        known = constant(source, value)
        if known is leave:
            continue
        if isinstance(known, bool):
            edits += replace(source, value, over if leave else under)
        elif leave:
            edits += _or(source, value, over)
        else:
            edits += _and(source, value, under)
    if not edits:
        raise Unclear("unclear-router", "the decision that leads back can't be found in the router")
    return edits


def _whole(action: Action) -> Iterator[ast.expr]:
    if isinstance(action.node, ast.Lambda):
        yield action.node.body
        return
    for node in action.source.nodes(ast.Return):
        if node.value is not None and action.source.function(node) is action.node:
            yield node.value


def _and(source: Source, test: ast.expr, condition: str) -> list[Edit]:
    loose = isinstance(test, (ast.IfExp, ast.Lambda, ast.NamedExpr)) or (isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or))
    return wrap(source, test, "(" if loose else "", f"{')' if loose else ''} and {condition}")


def _or(source: Source, test: ast.expr, condition: str) -> list[Edit]:
    loose = isinstance(test, (ast.IfExp, ast.Lambda, ast.NamedExpr))
    return wrap(source, test, "(" if loose else "", f"{')' if loose else ''} or {condition}")


def _spelled(loop: Loop, action: Action, leave: object) -> tuple[str, tuple[Import, ...]]:
    """The label of the exit, as the router's file writes it."""
    source = action.source
    for _, part in decisions(action):
        if constant(source, part) == leave:
            return source.code(part), ()
    if leave == END:
        return spell(source, "langgraph.graph", "END", near=action.node.body[0] if isinstance(action.node, FunctionNode) else action.node)
    if isinstance(leave, str):
        return f'"{leave}"', ()
    return repr(leave), ()
