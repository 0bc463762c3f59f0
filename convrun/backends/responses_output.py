"""One item of a Responses API's output, put together from the pieces in which it streams."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from convrun.backends.chat_calls import mended
from convrun.backends.responses_items import CALLS, as_text, kind_of, texts_in
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
    def id(self) -> str:
        """The id that the provider gave it; empty where it has none."""
        identity = self.item.get("id")
        return identity if isinstance(identity, str) else ""

    @property
    def says_nothing(self) -> bool:
        """Whether it calls a tool, and says neither which nor with what."""
        if not self.calls:
            return False
        item = self.whole()
        return not as_text(item.get(CALLS[kind_of(item)])) and not (isinstance(item.get("name"), str) and item["name"])

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


class Arrived:
    """The items that have come in pieces, each given out once, to the item that is told at the end."""

    def __init__(self, items: Iterable[OutputItem], at: Mapping[int, OutputItem]) -> None:
        self._at = at
        self._taken: set[OutputItem] = set()
        self._named: dict[str, deque[OutputItem]] = {}
        for one in items:
            if one.id:
                self._named.setdefault(one.id, deque()).append(one)

    def take(self, item: JsonObject, position: int) -> OutputItem | None:
        """Return the one that has the id of this item or, else, its place; None where none has come."""
        identity = item.get("id")
        named = self._named.get(identity if isinstance(identity, str) else "", ())
        found: OutputItem | None = None
        while named and found is None:
            one = named.popleft()
            found = None if one in self._taken else one
        placed = self._at.get(position)
        if found is None and placed is not None and kind_of(placed.item) in ("", kind_of(item)):
            found = None if placed in self._taken else placed
        if found is not None:
            self._taken.add(found)
        return found


class Repeats:
    """Notices the events of a stream that come twice, by their numbers.

    Servers that give several events one number do not count, and nothing of theirs is a repeat.
    """

    def __init__(self) -> None:
        self._seen: dict[int, tuple[object, int]] | None = {}

    def seen(self, event: JsonObject) -> bool:
        """Return whether this event has come before."""
        number, delta = event.get("sequence_number"), event.get("delta")
        if self._seen is None or not isinstance(number, int) or isinstance(number, bool) or number < 0:
            return False
        told = (event.get("type"), hash(delta) if isinstance(delta, str) else 0)
        if number not in self._seen:
            self._seen[number] = told
            return False
        if self._seen[number] != told:
            self._seen = None
        return self._seen is not None
