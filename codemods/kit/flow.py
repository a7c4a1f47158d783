"""Where a value goes: the places that read it, hold it and pass it on, across names, attributes, functions and files."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .names import Binding, FunctionNode
from .origins import SAME_VALUE, _class_of, assignments, origins_of, return_values
from .source import Source, is_none

Kind = Literal["name", "attr", "returns", "state"]
FIELDS = ("dataclasses.field", "pydantic.Field", "attr.ib", "attrs.field", "attr.field")
DEPENDS = ("fastapi.Depends", "fastapi.params.Depends", "fastapi.Security")


@dataclass(frozen=True, slots=True)
class Holder:
    """What keeps a value: a name of a scope, an attribute of a class, a function's return, or an attribute of some `.state`.

    `owner` is the scope's node, the class or the function; a `state` has none. What is returned in a tuple has its index for a name.
    """

    kind: Kind
    source: Source | None
    owner: ast.AST | None
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Move:
    """One step of a value.

    From an expression: member, changed (an attribute is set), called, argument (`node` is the call), same (`node` has the same
    value), awaited, iterated, entered, held, tested (read without keeping it), unknown.
    From a holder: value (`node` has the value), held (by another holder), maybe (an attribute of that name on something unknown), unknown.
    """

    kind: str
    source: Source
    node: ast.AST
    holder: Holder | None = None


def moves(source: Source, node: ast.AST) -> list[Move]:
    """Where the value of one expression goes from here."""
    above = source.parent(node)
    if isinstance(above, ast.Attribute):
        return [Move("member" if isinstance(above.ctx, ast.Load) else "changed", source, above)]
    if isinstance(above, ast.Call):
        return [Move("called", source, above)] if above.func is node else _passed(source, above, node, "")
    if isinstance(above, ast.keyword):
        call = source.parent(above)
        return _passed(source, call, node, above.arg or "") if isinstance(call, ast.Call) and above.arg else [Move("unknown", source, above)]
    if isinstance(above, ast.BoolOp) or (isinstance(above, ast.IfExp) and above.test is not node):
        return [Move("same", source, above)]
    if isinstance(above, ast.NamedExpr):
        return [Move("same", source, above), *_held(source, above.target)]
    if isinstance(above, ast.Await):
        return [Move("awaited", source, above)]
    if isinstance(above, ast.Assign):
        return [move for target in above.targets for move in _held(source, target)]
    if isinstance(above, ast.AnnAssign):
        return _held(source, above.target)
    if isinstance(above, ast.Tuple) and isinstance(assign := source.parent(above), ast.Assign):
        return _unpacked(source, assign, above, node)
    if isinstance(above, ast.Tuple) and isinstance(source.parent(above), ast.Return) and (function := source.function(above)) is not None:
        return [Move("held", source, above, Holder("returns", source, function, str(above.elts.index(node))))]  # type: ignore[arg-type]
    if isinstance(above, (ast.Return, ast.Yield)):
        function = source.function(above)
        return [Move("held", source, above, Holder("returns", source, function, ""))] if function is not None else [Move("unknown", source, above)]
    if isinstance(above, (ast.For, ast.AsyncFor, ast.comprehension)) and above.iter is node:
        return [Move("iterated", source, above)]
    if isinstance(above, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        clause = next((clause for clause in above.generators if clause.iter is node), None)
        return [Move("iterated", source, clause)] if clause is not None else [Move("unknown", source, above)]
    if isinstance(above, ast.YieldFrom):
        return [Move("iterated", source, above)]
    if isinstance(above, ast.withitem):
        return [Move("entered", source, above)]
    if isinstance(above, ast.Lambda):
        return [Move("held", source, above, holder)] if above.body is node and (holder := _factory(source, above)) else [Move("unknown", source, above)]
    if isinstance(above, FunctionNode) and (holder := _default_of(source, above, node)) is not None:
        return [Move("held", source, above, holder)]
    if isinstance(above, (ast.Expr, ast.UnaryOp, ast.If, ast.While, ast.Assert, ast.IfExp, ast.FormattedValue)):
        return [Move("tested", source, above)]
    if isinstance(above, ast.Compare) and all(isinstance(test, (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)) for test in above.ops):
        return [Move("tested", source, above)]
    return [Move("unknown", source, above if above is not None else node)]


def _unpacked(source: Source, assign: ast.Assign, group: ast.Tuple, node: ast.AST) -> list[Move]:
    found = []
    for target in assign.targets:
        if isinstance(target, (ast.Tuple, ast.List)) and len(target.elts) == len(group.elts) and not any(isinstance(e, ast.Starred) for e in target.elts):
            found += _held(source, target.elts[[part is node for part in group.elts].index(True)])
        else:
            found.append(Move("unknown", source, group))
    return found


def _held(source: Source, target: ast.expr) -> list[Move]:
    holder = holder_of(source, target)
    return [Move("held", source, target, holder)] if holder is not None else [Move("unknown", source, target)]


def holder_of(source: Source, target: ast.AST | None) -> Holder | None:
    """The holder that an assignment to `target` fills."""
    if isinstance(target, ast.Name):
        home = source.scope(target).home(target.id)
        if home is None:
            return None
        return Holder("attr" if home.kind == "class" else "name", source, home.node, target.id)
    if not isinstance(target, ast.Attribute):
        return None
    owner = instance_of(source, target.value)
    if owner is not None:
        return Holder("attr", owner[0], owner[1], target.attr)
    if isinstance(target.value, ast.Attribute) and target.value.attr == "state":
        return Holder("state", None, None, target.attr)
    path = source.qualified(target)
    found = source.project.lookup(path, source.path) if path else None
    if found is not None and found[1] and found[1] in found[0].names.module.bindings:
        return Holder("name", found[0], found[0].tree, found[1])
    return None


def instance_of(source: Source, node: ast.AST) -> tuple[Source, ast.ClassDef] | None:
    """The class of the project of which an expression is an instance (or which it names), if it can be but one."""
    classes = [_class_of(origin) for origin in source.origins(node)]
    return classes[0] if classes and all(each is not None and each == classes[0] for each in classes) else None


def _passed(source: Source, call: ast.Call, node: ast.AST, keyword: str) -> list[Move]:
    """Where an argument goes: into parameters of the project's functions, into fields of its classes, or who knows where."""
    path = source.qualified(call.func)
    if path in SAME_VALUE and path not in DEPENDS:
        return [Move("same", source, call)]
    if path in FIELDS and keyword == "default_factory":
        holder = _field(source, call)
        return [Move("held", source, call, holder)] if holder is not None else [Move("unknown", source, call)]
    position = call.args.index(node) if node in call.args else -1
    if path == "functools.partial" and call.args and position != 0:
        return _bound(source, call, position - 1, keyword)
    if any(isinstance(arg, ast.Starred) for arg in call.args[: position + 1]):
        return [Move("argument", source, call)]
    found = []
    for origin in source.origins(call.func) if isinstance(call.func, (ast.Name, ast.Attribute)) else []:
        holder = None
        if origin.kind == "function" and isinstance(origin.node, FunctionNode):
            holder = parameter(origin.source, origin.node, position, keyword, call.func)
        elif origin.kind == "class" and isinstance(origin.node, ast.ClassDef):
            holder = field_of(origin.source, origin.node, position, keyword)
        found.append(Move("held", source, call, holder) if holder is not None else Move("argument", source, call))
    return found or [Move("argument", source, call)]


def _bound(source: Source, call: ast.Call, position: int, keyword: str) -> list[Move]:
    """Where an argument of `partial(function, ...)` goes."""
    holders = [
        parameter(origin.source, origin.node, position, keyword, call.args[0]) if origin.kind == "function" and isinstance(origin.node, FunctionNode) else None
        for origin in source.origins(call.args[0])
    ]
    return [Move("held", source, call, holder) if holder is not None else Move("argument", source, call) for holder in holders] or [Move("argument", source, call)]


def parameter(source: Source, function: FunctionNode, position: int, keyword: str, callee: ast.AST | None = None) -> Holder | None:
    """The parameter that an argument fills; `callee` tells whether a method's first one is filled already."""
    args = function.args
    names = [arg.arg for arg in (*args.posonlyargs, *args.args)]
    if keyword:
        return Holder("name", source, function, keyword) if keyword in names or keyword in [arg.arg for arg in args.kwonlyargs] else None
    bound = isinstance(callee, ast.Attribute) or function.name == "__init__"
    if bound and isinstance(source.parent(function), ast.ClassDef) and not _decorated(source, function, "staticmethod"):
        position += 1
    return Holder("name", source, function, names[position]) if position < len(names) else None


def field_of(source: Source, owner: ast.ClassDef, position: int, keyword: str) -> Holder | None:
    """What an argument of a class's call fills: a parameter of `__init__`, or a field."""
    initial = next((method for method in owner.body if isinstance(method, FunctionNode) and method.name == "__init__"), None)
    if initial is not None:
        return parameter(source, initial, position, keyword)
    fields = [each.target.id for each in owner.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)]
    name = keyword if keyword in fields else fields[position] if not keyword and position < len(fields) else ""
    return Holder("attr", source, owner, name) if name else None


def _factory(source: Source, node: ast.Lambda) -> Holder | None:
    """The field of which a lambda is the default_factory."""
    above = source.parent(node)
    call = source.parent(above) if isinstance(above, ast.keyword) and above.arg == "default_factory" else None
    return _field(source, call) if isinstance(call, ast.Call) and source.qualified(call.func) in FIELDS else None


def _field(source: Source, call: ast.Call) -> Holder | None:
    above = source.parent(call)
    return holder_of(source, above.target) if isinstance(above, ast.AnnAssign) else None


def _default_of(source: Source, function: FunctionNode, node: ast.AST) -> Holder | None:
    scope = source.names.inner[function]
    name = next((name for name, found in scope.bindings.items() if any(each.kind == "param" and each.value is node for each in found)), "")
    return Holder("name", source, function, name) if name else None


def _decorated(source: Source, function: FunctionNode, *names: str) -> bool:
    return any((source.qualified(d) or (d.id if isinstance(d, ast.Name) else "")).rpartition(".")[2] in names for d in function.decorator_list)


# from a holder


def reads(holder: Holder) -> list[Move]:
    """Every expression that has the holder's value, and every holder that gets it by itself (imports, Depends)."""
    if holder.kind == "state":
        raise ValueError("a state is read through a project: states()")
    assert holder.source is not None and holder.owner is not None
    if holder.kind == "name":
        return list(_name_reads(holder.source, holder.owner, holder.name))
    if holder.kind == "attr":
        assert isinstance(holder.owner, ast.ClassDef)
        found = [Move("value", source, node) if sure else Move("maybe", source, node) for source, node, sure in attributes(holder.source, holder.owner, holder.name)]
        inside = holder.source.names.uses(holder.name, holder.source.names.inner[holder.owner])
        return found + [Move("value", holder.source, load) for load in inside]
    assert isinstance(holder.owner, FunctionNode)
    whole = list(_results(holder.source, holder.owner))
    return [part for move in whole for part in _part(move, int(holder.name))] if holder.name else whole


def _part(move: Move, index: int) -> Iterator[Move]:
    """One element of a tuple that a call gives: unpacked into names at once, or read by its index."""
    source, node = move.source, move.node
    above = source.parent(node)
    target = above.targets[0] if move.kind == "value" and isinstance(above, ast.Assign) and len(above.targets) == 1 else None
    if isinstance(target, (ast.Tuple, ast.List)) and index < len(target.elts) and not any(isinstance(part, ast.Starred) for part in target.elts):
        yield from _held(source, target.elts[index])
    elif move.kind == "value" and isinstance(above, ast.Subscript) and isinstance(above.slice, ast.Constant) and above.slice.value == index:
        yield Move("value", source, above)
    elif not (move.kind == "value" and isinstance(above, ast.Expr)):
        yield Move("unknown", source, node)


def states(source: Source, name: str) -> Iterator[tuple[Source, ast.Attribute]]:
    """Every `….state.<name>` of the project, read or written."""
    for other in source.project:
        for node in other.nodes(ast.Attribute):
            if node.attr == name and isinstance(node.value, ast.Attribute) and node.value.attr == "state":
                yield other, node


def _name_reads(source: Source, owner: ast.AST, name: str) -> Iterator[Move]:
    scope = source.names.inner[owner]
    for load in source.names.uses(name, scope):
        yield Move("value", source, load)
    if scope.kind != "module":
        return
    for other in source.project:
        if other is source:
            continue
        for home, bound in imports_of(other).get((source.path, name), ()):
            yield Move("held", other, home, Holder("name", other, home, bound))
        for node in other.nodes(ast.Attribute):
            if node.attr == name and isinstance(node.ctx, ast.Load) and (path := other.qualified(node)):
                found = other.project.lookup(path, other.path)
                if found is not None and found[0] is source and found[1] == name:
                    yield Move("value", other, node)
        if source.path in _stars(other):
            for load in other.names.loads.get(name, ()):
                if other.scope(load).home(name) is None:
                    yield Move("value", other, load)


def imports_of(source: Source) -> dict[tuple[str, str], list[tuple[ast.AST, str]]]:
    """What the file imports from the project's other files: (path, name) to the scopes and names that hold it."""

    def read() -> dict[tuple[str, str], list[tuple[ast.AST, str]]]:
        found: dict[tuple[str, str], list[tuple[ast.AST, str]]] = {}
        for scope in source.names.inner.values():
            for name, bindings in scope.bindings.items():
                for binding in bindings:
                    target = source.project.lookup(binding.origin, source.path) if binding.kind == "import" else None
                    if target is not None and target[1]:
                        found.setdefault((target[0].path, target[1]), []).append((scope.node, name))
        return found

    return source.remember("imports of the project", read)  # type: ignore[no-any-return]


def _stars(source: Source) -> set[str]:
    def read() -> set[str]:
        found = set()
        for node in source.nodes(ast.ImportFrom):
            if any(alias.name == "*" for alias in node.names) and (module := source.project.find(source.names.absolute(node), source.path)):
                found.add(module.path)
        return found

    return source.remember("star imports", read)  # type: ignore[no-any-return]


def family(source: Source, owner: ast.ClassDef) -> set[ast.ClassDef]:
    """A class with its ancestors and descendants in the project."""

    def read() -> set[ast.ClassDef]:
        links: list[tuple[ast.ClassDef, ast.ClassDef]] = []
        for other in source.project:
            for made in other.nodes(ast.ClassDef):
                for base in made.bases:
                    links += [(made, o.node) for o in origins_of(other, base) if o.kind == "class" and isinstance(o.node, ast.ClassDef)]
        found = set()
        for near, far in ((0, 1), (1, 0)):
            todo = [owner]
            seen = {owner}
            while todo:
                here = todo.pop()
                for link in links:
                    if link[near] is here and link[far] not in seen:
                        seen.add(link[far])
                        todo.append(link[far])
            found |= seen
        return found

    return source.remember(("family", owner), read)  # type: ignore[no-any-return]


def attributes(source: Source, owner: ast.ClassDef, name: str, ctx: type[ast.expr_context] = ast.Load) -> Iterator[tuple[Source, ast.Attribute, bool]]:
    """Every `x.<name>` of the project where x is an instance of the class or its kin; not sure where x is unknown."""
    kin = family(source, owner)
    for other in source.project:
        for node in other.nodes(ast.Attribute):
            if node.attr != name or not isinstance(node.ctx, ctx):
                continue
            origins = other.origins(node.value)
            classes = [_class_of(origin) for origin in origins]
            if any(each is not None and each[1] in kin for each in classes):
                yield other, node, all(each is not None for each in classes)
            elif any(origin.kind in ("unknown", "parameter") for origin in origins):
                yield other, node, False


def references(source: Source, function: FunctionNode) -> list[Move]:
    """Every place that names a function or, for `__init__`, its class."""
    owner = source.parent(function)
    if isinstance(owner, ast.ClassDef):
        if function.name != "__init__":
            return reads(Holder("attr", source, owner, function.name))
        return _flat(Holder("name", source, source.names.scopes[owner].node, owner.name))
    return _flat(Holder("name", source, source.names.scopes[function].node, function.name))


def _flat(holder: Holder) -> list[Move]:
    """The reads of a name, through imports of the project's other files."""
    found: list[Move] = []
    todo, seen = [holder], {holder}
    while todo:
        for move in reads(todo.pop()):
            if move.holder is None:
                found.append(move)
            elif move.holder not in seen:
                seen.add(move.holder)
                todo.append(move.holder)
    return found


def _results(source: Source, function: FunctionNode) -> Iterator[Move]:
    """What a function returns turns up where it is called, or where the framework puts it."""
    if isinstance(source.parent(function), ast.ClassDef) and _decorated(source, function, "property", "cached_property"):
        yield from references(source, function)
        return
    if any(not _transparent(source, decorator) for decorator in function.decorator_list):
        yield Move("unknown", source, function)
        return
    generator = any(source.function(node) is function for node in source.nodes(ast.Yield))
    for reference in references(source, function):
        other, node = reference.source, reference.node
        above = other.parent(node)
        if reference.kind != "value":
            yield reference
        elif isinstance(above, ast.Call) and above.func is node and not generator:
            waited = other.parent(above)
            if isinstance(function, ast.FunctionDef):
                yield Move("value", other, above)
            elif isinstance(waited, ast.Await):
                yield Move("value", other, waited)
            else:
                yield Move("unknown", other, above)
        elif isinstance(above, ast.Call) and other.qualified(above.func) in DEPENDS:
            yield from _provided(other, above)
        elif isinstance(above, ast.keyword) and above.arg == "default_factory" and isinstance(call := other.parent(above), ast.Call) and (holder := _field(other, call)):
            yield Move("held", other, above, holder)
        elif (isinstance(above, ast.Subscript) and isinstance(above.value, ast.Attribute) and above.value.attr == "dependency_overrides") or (isinstance(above, ast.Attribute) and above.attr in ("cache_clear", "cache_info")):
            continue
        else:
            yield Move("unknown", other, node)


def _transparent(source: Source, decorator: ast.expr) -> bool:
    node = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = (source.qualified(node) or (node.id if isinstance(node, ast.Name) else "")).rpartition(".")[2]
    return name in ("lru_cache", "cache", "staticmethod", "classmethod", "override", "inject", "overload", "step", "traceable", "observe", "retry", "wraps")


def _provided(source: Source, depends: ast.Call) -> Iterator[Move]:
    """The parameters that `Depends(f)` fills: as a default, in Annotated, or through a name for the Annotated type."""
    above = source.parent(depends)
    if isinstance(above, FunctionNode) and (holder := _default_of(source, above, depends)) is not None:
        yield Move("held", source, depends, holder)
        return
    typed = source.parent(above) if isinstance(above, ast.Tuple) else None
    if not isinstance(typed, ast.Subscript):
        yield Move("unknown", source, depends)
        return
    places: list[tuple[Source, ast.AST]] = [(source, typed)]
    alias = source.parent(typed)
    if isinstance(alias, (ast.Assign, ast.AnnAssign)) and (holder := holder_of(source, alias.targets[0] if isinstance(alias, ast.Assign) else alias.target)):
        places = [(move.source, move.node) for move in _flat(holder) if move.kind == "value"]
    for other, node in places:
        arg = other.parent(node)
        function = arg if isinstance(arg, FunctionNode) else other.parent(arg) if arg is not None else None
        held = None
        if isinstance(function, FunctionNode):
            scope = other.names.inner[function]
            held = next((name for name, found in scope.bindings.items() if any(each.kind == "param" and each.annotation is node for each in found)), None)
        if held is not None:
            yield Move("held", other, node, Holder("name", other, function, held))
        else:
            yield Move("unknown", other, node)


# into a holder


def writes(holder: Holder, project_source: Source) -> list[Move]:
    """Everything that fills a holder: value (`node` is the expression), held (an import), entered (`node` is the withitem), unknown."""
    if holder.kind == "state":
        return list(_state_writes(project_source, holder.name))
    source, owner = holder.source, holder.owner
    assert source is not None and owner is not None
    if holder.kind == "returns":
        assert isinstance(owner, FunctionNode)
        values = return_values(source, owner)
        if holder.name:
            values = [value.elts[int(holder.name)] if isinstance(value, ast.Tuple) and len(value.elts) > int(holder.name) else value for value in values]
        values += [node.value for node in source.nodes(ast.Yield) if source.function(node) is owner and node.value is not None]
        return [Move("value", source, value) for value in values if not is_none(value)]
    if holder.kind == "name":
        return list(_name_writes(source, owner, holder.name))
    assert isinstance(owner, ast.ClassDef)
    return list(_attr_writes(source, owner, holder.name))


def _state_writes(source: Source, name: str) -> Iterator[Move]:
    for other, node in states(source, name):
        if isinstance(node.ctx, ast.Store):
            statement = other.parent(node)
            yield Move("value", other, statement.value) if isinstance(statement, ast.Assign) else Move("unknown", other, node)


def _name_writes(source: Source, owner: ast.AST, name: str) -> Iterator[Move]:
    scope = source.names.inner[owner]
    for binding in scope.bindings.get(name, []):
        if binding.kind == "import":
            found = source.project.lookup(binding.origin, source.path)
            if found is not None and found[1]:
                yield Move("held", source, binding.node, Holder("name", found[0], found[0].tree, found[1]))
            else:
                yield Move("unknown", source, binding.node)
        elif binding.kind == "param":
            if binding.value is not None and not is_none(binding.value) and not _is_depends(source, binding.value):
                yield Move("value", source, binding.value)
            if isinstance(owner, FunctionNode):
                yield from arguments(source, owner, name)
        elif binding.kind in ("assign", "with") and not binding.unpacked and binding.value is not None:
            if not is_none(binding.value):
                yield Move("value" if binding.kind == "assign" else "entered", source, binding.value)
        elif binding.kind not in ("annotation", "delete"):
            parts = _unpacked_results(source, binding)
            yield from parts or [Move("unknown", source, binding.node)]
    if scope.kind == "module":
        for other in source.project:
            for (_, attr), targets in other.names.stores.items() if other is not source else ():
                for target in targets if attr == name else ():
                    found = other.project.lookup(other.qualified(target), other.path)
                    if found is not None and found[0] is source and found[1] == name:
                        yield Move("unknown", other, target)


def _unpacked_results(source: Source, binding: Binding) -> list[Move]:
    """The holders behind `a, b = f()`, for one of the names: what f returns in a tuple at its place."""
    statement, value = binding.node, binding.value
    target = statement.targets[0] if isinstance(statement, ast.Assign) and len(statement.targets) == 1 else None
    call = value.value if isinstance(value, ast.Await) else value
    if not isinstance(target, (ast.Tuple, ast.List)) or not isinstance(call, ast.Call):
        return []
    places = [index for index, part in enumerate(target.elts) if isinstance(part, ast.Name) and part.id == binding.name]
    origins = source.origins(call.func)
    if len(places) != 1 or any(isinstance(part, ast.Starred) for part in target.elts) or any(origin.kind != "function" for origin in origins):
        return []
    return [Move("held", source, statement, Holder("returns", origin.source, origin.node, str(places[0]))) for origin in origins]


def _is_depends(source: Source, node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and source.qualified(node.func) in DEPENDS


def arguments(source: Source, function: FunctionNode, name: str) -> Iterator[Move]:
    """What the project's calls pass for one parameter."""
    for reference in references(source, function):
        other, node = reference.source, reference.node
        call = other.parent(node)
        if reference.kind == "maybe" or _provides(other, call):
            continue
        if isinstance(call, ast.Call) and other.qualified(call.func) == "functools.partial" and call.args[:1] == [node]:
            yield from _bound_arguments(source, function, name, other, call)
            continue
        if not (isinstance(call, ast.Call) and call.func is node):
            if not isinstance(call, (ast.Attribute, ast.keyword)) and function.name != "__init__":
                yield Move("unknown", other, node)
            continue
        if any(given.arg is None for given in call.keywords) or any(isinstance(arg, ast.Starred) for arg in call.args):
            yield Move("unknown", other, call)
            continue
        for position, arg in enumerate(call.args):
            holder = parameter(source, function, position, "", node)
            if holder is not None and holder.name == name and not is_none(arg):
                yield Move("value", other, arg)
        yield from (Move("value", other, given.value) for given in call.keywords if given.arg == name and not is_none(given.value))


def _bound_arguments(source: Source, function: FunctionNode, name: str, other: Source, call: ast.Call) -> Iterator[Move]:
    for position, arg in enumerate(call.args[1:]):
        holder = parameter(source, function, position, "", call.args[0])
        if holder is not None and holder.name == name:
            yield Move("value", other, arg)
    yield from (Move("value", other, given.value) for given in call.keywords if given.arg == name)


def _provides(source: Source, node: ast.AST | None) -> bool:
    return isinstance(node, ast.Call) and source.qualified(node.func) in DEPENDS


def _attr_writes(source: Source, owner: ast.ClassDef, name: str) -> Iterator[Move]:
    kin = family(source, owner)
    for other in source.project:
        for made in other.nodes(ast.ClassDef):
            if made not in kin:
                continue
            for statement, value, _ in assignments(other, made).get(name, []):
                if value is not None and not is_none(value):
                    yield Move("value", other, value)
                elif value is None and not isinstance(statement, ast.AnnAssign):
                    yield Move("unknown", other, statement)
            if any(isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and each.target.id == name for each in made.body):
                yield from _field_arguments(other, made, name)
    for other, node, sure in attributes(source, owner, name, ast.Store):
        if sure and not isinstance(node.value, ast.Name):
            yield Move("unknown", other, node)
        elif sure and isinstance(node.value, ast.Name):
            first = _first_parameter(other, node)
            if first != node.value.id:
                yield Move("unknown", other, node)


def _first_parameter(source: Source, node: ast.AST) -> str:
    function = source.function(node)
    if function is None or not isinstance(source.parent(function), ast.ClassDef):
        return ""
    args = [*function.args.posonlyargs, *function.args.args]
    return args[0].arg if args else ""


def _field_arguments(source: Source, owner: ast.ClassDef, name: str) -> Iterator[Move]:
    for reference in _flat(Holder("name", source, source.names.scopes[owner].node, owner.name)):
        call = reference.source.parent(reference.node)
        if not (isinstance(call, ast.Call) and call.func is reference.node):
            continue
        for position, arg in enumerate(call.args):
            holder = field_of(source, owner, position, "")
            if holder is not None and holder.kind == "attr" and holder.name == name and not is_none(arg):
                yield Move("value", reference.source, arg)
        yield from (Move("value", reference.source, given.value) for given in call.keywords if given.arg == name and not is_none(given.value))
