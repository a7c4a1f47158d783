"""Lists that handlers fill with messages and hand to a model: a memory that nobody called one."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from ..callers import argument, callers
from ..handlers import handlers
from ..libraries.messages import ALL, GROWS, SPOKEN, is_telling
from ..names import FunctionNode, last_part
from ..source import Source, is_none, keyword
from .handed import Place, chosen, everywhere, is_replaced, item_of, reaches_model, reads_of
from .key import may_tell_apart
from .reach import instances, member_uses, uses_of

MESSAGES = ("Message", "Msg", "Turn")
ROLES = ("user", "assistant", "system", "human", "ai", "bot")
NEVER = frozenset({"documents", "docs", "tools", "results"})


def holds_transcripts(source: Source) -> bool:
    """Whether there is such a list in a file."""
    every: list[ast.Assign | ast.AnnAssign] = [*source.nodes(ast.Assign), *source.nodes(ast.AnnAssign)]
    values = (value for each in every for value in _values(each.value))
    if any(is_transcript(source, value) for value in values if isinstance(value, (ast.List, ast.Constant, ast.Call))) or any(default_list(source, function) is not None for function in source.functions()):
        return True
    return any(is_field(source, each) for each in source.nodes(ast.AnnAssign))


def _values(value: ast.expr | None) -> list[ast.expr | None]:
    """What an assignment may give: `said or []` one of two."""
    if isinstance(value, ast.IfExp):
        return [value.body, value.orelse]
    return [*value.values] if isinstance(value, (ast.Dict, ast.BoolOp)) else [value]


def is_transcript(source: Source, node: ast.AST) -> bool:
    """Whether a list, bound at the top of a module, in a class or on `self` when it is made, grows by messages and is handed to a model."""
    mapping = source.parent(node)
    if isinstance(mapping, ast.Dict) and isinstance(node, ast.List):
        return bool(source.remember(("transcript", node), lambda: _lies_in(source, mapping, node)))
    whole = chosen(source, node) if isinstance(node, ast.List) else node
    statement = source.parent(whole)
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is not whole or not _is_list(source, node):
        return False
    return bool(source.remember(("transcript", node), lambda: _is_transcript(source, statement)))


def _lies_in(source: Source, mapping: ast.Dict, node: ast.List) -> bool:
    """Whether a list in a mapping of the module is one that is asked for by a name in writing, or by what is no key: `histories["default"]`, `prompts[mode]`."""
    statement = source.parent(mapping)
    key = mapping.keys[mapping.values.index(node)]
    target = statement.targets[0] if isinstance(statement, ast.Assign) and len(statement.targets) == 1 else statement.target if isinstance(statement, ast.AnnAssign) else None
    if not isinstance(target, ast.Name) or not isinstance(key, ast.Constant) or not isinstance(source.parent(statement), ast.Module):  # type: ignore[arg-type]
        return False
    asks = key.value in ("messages", "contents")  # of what is sent as a whole: `create(**request)`, `post(url, json=request)`
    if not asks and any(isinstance(each, (ast.Dict, ast.Call, ast.Lambda)) for each in mapping.values):
        return False
    places: list[Place] = []
    wholes: list[Place] = []
    for use in uses_of(source, source.names.module, [target.id], [statement]):  # type: ignore[list-item]
        asked = item_of(use.source, use.node)
        if asked is None and asks:
            wholes.append((use.source, use.node))
            continue
        if asked is None or (not isinstance(asked[1], ast.Constant) and may_tell_apart(ast.unparse(asked[1]))):
            return False
        if not isinstance(asked[1], ast.Constant) or (asked[1].value == key.value and use.source.function(asked[0]) is not None):
            places.append((use.source, asked[0]))
    if wholes and adds(places, str(key.value)) and reaches_model(wholes, telling=True):
        return True
    return _talks(source, statement, target.id, places)  # type: ignore[arg-type]


def default_list(source: Source, function: FunctionNode) -> ast.expr | None:
    """The list that is a parameter's default, where it grows by messages and a model is given it: one list for all calls that give none."""
    return source.remember(("default list", function), lambda: _default_list(source, function))  # type: ignore[no-any-return]


def _default_list(source: Source, function: FunctionNode) -> ast.expr | None:
    args = [*function.args.posonlyargs, *function.args.args]
    for arg, default in [*zip(args[len(args) - len(function.args.defaults) :], function.args.defaults), *zip(function.args.kwonlyargs, function.args.kw_defaults)]:
        if isinstance(default, (ast.List, ast.Call, ast.Name, ast.Attribute)) and (_is_list(source, default) or _means_list(source, default)):
            loads = [(source, load) for load in reads_of(source, arg.arg, source.names.inner[function]) if not is_replaced(source, load)]
            if _talks(source, function, arg.arg, list(loads)) and _left_out(source, function, arg.arg):
                return default
    return None


def _means_list(source: Source, node: ast.expr) -> bool:
    """Whether a name, or `conf.SYSTEM`, stands for a list of a module."""
    return isinstance(node, (ast.Name, ast.Attribute)) and any(isinstance(origin.node, ast.List) and isinstance(origin.source.parent(origin.source.statement(origin.node)), ast.Module) for origin in source.origins(node))


def _left_out(source: Source, function: FunctionNode, name: str) -> bool:
    """Whether a call gives no argument for a parameter; Flask gives its views none but what is in the path, FastAPI a new list each time."""
    owner = source.parent(function)
    if isinstance(owner, ast.ClassDef) and function.name == "__init__":
        calls = [call for _, call in instances(source, owner)]
    else:
        calls = [call for _, call in callers(source, function).calls]
    if any(argument(function, call, name, method=isinstance(owner, ast.ClassDef)) is None for call in calls):
        return True
    known = handlers(source.project).get(function)
    return known is not None and known.kind == "route" and known.framework in ("flask", "quart")


def is_field(source: Source, statement: ast.stmt) -> bool:
    """Whether a field of a dataclass holds such a list: `messages: list = field(default_factory=list)`."""
    owner = source.parent(statement)
    value = statement.value if isinstance(statement, ast.AnnAssign) else None
    made = keyword(value, "default_factory") if isinstance(value, ast.Call) else None
    if made is None or not isinstance(owner, ast.ClassDef) or not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
        return False
    if not (isinstance(made.value, ast.Lambda) or (isinstance(made.value, ast.Name) and made.value.id == "list") or source.qualified(made.value) == "collections.deque"):
        return False
    attr = statement.target.id
    abroad = [] if source.attributes(attr) else [(use.source, use.node) for use in member_uses(source, owner, [f"self.{attr}"], source.names.inner[owner], [statement])]
    return attr not in NEVER and _talks(source, statement, attr, abroad or _members(source, owner, attr, statement))


def _is_list(source: Source, node: ast.AST) -> bool:
    if isinstance(node, ast.List):
        return True
    if isinstance(node, ast.Constant):  # one text of the module that grows: `history = ""`
        return isinstance(node.value, str) and isinstance(source.parent(source.statement(node)), ast.Module)
    return is_new_list(source, node) or (isinstance(node, ast.Call) and "deque" in source.words and source.qualified(node.func) == "collections.deque")


def is_new_list(source: Source, node: ast.AST) -> bool:
    """`[...]`, `list(...)`, and a copy of a list of the module: `BEGINNING.copy()`, `deepcopy(BEGINNING)`."""
    if not isinstance(node, ast.Call):
        return isinstance(node, ast.List)
    if isinstance(node.func, ast.Name) and node.func.id == "list":
        return True
    if isinstance(node.func, ast.Attribute) and node.func.attr == "copy" and not node.args:
        return _is_list_of_module(source, node.func.value)
    return "copy" in source.words and source.qualified(node.func) in ("copy.copy", "copy.deepcopy") and len(node.args) == 1 and _is_list_of_module(source, node.args[0])


def _is_list_of_module(source: Source, node: ast.expr) -> bool:
    made = source.names.module.bindings.get(node.id, []) if isinstance(node, ast.Name) and source.scope(node).home(node.id) is source.names.module else []
    return len(made) == 1 and isinstance(made[0].value, ast.List)


def _is_transcript(source: Source, statement: ast.Assign | ast.AnnAssign) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    owner, function = source.class_of(statement), source.function(statement)
    if len(targets) != 1:
        return False
    target = targets[0]
    if isinstance(target, ast.Name) and function is None and isinstance(source.parent(statement), ast.Module):
        rebound = any(binding.within is not binding.scope for binding in source.names.module.bindings.get(target.id, ()))
        if isinstance(statement.value, ast.Constant) and not rebound:
            return False
        uses = uses_of(source, source.names.module, [target.id], [statement])
        return _talks(source, statement, target.id, [(use.source, use.node) for use in uses if use.source.scope(use.node).kind != "module"])
    if isinstance(target, ast.Name) and target.id in source.scope(statement).globals:
        begun = [binding for binding in source.names.module.bindings.get(target.id, ()) if binding.within is source.names.module]
        if isinstance(statement.value, ast.Constant) or not all(binding.value is None or is_none(binding.value) for binding in begun):
            return False
        return _talks(source, statement, target.id, [(use.source, use.node) for use in uses_of(source, source.names.module, [target.id]) if use.source.scope(use.node).kind != "module"])
    if isinstance(target, ast.Name) and function is not None and not isinstance(statement.value, ast.Constant):
        loads = [load for load in source.names.uses(target.id, source.names.inner[function]) if source.function(load) is not function]
        known = handlers(source.project) if loads else {}
        if not loads or function in known or not any(function in source.parents(each) for each in known if each in source.names.inner):
            return False
        return _talks(source, statement, target.id, [(source, load) for load in loads])
    if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Attribute) and target.value.attr == "state" and not isinstance(statement.value, ast.Constant):
        read = ((other, node) for other in source.project.mentioning(target.attr) for node in other.attributes(target.attr) if node is not target)
        return _talks(source, statement, target.attr, [(other, node) for other, node in read if isinstance(node.value, ast.Attribute) and node.value.attr == "state"])
    if isinstance(statement.value, ast.Constant) or owner is None:
        return False
    if isinstance(target, ast.Name) and function is None and not owner.decorator_list and not any(_is_model(source, base) for base in owner.bases):
        return _talks(source, statement, target.id, _members(source, owner, target.id, statement))
    if isinstance(target, ast.Attribute) and function is not None and source.parent(statement) is function and _runs_once(source, owner, function):
        return _talks(source, statement, target.attr, _members(source, owner, target.attr, statement))
    return False


def _runs_once(source: Source, owner: ast.ClassDef, function: FunctionNode) -> bool:
    """Whether a method fills an instance when it is made: `__init__`, what that or `__new__` calls, what returns at once when all is there."""
    if function.name == "__init__":
        return True
    if function.args.args[1:] or not isinstance(function, ast.FunctionDef):
        return False
    if any((maker := source.function(node)) is not None and maker.name in ("__init__", "__new__") and source.class_of(node) is owner for node in source.attributes(function.name)):
        return True
    return any(isinstance(each, ast.If) and isinstance(each.body[-1], ast.Return) for each in function.body)


def _is_model(source: Source, base: ast.expr, depth: int = 0) -> bool:
    """Whether each instance of a class gets its own copy of what stands in its body."""
    if source.qualified(base).partition(".")[0] in ("pydantic", "sqlmodel", "typing", "django", "sqlalchemy") or ast.unparse(base) in ("BaseModel", "TypedDict"):
        return True
    above = [(origin.source, origin.node) for origin in source.origins(base) if isinstance(origin.node, ast.ClassDef)] if depth < 5 else []
    return any(_is_model(home, each, depth + 1) for home, owner in above for each in owner.bases)


def _members(source: Source, owner: ast.ClassDef, attr: str, statement: ast.stmt) -> list[Place]:
    own = [node for node in source.attributes(attr) if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls") and source.class_of(node) is owner]
    if not own:
        return list(_through_the_class(source, owner, attr)) if source.function(statement) is None else []
    built = source.function(statement)
    places: list[Place] = [(source, node) for node in own if source.function(node) is not built or built is None]
    if any(source.class_of(node) is not owner for node in source.attributes(attr)) or len(source.project.mentioning(attr)) > 1:
        places += [(use.source, use.node) for use in member_uses(source, owner, [f"self.{attr}"], source.names.inner[owner], [statement]) if use.node not in own]
    return places


def _through_the_class(source: Source, owner: ast.ClassDef, attr: str) -> Iterator[Place]:
    """The reads of an attribute by the name of its class: `Memory.turns`, in any file."""
    for other in source.project.mentioning(attr):
        for node in other.attributes(attr) if owner.name in other.words else ():
            if last_part(node.value) == owner.name and any(origin.node is owner for origin in other.origins(node.value)):
                yield other, node


def _talks(source: Source, statement: ast.stmt, name: str, uses: list[Place]) -> bool:
    """Whether something puts messages into the list, and something gives them to a model."""
    if not uses or name in NEVER:
        return False
    telling = is_telling(name)
    anywhere = everywhere(uses)
    if isinstance(getattr(statement, "value", None), ast.Constant):  # `text += more` makes a new text of a local
        anywhere = [(other, use) for other, use in anywhere if not isinstance(getattr(use, "ctx", None), ast.Store)]
    if not any(_grows(other, use, telling) for other, use in anywhere) and not any(_grown(source, value, telling) for value in _set_anew(source, statement, name)):
        return False
    return reaches_model(anywhere)


def adds(uses: Iterable[Place], name: str) -> bool:
    """Whether one of the uses of such a list, or of a helper that is handed it, puts messages into it."""
    return bool(growing(uses, name))


def growing(uses: Iterable[Place], name: str) -> list[Place]:
    """The places where messages are put into such a list."""
    telling = is_telling(name)
    return [place for place in everywhere(uses) if _grows(*place, telling) or _is_grown(*place, telling)]


def _is_grown(source: Source, use: ast.expr, telling: bool) -> bool:
    """`history = history + [message]`, of the name at the left."""
    above = source.parent(use)
    return isinstance(above, ast.Assign) and use in above.targets and _grown(source, above.value, telling)


def _set_anew(source: Source, statement: ast.stmt, name: str) -> Iterator[ast.expr]:
    """What is assigned to a name under `global` or `nonlocal`, or to `self.name`."""
    for binding in source.scope(statement).bindings.get(name, ()):
        if binding.within is not binding.scope and isinstance(value := getattr(binding.node, "value", None), ast.expr):
            yield value
    for value in (getattr(source.parent(target), "value", None) for target in source.names.stores.get(("self", name), ())):
        if isinstance(value, ast.expr) and isinstance(statement, (ast.Assign, ast.AnnAssign)) and value is not statement.value:
            yield value


def _grown(source: Source, value: ast.expr, telling: bool) -> bool:
    """`history + [message]`; of `history += value`, the value."""
    parts = [value]
    while parts:
        part = parts.pop()
        if isinstance(part, ast.BinOp):
            parts += [part.left, part.right]
        elif isinstance(part, (ast.List, ast.Tuple)) and any(_is_message(source, each, telling) for each in part.elts):
            return True
        elif (isinstance(part, ast.JoinedStr) and telling) or _is_said(part):
            return True
    return False


def _is_said(node: ast.expr) -> bool:
    """`result.all_messages()`."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ALL


def _grows(source: Source, use: ast.expr, telling: bool) -> bool:
    method = source.parent(use)
    if isinstance(method, ast.AugAssign) and method.target is use:
        return _grown(source, method.value, telling)
    if not isinstance(method, ast.Attribute) or method.attr not in GROWS:
        return False
    call = source.parent(method)
    if not isinstance(call, ast.Call) or call.func is not method or not call.args:
        return False
    added = call.args[-1]
    return any(_is_message(source, each, telling) for each in (added.elts if method.attr == "extend" and isinstance(added, (ast.List, ast.Tuple)) else [added]))


def _is_message(source: Source, node: ast.expr, telling: bool) -> bool:
    """`telling`: the list's name says that it holds what was said, so that texts are messages too."""
    if isinstance(node, ast.Dict):
        words = {key.value for key in node.keys if isinstance(key, ast.Constant)}
        return "role" in words or (telling and bool(words & {"content", "user", "assistant", "question", "answer", "human", "ai", "text"}))
    if isinstance(node, ast.Call):
        last = source.qualified(node.func).rpartition(".")[2]
        if last in SPOKEN or _is_said(node) or (isinstance(node.func, ast.Name) and node.func.id == "dict" and keyword(node, "role") is not None):
            return True
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("model_dump", "to_dict", "dict"):
            return telling
        made = source.origins(node.func)
        if any(isinstance(origin.node, FunctionNode) and _makes_message(origin.source, origin.node) for origin in made):
            return True
        if telling and any(isinstance(origin.node, ast.ClassDef) for origin in made):  # a class of the project's own
            return last_part(node.func).endswith(MESSAGES) or any(each.arg in ("role", "content") for each in node.keywords) or any(isinstance(each, ast.Constant) and each.value in ROLES for each in node.args)
        return telling and last in ("dict", "Message", "str") and bool(node.keywords or node.args)
    if isinstance(node, ast.Name):
        found = [origin for origin in source.origins(node) if isinstance(origin.node, (ast.Call, ast.Dict))]
        return any(_is_message(origin.source, origin.node, telling) for origin in found) or (telling and _is_answer(source, node))  # type: ignore[arg-type]
    if isinstance(node, ast.Attribute):
        return telling and node.attr in ("message", "content", "text")
    return (isinstance(node, ast.Tuple) and len(node.elts) == 2) or (telling and isinstance(node, (ast.JoinedStr, ast.BinOp)))


def _is_answer(source: Source, name: ast.Name) -> bool:
    """`message = response.choices[0].message`."""
    home = source.scope(name).home(name.id)
    values = [binding.value for binding in home.bindings[name.id]] if home is not None else []
    return any(isinstance(value, ast.Attribute) and value.attr in ("message", "content") for value in values)


def _makes_message(source: Source, function: FunctionNode) -> bool:
    """`def user(text): return {"role": "user", "content": text}`."""
    return any(isinstance(node.value, ast.Dict) and _is_message(source, node.value, False) for node in source.index.returns.get(function, ()))
