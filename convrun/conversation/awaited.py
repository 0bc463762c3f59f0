"""Drivers, awaited: the effects of the async API. One conversation goes on in one task at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from inspect import isawaitable
from threading import Lock
from time import monotonic
from typing import Any, TypeVar

from convrun.conversation.backend import Backend, Completion, ModelRequest, StreamEvent
from convrun.conversation.network import watching
from convrun.conversation.time_limit import too_slow, within
from convrun.conversation.tool_running import Invocation, Outcome
from convrun.errors import ConversationError, PauseChain

_Value = TypeVar("_Value")
_inside: ContextVar[frozenset[Awaited]] = ContextVar("convrun_inside", default=frozenset())


class _Lane:
    """Where the tasks of one event loop wait for each other: a lock that they have waited for belongs to their loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self.loop = loop
        self.lock = asyncio.Lock()
        self.tasks = 0  # that wait or go on


class Awaited:
    """Performs steps in the running event loop; implements `effects.Effects`. Each conversation has one of its own."""

    interruptions: tuple[type[BaseException], ...] = (asyncio.CancelledError, GeneratorExit)

    def __init__(self) -> None:
        self._lane = _Lane(None)
        self._changing = Lock()  # loops of several threads may come at once
        self._opened: asyncio.AbstractEventLoop | None = None  # the loop that a reply is under way in
        self._performing = 0  # pieces of user code

    async def alone(self, work: Callable[[], Coroutine[Any, Any, _Value]]) -> _Value:
        """Return what `work` returns, awaited while no other task drives the conversation.

        Raises:
            ConversationError: in a tool or hook of the conversation itself, which would wait for ever; and where
                another event loop goes on with it.
        """
        if self._performing and self in _inside.get():
            raise ConversationError(
                "a tool, hook or callback prompts or keeps the conversation that is waiting for it",
                fix="use another conversation there, and keep this one once its chain is over or has paused",
            )
        lane = self._entered(asyncio.get_running_loop())
        try:
            async with lane.lock:
                return await work()
        finally:
            lane.tasks -= 1

    def _entered(self, loop: asyncio.AbstractEventLoop) -> _Lane:
        """The lane of a loop, with one more task in it."""
        with self._changing:
            lane = self._lane
            if loop is not lane.loop:
                if lane.loop is not None and not lane.loop.is_closed() and (lane.tasks or self._opened is lane.loop):
                    raise ConversationError(
                        "two event loops use one conversation at the same time",
                        fix="read its replies in one loop; let each loop have conversations of its own",
                    )
                lane = self._lane = _Lane(loop)
            lane.tasks += 1
            return lane

    async def open(self, backend: Backend, request: ModelRequest) -> AsyncIterator[StreamEvent | Completion]:
        """Return the async iterator of a reply; a backend that has none is asked at once."""
        self._opened = asyncio.get_running_loop()
        asend = getattr(backend, "asend", None)
        if asend is not None:
            source: AsyncIterator[StreamEvent | Completion] = asend(request)
            return source
        return _at_once(backend, request)

    async def next_item(self, source: AsyncIterator[StreamEvent | Completion]) -> StreamEvent | Completion | None:
        """Return the next item, None at the end.

        Raises:
            ConversationError: where the loop that it was begun in is over, and the connection with it.
        """
        opened, self._opened = self._opened, None
        if opened is not asyncio.get_running_loop():
            raise ConversationError(
                "this reply was begun in an event loop that has ended before it was whole",
                fix="prompt again, and read the reply to its end in one loop",
            )
        item = await anext(source, None)
        if item is not None:
            self._opened = opened
        return item

    async def close(self, source: Any) -> None:
        """Let go of a source; that of a loop that is over has gone with it."""
        opened, self._opened = self._opened, None
        if opened is asyncio.get_running_loop() and (close := getattr(source, "aclose", None)) is not None:
            await close()

    async def perform(self, invocation: Invocation) -> Outcome:
        """Call user code, await what it returns if that can be awaited, and return what came of it."""
        try:
            with self._performed():
                return Outcome(value=await _settled(invocation))
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            return Outcome(error=RuntimeError("the coroutine was cancelled"))
        except GeneratorExit:
            raise
        except BaseException as error:  # noqa: BLE001  (the steps decide what it means)
            return Outcome(error=error)

    async def each(self, works: Sequence[Callable[[], Awaitable[None]]]) -> None:
        """Do all of these at the same time, begun in order."""
        if len(works) == 1:
            await works[0]()
            return
        tasks = [asyncio.ensure_future(_task_of(work)) for work in works]
        try:
            waiting = set(tasks)
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
                if any(_fatal(task) for task in done):
                    break
        finally:
            await _stopped(tasks)
        errors = [error for task in tasks if not task.cancelled() and (error := task.exception()) is not None]
        for error in sorted(errors, key=lambda error: isinstance(error, PauseChain)):
            raise error

    async def call_back(self, callback: Callable[[Any], object], face: object) -> None:
        """Call `callback` with a response, and await what it returns if that can be awaited."""
        with self._performed():
            result = callback(face)
            if isawaitable(result):
                await result

    @contextmanager
    def _performed(self) -> Iterator[None]:
        """User code is under way, which may not wait for the conversation that waits for it."""
        token = _inside.set(_inside.get() | {self})
        self._performing += 1
        try:
            yield
        finally:
            self._performing -= 1
            _inside.reset(token)


async def _at_once(backend: Backend, request: ModelRequest) -> AsyncIterator[StreamEvent | Completion]:
    for item in backend.send(request):
        yield item


async def _settled(invocation: Invocation) -> object:
    """What user code returns. Its own time limit holds for the calling and the awaiting together."""
    seconds, began = invocation.seconds, monotonic()
    with watching(invocation.owner):
        try:
            value = within(seconds, invocation.name, invocation.call, awaits=False)
        except GeneratorExit as error:
            raise _no_closing() from error
        if not isawaitable(value):
            return value
        limit = None if seconds is None else max(seconds - (monotonic() - began), 0.0)
        try:
            async with asyncio.timeout(limit) as waiting:
                value = await _Own(value)
        except TimeoutError:
            if not waiting.expired():
                raise
        if waiting.expired() and seconds is not None:  # also where the code swallowed it
            raise too_slow(invocation.name, seconds)
        return value


class _Own:
    """Awaits what user code returned; a GeneratorExit of its own is told from one that closes who waits for it."""

    def __init__(self, value: Awaitable[object]) -> None:
        self._value = value

    def __await__(self) -> Generator[Any, Any, object]:
        awaited = _value_of(self._value)
        step: Callable[[], Any] = partial(awaited.send, None)
        while True:
            try:
                waits_for = step()
            except StopIteration as end:
                return end.value
            except GeneratorExit as error:
                raise _no_closing() from error
            try:
                step = partial(awaited.send, (yield waits_for))
            except GeneratorExit:
                awaited.close()
                raise
            except BaseException as error:  # noqa: BLE001  (it is for who waits)
                step = partial(awaited.throw, error)


async def _value_of(value: Awaitable[object]) -> object:
    return await value


def _no_closing() -> RuntimeError:
    """What stands for a GeneratorExit of user code, which would tell the steps that nobody waits for them."""
    return RuntimeError("GeneratorExit")


async def _task_of(work: Callable[[], Awaitable[None]]) -> None:
    await work()


def _fatal(task: asyncio.Task[None]) -> bool:
    """Whether what a task raised ends the turn, so that nobody waits for the others."""
    return task.cancelled() or not isinstance(task.exception(), PauseChain | None)


async def _stopped(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel what is not done, and wait until nothing is going on."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
