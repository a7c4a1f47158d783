"""Who reads a name of a module, in every file that is seen, and which handlers stand behind the readers."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..callers import callers
from ..handlers import Handler, handlers
from ..heirs import descendants
from ..names import Binding, FunctionNode, Scope, last_part
from ..origins import class_of
from ..source import Source
from ..tests import in_tests
from .key import meaning_of

AT_START = ("lifespan", "on_startup", "on_shutdown")  # keywords of an application that take what runs when the service starts or stops


@dataclass(frozen=True, slots=True, eq=False)
class Use:
    """One read of a shared name. `importing`: the import that brought it into this file."""

    source: Source
    node: ast.expr
    slot: str
    importing: Binding | None = None


@dataclass(slots=True, eq=False)
class User:
    """A function with the shared names that it reads; `function` is None for the block under `if __name__ == "__main__"`."""

    source: Source
    function: FunctionNode | None
    handler: Handler | None
    uses: list[Use] = field(default_factory=list)
    block: ast.If | None = None


def leads(source: Source, dotted: str, importer: str, depth: int = 0) -> tuple[Source, str] | None:
    """The file and name that an import means in the end, re-exports followed."""
    found = source.project.lookup(dotted, importer)
    if found is None or not found[1] or depth > 6:
        return found
    home, name = found
    bindings = home.names.module.bindings.get(name, [])
    if len(bindings) == 1 and bindings[0].kind == "import":
        return leads(home, bindings[0].origin, home.path, depth + 1) or found
    return found


def imports_of(source: Source, slot: str) -> Iterator[tuple[Source, Binding]]:
    """Every import of the name, re-exports among them, in the other files."""
    tails, todo = {slot}, [slot]
    while todo:
        tail = todo.pop()
        for other in source.project.mentioning(tail):
            for binding in other.index.imports.get(tail, ()) if other is not source else ():
                if leads(source, binding.origin, other.path) == (source, slot):
                    yield other, binding
                    if binding.name not in tails:  # handed on under another name
                        tails.add(binding.name)
                        todo.append(binding.name)


def uses_of(source: Source, scope: Scope, slots: Iterable[str], without: Iterable[ast.stmt] = ()) -> list[Use]:
    """Every read of names that live in a scope, those under the statements `without` left out."""
    inside = {node for statement in without for node in ast.walk(statement)}
    found: list[Use] = []
    for slot in slots:
        found += [Use(source, load, slot) for load in source.names.uses(slot, scope) if load not in inside]
        if scope.kind != "module":
            continue
        for other, binding in imports_of(source, slot):
            found += [Use(other, load, slot, binding) for load in other.uses(binding)]
        for other in source.project.mentioning(slot):
            for attribute in other.attributes(slot):
                if other is not source:
                    path = other.qualified(attribute)
                    if path and leads(source, path, other.path) == (source, slot):
                        found.append(Use(other, attribute, slot))
    return found


def enclosing(source: Source, node: ast.AST, outer: Scope | None = None) -> FunctionNode | None:
    """The handler that runs a node, else the outermost function (below `outer`) that does; None at module level."""
    known = handlers(source.project)
    scope: Scope | None = source.scope(node)
    found: FunctionNode | None = None
    while scope is not None and scope is not outer:
        if isinstance(scope.node, FunctionNode):
            found = scope.node
            if found in known and known[found].kind != "session":
                return found
        scope = scope.parent
    return found


def main_block(source: Source, node: ast.AST) -> ast.If | None:
    """The `if __name__ == "__main__":` around a node."""
    for above in source.parents(node):
        if isinstance(above, ast.If) and isinstance(source.parent(above), ast.Module) and "__name__" in ast.unparse(above.test):
            return above
    return None


def users_of(uses: Iterable[Use], outer: Scope | None = None) -> tuple[list[User], list[Use]]:
    """The functions that read, with their reads; and the reads that happen at import."""
    users: dict[ast.AST, User] = {}
    early: list[Use] = []
    for use in uses:
        function = enclosing(use.source, use.node, outer)
        block = main_block(use.source, use.node) if function is None else None
        holder = function or block
        if holder is None:
            early.append(use)
            continue
        if holder not in users:
            handler = handlers(use.source.project).get(function) if function is not None else None
            users[holder] = User(use.source, function, handler, block=block)
        users[holder].uses.append(use)
    return list(users.values()), early


def reached(source: Source, function: FunctionNode, seen: set[FunctionNode] | None = None) -> list[Handler]:
    """The handlers that run a function, directly or through its callers."""
    seen = seen if seen is not None else set()
    if function in seen or len(seen) > 200:
        return []
    seen.add(function)
    known = handlers(source.project).get(function)
    if known is not None:
        return [known]
    found: list[Handler] = []
    mentions = callers(source, function)
    for other, node in [*mentions.calls, *((other, node) for other, node, _ in mentions.runs), *mentions.others]:
        around = enclosing(other, node)
        if around is not None:
            found += reached(other, around, seen)
    return list(dict.fromkeys(found))


def read_by_requests(source: Source, names: Iterable[str]) -> bool:
    """Whether a function that requests run reads one of a module's names."""
    for use in uses_of(source, source.names.module, names):
        function = enclosing(use.source, use.node)
        if function is not None and reached(use.source, function):
            return True
    return False


def attribute_read(source: Source, name: str, attr: str) -> bool:
    """Whether a request reads an attribute of what a module's name stands for; of the module itself without a name."""
    if not name:
        return read_by_requests(source, [attr])
    for use in uses_of(source, source.names.module, [name]):
        above = use.source.parent(use.node)
        around = enclosing(use.source, use.node)
        if isinstance(above, ast.Attribute) and above.attr == attr and isinstance(above.ctx, ast.Load) and around is not None and reached(use.source, around):
            return True
    return False


def shelf_of(source: Source, node: ast.expr, *, module: bool = False) -> tuple[Source, str] | None:
    """The module, and the name there, of a thing that lives in a module: `parts`, `registry.parts`; with `module` also a module itself, without a name."""
    if isinstance(node, ast.Name):
        home = source.scope(node).home(node.id)
        if home is not source.names.module:
            return None
        bindings = home.bindings.get(node.id, [])
        if len(bindings) != 1 or bindings[0].kind != "import":
            return source, node.id
        found = leads(source, bindings[0].origin, source.path)
    else:
        dotted = source.qualified(node)
        found = leads(source, dotted, source.path) if dotted else None
    return found if found is not None and (found[1] or module) else None


# what instances hold


def member_uses(source: Source, owner: ast.ClassDef, names: Iterable[str], scope: Scope, without: Iterable[ast.stmt]) -> list[Use]:
    """Every read of attributes (`self.x`) and of locals of one class's method, those under the statements `without` left out."""
    inside = {node for statement in without for node in ast.walk(statement)}
    found: list[Use] = []
    for name in names:
        attr = name.removeprefix("self.")
        if attr == name and scope.kind == "function":
            found += [Use(source, load, name) for load in source.names.uses(name, scope) if load not in inside]
            continue
        for other in source.project.mentioning(attr):
            for attribute in other.attributes(attr):
                if isinstance(attribute.ctx, ast.Load) and attribute not in inside and is_instance(other, attribute.value, owner):
                    found.append(Use(other, attribute, name))
        if scope.kind == "class":
            found += [Use(source, load, name) for load in source.names.uses(name, scope) if load not in inside]
    return found


def is_instance(source: Source, node: ast.expr, owner: ast.ClassDef) -> bool:
    """Whether an expression is an instance of the class, or the class itself."""
    classes = source.project.remember(("classes", owner), lambda: _and_heirs(source, owner))
    for origin in source.origins(node):
        if origin.node in classes or ((found := class_of(origin)) is not None and found[1] in classes):
            return True
        callee = origin.node.func if origin.kind == "value" and isinstance(origin.node, ast.Call) else None
        if isinstance(callee, (ast.Name, ast.Attribute)) and any(made.node in classes for made in origin.source.origins(callee)):
            return True
    return isinstance(node, ast.Name) and node.id == "cls" and source.class_of(node) is owner


def _and_heirs(source: Source, owner: ast.ClassDef) -> list[ast.ClassDef]:
    home = next((other for other in (source, *source.project.mentioning(owner.name)) if owner in other.names.inner), source)
    return [each for _, each in descendants(home, owner)]


def instances(source: Source, owner: ast.ClassDef) -> Iterator[tuple[Source, ast.Call]]:
    """Every call that makes an instance of the class, or of one that inherits from it."""
    for home, each in descendants(source, owner):
        yield from _instances(home, each)


def _instances(source: Source, owner: ast.ClassDef) -> Iterator[tuple[Source, ast.Call]]:
    for other in source.project:
        for call in other.nodes(ast.Call) if owner.name in other.words or other is source else ():
            name = last_part(call.func)
            if not name or (isinstance(call.func, ast.Attribute) and name != owner.name):
                continue
            if (name == owner.name or other is not source or isinstance(call.func, ast.Name)) and any(origin.node is owner for origin in other.origins(call.func)):
                yield other, call


def lasting(source: Source, owner: ast.ClassDef) -> bool:
    """Whether an instance of the class outlives a request: made at import, at start-up, by a cached function, or once by the class itself."""
    return makes_one(source, owner) or any(_outlives(other, call) for other, call in instances(source, owner) if not in_tests(other))


def passing(source: Source, owner: ast.ClassDef) -> bool:
    """Whether some request makes an instance of its own."""
    return not makes_one(source, owner) and any(not _outlives(other, call) for other, call in instances(source, owner) if (around := enclosing(other, call)) is not None and reached(other, around))


def _outlives(source: Source, call: ast.Call) -> bool:
    around = enclosing(source, call)
    if around is None or any("cache" in ast.unparse(decorator) for decorator in around.decorator_list):
        return True
    return _is_kept(source, call) or (not reached(source, around) and _escapes(source, call))


def makes_one(source: Source, owner: ast.ClassDef) -> bool:
    """Whether the class gives the same instance again: by its metaclass, a decorator, or a method of those that it inherits from."""
    for each in owner.decorator_list:
        if source.qualified(each.func if isinstance(each, ast.Call) else each) in ("functools.lru_cache", "functools.cache") or "singleton" in ast.unparse(each).lower():
            return True
    for node in ast.walk(owner):  # `__new__` that looks at the class first, or one dictionary for all
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            method = source.function(node)
            if node.attr == "__dict__" or (method is not None and method.name == "__new__" and isinstance(node.value, ast.Name) and node.value.id in ("cls", owner.name)):
                return True
    if any(_keeps_heirs(home, above) for home, above in ancestors(source, owner)):
        return True
    for given in owner.keywords:
        for origin in source.origins(given.value) if given.arg == "metaclass" else ():
            if isinstance(origin.node, ast.ClassDef) and any(isinstance(method, FunctionNode) and method.name == "__call__" for method in origin.node.body):
                return True
    return False


def _by_key(source: Source, call: ast.Call, index: ast.expr) -> bool:
    """Whether an index names one conversation or one person, by itself or as what the callers give."""
    function = source.function(call)
    words = [*ast.walk(index)]
    for _, asked in callers(source, function).calls if function is not None else ():
        words += [node for given in [*asked.args, *(word.value for word in asked.keywords)] for node in ast.walk(given)]
    return any(meaning_of(node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else "") is not None for node in words)


def ancestors(source: Source, owner: ast.ClassDef, depth: int = 0) -> Iterator[tuple[Source, ast.ClassDef]]:
    """The project's classes that a class inherits from."""
    for base in owner.bases if depth < 4 else ():
        for origin in source.origins(base):
            if isinstance(origin.node, ast.ClassDef) and origin.node is not owner:
                yield origin.source, origin.node
                yield from ancestors(origin.source, origin.node, depth + 1)


def _keeps_heirs(source: Source, owner: ast.ClassDef) -> bool:
    """`cls._one = cls()` in a method that the heirs are asked for."""
    calls = (node for node in ast.walk(owner) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "cls")
    return any(_is_kept(source, call) for call in calls)


def kept_on_class(source: Source, owner: ast.ClassDef) -> bool:
    """Whether a method of the class, or of another, keeps its instances for all who ask: `cls.made[model] = cls(model)`."""
    return makes_one(source, owner) or any(_is_kept(other, call) for other, call in instances(source, owner) if not in_tests(other))


def _is_kept(source: Source, call: ast.Call) -> bool:
    """Whether an instance is put where the next request finds it: `cls._instance = cls()`, or a global name."""
    statement = source.parent(call)
    for target in statement.targets if isinstance(statement, ast.Assign) and statement.value is call else []:
        if isinstance(target, ast.Name) and target.id in source.scope(call).globals:
            return True
        if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Attribute) and not _by_key(source, call, target.slice):
            target = target.value
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            makers = source.function(call)
            first = makers.args.args[0].arg if makers is not None and makers.args.args else ""
            on_class = any(ast.unparse(decorator) == "classmethod" for decorator in makers.decorator_list) if makers is not None else False
            if (on_class and target.value.id == first) or any(origin.kind == "class" for origin in source.origins(target.value)):
                return True
    return False


def _escapes(source: Source, call: ast.Call) -> bool:
    """Whether what a function makes may outlive it: returned, stored, handed on, used by a function within; not only its methods called."""
    statement = source.parent(call)
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is not call:
        return not (isinstance(statement, ast.Attribute) and isinstance(source.parent(statement), ast.Call))
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    if not all(isinstance(target, ast.Name) for target in targets):
        return True
    scope = source.scope(call)
    for target in targets:
        if not isinstance(target, ast.Name) or target.id in scope.globals:
            return True
        for load in source.names.uses(target.id, scope):
            above = source.parent(load)
            method = isinstance(above, ast.Attribute) and isinstance(asked := source.parent(above), ast.Call) and asked.func is above
            if not method or source.scope(load) is not scope:
                return True
    return False
