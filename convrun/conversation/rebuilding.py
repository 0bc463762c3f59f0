"""Responses, kept as JSON and rebuilt from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from convrun.conversation.backend import Completion
from convrun.conversation.messages import Message, Usage, system
from convrun.conversation.model_call import ModelCall
from convrun.conversation.owner import LanguageModel, place_of
from convrun.conversation.prompt import Prompt
from convrun.conversation.settings import TurnSettings
from convrun.errors import ConversationError
from convrun.values import JsonObject


def call_to_dict(
    call: ModelCall, model_id: str | None, place: JsonObject | None, *, model: LanguageModel | None
) -> JsonObject:
    """Return a model call whose reply is whole as a JSON object.

    `model_id` and `place` are those of a rebuilt one, else `model` is asked.
    """
    asked, completion = call.prompt, call.whole
    prompt: JsonObject = {"messages": [message.to_dict() for message in asked.messages]}
    if asked.options:
        prompt["options"] = dict(asked.options)
    if asked.messages and asked.messages[0].role == "system":
        prompt["system"] = asked.messages[0].text
    usage: JsonObject = {"input": completion.usage.input, "output": completion.usage.output}
    if completion.usage.details:
        usage["details"] = completion.usage.details
    return {
        "model": model_id if model is None else model.model_id,
        **((place or {}) if model is None else place_of(model.backend)),
        "prompt": prompt,
        "messages": [completion.message.to_dict()],
        "id": call.id,
        "usage": {key: value for key, value in usage.items() if value is not None},
        "datetime_utc": call.datetime_utc,
    }


def call_from_dict(data: Mapping[str, Any]) -> tuple[ModelCall, str, JsonObject]:
    """Return the model call that `call_to_dict` wrote, its model's name, and where that was, as `place_of` does.

    Raises:
        ConversationError: where the dict is none of a response.
    """
    try:
        messages = [Message.from_dict(message) for message in data["prompt"]["messages"]]
        reply = [Message.from_dict(message) for message in data["messages"]]
        parts = tuple(part for message in reply for part in message.parts)
        model_id, options = str(data["model"]), data["prompt"].get("options", {})
        text, usage, began = data["prompt"].get("system"), data.get("usage", {}), data.get("datetime_utc")
    except (KeyError, TypeError, AttributeError) as error:
        raise ConversationError(f"no response: {error!r}", fix="give what to_dict() returned") from error
    if text and not (messages and messages[0].role == "system"):
        messages.insert(0, system(text))
    said = next((message.text for message in reversed(messages) if message.role == "user"), "")
    prompt = Prompt(prompt=said, messages=tuple(messages), system=text, options=options)
    call = ModelCall(prompt, TurnSettings(options=options))
    message = Message("assistant", parts, next((message.id for message in reversed(reply) if message.id), None))
    call.take(Completion(message=message, usage=Usage(**usage), id=data.get("id"), model=model_id))
    call.duration, call.began = None, datetime.fromisoformat(began).astimezone(UTC) if began else None
    return call, model_id, {"endpoint": data["endpoint"]} if "endpoint" in data else {}
