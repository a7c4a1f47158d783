"""Lists with which conversations begin and that are given away themselves, where a copy is meant: `histories[key] = BEGINNING`, `messages = BEGINNING`."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from ..callgraph import callees
from ..cut import replace
from ..finding import Edit, Finding
from ..libraries.messages import RUNS, is_first_message, is_telling
from ..names import last_part
from ..source import Source
from ..tests import in_tests
from .handed import Place, assigned_to, chosen, everywhere, item_of
from .overlooked import serves_requests
from .plan import spot
from .reach import enclosing, lasting, member_uses, reached, uses_of
from .shared import Group, value_of

_FIRST = frozenset("system initial init default base start starting begin first template prompt prefix few shot examples seed welcome".split())
_OF_ONE = ("session", "user_session", "session_state", "user_data", "chat_data")  # mappings that belong to one visitor


def begun_with_copies(group: Group, *, locals_too: bool = False) -> Finding | None:
    """The fix that copies the list where it is given away; None where something else is done with it, or what is meant is not sure.

    `locals_too`: also where a handler alone has it, under a name of its own, and no key by which it could go on.
    """
    source = group.source
    statements = {source.statement(cell.call) for cell in group.cells if cell.kind == "transcript" and isinstance(cell.call, ast.List)}
    names = [slot for slot, statement in group.slots.items() if statement in statements]
    if (group.me and group.owner is None) or len(statements) != 1 or len(names) != 1 or len(group.cells) != sum(cell.kind == "transcript" for cell in group.cells):
        return None
    given: list[Place] = []
    read: list[Place] = []
    for home, node, whole in _lists(group, names, statements):
        way = _given_away(home, node)
        if whole or (not way and not _is_begun_anew(home, node)):
            return None
        if way == "local" and not (locals_too and _is_begun(group, names[0])):
            return None
        (given if way else read).append((home, node))
    if not {home.function(node) for home, node in given}.isdisjoint(home.function(node) for home, node in read):  # it may count on what the other name got
        return None
    places = everywhere(given)
    if not given or any(_changes_item(*place) for place in places) or not any(_runs(*place) for place in places):
        return None
    edits: list[Edit] = []
    for home, node in given:
        text = home.code(node)
        edits += replace(home, node, f"list({text})" if home.scope(node).home("list") is None else f"[*{text}]")
    lasts = ". No key is in sight, so the history now lasts for one request" if locals_too else ""
    return source.fix(spot(group), edits, f"{names[0]} is shared by all requests, which see each other's messages; each conversation begins with a copy now{lasts}")


def _lists(group: Group, names: list[str], statements: Iterable[ast.stmt]) -> Iterator[tuple[Source, ast.expr, bool]]:
    """Every read of the list, or of one in a mapping of such; and whether it is the whole mapping."""
    source, mapping = group.source, isinstance(value_of(group.slots[names[0]]), ast.Dict)
    uses = uses_of(source, group.scope, names, statements) if group.owner is None else member_uses(source, group.owner, names, group.scope, statements)
    for use in uses:
        if not in_tests(use.source):
            asked = item_of(use.source, use.node) if mapping else None
            yield use.source, asked[0] if asked is not None else use.node, mapping and asked is None


def _is_begun(group: Group, name: str) -> bool:
    """Whether the lists hold messages with which all conversations begin, and are not called what a conversation is."""
    lists = [cell.call for cell in group.cells]
    begun = all(isinstance(each, ast.List) and each.elts and is_first_message(each.elts[0]) for each in lists)
    return begun and (not is_telling(name) or not _FIRST.isdisjoint(name.lower().split("_")))


def _given_away(source: Source, node: ast.expr) -> str:
    """How: "kept" under a key, by an "attribute" of an instance, as a "local"; "" for not, or where there may be nothing to copy."""
    if isinstance(node, ast.Call):  # prompts.get(mode)
        return ""
    whole, asked = chosen(source, node), False
    for each in source.parents(node):
        if each is source.parent(whole):
            break
        asked = asked or (isinstance(each, ast.Call) and (not isinstance(each.args[0], ast.Constant) or _is_of_one(each.func)))
    above = source.parent(whole)
    if isinstance(above, ast.Lambda):
        maker = source.parent(above)
        return "kept" if isinstance(maker, ast.Call) and last_part(maker.func) == "defaultdict" and above.body is whole else ""
    if asked:
        return "kept"
    assigned = assigned_to(source, whole)
    if assigned is None or source.function(assigned[0]) is None:
        return ""
    ways = {_way(source, target) for target in assigned[1]}
    return "" if "" in ways else "local" if "local" in ways else ways.pop()


def _is_of_one(method: ast.expr) -> bool:
    """Whether a mapping belongs to one visitor: Flask's `session.get(...)`, `cl.user_session.get(...)`."""
    return isinstance(method, ast.Attribute) and last_part(method.value) in _OF_ONE


def _way(source: Source, target: ast.expr) -> str:
    if isinstance(target, ast.Subscript):
        return "kept" if not isinstance(target.slice, (ast.Constant, ast.Slice)) or last_part(target.value) in _OF_ONE else ""
    if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
        owner, maker = source.class_of(target), source.function(target)
        return "attribute" if owner is not None and maker is not None and (maker.name == "__init__" or not lasting(source, owner)) else ""
    home = source.scope(target).home(target.id) if isinstance(target, ast.Name) else None
    return "local" if home is not None and home.kind == "function" else ""


def _is_begun_anew(source: Source, node: ast.expr) -> bool:
    """Whether a read makes a new list that begins with it, or sends it as it is."""
    above = source.parent(node)
    if isinstance(above, ast.Subscript) and above.value is node:
        return isinstance(above.slice, ast.Slice) and isinstance(above.ctx, ast.Load)
    if isinstance(above, ast.Attribute):
        return above.attr == "copy"
    call = source.parent(above) if isinstance(above, ast.keyword) else above
    if isinstance(call, ast.Call):
        name = last_part(call.func)
        return name in ("list", "tuple", "deque", "copy", "deepcopy") or (name in RUNS and not callees(source, call))
    return isinstance(above, (ast.BinOp, ast.Starred)) and not isinstance(source.parent(above), ast.AugAssign)


def _changes_item(source: Source, node: ast.expr) -> bool:
    """`messages[0]["content"] = ...`: the copies would still hold the same message."""
    item = source.parent(node)
    if not isinstance(item, ast.Subscript) or item.value is not node or isinstance(item.slice, ast.Slice):
        return False
    above = source.parent(item)
    if isinstance(above, (ast.Subscript, ast.Attribute)) and above.value is item:
        return not isinstance(above.ctx, ast.Load) or (isinstance(above, ast.Attribute) and isinstance(source.parent(above), ast.Call))
    return False


def _runs(source: Source, node: ast.expr) -> bool:
    function, owner = enclosing(source, node), source.class_of(node)
    return function is not None and (bool(reached(source, function)) or (owner is not None and serves_requests(source, owner)))
