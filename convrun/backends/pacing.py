"""The pace of a provider: at most so many requests a minute, evenly, and none while an answer 429 is waited out.

One Pace stands for one host in this process, whatever conversations and threads send there. It only makes requests
wait; retrying is the SDK's. Nothing is printed here: who wants to know of long waits gives a callback.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from math import ceil, isfinite
from threading import Condition
from time import monotonic
from typing import TypeAlias

from convrun.backends.presets import origin

Heard: TypeAlias = Callable[[str], None]

_TELLING = 2.0  # seconds: shorter waits are not worth a line
_LOOKING = 0.05  # seconds: how often who is not the next looks whether it is
_LOOKING = 0.05  # seconds: how often a task looks whether it is the next
_LONGEST = 120.0  # seconds: the SDK does not wait longer, and raises at once
_FIRST, _LAST = 0.5, 8.0  # seconds: what it waits where the server names no time, doubled each time


class Pace:
    """How fast requests may go to one host. `clock` reads seconds.

    `heard` is told of waits over two seconds, each once, in words. Requests that wait go out in the order they came.
    """

    def __init__(self, name: str, *, clock: Callable[[], float] = monotonic) -> None:
        self._name = name
        self._clock = clock
        self._rpm: float | None = None
        self._heard: Heard | None = None
        self._turn = Condition()
        self._queue: deque[object] = deque()
        self._next = self._open = self._told = clock()

    def settle(self, *, name: str | None = None, rpm: float | None = None, heard: Heard | None = None) -> None:
        """Say what people call it, how many requests a minute it gets, and who hears of waits; None changes nothing."""
        with self._turn:
            self._name = name or self._name
            self._rpm = rpm or self._rpm
            self._heard = heard or self._heard

    def wait(self) -> None:
        """Return when the next request may be sent."""
        with self._turn:
            for left in self._waits():
                self._turn.wait(left)

    async def waited(self) -> None:
        """Return when the next request may be sent; meanwhile the event loop goes on."""
        from asyncio import sleep

        waits = self._waits()
        try:
            while (left := self._look(waits)) is not None:
                await sleep(min(left, _LOOKING))  # nobody wakes a task: it looks by itself whether it is the next
        finally:
            with self._turn:
                waits.close()

    def _look(self, waits: Generator[float, None, None]) -> float | None:
        with self._turn:
            return next(waits, None)

    def _waits(self) -> Generator[float, None, None]:
        """Yield seconds, after which a request looks again, until it may be sent. The lock is held meanwhile."""
        ticket, told = object(), False
        self._queue.append(ticket)
        try:
            while (left := self._left(ticket)) > 0 or self._queue[0] is not ticket:
                told = self._tell_of_429() or self._tell_of_rate(left, told)
                yield max(left, 0.0) if self._queue[0] is ticket else _LONGEST
            self._next = self._clock() + self._interval
        finally:
            self._queue.remove(ticket)
            self._turn.notify_all()

    def slow(self, seconds: float, *, waiting: bool) -> None:
        """Send nothing for this long: the provider answered 429. `waiting` says that a request waits for it already."""
        with self._turn:
            self._open = max(self._open, self._clock() + seconds)
            if waiting:
                self._tell_of_429()

    @property
    def _interval(self) -> float:
        return 60 / self._rpm if self._rpm else 0.0

    def _left(self, ticket: object) -> float:
        """Seconds until it is the turn of a request, as far as is known now."""
        return max(self._next, self._open) + self._queue.index(ticket) * self._interval - self._clock()

    def _tell_of_429(self) -> bool:
        """Tell of a 429, once however many wait for it; True where that is what is waited for."""
        now = self._clock()
        if self._open <= max(now, self._next):
            return False
        if self._open - max(now, self._told) > _TELLING:
            self._tell(self._open - now, "it answered 429")
        self._told = max(self._told, self._open)
        return True

    def _tell_of_rate(self, left: float, told: bool) -> bool:
        if not told and left > _TELLING and self._rpm:
            self._tell(left, f"at most {self._rpm:g} request{'' if self._rpm == 1 else 's'} a minute")
        return True

    def _tell(self, seconds: float, why: str) -> None:
        if self._heard is not None:
            self._heard(f"waiting {ceil(seconds)} s for {self._name}: {why}")


_paces: dict[object, Pace] = {}  # a registry: one for each host


def pace_at(url: str) -> Pace:
    """Return the Pace of the host of an address, always the same one."""
    place = origin(url)
    return _paces.get(place) or _paces.setdefault(place, Pace(str(place[1])))


def retry_wait(headers: Mapping[str, str], retries: int) -> float | None:
    """Return after how many seconds the SDK tries again, at most; None where it does not.

    `headers` have lower-case names; `retries` counts those that were. A server may forbid one, or ask for too
    long a wait.
    """
    if headers.get("x-should-retry") == "false":
        return None
    named = _named_wait(headers)
    if named is not None and named > _LONGEST:
        return None
    return named if named is not None and named > 0 else min(_FIRST * 2**retries, _LAST)


def _named_wait(headers: Mapping[str, str]) -> float | None:
    """The seconds that a server asks for, in any of the ways the SDK knows."""
    for name, parts in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            seconds = float(headers.get(name, "")) / parts
        except ValueError:
            continue
        return seconds if isfinite(seconds) else None
    from email.utils import parsedate_to_datetime  # a replay does without

    try:
        moment = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
