"""The key `history`: what was said before the first turn, in short (`{user: Hi}`) or as `to_dict()` writes messages."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import chain
from typing import Any, cast

from convrun import document
from convrun.document import Node, Scalar
from convrun.errors import SpecError, SpecErrors
from convrun.spec import decoding
from convrun.spec.decoding import Mistakes, SpecFile, Table
from convrun.spec.model import HistoryCall, HistoryMessage
from convrun.spec.texts import data, literal_leaf, template
from convrun.templates import Text


def history(node: Node, file: SpecFile) -> tuple[HistoryMessage, ...]:
    """Return the messages in order; every tool call has an id, and is answered before anyone speaks again."""
    return tuple(_answered(_with_ids(list(chain.from_iterable(_entries(node, file))))))


def _entries(node: Node, file: SpecFile) -> tuple[tuple[HistoryMessage, ...], ...]:
    """The messages of each entry; what is right beside a mistake are messages, too."""
    try:
        return _messages(node, file)
    except SpecErrors as found:
        rest = cast("tuple[tuple[HistoryMessage, ...], ...]", found.rest or ())
        raise SpecErrors(found.errors, rest=tuple(chain.from_iterable(rest))) from None


def _message(node: Node, file: SpecFile) -> tuple[HistoryMessage, ...]:
    """The messages of one entry: a long one may hold the results of several tools."""
    entry = decoding.mapping(node, "a message")
    if entry.get("role") is not None:
        return _long(entry, file)
    parts = decoding.record(node, file, _SHORT, of="a message")
    speakers = [name for name in ("user", "assistant", "tool") if name in parts]
    if not speakers and "tool_calls" in parts:
        speakers = ["assistant"]
    if len(speakers) != 1:
        what = "a message needs one of 'user', 'assistant' and 'tool'"
        raise SpecError(what, where=node.where, fix="write one message per entry, as {user: Hi}")
    role = speakers[0]
    _refuse(entry, "tool_calls", role == "assistant", "only an assistant's message has tool calls")
    _refuse(entry, "tool_call_id", role == "tool", "only a tool's message names a tool call")
    return (
        HistoryMessage(
            role=role,
            text=parts.get(role),
            tool_calls=parts.get("tool_calls", ()),
            tool_call_id=parts.get("tool_call_id"),
            where=node.where,
        ),
    )


def _refuse(entry: document.Mapping, name: str, fits: bool, what: str) -> None:
    if not fits and entry.get(name) is not None:
        key = next(key for key, _ in entry.entries if key.text == name)
        raise SpecError(what, where=key.where)


def _long(entry: document.Mapping, file: SpecFile) -> tuple[HistoryMessage, ...]:
    _refuse_content(entry)
    message = decoding.record(entry, file, _LONG, of="a message", required=("parts",))
    role, parts = message["role"], message["parts"]
    texts = [part for part in parts if isinstance(part, Text)]
    calls = tuple(part for part in parts if isinstance(part, HistoryCall))
    results = tuple(part for part in parts if isinstance(part, HistoryMessage))
    if results and (role != "tool" or texts or calls):
        raise SpecError("tool results stand in a message of their own, with `role: tool`", where=entry.where)
    if (calls and role != "assistant") or (role == "tool" and not results):
        raise SpecError(f"a part that does not fit the role {role!r}", where=entry.where)
    if results:
        return results
    if len(texts) > 1:
        raise SpecError("several texts in one message", where=entry.where, fix="join them into one")
    return (HistoryMessage(role=role, text=texts[0] if texts else None, tool_calls=calls, where=entry.where),)


def _refuse_content(entry: document.Mapping) -> None:
    """Raise for a message as the providers' APIs have it: `{role: user, content: Hi}`."""
    role = entry.get("role")
    content = next((key for key, _ in entry.entries if key.text == "content"), None)
    if content is None or entry.get("parts") is not None or not isinstance(role, Scalar):
        return
    if role.text == "system":
        raise SpecError("a system prompt is no message", where=content.where, fix="write it under the spec's `system:`")
    speaker = role.text if role.text in ("user", "assistant", "tool") else "user"
    fix = f"write it as {{{speaker}: …}}, without role and content"
    raise SpecError("unknown key 'content' in a message", where=content.where, fix=fix)


def _part(node: Node, file: SpecFile) -> Text | HistoryCall | HistoryMessage:
    """One part of a long message; a result is already the message it will be."""
    entry = decoding.mapping(node, "a part")
    type_node = entry.get("type")
    if type_node is None:
        raise SpecError("a part needs the key 'type'", where=node.where)
    kind = _part_type(type_node, file)
    if kind == "tool_call":
        return _call(node, file)
    if kind == "tool_result":
        result = decoding.record(node, file, _RESULT, of="a tool result", required=("output",))
        return HistoryMessage(
            role="tool", text=result["output"], tool_call_id=result.get("tool_call_id"), where=node.where
        )
    text: Text = decoding.record(node, file, _TEXT, of="a text part", required=("text",))["text"]
    return text


def _call(node: Node, file: SpecFile) -> HistoryCall:
    parts: dict[str, Any] = decoding.record(node, file, _CALL, of="a tool call", required=("name",))
    identity = parts.get("id") or parts.get("tool_call_id") or ""
    arguments = parts.get("provider_metadata", {}).get("arguments") or parts.get("arguments", "{}")
    return HistoryCall(name=parts["name"], arguments=arguments, id=identity)


def _arguments(node: Node, file: SpecFile) -> str:
    """The arguments as JSON text, which may be given as it is."""
    if isinstance(node, Scalar):
        return decoding.text(node, file)
    decoding.mapping(node, "the arguments")
    return json.dumps(data(node, literal_leaf), ensure_ascii=False)


def _identity(node: Node, file: SpecFile) -> str:
    """The id of a tool call; empty where the provider gave none."""
    given = not (isinstance(node, Scalar) and node.value in ("", None))
    return decoding.identifier(node, file) if given else ""


def _metadata(node: Node, file: SpecFile) -> dict[str, str]:
    """The exact text of the arguments, where it is not the one that they would be written as."""
    return decoding.record(node, file, {"arguments": decoding.text}, of="provider_metadata")


def _nullable(node: Node, file: SpecFile) -> Text | None:
    """A text, or nothing: an assistant that only called tools."""
    return None if isinstance(node, Scalar) and node.value is None else template(node, file)


def _with_ids(messages: list[HistoryMessage]) -> list[HistoryMessage]:
    """The same messages with an id for every call and result: `call_0_<n>`, as they are before the first turn."""
    made: list[HistoryMessage] = []
    waiting: list[str] = []
    count = 0
    for message in messages:
        if message.role == "tool":
            identity = message.tool_call_id or (waiting[0] if waiting else None)
            if identity in waiting:
                waiting.remove(identity)
            made.append(replace(message, tool_call_id=identity))
            continue
        calls = []
        for call in message.tool_calls:
            count += 1
            calls.append(call if call.id else replace(call, id=f"call_0_{count}"))
        waiting = [call.id for call in calls]
        made.append(replace(message, tool_calls=tuple(calls)))
    return made


def _answered(messages: list[HistoryMessage]) -> list[HistoryMessage]:
    """The same messages; a call without result, or a result without call, is a mistake."""
    mistakes = Mistakes()
    waiting: dict[str, HistoryMessage] = {}
    for message in messages:
        with mistakes:
            if message.role == "tool":
                if waiting.pop(message.tool_call_id or "", None) is None:
                    raise SpecError("a tool result without a call before it", where=message.where)
                continue
            _refuse_open(waiting)
        waiting = {call.id: message for call in message.tool_calls}
        with mistakes:
            if len(waiting) < len(message.tool_calls):
                raise SpecError("two tool calls have one id", where=message.where)
    with mistakes:
        _refuse_open(waiting)
    mistakes.stop()
    return messages


def _refuse_open(waiting: dict[str, HistoryMessage]) -> None:
    for identity, message in waiting.items():
        fix = "write its result behind it, as {tool: sunny}"
        raise SpecError(f"the tool call {identity!r} has no result", where=message.where, fix=fix)


_part_type = decoding.choice("text", "tool_call", "tool_result", of="part")
_messages = decoding.listed(_message, of="messages")
_CALL: Table = {
    "name": decoding.word,
    "arguments": _arguments,
    "id": _identity,
    "tool_call_id": _identity,
    "type": _part_type,
    "provider_metadata": _metadata,
}
_RESULT: Table = {
    "type": _part_type,
    "output": template,
    "tool_call_id": _identity,
    "name": decoding.word,
}
_TEXT: Table = {"type": _part_type, "text": template}
_SHORT: Table = {
    "user": template,
    "assistant": _nullable,
    "tool_calls": decoding.listed(_call, of="tool calls", least=1),
    "tool": template,
    "tool_call_id": _identity,
}
_LONG: Table = {
    "role": decoding.choice("user", "assistant", "tool", of="role"),
    "parts": decoding.listed(_part, of="parts", least=1),
}
