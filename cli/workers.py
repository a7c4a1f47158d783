"""Work in child processes, one piece in flight in each: a piece that crashes or hangs costs only itself."""

from __future__ import annotations

import contextlib
import gc
import marshal
import os
import pickle
import resource
import select
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Self

_AHEAD = 2  # pieces sent to a child: one in work and one waiting, so that it never idles
_SMALL = 4096  # bytes; a larger piece waits until the child reads, for a full pipe would hold both
_HEADER = 8


@dataclass(frozen=True, slots=True)
class Lost:
    """The answer to a piece that killed its process: `crashed`, `timeout` or `failed`, and one sentence."""

    reason: str
    message: str


@dataclass(slots=True)
class _Child:
    pid: int
    ask: int
    answers: int
    mine: deque[int] = field(default_factory=deque)  # pieces that this child would do fastest
    waiting: deque[int] = field(default_factory=deque)  # sent and not answered
    since: float = 0.0
    patience: deque[float] = field(default_factory=deque)
    buffer: bytearray = field(default_factory=bytearray)

    def send(self, index: int, piece: bytes, patience: float) -> None:
        if not self.waiting:
            self.since = time.monotonic()
        self.waiting.append(index)
        self.patience.append(patience)
        with contextlib.suppress(BrokenPipeError):  # it just died: the answers' end of file will tell
            _write(self.ask, piece)

    @property
    def deadline(self) -> float:
        return self.since + self.patience[0] if self.waiting else float("inf")

    def done(self) -> int:
        """The piece that was in work is not any more."""
        self.since = time.monotonic()
        self.patience.popleft()
        return self.waiting.popleft()

    def end(self) -> int:
        """Close the doors and learn how the child ended."""
        os.close(self.ask)
        os.close(self.answers)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def default_jobs() -> int:
    """One under pre-commit, which runs several of us beside each other; else as many as there are processors."""
    if os.environ.get("PRE_COMMIT") == "1":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Crew:
    """Forked children that live through several rounds of work and remember what they did."""

    def __init__(
        self,
        work: Callable[[Any], Any],
        size: int,
        patience: Callable[[Any], float],
        memory: Callable[[Any], int] | None = None,
        ahead: int = _AHEAD,
    ) -> None:
        """`patience(piece)`: the seconds it may take. `memory(piece)`: the bytes that its child may map then."""
        self.work = work
        self.patience = patience
        self.memory = memory
        self.ahead = ahead
        self.children: list[_Child] = []
        gc.freeze()  # what is there already is shared with the children and stays so
        self._sigpipe = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        for _ in range(size):
            self._hire()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self.children:
            if child.waiting:  # the caller stopped early
                os.kill(child.pid, signal.SIGKILL)
            child.end()
        signal.signal(signal.SIGPIPE, self._sigpipe)

    def _hire(self) -> None:
        asked, ask = os.pipe()
        answers, answer = os.pipe()
        pid = os.fork()
        if pid == 0:
            for door in (ask, answers, *(door for child in self.children for door in (child.ask, child.answers))):
                os.close(door)  # a pipe ends only when nobody holds it
            _serve(self.work, asked, answer, self.memory)
        os.close(asked)
        os.close(answer)
        self.children.append(_Child(pid, ask, answers))

    def map(
        self, pieces: Sequence[Any], best: Callable[[Any], int] = lambda piece: 0
    ) -> Iterator[tuple[int, int, Any]]:
        """(index, process, work(piece)) for every piece, as they come; a Lost stands for a piece that did not survive.

        `best(piece)` names the process that has seen the piece's files before: it gets it unless another is idle.
        """
        by_pid = {child.pid: child for child in self.children}
        todo: deque[int] = deque()
        for index, piece in enumerate(pieces):
            home = by_pid.get(best(piece))
            (todo if home is None else home.mine).append(index)
        self._feed(pieces, todo)
        while any(child.waiting for child in self.children):
            latest = min(child.deadline for child in self.children)
            readable, _, _ = select.select(
                [child.answers for child in self.children], [], [], max(0.0, latest - time.monotonic())
            )
            for child in list(self.children):
                if child.answers in readable and (content := os.read(child.answers, 1 << 20)):
                    child.buffer += content
                    yield from _answers(child)
                elif child.answers in readable or time.monotonic() > child.deadline:
                    yield from self._bury(child, child.answers in readable)
                    todo.extendleft(reversed((*child.waiting, *child.mine)))
            self._feed(pieces, todo)

    def _bury(self, child: _Child, is_dead: bool) -> Iterator[tuple[int, int, Any]]:
        """A child is gone or is sent away; another takes its place. What it was working on is lost."""
        if not is_dead:
            os.kill(child.pid, signal.SIGKILL)
        self.children.remove(child)
        code = child.end()
        self._hire()
        if child.waiting:
            lost = (
                Lost("crashed", _ending(code))
                if is_dead
                else Lost("timeout", f"no answer within {child.patience[0]:g} seconds")
            )
            yield child.done(), child.pid, lost

    def _feed(self, pieces: Sequence[Any], todo: deque[int]) -> None:
        for ahead in range(self.ahead):
            for child in self.children:
                if len(child.waiting) > ahead:
                    continue
                longest = max(self.children, key=lambda other: len(other.mine))
                queue = child.mine or todo or longest.mine
                if queue:
                    piece = _packed(pieces[queue[0]])
                    if not child.waiting or len(piece) <= _SMALL:
                        index = queue.popleft()
                        child.send(index, piece, self.patience(pieces[index]))


def _serve(work: Callable[[Any], Any], asked: int, answer: int, memory: Callable[[Any], int] | None) -> NoReturn:
    """The child's life: a piece comes in, the answer goes out. It ends with the pipe."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        while header := os.read(asked, _HEADER):
            piece = _unpacked(_read(asked, int.from_bytes(header, "big")))
            if memory is not None:
                wanted = memory(piece)
                least = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
                with contextlib.suppress(ValueError, OSError):  # not every system can
                    resource.setrlimit(resource.RLIMIT_AS, (least, most))
            try:
                content = _packed(work(piece))
            except Exception as error:  # the border of one piece: it becomes a value
                import traceback

                content = _packed(Lost("failed", "".join(traceback.format_exception(error))))
            _write(answer, content)
        os._exit(0)
    except BaseException:
        os._exit(1)


def _write(door: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(door, view) :]


def _read(door: int, size: int) -> bytes:
    content = b""
    while len(content) < size:
        content += os.read(door, size - len(content))
    return content


def _packed(value: Any) -> bytes:
    """Length and content: marshal for plain values, which is several times faster, pickle for the rest."""
    try:
        content = b"m" + marshal.dumps(value)
    except ValueError:
        content = b"p" + pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return len(content).to_bytes(_HEADER, "big") + content


def _unpacked(content: bytes) -> object:
    return marshal.loads(content[1:]) if content[:1] == b"m" else pickle.loads(content[1:])  # from our own fork only


def _answers(child: _Child) -> Iterator[tuple[int, int, Any]]:
    while len(child.buffer) >= _HEADER:
        end = _HEADER + int.from_bytes(child.buffer[:_HEADER], "big")
        if len(child.buffer) < end:
            return
        answer = _unpacked(bytes(child.buffer[_HEADER:end]))
        del child.buffer[:end]
        yield child.done(), child.pid, answer


def _ending(code: int) -> str:
    if code < 0:
        return f"the process that worked on it ended by {signal.Signals(-code).name}"
    return f"the process that worked on it ended with code {code}"
