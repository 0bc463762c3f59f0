"""Interactions without secrets: those of a recording that another program made may hold some."""

from __future__ import annotations

from dataclasses import replace

from convrun.cassette.interaction import Interaction, list_in
from convrun.cassette.kept.received import cleaned_reply
from convrun.redaction import Redactor
from convrun.values import Json, JsonObject


class Cleaning:
    """Takes secrets out of the interactions of one recording; a message that several share is looked at once."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._messages: dict[int, tuple[JsonObject, Json]] = {}  # by id, which is theirs as long as they are held here

    def interaction(self, item: Interaction) -> Interaction:
        """Return an interaction without secrets."""
        redactor, request = self._redactor, item.request
        if not redactor:
            return item
        clean = cleaned_reply(item.reply, redactor)
        headers = redactor.sent_headers(request.headers) if request.headers else request.headers
        sent = replace(request, url=redactor.text(request.url), headers=headers, body=self.body(request.body))
        return replace(item, request=sent, reply=clean)

    def body(self, body: Json) -> Json:
        """Return the body of a request without secrets; messages that were the same object are the same one again.

        So are items.
        """
        listed = list_in(body)
        messages = body.get(listed) if isinstance(body, dict) and listed is not None else None
        if not isinstance(body, dict) or listed is None or not isinstance(messages, list):
            return self._redactor.value(body)
        rest: JsonObject = {key: value for key, value in body.items() if key != listed}
        clean = self._redactor.value(rest)
        return {listed: [self._message(one) for one in messages], **clean}

    def _message(self, message: Json) -> Json:
        if not isinstance(message, dict):
            return self._redactor.value(message)
        if id(message) not in self._messages:
            self._messages[id(message)] = message, self._redactor.value(message)
        return self._messages[id(message)][1]
