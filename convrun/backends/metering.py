"""What live calls take: counted as each reply ends, and none is made once the limit of the run is reached.

A call is counted by the usage that its reply tells. Where that tells none, it is known only that each token is a byte
at least: for the limit such a call is taken to cost as many tokens as its request and reply have bytes, far too many
unless the model thought much and showed nothing of it. Attempts that
got no answer are not counted, as nobody says what they took.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from threading import Lock

from convrun.backends.chat_decoding import usage_of
from convrun.backends.framing import Framing, Payload
from convrun.backends.identity import ModelIdentity
from convrun.backends.prices import cost_usd, has_price, reply_cost_usd
from convrun.conversation.messages import Usage
from convrun.errors import CostLimitError
from convrun.wire import Reply, Request, Transport

_ANSWERS = ("choices", "output", "response")  # in a completion, a response, and an event of one
_LEAST = 1e-9  # dollars: what adding up may lose, and no call costs


@dataclass(slots=True)
class Spent:
    """What `calls` that were answered took so far: their tokens as told, and dollars.

    `unpriced` calls have no known price, `untold` ones a reply without usage. `more_usd` is what the latter cost at
    most.
    """

    calls: int = 0
    usd: float = 0.0
    more_usd: float = 0.0
    input: int = 0
    output: int = 0
    unpriced: int = 0
    untold: int = 0

    def add(self, other: Spent) -> None:
        """Count what others took as well."""
        self.calls += other.calls
        self.usd += other.usd
        self.more_usd += other.more_usd
        self.input += other.input
        self.output += other.output
        self.unpriced += other.unpriced
        self.untold += other.untold


class Meter:
    """What a run has spent; its threads share it. `limit` is in dollars, None: there is none; `option` set it."""

    def __init__(self, limit: float | None = None, *, option: str = "--max-cost") -> None:
        self.limit = limit
        self.spent = Spent()
        self.option = option
        self._lock = Lock()

    def ask(self, identity: ModelIdentity, *, environ: Mapping[str, str], embeds: bool = False) -> None:
        """Return where another call may be made, `embeds`: for an embedding.

        Those under way are not known yet, and may pass the limit.

        Raises:
            CostLimitError: where the limit is reached, or nobody knows what the model costs.
        """
        if self.limit is None:
            return
        with self._lock:
            spent = self.spent.usd + self.spent.more_usd
            what = "at most " if self.spent.untold else ""
        if spent >= self.limit - _LEAST * (self.limit > 0):
            raise CostLimitError(
                f"{self.option} {_plain(self.limit)} is reached after {what}${spent:.4f}; the call was not made",
                fix=f"raise {self.option} to go on",
            )
        if not has_price(identity, environ=environ, embeds=embeds):
            raise CostLimitError(
                f"no price is known for {identity.name!r}, so that {self.option} cannot hold; the call was not made",
                fix=f"record it without {self.option}",
            )

    def add(self, spent: Spent) -> None:
        """Count what a call took."""
        with self._lock:
            self.spent.add(spent)


class Account:
    """The live calls of one conversation, with `identity`, in a run; `spent` is what they took.

    `embeds`: they are for embeddings, which have no output.
    """

    def __init__(
        self,
        identity: ModelIdentity,
        meter: Meter,
        *,
        environ: Mapping[str, str] = os.environ,
        embeds: bool = False,
    ) -> None:
        self.identity = identity
        self._embeds = embeds
        self.spent = Spent()
        self._meter = meter
        self._environ = environ

    def metered(self, inner: Transport) -> Transport:
        """Return the transport with its calls counted; those to a model of our own cost nothing, and are not."""
        return inner if self.identity.offline else _Metered(inner, self)

    def ask(self) -> None:
        """Return where another call may be made.

        Raises:
            CostLimitError: where it may not.
        """
        self._meter.ask(self.identity, environ=self._environ, embeds=self._embeds)

    def add(self, request: Request, payloads: list[Payload], size: int) -> None:
        """Count a call by its reply, of so many bytes; one that holds no answer took nothing."""
        usage = usage_of(payloads)
        spent = Spent(calls=1, input=usage.input or 0, output=usage.output or 0)
        if usage.input is not None and usage.output is not None:
            cost = reply_cost_usd(self.identity, payloads, environ=self._environ)
            spent.usd, spent.unpriced = cost or 0.0, int(cost is None)
        elif any(isinstance(payload, dict) and any(map(payload.get, _ANSWERS)) for payload in payloads):
            sent = len(json.dumps(request.body, ensure_ascii=False).encode(errors="replace"))
            most = cost_usd(self.identity, Usage(input=sent, output=size), environ=self._environ)
            spent.more_usd, spent.untold, spent.unpriced = most or 0.0, 1, int(most is None)
        self.spent.add(spent)
        self._meter.add(spent)


class _Metered:
    """Carries requests, and has each counted when its reply was read; implements `wire.Transport`."""

    def __init__(self, inner: Transport, account: Account) -> None:
        self._inner = inner
        self._account = account

    def send(self, request: Request) -> Reply:
        """Send one request.

        Raises:
            CostLimitError: where that could pass the limit.
        """
        self._account.ask()
        reply = self._inner.send(request)
        if not 200 <= reply.status < 300:
            return reply
        if reply.payloads is not None:
            self._account.add(request, [*reply.payloads], len(json.dumps(reply.payloads)))
            return reply
        return replace(reply, body=_Counted(request, reply, self._account))


class _Counted:
    """The body of a reply, whose call is counted when it was read, broke off or was given up."""

    def __init__(self, request: Request, reply: Reply, account: Account) -> None:
        self._request = request
        self._body = reply.body
        self._source = iter(reply.body)
        self._account = account
        self._framing = Framing()
        self._payloads: list[Payload] = []
        self._size = 0
        self._over = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            piece = next(self._source)
        except BaseException:  # its end, or what broke it off
            self._settle()
            raise
        self._size += len(piece)
        self._payloads += self._framing.feed(piece)
        return piece

    def close(self) -> None:
        """Give the connection up; what came until then is counted."""
        self._settle()
        close = getattr(self._body, "close", None) or getattr(self._source, "close", None)
        if close is not None:
            close()

    def _settle(self) -> None:
        if not self._over:
            self._over = True
            self._payloads += self._framing.finish()
            self._account.add(self._request, self._payloads, self._size)


def model_of(request: Request) -> ModelIdentity:
    """Return the model that a request is for, as far as its price is concerned."""
    name, provider = str(request.body.get("model")), request.provider
    return ModelIdentity(
        name=name,
        model=name,
        base_url=request.base_url,
        provider=provider,
        offline="echo" if provider == "echo" else "script" if provider == "script" else None,
    )


def _plain(limit: float) -> str:
    """A limit as people write it: `0.5`, never `1e-06`."""
    return f"{limit:.12f}".rstrip("0").rstrip(".")
