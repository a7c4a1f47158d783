"""Calls on the module `openai` itself, which has no async twin: they get a client of their own, or their old async form."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..cut import alone, insert_after, rename
from ..finding import Import
from ..imports import spell, taken
from ..libraries.sdk import Thing, tables
from ..source import Source
from .change import Cutter, Outcome, Survey
from .swap import Client, traced
from .twins import Limits, timeout_like

CARRIED = ("api_key", "organization", "project", "base_url", "timeout", "max_retries", "default_headers", "default_query", "webhook_secret")
LEGACY = {
    "ChatCompletion": ("create",), "Completion": ("create",), "Embedding": ("create",), "Edit": ("create",), "Moderation": ("create",),
    "Image": ("create", "create_edit", "create_variation"), "Audio": ("transcribe", "translate"),
}  # fmt: skip


@dataclass(slots=True)
class Settings:
    """What is assigned to attributes of the module; `wrong`: why a client can't be made from it."""

    names: list[str] = field(default_factory=list)
    last: ast.stmt | None = None
    wrong: str = ""


def module_calls(source: Source, limits: Limits) -> Outcome | None:
    """Every call of the module's methods in async code, on one new client."""
    found = [(client, Survey(client).look()) for client in _module_clients(source)]
    found = [(client, survey) for client, survey in found if survey.faults(client.every_site())]
    if not found:
        return None
    outcome = Outcome()
    settings = settings_of(source)
    good: list[tuple[Client, Survey]] = []
    for client, survey in found:
        why = _why_not(client, survey)
        if why is None and settings.wrong:
            why = "configured-elsewhere", settings.wrong
        if why is not None:
            outcome.refused += [(site, *survey.why.get(site, why)) for site in survey.faults(client.every_site())]
        else:
            good.append((client, survey))
    anchor = _anchor(source, settings)
    if good and anchor is None:
        outcome.refused += [(site, "unusual-layout", "no place was found for a client") for client, survey in good for site in survey.faults(client.every_site())]
        good = []
    if not good or anchor is None:
        return outcome
    name = next(name for name in ("client", "openai_client", "async_client", "async_openai_client", "_openai_client_") if not taken(source, name, "") and name not in source.names.module.bindings)
    for client, survey in good:
        cutter = Cutter(survey)
        cutter.cut(client.every_site())
        part = cutter.outcome(client.every_site())
        root = client.roots[0][1]
        outcome.fixed += part.fixed
        outcome.own.update(part.own)
        outcome.edits += [*part.edits, source.edit(source.start(root), source.stop(root), name)]
        outcome.needs += part.needs
    _add_client(source, outcome, name, settings, anchor, limits, {client.roots[0][1] for client, _ in good})
    return outcome


def _module_clients(source: Source) -> Iterator[Client]:
    resources = {path.partition(".")[0] for path in tables()["openai"]["resources"]}
    for node in source.nodes(ast.Attribute):
        if node.attr in resources and isinstance(node.value, ast.Name) and source.qualified(node.value) == "openai" and source.project.find("openai", source.path) is None:
            yield traced(source, node.value, Thing("openai"))


def _why_not(client: Client, survey: Survey) -> tuple[str, str] | None:
    for leak in client.every_leak():
        return leak.reason, leak.message
    for site, mode in survey.modes.items():
        if mode in ("sync", "stuck"):
            return survey.why.get(site, ("mixed-use", "sync code uses what the same call gave"))
    return None


def settings_of(source: Source) -> Settings:
    """Everything that the project assigns to attributes of the module."""
    settings = Settings()
    for other in source.project:
        for (_, attr), targets in other.names.stores.items():
            for target in targets:
                if other.qualified(target.value) != "openai":
                    continue
                statement = other.statement(target)
                if attr not in CARRIED:
                    settings.wrong = f"`openai.{attr}` is set in {other.path}, which a client takes in another form"
                elif other is not source or not isinstance(other.parent(statement), ast.Module):
                    settings.wrong = f"`openai.{attr}` is set in {other.path}:{target.lineno}, and may not be set yet when a client is made here"
                else:
                    settings.names.append(attr)
                    if settings.last is None or settings.last.lineno < statement.lineno:
                        settings.last = statement
    settings.names = [name for name in CARRIED if name in settings.names]
    return settings


def _anchor(source: Source, settings: Settings) -> ast.stmt | None:
    """The top-level statement behind which a client can be made: imports, load_dotenv(), and the module's settings are over."""
    found: ast.stmt | None = None
    for statement in source.tree.body:
        call = statement.value if isinstance(statement, (ast.Expr, ast.Assign)) else None
        loads = isinstance(call, ast.Call) and source.qualified(call.func).endswith(("load_dotenv", "load_env"))
        if isinstance(statement, (ast.Import, ast.ImportFrom)) or loads or statement is settings.last:
            found = statement
    return found if found is not None and alone(source, found) else None


def _add_client(source: Source, outcome: Outcome, name: str, settings: Settings, anchor: ast.stmt, limits: Limits, replaced: set[ast.expr]) -> None:
    module = next((bound for found in source.names.module.bindings.values() for bound in found if bound.kind == "import" and bound.origin == "openai"), None)
    going = not settings.names and module is not None and all(use in replaced for use in source.uses(module))
    if going:
        made, needs = "AsyncOpenAI", [Import("openai", "AsyncOpenAI")]
    else:
        made, found = spell(source, "openai", "AsyncOpenAI")
        needs = list(found)
    arguments = [f"{attr}={module.name if module else 'openai'}.{attr}" for attr in settings.names]
    if "timeout" not in settings.names:
        if going and not _httpx(source):
            text = f"Timeout({float(limits.read)!r}, connect={float(limits.connect)!r})"
            needs.append(Import("openai", "Timeout"))
        else:
            limit = timeout_like(source, "openai", next(iter(replaced)), limits)
            text = limit.text
            outcome.needs += limit.needs
        arguments.append(f"timeout={text}")
    outcome.needs += [(source.path, need) for need in needs]
    apart = "" if anchor is settings.last else source.newline
    outcome.edits += insert_after(source, anchor, f"{apart}{name} = {made}({', '.join(arguments)}){source.newline}")


def _httpx(source: Source) -> bool:
    from .twins import _has_httpx

    return _has_httpx(source)


def legacy_calls(source: Source) -> Iterator[Outcome]:
    """The calls of openai before 1.0: their `a` forms where that generation is declared, else a refusal."""
    old = source.project.below("openai", 1)
    for call in source.index.calls(*LEGACY.values()):
        if not isinstance(call.func, ast.Attribute) or not isinstance(call.func.value, (ast.Attribute, ast.Name)):
            continue
        home, _, group = source.qualified(call.func.value).rpartition(".")
        if home != "openai" or call.func.attr not in LEGACY.get(group, ()):
            continue
        client = traced(source, call.func, Thing("openai", "client", f"{group}.{call.func.attr}", "stream:AsyncStream"))
        survey = Survey(client).look()
        faults = survey.faults(client.every_site())
        if not faults:
            continue
        if not old:
            message = "this call was removed in openai 1.0; where the project declares no older version, its async form can't be used either"
            yield Outcome(refused=[(site, "legacy-api", message) for site in faults])
            continue
        why = _why_not(client, survey)
        if why is not None:
            yield Outcome(refused=[(site, *why) for site in faults])
            continue
        cutter = Cutter(survey)
        cutter.cut(client.every_site())
        outcome = cutter.outcome(client.every_site())
        outcome.edits += rename(source, call.func, f"a{call.func.attr}")
        yield outcome
