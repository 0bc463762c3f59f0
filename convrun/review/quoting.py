"""What recording a conversation takes, by what was recorded of it: its calls from the first difference on.

Turns of the spec and of the recording are paired by what the user says. A recorded call counts with its own tokens,
those of its request corrected by how much longer or shorter the request is now. A turn that was not recorded counts as
an average one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from convrun.backends.prices import cost_usd
from convrun.cassette.files import load
from convrun.cassette.interaction import Interaction, Recording, list_in
from convrun.cassette.kept.partial import partial_path, read_partial
from convrun.conversation.messages import Usage
from convrun.errors import CassetteError
from convrun.frozen import frozen
from convrun.results import Change, ConversationResult
from convrun.review.beginnings import turns_before
from convrun.review.judge import Judge, judge_of, partners_of
from convrun.review.lane_quoting import lane_quote
from convrun.review.transcripts import transcript
from convrun.run.binding.bind import BoundConversation
from convrun.run.planning.plan import Planned
from convrun.transcript import ModelCallRecord, Quote, RecordedConversation, RecordedTurn, total_quote
from convrun.values import Json

_SIBLINGS = 8  # recordings that are read for one that is missing
_TEXT = ("system prompt", "tool ", "option ", "schema", "order ")  # parts that are in every request from there on


@frozen
class _Recorded:
    """A recorded conversation, and how long each of its requests is, in characters."""

    conversation: RecordedConversation
    lengths: Mapping[int, int]


@frozen(kw_only=False)
class _Call:
    """A model call that goes live; tokens are None where nothing tells."""

    input: float | None
    output: float | None


class Quoting:
    """Quotes the conversations of a project at `root`. `siblings` gives all conversations of a spec."""

    def __init__(
        self, *, root: Path, siblings: Callable[[Planned], Sequence[Planned]], environ: Mapping[str, str]
    ) -> None:
        self._root = root
        self._siblings = siblings
        self._environ = environ
        self._of_specs: dict[str, list[_Recorded]] = {}

    def quote(self, bound: BoundConversation, result: ConversationResult | None) -> Quote:
        """Return what recording a conversation takes that a rehearsal found stale or missing.

        Without a result: recording all of it from scratch.
        """
        own = self._own(bound, result)
        if not bound.asked:
            return own
        return total_quote([own, lane_quote(bound, result, _lanes(bound.planned), environ=self._environ)])

    def _own(self, bound: BoundConversation, result: ConversationResult | None) -> Quote:
        """What its turns take; where only its checks ask anew, nothing."""
        planned = bound.planned
        stale = result.stale if result is not None else None
        answered = result is not None and result.verdict != "missing" and (stale is None or stale.is_of_check)
        if bound.model.offline or answered:
            return Quote()
        recorded = _recorded(planned)
        if recorded is not None and (result is None or result.stale is not None):
            calls = list(_Remaining(recorded, judge_of(planned, root=self._root), result).calls())
            return self._priced(bound, calls)
        return self._by_siblings(bound, result)

    def _by_siblings(self, bound: BoundConversation, result: ConversationResult | None) -> Quote:
        """As an average one of the same spec; where none is recorded, a call a turn at the least.

        Those are then as large as those of a recording that broke off, whose requests go on growing as they did.

        What a recording that broke off has answered is taken off.
        """
        planned = bound.planned
        known = self._siblings_of(planned)
        first = result.stale.turn - 1 if result is not None and result.stale is not None else 0
        first = max(first, planned.spec.borrowed)
        left = _left(planned, first)
        if not known:
            kept = read_partial(partial_path(planned.cassette)).interactions
            begun = _of(Recording(interactions=kept, file=planned.cassette_shown), turns_before(planned))
            if begun is None:
                return Quote(calls=left, usd=None, at_least=True, unpriced=self._unpriced(bound))
            return replace(self._priced(bound, list(_next(begun, left))), at_least=True)
        number = round(sum(len(list(_calls(found))) for found in known) / len(known))
        average = _average(known)
        answered = sum(turn.model_calls for turn in result.turns) if result is not None else 0
        return self._priced(bound, [average] * max(number - answered, left))

    def _siblings_of(self, planned: Planned) -> list[_Recorded]:
        """The recordings of conversations that are as this one, in other cases or of other models."""
        key = "/".join((planned.spec.file, *planned.branches))
        if key not in self._of_specs:
            alike = (one for one in self._siblings(planned) if one.branches == planned.branches)
            others = (one for one in alike if one.id != planned.id and one.cassette.is_file())
            readable = (found for one in others if (found := _recorded(one)) is not None)
            self._of_specs[key] = list(islice(readable, _SIBLINGS))
        return self._of_specs[key]

    def _priced(self, bound: BoundConversation, calls: Sequence[_Call]) -> Quote:
        known = [
            (round(one.input), round(one.output)) for one in calls if one.input is not None and one.output is not None
        ]
        costs = [
            cost_usd(bound.model, Usage(input=read, output=written), environ=self._environ) for read, written in known
        ]
        dollars = [cost for cost in costs if cost is not None]
        unpriced = self._unpriced(bound) if len(dollars) < len(costs) or not costs else ()
        return Quote(
            calls=len(calls),
            input=sum(read for read, _ in known),
            output=sum(written for _, written in known),
            usd=sum(dollars) if len(dollars) == len(calls) else None,
            at_least=len(known) < len(calls),
            unpriced=unpriced,
        )

    def _unpriced(self, bound: BoundConversation) -> tuple[str, ...]:
        price = cost_usd(bound.model, Usage(input=1, output=1), environ=self._environ)
        return (bound.model.name,) if price is None else ()


def _left(planned: Planned, first: int) -> int:
    """How many turns there are at the least behind so many that were played, of which one goes on."""
    turns = planned.spec.turns
    known = next((place for place, turn in enumerate(turns) if turn.simulate is not None), len(turns))
    if first <= known:
        return sum(turn.skip is None for turn in turns[first:])
    return max(sum(turn.skip is None for turn in turns[known + 1 :]) - max(first - known - 1, 0), 1)


class _Remaining:
    """The calls of a conversation that go live; `result` says from which on, None: all do."""

    def __init__(self, recorded: _Recorded, judge: Judge, result: ConversationResult | None) -> None:
        self._recorded = recorded
        self._turns = recorded.conversation.turns
        self._judge = judge.of(self._turns)
        self._partners = partners_of(self._judge, self._turns)
        stale = result.stale if result is not None else None
        self._first = stale.turn - 1 if stale is not None else 0
        own = self._first >= judge.planned.spec.borrowed
        self._answered = stale.model_call - 1 if stale is not None and own else 0
        self._grown = sum(map(_growth, stale.changes)) if stale is not None else 0
        usages = [one.usage for one in _calls(recorded)]
        self._output = _mean([usage.output for usage in usages])
        self._input = _mean([usage.input for usage in usages])
        lengths = [recorded.lengths.get(one.number, 0) for one in _calls(recorded)]
        length = _mean(lengths)
        self._rate = self._input / length if self._input is not None and length else None
        self._added = list(_added(recorded))
        self._turn = _mean(self._added) or 0.0
        self._places = {turn.user: index for index, turn in enumerate(self._turns)}

    def calls(self) -> Iterator[_Call]:
        """Yield them in order."""
        last, grown = -1, float(self._grown)
        before = self._recorded.lengths.get(1, 0)  # the length of the newest request, about
        borrowed = self._judge.planned.spec.borrowed
        for index, turn in enumerate(self._judge.turns):
            if turn.bound.spec.skip or index < borrowed:
                continue
            place = self._partners.get(index)
            if place is None:
                text = turn.says if turn.says is not None else turn.bound.spec.user.source
                moved = self._places.get(text)
                if index >= self._first:
                    answered = self._answered if index == self._first else 0
                    yield from self._new(before + grown + len(text), moved, answered)
                grown += self._turn if moved is None else self._added[moved]
                continue
            recorded = self._turns[place]
            grown -= sum(self._added[last + 1 : place])  # they are gone
            last = place
            if turn.says is not None and index >= self._first:
                grown += len(turn.says) - len(recorded.user)
            if index >= self._first:
                yield from self._paired(recorded, grown, self._answered if index == self._first else 0)
            else:
                grown = float(self._grown)  # all was equal so far
            before = self._recorded.lengths.get(recorded.last.number, before) + len(recorded.last.text)

    def _paired(self, recorded: RecordedTurn, grown: float, answered: int) -> Iterator[_Call]:
        """The calls of a recorded turn, one at least, with their requests grown by so many characters."""
        for call in recorded.model_calls[answered:] or recorded.model_calls[-1:]:
            usage, length = call.usage, self._recorded.lengths.get(call.number, 0)
            read = usage.input
            if read is not None and length:
                yield _Call(max(read * (length + grown) / length, 0.0), usage.output)
            else:
                yield _Call(self._rate * (length + grown) if self._rate is not None else None, usage.output)

    def _new(self, length: float, moved: int | None, answered: int) -> Iterator[_Call]:
        """The calls of a turn that was not recorded here, whose first request is about so long: one at least.

        They are those of the recorded turn that was `moved`, else average ones.
        """
        read = self._rate * length if self._rate is not None else None
        outputs: list[float | None]
        if moved is not None:
            outputs = [call.usage.output for call in self._turns[moved].model_calls]
        else:
            outputs = [self._output] * max(round(len(list(_calls(self._recorded))) / len(self._turns)), 1)
        yield from (_Call(read, output) for output in outputs[answered:] or outputs[-1:])


def _recorded(planned: Planned) -> _Recorded | None:
    """What is recorded of a conversation; None where nothing is that can be read."""
    try:
        recording = load(planned.cassette, planned.cassette_shown, whole=False)  # attachments are no tokens
    except CassetteError:
        return None
    return _of(recording, turns_before(planned))


def _lanes(planned: Planned) -> Sequence[Interaction]:
    """What is recorded of the calls of checks."""
    try:
        return load(planned.cassette, planned.cassette_shown, whole=False).lanes
    except CassetteError:
        return ()


def _of(recording: Recording, before: int) -> _Recorded | None:
    found = transcript(recording, single=True, before=before).conversations
    if not found or not found[0].turns:
        return None
    return _Recorded(conversation=found[0], lengths=_lengths(recording))


def _lengths(recording: Recording) -> dict[int, int]:
    """How long the body of each request is as JSON, by the number of its interaction."""
    known: dict[int, int] = {}  # of messages, by identity: requests share them
    found: dict[int, int] = {}
    for number, interaction in enumerate(recording.interactions, start=1):
        body = interaction.request.body
        listed = list_in(body)
        found_in = body.get(listed) if isinstance(body, dict) and listed is not None else None
        messages = found_in if isinstance(found_in, list) else []
        for message in messages:
            if id(message) not in known:
                known[id(message)] = _size(message)
        rest: Json = {key: value for key, value in body.items() if key != listed} if isinstance(body, dict) else body
        found[number] = _size(rest) + sum(known[id(message)] + 2 for message in messages)
    return found


def _calls(recorded: _Recorded) -> Iterator[ModelCallRecord]:
    for turn in recorded.conversation.turns:
        yield from turn.model_calls


def _average(known: Sequence[_Recorded]) -> _Call:
    """An average call of theirs."""
    usages = [call.usage for recorded in known for call in _calls(recorded)]
    return _Call(_mean([usage.input for usage in usages]), _mean([usage.output for usage in usages]))


def _next(begun: _Recorded, count: int) -> Iterator[_Call]:
    """So many calls behind those of a conversation that broke off."""
    average = _average([begun])
    read = [call.usage.input for call in _calls(begun) if call.usage.input is not None]
    growth = max(read[-1] - read[0], 0) / (len(read) - 1) if len(read) > 1 else 0.0
    for number in range(1, count + 1):
        yield _Call(read[-1] + number * growth if read else None, average.output)


def _added(recorded: _Recorded) -> Iterator[int]:
    """How many characters each turn adds to the requests behind it; of the last one nothing tells but its texts."""
    turns = recorded.conversation.turns
    before = [recorded.lengths.get(turn.model_calls[0].number, 0) - len(turn.user) for turn in turns]
    for turn, start, end in zip(turns, before, [*before[1:], None], strict=True):
        texts = [len(call.name) + _size(call.arguments) + len(call.result or "") for call in turn.calls]
        own = len(turn.user) + sum(len(one.text) for one in turn.model_calls) + sum(texts)
        yield own if end is None else max(end - start, own)


def _growth(change: Change) -> int:
    """How much longer every request is from this change on; what the user says is counted turn by turn."""
    if not change.part.startswith((*_TEXT, "tool result")):
        return 0
    return _size(change.now) - _size(change.recorded)


def _size(value: Json) -> int:
    if value is None:
        return 0
    return len(value) if isinstance(value, str) else len(json.dumps(value, ensure_ascii=False))


def _mean(figures: Iterable[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) / len(known) if known else None
