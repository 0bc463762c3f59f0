"""What the tests of the pytest plugin share: a project, and runs of pytest in it, each a process."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest
from forking import SOURCES
from projects import Project

# In an environment that was installed before the plugin was there, it is named.
_NAMED = () if "convrun" in entry_points(group="pytest11").names else ("-p", "convrun.pytest_plugin")
_QUIET = ("-p", "no:randomly", "-p", "no:hypothesispytest", "-p", "no:anyio")


class Suite(Project):
    """A project that is tested with pytest."""

    def __init__(self, pytester):
        super().__init__(pytester.path)
        self._pytester = pytester

    def pytest(self, *arguments, code=0):
        """Run pytest as a process, which ends with `code`; return its result."""
        result = self._pytester.runpytest_subprocess(*_NAMED, *_QUIET, *arguments)
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
