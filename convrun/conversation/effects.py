"""What a driver cannot do by itself, because it waits: one implementation does it at once, another is awaited."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from convrun.conversation.backend import Backend, Completion, ModelRequest, StreamEvent
from convrun.conversation.tool_running import Invocation, Outcome


class Effects(Protocol):
    """Performs the steps of drivers.

    `interruptions` are what ends a reading and is no failure of it: raised once, to who is interrupted, and to nobody
    who reads later.
    """

    @property
    def interruptions(self) -> tuple[type[BaseException], ...]:
        """What may end a reading from outside."""
        ...

    async def open(self, backend: Backend, request: ModelRequest) -> Any:
        """Return the source of a reply: an iterator of its items."""
        ...

    async def next_item(self, source: Any) -> StreamEvent | Completion | None:
        """Return the next item of a source, None at its end."""
        ...

    async def close(self, source: Any) -> None:
        """Let go of a source."""
        ...

    async def perform(self, invocation: Invocation) -> Outcome:
        """Call user code and return what came of it."""
        ...

    async def each(self, works: Sequence[Callable[[], Awaitable[None]]]) -> None:
        """Do all of these: in order, or at the same time.

        Raises:
            PauseChain: from one of them; those that were begun are done by then.
            BaseException: whatever else one of them raised; none is going on by then.
        """
        ...

    async def call_back(self, callback: Callable[[Any], object], face: object) -> None:
        """Call `callback` with a response."""
        ...
