"""What the tests of branches share."""

import pytest
from branched_specs import SPEC, branched
from servers import reply


@pytest.fixture
def answering(loopback):
    """A server whose model repeats what it hears, in new words each time; `asked()` is what it heard lately.

    `instead()` lets it say something else.
    """
    said = iter(range(1, 1_000))
    loopback.says(lambda received: reply(f"{received.body['messages'][-1]['content']} ({next(said)})"))

    def asked():
        heard = [request.body["messages"][-1]["content"] for request in loopback.requests]
        loopback.requests.clear()
        return heard

    def instead(*answers):
        loopback.answers.clear()
        loopback.says(*answers)

    loopback.asked, loopback.instead = asked, instead
    return loopback


@pytest.fixture
def recorded(project, answering):
    """A project whose trunk and branches are recorded."""
    project.write(SPEC, branched(answering.base_url))
    found = project.run(record="new_episodes")
    assert [one.verdict for one in found.conversations] == ["passed"] * 4
    assert answering.asked() == ["A lamp.", "Never mind.", "Now!", "Please?", "Thanks.", "Deep: Please? (4)"]
    return project
