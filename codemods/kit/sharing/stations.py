"""From a shared object to the handlers that use it: who is to build it, and who hands it, or its key, on."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ..callers import Callers, argument, callers, takes_more
from ..handlers import Handler, handlers
from ..heirs import descendants
from ..names import FunctionNode
from ..source import Source, is_none, spreads_arguments, spreads_keywords
from ..tests import in_tests
from .configs import looks_at, run_with
from .guards import guarded
from .handed import Place, everywhere, reaches_model
from .key import Key
from .keys import choose, constant, defaults_in, keys, none_in
from .providers import borrowed
from .reach import AT_START, Use, User, enclosing, instances, main_block, reached
from .transcripts import adds

READS = frozenset(
    "clear aclear buffer load_memory_variables aload_memory_variables messages buffer_as_str buffer_as_messages reset areset chat_history moving_summary_buffer entity_store entity_cache".split()
)


class Unclear(Exception):
    """Why a group can't be taken apart: a reason code, one sentence, and where."""

    def __init__(self, reason: str, message: str, source: Source | None = None, node: ast.AST | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.source = source
        self.node = node


@dataclass(slots=True, eq=False)
class Station:
    """One function on the way from a handler to the shared object.

    `uses`: its own reads. `calls`: its calls of stations further down that need something handed on; whether keywords may be given there.
    """

    source: Source
    function: FunctionNode | ast.If
    handler: Handler | None
    uses: list[Use] = field(default_factory=list)
    calls: list[tuple[ast.Call, Station, bool]] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    key: Key | None = None
    passes: bool = False  # gets what it needs from its callers

    @property
    def nodes(self) -> list[ast.AST]:
        return [*(use.node for use in self.uses), *(call for call, _, _ in self.calls)]

    @property
    def name(self) -> str:
        return self.function.name if isinstance(self.function, FunctionNode) else 'the block under `if __name__ == "__main__"`'

    @property
    def all_below(self) -> list[Station]:
        """Itself, and the helpers on its ways down."""
        seen: list[Station] = [self]
        for each in seen:
            seen += [below for _, below, _ in each.calls if below not in seen]
        return seen

    @property
    def only_reads(self) -> bool:
        """Whether it looks at or clears what others said, and neither says anything itself nor lets a helper say it."""
        seen = self.all_below
        return all(_looks(use) for each in seen for use in each.uses) and any(each.uses for each in seen)

    @property
    def looks_at_calls(self) -> bool:
        """Whether it only looks at what the helpers that it calls answer with: `get_chain().memory.buffer`."""
        return bool(self.calls) and not self.uses and all(_looks(Use(self.source, call, "")) for call, _, _ in self.calls)


def converses(station: Station) -> bool:
    """Whether it, with the helpers that it calls, both puts messages into a list and gives them to a model."""
    seen = station.all_below
    places = [list_of(use) for each in seen for use in each.uses]
    name = next((use.slot.removeprefix("self.") for each in seen for use in each.uses), "")
    return reaches_model(everywhere(places)) and adds(places, name)


def list_of(use: Use) -> Place:
    """The list itself: of a mapping that holds it, what stands there under a name in writing."""
    above = use.source.parent(use.node)
    named = isinstance(above, ast.Subscript) and above.value is use.node and isinstance(above.slice, ast.Constant) and isinstance(above.slice.value, str)
    return use.source, above if named and isinstance(above, ast.Subscript) else use.node


def _looks(use: Use) -> bool:
    if use.clears:
        return True
    node: ast.AST = use.node
    if (run := run_with(use.source, use.node)) is not None and looks_at(use.source, run):
        return True
    while isinstance(above := use.source.parent(node), ast.Attribute):
        if above.attr in READS or (above.attr == "keys" and node is use.node):
            return True
        node = above
    if node is not use.node:
        return False
    counts = isinstance(above, ast.Call) and node in above.args and isinstance(above.func, ast.Name) and above.func.id in ("len", "list", "sorted", "tuple", "set")
    return counts or (isinstance(above, ast.Compare) and node in above.comparators and isinstance(above.ops[-1], (ast.In, ast.NotIn)))


def stations_for(users: list[User]) -> list[Station]:
    """Every function on the ways from the handlers down to the users. Raises Unclear where a way can't be followed."""
    found: dict[ast.AST, Station] = {}
    todo: list[Station] = []

    def station(source: Source, function: FunctionNode | ast.If) -> Station:
        if function not in found:
            handler = handlers(source.project).get(function) if isinstance(function, FunctionNode) else None
            made = Station(source, function, handler)
            if isinstance(function, FunctionNode):
                made.keys = keys(source, function, handler)
                if handler is not None and handler.kind == "provider" and not made.keys:
                    made.keys = borrowed(source, function)
            found[function] = made
            todo.append(made)
        return found[function]

    for user in users:
        holder = user.function if user.function is not None else user.block
        assert holder is not None
        station(user.source, holder).uses += user.uses
    while todo:
        each = todo.pop(0)
        if each.handler is None and isinstance(each.function, FunctionNode):
            each.keys = [as_sent(each.source, each.function, key) for key in each.keys]
        if each.handler is not None and each.handler.kind == "middleware" and not each.keys:
            raise Unclear("handed-on", f"{each.name} runs beside the handlers, and has no key of theirs", each.source, each.function)
        if each.handler is not None and each.handler.kind == "provider" and each.handler.framework != "fastapi":
            raise Unclear("handed-on", f"{each.name} is called by {each.handler.framework}, which can't be told to give it a key", each.source, each.function)
        if each.handler is None and each.keys and isinstance(each.function, FunctionNode):
            for other, call, caller in keyless_calls(each.source, each.function, each.keys[0]):
                station(other, caller).calls.append((call, each, True))
        if each.handler is not None or each.keys or isinstance(each.function, ast.If):
            continue
        mentions = callers(each.source, each.function)
        if idle(each.source, each.function):
            continue  # nobody calls it: it builds its own
        each.passes = True
        _all_known(each, mentions)
        for other, call, keywords in [*((s, c, True) for s, c in mentions.calls), *mentions.runs]:
            around = enclosing(other, call)
            block = main_block(other, call) if around is None else None
            if around is each.function:
                each.calls.append((call, each, keywords))
                continue
            holder = around or block
            if holder is None:
                raise Unclear("needed-at-import", f"{each.name} is called when the module is imported", other, call)
            station(other, holder).calls.append((call, each, keywords))
    for each in found.values():
        if isinstance(each.function, FunctionNode):
            each.keys = guarded(each.source, each.function, each.keys, each.nodes)
    return list(found.values())


def keyless_calls(source: Source, function: FunctionNode, key: Key) -> Iterator[tuple[Source, ast.Call, FunctionNode]]:
    """The calls of a helper that leave its key out, by functions that have one. Raises Unclear where the helper does more with it than it says."""
    if not isinstance(key.node, ast.arg) or key.text != key.node.arg or not key.may_be_new:
        return
    method = isinstance(source.parent(function), ast.ClassDef)
    for other, call in callers(source, function).calls:
        around = enclosing(other, call)
        if around is None or around is function or argument(function, call, key.text, method=method) is not None or spreads_keywords(call) or spreads_arguments(call):
            continue
        if not keys(other, around, handlers(other.project).get(around)) or not reached(other, around):
            continue
        if any(True for _ in source.names.uses(key.text, source.names.inner[function])):
            raise Unclear("helper-signature", f"{around.name} has a key, and does not give it to {function.name}", other, call)
        yield other, call, around


def as_sent(source: Source, function: FunctionNode, key: Key, depth: int = 0) -> Key:
    """A helper's key with what its callers send when they have none."""
    if not isinstance(key.node, ast.arg) or key.text != key.node.arg or key.after or depth > 4:
        return key
    for other, call in callers(source, function).calls:
        sent, around = argument(function, call, key.text, method=isinstance(source.parent(function), ast.ClassDef)), enclosing(other, call)
        if sent is None or around is None:
            continue
        optional, defaults = none_in(sent) or is_none(sent), defaults_in(other, sent)
        handler = handlers(other.project).get(around)
        if isinstance(sent, ast.Constant) and reached(other, around):
            defaults = constant(other, sent)
        for theirs in guarded(other, around, keys(other, around, handler), [call]):
            if theirs.text == other.code(sent):
                theirs = theirs if handler is not None else as_sent(other, around, theirs, depth + 1)
                optional, defaults = optional or theirs.optional, (*defaults, *theirs.defaults)
        key = replace(key, optional=key.optional or optional, defaults=tuple(dict.fromkeys((*key.defaults, *defaults))))
    return key


def idle(source: Source, function: FunctionNode) -> bool:
    """Whether nothing in sight mentions a function: dead code, or called from nowhere that matters here."""
    mentions = callers(source, function)
    if mentions.calls or mentions.runs or mentions.others or function.decorator_list:
        return False
    if function.name.startswith("test") or in_tests(source):
        return False
    return not any(binding.origin.rpartition(".")[2] == function.name for other in source.project for found in other.names.module.bindings.values() for binding in found)


def own_stations(users: list[User]) -> list[Station]:
    """Each user for itself, without a key."""
    return [Station(user.source, user.function if user.function is not None else user.block, user.handler, user.uses) for user in users]  # type: ignore[arg-type]


def serves_sockets(stations: list[Station]) -> bool:
    """Whether a websocket leads one of the conversations: it lasts for many messages, also without a key."""
    return any(each.handler is not None and each.handler.kind == "websocket" and not each.passes for each in stations)


def _all_known(each: Station, mentions: Callers) -> None:
    assert isinstance(each.function, FunctionNode)
    if any(isinstance(decorator, ast.Name) and decorator.id in ("property", "cached_property") for decorator in each.function.decorator_list):
        raise Unclear("helper-signature", f"{each.name} is a property, which can't be given a key", each.source, each.function)
    if mentions.others:
        other, node = mentions.others[0]
        above = other.parent(node)
        if isinstance(above, ast.keyword) and above.arg in AT_START:
            raise Unclear("read-elsewhere", f"{each.name} uses it when the service starts or stops, where no request has a key", other, node)
        raise Unclear("handed-on", f"{each.name} is handed on as a value, who calls it can't be told", other, node)
    if not mentions.calls and not mentions.runs:
        test = each.name.startswith("test") or in_tests(each.source)
        if test:
            raise Unclear("patched-by-tests", f"the test {each.name} in {each.source.path} uses it", each.source, each.function)
        raise Unclear("unknown-callers", f"{each.name} uses it and is called by nothing in sight", each.source, each.function)


def choose_keys(stations: list[Station]) -> tuple[str, str]:
    """Gives each building station its key of the meaning that most of them have; the name of the parameter for it ("" without any key), and the meaning."""
    builders = [each for each in stations if not each.passes]
    meaning = choose([each.keys for each in builders if each.keys])
    names = []
    for each in builders:
        fitting = [key for key in each.keys if key.meaning == meaning] or each.keys
        each.key = fitting[0] if fitting else None
        if each.key is not None and each.key.meaning == meaning:
            names.append(each.key.text.rpartition(".")[2])
    if not names:
        return "", meaning
    plain = [name for name in names if name in ("session_id", "conversation_id", "thread_id", "chat_id", "user_id")]
    return max(plain, key=plain.count) if plain else "session_id" if meaning == "conversation" else "user_id", meaning


def in_container(source: Source, owner: ast.ClassDef) -> tuple[Source, ast.Call] | None:
    """The making of an instance that is put into a list or mapping."""
    for other, call in instances(source, owner):
        above = other.parent(call)
        method = above.func if isinstance(above, ast.Call) else None
        stored = isinstance(above, ast.Assign) and any(isinstance(target, ast.Subscript) for target in above.targets)
        if stored or isinstance(above, (ast.Dict, ast.List, ast.Tuple, ast.Set)) or (isinstance(method, ast.Attribute) and method.attr in ("append", "setdefault", "add", "insert")):
            return other, call
    return None


def may_pass(each: Station, name: str) -> None:
    """Raises Unclear when the function can't get a parameter of that name."""
    assert isinstance(each.function, FunctionNode)
    owner = each.source.parent(each.function)
    for source, heir in descendants(each.source, owner)[1:] if isinstance(owner, ast.ClassDef) else ():
        if any(isinstance(method, FunctionNode) and method.name == each.name for method in heir.body):
            raise Unclear("helper-signature", f"{heir.name} has a {each.name} of its own, which would not take one more argument", source, heir)
    if isinstance(owner, ast.ClassDef) and (kept := in_container(each.source, owner)) is not None:
        raise Unclear("helper-signature", f"instances of {owner.name} are kept in a container, who calls their {each.name} can't be told", *kept)
    if not takes_more(each.source, each.function, name):
        raise Unclear("helper-signature", f"{each.name} can't take one more argument: a decorator, **keywords or a local of that name is in the way", each.source, each.function)
