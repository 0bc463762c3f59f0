"""The parts in which two recorded turns differ, named as people name them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from convrun.results import ToolCallResult, UsageResult
from convrun.review.pairing import pairs_of
from convrun.transcript import Asked, AttachmentNote, LaneRecord, PartDifference, RecordedTurn, Said
from convrun.values import Json, canonical, equal, show

_DEEPEST = 20  # levels of arguments that are gone into; below, the whole value is told
USAGE = "tokens"


def turn_parts(old: RecordedTurn, new: RecordedTurn) -> list[PartDifference]:
    """Return what differs between two turns, in the order in which it was said, but for what was asked beside it."""
    return [
        *_part("user text", old.user, new.user),
        *_listed("attachment", old.attachments, new.attachments),
        *_part("model calls", len(old.model_calls), len(new.model_calls)),
        *_part("reasoning", _reasoning(old), _reasoning(new)),
        *_part("text beside the calls", _beside(old), _beside(new)),
        *_call_parts(old.calls, new.calls),
        *_listed("attachment of a result", _behind(old), _behind(new)),
        *_part("reply", old.last.text or None, new.last.text or None),
        *_part("refusal", old.last.refusal, new.last.refusal),
        *_part("error", _error(old), _error(new)),
        *_part("finish reason", old.last.finish_reason, new.last.finish_reason),
        *_grade_parts(old.lanes, new.lanes),
    ]


def _grade_parts(old: Sequence[LaneRecord], new: Sequence[LaneRecord]) -> Iterator[PartDifference]:
    """The grades of two turns by their rubrics: those of both that differ, and those that only one has."""
    before, after = ({(one.lane, one.whole, one.about): one for one in side} for side in (old, new))
    for key in dict.fromkeys([*before, *after]):
        name = f"{key[0]} of {'the whole by ' if key[1] else ''}{show(key[2], 60)}"
        found = _part(name, _grade(before.get(key)), _grade(after.get(key)))
        yield from (replace(one, grade=True) for one in found)


def _grade(record: LaneRecord | None) -> Json:
    if record is None:
        return None
    return f"{'no score' if record.score is None else f'{record.score:g}'}: {record.reason}"


def usage_part(old: UsageResult, new: UsageResult) -> list[PartDifference]:
    """Return the tokens of both, if they differ."""
    return list(_part(USAGE, _tokens(old), _tokens(new)))


def asked_parts(old: Asked, new: Asked) -> list[PartDifference]:
    """Return what differs between two requests beside their messages."""
    found = [*_part("model", old.model, new.model), *_part("system prompt", old.system, new.system)]
    for key in dict.fromkeys([*old.options, *new.options]):
        found += _part(f"option {key!r}", old.options.get(key), new.options.get(key))
    for name in dict.fromkeys([*old.tools, *new.tools]):
        found += _tool_parts(name, old.tools.get(name), new.tools.get(name))
    order = [name for name in old.tools if name in new.tools], [name for name in new.tools if name in old.tools]
    return [*found, *_part("order of the tools", [*order[0]], [*order[1]])]


def history_parts(old: Sequence[Said], new: Sequence[Said]) -> list[PartDifference]:
    """Return what differs between the messages that two conversations began with."""
    before, after = [_said(one) for one in old], [_said(one) for one in new]
    found: list[PartDifference] = []
    for one, other in pairs_of([(before, after)]):
        number = (other if other is not None else one or 0) + 1
        old_text = before[one] if one is not None else None
        found += _part(f"history, message {number}", old_text, after[other] if other is not None else None)
    return found


def identity(turn: RecordedTurn) -> str:
    """Return what tells a turn from others: what the user says, the calls and the reply."""
    said: list[Json] = [turn.user, turn.last.text, turn.last.refusal, *map(_call_text, turn.calls)]
    return canonical(said)


def _part(name: str, old: Json, new: Json) -> Iterator[PartDifference]:
    if not equal(old, new):
        yield PartDifference(part=name, old=old, new=new)


def _listed(name: str, old: Sequence[AttachmentNote], new: Sequence[AttachmentNote]) -> Iterator[PartDifference]:
    before, after = [*map(noted, old)], [*map(noted, new)]
    for index in range(max(len(before), len(after))):
        one, other = (side[index] if index < len(side) else None for side in (before, after))
        yield from _part(f"{name} {index + 1}", one, other)


def noted(note: AttachmentNote) -> str:
    """Return an attachment in words: `image/png, 130 bytes, 3fa2c1b0`."""
    size = f"{note.size:,} bytes" if note.size is not None else None
    return ", ".join(filter(None, (note.name, note.type, size, note.digest)))


def _call_parts(old: Sequence[ToolCallResult], new: Sequence[ToolCallResult]) -> Iterator[PartDifference]:
    exact = [_call_text(call) for call in old], [_call_text(call) for call in new]
    names = [call.name for call in old], [call.name for call in new]
    for one, other in pairs_of([exact, names]):
        before, after = old[one] if one is not None else None, new[other] if other is not None else None
        number = (other if other is not None else one or 0) + 1
        if before is None or after is None or before.name != after.name:
            yield PartDifference(part=f"call {number}", old=_shown(before), new=_shown(after), literal=True)
        else:
            name = f"call {number}, {after.name}"
            yield from _argument_parts(f"{name}: $", before.arguments, after.arguments)
            yield from _part(f"{name}: result", before.result, after.result)


def _argument_parts(path: str, old: Json, new: Json, depth: int = 0) -> Iterator[PartDifference]:
    """Each place where arguments differ, as a JSONPath; there null is a value like others."""
    if equal(old, new):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping) and depth < _DEEPEST:
        for key in dict.fromkeys([*old, *new]):
            place = f"{path}.{key}" if key.isidentifier() else f"{path}[{key!r}]"
            if key in old and key in new:
                yield from _argument_parts(place, old[key], new[key], depth + 1)
            else:
                was, now = (_json(side[key]) if key in side else None for side in (old, new))
                yield PartDifference(part=place, old=was, new=now, literal=True)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new) and depth < _DEEPEST:
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _argument_parts(f"{path}[{index}]", one, other, depth + 1)
    elif isinstance(old, str) and isinstance(new, str) and "\n" in f"{old}{new}":
        yield PartDifference(part=path, old=old, new=new)
    else:
        yield PartDifference(part=path, old=_json(old), new=_json(new), literal=True)


def _tool_parts(name: str, old: Mapping[str, Json] | None, new: Mapping[str, Json] | None) -> Iterator[PartDifference]:
    if old is None or new is None:
        yield from _part(f"tool {name!r}", _plain(old), _plain(new))
        return
    for key in dict.fromkeys([*old, *new]):
        part = "schema" if key == "parameters" else key
        yield from _part(f"tool {name!r}: {part}", old.get(key), new.get(key))


def _plain(value: Mapping[str, Json] | None) -> Json:
    return None if value is None else dict(value)


def _call_text(call: ToolCallResult) -> str:
    return f"{call.name}({canonical(call.arguments)})"


def _shown(call: ToolCallResult | None) -> Json:
    if call is None:
        return None
    return f"{call.name}({call.arguments if isinstance(call.arguments, str) else _json(call.arguments)})"


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def _reasoning(turn: RecordedTurn) -> Json:
    return _joined(one.reasoning for one in turn.model_calls)


def _beside(turn: RecordedTurn) -> Json:
    return _joined(one.text for one in turn.model_calls[:-1])


def _joined(texts: Iterable[str]) -> Json:
    return "\n\n".join(filter(None, texts)) or None


def _behind(turn: RecordedTurn) -> tuple[AttachmentNote, ...]:
    return tuple(note for one in turn.model_calls for note in one.attachments)


def _error(turn: RecordedTurn) -> Json:
    return turn.last.error.what if turn.last.error else None


def _tokens(usage: UsageResult) -> Json:
    return {"input": usage.input, "output": usage.output}


def _said(message: Said) -> str:
    calls = "".join(f"\n{_shown(call)}" for call in message.calls)
    notes = "".join(f"\n{noted(note)}" for note in message.attachments)
    return f"{message.role}: {message.text}{calls}{notes}"
