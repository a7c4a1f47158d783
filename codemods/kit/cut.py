"""The changes: decided on ast, made with LibCST on the smallest piece that holds them, handed on as the smallest byte edits.

Every function gives edits. What can't be cut safely (inside an f-string, several statements on one line) gives an edit
that `Source.fix` turns into a refusal.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Callable
from typing import TYPE_CHECKING

from .finding import Edit
from .source import Source

if TYPE_CHECKING:
    import libcst as cst

IN_FSTRING = "in-f-string"
SHARED_LINE = "shared-line"
UNUSUAL_LAYOUT = "unusual-layout"


def uncuttable(source: Source, reason: str) -> list[Edit]:
    return [Edit(source.path, -1, -1, reason)]


def smallest(source: Source, start: int, old: str, new: str) -> list[Edit]:
    """The one edit between two texts, without what they share at both ends."""
    if old == new:
        return []
    lead = 0
    while lead < min(len(old), len(new)) and old[lead] == new[lead]:
        lead += 1
    tail = 0
    while tail < min(len(old), len(new)) - lead and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    first = start + len(old[:lead].encode("utf-8"))
    last = start + len(old[: len(old) - tail].encode("utf-8"))
    return [source.edit(first, last, new[lead : len(new) - tail])]


def sure(source: Source, node: ast.AST) -> bool:
    """Whether the node's text is where ast says; before Python 3.12 it need not be inside an f-string."""
    if not any(isinstance(above, ast.JoinedStr) for above in source.parents(node)):
        return True
    try:
        again = ast.parse(f"({source.code(node)}\n)", mode="eval").body
    except (SyntaxError, ValueError, UnicodeDecodeError, IndexError):
        return False
    return ast.dump(again) == ast.dump(node) and not _shown(source, node)


def _shown(source: Source, node: ast.AST) -> bool:
    """Whether an f-string prints the very text of the node: `{ask(text)=}`."""
    part = next((above for above in source.parents(node) if isinstance(above, ast.FormattedValue)), None)
    stop = source.stop(part.value) if part is not None else 0
    return part is not None and source.utf8[stop : stop + 8].lstrip(b" )").startswith(b"=")


# expressions


def replace(source: Source, node: ast.AST, text: str) -> list[Edit]:
    """The node becomes `text`; the caller adds parentheses where they are needed."""
    if not sure(source, node):
        return uncuttable(source, IN_FSTRING)
    return [source.edit(source.start(node), source.stop(node), text)]


def rename(source: Source, node: ast.Attribute, name: str) -> list[Edit]:
    """The last part of an attribute becomes `name`: `chain.invoke` to `chain.ainvoke`."""
    if not sure(source, node):
        return uncuttable(source, IN_FSTRING)
    stop = source.stop(node)
    start = stop - len(node.attr.encode("utf-8"))
    return smallest(source, start, node.attr, name)


def wrap(source: Source, node: ast.AST, before: str, after: str) -> list[Edit]:
    """`before` and `after` around the node."""
    if not sure(source, node):
        return uncuttable(source, IN_FSTRING)
    start, stop = source.start(node), source.stop(node)
    return [edit for edit in (source.edit(start, start, before), source.edit(stop, stop, after)) if edit.text]


def awaited(source: Source, node: ast.expr) -> list[Edit]:
    """`await` before the node, in parentheses where it would bind to less: `(await f()).x`."""
    above = source.parent(node)
    inside = (isinstance(above, (ast.Attribute, ast.Subscript)) and above.value is node) or (isinstance(above, ast.Call) and above.func is node)
    if inside and above is not None and source.start(above) < source.start(node):
        inside = False  # stands in parentheses of its own already
    return wrap(source, node, "(await ", ")") if inside else wrap(source, node, "await ", "")


def reshaped(source: Source, node: ast.expr, change: Callable[[cst.BaseExpression], cst.BaseExpression]) -> list[Edit]:
    """The expression, parsed by LibCST alone and changed there."""
    import libcst as cst

    if not sure(source, node):
        return uncuttable(source, IN_FSTRING)
    old = source.code(node)
    printer = cst.Module(body=[], default_newline=source.newline)
    try:
        tree = cst.parse_expression(f"({old})", cst.PartialParserConfig(default_newline=source.newline))
        if printer.code_for_node(tree) != f"({old})":
            return uncuttable(source, UNUSUAL_LAYOUT)
        new = printer.code_for_node(change(tree))[1:-1]
    except (cst.ParserSyntaxError, cst.CSTValidationError, RecursionError):
        return uncuttable(source, UNUSUAL_LAYOUT)
    return smallest(source, source.start(node), old, new)


def add_keyword(source: Source, call: ast.Call, name: str, value: str) -> list[Edit]:
    """A keyword argument behind the last one, laid out as the others are."""
    if len(call.args) == 1 and not call.keywords and isinstance(call.args[0], ast.GeneratorExp):
        return uncuttable(source, UNUSUAL_LAYOUT)

    def change(tree: cst.BaseExpression) -> cst.BaseExpression:
        import libcst as cst

        assert isinstance(tree, cst.Call)
        argument = cst.Arg(cst.parse_expression(value), cst.Name(name), cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")))
        return tree.with_changes(args=_appended(tree, argument))

    return reshaped(source, call, change)


def _appended(tree: cst.Call, argument: cst.Arg) -> list[cst.Arg]:
    import libcst as cst

    if not tree.args:
        return [argument]
    *head, last = tree.args
    apart = head[-1].comma.whitespace_after if head and isinstance(head[-1].comma, cst.Comma) else tree.whitespace_before_args
    if isinstance(last.comma, cst.Comma):
        closing = last.comma.whitespace_after
        if isinstance(closing, cst.ParenthesizedWhitespace):
            return [*head, last.with_changes(comma=last.comma.with_changes(whitespace_after=_line_like(closing, apart))), _on_own_line(argument, closing, comma=True)]
        return [*head, last.with_changes(comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))), argument.with_changes(comma=last.comma)]
    closing = last.whitespace_after_arg
    if isinstance(closing, cst.ParenthesizedWhitespace):
        moved = last.with_changes(comma=cst.Comma(whitespace_after=_line_like(closing, apart)), whitespace_after_arg=cst.SimpleWhitespace(""))
        return [*head, moved, _on_own_line(argument, closing, comma=False)]
    moved = last.with_changes(comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")), whitespace_after_arg=cst.SimpleWhitespace(""))
    return [*head, moved, argument.with_changes(whitespace_after_arg=closing)]


def _line_like(closing: cst.ParenthesizedWhitespace, apart: cst.BaseParenthesizableWhitespace) -> cst.ParenthesizedWhitespace:
    """The break before the closing bracket, with its comment, made a break before one more argument."""
    import libcst as cst

    if isinstance(apart, cst.ParenthesizedWhitespace):
        return closing.with_changes(indent=apart.indent, last_line=apart.last_line)
    return closing.with_changes(last_line=cst.SimpleWhitespace(closing.last_line.value + "    "))


def _on_own_line(argument: cst.Arg, closing: cst.ParenthesizedWhitespace, comma: bool) -> cst.Arg:
    import libcst as cst

    plain = cst.ParenthesizedWhitespace(cst.TrailingWhitespace(newline=closing.first_line.newline), [], closing.indent, closing.last_line)
    if comma:
        return argument.with_changes(comma=cst.Comma(whitespace_after=plain))
    return argument.with_changes(whitespace_after_arg=plain)


# statements


def first_line(statement: ast.AST) -> int:
    """The line on which a statement starts, its decorators counted."""
    decorators = getattr(statement, "decorator_list", [])
    return int(min([statement.lineno, *(decorator.lineno for decorator in decorators)]))  # type: ignore[attr-defined]


def alone(source: Source, statement: ast.stmt) -> bool:
    """Whether nothing but a comment shares the statement's lines."""
    start = source.line_start(first_line(statement))
    if decorated := getattr(statement, "decorator_list", []):
        before = source.slice(start, source.start(decorated[0])).rstrip().rstrip("@")
    else:
        before = source.slice(start, source.start(statement))
    after = source.slice(source.stop(statement), source.line_start(statement.end_lineno + 1)).strip()  # type: ignore[operator]
    return not before.strip() and (not after or after.startswith("#"))


def span(source: Source, statement: ast.stmt) -> tuple[int, int]:
    """The whole lines of a statement, with the comment behind it and the last line's end."""
    return source.line_start(first_line(statement)), source.line_start(statement.end_lineno + 1)  # type: ignore[operator]


def lines_of(source: Source, statement: ast.stmt) -> str:
    """The statement's whole lines as written."""
    return source.slice(*span(source, statement))


def insert_before(source: Source, statement: ast.stmt, text: str) -> list[Edit]:
    """Whole lines before a statement; `text` is indented already and ends its last line."""
    if not alone(source, statement):
        return uncuttable(source, SHARED_LINE)
    start = span(source, statement)[0]
    return [source.edit(start, start, text.replace("\n", source.newline) if source.newline != "\n" and source.newline not in text else text)]


def insert_after(source: Source, statement: ast.stmt, text: str) -> list[Edit]:
    """Whole lines after a statement; `text` is indented already and ends its last line."""
    if not alone(source, statement):
        return uncuttable(source, SHARED_LINE)
    stop = span(source, statement)[1]
    if source.newline != "\n" and source.newline not in text:
        text = text.replace("\n", source.newline)
    if stop == len(source.utf8) and not source.utf8.endswith((b"\n", b"\r")):
        return [source.edit(stop, stop, source.newline + text.removesuffix(source.newline))]
    return [source.edit(stop, stop, text)]


def remove(source: Source, statement: ast.stmt) -> list[Edit]:
    """The statement's whole lines go, its trailing comment with them."""
    if not alone(source, statement):
        return uncuttable(source, SHARED_LINE)
    start, stop = span(source, statement)
    return [source.edit(start, stop, "")]


def prepend_to_body(source: Source, function: ast.FunctionDef | ast.AsyncFunctionDef, text: str) -> list[Edit]:
    """Whole lines at the start of a function's body, behind its docstring; `text` has no indentation yet."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    indented = reindent(text, "", source.indent(first))
    if documented and len(function.body) == 1:
        return insert_after(source, first, indented)
    return insert_before(source, function.body[1] if documented else first, indented)


def reindent(text: str, old: str, new: str) -> str:
    """Whole lines moved from one indentation to another; lines inside strings stay as they are."""
    if old == new:
        return text
    inside: set[int] = set()
    opened: list[int] = []
    dedented = text
    try:
        for token in tokenize.generate_tokens(io.StringIO(f"if 1:\n{text}" if old else text).readline):
            name = tokenize.tok_name[token.type]
            shift = 1 if old else 0
            if name == "STRING" and token.start[0] != token.end[0]:
                inside.update(range(token.start[0] + 1 - shift, token.end[0] + 1 - shift))
            elif name == "FSTRING_START":
                opened.append(token.start[0])
            elif name == "FSTRING_END" and opened:
                inside.update(range(opened.pop() + 1 - shift, token.end[0] + 1 - shift))
    except (tokenize.TokenError, SyntaxError):
        pass
    lines = dedented.splitlines(keepends=True)
    moved = []
    for number, line in enumerate(lines, 1):
        if number in inside or not line.strip():
            moved.append(line)
        elif line.startswith(old):
            moved.append(new + line[len(old) :])
        else:
            moved.append(new + line.lstrip(" \t") if line.lstrip().startswith("#") else line)
    return "".join(moved)
