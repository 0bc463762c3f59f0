"""Embeddings of texts, over any Transport: the vector of one text a request, so that each is asked for once."""

from __future__ import annotations

import sys
from array import array
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import cast

from convrun.backends.framing import Framing, Payload
from convrun.backends.identity import ModelIdentity
from convrun.backends.presets import called
from convrun.backends.provider_errors import ReplyErrors
from convrun.errors import BrokenReplyError
from convrun.values import Json, show
from convrun.wire import Reply, Request, Transport

ENDPOINT = "embeddings"


def embedding(
    text: str, identity: ModelIdentity, transport: Transport, *, key_variable: str | None = None
) -> Sequence[float]:
    """Return the vector of a text, as 32-bit floats: live they are the same as from a cassette.

    Raises:
        ProviderError: where the provider answered with an error, or with no vector.
        StaleError: where a recording does not hold the request.
    """
    request = Request(
        endpoint=ENDPOINT,
        body={"model": identity.model, "input": text},
        base_url=identity.base_url,
        provider=identity.provider,
        headers=identity.headers,
    )
    reply = transport.send(request)
    provider = called(identity.provider, identity.base_url)
    errors = ReplyErrors(provider=provider, status=reply.status, headers=reply.headers, key_variable=key_variable)
    payloads = _payloads(reply)
    if not 200 <= reply.status < 300:
        raise errors.refused(payloads)
    vector = _vector(payloads[0] if payloads else None)
    if vector is None:
        shown = show(payloads[0], 120) if payloads and isinstance(payloads[0], Mapping) else "nothing of the kind"
        raise BrokenReplyError(f"{provider} gave no embedding: {shown}", fix="name a model that makes embeddings")
    fault = _fault(vector)
    if fault is not None:
        raise BrokenReplyError(f"{provider} gave no embedding: {fault}", fix="name a model that makes embeddings")
    return vector


def gives_vector(payloads: Sequence[Payload]) -> bool:
    """Return whether a reply holds a vector that points somewhere."""
    vector = _vector(payloads[0]) if payloads else None
    return vector is not None and _fault(vector) is None


def _fault(vector: Sequence[float]) -> str | None:
    """Why numbers point nowhere; None where they do point somewhere."""
    if not all(map(isfinite, vector)):
        return "there are numbers in it that 32 bits do not hold"
    return None if any(vector) else "all of its numbers are 0"


def _payloads(reply: Reply) -> list[Payload]:
    if reply.payloads is not None:
        return [*reply.payloads]
    framing = Framing()
    found = [payload for piece in reply.body for payload in framing.feed(piece)]
    return [*found, *framing.finish()]


def _vector(payload: Payload | None) -> Sequence[float] | None:
    """The vector in a reply: numbers, or their bytes in base64."""
    data = payload.get("data") if isinstance(payload, dict) else None
    first = data[0] if isinstance(data, list) and data else None
    given: Json = first.get("embedding") if isinstance(first, dict) else None
    try:
        if isinstance(given, str):
            numbers = array("f", b64decode(given, validate=True))
            if sys.byteorder == "big":
                numbers.byteswap()
        elif isinstance(given, list) and bool not in map(type, given):  # true would be 1
            numbers = array("f", cast("list[float]", given))
        else:
            return None
    except (TypeError, ValueError, OverflowError, Base64Error):
        return None
    return numbers or None
