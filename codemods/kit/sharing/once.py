"""Functions that make one object for all requests: under a cache, or behind a name that they set under `global` when it is None."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from ..callers import callers
from ..handlers import handlers
from ..libraries.memory import is_light, is_model, is_plain, keeps
from ..names import Binding, FunctionNode
from ..source import Source, is_none, targets_of
from .members import lazy_attribute
from .overlooked import CACHES, is_cached
from .providers import dependents, keyed_dependent
from .reach import lasting
from .shared import Cell, cells_in, returns_cells
from .stations import READS, Unclear

LOCKS = ("threading.Lock", "threading.RLock", "asyncio.Lock", "multiprocessing.Lock", "multiprocessing.RLock", "anyio.Lock", "gevent.lock.RLock", "threading.Semaphore", "asyncio.Semaphore")


@dataclass(slots=True, eq=False)
class Guard:
    """What lets only the first come to the statements of `body`, which set the name `asked`.

    `opened`: the blocks around them, `if chain is None:` and `with lock:`. `dropped`: `if chain is not None: return chain`.
    """

    asked: str
    body: list[ast.stmt]
    opened: list[ast.If | ast.With | ast.AsyncWith] = field(default_factory=list)
    dropped: list[ast.If] = field(default_factory=list)

    @property
    def locks(self) -> list[ast.Name]:
        """The names of the module that stand for the locks."""
        return [item.context_expr for each in self.opened if not isinstance(each, ast.If) for item in each.items if isinstance(item.context_expr, ast.Name)]


@dataclass(slots=True, eq=False)
class Once:
    """`wraps`: the decorators that cache. `block`: the `if chain is None:` or `with lock:` around what is built, `names` what it sets.

    `body`: what is built; behind the block where that returns at once: `if chain is not None: return chain`. `guard`: all that stands around it.
    `made`: what is built where the block is one assignment: `chain = chain or make()`.
    """

    source: Source
    function: FunctionNode
    cells: list[Cell]
    wraps: list[ast.expr] = field(default_factory=list)
    block: ast.stmt | None = None
    names: list[str] = field(default_factory=list)
    declared: list[ast.Global] = field(default_factory=list)
    body: list[ast.stmt] = field(default_factory=list)
    made: ast.expr | None = None
    guard: Guard | None = None
    resets: list[ast.Assign] = field(default_factory=list)  # where other functions set the names to None again
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
        transcripts = found is not None and not found.attr and any(cell.kind == "transcript" for cell in found.cells)
        if found is not None and found.cells and not transcripts and not any(other.function(call) is None for other, call in callers(source, function).calls):
            yield found


def _cached(source: Source, function: FunctionNode) -> Once | None:
    if not function.decorator_list or not is_cached(source, function) or not returns_cells(source, function):
        return None
    return Once(source, function, list(_cells(source, function.body)), wraps_of(source, function))


def _lazy(source: Source, function: FunctionNode) -> Once | None:
    """`global chain`, `if chain is None:`, perhaps under a lock, and a block that sets it; nothing else reads or sets the name."""
    declared = [each for each in function.body if isinstance(each, ast.Global)]
    names = [name for each in declared for name in each.names]
    if not names:
        return None
    for chosen in function.body:
        if isinstance(chosen, ast.Assign) and (made := _either(chosen)) is not None and all(name == ast.unparse(chosen.targets[0]) and _only_here(source, function, [chosen], name) for name in names):
            return Once(source, function, list(_cells(source, [chosen])), block=chosen, names=names, declared=declared, body=[chosen], made=made)
    guard = guarded(source, function.body, names)
    if guard is None or not all(_only_here(source, function, guard.body, name) for name in names):
        return None
    if any(_read_before(source, guard, name) for name in names):
        return None
    block = min([*guard.opened, *guard.dropped], key=source.start)
    names = sorted(names, key=lambda name: name != guard.asked)
    resets = [each.node for name in names for each in source.names.module.bindings[name] if _is_reset(source, function, each)]
    return Once(source, function, list(_cells(source, guard.body)), block=block, names=names, declared=declared, body=guard.body, guard=guard, resets=resets)  # type: ignore[arg-type]


def _read_before(source: Source, guard: Guard, name: str) -> bool:
    """Whether a function reads a name above the statement that sets it, other than to ask for it."""
    asking = {node for each in guard.opened if isinstance(each, ast.If) for node in ast.walk(each.test)} | {node for each in guard.dropped for node in ast.walk(each)}
    sets = next(source.start(each) for each in guard.body for target in targets_of(each) if isinstance(target, ast.Name) and target.id == name)
    return any(source.start(load) < sets and load not in asking for load in source.names.uses(name, source.names.module))


def guarded(source: Source, body: list[ast.stmt], names: Collection[str], asked: str = "") -> Guard | None:
    """The statements under a body to which only the first comes, while one of the names is unset; `asked`: that was asked of this one before."""
    for place, each in enumerate(body):
        if isinstance(each, (ast.With, ast.AsyncWith)) and is_lock(source, each):
            found = guarded(source, each.body, names, asked) or (Guard(asked, each.body) if asked else None)
            if found is not None:
                found.opened.insert(0, each)
                return found
        if not isinstance(each, ast.If) or each.orelse:
            continue
        if (name := _is_missing(each.test)) in names and name == (asked or name):
            found = guarded(source, each.body, names, name) or Guard(name, each.body)
            found.opened.insert(0, each)
            return found
        if (name := _is_there(each)) in names and name == (asked or name):
            rest = body[place + 1 :]
            found = guarded(source, rest, names, name) or Guard(name, rest)
            found.dropped.insert(0, each)
            return found
    return None


def is_lock(source: Source, block: ast.With | ast.AsyncWith) -> bool:
    """`with _lock:` of a lock that the module makes once."""
    item = block.items[0]
    if len(block.items) != 1 or item.optional_vars is not None or not isinstance(item.context_expr, ast.Name):
        return False
    home = source.scope(item.context_expr).home(item.context_expr.id)
    return home is source.names.module and source.made_by(item.context_expr) in LOCKS


def lazy_member(source: Source, function: FunctionNode, owner: ast.ClassDef) -> Once | None:
    """The same of an attribute: `if self.chain is None: self.chain = ...`, where one instance serves all requests."""
    found = lazy_attribute(source, function, owner)
    if found is None or not (cells := list(_cells(source, found.block.body))) or not lasting(source, owner):
        return None
    return Once(source, function, cells, block=found.block, guard=Guard(found.attr, found.block.body, [found.block]), names=[f"{found.me}.{found.attr}"], body=found.block.body, attr=found.attr, begins=found.begins)


def _cells(source: Source, body: Iterable[ast.stmt]) -> Iterator[Cell]:
    for statement in body:
        yield from cells_in(source, statement)


def _is_missing(test: ast.expr) -> str:
    """The name that a test finds unset: `chain is None`, `not chain`."""
    if isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and len(test.ops) == 1 and isinstance(test.ops[0], (ast.Is, ast.Eq)) and is_none(test.comparators[0]):
        return test.left.id
    return test.operand.id if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) and isinstance(test.operand, ast.Name) else ""


def _either(assign: ast.Assign) -> ast.expr | None:
    """What is made where a name is unset: `chain = chain or make()`, `chain = make() if chain is None else chain`."""
    name = assign.targets[0].id if len(assign.targets) == 1 and isinstance(assign.targets[0], ast.Name) else ""
    value = assign.value
    if isinstance(value, ast.BoolOp):
        first = value.values[0]
        return value.values[1] if isinstance(value.op, ast.Or) and len(value.values) == 2 and isinstance(first, ast.Name) and first.id == name else None
    if not name or not isinstance(value, ast.IfExp):
        return None
    if _is_missing(value.test) == name:
        made, kept = value.body, value.orelse
    elif _is_set(value.test) == name:
        made, kept = value.orelse, value.body
    else:
        return None
    return made if isinstance(kept, ast.Name) and kept.id == name else None


def _is_set(test: ast.expr) -> str:
    """The name that a test finds set: `chain is not None`, `chain`."""
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], (ast.IsNot, ast.NotEq)) and is_none(test.comparators[0]):
        test = test.left
    return test.id if isinstance(test, ast.Name) else ""


def _is_there(block: ast.If) -> str:
    """The name that a block answers with when it is set: `if chain is not None: return chain`, `if chain: return chain`."""
    name, answer = _is_set(block.test), block.body[0]
    same = len(block.body) == 1 and isinstance(answer, ast.Return) and isinstance(answer.value, ast.Name) and answer.value.id == name
    return name if same else ""


def _only_here(source: Source, function: FunctionNode, body: list[ast.stmt], name: str) -> bool:
    """Whether a name of the module begins as None, is set in these statements, as a whole, to None in others, and is read by this function alone."""
    module = source.names.module
    bindings = module.bindings.get(name, [])
    outer = [each for each in bindings if each.within is module]
    inner = [each for each in bindings if each.within is not module and not _is_reset(source, function, each)]
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


def _is_reset(source: Source, function: FunctionNode, binding: Binding) -> bool:
    """`chain = None` in another function."""
    node = binding.node
    plain = isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name) and is_none(node.value)
    return plain and binding.within is not source.names.module and source.function(node) not in (None, function)


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
