"""What a stale request owes to the project's own code: a tool that raised is mended, not recorded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from convrun.results import Change, Staleness, ToolCallResult, TurnResult


def with_raised(stale: Staleness | None, turns: Iterable[TurnResult]) -> Staleness | None:
    """Return the staleness, with a hint at each changed tool result that is what the tool raised."""
    if stale is None:
        return None
    raised = [call for turn in turns if turn.index == stale.turn for call in turn.tool_calls if call.error]
    changes = tuple(_hinted(change, raised) for change in stale.changes)
    return replace(stale, changes=changes) if raised else stale


def _hinted(change: Change, raised: Iterable[ToolCallResult]) -> Change:
    call = next((call for call in raised if call.result == change.now), None)
    if call is None or change.hint:
        return change
    return replace(change, hint=f"{call.name} raised {call.error}: if that is not meant, mend it and record nothing")
