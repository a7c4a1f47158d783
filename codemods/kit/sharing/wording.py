"""What is said of an object that requests shared."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from ..source import targets_of
from .histories import lacks_greenlet
from .shared import Group
from .stations import Station, serves_sockets

if TYPE_CHECKING:
    from .building import Building


def names_of(group: Group) -> str:
    names = sorted((slot for slot in group.slots if slot.startswith("self.") or not group.me), key=lambda slot: group.body.index(group.slots[slot]))
    names = [_held_as(group, name) for name in names]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _held_as(group: Group, slot: str) -> str:
    """How a slot of the application's state, of a dictionary or of the module is written."""
    name = slot.removeprefix("self.")
    if name == slot or not group.me:
        return slot
    if group.me.startswith("global "):
        return name
    if group.me.endswith("]"):
        return ast.unparse(next(iter(targets_of(group.slots[slot])))).replace("'", '"')
    return f"{group.me}.{name}" if group.owner is None else slot


def shared_by_all(group: Group) -> str:
    names = names_of(group)
    return f"{names} {'are' if ' and ' in names else 'is'} shared by all requests"


def message(plan: Building) -> str:
    """What a reader sees of a fix first."""
    if all(cell.kind == "config" for cell in plan.group.cells) and plan.group.cells:
        return f"{names_of(plan.group)} lets all requests lead one conversation; built per {plan.parameter} now"
    what = f"{shared_by_all(plan.group)}, which see each other's messages"
    if not plan.parameter:
        loops = any(each.handler is not None and each.handler.kind == "websocket" for each in plan.builders)
        lasts = "one connection" if loops else "one request"
        return f"{what}; built per request now. No key is in sight, so the history now lasts for {lasts}"
    if any(cell.kind == "thread" for cell in plan.group.cells):
        return f"{what}; built per {plan.parameter} now, this process remembers which is whose"
    where = {"redis": "in Redis", "sql": "in SQL", "memory": "in this process"}["memory" if plan.cached else plan.kind]
    return f"{what}; built per {plan.parameter} now, the history is kept {where}"


def told(plan: Building) -> str:
    """What a reader should know besides."""
    lines = []
    if not plan.parameter:
        lines.append("To keep a conversation, send a session id with each request and run this again.")
    elif any(cell.kind == "thread" for cell in plan.group.cells):
        lines.append("Each worker process, and each restart, begins new ones; keep their ids with your sessions to go on with them.")
    elif plan.cached or plan.kind == "memory":
        outside = "greenlet, without which SQLAlchemy 2.1 can't serve langchain-community," if lacks_greenlet(plan.group.source) else "langchain-community"
        aside = "" if any(cell.kind in ("transcript", "whole") for cell in plan.group.cells) else f"; declare redis or {outside} to keep it outside"
        lines.append(f"Each worker process keeps its own history, and a restart forgets it{aside}.")
    keyless = [each.name for each in plan.builders if each.key is None and plan.parameter and not isinstance(each.function, ast.If)]
    if keyless:
        lasts = "connection" if serves_sockets(plan.builders) else "request"
        lines.append(f"Without a key: {', '.join(keyless)} - there the history lasts for one {lasts}.")
    defaults = [text for each in plan.builders if each.key is not None for text in each.key.defaults]
    if defaults:
        lines.append(f"Requests that send no key would all lead the conversation {defaults[0]}; each gets one of its own, which lasts for that request.")
    elif any(each.key is not None and each.key.optional for each in plan.builders):
        lines.append("A request that sends no key gets a conversation of its own, which lasts for that request.")
    others = [name for name in other_state(plan.stations) if name not in plan.group.slots]
    if others:
        lines.append(f"Not all state is apart yet: {', '.join(others)} is still shared by all requests.")
    return " ".join(lines)


def other_state(stations: list[Station]) -> list[str]:
    """Module-level lists and dictionaries that the same functions fill."""
    found: list[str] = []
    for each in stations:
        for name, bindings in each.source.names.module.bindings.items():
            if len(bindings) != 1 or not isinstance(bindings[0].value, (ast.List, ast.Dict)):
                continue
            for load in each.source.names.uses(name, each.source.names.module):
                above = each.source.parent(load)
                grows = isinstance(above, ast.Attribute) and above.attr in ("append", "extend", "insert")
                if grows and each.source.function(load) is each.function and name not in found:
                    found.append(name)
    return found
