"""What the tests of branches share."""

import shutil

import pytest
from branched_specs import SPEC, branched
from projects import Project
from servers import loopback_server, reply


def _numbered(first=1):
    """A model that repeats what it hears, in new words each time."""
    said = iter(range(first, 1_000))
    return lambda received: reply(f"{received.body['messages'][-1]['content']} ({next(said)})")


@pytest.fixture
def answering(loopback):
    """A server whose model repeats what it hears, in new words each time; `asked()` is what it heard lately.

    `instead()` lets it say something else.
    """
    loopback.says(_numbered(101))

    def asked():
        heard = [request.body["messages"][-1]["content"] for request in loopback.requests]
        loopback.requests.clear()
        return heard

    def instead(*answers):
        loopback.answers.clear()
        loopback.says(*answers)

    loopback.asked, loopback.instead = asked, instead
    return loopback


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    """The recordings of trunk and branches, made once."""
    project = Project(tmp_path_factory.mktemp("branched"))
    with loopback_server() as server:
        server.says(_numbered())
        project.write(SPEC, branched(server.base_url))
        found = project.run(record="new_episodes")
        assert [one.verdict for one in found.conversations] == ["passed"] * 4
        heard = [request.body["messages"][-1]["content"] for request in server.requests]
        assert heard == ["A lamp.", "Never mind.", "Now!", "Please?", "Thanks.", "Deep: Please? (4)"]
    return project.root / "cassettes"


@pytest.fixture
def recorded(project, answering, recordings):
    """A project whose trunk and branches are recorded."""
    project.write(SPEC, branched(answering.base_url))
    shutil.copytree(recordings, project.root / "cassettes")
    return project
