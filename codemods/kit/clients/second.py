"""The second client: its name, its statements behind the first one's, and the reads that go over to it."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..cut import alone, insert_after, span
from ..finding import Edit
from ..flow import Holder, holder_of
from ..libraries.sdk import clients
from ..move import text_with
from ..names import Binding, FunctionNode
from ..source import Source, is_none
from .leaves import leaves
from .spelling import Need
from .swap import Client, Node, class_path
from .twins import Limits, reannotated, twin_of

Reason = tuple[str, str]
MIXED: Reason = ("mixed-use", "sync code uses the same client, and no second one can be put beside it")


@dataclass(slots=True, eq=False)
class Reference:
    """One read of the holder under its own name, and what hangs on it."""

    source: Source
    node: ast.AST
    reach: set[Node]


def _new_name(name: str) -> str:
    bare = name.lstrip("_")
    lead = name[: len(name) - len(bare)]
    if bare.isupper():
        return f"{lead}ASYNC_{bare}"
    for verb in ("get_", "make_", "create_", "build_", "init_", "new_"):
        if bare.startswith(verb):
            return f"{lead}{verb}async_{bare.removeprefix(verb)}"
    return f"{lead}async_{bare}"


def free_name(holder: Holder, references: list[Reference], imports: list[tuple[Source, str]]) -> str:
    owner = holder.owner
    first = owner.name if holder.kind == "returns" and isinstance(owner, FunctionNode) else holder.name
    assert holder.source is not None
    files = {holder.source, *(reference.source for reference in references), *(source for source, _ in imports)}

    def taken(name: str) -> bool:
        return any(any(name in scope.bindings for scope in source.names.inner.values()) or any(attr == name for _, attr in source.names.stores) for source in files)

    return next((name for name in (_new_name(first), f"{first}_async") if not taken(name)), "")


def existing(client: Client, holder: Holder) -> str:
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


def named(reference: Reference, holder: Holder) -> ast.AST | None:
    """The expression that names the holder in the reference; None where it stands behind a name for a type, which other functions have too."""
    source, node = reference.source, reference.node
    if holder.kind != "returns":
        return node
    if isinstance(node, ast.Await):
        node = node.value
    if isinstance(node, ast.Call):
        return (node.args[0] if node.args else node) if _depends(source, node) else node.func
    if isinstance(node, ast.Subscript):  # Annotated[T, Depends(f)]
        return next((each.args[0] for each in ast.walk(node.slice) if isinstance(each, ast.Call) and each.args and _depends(source, each)), None)
    return None if isinstance(source.parent(node), FunctionNode) else node


def _depends(source: Source, call: ast.Call) -> bool:
    return source.qualified(call.func).endswith(("Depends", "Security"))


def renamed(reference: Reference, holder: Holder, name: str) -> Edit | None:
    """The reference, by the second client's name."""
    source, node = reference.source, named(reference, holder)
    if isinstance(node, ast.Name):
        return source.edit(source.start(node), source.stop(node), name)
    if isinstance(node, ast.Attribute):
        stop = source.stop(node)
        return source.edit(stop - len(node.attr.encode("utf-8")), stop, name)
    return None


def _bindings(reference: Reference, holder: Holder) -> list[Binding]:
    """What binds the name by which the reference knows the holder."""
    node = named(reference, holder)
    home = reference.source.scope(node).home(node.id) if isinstance(node, ast.Name) else None
    return home.bindings[node.id] if home is not None and isinstance(node, ast.Name) else []


def within(reference: Reference, holder: Holder, name: str) -> tuple[list[Edit], Source | None]:
    """The new name beside the old one in an import that stands within a function, and the file it comes from; none for an import at the top."""
    source = reference.source
    for binding in _bindings(reference, holder):
        if binding.kind == "import" and binding.scope is not source.names.module and isinstance(binding.node, ast.ImportFrom):
            alias = next(each for each in binding.node.names if (each.asname or each.name) == binding.name)
            return [source.edit(source.start(alias), source.start(alias), f"{name}, ")], source.project.find(binding.origin.rpartition(".")[0], source.path)
    return [], None


def handed_on(reference: Reference, holder: Holder) -> list[tuple[Source, str]]:
    """The files that import the function by a name, nearest to it first, each with the module's path."""
    source, bindings = reference.source, _bindings(reference, holder)
    found: list[tuple[Source, str]] = []
    while bindings and bindings[0].kind == "import" and source is not holder.source and all(source is not other for other, _ in found):
        module, _, name = bindings[0].origin.rpartition(".")
        found.insert(0, (source, module))
        through = source.project.find(module, source.path)
        if through is None:
            break
        source, bindings = through, through.names.module.bindings.get(name, [])
    return found


def added(client: Client, holder: Holder, made: list[ast.stmt], name: str, limits: Limits) -> tuple[list[Edit], list[Need]] | Reason:
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
        text, elsewhere = _patched(source, value, changed)
        edits += elsewhere
        lead = source.slice(source.start(target), source.stop(target))
        lead = name if isinstance(target, ast.Name) else f"{lead[: len(lead) - len(target.attr)]}{name}"
        if isinstance(statement, ast.AnnAssign):
            annotation, elsewhere, more = _annotation(source, statement.annotation)
            lead = f"{lead}: {annotation}"
            edits += elsewhere
            needs += more
        edits += insert_after(source, statement, f"{source.indent(statement)}{lead} = {text}{source.newline}")
    return edits, needs


def _inside(leaf: ast.expr, roots: list[ast.expr]) -> bool:
    """Whether a value is one of the constructors, wrapped or not."""
    return any(leaf is root or any(part is root for part in ast.walk(leaf)) for root in roots) and isinstance(leaf, ast.Call)


def _annotation(source: Source, annotation: ast.expr) -> tuple[str, list[Edit], list[Need]]:
    edits, needs = reannotated(source, annotation, frozenset())
    return (*_patched(source, annotation, edits), needs)


def _twins(client: Client, source: Source, roots: list[ast.expr], limits: Limits, needs: list[Need]) -> list[Edit] | Reason:
    edits: list[Edit] = []
    for root in roots:
        twin = twin_of(source, root, limits)
        if twin.reason:
            return twin.reason, twin.message
        edits += twin.edits
        needs += twin.needs
    return edits


def _patched(source: Source, node: ast.expr, edits: list[Edit]) -> tuple[str, list[Edit]]:
    """An expression with those of the edits made that lie in it, and the others: those of imports."""
    start, stop = source.start(node), source.stop(node)
    elsewhere = [edit for edit in edits if edit.stop < start or edit.start > stop]
    return text_with(source, start, stop, [edit for edit in edits if edit not in elsewhere]), elsewhere


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
        edits, more = reannotated(source, function.returns, frozenset())
        changed += edits
        needs += more
    start, stop = span(source, function)
    named = source.utf8.index(function.name.encode("utf-8"), source.start(function))
    changed.append(source.edit(named, named + len(function.name.encode("utf-8")), name))
    elsewhere = [edit for edit in changed if edit.stop < start or edit.start > stop]
    text = text_with(source, start, stop, [edit for edit in changed if edit not in elsewhere])
    if not text.endswith(("\n", "\r")):
        text += source.newline
    apart = source.newline * (2 if not source.indent(function) else 1)
    return [*elsewhere, *insert_after(source, function, apart + text)], needs
