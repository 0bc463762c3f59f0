"""What the tests of the pytest plugin share: a project, and runs of pytest in it, here or in a process."""

from __future__ import annotations

import jsonschema
import openai
import pydantic
import pytest
import vcr
from forking import SOURCES
from plugin import NAMED
from projects import Project

from convrun.backends import openai as live
from convrun.cassette import serializer
from convrun.cassette.kept import saving
from convrun.pytesting import collecting, marked, teller

# A run in this process forgets what it imports; what cannot be imported twice, takes long, or holds connections, is
# there before.
LOADED = (jsonschema, openai, pydantic, vcr, collecting, live, marked, saving, serializer, teller)
_QUIET = ("-p", "no:randomly", "-p", "no:hypothesispytest", "-p", "no:anyio")


class Suite(Project):
    """A project that is tested with pytest."""

    def __init__(self, pytester):
        super().__init__(pytester.path)
        self._pytester = pytester

    def pytest(self, *arguments, code=0, process=False):
        """Run pytest, which ends with `code`; return its result. It is a process where it is strict."""
        if process or any(argument.startswith("-W") for argument in arguments):
            result = self._pytester.runpytest_subprocess(*NAMED, *_QUIET, *arguments)
        else:
            again = ("-W", "ignore::pytest.PytestAssertRewriteWarning")  # the plugin is imported already
            result = self._pytester.runpytest_inprocess(*NAMED, *_QUIET, *again, *arguments)
        assert result.ret == code, result.stdout.str()
        return result

    def passes(self, *arguments, **outcomes):
        """Run pytest and hold its counts against `outcomes`; return its result."""
        wrong = {"failed", "errors"} & outcomes.keys()
        result = self.pytest(*arguments, code=1 if wrong else 0)
        found = {name: number for name, number in result.parseoutcomes().items() if name != "deselected"}
        assert found == outcomes, result.stdout.str()
        return result

    def ids(self, *arguments, code=0):
        """The node ids that pytest collects, in order."""
        result = self.pytest("--collect-only", "-q", *arguments, code=code)
        return [line for line in result.outlines if ".yaml" in line or "::" in line]


@pytest.fixture(scope="session")
def bytecode(tmp_path_factory):
    """Where the processes keep their bytecode: pytest compiles convrun for itself, once is enough."""
    return tmp_path_factory.mktemp("bytecode")


@pytest.fixture
def suite(pytester, monkeypatch, bytecode):
    """An empty project; its processes know nothing of whoever runs the tests."""
    for name in ("CI", "BUILD_NUMBER", "GITHUB_ACTIONS", "PYTEST_ADDOPTS", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("PYTHONPATH", str(SOURCES))
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(bytecode))
    return Suite(pytester)
