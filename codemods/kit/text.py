"""The bytes of a file, decoded, and the way back from a place in the text to a place in the bytes."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from dataclasses import dataclass
from functools import lru_cache

warnings.filterwarnings("ignore", category=SyntaxWarning)
warnings.filterwarnings("ignore", category=DeprecationWarning, module="<unknown>")

MAX_DEPTH = 200  # CPython's own limit for brackets; LibCST dies of a segmentation fault at about 1,250
MAX_INDENT = 100
MAX_LOGICAL_LINE = 20_000  # LibCST recurses along operator chains; longer lines are not tried
BOM = b"\xef\xbb\xbf"
_NEWLINES = re.compile(rb"\r\n|\r|\n")


class Unreadable(Exception):
    """A file that can't be read as Python: a stable reason code and one sentence."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class Text:
    """One file's text as UTF-8 without a byte order mark, and how it is written on disk."""

    raw: bytes
    utf8: bytes
    encoding: str
    bom: bytes = b""

    def encode(self, utf8: bytes) -> bytes:
        """`utf8`, written as this file is written."""
        if self.encoding == "utf-8":
            return self.bom + utf8
        return self.bom + utf8.decode("utf-8").encode(self.encoding)

    def raw_offset(self, offset: int) -> int:
        """Where byte `offset` of the UTF-8 text stands in the file."""
        return len(self.encode(self.utf8[:offset]))


def read(raw: bytes) -> Text:
    """The text of a Python file.

    Raises Unreadable: nul, line-ends, undecodable, codec (the codec does not give the same bytes back).
    """
    if b"\0" in raw:
        raise Unreadable("nul", "the file contains a NUL byte")
    if raw.endswith(b"\r"):
        raise Unreadable("line-ends", "the file ends with a lone carriage return, which LibCST does not keep")
    bom = BOM if raw.startswith(BOM) else b""
    if raw.startswith(BOM + BOM):
        raise Unreadable("undecodable", "the file starts with two byte order marks")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        if encoding in ("utf-8", "utf-8-sig"):
            raw.decode("utf-8")
            return Text(raw, raw[len(bom) :], "utf-8", bom)
        text = raw.decode(encoding)
        if text.encode(encoding) != raw:
            raise Unreadable("codec", f"the codec {encoding} does not give the same bytes back")
        # stateful codecs (iso-2022-jp, utf-7) have no fixed place for a character
        if any(text[:cut].encode(encoding) + text[cut:].encode(encoding) != raw for cut in _cuts(text)):
            raise Unreadable("codec", f"the codec {encoding} keeps state between characters")
        return Text(raw, text.encode("utf-8"), encoding)
    except Unreadable:
        raise
    except (SyntaxError, UnicodeError, LookupError, ValueError, TypeError, AssertionError) as error:
        raise Unreadable("undecodable", _first_line(error)) from None


def parse(text: Text) -> ast.Module:
    """The syntax tree. Raises Unreadable: syntax-error, newer-syntax, too-deep."""
    try:
        return ast.parse(text.utf8.decode("utf-8"))
    except (RecursionError, MemoryError):
        raise Unreadable("too-deep", "an expression is nested or chained deeper than Python can parse") from None
    except (SyntaxError, ValueError) as error:
        message = _first_line(error)
        if "too many" in message:
            raise Unreadable("too-deep", message) from None
        if _reads_in_newer_python(text.utf8):
            raise Unreadable("newer-syntax", f"line {getattr(error, 'lineno', 1)} needs a newer Python: {message}") from None
        raise Unreadable("syntax-error", f"line {getattr(error, 'lineno', 1)}: {message}") from None


def newline(utf8: bytes) -> str:
    """The line end that the text uses first; a text without one gets LF."""
    match = _NEWLINES.search(utf8)
    return match.group().decode() if match else "\n"


@lru_cache(maxsize=64)
def line_starts(utf8: bytes) -> list[int]:
    """The offset of each line, split where Python's tokenizer splits."""
    return [0, *(match.end() for match in _NEWLINES.finditer(utf8))]


def comments(utf8: bytes) -> list[str]:
    """Every comment of the text, sorted."""
    if b"#" not in utf8:
        return []
    tokens = tokenize.generate_tokens(io.StringIO(utf8.decode("utf-8")).readline)
    try:
        return sorted(token.string.rstrip() for token in tokens if token.type == tokenize.COMMENT)
    except (tokenize.TokenError, SyntaxError):  # ast reads a little more than tokenize does
        return sorted(line.strip().decode() for line in utf8.splitlines() if line.lstrip().startswith(b"#"))


def _reads_in_newer_python(utf8: bytes) -> bool:
    if not _shallow(utf8):
        return False
    import libcst

    try:
        libcst.parse_module(utf8)
    except Exception:
        return False
    return True


def _shallow(utf8: bytes) -> bool:
    """Whether LibCST can be trusted to survive the text."""
    depth = 0
    for byte in utf8:
        if byte in b"([{":
            depth += 1
            if depth > MAX_DEPTH:
                return False
        elif byte in b")]}":
            depth = max(0, depth - 1)
    if utf8.count(b"elif ") > 500:
        return False
    lines = _NEWLINES.split(utf8)
    return all(len(line) < MAX_LOGICAL_LINE and len(line) - len(line.lstrip()) <= 4 * MAX_INDENT for line in lines)


def _cuts(text: str) -> list[int]:
    """A few places to cut a text at, around its characters beyond ASCII."""
    odd = [place for place, char in enumerate(text) if ord(char) > 127][:50]
    return sorted({cut for place in odd for cut in (place, place + 1)} | {len(text) // 2})


def _first_line(error: BaseException) -> str:
    message = error.msg if isinstance(error, SyntaxError) and error.msg else str(error) or type(error).__name__
    return message.splitlines()[0][:200]
