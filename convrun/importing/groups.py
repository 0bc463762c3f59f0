"""Messages as they are compared: neighbours merged, spelling apart, ids as numbers; and digests of beginnings."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from convrun.backends.chat_encoding import encode_message
from convrun.backends.presets import QuirkKind
from convrun.cassette.canonical import Links, linked, merged, plain_message
from convrun.cassette.interaction import ReceivedReply
from convrun.cassette.items import as_message
from convrun.cassette.stored.reply_nodes import reply_items
from convrun.conversation.messages import Message
from convrun.frozen import frozen
from convrun.values import Json, JsonObject, canonical

SYSTEM_ROLES = ("system", "developer")


@frozen
class Group:
    """One message, or several of the assistant that mean one; `message` has numbers in the place of the ids in `plain`.

    `first` and `last` are its indexes in the request.
    """

    message: JsonObject
    plain: JsonObject
    first: int
    last: int

    @property
    def role(self) -> Json:
        """Who speaks."""
        return self.message.get("role")

    @property
    def calls(self) -> list[Json]:
        """The tool calls in it."""
        found = self.message.get("tool_calls")
        return found if isinstance(found, list) else []


def groups(messages: Sequence[JsonObject]) -> list[Group]:
    """Return the messages of a request without a system message in front."""
    made: list[tuple[JsonObject, int, int]] = []
    for index, message in enumerate(messages):
        if not index and message.get("role") in SYSTEM_ROLES:
            continue
        plain = plain_message(message)
        both = together(made[-1][0], plain) if made else None
        if both is not None:
            made[-1] = (both, made[-1][1], index)
        else:
            made.append((plain, index, index))
    links = Links()
    return [Group(message=linked(plain, links), plain=plain, first=first, last=last) for plain, first, last in made]


def together(group: JsonObject, message: JsonObject) -> JsonObject | None:
    """Return two neighbouring plain messages of the assistant as one, with the thoughts of both; None: they are two."""
    thoughts = [one.get("reasoning") for one in (group, message)]
    if None in thoughts:
        return merged(group, message)
    rest = ({key: value for key, value in one.items() if key != "reasoning"} for one in (group, message))
    both = merged(*rest)
    lists = [one if isinstance(one, list) else [one] for one in thoughts]
    return both if both is None else both | {"reasoning": [*lists[0], *lists[1]]}


def begins(found: Sequence[Group]) -> list[str]:
    """Return a digest of each beginning of the messages, from none to all; what only one program writes is left out."""
    running = sha256()
    digests = [running.hexdigest()]
    for group in found:
        running.update(_said(group.message).encode())
        digests.append(running.hexdigest())
    return digests


def after(begin: Sequence[Group], sent: Sequence[JsonObject]) -> str:
    """Return the digest of messages that go on with a reply, as it would be sent back."""
    return begins([*begin, *(Group(message=one, plain=one, first=0, last=0) for one in sent)])[-1]


def sent_back(reply: Message, quirks: frozenset[QuirkKind]) -> list[JsonObject]:
    """Return a reply as convrun sends it with the next request of a chat."""
    return [plain_message(encode_message(reply, quirks=quirks))]


def items_sent_back(reply: ReceivedReply) -> list[JsonObject]:
    """Return the items of a reply as messages: convrun sends them as they came."""
    items, _ = reply_items(reply) or ([], None)
    found: list[JsonObject] = []
    for message in map(as_message, items):
        plain: JsonObject = plain_message(message) if isinstance(message, dict) else {"": message}
        both = together(found[-1], plain) if found else None
        found[-1:] = [*found[-1:], plain] if both is None else [both]
    return found


def carries(group: Group, sent: JsonObject) -> bool:
    """Return whether a message of a request has all the fields with which convrun sends the reply back."""
    own = sent.get("tool_calls")
    pairs = zip(own if isinstance(own, list) else [], group.calls, strict=False)
    calls = all(
        isinstance(one, dict) and isinstance(other, dict) and one.keys() <= other.keys() for one, other in pairs
    )
    return sent.keys() <= group.plain.keys() and calls


def _said(message: JsonObject) -> str:
    """Who says what, which tools are called how, which call is answered: what carries a conversation."""
    calls = message.get("tool_calls")
    called: list[Json] = []
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function") if isinstance(call, dict) else None
        known = function if isinstance(function, dict) else {}
        called.append([known.get("name"), known.get("arguments")])
    said: list[Json] = [message.get("role"), message.get("content"), called, message.get("tool_call_id")]
    return f"{canonical(said)}\n"
