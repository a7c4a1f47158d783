"""A second, async client beside the first: for async code, while sync code goes on with the one it has."""

from __future__ import annotations

import ast

from ..cut import alone
from ..finding import Edit, Import
from ..flow import Holder, Move
from ..names import FunctionNode
from ..reads import reads
from ..source import Source
from .change import Cutter, Outcome, Survey, annotated
from .second import MIXED, Reason, Reference, added, free_name, handed_on, renamed, within
from .second import existing as existing_twin
from .swap import Client, Node, Site
from .twins import Limits


def beside(survey: Survey, limits: Limits) -> Outcome:
    """The async uses that can be proved, on a second client; the others refused."""
    survey.awaited = False  # who awaits a client that is not always sync knows more than we do
    client = survey.client
    home = _home(client)
    if home is None:
        return _all_refused(survey, MIXED)
    holder, made = home
    for leak in client.leaks.get(holder, ()):
        if leak.reason == "mixed-origins":
            return _all_refused(survey, (leak.reason, leak.message))
    if holder.kind == "item":  # no name for a second one
        return _all_refused(survey, MIXED)
    if any(site.op == "changed" for site in client.every_site()):
        return _all_refused(survey, ("mixed-use", "sync code uses the same client, whose attributes are set later"))
    references, imports = _references(client, holder)
    good, bad = _sorted(survey, references, holder)
    outcome = Outcome()
    for reference, why in bad:
        _refuse(survey, outcome, reference.reach, why)
    if not good:
        return outcome if outcome.refused else _all_refused(survey, MIXED)
    name = free_name(holder, references, imports)
    existing = existing_twin(client, holder)
    name = existing or name
    if not name:
        return _all_refused(survey, ("mixed-use", "sync code uses the same client, and the name for a second one is taken"))
    reach: set[Node] = set().union(*(reference.reach for reference in good))
    cutter = Cutter(survey)
    cutter.cut(site for node in reach for site in client.sites.get(node, ()))  # type: ignore[arg-type]
    for reference in good:
        edit = renamed(reference, holder, name)
        if edit is None:
            return _all_refused(survey, MIXED)
        cutter.rest.append(edit)
    if not existing:
        more = added(client, holder, made, name, limits)
        if isinstance(more, tuple) and isinstance(more[0], str):
            return _all_refused(survey, more)
        cutter.rest += more[0]
        cutter.needs += more[1]
    inner = {node for node in reach if isinstance(node, Holder)}
    annotated(client, [], inner, limits, cutter, swap=False)  # type: ignore[arg-type]
    needing: set[Source] = set()
    for reference in good:
        more_edits, through = within(reference, holder, name)
        cutter.rest += more_edits
        needing.add(through or reference.source)
        if through is not None and through is not holder.source:
            cutter.rest += _exported(through, _first(holder), name)
    for source, module in reversed(imports):
        if source in needing and module:
            cutter.needs.append((source.path, Import(module, name)))
            through = source.project.find(module, source.path)
            if through is not None and through is not holder.source:
                needing.add(through)
                cutter.rest += _exported(through, _first(holder), name)
    if not existing and holder.source is not None:
        cutter.rest += _exported(holder.source, _first(holder), name)
    made_of = cutter.outcome(site for node in reach for site in client.sites.get(node, ()))  # type: ignore[arg-type]
    made_of.refused, made_of.second = outcome.refused, name
    return made_of


def _said(survey: Survey) -> Reason:
    """Why the client can't be exchanged: what stands in the way, or sync code where nothing else does."""
    if "sync" in survey.modes.values():
        return MIXED
    leak = next(survey.client.every_leak(), None)
    return next(iter(survey.why.values()), (leak.reason, leak.message) if leak is not None else MIXED)


def _all_refused(survey: Survey, why: Reason) -> Outcome:
    outcome = Outcome()
    _refuse(survey, outcome, set(survey.client.sites), why)
    return outcome


def _refuse(survey: Survey, outcome: Outcome, nodes: set[Node], why: Reason) -> None:
    why = _said(survey) if why is MIXED or (why[0] == "mixed-use" and "sync" not in survey.modes.values()) else why
    known = {id(site) for site, _, _ in outcome.refused}
    sites = [site for node in nodes for site in survey.client.sites.get(node, ())]  # type: ignore[arg-type]
    for site in survey.faults(sites):
        if id(site) not in known:
            outcome.refused.append((site, *survey.why.get(site, why)))


def _home(client: Client) -> tuple[Holder, list[ast.stmt]] | None:
    """The one holder that all constructors fill, and the statements that do it."""
    holder: Holder | None = None
    made: list[ast.stmt] = []
    for source, root in client.roots:
        nodes: list[Node] = [root]
        while len(nodes) == 1 and not isinstance(nodes[0], Holder):
            last = nodes[0]
            nodes = list(dict.fromkeys(client.after.get(last, ())))
        if len(nodes) != 1 or not isinstance(nodes[0], Holder) or (holder is not None and nodes[0] != holder):
            return None
        holder = nodes[0]
        statement = source.statement(root)
        if holder.source is not source or not alone(source, statement):
            return None
        if statement not in made:
            made.append(statement)
    if holder is None:
        return None
    return _through_return(client, holder, made)


def _through_return(client: Client, holder: Holder, made: list[ast.stmt]) -> tuple[Holder, list[ast.stmt]] | None:
    """A local name that is only returned stands for the function."""
    source = holder.source
    assert source is not None
    if holder.kind == "name" and isinstance(holder.owner, FunctionNode):
        nexts = [node for read in client.after.get(holder, ()) for node in client.after.get(read, ())]
        sites = [site for read in client.after.get(holder, ()) for site in client.sites.get(read, ())]  # type: ignore[arg-type]
        returned = Holder("returns", source, holder.owner, "")
        if nexts and set(nexts) == {returned} and not sites:
            return returned, made
    if holder.kind == "attr" and any(source.function(statement) is None and isinstance(statement, ast.AnnAssign) for statement in made):
        return None  # one more field would be one more argument
    return holder, made


def _references(client: Client, holder: Holder) -> tuple[list[Reference], list[tuple[Source, str]]]:
    """Reads of the holder, in this file and under imports of it in others; and the files that import it, with the module's path."""
    found: list[Reference] = []
    imports: list[tuple[Source, str]] = []
    todo: list[Holder] = [holder]
    seen = {holder}
    while todo:
        here = todo.pop()
        for move in reads(here) if here.kind != "state" else ():
            if move.kind == "value":
                found.append(Reference(move.source, move.node, client.downstream(move.node)))
            elif move.holder is not None and _is_import(move):
                if move.holder not in seen:
                    seen.add(move.holder)
                    todo.append(move.holder)
                    binding = next(b for b in move.source.names.inner[move.node].bindings[move.holder.name] if b.kind == "import")
                    imports.append((move.source, binding.origin.rpartition(".")[0] if binding.name == holder.name else ""))
            elif move.holder is not None:
                found.append(Reference(move.source, move.node, client.downstream(move.holder)))
    if holder.kind == "returns":
        imports += dict.fromkeys(way for reference in found for way in handed_on(reference, holder))
    return found, imports


def _is_import(move: Move) -> bool:
    return move.holder is not None and move.holder.kind == "name" and move.node in move.source.names.inner and move.holder.owner is move.node


def _sorted(survey: Survey, references: list[Reference], holder: Holder) -> tuple[list[Reference], list[tuple[Reference, Reason]]]:
    """References behind which all is async and known; and those with calls at fault of which that can't be said."""
    client = survey.client
    good: list[Reference] = []
    bad: list[tuple[Reference, Reason]] = []
    for reference in references:
        sites = [site for node in reference.reach for site in client.sites.get(node, ())]  # type: ignore[arg-type]
        if not survey.faults(sites):
            continue
        why = _why_not(survey, reference, sites)
        if why is None and renamed(reference, holder, holder.name) is None:
            why = MIXED
        elif why is None and reference.node not in reference.reach and isinstance(holder.owner, FunctionNode) and _overridden(reference.source, holder.owner.name):
            why = ("mixed-use", f"sync code uses the same client, and what `dependency_overrides` puts in the place of {holder.owner.name}() would not reach a second one")
        if why is None:
            good.append(reference)
        else:
            bad.append((reference, why))
    changed = True
    while changed:
        changed = False
        reach: set[Node] = set().union(*(reference.reach for reference in good)) if good else set()
        for reference in list(good):
            if any(not _filled_within(client, node, reach, holder) for node in reference.reach if isinstance(node, Holder)):
                good.remove(reference)
                bad.append((reference, MIXED))
                changed = True
    return good, bad


def _overridden(source: Source, name: str) -> bool:
    """Whether something is put in the place of a dependency, which the async code would miss under its new name."""
    for other in source.project.mentioning("dependency_overrides"):
        for replaced in other.attributes("dependency_overrides"):
            item = other.parent(replaced)
            if isinstance(item, ast.Subscript) and (item.slice.attr if isinstance(item.slice, ast.Attribute) else getattr(item.slice, "id", "")) == name:
                return True
    return False


def _why_not(survey: Survey, reference: Reference, sites: list[Site]) -> Reason | None:
    for node in reference.reach:
        for leak in survey.client.leaks.get(node, ()):
            return leak.reason, leak.message
    for site in sites:
        mode = survey.modes[site]
        if mode == "stuck":
            return survey.why[site]
        if mode == "sync" or site.op == "changed":
            return MIXED
    return None


def _filled_within(client: Client, holder: Holder, reach: set[Node], first: Holder) -> bool:
    """Whether all that fills a holder changes with it; what the first one fills by itself (`Depends`) is a reference to it."""
    before = [node for node, nexts in client.after.items() if holder in nexts]
    return all(node in reach or node == first for node in before)


def _first(holder: Holder) -> str:
    """The first client's name: the function's where one returns it."""
    return holder.owner.name if holder.kind == "returns" and isinstance(holder.owner, FunctionNode) else holder.name


def _exported(source: Source, old: str, name: str) -> list[Edit]:
    """The new name in `__all__`, where the old one stands there."""
    for binding in source.names.module.bindings.get("__all__", []):
        for part in binding.value.elts if isinstance(binding.value, (ast.List, ast.Tuple)) else []:
            if isinstance(part, ast.Constant) and part.value == old:
                written = source.code(part)
                return [source.edit(source.start(part), source.start(part), f"{written[0]}{name}{written[0]}, ")]
    return []
