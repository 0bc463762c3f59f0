"""The conversation of a test in Python: what its marker says, and the cassette beside it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import convrun
from convrun.conversation.conversation import Conversation
from convrun.conversation.model import Model
from convrun.errors import CassetteError, ConvrunError, StaleError, UsageError
from convrun.models import get_model
from convrun.pytesting.markers import OF_CASSETTES, OF_CONVERSATIONS, OF_MODELS, arguments
from convrun.pytesting.modes import meter, record_mode, recording_option
from convrun.pytesting.visible import visible
from convrun.run.planning.options import RecordMode
from convrun.source import Where
from convrun.spec.ids import cassette_file
from convrun.testing.blocks import cassette

_owners: pytest.StashKey[dict[tuple[Path, str], set[str]]] = pytest.StashKey()  # the ids of tests by cassette
_HOME = Path(convrun.__file__).parent


class Talk:
    """A conversation under way; `ended_by` is what its test raised, if it did."""

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self.ended_by: BaseException | None = None


class _EndedBadly(Exception):  # noqa: N818  # it only leaves the block
    """The test failed: nothing is recorded, and that something was not played is no news."""


@contextmanager
def opened(request: pytest.FixtureRequest, talking: Iterable[pytest.Item]) -> Iterator[Talk]:
    """Open the cassette of a test and yield its conversation; mistakes fail the test, told without a traceback.

    `talking` are the tests of the session that have a conversation.
    """
    node = request.node
    mistake: ConvrunError | None = None
    try:
        given = arguments(node)
        mode = record_mode(request.config)
        _refuse_two_recorders(request)
        path = _cassette(node)
        _refuse_shared(path, node, talking)
        if mode is RecordMode.NONE and not path.exists():
            raise _missing(path, node)
        made = {key: given[key] for key in OF_CASSETTES if key in given}
        with cassette(path, mode.value, **made) as block:
            block.count_with(meter(request.config))
            talk = Talk(_conversation(given))
            yield talk
            if talk.ended_by is not None:
                raise _EndedBadly
    except _EndedBadly:
        pass
    except ConvrunError as error:
        mistake = error
        retold(mistake, node)
    if mistake is not None:
        pytest.fail("\n".join(map(visible, mistake.lines())), pytrace=False)


def retold(error: BaseException, node: pytest.Item) -> None:
    """Make an error of ours read as a test needs it: how to record is said for pytest, our own frames are gone."""
    if not isinstance(error, ConvrunError):
        return
    if isinstance(error, StaleError):
        error.fix = f"if the change is meant, record it: {_recording(node, RecordMode.NEW_EPISODES)}"
    last, entry = None, error.__traceback__
    while entry is not None:
        if not Path(entry.tb_frame.f_code.co_filename).is_relative_to(_HOME):
            last = entry
        entry = entry.tb_next
    if last is not None:
        last.tb_next = None


def _conversation(given: Mapping[str, Any]) -> Conversation:
    model = given.get("model")
    settings = {key: given[key] for key in OF_MODELS if key in given}
    if isinstance(model, Model):
        if settings:
            what = f"@pytest.mark.convrun({next(iter(settings))}=…) beside a model that is made already"
            raise UsageError(what, fix="give it to get_model, or name the model")
    else:
        model = get_model(model, **settings)
    return model.conversation(**{key: given[key] for key in OF_CONVERSATIONS if key in given})


def _cassette(node: pytest.Item) -> Path:
    """`cassettes/<module>/<test>.yaml` beside the test's file, as pytest-recording has it, in names that files take."""
    return node.path.parent / "cassettes" / _name(node)


def _name(node: pytest.Item) -> str:
    owners = [f"{parent.name}." for parent in node.listchain() if isinstance(parent, pytest.Class)]
    return cassette_file(f"{node.path.stem}.yaml::{''.join(owners)}{node.name}", "")


def _refuse_shared(path: Path, node: pytest.Item, talking: Iterable[pytest.Item]) -> None:
    """Raise where another test has the same cassette, or one that differs in case only: it would be replaced."""
    stash = node.config.stash
    if _owners not in stash:
        stash[_owners] = {}
        for test in talking:
            stash[_owners].setdefault((test.path.parent, _name(test).casefold()), set()).add(test.nodeid)
    known = stash[_owners].get((node.path.parent, _name(node).casefold()), set())
    if others := sorted(known - {node.nodeid}):
        what = f"two tests have one cassette: {node.nodeid!r} and {others[0]!r}"
        raise UsageError(what, where=Where(file=_shown(path)), fix="rename one of them")


def _refuse_two_recorders(request: pytest.FixtureRequest) -> None:
    """One would record what the other plays."""
    active = request.config.pluginmanager.has_plugin("recording")
    if active and request.node.get_closest_marker("vcr") and not request.config.getoption("disable_recording", None):
        what = "the test has two cassettes: that of `conversation` and that of @pytest.mark.vcr"
        raise UsageError(what, fix="keep one of them")


def _missing(path: Path, node: pytest.Item) -> CassetteError:
    what = "there is no such cassette, and nothing goes live by itself"
    return CassetteError(what, where=Where(file=_shown(path)), fix=f"record it: {_recording(node, RecordMode.ONCE)}")


def _recording(node: pytest.Item, mode: RecordMode) -> str:
    name = f"{_shown(node.path)}::{node.nodeid.partition('::')[2]}"
    return f"pytest {recording_option(mode)} {shlex.quote(name)}"


def _shown(path: Path) -> str:
    try:
        return Path(os.path.relpath(path)).as_posix()
    except ValueError:  # on another drive
        return path.as_posix()
