"""The hearing of interruptions that come in the moment before a wait begins."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

INTERRUPTING = frozenset(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # the last two as CI sends them when its time is over
_AGAIN = 0.05  # seconds before each attempt to wake who waits
_MANY = 64  # bytes: one for each signal


@contextmanager
def interruptions_heard() -> Iterator[None]:
    """Have an interruption in this block end whatever is waited for, also where it came just before that.

    Python only notes a signal when it comes, and handles it before its next step or when the system ends a wait for it.
    One that comes after the last step and before the wait ends none: it would be handled when the reply is there, or
    the time limit over. So a thread is told of every signal by the system, and wakes this one with another that does
    nothing else, until it has handled that. Other threads than the main one, systems without such signals, and a
    process in which somebody else is told of them are left as they are.
    """
    if not hasattr(signal, "SIGURG") or threading.current_thread() is not threading.main_thread():
        yield
        return
    other = signal.set_wakeup_fd(-1)
    if other != -1 or signal.getsignal(signal.SIGURG) is not signal.SIG_DFL:
        signal.set_wakeup_fd(other)
        yield
        return
    told, telling = socket.socketpair()
    listener = _Listener(told)
    thread = threading.Thread(target=listener.listen, name="convrun-listener", daemon=True)
    with told, telling:
        telling.setblocking(False)
        try:
            thread.start()
            signal.signal(signal.SIGURG, listener.awake)
            signal.set_wakeup_fd(telling.fileno(), warn_on_full_buffer=False)
            yield
        finally:
            signal.set_wakeup_fd(-1)
            listener.over = True
            with suppress(BlockingIOError):  # there is enough to read
                telling.send(b"\0")  # no signal's number; a copy of this process that sends it ends no listening here
            thread.join()
            signal.signal(signal.SIGURG, signal.SIG_DFL)


class _Listener:
    """Reads the numbers of signals, and wakes the main thread for those that interrupt.

    What it shares with that one is plain flags: a signal is handled in the middle of anything, also of an Event's own
    work, and its handler must wait for nothing.
    """

    def __init__(self, told: socket.socket) -> None:
        self.over = False
        self._told = told
        self._awake = True

    def awake(self, _number: int, _frame: FrameType | None) -> None:
        """Note that the main thread handles signals: those that came before this one as well."""
        self._awake = True

    def listen(self) -> None:
        """Listen until it is over."""
        main = threading.main_thread().ident
        assert main is not None  # it runs
        while not self.over:
            if INTERRUPTING.isdisjoint(self._told.recv(_MANY)):
                continue
            self._awake = False
            while not self._awake and not self.over:
                time.sleep(_AGAIN)
                signal.pthread_kill(main, signal.SIGURG)
