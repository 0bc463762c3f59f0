"""Messages, kept: each stands once in a list, and what was sent is told by runs of their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from convrun.conversation.messages import Message, SharedMessages, message_of
from convrun.conversation.persistence.kept_value import KeptValue
from convrun.values import Json

Run: TypeAlias = tuple[int, int]  # the number of the first message, and the one behind the last


class _Line:
    """A log as far as its messages are numbered: in how many runs they stand, and how many they are."""

    def __init__(self, messages: SharedMessages) -> None:
        self.log = messages.log  # so that its id stays its own
        self.runs: list[Run] = []
        self.size = 0
        self.reply = -1  # the number of the latest reply with tool calls, while what follows it is noted
        self.left = 0


class MessageTable:
    """Numbers messages in the order in which they come: the same one, by identity, has one number.

    A conversation that goes on without being changed is one run each time, so that the table grows with its messages,
    not with the square of the turns.
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._numbers: dict[int, int] = {}
        self._lines: dict[int, _Line] = {}
        self._following: dict[int, list[int]] = {}

    def number(self, message: Message) -> int:
        """Return the number of a message."""
        found = self._numbers.setdefault(id(message), len(self.messages))
        if found == len(self.messages):
            self.messages.append(message)
        return found

    def runs(self, messages: Sequence[Message]) -> list[Run]:
        """Return messages as runs."""
        shared = SharedMessages(messages)
        system = [] if shared.system is None else [self.number(shared.system)]
        line = self._lines.setdefault(id(shared.log), _Line(shared))
        for message in shared.since(line.size):
            number = self.number(message)
            _append(line.runs, (number, number + 1))
            line.size += 1
            self._note(line, number, message)
        found = [(number, number + 1) for number in system]
        for run in _first(line.runs, shared.size):
            _append(found, run)
        return found

    def behind(self, reply: Message) -> list[tuple[int, Message]]:
        """Return the messages behind a reply that calls tools, with their numbers: its answers, at most one more."""
        return [(number, self.messages[number]) for number in self._following.get(self._numbers[id(reply)], [])]

    def _note(self, line: _Line, number: int, message: Message) -> None:
        if line.left:
            self._following[line.reply].append(number)
            line.left -= 1
        if message.tool_calls:
            line.reply = number
            line.left = 0 if self._following.get(number) else len(message.tool_calls) + 1
            self._following.setdefault(number, [])


class KeptMessages:
    """Gives back the messages of a table; what goes on from what was given before shares its storage."""

    def __init__(self, kept: KeptValue) -> None:
        self.messages = [message_of(message) for message in kept.items()]
        self._before: list[Run] = []
        self._shared = SharedMessages()

    def at(self, kept: KeptValue) -> Message:
        """Return the message of a number."""
        return self.messages[kept.whole(below=len(self.messages))]

    def sequence(self, kept: KeptValue) -> SharedMessages:
        """Return the messages of runs."""
        runs = [self._run(run) for run in kept.items()]
        system = None
        if runs and self.messages[runs[0][0]].role == "system":
            system, runs = self.messages[runs[0][0]], [*_after(runs, 1)]
        known = sum(end - first for first, end in self._before)
        if [*_first(runs, known)] != self._before:
            known, self._shared = 0, SharedMessages()
        more = [message for first, end in _after(runs, known) for message in self.messages[first:end]]
        self._before, self._shared = runs, self._shared.then(*more)
        return self._shared.under(system)

    def _run(self, kept: KeptValue) -> Run:
        bounds = kept.items()
        if len(bounds) != 2:
            raise kept.not_a("a run of two numbers")
        first = bounds[0].whole(below=len(self.messages))
        end = bounds[1].whole(least=first + 1, below=len(self.messages) + 1)
        return first, end


def as_json(runs: Iterable[Run]) -> list[Json]:
    """Return runs as JSON."""
    return [[first, end] for first, end in runs]


def _append(runs: list[Run], run: Run) -> None:
    """Add a run behind others: to the last, where it goes on from there."""
    if runs and runs[-1][1] == run[0]:
        runs[-1] = (runs[-1][0], run[1])
    else:
        runs.append(run)


def _first(runs: Iterable[Run], size: int) -> Iterator[Run]:
    """The runs of the first `size` messages."""
    for first, end in runs:
        if size <= 0:
            return
        yield first, min(end, first + size)
        size -= end - first


def _after(runs: Iterable[Run], size: int) -> Iterator[Run]:
    """The runs of the messages behind the first `size`."""
    for first, end in runs:
        if first + size < end:
            yield first + max(size, 0), end
        size = max(size - (end - first), 0)
