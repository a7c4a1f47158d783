"""How objects that instances of a class hold are built for each request."""

from __future__ import annotations

import ast

from ..cut import span
from ..finding import Edit
from ..move import apart, gone, instead, lead
from ..names import FunctionNode
from ..source import Source
from .hidden import object_to_given, object_to_hidden
from .obstacles import object_to_class
from .placeholders import placeholders
from .plan import Plan
from .reach import Use, passing
from .rebuild import as_locals, factory_text
from .stations import Station, Unclear


class ClassPlan(Plan):
    """The same where instances of a class hold the objects: the factory is a method, or a function made in `__init__`."""

    def check(self, early: list[Use]) -> None:
        super().check(early)
        object_to_class(self.group, self.stations)
        object_to_hidden(self.group)
        object_to_given(self.group)

    def inlines(self) -> bool:
        return False

    @property
    def closes(self) -> bool:
        """Whether the statements need locals or parameters of the method that they stand in, or no cache can tell the class's instances apart, or is to keep those of single requests."""
        group = self.group
        if not group.me or group.owner is None:
            return False
        return self.wishes.move_clients or (self.cached and (unhashable(group.source, group.owner) or passing(group.source, group.owner))) or any(
            isinstance(node, ast.Name) and node.id not in group.slots and node.id != group.me and self.source.scope(node).home(node.id) is group.scope
            for statement in group.statements
            for node in ast.walk(statement)
        )  # fmt: skip

    def definition(self, inline: bool, edits: list[Edit], kept: dict[ast.stmt, list[str]], definitions: str) -> None:
        group, source = self.group, self.source
        assert group.owner is not None
        newline, margin = source.newline, source.indent(group.first)
        me = group.me or self.holder()
        edits = [*edits, *as_locals(group, me)]
        self.changes.edits += [gone(source, each) for each in placeholders(group)]
        if definitions:
            self.changes.edits.append(apart(source, group.owner, definitions))
        stays = "".join(margin + line for statement in group.statements for line in kept.get(statement, ()))
        if group.me and not (self.closes or stays):
            method = next(above for above in source.parents(group.first) if isinstance(above, FunctionNode))
            factory = factory_text(self.whole(), self.factory, self.parameter, self.wanted, edits, cached=self.cache(), types=self.types, margin=source.indent(method), me=me)
            if self.empties(method):
                self.changes.edits.append(instead(source, method, method, factory, before=1, after=1))
                return
            stop = span(source, method)[1]
            opening = newline if source.utf8.endswith((b"\n", b"\r")) or stop < len(source.utf8) else newline * 2
            self.changes.edits.append(source.edit(stop, stop, opening + factory))
            self.put("" if len(group.body) > len(group.statements) else f"{margin}pass{newline}", 0, 0)
        elif group.me:
            if _is_model(source, group.owner):
                raise Unclear("unusual-assignment", f"{group.owner.name} is a model, which takes no attribute that it does not declare", source, group.first)
            factory = factory_text(self.whole(), self.factory, self.parameter, self.wanted, edits, cached=self.cache(), types=self.types, margin=margin)
            told = f"{newline}{margin}{me}.{self.factory} = {self.factory}{newline}"
            self.put(f"{stays}{newline if stays else ''}{factory}{told}", 0 if stays else 1, 0)
        else:
            factory = factory_text(group, self.factory, self.parameter, self.wanted, edits, cached=self.cache(), types=self.types, margin=margin, me=me)
            decorator = f"{margin}@classmethod{newline}" if me == "cls" else ""
            self.put(f"{stays}{newline if stays else ''}{decorator}{factory}", 0 if stays else 1, 1)

    def empties(self, method: FunctionNode) -> bool:
        """Whether nothing is left of an `__init__`, so that the class does without."""
        source, owner, args = self.source, self.group.owner, method.args
        if owner is None or owner.bases or owner.keywords or owner.decorator_list or method.name != "__init__" or len(self.group.body) > len(self.group.statements):
            return False
        start = span(source, method)[0]
        plain = len(args.args) == 1 and not (args.posonlyargs or args.kwonlyargs or args.vararg or args.kwarg or method.decorator_list)
        return plain and lead(source, method) == start and "#" not in source.slice(start, lead(source, self.group.first))

    def holder(self) -> str:
        return "" if self.group.me else "cls" if self.cached or self.asks_class() else "self"

    def asks_class(self) -> bool:
        """Whether the class itself, and no instance, is asked for the objects: `Container.chain`, `cls.memory`."""
        return any(_names_class(use) for each in self.stations for use in each.uses)

    def spelled_factory(self, each: Station) -> str:
        for use in each.uses:
            if isinstance(use.node, ast.Attribute):
                return f"{each.source.code(use.node.value)}.{self.factory}"
        raise Unclear("handed-on", f"{each.name} has no instance to ask", each.source, each.function)

    def importing(self) -> None:
        return


def _is_model(source: Source, owner: ast.ClassDef, depth: int = 0) -> bool:
    """Whether pydantic sees to what attributes instances of a class have."""
    for base in owner.bases:
        path = source.qualified(base)
        if path.partition(".")[0] in ("pydantic", "pydantic_settings", "sqlmodel") or path.startswith("langchain"):
            return True
        if depth < 4 and any(isinstance(origin.node, ast.ClassDef) and _is_model(origin.source, origin.node, depth + 1) for origin in source.origins(base)):
            return True
    return False


def unhashable(source: Source, owner: ast.ClassDef) -> bool:
    """Whether instances of a class may have no hash: dataclasses, models, what defines `__eq__`."""
    defined = {each.name for each in owner.body if isinstance(each, FunctionNode)}
    bases = [source.qualified(base).rpartition(".")[2] for base in owner.bases]
    return bool(owner.decorator_list) or "BaseModel" in bases or ("__eq__" in defined and "__hash__" not in defined)


def _names_class(use: Use) -> bool:
    base = use.node.value if isinstance(use.node, ast.Attribute) else None
    if base is None:
        return False
    around = use.source.function(base)
    bound = around is not None and isinstance(base, ast.Name) and base.id in [arg.arg for arg in around.args.args[:1]]
    if bound and around is not None and any(ast.unparse(decorator) == "classmethod" for decorator in around.decorator_list):
        return True
    return any(origin.kind == "class" for origin in use.source.origins(base))
