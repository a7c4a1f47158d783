"""What a module builds and one class alone takes when its instances are made: `self.chain = LLMChain(memory=memory)`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from ..finding import Edit, Finding
from ..handlers import serves
from ..move import runs, without
from ..tests import in_tests
from .class_plan import ClassPlan
from .obstacles import object_to, strangers
from .overlooked import kept_by
from .plan import Wishes
from .reach import Use, instances, lasting, member_uses, reached, users_of, uses_of
from .rebuild import hoisted
from .shared import Group, reads, written
from .stations import Station, Unclear, own_stations, stations_for


def isolated_lent(group: Group, wishes: Wishes) -> Iterator[Finding]:
    """The finding for a module's group that one `__init__` alone reads; none where it is not so, or nothing can be done."""
    source = group.source
    if group.owner is not None or group.scope is not source.names.module or group.foreign or wishes.move_clients or wishes.stateless or not serves(source.project):
        return
    users, early = users_of(uses_of(source, group.scope, group.slots, group.statements))
    owner = kept_by(users[0]) if len(users) == 1 and not early else None
    if owner is None or users[0].source is not source or not isinstance(users[0].function, ast.FunctionDef):
        return
    mine = _taken(group, owner, users[0].function)
    if mine is None or not lasting(source, owner):
        return
    try:
        users, early = users_of(member_uses(source, owner, mine.slots, mine.scope, mine.statements))
        if not any(reached(user.source, user.function) for user in users if user.function is not None):
            return
        stations = stations_for(users)
        if not any(each.keys for each in stations if not each.passes):
            stations = own_stations(users)
        yield _LentPlan(mine, group, wishes, early, stations).finding()
    except Unclear:
        return  # the module's group is refused as it stands


def _taken(group: Group, owner: ast.ClassDef, method: ast.FunctionDef) -> Group | None:
    """The statements of the method that build upon the module's group, with it; None unless each binds one attribute."""
    source, me = group.source, method.args.args[0].arg
    mine = Group(source, method.body, source.names.inner[method], owner, me, cells=group.cells)
    for statement in method.body:
        if reads(source, statement, group.scope, group.slots) or reads(source, statement, mine.scope, mine.slots, me):
            names = written(statement, me)
            if names is None or not names[0].startswith("self."):
                return None
            mine.statements.append(statement)
            mine.slots[names[0]] = statement
    made = [call for other, call in instances(source, owner) if not in_tests(other)]
    return mine if mine.statements and len(made) == 1 else None


class _LentPlan(ClassPlan):
    """The class's factory builds the module's part too."""

    def __init__(self, group: Group, lent: Group, wishes: Wishes, early: list[Use], stations: list[Station]) -> None:
        self.lent = lent
        super().__init__(group, wishes, [], early, stations)

    def check(self, early: list[Use]) -> None:
        object_to(self.lent, self.parameter, self.stations, [])
        theirs = replace(self.lent, cells=[])
        for statement in self.group.statements:
            for call in strangers(theirs, statement):
                raise Unclear("handed-on", f"{ast.unparse(call.func)} gets it", self.source, call)
        super().check(early)

    def definition(self, inline: bool, edits: list[Edit], kept: dict[ast.stmt, list[str]], definitions: str) -> None:
        if hoisted(self.lent).lines:
            raise Unclear("heavy-factory", "a part of it is too much for each request", self.source, self.group.first)
        if any(slot in line for lines in kept.values() for line in lines for slot in self.lent.slots):
            raise Unclear("handed-on", f"{' and '.join(self.lent.slots)} is given to what would be built once", self.source, self.group.first)
        self.changes.edits += [without(self.source, *row) for row in runs(self.lent.body, self.lent.statements)]
        super().definition(inline, edits, kept, definitions)

    def whole(self) -> Group:
        return replace(self.group, statements=[*self.lent.statements, *self.group.statements], slots={**self.group.slots, **self.lent.slots})
