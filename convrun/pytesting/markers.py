"""What `@pytest.mark.convrun(…)` may say, and the mistakes in it, which are told before anything runs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from convrun.backends.resolving import resolve
from convrun.conversation.conversation import Conversation
from convrun.errors import UsageError, did_you_mean
from convrun.pytesting.visible import visible
from convrun.source import Where

OF_MODELS = frozenset(resolve.__kwdefaults__ or ()) - {"transport", "environ", "trusted_base_urls"}
OF_CONVERSATIONS = frozenset(Conversation.__init__.__kwdefaults__ or ()) - {"recorded_results"}
OF_CASSETTES = frozenset({"ignore", "allow_unplayed"})
_KNOWN = OF_MODELS | OF_CONVERSATIONS | OF_CASSETTES | {"model"}


def arguments(node: pytest.Item) -> Mapping[str, Any]:
    """Return what the markers of a test, its class and its module say, the nearest first.

    Raises:
        UsageError: for the first mistake in them.
    """
    given: dict[str, Any] = {}
    for marker in node.iter_markers("convrun"):
        for error in _mistakes(marker):
            raise error
        given = {**marker.kwargs, **given}
    return given


def told_mistakes(tests: Iterable[pytest.Function]) -> str:
    """Return every mistake in the markers of tests, each with the line of the first test that has it; '' for none."""
    seen: set[int] = set()  # a marker of a class is that of all its tests
    told = []
    for test in tests:
        for marker in test.iter_markers("convrun"):
            if id(marker) not in seen:
                seen.add(id(marker))
                told += ["\n".join(map(visible, error.at(_place(test)).lines())) for error in _mistakes(marker)]
    return "\n\n".join(told)


def _mistakes(marker: pytest.Mark) -> Iterator[UsageError]:
    if marker.args:
        what = f"@pytest.mark.convrun({marker.args[0]!r}): its arguments have names"
        yield UsageError(what, fix='write model="…", system="…"')
    for key, value in marker.kwargs.items():
        if key == "record":
            # A file that is committed must not make a run go live, and cost money.
            what = "@pytest.mark.convrun(record=…): record is no argument of the marker"
            yield UsageError(what, fix=f"use --convrun-record={value}")
        elif key not in _KNOWN:
            fix = did_you_mean(key, _KNOWN) or f"options of the provider stand in options={{{key!r}: {value!r}}}"
            yield UsageError(f"@pytest.mark.convrun({key}=…): there is no such argument", fix=fix)


def _place(test: pytest.Function) -> Where | None:
    path, line, _ = test.reportinfo()
    try:
        shown = os.path.relpath(path)
    except ValueError:  # on another drive
        shown = str(path)
    return Where(file=Path(shown).as_posix(), line=None if line is None else line + 1)
