"""Call patterns and calls in pairs, each pattern with a call of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from convrun.checks.call_pattern import CallPattern
from convrun.results import ToolCallResult
from convrun.values import canonical

_Shape: TypeAlias = tuple[str, tuple[str, ...]]  # a tool and the names of arguments


class Pairing:
    """Which call is taken for which pattern; a call that is taken is given up where its taker finds another.

    Calls whose arguments are plainly equal are found by these, all others by a look at each.
    """

    def __init__(self, patterns: Sequence[CallPattern], calls: Sequence[ToolCallResult]) -> None:
        self.held: dict[int, int] = {}
        """The number of the call that a pattern has, by the number of the pattern."""
        self._patterns = patterns
        self._calls = calls
        self._taker: dict[int, int] = {}
        self._of_tool: dict[str, list[int]] = {}
        for number, call in enumerate(calls):
            self._of_tool.setdefault(call.name, []).append(number)
        self._free = {tool: dict.fromkeys(numbers) for tool, numbers in self._of_tool.items()}
        self._alike: dict[_Shape, dict[str, deque[int]]] = {}

    def take(self, pattern: int) -> bool:
        """Return whether there is a call for this pattern too, with one for each of those that were asked before."""
        return self.take_equal(pattern) or self._take_free(pattern) or self._take_over(pattern)

    def take_equal(self, pattern: int) -> bool:
        """Return whether a call that is free has just the arguments that a pattern names, and is taken for it."""
        wanted = self._patterns[pattern]
        free = self._free.get(wanted.tool)
        arguments = next(iter(wanted.arguments), {})
        if not free or not isinstance(arguments, Mapping):
            return False
        key = _key(arguments)
        equal = self._with_names((wanted.tool, tuple(sorted(arguments)))).get(key) if key is not None else None
        while equal and equal[0] not in free:
            equal.popleft()
        found = next((number for number in equal or () if number in free and wanted.fits(self._calls[number])), None)
        return found is not None and self._give(found, pattern)

    def _with_names(self, shape: _Shape) -> dict[str, deque[int]]:
        """The calls of a tool by their arguments of these names."""
        if shape not in self._alike:
            tool, names = shape
            found: dict[str, deque[int]] = {}
            for number in self._of_tool[tool]:
                given = self._calls[number].arguments
                if not names:
                    found.setdefault("{}", deque()).append(number)
                elif isinstance(given, dict) and all(name in given for name in names):
                    key = _key({name: given[name] for name in names})
                    if key is not None:
                        found.setdefault(key, deque()).append(number)
            self._alike[shape] = found
        return self._alike[shape]

    def _take_free(self, pattern: int) -> bool:
        wanted = self._patterns[pattern]
        free = self._free.get(wanted.tool, {})
        found = next((number for number in free if wanted.fits(self._calls[number])), None)
        return found is not None and self._give(found, pattern)

    def _take_over(self, pattern: int) -> bool:
        """Whether a call can be had from another pattern that then finds one, maybe from a third."""
        left = dict.fromkeys(self._of_tool.get(self._patterns[pattern].tool, ()))
        asker: dict[int, int] = {}
        waiting = deque([pattern])
        while waiting and left:
            asking = waiting.popleft()
            wanted = self._patterns[asking]
            for number in [number for number in left if wanted.fits(self._calls[number])]:
                del left[number]
                asker[number] = asking
                if number not in self._taker:
                    return self._hand_on(number, asker)
                waiting.append(self._taker[number])
        return False

    def _hand_on(self, call: int, asker: Mapping[int, int]) -> bool:
        """Give a free call to the pattern that asked for it, and what this had to the one that asked for that."""
        given: int | None = call
        while given is not None:
            pattern = asker[given]
            before = self.held.get(pattern)
            self._give(given, pattern)
            given = before
        return True

    def _give(self, call: int, pattern: int) -> bool:
        self._free[self._calls[call].name].pop(call, None)
        self._taker[call] = pattern
        self.held[pattern] = call
        return True


def _key(arguments: object) -> str | None:
    """What equal arguments have in common; None where they are no plain values."""
    try:
        return canonical(arguments)
    except (TypeError, ValueError, RecursionError):
        return None
