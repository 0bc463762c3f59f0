"""The state of recordings, for people on one screen and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from convrun.report.json_result import escaped, problem_value, stale_value
from convrun.report.quote import broken_off, causes, quoted, some, stale_results
from convrun.report.stale import record_command, stale_blocks
from convrun.report.style import Line, Role
from convrun.report.wording import noun, short
from convrun.results import ConversationResult
from convrun.transcript import Quote, RecordingState, RecordingStates, State

_ROLES: dict[State, Role] = {
    "fresh": "passed",
    "stale": "stale",
    "missing": "missing",
    "partial": "stale",
    "error": "error",
    "offline": "dim",
    "skipped": "skipped",
}
_MOST = 8  # causes, errors or orphans that are named
_LONG = 200
_NOTHING = "nothing is to be recorded"


def status_lines(found: RecordingStates, *, command: str, every: bool = False) -> list[Line]:
    """Return the states, those of one kind together.

    With `every`, before that a line for each conversation, and what changed. `command` is the start of the line that
    asks the same again.
    """
    lines = [_line(one, found) for one in found.states] if every else []
    lines += [Line(""), *stale_blocks(stale_results(found.states), command="")] if every and found.states else []
    for state in _ROLES:
        members = [one for one in found.states if one.state == state]
        if members:
            lines += _group(state, members, found, every)
    if found.orphans:
        lines.append(Line(f"orphaned  {noun(len(found.orphans), 'cassette')} of no conversation", "unchecked"))
        lines += _most([f"  {one}" for one in found.orphans], every)
    for one in found.renamed if every else found.renamed[:_MOST]:
        lines.append(Line(f"renamed   {one.cassette} may be the recording of {one.conversation}:", "stale"))
        lines.append(Line(f"  {one.command}"))
    if not every and len(found.renamed) > _MOST:
        lines.append(Line(f"  and {len(found.renamed) - _MOST} more, -v shows them", "dim"))
    return [*lines, *_longer(found), *_unsaved(found, every), *_assumed(found), *_ending(found, command)]


def status_json(found: RecordingStates, exit_code: int) -> str:
    """Return the states as JSON."""
    value = {
        "exit_code": exit_code,
        "conversations": [
            {
                "id": one.id,
                "spec": one.spec,
                "cassette": one.cassette,
                "state": one.state,
                "committed": one.committed,
                "unsaved": list(one.unsaved),
                "longer": one.longer,
                "kept_calls": one.kept,
                "reason": one.reason,
                "stale": stale_value(one.stale),
                "error": problem_value(one.problem),
                "assumed": list(one.assumed),
                "quote": _quote(one.quote),
            }
            for one in found.states
        ],
        "orphans": list(found.orphans),
        "renamed": [
            {"cassette": one.cassette, "conversation": one.conversation, "command": one.command}
            for one in found.renamed
        ],
        "quote": _quote(found.quote),
    }
    return escaped(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False))


def _quote(quote: Quote) -> dict[str, object]:
    return {
        "calls": quote.calls,
        "user_calls": quote.user_calls,
        "input": quote.input,
        "output": quote.output,
        "usd": quote.usd,
        "at_least": quote.at_least,
        "unpriced": list(quote.unpriced),
    }


def _line(one: RecordingState, found: RecordingStates) -> Line:
    """One conversation."""
    date = one.committed or ("not committed" if found.dated and one.state not in {"missing", "offline"} else "")
    return Line(
        f"{one.state:<8}  {one.id}  {one.reason or one.cassette}{f', {date}' if date else ''}", _ROLES[one.state]
    )


def _group(state: State, members: Sequence[RecordingState], found: RecordingStates, every: bool) -> list[Line]:
    number = noun(len(members), "conversation")
    if state == "fresh":
        return [Line(f"fresh     {number}{_days(members, found)}", "passed")]
    if state == "offline":
        words = "answered by a model of our own, without a cassette"
        return [Line(f"offline   {number} {words}", "dim")]
    if state == "partial":
        kinds = ([one for one in members if one.scratch is scratch] for scratch in (False, True))
        return [
            Line(f"partial   {noun(len(kind), 'conversation')}, {broken_off(kind)}: {some(kind)}", "stale")
            for kind in kinds
            if kind
        ]
    if state != "stale":
        lines = [
            Line(f"{state:<8}  {number}: {some(members)}" if state != "error" else f"error     {number}", _ROLES[state])
        ]
        errors = [
            f"  {one.id}: {short(one.problem.message, _LONG)}" + (f"\n    {one.problem.fix}" if one.problem.fix else "")
            for one in members
            if one.problem
        ]
        return lines + _most(errors, every)
    told = [f"  {why}: {some(concerned)}" for why, concerned in causes(members)]
    return [Line(f"stale     {number}{_days(members, found)}", "stale"), *_most(told, every)]


def _days(members: Sequence[RecordingState], found: RecordingStates) -> str:
    """When their cassettes were committed last."""
    if not found.dated:
        return ""
    days = sorted(one.committed for one in members if one.committed)
    new = len(members) - len(days)
    span = f", committed {days[0]}" if days else ""
    span += f" to {days[-1]}" if days and days[0] != days[-1] else ""
    return span + (f", {new} not committed" if new and days else ", not committed" if new else "")


def _longer(found: RecordingStates) -> list[Line]:
    number = sum(one.longer for one in found.states)
    if not number:
        return []
    words = "recording is longer than its spec" if number == 1 else "recordings are longer than their specs"
    return [Line(f"unplayed  {number} {words}: convrun cassette prune", "unchecked")]


def _unsaved(found: RecordingStates, every: bool) -> list[Line]:
    """Attachments of committed cassettes that are not: who clones the repository lacks them."""
    files = [path for one in found.states for path in one.unsaved]
    if not files:
        return []
    words = f"{noun(len(files), 'attachment')} of committed cassettes {'is' if len(files) == 1 else 'are'} not"
    return [Line(f"unsaved   {words}: git add, and commit", "stale"), *_most([f"  {path}" for path in files], every)]


def _assumed(found: RecordingStates) -> list[Line]:
    """What a fresh one hangs on that was not tried."""
    names = dict.fromkeys(name for one in found.states for name in one.assumed)
    if not names:
        return []
    listed = ", ".join(list(names)[:_MOST]) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")
    return [Line(f"fresh if these still answer as recorded: {listed}; `convrun run` calls them", "dim")]


def _ending(found: RecordingStates, command: str) -> list[Line]:
    waiting = [one for one in found.states if one.state in {"stale", "missing", "partial"}]
    if not waiting:
        unread = any(one.state == "error" for one in found.states)
        return [Line("nothing is to be recorded but what cannot be read" if unread else _NOTHING, "dim")]
    results = [ConversationResult(id=one.id, spec=one.spec, verdict="stale") for one in waiting]
    return [
        Line(f"recording takes {quoted(found.quote)}"),
        Line(f"record: {record_command(results, command)}"),
    ]


def _most(texts: Sequence[str], every: bool) -> list[Line]:
    """The first of them, all with `every`; each of them line by line."""
    more = len(texts) - _MOST
    if every or more <= 0:
        return [Line(line) for text in texts for line in text.split("\n")]
    shown = [Line(line) for text in texts[:_MOST] for line in text.split("\n")]
    return [*shown, Line(f"  and {more} more, -v shows them", "dim")]
