"""From a recording to its conversations: which requests extend one another, and where the user speaks in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from convrun.cassette.as_chat import PREVIOUS
from convrun.cassette.canonical import plain_envelope
from convrun.cassette.interaction import Recording
from convrun.checks.views import call_arguments
from convrun.conversation.backend import Completion
from convrun.conversation.messages import ReasoningPart, RefusalPart
from convrun.errors import ProviderError
from convrun.importing.exchanges import Exchange, exchanges
from convrun.importing.groups import SYSTEM_ROLES
from convrun.importing.reasons import Reason, Refusal, listed
from convrun.redaction import Redactor
from convrun.results import ToolCallResult, UsageResult
from convrun.review.contents import attachments_of, only_attachments, text_of
from convrun.run.secrets import without_secrets
from convrun.transcript import (
    Asked,
    ModelCallRecord,
    RecordedConversation,
    RecordedTurn,
    RefusedCall,
    Said,
    SentParts,
    Transcript,
)
from convrun.values import Json, JsonObject


def transcript(
    recording: Recording, *, single: bool = False, redactor: Redactor | None = None, before: int = 0
) -> Transcript:
    """Return the conversations of a recording, whose turns are numbered behind so many that were said `before`.

    `single`: all of it is one conversation, as in the cassette of a spec. Else a request that does not extend an
    earlier one begins a conversation of its own. `redactor` takes out the secrets that a recording of another program
    may hold.
    """
    calls, others = exchanges(recording, Redactor())
    found: list[_Open] = []
    for call in calls:
        _continued(found, call, single=single).take(call)
    conversations = [one.conversation(before) for one in found]
    if recording.lanes and len(conversations) == 1:
        from convrun.review.lane_records import with_lanes  # few recordings have any

        conversations = [with_lanes(conversations[0], recording.lanes)]
    made = Transcript(conversations=tuple(conversations), others=tuple(map(_no_chat, others)))
    return made if redactor is None else without_secrets(made, redactor)


def _no_chat(refusal: Refusal) -> str:
    what = refusal.detail if refusal.reason is Reason.NO_COMPLETION else str(refusal)
    return f"{listed(refusal.numbers)}: {what}"


@dataclass(slots=True)
class _Turn:
    """A turn under way: what the user said in these messages, and the model calls so far."""

    said: Sequence[JsonObject]
    model_calls: list[ModelCallRecord] = field(default_factory=list)

    def recorded(self, index: int) -> RecordedTurn:
        """Return it as it is shown."""
        return RecordedTurn(
            index=index,
            user="\n\n".join(filter(None, (text_of(message.get("content")) for message in self.said))),
            attachments=tuple(note for message in self.said for note in attachments_of(message.get("content"))),
            model_calls=tuple(self.model_calls),
        )


class _Open:
    """A conversation that may go on.

    `known` are the messages of its last request, without a system message in front; those of one that was refused are
    not in the history.
    """

    def __init__(self) -> None:
        self.known: list[JsonObject] = []
        self._before: list[JsonObject] = []  # in front of the newest turn
        self._history: list[JsonObject] = []
        self._turns: list[_Turn] = []
        self._reply: Completion | None = None

    def extended_by(self, messages: list[JsonObject]) -> bool:
        """Whether these messages go on where the last request ended."""
        return bool(self.known) and _begins(messages, self.known)

    def replied(self, messages: list[JsonObject]) -> bool:
        """Whether messages that extend the known ones go on with the last reply as it was."""
        sent = messages[len(self.known)]
        return self._reply is None or text_of(sent.get("content")) == self._reply.message.text

    def take(self, call: Exchange) -> None:
        """Take the next model call."""
        messages = _without_system(call.messages)
        new = self._new(messages)
        results = [message for message in new if message.get("role") == "tool"]
        said = [message for message in new if message.get("role") == "user"]
        if results and self._turns:
            self._answer(results, [message for message in said if only_attachments(message)])
            said = [message for message in said if not only_attachments(message)]
        if said or not results or not self._turns:
            self._turns.append(_Turn(said))
            self._before = self.known
        self._turns[-1].model_calls.append(_record(call))
        answered = isinstance(call.answer, Completion)
        self._reply = call.answer if isinstance(call.answer, Completion) else None
        self.known = messages if answered else self._before

    def conversation(self, before: int) -> RecordedConversation:
        """Return it as it is shown, with so many turns before it."""
        turns = (turn.recorded(index) for index, turn in enumerate(self._turns, start=before + 1))
        return RecordedConversation(turns=tuple(turns), history=tuple(_history(self._history)))

    def _new(self, messages: list[JsonObject]) -> list[JsonObject]:
        """What a request has behind the last reply; of the first one, all but its last message is history."""
        if not self._turns:
            own = max(len(messages) - 1, 0) if messages and messages[-1].get("role") == "user" else len(messages)
            self._history = self.known = messages[:own]
            return messages[own:]
        new = messages[len(self.known) :] if _begins(messages, self.known) else messages[-1:]
        replies = [index for index, message in enumerate(new) if message.get("role") == "assistant"]
        return new[replies[-1] + 1 :] if replies else new

    def _answer(self, results: Sequence[JsonObject], more: Sequence[JsonObject]) -> None:
        """Give the calls of the last reply their results, by id, those without one in order."""
        last = self._turns[-1].model_calls[-1]
        notes = tuple(note for message in more for note in attachments_of(message.get("content")))
        calls = tuple(_with_results(last.calls, results))
        self._turns[-1].model_calls[-1] = replace(last, calls=calls, attachments=notes)


def _continued(found: list[_Open], call: Exchange, *, single: bool) -> _Open:
    """The conversation that a request belongs to; a new one where it extends none."""
    if single and found:
        return found[0]
    messages = _without_system(call.messages)
    candidates = [one for one in reversed(found) if one.extended_by(messages)]
    for one in candidates:
        if one.replied(messages):
            return one
    if not candidates:
        found.append(_Open())
    return candidates[0] if candidates else found[-1]


def _begins(messages: list[JsonObject], known: list[JsonObject]) -> bool:
    """Whether messages go on behind those known; in a cassette of ours they are the same objects, and cost nothing."""
    return len(known) < len(messages) and messages[: len(known)] == known


def _without_system(messages: list[JsonObject]) -> list[JsonObject]:
    return messages[1:] if messages and messages[0].get("role") in SYSTEM_ROLES else messages


def _record(call: Exchange) -> ModelCallRecord:
    asked, answer = _asked(call), call.answer
    if isinstance(answer, ProviderError):
        error = RefusedCall(
            what=answer.what,
            type=type(answer).__name__,
            status=answer.status,
            message=answer.provider_message or "",
            is_answer=answer.is_answer,
        )
        return ModelCallRecord(number=call.number, asked=asked, error=error, sent=_sent(call))
    parts = answer.message.parts
    refusals = [part.text for part in parts if isinstance(part, RefusalPart)]
    return ModelCallRecord(
        number=call.number,
        asked=asked,
        text=answer.message.text,
        reasoning="".join(part.text for part in parts if isinstance(part, ReasoningPart)),
        refusal="".join(refusals) if refusals else None,
        calls=tuple(
            ToolCallResult(id=one.id, name=one.name, arguments=call_arguments(one.arguments))
            for one in answer.message.tool_calls
        ),
        finish_reason=answer.finish_reason,
        usage=UsageResult(input=answer.usage.input, output=answer.usage.output),
        latency_ms=answer.elapsed_ms,
        cost_usd=answer.cost_usd,
        model=answer.model,
        sent=_sent(call),
    )


def _sent(call: Exchange) -> SentParts:
    tools = call.body.get("tools")
    return SentParts(tools if isinstance(tools, list) else [], call.messages)


def _asked(call: Exchange) -> Asked:
    envelope = plain_envelope(call.body)
    model, tools = envelope.pop("model", None), envelope.pop("tools", None)
    if call.chat.before:  # by the id of a response in the recording, which another recording of the same has not
        envelope[PREVIOUS] = "auto"
    first = call.messages[0]
    return Asked(
        model=str(model) if model is not None else None,
        system=text_of(first.get("content")) if first.get("role") in SYSTEM_ROLES else None,
        options=envelope,
        tools=dict(_functions(tools)),
    )


def _functions(tools: Json) -> Iterator[tuple[str, JsonObject]]:
    for index, tool in enumerate(tools if isinstance(tools, list) else [], start=1):
        function = tool.get("function") if isinstance(tool, dict) else None
        if isinstance(function, dict):
            yield str(function.get("name")), function
        else:
            yield f"{index}", tool if isinstance(tool, dict) else {"": tool}


def _with_results(calls: Iterable[ToolCallResult], results: Sequence[JsonObject]) -> Iterator[ToolCallResult]:
    waiting = list(results)
    for call in calls:
        own = next((one for one in waiting if one.get("tool_call_id") == call.id), None)
        own = own if own is not None else next(iter(waiting), None)
        if own is None:
            yield call
            continue
        waiting.remove(own)
        yield replace(call, result=text_of(own.get("content")))


def _history(messages: Iterable[JsonObject]) -> Iterator[Said]:
    for message in messages:
        content, calls = message.get("content"), message.get("tool_calls")
        if "reasoning" in message and not content and not calls:
            continue  # thoughts alone, an item of a Responses API
        yield Said(
            role=str(message.get("role")),
            text=text_of(content),
            calls=tuple(map(_past_call, calls)) if isinstance(calls, list) else (),
            attachments=attachments_of(content),
        )


def _past_call(call: Json) -> ToolCallResult:
    known = call if isinstance(call, dict) else {}
    function = known.get("function")
    named = function if isinstance(function, dict) else {}
    arguments = named.get("arguments")
    return ToolCallResult(
        id=str(known.get("id") or ""),
        name=str(named.get("name")),
        arguments=call_arguments(arguments) if isinstance(arguments, str) else arguments,
    )
