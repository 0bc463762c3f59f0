"""The turns a template can name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class TurnList(Sequence[T], Generic[T]):
    """The finished turns: a list whose first is 0, and which also answers to the ids of its turns, or those of `by_id`.

    Most are made for a template or a check that looks at one turn or none, so that nothing is done with a turn before
    it is looked at: with `shown` it is what that returns for an item of `turns`, called once.
    """

    __slots__ = ("_by_id", "_made", "_shown", "_turns")

    def __init__(
        self,
        turns: Sequence[Any] = (),
        by_id: Mapping[str, T] | None = None,
        *,
        shown: Callable[[Any], T] | None = None,
    ) -> None:
        self._turns = tuple(turns) if isinstance(turns, list) else turns  # a list may go on
        self._shown = shown
        self._made: dict[int, T] = {}
        self._by_id = by_id

    @overload
    def __getitem__(self, key: int | str) -> T: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[T]: ...
    def __getitem__(self, key: int | str | slice) -> T | Sequence[T]:
        """Return the turn of this index or id, or the turns of a slice."""
        if isinstance(key, str):
            return self._named[key]
        if isinstance(key, slice):
            return tuple(self)[key]
        return self._turn(range(len(self._turns))[key])

    def __len__(self) -> int:
        return len(self._turns)

    def __iter__(self) -> Iterator[T]:
        return iter(self._turns) if self._shown is None else map(self._turn, range(len(self._turns)))

    def keys(self) -> tuple[str, ...]:
        """Return the ids, in order."""
        return tuple(self._named)

    def _turn(self, index: int) -> T:
        if self._shown is None:
            plain: T = self._turns[index]
            return plain
        if index not in self._made:
            self._made[index] = self._shown(self._turns[index])
        return self._made[index]

    @property
    def _named(self) -> Mapping[str, T]:
        if self._by_id is None:
            named = ((getattr(turn, "id", None), turn) for turn in self)
            self._by_id = {name: turn for name, turn in named if name is not None}
        return self._by_id
