"""Functions that make one object for all requests: under a cache, or behind a name that they set under `global` when it is None."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..callers import callers
from ..handlers import handlers
from ..libraries.memory import is_light, is_model, is_plain, keeps
from ..names import FunctionNode
from ..source import Source, is_none
from .members import lazy_attribute
from .overlooked import CACHES, is_cached
from .providers import dependents, keyed_dependent
from .reach import lasting
from .shared import Cell, cells_in, returns_cells
from .stations import READS, Unclear


@dataclass(slots=True, eq=False)
class Once:
    """`wraps`: the decorators that cache. `block`: the `if chain is None:` around what is built, `names` what it sets.

    `body`: what is built; behind the block where that returns at once: `if chain is not None: return chain`.
    """

    source: Source
    function: FunctionNode
    cells: list[Cell]
    wraps: list[ast.expr] = field(default_factory=list)
    block: ast.If | None = None
    names: list[str] = field(default_factory=list)
    declared: list[ast.Global] = field(default_factory=list)
    body: list[ast.stmt] = field(default_factory=list)
    attr: str = ""  # of the instance, where a method sets it
    begins: list[ast.stmt] = field(default_factory=list)  # `self.chain = None`

    @property
    def statements(self) -> list[ast.stmt]:
        """What is answered with it."""
        return [self.function, *(each for top in self.body or [self.function] for each in ast.walk(top) if isinstance(each, ast.stmt))]

    @property
    def spot(self) -> ast.AST:
        return self.cells[0].call if self.block is not None else self.function

    @property
    def what(self) -> str:
        return self.names[0] if self.names else f"what {self.function.name} returns"


def made_once(source: Source) -> Iterator[Once]:
    """Every such function at the top of a module that a request may run, called by nothing when the module is imported."""
    yield from source.remember("made once", lambda: [*_made_once(source)])


def rides(once: Once) -> bool:
    """Whether all that a cached function keeps is what others give it that are answered themselves."""
    kept = [cell.factory for cell in once.cells]
    return bool(once.wraps) and all(given is not None and any(other.function is given.node and other.wraps for other in made_once(given.source)) for given in kept)


def wraps_of(source: Source, function: FunctionNode) -> list[ast.expr]:
    """The decorators that cache."""
    return [each for each in function.decorator_list if source.qualified(each.func if isinstance(each, ast.Call) else each) in CACHES]


def _made_once(source: Source) -> Iterator[Once]:
    for function in source.functions():
        owner = source.parent(function)
        if isinstance(owner, ast.ClassDef):
            found = lazy_member(source, function, owner)
        elif isinstance(owner, ast.Module):
            found = _cached(source, function) or _lazy(source, function)
        else:
            continue
        if found is not None and found.cells and not any(other.function(call) is None for other, call in callers(source, function).calls):
            yield found


def _cached(source: Source, function: FunctionNode) -> Once | None:
    if not function.decorator_list or not is_cached(source, function) or not returns_cells(source, function):
        return None
    return Once(source, function, list(_cells(source, function.body)), wraps_of(source, function))


def _lazy(source: Source, function: FunctionNode) -> Once | None:
    """`global chain`, `if chain is None:`, and a block that sets it; nothing else reads or sets the name."""
    declared = [each for each in function.body if isinstance(each, ast.Global)]
    names = [name for each in declared for name in each.names]
    if not names:
        return None
    for block in function.body:
        if not isinstance(block, ast.If) or block.orelse:
            continue
        asked, body = _is_missing(block.test), block.body
        if not asked and (asked := _is_there(block)):
            body = function.body[function.body.index(block) + 1 :]
        if asked in names and all(_only_here(source, function, body, name) for name in names):
            return Once(source, function, list(_cells(source, body)), block=block, names=sorted(names, key=lambda name: name != asked), declared=declared, body=body)
    return None


def lazy_member(source: Source, function: FunctionNode, owner: ast.ClassDef) -> Once | None:
    """The same of an attribute: `if self.chain is None: self.chain = ...`, where one instance serves all requests."""
    found = lazy_attribute(source, function, owner)
    if found is None or not (cells := list(_cells(source, found.block.body))) or not lasting(source, owner):
        return None
    return Once(source, function, cells, block=found.block, names=[f"{found.me}.{found.attr}"], body=found.block.body, attr=found.attr, begins=found.begins)


def _cells(source: Source, body: Iterable[ast.stmt]) -> Iterator[Cell]:
    for statement in body:
        yield from cells_in(source, statement)


def _is_missing(test: ast.expr) -> str:
    """The name that a test finds unset: `chain is None`, `not chain`."""
    if isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and len(test.ops) == 1 and isinstance(test.ops[0], (ast.Is, ast.Eq)) and is_none(test.comparators[0]):
        return test.left.id
    return test.operand.id if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) and isinstance(test.operand, ast.Name) else ""


def _is_there(block: ast.If) -> str:
    """The name that a block answers with when it is set: `if chain is not None: return chain`, `if chain: return chain`."""
    test, answer = block.test, block.body[0]
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], (ast.IsNot, ast.NotEq)) and is_none(test.comparators[0]):
        test = test.left
    same = len(block.body) == 1 and isinstance(answer, ast.Return) and isinstance(answer.value, ast.Name) and isinstance(test, ast.Name) and answer.value.id == test.id
    return test.id if same and isinstance(test, ast.Name) else ""


def _only_here(source: Source, function: FunctionNode, body: list[ast.stmt], name: str) -> bool:
    """Whether a name of the module begins as None, is set in these statements, as a whole, and is read by this function alone."""
    module = source.names.module
    bindings = module.bindings.get(name, [])
    outer = [each for each in bindings if each.within is module]
    inner = [each for each in bindings if each.within is not module]
    begins = len(outer) == 1 and isinstance(outer[0].node, (ast.Assign, ast.AnnAssign)) and isinstance(source.parent(outer[0].node), ast.Module)
    if not begins or not (outer[0].value is None or is_none(outer[0].value)):
        return False
    if isinstance(outer[0].node, ast.Assign) and (len(outer[0].node.targets) != 1 or not isinstance(outer[0].node.targets[0], ast.Name)):
        return False
    whole = len(inner) == 1 and isinstance(inner[0].node, (ast.Assign, ast.AnnAssign)) and inner[0].node in body and not inner[0].unpacked
    if not whole or any(source.function(load) is not function for load in source.names.uses(name, module)) or name in (source.exports() or ()):
        return False
    return not any(source.project.importers(source, name)) and not any(
        attribute.attr == name and other.qualified(attribute) == f"{source.module}.{name}" for other in source.project if other is not source for attribute in other.attributes(name)
    )  # fmt: skip


def dear(source: Source, body: Iterable[ast.stmt], depth: int = 0) -> ast.Call | None:
    """A call under statements that would be too much for each request."""
    for statement in body:
        for node in ast.walk(statement):
            if not isinstance(node, ast.Call) or keeps(source, node) is not None or is_light(source, node) or is_model(source, node) or is_plain(source, node):
                continue
            origins = source.origins(node.func) if isinstance(node.func, (ast.Name, ast.Attribute)) else []
            plain = [each for each in origins if isinstance(each.node, FunctionNode) and each.source in [*each.source.project]]
            if len(plain) == len(origins) == 1 and depth < 3 and (is_cached(plain[0].source, plain[0].node) or dear(plain[0].source, plain[0].node.body, depth + 1) is None):  # type: ignore[arg-type, union-attr]
                continue
            return node
    return None


def looks(source: Source, function: FunctionNode, words: Iterable[str]) -> bool:
    """Whether a function reads or clears what a conversation has come to."""
    return any(attribute.attr in words and source.function(attribute) is function for attribute in source.nodes(ast.Attribute))


def object_to_keyless(source: Source, provider: FunctionNode) -> None:
    """Raises Unclear where what a provider without a key builds for a request is not all that its dependents say and ask."""
    if (known := keyed_dependent(source, provider)) is not None:
        raise Unclear("factory", f"{known[1].name} has a key that {provider.name} can't ask for", *known)
    for other, user in dependents(source, provider):
        if user is not None and looks(other, user, READS):
            raise Unclear("read-elsewhere", f"{user.name} reads what others have said, and has no key", other, user)


def is_provider(once: Once) -> bool:
    known = handlers(once.source.project).get(once.function)
    return known is not None and known.kind == "provider"
