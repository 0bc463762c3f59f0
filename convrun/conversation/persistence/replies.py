"""What is known of a reply beside its message, kept: ids, usage, times."""

from __future__ import annotations

from datetime import UTC, datetime

from convrun.conversation.backend import Completion
from convrun.conversation.messages import Message, Usage
from convrun.conversation.model_call import ModelCall
from convrun.conversation.persistence.kept_value import KeptValue
from convrun.values import JsonObject

KEYS = ("id", "usage", "datetime_utc", "duration_ms", "finish_reason", "model_name", "elapsed_ms", "cost_usd")


def reply_to_dict(call: ModelCall) -> JsonObject:
    """Return what is known of a whole reply; what is not known is left out."""
    whole = call.whole
    usage: JsonObject = {"input": whole.usage.input, "output": whole.usage.output}
    found: JsonObject = {
        "id": call.id,
        "usage": {key: value for key, value in usage.items() if value is not None},
        "datetime_utc": call.datetime_utc or None,
        "duration_ms": None if call.duration is None else call.duration_ms,
        "finish_reason": whole.finish_reason,
        "model_name": whole.model,
        "elapsed_ms": whole.elapsed_ms,
        "cost_usd": whole.cost_usd,
    }
    if whole.usage.details:
        found["usage"] = {**usage, "details": dict(whole.usage.details)}
    return {key: value for key, value in found.items() if value is not None}


def take_reply(call: ModelCall, message: Message, kept: KeptValue) -> None:
    """Let a model call have its reply, with what `reply_to_dict` wrote.

    Raises:
        ConversationError: where that is something else.
    """
    usage = kept.get("usage", {})
    completion = Completion(
        message=message,
        finish_reason=kept.get("finish_reason").text_or_none(),
        usage=Usage(
            input=usage.get("input").whole_or_none(),
            output=usage.get("output").whole_or_none(),
            details=usage.get("details", {}).json_object(),
        ),
        model=kept.get("model_name").text_or_none(),
        id=kept.get("id").text_or_none(),
        elapsed_ms=kept.get("elapsed_ms").number_or_none(),
        cost_usd=kept.get("cost_usd").number_or_none(),
    )
    call.take(completion)
    duration = kept.get("duration_ms").number_or_none()
    call.duration = None if duration is None else duration / 1000
    call.began = _moment(kept.get("datetime_utc"))


def _moment(kept: KeptValue) -> datetime | None:
    text = kept.text_or_none()
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise kept.not_a("a date and time as ISO 8601") from None
