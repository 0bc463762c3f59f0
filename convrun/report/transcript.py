"""A recorded conversation, as people read it: who said what, turn by turn."""

from __future__ import annotations

from collections.abc import Mapping

from convrun.report.failure import tool_call
from convrun.report.style import Line
from convrun.report.wording import block, noun
from convrun.results import UsageResult
from convrun.transcript import (
    Asked,
    AttachmentNote,
    LaneRecord,
    ModelCallRecord,
    RecordedConversation,
    RecordedTurn,
    Said,
)
from convrun.values import Json

_NOTHING = Asked()


def conversation_lines(
    conversation: RecordedConversation, *, shown: range | None = None, full: bool = True
) -> list[Line]:
    """Return a conversation: what was asked for at its beginning, its history, its turns.

    `shown` are the indexes of the turns to be shown, all by default. Without `full` long texts are cut.
    """
    turns = conversation.turns
    calls = sum(len(turn.model_calls) for turn in turns)
    head = f"{noun(len(turns), 'turn')}, {noun(calls, 'model call')}, {tokens(conversation.usage)}"
    lines = [Line(head, "dim")]
    before = _NOTHING
    for turn in turns:
        asked: list[Line] = []
        for one in turn.model_calls:
            asked += _asked(before, one.asked, full)
            before = one.asked
        if turn is turns[0]:
            lines += asked
            lines += _history(conversation.history, full)
            asked = []
        if shown is None or turn.index in shown:
            lines += [Line(""), *turn_lines(turn, asked=asked, full=full)]
    if conversation.embeddings:
        lines += [Line(""), Line(f"checks asked for {noun(conversation.embeddings, 'embedding')}", "dim")]
    return lines


def turn_lines(turn: RecordedTurn, *, asked: list[Line] | None = None, name: str = "", full: bool = True) -> list[Line]:
    """Return a turn; `asked` are lines on what was asked for otherwise than before, `name` is the turn's own id."""
    lines = [Line(f"turn {turn.index} ({name})" if name else f"turn {turn.index}")]
    said = [*(asked or []), *block("user", turn.user, full=full), *map(attached, turn.attachments)]
    for one in turn.model_calls:
        said += _model_call(one, full, last=one is turn.last)
    for record in turn.lanes:
        said += _grade(record, full)
    figures = _figures(turn)
    return [*lines, *(line.indented(2) for line in [*said, *([figures] if figures.text else [])])]


def tokens(usage: UsageResult) -> str:
    """Return `12 tokens in, 30 out`, or `1 token in`; what is not known is a question mark."""
    known = [f"{figure:,}" if figure is not None else "?" for figure in (usage.input, usage.output)]
    return f"{known[0]} token{'' if usage.input == 1 else 's'} in, {known[1]} out"


def attached(note: AttachmentNote) -> Line:
    """Return the line of an attachment: what it is called, its type, its size, the beginning of its sha256."""
    size = f"{note.size:,} bytes" if note.size is not None else None
    digest = f"sha256 {note.digest}" if note.digest else None
    return Line(f"attachment: {', '.join(filter(None, (note.name, note.type, size, digest)))}")


def _grade(record: LaneRecord, full: bool) -> list[Line]:
    """What a judge was asked, and said."""
    of = f"{record.lane} of the whole" if record.whole else record.lane
    lines = block(f"{of} ({record.model})", record.about, full=full)
    score = "no score" if record.score is None else f"{record.score:g}"
    return [*lines, *(line.indented(2) for line in block(score, record.reason, full=full))]


def _model_call(call: ModelCallRecord, full: bool, *, last: bool) -> list[Line]:
    lines = block("reasoning", call.reasoning, full=full, role="dim") if call.reasoning else []
    if call.error is not None:
        return [*lines, *block("error", call.error.what, full=full, role="error")]
    if call.refusal is not None:
        lines += block("refusal", call.refusal, full=full)
    if call.text or (last and not call.calls and call.refusal is None):
        lines += block("reply", call.text, full=full)
    for one in call.calls:
        lines += tool_call(one, full=full)
    return [*lines, *map(attached, call.attachments)]


def _figures(turn: RecordedTurn) -> Line:
    """How the turn ended, and what it took."""
    calls = len(turn.model_calls)
    parts = [turn.last.finish_reason or "", noun(calls, "model call") if calls > 1 else ""]
    parts += [tokens(turn.usage)] if any(one.error is None for one in turn.model_calls) else []
    return Line(", ".join(filter(None, parts)), "dim")


def _asked(before: Asked, now: Asked, full: bool) -> list[Line]:
    """What is asked for otherwise than before."""
    lines = [Line(f"model: {now.model}")] if now.model != before.model else []
    if now.system != before.system:
        lines += block("system", now.system if now.system is not None else "", full=full)
    if now.options != before.options:
        lines += block("options", now.options, full=full)
    for name in dict.fromkeys([*before.tools, *now.tools]):
        lines += _tool(name, before.tools.get(name), now.tools.get(name), full)
    return lines


def _tool(name: str, before: Mapping[str, Json] | None, now: Mapping[str, Json] | None, full: bool) -> list[Line]:
    if now == before:
        return []
    if now is None:
        return [Line(f"tool {name}: no longer offered")]
    return block(f"tool {name}", {key: value for key, value in now.items() if key != "name"}, full=full)


def _history(history: tuple[Said, ...], full: bool) -> list[Line]:
    lines = [Line(f"history: {noun(len(history), 'message')}")] if history else []
    for message in history:
        found = block(message.role, message.text, full=full) if message.text or not message.calls else []
        found += [line for call in message.calls for line in tool_call(call, full=full)]
        lines += [line.indented(2) for line in [*found, *map(attached, message.attachments)]]
    return lines
