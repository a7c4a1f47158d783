"""Give every call of requests a time limit.

Why
    requests waits for ever unless it is told not to. One slow service then holds a worker, then all of them, and the
    users of every other endpoint wait with it. A limit turns the hang into an error that the caller can handle.

Broken
    import requests

    def fetch_customer(customer_id: str):
        return requests.get(f"https://api.example.com/customers/{customer_id}").json()

Fixed
    import requests

    def fetch_customer(customer_id: str):
        return requests.get(f"https://api.example.com/customers/{customer_id}", timeout=(5, 20)).json()

Refuses
    keywords-spread: The keywords are spread from a mapping that may already hold a timeout.
    By hand: put a timeout into the mapping where it is made.

        import requests

        def call(options):
            return requests.get("https://api.example.com", **options)

Settings
    connect: seconds to wait for a connection
    read: seconds to wait for the next bytes of the answer
"""

from __future__ import annotations

from collections.abc import Iterator

from .kit.codemod import codemod
from .kit.cut import add_keyword
from .kit.finding import Finding
from .kit.source import Source, has_keyword, spreads_keywords

VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request")


@codemod(mentions="requests", stage="argument")
def requests_timeout(source: Source, *, connect: float = 5, read: float = 20) -> Iterator[Finding]:
    for call in source.calls(f"requests.{verb}" for verb in VERBS):
        if has_keyword(call, "timeout"):
            continue
        if spreads_keywords(call):
            yield source.refuse(call, "keywords-spread", "the keywords are spread, timeout may be among them")
        else:
            yield source.fix(call, add_keyword(source, call, "timeout", f"({connect:g}, {read:g})"), "waits for ever")
