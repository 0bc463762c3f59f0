"""The finding of a check that says nothing: it would pass for any reply."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from convrun.checks.registry import KINDS
from convrun.results import ConversationResult, Finding
from convrun.source import Where
from convrun.values import canonical

_NAMED = 3  # conversations in a message
_TOOLS = "leave out of `only` what is not to be called, or say with which arguments; no tool has another name"
_FIX = "expect what only a right reply has; what a reply must not have is said with `not:`"

_FIXES = {"prefix_stable": "put it where a later turn, or a call of a tool, makes a second request, or take it out"}


def weak_findings(conversations: Iterable[ConversationResult]) -> tuple[Finding, ...]:
    """Return a finding for each check, by its place, that was so wherever it was judged.

    With a template it is several, one for each value: those that are so are told with their conversations.
    """
    found: dict[tuple[object, ...], tuple[Where, str, dict[str, list[tuple[str, bool]]]]] = {}
    for one in conversations:
        for check in one.all_checks:
            where = check.where
            if check.info or where is None:
                continue
            place = (where.file, where.line, where.column)
            values = found.setdefault(place, (where, check.kind, {}))[2]
            values.setdefault(canonical(check.expected), []).append((one.id, check.weak))
    return tuple(_findings(found.values()))


def _findings(
    checks: Iterable[tuple[Where, str, dict[str, list[tuple[str, bool]]]]],
) -> Iterator[Finding]:
    for where, kind, values in checks:
        weak = [judged for judged in values.values() if all(is_weak for _, is_weak in judged)]
        if not weak:
            continue
        of_calls = kind in KINDS and KINDS[kind].family == "calls"
        message = f"the check {kind!r} holds for any reply, also for an empty one"
        if of_calls:
            message = f"the check {kind!r} holds whichever of the declared tools are called, and without a call"
        if kind == "prefix_stable":
            message = f"the check {kind!r} compares nothing: there is one request, and none before it"
        if len(weak) < len(values):
            ids = list(dict.fromkeys(name for judged in weak for name, _ in judged))
            more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
            message += f"; that is what its template gives in {', '.join(ids[:_NAMED])}{more}"
        yield Finding(kind="weak", message=message, where=where, fix=_TOOLS if of_calls else _FIXES.get(kind, _FIX))
