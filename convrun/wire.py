"""The seam between backends and whatever carries their requests: a provider, a cassette, a script."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from dataclasses import field
from operator import is_
from typing import Protocol

from convrun.frozen import frozen
from convrun.values import Json, JsonObject


class Growing(list[Json]):
    """A list in a body (its messages) that knows what it has in common with others; like the body, nobody changes it.

    It begins with `origin`. Of two with the same origin, the same object, the shorter is the beginning of the longer.
    """

    __slots__ = ("origin",)

    def __init__(self, origin: list[Json], more: list[Json]) -> None:
        super().__init__(origin)
        self.extend(more)
        self.origin = origin

    def __reduce__(self) -> tuple[type[list[Json]], tuple[list[Json]]]:
        return list, ([*self],)  # a copy has none


def goes_on(now: Sequence[Json], before: Sequence[Json]) -> bool:
    """Return whether a list begins with the very items of another; at once where both have the same origin."""
    if isinstance(now, Growing) and isinstance(before, Growing) and now.origin is before.origin:
        return len(before) <= len(now)
    return len(before) <= len(now) and all(map(is_, before, now))  # in C: a loop here would cost the square


@frozen
class Request:
    """One request to a model, before anything of a transport is added to it.

    `endpoint` is what the URL ends in (`chat/completions`). `body` is the JSON body; nobody changes it, and a message
    that was sent before is the same object again, so that transports need not read a long history anew: its list is a
    Growing one where what was sent before is known. `headers` are
    the user's own, without keys. `provider` is the preset's name, or None; `base_url` is where it would go.
    `error_wanted` makes a refusal an answer like others: a replay does not pass over it, a recording keeps it.
    `behind` is a digest of what was said before and stands in another recording, where the body names it by an id.
    """

    endpoint: str
    body: JsonObject
    base_url: str
    provider: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    error_wanted: bool = False
    behind: str | None = None

    @property
    def url(self) -> str:
        """The whole address."""
        return f"{self.base_url.rstrip('/')}/{self.endpoint}"


@frozen
class Figures:
    """How long a model call took, in milliseconds, and what it cost, in dollars; None: not known."""

    elapsed_ms: float | None = None
    cost_usd: float | None = None


@frozen
class Reply:
    """What came back, whatever the status.

    Either `payloads` (already parsed: one JSON value for a plain reply, one per event for a stream) or `body`, the
    bytes as they arrive, read once; `pieces` are the same where they have to be awaited. `headers` have lower-case
    names. `elapsed_ms` and `cost_usd`, in dollars, are as recorded, None when live: then `figures`, where it is there,
    tells both once the body was read. `began` is when the request that was answered left, by `time.perf_counter`, None
    where that was at once.
    """

    status: int
    headers: Mapping[str, str]
    body: Iterable[bytes] = ()
    pieces: AsyncIterable[bytes] | None = None
    payloads: tuple[Json, ...] | None = None
    elapsed_ms: float | None = None
    cost_usd: float | None = None
    began: float | None = None
    figures: Callable[[], Figures] | None = None


class Transport(Protocol):
    """Carries requests. `send` returns any answer a server gave, errors too, and is called by one thread at a time.

    Raises:
        ProviderError: where no answer came (network, time-out), at once or while the body is read.
        StaleError: where a recording does not hold the request.
    """

    def send(self, request: Request) -> Reply:
        """Send one request and return its reply; the body may still be on its way."""
        ...


class AsyncTransport(Transport, Protocol):
    """A transport that can also be awaited, by any number of tasks of one event loop at a time."""

    async def asend(self, request: Request) -> Reply:
        """Send one request and return its reply, whose body may still be on its way in `pieces`."""
        ...


async def sent(transport: Transport, request: Request) -> Reply:
    """Return the reply of a transport, awaited where it can be; one that has nothing to wait for answers at once."""
    asend = getattr(transport, "asend", None)
    reply: Reply = transport.send(request) if asend is None else await asend(request)
    return reply
