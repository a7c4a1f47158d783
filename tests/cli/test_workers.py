"""A piece of work that crashes, hangs or eats memory costs only itself."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from loadproof.cli.workers import Crew, Lost


def crewed(work: Callable[[Any], Any], pieces: list[Any], size: int = 2, patience: float = 20) -> dict[int, Any]:
    with Crew(work, size, lambda piece: patience, lambda piece: 1 << 30) as crew:
        answers: dict[int, Any] = {}
        for index, _, answer in crew.map(pieces):
            assert index not in answers
            answers[index] = answer
    return answers


def test_every_piece_is_answered_once() -> None:
    assert crewed(lambda piece: piece * 2, list(range(1000))) == {number: number * 2 for number in range(1000)}
    assert crewed(lambda piece: piece, [b"x" * 3_000_000, "y" * 100_000, {"a": (1, None)}]) == {
        0: b"x" * 3_000_000,
        1: "y" * 100_000,
        2: {"a": (1, None)},
    }
    assert crewed(lambda piece: piece, []) == {}


def test_poison_costs_only_itself() -> None:
    def work(piece: int) -> int:
        match piece:
            case 10:
                os.kill(os.getpid(), signal.SIGKILL)
            case 20:
                os._exit(7)
            case 30:
                raise ValueError("no")
            case 40:
                return len(b"x" * (2 << 30))
            case 50:
                time.sleep(60)
        return piece

    answers = crewed(work, list(range(100)), patience=2)
    assert len(answers) == 100
    lost = {index: answer for index, answer in answers.items() if isinstance(answer, Lost)}
    assert {index: answer.reason for index, answer in lost.items()} == {
        10: "crashed",
        20: "crashed",
        30: "failed",
        40: "failed",
        50: "timeout",
    }
    assert "SIGKILL" in lost[10].message and "code 7" in lost[20].message and "MemoryError" in lost[40].message
    assert all(answers[index] == index for index in answers if index not in lost)


def test_processes_remember_between_rounds() -> None:
    known: dict[int, int] = {}

    def work(piece: int) -> int:
        known[piece] = known.get(piece, 0) + 1
        return known[piece]

    with Crew(work, 1, lambda piece: 20) as crew:
        first = {index: pid for index, pid, _ in crew.map([1, 2, 3])}
        second = [answer for _, _, answer in crew.map([1, 2, 3], lambda piece: first[0])]
    assert second == [2, 2, 2]
    assert known == {}


def test_stopping_early_leaves_no_process() -> None:
    def work(piece: int) -> int:
        time.sleep(30 if piece else 0)
        return os.getpid()

    with Crew(work, 2, lambda piece: 60) as crew:
        pids = [child.pid for child in crew.children]
        for _ in crew.map([0, 1, 2, 3]):
            break
    for pid in pids:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            continue
        raise AssertionError(f"{pid} still lives")
