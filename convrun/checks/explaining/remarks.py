"""What is all that two values differ in, in words: their type, white space, case, how their letters are written."""

from __future__ import annotations

import json
import operator
import re
import unicodedata
from collections.abc import Callable
from itertools import combinations
from typing import TypeAlias

from convrun.checks.explaining.shared import shared_end, shared_start
from convrun.frozen import frozen
from convrun.values import type_name

_Rule: TypeAlias = Callable[[str], str]

_LONGEST = 200_000  # characters of texts of which signs and accents are looked at
_NAMED = 3  # signs of a run of white space that are named
_UNSEEN = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
# Letters and signs that look like others, each row beside those that it looks like.
_ALIKE = (
    ("\u2018\u2019\u201a\u201b\u2032\u00b4`", "'''''''"),
    ("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"""""""'),
    ("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-------"),
    ("\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455", "aeopcyxijs"),  # Cyrillic
    ("\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0406\u0408\u0405", "ABEKMHOPCTXIJS"),
    ("\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf", "ABEZHIKMNOPTYXo"),
    ("\u2044\u2215\u00d7\u2022\u2026", "//x*."),
)
_TABLE = {ord(sign): other for signs, others in _ALIKE for sign, other in zip(signs, others, strict=True)}
_SIGNS = {" ": "space", "\t": "tab", "\n": "line break", "\r": "carriage return", "\u00a0": "no-break space (U+00A0)"}


@frozen
class _Way:
    """One way in which texts may differ only; `rule` makes those equal that differ in it."""

    name: str
    rule: _Rule


def _without_blanks(text: str) -> str:
    return "".join(text.split())


def _without_accents(text: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFD", text) if not unicodedata.combining(sign))


def _plain_signs(text: str) -> str:
    return unicodedata.normalize("NFKC", text.translate(_TABLE)).translate(_TABLE)


_NORMAL = _Way(name="Unicode normalisation", rule=lambda text: unicodedata.normalize("NFC", text))
_CASE = _Way(name="upper and lower case", rule=str.casefold)
_BLANK = _Way(name="white space", rule=_without_blanks)
_ACCENTS = _Way(name="accents", rule=_without_accents)
_INVISIBLE = _Way(name="invisible characters", rule=lambda text: _UNSEEN.sub("", text))
_LOOKS = _Way(name="look-alikes", rule=_plain_signs)
_WAYS = (_NORMAL, _CASE, _BLANK, _INVISIBLE, _LOOKS, _ACCENTS)


def text_remark(expected: str, actual: str) -> str:
    """Return `, where only white space differs: …` of two different texts; empty where more than that differs."""
    start = _begin(expected, actual)
    end = min(shared_end(expected, actual), len(expected) - start, len(actual) - start)
    left, right = expected[start : len(expected) - end], actual[start : len(actual) - end]
    ways = _ways(left, right, operator.eq)
    return f", where only {_named(ways)}{_first_sign(expected, actual, ways)}" if ways else ""


def part_remark(part: str, text: str) -> str:
    """Return `, where only upper and lower case differ` of a part that is not in a text, but nearly; else nothing."""
    ways = _ways(part, text, lambda left, right: bool(left) and left in right)
    return f", where only {_named(ways)}" if ways else ""


def type_remark(expected: object, actual: object) -> str:
    """Return ` (a text, not a number)` of two values that look the same and are of different types; else nothing."""
    wanted, there = type_name(expected), type_name(actual)
    if wanted == there or {wanted, there} & {"list", "mapping"} or not _looks_so(expected, actual):
        return ""
    return f" ({typed(there)}, not {typed(wanted)})"


def typed(name: str) -> str:
    """Return the name of a type with its article: `a text`, `null`."""
    return name if name in ("null", "true/false") else f"a {name}"


def _looks_so(one: object, other: object) -> bool:
    first, second = (value if isinstance(value, str) else json.dumps(value) for value in (one, other))
    numbers = {"true": "1", "false": "0", "none": "null", "": "null"}
    sides = [text.strip().casefold() for text in (first, second)]
    return sides[0] == sides[1] or len({numbers.get(side, side).removesuffix(".0") for side in sides}) == 1


def _begin(expected: str, actual: str) -> int:
    """Where to begin to compare: a little before the first difference, so that no letter is torn from its accent."""
    return max(shared_start(expected, actual) - 2, 0)


def _ways(left: str, right: str, holds: Callable[[str, str], bool]) -> tuple[_Way, ...]:
    """The fewest ways that explain how two texts differ; none where they do not."""
    plain = max(len(left), len(right)) > _LONGEST or (left.isascii() and right.isascii())
    known = (_CASE, _BLANK) if plain else _WAYS
    if not _explain(known, left, right, holds):
        return ()
    for count in range(1, len(known)):
        for ways in combinations(known, count):
            if _explain(ways, left, right, holds):
                return ways
    return known


def _explain(ways: tuple[_Way, ...], left: str, right: str, holds: Callable[[str, str], bool]) -> bool:
    for way in ways:
        left, right = way.rule(left), way.rule(right)
    return holds(left, right)


def _named(ways: tuple[_Way, ...]) -> str:
    *others, last = (way.name for way in ways)
    names = f"{', '.join(others)} and {last}" if others else last
    plural = len(ways) > 1 or ways[0] not in (_NORMAL, _BLANK)
    return f"{names} {'differ' if plural else 'differs'}"


def _first_sign(expected: str, actual: str, ways: tuple[_Way, ...]) -> str:
    """What stands at the first difference: signs that are not told apart at a glance have names."""
    if len(ways) > 1 or ways[0] in (_CASE, _ACCENTS):
        return ""
    at = shared_start(expected, actual)
    if ways == (_BLANK,):
        while at and expected[at - 1].isspace():
            at -= 1
        wanted, there = _run(expected, at), _run(actual, at)
        return f": expected {wanted}, got {there}" if wanted != there else ""
    if ways == (_NORMAL,):
        return f": expected {_form(expected)}, got {_form(actual)}"
    if ways == (_INVISIBLE,):
        wanted, there = (_sign(side[at]) if _UNSEEN.match(side, at) else "none" for side in (expected, actual))
        return f": expected {wanted}, got {there}"
    return f": expected {_sign(expected[at : at + 1])}, got {_sign(actual[at : at + 1])}"


def _form(text: str) -> str:
    forms = [form for form in ("NFC", "NFD") if unicodedata.is_normalized(form, text)]
    return forms[0] if forms else "neither NFC nor NFD"


def _run(text: str, at: int) -> str:
    """`a space`, `2 line breaks`: the white space that begins at a place."""
    signs: list[list[str]] = []
    while at < len(text) and text[at].isspace() and len(signs) <= _NAMED:
        if signs and signs[-1][0] == text[at]:
            signs[-1].append(text[at])
        else:
            signs.append([text[at]])
        at += 1
    if not signs:
        return "none"
    named = [_counted(run[0], len(run)) for run in signs[:_NAMED]]
    return " and ".join(named) + (" and more" if len(signs) > _NAMED else "")


def _counted(sign: str, count: int) -> str:
    name = _SIGNS.get(sign) or _code(sign)
    if count == 1:
        return f"a {name}"
    first, blank, rest = name.partition(" (")
    return f"{count} {first}s{blank}{rest}"


def _sign(sign: str) -> str:
    if not sign:
        return "the end"
    if sign in _SIGNS:
        return f"a {_SIGNS[sign]}"
    seen = f"'{sign}' " if sign.isprintable() else ""
    return f"{seen}({_code(sign)})" if seen else _code(sign)


def _code(sign: str) -> str:
    return f"U+{ord(sign):04X} {unicodedata.name(sign, 'without a name')}"
