"""What the tests of recording share."""

import tempfile

import pytest
from live_specs import SPEC, echo, spec


@pytest.fixture(autouse=True)
def locks(tmp_path_factory, monkeypatch):
    """A temporary folder of the test's own, also for its processes: whatever is left in it was forgotten there."""
    folder = tmp_path_factory.mktemp("locks")
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def echoing(loopback):
    """A server whose model repeats what it hears; `asked()` is what it heard since the last time."""
    loopback.says(echo)

    def asked():
        heard = [request.body["messages"][-1]["content"] for request in loopback.requests]
        loopback.requests.clear()
        return heard

    loopback.asked = asked
    return loopback


@pytest.fixture
def recorded(project, echoing):
    """A project whose conversation of three turns is recorded."""
    project.write(SPEC, spec(echoing.base_url, "one", "two", "three"))
    assert project.record().live_calls == 3
    assert echoing.asked() == ["one", "two", "three"]
    return project
