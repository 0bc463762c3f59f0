"""Responses, kept as JSON and rebuilt from it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from convrun.conversation.messages import Message, SharedMessages, message_of, system
from convrun.conversation.model_call import ModelCall
from convrun.conversation.owner import LanguageModel, place_of
from convrun.conversation.persistence.kept_value import KeptValue
from convrun.conversation.persistence.message_table import KeptMessages
from convrun.conversation.persistence.prompts import is_said, prompt_of
from convrun.conversation.persistence.replies import reply_to_dict, take_reply
from convrun.conversation.persistence.settings import Rebound, settings_of, settings_to_dict, tool_to_dict
from convrun.conversation.persistence.tool_results import KeptAnswers, answered_in, results_of, results_sent
from convrun.conversation.prompt import Prompt
from convrun.conversation.settings import TurnSettings
from convrun.values import JsonObject

PLACE = ("endpoint", "api")


def call_to_dict(
    call: ModelCall, model_id: str | None, place: JsonObject | None, *, model: LanguageModel | None
) -> JsonObject:
    """Return a model call whose reply is whole as a JSON object.

    `model_id` and `place` are those of a rebuilt one, else `model` is asked.
    """
    asked, reply = call.prompt, call.whole.message
    prompt = _prompt_to_dict(asked)
    if call.settings.tools:
        prompt["tools"] = [tool_to_dict(tool) for tool in call.settings.tools.values()]
    found: JsonObject = {
        "model": model_id if model is None else model.model_id,
        **((place or {}) if model is None else place_of(model.backend)),
        "prompt": prompt | settings_to_dict(call.settings),
        "messages": [reply.to_dict()],
        **reply_to_dict(call),
    }
    return found | ({"tool_results": KeptAnswers(reply).to_json(call.results)} if call.results else {})


def call_from_dict(data: Mapping[str, Any], rebound: Rebound) -> tuple[ModelCall, str, JsonObject]:
    """Return the model call that `call_to_dict` wrote, its model's name, and where that was, as `place_of` does.

    Raises:
        ConversationError: where the dict is none of a response, or lacks what is needed to go on.
    """
    kept = KeptValue(data, "response")
    if "convrun" in kept.mapping():
        raise kept.wrong("is a whole conversation", fix="Conversation.from_dict reads it")
    asked = kept["prompt"]
    tools = [rebound.tool(tool) for tool in asked.get("tools", ()).items()]
    settings = settings_of(asked, tools, rebound)
    call = ModelCall(_prompt(asked, settings), rebound.with_all(settings))
    take_reply(call, _reply(kept["messages"]), kept)
    call.results = results_of(kept.get("tool_results", ()), call.whole.message)
    return call, kept["model"].text(), place_in(kept)


def place_in(kept: KeptValue) -> JsonObject:
    """Return what a kept response or conversation says of its model beside the name, as `place_of` does."""
    found: JsonObject = {"endpoint": kept.get("endpoint").text_or_none()} if "endpoint" in kept.mapping() else {}
    api = kept.get("api").text_or_none()
    return found if api is None else {**found, "api": api}


def _reply(kept: KeptValue) -> Message:
    """The reply, which may be told in several messages."""
    messages = [message_of(message) for message in kept.items()]
    for item, message in zip(kept.items(), messages, strict=True):
        if message.role != "assistant":
            raise item["role"].not_a("'assistant', whose reply it is")
    ids = [message.id for message in messages if message.id is not None]
    return Message("assistant", tuple(part for message in messages for part in message.parts), ids[-1] if ids else None)


def _prompt_to_dict(asked: Prompt) -> JsonObject:
    """What was asked. The system prompt and a user's message at the end were new where nothing else is written."""
    messages = asked.messages
    found: JsonObject = {"messages": [message.to_dict() for message in messages]}
    if asked.system is not None:
        found["system"] = asked.system
    elif messages and messages[0].role == "system":
        found |= {"system": messages[0].text, "system_said": False}
    if messages and messages[-1].role == "user" and not is_said(asked):
        found["said"] = False
    if asked.tool_results and (place := answered_in(messages)) is not None:
        reply = messages[place]
        behind = islice(enumerate(messages), place + 1, place + len(reply.tool_calls) + 2)
        answers = KeptAnswers(reply, behind)
        found["tool_results"] = answers.to_json(answers.by_position(asked.tool_results))
    return found


def _prompt(kept: KeptValue, settings: TurnSettings) -> Prompt:
    """What was asked; the system prompt stands beside the messages, or among them, or both."""
    known, text = KeptMessages(kept["messages"]), kept.get("system").text_or_none()
    messages, said = list(known.messages), kept.get("said", True).flag()
    if text and not (messages and messages[0].role == "system"):
        messages.insert(0, system(text))
    return prompt_of(
        SharedMessages(messages),
        settings,
        said=messages[-1] if said and messages and messages[-1].role == "user" else None,
        system=text if kept.get("system_said", True).flag() else None,
        tool_results=results_sent(kept.get("tool_results", ()), messages, known),
    )
