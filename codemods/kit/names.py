"""What a name means here: scopes, bindings and uses of one syntax tree, read in one pass."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)  # the parent of what stands in their clauses too
BUILTINS = frozenset(dir(builtins)) | {
    "__file__", "__name__", "__doc__", "__path__", "__spec__", "__loader__", "__package__", "__builtins__", "__annotations__",
    "__class__", "__module__", "__qualname__", "__dict__", "WindowsError", "__debug__",
}  # fmt: skip


def last_part(node: ast.AST) -> str:
    """The last word of a name or of a path behind dots, `get` of `session.get`; "" for anything else."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


@dataclass(eq=False, slots=True)
class Binding:
    """One statement, parameter or target that gives a name its value."""

    name: str
    kind: str  # import assign annotation param function class for with except match augmented delete
    node: ast.AST  # the statement, or the ast.arg of a parameter
    scope: Scope  # where the name lives
    within: Scope  # where the statement runs: differs from `scope` under `global` and `nonlocal`
    value: ast.expr | None = None  # assigned as a whole: `name = value`, `with value as name`, a parameter's default
    annotation: ast.expr | None = None
    origin: str = ""  # of an import: the dotted path, absolute
    unpacked: bool = False  # `value` is the whole of which the name gets a part


@dataclass(eq=False, slots=True)
class Scope:
    """A module, class, function, lambda or comprehension, and the names that live in it."""

    node: ast.AST
    kind: str  # module class function lambda comprehension
    parent: Scope | None = None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    globals: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)
    stars: bool = False  # a star import hides where names come from

    @property
    def function(self) -> FunctionNode | None:
        """The nearest def around, through lambdas and comprehensions."""
        scope: Scope | None = self
        while scope is not None and scope.kind in ("lambda", "comprehension"):
            scope = scope.parent
        return scope.node if scope is not None and isinstance(scope.node, FunctionNode) else None

    def home(self, name: str) -> Scope | None:
        """The scope in which `name`, read here, lives; None for builtins and unknown names."""
        scope: Scope | None = self
        first = True
        while scope is not None:
            if name in scope.globals:
                while scope.parent is not None:
                    scope = scope.parent
                return scope if name in scope.bindings else None
            if (first or scope.kind != "class") and name in scope.bindings and name not in scope.nonlocals:
                return scope
            first = False
            scope = scope.parent
        return None


class Names:
    """Parents, scopes, bindings and loads of a tree, and its nodes by type in source order."""

    def __init__(self, tree: ast.Module, package: str = "") -> None:
        self.module = Scope(tree, "module")
        self.parents: dict[ast.AST, ast.AST] = {}
        self.scopes: dict[ast.AST, Scope] = {}  # the scope in which a node is evaluated
        self.inner: dict[ast.AST, Scope] = {tree: self.module}  # the scope that a def, class, lambda or comprehension opens
        self.loads: dict[str, list[ast.Name]] = {}
        self.imports: list[Binding] = []
        self.stores: dict[tuple[str, str], list[ast.Attribute]] = {}  # (object's name, attribute) -> assigned attributes
        self.by_type: dict[type[ast.AST], list[ast.AST]] = {}
        self.package = package
        self._later: list[tuple[str, str, ast.AST, Scope, ast.expr | None, dict[str, object]]] = []
        self._walk(tree)
        for name, kind, node, scope, value, more in self._later:
            home = scope.parent.home(name) if scope.parent is not None else None
            home = home or scope
            binding = Binding(name, kind, node, home, scope, value, **more)  # type: ignore[arg-type]
            home.bindings.setdefault(name, []).append(binding)
            if kind == "import":
                self.imports.append(binding)

    def _walk(self, tree: ast.Module) -> None:
        parents, scopes, by_type = self.parents, self.scopes, self.by_type
        stack: list[tuple[ast.AST, Scope]] = [(child, self.module) for child in reversed(tree.body)]
        for statement in tree.body:
            parents[statement] = tree
        scopes[tree] = self.module
        openers: dict[type[ast.AST], Callable[..., list[tuple[ast.AST, Scope]]]] = {
            ast.FunctionDef: self._function, ast.AsyncFunctionDef: self._function, ast.ClassDef: self._class, ast.Lambda: self._lambda,
            ast.ListComp: self._comprehension, ast.SetComp: self._comprehension, ast.GeneratorExp: self._comprehension, ast.DictComp: self._comprehension,
        }  # fmt: skip
        binders: dict[type[ast.AST], Callable[..., None]] = {
            ast.Import: self._import, ast.ImportFrom: self._import_from, ast.Assign: self._assign, ast.AnnAssign: self._annotated, ast.AugAssign: self._augmented,
            ast.NamedExpr: self._walrus, ast.For: self._for, ast.AsyncFor: self._for, ast.withitem: self._with, ast.ExceptHandler: self._except,
            ast.Global: self._global, ast.Nonlocal: self._nonlocal, ast.Delete: self._delete, ast.MatchAs: self._match, ast.MatchStar: self._match,
            ast.MatchMapping: self._match_rest,
        }  # fmt: skip
        while stack:
            node, scope = stack.pop()
            kind = type(node)
            scopes[node] = scope
            found = by_type.get(kind)
            if found is None:
                by_type[kind] = found = []
            found.append(node)
            if kind is ast.Name:
                if isinstance(node.ctx, ast.Load):  # type: ignore[attr-defined]
                    self.loads.setdefault(node.id, []).append(node)  # type: ignore[attr-defined,arg-type]
                continue
            if kind is ast.Constant:
                continue
            opener = openers.get(kind)
            if opener is not None:
                children = opener(node, scope)
                for child, _ in children:
                    parents[child] = node
                stack.extend(reversed(children))
                continue
            binder = binders.get(kind)
            if binder is not None:
                binder(node, scope)
            start = len(stack)
            for name in _CHILDREN[kind]:
                value = getattr(node, name, None)
                if value is None:
                    continue
                if value.__class__ is list:
                    for child in value:
                        if child is not None:
                            parents[child] = node
                            stack.append((child, scope))
                else:
                    parents[value] = node
                    stack.append((value, scope))
            if len(stack) - start > 1:
                stack[start:] = stack[start:][::-1]

    # what opens a scope: its children, each with the scope in which it is evaluated

    def _function(self, node: FunctionNode, scope: Scope) -> list[tuple[ast.AST, Scope]]:
        self._bind(node.name, "function", node, scope)
        inner = self.inner[node] = Scope(node, "function", scope)
        outside: list[ast.AST] = [*node.decorator_list, *node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]
        outside += self._parameters(node.args, inner)
        if node.returns is not None:
            outside.append(node.returns)
        return [*((child, scope) for child in outside), *((child, inner) for child in node.body)]

    def _lambda(self, node: ast.Lambda, scope: Scope) -> list[tuple[ast.AST, Scope]]:
        inner = self.inner[node] = Scope(node, "lambda", scope)
        self._parameters(node.args, inner)
        outside: list[ast.AST] = [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]
        return [*((child, scope) for child in outside), (node.body, inner)]

    def _parameters(self, args: ast.arguments, inner: Scope) -> list[ast.AST]:
        positional = [*args.posonlyargs, *args.args]
        defaults: list[ast.expr | None] = [*[None] * (len(positional) - len(args.defaults)), *args.defaults]
        annotations: list[ast.AST] = []
        rest = [arg for arg in (args.vararg, args.kwarg) if arg is not None]
        for arg, default in [*zip(positional, defaults), *zip(args.kwonlyargs, args.kw_defaults), *((arg, None) for arg in rest)]:
            binding = Binding(arg.arg, "param", arg, inner, inner, default, arg.annotation, unpacked=arg in rest)
            inner.bindings.setdefault(arg.arg, []).append(binding)
            if arg.annotation is not None:
                annotations.append(arg.annotation)
        return annotations

    def _class(self, node: ast.ClassDef, scope: Scope) -> list[tuple[ast.AST, Scope]]:
        self._bind(node.name, "class", node, scope)
        inner = self.inner[node] = Scope(node, "class", scope)
        outside = [*node.decorator_list, *node.bases, *node.keywords]
        return [*((child, scope) for child in outside), *((child, inner) for child in node.body)]

    def _comprehension(self, node: ast.expr, scope: Scope) -> list[tuple[ast.AST, Scope]]:
        inner = self.inner[node] = Scope(node, "comprehension", scope)
        children: list[tuple[ast.AST, Scope]] = []
        for index, generator in enumerate(node.generators):  # type: ignore[attr-defined]
            self.scopes[generator] = inner
            for name in _targets(generator.target):
                inner.bindings.setdefault(name, []).append(Binding(name, "for", generator, inner, inner, generator.iter, unpacked=True))
            children += [(generator.iter, scope if index == 0 else inner), (generator.target, inner), *((test, inner) for test in generator.ifs)]
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]  # type: ignore[attr-defined]
        return children + [(part, inner) for part in parts]

    # what binds a name

    def _bind(self, name: str, kind: str, node: ast.AST, scope: Scope, value: ast.expr | None = None, **more: object) -> None:
        home: Scope = scope
        if name in scope.globals:
            home = self.module
        elif name in scope.nonlocals:  # the outer def may bind it further down
            self._later.append((name, kind, node, scope, value, more))
            return
        binding = Binding(name, kind, node, home, scope, value, **more)  # type: ignore[arg-type]
        home.bindings.setdefault(name, []).append(binding)
        if kind == "import":
            self.imports.append(binding)

    def _import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            self._bind(name, "import", node, scope, origin=alias.name if alias.asname else name)

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        base = self.absolute(node)
        for alias in node.names:
            if alias.name == "*":
                scope.stars = True
            else:
                self._bind(alias.asname or alias.name, "import", node, scope, origin=f"{base}.{alias.name}")

    def absolute(self, node: ast.ImportFrom) -> str:
        """The module that a from-import names, with the dots of a relative one resolved."""
        if not node.level:
            return node.module or ""
        parts = self.package.split(".") if self.package else []
        parts = parts[: len(parts) - (node.level - 1)] if node.level > 1 else parts
        return ".".join([*parts, *([node.module] if node.module else [])])

    def _assign(self, node: ast.Assign, scope: Scope) -> None:
        for target in node.targets:
            self._target(target, node, scope, node.value)

    def _target(self, target: ast.expr, node: ast.AST, scope: Scope, value: ast.expr | None, kind: str = "assign") -> None:
        if isinstance(target, ast.Name):
            self._bind(target.id, kind, node, scope, value, unpacked=kind == "for")
        elif isinstance(target, (ast.Tuple, ast.List)) and isinstance(value, (ast.Tuple, ast.List)) and len(target.elts) == len(value.elts):
            for part, its in zip(target.elts, value.elts):
                self._target(part, node, scope, its, kind)
        else:
            for name in _targets(target):
                self._bind(name, kind, node, scope, value, unpacked=True)
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                self.stores.setdefault((target.value.id, target.attr), []).append(target)

    def _annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        if isinstance(node.target, ast.Name):
            kind = "assign" if node.value is not None else "annotation"
            self._bind(node.target.id, kind, node, scope, node.value, annotation=node.annotation)
        else:
            self._target(node.target, node, scope, node.value)

    def _augmented(self, node: ast.AugAssign, scope: Scope) -> None:
        if isinstance(node.target, ast.Name):
            self._bind(node.target.id, "augmented", node, scope)

    def _walrus(self, node: ast.NamedExpr, scope: Scope) -> None:
        home = scope
        while home.kind == "comprehension" and home.parent is not None:
            home = home.parent
        self._bind(node.target.id, "assign", node, home, node.value)

    def _for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        self._target(node.target, node, scope, node.iter, "for")

    def _with(self, node: ast.withitem, scope: Scope) -> None:
        if isinstance(node.optional_vars, ast.Name):
            self._bind(node.optional_vars.id, "with", node, scope, node.context_expr)
        elif node.optional_vars is not None:
            self._target(node.optional_vars, node, scope, None, "with")

    def _except(self, node: ast.ExceptHandler, scope: Scope) -> None:
        if node.name:
            self._bind(node.name, "except", node, scope)

    def _global(self, node: ast.Global, scope: Scope) -> None:
        scope.globals.update(node.names)

    def _nonlocal(self, node: ast.Nonlocal, scope: Scope) -> None:
        scope.nonlocals.update(node.names)

    def _delete(self, node: ast.Delete, scope: Scope) -> None:
        for target in node.targets:
            for name in _targets(target):
                self._bind(name, "delete", node, scope)

    def _match(self, node: ast.MatchAs | ast.MatchStar, scope: Scope) -> None:
        if node.name:
            self._bind(node.name, "match", node, scope)

    def _match_rest(self, node: ast.MatchMapping, scope: Scope) -> None:
        if node.rest:
            self._bind(node.rest, "match", node, scope)

    # questions

    def uses(self, name: str, scope: Scope) -> Iterator[ast.Name]:
        """Every read of the `name` that lives in `scope`, in source order."""
        for load in self.loads.get(name, ()):
            if self.scopes[load].home(name) is scope:
                yield load

    def undefined(self) -> set[str]:
        """Names that are read and never bound; empty when a star import hides the answer."""
        if any(scope.stars for scope in self.inner.values()):
            return set()
        return {
            name for name, loads in self.loads.items() if name not in BUILTINS and any(self.scopes[load].home(name) is None for load in loads)
        }  # fmt: skip


# The fields of a node that hold nodes; operators, contexts and plain values have nothing to say.
_PLAIN = frozenset("ctx op ops id attr arg name names_ module level value_ kind type_comment conversion returns_ lineno type_ignores asname simple is_async rest kwd_attrs".split())
_CHILDREN: dict[type[ast.AST], tuple[str, ...]] = {}
for _kind in vars(ast).values():
    if isinstance(_kind, type) and issubclass(_kind, ast.AST):
        _CHILDREN[_kind] = tuple(field for field in _kind._fields if field not in _PLAIN)
for _kind, _fields in {ast.Global: (), ast.Nonlocal: (), ast.Constant: (), ast.MatchSingleton: (), ast.MatchMapping: ("keys", "patterns")}.items():
    _CHILDREN[_kind] = _fields


def _targets(target: ast.expr) -> list[str]:
    if isinstance(target, ast.Name):
        return [target.id]
    if isinstance(target, (ast.Tuple, ast.List)):
        return [name for part in target.elts for name in _targets(part)]
    return _targets(target.value) if isinstance(target, ast.Starred) else []
