"""What went wrong with a YAML text, in the words of the person who wrote it: mostly, that a text wants quotes."""

from __future__ import annotations

import re
from typing import Any

import yaml

from convrun.document.limits import ALIAS_LIMIT, DEPTH_LIMIT
from convrun.document.scalars import quoted
from convrun.document.source_text import Source
from convrun.errors import DocumentError

# indentation, dashes and a key: what stands before a value
_VALUE = re.compile(
    r"""[ \t]*(?:-[ \t]+)*"""
    r"""(?:(?:[^\s'"\[\]{},#&*!|>%@`][^'"\[\]{},#]*?|'[^']*'|"[^"]*")[ \t]*:[ \t]+(?:-[ \t]+)?)?"""
)
_BARE_KEY = re.compile(r"(?:-[ ]+)?([\w+-]+):")
_KEY_WITH_VALUE = re.compile(r"([ ]*)([\w+-]+):[ ]+[^|>\s#&]")
_LEFTOVER = re.compile(r"^(?:<{7} |>{7} |```)", re.MULTILINE)
_COMMENT = re.compile(r"[ \t]+#.*")
_HALF = re.compile(r"\\u([Dd][89A-Fa-f][0-9A-Fa-f]{2})(?:\\u([Dd][C-Fc-f][0-9A-Fa-f]{2}))?")  # of a surrogate pair
_LEADERS = "@`%*&!|>"
_CLOSERS = {"[": "]", "{": "}"}


def mistake(source: Source, error: yaml.MarkedYAMLError) -> DocumentError:
    """Return the error for what YAML's parser says, placed at the text that is to blame, with its fix."""
    problem = error.problem_mark or error.context_mark
    if problem is None:
        return DocumentError(f"not valid YAML: {error.problem}", where=source.where(0))
    at = min(problem.index, len(source.text))
    opened = error.context_mark.index if error.context_mark else None
    return (
        _not_yaml(source)
        or _in_quotes(source, error, at, opened)
        or _tab(source, at)
        or _in_flow(source, error, at, opened)
        or _misplaced(source, at)
        or _unquoted(source, at)
        or DocumentError(
            f"not valid YAML: {error.problem or 'it ends too early'}",
            where=source.where(_last_written(source, at)),
            fix="look at the indentation and the quotes here and in the line above",
        )
    )


def unquoted_template(source: Source, start: int) -> DocumentError:
    """Return the error for a `{{ x }}` without quotes, which YAML reads as a mapping in a mapping."""
    begin, end = source.line_span(start)
    line = source.text[begin:end].rstrip()
    if not line.startswith("{{", start - begin):
        return DocumentError(
            "a key is a mapping or a list",
            where=source.where(start),
            fix="keys are texts; quote it if it is meant as text",
        )
    found = _VALUE.match(line)
    if found and found.end() == start - begin:
        text = _COMMENT.sub("", line[start - begin :])
    else:
        text = line[start - begin : line.find("}}", start - begin) + 2] or "{{"
    return _quote(source, start, text)


def too_deep(source: Source, event: Any) -> DocumentError:
    """Return the error for brackets within brackets within brackets."""
    where = source.where(event.start_mark.index)
    return DocumentError(
        f"nested deeper than {DEPTH_LIMIT} levels", where=where, fix="is a bracket left open, or a text not quoted?"
    )


def too_many_aliases(source: Source, event: Any) -> DocumentError:
    """Return the error for aliases that would make the document huge."""
    where = source.where(event.start_mark.index, event.end_mark.index)
    return DocumentError(f"aliases stand for more than {ALIAS_LIMIT:,} values", where=where, fix="write fewer aliases")


def no_anchor(source: Source, event: Any, *, inside: bool = False) -> DocumentError:
    """Return the error for an alias that names nothing yet, or the thing it is `inside` of."""
    start, end = event.start_mark.index, event.end_mark.index
    what = "stands inside of what it names" if inside else "names no anchor above it"
    text = source.text[start:end]
    return DocumentError(
        f"the alias {text} {what}", where=source.where(start, end), fix=f"quote it if it is text: {quoted(text)}"
    )


def bad_key(source: Source, start: int, event: Any) -> DocumentError:
    """The error for a key that is no text: mostly a template without quotes."""
    return unquoted_template(source, start if source.text.startswith("{{", start) else event.start_mark.index)


def second_document(source: Source, event: Any) -> DocumentError:
    """Return the error for what follows the first document."""
    where = source.where(event.start_mark.index, event.end_mark.index)
    return DocumentError("a second document", where=where, fix="one file holds one document")


def _quote(source: Source, start: int, text: str) -> DocumentError:
    if text in _CLOSERS:  # alone on its line it is no text
        return _never_closed(source, start)
    return DocumentError(
        "this text needs quotes to be YAML",
        where=source.where(start, start + len(text)),
        fix=f"quote it: {quoted(text)}",
    )


def _in_quotes(source: Source, error: yaml.MarkedYAMLError, at: int, opened: int | None) -> DocumentError | None:
    """A mistake inside a quoted text: an unknown escape, or no end."""
    if opened is None or "quoted scalar" not in (error.context or ""):
        return None
    if "escape" in (error.problem or ""):
        if (half := _half(source, opened, at)) is not None:
            return half
        begin, end = opened + 1, source.line_span(opened)[1]
        close = source.text.find('"', begin, end)
        inner = source.text[begin : close if close > 0 else end].rstrip()
        escape = source.text[at : at + 2]
        return DocumentError(
            f"{escape} is no escape in double quotes",
            where=source.where(at, at + 2),
            fix=f"quote it with single quotes: {quoted(inner)}",
        )
    return DocumentError(
        "this quote is never closed",
        where=source.where(opened),
        fix="close it; within single quotes a quote is written twice: 'it''s'",
    )


def _half(source: Source, opened: int, at: int) -> DocumentError | None:
    """Half of a character, as JSON writes those above U+FFFF; None for another escape."""
    start = source.text.rfind("\\u", opened, at)
    found = _HALF.match(source.text, start) if start >= 0 else None
    if found is None:
        return None
    high, low = int(found[1], 16), int(found[2] or "0", 16)
    fix = "take it out"
    if low and high < 0xDC00:
        whole = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)
        fix = f'write the whole of it: "\\U{whole:08X}", or the character itself'
    escape = source.text[start : start + 6]
    return DocumentError(
        f"{escape} is half of a character",
        where=source.where(start, start + 6),
        fix=fix,
    )


def _not_yaml(source: Source) -> DocumentError | None:
    """Lines that a merge or a page of Markdown has left behind."""
    found = _LEFTOVER.search(source.text)
    if found is None:
        return None
    what = "a fence of Markdown" if found[0] == "```" else f"the conflict marker {found[0].strip()!r} of a merge"
    return DocumentError(what, where=source.where(found.start(), found.end()), fix="take it out")


def _misplaced(source: Source, at: int) -> DocumentError | None:
    """A key or a list at a place where none can stand: mostly, a line is indented too little or too much."""
    begin, end = source.line_span(_last_written(source, at))
    line = source.text[begin:end].rstrip()
    start = len(line) - len(line.lstrip())
    key = _BARE_KEY.fullmatch(line[start:])
    if key is not None:
        fix = "keys beside each other begin in one column, and a text under `|` stands further right than its key"
        first = begin + start + key.start(1)
        what = f"the key {key[1]!r} cannot stand here"
        return DocumentError(
            what, where=source.where(first, first + len(key[1])), fix=f"look at the indentation: {fix}"
        )
    above = source.text[:begin].rstrip().rpartition("\n")[2]
    holder = _KEY_WITH_VALUE.match(above)
    if line[start:].startswith("- ") and holder is not None and start >= len(holder[1]):
        fix = f"{holder[2]!r} in the line above has a value already: take one of them out, or look at the indentation"
        return DocumentError("a list cannot stand here", where=source.where(begin + start), fix=fix)
    return None


def _tab(source: Source, at: int) -> DocumentError | None:
    if source.text[at : at + 1] != "\t":
        return None
    return DocumentError(
        "a tab in the indentation", where=source.where(at), fix="indent with blanks; YAML takes no tabs"
    )


def _in_flow(source: Source, error: yaml.MarkedYAMLError, at: int, opened: int | None) -> DocumentError | None:
    """A mistake within `[…]` or `{…}`: a text with brackets in it, or no end."""
    if opened is None or "flow" not in (error.context or ""):
        return None
    begin, end = source.line_span(opened)
    line = source.text[begin:end].rstrip()
    if begin <= at < begin + len(line):
        bracket = "[" if line[at - begin - 1] != "]" else "{"  # `[0-9]+` is a text, its bracket opens nothing
        start = max(line.rfind(mark, 0, at - begin) for mark in ("{", bracket, ", ", ": ")) + 1
        found = re.compile(r"\s*(.*?)\s*(?=, |\}|$)").match(line, start)
        if found and found[1]:
            return _quote(source, begin + found.start(1), found[1])
    comment = _COMMENT.search(line, opened - begin)
    if comment:
        start = max(line.rfind(mark, 0, comment.start()) for mark in ("{", "[", ", ", ": ")) + 1
        text = line[start:].strip().rstrip("]}")
        return _quote(source, begin + line.index(text, start), text)
    return _never_closed(source, opened) if source.text[opened : opened + 1] in _CLOSERS else None


def _never_closed(source: Source, opened: int) -> DocumentError:
    bracket = source.text[opened]
    fix = f"close it with {_CLOSERS[bracket]}"
    return DocumentError(f"this {bracket} is never closed", where=source.where(opened), fix=fix)


def _unquoted(source: Source, at: int) -> DocumentError | None:
    """The value on the line of the mistake, where it is one that YAML takes for something else."""
    begin, end = source.line_span(_last_written(source, at))
    line = source.text[begin:end].rstrip()
    found = _VALUE.match(line)
    start = found.end() if found else 0
    text = _COMMENT.sub("", line[start:])
    if not text or text[0] == "#":
        return None
    if text[0] == "'" and text.endswith("'") and len(text) > 1:
        return DocumentError(
            "a quote inside single quotes ends the text",
            where=source.where(begin + start, begin + start + len(text)),
            fix=f"write it twice: {quoted(text[1:-1].replace(chr(39) * 2, chr(39)))}",
        )
    closes = text[0] in "\"'[{" and at > begin + start
    if closes or text[0] in _LEADERS or text.startswith("- ") or ": " in text or text.endswith(":"):
        return _quote(source, begin + start, text)
    return None


def _last_written(source: Source, at: int) -> int:
    """The last character before `at` that is no white space, if `at` itself is at a line's start."""
    while at > 0 and (at >= len(source.text) or source.text[at].isspace()):
        at -= 1
    return at
