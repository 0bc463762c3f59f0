"""Messages and tools as they go out: each is encoded once, for all requests of all conversations of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Lock
from weakref import WeakKeyDictionary

from convrun.conversation.backend import ToolSchema
from convrun.conversation.messages import Message, MessageLog, SharedMessages
from convrun.values import Json, JsonObject
from convrun.wire import Growing

_SLACK = 4096  # encoded messages kept beyond those of the latest request, for other conversations of the same model


class _Encoded:
    """The messages of a log as far as they were encoded, and what all its bodies begin with.

    `ends` says for each message how many entries there are up to it.
    """

    __slots__ = ("ends", "origin", "said", "system")

    def __init__(self) -> None:
        self.said: list[Json] = []
        self.ends: list[int] = []
        self.system: Message | None = None
        self.origin: list[Json] = []  # the system message, encoded; another list for another one


class EncodedMessages:
    """What messages are encoded to. Conversations may take turns, also in threads.

    `encode` returns the entries of a message in a body's list; it is also given the messages before it, the last first.
    """

    def __init__(self, encode: Callable[[Message, Iterable[Message]], Sequence[Json]]) -> None:
        self._encode = encode
        self._logs: WeakKeyDictionary[MessageLog, _Encoded] = WeakKeyDictionary()
        self._entries: dict[int, tuple[Message, Sequence[Json]]] = {}  # by identity; the Message keeps its id its own
        self._encoding = Lock()  # branches share a log

    def __len__(self) -> int:
        """Return how many messages are kept."""
        return len(self._entries)

    def of(self, messages: Sequence[Message], *, first: int = 0, system: bool = True) -> list[Json]:
        """Return the entries of all messages from the one numbered `first` on; without `system` not the system message.

        What the log of the conversation has more than last time is encoded, the others are the same objects again.
        """
        shared = SharedMessages(messages)
        with self._encoding:
            known = self._logs.get(shared.log)
            if known is None:
                known = self._logs[shared.log] = _Encoded()
            for number in range(len(known.ends), shared.size):
                known.said += self._of(shared.log.said[number], _backwards(shared.log.said, number))
                known.ends.append(len(known.said))
            if system and known.system is not shared.system:
                known.system = shared.system
                known.origin = [] if shared.system is None else [*self._of(shared.system, ())]
            if len(self._entries) > len(shared) + _SLACK:
                kept = {id(message): self._entries.get(id(message)) for message in shared}
                self._entries = {identity: entry for identity, entry in kept.items() if entry is not None}
            end = known.ends[shared.size - 1] if shared.size else 0
            said = known.said if len(known.said) == end else known.said[:end]
            skipped = first - (shared.system is not None)
            return Growing(known.origin, said) if skipped <= 0 else said[known.ends[skipped - 1] :]

    def _of(self, message: Message, before: Iterable[Message]) -> Sequence[Json]:
        entry = self._entries.get(id(message))
        if entry is None:
            entry = self._entries[id(message)] = (message, self._encode(message, before))
        return entry[1]


class EncodedTools:
    """What tools are encoded to; `encode` returns the entry of one."""

    def __init__(self, encode: Callable[[ToolSchema], JsonObject]) -> None:
        self._encode = encode
        self._entries: dict[int, tuple[ToolSchema, JsonObject]] = {}

    def of(self, tools: Iterable[ToolSchema]) -> list[Json]:
        """Return the entries; a tool that was encoded before has the same object again."""
        return [self._of(tool) for tool in tools]

    def _of(self, tool: ToolSchema) -> JsonObject:
        entry = self._entries.get(id(tool))
        if entry is None:
            if len(self._entries) > _SLACK:
                self._entries = {}
            entry = self._entries[id(tool)] = (tool, self._encode(tool))
        return entry[1]


def _backwards(said: Sequence[Message], end: int) -> Iterator[Message]:
    """The messages before a place in a log, the last first."""
    return (said[number] for number in range(end - 1, -1, -1))
