"""One item of a Responses API's output, put together from the pieces in which it streams."""

from __future__ import annotations

from collections.abc import Iterator

from convrun.backends.chat_calls import mended
from convrun.backends.responses_items import CALLS, kind_of, texts_in
from convrun.conversation.backend import EventType, StreamEvent
from convrun.values import Json, JsonObject

_EVENTS: dict[str, EventType] = {
    "text": "text",
    "refusal": "refusal",
    "summary": "reasoning",
    "reasoning": "reasoning",
    "arguments": "tool_call_args",
    "input": "tool_call_args",
}


class OutputItem:
    """An item that is being read. `index` is its place in the output, as the provider counts.

    `position` counts the tool calls of the reply, and `call_id` is unique in the conversation; both are set by who
    reads the reply, once it is known that the item calls a tool. `given_id` is the provider's.
    """

    def __init__(self, index: int) -> None:
        self.index = index
        self.item: JsonObject = {}
        self.done = False
        self.given_id = ""
        self.call_id: str | None = None
        self.position = 0
        self._named = False
        self._pieces: dict[tuple[str, int], list[str]] = {}

    @property
    def calls(self) -> bool:
        """Whether it calls a tool."""
        return kind_of(self.item) in CALLS or any(kind in CALLS.values() for kind, _ in self._pieces)

    @property
    def empty(self) -> bool:
        """Whether nothing of it has come."""
        return not self.item and not self._pieces

    def take(self, item: JsonObject, *, done: bool) -> None:
        """Note the item as it is now."""
        self.item = item if done or not self.item else {**self.item, **item}
        self.done = self.done or done

    def name(self) -> Iterator[StreamEvent]:
        """Yield the name of the tool, once, when it is known."""
        name = self.item.get("name")
        if not self._named and self.calls and isinstance(name, str) and name:
            self._named = True
            yield StreamEvent("tool_call_name", mended([name]), self.position, self.call_id)

    def add(self, kind: str, index: int, piece: str) -> Iterator[StreamEvent]:
        """Yield what a piece of a text adds."""
        if not piece:
            return
        before = self._pieces.get((kind, index))
        if before is None:
            gap = _EVENTS[kind] == "reasoning" and any(_EVENTS[other] == "reasoning" for other, _ in self._pieces)
            self._pieces[kind, index] = [piece]
            piece = f"\n\n{piece}" if gap else piece
        else:
            before.append(piece)
        yield StreamEvent(_EVENTS[kind], piece, *((self.position, self.call_id) if kind in CALLS.values() else ()))

    def complete(self, kind: str, index: int, whole: str) -> Iterator[StreamEvent]:
        """Yield what is missing of a text that is whole now; one that its pieces do not begin replaces them."""
        came, whole = mended(self._pieces.get((kind, index), [])), mended([whole])
        if whole.startswith(came):
            yield from self.add(kind, index, whole[len(came) :])
        else:
            self._pieces[kind, index] = [whole]

    def settle(self) -> Iterator[StreamEvent]:
        """Yield what of the item, as it is now, did not come in pieces."""
        yield from self.name()
        for kind, index, text in texts_in(self.item):
            yield from self.complete(kind, index, text)

    def whole(self) -> JsonObject:
        """Return the item: as the provider gave it once it was done, else what the pieces make."""
        if self.done:
            return self.item
        texts = {place: mended(pieces) for place, pieces in self._pieces.items()}
        kinds = {kind for kind, _ in texts}
        kind = kind_of(self.item) or _kind_by(kinds)
        made: JsonObject = {"type": kind, **self.item}
        if kind in CALLS:
            made[CALLS[kind]] = texts.get((CALLS[kind], 0), "")
        elif kind == "reasoning":
            made["summary"] = _parts("summary", "summary_text", texts)
            if "reasoning" in kinds:
                made["content"] = _parts("reasoning", "reasoning_text", texts)
        elif kind == "message":
            said = [*_parts("text", "output_text", texts), *_parts("refusal", "refusal", texts)]
            made = {"role": "assistant", **made, "content": said}
        return {**made, "status": "completed"} if made.get("status") == "in_progress" else made


def _kind_by(kinds: set[str]) -> str:
    """The type of an item of which only texts of these kinds have come."""
    calls = (call for call, where in CALLS.items() if where in kinds)
    return next(calls, "reasoning" if kinds & {"summary", "reasoning"} else "message")


def _parts(kind: str, name: str, texts: dict[tuple[str, int], str]) -> list[Json]:
    """The texts of one kind, in order, as parts of an item."""
    where = "refusal" if kind == "refusal" else "text"
    return [{"type": name, where: text} for (other, _), text in sorted(texts.items()) if other == kind]
