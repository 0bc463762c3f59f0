"""Branches of a conversation whose requests say what was said before by the id of a response."""

import json

import pytest
from branched_specs import ANGRY, DEEP, POLITE, SPEC, branched
from servers import output, said

from convrun.testing.specs import explained


@pytest.fixture
def by_id(project, loopback):
    """A recorded project of trunk and branches, whose server gives all its responses one id; `says` changes them."""

    def says(sign):
        loopback.answers.clear()
        loopback.says(lambda received: output(said(f"{received.body['input'][-1]['content']}{sign}"), id="resp_same"))

    spec = json.loads(branched(loopback.base_url, options={"previous_response_id": "auto"}))
    spec["model"]["api"] = "responses"
    project.write(SPEC, json.dumps(spec))
    says("!")
    assert [one.verdict for one in project.run(record="new_episodes").conversations] == ["passed"] * 4
    project.says = says
    return project


def verdicts(result):
    """The verdict of each conversation."""
    return {one.id: one.verdict for one in result.conversations}


def test_another_reply_with_the_same_id_makes_branches_stale(by_id):
    """A branch goes on from what its trunk said before it, not from an id: another reply there makes it stale."""
    by_id.says("?")
    by_id.edit(SPEC, "Never mind.", "Never you mind.")
    by_id.run(SPEC, record="new_episodes")
    assert set(verdicts(by_id.run()).values()) == {"passed"}  # what the trunk says later does not count
    by_id.run(SPEC, record="all", keyword="not angry and not polite")
    found = by_id.run()
    assert verdicts(found) == {SPEC: "passed", ANGRY: "stale", POLITE: "stale", DEEP: "stale"}
    told = {one.id: (one.stale.turn, one.stale.changes[0].part) for one in found.conversations if one.stale}
    assert told == dict.fromkeys([ANGRY, POLITE, DEEP], (2, "what was said before"))
    assert "what was said before" in explained(found)
    by_id.run(record="new_episodes")
    assert set(verdicts(by_id.run()).values()) == {"passed"}


def test_a_branch_is_reviewed_with_what_it_goes_on_from(by_id):
    """The turns before a branch are found by what its recording says of them: it can be mutated."""
    assert "behind: " in (by_id.root / "cassettes/lamp/angry.yaml").read_text()
    assert json.loads(by_id.cli("mutate", ANGRY, "--report", "json").stdout)["not_mutated"] == []
