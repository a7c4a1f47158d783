"""Which files can hold what remembers: those that name it or keep its messages in a list, and those that import from them."""

from __future__ import annotations

import ast

from ..libraries.conversations import ENGINE, KEEPERS
from ..libraries.memory import BASES
from ..libraries.messages import REMOTE
from ..source import Source
from .configs import names_one_thread
from .states import states
from .transcripts import holds_transcripts

WORDS = (b"emory", b"MessageHistory", b"ConversationChain", b"create_conversational_retrieval_agent")  # each of BASES holds one


def _names_memory(source: Source) -> bool:
    if any(word in source.utf8 for word in REMOTE) or any(True for _ in states(source)):
        return True
    if ENGINE in source.words or not KEEPERS.keys().isdisjoint(source.index.roots):
        return True
    return any(word in source.utf8 for word in WORDS) and not BASES.isdisjoint(source.words)


def near_memory(source: Source) -> bool:
    """Whether a file may make what keeps a conversation, by itself or through a function or class that it imports."""
    project = source.project

    def read() -> frozenset[str]:
        return project.reaching(each.path for each in project if _names_memory(each) or names_one_thread(each) or holds_transcripts(each))

    near: frozenset[str] = project.remember("near memory", read)
    return source.path in near


def may_make_memory(source: Source, callee: ast.Name | ast.Attribute) -> bool:
    """Whether what is called may be a function of such a file, by its name."""

    def read() -> frozenset[str]:
        return frozenset().union(*(each.index.defined | each.index.objects for each in source.project if near_memory(each)))

    names: frozenset[str] = source.project.remember("names near memory", read)
    return (callee.id if isinstance(callee, ast.Name) else callee.attr) in names
