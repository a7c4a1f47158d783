"""A group of statements written anew: as a factory, or inline where its result is used; what is dear to build stays where it was."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..cut import add_keyword, reindent, replace
from ..finding import Edit, Import
from ..imports import spell
from ..libraries.memory import is_light, is_model, keeps, last_name, memory_module
from ..move import moved
from ..source import Source, has_keyword, keyword
from .configs import named_session
from .histories import History
from .shared import Cell, Group, held, reads, value_of, written

CHAT_MEMORY = ("history", "list")


@dataclass(slots=True)
class Hoisted:
    """Parts of the statements that stay global, under names of their own: (line of code, the names)."""

    lines: dict[ast.stmt, list[str]] = field(default_factory=dict)
    edits: list[Edit] = field(default_factory=list)


def hoisted(group: Group, me: str = "", *, clients: bool = False, named: set[str] | None = None, holder: str = "") -> Hoisted:
    """What is dear to build inside the group's expressions: vector stores, models, what the project's own functions return.

    `named`: the names that others of the file's groups gave to theirs; `holder`: of what they are attributes where the rest is built.
    """
    found = Hoisted()
    named = named if named is not None else set()
    taken = {name for scope in group.source.names.inner.values() for name in scope.bindings} | named
    for statement in group.statements:
        value = value_of(statement)
        if value is None or isinstance(statement, ast.Expr):
            continue
        slot = (written(statement, me) or ["part"])[0].removeprefix("self.")
        for node, word in _dear(group, value, "", me, clients):
            made = node.value if isinstance(node, ast.Await) else node
            name = word or ("llm" if isinstance(made, ast.Call) and "Chat" in last_name(group.source.qualified(made.func)) else f"{slot}_part")
            if name in taken:
                name = f"{slot}_{name}"
            while name in taken:
                name += "_"
            taken.add(name)
            named.add(name)
            margin = group.source.indent(node)
            code = reindent(margin + group.source.code(node), margin, "")
            try:
                ast.parse(code)
            except SyntaxError:
                code = f"({code})"
            found.lines.setdefault(statement, []).append(f"{name} = {code}{group.source.newline}")
            found.edits += replace(group.source, node, f"{holder}.{name}" if holder else name)
    return found


def _dear(group: Group, node: ast.AST, word: str, me: str, clients: bool) -> Iterator[tuple[ast.Call | ast.Await, str]]:
    source = group.source
    if isinstance(node, (ast.Lambda, ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp)):
        return
    if isinstance(node, ast.Await):  # what is waited for can't be waited for again in a plain factory
        if not any(cell.call is inner for inner in ast.walk(node) for cell in group.cells) and not reads(source, node, group.scope, [*group.slots, *group.foreign], me):
            yield node, word
        return
    if isinstance(node, ast.Call):
        ours = any(isinstance(inner, ast.Call) and any(cell.call is inner for cell in group.cells) for inner in ast.walk(node)) or bool(
            reads(source, node, group.scope, [*group.slots, *group.foreign], me)
        )
        if not ours and not is_light(source, node) and keeps(source, node) is None:
            if not (clients and is_model(source, node)):
                yield node, word
            return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.keyword):
            yield from _dear(group, child.value, child.arg or "", me, clients)
        else:
            yield from _dear(group, child, "", me, clients)


def keyed(cell: Cell, history: History, session: str, near: ast.AST | None = None) -> tuple[list[Edit], tuple[Import, ...]]:
    """The edits that give a constructor the conversation of one session. `near`: where it will stand, if not just anywhere in the file."""
    source, call = cell.source, cell.call
    if not isinstance(call, ast.Call) or cell.kind == "config":
        value = named_session(source, call)
        return (replace(source, value, session), ()) if value is not None else ([], ())
    if cell.kind in CHAT_MEMORY:
        if has_keyword(call, "chat_memory"):
            return [], ()
        return add_keyword(source, call, "chat_memory", history.text), history.imports
    if cell.kind == "chain":
        text, needs = spell(source, memory_module(source.qualified(call.func)), "ConversationBufferMemory", near)
        return add_keyword(source, call, "memory", f"{text}(chat_memory={history.text})"), (*history.imports, *needs)
    if cell.kind == "store":
        return replace(source, call, history.text), history.imports
    given = keyword(call, "session_id")
    if given is not None:
        return replace(source, given.value, session), ()
    if call.args:
        return replace(source, call.args[0], session), ()
    return add_keyword(source, call, "session_id", session), ()


def result_type(group: Group, slot: str) -> str:
    """The class that a slot's statement names, as an annotation; "" when it does not say."""
    statement = group.slots[slot]
    if isinstance(statement, ast.AnnAssign):
        return group.source.code(statement.annotation)
    value = value_of(statement)
    if isinstance(value, ast.Name) and value.id in group.slots and value.id != slot:
        return result_type(group, value.id)
    callee = value.func if isinstance(value, ast.Call) else None
    while isinstance(callee, ast.Attribute) and callee.attr[:1].islower() and last_name(group.source.qualified(callee.value))[:1].isupper():
        callee = callee.value
    if callee is None or not last_name(group.source.qualified(callee))[:1].isupper():
        return ""
    return group.source.code(callee)


def inline_text(group: Group, edits: Iterable[Edit]) -> str:
    """The statements as they are to stand in a function, not indented."""
    edits = list(edits)
    return "".join(moved(group.source, statement, "", _inside(group.source, statement, edits)) for statement in group.statements)


def factory_text(
    group: Group, name: str, parameter: str, wanted: list[str], edits: Iterable[Edit], *, cached: str = "", margin: str = "", me: str = "", types: dict[str, str] | None = None, opening: Iterable[str] = ()
) -> str:  # fmt: skip
    """`def name(parameter): ...; return wanted` around the statements, whole lines; a method of `me` where that is given."""
    source = group.source
    edits = list(edits)
    inner = margin + source.indent_unit
    named = [(types or {}).get(slot) or result_type(group, slot) for slot in wanted]
    arrow = f" -> {named[0]}" if len(named) == 1 and named[0] else f" -> tuple[{', '.join(named)}]" if all(named) else ""
    lines = [f"{margin}@{cached}{source.newline}"] if cached else []
    parameters = ", ".join([*([me] if me else []), *([f"{parameter}: str"] if parameter else [])])
    lines.append(f"{margin}def {name}({parameters}){arrow}:{source.newline}")
    lines += [f"{inner}{line}" for line in opening]
    for statement in group.statements:
        own = _inside(source, statement, edits)
        last = statement is group.statements[-1]
        if last and len(wanted) == 1 and group.slots.get(wanted[0]) is statement and isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
            start = source.start(statement)
            target = source.slice(start, source.start(statement.value))
            bracket = target[target.rindex("=") + 1 :].strip()
            own = [edit for edit in own if edit.start >= source.start(statement.value)]
            own = [*own, source.edit(start, source.start(statement.value), f"return {bracket}")]
            lines.append(moved(source, statement, inner, own))
            return "".join(lines)
        text = moved(source, statement, inner, own)
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            text = f"{source.newline if lines[-1].strip() and not lines[-1].rstrip().endswith(':') else ''}{text}{source.newline}"
        lines.append(text)
    lines.append(f"{inner}return {', '.join(slot.removeprefix('self.') for slot in wanted)}{source.newline}")
    return "".join(lines)


def _inside(source: Source, statement: ast.stmt, edits: list[Edit]) -> list[Edit]:
    """The edits within a statement, without those in what another one takes out of it."""
    start, stop = source.start(statement), source.stop(statement)
    mine = [edit for edit in edits if edit.path == source.path and start <= edit.start and edit.stop <= stop]
    return [edit for edit in mine if not any(_swallows(other, edit) for other in mine)]


def _swallows(one: Edit, other: Edit) -> bool:
    if other.start == other.stop:
        return one.start < other.start < one.stop
    return one.start <= other.start and other.stop <= one.stop and one.stop - one.start > other.stop - other.start


def as_locals(group: Group, me: str) -> list[Edit]:
    """What the group's statements call `self.x` becomes `x`; in a class body, what they read of the class becomes `self.y`."""
    source = group.source
    edits: list[Edit] = []
    for statement in group.statements:
        for node in ast.walk(statement):
            if isinstance(node, (ast.Attribute, ast.Subscript)) and (slot := held(node, group.me)) in group.slots:
                edits += replace(source, node, slot.removeprefix("self."))
            elif group.scope.kind != "class" or not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load) or node.id in group.slots:
                continue
            elif source.scope(node).home(node.id) is group.scope:
                edits += replace(source, node, f"{me}.{node.id}")
    return edits
