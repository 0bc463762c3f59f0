"""The text of a file and the places in it."""

from __future__ import annotations

import re
from bisect import bisect_right

from convrun.errors import DocumentError
from convrun.source import Where

_LINE_END = re.compile(r"\r\n|\r|\n")
_NOT_ALLOWED = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|\ufeff"


class Source:
    """A text and its name; gives the Where of a span of it. Offsets count characters, without a BOM."""

    __slots__ = ("_last", "_starts", "file", "text")

    def __init__(self, text: str, file: str) -> None:
        self.text = text.removeprefix("\ufeff")
        self.file = file
        self._starts: list[int] | None = None
        self._last = (0, "", 0)  # the line that was asked for last, as a whole file may be one line

    def where(self, start: int, end: int | None = None) -> Where:
        """Return the place of the characters from `start` to `end`, as far as they stand on the first line."""
        starts = self._line_starts()
        line = bisect_right(starts, start)
        begin = starts[line - 1]
        known, shown, line_end = self._last
        if known != line:
            stop = starts[line] if line < len(starts) else len(self.text)
            shown = self.text[begin:stop].rstrip("\r\n")
            line_end = begin + len(shown.rstrip())
            self._last = line, shown, line_end
        last = min(start + 1 if end is None else end, line_end)
        return Where(file=self.file, line=line, column=start - begin + 1, text=shown, width=max(last - start, 1))

    def line_span(self, offset: int) -> tuple[int, int]:
        """Return where the line around `offset` begins and ends."""
        starts = self._line_starts()
        line = bisect_right(starts, offset)
        stop = starts[line] if line < len(starts) else len(self.text)
        return starts[line - 1], stop

    def _line_starts(self) -> list[int]:
        if self._starts is None:
            self._starts = [0, *(found.end() for found in _LINE_END.finditer(self.text))]
        return self._starts

    def bad_character(self) -> DocumentError:
        """Return the error for the first character that YAML does not allow."""
        found = re.search(_NOT_ALLOWED, self.text)  # compiled only here: it takes 2 ms
        if found is None:
            return DocumentError("this is no text that YAML can read", where=Where(file=self.file))
        return DocumentError(
            f"the character U+{ord(found[0]):04X} is not allowed in YAML",
            where=self.where(found.start()),
            fix="take it out"
            if found[0] > "\x7f"
            else f'take it out, or write "\\x{ord(found[0]):02x}" in double quotes',
        )
