"""One service with most of what can be wrong: one run cures it all, and the cures do not get into each other's way."""

from __future__ import annotations

import asyncio
from pathlib import Path

from .load import BROKEN, crowd, fan_out, says, shape, talk
from .service import pair
from .upstream import Call

ALL = {"request-scope", "async-client", "async-chain", "offload-blocking", "requests-timeout", "bounded-gather"}


def of_crm(call: Call) -> bool:
    return call.path.startswith("/customers")


def of_chain(call: Call) -> bool:
    return call.path.endswith("/chat/completions")


def of_client(call: Call) -> bool:
    return call.path.endswith("/embeddings")


def test_everything_at_once(tmp_path: Path) -> None:
    ask = says("/ask", session_id="{user}", question="{text}")
    with pair("all_at_once", tmp_path, expect=ALL) as sides:
        assert asyncio.run(shape(sides.before, ask)) == asyncio.run(shape(sides.after, ask))
        for slow in (of_crm, of_chain, of_client):
            before = asyncio.run(crowd(sides.before, ask, users=4, within=BROKEN, slow=slow))
            after = asyncio.run(crowd(sides.after, ask, users=4, slow=slow))
            print(f"all_at_once, {slow.__name__}\n  before: {before}\n  after:  {after}")
            assert (before.in_flight, before.health) == (1, False)
            assert (after.in_flight, after.health) == (4, True)
        talks = [asyncio.run(talk(service, ask, first=10)) for service in (sides.before, sides.after)]
        print(f"  before: {talks[0]}\n  after:  {talks[1]}")
        assert talks[0].leaks > 0
        assert (talks[1].leaks, talks[1].kept) == (0, talks[1].followups)
        wide = [asyncio.run(fan_out(service, "/ideas")) for service in (sides.before, sides.after)]
        print(f"  before: {wide[0][0]} in flight, after: {wide[1][0]}")
        assert wide[0][0] > 5
        assert wide[1][0] <= 5
        assert wide[0][1] == wide[1][1]
