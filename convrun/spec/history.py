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
from convrun.spec.decoder import Decoder, Key, Mistakes, Record, SpecFile, mapping, takes
from convrun.spec.model import HistoryCall, HistoryMessage
from convrun.spec.texts import data, literal_leaf, template
from convrun.templates import Text


def _history(node: Node, file: SpecFile) -> tuple[HistoryMessage, ...]:
    """The messages in order; every tool call has an id, and is answered before anyone speaks again."""
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
    entry = mapping(node, "a message")
    if entry.get("role") is not None:
        return _long(entry, file)
    parts = _SHORT.values(node, file)
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
    message = _LONG.values(entry, file)
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


def _read_part(node: Node, file: SpecFile) -> Text | HistoryCall | HistoryMessage:
    """One part of a long message; a result is already the message it will be."""
    entry = mapping(node, "a part")
    type_node = entry.get("type")
    if type_node is None:
        raise SpecError("a part needs the key 'type'", where=node.where)
    kind = _part_type(type_node, file)
    if kind == "tool_call":
        return _read_call(node, file)
    if kind == "tool_result":
        result = _RESULT.values(node, file)
        return HistoryMessage(
            role="tool", text=result["output"], tool_call_id=result.get("tool_call_id"), where=node.where
        )
    text: Text = _TEXT.values(node, file)["text"]
    return text


def _read_call(node: Node, file: SpecFile) -> HistoryCall:
    parts: dict[str, Any] = _CALL.values(node, file)
    identity = parts.get("id") or parts.get("tool_call_id") or ""
    arguments = parts.get("provider_metadata", {}).get("arguments") or parts.get("arguments", "{}")
    return HistoryCall(name=parts["name"], arguments=arguments, id=identity)


@takes(type=["object", "string"])
def _arguments(node: Node, file: SpecFile) -> str:
    """The arguments as JSON text, which may be given as it is."""
    if isinstance(node, Scalar):
        return decoding.text(node, file)
    mapping(node, "the arguments")
    return json.dumps(data(node, literal_leaf), ensure_ascii=False)


@takes(type=["string", "number", "null"])
def _identity(node: Node, file: SpecFile) -> str:
    """The id of a tool call; empty where the provider gave none."""
    given = not (isinstance(node, Scalar) and node.value in ("", None))
    return decoding.identifier(node, file) if given else ""


@takes(anyOf=[template, {"type": "null"}])
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
_METADATA = Record(
    of="provider_metadata",
    keys={"arguments": Key(decoding.text, "The arguments to the letter, where their spacing matters.")},
)
_CALL = Record(
    of="a tool call",
    keys={
        "name": Key(decoding.word, "The tool.", required=True),
        "arguments": Key(_arguments, "The arguments, as a mapping or as JSON text."),
        "id": Key(_identity, "The id that the result names; one is made up where none is given."),
        "tool_call_id": Key(_identity, "The same as `id`."),
        "type": Key(_part_type, "`tool_call`."),
        "provider_metadata": Key(Decoder(_METADATA.values, _METADATA), "As `to_dict()` writes it."),
    },
)
_RESULT = Record(
    of="a tool result",
    keys={
        "type": Key(_part_type, "`tool_result`."),
        "output": Key(template, "What the tool returned.", required=True),
        "tool_call_id": Key(_identity, "The call it answers; the first open one where none is named."),
        "name": Key(decoding.word, "The tool."),
    },
)
_TEXT = Record(
    of="a text part",
    keys={"type": Key(_part_type, "`text`."), "text": Key(template, "The text.", required=True)},
)
_call = Decoder(_read_call, _CALL)
_SHORT = Record(
    of="a message",
    keys={
        "user": Key(template, "What the user said."),
        "assistant": Key(_nullable, "What the model replied; null where it only called tools."),
        "tool_calls": Key(decoding.listed(_call, of="tool calls", least=1), "What the model called."),
        "tool": Key(template, "What a tool returned."),
        "tool_call_id": Key(_identity, "The call it answers; the first open one where none is named."),
    },
)
_part = Decoder(_read_part, {"anyOf": [_TEXT, _CALL, _RESULT]})
_LONG = Record(
    of="a message",
    form="a message as to_dict() writes it",
    keys={
        "role": Key(decoding.choice("user", "assistant", "tool", of="role"), "Who speaks.", required=True),
        "parts": Key(decoding.listed(_part, of="parts", least=1), "What the message is made of.", required=True),
    },
)
_messages = decoding.listed(Decoder(_message, {"anyOf": [_SHORT, _LONG]}), of="messages")
history = Decoder(_history, _messages.shape)
