"""Which recorded interaction a request plays: the first in the file that is equal and was not played yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from convrun.cassette.canonical import Keys
from convrun.cassette.interaction import Interaction, SentRequest
from convrun.cassette.pointers import pointer_parts, value_at
from convrun.frozen import frozen
from convrun.redaction import Redactor
from convrun.values import Json, equal


@frozen
class Ignored:
    """A difference that `cassette.ignore` let pass; `path` is its JSON pointer."""

    path: str
    recorded: Json = None
    now: Json = None


class Matcher:
    """Finds the interactions of a recording by the keys of their requests, each once.

    `unplayed` are the indexes that may still be played, in file order. A retryable error directly before an equal
    request is a retry and passed over, unless an error is wanted; so is what no conversation sends (a GET).
    """

    def __init__(self, interactions: Iterable[Interaction], *, ignore: Iterable[str] = (), redactor: Redactor) -> None:
        self._interactions = tuple(interactions)
        self._pointers = tuple(ignore)
        self._redactor = redactor
        parts = tuple(map(pointer_parts, self._pointers))
        self._now = Keys(redactor, parts)
        self._written: tuple[Keys, dict[str, deque[int]]] | None = None
        keys = self._keys(Keys(redactor, parts))
        self.unplayed: dict[int, None] = {}
        self._retries: set[int] = set()
        self._next = 0
        self._waiting: dict[str, deque[int]] = {}
        for index, item in enumerate(self._interactions):
            if item.request.method != "POST":
                continue
            if item.reply.retryable and keys[index + 1 : index + 2] == [keys[index]]:
                self._retries.add(index)
            else:
                self.unplayed[index] = None
            self._waiting.setdefault(keys[index], deque()).append(index)

    def match(self, request: SentRequest, *, error_wanted: bool = False) -> int | None:
        """Return the index of the interaction that `request` plays, and play it; None where there is none.

        With `error_wanted` it may be an error that is otherwise a retry.
        """
        index = self._equal(self._waiting, self._now, request, error_wanted)
        if index is None:
            # Equal texts have equal redacted forms: where secrets are looked for, a request may have been recorded.
            now, waiting = self._as_written()
            index = self._equal(waiting, now, request, error_wanted)
        if index is not None:
            self.play(index)
        return index

    def _equal(self, waiting: dict[str, deque[int]], now: Keys, request: SentRequest, error_wanted: bool) -> int | None:
        """The first playable interaction with the key of a request."""
        same = waiting.get(now.key(request.endpoint, request.body), deque())
        while same and not self._playable(same[0], error_wanted):
            self._retries.discard(same.popleft())  # one that is passed over is gone
        for index in same:
            playable = self._playable(index, error_wanted)
            if playable and same_address(self._interactions[index].request, request, self._redactor):
                return index
        return None

    def _as_written(self) -> tuple[Keys, dict[str, deque[int]]]:
        """What gives requests the keys of what would be written of them, and the interactions by theirs."""
        if self._written is None:
            parts = tuple(map(pointer_parts, self._pointers))
            keys = self._keys(Keys(self._redactor, parts, thorough=True))
            waiting: dict[str, deque[int]] = {}
            for index, key in enumerate(keys):
                if self._interactions[index].request.method == "POST":
                    waiting.setdefault(key, deque()).append(index)
            self._written = Keys(self._redactor, parts, thorough=True), waiting
        return self._written

    def _keys(self, keys: Keys) -> list[str]:
        return [keys.key(item.request.endpoint, item.request.body) for item in self._interactions]

    def _playable(self, index: int, error_wanted: bool) -> bool:
        return index in self.unplayed or (error_wanted and index in self._retries)

    def play(self, index: int) -> None:
        """Take an interaction out of those that may be played."""
        self.unplayed.pop(index, None)
        self._retries.discard(index)

    @property
    def next(self) -> int | None:
        """The first interaction that was not played yet; None at the end."""
        while self._next < len(self._interactions) and self._next not in self.unplayed:
            self._next += 1  # what was played stays played
        return self._next if self._next < len(self._interactions) else None

    def ignored(self, recorded: Interaction, now: SentRequest) -> list[Ignored]:
        """Return the differences at the ignored places."""
        found = []
        for pointer in self._pointers:
            parts = pointer_parts(pointer)
            before, after = value_at(recorded.request.body, parts), value_at(now.body, parts)
            if not equal(before, after):
                found.append(Ignored(path=pointer, recorded=before, now=self._redactor.thorough.value(after)))
        return found


def same_address(recorded: SentRequest, now: SentRequest, redactor: Redactor) -> bool:
    """Return whether provider and the user's own headers are the same, as far as the recording holds them.

    So is what the id of a response stands for, where both requests tell.
    """
    provider = recorded.provider is None or recorded.provider == now.provider
    if other_before(recorded, now):
        return False
    if not provider or not recorded.headers or recorded.headers == now.headers:
        return provider
    thorough = redactor.thorough
    return thorough.sent_headers(recorded.headers) == thorough.sent_headers(now.headers)


def other_before(recorded: SentRequest, now: SentRequest) -> bool:
    """Return whether two requests go on from different things by the id of a response, as far as both tell."""
    return recorded.behind is not None and now.behind is not None and recorded.behind != now.behind
