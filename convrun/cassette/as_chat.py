"""Requests to a Responses API as chats with all their history, so that whoever reads recordings reads one kind.

What a request says by the id of an earlier response stands in front of it, as the recording tells it. Requests of chats
are returned as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256

from convrun.cassette.canonical import listed
from convrun.cassette.interaction import RESPONSES, Interaction, SentRequest
from convrun.cassette.items import as_message
from convrun.cassette.stored.reply_nodes import reply_items
from convrun.frozen import frozen
from convrun.values import Json, JsonObject, canonical

PREVIOUS = "previous_response_id"
_MADE_OF = frozenset({"model", "instructions", "input", "tools"})
_OF_TOOL = frozenset({"type"})
_IGNORE = re.compile(r"(?<=ignore: \[)/[^\]]*(?=\])")


@frozen
class Chat:
    """A request as a chat. `before` is how many messages of it the request itself does not have."""

    request: SentRequest
    instructed: bool = False
    before: int = 0

    def pointer(self, path: str) -> str:
        """Return where the request itself has what stands at a place of the chat."""
        if self.request.endpoint != RESPONSES:
            return path
        parts = path.split("/")
        if parts[1:2] == ["tools"]:
            return "/".join(part for at, part in enumerate(parts) if (at, part) != (3, "function"))
        if parts[1:2] != ["messages"] or not parts[2:3] or not parts[2].isdigit():
            return path
        number = int(parts[2]) - self.instructed
        if number < 0:
            return "/instructions"
        if number < self.before:
            return f"/{PREVIOUS}"
        return f"/input/{number - self.before}{self._inside(int(parts[2]), parts[3:])}"

    def _inside(self, index: int, rest: Sequence[str]) -> str:
        """The place in an item; one that several items make is that of the first."""
        messages = self.request.messages
        message = messages[index] if index < len(messages) else {}
        if (
            not rest
            or rest[0] in ("tool_calls", "reasoning", "item", "refusal", "tool_call_id")
            or rest[0] not in message
        ):
            return ""
        first = "output" if message.get("role") == "tool" and rest[0] == "content" else rest[0]
        return "/".join(["", first, *rest[1:]])

    def hint(self, text: str | None) -> str | None:
        """Return a hint whose line names the place in the request itself."""
        return text and _IGNORE.sub(lambda found: self.pointer(found[0]), text)


class Chats:
    """Makes chats of requests; an item that is the same object is the same message each time."""

    def __init__(self, interactions: Iterable[Interaction] = ()) -> None:
        self._messages: dict[int, tuple[Json, JsonObject]] = {}  # by id, which is theirs as long as they are held here
        self._system: dict[str, JsonObject] = {}
        self._known: dict[str, list[JsonObject]] = {}  # all that stands before a request, by the id it names
        self.interactions: tuple[Interaction, ...] = tuple(map(self._interaction, interactions))

    def _interaction(self, item: Interaction) -> Interaction:
        chat = self.take(item)
        return item if chat.request is item.request else replace(item, request=chat.request)

    def take(self, item: Interaction) -> Chat:
        """Return the request of an interaction as a chat; later ones may go on with its reply."""
        chat = self.chat(item.request)
        replied = reply_items(item.reply) if item.request.endpoint == RESPONSES else None
        if replied is not None and (identifier := replied[1]) is not None:
            history = chat.request.messages[chat.instructed :]
            self._known[identifier] = [*history, *self._made(replied[0])]
        return chat

    def chat(self, request: SentRequest) -> Chat:
        """Return a request as a chat."""
        body = request.body
        if request.endpoint != RESPONSES or not isinstance(body, dict):
            return Chat(request=request)
        before = self.before(body) or []
        said = body.get("instructions")
        system = [self._system.setdefault(said, {"role": "system", "content": said})] if isinstance(said, str) else []
        rest = {key: value for key, value in body.items() if key not in _MADE_OF}
        made: JsonObject = {"model": body["model"]} if "model" in body else {}
        made["messages"] = [*system, *before, *self._made(listed(body, "input"))]
        tools = body.get("tools")
        made |= {"tools": [*map(_tool, tools)] if isinstance(tools, list) else tools} if "tools" in body else {}
        return Chat(request=replace(request, body=made | rest), instructed=bool(system), before=len(before))

    def before(self, body: JsonObject) -> list[JsonObject] | None:
        """Return the messages that stand before a request by the id that it names; None where no reply has it."""
        return self._known.get(str(body.get(PREVIOUS)))

    def _made(self, items: Iterable[Json]) -> Iterator[JsonObject]:
        for item in items:
            if id(item) not in self._messages:
                message = as_message(item)
                self._messages[id(item)] = item, message if isinstance(message, dict) else {"": message}
            yield self._messages[id(item)][1]


def said_before(interactions: Iterable[Interaction], body: JsonObject) -> str | None:
    """Return 12 hex digits over all that the id stands for by which a request goes on from what was recorded.

    None where it goes on from none of these replies.
    """
    said = Chats(interactions).before(body)
    return sha256(canonical(said).encode()).hexdigest()[:12] if said is not None else None


def _tool(tool: Json) -> Json:
    """A tool as a chat offers it; one of the provider's own is as it is."""
    if not isinstance(tool, dict) or tool.get("type") != "function" or "function" in tool:
        return tool
    return {"type": "function", "function": {key: value for key, value in tool.items() if key not in _OF_TOOL}}
