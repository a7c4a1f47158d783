"""Where a value comes from: names, attributes, returns and imports followed to the expressions that make it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from .names import Binding, FunctionNode
from .source import MAX_HOPS, Origin, Source, is_none

# calls whose value is that of their first argument
SAME_VALUE = {"typing.cast": 1, "copy.copy": 0, "fastapi.Depends": 0, "fastapi.Security": 0}
CACHES = ("functools.lru_cache", "functools.cache", "functools.cached_property", "builtins.property", "property", "staticmethod", "classmethod")


def origins_of(source: Source, node: ast.AST | None, hops: int = 0) -> list[Origin]:
    """See Source.origins."""
    if node is None or hops > MAX_HOPS:
        return [Origin(source, "unknown", node)]
    key = ("origins", node)
    if key in source.memo:
        return source.memo[key] or [Origin(source, "unknown", node)]
    source.memo[key] = None  # unknown, to a circle
    found = [*_follow(source, node, hops)]
    if len(found) != 1:
        found = [*_unique(found)] or [Origin(source, "unknown", node)]
    source.memo[key] = found
    return found


def maker(origin: Origin) -> str:
    """The dotted path of the call or the type that an origin is; "" for anything else."""
    source, node = origin.source, origin.node
    if origin.kind == "import":
        return origin.path
    if origin.kind == "annotation":
        return annotation_path(source, node)
    if origin.kind == "value" and isinstance(node, ast.Call):
        return source.qualified(node.func)
    return ""


def annotation_path(source: Source, node: ast.AST | None) -> str:
    """The one class that an annotation names, out of quotes, Optional, Annotated, Final, ClassVar and `| None`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            quoted = ast.parse(node.value, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return ""
        return _quoted_path(source, quoted)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = [side for side in (node.left, node.right) if not is_none(side)]
        return annotation_path(source, sides[0]) if len(sides) == 1 else ""
    if isinstance(node, ast.Subscript):
        outer = source.qualified(node.value).rpartition(".")[2]
        if outer in ("Optional", "Annotated", "Final", "ClassVar", "Required", "NotRequired", "Mapped"):
            inner = node.slice
            return annotation_path(source, inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner)
        return source.qualified(node.value)
    return source.qualified(node)


def _quoted_path(source: Source, node: ast.AST) -> str:
    """A name inside quotes means what it means at module level."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = [side for side in (node.left, node.right) if not is_none(side)]
        return _quoted_path(source, sides[0]) if len(sides) == 1 else ""
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Optional":
        return _quoted_path(source, node.slice)
    if isinstance(node, ast.Attribute):
        base = _quoted_path(source, node.value)
        return f"{base}.{node.attr}" if base else ""
    if isinstance(node, ast.Name):
        found = source.names.module.bindings.get(node.id, [])
        if len(found) == 1 and found[0].kind == "import":
            return found[0].origin
        if len(found) == 1 and found[0].kind == "class":
            return f"{source.module}.{node.id}"
    return ""


def _unique(origins: Iterable[Origin]) -> Iterator[Origin]:
    seen = set()
    for origin in origins:
        key = (origin.source.path, origin.kind, id(origin.node), origin.path)
        if key not in seen:
            seen.add(key)
            yield origin


def _follow(source: Source, node: ast.AST, hops: int) -> Iterator[Origin]:
    if isinstance(node, ast.Name):
        yield from _name(source, node, hops)
    elif isinstance(node, ast.Attribute):
        yield from _attribute(source, node, hops)
    elif isinstance(node, ast.BoolOp):
        for part in node.values:
            if not is_none(part):
                yield from origins_of(source, part, hops + 1)
    elif isinstance(node, ast.IfExp):
        for part in (node.body, node.orelse):
            if not is_none(part):
                yield from origins_of(source, part, hops + 1)
    elif isinstance(node, ast.NamedExpr):
        yield from origins_of(source, node.value, hops + 1)
    elif isinstance(node, ast.Await):
        yield from _call(source, node.value, hops, awaited=True) if isinstance(node.value, ast.Call) else [Origin(source, "value", node)]
    elif isinstance(node, ast.Call):
        yield from _call(source, node, hops)
    elif is_none(node):
        return
    else:
        yield Origin(source, "value", node)


def _name(source: Source, node: ast.Name, hops: int) -> Iterator[Origin]:
    scope = source.scope(node)
    home = scope.home(node.id)
    if home is not None:
        yield from bound(source, source.bindings(node.id, home), hops)
    elif source.names.module.stars and (binder := starred(source, node.id)) is not None and hops <= MAX_HOPS:
        yield from bound(binder, binder.names.module.bindings[node.id], hops + 1)
    else:
        yield Origin(source, "unknown", node)


def starred(source: Source, name: str, hops: int = 0) -> Source | None:
    """The file of the project from which a star import brings a name to this file, the last one if there are several."""
    for other in reversed(source.project.stars(source)) if hops <= MAX_HOPS and not name.startswith("_") else ():
        exported = other.exports()
        if exported is not None and name not in exported:
            continue
        binder = other if name in other.names.module.bindings else starred(other, name, hops + 1)
        if binder is not None:
            return binder
    return None


def bound(source: Source, bindings: Iterable[Binding], hops: int = 0) -> Iterator[Origin]:
    """What the bindings of one name may be."""
    for binding in bindings:
        if binding.kind == "import":
            yield from imported(source, binding.origin, binding, hops)
        elif binding.kind in ("class", "function"):
            yield Origin(source, binding.kind, binding.node, f"{source.module}.{binding.name}", binding)
        elif binding.kind in ("annotation", "augmented", "delete") or (binding.kind == "assign" and not binding.unpacked and is_none(binding.value) and binding.annotation is None):
            continue
        elif binding.kind == "param":
            yield from _parameter(source, binding, hops)
        elif binding.kind in ("assign", "with") and not binding.unpacked and binding.value is not None:
            for origin in origins_of(source, binding.value, hops + 1):
                if origin.kind == "unknown" and binding.annotation is not None and annotation_path(source, binding.annotation):
                    yield Origin(source, "annotation", binding.annotation, binding=binding)
                else:
                    yield origin if origin.binding is not None else Origin(origin.source, origin.kind, origin.node, origin.path, binding)
        else:
            yield Origin(source, "unknown", binding.node, binding=binding)


def imported(source: Source, dotted: str, binding: Binding | None, hops: int) -> Iterator[Origin]:
    """What an imported dotted path is: followed into the project's own files, else a name outside of it."""
    found = source.project.lookup(dotted, source.path)
    if found is None:
        yield Origin(source, "import", binding.node if binding else None, dotted, binding)
        return
    other, name = found
    if not name:
        yield Origin(other, "module", other.tree, other.module)
        return
    bindings = other.names.module.bindings.get(name)
    if not bindings and other.names.module.stars and (binder := starred(other, name)) is not None:
        other, bindings = binder, binder.names.module.bindings[name]
    if bindings and hops <= MAX_HOPS:
        yield from bound(other, bindings, hops + 1)
    else:
        yield Origin(other, "unknown", None, dotted)


def _parameter(source: Source, binding: Binding, hops: int) -> Iterator[Origin]:
    me: Origin | None = source.remember(("me", binding), lambda: _me(source, binding))
    if me is not None:
        yield me
        return
    home, annotation = meant(source, binding.annotation, hops)
    if (provider := _provided(source, [binding.value])) is not None:
        yield from returned(source, provider, hops)
    elif (provider := _provided(home, _beside(annotation))) is not None:
        yield from returned(home, provider, hops)
    elif annotation is not None and annotation_path(home, annotation):
        yield Origin(home, "annotation", annotation, binding=binding)
    else:
        yield Origin(source, "parameter", binding.node, binding=binding)


def _me(source: Source, binding: Binding) -> Origin | None:
    """What a method's first parameter stands for: the instance or the class; None for any other parameter."""
    function = binding.scope.node
    owner = source.class_of(function) if isinstance(function, FunctionNode) else None
    if owner is not None and source.parent(function) is owner and isinstance(function, FunctionNode):
        first = [*function.args.posonlyargs, *function.args.args][:1]
        if first and first[0] is binding.node and not any(source.qualified(d) == "staticmethod" or _plain(d) == "staticmethod" for d in function.decorator_list):
            kind = "class" if any(_plain(d) == "classmethod" for d in function.decorator_list) else "instance"
            return Origin(source, kind, owner, f"{source.module}.{owner.name}", binding)
    return None


def meant(source: Source, annotation: ast.AST | None, hops: int = 0) -> tuple[Source, ast.AST | None]:
    """The type that a name stands for: `Chain = Annotated[ConversationChain, Depends(get_chain)]`, also of another file."""
    if isinstance(annotation, (ast.Name, ast.Attribute)) and source.project.mentioning("Annotated"):
        for origin in origins_of(source, annotation, hops + 1):
            if origin.kind == "value" and isinstance(origin.node, ast.Subscript):
                return origin.source, origin.node
    return source, annotation


def _beside(annotation: ast.AST | None) -> list[ast.expr]:
    """What stands beside the type in `Annotated[T, Depends(f)]`."""
    return annotation.slice.elts[1:] if isinstance(annotation, ast.Subscript) and isinstance(annotation.slice, ast.Tuple) else []


def _provided(source: Source, candidates: Iterable[ast.AST | None]) -> ast.expr | None:
    """What `Depends` provides."""
    for node in candidates:
        if isinstance(node, ast.Call) and source.qualified(node.func) in ("fastapi.Depends", "fastapi.params.Depends", "fastapi.Security") and node.args:
            return node.args[0]
    return None


def _plain(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _call(source: Source, node: ast.Call, hops: int, awaited: bool = False) -> Iterator[Origin]:
    path = source.qualified(node.func)
    if path in SAME_VALUE and len(node.args) > SAME_VALUE[path]:
        yield from origins_of(source, node.args[SAME_VALUE[path]], hops + 1)
        return
    if path in ("dataclasses.field", "pydantic.Field"):
        factory = next((given.value for given in node.keywords if given.arg == "default_factory"), None)
        default = next((given.value for given in node.keywords if given.arg == "default"), None)
        if factory is not None:
            yield from returned(source, factory, hops)
            return
        if default is not None:
            yield from origins_of(source, default, hops + 1)
            return
    if isinstance(node.func, ast.Attribute) and node.func.attr == "__new__" and (owner := source.class_of(node)) is not None and _blank(node):
        yield Origin(source, "instance", owner, f"{source.module}.{owner.name}")
        return
    callees = origins_of(source, node.func, hops + 1) if isinstance(node.func, (ast.Name, ast.Attribute)) else []
    functions = [origin for origin in callees if origin.kind == "function"]
    if functions and len(functions) == len(callees):
        for origin in functions:
            yield from _returns(origin, hops, awaited)
    else:
        yield Origin(source, "value", node)


def _blank(node: ast.Call) -> bool:
    """Whether a `__new__` makes an instance of the class it stands in: `super().__new__(cls)`, `object.__new__(cls)`."""
    base = node.func.value if isinstance(node.func, ast.Attribute) else None
    name = base.func if isinstance(base, ast.Call) else base
    return isinstance(name, ast.Name) and name.id == ("super" if isinstance(base, ast.Call) else "object") and isinstance(node.args[0] if node.args else None, ast.Name)


def returned(source: Source, factory: ast.expr, hops: int) -> Iterator[Origin]:
    """What calling `factory` gives: returns of a project's function, or an instance of the class that it names."""
    if isinstance(factory, ast.Lambda):
        yield from origins_of(source, factory.body, hops + 1)
        return
    for origin in origins_of(source, factory, hops + 1):
        if origin.kind == "function":
            yield from _returns(origin, hops, awaited=True)
        elif origin.kind == "class" and isinstance(origin.node, ast.ClassDef):
            yield Origin(origin.source, "instance", origin.node, origin.path)
        else:
            yield Origin(source, "annotation", factory)


def _returns(origin: Origin, hops: int, awaited: bool) -> Iterator[Origin]:
    """What a function of the project gives back, read from its returns, else from its annotation."""
    function, source = origin.node, origin.source
    if not isinstance(function, FunctionNode) or (isinstance(function, ast.AsyncFunctionDef) and not awaited):
        yield Origin(source, "unknown", function)
        return
    values = return_values(source, function)
    yields = source.index.yields.get(function, [])
    if len(yields) == 1 and isinstance(yields[0], ast.Yield) and yields[0].value is not None:
        values = [yields[0].value]  # a dependency or context manager that yields once
    elif yields:
        yield Origin(source, "unknown", function)
        return
    answers = [answer for value in values for answer in origins_of(source, value, hops + 1)]
    if answers and all(answer.kind not in ("unknown", "parameter") for answer in answers):
        yield from answers
    elif function.returns is not None and annotation_path(source, function.returns):
        yield Origin(source, "annotation", function.returns)
    else:
        yield from answers or [Origin(source, "unknown", function)]


def return_values(source: Source, function: FunctionNode) -> list[ast.expr]:
    """The expressions after `return` in a function, `None` left out."""
    return [node.value for node in source.index.returns.get(function, ()) if node.value is not None and not is_none(node.value)]


def _attribute(source: Source, node: ast.Attribute, hops: int) -> Iterator[Origin]:
    path = source.qualified(node)
    if path:
        yield from _dotted(source, node, path, hops)
        return
    if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name) and node.value.func.id == "super" and (heir := source.class_of(node)) is not None:
        yield from _inherited(source, heir, node.attr, hops)
        return
    bases = origins_of(source, node.value, hops + 1)
    owners = [base for base in bases if class_of(base) is not None]
    if not owners or len(owners) != len(bases):
        yield from _on_state(source, node, hops) or [Origin(source, "value", node)]
        return
    for base in owners:
        home, owner = class_of(base)  # type: ignore[misc]
        yield from member(home, owner, node.attr, hops)


def _on_state(source: Source, node: ast.Attribute, hops: int) -> list[Origin]:
    """What `request.app.state.engine` is, where the files put nothing but instances of their own classes there."""
    if not is_state(node.value) or not isinstance(node.ctx, ast.Load):
        return []
    found: list[Origin] = []
    for other in source.project.mentioning(node.attr):
        for each in other.attributes(node.attr):
            if isinstance(each.ctx, ast.Load) or not is_state(each.value):
                continue
            statement = other.statement(each)
            value = statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) and _whole(statement, each) else None
            if isinstance(statement, ast.Delete) or is_none(value):
                continue
            found += origins_of(other, value, hops + 1)
    return found if all(class_of(origin) is not None for origin in found) else []


def is_state(node: ast.AST) -> bool:
    """`app.state`, `request.app.state`."""
    if not isinstance(node, ast.Attribute) or node.attr != "state":
        return False
    holder = node.value.id if isinstance(node.value, ast.Name) else node.value.attr if isinstance(node.value, ast.Attribute) else ""
    return holder in ("app", "application", "api", "fastapi_app")


def _dotted(source: Source, node: ast.Attribute, path: str, hops: int) -> Iterator[Origin]:
    """An attribute whose dotted path is known: of a module of the project, of a class, or of something outside."""
    found = source.project.lookup(path, source.path)
    if found is None:
        own = source.module
        owner = source.names.module.bindings.get(path[len(own) + 1 :].partition(".")[0]) if path.startswith(f"{own}.") else None
        if owner and isinstance(owner[0].node, ast.ClassDef):
            yield from member(source, owner[0].node, node.attr, hops)
            return
        base = source.project.lookup(path.rpartition(".")[0], source.path)
        if base is not None and base[1]:
            classes = [b.node for b in base[0].names.module.bindings.get(base[1], []) if isinstance(b.node, ast.ClassDef)]
            if len(classes) == 1:
                yield from member(base[0], classes[0], node.attr, hops)
                return
            values = list(bound(base[0], base[0].names.module.bindings.get(base[1], []), hops + 1))
            owners = [class_of(value) for value in values]
            if owners and all(owners):
                for pair in owners:
                    assert pair is not None
                    yield from member(pair[0], pair[1], node.attr, hops)
                return
        yield Origin(source, "import", node, path)
        return
    yield from imported(source, path, None, hops)


def class_of(origin: Origin) -> tuple[Source, ast.ClassDef] | None:
    """The project's class of which an origin is an instance (or which it is)."""
    if origin.kind in ("instance", "class") and isinstance(origin.node, ast.ClassDef):
        return origin.source, origin.node
    if origin.kind == "value" and isinstance(origin.node, ast.Call):
        made = origins_of(origin.source, origin.node.func, 1) if isinstance(origin.node.func, (ast.Name, ast.Attribute)) else []
        if len(made) == 1 and made[0].kind == "class" and isinstance(made[0].node, ast.ClassDef):
            return made[0].source, made[0].node
    if origin.kind == "annotation":
        path = annotation_path(origin.source, origin.node)
        name = path.rpartition(".")[2]
        local = origin.source.names.module.bindings.get(name, []) if path == f"{origin.source.module}.{name}" else []
        if len(local) == 1 and isinstance(local[0].node, ast.ClassDef):
            return origin.source, local[0].node
        found = origin.source.project.lookup(path, origin.source.path) if path else None
        if found is not None and found[1]:
            made = list(bound(found[0], found[0].names.module.bindings.get(found[1], []), 1))
            if len(made) == 1 and made[0].kind == "class" and isinstance(made[0].node, ast.ClassDef):
                return made[0].source, made[0].node
    return None


def assignments(source: Source, owner: ast.ClassDef) -> dict[str, list[tuple[ast.AST, ast.expr | None, ast.expr | None]]]:
    """What `self.x = value` in the methods and `x = value` in the body give each attribute: (statement, value, annotation)."""

    def read() -> dict[str, list[tuple[ast.AST, ast.expr | None, ast.expr | None]]]:
        found: dict[str, list[tuple[ast.AST, ast.expr | None, ast.expr | None]]] = {}
        for name, bindings in source.names.inner[owner].bindings.items():
            for binding in bindings:
                if binding.kind in ("assign", "annotation") and not binding.unpacked:
                    found.setdefault(name, []).append((binding.node, binding.value, binding.annotation))
        for method in owner.body:
            if not isinstance(method, FunctionNode) or not (method.args.posonlyargs or method.args.args):
                continue
            me = (method.args.posonlyargs or method.args.args)[0].arg
            for (name, attr), targets in source.names.stores.items():
                if name != me:
                    continue
                for target in targets:
                    statement = source.statement(target)
                    if source.function(target) is not method:
                        continue
                    value = statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) and _whole(statement, target) else None
                    annotation = statement.annotation if isinstance(statement, ast.AnnAssign) else None
                    found.setdefault(attr, []).append((statement, value, annotation))
        return found

    return source.remember(("assignments", owner), read)  # type: ignore[no-any-return]


def _whole(statement: ast.Assign | ast.AnnAssign, target: ast.expr) -> bool:
    return statement.target is target if isinstance(statement, ast.AnnAssign) else target in statement.targets


def member(source: Source, owner: ast.ClassDef, attr: str, hops: int) -> Iterator[Origin]:
    """What an attribute of a project's class may be: assigned, a property, a method, or inherited from a class of the project."""
    if hops > MAX_HOPS:
        yield Origin(source, "unknown", owner)
        return
    found = assignments(source, owner).get(attr, [])
    for statement, value, annotation in found:
        if is_none(value) and annotation is None:
            continue
        if value is not None:
            answers = origins_of(source, value, hops + 1)
            if annotation is not None and annotation_path(source, annotation) and any(answer.kind in ("unknown", "parameter") for answer in answers):
                yield Origin(source, "annotation", annotation)
            else:
                yield from answers
        elif annotation is not None and annotation_path(source, annotation):
            yield Origin(source, "annotation", annotation)
        elif isinstance(statement, ast.AnnAssign):
            continue
        else:
            yield Origin(source, "unknown", statement)
    if found:
        return
    for method in owner.body:
        if isinstance(method, FunctionNode) and method.name == attr:
            if any(_plain(d) == "property" or source.qualified(d).rpartition(".")[2] == "cached_property" for d in method.decorator_list):
                yield from _returns(Origin(source, "function", method), hops, awaited=False)
            else:
                yield Origin(source, "function", method, f"{source.module}.{owner.name}.{attr}")
            return
    yield from _inherited(source, owner, attr, hops)


def _inherited(source: Source, owner: ast.ClassDef, attr: str, hops: int) -> Iterator[Origin]:
    """What a class has of those that it inherits from."""
    for base in owner.bases:
        for origin in origins_of(source, base, hops + 1):
            if origin.kind == "class" and isinstance(origin.node, ast.ClassDef) and origin.node is not owner:
                yield from member(origin.source, origin.node, attr, hops + 1)
                return
            if origin.kind == "import":
                yield Origin(source, "import", base, f"{origin.path}.{attr}")
                return
    yield Origin(source, "unknown", owner)
