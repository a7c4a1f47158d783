"""What stops a run: one sentence, what the user does next, and the exit code."""

from __future__ import annotations

from collections.abc import Iterable


class Trouble(Exception):
    """Raised where it is known, caught once, in main: usage, configuration or the world said no."""

    def __init__(self, message: str, advice: str = "", exit_code: int = 2) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.exit_code = exit_code


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """`did you mean x?`, or the known words when nothing is near."""
    from difflib import get_close_matches

    known = sorted(words)
    begun = [name for name in known if word and name.startswith(word)]
    near = begun or get_close_matches(word, known, n=1, cutoff=0.55)
    return f"did you mean `{near[0]}`?" if near else "known: " + ", ".join(known)
