"""Interruptions that come where nothing listens: they end what is waited for all the same."""

import signal
import socket
import threading
import time

import pytest

from convrun.suite.hearing import interruptions_heard

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGURG"), reason="there are no such signals")
LONGEST = 20  # seconds


def interrupt_soon():
    """Have another thread take a signal in a moment: the system ends no wait of the main thread for it."""

    def take():
        time.sleep(0.2)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    threading.Thread(target=take, daemon=True).start()


def silent():
    """Wait for what nobody says."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(LONGEST)
        ours.recv(1)


@pytest.mark.parametrize("wait", [silent, lambda: time.sleep(LONGEST), lambda: threading.Event().wait(LONGEST)])
def test_it_ends_a_wait(wait):
    """Whatever is waited for: a reply, a time, another thread; and nothing of the listening is left."""
    began, threads = time.monotonic(), threading.active_count()
    interrupt_soon()
    with pytest.raises(KeyboardInterrupt), interruptions_heard():
        wait()
    assert time.monotonic() - began < LONGEST / 2
    assert threading.active_count() <= threads
    assert signal.set_wakeup_fd(-1) == -1
    assert signal.getsignal(signal.SIGURG) is signal.SIG_DFL


def test_code_that_goes_on_is_left_alone():
    """Who deals with an interruption is not interrupted again, nor is who waits without one."""
    with interruptions_heard():
        interrupt_soon()
        with pytest.raises(KeyboardInterrupt):
            silent()
        began = time.monotonic()
        time.sleep(0.3)
        assert time.monotonic() - began >= 0.3


def test_who_listens_already_goes_on_listening():
    """A loop of the user's own is told of signals as before; within another listening there is none."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        assert signal.set_wakeup_fd(theirs.fileno()) == -1
        try:
            with interruptions_heard():
                assert signal.getsignal(signal.SIGURG) is signal.SIG_DFL
        finally:
            assert signal.set_wakeup_fd(-1) == theirs.fileno()
    with interruptions_heard():
        outer = signal.getsignal(signal.SIGURG)
        with interruptions_heard():
            pass
        assert signal.getsignal(signal.SIGURG) is outer
        interrupt_soon()
        with pytest.raises(KeyboardInterrupt):
            silent()


def test_other_threads_wait_as_they_do():
    """Only the main thread is interrupted, so elsewhere nothing is set up."""
    seen = []

    def elsewhere():
        with interruptions_heard():
            seen.append(signal.getsignal(signal.SIGURG))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]
