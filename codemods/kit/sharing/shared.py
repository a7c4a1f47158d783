"""Objects that are built once and remember: the statements that build them, and everything that is built from them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from keyword import iskeyword

from ..handlers import handlers
from ..libraries.memory import Keeps, is_chain, keeps
from ..names import FunctionNode, Scope, last_part
from ..source import Origin, Source, keyword
from .configs import named_session
from .makers import Maker, asked_abroad, built_upon, lent_by
from .near import may_make_memory, near_memory
from .reach import AT_START, imports_of, leads, reached, uses_of
from .sessions import session_function
from .transcripts import is_transcript


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """A constructor call that keeps a conversation; of a factory of the project: the call of that, and the function.

    Of kind "config": what names one for all runs, a call or a dict. Of kind "transcript": a list of messages.
    """

    source: Source
    call: ast.Call | ast.Dict | ast.List | ast.Constant
    kind: Keeps | str  # "factory", "config" and "transcript" too
    factory: Origin | None = None


@dataclass(slots=True, eq=False)
class Group:
    """Statements of one body that build what remembers, in their order, and what else changes it there.

    `slots`: the names (or `self.x`) that they bind. `owner`: the class whose instances hold them, `me` what the method calls its instance.
    """

    source: Source
    body: list[ast.stmt]
    scope: Scope
    owner: ast.ClassDef | None = None
    me: str = ""
    statements: list[ast.stmt] = field(default_factory=list)
    slots: dict[str, ast.stmt] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    let_go: list[tuple[Source, ast.expr, str]] = field(default_factory=list)  # where the service gives them up when it stops: what is set to None, deleted or asked for, and its slot
    foreign: dict[str, Group] = field(default_factory=dict)  # imported names that the statements read, and what builds them in their own file

    @property
    def first(self) -> ast.stmt:
        return self.statements[0]

    @property
    def lent(self) -> list[tuple[Maker, ast.Call, list[str]]]:
        """The calls of functions that build from some of the slots, without being given them yet."""
        calls = (node for statement in self.statements for node in ast.walk(statement))
        found = ((node, lent_by(self.source, node, self.scope, self.me)) for node in calls)
        return [(lent[0], node, [slot for slot in self.slots if slot in lent[1]]) for node, lent in found if lent is not None and isinstance(node, ast.Call)]

    @property
    def inside(self) -> list[ast.stmt]:
        """The statements, and the functions that build for them and read nothing else of it."""
        whole = [maker.function for maker, _, slots in self.lent if slots and reads(self.source, maker.function, self.scope, self.slots, self.me) <= {*slots}]
        return [*self.statements, *whole]


def value_of(statement: ast.stmt) -> ast.expr | None:
    return statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Expr)) else None


LEAVES = (ast.Name, ast.Constant, ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)


def cells_in(source: Source, node: ast.AST, depth: int = 0) -> Iterator[Cell]:
    """The constructors under a node that keep a conversation, those that a lambda makes anew left out."""
    if isinstance(node, (ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return
    if isinstance(node, (ast.Dict, ast.Call)) and named_session(source, node) is not None:
        yield Cell(source, node, "config")
        return
    if isinstance(node, (ast.List, ast.Call, ast.Constant)) and is_transcript(source, node):
        yield Cell(source, node, "transcript")
        return
    if isinstance(node, ast.Call):
        kind = keeps(source, node)
        if kind is not None:
            yield Cell(source, node, kind)
            if kind in ("history", "list", "whole") and (inner := keyword(node, "chat_memory")) is not None:
                yield from cells_in(source, inner.value, depth)
            return
        if depth < 4 and isinstance(node.func, (ast.Name, ast.Attribute)) and may_make_memory(source, node.func):
            origins = source.origins(node.func)
            if len(origins) == 1 and origins[0].kind == "function" and isinstance(origins[0].node, FunctionNode) and near_memory(origins[0].source) and makes_cells(origins[0], depth + 1):
                yield Cell(source, node, "factory", origins[0])
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, LEAVES):
            yield from cells_in(source, child, depth)


def makes_cells(factory: Origin, depth: int = 0) -> bool:
    """Whether what a function returns keeps a conversation that the function itself begins."""
    return isinstance(factory.node, FunctionNode) and returns_cells(factory.source, factory.node, depth)


def adopted(source: Source, function: FunctionNode) -> Group | None:
    """What the function's module builds for it alone, where another file asks it once, when that is imported: `memory`, of which `make_chain` builds."""
    return source.remember(("adopted", function), lambda: _adopted(source, function))  # type: ignore[no-any-return]


def _adopted(source: Source, function: FunctionNode) -> Group | None:
    if asked_abroad(source, function) is None or not near_memory(source):
        return None
    for group in module_groups(source):
        free = source.names.inner[function].bindings.keys().isdisjoint(node.id for statement in group.statements for node in ast.walk(statement) if isinstance(node, ast.Name))
        plain = all(cell.kind in ("history", "list", "whole") for cell in group.cells) and not (group.foreign or group.lent)
        read = [use.node for use in uses_of(source, group.scope, group.slots, group.statements)]
        alone = not any(True for slot in group.slots for _ in imports_of(source, slot))
        if read and free and plain and alone and all(source.function(node) is function and built_upon(source, node) for node in read):
            return group
    return None


def returns_cells(source: Source, function: FunctionNode, depth: int = 0) -> bool:
    """Whether a function returns what keeps a conversation that it begins itself."""
    return source.remember(("returns cells", function, depth), lambda: _returns_cells(source, function, depth))  # type: ignore[no-any-return]


def _returns_cells(source: Source, function: FunctionNode, depth: int) -> bool:
    if depth == 1 and adopted(source, function) is not None:
        return True
    scope = source.names.inner[function]
    found = groups_in(source, function.body, scope, depth=depth)
    for node in source.index.returns.get(function, ()):
        if any(True for _ in cells_in(source, node, depth)):
            return True
        read = {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
        if any(read & set(group.slots) for group in found):
            return True
    return False


def written(statement: ast.stmt, me: str = "") -> list[str] | None:
    """The slots that an assignment binds as a whole; None when it is laid out in another way."""
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets = [statement.target]
    else:
        return None
    names = [slot for target in targets if (slot := slot_of(target, me))]
    return names if len(names) == len(targets) == 1 else None


def slot_of(target: ast.expr, me: str) -> str:
    return held(target, me) or (target.id if isinstance(target, ast.Name) else "")


def held(node: ast.AST, me: str) -> str:
    """The slot of what is held by `me`; "" for anything else.

    `me`: an instance, the application or its state, a dictionary (brackets behind its name), a mapping of the application (`[key]` behind it), or the names behind "global".
    """
    if not me:
        return ""
    if me.startswith("global "):
        return f"self.{node.id}" if isinstance(node, ast.Name) and node.id in me.split()[1:] else ""
    if me.endswith("]"):
        name = named_by(node.slice, me) if isinstance(node, ast.Subscript) else ""
        return f"self.{name}" if name and isinstance(node, ast.Subscript) and ast.unparse(node.value) == me.partition("[")[0] else ""
    if isinstance(node, ast.Attribute) and (node.value.id == me if isinstance(node.value, ast.Name) else "." in me and ast.unparse(node.value) == me):
        return f"self.{node.attr}"
    return ""


def named_by(key: ast.expr, me: str) -> str:
    """The name for what lies in a mapping under a key; of a dictionary only under texts that are names."""
    if me.endswith("[]"):
        return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) and key.value.isidentifier() else ""
    if isinstance(key, ast.Constant):
        name = re.sub(r"\W+", "_", key.value).strip("_") if isinstance(key.value, str) else ""
        return (name.lower() if name.isupper() else name) if name.isidentifier() and not iskeyword(name) else ""
    name = last_part(key)
    plain = (name.lower() if name.isupper() else name).removesuffix("_key")
    return f"{plain}_" if plain and plain in (name, "app") else plain


def reads(source: Source, node: ast.AST, scope: Scope, slots: Iterable[str], me: str = "") -> set[str]:
    """Which of the slots are read under a node."""
    wanted = set(slots)
    found = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and inner.id in wanted and isinstance(inner.ctx, ast.Load) and source.scope(inner).home(inner.id) is scope:
            if session_function(source, inner) is None:
                found.add(inner.id)
        elif me and isinstance(inner, (ast.Name, ast.Attribute, ast.Subscript)) and isinstance(inner.ctx, ast.Load) and (slot := held(inner, me)) in wanted:
            found.add(slot)
        elif isinstance(inner, ast.Call) and (lent := lent_by(source, inner, scope, me)) is not None:
            found |= wanted.intersection(lent[1])
    return found


def groups_in(
    source: Source, body: list[ast.stmt], scope: Scope, owner: ast.ClassDef | None = None, me: str = "", depth: int = 0, chains: bool = False, loose: bool = False
) -> list[Group]:  # fmt: skip
    """The groups that one body builds: what reaches each other is one group. `chains`: those that hold no memory too.

    `loose`: assignments laid out in other ways too; they bind no slots.
    """
    tainted: dict[str, ast.stmt] = {}
    cells: dict[ast.stmt, list[Cell]] = {}
    for statement in body:
        value = value_of(statement)
        if value is not None and not isinstance(statement, ast.Expr):
            found = list(cells_in(source, value, depth)) or ([Cell(source, value, "stateless")] if chains and is_chain(source, value) else [])  # type: ignore[arg-type]
            if found:
                cells[statement] = found
    foreign = foreign_groups(source) if scope is source.names.module and depth == 0 and not loose else {}
    if not cells and not foreign:
        return []
    links: list[tuple[ast.stmt, set[str]]] = []
    for _ in range(3):
        for statement in body:
            names = _binds(source, statement, scope, me)
            if names and (statement in cells or reads(source, value_of(statement) or statement, scope, [*tainted, *foreign], me)):
                tainted.update(dict.fromkeys(names, statement))
            elif loose and names is None and statement not in cells and reads(source, value_of(statement) or statement, scope, tainted, me):
                cells[statement] = []
            elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and scope.kind == "module" and _is_value(source, statement, body) and reads(source, statement, scope, tainted):
                tainted[statement.name] = statement
        for statement in body:  # `chain.memory = memory`: the chain holds it from then on
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Attribute) and reads(source, statement.value, scope, tainted, me):
                held = slot_of(statement.targets[0].value, me)
                maker = next((each for each in body if held and held in (written(each, me) or ())), None)
                if maker is not None:
                    tainted.setdefault(held, maker)
    members = list(dict.fromkeys(tainted.values()))
    members += [statement for statement in cells if loose and statement not in members]
    members += [statement for statement in body if statement not in members and _changes(statement, tainted, me)]
    for statement in members:
        links.append((statement, reads(source, statement, scope, tainted, me) | {slot for slot, at in tainted.items() if at is statement}))
    groups: list[Group] = []
    for statement, slots in links:
        joined = [group for group in groups if slots & set(group.slots)]
        merged = Group(source, body, scope, owner, me, [statement], {slot: at for slot, at in tainted.items() if slot in slots})
        handed = reads(source, statement, scope, foreign)
        merged.foreign = {name: group for name, group in foreign.items() if name in handed}
        for group in joined:
            groups.remove(group)
            merged.statements += group.statements
            merged.slots.update(group.slots)
            merged.foreign.update(group.foreign)
        groups.append(merged)
    for group in groups:
        group.statements.sort(key=body.index)
        group.cells = [cell for statement in group.statements for cell in cells.get(statement, ())]
    return [group for group in groups if group.cells or group.foreign or loose]


def module_groups(source: Source) -> list[Group]:
    """The groups of a module's own statements, without what they get from other modules."""
    if not near_memory(source):
        return []
    return source.remember("module groups", lambda: groups_in(source, source.tree.body, source.names.module, depth=1))  # type: ignore[no-any-return]


def foreign_groups(source: Source) -> dict[str, Group]:
    """What this module imports of the groups of other modules, by the name that it has here."""

    def read() -> dict[str, Group]:
        found: dict[str, Group] = {}
        for name, bindings in source.names.module.bindings.items():
            if len(bindings) != 1 or bindings[0].kind != "import":
                continue
            home = leads(source, bindings[0].origin, source.path)
            if home is None or not home[1] or home[0] is source:
                continue
            other = home[0]
            made = other.names.module.bindings.get(home[1], [])
            if len(made) != 1 or made[0].value is None:
                continue
            for group in module_groups(other):
                if home[1] in group.slots and len(group.slots) == 1:
                    found[name] = group
        return found

    return source.remember("foreign groups", read)  # type: ignore[no-any-return]


def function_groups(source: Source) -> Iterator[Group]:
    """The groups that functions build for the handlers within them: `create_app`."""
    known = handlers(source.project)
    around = {above for function in known for above in source.parents(function)}
    for function in source.functions():
        if function not in known and function in around:
            yield from groups_in(source, function.body, source.names.inner[function])


def class_groups(source: Source, chains: bool = False) -> Iterator[Group]:
    """The groups that classes build: in their bodies, and on `self` in methods that no request runs."""
    for owner in source.nodes(ast.ClassDef):
        for group in groups_in(source, owner.body, source.names.inner[owner], owner, chains=chains):
            if not any(each_has_own(source, owner, slot) for slot in group.slots):
                yield group
        for method in owner.body:
            if isinstance(method, ast.FunctionDef) and method.args.args and (method.name == "__init__" or not method.args.args[1:] or not reached(source, method)):
                me = method.args.args[0].arg
                for group in groups_in(source, method.body, source.names.inner[method], owner, me, chains=chains):
                    if any(slot.startswith("self.") for slot in group.slots):
                        yield group


def each_has_own(source: Source, owner: ast.ClassDef, attr: str) -> bool:
    """Whether `__init__` gives each instance its own object where the class's body has one too."""
    stores = (target for (_, name), targets in source.names.stores.items() if name == attr for target in targets)
    return any(source.class_of(target) is owner and (maker := source.function(target)) is not None and maker.name == "__init__" for target in stores)


def _binds(source: Source, statement: ast.stmt, scope: Scope, me: str) -> list[str] | None:
    """The slots that a statement binds, itself or by a method that sets one."""
    lent = lent_by(source, statement.value, scope, me) if isinstance(statement, ast.Expr) else None
    if lent is not None and lent[0].sets is not None and isinstance(target := lent[0].sets.targets[0], ast.Attribute):
        return [f"self.{target.attr}"]
    return written(statement, me)


def _changes(statement: ast.stmt, tainted: dict[str, ast.stmt], me: str) -> bool:
    """`chain.memory = memory`, `memory.save_context(...)`: changes to what was built, made where it was built."""
    target: ast.expr | None = None
    if isinstance(statement, (ast.Assign, ast.AugAssign)):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        if isinstance(target, ast.Attribute) and slot_of(target, me):
            return False
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) and isinstance(statement.value.func, ast.Attribute):
        target = statement.value.func
        if target.attr in ("run", "invoke", "predict", "ainvoke", "launch", "batch", "stream", "get_graph"):
            return False
    if not isinstance(target, ast.Attribute):
        return False
    node: ast.expr = target
    while isinstance(node, ast.Attribute):
        if slot_of(node, me) in tainted and node is not target:
            return True
        node = node.value
    return isinstance(node, ast.Name) and slot_of(node, me) in tainted


def _is_value(source: Source, function: FunctionNode, body: list[ast.stmt]) -> bool:
    """Whether an assignment of the same body hands the function on, as `RunnableLambda(load_history)` does; what registers a handler does not count."""
    if function in handlers(source.project):
        return False
    for load in source.names.loads.get(function.name, ()):
        statement: ast.AST = load
        while source.parent(statement) is not None and statement not in body:
            statement = source.parent(statement)  # type: ignore[assignment]
        above = source.parent(load)
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and not (isinstance(above, ast.Call) and above.func is load):
            call = above if isinstance(above, ast.Call) else source.parent(above) if isinstance(above, ast.keyword) else None
            at_start = isinstance(above, ast.keyword) and above.arg in AT_START
            return not at_start and not (isinstance(call, ast.Call) and source.qualified(call.func).endswith(".RunnableWithMessageHistory"))
    return False
