"""A time limit on user code, and the running of coroutines from sync code."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from time import monotonic
from types import FrameType
from typing import Any, NoReturn, cast

from convrun.errors import ToolTimeoutError

_AGAIN = 0.1  # seconds until a tool that swallowed the first alarm gets the next
_GRACE = 5.0  # seconds past its limit that a tool may swallow alarms, before the process ends
_LONGEST = 1e7  # seconds; systems have no timers for much more, and a limit of months is none
_ERROR = 4  # the exit code of an error while running


class TimeUp(BaseException):
    """Raised into a tool by the alarm; no Exception, so that a tool's `except Exception` does not swallow it."""


def within(seconds: float | None, name: str, work: Callable[[], object], *, awaits: bool = True) -> object:
    """Return what `work` returns, awaited if it is awaitable, unless `awaits` says that the caller does it.

    On the main thread the work is interrupted when its time is up; elsewhere it runs in a thread of its own and is
    abandoned there. Work on the main thread that cannot be interrupted ends the process: one that hangs for ever would
    tell nobody why.

    Raises:
        ToolTimeoutError: where it took longer than `seconds`; `name` is the tool's.
    """
    if awaits:
        work = partial(_settled, work)
    if seconds is None or seconds > _LONGEST:
        return work()
    if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
        return _interrupted_after(seconds, name, work)
    return _abandoned_after(seconds, name, work)


def too_slow(name: str, seconds: float) -> ToolTimeoutError:
    """Return the error of a tool that did not return in time."""
    return ToolTimeoutError(
        f"tool {name!r} did not return within {seconds:g} s", fix="make it faster, or raise tool_timeout"
    )


def _interrupted_after(seconds: float, name: str, work: Callable[[], object]) -> object:
    armed, rang = True, False

    def ring(_signal: int, _frame: FrameType | None) -> None:
        nonlocal rang
        if armed:
            if monotonic() > started + seconds + _GRACE:
                _end_process(name, seconds)
            rang = True
            raise TimeUp

    started, left, interval, value = monotonic(), 0.0, 0.0, None
    previous = signal.signal(signal.SIGALRM, ring)
    last_resort = _arm_last_resort(seconds)
    try:
        left, interval = signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6), _AGAIN)
        value = work()
    except BaseException as error:
        armed = False
        if not rang or isinstance(error, KeyboardInterrupt):
            raise
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        if last_resort:
            signal.setitimer(signal.ITIMER_PROF, 0)
            faulthandler.unregister(signal.SIGPROF)
        signal.signal(signal.SIGALRM, signal.SIG_DFL if previous is None else previous)
        if left:  # somebody else's alarm goes on, late rather than never
            signal.setitimer(signal.ITIMER_REAL, max(left - (monotonic() - started), 1e-3), interval)
    if rang:  # also where the tool swallowed it, or made another exception of it
        raise too_slow(name, seconds)
    return value


def _arm_last_resort(seconds: float) -> bool:
    """Have the system end the process where the work computes in C, which lets no handler and no thread run.

    The timer counts the processor time of all threads, so that it is never early. Returns whether it was free.
    """
    left, interval = signal.setitimer(signal.ITIMER_PROF, (seconds + _GRACE) * (os.cpu_count() or 1))
    if left:  # a profiler's, or of a tool around this one
        signal.setitimer(signal.ITIMER_PROF, left, interval)
        return False
    faulthandler.register(signal.SIGPROF, file=2, all_threads=False, chain=True)  # says which line it was
    return True


def _end_process(name: str, seconds: float) -> NoReturn:
    error = too_slow(name, seconds)
    with suppress(Exception):  # what was printed so far, where it can be had in the middle of anything
        sys.stdout.flush()
    message = f"{error.what}, and cannot be interrupted: the process ends here\n  fix: {error.fix}\n"
    os.write(2, message.encode(errors="backslashreplace"))
    os._exit(_ERROR)


def _abandoned_after(seconds: float, name: str, work: Callable[[], object]) -> object:
    outcome = _in_thread(work, seconds)
    if outcome is None:
        raise too_slow(name, seconds)
    return outcome()


def _in_thread(work: Callable[[], object], seconds: float | None = None) -> Callable[[], object] | None:
    """Run `work` in a thread with this one's context; return what gives its outcome, None while it is not done."""
    outcome: list[Callable[[], object]] = []
    context = copy_context()

    def run() -> None:
        try:
            value = context.run(work)
        except BaseException as error:  # noqa: BLE001  (handed over to the waiting thread, whatever it is)
            outcome.append(partial(_raised, error))
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
