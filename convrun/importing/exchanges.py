"""The chat calls of a recording: each request with what its answer says, without retries, without key values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from convrun.backends.chat_decoding import ChatDecoder
from convrun.backends.chat_format import ENDPOINT
from convrun.backends.provider_errors import ReplyErrors
from convrun.backends.reading import decode
from convrun.cassette.canonical import Keys
from convrun.cassette.interaction import Interaction, Recording, SentRequest
from convrun.cassette.kept.cleaning import Cleaning
from convrun.cassette.kept.surviving import Survivors
from convrun.conversation.backend import Completion
from convrun.errors import ProviderError
from convrun.frozen import frozen
from convrun.importing.reasons import Reason, Refusal
from convrun.redaction import Redactor
from convrun.values import JsonObject
from convrun.wire import Reply

_DEPLOYMENT = re.compile(r"/deployments/([^/]+)")


@frozen
class Exchange:
    """One chat call. `number` is its place in the file (from 1), `answer` what the model said, or the error it gave.

    `body` has a `model` also where only the address named one, as on Azure.
    """

    number: int
    interaction: Interaction
    body: JsonObject
    answer: Completion | ProviderError

    @property
    def messages(self) -> list[JsonObject]:
        """The messages of the request."""
        return self.interaction.request.messages

    @property
    def base_url(self) -> str:
        """The address without the endpoint and the query."""
        return _address(self.interaction.request).removesuffix(f"/{ENDPOINT}")

    @property
    def answered(self) -> Interaction:
        """The interaction with `body` as its request's."""
        return replace(self.interaction, request=replace(self.interaction.request, body=self.body))


def exchanges(recording: Recording, redactor: Redactor) -> tuple[list[Exchange], list[Refusal]]:
    """Return the chat calls of a recording in file order, and what in it is none.

    A retryable error directly before an equal request is a retry and left out.
    """
    recording = recording.own  # what its checks asked is no part of the conversation
    found: list[Exchange] = []
    others: list[Refusal] = []
    strangers: dict[str, list[int]] = {}
    cleaning = Cleaning(redactor)
    interactions = [cleaning.interaction(item) for item in recording.interactions]
    retries, survivors = _retries(interactions), Survivors(redactor)
    for number, item in enumerate(interactions, 1):
        if item.request.method != "POST" or item.request.endpoint != ENDPOINT:
            strangers.setdefault(f"{item.request.method} {_address(item.request)}", []).append(number)
        elif number in retries:
            continue
        elif (fault := _fault(item.request)) is not None:
            others.append(Refusal(numbers=(number,), reason=Reason.HISTORY, detail=fault))
        elif place := survivors.recorded(recording.interactions[number - 1]):
            others.append(Refusal(numbers=(number,), reason=Reason.SECRET, detail=place))
        else:
            assert isinstance(item.request.body, dict)
            body = _with_model(item.request.body, _address(item.request))
            found.append(Exchange(number=number, interaction=item, body=body, answer=answer(item)))
    for asked, numbers in strangers.items():
        others.append(Refusal(numbers=tuple(numbers), reason=Reason.NO_COMPLETION, detail=asked))
    return found, others


def answer(item: Interaction) -> Completion | ProviderError:
    """Return what the engine would read in the reply."""
    reply = item.reply
    carried = Reply(
        status=reply.status,
        headers={"content-type": reply.content_type, **reply.headers},
        payloads=reply.payloads,
        body=(reply.body,) if reply.payloads is None else (),
        elapsed_ms=item.elapsed_ms,
        cost_usd=item.cost_usd,
    )
    errors = ReplyErrors(provider="the provider", status=reply.status, headers=carried.headers)
    try:
        *_, last = decode(carried, ChatDecoder(errors), errors)
    except ProviderError as error:
        return error
    assert isinstance(last, Completion)  # the last of a reply that is whole
    return last


def _retries(interactions: Sequence[Interaction]) -> set[int]:
    """The numbers of the interactions that were sent again at once."""
    keys = Keys(Redactor())
    found: list[str] = [keys.key(item.request.endpoint, item.request.body) for item in interactions]
    pairs = zip(interactions, found, [*found, ""][1:], strict=True)
    return {number for number, (item, key, after) in enumerate(pairs, 1) if item.reply.retryable and key == after}


def _fault(request: SentRequest) -> str | None:
    """Why a request is none that a chat API takes."""
    if not isinstance(request.body, dict):
        return "the request is no JSON object"
    given = request.body.get("messages")
    if not isinstance(given, list) or not given:
        return "there are no messages"
    return None if len(request.messages) == len(given) else "a message is no object"


def _address(request: SentRequest) -> str:
    return request.url.partition("?")[0].partition("#")[0].rstrip("/")


def _with_model(body: JsonObject, address: str) -> JsonObject:
    named = _DEPLOYMENT.search(address)
    return body if body.get("model") or named is None else {**body, "model": named[1]}
