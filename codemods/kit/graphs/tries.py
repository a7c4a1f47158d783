"""The cycles of a LangGraph graph that are tries of the same thing, with nothing that counts them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..libraries.langgraph import TOOL_NODES, TOOLS_CONDITION, Graph, Router, actions_in, nodes_in
from ..libraries.langgraph_actions import COMMANDS, END, INTERRUPTS, SENDS, Action, decisions, gotos, uses
from ..source import Source
from .caps import is_capped, uncounted
from .states import State, key_of, mappings, mentions_key, reads, returned_values, text_of, written

AGAIN = re.compile(
    r"(^|[_\W])(re_?)?(try|tries|retry|retries|retrying|again|attempt|regenerate|regen|rewrite|rewriting|rewriter|revise|revision|refine|refinement|fix|fixer|repair|correct|correction|improve|"
    r"reflect|reflection|critique|critic|redo|resubmit|transform_query|rephrase|reask|reformulate|redraft|regenerating)($|[_\W])|retry|regenerat|rewrit",
    re.IGNORECASE,
)
JUDGED = re.compile(r"grade|valid|verif|quality|evaluat|judge|hallucinat|relevan|accept|good|enough|satisf|correct|passed|check", re.IGNORECASE)
FAULTY = re.compile(r"error|fail|valid|verdict|approv|accept|reject|grade|score|quality|judg|satisf|suffic|relevan|correct|passed|good|feedback|critique", re.IGNORECASE)
TOOL_WORDS = ("tool_calls", "tool_call", "AgentFinish", "agent_outcome", "function_call", "additional_kwargs", "invalid_tool_calls", "intermediate_steps")
HUMAN_WORDS = ("human_input", "human_feedback", "user_input", "human_approval", "human_review", "ask_human", "feedback_on")


@dataclass(slots=True, eq=False)
class Loop:
    """A router that sends back without end: `back` are the labels that do, `leave` those that lead out."""

    graph: Graph
    state: State | None
    router: Router
    back: dict[object, str]
    leave: dict[object, str]
    nodes: set[str] = field(default_factory=set)
    commands: bool = False
    by_goto: bool = False  # the router is a node that says with Command where to go
    looked_at: str = ""  # a counter that the router compares already, and nobody declares or counts


def loops(graph: Graph, state: State | None) -> Iterator[Loop]:
    """Every cycle of tries that nothing bounds, one for each router."""
    ways, by_command = _ways(graph)
    capped: dict[Router, bool] = {}
    unfinished: dict[Router, str] = {}
    for router in graph.routers:
        inside = _cycle(ways, router.start, router.labels.values())
        unfinished[router] = uncounted(graph, state, router, inside) if inside else ""
        capped[router] = bool(inside) and ((not unfinished[router] and is_capped(graph, state, router, inside)) or _asks_a_human(graph, inside))
    for router in graph.routers:
        if capped[router] or _is_tool_loop(graph, router):
            for end in list(ways.get(router.start, ())):
                returns = end in router.labels.values() and router.start in _reachable(ways, end) | {end}
                if returns and (capped[router] or not _decides(graph, end)):
                    ways[router.start].discard(end)
    for router in graph.routers:
        if router.start == "__start__" or router.path in TOOLS_CONDITION or capped[router]:
            continue
        back = {label: end for label, end in router.labels.items() if end in ways.get(router.start, ()) and router.start in _reachable(ways, end) | {end}}
        if not back:
            continue
        leave = {label: end for label, end in router.labels.items() if label not in back}
        nodes = _cycle(ways, router.start, back.values())
        loop = Loop(graph, state, router, back, leave, nodes, commands=bool(nodes & by_command), looked_at=unfinished[router])
        if loop.looked_at or _is_trying(loop):
            yield loop


def _ways(graph: Graph) -> tuple[dict[str, set[str]], set[str]]:
    """Where each node may lead, and the nodes that say so themselves."""
    ways: dict[str, set[str]] = {}
    for start, end, _ in graph.edges:
        ways.setdefault(start, set()).add(end)
    for router in graph.routers:
        ways.setdefault(router.start, set()).update(router.labels.values())
    by_command = set()
    for node in graph.nodes.values():
        for action in node.actions:
            if uses(action.source, action, COMMANDS):
                found, _ = gotos(action)
                if found:
                    by_command.add(node.name)
                    ways.setdefault(node.name, set()).update(found)
    return ways, by_command


def _reachable(ways: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    todo = [start]
    while todo:
        for end in ways.get(todo.pop(), ()):
            if end not in seen and end != END:
                seen.add(end)
                todo.append(end)
    return seen


def _cycle(ways: dict[str, set[str]], start: str, ends: Iterable[str]) -> set[str]:
    """The nodes on the ways from `ends` back to `start`."""
    found: set[str] = set()
    for end in ends:
        for node in _reachable(ways, end) | {end}:
            if node != END and (node == start or start in _reachable(ways, node)):
                found.add(node)
    return found if start in found else set()


def _decides(graph: Graph, name: str) -> bool:
    return any(router.start == name for router in graph.routers)


def _is_tool_loop(graph: Graph, router: Router) -> bool:
    """Whether the model ends the loop, by not calling a tool any more."""
    if router.path in TOOLS_CONDITION:
        return True
    if router.action is not None and any(word in text_of(router.action) for word in TOOL_WORDS):
        return True
    return any(path in TOOL_NODES for end in router.labels.values() if end in graph.nodes for path in graph.nodes[end].calls)


def _asks_a_human(graph: Graph, names: set[str]) -> bool:
    if graph.interrupted & (names | {"*"}):
        return True
    for action in actions_in(graph, names):
        if uses(action.source, action, INTERRUPTS) or any(
            isinstance(call.func, ast.Name) and call.func.id == "input" and not action.source.qualified(call.func) for call in ast.walk(action.node) if isinstance(call, ast.Call)
        ):
            return True
    return any("human" in name.lower() for name in names)


def _is_trying(loop: Loop) -> bool:
    """Whether the cycle tries the same thing again, and is not a walk over items, a conversation, or a team at work."""
    router, graph = loop.router, loop.graph
    if router.action is None or not loop.nodes:
        return False
    action = router.action
    if uses(action.source, action, SENDS):
        return False
    text = text_of(action)
    if any(word in text for word in (*TOOL_WORDS, *HUMAN_WORDS)):
        return False
    parts = decisions(action)
    dynamic = [part for _, part in parts if not isinstance(part, ast.Constant) and _key_read(action, part)]
    named = " ".join([getattr(action.node, "name", ""), *(str(label) for label in loop.back), *loop.back.values()])
    again = bool(AGAIN.search(named))
    if dynamic and len(set(loop.back.values())) > 1 and not again:
        return False  # somebody is handed the next turn
    seen = reads(action)
    actions = actions_in(graph, loop.nodes)
    fresh: set[str] = set()
    carried: set[str] = set()
    for each in actions:
        name = each.state.arg if each.state is not None else ""
        for source, key, value in written(each):
            how = "carried" if _shrinks(source, each, key) else _change(source, value, name, key)
            if how != "same":
                (carried if how == "carried" else fresh).add(key)
    carried = (carried - fresh) | (loop.state.reduced if loop.state is not None else set())
    fresh -= carried
    if any(_shrinks(each.source, each, key) for each in actions for key in seen.keys - {"messages"}) or (seen.keys & carried) - {"messages"}:
        return False
    if not seen.keys and not seen.whole:
        return True  # it looks at nothing: back, whatever happened
    if again:
        return True
    judged = bool(JUDGED.search(named))
    if judged and seen.keys & fresh:
        return True
    visible = all(node.actions and all(_is_visible(each) for each in node.actions) for node in nodes_in(graph, loop.nodes)) and len(nodes_in(graph, loop.nodes)) == len(loop.nodes)
    judgements = {key for key in seen.keys & fresh if FAULTY.search(key)}
    wrote = {key for each in actions for _, key, _ in written(each)} - ({"messages"} if judgements else set())  # what was said on the way
    return visible and bool(seen.keys & fresh) and not (wrote & carried)


def _change(source: Source, value: ast.expr, name: str, key: str, hops: int = 0) -> str:
    """How a new value comes from the old one of its key: the "same", more or less of it ("carried"), or "fresh"."""
    if isinstance(value, ast.Name) and hops < 4:
        home = source.scope(value).home(value.id)
        bindings = source.bindings(value.id, home) if home is not None and home.kind == "function" else []
        found = set()
        for binding in bindings:
            if binding.kind == "augmented" or binding.unpacked:
                found.add("carried" if any(each.value is not None and mentions_key(source, each.value, name, key) for each in bindings) else "fresh")
            elif binding.value is not None:
                found.add(_change(source, binding.value, name, key, hops + 1))
        return next((how for how in ("carried", "fresh", "same") if how in found), "fresh")
    if isinstance(value, ast.IfExp):
        found = {_change(source, each, name, key, hops + 1) for each in (value.body, value.orelse)}
        return next(how for how in ("carried", "fresh", "same") if how in found)
    if not mentions_key(source, value, name, key):
        return "fresh"
    if isinstance(value, (ast.Subscript, ast.Attribute)) or (isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "get"):
        sliced = isinstance(value, ast.Subscript) and isinstance(value.slice, ast.Slice)
        return "carried" if sliced else "same"
    if isinstance(value, (ast.BinOp, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp)):
        return "carried"
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in ("list", "set", "sorted", "tuple", "dict"):
        return "carried"
    return "fresh"


def _key_read(action: Action, part: ast.expr) -> bool:
    """Whether a decision is a key of the state, as it is."""
    name = action.state.arg if action.state is not None else ""
    return any(isinstance(inner, ast.Name) and inner.id == name and key_of(action.source, inner) for inner in ast.walk(part))


def _shrinks(source: Source, action: Action, key: str) -> bool:
    """Whether the action takes items off a key: `state[key][1:]`, `.pop()`, an index that moves on."""
    name = action.state.arg if action.state is not None else ""
    if not key:
        return False
    for node in ast.walk(action.node):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice) and isinstance(node.ctx, ast.Load):
            lower = node.slice.lower
            if lower is not None and not isinstance(lower, ast.UnaryOp) and mentions_key(source, node.value, name, key):
                return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("pop", "popleft", "remove", "append", "extend"):
            base = node.func.value
            if not (isinstance(base, ast.Name) and base.id == name) and mentions_key(source, base, name, key):
                return True
    return False


def _is_visible(action: Action) -> bool:
    return all(mappings(action.source, value) for value in returned_values(action) if value is not None)


def reachable_from(graph: Graph, names: Iterable[str]) -> set[str]:
    """Every node to which some way leads from the given ones."""
    ways, _ = _ways(graph)
    return set().union(*(_reachable(ways, name) for name in names))


def commanded(graph: Graph, state: State | None) -> Iterator[tuple[ast.Call, Loop]]:
    """Nodes that send back with `Command(goto=...)` in a loop of tries, with nothing that counts them."""
    ways, by_command = _ways(graph)
    for name in sorted(by_command):
        inside = _cycle(ways, name, ways.get(name, ()))
        node = graph.nodes.get(name)
        if not inside or node is None or _asks_a_human(graph, inside):
            continue
        routers = [router for router in graph.routers if router.start in inside]
        for action in node.actions:
            fake = Router(name, node.call, node.value, action, "", {end: end for end in sorted(ways[name])}, False, {}, False)
            if any(word in text_of(action) for word in TOOL_WORDS) or is_capped(graph, state, fake, inside) or any(is_capped(graph, state, router, inside) for router in routers):
                continue
            back: dict[object, str] = {end: end for end in sorted(ways[name]) if end in inside}
            if (len(back) == 1 and AGAIN.search(" ".join([name, getattr(action.node, "name", ""), *back.values()]))) or (len(back) == 1 and len(inside) <= 2 and JUDGED.search(name)):
                leave: dict[object, str] = {end: end for end in sorted(ways[name]) if end not in inside}
                alone = inside & by_command == {name} and not routers and len(node.actions) == 1 and all(start != name for start, _, _ in graph.edges)
                place = next((call for call in action.source.calls(COMMANDS) if action.source.function(call) is action.node), node.call) if action.source is graph.source else node.call
                yield place, Loop(graph, state, fake, back, leave, inside, commands=not alone, by_goto=True)
