"""A text under change: which bytes are still the original's, which are new, and to whom the new ones belong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True)
class Piece:
    """Either bytes start..stop of the original (kept, or deleted by `owner`), or `text` put in by `owner`."""

    start: int
    stop: int
    text: bytes = b""
    owner: int = -1  # -1: kept as it was
    deleted: bool = False

    @property
    def size(self) -> int:
        """How many bytes of the present text this is."""
        if self.owner < 0:
            return self.stop - self.start
        return 0 if self.deleted else len(self.text)


class Owners:
    """Who belongs with whom: those whose edits touch each other are accepted or rejected as one."""

    def __init__(self) -> None:
        self._above: dict[int, int] = {}

    def root(self, owner: int) -> int:
        """The owner that stands for all with whom this one is joined: the one with the lowest number."""
        while owner in self._above:
            owner = self._above[owner]
        return owner

    def join(self, one: int, other: int) -> None:
        one, other = self.root(one), self.root(other)
        if one != other:
            self._above[max(one, other)] = min(one, other)


class Pieces:
    """The original of one file and every edit since."""

    def __init__(self, original: bytes, owners: Owners | None = None) -> None:
        self.original = original
        self.owners = owners or Owners()
        self.pieces = [Piece(0, len(original))]

    def copy(self) -> Pieces:
        """The same state, to go back to. Owners stay joined."""
        other = Pieces(self.original, self.owners)
        other.pieces = list(self.pieces)
        return other

    @property
    def text(self) -> bytes:
        return b"".join(self.original[p.start : p.stop] if p.owner < 0 else b"" if p.deleted else p.text for p in self.pieces)

    def apply(self, edits: Iterable[tuple[int, int, bytes, int]]) -> None:
        """Edits (start, stop, text, owner) in offsets of the present text, none overlapping another."""
        for start, stop, text, owner in reversed(sorted(edits, key=lambda edit: (edit[0], edit[1]))):  # noqa: C413  # at one place: the first stays first
            self._apply(start, stop, text, owner)

    def _apply(self, start: int, stop: int, text: bytes, owner: int) -> None:
        first = self._split(start)
        last = self._split(stop) if stop > start else first
        replaced: list[Piece] = []
        for piece in self.pieces[first:last]:
            if piece.owner < 0:
                replaced.append(Piece(piece.start, piece.stop, owner=owner, deleted=True))
            else:
                self.owners.join(owner, piece.owner)
                if piece.deleted:
                    replaced.append(piece)
        if text:
            replaced.append(Piece(0, 0, text, owner))
        self.pieces[first:last] = replaced

    def _split(self, offset: int) -> int:
        """The index of the piece that starts at an offset, cut there if need be; before deleted pieces at the same place."""
        at = 0
        for index, piece in enumerate(self.pieces):
            if at == offset and piece.size:
                return index
            if at < offset < at + piece.size:
                cut = offset - at
                if piece.owner < 0:
                    parts = [Piece(piece.start, piece.start + cut), Piece(piece.start + cut, piece.stop)]
                else:
                    parts = [Piece(0, 0, piece.text[:cut], piece.owner), Piece(0, 0, piece.text[cut:], piece.owner)]
                self.pieces[index : index + 1] = parts
                return index + 1
            at += piece.size
        return len(self.pieces)

    def edits(self) -> list[tuple[int, int, bytes, tuple[int, ...]]]:
        """(start, stop, text, owners) against the original, in order; owners of changes that touch are joined."""
        found: list[tuple[int, int, bytes, tuple[int, ...]]] = []
        at = 0  # how far the original is read
        run: list[Piece] = []
        end = Piece(len(self.original), len(self.original))
        for piece in [*self.pieces, end]:
            if piece.owner >= 0:
                run.append(piece)
                continue
            if piece.start == piece.stop and piece is not end:
                continue
            if run:
                for other in run[1:]:
                    self.owners.join(run[0].owner, other.owner)
                text = b"".join(part.text for part in run if not part.deleted)
                found.append((at, piece.start, text, tuple(sorted({part.owner for part in run}))))
                run = []
            at = piece.stop
        return found

    def owner_within(self, start: int, stop: int) -> int | None:
        """Who changed something in bytes start..stop of the present text; None if nobody did."""
        at = 0
        for piece in self.pieces:
            if piece.owner >= 0 and at <= stop and at + piece.size >= start:
                return piece.owner
            at += piece.size
        return None

    def original_offset(self, offset: int) -> int:
        """Where a byte of the present text stood in the original; for new text, where it was put in."""
        at = last = 0
        for piece in self.pieces:
            if piece.owner < 0:
                if at <= offset < at + piece.size:
                    return piece.start + offset - at
                last = piece.stop
            elif not piece.deleted and at <= offset < at + piece.size:
                return last
            at += piece.size
        return len(self.original) if offset >= at else last
