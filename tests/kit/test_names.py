"""Names: the same scopes as Python's own symtable, over the standard library."""

from __future__ import annotations

import ast
import symtable
import sysconfig
from pathlib import Path

import pytest
from loadproof.codemods.kit.names import Names, Scope

STDLIB = Path(sysconfig.get_paths()["stdlib"])
FILES = [STDLIB / name for name in ("ast.py", "asyncio/tasks.py", "dataclasses.py", "typing.py", "enum.py", "inspect.py", "functools.py", "http/client.py", "logging/__init__.py", "contextlib.py")]


def tables(table: symtable.SymbolTable) -> dict[tuple[str, str, int], list[symtable.SymbolTable]]:
    found: dict[tuple[str, str, int], list[symtable.SymbolTable]] = {}
    todo = [table]
    while todo:
        each = todo.pop()
        found.setdefault((each.get_type(), each.get_name(), each.get_lineno()), []).append(each)
        todo += each.get_children()
    return found


def key(scope: Scope) -> tuple[str, str, int]:
    node = scope.node
    if isinstance(node, ast.Module):
        return "module", "top", 0
    if isinstance(node, ast.ClassDef):
        return "class", node.name, node.lineno
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return "function", node.name, node.lineno
    names = {ast.Lambda: "lambda", ast.ListComp: "listcomp", ast.SetComp: "setcomp", ast.DictComp: "dictcomp", ast.GeneratorExp: "genexpr"}
    return "function", names[type(node)], node.lineno  # type: ignore[index,attr-defined]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(STDLIB).as_posix())
def test_scopes_are_those_of_symtable(path: Path) -> None:
    text = path.read_text()
    names = Names(ast.parse(text))
    known = tables(symtable.symtable(text, str(path), "exec"))
    compared = 0
    for load in (load for loads in names.loads.values() for load in loads):
        scope = names.scopes[load]
        candidates = known.get(key(scope), [])
        if len(candidates) != 1 or scope.kind == "class":  # a decorated def starts on another line there; classes may fall through to globals
            continue
        symbol = candidates[0].lookup(load.id)
        home = scope.home(load.id)
        compared += 1
        if symbol.is_local() and scope.kind != "module":
            assert home is scope, f"{path.name}:{load.lineno} {load.id}"
        elif symbol.is_free():
            assert home is not None and home is not scope and home.kind != "module", f"{path.name}:{load.lineno} {load.id}"
        elif symbol.is_global() or scope.kind == "module":
            assert home is None or home is names.module, f"{path.name}:{load.lineno} {load.id}"
    assert compared > 100


def test_class_names_are_not_seen_from_methods() -> None:
    names = Names(ast.parse("x = 1\nclass A:\n    x = 2\n    def f(self):\n        return x\n"))
    (load,) = names.loads["x"]
    assert names.scopes[load].home("x") is names.module


def test_global_binds_in_the_module() -> None:
    names = Names(ast.parse("x = None\ndef f():\n    global x\n    x = make()\n"))
    assert [binding.kind for binding in names.module.bindings["x"]] == ["assign", "assign"]
    assert names.module.bindings["x"][1].within.kind == "function"


def test_relative_imports_are_absolute() -> None:
    names = Names(ast.parse("from . import a\nfrom .b import c\nfrom ..d import e\n"), package="one.two")
    assert [names.module.bindings[name][0].origin for name in "ace"] == ["one.two.a", "one.two.b.c", "one.d.e"]


def test_undefined_names_are_told_unless_a_star_hides_them() -> None:
    assert Names(ast.parse("print(a)\ndef f(b):\n    return [c for c in b]\n")).undefined() == {"a"}
    assert Names(ast.parse("from x import *\nprint(a)\n")).undefined() == set()
