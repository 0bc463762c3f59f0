"""The turns a template can name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, TypeVar, overload

T = TypeVar("T")


class TurnList(Sequence[T], Generic[T]):
    """The finished turns: a list whose first is 0, and which also answers to the ids of the turns in `by_id`."""

    __slots__ = ("_by_id", "_turns")

    def __init__(self, turns: Sequence[T] = (), by_id: Mapping[str, T] | None = None) -> None:
        self._turns = tuple(turns)
        self._by_id = dict(by_id or {})

    @overload
    def __getitem__(self, key: int | str) -> T: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[T]: ...
    def __getitem__(self, key: int | str | slice) -> T | Sequence[T]:
        """Return the turn of this index or id, or the turns of a slice."""
        return self._by_id[key] if isinstance(key, str) else self._turns[key]

    def __len__(self) -> int:
        return len(self._turns)

    def __iter__(self) -> Iterator[T]:
        return iter(self._turns)

    def keys(self) -> tuple[str, ...]:
        """Return the ids, in order."""
        return tuple(self._by_id)
