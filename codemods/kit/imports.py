"""Imports: how a file spells a library's name, what must be added for an edit, and what nothing reads any more."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from .cut import alone, span
from .finding import Edit, Import
from .names import Binding, FunctionNode, Scope
from .source import Source


def spell(source: Source, module: str, name: str = "", near: ast.AST | None = None) -> tuple[str, tuple[Import, ...]]:
    """How this file writes `module.name` (or `module` itself) at the node `near`, and the imports that it lacks for that."""
    scope = source.scope(near) if near is not None else source.names.module
    dotted = f"{module}.{name}" if name else module
    for bound in _bound_to(source, dotted):
        if _visible(source, bound, scope):
            return bound.name, ()
    if name:
        for bound in _bound_to(source, module):
            if _visible(source, bound, scope):
                return f"{bound.name}.{name}", ()
    if near is not None and (local := _local(source, dotted, near)):
        return local, ()
    plain = name or module
    written = plain
    while taken(source, written.partition(".")[0], dotted if name else module.partition(".")[0]) or scope.home(written.partition(".")[0]) not in (None, source.names.module):
        written = f"_{written}"
    return written, (Import(module, name, written if written != plain else ""),)


def _local(source: Source, dotted: str, near: ast.AST) -> str:
    """The name that an import in the function itself has given it on every way to the node."""
    above = [*source.parents(near)]
    for bound in source.index.imports.get(dotted.rpartition(".")[2], ()):
        here = bound.origin == dotted and bound.scope is source.scope(near).home(bound.name) and bound.scope is not source.names.module
        if here and len(bound.scope.bindings[bound.name]) == 1 and source.parent(bound.node) in above and source.start(bound.node) < source.start(near):
            return bound.name
    return ""


def _bound_to(source: Source, dotted: str) -> list[Binding]:
    return [bound for found in source.names.module.bindings.values() for bound in found if bound.kind == "import" and bound.origin == dotted]


def _visible(source: Source, bound: Binding, scope: Scope) -> bool:
    """Whether an import of the module level is run for certain and seen from the scope under its name."""
    if either_way(source, bound.name):
        return scope.home(bound.name) is source.names.module
    if len(bound.scope.bindings[bound.name]) > 1 or not isinstance(source.parent(bound.node), ast.Module):
        return False
    return scope.home(bound.name) is source.names.module


def either_way(source: Source, name: str) -> bool:
    """Whether a name of the module is imported in a try and, should that fail, from somewhere else."""
    bindings = source.names.module.bindings.get(name, [])
    if len(bindings) < 2 or any(bound.kind != "import" for bound in bindings):
        return False
    first, *others = [source.parent(bound.node) for bound in bindings]
    handlers = first.handlers if isinstance(first, ast.Try) and isinstance(source.parent(first), ast.Module) else []
    return bool(handlers) and all(other in handlers for other in others)


def taken(source: Source, name: str, dotted: str) -> bool:
    """Whether some scope of the file gives the name another meaning."""
    return any(bound.origin != dotted for scope in source.names.inner.values() for bound in scope.bindings.get(name, [])) or any(
        source.scope(load).home(name) is None for load in source.names.loads.get(name, [])
    )


def tidied(source: Source, needs: Sequence[Import], drop: Iterable[str]) -> list[Edit]:
    """The edits that add what is needed and take out the imports of the names in `drop`.

    A name that goes and one that comes from the same module change places on the spot.
    """
    missing = [need for need in dict.fromkeys(needs) if not _has(source, need)]
    edits: list[Edit] = []
    for statement in [*source.nodes(ast.ImportFrom), *source.nodes(ast.Import)]:
        if not isinstance(statement, (ast.ImportFrom, ast.Import)):
            continue
        gone = [alias for alias in statement.names if _bound_name(alias) in drop and not _redundant(alias) and not any(source.names.uses(_bound_name(alias), source.scope(statement)))]
        if isinstance(statement, ast.ImportFrom):
            module = source.names.absolute(statement)
            extensible = isinstance(source.parent(statement), ast.Module) and statement.names[0].name != "*"
            mine = sorted((need for need in missing if need.name and need.module == module), key=lambda need: need.name.lower()) if extensible else []
            for alias, need in zip(list(gone), list(mine)):
                edits.append(source.edit(source.start(alias), source.stop(alias), _alias_text(need)))
                gone.remove(alias)
                mine.remove(need)
                missing.remove(need)
            if mine and not gone:
                edits += _extended(source, statement, mine)
                missing = [need for need in missing if need not in mine]
        if gone:
            edits += _without(source, statement, gone)
    return edits + _new_statements(source, missing)


def _bound_name(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _redundant(alias: ast.alias) -> bool:
    return alias.asname is not None and alias.asname == alias.name  # `from x import y as y` is an export


def _has(source: Source, need: Import) -> bool:
    dotted = f"{need.module}.{need.name}" if need.name else (need.module if need.alias else need.module.partition(".")[0])
    found = source.names.module.bindings.get(need.bound, [])
    return any(bound.kind == "import" and bound.origin == dotted and isinstance(source.parent(bound.node), ast.Module) for bound in found)


def _alias_text(need: Import) -> str:
    return f"{need.name} as {need.alias}" if need.alias else need.name


def _extended(source: Source, statement: ast.ImportFrom, needs: list[Import]) -> list[Edit]:
    """The from-import with more names, in order where it is ordered."""
    edits = []
    names = [alias.name for alias in statement.names]
    ordered = names == sorted(names) or names == sorted(names, key=str.lower)
    last = statement.names[-1]
    several = last.lineno > statement.lineno
    for need in needs:
        follower = next((alias for alias in statement.names if alias.name.lower() > need.name.lower()), None) if ordered else None
        if follower is None and several:
            follower = last
        if follower is None:
            edits.append(source.edit(source.stop(last), source.stop(last), f", {_alias_text(need)}"))
            continue
        start = source.start(follower)
        lead = source.slice(source.line_start(follower.lineno), start)
        apart = f",{source.newline}{lead}" if several and not lead.strip() else ", "
        edits.append(source.edit(start, start, _alias_text(need) + apart))
    merged: dict[int, Edit] = {}
    for edit in edits:
        before = merged.get(edit.start)
        merged[edit.start] = edit if before is None else source.edit(edit.start, edit.stop, before.text + edit.text)
    return list(merged.values())


def _without(source: Source, statement: ast.Import | ast.ImportFrom, gone: list[ast.alias]) -> list[Edit]:
    if len(gone) == len(statement.names):
        above = source.parent(statement)
        body = next((part for part in (getattr(above, name, []) for name in ("body", "orelse", "finalbody")) if statement in part), [])
        start, stop = span(source, statement)
        if not alone(source, statement) or b"#" in source.utf8[start:stop]:
            return []
        if len(body) == 1 and not isinstance(above, ast.Module):
            return []
        return [source.edit(start, stop, "")]
    edits = []
    for alias in gone:
        place = statement.names.index(alias)
        if place + 1 < len(statement.names):
            start, stop = source.start(alias), source.start(statement.names[place + 1])
        else:
            start, stop = source.stop(statement.names[place - 1]), source.stop(alias)
        if b"#" not in source.utf8[start:stop]:
            edits.append(source.edit(start, stop, ""))
    return _joined(source, edits)


def _joined(source: Source, edits: list[Edit]) -> list[Edit]:
    """Neighbouring removals as one; a removal that starts inside the one before is cut to what is left."""
    joined: list[Edit] = []
    for edit in sorted(edits):
        if joined and edit.start <= joined[-1].stop:
            joined[-1] = source.edit(joined[-1].start, max(joined[-1].stop, edit.stop), "")
        else:
            joined.append(edit)
    return joined


def _new_statements(source: Source, needs: list[Import]) -> list[Edit]:
    lines: dict[int, list[str]] = {}
    grouped: dict[str, list[Import]] = {}
    for need in needs:
        if need.name:
            grouped.setdefault(need.module, []).append(need)
        else:
            text = f"import {need.module} as {need.alias}" if need.alias else f"import {need.module}"
            lines.setdefault(_place(source, need.module, plain=True), []).append(text)
    for module, group in grouped.items():
        text = f"from {module} import {', '.join(sorted((_alias_text(need) for need in group), key=str.lower))}"
        lines.setdefault(_place(source, module, plain=False), []).append(text)
    edits = []
    for offset, texts in lines.items():
        text = source.newline.join(sorted(texts, key=lambda line: (line.startswith("from"), line))) + source.newline
        if offset == len(source.utf8) and source.utf8 and not source.utf8.endswith((b"\n", b"\r")):
            text = source.newline + text.removesuffix(source.newline)
        elif (leading := _leading(source)) and offset == span(source, leading[0])[0] and all(_standard(line) for line in texts) and _top(leading[0]) not in STANDARD_TOPS:
            text += source.newline
        elif not leading and offset < len(source.utf8) and source.line_of(offset) == _first_code_line(source):
            text += source.newline * (2 if isinstance(_behind_opening(source)[0], (ast.ClassDef, FunctionNode)) else 1)
        edits.append(source.edit(offset, offset, text))
    return edits


def _leading(source: Source) -> list[ast.stmt]:
    """The imports that open the file, up to the first other statement, `from __future__` left out."""
    found: list[ast.stmt] = []
    for statement in _behind_docstring(source):
        if isinstance(statement, (ast.Import, ast.ImportFrom)) and alone(source, statement):
            if not (isinstance(statement, ast.ImportFrom) and statement.module == "__future__"):
                found.append(statement)
        else:
            break
    return found


def _behind_docstring(source: Source) -> list[ast.stmt]:
    body = source.tree.body
    documented = body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str)
    return body[1:] if documented else body


def _first_code_line(source: Source) -> int:
    rest = _behind_opening(source)
    return source.line_of(span(source, rest[0])[0]) if rest else 0


def _behind_opening(source: Source) -> list[ast.stmt]:
    return [s for s in _behind_docstring(source) if not (isinstance(s, ast.ImportFrom) and s.module == "__future__")]


def _place(source: Source, module: str, plain: bool) -> int:
    """Where a new import line goes: beside its kin, standard library first, else behind the imports that open the file."""
    leading = _leading(source)
    if leading:
        tops = [_top(statement) for statement in leading]
        if module.partition(".")[0] in STANDARD_TOPS:
            last = None
            for statement, top in zip(leading, tops):
                if top not in STANDARD_TOPS or (plain and (isinstance(statement, ast.ImportFrom) or statement.names[0].name > module)):  # type: ignore[attr-defined]
                    break
                last = statement
            return span(source, last)[1] if last is not None else span(source, leading[0])[0]
        kin = [statement for statement, top in zip(leading, tops) if top == module.partition(".")[0]]
        outside = [statement for statement in leading if not (isinstance(statement, ast.ImportFrom) and statement.level)]
        return span(source, (kin or outside or leading)[-1])[1]
    opening = source.tree.body[: len(source.tree.body) - len(_behind_docstring(source))]
    opening = [*opening, *(s for s in _behind_docstring(source)[:1] if isinstance(s, ast.ImportFrom) and s.module == "__future__")]
    if opening:
        return span(source, opening[-1])[1]
    if source.tree.body:
        first = source.tree.body[0]
        return span(source, first)[0] if alone(source, first) else source.line_start(first.lineno)
    return len(source.utf8)


def _standard(line: str) -> bool:
    return line.split()[1].partition(".")[0] in STANDARD_TOPS


def _top(statement: ast.stmt) -> str:
    if isinstance(statement, ast.ImportFrom):
        return (statement.module or "").partition(".")[0] if not statement.level else "."
    return statement.names[0].name.partition(".")[0] if isinstance(statement, ast.Import) else ""


STANDARD_TOPS = frozenset(
    "abc argparse array ast asyncio base64 bisect builtins calendar cmath codecs collections concurrent configparser contextlib contextvars copy csv ctypes dataclasses "
    "datetime decimal difflib email enum functools gc getpass glob gzip hashlib heapq hmac html http importlib inspect io itertools json logging math mimetypes "
    "multiprocessing operator os pathlib pickle platform pprint queue random re secrets select shlex shutil signal smtplib socket sqlite3 ssl stat statistics string "
    "struct subprocess sys tempfile textwrap threading time timeit tomllib traceback types typing unicodedata unittest urllib uuid warnings weakref xml zipfile zoneinfo".split()
)
