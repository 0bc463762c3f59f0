"""What answers of lanes are good for: one that gives its check nothing is kept, and asked for again when recording."""

from __future__ import annotations

from collections.abc import Sequence

from convrun.backends.embeddings import ENDPOINT, gives_vector
from convrun.cassette.interaction import Interaction
from convrun.cassette.stored.reply_nodes import reply_message
from convrun.checks.catalogue.judge import judgement
from convrun.results import FROM_TURN, NO_GRADE, NO_VECTOR, NO_WORDS, USER_LANE, Change
from convrun.values import Json


def gives_answer(item: Interaction) -> bool:
    """Return whether a recorded call of a lane gives what was asked for: a grade, a vector, or the user's words."""
    if item.request.endpoint == ENDPOINT:
        return gives_vector(item.reply.payloads or ())
    if item.lane == USER_LANE:
        words = (reply_message(item.reply) or {}).get("content")
        return isinstance(words, str) and bool(words.strip())
    text = _said(item)
    return isinstance(text, str) and judgement(text) is not None


def passed_over(same: Sequence[Interaction]) -> Change:
    """Return why what is recorded of a question does not answer it: it gives nothing, or is to be asked anew."""
    empty = next((item for item in same if not gives_answer(item)), None)
    if empty is None:
        return Change(path="", part=FROM_TURN, now="asked anew")
    part = NO_VECTOR if empty.request.endpoint == ENDPOINT else NO_WORDS if empty.lane == USER_LANE else NO_GRADE
    return Change(path="", part=part, recorded=_said(empty) or "nothing that can be read", now="asked anew")


def _said(item: Interaction) -> Json:
    message = reply_message(item.reply) or {}
    return message.get("content") or message.get("refusal")
