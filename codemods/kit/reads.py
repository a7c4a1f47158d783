"""Where what a holder keeps turns up: reads of its name in every file, attributes of a class, results of calls, dependencies."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .flow import (
    DEPENDS,
    Holder,
    Move,
    container_of,
    decorated,
    default_of,
    field_target,
    held,
    holder_of,
    key_of,
    of_application,
)
from .names import COMPREHENSIONS, FunctionNode
from .origins import class_of, origins_of
from .source import Source, Surroundings


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
    if holder.kind == "item":
        return list(_item_reads(holder))
    assert isinstance(holder.owner, FunctionNode)
    whole = list(_results(holder.source, holder.owner))
    return [part for move in whole for part in _part(move, int(holder.name))] if holder.name else whole


def _part(move: Move, index: int) -> Iterator[Move]:
    """One element of a tuple that a call gives: unpacked into names at once, or read by its index."""
    source, node = move.source, move.node
    above = source.parent(node)
    target = above.targets[0] if move.kind == "value" and isinstance(above, ast.Assign) and len(above.targets) == 1 else None
    if isinstance(target, (ast.Tuple, ast.List)) and index < len(target.elts) and not any(isinstance(part, ast.Starred) for part in target.elts):
        yield from held(source, target.elts[index])
    elif move.kind == "value" and isinstance(above, ast.Subscript) and isinstance(above.slice, ast.Constant) and above.slice.value == index:
        yield Move("value", source, above)
    elif not (move.kind == "value" and isinstance(above, ast.Expr)):
        yield Move("unknown", source, node)


def _item_reads(holder: Holder) -> Iterator[Move]:
    """What a dict gives under a key, or under one that can't be told."""
    container, key = container_of(holder)
    for move in flat(container):
        source, node = move.source, move.node
        above = source.parent(node)
        if isinstance(above, ast.Subscript) and above.value is node and move.kind in ("value", "maybe"):
            if isinstance(above.ctx, ast.Load) and same_key(key_of(source, above.slice), key):
                yield Move(move.kind, source, above)
        elif move.kind == "value" and (given := _asked(source, above)) is not None:
            if given.args and same_key(key_of(source, given.args[0]), key):
                yield Move("value" if len(given.args) == 1 else "unknown", source, given)
        elif move.kind != "maybe" and not _keys_alone(source, node, above):
            yield Move("unknown", source, node)


def same_key(one: str, other: str) -> bool:
    return one == other or not one or not other


def _asked(source: Source, node: ast.AST | None) -> ast.Call | None:
    """`clients.get(key)`, `clients.pop(key)`; and what gives no value at all."""
    call = source.parent(node) if isinstance(node, ast.Attribute) and node.attr in ("get", "pop", "keys", "clear") else None
    return call if isinstance(call, ast.Call) and call.func is node else None


def _keys_alone(source: Source, node: ast.AST, above: ast.AST | None) -> bool:
    """Whether no more than a dict's keys, or their number, are asked for."""
    if isinstance(above, ast.For):
        return above.iter is node
    if isinstance(above, COMPREHENSIONS):
        return any(each.iter is node for each in above.generators)
    if isinstance(above, ast.Call):
        return isinstance(above.func, ast.Name) and above.func.id in ("len", "list", "sorted", "set", "tuple", "bool") and source.scope(above).home(above.func.id) is None
    return isinstance(above, (ast.Compare, ast.If, ast.UnaryOp, ast.JoinedStr))


def states(source: Source, name: str) -> Iterator[tuple[Source, ast.Attribute | ast.Subscript]]:
    """Every `….state.<name>` (or `app['name']` of aiohttp) of the project, read or written."""
    for other in source.project if name.startswith("[") else ():
        for item in other.nodes(ast.Subscript):
            if f"[{key_of(other, item.slice)}]" == name and of_application(other, item.value):
                yield other, item
    for other in source.project.mentioning(name):
        for node in other.attributes(name):
            if isinstance(node.value, ast.Attribute) and node.value.attr == "state":
                yield other, node


def _name_reads(source: Source, owner: ast.AST, name: str) -> Iterator[Move]:
    scope = source.names.inner[owner]
    for load in source.names.uses(name, scope):
        yield Move("value", source, load)
    if scope.kind != "module":
        return
    for other in source.project.mentioning(name):
        if other is source:
            continue
        for binding in other.index.imports.get(name, ()):
            if other.project.lookup(binding.origin, other.path) == (source, name):
                yield Move("held", other, binding.scope.node, Holder("name", other, binding.scope.node, binding.name))
        for node in other.attributes(name):
            if isinstance(node.ctx, ast.Load) and (path := other.qualified(node)):
                found = other.project.lookup(path, other.path)
                if found is not None and found[0] is source and found[1] == name:
                    yield Move("value", other, node)
        if source in other.project.stars(other):
            for load in other.names.loads.get(name, ()):
                if other.scope(load).home(name) is None:
                    yield Move("value", other, load)


def class_links(project: Surroundings) -> list[tuple[ast.ClassDef, ast.ClassDef]]:
    """Every class of the project with each of its bases that is one, too."""

    def read() -> list[tuple[ast.ClassDef, ast.ClassDef]]:
        return [
            (made, origin.node)
            for other in project
            for made in other.nodes(ast.ClassDef)
            for base in made.bases
            for origin in origins_of(other, base)
            if origin.kind == "class" and isinstance(origin.node, ast.ClassDef)
        ]

    return project.remember("class links", read)  # type: ignore[no-any-return]


def family(source: Source, owner: ast.ClassDef) -> set[ast.ClassDef]:
    """A class with its ancestors and descendants in the project."""

    def read() -> set[ast.ClassDef]:
        links = class_links(source.project)
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
    for other in source.project.mentioning(name):
        for node in other.attributes(name):
            if not isinstance(node.ctx, ctx):
                continue
            origins = other.origins(node.value)
            classes = [class_of(origin) for origin in origins]
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
        return flat(Holder("name", source, source.names.scopes[owner].node, owner.name))
    return flat(Holder("name", source, source.names.scopes[function].node, function.name))


def flat(holder: Holder) -> list[Move]:
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
    if isinstance(source.parent(function), ast.ClassDef) and decorated(source, function, "property", "cached_property"):
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
        elif isinstance(above, ast.keyword) and above.arg == "default_factory" and isinstance(call := other.parent(above), ast.Call) and (holder := field_target(other, call)):
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
    if isinstance(above, FunctionNode) and (holder := default_of(source, above, depends)) is not None:
        yield Move("held", source, depends, holder)
        return
    typed = source.parent(above) if isinstance(above, ast.Tuple) else None
    if not isinstance(typed, ast.Subscript):
        yield Move("unknown", source, depends)
        return
    places: list[tuple[Source, ast.AST]] = [(source, typed)]
    alias = source.parent(typed)
    if isinstance(alias, (ast.Assign, ast.AnnAssign)) and (holder := holder_of(source, alias.targets[0] if isinstance(alias, ast.Assign) else alias.target)):
        places = [(move.source, move.node) for move in flat(holder) if move.kind == "value"]
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
