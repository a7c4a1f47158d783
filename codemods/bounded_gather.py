"""Bound how many calls of models and servers run at once.

Why
    A gather over a list asks for everything at the same moment: sixty questions are sixty calls in flight, and ten such
    requests six hundred. The provider answers 429, the retries of the SDK make it worse, and a few users' long lists take
    the answers of all the others. Behind a semaphore the same work is done, in the same order, a few calls at a time.

Broken
    import asyncio

    from langchain_openai import ChatOpenAI

    llm = ChatOpenAI(model="gpt-4o-mini")


    async def answer_all(questions: list[str]):
        return await asyncio.gather(*[llm.ainvoke(question) for question in questions])

Fixed
    import asyncio

    from langchain_openai import ChatOpenAI

    llm = ChatOpenAI(model="gpt-4o-mini")


    _slots: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}  # of each event loop


    async def _bounded(awaitable):
        \"\"\"Awaits with at most 5 others at once, over all requests of this process.\"\"\"
        loop = asyncio.get_running_loop()
        if loop not in _slots:
            for other in [other for other in list(_slots) if other.is_closed()]:
                _slots.pop(other, None)
            _slots[loop] = asyncio.Semaphore(5)
        async with _slots[loop]:
            return await awaitable


    async def answer_all(questions: list[str]):
        return await asyncio.gather(*[_bounded(llm.ainvoke(question)) for question in questions])

Refuses
    nested: What is started fans out again, or comes back to this code: it would hold a slot while it waits for its own children.
    By hand: put the semaphore around the calls of the model themselves, inside the functions that make them.

        import asyncio

        async def expand(session, url):
            async with session.get(url) as answer:
                links = await answer.json()
            return await asyncio.gather(*[expand(session, link) for link in links])

        async def crawl(urls):
            import aiohttp

            async with aiohttp.ClientSession() as session:
                await asyncio.gather(*[expand(session, url) for url in urls])

    long-lived: What is started answers messages for as long as they come; behind a semaphore the sixth would never get its turn.
    By hand: put the semaphore around the call of the model, inside the loop.

        import asyncio

        async def talk(socket, chain):
            async for text in socket.iter_text():
                await socket.send_text(await chain.ainvoke(text))

        async def serve(sockets, chain):
            await asyncio.gather(*[talk(socket, chain) for socket in sockets])

    waits-for-others: What is started waits for a signal that another of them may give; behind a semaphore that one may never start.
    By hand: put the semaphore around the call of the model, behind the wait.

        import asyncio

        ready = asyncio.Event()

        async def answer(chain, question):
            await ready.wait()
            return await chain.ainvoke(question)

        async def answers(chain, questions):
            return await asyncio.gather(*[answer(chain, question) for question in questions])

    deadline: All that is started must be done by one given time; with a few at a time the last ones would be too late.
    By hand: give each call its own time limit instead, or one for all that fits the number of turns, and bound the calls then.

        import asyncio

        async def answers(chain, questions):
            tasks = [asyncio.create_task(chain.ainvoke(question)) for question in questions]
            done, late = await asyncio.wait(tasks, timeout=8)
            return [task.result() for task in done]

Settings
    limit: how many may run at once
    scope: what shares the limit; process is every request that this process serves, call is one gather

Notes
    The article makes the semaphore beside the gather, for one call of the handler: ten requests then have ten times the
    limit in flight (50 were measured). Ours is shared by the process and made for each event loop, because a semaphore
    that waits in one loop fails in another. The setting scope=call gives the article's reach.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .kit.codemod import codemod
from .kit.cut import UNUSUAL_LAYOUT, insert_before, reindent, uncuttable, wrap
from .kit.fanouts.deadline import deadline
from .kit.fanouts.fanout import Element, fanouts
from .kit.fanouts.upstream import Reach, calls_of, limits_its_argument, reach_of
from .kit.finding import Edit, Finding
from .kit.imports import spell
from .kit.names import FunctionNode
from .kit.source import Source
from .kit.toplevel import above, free

APART = re.compile(r"(^|/)(tests?|testing)/|(^|/)(test_[^/]*|[^/]*_test|conftest|[^/]*(load_?test|stress|bench)[^/]*)\.py$")

RUNNER = re.compile(r"graph|agent|tool|workflow|(^|[._])app$|supervisor|team|crew|executor", re.IGNORECASE)

PROCESS = '''{slots}: dict[{asyncio}.AbstractEventLoop, {asyncio}.Semaphore] = {{}}  # of each event loop


async def {bounded}(awaitable):
    """Awaits with at most {limit} others at once, over all requests of this process."""
    loop = {asyncio}.get_running_loop()
    if loop not in {slots}:
        for other in [other for other in list({slots}) if other.is_closed()]:
            {slots}.pop(other, None)
        {slots}[loop] = {asyncio}.Semaphore({limit})
    async with {slots}[loop]:
        return await awaitable
'''

CALL = '''async def {bounded}(semaphore, awaitable):
    """Awaits with as many others at once as the semaphore has room for."""
    async with semaphore:
        return await awaitable
'''


@codemod(mentions=(("gather", "create_task", "ensure_future", "as_completed", "asyncio"), "async "), stage="flow")
def bounded_gather(source: Source, *, limit: int = 5, scope: str = "process") -> Iterator[Finding]:
    if APART.search(source.path):
        return
    together: dict[ast.Call, list[Element]] = {}
    for element in fanouts(source).values():
        together.setdefault(element.place, []).append(element)
    plans = []
    for place, elements in together.items():
        judged = _judged(source, place, elements)
        if isinstance(judged, _Plan):
            plans.append(judged)
        elif judged is not None:
            yield judged
    if plans:
        writing = _Writing(source, plans, limit, scope)
        for plan in plans:
            yield writing.fix(plan)


@dataclass(frozen=True, slots=True)
class _Plan:
    """One fan-out and what is to stand behind the semaphore: its elements, or the calls upstream that they come to."""

    place: ast.Call
    elements: list[Element]
    leaves: list[ast.expr]
    counted: str

    @property
    def nodes(self) -> list[ast.expr]:
        return [*(element.node for element in self.elements), *self.leaves]


def _judged(source: Source, place: ast.Call, elements: list[Element]) -> _Plan | Finding | None:
    whole: list[Element] = []
    leaves: list[ast.expr] = []
    for element in elements:
        reach = reach_of(source, element.node)
        if not reach.leaves or reach.serves:
            continue
        if reach.listens:
            return source.refuse(place, "long-lived", "what is started answers messages for as long as they come")
        if reach.waits:
            return source.refuse(place, "waits-for-others", "what is started waits for a signal that another of them may give")
        if reach.held or _matters(reach.nested, set()):
            own = [node for home, node in reach.leaves if home is source and isinstance(node, ast.Call) and source.awaited(node)]
            if len(own) < len(reach.leaves):
                return source.refuse(place, "nested", "what is started fans out again, and would hold a slot while it waits for its own children")
            leaves += [node for node in own if node not in leaves]
        elif _comes_back(source, reach):
            return source.refuse(place, "nested", "what is started may come back to this file and fan out again, holding a slot while it waits for its own children")
        else:
            whole.append(element)
    if not whole and not leaves:
        return None
    timed = [place, *(leaf for leaf in leaves if isinstance(leaf, ast.Call))]
    if (by := next((found for call in timed if (found := deadline(source, call)) is not None), None)) is not None:
        return source.refuse(place, "deadline", f"all must be done by the time that {source.code(by.func)} sets; with a few at a time the last ones would be too late")
    counted = next((source.code(element.counted) for element in elements if element.counted is not None), "")
    return _Plan(place, whole, leaves, " ".join(counted.split()))


class _Writing:
    """The edits of one file's plans."""

    def __init__(self, source: Source, plans: list[_Plan], limit: int, scope: str) -> None:
        self.source = source
        self.limit = limit
        self.per_call = scope == "call"
        self.asyncio, self.needs = spell(source, "asyncio")
        helper = _helper(source, self.per_call)
        self.bounded = helper or free(source, "_bounded", "_bounded_calls")
        self.helper: list[Edit] = []
        if not helper:
            text = (CALL if self.per_call else PROCESS).format(slots=free(source, "_slots"), asyncio=self.asyncio, bounded=self.bounded, limit=limit)
            self.helper = above(source, [node for plan in plans for node in plan.nodes], text)
        self.given: dict[ast.AST | None, set[str]] = {}

    def fix(self, plan: _Plan) -> Finding:
        source = self.source
        edits = list(self.helper)
        opening = f"{self.bounded}("
        if self.per_call:
            semaphore, its = self._semaphore(plan)
            opening += f"{semaphore}, "
            edits += its
        for element in plan.elements:
            if element.mapped is None:
                edits += wrap(source, element.node, opening, ")")
            elif self.per_call:
                edits += wrap(source, element.mapped, f"map(lambda awaitable: {opening}awaitable), ", ")")
            else:
                edits += wrap(source, element.mapped, f"map({self.bounded}, ", ")")
        for leaf in plan.leaves:
            edits += wrap(source, leaf, opening, ")")
        many = plan.counted if 0 < len(plan.counted) < 60 else "its input"
        needs = self.needs if self.helper or self.per_call else ()
        return source.fix(plan.place, edits, f"starts as many calls at once as there are items in {many}", imports=needs)

    def _semaphore(self, plan: _Plan) -> tuple[str, list[Edit]]:
        """The semaphore of one call, made before the outermost loop in which its elements are made."""
        source = self.source
        function = source.function(plan.place)
        nodes: list[ast.expr] = [plan.place, *plan.nodes]
        if function is None or any(source.function(node) is not function for node in nodes):
            return "", uncuttable(source, UNUSUAL_LAYOUT)
        given = self.given.setdefault(function, set())
        name = _free_in(function, "semaphore", given)
        given.add(name)
        first = min((_in_body(source, node, function) for node in nodes), key=lambda statement: statement.lineno)
        text = f"{name} = {self.asyncio}.Semaphore({self.limit})\n"
        return name, insert_before(source, first, reindent(text, "", source.indent(first)))


def _in_body(source: Source, node: ast.AST, function: FunctionNode) -> ast.stmt:
    """The statement of the function's own body that holds the node."""
    statement = source.statement(node)
    for outer in source.parents(statement):
        if outer is function:
            break
        if isinstance(outer, ast.stmt):
            statement = outer
    return statement


def _matters(nested: Iterable[tuple[Source, ast.AST]], seen: set[ast.AST]) -> bool:
    """Whether a fan-out within comes to calls upstream itself."""
    for home, node in nested:
        if node in seen or not isinstance(node, ast.expr):
            continue
        seen.add(node)
        inner = reach_of(home, node)
        if inner.leaves or inner.limited or _matters(inner.nested, seen):
            return True
    return False


def _comes_back(source: Source, reach: Reach) -> bool:
    """Whether a graph or an agent that is run may run a function of this file that fans out itself."""
    if not any(_may_run_code(home, node) for home, node in reach.runs):
        return False
    owners: set[FunctionNode | None] = set()
    for element in fanouts(source).values():
        inner = reach_of(source, element.node)
        if inner.leaves or inner.limited:
            owners.add(source.function(element.place))
    handed = [function for function in source.functions() if _is_handed_on(source, function)]
    return any(function in owners or _calls(source, function, owners) for function in handed)


def _calls(source: Source, function: FunctionNode, owners: set[FunctionNode | None], depth: int = 0) -> bool:
    for call in calls_of(source, function):
        for origin in source.origins(call.func) if isinstance(call.func, (ast.Name, ast.Attribute)) else ():
            if isinstance(origin.node, FunctionNode) and (origin.node in owners or (depth < 4 and origin.source is source and _calls(source, origin.node, owners, depth + 1))):
                return True
    return False


def _is_handed_on(source: Source, function: FunctionNode) -> bool:
    """Whether others may call the function: it is a tool, a node, or otherwise passed as a value."""
    if any("tool" in source.code(decorator).lower() for decorator in function.decorator_list):
        return True
    for load in source.names.loads.get(function.name, []):
        outer = source.parent(load)
        if isinstance(outer, (ast.List, ast.Tuple, ast.Dict, ast.keyword)) or (isinstance(outer, ast.Call) and load in outer.args):
            return True
    for node in source.nodes(ast.Attribute):
        outer = source.parent(node)
        if node.attr == function.name and (isinstance(outer, ast.keyword) or (isinstance(outer, ast.Call) and node in outer.args)):
            return True
    return False


def _may_run_code(source: Source, node: ast.expr) -> bool:
    """Whether an object is, or is named like, a graph, an agent or a tool: one that runs code of the project."""
    for origin in source.origins(node):
        made = origin.source.code(origin.node.func) if isinstance(origin.node, ast.Call) else ""
        if isinstance(origin.node, ast.DictComp):
            made = origin.source.code(origin.node.value)
        if made.rpartition(".")[2] == "compile" or RUNNER.search(made):
            return True
    if isinstance(node, ast.Subscript) and _may_run_code(source, node.value):
        return True
    return bool(RUNNER.search(source.code(node)))


def _helper(source: Source, per_call: bool) -> str:
    """The name of a helper that an earlier run put into this file."""
    wanted = 2 if per_call else 1
    for statement in source.tree.body:
        if isinstance(statement, ast.AsyncFunctionDef) and statement.name.startswith("_bounded") and len(statement.args.args) == wanted and limits_its_argument(source, statement):
            return statement.name
    return ""


def _free_in(node: ast.AST, name: str, given: set[str]) -> str:
    """A name that nothing in a function has yet."""
    taken = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)} | {inner.arg for inner in ast.walk(node) if isinstance(inner, ast.arg)} | given
    return next(each for each in [name, *(f"{name}_{number}" for number in range(2, 99))] if each not in taken)
