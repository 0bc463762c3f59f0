"""Two texts on a line each, as far as they differ: a window around each difference, with marks below it."""

from __future__ import annotations

from collections.abc import Sequence

from convrun.checks.explaining.spans import Span, differing_spans
from convrun.source import cells, printable

_CONTEXT = 24  # characters shown before and behind what differs
_LEFT = 8  # characters that are not worth to be left out
_NEAR = 30  # characters between two differences that are shown in one window
_WIDE = 100  # characters of a window with several differences, without what is around them
_PIECE = 56  # characters shown of one piece that differs
_MOST = 4  # windows of two texts
_WHOLE = 120  # characters of a line that is shown whole where there are several
_BREAK = "\u21b5"  # stands for a line break
_BLANKS = {" ": "\u00b7", "\t": "\u2192", "\u00a0": "\u237d", "\n": _BREAK}
_NAMES = {" ": "a space", "\t": "a tab", "\u00a0": "a no-break space", "\n": "a line break"}
_CUT = "\u2026"


def window_lines(expected: str, actual: str, *, start: int = 0, end: int | None = None) -> list[str]:
    """Return the windows, each as a line of what was expected and one of what was there, with marks below them.

    Only the piece of `actual` from `start` to before `end` is set against what was expected. Where the first window
    begins is for the caller to say. Empty where the two have next to nothing in common.
    """
    spans = [_moved(span, start) for span in differing_spans(expected, actual[start:end]) or ()]
    groups = _groups(spans)
    drawn = Windows()
    for number, group in enumerate(groups[:_MOST]):
        if number:
            drawn.lines.append(f"from {place(actual, group[0].other_start)}:")
        drawn.draw(expected, actual, group)
    if len(groups) > _MOST:
        drawn.lines.append(f"... and {len(groups) - _MOST} more places")
    return [*drawn.lines, *drawn.legend()]


def place(text: str, at: int) -> str:
    """Return `character 12`, counted from 1, in a text of several lines also the line: `character 99 (line 3)`."""
    lines = text.count("\n", 0, at)
    return f"character {at + 1} (line {lines + 1})" if lines or "\n" in text else f"character {at + 1}"


def shortened(text: str, limit: int = _WIDE + 2 * _CONTEXT) -> str:
    """Return a text on one line, line breaks visible, without its middle where it is long."""
    return printable(_short(text, limit).replace("\n", _BREAK))


class Windows:
    """Draws windows; `lines` are those drawn so far."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._blanks: dict[str, None] = {}  # that stand for something, in order

    def pair(self, old: str, new: str) -> None:
        """Draw a line that was expected and the one in its place; short ones whole, marked where they are alike."""
        spans = differing_spans(old, new)
        if not spans:
            self.lines += [f"- {shortened(old)}".rstrip(), f"+ {shortened(new)}".rstrip()]
        elif max(len(old), len(new)) <= _WHOLE:
            self.draw(old, new, spans, context=_WHOLE)
        else:
            for group in _groups(spans)[:_MOST]:
                self.draw(old, new, group)

    def mark(self, text: str, start: int, end: int) -> None:
        """Draw a piece of a text, marked, with what is around it."""
        self._side("  ", text, [(start, end)], [not text[start:end].strip()], _CONTEXT)

    def draw(self, expected: str, actual: str, spans: Sequence[Span], *, context: int = _CONTEXT) -> None:
        """Draw what differs in both texts, a line each, marked below; the spans are near to each other."""
        left = [(span.start, span.end) for span in spans]
        right = [(span.other_start, span.other_end) for span in spans]
        blank = [
            not (expected[one:two] + actual[three:four]).strip()
            for (one, two), (three, four) in zip(left, right, strict=True)
        ]
        self._side("- ", expected, left, blank, context)
        self._side("+ ", actual, right, blank, context)

    def legend(self) -> list[str]:
        """Return the line that says what the signs for blanks stand for; none where there are none."""
        said = [f"{_BLANKS[sign]} is {_NAMES[sign]}" for sign in self._blanks]
        return [f"  ({', '.join(said)})"] if said else []

    def _side(
        self, mark: str, text: str, pieces: Sequence[tuple[int, int]], blank: Sequence[bool], context: int
    ) -> None:
        begin = _word_start(text, max(pieces[0][0] - context, 0), pieces[0][0])
        stop = min(pieces[-1][1] + context, len(text))
        begin, stop = 0 if begin < _LEFT else begin, len(text) if len(text) - stop < _LEFT else stop
        shown, marks, at = _CUT if begin else "", " " if begin else "", begin
        for (start, end), visible in zip(pieces, blank, strict=True):
            before = self._seen(text[at:start])
            piece = self._seen(_short(text[start:end], _PIECE), blanks=visible)
            shown += before + piece
            marks += " " * cells(before) + "^" * cells(piece)
            at = end
        shown += self._seen(text[at:stop]) + (_CUT if stop < len(text) else "")
        self.lines.append(f"{mark}{shown}".rstrip())
        if marks.strip():
            self.lines.append(f"  {marks.rstrip()}")

    def _seen(self, text: str, *, blanks: bool = False) -> str:
        """The text with its line breaks visible, and, where `blanks` are what differs, all of them."""
        signs = _BLANKS if blanks else {"\n": _BREAK}
        used = [sign for sign in signs if sign in text]
        self._blanks.update(dict.fromkeys(used))
        for sign in used:
            text = text.replace(sign, signs[sign])
        return printable(text)


def _moved(span: Span, by: int) -> Span:
    return Span(start=span.start, end=span.end, other_start=span.other_start + by, other_end=span.other_end + by)


def _groups(spans: Sequence[Span]) -> list[list[Span]]:
    """The spans, those together that fit into one window."""
    groups: list[list[Span]] = []
    for span in spans:
        last = groups[-1] if groups else None
        if last and span.start - last[-1].end <= _NEAR and _width([*last, span]) <= _WIDE:
            last.append(span)
        else:
            groups.append([span])
    return groups


def _width(spans: Sequence[Span]) -> int:
    return max(spans[-1].end - spans[0].start, spans[-1].other_end - spans[0].other_start)


def _word_start(text: str, at: int, stop: int) -> int:
    """The start of the first word behind a place, if there is one soon."""
    if not at:
        return 0
    blank = text.find(" ", at, min(at + _CONTEXT // 2, stop))
    return blank + 1 if blank >= 0 else at


def _short(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = (limit - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"
