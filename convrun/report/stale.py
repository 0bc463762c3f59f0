"""What no longer matches its recording, and what has none: the change once, then who it concerns."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from convrun.report.samples import unrecorded
from convrun.report.style import Line
from convrun.report.wording import noun, without_options
from convrun.results import BROKE_OFF, NO_GRADE, NO_VECTOR, NO_WORDS, Change, ConversationResult, Staleness

_SAYING_WHAT = {"--record": 1, "--only": 1}  # options that say what is recorded: what is named is
_NAMED = 3  # ids or specs on one command line; with more, all are recorded together
ENDED = "recording ended"  # the part of the change where the recording holds no more
_SAID_ALREADY = (ENDED, "recording", "turn ")
_ROOM = 12  # lines of a block, unless all of it is asked for
_FEWEST = 3  # conversations that are named at least, and lines that tell the first change
_BROKEN = 2  # recorded calls that are named of one conversation
_TITLED = 3  # parts in a title


def stale_blocks(
    conversations: Sequence[ConversationResult],
    *,
    command: str = "convrun run",
    every: bool = False,
    full: bool = False,
) -> list[Line]:
    """Return a block for each change: what was recorded and what is sent now, then the conversations it makes stale.

    `command` is the start of the line that reproduces this run. `every` conversation is named only where that is asked
    for; `full` leaves nothing out.
    """
    lines: list[Line] = []
    for members in stale_causes(conversations):
        known = [(conversation, conversation.stale) for conversation in members if conversation.stale]
        if known:
            lines += _block(known, command, every=every or full, full=full)
        else:
            lines += [Line(f"STALE {members[0].id}", "stale"), Line("")]
    return lines


def stale_causes(conversations: Sequence[ConversationResult]) -> list[list[ConversationResult]]:
    """Return the stale conversations, those together that one change made stale; last those of which none is known."""
    if not any(conversation.verdict == "stale" or conversation.stale for conversation in conversations):
        return []
    from convrun.report.causes import grouped  # only once something is stale

    return grouped(conversations)


def stale_title(stale: Staleness) -> str:
    """Return what changed in the request, as `system prompt, tool 'find_room' is gone`."""
    parts = list(dict.fromkeys(_titled(change, stale) for change in stale.changes))
    more = [f"{len(parts) - _TITLED + 1} parts more"] if len(parts) > _TITLED else []
    title = ", ".join([*parts[: _TITLED - len(more)], *more]) or "the request"
    return title if stale.lane is None else f"{stale.lane}: {title}"


def stale_place(stale: Staleness) -> str:
    """Return where the recording stopped matching: `turn 2, model call 1`, or whose lane it is."""
    return f"turn {stale.turn}, {f'model call {stale.model_call}' if stale.lane is None else f'lane {stale.lane!r}'}"


def _titled(change: Change, stale: Staleness) -> str:
    if change.part == ENDED:
        new = f"turn {stale.turn} is new"
        return new if stale.model_call == 1 else f"the recording ends before model call {stale.model_call}"
    if change.part.startswith(_SAID_ALREADY) or (change.recorded is None) == (change.now is None):
        return change.part
    return f"{change.part} is {'new' if change.recorded is None else 'gone'}"


def stale_relation(stale: Staleness) -> str:
    """Return how the requests of today stand to the recording."""
    if stale.lane is not None and all(change.part in {NO_GRADE, NO_VECTOR, NO_WORDS} for change in stale.changes):
        return "no usable answer in the recording of"
    if stale.lane is not None and all(change.recorded is None for change in stale.changes):
        return "not in the recording of"
    if all(change.part in {ENDED, BROKE_OFF} for change in stale.changes):
        return "new behind the end of the recording of"
    return "no longer the recorded request of"


def missing_block(conversations: Sequence[ConversationResult], *, command: str = "convrun run") -> list[Line]:
    """Return which conversations have no recording, where it would be, and the command that makes it."""
    missing = [conversation for conversation in conversations if conversation.verdict == "missing"]
    if not missing:
        return []
    number = sum(single.verdict == "missing" for conversation in missing for single in conversation.singles)
    lines = [Line(f"MISSING {noun(number, 'recording')}", "missing")]
    for conversation in missing:
        if conversation.samples is not None:
            lines.append(Line(f"  {conversation.id}: {unrecorded(conversation, conversation.samples)}"))
            continue
        lines.append(Line(f"  {conversation.id}: {conversation.reason or no_cassette(conversation)}"))
        lines += [Line(f"    {conversation.error.message}")] if conversation.error else []
    return [*lines, *_recording("record", missing, command), Line("")]


def no_cassette(conversation: ConversationResult) -> str:
    """Return what a conversation has not, which is missing."""
    return f"no {conversation.cassette or 'cassette'}"


def record_command(conversations: Sequence[ConversationResult], command: str = "convrun run") -> str:
    """Return the command that records these conversations as `command` runs them; fresh ones cost nothing.

    A conversation is recorded with its branches, and a branch whose beginning is not as recorded by what that is of.
    With `-D` it needs a folder of its own for the cassettes, which the user has to name.
    """
    options = without_options(shlex.split(command)[2:], _SAYING_WHAT)
    if "-D" in options and "--cassettes" not in options:
        options += ["--cassettes", "DIR"]
    names = list(dict.fromkeys(conversation.recorded_with for conversation in conversations))
    names = [name for name in names if not any(name.startswith(f"{other}/") for other in names)]
    if len(names) > _NAMED:
        names = list(dict.fromkeys(conversation.spec for conversation in conversations))
    return shlex.join(["convrun", "record", *options, *(names if len(names) <= _NAMED else ())])


def _block(
    members: Sequence[tuple[ConversationResult, Staleness]], command: str, *, every: bool, full: bool
) -> list[Line]:
    from convrun.report.change import changes_lines  # only once something is stale

    stale = members[0][1]
    lines = [Line(f"STALE {stale_title(stale)}", "stale"), Line(f"  {stale_relation(stale)}")]
    again = _recording("record again", [conversation for conversation, _ in members], command)
    room = _ROOM - len(lines) - len(again)
    least = len(_concerned(members, 0 if not every else None))
    changes = changes_lines(stale.changes, full=full, most=max(room - least, _FEWEST))
    concerned = _concerned(members, None if every else room - len(changes))
    return [lines[0], *changes, lines[1], *concerned, *again, Line("")]


def _concerned(members: Sequence[tuple[ConversationResult, Staleness]], room: int | None) -> list[Line]:
    """Who is stale and where, with the recorded calls that break; in about `room` lines, all where that is None."""
    shown = [_member(conversation, stale, whole=room is None) for conversation, stale in members]
    count = len(shown)
    while room is not None and count > _FEWEST and sum(map(len, shown[:count])) + (count < len(shown)) > room:
        count -= 1
    if len(shown) - count == 1:
        count += 1  # its id takes no more than the line that counts it
    more = [Line(f"    and {len(shown) - count} more")] if count < len(shown) else []
    return [line for lines in shown[:count] for line in lines] + more


def _member(conversation: ConversationResult, stale: Staleness, *, whole: bool) -> list[Line]:
    lines = [Line(f"    {conversation.id}, {stale_place(stale)}")]
    broken = stale.breaks if whole or len(stale.breaks) <= _BROKEN else stale.breaks[: _BROKEN - 1]
    lines += [Line(f"      breaks: {text}", "failed") for text in broken]
    left = len(stale.breaks) - len(broken)
    return [*lines, Line(f"      breaks: {left} more", "failed")] if left else lines


def _recording(label: str, conversations: Sequence[ConversationResult], command: str) -> list[Line]:
    """The line that records these conversations; none where no command line runs them."""
    return [Line(f"  {label}: {record_command(conversations, command)}")] if command else []
