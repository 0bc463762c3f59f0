"""Messages, the parts they are made of, and sequences of them; frozen, so that a history is shared, not copied."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import chain, islice
from typing import Any, Literal, TypeAlias, cast, overload

from convrun.conversation.attachments import Attachment
from convrun.errors import ConversationError
from convrun.frozen import frozen
from convrun.values import Json, JsonObject, show

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


@frozen(kw_only=False)
class TextPart:
    """Text that somebody said; `extra` is what a provider adds of its own, and wants back."""

    text: str
    extra: JsonObject | None = None


@frozen(kw_only=False)
class ReasoningPart:
    """Text of the model's thinking; `field` is the provider's name for it, `details` its own structure, if any."""

    text: str
    field: str = "reasoning"
    details: Json = None


@frozen(kw_only=False)
class RefusalPart:
    """The model's own words for refusing; `extra` is as in a TextPart."""

    text: str
    extra: JsonObject | None = None


@frozen(kw_only=False)
class ToolCallPart:
    """A call the model wants; `arguments` is the text as the provider sent it (empty: no arguments).

    `extra` is what a provider adds of its own, and wants back.
    """

    name: str
    arguments: str = ""
    id: str = ""
    extra: JsonObject | None = None


@frozen(kw_only=False)
class ToolResultPart:
    """What a tool gave back; `tool_call_id` says to which call."""

    tool_call_id: str
    name: str
    output: str


@frozen(kw_only=False)
class AttachmentPart:
    """An image, a document or a sound beside the text."""

    attachment: Attachment


@frozen(kw_only=False)
class ProviderPart:
    """What a provider did by itself beside what it said, as a search; it goes back as it came."""

    item: JsonObject


Part: TypeAlias = TextPart | ReasoningPart | RefusalPart | ToolCallPart | ToolResultPart | AttachmentPart | ProviderPart


@frozen(kw_only=False)
class Message:
    """What one side said at once. A `tool` message holds exactly one ToolResultPart.

    `id` is the provider's id of a reply, where its API can be told to go on from there.
    """

    role: Role
    parts: tuple[Part, ...] = ()
    id: str | None = None

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @classmethod
    def of_attachments(cls, attachments: Iterable[Attachment]) -> Message:
        """Return a user message of nothing but attachments."""
        return cls("user", tuple(AttachmentPart(attachment) for attachment in attachments))

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The calls in this message, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCallPart))

    def to_dict(self) -> JsonObject:
        """Return it as a JSON object, attachments as base64."""
        said: JsonObject = {"role": self.role, "parts": [_part_to_dict(part) for part in self.parts]}
        return said if self.id is None else {**said, "id": self.id}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Message:
        """Return the message that `to_dict` wrote.

        Raises:
            ConversationError: where it is none.
        """
        try:
            return cls(data["role"], tuple(map(_part_from_dict, data["parts"])), data.get("id"))
        except (KeyError, TypeError, ValueError) as error:
            raise ConversationError(
                f"{show(data)} is no message: {error!r}", fix="give what to_dict() returned"
            ) from error


def attachments_in(messages: Iterable[Message]) -> Iterator[Attachment]:
    """Yield the attachments of messages, in order."""
    for message in messages:
        for part in message.parts:
            if isinstance(part, AttachmentPart):
                yield part.attachment


def system(text: str) -> Message:
    """Return a system message."""
    return Message("system", (TextPart(text),))


def user(text: str, *attachments: Attachment) -> Message:
    """Return a user message: the text (none if empty), then the attachments."""
    parts: tuple[Part, ...] = (TextPart(text),) if text or not attachments else ()
    return Message("user", parts + tuple(AttachmentPart(attachment) for attachment in attachments))


def assistant(text: str = "", tool_calls: tuple[ToolCallPart, ...] = ()) -> Message:
    """Return a message of the model: its text (none if empty), then its tool calls."""
    parts: tuple[Part, ...] = (TextPart(text),) if text or not tool_calls else ()
    return Message("assistant", parts + tool_calls)


class MessageLog:
    """What was said in one line of a conversation, without the system message; it only ever grows.

    Who keeps something of each message keeps it by the log, weakly: it stands for its messages, whatever their number.
    """

    __slots__ = ("__weakref__", "said")

    def __init__(self, said: Iterable[Message] = ()) -> None:
        self.said = list(said)


class SharedMessages(Sequence[Message]):
    """Messages that never change, as in a tuple; what goes on from them shares their storage.

    They are the `system` message, if there is one, and the first messages of a `log`, `size` of them. Two that go on
    from the same point in different ways do not see each other: the second one has a log of its own. It equals a tuple
    or list of the same messages, and a slice of it is a tuple.
    """

    __slots__ = ("log", "size", "system")

    log: MessageLog
    system: Message | None
    size: int

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        if isinstance(messages, SharedMessages):
            self.log, self.size, self.system = messages.log, messages.size, messages.system
            return
        said = list(messages)
        self.system = said.pop(0) if said and said[0].role == "system" else None
        self.log, self.size = MessageLog(said), len(said)

    def under(self, system: Message | None) -> SharedMessages:
        """Return the same messages under another system message, or under none."""
        return self._sharing(self.log, self.size, system)

    def then(self, *messages: Message) -> SharedMessages:
        """Return these messages and more behind them."""
        log, count = self.log, self.size
        for message in messages:
            said = log.said
            if len(said) == count:
                said.append(message)
            if said[count] is not message:  # another goes on from here, perhaps in a thread, between the lines above
                log = MessageLog([*said[:count], message])
            count += 1
        return self._sharing(log, count, self.system)

    def since(self, number: int) -> list[Message]:
        """Return the messages behind the first `number` of them, the system message not counted."""
        return self.log.said[number : self.size]

    def goes_on_from(self, others: Sequence[object]) -> bool:
        """Return whether these begin with all of the others; at once where they share their storage."""
        if isinstance(others, SharedMessages) and others.log is self.log and others.system is self.system:
            return others.size <= self.size
        return tuple(islice(self, len(others))) == tuple(others)

    @classmethod
    def _sharing(cls, log: MessageLog, count: int, system: Message | None) -> SharedMessages:
        found = cls.__new__(cls)
        found.log, found.size, found.system = log, count, system
        return found

    @overload
    def __getitem__(self, key: int) -> Message: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[Message, ...]: ...
    def __getitem__(self, key: int | slice) -> Message | tuple[Message, ...]:
        """Return the message of an index, or those of a slice as a tuple."""
        if isinstance(key, slice):
            return tuple(self)[key]
        index = key + len(self) if key < 0 else key
        if not 0 <= index < len(self):
            raise IndexError(f"there is no message {key} of {len(self)}")
        if self.system is None:
            return self.log.said[index]
        return self.log.said[index - 1] if index else self.system

    def __len__(self) -> int:
        return self.size + (self.system is not None)

    def __iter__(self) -> Iterator[Message]:
        said = islice(self.log.said, self.size)
        return said if self.system is None else chain((self.system,), said)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, SharedMessages):
            return len(self) == len(other) and self.goes_on_from(other)
        return tuple(self) == tuple(other) if isinstance(other, tuple | list) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __add__(self, other: Iterable[Message]) -> tuple[Message, ...]:
        return (*self, *other)

    def __radd__(self, other: Iterable[Message]) -> tuple[Message, ...]:
        return (*other, *self)

    def __repr__(self) -> str:
        return repr(tuple(self))

    def __reduce__(self) -> tuple[type[SharedMessages], tuple[tuple[Message, ...]]]:
        return SharedMessages, (tuple(self),)  # without what others have said since


@frozen
class Usage:
    """Tokens as the provider counted them; None where it says nothing. `details` is its own breakdown."""

    input: int | None = None
    output: int | None = None
    details: JsonObject = field(default_factory=dict)


def _part_to_dict(part: Part) -> JsonObject:
    match part:
        case TextPart(text, extra):
            return {"type": "text", "text": text, **_extra_to_dict(extra)}
        case ReasoningPart(text, field, details):
            metadata: JsonObject = {"field": field} if details is None else {"field": field, "details": details}
            return {"type": "reasoning", "text": text, "provider_metadata": metadata}
        case RefusalPart(text, extra):
            return {"type": "refusal", "text": text, **_extra_to_dict(extra)}
        case ToolCallPart(name, arguments, call_id, extra):
            return {"type": "tool_call", "name": name, **_arguments_to_dict(arguments, extra), "tool_call_id": call_id}
        case ToolResultPart(call_id, name, output):
            return {"type": "tool_result", "name": name, "output": output, "tool_call_id": call_id}
        case AttachmentPart(attachment):
            return {"type": "attachment", "attachment": attachment.to_dict()}
        case ProviderPart(item):
            return {"type": "provider", "item": item}


def _extra_to_dict(extra: JsonObject | None) -> JsonObject:
    return {} if extra is None else {"provider_metadata": {"extra": extra}}


def _arguments_to_dict(text: str, extra: JsonObject | None) -> JsonObject:
    """The arguments as an object, and beside them what is extra, and their text where the object would give another."""
    try:
        arguments = json.loads(text)
    except (ValueError, RecursionError):
        arguments = {}
    if not isinstance(arguments, dict):
        arguments = {}
    exact = json.dumps(arguments, ensure_ascii=False) == text
    metadata: JsonObject = ({} if exact else {"arguments": text}) | ({} if extra is None else {"extra": extra})
    return {"arguments": arguments, "provider_metadata": metadata} if metadata else {"arguments": arguments}


def _part_from_dict(data: Mapping[str, Any]) -> Part:
    metadata = data.get("provider_metadata", {})
    match data["type"]:
        case "text":
            return TextPart(data["text"], metadata.get("extra"))
        case "reasoning":
            return ReasoningPart(data["text"], metadata.get("field", "reasoning"), metadata.get("details"))
        case "refusal":
            return RefusalPart(data["text"], metadata.get("extra"))
        case "tool_call":
            text = metadata.get("arguments")
            arguments = json.dumps(data["arguments"], ensure_ascii=False) if text is None else cast(str, text)
            return ToolCallPart(data["name"], arguments, data.get("tool_call_id") or "", metadata.get("extra"))
        case "tool_result":
            return ToolResultPart(data.get("tool_call_id") or "", data["name"], data["output"])
        case "attachment":
            return AttachmentPart(Attachment.from_dict(data["attachment"]))
        case "provider":
            return ProviderPart(data["item"])
        case other:
            raise ValueError(f"{other!r} is no part")
