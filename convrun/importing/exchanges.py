"""The model calls of a recording: each request with what its answer says, without retries, without key values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from convrun.backends.chat_decoding import ChatDecoder
from convrun.backends.chat_format import ENDPOINT
from convrun.backends.provider_errors import ReplyErrors
from convrun.backends.reading import decode
from convrun.cassette.as_chat import Chat, Chats
from convrun.cassette.canonical import Keys, listed
from convrun.cassette.interaction import RESPONSES, Interaction, Recording, SentRequest
from convrun.cassette.kept.cleaning import Cleaning
from convrun.cassette.kept.surviving import Survivors
from convrun.conversation.backend import Completion
from convrun.errors import ProviderError
from convrun.frozen import frozen
from convrun.importing.reasons import Reason, Refusal
from convrun.redaction import Redactor
from convrun.values import JsonObject
from convrun.wire import Reply

if TYPE_CHECKING:
    from convrun.backends.formats import ReplyDecoder

_DEPLOYMENT = re.compile(r"/deployments/([^/]+)")


@frozen
class Exchange:
    """One model call. `number` is its place in the file (from 1), `answer` what the model said, or the error it gave.

    `chat` is the request as a chat, which one to a Responses API is not itself, and `body` the body of that. It has a
    `model` also where only the address named one, as on Azure.
    """

    number: int
    interaction: Interaction
    chat: Chat
    body: JsonObject
    answer: Completion | ProviderError

    @property
    def messages(self) -> list[JsonObject]:
        """The messages of the request, and those before it that it names by the id of a response."""
        return self.chat.request.messages

    @property
    def own_messages(self) -> list[JsonObject]:
        """The messages of the request itself."""
        messages, first = self.messages, int(self.chat.instructed)
        return [*messages[:first], *messages[first + self.chat.before :]]

    @property
    def of_items(self) -> bool:
        """Whether the request is one to a Responses API."""
        return self.interaction.request.endpoint == RESPONSES

    @property
    def base_url(self) -> str:
        """The address without the endpoint and the query."""
        request = self.interaction.request
        return _address(request).removesuffix(f"/{request.endpoint}")

    @property
    def answered(self) -> Interaction:
        """The interaction with the model in its request also where only the address names it."""
        if self.of_items:
            return self.interaction
        return replace(self.interaction, request=replace(self.interaction.request, body=self.body))


def exchanges(recording: Recording, redactor: Redactor) -> tuple[list[Exchange], list[Refusal]]:
    """Return the model calls of a recording in file order, and what in it is none.

    A retryable error directly before an equal request is a retry and left out.
    """
    recording = recording.own  # what its checks asked is no part of the conversation
    found: list[Exchange] = []
    others: list[Refusal] = []
    strangers: dict[str, list[int]] = {}
    cleaning = Cleaning(redactor)
    interactions = [cleaning.interaction(item) for item in recording.interactions]
    retries, survivors, chats = _retries(interactions), Survivors(redactor), Chats()
    for number, item in enumerate(interactions, 1):
        if item.request.method != "POST" or item.request.endpoint not in (ENDPOINT, RESPONSES):
            strangers.setdefault(f"{item.request.method} {_address(item.request)}", []).append(number)
        elif number in retries:
            continue
        elif (fault := _fault(item.request)) is not None:
            others.append(Refusal(numbers=(number,), reason=Reason.HISTORY, detail=fault))
        elif place := survivors.recorded(recording.interactions[number - 1]):
            others.append(Refusal(numbers=(number,), reason=Reason.SECRET, detail=place))
        else:
            chat = chats.take(item)
            assert isinstance(chat.request.body, dict)
            body = _with_model(chat.request.body, _address(item.request))
            found.append(Exchange(number=number, interaction=item, chat=chat, body=body, answer=answer(item)))
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
        *_, last = decode(carried, _decoder(item.request.endpoint, errors), errors)
    except ProviderError as error:
        return error
    assert isinstance(last, Completion)  # the last of a reply that is whole
    return last


def _decoder(endpoint: str, errors: ReplyErrors) -> ReplyDecoder:
    if endpoint != RESPONSES:
        return ChatDecoder(errors)
    from convrun.backends.responses_decoding import ResponsesDecoder  # most recordings are of chats

    return ResponsesDecoder(errors)


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
    if request.endpoint == RESPONSES:
        items = listed(request.body, "input")
        whole = all(isinstance(item, dict) for item in items)
        return "there is no input" if not items else None if whole else "an item is no object"
    given = request.body.get("messages")
    if not isinstance(given, list) or not given:
        return "there are no messages"
    return None if len(request.messages) == len(given) else "a message is no object"


def _address(request: SentRequest) -> str:
    return request.url.partition("?")[0].partition("#")[0].rstrip("/")


def _with_model(body: JsonObject, address: str) -> JsonObject:
    named = _DEPLOYMENT.search(address)
    return body if body.get("model") or named is None else {**body, "model": named[1]}
