"""Conversations, kept as JSON and rebuilt from it: each message once, turns with what is known of their replies."""

from __future__ import annotations

from convrun.conversation.history import History, TurnRecord
from convrun.conversation.messages import Message
from convrun.conversation.model_call import ModelCall
from convrun.conversation.owner import LanguageModel, place_of
from convrun.conversation.persistence.kept_value import KeptValue
from convrun.conversation.persistence.message_table import KeptMessages, MessageTable, as_json
from convrun.conversation.persistence.prompts import is_said, prompt_of
from convrun.conversation.persistence.replies import KEYS, reply_to_dict, take_reply
from convrun.conversation.persistence.responses import PLACE, place_in
from convrun.conversation.persistence.settings import LIMITS, Rebound, SettingsTable, settings_of
from convrun.conversation.persistence.tool_results import KeptAnswers, answered_in, results_of, results_sent
from convrun.conversation.settings import TurnSettings
from convrun.errors import ConversationError
from convrun.frozen import frozen
from convrun.values import Json, JsonObject, show

FORMAT = 1
_KEYS = ("convrun", "model", *PLACE, "tools", "settings", "messages", "history", "turns", "open", "is_branch")


@frozen
class KeptConversation:
    """What a conversation was: its model's name and place, as `place_of` says it, its settings, what was said."""

    model_id: str
    place: JsonObject
    settings: TurnSettings
    history: History
    is_branch: bool


def conversation_to_dict(
    history: History, settings: TurnSettings, *, model: LanguageModel, is_branch: bool
) -> JsonObject:
    """Return a conversation as a JSON object."""
    return _Writing(history, settings).to_dict(model, is_branch=is_branch)


def conversation_of(kept: KeptValue, rebound: Rebound) -> KeptConversation:
    """Return the conversation that `conversation_to_dict` wrote.

    Raises:
        ConversationError: where it is none, or lacks what is needed to go on.
    """
    _refuse_others(kept)
    kept.only(*_KEYS)
    model_id = kept["model"].text()
    reading = _Reading(kept, rebound)
    history = reading.history()
    return KeptConversation(
        model_id=model_id,
        place=place_in(kept),
        settings=rebound.with_all(reading.settings[0], reading.tools),
        history=history,
        is_branch=kept.get("is_branch", False).flag(),
    )


class _Writing:
    """Writes one conversation: messages are numbered first, as they came, so that results find theirs."""

    def __init__(self, history: History, settings: TurnSettings) -> None:
        self._history = history
        self._settings = SettingsTable()
        self._settings.number(settings)
        self._messages = MessageTable()
        self._sent: dict[ModelCall, list[Json]] = {}
        for record in history.turns:
            for call in record.calls:
                self._sent[call] = as_json(self._messages.runs(call.prompt.messages))
                self._messages.number(call.whole.message)
        self._said = as_json(self._messages.runs(history.messages))

    def to_dict(self, model: LanguageModel, *, is_branch: bool) -> JsonObject:
        turns: list[Json] = [
            {"responses": [self._response(call) for call in record.calls]} for record in self._history.turns
        ]
        found: JsonObject = {
            "convrun": FORMAT,
            "model": model.model_id,
            **place_of(model.backend),
            "tools": self._settings.tools,
            "settings": self._settings.settings,
            "messages": [message.to_dict() for message in self._messages.messages],
            "history": self._said,
            "turns": turns,
        }
        waiting = self._history.last_call
        if waiting is not None and waiting not in self._sent and waiting.results:
            found["open"] = self._answers(waiting.whole.message).to_json(waiting.results)
        return {**found, "is_branch": True} if is_branch else found

    def _response(self, call: ModelCall) -> JsonObject:
        asked, reply = call.prompt, call.whole.message
        found: JsonObject = {"sent": self._sent[call], "reply": self._messages.number(reply)}
        if (number := self._settings.number(call.settings)) > 0:
            found["settings"] = number
        if is_said(asked):
            found["said"] = True
        if asked.system is not None:
            found["system"] = True
        if asked.tool_results and (answered := answered_in(asked.messages)) is not None:
            answers = self._answers(asked.messages[answered])
            found["tool_results"] = answers.to_json(answers.by_position(asked.tool_results))
        if call.results:
            found["results"] = self._answers(reply).to_json(call.results)
        return found | reply_to_dict(call)

    def _answers(self, reply: Message) -> KeptAnswers:
        return KeptAnswers(reply, self._messages.behind(reply))


class _Reading:
    """Reads one conversation."""

    def __init__(self, kept: KeptValue, rebound: Rebound) -> None:
        self._kept = kept
        self.tools = [rebound.tool(tool) for tool in kept["tools"].items()]
        self.settings: list[TurnSettings] = []
        for item in kept["settings"].items():
            item.only("tools", "options", "schema", "schema_name", "stream", *LIMITS)
            numbers = item.get("tools", ()).items()
            own = [self.tools[number.whole(below=len(self.tools))] for number in numbers]
            self.settings.append(settings_of(item, own, rebound))
        if not self.settings:
            raise kept["settings"].wrong("is empty")
        self._messages = KeptMessages(kept["messages"])

    def history(self) -> History:
        """Return what was said."""
        found = History()
        for turn in self._kept["turns"].items():
            turn.only("responses")
            calls = [self._call(response) for response in turn["responses"].items()]
            if not calls:
                raise turn["responses"].wrong("is empty")
            found.turns.append(TurnRecord(calls[0].prompt.prompt, calls))
        found.start_from(self._messages.sequence(self._kept["history"]))
        self._wait(found)
        return found

    def _wait(self, history: History) -> None:
        """Let the calls that are still open be those of the last turn, if it ends with them."""
        waiting = history.last_call
        if waiting is None:
            return
        last = history.turns[-1].calls[-1] if history.turns else None
        if last is not None and last.whole.message is waiting.whole.message:
            history.last_call = last
        else:
            waiting.results = results_of(self._kept.get("open", ()), waiting.whole.message, self._messages)

    def _call(self, kept: KeptValue) -> ModelCall:
        kept.only("sent", "reply", "settings", "said", "system", "tool_results", "results", *KEYS)
        sent = self._messages.sequence(kept["sent"])
        reply = self._messages.at(kept["reply"])
        if not sent:
            raise kept["sent"].wrong("is empty")
        if reply.role != "assistant":
            raise kept["reply"].wrong("is not the number of a message of the model")
        settings = self.settings[kept.get("settings", 0).whole(below=len(self.settings))]
        system = "" if sent.system is None else sent.system.text
        prompt = prompt_of(
            sent,
            settings,
            said=sent[-1] if kept.get("said", False).flag() else None,
            system=system if kept.get("system", False).flag() else None,
            tool_results=results_sent(kept.get("tool_results", ()), sent, self._messages),
        )
        call = ModelCall(prompt, settings)
        take_reply(call, reply, kept)
        call.results = results_of(kept.get("results", ()), reply, self._messages)
        return call


def _refuse_others(kept: KeptValue) -> None:
    """Raise for what is no conversation, or of a format that is not known."""
    if "convrun" not in kept.mapping():
        fix = "Response.from_dict reads it" if "prompt" in kept.mapping() else None
        raise kept.wrong("does not say its format, as `convrun: 1`", fix=fix)
    found = kept["convrun"].whole(least=1)
    if found != FORMAT:
        raise ConversationError(
            f"this conversation has format {show(found, 60)}, and {FORMAT} is the newest that is known here",
            fix="update convrun",
        )
