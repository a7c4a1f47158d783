"""Runs that all name one conversation where they are made: `{"configurable": {"session_id": "default"}}`."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..callers import add_argument, add_parameter, argument, callers
from ..cut import replace
from ..finding import Edit, Finding
from ..handlers import handlers, serves
from ..move import place_for
from ..names import FunctionNode, last_part
from ..origins import assignments
from ..source import Source, Surroundings, spreads_keywords
from .building import Building
from .configs import (
    WORDS,
    all_forget,
    asks_in_vain,
    instead_of,
    keeps_by,
    looks_at,
    named_session,
    names_thread,
    runs_of,
    session_parameter,
)
from .key import Key
from .keys import keys
from .reach import Use, User, enclosing, reached
from .rooms import is_group_chat
from .shared import Group
from .stations import Station, Unclear, may_pass, stations_for


@dataclass(frozen=True, slots=True)
class _Named:
    """A configuration in a function with the one session that it names, and the fix, or why there is none."""

    value: ast.expr
    what: str
    looks: bool  # its runs only read or resume what others began
    answer: Finding | Unclear


def constant_sessions(source: Source) -> Iterator[Finding]:
    """A finding for each configuration in a function whose session is a constant although requests begin it."""
    every = _every(source.project)
    stranded = {ast.dump(each.value): each for found in every.values() for each in found if each.looks and isinstance(each.answer, Unclear)}
    vain = b"thread_id" not in source.utf8 and asks_in_vain(source.project)
    for each in every.get(source.path, ()) if not vain else ():
        answer, left = each.answer, stranded.get(ast.dump(each.value))
        if left is not None and not isinstance(answer, Unclear):
            assert isinstance(left.answer, Unclear)
            answer = Unclear("read-elsewhere", "what reads or resumes it has no key", left.answer.source, left.value)
        if isinstance(answer, Unclear):
            where = f" ({answer.source.path}:{answer.source.place(answer.node).line})" if answer.source is not None and answer.node is not None else ""
            yield source.refuse(each.value, answer.reason, f"{each.what}; {answer.message}{where}")
        else:
            yield answer


def for_ever_one(source: Source) -> Unclear | None:
    """Why all requests go on leading one conversation, where the histories are asked for by a name that the runs have in writing."""
    left = next((each for found in _every(source.project).values() for each in found if isinstance(each.answer, Unclear) and not each.looks), None)
    return Unclear("fixed-session", f"{left.what}, and {left.answer.message}", left.answer.source, left.value) if left is not None and isinstance(left.answer, Unclear) else None


def _every(project: Surroundings) -> dict[str, list[_Named]]:
    if not serves(project) or not any(keeps_by(project, word) for word in WORDS):
        return {}
    found: dict[str, list[_Named]] = project.remember("constant sessions", lambda: {other.path: [*_named(other)] for other in project if names_thread(other)})
    return found


def _named(source: Source) -> Iterator[_Named]:
    for given in sorted([*source.nodes(ast.Dict), *source.index.calls(["RunnableConfig"])], key=source.start):
        value = named_session(source, given)
        if value is None and (parameter := session_parameter(source, given)) is not None:
            yield from _by_default(source, given, *parameter)
            continue
        around = enclosing(source, given) if value is not None else None
        if value is None or around is None or not reached(source, around):
            continue
        runs = runs_of(source, given)
        if all_forget(runs) or _given_by_callers(source, given):
            continue
        what, looks = f"all requests lead the conversation {ast.unparse(value)}", bool(runs) and all(looks_at(*run) for run in runs)
        try:
            yield _Named(value, what, looks, _keyed(source, around, value, what, looks))
        except Unclear as unclear:
            yield _Named(value, what, looks, unclear)


def _by_default(source: Source, config: ast.AST, value: ast.Name, default: ast.expr) -> Iterator[_Named]:
    """A session that is a parameter's default, for callers that give none."""
    function = source.function(value)
    if function is None or function in handlers(source.project) or all_forget(runs_of(source, config)):  # type: ignore[arg-type]
        return
    method = isinstance(source.parent(function), ast.ClassDef)
    silent = [(other, call) for other, call in callers(source, function).calls if argument(function, call, value.id, method=method) is None and not spreads_keywords(call)]
    silent = [(other, call) for other, call in silent if (around := enclosing(other, call)) is not None and around is not function and reached(other, around)]
    if not silent:
        return
    what = f"all requests lead the conversation {ast.unparse(default)}, the default of {function.name}"
    users = [User(other, around, handlers(other.project).get(around), [Use(other, call, "session_id")]) for other, call in silent if (around := enclosing(other, call)) is not None]
    try:
        yield _Named(value, what, False, _fix(source, value, users, what, False, argument=value.id))
    except Unclear as unclear:
        yield _Named(value, what, False, unclear)


def _given_by_callers(source: Source, config: ast.expr) -> bool:
    """Whether a configuration only stands in for one that callers hand over."""
    name, function = instead_of(source, config), source.function(config)
    if not name or function is None:
        return False
    method = isinstance(source.parent(function), ast.ClassDef)
    return any(argument(function, call, name, method=method) is not None for _, call in callers(source, function).calls)


def _keyed(source: Source, around: FunctionNode, value: ast.expr, what: str, looks: bool) -> Finding:
    """The fix: what stands there is the key of who asks, handed through the helpers between. Raises Unclear."""
    user = User(source, around, handlers(source.project).get(around), [Use(source, value, "session_id")])
    others = _asked_for(source, value)
    tie = f"the session {ast.unparse(value)}" if others else ""
    users = [user, *others] if source.project.remember(("first to name", ast.dump(value)), lambda: value) is value else [user]
    if isinstance(value, ast.Attribute):
        _read_besides(source, value)
    return _fix(source, value, users, what, looks, tie=tie)


def _fix(source: Source, value: ast.expr, users: list[User], what: str, looks: bool, tie: str = "", argument: str = "") -> Finding:
    """`argument`: what the users' calls are to be given."""
    around = source.scope(value).function
    if around is None:
        raise Unclear("no-place", "it stands in a lambda of the module", source)
    group = Group(source, around.body, source.names.inner[around], statements=[around.body[0]], slots={"session_id": around.body[0]})
    plan = _Naming(group, [], stations_for(_merged(users)))
    plan.argument = argument
    if not plan.parameter and plan.builders and all(_is_socket(each) for each in plan.builders):
        plan.parameter = "session_id"
    if not plan.parameter or any(each.key is None for each in plan.builders if each.uses and not _is_socket(each)):
        raise Unclear("fixed-session", "no key is in sight", source)
    keyless = next((each for each in plan.builders if each.key is None), None)
    if looks and keyless is not None:
        raise Unclear("read-elsewhere", f"{keyless.name} reads what others have said, and has no key", keyless.source, keyless.function)
    for each in plan.builders:
        plan.build_in(each, False, [])
    for each in plan.stations:
        if each.passes:
            plan.pass_through(each)
        plan.hand_on(each)
    new = any(each.key is None or each.key.may_be_new for each in plan.builders if each not in plan.connected)
    help = "Requests that send no key get a conversation of their own, which lasts for that request." if new else ""
    if plan.connected and not new:
        help = "A websocket that names no session has a conversation of its own, which lasts for the connection."
    return source.fix(value, plan.changes.edits, f"{what}; each has its own now", help=help, imports=plan.changes.imports, group=tie)


def _is_socket(each: Station) -> bool:
    """Whether it is a websocket of one user, which is a conversation also without a key."""
    return each.handler is not None and each.handler.kind == "websocket" and not is_group_chat(each)


def _read_besides(source: Source, value: ast.Attribute) -> None:
    """Raises Unclear where an instance's session is read for anything else than to name it in a configuration."""
    owner = source.class_of(value)
    if owner is not None and len(given := assignments(source, owner).get(value.attr, [])) > 1:
        raise Unclear("rebound", f"{ast.unparse(value)} is set anew in another place", source, given[-1][0])
    for other in source.project.mentioning(value.attr):
        for node in other.attributes(value.attr):
            other_thing = not _of_self(value) and ast.unparse(node) != ast.unparse(value)
            if isinstance(node.ctx, ast.Load) and not other_thing and not any(isinstance(above, ast.Dict) and named_session(other, above) is node for above in other.parents(node)):
                raise Unclear("read-elsewhere", f"{ast.unparse(node)} is read besides", other, node)


def _of_self(value: ast.Attribute) -> bool:
    return isinstance(value.value, ast.Name) and value.value.id == "self"


def _asked_for(source: Source, value: ast.expr) -> list[User]:
    """The other functions that ask for the same conversation by its name: `store["default"]`, `get_history("default")`. Raises Unclear where one has no key."""
    known = handlers(source.project)
    getters = {function: handler.source for function, handler in known.items() if handler.kind == "session"}
    stores = {name.id for getter in getters for name in ast.walk(getter) if isinstance(name, ast.Name)}
    found: list[User] = []
    for other, node in _same(source, value):
        around = enclosing(other, node)
        if node is value or around is None or around in getters or not _names_it(other, node, getters, stores) or not reached(other, around):
            continue
        handler = known.get(around)
        if handler is not None and not keys(other, around, handler):
            raise Unclear("read-elsewhere", f"{around.name} reads what others have said, and has no key", other, around)
        found.append(User(other, around, handler, [Use(other, node, "session_id")]))
    return found


def asked_by_name(source: Source, value: ast.expr) -> tuple[Source, ast.expr] | None:
    """Where a function asks a store, or what gives histories, for one conversation by the name that a configuration gives it."""
    known = handlers(source.project)
    getters = {function: handler.source for function, handler in known.items() if handler.kind == "session"}
    stores = {name.id for getter in getters for name in ast.walk(getter) if isinstance(name, ast.Name)}
    return next(((other, node) for other, node in _same(source, value) if node is not value and other.function(node) not in (None, *getters) and _names_it(other, node, getters, stores)), None)


def _same(source: Source, value: ast.expr) -> Iterator[tuple[Source, ast.expr]]:
    """Every place where the same text, or the same name for it, is written."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        for other in source.project:
            if repr(value.value)[1:-1].encode() in other.utf8:
                yield from ((other, node) for node in other.nodes(ast.Constant) if node.value == value.value)
    elif isinstance(value, ast.Name) and (home := source.scope(value).home(value.id)) is not None:
        yield from ((source, load) for load in source.names.uses(value.id, home))


def _names_it(source: Source, node: ast.expr, getters: Mapping[FunctionNode, Source], stores: set[str]) -> bool:
    """Whether a constant asks the function that gives histories, or the mapping in which it keeps them."""
    above = source.parent(node)
    holder: ast.AST | None = None
    if isinstance(above, ast.Call) and node in above.args:
        if last_part(above.func) in ("delete_thread", "adelete_thread") or any(origin.node in getters for origin in source.origins(above.func)):
            return True
        holder = above.func.value if isinstance(above.func, ast.Attribute) and above.func.attr in ("get", "pop", "setdefault") else None
    elif isinstance(above, ast.Subscript) and above.slice is node:
        holder = above.value
    elif isinstance(above, ast.Compare) and above.left is node and isinstance(above.ops[0], (ast.In, ast.NotIn)):
        holder = above.comparators[0]
    return isinstance(holder, ast.Name) and holder.id in stores


def _merged(users: list[User]) -> list[User]:
    """One for each function."""
    found: dict[FunctionNode | None, User] = {}
    for user in users:
        known = found.setdefault(user.function, user)
        known.uses += [use for use in user.uses if use not in known.uses]
    return [*found.values()]


class _Naming(Building):
    """Nothing is built anew: the key takes the constant's place, or is given for a parameter that has it as its default."""

    argument = ""

    def put_key(self, use: Use, text: str) -> list[Edit]:
        if isinstance(use.node, ast.Call):
            return add_argument(use.source, use.node, self.argument, text)
        return replace(use.source, use.node, text)

    def build_in(self, each: Station, inline: bool, edits: list[Edit]) -> None:
        for use in each.uses:
            each.key = next((key for key in [*([each.key] if each.key else []), *each.keys] if self.ready(each, key, use)), None)
            if each.key is None and not (_is_socket(each) and self.made_for_connection(each)):
                raise Unclear("fixed-session", "no key is in sight before the run", each.source, each.function)
            self.changes.edits += self.put_key(use, self.key_text(each))

    def ready(self, each: Station, key: Key, use: Use) -> bool:
        if key.borrow or not isinstance(each.function, FunctionNode):
            return False
        around = list(use.source.parents(use.node))
        within = all(use.source.stop(after) <= use.source.start(use.node) and use.source.parent(after) in around for after in key.after)
        return within and place_for(each.source, each.function, [use.node], key.after, in_loops=True) is not None

    def pass_through(self, each: Station) -> None:
        may_pass(each, self.parameter)
        assert isinstance(each.function, FunctionNode)
        self.changes.edits += [edit for use in each.uses for edit in self.put_key(use, self.parameter)]
        self.changes.edits += add_parameter(each.source, each.function, self.parameter, "str")
