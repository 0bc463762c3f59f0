"""What the tests of simulated users share."""

import pytest
from simulated_specs import SPEC, TOOLS, World, simulate, spec


@pytest.fixture
def world(loopback):
    """A server that is the tested model, and the user."""
    return World(loopback)


@pytest.fixture
def recorded(project, world):
    """A recorded conversation of four turns: one as written, two of a simulated user, and one more."""
    project.write("tools.py", TOOLS)
    turn = simulate(persona="In a hurry.", until=[{"called": "refund"}], expect=[{"contains": "refunded"}], id="asks")
    project.write(
        SPEC, spec("Hi", turn, {"user": "Thanks", "expect": [{"contains": "Thanks"}]}, tools=["tools:refund"])
    )
    found = project.record(environ=world.environ)
    assert (found.verdict, [one.user for one in found.turns]) == (
        "passed",
        ["Hi", "It is 1042", "refund it now", "Thanks"],
    )
    assert world.asked() == ["model", "user", "model", "user", "model", "model", "model"]
    return project
