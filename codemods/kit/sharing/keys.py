"""Where the key of a conversation is: the parameter, field, lookup or event that tells one session from another."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ..handlers import Handler
from ..names import COMPREHENSIONS, Binding, FunctionNode
from ..origins import annotation_path, meant
from ..source import Source, is_none, keyword
from .events import of_event
from .key import WORDS_ALONE, Key, meaning_of, parameters


def keys(source: Source, function: FunctionNode, handler: Handler | None) -> list[Key]:
    """Every key in sight of a function, the most telling first."""
    found = [*of_event(source, function, handler)]
    found += _parameters(source, function)
    found += _locals(source, function)
    found += _lookups(source, function)
    found += _of_django(source, function)
    found += _of_person(source, function)
    unique: dict[str, Key] = {}
    for key in found:
        unique.setdefault(key.text, key)
    return sorted(unique.values(), key=lambda key: key.rank)


# parameters and the fields of their classes


def is_text(annotation: ast.AST | None) -> bool:
    return annotation is not None and re.match(r"['\"]?(typing\.)?(Optional\[|Annotated\[)*str\b", ast.unparse(annotation)) is not None


def _scalar(annotation: ast.AST | None) -> bool:
    if annotation is None:
        return True
    return re.match(r"['\"]?(typing\.)?(Optional\[|Annotated\[|Union\[)*(str|int|UUID|uuid\.UUID|UUID4|constr|Any)\b", ast.unparse(annotation)) is not None


def _may_be_none(annotation: ast.AST | None, default: ast.AST | None) -> bool:
    if default is not None and (is_none(default) or (isinstance(default, ast.Call) and _gives_none(default))):
        return True
    if annotation is None:
        return False
    text = ast.unparse(annotation)
    return "None" in text or text.startswith(("Optional", "typing.Optional"))


def _gives_none(call: ast.Call) -> bool:
    """`Header(None)`, `Query(default=None)`, `Field(None)`."""
    given = keyword(call, "default")
    return is_none(given.value) if given is not None else bool(call.args) and is_none(call.args[0])


def _default(source: Source, default: ast.AST | None) -> tuple[str, ...]:
    """The constant that stands for a missing key, as it is written."""
    if isinstance(default, ast.Call):
        given = keyword(default, "default")
        default = given.value if given is not None else default.args[0] if default.args else None
    return constant(source, default)


def constant(source: Source, node: ast.AST | None) -> tuple[str, ...]:
    """A constant text or number as it is written, also behind a name of the module; () for anything else."""
    if isinstance(node, ast.Name) and (home := source.scope(node).home(node.id)) is not None and home.kind == "module" and len(home.bindings[node.id]) == 1:
        node = home.bindings[node.id][0].value
    if not isinstance(node, ast.Constant) or isinstance(node.value, bool) or not isinstance(node.value, (str, int)):
        return ()
    return (_as_black(node.value),)


def _as_black(value: str | int) -> str:
    """A constant as Black writes it."""
    text = repr(value)
    return f'"{text[1:-1]}"' if text.startswith("'") and '"' not in text else text


def _alias(default: ast.AST | None) -> str:
    given = keyword(default, "alias") if isinstance(default, ast.Call) else None
    return given.value.value if given is not None and isinstance(given.value, ast.Constant) and isinstance(given.value.value, str) else ""


def _parameters(source: Source, function: FunctionNode) -> Iterator[Key]:
    scope = source.names.inner[function]
    for arg in parameters(function):
        if arg.arg in ("self", "cls"):
            continue
        binding, *later = scope.bindings.get(arg.arg, [None])
        if binding is None:
            continue
        if later:
            yield from _filled(source, function, arg.arg, [binding, *later])
            continue
        meaning = meaning_of(arg.arg) or meaning_of(_alias(binding.value))
        if meaning and _scalar(arg.annotation) and (arg.annotation is not None or arg.arg.lower() not in WORDS_ALONE):
            yield Key(
                *meaning, arg.arg, is_text=is_text(arg.annotation), optional=_may_be_none(arg.annotation, binding.value), defaults=_default(source, binding.value), node=arg
            )  # fmt: skip
            continue
        yield from _fields(source, arg.arg, arg.annotation)


def class_named(source: Source, annotation: ast.AST | None) -> tuple[Source, ast.ClassDef] | None:
    """The project's class that an annotation names."""
    if annotation is None:
        return None
    source, annotation = meant(source, annotation)
    path = annotation_path(source, annotation)
    if not path:
        return None
    name = path.rpartition(".")[2]
    home, bound = source, source.names.module.bindings.get(name, []) if path == f"{source.module}.{name}" else []
    if not bound:
        found = source.project.lookup(path, source.path)
        for _ in range(4):
            if found is None or not found[1]:
                return None
            home, bound = found[0], found[0].names.module.bindings.get(found[1], [])
            if len(bound) == 1 and bound[0].kind == "import":
                found = source.project.lookup(bound[0].origin, home.path)
            else:
                break
    return (home, bound[0].node) if len(bound) == 1 and isinstance(bound[0].node, ast.ClassDef) else None


def _fields(source: Source, lead: str, annotation: ast.AST | None, depth: int = 0) -> Iterator[Key]:
    found = class_named(source, annotation)
    if found is None or depth > 2:
        return
    home, owner = found
    for field in owner.body:
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        name = field.target.id
        meaning = meaning_of(name) or meaning_of(_alias(field.value))
        if meaning is None and name == "id" and (person := meaning_of(lead.rpartition(".")[2].replace("current_", ""))):
            meaning = person[0], person[1] + 5  # user.id
        if meaning and _scalar(field.annotation):
            mapping = any(home.qualified(base).endswith("TypedDict") for base in owner.bases)
            text = f'{lead}.get("{name}")' if mapping else f"{lead}.{name}"
            optional = mapping or _may_be_none(field.annotation, field.value)
            yield Key(meaning[0], meaning[1] + depth, text, is_text=is_text(field.annotation), optional=optional, defaults=_default(home, field.value), node=field)
        elif depth == 0:
            yield from _fields(home, f"{lead}.{name}", field.annotation, depth + 1)
    for base in owner.bases:
        yield from _fields(home, lead, base, depth)


# locals and lookups


def own(source: Source, function: FunctionNode, node: ast.AST) -> bool:
    """Whether the node is run by the function itself, not by a function inside it."""
    return source.function(node) is function


def _locals(source: Source, function: FunctionNode) -> Iterator[Key]:
    for name, bindings in source.names.inner[function].bindings.items():
        meaning = meaning_of(name)
        if meaning is None or bindings[0].kind != "assign" or bindings[0].unpacked:
            continue
        if len(bindings) > 1:
            yield from _filled(source, function, name, bindings)
            continue
        value, statement = bindings[0].value, bindings[0].node
        if value is None or isinstance(value, ast.Constant) or not isinstance(statement, ast.stmt) or not own(source, function, value) or _always_new(source, value):
            continue
        if name.lower() in WORDS_ALONE and not isinstance(value, (ast.Subscript, ast.Call, ast.JoinedStr)):
            continue
        if name.lower() in WORDS_ALONE and isinstance(value, ast.Call) and not _is_get(value):
            continue
        yield Key(meaning[0], meaning[1] - 1, name, (statement,), _text(source, value), none_in(value), defaults=defaults_in(source, value), node=statement)


def _filled(source: Source, function: FunctionNode, name: str, bindings: list[Binding]) -> Iterator[Key]:
    """A parameter or local that gets another value where nobody sent one: `if not session_id: session_id = str(uuid4())`."""
    meaning, first = meaning_of(name), bindings[0]
    if len(bindings) == 2 and meaning is not None and first.kind == "param" and (again := _read_again(source, function, name, bindings[1])) is not None:
        rebound, value = again
        parts = value.values if isinstance(value, ast.BoolOp) else [value]
        words = [isinstance(part, ast.Constant) and isinstance(part.value, str) for part in parts]
        text = all(word or _text(source, part) or (isinstance(part, ast.Name) and part.id == name and is_text(first.annotation)) for part, word in zip(parts, words, strict=True))
        yield Key(*meaning, name, (rebound,), text, none_in(value), defaults=defaults_in(source, value), node=first.node)
        return
    blocks: list[ast.stmt] = []
    texts: list[bool] = []
    defaults: list[str] = []
    for binding in bindings[1:]:
        statement = binding.node
        block = source.parent(statement)
        asks = isinstance(block, ast.If) and statement in block.body and not block.orelse and source.function(block) is function and _asks_for(block.test, name)
        if not asks or binding.kind != "assign" or binding.unpacked or binding.value is None:
            return
        blocks.append(block)  # type: ignore[arg-type]
        texts.append(_text(source, binding.value) or (isinstance(binding.value, ast.Constant) and isinstance(binding.value.value, str)))
        defaults += constant(source, binding.value)
    if meaning is None:
        return
    annotation = first.annotation if first.kind == "param" else None
    if first.kind == "param":
        if not _scalar(annotation) or (annotation is None and name.lower() in WORDS_ALONE):
            return
        yield Key(*meaning, name, tuple(blocks), is_text(annotation) and all(texts), defaults=tuple(dict.fromkeys((*_default(source, first.value), *defaults))), node=first.node)
    elif first.value is not None and isinstance(first.node, ast.stmt) and not isinstance(first.value, ast.Constant) and own(source, function, first.value) and not _always_new(source, first.value):
        yield Key(meaning[0], meaning[1] - 1, name, (first.node, *blocks), _text(source, first.value) and all(texts), defaults=tuple(dict.fromkeys(defaults)), node=first.node)


def _read_again(source: Source, function: FunctionNode, name: str, binding: Binding) -> tuple[ast.stmt, ast.expr] | None:
    """`session_id = session_id or payload["session_id"]`, done by every run of the function."""
    statement, value = binding.node, binding.value
    if binding.kind != "assign" or binding.unpacked or not isinstance(statement, ast.stmt) or statement not in function.body or not isinstance(value, ast.expr):
        return None
    return (statement, value) if _goes_on(value, name) else None


def _goes_on(value: ast.expr, name: str) -> bool:
    """Whether a value is what a name was, or stands for it where it was nothing: `name or other`, `name.strip()`, `str(name)`."""
    if isinstance(value, ast.BoolOp):
        return isinstance(value.op, ast.Or) and _goes_on(value.values[0], name)
    if isinstance(value, ast.IfExp):
        return _goes_on(value.body, name) or _goes_on(value.orelse, name)
    if isinstance(value, ast.Call) and not value.keywords:
        if isinstance(value.func, ast.Attribute):
            return value.func.attr in ("strip", "lower") and not value.args and _goes_on(value.func.value, name)
        return isinstance(value.func, ast.Name) and value.func.id == "str" and len(value.args) == 1 and _goes_on(value.args[0], name)
    return isinstance(value, ast.Name) and value.id == name


def _asks_for(test: ast.expr, name: str) -> bool:
    """`not name`, `name is None`, `name == ""`."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return isinstance(test.operand, ast.Name) and test.operand.id == name
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == name and isinstance(test.ops[0], (ast.Is, ast.Eq))


def _always_new(source: Source, value: ast.expr) -> bool:
    """`str(uuid4())`: new with every request, no key."""
    if any(isinstance(node, (ast.BoolOp, ast.IfExp)) for node in ast.walk(value)):
        return False
    return any(isinstance(node, ast.Call) and source.qualified(node.func) in ("uuid.uuid4", "uuid.uuid1", "secrets.token_hex", "secrets.token_urlsafe") for node in ast.walk(value))


def _text(source: Source, value: ast.expr) -> bool:
    if isinstance(value, ast.JoinedStr):
        return True
    if isinstance(value, ast.BoolOp):
        return all(_text(source, part) for part in value.values)
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "str"


def _is_get(value: ast.AST) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "get" and bool(value.args)


def none_in(value: ast.expr) -> bool:
    if isinstance(value, ast.BoolOp):
        return none_in(value.values[-1])
    return isinstance(value, ast.Call) and _is_get(value) and (len(value.args) == 1 or is_none(value.args[1])) and not value.keywords


def defaults_in(source: Source, value: ast.expr) -> tuple[str, ...]:
    """The constants that a value is when nobody sends one: `body.get("id", "x")`, `sent or "x"`, `sent if sent else "x"`."""
    if isinstance(value, ast.BoolOp):
        found = [*(constant(source, value.values[-1]) or defaults_in(source, value.values[-1]))]
    elif isinstance(value, ast.IfExp):
        found = [text for branch in (value.body, value.orelse) for text in (constant(source, branch) or defaults_in(source, branch))]
    elif isinstance(value, ast.Call) and _is_get(value) and len(value.args) == 2:
        found = [*constant(source, value.args[1])]
    elif isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "str" and len(value.args) == 1:
        found = [*defaults_in(source, value.args[0])]
    else:
        found = []
    return tuple(dict.fromkeys(found))


def _lookups(source: Source, function: FunctionNode) -> Iterator[Key]:
    """`payload["session_id"]`, `request.args.get("user_id")`, `(await request.json())["chatId"]`'s local."""
    for node in (*source.nodes(ast.Subscript), *source.nodes(ast.Call), *source.nodes(ast.Compare)):
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Constant) and isinstance(node.left.value, str) and isinstance(node.ops[0], (ast.In, ast.NotIn)):
            name, whole = node.left.value, node.comparators[0]  # `"session_id" in body`
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str) and isinstance(node.ctx, ast.Load):
            name, whole = node.slice.value, node.value
        elif isinstance(node, ast.Call) and _is_get(node) and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
            name, whole = node.args[0].value, node.func.value  # type: ignore[attr-defined]
        else:
            continue
        meaning = meaning_of(name)
        if meaning is None or not own(source, function, node) or name.lower() in WORDS_ALONE or any(isinstance(inner, (ast.Await, ast.NamedExpr)) for inner in ast.walk(node)):
            continue
        root = whole
        while isinstance(root, (ast.Attribute, ast.Subscript, ast.Call)):
            root = root.func if isinstance(root, ast.Call) else root.value
        if not isinstance(root, ast.Name):
            continue
        after = _ready(source, function, root)
        if after is None:
            continue
        optional = isinstance(node, ast.Call) and none_in(node)
        text, defaults = source.code(node), defaults_in(source, node)
        if isinstance(node, ast.Compare):
            text, optional = f"{source.code(whole)}.get({source.code(node.left)})", True
        if isinstance(node, ast.Call) and defaults and not node.keywords:  # asked without the default it is None, or empty
            text, optional, defaults = f"{source.code(node.func)}({source.code(node.args[0])})", True, ()
        if isinstance(node, ast.Subscript) and _sometimes(source, function, node):  # the others would raise KeyError
            text, optional = f"{source.code(whole)}.get({source.code(node.slice)})", True
        yield Key(meaning[0], meaning[1] + 20, text, after, False, optional, defaults, node)


def _of_django(source: Source, function: FunctionNode) -> Iterator[Key]:
    """`request.session.session_key`, behind `if not request.session.session_key: request.session.create()`."""
    for node in source.attributes("session_key"):
        text = source.code(node)
        if not text.endswith("request.session.session_key") or not own(source, function, node) or isinstance(source.statement(node), ast.Assign):
            continue
        made = [call for call in source.attributes("create") if source.code(call.value) == text.removesuffix(".session_key") and own(source, function, call)]
        blocks = [block for call in made for block in source.parents(call) if isinstance(block, ast.If) and node in ast.walk(block.test)]
        yield Key("conversation", 30, text, tuple(blocks[:1]), True, not blocks)


def _of_person(source: Source, function: FunctionNode) -> Iterator[Key]:
    """Who asks, as a function itself names it: `g.user_id`, `current_user.id`, `request.user.id`, `request.state.session_id`."""
    for name, nodes in source.index.attributes.items():
        meaning = meaning_of(name)
        if meaning is None and name not in ("id", "pk"):
            continue
        for node in nodes:
            lead = node.value.attr if isinstance(node.value, ast.Attribute) else node.value.id if isinstance(node.value, ast.Name) else ""
            means = meaning or meaning_of(lead.replace("current_", ""))
            if means is None or name.lower() in WORDS_ALONE or not isinstance(node.ctx, ast.Load) or not own(source, function, node) or _sometimes(source, function, node):
                continue
            if any(isinstance(other.ctx, ast.Store) and own(source, function, other) for other in nodes):
                continue
            if source.qualified(node).startswith(("flask.g.", "quart.g.", "flask_login.current_user.", "quart_auth.current_user.")) or _of_asked(source, function, node):
                yield Key(means[0], means[1] + 25, source.code(node), (), False, True)


def _of_asked(source: Source, function: FunctionNode, node: ast.Attribute) -> bool:
    """`request.user.id`, `request.state.session_id`, of a parameter of the function."""
    holder = node.value
    root = holder.value if isinstance(holder, ast.Attribute) and holder.attr in ("user", "state", "ctx") else None
    if not isinstance(root, ast.Name) or root.id not in ("request", "req", "websocket"):
        return False
    home = source.scope(root).home(root.id)
    return home is not None and home.node is function and all(binding.kind == "param" for binding in home.bindings[root.id])


def _sometimes(source: Source, function: FunctionNode, node: ast.AST) -> bool:
    """Whether only some runs of the function evaluate a node."""
    child: ast.AST = node
    for above in source.parents(node):
        if above is function:
            return False
        if isinstance(above, (ast.If, ast.IfExp)) and child is not above.test:
            return True
        if isinstance(above, ast.BoolOp) and child is not above.values[0]:
            return True
        if isinstance(above, (ast.ExceptHandler, ast.match_case, ast.Lambda)) or (isinstance(above, COMPREHENSIONS) and child is not above.generators[0].iter):
            return True
        child = above
    return False


def _ready(source: Source, function: FunctionNode, root: ast.Name) -> tuple[ast.stmt, ...] | None:
    """The statements that give a lookup's object its value; None when it is no object of this request."""
    home = source.scope(root).home(root.id)
    if home is None:
        return None
    if home.node is not function:
        return () if source.qualified(root) in ("flask.request", "flask.session", "quart.request", "quart.session", "bottle.request") else None
    statements: list[ast.stmt] = []
    for binding in home.bindings.get(root.id, []):
        if binding.kind == "param":
            if binding.name in ("self", "cls") and not _request_of_self(source, root):
                return None
        elif binding.kind in ("assign", "with") and isinstance(binding.node, (ast.Assign, ast.AnnAssign)) and _of_request(source, function, binding):
            statements.append(binding.node)
        else:
            return None
    return tuple(statements)


def _request_of_self(source: Source, root: ast.Name) -> bool:
    above = source.parent(root)
    return isinstance(above, ast.Attribute) and above.attr == "request"


def _of_request(source: Source, function: FunctionNode, binding: Binding) -> bool:
    """Whether a local's value is read from something that came in with the request, not made or looked up elsewhere."""
    names = [node for node in ast.walk(binding.value) if isinstance(node, ast.Name)] if binding.value is not None else []
    for node in names:
        if node.id == "self" and _request_of_self(source, node):
            return True
        home = source.scope(node).home(node.id)
        if home is not None and home.node is function and any(b.kind in ("param", "assign") and (b.name != "self" or _request_of_self(source, node)) for b in home.bindings[node.id]):
            return True
        if home is not None and source.qualified(node) in ("flask.request", "quart.request", "bottle.request"):
            return True
    return False


def choose(candidates: list[list[Key]]) -> str:
    """The meaning that the most of the functions have a key of; conversation before user."""
    counts = {meaning: sum(any(key.meaning == meaning for key in found) for found in candidates) for meaning in ("conversation", "user")}
    return "user" if counts["user"] > counts["conversation"] else "conversation"
