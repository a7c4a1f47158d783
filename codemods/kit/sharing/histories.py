"""Where a conversation's messages can be kept by key, and how that is written in a file."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..finding import Import
from ..imports import spell
from ..libraries.memory import last_name
from ..source import Source

MAX_SESSIONS = 1000


@dataclass(frozen=True, slots=True)
class History:
    """`text`: the expression for one session's history; `definitions`: what the module must define for it, whole lines each.

    `common`: other histories of the file need the same definitions.
    """

    kind: str  # redis sql memory
    text: str
    definitions: tuple[str, ...] = ()
    imports: tuple[Import, ...] = ()
    type: str = ""
    common: bool = False


def place_of_history(source: Source, wanted: str) -> str:
    """redis, sql or memory: what the project has, unless the setting says it."""
    if wanted != "auto":
        return wanted
    if not _has_community(source):
        return "memory"
    if source.project.declares("redis"):
        return "redis"
    return "sql" if _sql_imports(source) else "memory"


def _sql_imports(source: Source) -> bool:
    """Whether SQLChatMessageHistory can surely be imported: it needs greenlet, which SQLAlchemy brings only below 2.1."""
    return source.project.declares("greenlet") or source.project.below("sqlalchemy", 2, 1)


def lacks_greenlet(source: Source) -> bool:
    """Whether the history would be kept in SQL if the project declared greenlet."""
    return _has_community(source) and not source.project.declares("redis") and not _sql_imports(source)


def _has_community(source: Source) -> bool:
    project = source.project
    if project.declares("langchain-community"):
        return True
    return project.declares("langchain") and project.below("langchain", 0, 2)


def _module(source: Source) -> str:
    old = source.project.declares("langchain") and source.project.below("langchain", 0, 1) and not source.project.declares("langchain-community")
    return "langchain.memory" if old else "langchain_community.chat_message_histories"


def history(source: Source, kind: str, session: str, *, name: str, own: bool, asynchronous: bool) -> History:
    """The history of one session. `own`: the project keeps others too, this one gets a table or prefix of its own, called `name`."""
    if kind == "redis":
        text, needs = spell(source, _module(source), "RedisChatMessageHistory")
        url, more = _redis_url(source)
        prefix = f', key_prefix="{name}:"' if own else ""
        return History(kind, f"{text}({session}, url={url}{prefix})", imports=(*needs, *more), type=text)
    if kind == "sql":
        return _sql(source, session, name=name, own=own, asynchronous=asynchronous)
    return _in_process(source, session, name=name if own else "session")


def _redis_url(source: Source) -> tuple[str, tuple[Import, ...]]:
    for name in ("REDIS_URL", "redis_url", "REDIS_URI", "CACHE_REDIS_URL"):
        found = source.names.module.bindings.get(name, [])
        if len(found) == 1 and found[0].kind in ("assign", "import"):
            return name, ()
    for name in ("settings", "config"):
        for attribute in source.nodes(ast.Attribute):
            if attribute.attr.lower() == "redis_url" and isinstance(attribute.value, ast.Name) and attribute.value.id == name:
                return f"{name}.{attribute.attr}", ()
    text, needs = spell(source, "os")
    return f'{text}.environ.get("REDIS_URL", "redis://localhost:6379/0")', needs


def _sql(source: Source, session: str, *, name: str, own: bool, asynchronous: bool) -> History:
    module = _module(source)
    text, needs = spell(source, module, "SQLChatMessageHistory")
    table = f', table_name="{name}"' if own else ""
    old = source.project.below("langchain-community", 0, 2, 11) or source.project.below("langchain", 0, 2) or module == "langchain.memory"
    if old:
        return History("sql", f'{text}({session}, connection_string="sqlite:///chat_history.db"{table})', imports=needs, type=text)
    engine = _engine(source)
    made = next((b for b in source.names.module.bindings.get("SessionHistory", [])), None)
    taken = made is None and any("SessionHistory" in scope.bindings for scope in source.names.inner.values())
    kind = "SessionHistory" if not taken else "_SessionHistory"
    definitions: tuple[str, ...] = ()
    imports: tuple[Import, ...] = ()
    ours = engine == ""
    if ours:
        engine = "history_db"
        if "history_db" not in source.names.module.bindings:
            create, more = spell(source, "sqlalchemy", "create_engine")
            definitions += (f'{engine} = {create}("sqlite:///chat_history.db")\n',)
            imports += more
    # two first requests at once would both make the table, and one of them fail
    table_made = (f'{kind if asynchronous else text}("", connection={engine}{table})  # makes the table\n',) if ours else ()
    if not asynchronous:
        return History("sql", f"{text}({session}, connection={engine}{table})", definitions + table_made, (*imports, *needs), text, True)
    if made is None:
        base, more = spell(source, "langchain_core.chat_history", "BaseChatMessageHistory")
        imports += (*needs, *more)
        definitions += (
            f"class {kind}({text}):\n"
            f'    """The messages of one session. The connection is synchronous: async methods run in a thread."""\n\n'
            f"    aget_messages = {base}.aget_messages\n"
            f"    aadd_messages = {base}.aadd_messages\n"
            f"    aclear = {base}.aclear\n",
        )
    return History("sql", f"{kind}({session}, connection={engine}{table})", definitions + table_made, imports, kind, True)


def _engine(source: Source) -> str:
    """A synchronous engine that the module has already."""
    for name, found in source.names.module.bindings.items():
        if len(found) == 1 and isinstance(found[0].value, ast.Call) and source.qualified(found[0].value.func) in ("sqlalchemy.create_engine", "sqlmodel.create_engine"):
            return name
    return ""


def _in_process(source: Source, session: str, *, name: str) -> History:
    function = f"{name}_history" if not name.endswith("history") else f"{name}_of"
    old = source.project.declares("langchain") and source.project.below("langchain", 0, 1)
    text, needs = spell(source, "langchain.memory", "ChatMessageHistory") if old else spell(source, "langchain_core.chat_history", "InMemoryChatMessageHistory")
    if any(last_name(binding.origin) == "InMemoryChatMessageHistory" for found in source.names.module.bindings.values() for binding in found if binding.kind == "import"):
        text, needs = spell(source, "langchain_core.chat_history", "InMemoryChatMessageHistory")
    cache, more = spell(source, "functools", "lru_cache")
    while any(function in scope.bindings for scope in source.names.inner.values()):
        function = f"_{function}"
    definitions = (
        f"@{cache}(maxsize={MAX_SESSIONS})\n"
        f"def {function}(session_id: str) -> {text}:\n"
        f'    """The messages of one session, kept in this process for the {MAX_SESSIONS} sessions used last."""\n'
        f"    return {text}()\n",
    )
    return History("memory", f"{function}({session})", definitions, (*needs, *more), text)
