"""What the tests of lanes share."""

import pytest
from judged_specs import SPEC, World, judge, means, spec


@pytest.fixture
def world(loopback):
    """A server that is model, judge and maker of embeddings."""
    return World(loopback)


@pytest.fixture
def recorded(project, world):
    """A project whose conversation of two turns is recorded, with a judge of each, and a text that the last means."""
    project.write(SPEC, spec(("a cat", judge("kind")), ("a dog", judge("short"), means("the dog"))))
    found = project.record(environ=world.environ)
    assert (found.verdict, found.live_calls) == ("passed", 6)
    world.asked()
    return project
