"""The grammar of JUnit XML that the xUnit plugin of Jenkins takes: what its schemas junit-8, 9 and 10 share.

What any of them wants is wanted, and only what each of them allows is allowed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree as ET


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """What an element may have: attributes (those of `needs` it must), elements, text."""

    needs: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()
    holds: frozenset[str] = frozenset()
    text: bool = False


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_OUTCOME = _Rule(may=_words("type message"), text=True)
_RULES = {
    "testsuites": _Rule(may=_words("name time tests failures errors"), holds=_words("testsuite")),
    "testsuite": _Rule(
        needs=_words("name tests failures errors"),
        may=_words("time skipped timestamp hostname id package file"),
        holds=_words("testsuite properties testcase system-out system-err"),
    ),
    "properties": _Rule(holds=_words("property")),
    "property": _Rule(needs=_words("name value")),
    "testcase": _Rule(
        needs=_words("name"),
        may=_words("time classname"),
        holds=_words("skipped error failure system-out system-err"),
    ),
    "skipped": _OUTCOME,
    "error": _OUTCOME,
    "failure": _OUTCOME,
    "system-out": _Rule(text=True),
    "system-err": _Rule(text=True),
}
_TIME = re.compile(r"[0-9]+(\.[0-9]{0,3})?")


def violations(text: str) -> list[str]:
    """Return what is not as the grammar wants it; the XML has to be well-formed."""
    root = ET.fromstring(text.encode("utf-8"))
    found = [] if root.tag in {"testsuites", "testsuite"} else [f"the root is {root.tag}"]
    for element in root.iter():
        found += [f"{element.tag}: {what}" for what in _of(element)]
    return found


def _of(element: ET.Element) -> list[str]:
    rule = _RULES.get(element.tag)
    if rule is None:
        return ["unknown element"]
    given = frozenset(element.keys())
    found = [f"no {name}" for name in rule.needs - given]
    found += [f"attribute {name}" for name in given - rule.needs - rule.may]
    found += [f"holds {child.tag}" for child in element if child.tag not in rule.holds]
    stray = [element.text, *(child.tail for child in element)]
    if not rule.text and any((piece or "").strip() for piece in stray):
        found.append("holds text")
    if element.tag.startswith("testsuite") and not _TIME.fullmatch(element.get("time", "0")):
        found.append(f"time {element.get('time')}")
    return found
