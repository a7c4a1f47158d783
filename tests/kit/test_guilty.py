"""One fix that breaks something costs only itself: the others of the same codemod are applied where they belong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from loadproof.codemods.kit.codemod import codemod
from loadproof.codemods.kit.cut import replace
from loadproof.codemods.kit.finding import Finding
from loadproof.codemods.kit.rewrite import Choice, rewrite
from loadproof.codemods.kit.source import Source

GLOBAL = b"import tools\n\nkept = None\n\n\ndef use():\n    global kept\n    tools.keep()\n    return kept\n"
EARLY = b"import tools\n\nkept = None\n\n\ndef use():\n    print(kept)\n    tools.keep()\n"


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


@codemod(mentions="keep")
def keeping(source: Source) -> Iterator[Finding]:
    for call in source.calls("tools.keep"):
        yield source.fix(call, replace(source, source.statement(call), "kept = tools.kept()"), "kept")


@pytest.mark.parametrize("code", [GLOBAL, EARLY])
def test_a_fix_that_sets_a_name_for_all_or_too_late_is_none(code: bytes) -> None:
    result = rewrite({"main.py": code}, Choice((keeping.name,)))
    assert not result.patches
    assert [(reported.status, reported.reason.partition(":")[0]) for reported in result.findings] == [("failed", "set-for-all" if code is GLOBAL else "unbound-local")]
