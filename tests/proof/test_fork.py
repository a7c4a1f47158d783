"""Children of a fork share their parent's connection and get each other's answers; after our rewrite each has its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from .load import BROKEN, PATIENCE, until
from .service import copy_of, environment, fix
from .upstream import Call, Upstream

WORKERS = 4
TICKETS = [f"ticket number {n}" for n in range(16)]


def classified(call: Call) -> bool:
    return call.path.endswith("completions")


def run(folder: Path, within: float, patience: float) -> tuple[int, dict[str, str] | None]:
    """How many children reach the upstream at once, and what each ticket got: None when the children never came back."""
    with Upstream() as upstream:
        upstream.hold(classified)
        env = environment(folder, upstream, {"WORKERS": str(WORKERS)})
        command = [sys.executable, "main.py", *TICKETS]
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, start_new_session=True)
        try:
            arrived = asyncio.run(until(lambda: upstream.waiting > 0, PATIENCE))
            assert arrived, "no child asked the model"
            asyncio.run(until(lambda: upstream.waiting >= WORKERS, within))
            at_once = upstream.waiting
            upstream.release()
            output, _ = process.communicate(timeout=patience)
            return at_once, json.loads(output)
        except subprocess.TimeoutExpired:
            return at_once, None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wrong(answers: dict[str, str] | None) -> int:
    answers = answers or {}
    return sum(answers.get(ticket) != f"You said: {ticket} (1 messages)" for ticket in TICKETS)


@pytest.mark.parametrize("app", ["forked_workers", "forked_by_hand"])
def test_forked_children_have_their_own_connections(app: str, tmp_path: Path) -> None:
    before, strange = run(copy_of(app, tmp_path / "before"), BROKEN, 5 * BROKEN)
    rewrite = fix(copy_of(app, tmp_path / "after"))
    assert "fork-safe-client" in rewrite.fixed, rewrite.left
    after, right = run(rewrite.folder, PATIENCE, 4 * PATIENCE)
    print(f"{app}, {WORKERS} children, {len(TICKETS)} tickets")
    print(f"  before: {before} at once over the parent's connection, {wrong(strange)} answers of others or none")
    print(f"  after:  {after} at once, {wrong(right)} wrong")
    assert before == 1
    assert after == WORKERS
    assert wrong(right) == 0
