"""A group that requests share, taken apart: the edits that build it per request, or the reason why not."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..finding import Finding
from ..handlers import serves
from ..libraries.memory import is_model
from .class_plan import ClassPlan
from .configs import all_forget, run_with
from .constant_sessions import for_ever_one
from .overlooked import built_by, built_with, defaulted, kept_by
from .plan import Plan, Wishes, spot
from .reach import User, lasting, member_uses, reached, users_of, uses_of
from .refills import refills
from .sessions import session_function
from .shared import Group, adopted, value_of, written
from .stations import Unclear, own_stations, serves_sockets, stations_for
from .unseen import by_session, unseen
from .wording import shared_by_all


def isolated(group: Group, wishes: Wishes) -> Iterator[Finding]:
    """The finding for one group; none when no request reaches it."""
    source = group.source
    if _is_adopted(group):
        return
    if group.owner is None:
        if wishes.move_clients:
            with_clients(group)
        uses = uses_of(source, group.scope, group.slots, group.inside)
    else:
        if group.me and not lasting(source, group.owner):
            return
        uses = member_uses(source, group.owner, group.slots, group.scope, group.inside)
    anew = refills(group)
    uses += [use for use in anew.uses if all(each.node is not use.node for each in uses)] if anew is not None else []
    sessions = [use for use in uses if session_function(use.source, use.node) is not None]
    users, early = users_of([use for use in uses if use not in sessions], group.scope if group.scope.kind == "function" and not group.me else None)
    behind = [handler for user in users if user.function is not None for handler in reached(user.source, user.function)]
    keepers = [(user, owner) for user in users if not group.me and (owner := kept_by(user)) is not None]
    taken = [use for use in early if defaulted(use) is not None]
    builders = [(user, slot) for user in users if (slot := built_by(group, user) if group.me else _built_before(user)) is not None]
    if uses and all(by_session(use) for use in uses):
        return
    if group.cells and all(cell.kind == "config" for cell in group.cells) and all_forget([(use.source, run) for use in uses if (run := run_with(use.source, use.node)) is not None]):
        return
    if not serves(source.project):
        return
    if not behind and not sessions and not keepers and not taken and not builders:
        if (found := unseen(group, users)) is not None:
            yield source.refuse(spot(group), found[0], f"{shared_by_all(group)}; {found[1]}")
        return
    try:
        for user, owner in keepers:
            raise Unclear("handed-on", f"instances of {owner.name} keep it", user.source, user.function)
        for use in uses:
            if group.me and use.source is source and source.function(use.node) is group.scope.node:
                raise Unclear("built-in-a-block", f"{use.slot} is changed under a condition where it is built", source, use.node)
        for user, slot in builders:
            assert user.function is not None
            raise Unclear("handed-on", f"{user.function.name} builds {slot} with it", user.source, user.function)
        for use in taken:
            raise Unclear("needed-at-import", f"{use.slot} is needed when the module is imported", use.source, use.node)
        stations = stations_for(users)
        if all(each.handler is not None and each.handler.kind == "session" for each in stations if not each.passes) and (left := for_ever_one(source)) is not None:
            raise left
        if group.owner is not None and not any(each.keys for each in stations if not each.passes) and not serves_sockets(stations):
            stations = own_stations(users)
        plan = Plan if group.owner is None else ClassPlan
        yield plan(group, wishes, sessions, early, stations).finding()
    except Unclear as unclear:
        where = f" ({unclear.source.path}:{unclear.source.place(unclear.node).line})" if unclear.source is not None and unclear.node is not None else ""
        yield source.refuse(spot(group), unclear.reason, f"{shared_by_all(group)}; {unclear.message}{where}")


def _is_adopted(group: Group) -> bool:
    """Whether a function of the module takes it in, and is answered where another file asks for it."""
    if group.scope is not group.source.names.module:
        return False
    readers = {group.source.function(load) for slot in group.slots for load in group.source.names.uses(slot, group.scope)}
    return any(function is not None and (taken := adopted(group.source, function)) is not None and taken.statements == group.statements for function in readers)


def _built_before(user: User) -> str | None:
    return built_with(user.source, user.function) if user.function is not None and not reached(user.source, user.function) else None


def with_clients(group: Group) -> None:
    """The chat models that nothing else uses belong to the group too."""
    source = group.source
    for statement in group.body:
        names = written(statement)
        if not names or statement in group.statements or not is_model(source, value_of(statement) or statement):
            continue
        loads = list(source.names.uses(names[0], group.scope))
        inside = {node for member in group.statements for node in ast.walk(member)}
        if loads and all(load in inside for load in loads):
            group.statements.append(statement)
            group.slots[names[0]] = statement
    group.statements.sort(key=group.body.index)
