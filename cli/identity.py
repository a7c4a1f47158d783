"""In whose name a commit is made: as the user's own git would have it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

from .git import Git
from .objects import Person

_OWN = frozenset({"system", "global"})


@dataclass(frozen=True, slots=True)
class Settings:
    """git's configuration: all of it, and the part that is the user's own and not the repository's."""

    all: Mapping[str, str]
    own: Mapping[str, str]


def settings(git: Git) -> Settings:
    """Read, never followed: nothing here is a command that anybody runs, but for what `own` names when asked to sign."""
    everything: dict[str, str] = {}
    own: dict[str, str] = {}
    fields = git("config", "--list", "--show-scope", "-z").out.decode("utf-8", "surrogateescape").split("\0")
    for scope, pair in zip(fields[::2], fields[1::2], strict=False):
        name, _, value = pair.partition("\n")
        if scope != "command":  # those are what our own calls put out
            everything[name] = value
        if scope in _OWN:
            own[name] = value
    return Settings(everything, own)


@dataclass(frozen=True, slots=True)
class Names:
    """Author and committer of the commits to come; `known` is False when git has no name for the user."""

    author: Person
    committer: Person
    known: bool


def names(configured: Settings) -> Names:
    """As git decides it: the environment, then author.* and committer.*, then user.*."""
    when = int(time.time())
    zone = time.strftime("%z", time.localtime(when)) or "+0000"

    def one(role: str, part: str) -> str:
        places = (
            os.environ.get(f"GIT_{role}_{part}".upper()),
            *map(configured.all.get, (f"{role}.{part}", f"user.{part}")),
        )
        return next((clean for place in places if place and (clean := _clean(place))), "")

    def person(role: str) -> Person:
        name = one(role, "name")
        email = one(role, "email") or _clean(os.environ.get("EMAIL", ""))
        return Person(name or "loadproof", email or "loadproof@localhost", when, zone)

    known = all(one(role, part) for role in ("author", "committer") for part in ("name", "email"))
    return Names(person("author"), person("committer"), known)


def _clean(word: str) -> str:
    """The word without what would end a name in a commit; git itself drops the same."""
    kept = "".join(letter for letter in word if letter not in "<>" and letter.isprintable())
    return kept.strip(" .,:;\"\\'")


def signs(configured: Settings) -> bool:
    """Would the user's `git commit` sign here? The repository may ask for it too; whose program runs is another matter."""
    return configured.all.get("commit.gpgsign", "false").lower() in ("true", "yes", "on", "1", "")
