"""A codemod: a generator function from a Source to Findings, its page, and what a file must mention for it to fire."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .finding import Finding
from .page import Page, read_page

Stage = Literal["argument", "call", "flow", "scope"]
STAGES: tuple[Stage, ...] = ("argument", "call", "flow", "scope")  # small changes first: what is moved later takes them along

# all of them must be in the file's bytes; of a tuple one is enough, and a file that is seen together with this one may bring it
Mentions = tuple[str | tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Codemod:
    """One named change. Calling it gives the findings of one file."""

    name: str
    run: Callable[..., Iterator[Finding]]
    mentions: tuple[tuple[bytes, ...], ...]
    here: tuple[bytes, ...]  # those of the mentions that the file itself must hold
    stage: Stage
    default: bool
    shares: tuple[bytes, ...] = ()
    meets: tuple[bytes, ...] = ()
    opens: tuple[bytes, ...] = ()  # those of them that stand at the left margin: the file may begin with one
    inner: bool = False
    settings: Mapping[str, object] = field(default_factory=dict)

    @property
    def page(self) -> Page:
        return read_page(self.run.__module__, self.run.__globals__["__doc__"] or "")

    def may_fire(self, raw: bytes) -> bool:
        """Whether the file's bytes hold what this codemod needs: false is certain, true is not."""
        return all(any(word in raw for word in words) for words in self.mentions)

    def may_meet(self, raw: bytes) -> bool:
        """Whether a file with these bytes may use what another holds without importing it."""
        return any(word in raw for word in self.meets) or raw.startswith(self.opens)

    def may_share(self, raw: bytes) -> bool:
        """Whether a file with these bytes may hold what lets the codemod fire in another that imports it."""
        return any(word in raw for word in self.shares)

    def setting(self, name: str, text: str) -> object:
        """A setting's value out of its text. Raises ValueError with what would have been right, KeyError for an unknown name."""
        default = self.settings[name]
        try:
            if isinstance(default, bool):
                return {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False, "on": True, "off": False}[text.lower()]
            if isinstance(default, int):
                return int(text)
            if isinstance(default, float):
                return float(text)
        except (KeyError, ValueError):
            kind = "true or false" if isinstance(default, bool) else "a whole number" if isinstance(default, int) else "a number"
            raise ValueError(f"{self.name}.{name} takes {kind}, not {text!r}") from None
        return text


def codemod(
    *, mentions: str | Mentions, shares: tuple[str, ...] = (), meets: tuple[str, ...] = (), stage: Stage = "call", inner: bool = False, opt_in: bool = False
) -> Callable[[Callable[..., Iterator[Finding]]], Codemod]:  # fmt: skip
    """Declares a generator function to be a codemod: its name is the function's, its settings the keyword-only parameters.

    `mentions`: words that a file must hold for the codemod to fire in it, all of them; a tuple within stands for any of its words,
    which may also stand in another file of the unit.
    `shares`: words of which one makes a file worth reading for what it hands to its importers, though the codemod can't fire in it.
    `meets`: the same of a file that may use without an import what another holds.
    `inner`: what it changes stays within functions and shows to no other file.
    """

    def declare(run: Callable[..., Iterator[Finding]]) -> Codemod:
        words = (mentions,) if isinstance(mentions, str) else mentions
        needed = tuple((word.encode(),) if isinstance(word, str) else tuple(part.encode() for part in word) for word in words)
        here = tuple(word.encode() for word in words if isinstance(word, str))
        shared, met = tuple(word.encode() for word in shares), tuple(word.encode() for word in meets)
        opens = tuple(word[1:] for word in met if word.startswith(b"\n"))
        made = Codemod(run.__name__.replace("_", "-"), run, needed, here, stage, not opt_in, shared, met, opens, inner, dict(run.__kwdefaults__ or {}))
        _declared[made.name] = made
        return made

    return declare


_declared: dict[str, Codemod] = {}


def registered() -> dict[str, Codemod]:
    """Every codemod that was declared, by its public name, in the order in which they are applied."""
    return {each.name: each for each in sorted(_declared.values(), key=lambda each: (STAGES.index(each.stage), each.name))}
