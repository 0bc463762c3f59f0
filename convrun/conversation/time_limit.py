"""A time limit on user code, and the running of coroutines from sync code."""

from __future__ import annotations

import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import copy_context
from time import monotonic
from types import FrameType
from typing import Any, cast

from convrun.errors import ToolTimeoutError

_AGAIN = 0.1  # seconds until a tool that swallowed the first alarm gets the next


class _TimeUp(BaseException):
    """Raised into a tool by the alarm; no Exception, so that a tool's `except Exception` does not swallow it."""


def within(seconds: float | None, name: str, work: Callable[[], object]) -> object:
    """Return what `work` returns, awaited if it is awaitable.

    On the main thread the work is interrupted when its time is up; elsewhere it runs in a thread of its own and is
    abandoned there.

    Raises:
        ToolTimeoutError: where it took longer than `seconds`; `name` is the tool's.
    """
    if seconds is None:
        return _settled(work)
    if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
        return _interrupted_after(seconds, name, work)
    return _abandoned_after(seconds, name, work)


def _too_slow(name: str, seconds: float) -> ToolTimeoutError:
    return ToolTimeoutError(
        f"tool {name!r} did not return within {seconds:g} s", fix="make it faster, or raise tool_timeout"
    )


def _interrupted_after(seconds: float, name: str, work: Callable[[], object]) -> object:
    armed, rang = True, False

    def ring(_signal: int, _frame: FrameType | None) -> None:
        nonlocal rang
        if armed:
            rang = True
            raise _TimeUp

    started = monotonic()
    previous = signal.signal(signal.SIGALRM, ring)
    left, interval = signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6), _AGAIN)
    try:
        value = _settled(work)
    except BaseException as error:
        armed = False
        if not rang or isinstance(error, KeyboardInterrupt):
            raise
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL if previous is None else previous)
        if left:  # somebody else's alarm goes on, late rather than never
            signal.setitimer(signal.ITIMER_REAL, max(left - (monotonic() - started), 1e-3), interval)
    if rang:  # also where the tool swallowed it, or made another exception of it
        raise _too_slow(name, seconds)
    return value


def _abandoned_after(seconds: float, name: str, work: Callable[[], object]) -> object:
    outcome = _in_thread(lambda: _settled(work), seconds)
    if outcome is None:
        raise _too_slow(name, seconds)
    return outcome()


def _in_thread(work: Callable[[], object], seconds: float | None = None) -> Callable[[], object] | None:
    """Run `work` in a thread with this one's context; return what gives its outcome, None while it is not done."""
    outcome: list[Callable[[], object]] = []
    context = copy_context()

    def run() -> None:
        try:
            value = context.run(work)
        except BaseException as error:  # noqa: BLE001  (handed over to the waiting thread, whatever it is)
            outcome.append(lambda error=error: _raised(error))  # type: ignore[misc]
        else:
            outcome.append(lambda: value)

    thread = threading.Thread(target=run, name="convrun-tool", daemon=True)
    thread.start()
    thread.join(seconds)
    return outcome[0] if outcome else None


def _raised(error: BaseException) -> object:
    raise error


def _settled(work: Callable[[], object]) -> object:
    """What `work` returns; a coroutine is run to its end, in a thread where a loop is running here already."""
    value = work()
    if not isinstance(value, Awaitable):
        return value
    import asyncio  # only where something is async

    coroutine = cast("Coroutine[Any, Any, object]", value) if asyncio.iscoroutine(value) else _awaited(value)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run(coroutine)
    outcome = _in_thread(lambda: _run(coroutine))
    assert outcome is not None  # waited for without a limit of its own
    return outcome()


def _run(coroutine: Coroutine[Any, Any, object]) -> object:
    import asyncio

    try:
        return asyncio.run(coroutine)
    except asyncio.CancelledError as error:  # no Exception, so it would end more than what it was raised in
        raise RuntimeError("the coroutine was cancelled") from error


async def _awaited(value: Awaitable[object]) -> object:
    return await value
