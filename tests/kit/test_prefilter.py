"""No codemod fires on a file that its prefilter rejects."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loadproof.codemods import codemods
from loadproof.codemods.kit.project import Project
from loadproof.codemods.kit.rewrite import Choice
from loadproof.codemods.kit.text import Unreadable, read

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
TEXTS = [path.read_bytes() for path in sorted(FIXTURES.rglob("*.py"))] + [
    text.encode() for codemod in codemods().values() for text in (codemod.page.broken, *(refused.example for refused in codemod.page.refuses))
]


@pytest.mark.parametrize("name", sorted(codemods()))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_rejected_files_have_no_findings(name: str, data: st.DataObject) -> None:
    """Real texts, and texts from which one of the codemod's own words was taken out, so that the prefilter rejects them."""
    codemod = codemods()[name]
    raw = data.draw(st.sampled_from(TEXTS))
    words = data.draw(st.sampled_from(codemod.mentions))
    for word in words:
        raw = re.sub(re.escape(word), lambda match: match.group()[:1] + b"q" + match.group()[1:], raw)
    if codemod.may_fire(raw):
        return
    try:
        source = Project.alone("main.py", read(raw))
    except Unreadable:
        return
    assert list(codemod.run(source)) == []


@pytest.mark.parametrize("name", sorted(codemods()))
def test_every_page_passes_its_own_prefilter(name: str) -> None:
    codemod = codemods()[name]
    assert codemod.may_fire(codemod.page.broken.encode())
    assert Choice((name,)).chosen() == [codemod]
