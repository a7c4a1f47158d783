"""What remembers and outlives a request where no statement could be moved: in a cached function, a default argument, a class that is made once, a field."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..callers import callers
from ..handlers import handlers
from ..heirs import descendants
from ..libraries.memory import keeps, remembers
from ..names import FunctionNode
from ..source import Source, targets_of
from .key import may_tell_apart, parameters
from .on_application import given, read_on_application, slot_on_application, yielded
from .queued import made_by_workers
from .reach import (
    Use,
    User,
    enclosing,
    instances,
    lasting,
    main_block,
    member_uses,
    reached,
    read_by_requests,
    shelf_of,
)
from .shared import Group, cells_in, returns_cells, slot_of
from .states import states
from .transcripts import default_list, is_field

CACHES = ("functools.lru_cache", "functools.cache", "chainlit.cache")
ONE_FOR_ALL = ("Singleton", "ThreadSafeSingleton", "ThreadLocalSingleton", "Resource")
MAKERS = ("__init__", "__post_init__")

def overlooked(source: Source) -> Iterator[tuple[ast.AST, str, str]]:
    """Where it stands, a reason code and one sentence."""
    for function in source.functions():
        if _made_once(source, function):
            yield function, "factory", f"{function.name} gives all requests the object that it made for the first"
        elif _made_seldom(source, function):
            yield function, "factory", f"{function.name} gives all requests that ask alike the object that it made for the first, and none of its parameters is a key"
        elif (owner := _kept_property(source, function)) is not None:
            yield function, "factory", f"{owner.name} makes {function.name} once, and one instance serves all requests"
        if (default := default_list(source, function)) is not None and (_runs_for_requests(source, function) or keeper(source, function) is not None):
            yield default, "needed-at-import", f"a default argument of {function.name} is made once, for all requests"
    for word in source.nodes(ast.keyword) if b"previous_response_id" in source.utf8 else ():
        if (name := _last_answer(source, word)) and (around := enclosing(source, word)) is not None and reached(source, around):
            yield word, "rebound", f"each request goes on with {name}, the last answer that any of them got"
    for statement, name in states(source):
        if (around := enclosing(source, statement)) is not None and reached(source, around):
            yield statement, "rebound", f"each request goes on with {name}, to which the graph has come for any of them"
    for call in source.nodes(ast.Call):
        if keeps(source, call) is None:
            continue
        taker = default_of(source, call)
        if taker is not None and reached(source, taker):
            yield call, "needed-at-import", f"a default argument of {taker.name} is made once, for all requests"
        owner = source.class_of(call)
        if owner is not None and _on_class(source, call) and serves_requests(source, owner):
            yield call, "rebound", f"the class {owner.name} keeps it for all of its instances"
    yield from _within_expressions(source)
    yield from _named_sessions(source)
    yield from made_by_workers(source)
    yield from yielded(source)
    yield from given(source)
    yield from _in_containers(source)
    for word in source.nodes(ast.keyword):
        holder = source.parent(source.statement(word)) if word.arg == "default_factory" else None
        if isinstance(holder, ast.ClassDef) and (_makes(source, word.value) or is_field(source, source.statement(word))) and lasting(source, holder) and _field_read(source, holder, source.statement(word)):
            held = source.statement(word)
            name = ast.unparse(held.target) if isinstance(held, ast.AnnAssign) else "it"
            yield word, "unusual-assignment", f"{name} is a field of {holder.name}, of which one instance serves all requests; each session needs one of its own"


def _within_expressions(source: Source) -> Iterator[tuple[ast.AST, str, str]]:
    """What an expression makes once: `chain or (chain := make())`, `parts.setdefault("chain", make())`."""
    for each in source.nodes(ast.NamedExpr):
        around, name = enclosing(source, each), each.target.id
        if source.scope(each).home(name) is not source.names.module or not any(True for _ in cells_in(source, each.value)):
            continue
        if around is None and main_block(source, each) is None and read_by_requests(source, [name]):
            yield each, "built-in-a-block", f"{name} is shared by all requests and is built within an expression"
        elif around is not None and (reached(source, around) or read_by_requests(source, [name])):
            yield each, "rebound", f"{name} is set under `global` and used by {'other requests too' if reached(source, around) else 'all requests'}"
    for call in source.index.calls(("setdefault",)):
        holder = call.func.value if isinstance(call.func, ast.Attribute) and len(call.args) == 2 and isinstance(call.args[0], ast.Constant) else None
        around = enclosing(source, call)
        if holder is not None and around is not None and shelf_of(source, holder) is not None and any(True for _ in cells_in(source, call.args[1])) and reached(source, around):
            yield call, "unusual-assignment", f"{ast.unparse(holder)} is shared by all requests, and so is what stands in it under {ast.unparse(call.args[0])}"


def _named_sessions(source: Source) -> Iterator[tuple[ast.AST, str, str]]:
    """`SQLiteSession("main")` of OpenAI's agents: made once, or with a file in which each request finds the same messages."""
    for call in source.index.calls(("SQLiteSession",)) if "agents" in source.index.roots else ():
        name = call.args[0] if call.args else None
        if not source.qualified(call.func).startswith("agents.") or not (isinstance(name, ast.Constant) or (isinstance(name, ast.Name) and source.scope(name).home(name.id) is source.names.module)):
            continue
        around, targets = enclosing(source, call), targets_of(source.statement(call))
        if around is None and any(isinstance(target, ast.Name) and read_by_requests(source, [target.id]) for target in targets):
            yield call, "fixed-session", f"{ast.unparse(targets[0])} holds one session for all requests"
        elif around is not None and len(call.args) + len(call.keywords) > 1 and reached(source, around):
            yield call, "fixed-session", f"all requests that {around.name} serves lead the session {ast.unparse(name)}"


def _runs_for_requests(source: Source, function: FunctionNode) -> bool:
    owner = source.parent(function)
    return bool(reached(source, function)) or (isinstance(owner, ast.ClassDef) and function.name in MAKERS and serves_requests(source, owner))


def _in_containers(source: Source) -> Iterator[tuple[ast.AST, str, str]]:
    """`providers.Singleton(ConversationBufferMemory)` of dependency_injector."""
    for call in source.index.calls(ONE_FOR_ALL) if "dependency_injector" in source.index.roots else ():
        factory = call.args[0] if call.args and source.qualified(call.func).startswith("dependency_injector.providers.") else None
        if isinstance(factory, (ast.Name, ast.Attribute)):
            made = any(origin.kind == "function" and isinstance(origin.node, FunctionNode) and returns_cells(origin.source, origin.node) for origin in source.origins(factory))
            if made or _makes(source, factory):
                yield call, "handed-on", f"the container gives all requests the one {ast.unparse(factory)} that it makes"


def _last_answer(source: Source, given: ast.keyword) -> str:
    """The name of the module, or the attribute of an object that lasts, set anew by requests, that `previous_response_id=` is given."""
    value = given.value
    if given.arg != "previous_response_id":
        return ""
    if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name):
        owner, base = source.class_of(value), value.value.id
        sets = [source.function(store) for store in source.names.stores.get((base, value.attr), ())]
        anew = owner is not None and base in ("self", "cls", owner.name) and any(function is not None and function.name not in MAKERS for function in sets)
        return ast.unparse(value) if anew and owner is not None and (base != "self" or lasting(source, owner)) else ""
    if not isinstance(value, ast.Name):
        return ""
    home = source.scope(value).home(value.id)
    anew = home is not None and home.kind == "module" and any(binding.within is not home for binding in home.bindings[value.id])
    return value.id if anew else ""


def default_of(source: Source, node: ast.AST) -> FunctionNode | None:
    """The function of which a node is (in) a default argument."""
    for above in source.parents(node):
        if isinstance(above, FunctionNode):
            inside = any(node in ast.walk(default) for default in [*above.args.defaults, *above.args.kw_defaults] if default is not None)
            return above if inside else None
    return None


def kept_by(user: User) -> ast.ClassDef | None:
    """The class whose instances are given a shared object when they are made, where requests use them."""
    return keeper(user.source, user.function) if user.function is not None else None


def keeper(source: Source, function: FunctionNode, seen: frozenset[ast.ClassDef] = frozenset()) -> ast.ClassDef | None:
    """The class whose instances requests use, where the function is what makes one, or is run only by what makes one."""
    owner = source.parent(function)
    return owner if isinstance(owner, ast.ClassDef) and _makes_instances(source, function) and serves_requests(source, owner, seen) else None


def _makes_instances(source: Source, function: FunctionNode) -> bool:
    if function.name in MAKERS:
        return True
    found = callers(source, function)
    makers = [around for other, call in found.calls if (around := other.function(call)) is not None and around.name in MAKERS and other.class_of(call) is not None]
    return bool(makers) and len(makers) == len(found.calls) and not found.others and not found.runs


def built_by(group: Group, user: User) -> str | None:
    """What an instance is given when it is made, by a method that reads a shared object: `self.agent = self._agent()`; None when no request uses that."""
    source, function, owner = user.source, user.function, group.owner
    if owner is None or function is None or source.parent(function) is not owner:
        return None
    if _makes_instances(source, function) and function.name not in MAKERS and serves_requests(source, owner):
        for use in user.uses:
            made = use.source.statement(use.node)
            for target in made.targets if isinstance(made, ast.Assign) else []:
                if (slot := slot_of(target, group.me)).startswith("self.") and slot not in group.slots:
                    return slot
    for other, call in callers(source, function).calls:
        statement = other.statement(call)
        for target in statement.targets if isinstance(statement, ast.Assign) and other.function(call) is group.scope.node else []:
            if slot := slot_of(target, group.me):
                uses = member_uses(source, owner, [slot], group.scope, [statement])
                if any((around := enclosing(use.source, use.node)) is not None and reached(use.source, around) for use in uses):
                    return slot
    return None


def built_with(source: Source, function: FunctionNode, depth: int = 0) -> str | None:
    """What lasts, and is built by a function that reads a shared object, before any request: `chain = make_chain()`; None when no request uses that."""
    for other, call in callers(source, function).calls:
        around = other.function(call)
        if around is not None and reached(other, around):
            continue
        statement = other.statement(call)
        if isinstance(statement, ast.Return) and around is not None and depth < 3 and (found := built_with(other, around, depth + 1)) is not None:
            return found
        targets = targets_of(statement)
        for target in targets:
            if used_by_requests(other, target, around):
                return ast.unparse(target)
    return None


def used_by_requests(source: Source, target: ast.expr, around: FunctionNode | None, seen: frozenset[ast.ClassDef] = frozenset()) -> bool:
    if isinstance(target, ast.Name):
        return (around is None or target.id in source.scope(target).globals) and read_by_requests(source, [target.id])
    if (slot := slot_on_application(source, target)) is not None:
        return read_on_application(source, slot)
    if isinstance(target, ast.Subscript) and (shelf := shelf_of(source, target.value)) is not None:
        return read_by_requests(shelf[0], [shelf[1]])
    return isinstance(target, ast.Attribute) and around is not None and keeper(source, around, seen) is not None


def handed_out(source: Source, function: FunctionNode) -> bool:
    """Whether a function is put, as a value, into something that requests use: `self.get = get_chain`, `makers = {"chat": get_chain}`."""
    for other, mention in callers(source, function).others:
        statement, around = other.statement(mention), other.function(mention)
        targets = targets_of(statement)
        if any(used_by_requests(other, target, around) for target in targets):
            return True
    return False


def defaulted(use: Use) -> FunctionNode | None:
    """The function, run by requests, that takes a shared object as a default argument."""
    function = default_of(use.source, use.node)
    return function if function is not None and reached(use.source, function) else None


def serves_requests(source: Source, owner: ast.ClassDef, seen: frozenset[ast.ClassDef] = frozenset()) -> bool:
    """Whether a request runs a method of the class, or of one that inherits from it, or asks an instance that was made before."""
    if owner in seen:
        return False
    if any(isinstance(method, FunctionNode) and reached(home, method) for home, each in descendants(source, owner) for method in each.body):
        return True
    if _depended_on(source, owner):
        return True
    for other, call in instances(source, owner):
        around, statement = enclosing(other, call), other.statement(call)
        if around is not None and reached(other, around):
            return True
        targets = statement.targets if isinstance(statement, ast.Assign) and statement.value is call else []
        if any(used_by_requests(other, target, other.function(call), seen | {owner}) for target in targets):
            return True
    return False


def _depended_on(source: Source, owner: ast.ClassDef) -> bool:
    """Whether FastAPI makes an instance for what depends on the class: `Depends(Bot)`, `bot: Bot = Depends()`."""
    for other in source.project.mentioning(owner.name):
        for call in other.index.calls(("Depends", "Security")):
            above = other.parent(call)
            given = call.args[0] if call.args else above.elts[0] if isinstance(above, ast.Tuple) else None
            if isinstance(above, FunctionNode) and given is None:
                args, last = [*above.args.posonlyargs, *above.args.args], above.args.defaults
                pairs = [*zip(args[len(args) - len(last) :], last), *zip(above.args.kwonlyargs, above.args.kw_defaults)]
                given = next((arg.annotation for arg, default in pairs if default is call), None)
            if given is not None and any(origin.node is owner for origin in other.origins(given)):
                return True
    return False


def is_cached(source: Source, function: FunctionNode) -> bool:
    """Whether a function without parameters gives the same object at each call."""
    names = [source.qualified(each.func if isinstance(each, ast.Call) else each) for each in function.decorator_list]
    return any(name in CACHES for name in names) and ast.unparse(function.args) in ("", "self")


def _made_once(source: Source, function: FunctionNode) -> bool:
    return is_cached(source, function) and returns_cells(source, function) and bool(reached(source, function) or function in handlers(source.project))


def _made_seldom(source: Source, function: FunctionNode) -> bool:
    """Whether a function gives the same object to all who call it with the same arguments, and these don't tell whose request it is."""
    names = [source.qualified(each.func if isinstance(each, ast.Call) else each) for each in function.decorator_list]
    if not any(name in CACHES for name in names) or function.args.vararg or function.args.kwarg or not parameters(function) or not returns_cells(source, function):
        return False
    if not (reached(source, function) or function in handlers(source.project)):
        return False
    given = [arg.arg for arg in parameters(function)]
    for _, call in callers(source, function).calls:
        given += [ast.unparse(each) for each in [*call.args, *(word.value for word in call.keywords)]]
    return not any(may_tell_apart(text) for text in given)


def _kept_property(source: Source, function: FunctionNode) -> ast.ClassDef | None:
    """The class that makes what a property returns once for each instance, where requests share one."""
    owner = source.parent(function)
    if not isinstance(owner, ast.ClassDef) or not any(source.qualified(each).rpartition(".")[2] == "cached_property" for each in function.decorator_list):
        return None
    return owner if returns_cells(source, function) and reached(source, function) and lasting(source, owner) else None


def _on_class(source: Source, call: ast.Call) -> bool:
    """`cls.memory = ...`, `cls._instance.memory = ...`."""
    statement, function = source.statement(call), source.function(call)
    if function is None or not isinstance(statement, ast.Assign) or not function.args.args:
        return False
    first = function.args.args[0].arg
    makes = function.name == "__new__" or any(ast.unparse(each) == "classmethod" for each in function.decorator_list)
    target: ast.expr = statement.targets[0]
    while isinstance(target, ast.Attribute):
        target = target.value
    return makes and isinstance(statement.targets[0], ast.Attribute) and isinstance(target, ast.Name) and target.id == first


def _makes(source: Source, factory: ast.expr) -> bool:
    if isinstance(factory, ast.Lambda):
        return isinstance(factory.body, ast.Call) and keeps(source, factory.body) is not None
    return remembers(source.qualified(factory))


def _field_read(source: Source, owner: ast.ClassDef, statement: ast.stmt) -> bool:
    name = statement.target.id if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) else ""
    uses = member_uses(source, owner, [name], source.names.inner[owner], ()) if name else []
    return any((around := enclosing(use.source, use.node)) is not None and reached(use.source, around) for use in uses)
