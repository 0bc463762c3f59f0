"""What the tests of branches share."""

import json

import pytest
from servers import reply

SPEC = "specs/lamp.yaml"


def branched(base_url, **more):
    """A spec with two branches behind its first turn, one of which has a branch itself; all is checked."""
    model = {"name": "m", "base_url": base_url, "max_retries": 0, "timeout": "5s"}
    deep = {"user": "Deep: {{ turns[1].reply }}", "expect": [{"contains": "Please"}]}
    polite = [
        {"user": "Please?", "expect": [{"contains": "Please"}], "branches": {"deep": [deep]}},
        {"user": "Thanks.", "expect": [{"contains": "Thanks"}]},
    ]
    branches = {"angry": [{"user": "Now!", "expect": [{"contains": "Now"}]}], "polite": polite}
    first = {"user": "A lamp.", "expect": [{"contains": "lamp"}], "branches": branches}
    last = {"user": "Never mind.", "expect": [{"contains": "mind"}]}
    return json.dumps({"model": model, "turns": [first, last], **more})


@pytest.fixture
def answering(loopback):
    """A server whose model repeats what it hears, in new words each time; `asked()` is what it heard lately."""
    said = iter(range(1, 1_000))
    loopback.says(lambda received: reply(f"{received.body['messages'][-1]['content']} ({next(said)})"))

    def asked():
        heard = [request.body["messages"][-1]["content"] for request in loopback.requests]
        loopback.requests.clear()
        return heard

    loopback.asked = asked
    return loopback


@pytest.fixture
def recorded(project, answering):
    """A project whose trunk and branches are recorded."""
    project.write(SPEC, branched(answering.base_url))
    found = project.run(record="new_episodes")
    assert [one.verdict for one in found.conversations] == ["passed"] * 4
    assert answering.asked() == ["A lamp.", "Never mind.", "Now!", "Please?", "Thanks.", "Deep: Please? (4)"]
    return project
