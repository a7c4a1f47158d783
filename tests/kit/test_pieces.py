"""Pieces: whatever is edited on top of what, the edits against the original give the present text."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from loadproof.codemods.kit.pieces import Pieces


@st.composite
def layers(draw: st.DrawFn) -> tuple[bytes, list[list[tuple[float, float, bytes]]]]:
    original = draw(st.binary(max_size=30))
    edit = st.tuples(st.floats(0, 1), st.floats(0, 1), st.sampled_from([b"", b"x", b"yy", b"zzz"]))
    return original, draw(st.lists(st.lists(edit, min_size=1, max_size=3), max_size=4))


def apart(size: int, wanted: list[tuple[float, float, bytes]]) -> list[tuple[int, int, bytes]]:
    """Edits that do not overlap, out of fractions of the text."""
    edits: list[tuple[int, int, bytes]] = []
    at = -1
    for first, second, text in sorted(wanted):
        start, stop = sorted((int(first * size), int(second * size)))
        if start > at:
            edits.append((start, stop, text))
            at = stop
    return edits


@given(layers())
def test_edits_against_the_original_give_the_present_text(case: tuple[bytes, list[list[tuple[float, float, bytes]]]]) -> None:
    original, wanted = case
    pieces = Pieces(original)
    text = original
    owner = 0
    for layer in wanted:
        edits = apart(len(text), layer)
        pieces.apply((start, stop, new, owner + number) for number, (start, stop, new) in enumerate(edits))
        owner += len(edits)
        for start, stop, new in reversed(edits):
            text = text[:start] + new + text[stop:]
        assert pieces.text == text
    found = pieces.edits()
    again = original
    for start, stop, new, _ in reversed(found):
        again = again[:start] + new + again[stop:]
    assert again == text
    assert all(one[1] < other[0] for one, other in pairwise(found)), "no edit touches the next"


def test_owners_whose_edits_touch_are_one() -> None:
    pieces = Pieces(b"call(a)")
    pieces.apply([(5, 6, b"b", 0)])
    pieces.apply([(0, 7, b"await call(b)", 1)])
    pieces.edits()
    assert pieces.owners.root(0) == pieces.owners.root(1)


def test_owners_apart_stay_apart() -> None:
    pieces = Pieces(b"one two three")
    pieces.apply([(0, 3, b"1", 0), (8, 13, b"3", 1)])
    assert [owners for *_, owners in pieces.edits()] == [(0,), (1,)]
    assert pieces.owners.root(1) == 1


def test_new_text_stands_where_it_was_put_in() -> None:
    pieces = Pieces(b"abcdef")
    pieces.apply([(3, 3, b"XYZ", 0)])
    assert [pieces.original_offset(offset) for offset in range(10)] == [0, 1, 2, 3, 3, 3, 3, 4, 5, 6]
