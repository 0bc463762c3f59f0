"""What lanes asked: the calls of checks to models of their own, found again by what was asked, in any order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from convrun.cassette.canonical import Keys
from convrun.cassette.interaction import Interaction, Recording, SentRequest
from convrun.cassette.matching import same_address
from convrun.cassette.nesting import deep_refused
from convrun.cassette.playing import sent_request
from convrun.redaction import Redactor
from convrun.wire import Request


class LanePlayer:
    """Answers the calls of lanes from recordings, the first of which is the newest; the last is the cassette.

    An answer is given to any equal request, as often as it is asked: two equal checks have one answer. What is not
    `usable` answers nothing. What is asked anew is answered by `since` alone, which is what was recorded of that so
    far. Nothing is read before the first is asked.
    """

    def __init__(
        self,
        *recordings: Recording,
        redactor: Redactor,
        usable: Callable[[Interaction], bool] | None = None,
        since: Recording | None = None,
    ) -> None:
        self._usable = usable
        self._since = since
        self._recordings = [one for one in recordings if one.lanes]
        self._cassette = recordings[-1] if recordings else Recording()
        self._redactor = redactor
        self._known: dict[tuple[str, str], list[Interaction]] | None = None
        self._thorough: dict[tuple[str, str], list[Interaction]] | None = None
        self._played: dict[int, Interaction] = {}

    def __bool__(self) -> bool:
        """Whether anything is recorded of lanes."""
        return bool(self._recordings)

    def play(self, lane: str, request: Request, *, anew: bool = False) -> Interaction | None:
        """Return the recorded call that asked exactly this in its lane; None where there is none that answers.

        Raises:
            CassetteError: where the request is nested too deeply to be looked up.
        """
        found = next((item for item in self.same(lane, request) if self._answers(item, anew=anew)), None)
        if found is not None:
            self._played[id(found)] = found
        return found

    def same(self, lane: str, request: Request) -> Sequence[Interaction]:
        """Return all that asked exactly this in their lane, the newest first, whether it answers or not.

        Raises:
            CassetteError: where the request is nested too deeply to be looked up.
        """
        if not self._recordings:
            return ()
        sent = sent_request(request, self._redactor)
        with deep_refused("the request", self._cassette.file):
            if self._known is None:
                self._known = self._by_key(thorough=False)
            found = self._find(self._known, lane, sent, thorough=False)
            if not found:  # where secrets are looked for, it may have been recorded in another form
                if self._thorough is None:
                    self._thorough = self._by_key(thorough=True)
                found = self._find(self._thorough, lane, sent, thorough=True)
        return found

    def _answers(self, item: Interaction, *, anew: bool) -> bool:
        if anew and (self._since is None or not any(item is one for one in self._since.lanes)):
            return False
        return self._usable is None or self._usable(item)

    def _by_key(self, *, thorough: bool) -> dict[tuple[str, str], list[Interaction]]:
        found: dict[tuple[str, str], list[Interaction]] = {}
        keys = Keys(self._redactor, thorough=thorough)
        for item in self._every():
            if item.lane is not None and not item.reply.retryable:
                key = keys.key(item.request.endpoint, item.request.body)
                found.setdefault((item.lane, key), []).append(item)
        return found

    def _find(
        self, known: dict[tuple[str, str], list[Interaction]], lane: str, sent: SentRequest, *, thorough: bool
    ) -> list[Interaction]:
        key = Keys(self._redactor, thorough=thorough).key(sent.endpoint, sent.body)
        return [item for item in known.get((lane, key), ()) if same_address(item.request, sent, self._redactor)]

    def _every(self) -> Iterator[Interaction]:
        for recording in self._recordings:
            yield from recording.lanes

    def left(self, lane: str | None = None) -> list[Interaction]:
        """Return what was not played (yet), of all lanes or of one."""
        return [item for item in self._every() if lane in (None, item.lane) and id(item) not in self._played]

    @property
    def unplayed(self) -> tuple[int, ...]:
        """The indexes of the cassette's interactions that were not played (yet)."""
        numbered = enumerate(self._cassette.interactions)
        return tuple(index for index, item in numbered if item.lane is not None and id(item) not in self._played)

    @property
    def twice(self) -> dict[int, bool]:
        """Those of `unplayed` that asked what was played, and whether their answer is another one."""
        found: dict[int, bool] = {}
        numbers = {id(item): index for index, item in enumerate(self._cassette.interactions)}
        for same in (self._known or {}).values():
            played = [item for item in same if id(item) in self._played]
            for item in same:
                by = (one for one in played if same_address(one.request, item.request, self._redactor))
                first = next(by, None) if id(item) in numbers and id(item) not in self._played else None
                if first is not None:
                    found[numbers[id(item)]] = first.reply.payloads != item.reply.payloads
        return found

    @property
    def news(self) -> bool:
        """Whether an answer was taken that the cassette does not have."""
        return not {*self._played}.issubset(id(item) for item in self._cassette.lanes)

    @property
    def newest(self) -> tuple[Interaction, ...]:
        """What is known beside the cassette, and not in it."""
        there = [(item.lane, item.request, item.reply) for item in self._cassette.lanes]
        others = (item for one in self._recordings if one is not self._cassette for item in one.lanes)
        return tuple(item for item in others if (item.lane, item.request, item.reply) not in there)


def each_once(interactions: Iterable[Interaction]) -> tuple[Interaction, ...]:
    """Return the interactions in order, each object once."""
    return tuple({id(item): item for item in interactions}.values())
