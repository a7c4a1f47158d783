"""One Python file, parsed once, and the questions that codemods ask of it."""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple, Protocol, TypeVar

from .finding import Edit, Finding, Fix, Import, Place, Refusal, Safety
from .index import Index
from .names import Binding, FunctionNode, Names, Scope
from .text import Text, line_starts, newline, parse

N = TypeVar("N", bound=ast.AST)
MAX_HOPS = 12  # names, attributes and returns followed before an origin counts as unknown


class Origin(NamedTuple):
    """Where a value comes from: an expression of some file that is no mere name, or what is known instead.

    kind: value (`node` is the expression), annotation (`node` is the type), import (`path` is a name outside the
    project), parameter, class, function (`node` is the def), unknown.
    """

    source: Source
    kind: str
    node: ast.AST | None = None
    path: str = ""
    binding: Binding | None = None


class Surroundings(Protocol):
    """What a file asks of the project that it is in; see `Project`."""

    memo: dict[Any, Any]
    sources: dict[str, Source]

    @property
    def declared(self) -> Mapping[str, str]: ...
    def __iter__(self) -> Iterator[Source]: ...
    def mentioning(self, word: str) -> list[Source]: ...
    def stars(self, source: Source) -> tuple[Source, ...]: ...
    def reaching(self, paths: Iterable[str]) -> frozenset[str]: ...
    def remember(self, question: object, answer: Callable[[], Any]) -> Any: ...
    def find(self, module: str, importer: str) -> Source | None: ...
    def lookup(self, dotted: str, importer: str) -> tuple[Source, str] | None: ...
    def importers(self, source: Source, name: str) -> list[tuple[Source, Binding]]: ...
    def origins(self, source: Source, node: ast.AST | None, hops: int = 0) -> list[Origin]: ...
    def made_by(self, source: Source, node: ast.AST | None) -> str: ...
    def declares(self, distribution: str) -> bool: ...
    def version(self, distribution: str) -> tuple[int, ...] | None: ...
    def below(self, distribution: str, *version: int) -> bool: ...


class Source:
    """One file of a project. Offsets are bytes of its UTF-8 text; see `kit.text` for those of the file."""

    def __init__(self, path: str, text: Text, project: Surroundings, tree: ast.Module | None = None) -> None:
        self.path = path
        self.text = text
        self.utf8 = text.utf8
        self.tree = parse(text) if tree is None else tree
        self.project = project
        self.memo: dict[Any, Any] = {}  # answers that codemods ask twice, by question
        self._qualified: dict[tuple[Scope, str], str] = {}  # these rest on this text alone
        self._dotted: dict[ast.Attribute, str] = {}

    # the text

    @cached_property
    def names(self) -> Names:
        return Names(self.tree, self.package)

    @property
    def module(self) -> str:
        """The dotted name by which the project's root would import this file."""
        parts = self.path.removesuffix(".pyi").removesuffix(".py").split("/")
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def package(self) -> str:
        return self.module if self.path.endswith("__init__.py") else self.module.rpartition(".")[0]

    @cached_property
    def newline(self) -> str:
        return newline(self.utf8)

    @cached_property
    def _starts(self) -> list[int]:
        return line_starts(self.utf8)

    @cached_property
    def _wide(self) -> bool:
        return not self.utf8.isascii()

    def start(self, node: ast.AST) -> int:
        """The offset of a node's first byte."""
        node = _placed(node)
        return int(self._starts[node.lineno - 1] + node.col_offset)  # type: ignore[attr-defined]

    def stop(self, node: ast.AST) -> int:
        """The offset behind a node's last byte."""
        node = _placed(node)
        return int(self._starts[node.end_lineno - 1] + node.end_col_offset)  # type: ignore[attr-defined]

    def line_of(self, offset: int) -> int:
        """The 1-based line that holds an offset."""
        return bisect_right(self._starts, offset)

    def line_start(self, line: int) -> int:
        """The offset at which a 1-based line starts; the text's end behind the last line."""
        return self._starts[line - 1] if line <= len(self._starts) else len(self.utf8)

    def code(self, node: ast.AST) -> str:
        """A node as it is written, without the decorators of a def."""
        return self.utf8[self.start(node) : self.stop(node)].decode("utf-8")

    def slice(self, start: int, stop: int) -> str:
        return self.utf8[start:stop].decode("utf-8")

    def place(self, node: ast.AST) -> Place:
        """Where a node stands, for people."""
        node = next((above for above in self.parents(node) if isinstance(above, ast.JoinedStr)), node)  # 3.11 places what is inside wrongly
        return self.place_of(self.start(node), self.stop(node))

    def place_of(self, start: int, stop: int) -> Place:
        line, end_line = self.line_of(start), self.line_of(max(start, stop))
        return Place(self.path, line, self._column(start, line), end_line, self._column(stop, end_line))

    def _column(self, offset: int, line: int) -> int:
        lead = self.utf8[self._starts[line - 1] : offset]
        return (len(lead.decode("utf-8")) if self._wide else len(lead)) + 1

    def indent(self, statement: ast.AST) -> str:
        """The white space in front of a statement's line."""
        start = self._starts[statement.lineno - 1]  # type: ignore[attr-defined]
        line = self.utf8[start : self.line_start(self.line_of(start) + 1)].decode("utf-8")
        return line[: len(line) - len(line.lstrip(" \t\f"))]

    @cached_property
    def indent_unit(self) -> str:
        """One level of indentation, as this file writes it."""
        for kind in (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.If, ast.For, ast.With, ast.Try):
            for node in self.nodes(kind):
                inner, outer = self.indent(node.body[0]), self.indent(node)  # type: ignore[attr-defined]
                if inner.startswith(outer) and len(inner) > len(outer) and node.body[0].lineno > node.lineno:  # type: ignore[attr-defined]
                    return inner[len(outer) :]
        return "    "

    # the tree

    def nodes(self, kind: type[N]) -> list[N]:
        """Every node of exactly this type, in source order."""
        return self.names.by_type.get(kind, [])  # type: ignore[return-value]

    @cached_property
    def index(self) -> Index:
        return Index(self.names)

    def attributes(self, name: str) -> list[ast.Attribute]:
        """Every `something.name`, in source order."""
        return self.index.attributes.get(name, [])

    @property
    def words(self) -> frozenset[str]:
        """Every name that is read, every attribute, the last part of every import."""
        return self.index.words

    def functions(self) -> Iterator[FunctionNode]:
        yield from self.nodes(ast.FunctionDef)
        yield from self.nodes(ast.AsyncFunctionDef)

    def parent(self, node: ast.AST) -> ast.AST | None:
        return self.names.parents.get(node)

    def parents(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around a node, innermost first."""
        parents = self.names.parents
        while (above := parents.get(node)) is not None:
            yield above
            node = above

    def statement(self, node: ast.AST) -> ast.stmt:
        """The smallest statement that holds the node."""
        while not isinstance(node, ast.stmt):
            node = self.names.parents[node]
        return node

    def scope(self, node: ast.AST) -> Scope:
        """The scope in which the node is evaluated."""
        return self.names.scopes[node]

    def function(self, node: ast.AST) -> FunctionNode | None:
        """The def whose body runs this node; None at module level, in a class body, and inside a lambda."""
        scope: Scope | None = self.names.scopes[node]
        while scope is not None and scope.kind == "comprehension":
            scope = scope.parent
        return scope.node if scope is not None and isinstance(scope.node, FunctionNode) else None

    def in_async(self, node: ast.AST) -> bool:
        """Whether `await` may stand here: directly in an `async def`, not in a lambda or a generator expression."""
        if not isinstance(self.function(node), ast.AsyncFunctionDef):
            return False
        scope: Scope | None = self.names.scopes[node]
        while scope is not None and scope.kind == "comprehension":
            if isinstance(scope.node, ast.GeneratorExp):
                return False
            scope = scope.parent
        return True

    def class_of(self, node: ast.AST) -> ast.ClassDef | None:
        """The class whose method (or body) holds the node."""
        return next((above for above in self.parents(node) if isinstance(above, ast.ClassDef)), None)

    def awaited(self, node: ast.AST) -> bool:
        return isinstance(self.parent(node), ast.Await)

    # names

    def qualified(self, node: ast.AST | None, hops: int = 0) -> str:
        """The dotted path that an expression names: `rq.get` under `import requests as rq` is "requests.get"; "" when it can't be told.

        A class or function of this project is named by its module's path.
        """
        if isinstance(node, ast.Attribute):
            path = self._dotted.get(node)
            if path is None:
                base = self.qualified(node.value, hops)
                path = f"{base}.{node.attr}" if base else ""
                if not hops:
                    self._dotted[node] = path
            return path
        if not isinstance(node, ast.Name) or hops > MAX_HOPS:
            return ""
        home = self.names.scopes[node].home(node.id)
        if home is None:
            return ""
        known = self._qualified.get((home, node.id))
        if known is None:
            known = self._named(node, home, hops)
            if not hops:
                self._qualified[home, node.id] = known
        return known

    def _named(self, node: ast.Name, home: Scope, hops: int) -> str:
        paths: dict[str, None] = {}
        for binding in self.bindings(node.id, home):
            if binding.kind == "import":
                paths[binding.origin] = None
            elif binding.kind in ("class", "function") and home.kind == "module":
                paths[f"{self.module}.{binding.name}"] = None
            elif binding.kind == "assign" and not binding.unpacked and isinstance(binding.value, (ast.Name, ast.Attribute)):
                if isinstance(binding.value, ast.Name) and binding.value.id == node.id and binding.scope is self.scope(binding.value).home(node.id):
                    return ""
                paths[self.qualified(binding.value, hops + 1)] = None
            elif isinstance(binding.value, ast.Constant) and binding.value.value is None:
                continue  # `except ImportError: requests = None`
            else:
                return ""
        if len(paths) == 1:
            return next(iter(paths))
        same = {(path.rpartition(".")[2], re.split(r"[._]", path, maxsplit=1)[0]) for path in paths}
        if len(same) == 1 and all(self.project.lookup(path, self.path) is None for path in paths):
            return next(iter(paths))  # one name of an older and a newer package: `except ImportError:`
        return ""

    @cached_property
    def undefined_names(self) -> frozenset[str]:
        return frozenset(self.names.undefined())

    @cached_property
    def unused_imports(self) -> frozenset[str]:
        """Names that an import binds and nothing reads, `__all__` and quoted annotations counted as readers."""
        texts = [node.value for node in self.nodes(ast.Constant) if isinstance(node.value, str)]
        quoted = {word for text in texts if len(text) < 200 for word in re.findall(r"\w+", text)}
        found = set()
        for scope in self.names.inner.values():
            for name, bindings in scope.bindings.items():
                if any(bound.kind == "import" for bound in bindings) and name not in quoted and not any(self.names.uses(name, scope)):
                    found.add(name)
        return frozenset(found)

    def bindings(self, name: str, scope: Scope) -> list[Binding]:
        return scope.bindings.get(name, [])

    def binding(self, node: ast.Name) -> Binding | None:
        """The one binding of a name that is read here; None when there are several or none."""
        home = self.scope(node).home(node.id)
        found = self.bindings(node.id, home) if home is not None else []
        return found[0] if len(found) == 1 else None

    def uses(self, binding: Binding) -> list[ast.Name]:
        """Every read of the binding's name in this file."""
        return list(self.names.uses(binding.name, binding.scope))

    def calls(self, *paths: str | Iterable[str]) -> Iterator[ast.Call]:
        """Calls whose callee is one of the dotted paths, in source order."""
        wanted = {path for given in paths for path in ([given] if isinstance(given, str) else given)}
        last = {path.rpartition(".")[2] for path in wanted}
        for call in self.index.calls(last, self.index.aliases):
            if self.qualified(call.func) in wanted:
                yield call

    def exports(self) -> set[str] | None:
        """The names in `__all__`; None without one."""
        for binding in self.names.module.bindings.get("__all__", []):
            if isinstance(binding.value, (ast.List, ast.Tuple)):
                return {item.value for item in binding.value.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)}
        return None

    # values

    def origins(self, node: ast.AST | None, hops: int = 0) -> list[Origin]:
        """Everything an expression may be, followed through names, `self.x`, with-targets, `or`, conditionals, walrus, awaits
        of nothing, returns of the project's functions, `Depends(...)` and the imports of the project's other files.

        `None` literals are left out. An empty list never comes back: what can't be followed is one origin "unknown".
        """
        return self.project.origins(self, node, hops)

    def made_by(self, node: ast.AST | None) -> str:
        """The dotted path of what makes the value (`openai.OpenAI`): a call's callee or an annotation; "" unless all origins agree."""
        return self.project.made_by(self, node)

    # findings

    def fix(
        self,
        node: ast.AST,
        edits: Iterable[Edit],
        message: str,
        *,
        safety: Safety = "safe",
        group: str = "",
        help: str = "",
        imports: Iterable[Import | tuple[str, Import]] = (),
    ) -> Finding:
        """A Fix that stands at `node`; the engine adds the codemod's name. `imports` without a path are this file's.

        A Refusal when an edit could not be cut (`cut.UNCUTTABLE`).
        """
        edits = tuple(edits)
        if any(edit.start < 0 for edit in edits):
            return self.refuse(node, edits[[edit.start < 0 for edit in edits].index(True)].text, "the code is laid out in a way that can't be cut safely")
        needs = tuple(need if isinstance(need, tuple) else (self.path, need) for need in imports)
        return Fix(self.place(node), message, edits, safety, group, help, imports=needs)

    def refuse(self, node: ast.AST, reason: str, message: str, help: str = "") -> Refusal:
        """A Refusal that stands at `node`; without `help` the page's own advice for the reason is given."""
        return Refusal(self.place(node), message, reason, help)

    def edit(self, start: int, stop: int, text: str) -> Edit:
        return Edit(self.path, start, stop, text)

    def remember(self, question: object, answer: Callable[[], Any]) -> Any:
        """`answer()`, computed once for this text."""
        if question not in self.memo:
            self.memo[question] = answer()
        return self.memo[question]


def _placed(node: ast.AST) -> ast.AST:
    """A node that has a place in the text, where ast gives none."""
    return node.context_expr if isinstance(node, ast.withitem) else node.target if isinstance(node, ast.comprehension) else node


def targets_of(statement: ast.AST | None) -> list[ast.expr]:
    """What an assignment binds; nothing for another statement."""
    return statement.targets if isinstance(statement, ast.Assign) else [statement.target] if isinstance(statement, ast.AnnAssign) else []


def keyword(call: ast.Call, name: str) -> ast.keyword | None:
    """The keyword argument of that name, as written in the call."""
    return next((given for given in call.keywords if given.arg == name), None)


def spreads_keywords(call: ast.Call) -> bool:
    """Whether `**mapping` may bring keywords that can't be read here. A literal mapping with literal keys can be."""
    return any(given.arg is None and not is_literal_mapping(given.value) for given in call.keywords)


def spreads_arguments(call: ast.Call) -> bool:
    return any(isinstance(arg, ast.Starred) for arg in call.args)


def is_literal_mapping(node: ast.expr) -> bool:
    return isinstance(node, ast.Dict) and all(isinstance(key, ast.Constant) and isinstance(key.value, str) for key in node.keys)


def has_keyword(call: ast.Call, name: str) -> bool:
    """Whether the call gives the keyword, in writing or through a literal mapping that is spread."""
    if keyword(call, name) is not None:
        return True
    return any(
        isinstance(key, ast.Constant) and key.value == name
        for given in call.keywords
        if given.arg is None and isinstance(given.value, ast.Dict)
        for key in given.value.keys
    )


def is_none(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def attribute_path(node: ast.AST) -> tuple[ast.AST, list[str]]:
    """`client.chat.completions.create` is (the Name client, ["chat", "completions", "create"])."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return node, names[::-1]
