"""Jinja2's syntax errors in our words."""

from __future__ import annotations

import re
from collections.abc import Iterable

from convrun.errors import did_you_mean

LITERALLY = "if it is meant literally, write {text: …, raw: true}"
_TAGS = ("if", "for", "set", "macro", "call", "filter", "with", "raw", "elif", "else", "endif", "endfor", "endset")
_NAMED = re.compile(r"No (filter|test) named '(.*)'")
_TAG = re.compile(r"Encountered unknown tag '(.*?)'")
_OPEN = re.compile(r"block that needs to be closed is '(.*?)'")
_EXPECTED = re.compile(r"expected token '(.*?)', got '(.*)'", re.DOTALL)
_TOKENS = {"end of print statement": "'}}'", "end of statement block": "'%}'", "end of template": "the end"}


def explain(message: str, line: int, filters: Iterable[str], tests: Iterable[str]) -> tuple[str, str | None]:
    """Return what is wrong and the fix, for what Jinja2 says about line `line` of a template."""
    what, fix = _explained(message, {"filter": filters, "test": tests})
    return (f"{what} (line {line} of the text)" if line > 1 else what), fix


def _explained(message: str, known: dict[str, Iterable[str]]) -> tuple[str, str | None]:
    if found := _NAMED.search(message):
        offered = [name for name in known[found[1]] if not name.startswith("_")]
        return f"unknown {found[1]} {found[2]!r} in a template", did_you_mean(found[2], offered)
    if opened := _OPEN.search(message):
        return f"'{{% {opened[1]} %}}' is not closed", f"end it with {{% end{opened[1]} %}}"
    if found := _TAG.search(message):
        return f"unknown tag '{{% {found[1]} %}}'", did_you_mean(found[1], _TAGS) or LITERALLY
    if found := _EXPECTED.search(message):
        wanted, got = (_TOKENS.get(token, repr(token)) for token in found.groups())
        return f"the template wants {wanted} where {got} stands", LITERALLY
    if "unexpected end of template" in message or "unexpected 'end of template'" in message:
        return "'{{' or '{%' is not closed", LITERALLY
    words = message.rstrip(".")
    return f"not a template: {words[:1].lower()}{words[1:]}", LITERALLY
