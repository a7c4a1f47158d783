"""What the tables say of a dotted path, in one answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from . import BLOCKING, BRIEFLY, CLIENTS, blocks, blocks_briefly, is_client
from .memory import ROOTS, keeps_threads, remembers

HEADS = frozenset(dotted.partition(".")[0] for dotted in (*CLIENTS, *BLOCKING, *BRIEFLY, *ROOTS))  # packages whose names may mean something


@dataclass(frozen=True, slots=True)
class Marks:
    """What the tables say of a dotted path."""

    client: bool
    blocking: bool
    briefly: bool
    memory: bool

    def __bool__(self) -> bool:
        return self.client or self.blocking or self.briefly or self.memory


@cache
def marks(dotted: str) -> Marks:
    return Marks(is_client(dotted), blocks(dotted), blocks_briefly(dotted), remembers(dotted) or keeps_threads(dotted))
