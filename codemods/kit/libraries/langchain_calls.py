"""A sync call of a LangChain object: on what, by which method, and how its async twin is spelled."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..cut import rename, uncuttable
from ..finding import Edit
from ..source import Source, keyword, spreads_arguments, spreads_keywords
from .callables import may_be_object
from .langchain import LANGUAGE_MODELS, Kind, kinds_of
from .langchain_names import made
from .langchain_twins import METHODS, TWINS, WITHOUT, Twin, blocks

WORDS = {
    "llm": "language model",
    "chat-model": "chat model",
    "model": "language model",
    "vector-store": "vector store",
    "executor": "agent executor",
    "history": "chat history",
    "fixing-parser": "parser",
}
PER_RUN = frozenset(
    ["callbacks", "config", "tags", "metadata", "run_name", "run_manager"]
)  # what the old and the new methods take in different forms


@dataclass(frozen=True, slots=True)
class Site:
    """A call that blocks. `certain`: the object can't be anything but these kinds."""

    call: ast.Call
    receiver: ast.expr
    method: str
    kinds: tuple[Kind, ...]
    family: str
    twin: Twin
    certain: bool

    @property
    def words(self) -> str:
        return WORDS.get(self.family, self.family)


@dataclass(frozen=True, slots=True)
class Shape:
    """The async spelling: the method's name, the edits within the call, and what follows the awaited call."""

    name: str
    edits: tuple[Edit, ...]
    suffix: str = ""


def site_of(source: Source, call: ast.Call) -> Site | None:
    """The call as one of a LangChain object that waits for something; None when nothing says so."""
    func = call.func
    if isinstance(func, ast.Attribute) and func.attr in METHODS:
        if func.attr in ("from_texts", "from_documents"):
            return _made(source, call, func)
        return _site(source, call, func.value, func.attr)
    if isinstance(func, (ast.Name, ast.Attribute)):
        return _site(source, call, func, "__call__") if may_be_object(source, func) else None
    return _site(source, call, func, "__call__") if isinstance(func, (ast.Subscript, ast.Call)) else None


def _made(source: Source, call: ast.Call, func: ast.Attribute) -> Site | None:
    """`FAISS.from_texts(...)`, which embeds all of them."""
    family, maker = made(source.qualified(func))
    if family != "vector-store":
        return None
    return Site(
        call, func.value, func.attr, (Kind(family, maker, source, call),), family, TWINS[family][func.attr], True
    )


def _site(source: Source, call: ast.Call, receiver: ast.expr, method: str) -> Site | None:
    kinds = kinds_of(source, receiver)
    able = [
        kind for kind in kinds.found if method in TWINS.get(kind.family, {}) or method in WITHOUT.get(kind.family, ())
    ]
    if not able or not any(blocks(kind) for kind in able):
        return None
    families = {kind.family for kind in able}
    family = families.pop() if len(families) == 1 else "model" if families <= LANGUAGE_MODELS else able[0].family
    twins = {TWINS[kind.family][method] for kind in able if method in TWINS.get(kind.family, {})}
    idle = all(kind.family in ("prompt", "parser") for kind in kinds.found if kind not in able)
    certain = kinds.certain and len(twins) <= 1 and idle
    if not certain and method == "__call__" and family in LANGUAGE_MODELS | {"tool"}:
        return None  # what is called is as likely a function
    return Site(call, receiver, method, kinds.found, family, next(iter(twins), Twin("")), certain)


def shape_of(source: Source, site: Site) -> Shape | str:
    """The async spelling of a call, or a sentence that says why there is none."""
    call, method, twin = site.call, site.method, site.twin
    old = source.project.below("langchain", 1) or source.project.below("langchain-core", 1)
    if method == "get_relevant_documents":
        plain = not call.keywords or [given.arg for given in call.keywords] == ["query"]
        if old or not plain:
            return Shape("aget_relevant_documents", tuple(_renamed(source, call, "aget_relevant_documents")))
        return Shape("ainvoke", (*_renamed(source, call, "ainvoke"), *_input(source, call, "query")))
    if site.family not in LANGUAGE_MODELS or method not in ("predict", "predict_messages", "__call__"):
        return Shape(
            twin.name,
            tuple(_called(source, call, twin.name) if twin.how == "call" else _renamed(source, call, twin.name)),
        )
    return _model(source, site, old)


def _model(source: Source, site: Site, old: bool) -> Shape | str:
    """`llm.predict(x)` and `llm(x)`: text or a message out of a model."""
    call, method = site.call, site.method
    if method == "__call__":
        name = "ainvoke"
        if source.project.below("langchain", 0, 1):
            name = "apredict_messages" if site.family == "chat-model" else "apredict"
    elif old:
        return Shape(site.twin.name, tuple(_renamed(source, call, site.twin.name)))
    else:
        name = "ainvoke"
    if (
        len(call.args) + sum(given.arg in ("text", "messages", "prompt") for given in call.keywords) != 1
        or spreads_arguments(call)
        or spreads_keywords(call)
    ):
        return f"its arguments are not those of {name}"
    if given := next((given.arg for given in call.keywords if given.arg in PER_RUN), None):
        return f"{name} takes {given} in another form"
    if site.family == "model" and (method != "__call__" or name != "ainvoke"):
        return "whether the model gives text or a message can't be told here"
    if method == "predict_messages" and site.family == "llm":
        return "ainvoke of this model gives text, not a message"
    suffix = ".content" if method == "predict" and site.family == "chat-model" and name == "ainvoke" else ""
    word = next((given.arg for given in call.keywords if given.arg in ("text", "messages", "prompt")), None)
    edits = _called(source, call, name) if method == "__call__" else _renamed(source, call, name)
    return Shape(
        name, (*edits, *(_input(source, call, word) if word is not None and name == "ainvoke" else ())), suffix
    )


def _renamed(source: Source, call: ast.Call, name: str) -> list[Edit]:
    assert isinstance(call.func, ast.Attribute)
    return rename(source, call.func, name)


def _called(source: Source, call: ast.Call, name: str) -> list[Edit]:
    """`chain(x)` as `chain.acall(x)`."""
    stop = source.stop(call.func)
    if source.utf8[stop : stop + 1] != b"(":
        return uncuttable(source, "unusual-layout")
    return [source.edit(stop, stop, f".{name}")]


def _input(source: Source, call: ast.Call, word: str) -> list[Edit]:
    """The keyword of the old method, which the new one calls `input`: left out where it comes first."""
    given = keyword(call, word)
    if given is None:
        return []
    start = source.start(given)
    if given is call.keywords[0] and not call.args:
        return (
            [source.edit(start, source.start(given.value), "")]
            if source.slice(start + len(word), source.start(given.value)).strip() == "="
            else []
        )
    return [source.edit(start, start + len(word), "input")]
