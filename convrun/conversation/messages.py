"""Messages, the parts they are made of, and sequences of them; frozen, so that a history is shared, not copied."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, get_args, overload

from convrun.conversation.attachments import Attachment
from convrun.frozen import frozen
from convrun.values import Json, JsonObject, is_deep

if TYPE_CHECKING:
    from convrun.conversation.persistence.kept_value import KeptValue

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


_PART_TYPES = ("text", "reasoning", "refusal", "tool_call", "tool_result", "attachment", "provider")

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
        from convrun.conversation.persistence.kept_value import KeptValue  # few programs rebuild messages

        return message_of(KeptValue(data, "message"))


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

    __slots__ = ("__weakref__", "_called", "_searched", "said")

    def __init__(self, said: Iterable[Message] = ()) -> None:
        self.said = list(said)
        self._called: dict[str, int] = {}  # where the id of a tool call is first, as far as was looked
        self._searched = 0

    def first_call(self, identifier: str) -> int | None:
        """Return where the first tool call of this id is, None where there is none."""
        while self._searched < len(self.said):  # of two threads that look at once, both find the same
            place = self._searched
            for call in self.said[place].tool_calls:
                self._called.setdefault(call.id, place)
            self._searched = place + 1
        return self._called.get(identifier)


class CalledIds(Container[str]):
    """The ids of the tool calls in some messages; what was looked through once is not looked through again."""

    __slots__ = ("_messages",)

    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages = SharedMessages(messages)

    def __contains__(self, identifier: object) -> bool:
        place = self._messages.log.first_call(identifier) if isinstance(identifier, str) else None
        return place is not None and place < self._messages.size


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
        exact = json.dumps(arguments, ensure_ascii=False, allow_nan=False) == text
    except (ValueError, RecursionError):  # no JSON; NaN and what is infinite are none either
        arguments, exact = {}, False
    if not isinstance(arguments, dict) or is_deep(arguments, text):
        arguments, exact = {}, False
    metadata: JsonObject = ({} if exact else {"arguments": text}) | ({} if extra is None else {"extra": extra})
    return {"arguments": arguments, "provider_metadata": metadata} if metadata else {"arguments": arguments}


def message_of(kept: KeptValue) -> Message:
    """Return the message that `Message.to_dict` wrote.

    Raises:
        ConversationError: where it is none.
    """
    role = cast(Role, kept["role"].one_of(get_args(Role)))
    parts = tuple(_part_of(part) for part in kept["parts"].items())
    if role == "tool" and [type(part) for part in parts] != [ToolResultPart]:
        raise kept["parts"].wrong("is not one tool_result, as in each message of a tool")
    return Message(role, parts, kept.get("id").text_or_none())


def attachment_of(kept: KeptValue) -> Attachment:
    """Return the attachment that `Attachment.to_dict` wrote.

    Raises:
        ConversationError: where it is none, or names a file.
    """
    if "path" in kept.mapping():  # who keeps it elsewhere would let others say which file is read
        raise kept.wrong("names a file, which is not read", fix="give its content, as to_dict() does")
    with kept.located():
        found = Attachment.from_dict(kept.mapping())
        if not found.is_link or found.type is not None:
            found.resolve_type()
    return found


def _part_of(kept: KeptValue) -> Part:
    kind = kept["type"].one_of(_PART_TYPES)
    if kind == "attachment":
        return AttachmentPart(attachment_of(kept["attachment"]))
    if kind == "provider":
        return ProviderPart(kept["item"].json_object())
    metadata = kept.get("provider_metadata", {})
    extra = metadata.get("extra").json_object_or_none()
    if kind == "tool_call":
        text = metadata.get("arguments").text_or_none()
        if text is None:
            text = json.dumps(kept["arguments"].json_object(), ensure_ascii=False)
        return ToolCallPart(kept["name"].text(), text, kept.get("tool_call_id", "").text(), extra)
    if kind == "tool_result":
        called = kept.get("tool_call_id", "").text()
        return ToolResultPart(called, kept["name"].text(), kept["output"].text())
    said = kept["text"].text()
    if kind == "reasoning":
        field = metadata.get("field", "reasoning").text()
        return ReasoningPart(said, field, metadata.get("details").json())
    return TextPart(said, extra) if kind == "text" else RefusalPart(said, extra)
