"""What differs in the messages of two requests: which are new or gone, and in the others the part that changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from convrun.cassette.canonical import Links, linked, merged, plain_message
from convrun.cassette.stale.attached import described, is_attachment, only_attachments
from convrun.cassette.stale.change import Change, suspected
from convrun.cassette.stale.hints import shared
from convrun.frozen import frozen
from convrun.values import Json, JsonObject, canonical, equal

_NAMES = {
    "system": "system prompt",
    "developer": "system prompt",
    "user": "user text",
    "assistant": "reply in the history",
}
_MOST = 2_000  # messages that are aligned; in longer ones they are compared one by one


@frozen
class _Place:
    """A message as it is compared, with its path; the tool a result is of, and how `part` names it for people."""

    message: JsonObject
    path: str
    part: str
    tool: str | None = None

    @property
    def unlinked(self) -> str:
        """The message without what links calls and results, as text: another call before it does not change it."""
        message = {key: value for key, value in self.message.items() if key != "tool_call_id"}
        calls = message.get("tool_calls")
        if isinstance(calls, list):
            message["tool_calls"] = [call | {"id": None} if isinstance(call, dict) else call for call in calls]
        return canonical(message)


def message_changes(before: JsonObject, after: JsonObject) -> Iterator[Change]:
    """Yield what differs in the messages of two bodies, in their order."""
    old, new = _places(before), _places(after)
    count = 0
    for was, now in _pairs(old, new):
        for change in _changes(was, now):
            count += 1
            yield change
    if not count:  # the same words, but results that answer other calls
        for was, now in zip(old, new, strict=False):
            if not equal(was.message, now.message):
                yield Change(path=now.path, part=now.part, recorded=described(was.message), now=described(now.message))


def _pairs(old: Sequence[_Place], new: Sequence[_Place]) -> Iterator[tuple[_Place | None, _Place | None]]:
    """The messages that differ, each with the one that it was or is; None where there is none."""
    before, after = [place.unlinked for place in old], [place.unlinked for place in new]
    start = shared(before, after)
    end = shared(before[start:][::-1], after[start:][::-1])
    old, new = old[start : len(old) - end], new[start : len(new) - end]
    before, after = before[start : len(before) - end], after[start : len(after) - end]
    if _roles(old) == _roles(new) or max(len(old), len(new)) > _MOST:
        yield from _replaced(old, new)
        return
    from difflib import SequenceMatcher  # only where messages are new or gone

    for kind, i, j, k, m in SequenceMatcher(None, before, after).get_opcodes():
        if kind != "equal":
            yield from _replaced(old[i:j], new[k:m])


def _replaced(old: Sequence[_Place], new: Sequence[_Place]) -> Iterator[tuple[_Place | None, _Place | None]]:
    """Messages of the same roles one by one, as far as they go; the others are gone, or new."""
    same = shared(_roles(old), _roles(new))
    yield from zip(old[:same], new[:same], strict=True)
    yield from ((place, None) for place in old[same:])
    yield from ((None, place) for place in new[same:])


def _roles(places: Iterable[_Place]) -> list[Json]:
    return [place.message.get("role") for place in places]


def _places(body: JsonObject) -> list[_Place]:
    """The messages as they are compared: plain, neighbours merged, ids as numbers."""
    groups = _groups(body.get("messages"))
    said = (index for index, plain in groups if plain.get("role") == "user" and not only_attachments(plain))
    newest = max(said, default=-1)
    links, names, places = Links(), list[str](), list[_Place]()
    role: Json = None
    for index, plain in groups:
        message = linked(plain, links)
        names += _called(message)
        answered = message.get("tool_call_id")
        tool = names[answered] if isinstance(answered, int) and answered < len(names) else None
        before, role = role, message.get("role")
        part = _part(message, tool=tool, attached=before == "tool" and only_attachments(message), past=index < newest)
        places.append(_Place(message=message, path=f"/messages/{index}", tool=tool, part=part))
    return places


def _groups(messages: Json) -> list[tuple[int, JsonObject]]:
    groups: list[tuple[int, JsonObject]] = []
    for index, message in enumerate(messages if isinstance(messages, list) else []):
        plain: JsonObject = plain_message(message) if isinstance(message, dict) else {"": message}
        both = merged(groups[-1][1], plain) if groups else None
        if both is not None:
            groups[-1] = (groups[-1][0], both)
        else:
            groups.append((index, plain))
    return groups


def _called(message: JsonObject) -> list[str]:
    calls = message.get("tool_calls")
    found = []
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(call, dict):
            found.append(str(function.get("name")) if isinstance(function, dict) else "?")
    return found


def _part(message: JsonObject, *, tool: str | None, attached: bool, past: bool) -> str:
    role = str(message.get("role"))
    if role == "tool":
        return f"tool result of {tool!r}" if tool else "tool result"
    if attached:
        return "attachment of a tool result"
    return "user text in the history" if role == "user" and past else _NAMES.get(role, f"message of {role!r}")


def _changes(old: _Place | None, new: _Place | None) -> Iterator[Change]:
    """What differs in one message: the one key, the parts of its content, else all of it."""
    if old is None or new is None:
        if old is not None:
            yield Change(path=old.path, part=old.part, recorded=_said(old.message))
        if new is not None:
            yield Change(path=new.path, part=new.part, now=_said(new.message))
        return
    keys = [key for key in dict.fromkeys([*old.message, *new.message]) if key != "tool_call_id"]
    differing = [key for key in keys if not equal(old.message.get(key), new.message.get(key))]
    if differing == ["tool_calls"] and old.unlinked == new.unlinked:
        return
    if len(differing) > 1:
        yield Change(path=new.path, part=new.part, recorded=described(old.message), now=described(new.message))
    for key in differing if len(differing) == 1 else ():
        path, recorded, now = f"{new.path}/{key}", old.message.get(key), new.message.get(key)
        if key == "content" and any(map(is_attachment, [*_parts(recorded), *_parts(now)])):
            yield from _content_changes(new.part, path, recorded, now)
        else:
            yield suspected(Change(path=path, part=new.part, recorded=recorded, now=now), tool=new.tool)


def _content_changes(name: str, path: str, recorded: Json, now: Json) -> Iterator[Change]:
    """What differs in contents of which one is a list of parts: its text, its attachments."""
    old, new = _parts(recorded), _parts(now)
    start = shared(list(map(canonical, old)), list(map(canonical, new)))
    several = max(sum(map(is_attachment, old)), sum(map(is_attachment, new))) > 1
    for index in range(start, max(len(old), len(new))):
        before, after = (parts[index] if index < len(parts) else None for parts in (old, new))
        if before is not None and after is not None and equal(before, after):
            continue
        attached = is_attachment(before) or is_attachment(after)
        part = (f"attachment {index}" if several else "attachment") if attached and "attach" not in name else name
        texts = [
            side["text"] if isinstance(side, dict) and side.keys() == {"type", "text"} else None
            for side in (before, after)
        ]
        if None not in texts:
            yield suspected(Change(path=f"{path}/{index}/text", part=part, recorded=texts[0], now=texts[1]))
        else:
            yield Change(path=f"{path}/{index}", part=part, recorded=described(before), now=described(after))


def _text(part: Json) -> str | None:
    """The text of a part that is nothing else."""
    text = part.get("text") if isinstance(part, dict) and part.keys() == {"type", "text"} else None
    return text if isinstance(text, str) else None


def _parts(content: Json) -> list[Json]:
    """Content as a list of parts."""
    if isinstance(content, list):
        return content
    return [] if content is None or content == "" else [{"type": "text", "text": content}]


def _said(message: JsonObject) -> Json:
    return described(message.get("content", message) if message.keys() <= {"role", "content"} else message)
