"""What keeps GitHub's runner from taking a line of what was said for a command to it: its stop token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from convrun.frozen import frozen


@frozen
class StopToken:
    """A word that nobody could foresee: between `begin` and `end` the runner obeys nothing but the latter.

    Where no runner reads along there is no `word`, and all texts stay as they are.
    """

    word: str | None = None

    @classmethod
    def made(cls, environ: Mapping[str, str]) -> Self:
        """Return a new token on GitHub, and one without a word elsewhere."""
        if environ.get("GITHUB_ACTIONS") != "true":
            return cls()
        from secrets import token_hex  # there only

        return cls(word=token_hex(16))

    @property
    def begin(self) -> str:
        """The line from which on no commands are taken; empty without a word."""
        return f"::stop-commands::{self.word}" if self.word else ""

    @property
    def end(self) -> str:
        """The line behind which commands are taken again; empty without a word. Where they are, it does nothing."""
        return f"::{self.word}::" if self.word else ""

    def around(self, text: str) -> str:
        """Return `text` from `begin` to `end`; of no text the `end` alone, for what was printed before."""
        lines = (self.begin, text, self.end) if text else (self.end,)
        return "\n".join(line for line in lines if line)
