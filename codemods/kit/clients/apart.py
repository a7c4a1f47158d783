"""One client for sync and async code (google-genai, mistralai): each use changes for itself."""

from __future__ import annotations

from collections.abc import Iterator

from ..flow import Holder
from ..libraries.sdk import style
from .change import Cutter, Outcome, Survey
from .swap import Client, Node, Site


def apart(survey: Survey) -> Iterator[Outcome]:
    """An outcome for each call of the client and all that hangs on what it gives."""
    client = survey.client
    done: set[Site] = set()
    for start in _starts(client):
        if start in done:
            continue
        reach = _reach(client, start)
        sites = list(dict.fromkeys([start, *(site for node in reach for site in client.sites.get(node, ()))]))  # type: ignore[arg-type]
        done.update(sites)
        if not survey.faults(sites):
            continue
        why = _why_not(survey, reach, sites)
        if why is not None:
            yield Outcome(refused=[(site, *survey.why.get(site, why)) for site in survey.faults(sites)])
            continue
        cutter = Cutter(survey)
        cutter.cut([*sites, *_entering(survey, start)])
        yield cutter.outcome(sites)


def _starts(client: Client) -> list[Site]:
    """Every call of a method of the client itself, in the order of the files."""
    found = [site for site in client.every_site() if site.thing.value == "client" and site.thing.kind]
    return sorted(found, key=lambda site: (site.source.path, site.source.start(site.node)))


def _reach(client: Client, start: Site) -> set[Node]:
    return client.downstream(start.node) if start.node in client.things else set()


def _why_not(survey: Survey, reach: set[Node], sites: list[Site]) -> tuple[str, str] | None:
    client = survey.client
    for node in reach:
        for leak in client.leaks.get(node, ()):
            return leak.reason, leak.message
        if isinstance(node, Holder) and any(before not in reach for before, nexts in client.after.items() if node in nexts):
            return "mixed-origins", f"`{node.name}` also holds what other code gave it"
    for site in sites:
        if survey.modes[site] == "stuck":
            return survey.why[site]
        if survey.modes[site] == "sync":
            return "mixed-use", "sync code uses what the same call gave"
    return None


def _entering(survey: Survey, start: Site) -> list[Site]:
    """`with Mistral(...) as client:` around nothing but async uses is entered asynchronously, once."""
    client = survey.client
    entered = [site for site in client.every_site() if site.op == "with" and site.thing.value == "client"]
    uses = [site for site in client.every_site() if site not in entered]
    if style(start.thing) != "suffix" or any(client.every_leak()) or any(survey.modes[site] != "async" for site in (*uses, *entered)):
        return []
    return entered if start is _starts(client)[0] else []


