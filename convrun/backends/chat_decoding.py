"""Chat completions, decoded: payloads of a plain or a streamed reply become events and one Completion.

Every provider is a little different and the wire is not validated by anybody else, so nothing here trusts a type. There
is one decoder for plain and streamed, live and replayed replies, and it goes by what came, not by what was asked for.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace

from convrun.backends.chat_calls import CallsDecoder, mended, sendable
from convrun.backends.framing import Payload
from convrun.backends.provider_errors import ReplyErrors
from convrun.backends.reading import Payloads
from convrun.conversation.backend import Completion, StreamEvent
from convrun.conversation.messages import Message, Part, ReasoningPart, RefusalPart, TextPart, Usage
from convrun.values import Json, JsonObject
from convrun.wire import Figures

MOST_TOKENS = 10**9  # of one call; a provider that tells more tells nothing
_LARGEST = 10**15  # number of a detail of usage

_FINISH_REASONS = {
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "complete": "stop",
    "max_tokens": "length",
    "model_length": "length",
    "function_call": "tool_calls",
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    **dict.fromkeys(
        ("safety", "recitation", "blocklist", "prohibited_content", "spii", "sensitive"), "content_filter"
    ),  # the words of Gemini and Zhipu
}
_REASONING_FIELDS = ("reasoning_content", "reasoning")


class ChatDecoder:
    """Takes the payloads of one reply; sans-I/O.

    `turn` and `used_ids` (ids of the tool calls that the conversation already has) are for the ids of tool calls that
    the provider gives not or twice.
    """

    def __init__(self, errors: ReplyErrors, *, turn: int = 1, used_ids: Container[str] = ()) -> None:
        self._errors = errors
        self._payloads = Payloads(errors, errors.no_choices)
        self._calls = CallsDecoder(turn=turn, used_ids=used_ids)
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._reasoning: list[str] = []
        self._reasoning_field = ""
        self._details: list[Json] = []
        self._finish_reason: str | None = None
        self._usage: JsonObject = {}
        self._model: str | None = None
        self._id: str | None = None
        self._raw: Json = None

    def feed(self, payload: Payload) -> Iterator[StreamEvent]:
        """Yield what one payload adds to the reply.

        Raises:
            ProviderError: where the payload is an error, or nothing a chat API says.
        """
        taken = self._payloads.take(payload)
        if taken is None:
            return
        self._read_envelope(taken)
        choices = taken.get("choices")
        choice = _first_choice(choices) if isinstance(choices, list) else None
        if choice is not None:
            yield from self._read_choice(choice, taken)

    def finish(self, figures: Figures | None = None, *, whole: bool = False) -> Completion:
        """Return the reply, now that nothing more comes. `whole`: that it is complete is known from elsewhere.

        Raises:
            ProviderError: where there was no reply, or only the beginning of one.
        """
        self._payloads.finish()
        # Not every provider ends a stream with [DONE], and not every one gives a finish reason: one of them is enough.
        if not (whole or self._payloads.ended or self._finish_reason):
            raise self._errors.broken()
        return Completion(
            message=Message("assistant", tuple(self._parts())),
            finish_reason=self._finish_reason,
            usage=_usage(self._usage),
            model=self._model,
            id=self._id,
            raw=self._raw,
            elapsed_ms=figures.elapsed_ms if figures else None,
            cost_usd=figures.cost_usd if figures else None,
        )

    def _read_envelope(self, payload: JsonObject) -> None:
        self._id = self._id or _text_or_none(payload.get("id"))
        self._model = self._model or _text_or_none(payload.get("model"))
        if usage := _usage_in(payload):
            self._usage = usage
            self._payloads.ended = self._payloads.ended or (self._payloads.answered and payload.get("choices") == [])

    def _read_choice(self, choice: JsonObject, payload: JsonObject) -> Iterator[StreamEvent]:
        if error := choice.get("error"):
            raise self._errors.told(error, streamed=self._payloads.answered)
        self._payloads.answered = True
        if isinstance(reason := choice.get("finish_reason"), str) and reason:
            reason = "content_filter" if reason.lower().startswith("content_filter") else reason.lower()
            self._finish_reason = _FINISH_REASONS.get(reason, reason)
        message, delta = choice.get("message"), choice.get("delta")
        # A plain reply may lack its message (a filter took it), a chunk its delta.
        if ("message" in choice and not isinstance(delta, dict)) or payload.get("object") == "chat.completion":
            self._raw, self._payloads.ended = payload, True
        if isinstance(message, dict):
            yield from self._read_message(message, whole=True)
        elif isinstance(delta, dict):
            yield from self._read_message(delta, whole=False)

    def _read_message(self, message: JsonObject, *, whole: bool) -> Iterator[StreamEvent]:
        yield from self._read_reasoning(message)
        content = message.get("content")
        audio = message.get("audio")
        if not content and isinstance(audio, dict):
            content = audio.get("transcript")
        for kind, text in _pieces(content):
            yield self._add(kind, text)
        if isinstance(refusal := message.get("refusal"), str) and refusal:
            yield self._add("refusal", refusal)
        calls = message.get("tool_calls")
        if not calls and isinstance(legacy := message.get("function_call"), dict):
            calls = [{"index": 0, "function": legacy}]
        if isinstance(calls, list):
            for call in calls:
                yield from self._calls.feed(call, whole=whole)

    def _read_reasoning(self, message: JsonObject) -> Iterator[StreamEvent]:
        """Thinking has two names; some providers send the same text under both."""
        for field in _REASONING_FIELDS:
            if isinstance(text := message.get(field), str) and text:
                self._reasoning_field = self._reasoning_field or field
                if field == self._reasoning_field:
                    yield self._add("reasoning", text)
                    break
        if isinstance(details := message.get("reasoning_details"), list):
            self._details += details

    def _add(self, kind: str, text: str) -> StreamEvent:
        if kind == "reasoning":
            self._reasoning.append(text)
            return StreamEvent("reasoning", text)
        if kind == "refusal":
            self._refusal.append(text)
            return StreamEvent("refusal", text)
        self._text.append(text)
        return StreamEvent("text", text)

    def _parts(self) -> Iterator[Part]:
        if self._reasoning or self._details:
            details = sendable(_joined(self._details)) or None
            yield ReasoningPart(mended(self._reasoning), field=self._reasoning_field or "reasoning", details=details)
        if text := mended(self._text):
            yield TextPart(text)
        if refusal := mended(self._refusal):
            yield RefusalPart(refusal)
        yield from self._calls.finish()


def _joined(details: list[Json]) -> list[Json]:
    """Details of reasoning as a plain reply has them: in a stream the text of one comes in pieces."""
    joined: list[Json] = []
    for detail in details:
        last = joined[-1] if joined else None
        if isinstance(detail, dict) and isinstance(last, dict) and _continues(last, detail):
            changed: JsonObject = {key: value for key, value in detail.items() if value is not None}
            for key in ("text", "summary"):
                if isinstance(piece := detail.get(key), str):
                    changed[key] = f"{last.get(key) or ''}{piece}"
            joined[-1] = last | changed
        else:
            joined.append(detail)
    return joined


def _continues(last: JsonObject, detail: JsonObject) -> bool:
    """Whether a detail goes on with the one before: text of the same type and place that is not signed yet."""
    kind, place = detail.get("type"), detail.get("index")
    texts = kind in ("reasoning.text", "reasoning.summary")
    return texts and place is not None and (last.get("type"), last.get("index")) == (kind, place)


def _first_choice(choices: list[Json]) -> JsonObject | None:
    """The choice with index 0; of a plain reply, any other if there is none."""
    found = [choice for choice in choices if isinstance(choice, dict)]
    for choice in found:
        if choice.get("index") in (0, None):
            return choice
    return found[0] if found and found[0].get("message") else None


def _pieces(content: Json) -> Iterator[tuple[str, str]]:
    """The texts of a content with their kinds; a content is a text, a list of parts, or a structured output."""
    if isinstance(content, str):
        if content:
            yield "text", content
    elif isinstance(content, list):
        for part in content:
            yield from _part_pieces(part)
    elif content is not None:
        yield "text", json.dumps(content, ensure_ascii=False)


def _part_pieces(part: Json) -> Iterator[tuple[str, str]]:
    if isinstance(part, str) and part:
        yield "text", part
    if not isinstance(part, Mapping):
        return
    kind = part.get("type")
    if kind in ("thinking", "reasoning"):
        inner = part.get(str(kind), part.get("text"))
        for _, text in _pieces(inner if isinstance(inner, str | list) else None):
            yield "reasoning", text
        return
    words = part.get("refusal" if kind == "refusal" else "text")
    if isinstance(words, str) and words:
        yield ("refusal" if kind == "refusal" else "text"), words


def usage_of(payloads: Iterable[Payload]) -> Usage:
    """Return the usage that the payloads of one reply tell: the last that is told. Embeddings have no output."""
    read = [payload for payload in payloads if isinstance(payload, dict)]
    told = [usage for payload in read if (usage := _usage_in(payload))]
    found = _usage(told[-1] if told else {})
    embeds = len(read) == 1 and "data" in read[0] and "choices" not in read[0]
    return replace(found, output=0) if embeds and found.output is None and found.input is not None else found


def _usage_in(payload: JsonObject) -> JsonObject:
    """The usage that a payload tells, as it stands there; empty where it tells none."""
    response = payload.get("response")  # an event of a Responses API
    usage = (response if isinstance(response, dict) else payload).get("usage")
    if not usage and isinstance(extra := payload.get("x_groq"), dict):
        usage = extra.get("usage")
    told = isinstance(usage, dict) and any(value is not None for value in usage.values())
    return usage if told and isinstance(usage, dict) else {}


def _usage(usage: JsonObject) -> Usage:
    named = {"prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "total_tokens"}
    told = _count(usage.get("prompt_tokens", usage.get("input_tokens")))
    said = _count(usage.get("completion_tokens", usage.get("output_tokens")))
    rest = {key: value for key, value in usage.items() if key not in named and value is not None}
    details: JsonObject = {key: value for key, value in rest.items() if _can_be_added(value)}
    total = _count(usage.get("total_tokens"))
    if None not in (told, said, total) and total != (told or 0) + (said or 0):
        details["total_tokens"] = total  # what is counted apart, as thoughts are by some, is in the total alone
    return Usage(input=told, output=said, details=details)


def _count(value: Json) -> int | None:
    """A number of tokens; None for what is none, and for more than any call takes."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_TOKENS:
        return None
    return int(value) if value == value // 1 else None


def _can_be_added(value: Json) -> bool:
    """Whether the numbers of a detail stay numbers, in a sum of many and as JSON."""
    if isinstance(value, dict):
        return all(map(_can_be_added, value.values()))
    if isinstance(value, list):
        return all(map(_can_be_added, value))
    return not isinstance(value, int | float) or abs(value) <= _LARGEST


def _text_or_none(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None
