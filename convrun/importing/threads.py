"""Conversations in a recording: requests that extend one another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from convrun.cassette.canonical import plain_envelope
from convrun.conversation.backend import Completion
from convrun.conversation.messages import Message
from convrun.frozen import frozen
from convrun.importing.addresses import quirks_at
from convrun.importing.exchanges import Exchange
from convrun.importing.groups import Group, after, begins, carries, groups, items_sent_back, sent_back
from convrun.values import JsonObject, equal


@frozen
class Thread:
    """One conversation: the model calls of each turn. What the first request has before its last message is history."""

    turns: tuple[tuple[Exchange, ...], ...]

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """All model calls, in order."""
        return tuple(one for turn in self.turns for one in turn)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Their numbers in the file."""
        return tuple(one.number for one in self.exchanges)

    def parted(self, count: int) -> tuple[Thread, Thread]:
        """Return the first `count` model calls as a conversation, and those behind them as another."""
        before: list[tuple[Exchange, ...]] = []
        behind: list[tuple[Exchange, ...]] = []
        for turn in self.turns:
            before += [turn[:count]] if count > 0 else []
            behind += [turn[max(count, 0) :]] if count < len(turn) else []
            count -= len(turn)
        return Thread(turns=tuple(before)), Thread(turns=tuple(behind))


@dataclass(slots=True)
class _Open:
    """A conversation that may go on. `sent` is its last reply, as convrun sends it back.

    `before` are state and reply in front of its newest turn; None where there was no reply.
    """

    turns: list[list[Exchange]] = field(default_factory=list)
    state: str | None = None
    before: tuple[str | None, JsonObject] = (None, {})
    sent: JsonObject = field(default_factory=dict)


def threads(found: Iterable[Exchange]) -> list[Thread]:
    """Return the conversations, in the order of their first requests.

    A request goes on with a conversation where it carries its last reply, and then the results of its calls or the next
    thing that the user says. Any other one begins a conversation of its own, with what stands in it as the history.
    """
    begun: list[_Open] = []
    waiting: dict[str, list[_Open]] = {}
    for exchange in found:
        parts = groups(exchange.messages)
        thread = _continued(exchange, parts, waiting)
        if thread is None:
            thread = _Open(turns=[[]])
            begun.append(thread)
        thread.turns[-1].append(exchange)
        if isinstance(exchange.answer, Completion):
            sent = _sent_back(exchange, exchange.answer.message)
            thread.sent = sent[-1] if sent else {}
            thread.state = after(parts, sent)
        else:
            thread.state, thread.sent = thread.before  # a turn that failed is not in the history
        if thread.state is not None:
            waiting.setdefault(thread.state, []).append(thread)
    return [Thread(turns=tuple(map(tuple, thread.turns))) for thread in begun]


def _sent_back(exchange: Exchange, reply: Message) -> list[JsonObject]:
    if exchange.of_items:
        return items_sent_back(exchange.interaction.reply)
    return sent_back(reply, quirks_at(exchange.base_url))


def _continued(exchange: Exchange, parts: Sequence[Group], waiting: dict[str, list[_Open]]) -> _Open | None:
    """The conversation that a request goes on with, no longer waiting; the newest where several would do."""
    digests = begins(parts)
    for end in range(len(parts), 0, -1):
        candidates = waiting.get(digests[end], []) if parts[end - 1].role == "assistant" else []
        for thread in reversed(candidates):
            last = thread.turns[-1][-1]
            calls, rest = parts[end - 1].calls, parts[end:]
            if not carries(parts[end - 1], thread.sent):
                continue
            if calls and _answers(rest):
                candidates.remove(thread)
                return thread
            if not calls and _asks(rest) and _same_offer(last, exchange):
                candidates.remove(thread)
                thread.turns.append([])
                thread.before = (thread.state, thread.sent)
                return thread
    return None


def _answers(rest: Sequence[Group]) -> bool:
    """Whether these are results of tools, and perhaps attachments behind them."""
    results = [group for group in rest if group.role == "tool"]
    more = rest[len(results) :]
    return bool(results) and (not more or (len(more) == 1 and more[0].role == "user" and _only_attachments(more[0])))


def _only_attachments(group: Group) -> bool:
    content = group.message.get("content")
    parts = content if isinstance(content, list) else []
    return bool(parts) and all(isinstance(part, dict) and part.get("type") != "text" for part in parts)


def _asks(rest: Sequence[Group]) -> bool:
    return len(rest) == 1 and rest[0].role == "user"


def _same_offer(before: Exchange, now: Exchange) -> bool:
    """Whether two requests go to the same model with the same tools: a spec has one of each."""
    one, other = plain_envelope(before.body), plain_envelope(now.body)
    same = before.base_url == now.base_url and before.of_items == now.of_items
    return same and all(equal(one.get(key), other.get(key)) for key in ("model", "tools"))
