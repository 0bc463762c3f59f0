"""The answers that a recording holds for checks which ask models; nobody is asked anew, and no settings are needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from convrun.backends.embeddings import embedding
from convrun.backends.identity import ModelIdentity, identify
from convrun.backends.resolving import backend_for
from convrun.cassette.interaction import Interaction, Recording
from convrun.cassette.lanes import LanePlayer
from convrun.cassette.playing import recorded_reply
from convrun.cassette.stored.attachments import Unread
from convrun.conversation.model import Model
from convrun.errors import ConvrunError, SettingsError, StaleError
from convrun.redaction import Redactor
from convrun.wire import Reply, Request


class RecordedLanes:
    """Answers checks from the lanes of one recording; implements `checks.lanes.Lanes`.

    `asked` are the models of checks that name none, by the kind of the check.
    """

    def __init__(self, recording: Recording, asked: Mapping[str, str]) -> None:
        self._recorded = LanePlayer(recording, redactor=Redactor())
        self._asked = asked

    @property
    def unplayed(self) -> tuple[int, ...]:
        """The indexes of what no check has asked for."""
        return self._recorded.unplayed

    def model(self, lane: str, name: str | None) -> Model:
        """Return a model that gives the recorded answers of a lane.

        Raises:
            SettingsError: where none is named.
        """
        identity = self._identity(lane, name)
        transport = _Transport(partial(self._reply, lane, identity, "a grade"))
        return Model(backend_for(identity, transport, environ={}), stream=False)

    def vector(self, lane: str, name: str | None, text: str, *, part: str) -> Sequence[float]:
        """Return the recorded embedding of a text; `part` says for people which one it is.

        Raises:
            StaleError: where the recording does not hold it, or was read without what lies beside it.
        """
        identity = self._identity(lane, name)
        return embedding(text, identity, _Transport(partial(self._reply, lane, identity, f"the embedding of {part}")))

    def _identity(self, lane: str, name: str | None) -> ModelIdentity:
        known = name or self._asked.get(lane)
        if known is None:
            raise SettingsError(f"no model is named that {lane!r} could ask")
        return next(_meant(known))

    def _reply(self, lane: str, identity: ModelIdentity, wanted: str, request: Request) -> Reply:
        for one in _meant(identity.name):
            body = {**request.body, "model": one.model}
            found = self._recorded.play(lane, replace(request, body=body, provider=one.provider))
            if found is not None and _is_beside(found):
                raise StaleError(f"{wanted} lies beside the recording, and is not read here")
            if found is not None:
                return recorded_reply(found)
        raise StaleError(f"it asks for {wanted}, and the recording does not hold it")


def _meant(name: str) -> Iterator[ModelIdentity]:
    """What a name may have meant when it was recorded: with a provider in it, or as it is."""
    with suppress(ConvrunError):
        yield identify(name, environ={})
    yield ModelIdentity(name=name, model=name, base_url="https://recorded.invalid/v1", provider="openai")
    yield ModelIdentity(name=name, model=name, base_url="https://recorded.invalid/v1")


def _is_beside(found: Interaction) -> bool:
    """Whether a vector was not read."""
    payload = found.reply.payloads[0] if found.reply.payloads else None
    data = payload.get("data") if isinstance(payload, dict) else None
    first = data[0] if isinstance(data, list) and data else None
    return isinstance(first, dict) and isinstance(first.get("embedding"), Unread)


class _Transport:
    """What gives recorded replies, as a transport."""

    def __init__(self, send: partial[Reply]) -> None:
        self._send = send

    def send(self, request: Request) -> Reply:
        """Return the recorded reply to a request."""
        return self._send(request)
