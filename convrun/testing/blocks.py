"""A cassette for a block of code: the models that are called in it are played from there, or recorded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from convrun.backends.rerouting import entered, rerouted
from convrun.errors import ConversationError
from convrun.run.planning.options import RecordMode
from convrun.testing.cassette_route import CassetteRoute

if TYPE_CHECKING:
    from convrun.backends.metering import Meter

_Given = ParamSpec("_Given")
_Returned = TypeVar("_Returned")


def cassette(
    path: str | os.PathLike[str],
    record: str = "none",
    *,
    ignore: Iterable[str] = (),
    allow_unplayed: bool = False,
) -> Block:
    """Play every model made by `get_model` that is called in the block from the cassette at `path`, or record it there.

    `record` is a record mode: `none` never goes live; `once` records where there is no cassette; `new_episodes` plays
    what matches and goes live from the first difference; `all` records anew. A cassette is written when the block has
    ended well. `ignore` are JSON pointers into requests that are not compared. A block that asks for less than its
    cassette holds is an error, unless `allow_unplayed`.

    Raises:
        CassetteError: where there is no cassette to play, or it cannot be read or written.
        StaleError: in the block, for a request that was not recorded; at its end, if the program went on regardless.
        UnplayedError: at the end, where recorded interactions were not played, or no model was called.
    """
    return Block(lambda: _opened(Path(path), record, ignore, allow_unplayed))


@contextmanager
def _opened(path: Path, record: str, ignore: Iterable[str], allow_unplayed: bool) -> Iterator[OpenCassette]:
    route = CassetteRoute(path, RecordMode.named(record), ignore=ignore, allow_unplayed=allow_unplayed)
    try:
        with rerouted(route):
            yield OpenCassette(route)
    except BaseException:
        route.abandon()
        raise
    route.finish()


class Block:
    """What `cassette` returns: a context manager that is entered once, or the decorator of a function."""

    def __init__(self, opened: Callable[[], AbstractContextManager[OpenCassette]]) -> None:
        self._opened = opened
        self._entered: AbstractContextManager[OpenCassette] | None = None

    def __enter__(self) -> OpenCassette:
        """Open the cassette.

        Raises:
            ConversationError: where it was entered before.
        """
        if self._entered is not None:
            raise ConversationError(
                "this cassette(…) was entered before", fix="call cassette(…) again: each block has its own"
            )
        self._entered = self._opened()
        return self._entered.__enter__()

    def __exit__(self, *exception: Any) -> None:
        """Close the cassette; see `cassette` for what is raised."""
        if self._entered is not None:
            self._entered.__exit__(*exception)

    def __call__(self, function: Callable[_Given, _Returned]) -> Callable[_Given, _Returned]:
        """Return the function with a block of its own around each call."""

        @wraps(function)
        def inside(*arguments: _Given.args, **keywords: _Given.kwargs) -> _Returned:
            with self._opened():
                return function(*arguments, **keywords)

        return inside


class OpenCassette:
    """The cassette of a block that is running, as the block sees it."""

    def __init__(self, route: CassetteRoute) -> None:
        self._route = route

    def __repr__(self) -> str:
        """Show file and mode."""
        return f"<OpenCassette {self.file!r} record={self._route.mode.value!r}>"

    @property
    def file(self) -> str:
        """Its path as shown to people."""
        return self._route.file

    @property
    def model_calls(self) -> int:
        """How many requests were made in the block so far."""
        return self._route.model_calls

    @property
    def live_calls(self) -> int:
        """How many of them went to a provider, or to an offline model, to be recorded."""
        return self._route.live_calls

    def count_with(self, meter: Meter | None) -> None:
        """Have the block's live calls counted by the meter of a session, which may refuse them."""
        self._route.count_with(meter)

    def inside(self) -> AbstractContextManager[None]:
        """Return a context manager for a thread that the block started: the models called in it are this block's."""
        return entered(self._route)
