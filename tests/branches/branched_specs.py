"""Specs with branches that go live against a loopback server."""

import json

SPEC = "specs/lamp.yaml"
ANGRY, POLITE, DEEP = f"{SPEC}/angry", f"{SPEC}/polite", f"{SPEC}/polite/deep"


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
