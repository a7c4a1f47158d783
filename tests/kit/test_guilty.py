"""One fix that breaks something costs only itself: the others of the same codemod are applied where they belong."""

from __future__ import annotations

from collections.abc import Iterator

from loadproof.codemods.kit.codemod import codemod
from loadproof.codemods.kit.cut import replace
from loadproof.codemods.kit.finding import Finding
from loadproof.codemods.kit.rewrite import Choice, rewrite
from loadproof.codemods.kit.source import Source


@codemod(mentions="old")
def renaming(source: Source) -> Iterator[Finding]:
    for call in source.calls("tools.old"):
        text = "tools.new_and_longer(" if source.code(call).endswith("(2)") else "tools.new_and_longer"
        yield source.fix(call, replace(source, call.func, text), "renamed")


def test_a_broken_fix_does_not_move_the_others() -> None:
    code = b"import tools\n\n" + b"".join(b"tools.old(%d)\n" % number for number in range(6))
    result = rewrite({"main.py": code}, Choice((renaming.name,)))
    assert result.patches[0].after == code.replace(b"old(", b"new_and_longer(").replace(b"new_and_longer(2)", b"old(2)")
    failed = [reported.finding.place.line for reported in result.findings if reported.status == "failed"]
    assert failed == [5]
