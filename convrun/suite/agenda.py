"""The agenda of a run: which conversation is next, which are over, and what is told of them, in the plan's order."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
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


OnResult: TypeAlias = Callable[[ConversationResult], None]
OnStanding: TypeAlias = Callable[[Standing], None]


class Agenda:
    """What is to be done of a run, by one thread. `on_result` hears of each conversation, in the order of the plan.

    After `most_failed` that did not pass nothing is begun, and what was not is skipped; where the run is `strict` those
    with findings did not. `bug` is what ended the run and is convrun's own fault.
    """

    def __init__(
        self,
        conversations: Sequence[BoundConversation],
        *,
        most_failed: int | None,
        strict: bool = False,
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
        self._begun: dict[int, float] = {}  # what is running, and since when
        self._waiting: dict[int, ConversationResult] = {}  # for those before it
        self._next = self._told = self._finished = self._not_passed = 0

    def next(self) -> int | None:
        """Return the index of the conversation to begin, None where no other is to be begun."""
        if self.bug is not None or self._next == len(self.conversations):
            return None
        index = self._next
        self._next += 1
        self._begun[index] = time.monotonic()
        return index

    def age(self, index: int) -> float:
        """Return for how many seconds a conversation has been running."""
        return time.monotonic() - self._begun[index]

    def done(self, index: int, outcome: ConversationResult | Problem) -> None:
        """Take what came of a conversation; it is told once those before it are over."""
        self._begun.pop(index)
        if isinstance(outcome, Problem):
            self.bug = self.bug or outcome
            return
        self._waiting[index] = outcome
        self._finished += 1
        self._not_passed += did_not_pass(outcome, strict=self._strict)
        if self._most_failed is not None and self._not_passed >= self._most_failed:
            self._stop()
        while self._told in self._waiting:
            self._tell(self._told)
            self._told += 1

    def give_up(self) -> None:
        """Tell what is over and waits for those before it: they will not be finished."""
        for index in sorted(self._waiting):
            self._tell(index)

    def show(self) -> None:
        """Tell how far the run has come, before something is waited for."""
        if self._on_standing is not None:
            oldest_first = sorted(self._begun, key=lambda index: (self._begun[index], index))
            self._on_standing(
                Standing(
                    total=len(self.conversations),
                    finished=self._finished,
                    not_passed=self._not_passed,
                    running=tuple(self.conversations[index].planned.id for index in oldest_first),
                    since=self._begun[oldest_first[0]] if oldest_first else 0.0,
                )
            )

    def _tell(self, index: int) -> None:
        result = self._waiting.pop(index)
        self.results.append(result)
        self._on_result(result)

    def _stop(self) -> None:
        """Skip what is not begun yet."""
        option = "the first that did not pass (-x)"
        if self._most_failed != 1:
            option = f"{self._most_failed} that did not pass (--maxfail)"
        for index in range(self._next, len(self.conversations)):
            self._waiting[index] = replace(blank_result(self.conversations[index]), reason=NOT_BEGUN + option)
        self._next = len(self.conversations)
