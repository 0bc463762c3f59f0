"""What a cassette holds: interactions of a request and the reply to it, complete and plain."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import field, replace

from convrun.frozen import frozen
from convrun.values import Json, JsonObject, is_deep, show

PLAIN = "application/json"
STREAM = "text/event-stream"
RESPONSES = "responses"
ENDPOINTS = ("chat/completions", RESPONSES, "embeddings")
RETRYABLE = frozenset({408, 409, 429})
_MOST_USD = 10**9
_LONGEST = 10**12  # milliseconds
# What mends a damaged cassette: any other way of recording reads the old one first, and fails again.
# `run` puts the id into it.
RECORD_ANEW = "record the conversation anew with `convrun record --all` and its id"


@frozen
class SentRequest:
    """A request as it was sent, redacted. `body` is its JSON body; one that is not JSON is a text.

    `headers` are the user's own; empty where the recording does not know them. `behind` is a digest of what was said
    before, where only the id of a response tells it, which the recording does not have: it is that of a branch.
    """

    url: str
    body: Json
    method: str = "POST"
    provider: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    behind: str | None = None

    @property
    def endpoint(self) -> str:
        """What the path of the URL ends in: `chat/completions`, `responses`, `embeddings`, else its last part."""
        return endpoint_of(self.url)

    @property
    def messages(self) -> list[JsonObject]:
        """The messages of a chat; an empty list where there are none."""
        found = self.body.get("messages") if isinstance(self.body, dict) else None
        if not isinstance(found, list):
            return []
        if {*map(type, found)} <= {dict}:  # in C: asked for with every request, a loop here would cost the square
            return [*found]  # type: ignore[list-item]  # the line above says so
        return [item for item in found if isinstance(item, dict)]


@frozen
class ReceivedReply:
    """What came back, redacted: `payloads` of JSON (one for a plain reply, one per event of a `stream`), or a `body`.

    `headers` are those of the allow-list, but for a content type that says nothing new.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    payloads: tuple[Json, ...] | None = None
    body: bytes = b""
    stream: bool = False

    @property
    def content_type(self) -> str:
        """The type of the body, as the header says or as it goes without saying."""
        return self.headers.get("content-type") or (STREAM if self.stream else PLAIN)

    @property
    def retryable(self) -> bool:
        """Whether a client sends the same request again after this reply."""
        return self.status in RETRYABLE or self.status >= 500


@frozen
class Interaction:
    """One request and its reply. `elapsed_ms` is until the whole reply was there, `first_ms` until its first delta.

    `cost_usd` is what it cost when it was recorded, in dollars; None: not known. `lane` names who asked, where it was
    not the conversation itself: a check, as `judge`.
    """

    request: SentRequest
    reply: ReceivedReply
    elapsed_ms: int | None = None
    first_ms: int | None = None
    cost_usd: float | None = None
    lane: str | None = None


@frozen
class Recording:
    """One recorded conversation. `file` is its cassette, as shown to people; those of lanes stand last in it."""

    interactions: tuple[Interaction, ...] = ()
    file: str = "cassette"

    @property
    def own(self) -> Recording:
        """The recording without what its lanes asked: the conversation itself, with the same numbers."""
        if not self.interactions or self.interactions[-1].lane is None:
            return self
        return replace(self, interactions=self.interactions[: len(self.interactions) - len(self.lanes)])

    @property
    def lanes(self) -> tuple[Interaction, ...]:
        """What its lanes asked."""
        if not self.interactions or self.interactions[-1].lane is None:
            return ()
        return tuple(item for item in self.interactions if item.lane is not None)


def list_in(body: Json) -> str | None:
    """Return where a body has its messages, or the items of a Responses API; None where it has neither."""
    if not isinstance(body, dict):
        return None
    if isinstance(body.get("messages"), list):
        return "messages"
    items = body.get("input")  # those of embeddings are texts
    return "input" if isinstance(items, list) and {*map(type, items)} == {dict} else None


def endpoint_of(url: str) -> str:
    """Return what the path of an address ends in, as `SentRequest.endpoint`."""
    path = url.partition("?")[0].partition("#")[0].rstrip("/")
    for endpoint in ENDPOINTS:
        if path.endswith(f"/{endpoint}"):
            return endpoint
    return path.rpartition("/")[2]


def lanes_last(interactions: Iterable[Interaction]) -> tuple[Interaction, ...]:
    """Return the interactions as they stand in a recording: the conversation's own, then those of its lanes."""
    every = tuple(interactions)
    if all(item.lane is None for item in every):
        return every
    return tuple(sorted(every, key=lambda item: item.lane is not None))


def dollars(value: object) -> float | None:
    """Return what an interaction cost, as it is written in a recording.

    Raises:
        ValueError: where the value is no number of dollars.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST_USD:
        raise ValueError(f"{show(value, 60)} among the costs is no number of dollars")
    return float(value)


def milliseconds(value: object) -> int | None:
    """Return how long an interaction took, as it is written in a recording.

    Raises:
        ValueError: where the value is no number of milliseconds.
    """
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LONGEST):
        return value
    raise ValueError(f"{show(value, 60)} among the timings is no number of milliseconds")


def parse_json(text: str | bytes) -> Json:
    """Return the value of a JSON text.

    Raises:
        ValueError: where it is none, or nested too deeply; NaN and infinities are not JSON.
    """
    try:
        value: Json = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if is_deep(value, text):
        raise ValueError("nested too deeply")
    return value


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits} is too large for a number")
    return number


def _refuse(constant: str) -> Json:
    raise ValueError(f"{constant} is not JSON")
