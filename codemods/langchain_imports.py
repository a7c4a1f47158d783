"""Move imports that langchain 1 no longer has to where the names live now.

Why
    langchain 1 removed the modules chains, memory, prompts, schema, callbacks, llms, vectorstores and others. A file that
    imports from them does not start. Each name has a new home of its own: one old import line may become several.

Broken
    from langchain.prompts import PromptTemplate
    from langchain.schema import Document, HumanMessage

    prompt = PromptTemplate.from_template("{question}")


    def as_message(document: Document) -> HumanMessage:
        return HumanMessage(content=document.page_content)

Fixed
    from langchain_core.prompts import PromptTemplate
    from langchain_core.documents import Document
    from langchain_core.messages import HumanMessage

    prompt = PromptTemplate.from_template("{question}")


    def as_message(document: Document) -> HumanMessage:
        return HumanMessage(content=document.page_content)

Refuses
    not-declared: The new path is part of a distribution that the project does not declare.
    By hand: declare the distribution that the message names, then run this again.

        from langchain.chat_models import ChatOpenAI

        llm = ChatOpenAI()
    unknown-name: Nothing is known of where this name lives now.
    By hand: look the name up in the release notes of langchain 1, or declare langchain-classic if it is a classic chain.

        from langchain.utilities import SerpAPIWrapper

        search = SerpAPIWrapper()
    dotted-import: The module is imported as a whole and its names are reached through dots.
    By hand: import the names themselves with `from ... import ...`, then run this again.

        import langchain.prompts

        prompt = langchain.prompts.PromptTemplate.from_template("{question}")

Notes
    Opt-in. Projects that declare langchain below 1 are left alone: their paths still work. Paths that exist in every
    generation are preferred; langchain_classic is used only where nothing else has the name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .kit.codemod import codemod
from .kit.cut import alone
from .kit.finding import Finding
from .kit.libraries.langchain_moves import BROUGHT_BY, CLASSIC, CLASSIC_NAMES, ELSEWHERE, KEPT, NEW_MODULE
from .kit.query import Unsupported, import_moved
from .kit.source import Source


@codemod(mentions=("langchain", ("import",)), stage="argument", opt_in=True)
def langchain_imports(source: Source) -> Iterator[Finding]:
    if source.project.below("langchain", 1):
        return
    for statement in source.nodes(ast.ImportFrom):
        module = statement.module or ""
        if statement.level == 0 and (module == "langchain" or module.startswith("langchain.")):
            yield from _moved(source, statement, module)
    for plain in source.nodes(ast.Import):
        if any(alias.name.startswith("langchain.") for alias in plain.names):
            yield source.refuse(plain, "dotted-import", "the module is imported as a whole and its names are reached through dots")


def _moved(source: Source, statement: ast.ImportFrom, module: str) -> Iterator[Finding]:
    homes: dict[str, list[str]] = {}
    for alias in statement.names:
        home, name = _home(module, alias.name)
        if home == module:
            homes.setdefault(module, []).append(_written(name, alias))
            continue
        if not home:
            yield source.refuse(statement, "unknown-name", f"nothing is known of where {module}.{alias.name} lives now")
            return
        package = home.partition(".")[0]
        bringers = BROUGHT_BY.get(package, (package.replace("_", "-"),))
        declared = source.project.declared
        if not any(source.project.declares(bringer) for bringer in bringers) and (declared or package != "langchain_core"):
            yield source.refuse(statement, "not-declared", f"{alias.name} is in {package} now, and {bringers[0]} is not declared")
            return
        homes.setdefault(home, []).append(_written(name, alias))
    if list(homes) == [module]:
        return
    text = source.code(statement)
    if len(homes) > 1 and ("#" in text or not alone(source, statement)):
        yield source.refuse(statement, "unknown-name", "the names move to several modules and the statement holds comments or shares its line", "split the statement by hand, then run this again")
        return
    try:
        if len(homes) == 1:
            ((home, names),) = homes.items()
            plain = all(name == alias.name or (" as " in name and alias.asname) for name, alias in zip(names, statement.names))
            lines = [import_moved(text, home, "" if plain else ", ".join(names))]
        else:
            lines = [import_moved(text, home, ", ".join(names)) for home, names in homes.items()]
    except Unsupported as reason:
        yield source.refuse(statement, "unknown-name", f"Bowler can't read the statement: {reason}", "write it on one line, then run this again")
        return
    new = f"{source.newline}{source.indent(statement)}".join(lines)
    yield source.fix(statement, [source.edit(source.start(statement), source.stop(statement), new)], f"langchain 1 has no {module}")


def _written(name: str, alias: ast.alias) -> str:
    if " as " in name:
        return name.partition(" as ")[0] + f" as {alias.asname or alias.name}"
    return f"{name} as {alias.asname}" if alias.asname else name


def _home(module: str, name: str) -> tuple[str, str]:
    """The module that has the name now, and how the import names it; "" when that is not known."""
    if (module, name) in ELSEWHERE:
        return ELSEWHERE[module, name]
    if name in KEPT.get(module, "").split() or module.startswith("langchain.messages") or module.startswith("langchain.agents."):
        return module, name
    if name in NEW_MODULE:
        return NEW_MODULE[name], name
    part = module.partition(".")[2].partition(".")[0]
    if part in CLASSIC or (module == "langchain" and name in CLASSIC_NAMES):
        inner = module.partition(".")[2]
        return (f"langchain_classic.{inner}" if inner else ("langchain_classic" if name == "hub" else "langchain_classic.chains")), name
    return "", name
