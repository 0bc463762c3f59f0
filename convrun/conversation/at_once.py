"""Drivers, run at once: the effects of the sync API. Nothing of it ever waits for an event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextvars import ContextVar
from threading import RLock
from typing import Any, TypeVar

from convrun.conversation.backend import Backend, Completion, ModelRequest, StreamEvent
from convrun.conversation.network import watching
from convrun.conversation.time_limit import within
from convrun.conversation.tool_running import Invocation, Outcome

_Value = TypeVar("_Value")
_inside: ContextVar[frozenset[AtOnce]] = ContextVar("convrun_inside_at_once", default=frozenset())


class AtOnce:
    """Performs each step before it returns; implements `effects.Effects`. Each conversation has one of its own."""

    interruptions: tuple[type[BaseException], ...] = ()

    def __init__(self) -> None:
        self._lock = RLock()
        self._performing = 0  # pieces of user code

    def run(self, work: Coroutine[Any, Any, _Value]) -> _Value:
        """Return what a coroutine of a driver returns, run while no other thread drives the conversation.

        A tool is let through, also where it has a thread of its own: its turn, which waits for it, refuses it.
        """
        if self._performing and self in _inside.get():
            return run(work)
        with self._lock:
            return run(work)

    async def open(self, backend: Backend, request: ModelRequest) -> Iterator[StreamEvent | Completion]:
        """Return the iterator of a reply."""
        return iter(backend.send(request))

    async def next_item(self, source: Iterator[StreamEvent | Completion]) -> StreamEvent | Completion | None:
        """Return the next item, None at the end."""
        return next(source, None)

    async def close(self, source: Any) -> None:
        """Let go of a source."""
        if (close := getattr(source, "close", None)) is not None:
            close()

    async def perform(self, invocation: Invocation) -> Outcome:
        """Call user code, coroutines in a loop of their own, and return what came of it."""
        token = _inside.set(_inside.get() | {self})
        self._performing += 1
        try:
            with watching(invocation.owner):
                value = within(invocation.seconds, invocation.name, invocation.call)
        except GeneratorExit:  # thrown into the steps, a generator, it would say that nobody waits for them
            return Outcome(error=RuntimeError("GeneratorExit"))
        except BaseException as error:  # noqa: BLE001  (the steps decide what it means)
            return Outcome(error=error)
        finally:
            self._performing -= 1
            _inside.reset(token)
        return Outcome(value=value)

    async def each(self, works: Sequence[Callable[[], Awaitable[None]]]) -> None:
        """Do all of these in order, up to the first that raises."""
        for work in works:
            await work()

    async def call_back(self, callback: Callable[[Any], object], face: object) -> None:
        """Call `callback` with a response."""
        callback(face)


def run(work: Coroutine[Any, Any, _Value]) -> _Value:
    """Return what a coroutine of a driver returns, whose effects are those of `AtOnce`: it never suspends."""
    try:
        work.send(None)
    except StopIteration as end:
        found: _Value = end.value
        return found
    raise RuntimeError("a driver that runs at once has waited")
