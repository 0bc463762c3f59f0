"""The hooks of the pytest plugin: specs as tests, and a conversation with its cassette for tests in Python.

A project that has no settings of convrun pays for this file and what it looks by, and nothing else: what does the work
is imported when there is a spec, a marked test or something to tell.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from convrun.pytesting.signs import is_yaml, may_be_settled, reads_as_spec

if TYPE_CHECKING:
    from convrun.conversation.conversation import Conversation
    from convrun.pytesting.collecting import SpecCollection
    from convrun.pytesting.teller import Teller

_MODES = ("none", "once", "new_episodes", "all")
_MARKER = (
    "convrun(model=..., system=..., tools=[...], ignore=[...], allow_unplayed=...): "
    "what the test's `conversation` is made with."
)
_settled: pytest.StashKey[dict[Path, bool]] = pytest.StashKey()
_specs: pytest.StashKey[SpecCollection] = pytest.StashKey()
_reopened: pytest.StashKey[set[Path]] = pytest.StashKey()  # folders that `norecursedirs` names, with specs below
_talking: pytest.StashKey[Iterable[pytest.Item]] = pytest.StashKey()  # tests that have a `conversation`
_ended_by: pytest.StashKey[BaseException | None] = pytest.StashKey()  # of tests that have a `conversation`


def pytest_addoption(parser: pytest.Parser) -> None:
    """Define our options."""
    group = parser.getgroup("convrun", "conversations with language models")
    group.addoption(
        "--convrun-record",
        choices=_MODES,
        help="Whether conversations go live, before what --record-mode says. Default: none, never.",
    )
    group.addoption(
        "--convrun-max-cost",
        metavar="USD",
        type=_dollars,
        help="Make no live call once the session has spent so many dollars; each worker of xdist has its part.",
    )
    group.addoption(
        "--convrun-strict", action="store_true", help="Findings of conversations (as unchecked, unplayed, weak) fail."
    )
    group.addoption(
        "--on-stale",
        choices=("fail", "warn"),
        default="fail",
        help="warn: conversations with a stale or missing recording are expected to fail (xfail).",
    )


def _dollars(text: str) -> float:
    from argparse import ArgumentTypeError

    from convrun.errors import UsageError
    from convrun.run.spending import max_cost  # only where the option is given

    try:
        return max_cost("--convrun-max-cost", text)
    except UsageError as error:
        raise ArgumentTypeError(str(error)) from error


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config, parser: pytest.Parser) -> Iterator[None]:
    """Define `--record-mode` where nobody does: which plugins are loaded is known behind the first conftest files."""
    result = yield
    if early_config.getoption("record_mode", False) is False:  # None where it is defined and not given
        group = parser.getgroup("convrun")
        group.addoption("--record-mode", choices=(*_MODES, "rewrite"), help="As in pytest-recording. Default: none.")
    return result


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)
    config.pluginmanager.register(Reports(), "convrun-reports")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Look for specs, and for nothing else, in folders that `norecursedirs` names: `convrun run` finds them there."""
    reopened = config.stash.setdefault(_reopened, set())
    inside = collection_path.parent in reopened
    hidden = collection_path.name.startswith((".", "_"))
    if not collection_path.is_dir():
        return True if inside and not is_yaml(collection_path) else None
    if hidden or not (inside or any(collection_path.match(name) for name in config.getini("norecursedirs"))):
        return True if inside else None
    if _left_out(collection_path, config) or not _holds_specs(collection_path, config):
        return None
    reopened.add(collection_path)
    return False


def _left_out(path: Path, config: pytest.Config) -> bool:
    """Whether the user leaves a path out by itself: by an option, or in a conftest file beside it."""
    globs = [str(Path.cwd() / glob) for glob in config.getoption("ignore_glob") or ()]
    paths = [Path.cwd() / named for named in config.getoption("ignore") or ()]
    for plugin in config.pluginmanager.get_plugins():
        if (file := getattr(plugin, "__file__", None)) and Path(file).name == "conftest.py":
            paths += [Path(file).parent / named for named in getattr(plugin, "collect_ignore", ())]
            globs += [str(Path(file).parent / glob) for glob in getattr(plugin, "collect_ignore_glob", ())]
    return path in paths or any(fnmatch(str(path), glob) for glob in globs)


def _holds_specs(folder: Path, config: pytest.Config) -> bool:
    """Whether a file in a folder would be a spec of a project with settings."""
    if not may_be_settled(folder, config.stash.setdefault(_settled, {})):
        return False
    return _collection(config).is_spec(folder / "spec.yaml")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the specs of projects with settings, and those that are named on the command line."""
    if not is_yaml(file_path):
        return None
    named = parent.session.isinitpath(file_path) and reads_as_spec(file_path)
    if not named and not may_be_settled(file_path.parent, parent.config.stash.setdefault(_settled, {})):
        return None
    return _collection(parent.config).collector(file_path, parent, named=named)


def _collection(config: pytest.Config) -> SpecCollection:
    if _specs not in config.stash:
        from convrun.pytesting.collecting import SpecCollection  # the first file that may be a spec

        config.stash[_specs] = SpecCollection(config)
    return config.stash[_specs]


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    """Let the collection of a module or class fail where its tests have wrong markers of ours: nothing runs then."""
    report: Any = yield
    functions = [one for one in report.result or () if isinstance(one, pytest.Function)]
    if marked := [one for one in functions if one.get_closest_marker("convrun")]:
        from convrun.pytesting.markers import told_mistakes

        if told := told_mistakes(marked):
            report.outcome, report.longrepr, report.result = "failed", told, []
    return report  # type: ignore[no-any-return]  # a wrapper gives back what it was given


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Find the mistakes that only several specs or tests make together, before anything is left out."""
    tests = (item for item in items if isinstance(item, pytest.Function))
    config.stash[_talking] = [item for item in tests if "conversation" in item.fixturenames]
    if _specs in config.stash:
        config.stash[_specs].keep_once(items)
        config.stash[_specs].check_together(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Note what ended a test, for the cassette of its `conversation`."""
    try:
        result = yield
    except BaseException as error:
        if _ended_by in item.stash:
            from convrun.pytesting.marked import retold  # loaded already

            item.stash[_ended_by] = error
            retold(error, item)
        raise
    if isinstance(item, pytest.Function) and _ended_by not in item.stash and _is_marked(item):
        what = "@pytest.mark.convrun(…) does nothing: the test has no `conversation`"
        pytest.fail(f"{what}\n  give it the fixture `conversation`, or take the marker away", pytrace=False)
    return result


def _is_marked(item: pytest.Item) -> bool:
    """Whether it is the test itself that has our marker: one at its class or module may be meant for others."""
    return any(marker.name == "convrun" for marker in item.own_markers)


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
        self.spent: list[Any] = []  # what live calls took, of each process

    @pytest.hookimpl
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Note what the live calls of this process took; a worker of xdist hands it over."""
        if "convrun.pytesting.modes" not in sys.modules:
            return  # there was neither a spec nor a conversation
        from convrun.pytesting.modes import spent_in

        taken = spent_in(session.config)
        if taken is not None:
            output = getattr(session.config, "workeroutput", None)
            if output is not None:
                output["convrun_spent"] = taken
            else:
                self.spent.append(taken)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker has handed over."""
        if taken := getattr(node, "workeroutput", {}).get("convrun_spent"):
            self.spent.append(taken)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Show a conversation as the console does."""
        if hasattr(report, "convrun"):
            if self.teller is None:
                from convrun.pytesting.teller import Teller  # the first conversation that has run

                self.teller = Teller()
            self.teller.hear(report)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell what concerns several conversations: findings, and the command that records what is stale or missing."""
        if self.teller is not None:
            self.teller.conclude(terminalreporter)
        if self.spent:
            from convrun.pytesting.modes import spent_line

            if line := spent_line(self.spent):
                terminalreporter.write_line(line)


class LazySerializer:
    """Our format of cassettes for vcrpy, loaded when a cassette of it is."""

    of_convrun = True

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


class LazyPersister:
    """Our persister around the one that a test has, loaded when a cassette of ours is."""

    def __init__(self, other: Any) -> None:
        self._other = other

    def load_cassette(self, cassette_path: Any, serializer: Any) -> Any:
        """Return the requests and responses of a cassette."""
        return self._meant(serializer).load_cassette(cassette_path, serializer)

    def save_cassette(self, cassette_path: Any, cassette_dict: Any, serializer: Any) -> None:
        """Write a cassette."""
        self._meant(serializer).save_cassette(cassette_path, cassette_dict, serializer)

    def _meant(self, serializer: Any) -> Any:
        if not getattr(serializer, "of_convrun", False):
            return self._other
        from convrun.cassette.persister import around

        return around(self._other)


@pytest.hookimpl(optionalhook=True)
def pytest_recording_configure(config: pytest.Config, vcr: Any) -> None:  # noqa: ARG001  # the hook is pytest-recording's
    """Let the tests of pytest-recording name our serializer: `vcr_config` with `"serializer": "convrun"`."""
    vcr.register_serializer("convrun", LazySerializer)
    vcr.register_persister(LazyPersister(vcr.persister))  # which leaves cassettes of others to the one that is there


@pytest.fixture
def conversation(request: pytest.FixtureRequest) -> Iterator[Conversation]:
    """A conversation with the model of `@pytest.mark.convrun(…)`, played from the cassette beside the test.

    Every model made by `convrun.get_model` that the test calls is played from there as well, or recorded there where
    `--record-mode` or `--convrun-record` says so.
    """
    from convrun.pytesting.marked import opened

    request.node.stash[_ended_by] = None
    with opened(request, request.config.stash.get(_talking, ())) as talk:
        yield talk.conversation
        talk.ended_by = request.node.stash[_ended_by]
