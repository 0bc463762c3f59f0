"""The connections of an event loop, in several pools: what a pool does for a request grows with its connections."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

_MOST = 50  # requests under way in one pool before another is opened


class Pool:
    """Some connections: `client` is of the HTTP library, `under_way` counts the requests it carries."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.under_way = 0


class Pools:
    """All connections of one event loop; `make` makes the client of another pool."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._pools: list[Pool] = []
        self._held = self._closed_at_last()
        self._begun = False

    async def hold(self) -> None:
        """See to it that the connections are closed when the loop ends: it closes its async generators then."""
        if not self._begun:
            self._begun = True
            await anext(self._held)

    @contextmanager
    def used(self) -> Iterator[Pool]:
        """Give the first pool that has room, which has one request more for the length of the block."""
        pool = next((pool for pool in self._pools if pool.under_way < _MOST), None)
        if pool is None:
            pool = Pool(self._make())
            self._pools.append(pool)
        pool.under_way += 1
        try:
            yield pool
        finally:
            pool.under_way -= 1

    async def _closed_at_last(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            for pool in self._pools:
                await pool.client.aclose()


_of_loops: WeakKeyDictionary[object, Pools] = WeakKeyDictionary()  # a registry: one for each event loop


async def pools_here(make: Callable[[], Any]) -> Pools:
    """Return the pools of the running event loop, which all models share there."""
    from asyncio import get_running_loop

    loop = get_running_loop()
    found = _of_loops.get(loop)
    if found is None:
        found = _of_loops[loop] = Pools(make)
    await found.hold()
    return found
