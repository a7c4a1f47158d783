"""What fills a holder: assignments, imports, arguments of the project's calls, fields, tuples that are unpacked."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .flow import DEPENDS, Holder, Move, container_of, field_of, key_of, parameter
from .names import Binding, FunctionNode
from .origins import assignments, return_values
from .reads import attributes, family, flat, references, same_key, states
from .source import Source, is_none


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
    if holder.kind == "item":
        return list(_item_writes(holder, project_source))
    if holder.kind == "name":
        return list(_name_writes(source, owner, holder.name))
    assert isinstance(owner, ast.ClassDef)
    return list(_attr_writes(source, owner, holder.name))


def _state_writes(source: Source, name: str) -> Iterator[Move]:
    for other, node in states(source, name):
        if isinstance(node.ctx, ast.Store):
            statement = other.parent(node)
            yield Move("value", other, statement.value) if isinstance(statement, ast.Assign) else Move("unknown", other, node)


def _item_writes(holder: Holder, project_source: Source) -> Iterator[Move]:
    """What is put into a dict under a key; under any key when it is also read with one that can't be told."""
    container, key = container_of(holder)
    places = [(move.source, move.source.parent(move.node)) for move in flat(container) if move.kind == "value"]
    items = [(other, above) for other, above in places if isinstance(above, ast.Subscript)]
    asked = [key_of(other, above.slice) for other, above in items if isinstance(above.ctx, ast.Load)]
    asked += [key_of(other, call.args[0]) for other, above in places if isinstance(call := other.parent(above) if above else None, ast.Call) and isinstance(above, ast.Attribute) and call.args]
    key = key if all(asked) else ""
    for move in writes(container, project_source):
        display = move.node
        if move.kind == "value" and isinstance(display, ast.Dict):
            for name, value in zip(display.keys, display.values, strict=True):
                if name is None:
                    yield Move("unknown", move.source, value)
                elif same_key(key_of(move.source, name), key) and not is_none(value):
                    yield Move("value", move.source, value)
        elif not (move.kind == "value" and isinstance(display, ast.Call) and not display.args and not display.keywords and move.source.code(display.func) == "dict"):
            yield Move("unknown", move.source, display)
    for other, above in items:
        if isinstance(above.ctx, ast.Store) and same_key(key_of(other, above.slice), key):
            statement = other.parent(above)
            if not (isinstance(statement, ast.Assign) and is_none(statement.value)):
                yield Move("value", other, statement.value) if isinstance(statement, ast.Assign) else Move("unknown", other, above)


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
        for other in source.project.mentioning(name):
            for target in other.attributes(name) if other is not source else ():
                if not isinstance(target.ctx, ast.Store) or not isinstance(target.value, ast.Name):
                    continue
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
            if not isinstance(call, (ast.Attribute, ast.keyword)) and function.name != "__init__" and not _defaulted(source, function, name):
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


def _defaulted(source: Source, function: FunctionNode, name: str) -> bool:
    """Whether who calls a function without knowing the parameter leaves it at its default."""
    return any(binding.value is not None for binding in source.names.inner[function].bindings.get(name, []))


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
    for other in source.project if len(kin) > 1 else [source]:
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
        above = other.parent(node)
        if sure and not isinstance(node.value, ast.Name):
            yield Move("value", other, above.value) if isinstance(above, ast.Assign) else Move("unknown", other, node)
        elif sure and isinstance(node.value, ast.Name):
            first = _first_parameter(other, node)
            if first != node.value.id:
                yield Move("value", other, above.value) if isinstance(above, ast.Assign) else Move("unknown", other, node)


def _first_parameter(source: Source, node: ast.AST) -> str:
    function = source.function(node)
    if function is None or not isinstance(source.parent(function), ast.ClassDef):
        return ""
    args = [*function.args.posonlyargs, *function.args.args]
    return args[0].arg if args else ""


def _field_arguments(source: Source, owner: ast.ClassDef, name: str) -> Iterator[Move]:
    for reference in flat(Holder("name", source, source.names.scopes[owner].node, owner.name)):
        call = reference.source.parent(reference.node)
        if not (isinstance(call, ast.Call) and call.func is reference.node):
            continue
        for position, arg in enumerate(call.args):
            holder = field_of(source, owner, position, "")
            if holder is not None and holder.kind == "attr" and holder.name == name and not is_none(arg):
                yield Move("value", reference.source, arg)
        yield from (Move("value", reference.source, given.value) for given in call.keywords if given.arg == name and not is_none(given.value))
