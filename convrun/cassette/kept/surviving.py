"""What cannot be redacted: a secret that is a number, also in a text that is JSON."""

from __future__ import annotations

import json
from typing import Any

from convrun.cassette.interaction import Interaction, ReceivedReply, list_in
from convrun.cassette.kept.received import cleaned_reply
from convrun.cassette.kept.split_secrets import channels
from convrun.errors import CassetteError
from convrun.redaction import Redactor
from convrun.source import Where
from convrun.values import Json


class Survivors:
    """Finds secrets in the interactions of a conversation that a redactor cannot take out, before it has tried to."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor.thorough
        self._seen: set[int] = set()  # messages, which are held by the requests

    @property
    def looked_for(self) -> bool:
        """Whether there may be any: of other secrets, texts and keys are replaced, whatever they hold."""
        return self._redactor.has_numbers

    def place(self, body: Json, reply: ReceivedReply) -> str | None:
        """Return where a secret would stand in what is stored of a request and its reply; None where none would.

        Neither is redacted yet; it is told as JSON pointer.
        """
        payloads = reply.payloads or ()
        joined: list[Json] = ["".join(pieces) for pieces in channels(payloads).values()] if reply.stream else []
        return self._in({"request": self._new(body), "response": [*payloads]}) or self._in({"response": joined})

    def recorded(self, item: Interaction) -> str | None:
        """Return that place in an interaction of a recording, which another program may have made."""
        if not self.looked_for:
            return None
        return self.place(item.request.body, cleaned_reply(item.reply, Redactor()))

    def _new(self, body: Json) -> Json:
        """A request without those of its messages (or items) that were looked at in one before."""
        listed = list_in(body)
        messages = body.get(listed) if isinstance(body, dict) and listed is not None else None
        if not isinstance(body, dict) or listed is None or not isinstance(messages, list):
            return body
        new: dict[str, Json] = {f"{at}": one for at, one in enumerate(messages) if id(one) not in self._seen}
        self._seen.update(map(id, messages))
        return {**body, listed: new}

    def _in(self, value: Any) -> str | None:
        waiting: list[tuple[str, Any]] = [("", value)]
        while waiting:
            path, item = waiting.pop()
            if isinstance(item, dict):
                waiting += [(f"{path}/{key}", inner) for key, inner in item.items()]
            elif isinstance(item, list):
                waiting += [(f"{path}/{at}", inner) for at, inner in enumerate(item)]
            elif isinstance(item, str):
                inner = _json_in(item)
                if inner is not None:
                    after = self._redactor.text(item)
                    if after is not item and _json_in(after) is None:
                        return self._redactor.text(path)
                    waiting.append((path, inner))
            elif isinstance(item, int | float) and self._redactor.number(item) is not None:
                return self._redactor.text(path)
        return None


def _json_in(text: str) -> Any:
    """The object or list that a text is in JSON; None where it is none."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def refusal(number: int, place: str, *, file: str) -> CassetteError:
    """Return the error of an interaction (from 1) that holds a secret at a place where nothing else can stand."""
    return CassetteError(
        f"interaction {number} holds a secret where it cannot be taken out, as a number at {place}; it is not written, "
        "and the cassette is as it was",
        where=Where(file=file),
        fix="keep it out of prompts, tools and replies; what else was answered stays in the partial recording",
    )
