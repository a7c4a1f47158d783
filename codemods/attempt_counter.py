"""Count the tries of a LangGraph loop and give up after a few.

Why
    A router that sends back until an answer is good never gives up on one that stays bad: the graph calls the model
    again and again, ten thousand times with today's default, and then fails with GraphRecursionError. A counter in the
    state, counted up by the node that is tried again and looked at by the router, ends the run through the graph's own
    exit, with the last answer.

Broken
    from typing import TypedDict

    from langgraph.graph import END, START, StateGraph


    class State(TypedDict):
        question: str
        answer: str


    def draft(state: State):
        return {"answer": state["question"].upper()}


    def should_retry(state: State):
        return "42" not in state["answer"]


    builder = StateGraph(State)
    builder.add_node("draft", draft)
    builder.add_edge(START, "draft")
    builder.add_conditional_edges("draft", should_retry, {True: "draft", False: END})
    graph = builder.compile()

Fixed
    from typing import TypedDict

    from langgraph.graph import END, START, StateGraph


    class State(TypedDict):
        question: str
        answer: str
        attempts: int


    def draft(state: State):
        return {"answer": state["question"].upper(), "attempts": state.get("attempts", 0) + 1}


    def should_retry(state: State):
        return "42" not in state["answer"] and state.get("attempts", 0) < 3


    builder = StateGraph(State)
    builder.add_node("draft", draft)
    builder.add_edge(START, "draft")
    builder.add_conditional_edges("draft", should_retry, {True: "draft", False: END})
    graph = builder.compile()

Refuses
    several-exits: The router has several exits, and none of them says that it is the one for giving up.
    By hand: count in the node that is tried again, and let the router choose the exit when the count is reached.

        from typing import TypedDict
        from langgraph.graph import StateGraph

        class State(TypedDict):
            answer: str

        def draft(state: State):
            return {"answer": "short"}

        def should_retry(state: State):
            if len(state["answer"]) == 0:
                return "retry"
            return "publish" if "!" in state["answer"] else "archive"

        builder = StateGraph(State)
        builder.add_node("draft", draft)
        builder.add_conditional_edges("draft", should_retry, {"retry": "draft", "publish": "publish", "archive": "archive"})

    no-exit: Every way of the router leads back.
    By hand: add an exit to the mapping, and count the tries.

        from typing import TypedDict
        from langgraph.graph import StateGraph

        class State(TypedDict):
            answer: str

        def draft(state: State):
            return {"answer": "short"}

        builder = StateGraph(State)
        builder.add_node("draft", draft)
        builder.add_conditional_edges("draft", lambda state: "retry", {"retry": "draft"})

    unclear-node: What the node returns can't be read: a value that is computed elsewhere, or no function of this project.
    By hand: return a mapping that holds the counter, and let the router look at it.

        from typing import TypedDict
        from langgraph.graph import END, StateGraph
        from drafts import write

        class State(TypedDict):
            answer: str

        def draft(state: State):
            return write(state["answer"])

        def should_retry(state: State):
            return not state["answer"]

        builder = StateGraph(State)
        builder.add_node("draft", draft)
        builder.add_conditional_edges("draft", should_retry, {True: "draft", False: END})

    unclear-router: The decision that leads back can't be found in the router.
    By hand: let the router look at a counter in the state before it sends back.

        from typing import TypedDict
        from langgraph.graph import END, StateGraph

        class State(TypedDict):
            answer: str

        def draft(state: State):
            return {"answer": "short"}

        def should_retry(state: State):
            return False

        builder = StateGraph(State)
        builder.add_node("draft", draft)
        builder.add_conditional_edges("draft", should_retry, {"retry": "draft", True: "draft", False: END})

    unclear-state: The class of the state is not in sight, or is not written as a class with fields.
    By hand: add a field for the counter where the state is declared.

        from langgraph.graph import END, StateGraph
        from states import State

        def draft(state):
            return {"answer": "short"}

        def should_retry(state):
            return not state["answer"]

        builder = StateGraph(State)
        builder.add_node("draft", draft)
        builder.add_conditional_edges("draft", should_retry, {True: "draft", False: END})

    other-schema: The node or the router sees another class than the graph's state, so a counter would not reach it.
    By hand: declare the counter in that class too.

        from typing import TypedDict
        from langgraph.graph import END, StateGraph

        class State(TypedDict):
            answer: str
            notes: str

        class Answer(TypedDict):
            answer: str

        def draft(state: State):
            return {"answer": "short"}

        def should_retry(state: Answer):
            return not state["answer"]

        builder = StateGraph(State)
        builder.add_node("draft", draft)
        builder.add_conditional_edges("draft", should_retry, {True: "draft", False: END})

    shared-function: The node's or the router's function is used in several places, which would count together.
    By hand: give each place a function of its own, or count under different keys.

        from typing import TypedDict
        from langgraph.graph import END, StateGraph

        class State(TypedDict):
            answer: str

        def draft(state: State):
            return {"answer": "short"}

        def should_retry(state: State):
            return not state["answer"]

        builder = StateGraph(State)
        builder.add_node("draft", draft)
        builder.add_node("draft_again", draft)
        builder.add_edge("draft_again", "draft")
        builder.add_conditional_edges("draft", should_retry, {True: "draft_again", False: END})

    thread-budget: The state outlives a run (a checkpointer, a graph around it), and nothing in sight sets the counter back when a new turn begins.
    By hand: give every run the counter in its input, {"question": ..., "attempts": 0}.

        from typing import TypedDict
        from langgraph.checkpoint.memory import MemorySaver
        from langgraph.graph import END, START, StateGraph

        class State(TypedDict):
            answer: str

        def draft(state: State):
            return {"answer": "short"}

        def should_retry(state: State):
            return not state["answer"]

        builder = StateGraph(State)
        builder.add_node("draft", draft)
        builder.add_edge(START, "draft")
        builder.add_conditional_edges("draft", should_retry, {True: "draft", False: END})
        graph = builder.compile(checkpointer=MemorySaver())

    command: A node says itself where to go, with Command, in a way that can't be read.
    By hand: count in the update of the Command, and choose the exit when the count is reached.

        from typing import Literal, TypedDict
        from langgraph.graph import END, StateGraph
        from langgraph.types import Command

        class State(TypedDict):
            answer: str

        def draft(state: State):
            return {"answer": "short"}

        def check(state: State) -> Command[Literal["draft", "publish"]]:
            return Command(goto=("publish", "draft")[not state["answer"]])

        builder = StateGraph(State)
        builder.add_node("draft", draft)
        builder.add_node("check", check)
        builder.add_edge("draft", "check")

    parallel: The node runs several times at once, and each would write the counter.
    By hand: count in a node that runs once in each round.

        from typing import TypedDict
        from langgraph.graph import END, START, StateGraph
        from langgraph.types import Send

        class State(TypedDict):
            answer: str

        def spread(state: State):
            return [Send("draft", {"answer": part}) for part in state["answer"]]

        def draft(state: State):
            return {"answer": "short"}

        def should_retry(state: State):
            return not state["answer"]

        builder = StateGraph(State)
        builder.add_node("draft", draft)
        builder.add_conditional_edges(START, spread, ["draft"])
        builder.add_conditional_edges("draft", should_retry, {True: "draft", False: END})

Settings
    attempts: how often the node may run in one turn

Notes
    The article's router alone, state["attempts"] < 3, fails with KeyError or never counts: a key that the state's class
    does not declare is dropped in silence. So class, node and router change together or not at all. Loops of tools,
    questions to a human, walks over a list and teams of agents end in their own way and are left alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .kit.codemod import codemod
from .kit.cut import replace
from .kit.finding import Edit, Finding, Import
from .kit.graphs.budget import fresh_budget
from .kit.graphs.counting import Unclear, declared, reading, returned_with, shared
from .kit.graphs.routing import capped, held_back, way_out
from .kit.graphs.states import State, bodies, reads, state_of, written
from .kit.graphs.tries import Loop, commanded, loops
from .kit.libraries.langgraph import Graph, Node, actions_in, graphs
from .kit.libraries.langgraph_actions import COMMANDS, SENDS, Action, constant, uses
from .kit.names import FunctionNode
from .kit.source import Source
from .kit.tests import in_tests
from .kit.toplevel import above, free


@codemod(mentions=("langgraph", "StateGraph"), stage="flow")
def attempt_counter(source: Source, *, attempts: int = 3) -> Iterator[Finding]:
    for graph in graphs(source) if not in_tests(source) else ():
        state = state_of(graph)
        for loop in loops(graph, state):
            router = getattr(loop.router.action.node, "name", "the router") if loop.router.action is not None else "the router"
            told = f"nothing counts the tries: {router} may send back to {' or '.join(sorted(set(loop.back.values())))} for ever"
            if loop.looked_at:
                told = f"{router} looks at {loop.looked_at}, which the state does not declare and no node counts"
            try:
                edits, imports = _edits(loop, attempts)
            except Unclear as unclear:
                yield source.refuse(loop.router.call, unclear.code, f"{told}; {unclear.message}")
            else:
                yield source.fix(loop.router.call, edits, told, imports=imports)
        for call, loop in commanded(graph, state):
            told = f"nothing counts the tries: {loop.router.start} sends back to {' or '.join(loop.back.values())} with Command for ever"
            try:
                edits, imports = _edits(loop, attempts)
            except Unclear as unclear:
                yield source.refuse(call, "command", f"{told}; {unclear.message}")
            else:
                yield source.fix(call, edits, told, imports=imports)


def _edits(loop: Loop, attempts: int) -> tuple[list[Edit], list[tuple[str, Import]]]:
    """Class, node, router and, where threads are remembered, the start of a turn. Raises Unclear."""
    graph, router, state = loop.graph, loop.router, loop.state
    assert router.action is not None
    if loop.commands:
        raise Unclear("command", "a node of the loop says itself where to go")
    if state is None:
        raise Unclear("unclear-state", "the class of the state is not in sight")
    if [each.start for each in graph.routers].count(router.start) > 1:
        raise Unclear("unclear-router", f"{router.start} has several routers")
    action = _counting_node(loop, state)
    for each in (action, router.action):
        if shared(each):
            raise Unclear("shared-function", f"{getattr(each.node, 'name', 'the function')} is used in several places")
    if router.action.state is None:
        raise Unclear("unclear-router", "the router takes no state")
    key = loop.looked_at or _free_key(graph, state, router.start)
    edits: list[Edit] = []
    if state.owner is not None:
        for each in (action, router.action):
            _sees_state(each, state)
        edits += declared(state, key)
    else:
        edits += _subclass(graph, state, key, action, router.action)
    changed: list[Edit] = []
    needs: tuple[Import, ...] = ()
    if not loop.looked_at:
        under, over = (f"{reading(state, router.action, key)} {sign} {attempts}" for sign in ("<", ">="))
        changed, needs = (held_back if loop.by_goto else capped)(loop, way_out(loop), under, over)
    edits += returned_with(action, state, key, f"{reading(state, action, key)} + 1")
    edits += changed
    edits += fresh_budget(loop, state, key)
    return edits, [(router.action.source.path, need) for need in needs]


def _counting_node(loop: Loop, state: State) -> Action:
    """The node that counts: the one that the router asks about, else the only one that it sends back to."""
    names = [*([] if loop.by_goto else [loop.router.start]), *(set(loop.back.values()) if len(set(loop.back.values())) == 1 else ())]
    failure = Unclear("unclear-node", f"{loop.router.start} would have to count itself" if loop.by_goto else f"{loop.router.start} is no function of this project")
    for name in dict.fromkeys(names):
        node = loop.graph.nodes.get(name)
        if node is None or len(node.actions) != 1 or node.actions[0].state is None or (loop.by_goto and name == loop.router.start):
            continue
        if _runs_at_once(loop.graph, node):
            failure = Unclear("parallel", f"{name} runs several times at once")
            continue
        try:
            returned_with(node.actions[0], state, "attempts", "0")
        except Unclear as unclear:
            failure = unclear
        else:
            return node.actions[0]
    raise failure


def _runs_at_once(graph: Graph, node: Node) -> bool:
    """Whether `Send("node", ...)` may start the node several times in one step."""
    actions = [router.action for router in graph.routers if router.action is not None] + actions_in(graph, graph.nodes)
    for action in actions:
        for source, body, _ in bodies(action):
            for call in ast.walk(body):
                if isinstance(call, ast.Call) and source.qualified(call.func) in SENDS and (not call.args or constant(source, call.args[0]) in (None, node.name)):
                    return True
    return False


def _free_key(graph: Graph, state: State, start: str) -> str:
    """A key that neither the state's class nor any node or router of the graph knows."""
    taken = set(state.keys)
    actions = [action for node in graph.nodes.values() for action in node.actions] + [router.action for router in graph.routers if router.action is not None]
    for action in actions:
        taken |= reads(action).keys | {key for _, key, _ in written(action)}
        if isinstance(action.node, FunctionNode) and uses(action.source, action, COMMANDS):
            taken |= {each.value for each in ast.walk(action.node) if isinstance(each, ast.Constant) and isinstance(each.value, str)}
    names = ["attempts", "retry_attempts", f"{start}_attempts" if start.isidentifier() else "loop_attempts", "attempts_so_far"]
    return next((name for name in names if name not in taken), "attempts_of_this_turn")


def _sees_state(action: Action, state: State) -> None:
    """LangGraph hands a function only the keys of the class that its parameter names."""
    annotation = action.state.annotation if action.state is not None else None
    if annotation is None:
        return
    for origin in action.source.origins(annotation):
        if isinstance(origin.node, ast.ClassDef) and origin.node is not state.owner:
            raise Unclear("other-schema", f"{getattr(action.node, 'name', 'the function')} sees {origin.node.name}, not {state.owner.name if state.owner else 'the state'}")
        if origin.kind == "import" and not origin.path.startswith(("typing.", "builtins.")):
            raise Unclear("other-schema", f"{getattr(action.node, 'name', 'the function')} sees {origin.path}")


def _subclass(graph: Graph, state: State, key: str, *actions: Action) -> list[Edit]:
    """A class of the project in place of the library's, for the graph and for those that must see the counter."""
    source = graph.source
    assert graph.state is not None
    name = free(source, "State", "RetryState", "CountedState")
    nodes: list[ast.AST] = [graph.made]
    edits = replace(source, graph.state, name)
    for action in actions:
        annotation = action.state.annotation if action.state is not None else None
        if annotation is None:
            continue
        if action.source is not source or action.source.qualified(annotation) != state.library:
            raise Unclear("unclear-state", f"{state.library.rpartition('.')[2]} can't be replaced where {getattr(action.node, 'name', 'the function')} names it")
        edits += replace(source, annotation, name)
        nodes.append(action.node)
    return [*above(source, nodes, f"class {name}({source.code(graph.state)}):\n    {key}: int\n"), *edits]
