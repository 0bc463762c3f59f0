"""What cannot be redacted: a value that is a number, or spreads over what is not one text."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from convrun.cassette.interaction import Interaction
from convrun.errors import CassetteError
from convrun.redaction import Redactor
from convrun.source import Where
from convrun.values import Json


def surviving(item: Interaction, redactor: Redactor) -> str | None:
    """Return where in a redacted interaction a secret stands all the same, as JSON pointer; None where none does."""
    if not redactor.has_numbers:
        return None  # texts and keys are replaced, whatever they hold
    parts = {"request": item.request.body, "response": [*(item.reply.payloads or ())]}
    return _number(parts, redactor)


def _number(value: Json | dict[str, Any], redactor: Redactor) -> str | None:
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        path, holder = waiting.pop()
        pairs: Iterable[tuple[Any, Any]] = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for key, item in pairs:
            if isinstance(item, dict | list):
                waiting.append((f"{path}/{key}", item))
            elif isinstance(item, int | float) and redactor.is_in(json.dumps(item)):
                return f"{path}/{redactor.text(str(key))}"
    return None


def refusal(number: int, place: str, *, file: str) -> CassetteError:
    """Return the error of an interaction (from 1) that holds a secret at a place where nothing else can stand."""
    return CassetteError(
        f"interaction {number} holds the value of a key where it cannot be taken out, as a number at {place}; it is "
        "not written, and the cassette is as it was",
        where=Where(file=file),
        fix="keep the key out of prompts, tools and replies; what else was answered stays in the partial recording",
    )
