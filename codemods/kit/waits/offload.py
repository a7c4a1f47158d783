"""The edits that move a call into another thread and wait for it without holding the event loop."""

from __future__ import annotations

import ast
import re

from ..cut import IN_FSTRING, UNUSUAL_LAYOUT, sure, uncuttable, wrap
from ..finding import Edit
from ..source import Source

_BREAK = re.compile(r"[ \t]*(#[^\r\n]*)?\r?\n(?:[ \t]*(?:#[^\r\n]*)?\r?\n)*([ \t]*)")


def offloaded(source: Source, call: ast.Call, to_thread: str) -> list[Edit]:
    """`f(a, b=c)` becomes `await to_thread(f, a, b=c)`, in parentheses where await would bind to less."""
    if not sure(source, call):
        return uncuttable(source, IN_FSTRING)
    behind = source.stop(call.func)
    gap = re.match(r"[ \t]*\(", source.slice(behind, source.stop(call)))
    if gap is None:
        return uncuttable(source, UNUSUAL_LAYOUT)
    bracket = behind + len(gap.group()) - 1
    given = [*call.args, *call.keywords]
    before, after = around(source, call)
    lead = f"{before}{to_thread}("
    if not given:
        join = ""
    elif len(given) == 1 and isinstance(given[0], ast.GeneratorExp) and source.start(given[0]) == bracket:
        join, after = ", (", f"){after}"
    elif laid := _BREAK.match(source.slice(bracket + 1, source.stop(call))):
        join = ","
        if "\n" not in source.code(call.func):
            lead += f"{source.newline}{laid.group(2)}"
    else:
        join = ", "
    start, stop = source.start(call), source.stop(call)
    edits = [source.edit(start, start, lead), source.edit(bracket, bracket + 1, join), source.edit(stop, stop, after)]
    return [edit for edit in edits if edit.text or edit.start < edit.stop]


def offloaded_whole(source: Source, node: ast.expr, to_thread: str) -> list[Edit]:
    """A whole expression becomes a lambda that the other thread calls: for chains of which several parts wait."""
    before, after = around(source, node)
    return wrap(source, node, f"{before}{to_thread}(lambda: ", f"){after}")


def around(source: Source, node: ast.expr) -> tuple[str, str]:
    """`await ` and nothing, or `(await ` and `)` before an attribute, an item or a call."""
    above = source.parent(node)
    inside = (isinstance(above, (ast.Attribute, ast.Subscript)) and above.value is node) or (isinstance(above, ast.Call) and above.func is node)
    if inside and above is not None and source.start(above) == source.start(node):
        return "(await ", ")"
    return "await ", ""
