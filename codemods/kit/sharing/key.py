"""The key that tells one conversation from another, and what its name says of it."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from ..finding import Import
from ..names import FunctionNode

# by meaning, the most telling first; written without case, dashes and underscores
CONVERSATION = (
    "sessionid", "conversationid", "threadid", "chatid", "chatsessionid", "sessionkey", "sessiontoken", "convid", "dialogid", "sid", "roomid", "channelid", "chatroomid",
    "session", "conversation", "thread", "room",
)  # fmt: skip
USER = ("userid", "uid", "clientid", "customerid", "memberid", "playerid", "senderid", "username", "user", "waid", "from")
# words of names that may tell one conversation, or one person, from another
_PERSONAL = frozenset(
    "session sessionid sid conversation conversationid conv thread threadid chat chatid user userid uid username id uuid key token email phone number client customer account tenant member "
    "owner person name sender channel room ip host cookie header auth who self cls request".split()
)  # fmt: skip
WORDS_ALONE = frozenset({"session", "conversation", "thread", "room", "user"})  # mostly objects: keys only where they are text or a number


@dataclass(frozen=True, slots=True)
class Key:
    """An expression that is evaluated in a function.

    meaning: conversation or user. `after`: the statements that must have run. `optional`: may be None. `defaults`: what it is when nobody sends one.
    """

    meaning: str
    rank: int
    text: str
    after: tuple[ast.stmt, ...] = ()
    is_text: bool = False
    optional: bool = False
    defaults: tuple[str, ...] = ()
    node: ast.AST | None = None
    borrow: str = ""  # the parameter to declare first, as the function's dependents declare it
    imports: tuple[Import, ...] = ()

    @property
    def written(self) -> str:
        """The expression as text that is never None; a request without a key gets a conversation of its own."""
        if self.defaults:
            missing = ("None", *self.defaults) if self.optional else self.defaults
            sent = f"!= {missing[0]}" if len(missing) == 1 else f"not in ({', '.join(missing)})"
            return f"{self.text if self.is_text else f'str({self.text})'} if {self.text} {sent} else uuid4().hex"
        if self.optional:
            either = f"{self.text} or uuid4().hex"
            return either if self.is_text else f"str({either})"
        return self.text if self.is_text else f"str({self.text})"

    @property
    def may_be_new(self) -> bool:
        """Whether the expression makes a new key for a request that brings none."""
        return self.optional or bool(self.defaults)

    @property
    def needs(self) -> tuple[Import, ...]:
        return (*self.imports, Import("uuid", "uuid4")) if self.may_be_new else self.imports


def meaning_of(name: str) -> tuple[str, int] | None:
    """What a name means as a key, and how telling it is."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    plain = plain.removeprefix("x") if plain.startswith("x") and plain not in CONVERSATION else plain
    plain = re.sub(r"^(current|chat|my|the|external|slack|telegram|discord|line|tg)(?=(session|conversation|thread|user)id$)", "", plain)
    if plain in CONVERSATION:
        return "conversation", CONVERSATION.index(plain)
    if plain in USER:
        return "user", USER.index(plain) + 50
    return None


def may_tell_apart(text: str) -> bool:
    """Whether a word in some code may be one's who talks, or a conversation's."""
    return not _PERSONAL.isdisjoint(re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).lower()))


def parameters(function: FunctionNode) -> list[ast.arg]:
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
