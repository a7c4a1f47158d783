"""Work in child processes, one piece in flight in each: a piece that crashes or hangs costs only itself."""

from __future__ import annotations

import contextlib
import marshal
import os
import pickle
import resource
import select
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

DEADLINE = 30.0  # seconds for one piece
MEMORY = 1 << 30  # bytes that a child may map; a chain of 5,000 operators was seen to take 2.9 GB
_AHEAD = 2  # pieces sent to a child: one in work and one waiting, so that it never idles
_HEADER = 8


@dataclass(frozen=True, slots=True)
class Lost:
    """The answer to a piece that killed its process: `crashed`, `timeout` or `failed`, and one sentence."""

    reason: str
    message: str


class _Child:
    def __init__(self, work: Callable[[Any], Any], pieces: Sequence[Any], siblings: Sequence[_Child]) -> None:
        ask, self.ask = os.pipe()
        self.answers, answer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            for door in (self.ask, self.answers, *(door for child in siblings for door in (child.ask, child.answers))):
                os.close(door)  # a pipe ends only when nobody holds it
            _serve(work, pieces, ask, answer)
        os.close(ask)
        os.close(answer)
        self.waiting: deque[int] = deque()
        self.since = 0.0
        self.buffer = bytearray()

    def send(self, index: int) -> None:
        if not self.waiting:
            self.since = time.monotonic()
        self.waiting.append(index)
        with contextlib.suppress(BrokenPipeError):  # it just died: the answers' end of file will tell
            os.write(self.ask, index.to_bytes(_HEADER, "big"))

    def end(self) -> int:
        """Close the doors and learn how the child ended."""
        os.close(self.ask)
        os.close(self.answers)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _serve(work: Callable[[Any], Any], pieces: Sequence[Any], ask: int, answer: int) -> NoReturn:
    """The child's life: a number comes in, the answer goes out. It ends with the pipe, and never returns into its parent's code."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY if most == resource.RLIM_INFINITY else min(MEMORY, most), most))
        while index := os.read(ask, _HEADER):
            try:
                content = _packed(work(pieces[int.from_bytes(index, "big")]))
            except Exception as error:  # the border of one piece: it becomes a value
                import traceback

                content = _packed(Lost("failed", "".join(traceback.format_exception(error))))
            view = memoryview(len(content).to_bytes(_HEADER, "big") + content)
            while view:
                view = view[os.write(answer, view) :]
        os._exit(0)
    except BaseException:
        os._exit(1)


def _packed(value: object) -> bytes:
    """marshal for plain values, which is several times faster; pickle for the rest."""
    try:
        return b"m" + marshal.dumps(value)
    except ValueError:
        return b"p" + pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def _unpacked(content: bytes) -> object:
    return marshal.loads(content[1:]) if content[:1] == b"m" else pickle.loads(content[1:])  # from our own fork only


def in_children(work: Callable[[Any], Any], pieces: Sequence[Any], jobs: int, deadline: float = DEADLINE) -> Iterator[tuple[int, Any]]:
    """(index, work(piece)) for every piece, as they come; a Lost stands for a piece that did not survive."""
    children: list[_Child] = []
    todo = deque(range(len(pieces)))
    before = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        for _ in range(min(jobs, len(pieces))):
            children.append(_Child(work, pieces, children))
        _feed(children, todo)
        while any(child.waiting for child in children):
            latest = min(child.since for child in children if child.waiting) + deadline
            readable, _, _ = select.select([child.answers for child in children], [], [], max(0.0, latest - time.monotonic()))
            for child in list(children):
                if child.answers in readable:
                    content = os.read(child.answers, 1 << 20)
                    if content:
                        child.buffer += content
                        yield from _answers(child)
                        continue
                    reason = "crashed"
                elif child.waiting and time.monotonic() - child.since > deadline:
                    os.kill(child.pid, signal.SIGKILL)
                    reason = "timeout"
                else:
                    continue
                children.remove(child)
                code = child.end()
                if child.waiting:
                    message = f"no answer within {deadline:g} seconds" if reason == "timeout" else _ending(code)
                    yield child.waiting.popleft(), Lost(reason, message)
                todo.extendleft(reversed(child.waiting))
                if todo:
                    children.append(_Child(work, pieces, children))
            _feed(children, todo)
    finally:
        for child in children:
            if child.waiting:  # the caller stopped early
                os.kill(child.pid, signal.SIGKILL)
            child.end()
        signal.signal(signal.SIGPIPE, before)


def _feed(children: list[_Child], todo: deque[int]) -> None:
    for ahead in range(_AHEAD):
        for child in children:
            if todo and len(child.waiting) <= ahead:
                child.send(todo.popleft())


def _answers(child: _Child) -> Iterator[tuple[int, Any]]:
    while len(child.buffer) >= _HEADER:
        end = _HEADER + int.from_bytes(child.buffer[:_HEADER], "big")
        if len(child.buffer) < end:
            return
        answer = _unpacked(bytes(child.buffer[_HEADER:end]))
        del child.buffer[:end]
        child.since = time.monotonic()
        yield child.waiting.popleft(), answer


def _ending(code: int) -> str:
    if code < 0:
        return f"the process that worked on it ended by {signal.Signals(-code).name}"
    return f"the process that worked on it ended with code {code}"
