"""Comments that ask for silence: `# loadproof: ignore[codemod] reason` and `# loadproof: file-ignore[codemod]`."""

from __future__ import annotations

import io
import re
import tokenize
from dataclasses import dataclass, field

_COMMENT = re.compile(r"#\s*loadproof:\s*(ignore|file-ignore)\s*(?:\[([^\]]*)\])?\s*(.*)")


@dataclass(slots=True)
class Suppression:
    """One comment: the codemods it silences (none named: all), the lines it stands for, and why."""

    line: int
    codemods: frozenset[str]
    whole_file: bool
    reason: str
    own_line: bool
    used: bool = field(default=False)

    def covers(self, codemod: str, first: int, last: int) -> bool:
        """Whether it silences a finding of the codemod on lines `first` to `last`."""
        if self.codemods and codemod not in self.codemods:
            return False
        return self.whole_file or first <= self.line <= last or (self.own_line and self.line == first - 1)


def suppressions(utf8: bytes) -> list[Suppression]:
    """Every such comment of a text."""
    if b"loadproof:" not in utf8:
        return []
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(utf8.decode("utf-8")).readline):
            match = _COMMENT.match(token.string) if token.type == tokenize.COMMENT else None
            if match:
                names = frozenset(name.strip() for name in (match.group(2) or "").split(",") if name.strip())
                own_line = not token.line[: token.start[1]].strip()
                found.append(Suppression(token.start[0], names, match.group(1) == "file-ignore", match.group(3).strip(), own_line))
    except (tokenize.TokenError, SyntaxError):
        pass
    return found
