"""Where a request begins the conversation anew, under `global`: `chain = ConversationChain(llm=llm)`, once more as it was built. Where each session has its own it is cleared."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..cut import replace
from ..finding import Edit
from ..libraries.memory import is_chain, last_name, of_langchain
from ..move import movable, taken_out
from ..names import FunctionNode
from ..source import Source, has_keyword
from .declared import undeclared
from .reach import Use, imports_of, reached, uses_of
from .shared import Cell, Group, value_of

MEMORIES = ("history", "list", "whole", "store")


def renewed(group: Group) -> tuple[list[Use], list[Edit], list[ast.stmt]] | None:
    """The names that such functions assign to, and the edits that clear instead, and the statements that go for it; None where there are none, or one of them does it in another way."""
    source = group.source
    if group.owner is not None or group.me or group.scope is not source.names.module or group.foreign or len(group.cells) != 1:
        return None
    found: dict[FunctionNode, dict[str, ast.Assign]] = {}
    for slot, statement in group.slots.items():
        if any(len(its.scope.bindings[its.name]) > 1 for _, its in imports_of(source, slot)):
            return None
        for binding in group.scope.bindings[slot]:
            if binding.node is statement:
                continue
            function = source.function(binding.node)
            again = binding.node
            if function is None or binding.within is group.scope or not isinstance(again, ast.Assign) or slot in found.get(function, ()) or not _same(group, again, statement) or not reached(source, function):
                return None
            found.setdefault(function, {})[slot] = again
    cell = group.cells[0]
    read = {use.slot for use in uses_of(source, group.scope, group.slots, [*group.statements, *(each for slots in found.values() for each in slots.values())])}
    begins = {slot for slot, statement in group.slots.items() if any(node is cell.call for node in ast.walk(statement))}
    if not found or not all(read | begins <= slots.keys() for slots in found.values()):
        return None
    cleared = next(_clearing(group, cell, read), None)
    if cleared is None:
        return None
    uses, edits = [], undeclared(source, group.scope, group.slots)
    for slots in found.values():
        for slot, statement in slots.items():
            if not movable(source, statement):
                return None
            if slot == cleared[0]:
                uses.append(Use(source, statement.targets[0], slot, clears=True))
                edits += replace(source, statement, cleared[1])
            else:
                edits.append(taken_out(source, statement))
    return uses, edits, [each for slots in found.values() for each in slots.values()]


def built_again(group: Group, source: Source, target: ast.AST, slot: str) -> bool:
    """Whether a request sets what is kept to what was kept there at first, made of the same things of the module."""
    again, made = source.parent(target), value_of(group.slots[slot])
    if not isinstance(again, ast.Assign) or again.targets != [target] or made is None or source is not group.source or ast.dump(again.value) != ast.dump(made):
        return False
    function = source.function(again)
    names = [node for value in (again.value, made) for node in ast.walk(value) if isinstance(node, ast.Name)]
    return (
        function is not None
        and len(group.statements) == len(group.cells) == 1
        and bool(clearing(source, made, group.cells[0]))
        and bool(reached(source, function))
        and all(source.scope(name).home(name.id) in (source.names.module, None) for name in names)
    )


def _same(group: Group, again: ast.Assign, statement: ast.stmt) -> bool:
    """Whether an assignment makes what the module made at first, of the same things."""
    made = value_of(statement)
    if made is None or len(again.targets) != 1 or not isinstance(again.targets[0], ast.Name) or ast.dump(again.value) != ast.dump(made):
        return False
    names = [node for node in ast.walk(again.value) if isinstance(node, ast.Name)]
    return all(group.source.scope(name).home(name.id) in (group.scope, None) for name in names)


def _clearing(group: Group, cell: Cell, read: set[str]) -> Iterator[tuple[str, str]]:
    """The slots by which the conversation can be cleared, those that are read anyway first, with the text that does it."""
    for slot in sorted(group.slots, key=lambda slot: (slot not in read, group.body.index(group.slots[slot]))):
        if how := clearing(group.source, value_of(group.slots[slot]), cell):
            yield slot, f"{slot}{how}"


def clearing(source: Source, made: ast.expr | None, cell: Cell) -> str:
    """How what an expression makes forgets the conversation that a cell keeps: `.clear()`, `.memory.clear()`; "" where it can't be told."""
    if made is cell.call and cell.kind in MEMORIES and last_name(source.qualified(cell.call.func)).endswith(("Memory", "History")):  # type: ignore[union-attr]
        return ".clear()"
    if made is not None and (_has_memory(source, made) or (made is cell.call and cell.factory is not None and _gives_chain(cell.factory.source, cell.factory.node))):
        return ".memory.clear()"
    return ""


def _gives_chain(source: Source, function: ast.AST | None) -> bool:
    """Whether a function returns a chain in all of its ways."""
    if not isinstance(function, FunctionNode):
        return False
    answers = [each.value for each in source.index.returns.get(function, ())]
    return bool(answers) and all(each is not None and _is_chain(source, function, each) for each in answers)


def _is_chain(source: Source, function: FunctionNode, value: ast.expr) -> bool:
    if isinstance(value, ast.Name):
        bound = source.names.inner[function].bindings.get(value.id, [])
        return len(bound) == 1 and bound[0].value is not None and _has_memory(source, bound[0].value)
    return _has_memory(source, value)


def _has_memory(source: Source, node: ast.expr) -> bool:
    """Whether a call makes a chain of which `.memory` is what it remembers."""
    if not isinstance(node, ast.Call):
        return False
    return (is_chain(source, node) and has_keyword(node, "memory")) or (of_langchain(path := source.qualified(node.func)) and last_name(path) == "ConversationChain")
