"""Moving statements from where they run once to where they run often: their text with its comments, and the place that fits."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Sequence

from .cut import alone, reindent, span
from .finding import Edit
from .names import FunctionNode
from .source import Source
from .text import comments

Block = list[ast.stmt]


# the text of statements


def lead(source: Source, statement: ast.stmt) -> int:
    """Where the comment lines directly above a statement start; the statement's own line without any."""
    start, _ = span(source, statement)
    margin = source.indent(statement)
    line = source.line_of(start) - 1
    while line >= 1:
        text = source.slice(source.line_start(line), source.line_start(line + 1))
        if not text.startswith(f"{margin}#") or text.startswith(f"{margin}#!") or "# %%" in text:
            break
        line -= 1
    return source.line_start(line + 1)


def text_with(source: Source, start: int, stop: int, edits: Iterable[Edit]) -> str:
    """A part of the text with edits made in it. Raises ValueError when two of them change the same."""
    raw = source.utf8[start:stop]
    done = stop
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.stop), reverse=True):
        if edit.stop > done:
            raise ValueError(f"two edits change the same at {source.path}:{source.line_of(edit.start)}")
        done = edit.start
        raw = raw[: edit.start - start] + edit.text.encode() + raw[edit.stop - start :]
    return raw.decode("utf-8")


def moved(source: Source, statement: ast.stmt, margin: str, edits: Iterable[Edit] = ()) -> str:
    """The lines of a statement, its comments among them, changed by `edits` and indented by `margin`."""
    start, stop = lead(source, statement), span(source, statement)[1]
    text = text_with(source, start, stop, edits)
    if not text.endswith(("\n", "\r")):
        text += source.newline
    return reindent(text, source.indent(statement), margin)


def movable(source: Source, statement: ast.stmt) -> bool:
    """Whether the statement has its lines to itself."""
    return alone(source, statement)


def runs(body: Sequence[ast.stmt], statements: Sequence[ast.stmt]) -> list[tuple[ast.stmt, ast.stmt]]:
    """First and last of each row of statements that follow one another in a body."""
    found: list[tuple[ast.stmt, ast.stmt]] = []
    for statement in statements:
        if found and body.index(found[-1][1]) + 1 == body.index(statement):
            found[-1] = (found[-1][0], statement)
        else:
            found.append((statement, statement))
    return found


def without(source: Source, first: ast.stmt, last: ast.stmt) -> Edit:
    """A row of statements and their comments go, and with them the blank lines that would be left twice."""
    start, stop = lead(source, first), span(source, last)[1]
    before = _blank_lines(source, source.line_of(start) - 1, -1)
    following = _line_behind(source, stop)
    after = _blank_lines(source, following, 1)
    if following + after > _lines(source):  # nothing behind it: the blank lines before it go
        start, stop = source.line_start(source.line_of(start) - before), len(source.utf8)
    elif after > before:  # the wider gap stays
        start = source.line_start(source.line_of(start) - before)
    else:
        stop = source.line_start(following + after)
    return source.edit(start, stop, "")


def taken_out(source: Source, statement: ast.stmt) -> Edit:
    """The same for one statement with lines of its own, where its comments stay: they may be about more."""
    start, (first, stop) = source.start(statement), span(source, statement)
    above = source.parent(statement)
    if not isinstance(above, ast.Module) and any(getattr(above, name, None) == [statement] for name in ("body", "orelse", "finalbody")):
        return source.edit(start, source.stop(statement), "pass")
    beside = source.slice(source.stop(statement), stop)
    if beside.strip():
        return source.edit(start, source.stop(statement) + len(beside) - len(beside.lstrip()), "")
    return source.edit(first, stop, "") if lead(source, statement) < first else without(source, statement, statement)


def whole(source: Source, block: ast.stmt) -> tuple[int, int]:
    """The whole lines of a block, with the comments that end it."""
    first, stop = span(source, block)
    body: list[ast.stmt] = getattr(block, "body", [])
    while body and source.slice(stop, after := source.line_start(source.line_of(stop) + 1)).startswith(f"{source.indent(body[0])}#"):
        stop = after
    return first, stop


def opened(source: Source, block: ast.stmt, inner: Collection[ast.stmt], gone: Collection[ast.stmt], edits: Iterable[Edit] = ()) -> str:
    """The lines of a block's body where the block stood, the same for those of the blocks `inner` in it, without those in `gone`; what comments say stays.

    Raises ValueError where the block's head has no line for itself.
    """
    margin, edits = source.indent(block), list(edits)
    first, stop = whole(source, block)
    if block in gone:
        return "".join(f"{margin}{comment}{source.newline}" for comment in comments(source.slice(first, stop).encode()))
    body: list[ast.stmt] = block.body  # type: ignore[attr-defined]
    head = source.slice(first, below := source.line_start(source.line_of(first) + 1))
    said = re.fullmatch(r".*?:[ \t]*(#[^\r\n]*)?[\r\n]+", head)
    if said is None or below > source.start(body[0]) or not all(alone(source, each) for each in body):
        raise ValueError(f"the block at {source.path}:{source.line_of(first)} is laid out in a way that can't be cut")
    cuts = [edit for edit in edits if below <= edit.start and edit.stop <= stop]
    for each in body:
        if each in inner or each in gone:
            start, end = whole(source, each)
            cuts = [edit for edit in cuts if not (start <= edit.start and edit.stop <= end)]
            cuts.append(source.edit(start, end, opened(source, each, inner, gone, edits)))
    text = text_with(source, below, stop, cuts)
    text = text if text.endswith(("\n", "\r")) or not text else text + source.newline
    return (f"{margin}{said[1]}{source.newline}" if said[1] else "") + reindent(text, source.indent(body[0]), margin)


def gone(source: Source, statement: ast.stmt) -> Edit:
    """The statement goes; comments about it stay for who reads what becomes of it."""
    start, stop = span(source, statement)
    behind = source.slice(source.stop(statement), stop).strip()
    if lead(source, statement) == start and not behind:
        return without(source, statement, statement)
    return source.edit(start, stop, f"{source.indent(statement)}{behind}{source.newline}" if behind else "")


def instead(source: Source, first: ast.stmt, last: ast.stmt, text: str, *, before: int = 0, after: int = 0) -> Edit:
    """`text`, whole lines, instead of a row of statements, with so many blank lines before and behind it if anything stands there."""
    start, stop = lead(source, first), span(source, last)[1]
    line = source.line_of(start)
    blank_before = _blank_lines(source, line - 1, -1)
    following = _line_behind(source, stop)
    blank_after = _blank_lines(source, following, 1)
    opens = line - blank_before <= 1 or source.slice(source.line_start(line - 1), start).rstrip().endswith(":")
    opening = "" if opens else source.newline * max(0, before - blank_before)
    closing = "" if following + blank_after > _lines(source) else source.newline * max(0, after - blank_after)
    return source.edit(start, stop, opening + text + closing)


def apart(source: Source, before: ast.stmt, text: str) -> Edit:
    """Definitions, whole lines, before a statement of a module and its comments, with two blank lines on either side."""
    start = lead(source, before)
    line = source.line_of(start)
    blank = _blank_lines(source, line - 1, -1)
    opening = source.newline * max(0, 2 - blank) if line - blank > 1 else ""
    return source.edit(start, start, opening + text.replace("\n", source.newline) + source.newline * 2)


def _line_behind(source: Source, stop: int) -> int:
    return source.line_of(stop) if stop < len(source.utf8) else _lines(source) + 1


def _lines(source: Source) -> int:
    count = source.line_of(len(source.utf8))
    return count - 1 if source.utf8.endswith((b"\n", b"\r")) else count


def _blank_lines(source: Source, line: int, step: int) -> int:
    count = 0
    while 1 <= line <= _lines(source) and not source.slice(source.line_start(line), source.line_start(line + 1)).strip():
        count += 1
        line += step
    return count


# places


def blocks(source: Source, function: FunctionNode, node: ast.AST) -> list[tuple[Block, int]]:
    """The statement lists around a node, from the function's body inwards, and the place of the statement that holds it."""
    path: list[tuple[Block, int]] = []
    child: ast.AST = node
    for above in [*source.parents(node)]:
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            found = getattr(above, name, None)
            if isinstance(found, list) and child in found and isinstance(child, ast.stmt):
                path.append((found, found.index(child)))
        child = above
        if above is function:
            break
    if isinstance(node, ast.stmt) and not path:
        return []
    return path[::-1]


def place_for(
    source: Source, function: FunctionNode, uses: Sequence[ast.AST], after: Sequence[ast.stmt] = (), *, in_loops: bool = False
) -> ast.stmt | None:
    """The statement before which something must stand to be there for all uses, once, behind the statements `after`; None if there is no such place.

    The innermost one that no loop, lambda or inner function repeats; with `in_loops` inside a loop if it has to be.
    """
    paths = [_outside_inner(source, function, blocks(source, function, use)) for use in uses]
    if not paths or not all(paths):
        return None
    common: list[tuple[Block, int]] = []
    for level in range(min(len(path) for path in paths)):
        block = paths[0][level][0]
        if any(path[level][0] is not block for path in paths):
            break
        common.append((block, min(path[level][1] for path in paths)))
        if len({path[level][1] for path in paths}) > 1:
            break
    best = None
    looping = False
    for level, (block, index) in enumerate(common):
        if level:
            above, at = common[level - 1]
            holder = above[at]
            looping = looping or isinstance(holder, (ast.For, ast.AsyncFor, ast.While))
            if _rerun(holder, block) or (looping and not in_loops):
                break
        if all(_runs_before(source, function, statement, common[: level + 1]) for statement in after):
            if looping and best is not None:
                break
            if not source.utf8.startswith(b"elif", source.start(block[index])):
                best = block[index]
    return best


def _outside_inner(source: Source, function: FunctionNode, path: list[tuple[Block, int]]) -> list[tuple[Block, int]]:
    """The part of a path that the function itself runs: a def or class within is one statement."""
    kept = []
    for block, index in path:
        kept.append((block, index))
        if isinstance(block[index], (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            break
    return kept


def _rerun(holder: ast.stmt, block: Block) -> bool:
    """Whether a block is one of several ways on: what stands there is not there for the others."""
    return isinstance(holder, ast.Try) and block is holder.finalbody


def _runs_before(source: Source, function: FunctionNode, statement: ast.stmt, path: list[tuple[Block, int]]) -> bool:
    surely = [statement]  # and each `try` around it whose handlers lead away
    while isinstance(above := source.parent(surely[-1]), ast.Try) and surely[-1] in above.body and all(leaves(source, each.body[-1]) for each in above.handlers):
        surely.append(above)
    return any(each in block[:index] for each in surely for block, index in path)


def leaves(source: Source, statement: ast.stmt) -> bool:
    """Whether what stands behind a statement is not run: `return`, `raise`, `continue`, Flask's `abort(404)`."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return source.qualified(statement.value.func) in ("flask.abort", "quart.abort", "werkzeug.exceptions.abort", "bottle.abort")
    return isinstance(statement, (ast.Return, ast.Raise, ast.Continue, ast.Break))


def insertion(source: Source, before: ast.stmt, text: str) -> Edit:
    """Whole lines, not indented yet, before a statement and the comments that belong to it."""
    start = lead(source, before)
    apart = source.newline if isinstance(before, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) else ""
    return source.edit(start, start, reindent(text, "", source.indent(before)) + apart)
