"""What a run knows of a stale request beyond its text: code that raised, hooks, the spec's own words and turns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace

from convrun.frozen import frozen
from convrun.redaction import Redactor
from convrun.results import STUB_HINT, Change, Staleness, ToolCallResult

_CANCELLED = "Cancelled: "  # how the engine begins what it tells the model
_LONGEST = 80  # characters of a result in a hint


@frozen
class Surrounding:
    """What stands around a stale request.

    `users` are the user's texts of all turns, `calls` those of the stale turn, `tools` what the tools themselves
    returned by call; `before_call` and `after_call` are the names of hooks. `suspects` are the spans that the hints are
    about, one for each change, and `own` the texts that the spec's file itself says. `stubs` are the tools that are.
    `borrowed` is how many turns are those of a trunk.
    """

    users: Sequence[str]
    redactor: Redactor
    calls: Sequence[ToolCallResult] = ()
    tools: Mapping[str, str] = field(default_factory=dict)
    before_call: Sequence[str] = ()
    after_call: Sequence[str] = ()
    suspects: Sequence[str | None] = ()
    own: Iterable[str] = ()
    stubs: frozenset[str] = frozenset()
    borrowed: int = 0


def explained(stale: Staleness, around: Surrounding) -> Staleness:
    """Return the staleness as people see it: new turns as such, hints where they help and only there."""
    turns = _moved(stale, around)
    if turns is not None:
        return replace(stale, changes=(turns,))
    own = [*around.own] if any(around.suspects) else []
    suspects = [*around.suspects, *[None] * len(stale.changes)]
    changes = [
        _hinted(change, around, begun=stale.turn <= around.borrowed)
        if change.part.startswith("tool result")
        else _meant(change, suspect, own)
        for change, suspect in zip(stale.changes, suspects, strict=False)
    ]
    return replace(stale, changes=tuple(changes))


def _meant(change: Change, suspect: str | None, own: Sequence[str]) -> Change:
    """The change without its hint where the spec itself says the suspect: whoever wrote it there knows of it."""
    said = suspect is not None and change.path.startswith("/messages/") and any(suspect in text for text in own)
    return replace(change, hint=None) if said else change


def _moved(stale: Staleness, around: Surrounding) -> Change | None:
    """The change as one of whole turns: a new one before one that was recorded here, or another order."""
    first = stale.changes[0] if stale.changes else None
    recorded = next((change.recorded for change in stale.changes if change.part in {"user text", "turn removed"}), None)
    if first is None or stale.model_call != 1 or recorded is None or stale.turn > len(around.users):
        return None
    message = "/".join(first.path.split("/")[:3])
    if any(not f"{change.path}/".startswith(f"{message}/") for change in stale.changes):
        return None
    users = [around.redactor.text(text) for text in around.users]
    if recorded not in users[stale.turn :]:
        return None
    now = users[stale.turn - 1]
    if first.part == "turn removed":
        return Change(path=message, part="order of the turns", recorded=recorded, now=now)
    return Change(path=message, part=f"turn {stale.turn} is new", now=now)


def _called_again(tool: str) -> str:
    return (
        f"a branch calls the tools of its beginning again: if {tool!r} gives another result each time,\n"
        "recording does not help: give it `policy: replay`, or all tools `tool_policy: replay`"
    )


def _hinted(change: Change, around: Surrounding, *, begun: bool) -> Change:
    """The change of a tool's result with what the project's own code has to do with it; `begun`: before a branch."""
    clean = around.redactor.text
    call = next((call for call in around.calls if clean(call.result or "") == change.now), None)
    if call is not None and call.name in around.stubs and not around.before_call and not around.after_call:
        return replace(change, hint=STUB_HINT)
    if call is not None and call.error:
        change = replace(change, raised=clean(call.error))
    if call is None or change.hint:
        return change
    made = around.tools.get(call.id)
    if made is None and around.before_call and str(call.result).startswith(_CANCELLED):
        return replace(change, hint=f"`before_call` ({', '.join(around.before_call)}) cancelled the call")
    if call.error:
        hint = f"{call.name} raised {call.error}: if that is not meant, mend it and record nothing"
        return replace(change, hint=hint)
    if made is None or clean(made) == change.now:
        return replace(change, hint=_called_again(call.name)) if begun else change
    hooks = f"`after_call` ({', '.join(around.after_call)})"
    if clean(made) == change.recorded:
        return replace(change, hint=f"the tool returns what was recorded: {hooks} makes this of it")
    told = clean(made).replace("\n", " ")
    told = told if len(told) <= _LONGEST else f"{told[:_LONGEST]}..."
    return replace(change, hint=f"{hooks} makes this of what the tool returns: {told!r}")
