"""Requests that bring no key and are sent away: `if not session_id: return jsonify(error="session_id is missing"), 400`."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable
from dataclasses import replace

from ..move import leaves
from ..names import FunctionNode
from ..source import Source, is_none
from .key import Key


def guarded(source: Source, function: FunctionNode, keys: Iterable[Key], nodes: Collection[ast.AST]) -> list[Key]:
    """The keys of a function, those that are surely there where all these nodes are run said to be so."""
    return [replace(key, optional=False) if key.optional and not key.borrow and nodes and _sent_away(source, function, key, nodes) else key for key in keys]


def _sent_away(source: Source, function: FunctionNode, key: Key, nodes: Collection[ast.AST]) -> bool:
    around = {node: [*source.parents(node)] for node in nodes}
    for block in source.nodes(ast.If):
        if source.function(block) is not function or block.orelse or not leaves(source, block.body[-1]):
            continue
        if not any(_is_missing(source, part, key.text) for part in _parts(block.test)):
            continue
        above = source.parent(block)
        if all(source.start(node) > source.stop(block) and above in around[node] and _same_branch(source, block, above, around[node]) for node in nodes):
            return True
    return False


def _same_branch(source: Source, block: ast.If, above: ast.AST | None, around: list[ast.AST]) -> bool:
    """Whether a node stands in the very list of statements that the block stands in, or under one of them."""
    below = [each for each in around if source.parent(each) is above]
    rows = [row for _, row in ast.iter_fields(above) if isinstance(row, list) and block in row] if above is not None else []
    return any(each in row for row in rows for each in below)


def _parts(test: ast.expr) -> Iterable[ast.expr]:
    """What is each enough for the block to be run."""
    return [part for each in test.values for part in _parts(each)] if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or) else [test]


def _is_missing(source: Source, test: ast.expr, text: str) -> bool:
    """`not key`, `key is None`, `not (key and question)`, `not all([key, question])`."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        asked = [test.operand]
        if isinstance(test.operand, ast.BoolOp) and isinstance(test.operand.op, ast.And):
            asked = test.operand.values
        elif isinstance(test.operand, ast.Call) and ast.unparse(test.operand.func) == "all" and test.operand.args and isinstance(test.operand.args[0], (ast.List, ast.Tuple)):
            asked = test.operand.args[0].elts
        return any(source.code(each) == text for each in asked)
    alone = isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], (ast.Is, ast.Eq)) and is_none(test.comparators[0])
    return alone and isinstance(test, ast.Compare) and source.code(test.left) == text
