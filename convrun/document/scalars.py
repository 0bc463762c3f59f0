"""Scalars by the core rules of YAML 1.2, and texts in quotes."""

from __future__ import annotations

import json
import math
import re

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER_STARTS = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LONGEST_NUMBER = 4000  # digits; Python refuses to read longer ones


def plain_value(text: str) -> bool | int | float | str | None:
    """Return what an unquoted scalar means by the core rules of YAML 1.2.

    Raises:
        ValueError: for a number that JSON does not have: infinite, not a number, or of thousands of digits.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if _INTEGER.fullmatch(text):
        if len(text) > _LONGEST_NUMBER:
            raise ValueError("a number of more than 4000 digits")
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            raise ValueError(f"{text} is too large for a number")
        return number
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is no number that JSON has")
    if text[0] == "0" and len(text) <= _LONGEST_NUMBER and _BASED.fullmatch(text):
        return int(text[2:], 8 if text[1] == "o" else 16)
    return text


def quoted(text: str) -> str:
    """Return `text` as YAML quotes it: `'it''s'`, in double quotes where it has line breaks or the like."""
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return json.dumps(text, ensure_ascii=False)
