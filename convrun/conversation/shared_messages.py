"""The messages of a conversation up to some point, in storage that is shared with whatever goes on from there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import overload

from convrun.conversation.messages import Message


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

    def goes_on_from(self, others: Sequence[Message]) -> bool:
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
