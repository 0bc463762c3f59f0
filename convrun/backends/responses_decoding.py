"""Replies of a Responses API, decoded: payloads of a plain or a streamed reply become events and one Completion.

As with chat completions, nothing here trusts a type. What a stream says at its end holds over what its pieces were.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Container, Iterator

from convrun.backends.chat_calls import CallIds, mended, sendable
from convrun.backends.chat_decoding import usage_of
from convrun.backends.framing import Payload
from convrun.backends.provider_errors import ReplyErrors, error_in
from convrun.backends.reading import Payloads
from convrun.backends.responses_items import CALLS, parts_of
from convrun.backends.responses_output import Arrived, OutputItem, Repeats
from convrun.conversation.backend import Completion, StreamEvent
from convrun.conversation.messages import Message
from convrun.errors import ProviderError
from convrun.values import Json, JsonObject
from convrun.wire import Figures

_INCOMPLETE = {"max_output_tokens": "length", "max_tokens": "length"}
_TEXTS = {  # events that bring text: of which kind it is, where its place stands, and, when it is whole, the text
    "response.output_text": ("text", "content_index", "text"),
    "response.refusal": ("refusal", "content_index", "refusal"),
    "response.reasoning_summary_text": ("summary", "summary_index", "text"),
    "response.reasoning_text": ("reasoning", "content_index", "text"),
    "response.function_call_arguments": ("arguments", "", "arguments"),
    "response.custom_tool_call_input": ("input", "", "input"),
}
_ENDS = ("response.completed", "response.incomplete")
_FAILED = ("failed", "cancelled")
_WAITING = ("queued", "in_progress")


class ResponsesDecoder:
    """Takes the payloads of one reply; sans-I/O; implements `formats.ReplyDecoder`.

    `turn` and `used_ids` are as for chat completions.
    """

    def __init__(self, errors: ReplyErrors, *, turn: int = 1, used_ids: Container[str] = ()) -> None:
        self._errors = errors
        self._payloads = Payloads(errors, errors.no_output)
        self._ids = CallIds(turn=turn, used=used_ids)
        self._items: list[OutputItem] = []
        self._at: dict[int, OutputItem] = {}
        self._named: dict[str, OutputItem] = {}
        self._repeats = Repeats()
        self._final: list[OutputItem] | None = None
        self._called = 0
        self._response: JsonObject = {}  # the latest that was told of the whole
        self._raw: Json = None
        self._complete = False

    def feed(self, payload: Payload) -> Iterator[StreamEvent]:
        """Yield what one payload adds to the reply.

        Raises:
            ProviderError: where the payload is an error, or nothing a Responses API says.
        """
        taken = self._payloads.take(payload)
        if taken is None:
            return
        kind = taken.get("type")
        if isinstance(kind, str) and (kind == "error" or kind.startswith("response.")):
            yield from self._read_event(kind, taken)
        elif isinstance(taken.get("output"), list) or taken.get("object") == "response":
            self._raw, self._payloads.answered = taken, True
            yield from self._read_end(taken)

    def finish(self, figures: Figures | None = None, *, whole: bool = False) -> Completion:
        """Return the reply, now that nothing more comes. `whole`: that it is complete is known from elsewhere.

        Raises:
            ProviderError: where there was no reply, or only the beginning of one.
        """
        self._payloads.finish()
        if not self._complete and not (self._items and (whole or self._payloads.ended)):
            raise self._errors.broken("it said neither that it is completed nor that it is incomplete")
        found = [one for one in self._items if not one.empty] if self._final is None else self._final
        if not found and self._ending() is None:
            raise self._errors.no_item()
        said = [one for one in found if not one.says_nothing]
        parts = [part for one in said for part in parts_of(one.whole(), call_id=one.call_id or "")]
        identity = _text_or_none(self._response.get("id"))
        message = Message("assistant", tuple(parts), identity)
        return Completion(
            message=message,
            finish_reason=self._ending() or ("tool_calls" if message.tool_calls else "stop"),
            usage=usage_of((self._response,)),
            model=_text_or_none(self._response.get("model")),
            id=identity,
            raw=self._raw,
            elapsed_ms=figures.elapsed_ms if figures else None,
            cost_usd=figures.cost_usd if figures else None,
        )

    def _read_event(self, kind: str, event: JsonObject) -> Iterator[StreamEvent]:
        told = event.get("response")
        response = told if isinstance(told, dict) else {}
        name, _, ending = kind.rpartition(".")
        if kind == "error" or (ending in _FAILED and name == "response"):
            raise self._failed(response or event)
        self._payloads.answered = True
        if self._complete or self._repeats.seen(event):
            return
        if kind in _ENDS:
            status = response.get("status")
            yield from self._read_end({**response, "status": status if status in _FAILED else ending})
        elif response:
            self._note(response)
        elif name == "response.output_item":
            yield from self._read_item(event, done=ending == "done")
        elif name in _TEXTS:
            yield from self._read_text(event, *_TEXTS[name], done=ending == "done")

    def _note(self, response: JsonObject) -> None:
        """Take what is told of the whole reply; what an earlier one told and this one does not stays."""
        if error := error_in(response):
            raise self._errors.told(error, streamed=self._payloads.answered)
        told = {key: value for key, value in response.items() if value is not None and key != "output"}
        self._response = {**self._response, **told}

    def _read_end(self, response: JsonObject) -> Iterator[StreamEvent]:
        """Read the whole reply: that of a plain one, or what a stream says at its end."""
        self._note(response)
        status = response.get("status")
        if status in _FAILED:
            raise self._failed(response)
        if status in _WAITING:
            raise self._errors.unfinished(str(status))
        self._complete = True
        output = response.get("output")
        found = [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
        if not found and self._items:
            return  # some providers do not repeat what has come
        arrived = Arrived(self._items, self._at)
        final: list[OutputItem] = []
        for position, item in enumerate(found):
            one = arrived.take(item, position) or OutputItem(position)
            final.append(one)
            yield from self._settle(one, item, done=True)
        self._final = final

    def _read_item(self, event: JsonObject, *, done: bool) -> Iterator[StreamEvent]:
        item = event.get("item")
        if not isinstance(item, dict):
            return
        one = self._item_at(event)
        # Some servers count every item as the first.
        if one.item and (not done or (one.done and one.item.get("id") != item.get("id"))):
            one = self._open(one.index)
        yield from self._settle(one, item, done=done)

    def _read_text(self, event: JsonObject, kind: str, place: str, where: str, *, done: bool) -> Iterator[StreamEvent]:
        piece = event.get(where if done else "delta")
        if not isinstance(piece, str):
            return
        one = self._item_at(event)
        index = event.get(place)
        at = index if isinstance(index, int) and kind not in CALLS.values() else 0
        if kind in CALLS.values():
            self._identify(one)
        yield from one.complete(kind, at, piece) if done else one.add(kind, at, piece)

    def _settle(self, one: OutputItem, item: JsonObject, *, done: bool) -> Iterator[StreamEvent]:
        checked = sendable(item)
        assert isinstance(checked, dict)
        one.take(checked, done=done)
        if one.id:
            self._named[one.id] = one
        if one.calls:
            self._identify(one)
        yield from one.settle()

    def _identify(self, one: OutputItem) -> None:
        """Give a call its place among the calls, and an id that the conversation has not."""
        given = _text_or_none(one.item.get("call_id")) or ""
        if one.call_id is None:
            one.position = self._called
            self._called += 1
        elif not given or given == one.given_id:
            return
        one.given_id, one.call_id = given, self._ids.unique(given)

    def _item_at(self, event: JsonObject) -> OutputItem:
        """The item that an event is about: by its place, else by its id, else the last."""
        index, item = event.get("output_index"), event.get("item")
        if isinstance(index, int):
            return self._at.get(index) or self._open(index)
        identity = _text_or_none(item.get("id") if isinstance(item, dict) else event.get("item_id"))
        named = self._named.get(identity or "")
        if named is not None and named.id == identity:
            return named
        if self._items and not (identity and item):
            return self._items[-1]
        return self._open(len(self._items))

    def _open(self, index: int) -> OutputItem:
        one = self._at[index] = OutputItem(index)
        insort(self._items, one, key=lambda item: item.index)
        return one

    def _ending(self) -> str | None:
        """How the reply ended, in the words of finish reasons, where it is not complete; None where it is."""
        status = _text_or_none(self._response.get("status"))
        if status != "incomplete":
            return None if status in (None, "completed", *_WAITING) else mended([status]).lower()
        details = self._response.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        return _INCOMPLETE.get(reason, reason.lower()) if isinstance(reason, str) and reason else "length"

    def _failed(self, told: JsonObject) -> ProviderError:
        return self._errors.told(error_in(told) or told, streamed=self._payloads.answered and self._raw is None)


def _text_or_none(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None
