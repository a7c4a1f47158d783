"""What a function made once for all requests, made for each: the cache or the `global` goes, the key of the session comes in."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import suppress

from ..callers import add_parameter, callers
from ..cut import replace, span
from ..finding import Edit, Finding
from ..handlers import handlers, serves
from ..imports import spell
from ..move import apart, gone, lead, movable, opened, place_for, runs, taken_out, whole, without
from ..names import FunctionNode
from ..source import targets_of
from ..tests import in_tests
from .class_plan import unhashable
from .declared import unsaid
from .histories import MAX_SESSIONS
from .let_go import leaves_block
from .once import Once, dear, is_provider, looks, made_once, rides, wraps_of
from .overlooked import handed_out, is_cached, keeper
from .plan import Plan, Wishes
from .providers import dependents, keyed_dependent
from .reach import Use, User, reached
from .renewals import clearing
from .shared import Group, value_of
from .starting import stops
from .stations import READS, Station, Unclear, may_pass, stations_for
from .stored import object_to_stored
from .wording import told


def made_anew(once: Once, wishes: Wishes) -> Iterator[Finding]:
    """The finding for one such function; none when no request runs it."""
    source, function = once.source, once.function
    if not serves(source.project):
        return
    if not (reached(source, function) or function in handlers(source.project)):
        if handed_out(source, function):
            yield source.refuse(once.spot, "handed-on", f"{once.what} is shared by all requests; {function.name} is handed on as a value, who calls it can't be told")
        return
    if rides(once):
        return
    what = f"{once.what} is shared by all requests"
    try:
        dearest = dear(source, once.body or function.body)
        if dearest is not None:
            raise Unclear("heavy-factory", f"{function.name} does more than build a chain: {ast.unparse(dearest.func)} would run for each request", source, dearest)
        asks = next((each.test for each in ((*once.guard.opened, *once.guard.dropped) if once.guard is not None else ()) if isinstance(each, ast.If)), once.cells[0].call)
        if isinstance(once.block, ast.Assign):
            asks = once.block.targets[0]
        plain = function.name.removeprefix("get_").strip("_")
        slot = plain if plain in once.names or plain not in source.names.module.bindings else function.name
        user = User(source, function, handlers(source.project).get(function), [Use(source, asks, slot)])
        users = [user]
        for reset in once.resets:
            around = source.function(reset)
            assert isinstance(around, FunctionNode)
            if reset.targets[0].id == once.names[0]:  # type: ignore[attr-defined]
                if not (reached(source, around) or around in handlers(source.project)):
                    if not stops(source, around):
                        raise Unclear("rebound", f"{once.names[0]} is set anew by {around.name}, who runs that can't be told", source, reset)
                    continue
                users.append(User(source, around, handlers(source.project).get(around), [Use(source, reset.targets[0], slot, clears=True)]))
        group = Group(source, [function], source.names.inner[function], statements=[function], slots={slot: function}, cells=once.cells)
        yield _Anew(once, group, wishes, stations_for(users)).finding()
    except Unclear as unclear:
        where = f" ({unclear.source.path}:{unclear.source.place(unclear.node).line})" if unclear.source is not None and unclear.node is not None else ""
        yield source.refuse(once.spot, unclear.reason, f"{what}; {unclear.message}{where}")


class _Anew(Plan):
    def __init__(self, once: Once, group: Group, wishes: Wishes, stations: list[Station]) -> None:
        self.once = once
        self.carried: list[Once] = []
        super().__init__(group, wishes, [], [], stations)

    def check(self, early: list[Use]) -> None:
        once, source, function = self.once, self.once.source, self.once.function
        if len(function.decorator_list) > len(once.wraps) and once.wraps:
            raise Unclear("factory", f"{function.name} is decorated besides", source, function)
        if any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in ast.walk(function)):
            raise Unclear("factory", f"{function.name} is no plain factory", source, function)
        if any(cell.kind in ("vectors", "stored", "factory") for cell in once.cells):
            raise Unclear("factory", f"what {function.name} makes can't be given a history by key", source, function)
        if any(cell.kind in ("session", "config") for cell in once.cells) and not self.parameter:
            raise Unclear("fixed-session", "it has one fixed session id, and no handler has a key", source, function)
        mentions = callers(source, function)
        calls = mentions.calls
        for other, mention in mentions.others if once.wraps else ():
            if isinstance(above := other.parent(mention), ast.Attribute):
                reason = "patched-by-tests" if in_tests(other) else "factory"
                raise Unclear(reason, f"{ast.unparse(above)} needs its cache", other, above)
        for each in self.stations:
            if each.function is function or not isinstance(each.function, FunctionNode) or not wraps_of(each.source, each.function):
                continue
            if each.passes or each.key is None:
                self.carry(each, each.function)
            elif is_cached(each.source, each.function):  # a cache by the key would do too
                with suppress(Unclear):
                    self.carry(each, each.function)
        object_to_stored(self.stations, [each for each in self.stations if each.function is function])
        if is_provider(once) and calls and self.stations[0].key is not None:
            raise Unclear("factory", f"{function.name} is called besides", *calls[0])
        own = next(each for each in self.stations if each.function is function)
        for each in self.resetting:
            if each.key is None and not each.passes:
                raise Unclear("read-elsewhere", f"{each.name} begins the conversation anew, and has no key that says whose", source, each.function)
            if not own.passes or not self.how or (isinstance(function, ast.AsyncFunctionDef) and not isinstance(each.function, ast.AsyncFunctionDef)):
                raise Unclear("rebound", f"{once.names[0]} is set anew under `global`", source, each.uses[0].node)
        for each in self.stations:
            if isinstance(each.function, FunctionNode) and (each.key is None or not self.parameter) and not each.passes:
                if (owner := keeper(each.source, each.function)) is not None:
                    raise Unclear("handed-on", f"instances of {owner.name} keep it", each.source, each.function)
                self.check_keyless(each, each.function)

    @property
    def resetting(self) -> list[Station]:
        """Who sets the name to None again."""
        return [each for each in self.stations if any(use.clears for use in each.uses)]

    @property
    def how(self) -> str:
        """How what is made forgets its conversation."""
        name = self.once.names[0]
        made = next((value_of(each) for each in self.once.body for target in targets_of(each) if isinstance(target, ast.Name) and target.id == name), None)
        return clearing(self.once.source, made, self.once.cells[0]) if len(self.once.cells) == 1 else ""

    def reset(self) -> None:
        """What set the name to None clears the session's own conversation."""
        source, function = self.once.source, self.once.function
        gone = {source.function(reset) for reset in self.once.resets}
        for statement in source.nodes(ast.Global):
            if source.function(statement) in gone and (names := [name for name in statement.names if name in self.once.names]):
                self.changes.edits += unsaid(source, statement, names)
        cleared = {each.uses[0].node: each for each in self.resetting}
        for reset in self.once.resets:
            each = cleared.get(reset.targets[0])
            if each is None or not isinstance(each.function, FunctionNode):
                self.changes.edits += leaves_block(source, reset, [other for other in self.once.resets if other.targets[0] not in cleared])
                continue
            if each.passes:
                key = self.parameter
            else:
                each.key = next((key for key in [*([each.key] if each.key else []), *each.keys] if place_for(source, each.function, [reset], key.after, in_loops=True) is not None), None)
                if each.key is None:
                    raise Unclear("no-place", f"{each.name} uses it before its key is there", source, each.function)
                key = self.key_text(each)
            asked = f"{function.name}({self.parameter}={key})"
            self.changes.edits += replace(source, reset, f"{f'(await {asked})' if isinstance(function, ast.AsyncFunctionDef) else asked}{self.how}")

    def carry(self, each: Station, function: FunctionNode) -> None:
        """A cached function that builds upon this one loses its cache with it. Raises Unclear where it can't."""
        found = next((other for other in made_once(each.source) if other.function is function), None)
        if found is None or not rides(found) or len(found.wraps) != len(function.decorator_list) or not movable(each.source, function.body[0]):
            raise Unclear("factory", f"{function.name} is cached, and would give what it builds with it to all", each.source, function)
        if (dearest := dear(each.source, function.body)) is not None:
            raise Unclear("heavy-factory", f"{function.name} does more than build a chain: {ast.unparse(dearest.func)} would run for each request", each.source, dearest)
        for other, mention in callers(each.source, function).others:
            if isinstance(above := other.parent(mention), ast.Attribute):
                raise Unclear("patched-by-tests" if in_tests(other) else "factory", f"{ast.unparse(above)} needs its cache", other, above)
        self.carried.append(found)

    def pass_through(self, each: Station) -> None:
        if each not in self.resetting and not any(found.function is each.function for found in self.carried):
            return super().pass_through(each)
        assert isinstance(each.function, FunctionNode)
        if self.parameter in each.source.names.inner[each.function].bindings:
            raise Unclear("helper-signature", f"{each.name} can't take one more argument", each.source, each.function)
        self.changes.edits += add_parameter(each.source, each.function, self.parameter, "str")

    def check_keyless(self, each: Station, function: FunctionNode) -> None:
        """Without a key, what is built for a request must be all that the request says and asks."""
        users = [function] if function is not self.once.function else []
        if each.handler is not None and each.handler.kind == "provider" and (function is self.once.function or any(found.function is function for found in self.carried)):
            found = [*dependents(each.source, function)]
            if not found or not all(user is not None and user in handlers(each.source.project) for _, user in found):
                raise Unclear("factory", f"{function.name} is given to more than handlers", each.source, function)
            users = [user for _, user in found if user is not None]
            if (known := keyed_dependent(each.source, function)) is not None:
                raise Unclear("factory", f"{known[1].name} has a key that {function.name} can't ask for", *known)
        for user in users:
            home = next(other for other in self.once.source.project if user in other.names.inner)
            if looks(home, user, READS):
                raise Unclear("read-elsewhere", f"{user.name} reads what others have said, and has no key", home, user)
        places = [call for call, _, _ in each.calls]
        if len(places) > 1 or any(isinstance(above, (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.GeneratorExp)) for place in places for above in each.source.parents(place)):
            raise Unclear("read-elsewhere", f"{each.name} asks for it more than once, and has no key by which it could go on", each.source, places[0])

    def finding(self) -> Finding:
        once, source, function = self.once, self.once.source, self.once.function
        own = next(each for each in self.stations if each.function is function)
        plain = isinstance(function, ast.FunctionDef) and not function.decorator_list
        if self.cached and not (own.passes and (once.wraps or (self.may_cache() if once.attr else plain))):
            raise Unclear("factory", "it keeps more than its messages, which can't be kept by key here", source, function)
        session = self.session(own)
        cells, definitions = self.with_histories(once.cells, session, None) if self.parameter and not self.cached else ([], [])
        self.unwrap(cells, definitions)
        for other in self.carried:
            for wrap in other.wraps:
                first = other.source.line_start(other.source.line_of(other.source.start(wrap)))
                self.changes.edits.append(other.source.edit(first, other.source.line_start(other.source.line_of(other.source.stop(wrap)) + 1), ""))
        if own.passes and self.parameter:
            self.may_get(own)
            self.changes.edits += add_parameter(source, function, self.parameter, "str")
        for each in self.stations if self.parameter else ():
            self.hand_on(each)
            if each.passes and each is not own:
                self.pass_through(each)
        self.reset()
        if any(edit.start < 0 for edit in self.changes.edits):
            raise Unclear("shared-line", "the code is laid out in a way that can't be cut safely")
        return source.fix(once.spot, self.changes.edits, self.message(), help=told(self), imports=self.changes.imports, group=self.tie)

    def argue(self, each: Station, call: ast.Call, name: str, value: str, keywords: bool | int) -> None:
        if keywords == 2 and self.cached:  # a cache tells a place from a keyword
            raise Unclear("handed-on", f"{each.name} hands a helper on where no keyword can follow", each.source, call)
        super().argue(each, call, name, value, keywords)

    def may_cache(self) -> bool:
        """Whether a cache by the key may be put upon a method that takes nothing else."""
        function, owner = self.once.function, self.once.source.parent(self.once.function)
        alone = ast.unparse(function.args) in ("self", "") and not function.decorator_list and isinstance(function, ast.FunctionDef)
        return bool(self.once.attr) and alone and isinstance(owner, ast.ClassDef) and not unhashable(self.once.source, owner)

    def session(self, own: Station) -> str:
        """What stands for the key in the function itself."""
        if not self.parameter or own.passes:
            return self.parameter
        block = self.once.block
        key = own.key
        if key is not None and block is not None:
            assert isinstance(own.function, FunctionNode)
            fitting = [each for each in [key, *own.keys] if place_for(own.source, own.function, [self.once.body[0]], each.after) is not None and all(own.source.stop(after) <= own.source.start(block) for after in each.after)]
            own.key = fitting[0] if fitting else None
        return self.key_text(own)

    def may_get(self, own: Station) -> None:
        function = self.once.function
        if self.once.attr:
            may_pass(own, self.parameter)
        if self.parameter in own.source.names.inner[function].bindings or function.args.kwarg or (self.once.block is not None and function.decorator_list):
            raise Unclear("helper-signature", f"{function.name} can't take one more argument", own.source, function)

    def unwrap(self, cells: list[Edit], definitions: list[str]) -> None:
        """The cache goes, or keeps one object for each session; the block is opened, and its names become locals."""
        once, source = self.once, self.once.source
        start = lead(source, once.function)
        above = "\n\n".join(definitions).replace("\n", source.newline) + source.newline * 2 if definitions else ""
        if above and once.attr and isinstance(owner := source.parent(once.function), ast.ClassDef):
            self.changes.edits.append(apart(source, owner, "\n\n".join(definitions)))
            above = ""
        for wrap in once.wraps:
            if self.cached:
                text, needs = spell(source, "functools", "lru_cache")
                self.changes.need(source, needs)
                self.changes.edits += replace(source, wrap, f"{text}(maxsize={MAX_SESSIONS})")
                continue
            first, stop = source.line_start(source.line_of(source.start(wrap))), source.line_start(source.line_of(source.stop(wrap)) + 1)
            self.changes.edits.append(source.edit(first, stop, above if first == start else ""))
            above = above if first != start else ""
        if self.cached and not once.wraps:
            text, needs = spell(source, "functools", "lru_cache")
            self.changes.need(source, needs)
            place = source.line_start(source.line_of(source.start(once.function)))
            self.changes.edits.append(source.edit(place, place, f"{source.indent(once.function)}@{text}(maxsize={MAX_SESSIONS}){source.newline}"))
        if above and not self.cached:
            self.changes.edits.append(source.edit(start, start, above))
        if once.block is None:
            self.changes.edits += cells
            return
        if isinstance(once.block, ast.Assign):
            if not movable(source, once.block):
                raise Unclear("shared-line", "a statement shares its line with another", source, once.block)
            self.changes.edits += cells
            self.changes.edits += self.unchosen(once.block)
        else:
            self.unguard(once, [*cells, *self.as_local(once.block)])
        for declared in once.declared:
            if not movable(source, declared):
                raise Unclear("shared-line", "a statement shares its line with another", source, declared)
            self.changes.edits.append(taken_out(source, declared))
        self.changes.edits += [gone(source, each) for each in once.begins]
        names = [*(once.names if not once.attr else ()), *self.idle_locks(once)]
        sets = sorted((each.node for name in names for each in source.names.module.bindings[name] if each.within is source.names.module and isinstance(each.node, ast.stmt)), key=source.start)
        if crowded := next((statement for statement in sets if not movable(source, statement)), None):
            raise Unclear("shared-line", "a statement shares its line with another", source, crowded)
        plain = [statement for statement in sets if "#" not in source.slice(lead(source, statement), span(source, statement)[1])]
        self.changes.edits += [without(source, *row) for row in runs(source.tree.body, plain)]
        self.changes.edits += [taken_out(source, statement) for statement in sets if statement not in plain]

    def unguard(self, once: Once, cells: list[Edit]) -> None:
        """What only the first came to is run by all: the blocks around it are opened, what returned before it goes."""
        source, guard = once.source, once.guard
        assert guard is not None
        blocks = [*guard.opened, *guard.dropped]
        left = cells
        for top in (each for each in once.function.body if each in blocks):
            first, stop = whole(source, top)
            try:
                text = opened(source, top, guard.opened, guard.dropped, cells)
            except ValueError:
                raise Unclear("shared-line", "a statement shares its line with another", source, top) from None
            if not movable(source, top):
                raise Unclear("shared-line", "a statement shares its line with another", source, top)
            self.changes.edits.append(source.edit(first, stop, text))
            left = [edit for edit in left if not (first <= edit.start and edit.stop <= stop)]
        self.changes.edits += left

    def idle_locks(self, once: Once) -> list[str]:
        """The locks that nothing else takes."""
        source = once.source
        taken = once.guard.locks if once.guard is not None else []
        alone = [name for name in dict.fromkeys(lock.id for lock in taken) if all(load in taken for load in source.names.uses(name, source.names.module))]
        alone = [name for name in alone if all(isinstance(source.parent(each.node), ast.Module) for each in source.names.module.bindings[name])]
        return [name for name in alone if name not in (source.exports() or ()) and not any(True for _ in source.project.importers(source, name))]

    def unchosen(self, block: ast.Assign) -> Iterator[Edit]:
        """`chain = make()` of `chain = chain or make()`."""
        source, made = self.once.source, self.once.made
        assert made is not None
        for start, stop in ((source.start(block.value), source.start(made)), (source.stop(made), source.stop(block.value))):
            if "#" in source.slice(start, stop):
                raise Unclear("shared-line", "a comment stands between what is chosen", source, block)
            if start < stop:
                yield source.edit(start, stop, "")

    def as_local(self, block: ast.stmt) -> Iterator[Edit]:
        """The attribute becomes a local."""
        once, source = self.once, self.once.source
        name = once.attr.lstrip("_")
        if name and name in source.names.inner[once.function].bindings:
            raise Unclear("helper-signature", f"{name} means something else in {once.function.name}", source, once.function)
        if not name or not isinstance(block, ast.If):
            return
        for node in source.attributes(once.attr):
            if source.function(node) is once.function and not any(above is block.test or node is block.test for above in source.parents(node)):
                yield from replace(source, node, name)

    def message(self) -> str:
        what = f"{self.once.what} is shared by all requests, which see each other's messages"
        if not self.parameter:
            return f"{what}; built per request now. No key is in sight, so the history now lasts for one request"
        where = {"redis": "in Redis", "sql": "in SQL", "memory": "in this process"}["memory" if self.cached else self.kind or "memory"]
        return f"{what}; built per {self.parameter} now, the history is kept {where}"
