"""The agenda of a run: which conversation is next, which are over, and what is told of them, in the plan's order.

Samples of one group are one test: they are told together, as one result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TypeAlias

from convrun.frozen import frozen
from convrun.results import NOT_BEGUN, ConversationResult, Problem
from convrun.run.binding.bind import BoundConversation
from convrun.run.playing.conversation import blank_result
from convrun.run.verdicts import did_not_pass

TICK = 0.2  # seconds after which who waits for conversations shows how far the run has come


@frozen
class Standing:
    """How far a run has come. `running` are the ids of what goes on, the longest first, `since` when that one began.

    `since` is a reading of `time.monotonic`.
    """

    total: int
    finished: int
    not_passed: int
    running: tuple[str, ...] = ()
    since: float = 0.0


def _trunks(conversations: Sequence[BoundConversation]) -> dict[int, int]:
    """The index of the trunk for that of each branch of which it is here, too."""
    indexes = {one.planned.id: index for index, one in enumerate(conversations)}
    trunks = {index: one.planned.trunks[-1].id for index, one in enumerate(conversations) if one.planned.trunks}
    return {index: indexes[trunk] for index, trunk in trunks.items() if trunk in indexes}


_NOTHING: Mapping[str, ConversationResult] = MappingProxyType({})
OnResult: TypeAlias = Callable[[ConversationResult], None]
OnStanding: TypeAlias = Callable[[Standing], None]


class Agenda:
    """What is to be done of a run, by one thread. `on_result` hears of each test, in the order of the plan.

    A test is a conversation, or a group of samples. After `most_failed` that did not pass none is begun, and what was
    not is skipped; where the run is `strict` those with findings did not. `known` are results, by id, of samples that
    are not played, and count in their groups. With `trunks_first` a branch waits for what it goes on from, which may be
    recorded. `bug` is what ended the run and is convrun's own fault.
    """

    def __init__(
        self,
        conversations: Sequence[BoundConversation],
        *,
        known: Mapping[str, ConversationResult] = _NOTHING,
        most_failed: int | None,
        strict: bool = False,
        trunks_first: bool = False,
        on_result: OnResult,
        on_standing: OnStanding | None = None,
    ) -> None:
        self.conversations = conversations
        self.bug: Problem | None = None
        self.results: list[ConversationResult] = []  # those that were told
        self._most_failed = most_failed
        self._strict = strict
        self._on_result = on_result
        self._on_standing = on_standing
        self._tests: dict[str, list[int]] = {}  # the indexes of each
        for index, one in enumerate(conversations):
            self._tests.setdefault(one.planned.group, []).append(index)
        self._begun: dict[int, float] = {}  # what is running, and since when
        self._over = {
            index: known[one.planned.id] for index, one in enumerate(conversations) if one.planned.id in known
        }
        self._after = _trunks(conversations) if trunks_first else {}
        self._deferred: list[int] = []  # that wait for their trunks
        self._total = len(conversations) - len(self._over)
        self._played: set[str] = set()  # the tests of which something was
        self._waiting: dict[str, ConversationResult] = {}  # for those before it
        self._order = list(self._tests)
        self._next = self._told = self._finished = self._not_passed = 0

    def next(self) -> int | None:
        """Return the index of the conversation to begin, None where no other is to be begun now."""
        index = self._ready() if self.bug is None else None
        if index is not None:
            self._begun[index] = time.monotonic()
            self._played.add(self.conversations[index].planned.group)
        return index

    def _ready(self) -> int | None:
        """The next conversation that waits for nothing; None where there is none."""
        self._deferred = [index for index in self._deferred if index not in self._over]
        for index in self._deferred:
            if self._after[index] in self._over:
                self._deferred.remove(index)
                return index
        while self._next < len(self.conversations):
            index, self._next = self._next, self._next + 1
            if index in self._over:
                continue
            if index not in self._after or self._after[index] in self._over:
                return index
            self._deferred.append(index)
        return None

    def age(self, index: int) -> float:
        """Return for how many seconds a conversation has been running."""
        return time.monotonic() - self._begun[index]

    def done(self, index: int, outcome: ConversationResult | Problem) -> None:
        """Take what came of a conversation; its test is told once those before it are over."""
        self._begun.pop(index)
        if isinstance(outcome, Problem):
            self.bug = self.bug or outcome
            return
        self._over[index] = outcome
        self._finished += 1
        test = self.conversations[index].planned.group
        if all(one in self._over for one in self._tests[test]):
            result = self._waiting[test] = self._result(test)
            self._not_passed += did_not_pass(result, strict=self._strict)
            if self._most_failed is not None and self._not_passed >= self._most_failed:
                self._stop()
        while self._told < len(self._order) and self._order[self._told] in self._waiting:
            self._tell(self._order[self._told])
            self._told += 1

    def give_up(self) -> None:
        """Tell what is over and waits for those before it: they will not be finished.

        A group of which some samples are over is told as what it is with those.
        """
        for test in self._order[self._told :]:
            begun = test in self._played and any(index in self._over for index in self._tests[test])
            if begun and test not in self._waiting:
                self._waiting[test] = self._result(test)
            if test in self._waiting:
                self._tell(test)

    def show(self) -> None:
        """Tell how far the run has come, before something is waited for."""
        if self._on_standing is not None:
            oldest_first = sorted(self._begun, key=lambda index: (self._begun[index], index))
            self._on_standing(
                Standing(
                    total=self._total,
                    finished=self._finished,
                    not_passed=self._not_passed,
                    running=tuple(self.conversations[index].planned.id for index in oldest_first),
                    since=self._begun[oldest_first[0]] if oldest_first else 0.0,
                )
            )

    def _result(self, test: str) -> ConversationResult:
        """The result of a test of which something is over."""
        indexes = self._tests[test]
        members = [self.conversations[index] for index in indexes]
        if members[0].planned.sample is None:
            return self._over[indexes[0]]
        from convrun.run.samples import group_result  # a run without samples does without

        return group_result(members, [self._over[index] for index in indexes if index in self._over])

    def _tell(self, test: str) -> None:
        result = self._waiting.pop(test)
        self.results.append(result)
        self._on_result(result)

    def _stop(self) -> None:
        """Skip the tests of which nothing is begun yet."""
        option = "the first that did not pass (-x)"
        if self._most_failed != 1:
            option = f"{self._most_failed} that did not pass (--maxfail)"
        for test, indexes in self._tests.items():
            if test in self._played or test in self._waiting:
                continue
            for index in indexes:
                if index not in self._over:
                    self._over[index] = replace(blank_result(self.conversations[index]), reason=NOT_BEGUN + option)
            self._waiting[test] = self._result(test)
