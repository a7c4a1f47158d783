"""A sync client's constructor and the annotations around it, rewritten for the async twin."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..cut import add_keyword, replace, sure
from ..finding import Edit
from ..flow import Holder, container_of
from ..imports import spell
from ..libraries.sdk import Thing, clients
from ..mappings import holds
from ..origins import assignments
from ..source import Source, has_keyword, keyword
from .spelling import Need, Spelling, spelled_like
from .swap import class_path

# classes of HTTP clients and what belongs to them, by their async twins
HTTP = {
    "Client": "AsyncClient", "HTTPTransport": "AsyncHTTPTransport", "DefaultHttpxClient": "DefaultAsyncHttpxClient",
}  # fmt: skip
HTTP_HOMES = ("httpx", "httpx2", "openai", "anthropic", "groq")
HTTP_PLAIN = frozenset(["verify", "cert", "trust_env", "proxy", "proxies", "timeout", "limits", "headers", "params", "cookies", "base_url", "http1", "http2", "follow_redirects", "max_redirects", "default_encoding", "retries", "transport"])
OTHER_CLASSES = {"openai.Stream": "AsyncStream", "anthropic.Stream": "AsyncStream", "groq.Stream": "AsyncStream", "anthropic.MessageStream": "AsyncMessageStream", "instructor.Instructor": "AsyncInstructor", "instructor.client.Instructor": "AsyncInstructor"}

@dataclass(frozen=True, slots=True)
class Twin:
    """The edits that make the async twin of a client in its place, or why there are none."""

    edits: tuple[Edit, ...] = ()
    needs: tuple[Need, ...] = ()
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds to wait for a connection and for the next bytes."""

    connect: float
    read: float


def twin_of(source: Source, root: ast.expr, limits: Limits, replaced: frozenset[ast.AST] = frozenset()) -> Twin:
    """The async twin of a constructor call or of a default_factory. `replaced`: names of the class that change as well."""
    path = class_path(source, root)
    sdk, twin = clients()[path]
    if not twin:
        return Twin()
    if isinstance(root, ast.Call) and (wrong := _unfit(source, root)):
        return Twin(reason=wrong[0], message=wrong[1])
    named = root.func if isinstance(root, ast.Call) else root
    new = spelled(source, named, path, replaced)
    parts = [new]
    edits: list[Edit] = []
    if not isinstance(root, ast.Call):
        parts.append(timeout_like(source, sdk, named, limits, replaced))
        edits += replace(source, root, f"lambda: {new.text}(timeout={parts[1].text})")
    else:
        edits += replace(source, named, new.text)
        if holds(source, root, "timeout") == "no" and not has_keyword(root, "timeout") and not _http_client_limited(source, root):
            parts.append(timeout_like(source, sdk, named, limits, replaced))
            edits += add_keyword(source, root, "timeout", parts[-1].text)
        client = keyword(root, "http_client")
        for node in ast.walk(client.value) if client is not None and isinstance(client.value, ast.Call) else ():
            if isinstance(node, ast.Call) and (inner := _http_twin(source, node)):
                parts.append(spelled_like(source, node.func, *inner))
                edits += replace(source, node.func, parts[-1].text)
    return Twin((*edits, *(edit for part in parts for edit in part.edits)), tuple(need for part in parts for need in part.needs))


def spelled(source: Source, named: ast.expr, path: str, replaced: frozenset[ast.AST]) -> Spelling:
    """How the twin of a class is written where the class is named."""
    home, _, name = twin_path(path).rpartition(".")
    alias = ""
    if isinstance(named, ast.Name) and named.id != path.rpartition(".")[2]:  # `from langfuse.openai import OpenAI as Traced`
        alias = f"Async{named.id}"
    return spelled_like(source, named, home, name, replaced, alias)


def timeout_like(source: Source, sdk: str, named: ast.expr, limits: Limits, replaced: frozenset[ast.AST] = frozenset()) -> Spelling:
    """A time limit that this SDK takes in the versions that the project declares, written beside the name of its class."""
    if sdk == "cohere":
        return Spelling(f"{float(limits.read)!r}")
    if sdk == "openai" and _has_httpx(source):
        text, needs = spell(source, "httpx", "", named)
        found = Spelling(f"{text}.Timeout", tuple((source.path, need) for need in needs))
    else:
        alone = not any(_imports(source, other) for other in ("openai", "anthropic", "groq") if other != sdk)
        alias = "" if alone else {"openai": "OpenAITimeout", "anthropic": "AnthropicTimeout", "groq": "GroqTimeout"}[sdk]
        module = next((bound.name for found in source.names.module.bindings.values() for bound in found if bound.kind == "import" and bound.origin == sdk), "")
        kept = isinstance(named, ast.Name) and module and any(source.parent(use) not in replaced for use in source.names.uses(module, source.names.module))
        found = Spelling(f"{module}.Timeout") if kept else spelled_like(source, named, sdk, "Timeout", replaced, alias)
    return Spelling(f"{found.text}({float(limits.read)!r}, connect={float(limits.connect)!r})", found.needs, found.edits)


def _has_httpx(source: Source) -> bool:
    project = source.project
    return project.declares("httpx") or project.below("openai", 3) or _imports(source, "httpx")


def _imports(source: Source, module: str) -> bool:
    return any(
        bound.kind == "import" and bound.origin.partition(".")[0] == module for found in source.names.module.bindings.values() for bound in found
    )  # fmt: skip


def _unfit(source: Source, root: ast.Call) -> tuple[str, str] | None:
    """Why an argument of the constructor would not do for the twin."""
    if holds(source, root, "http_client") == "unknown":
        return "keywords-spread", "the keywords are spread from a mapping that may hold a sync http_client or a timeout"
    client = keyword(root, "http_client")
    if client is not None and not (isinstance(client.value, ast.Constant) and client.value.value is None):
        if not isinstance(client.value, ast.Call) or not _http_twin(source, client.value) or not _http_plain(source, client.value):
            return "http-client", "its http_client is a sync one that can't be exchanged with certainty"
    elif client is None and holds(source, root, "http_client") == "yes":
        return "http-client", "its http_client is a sync one that can't be exchanged with certainty"
    key = keyword(root, "api_key")
    if key is not None and _is_function(source, key.value):
        return "key-provider", "its api_key is a function, which the async client awaits"
    return None


def _http_twin(source: Source, call: ast.Call) -> tuple[str, str] | None:
    home, _, name = source.qualified(call.func).rpartition(".")
    return (home, HTTP[name]) if home in HTTP_HOMES and name in HTTP else None


def _http_plain(source: Source, call: ast.Call) -> bool:
    if call.args or any(given.arg not in HTTP_PLAIN for given in call.keywords):
        return False
    transport = keyword(call, "transport")
    if transport is None:
        return True
    return isinstance(transport.value, ast.Call) and _http_twin(source, transport.value) is not None and _http_plain(source, transport.value)


def _http_client_limited(source: Source, root: ast.Call) -> bool:
    client = keyword(root, "http_client")
    return client is not None and isinstance(client.value, ast.Call) and has_keyword(client.value, "timeout")


def _is_function(source: Source, node: ast.expr) -> bool:
    if isinstance(node, ast.Lambda):
        return True
    if isinstance(node, ast.Call):
        return source.qualified(node.func).endswith("get_bearer_token_provider")
    return any(
        origin.kind == "function" or (isinstance(origin.node, ast.Call) and origin.source.qualified(origin.node.func).endswith("get_bearer_token_provider"))
        for origin in source.origins(node)
    )


# annotations


def annotations_of(holder: Holder, thing: Thing) -> list[tuple[Source, ast.expr]]:
    """The annotations that say what the holder holds."""
    if holder.kind == "item":
        return annotations_of(container_of(holder)[0], thing)
    source, owner = holder.source, holder.owner
    if source is None or owner is None:
        return []
    if holder.kind == "returns":
        return [(source, owner.returns)] if isinstance(owner, (ast.FunctionDef, ast.AsyncFunctionDef)) and owner.returns is not None else []
    if holder.kind == "attr" and isinstance(owner, ast.ClassDef):
        return [(source, annotation) for _, _, annotation in assignments(source, owner).get(holder.name, []) if annotation is not None]
    found = source.names.inner[owner].bindings.get(holder.name, [])
    return [pair for binding in found if binding.annotation is not None for pair in _with_alias(source, binding.annotation)]


def _with_alias(source: Source, annotation: ast.expr) -> list[tuple[Source, ast.expr]]:
    """An annotation, and what a name that it consists of stands for: `Client = Annotated[OpenAI, Depends(get_client)]`."""
    places = [(source, annotation)]
    for origin in source.origins(annotation) if isinstance(annotation, (ast.Name, ast.Attribute)) else []:
        if origin.kind == "value" and isinstance(origin.node, ast.Subscript):
            places.append((origin.source, origin.node))
    return places


def class_names(source: Source, annotation: ast.expr) -> list[tuple[ast.expr, str]]:
    """The parts of an annotation that name a sync class, each with its dotted path."""
    found: list[tuple[ast.expr, str]] = []
    todo: list[ast.AST] = [annotation]
    while todo:
        node = todo.pop()
        path = source.qualified(node) if isinstance(node, (ast.Name, ast.Attribute)) else ""
        if path in clients() or path in OTHER_CLASSES:
            assert isinstance(node, ast.expr)
            found.append((node, path))
        else:
            todo += ast.iter_child_nodes(node)
    return found


def twin_path(path: str) -> str:
    if path in OTHER_CLASSES:
        return f"{path.rpartition('.')[0]}.{OTHER_CLASSES[path]}"
    return clients()[path][1]


def reannotated(source: Source, annotation: ast.expr, replaced: frozenset[ast.AST]) -> tuple[list[Edit], list[Need]]:
    """The annotation, speaking of the async twin."""
    edits: list[Edit] = []
    needs: list[Need] = []
    for node, path in class_names(source, annotation):
        if twin_path(path):
            new = spelled(source, node, path, replaced)
            edits += [*replace(source, node, new.text), *new.edits]
            needs += new.needs
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str) and sure(source, annotation):
        for word in set(re.findall(r"[A-Za-z_]\w*", annotation.value)):
            bound = source.names.module.bindings.get(word, [])
            twin = clients().get(bound[0].origin, ("", ""))[1] if len(bound) == 1 and bound[0].kind == "import" else ""
            if twin:
                text, more = spell(source, *twin.rpartition(".")[::2], annotation)
                edits += replace(source, annotation, re.sub(rf"\b{word}\b", text, source.code(annotation)))
                needs += [(source.path, need) for need in more]
    return edits, needs


def replaced_names(source: Source, roots: Iterable[ast.expr], annotated: Iterable[ast.expr]) -> frozenset[ast.AST]:
    """The attributes `module.Class` that all change."""
    found: set[ast.AST] = {root.func if isinstance(root, ast.Call) else root for root in roots}
    for annotation in annotated:
        found.update(node for node, _ in class_names(source, annotation))
    return frozenset(found)
