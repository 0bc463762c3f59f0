"""What no longer matches its recording, and what has none: the change once, then who it concerns."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from convrun.report.difference import difference
from convrun.report.style import Line
from convrun.report.wording import dumped, noun
from convrun.results import Change, ConversationResult, Staleness

_NAMED = 3  # ids or specs on one command line; with more, all are recorded together


def stale_blocks(
    conversations: Sequence[ConversationResult], *, command: str = "convrun run", full: bool = False
) -> list[Line]:
    """Return a block for each change: what was recorded and what is sent now, then the conversations it makes stale.

    `command` is the start of the line that reproduces this run.
    """
    lines: list[Line] = []
    for members in stale_causes(conversations):
        known = [(conversation, conversation.stale) for conversation in members if conversation.stale]
        lines += _block(known, command, full) if known else [Line(f"STALE {members[0].id}", "stale"), Line("")]
    return lines


def stale_causes(conversations: Sequence[ConversationResult]) -> list[list[ConversationResult]]:
    """Return the stale conversations, those together that one change made stale; last those of which none is known."""
    groups: dict[str, list[ConversationResult]] = {}
    for conversation in conversations:
        if conversation.stale:
            groups.setdefault(_key(conversation.stale), []).append(conversation)
    unknown = [[one] for one in conversations if one.verdict == "stale" and not one.stale]
    return [*groups.values(), *unknown]


def stale_title(stale: Staleness) -> str:
    """Return the parts of the request that changed, as `system prompt, tools`."""
    return ", ".join(dict.fromkeys(change.part for change in stale.changes)) or "the request"


def stale_relation(stale: Staleness) -> str:
    """Return how the requests of today stand to the recording."""
    if all(change.part == "recording ended" for change in stale.changes):
        return "new behind the end of the recording of"
    return "no longer the recorded request of"


def change_lines(change: Change, *, named: bool = True, full: bool = False) -> list[Line]:
    """Return old and new of one part of a request, and what the difference looks like; `named`: with its name."""
    lines = [Line(f"  {change.part} ({change.path}):" if change.path else f"  {change.part}:")] if named else []
    lines += [line.indented(4) for line in difference(change.recorded, change.now, full=full)]
    return lines + [Line(f"    {line}") for line in (change.hint or "").split("\n") if line]


def missing_block(conversations: Sequence[ConversationResult], *, command: str = "convrun run") -> list[Line]:
    """Return which conversations have no recording, where it would be, and the command that makes it."""
    missing = [conversation for conversation in conversations if conversation.verdict == "missing"]
    if not missing:
        return []
    lines = [Line(f"MISSING {noun(len(missing), 'recording')}", "missing")]
    for conversation in missing:
        lines.append(Line(f"  {conversation.id}: no {conversation.cassette or 'cassette'}"))
        lines += [Line(f"    {conversation.error.message}")] if conversation.error else []
    return [*lines, *_recording("record", missing, command), Line("")]


def record_command(conversations: Sequence[ConversationResult], command: str = "convrun run") -> str:
    """Return the command that records these conversations as `command` runs them; fresh ones cost nothing.

    With `-D` it needs a folder of its own for the cassettes, which the user has to name.
    """
    options = shlex.split(command)[2:]
    if "--record" in options:
        at = options.index("--record")
        del options[at : at + 2]
    if "-D" in options and "--cassettes" not in options:
        options += ["--cassettes", "DIR"]
    names = [conversation.id for conversation in conversations]
    if len(names) > _NAMED:
        names = list(dict.fromkeys(conversation.spec for conversation in conversations))
    return shlex.join(["convrun", "record", *options, *(names if len(names) <= _NAMED else ())])


def _key(stale: Staleness) -> str:
    """The same for the same change, wherever in its conversation it stands."""
    changes = [(change.part, change.recorded, change.now, change.hint) for change in stale.changes]
    return dumped(changes, indent=None)


def _block(members: Sequence[tuple[ConversationResult, Staleness]], command: str, full: bool) -> list[Line]:
    stale = members[0][1]
    lines = [Line(f"STALE {stale_title(stale)}", "stale")]
    for change in stale.changes:
        lines += change_lines(change, named=len(stale.changes) > 1, full=full)
    lines.append(Line(f"  {stale_relation(stale)}"))
    for conversation, where in members:
        lines.append(Line(f"    {conversation.id}, turn {where.turn}, model call {where.model_call}"))
        lines += [Line(f"      breaks: {text}", "failed") for text in where.breaks]
    return [*lines, *_recording("record again", [conversation for conversation, _ in members], command), Line("")]


def _recording(label: str, conversations: Sequence[ConversationResult], command: str) -> list[Line]:
    """The line that records these conversations; none where no command line runs them."""
    return [Line(f"  {label}: {record_command(conversations, command)}")] if command else []
