"""A second, async client beside the first: for async code, while sync code goes on with the one it has."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from .change import Cutter, Outcome, Survey, annotated
from .cut import alone, insert_after, span
from .finding import Edit, Import
from .flow import Holder, Move, holder_of
from .libraries.sdk import clients
from .names import FunctionNode
from .reads import reads
from .source import Source, is_none
from .spelling import Need
from .swap import Client, Node, Site, class_path, leaves
from .twins import Limits, twin_of

Reason = tuple[str, str]
MIXED: Reason = ("mixed-use", "sync code uses the same client, and no second one can be put beside it")


@dataclass(slots=True, eq=False)
class Reference:
    """One read of the holder under its own name, and what hangs on it."""

    source: Source
    node: ast.AST
    reach: set[Node]


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
    if any(site.op == "changed" for site in client.every_site()):
        return _all_refused(survey, ("mixed-use", "sync code uses the same client, whose attributes are set later"))
    references, imports = _references(client, holder)
    good, bad = _sorted(survey, references, holder)
    outcome = Outcome()
    for reference, why in bad:
        _refuse(survey, outcome, reference.reach, why)
    if not good:
        return outcome if outcome.refused else _all_refused(survey, MIXED)
    name = _free_name(holder, references, imports)
    existing = _existing(client, holder)
    name = existing or name
    if not name:
        return _all_refused(survey, ("mixed-use", "sync code uses the same client, and the name for a second one is taken"))
    reach: set[Node] = set().union(*(reference.reach for reference in good))
    cutter = Cutter(survey)
    cutter.cut(site for node in reach for site in client.sites.get(node, ()))  # type: ignore[arg-type]
    for reference in good:
        edit = _renamed(reference, holder, name)
        if edit is None:
            return _all_refused(survey, MIXED)
        cutter.rest.append(edit)
    if not existing:
        added = _added(client, holder, made, name, limits)
        if isinstance(added, tuple) and isinstance(added[0], str):
            return _all_refused(survey, added)
        cutter.rest += added[0]
        cutter.needs += added[1]
    inner = {node for node in reach if isinstance(node, Holder)}
    annotated(client, [], inner, limits, cutter, swap=False)  # type: ignore[arg-type]
    needing = {reference.source for reference in good}
    for source, module in reversed(imports):
        if source in needing and module:
            cutter.needs.append((source.path, Import(module, name)))
            through = source.project.find(module, source.path)
            if through is not None and through is not holder.source:
                needing.add(through)
                cutter.rest += _exported(through, holder.name, name)
    if not existing and holder.source is not None:
        cutter.rest += _exported(holder.source, holder.name, name)
    made_of = cutter.outcome(site for node in reach for site in client.sites.get(node, ()))  # type: ignore[arg-type]
    made_of.refused, made_of.second = outcome.refused, name
    return made_of


def _all_refused(survey: Survey, why: Reason) -> Outcome:
    outcome = Outcome()
    _refuse(survey, outcome, set(survey.client.sites), why)
    return outcome


def _refuse(survey: Survey, outcome: Outcome, nodes: set[Node], why: Reason) -> None:
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
        if why is None:
            good.append(reference)
        else:
            bad.append((reference, why))
    changed = True
    while changed:
        changed = False
        reach: set[Node] = set().union(*(reference.reach for reference in good)) if good else set()
        for reference in list(good):
            if any(not _filled_within(client, node, reach) for node in reference.reach if isinstance(node, Holder)):
                good.remove(reference)
                bad.append((reference, MIXED))
                changed = True
    return good, bad


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


def _filled_within(client: Client, holder: Holder, reach: set[Node]) -> bool:
    """Whether all that fills a holder changes with it."""
    before = [node for node, nexts in client.after.items() if holder in nexts]
    return all(node in reach for node in before)


def _exported(source: Source, old: str, name: str) -> list[Edit]:
    """The new name in `__all__`, where the old one stands there."""
    for binding in source.names.module.bindings.get("__all__", []):
        for part in binding.value.elts if isinstance(binding.value, (ast.List, ast.Tuple)) else []:
            if isinstance(part, ast.Constant) and part.value == old:
                written = source.code(part)
                return [source.edit(source.start(part), source.start(part), f"{written[0]}{name}{written[0]}, ")]
    return []


# the second client


def _new_name(name: str) -> str:
    bare = name.lstrip("_")
    lead = name[: len(name) - len(bare)]
    if bare.isupper():
        return f"{lead}ASYNC_{bare}"
    for verb in ("get_", "make_", "create_", "build_", "init_", "new_"):
        if bare.startswith(verb):
            return f"{lead}{verb}async_{bare.removeprefix(verb)}"
    return f"{lead}async_{bare}"


def _free_name(holder: Holder, references: list[Reference], imports: list[tuple[Source, str]]) -> str:
    owner = holder.owner
    name = _new_name(owner.name if holder.kind == "returns" and isinstance(owner, FunctionNode) else holder.name)
    assert holder.source is not None
    for source in {holder.source, *(reference.source for reference in references), *(source for source, _ in imports)}:
        if any(name in scope.bindings for scope in source.names.inner.values()) or any(attr == name for _, attr in source.names.stores):
            return ""
    return name


def _existing(client: Client, holder: Holder) -> str:
    """The name of an async client with the same arguments that stands beside the first already."""
    source = holder.source
    assert source is not None
    if holder.kind != "name" or holder.owner is not source.tree or len(client.roots) != 1:
        return ""
    root = client.roots[0][1]
    twin = clients()[class_path(source, root)][1]
    for name, bindings in source.names.module.bindings.items():
        value = bindings[0].value
        if len(bindings) == 1 and isinstance(value, ast.Call) and isinstance(root, ast.Call) and source.qualified(value.func) == twin:
            mine = {given.arg: ast.dump(given.value) for given in value.keywords if given.arg != "timeout"}
            if mine == {given.arg: ast.dump(given.value) for given in root.keywords if given.arg != "timeout"}:
                return name
    return ""


def _renamed(reference: Reference, holder: Holder, name: str) -> Edit | None:
    """The reference, by the second client's name."""
    source, node = reference.source, reference.node
    if holder.kind == "returns":
        if isinstance(node, ast.Await):
            node = node.value
        if isinstance(node, ast.Call):
            depends = source.qualified(node.func).endswith(("Depends", "Security"))
            node = (node.args[0] if node.args else node) if depends else node.func
        elif isinstance(node, ast.Subscript):  # Annotated[T, Depends(f)]
            return None
    if isinstance(node, ast.Name):
        return source.edit(source.start(node), source.stop(node), name)
    if isinstance(node, ast.Attribute):
        stop = source.stop(node)
        return source.edit(stop - len(node.attr.encode("utf-8")), stop, name)
    return None


def _added(client: Client, holder: Holder, made: list[ast.stmt], name: str, limits: Limits) -> tuple[list[Edit], list[Need]] | Reason:
    """The second client's statements behind the first one's."""
    source = holder.source
    assert source is not None
    if holder.kind == "returns":
        assert isinstance(holder.owner, FunctionNode)
        return _added_function(client, source, holder.owner, name, limits)
    edits: list[Edit] = []
    needs: list[Need] = []
    for statement in made:
        target = statement.targets[0] if isinstance(statement, ast.Assign) and len(statement.targets) == 1 else statement.target if isinstance(statement, ast.AnnAssign) else None
        value = statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None
        if target is None or value is None or not isinstance(target, (ast.Name, ast.Attribute)) or holder_of(source, target) != holder:
            return MIXED
        roots = [root for other, root in client.roots if other is source and source.statement(root) is statement]
        if any(not (_inside(leaf, roots) or is_none(leaf)) for leaf in leaves(value)):
            return MIXED
        changed = _twins(client, source, roots, limits, needs)
        if isinstance(changed, tuple):
            return changed
        text = _patched(source, source.start(value), source.stop(value), changed)
        lead = source.slice(source.start(target), source.stop(target))
        lead = name if isinstance(target, ast.Name) else f"{lead[: len(lead) - len(target.attr)]}{name}"
        if isinstance(statement, ast.AnnAssign):
            annotation, more = _annotation(source, statement.annotation)
            lead = f"{lead}: {annotation}"
            needs += more
        edits += insert_after(source, statement, f"{source.indent(statement)}{lead} = {text}{source.newline}")
    return edits, needs


def _inside(leaf: ast.expr, roots: list[ast.expr]) -> bool:
    """Whether a value is one of the constructors, wrapped or not."""
    return any(leaf is root or any(part is root for part in ast.walk(leaf)) for root in roots) and isinstance(leaf, ast.Call)


def _annotation(source: Source, annotation: ast.expr) -> tuple[str, list[Need]]:
    from .twins import reannotated

    edits, needs = reannotated(source, annotation, frozenset())
    return _patched(source, source.start(annotation), source.stop(annotation), edits), needs


def _twins(client: Client, source: Source, roots: list[ast.expr], limits: Limits, needs: list[Need]) -> list[Edit] | Reason:
    edits: list[Edit] = []
    for root in roots:
        twin = twin_of(source, root, limits)
        if twin.reason:
            return twin.reason, twin.message
        edits += twin.edits
        needs += twin.needs
    return edits


def _patched(source: Source, start: int, stop: int, edits: list[Edit]) -> str:
    """A part of the text with edits applied to it."""
    text = source.utf8[start:stop]
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start - start] + edit.text.encode("utf-8") + text[edit.stop - start :]
    return text.decode("utf-8")


def _added_function(client: Client, source: Source, function: FunctionNode, name: str, limits: Limits) -> tuple[list[Edit], list[Need]] | Reason:
    """A second factory behind the first: the same function, giving the twin."""
    needs: list[Need] = []
    roots = [root for other, root in client.roots if other is source and source.function(root) is function]
    if len(roots) != len(client.roots) or not alone(source, function):
        return MIXED
    changed = _twins(client, source, roots, limits, needs)
    if isinstance(changed, tuple):
        return changed
    if function.returns is not None:
        from .twins import reannotated

        edits, more = reannotated(source, function.returns, frozenset())
        changed += edits
        needs += more
    start, stop = span(source, function)
    named = source.utf8.index(function.name.encode("utf-8"), source.start(function))
    changed.append(source.edit(named, named + len(function.name.encode("utf-8")), name))
    text = _patched(source, start, stop, changed)
    if not text.endswith(("\n", "\r")):
        text += source.newline
    apart = source.newline * (2 if not source.indent(function) else 1)
    return insert_after(source, function, apart + text), needs


