"""The persister for vcrpy, beside our serializer: `recorder.register_persister(convrun.cassette.persister)`.

With it cassettes are replaced whole or not at all, and attachments lie beside them. Cassettes of other serializers are
handed on, to vcrpy's own persister or to the one that this one is put `around`. vcrpy is imported by who calls it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from convrun.cassette import serializer as ours
from convrun.cassette.files import load, replace_cassette


class Persister(Protocol):
    """What vcrpy asks of one."""

    def load_cassette(self, cassette_path: Any, serializer: Any) -> Any:
        """Return the requests and responses of a cassette."""

    def save_cassette(self, cassette_path: Any, cassette_dict: Any, serializer: Any) -> None:
        """Write a cassette."""


def load_cassette(cassette_path: Any, serializer: Any) -> Any:
    """Return the requests and responses of a cassette, attachments included.

    Raises:
        CassetteError: where it, or an attachment, cannot be read.
        CassetteNotFoundError: vcrpy's own, where there is none.
    """
    return around(_of_vcrpy()).load_cassette(cassette_path, serializer)


def save_cassette(cassette_path: Any, cassette_dict: Any, serializer: Any) -> None:
    """Replace a cassette, its attachments beside it.

    Raises:
        CassetteError: where it cannot be written.
    """
    around(_of_vcrpy()).save_cassette(cassette_path, cassette_dict, serializer)


def around(other: Persister) -> Persister:
    """Return a persister that takes our cassettes upon itself, and leaves those of other serializers to `other`."""
    return _Around(other)


def is_of_convrun(serializer: Any) -> bool:
    """Return whether a serializer writes our form of cassettes."""
    return getattr(serializer, "of_convrun", False) is True


def _of_vcrpy() -> Persister:
    from vcr.persisters.filesystem import FilesystemPersister

    return FilesystemPersister  # type: ignore[no-any-return]  # vcrpy brings no types


class _Around:
    """Also of cassettes that are played together, as pytest-recording has them: `extra_paths` of the other one."""

    def __init__(self, other: Persister) -> None:
        self._other = other

    def load_cassette(self, cassette_path: Any, serializer: Any) -> Any:
        """Return the requests and responses of a cassette."""
        if not is_of_convrun(serializer):
            return self._other.load_cassette(cassette_path, serializer)
        from vcr.persisters.filesystem import CassetteNotFoundError
        from vcr.serialize import deserialize

        requests: list[Any] = []
        responses: list[Any] = []
        for path in self._existing([cassette_path, *getattr(self._other, "extra_paths", ())]):
            loaded = _Loaded(load(path, _shown(path)))
            more_requests, more_responses = deserialize("", loaded)
            requests += more_requests
            responses += more_responses
        if not requests:
            raise CassetteNotFoundError
        return requests, responses

    def save_cassette(self, cassette_path: Any, cassette_dict: Any, serializer: Any) -> None:
        """Write a cassette."""
        if not is_of_convrun(serializer):
            self._other.save_cassette(cassette_path, cassette_dict, serializer)
            return
        from vcr.serialize import serialize

        aside: dict[str, bytes] = {}
        text = serialize(cassette_dict, ours.WithAttachments(aside))
        path = Path(cassette_path)
        replace_cassette(path, text, aside, shown_as=_shown(path))

    @staticmethod
    def _existing(paths: Iterable[Any]) -> Iterator[Path]:
        """The files that there are, each once; an empty one is none, as for vcrpy."""
        for path in dict.fromkeys(Path(one) for one in paths):
            if path.is_file() and path.stat().st_size:
                yield path


class _Loaded:
    """A recording that was read, as the serializer of vcrpy's own functions."""

    def __init__(self, recording: Any) -> None:
        self._recording = recording

    def deserialize(self, _: str) -> dict[str, Any]:
        """Return it as vcrpy wants it."""
        return ours.as_stock(self._recording)


def _shown(path: Path) -> str:
    try:
        return Path(os.path.relpath(path)).as_posix()
    except ValueError:  # on another drive
        return path.as_posix()
