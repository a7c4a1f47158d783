"""What the tables say of a dotted path, in one answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from . import BLOCKING, BRIEFLY, CLIENTS, SESSIONS, blocks, blocks_briefly, is_client, lies_in
from .conversations import KEEPERS
from .memory import ROOTS, keeps_threads, remembers

HEADS = frozenset(dotted.partition(".")[0] for dotted in (*CLIENTS, *BLOCKING, *BRIEFLY, *ROOTS, *KEEPERS))  # packages whose names may mean something


@dataclass(frozen=True, slots=True)
class Marks:
    """What the tables say of a dotted path."""

    client: bool
    blocking: bool
    briefly: bool
    memory: bool
    everywhere: bool  # a client that has to be judged in whatever file uses it

    def __bool__(self) -> bool:
        return self.client or self.blocking or self.briefly or self.memory


@cache
def marks(dotted: str) -> Marks:
    client = is_client(dotted)
    return Marks(client, blocks(dotted), blocks_briefly(dotted), remembers(dotted) or keeps_threads(dotted), client and not lies_in(dotted, SESSIONS))
