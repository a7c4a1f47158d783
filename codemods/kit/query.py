"""The door for Bowler: a query over one statement, text in and text out; files, processes and its own writing are not used.

Bowler reads with fissix, which does not know newer grammar. A codemod therefore hands in the one import statement that it has
found with ast, so that the rest of the file may be as new as it likes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Change = Callable[[Any, dict[str, Any], str], Any]


class Unsupported(Exception):
    """Bowler can't read the statement."""


def modified(statement: str, selector: str, change: Change) -> str:
    """The statement after a Bowler query: what `selector` matches is handed to `change(node, capture, filename)`.

    Raises Unsupported when the statement does not come back byte for byte from Bowler's parser.
    """
    from bowler import Query
    from bowler.tool import BowlerTool
    from fissix.pgen2.parse import ParseError
    from fissix.pgen2.tokenize import TokenError
    from fissix.refactor import RefactoringTool

    class StatementTool(RefactoringTool):  # type: ignore[misc]
        get_fixers = BowlerTool.get_fixers

        def log_error(self, message: str, *arguments: object, **more: object) -> None:
            raise Unsupported(message % arguments if arguments else message)

    tool = StatementTool(Query("").select(selector).modify(change).compile(), options={})
    text = statement if statement.endswith("\n") else f"{statement}\n"
    try:
        tree = tool.driver.parse_string(text)
    except (ParseError, TokenError) as error:
        raise Unsupported(str(error)) from None
    if str(tree) != text:
        raise Unsupported("the statement does not come back as it was")
    tool.refactor_tree(tree, "statement")
    return str(tree) if statement.endswith("\n") else str(tree).removesuffix("\n")


def import_moved(statement: str, module: str, names: str = "") -> str:
    """A from-import with another module, and with other names if `names` are given ("a, b as c")."""

    def change(node: Any, capture: dict[str, Any], filename: str) -> Any:
        from fissix.fixer_util import Name

        place = [child.value if hasattr(child, "value") else "" for child in node.children].index("import")
        for child in node.children[1:place]:
            child.remove()
        node.insert_child(1, Name(module, prefix=" "))
        if names:
            for child in list(node.children[3:]):
                child.remove()
            node.append_child(Name(names, prefix=" "))
        return node

    return modified(statement, "import_from< any* >", change)
