"""The pytest plugin: specs as tests, and a conversation with its cassette for tests in Python.

A project that has no settings of convrun pays for this file and nothing else: what does the work is imported when there
is a spec, a marked test or something to tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from convrun.conversation.conversation import Conversation
    from convrun.pytesting.collecting import SpecCollection
    from convrun.pytesting.telling import Teller

_SUFFIXES = (".yaml", ".yml")
_SPEC = re.compile(rb"^(?:turns|extends)[ \t]*:", re.MULTILINE)  # what tells a spec from other YAML
_LOOKED_AT = 1_000_000  # bytes
_MODES = ("none", "once", "new_episodes", "all")
_MARKER = (
    "convrun(model=..., system=..., tools=[...], record=..., ignore=[...], allow_unplayed=...): "
    "what the test's `conversation` is made with."
)
_settled: pytest.StashKey[dict[Path, bool]] = pytest.StashKey()
_specs: pytest.StashKey[SpecCollection] = pytest.StashKey()
_ended_by: pytest.StashKey[BaseException | None] = pytest.StashKey()  # of tests that have a `conversation`


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Define our options, and `--record-mode` where pytest-recording does not."""
    group = parser.getgroup("convrun", "conversations with language models")
    group.addoption(
        "--convrun-record",
        choices=_MODES,
        help="Whether conversations go live, before what --record-mode says. Default: none, never.",
    )
    group.addoption("--convrun-strict", action="store_true", help="Findings (unchecked, unplayed) fail.")
    group.addoption(
        "--on-stale",
        choices=("fail", "warn"),
        default="fail",
        help="warn: conversations with a stale or missing recording are expected to fail (xfail).",
    )
    if pluginmanager.is_blocked("recording") or find_spec("pytest_recording") is None:
        group.addoption("--record-mode", choices=(*_MODES, "rewrite"), help="As in pytest-recording. Default: none.")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)
    config.pluginmanager.register(Reports(), "convrun-reports")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the specs of projects with settings, and those that are named on the command line."""
    if file_path.suffix.lower() not in _SUFFIXES:
        return None
    named = parent.session.isinitpath(file_path) and _reads_as_spec(file_path)
    if not named and not _may_be_settled(file_path.parent, parent.config.stash.setdefault(_settled, {})):
        return None
    if _specs not in parent.config.stash:
        from convrun.pytesting.collecting import SpecCollection  # the first file that may be a spec

        parent.config.stash[_specs] = SpecCollection(parent.config)
    return parent.config.stash[_specs].collector(file_path, parent, named=named)


def _reads_as_spec(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return _SPEC.search(opened.read(_LOOKED_AT)) is not None
    except OSError:
        return False


def _may_be_settled(folder: Path, known: dict[Path, bool]) -> bool:
    """Whether a folder or one above it may have settings of convrun; which, is found out by who reads them."""
    if folder not in known:
        above = folder.parent != folder and _may_be_settled(folder.parent, known)
        known[folder] = above or (folder / "convrun.toml").exists() or _speaks_of_convrun(folder / "pyproject.toml")
    return known[folder]


def _speaks_of_convrun(file: Path) -> bool:
    try:
        return b"convrun" in file.read_bytes()
    except OSError:
        return False


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Find the mistakes that only several specs make together, before anything is left out."""
    if _specs in config.stash:
        config.stash[_specs].check_together(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Note what ended a test, for the cassette of its `conversation`."""
    try:
        return (yield)
    except BaseException as error:
        if _ended_by in item.stash:
            from convrun.pytesting.marked import retold  # loaded already

            item.stash[_ended_by] = error
            retold(error, item)
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Give the report of a conversation what the terminal tells of it; it goes from worker to controller as text."""
    report: Any = yield
    told = getattr(item, "convrun_told", None)
    if told is not None and call.when == "call":
        report.convrun = told
        if report.skipped and isinstance(report.longrepr, tuple):
            path, line, _ = item.reportinfo()
            report.longrepr = (str(path), (line or 0) + 1, report.longrepr[2])
    return report  # type: ignore[no-any-return]  # a wrapper gives back what it was given


class Reports:
    """What was reported of conversations, in the process that tells it: with xdist that is not where they ran."""

    def __init__(self) -> None:
        self.teller: Teller | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Show a conversation as the console does."""
        if hasattr(report, "convrun"):
            if self.teller is None:
                from convrun.pytesting.telling import Teller  # the first conversation that has run

                self.teller = Teller()
            self.teller.hear(report)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell what concerns several conversations: findings, and the command that records what is stale or missing."""
        if self.teller is not None:
            self.teller.conclude(terminalreporter)


class LazySerializer:
    """Our format of cassettes for vcrpy, loaded when a cassette of it is."""

    @staticmethod
    def serialize(cassette: dict[str, Any]) -> str:
        """Return the text of a cassette."""
        from convrun.cassette.serializer import serialize

        return serialize(cassette)

    @staticmethod
    def deserialize(text: str) -> dict[str, Any]:
        """Return the cassette of a text."""
        from convrun.cassette.serializer import deserialize

        return deserialize(text)


@pytest.hookimpl(optionalhook=True)
def pytest_recording_configure(config: pytest.Config, vcr: Any) -> None:  # noqa: ARG001  # the hook is pytest-recording's
    """Let the tests of pytest-recording name our serializer: `vcr_config` with `"serializer": "convrun"`."""
    vcr.register_serializer("convrun", LazySerializer)


@pytest.fixture
def conversation(request: pytest.FixtureRequest) -> Iterator[Conversation]:
    """A conversation with the model of `@pytest.mark.convrun(…)`, played from the cassette beside the test.

    Every model made by `convrun.get_model` that the test calls is played from there as well, or recorded there where
    `--record-mode` or `--convrun-record` says so.
    """
    from convrun.pytesting.marked import opened

    request.node.stash[_ended_by] = None
    with opened(request) as talk:
        yield talk.conversation
        talk.ended_by = request.node.stash[_ended_by]
