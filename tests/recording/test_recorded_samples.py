"""Samples are recorded one by one, and told as a group."""

from __future__ import annotations

import json

import pytest
from live_specs import KEYED, files

SPEC = """
    model: {name: m, base_url: BASE, max_retries: 0, timeout: 5s}
    samples: {times: 3, pass: 2}
    turns: [{user: Heads or tails?, expect: [{equals: heads}]}, {user: Again, expect: [{contains: a}]}]
"""


@pytest.fixture
def coins(project, loopback):
    """A project with a group whose second sample fails, recorded; `asked()` is how many calls were made since."""
    answers = []

    def says(received):
        message = {"role": "assistant", "content": answers.pop(0) if answers else "heads"}
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        return {"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}

    def asked():
        heard = [[message["content"] for message in request.body["messages"]] for request in loopback.requests]
        loopback.requests.clear()
        return heard

    loopback.says(says)
    project.asked, project.answers = asked, answers
    project.write("specs/coin.yaml", SPEC.replace("BASE", loopback.base_url))
    answers += ["heads", "tails", "tails", "heads", "heads"]
    group = project.run(record="all", environ=KEYED).conversations[0]
    project.first = [one.verdict for one in group.singles], group.live_calls
    return project


def group_of(done):
    """The one conversation of a JSON result."""
    (found,) = json.loads(done.stdout)["conversations"]
    return found


def test_each_sample_has_its_own_history_and_cassette(coins):
    """None knows what another was told, and replayed the group is what it was."""
    assert coins.first == (["passed", "failed", "passed"], 6)
    asked = coins.asked()
    assert asked[0] == asked[2] == asked[4] == ["Heads or tails?"]
    assert [history[1:] for history in asked[1::2]] == [["heads", "Again"], ["tails", "Again"], ["heads", "Again"]]
    assert sorted(name for name in files(coins.root) if name.startswith("cassettes")) == [
        "cassettes/coin.yaml",
        "cassettes/coin/@2.yaml",
        "cassettes/coin/@3.yaml",
    ]
    group = coins.run().conversations[0]
    assert (group.verdict, group.samples.passed, group.live_calls) == ("passed", 2, 0)


def test_what_lacks_is_quoted_and_recorded_alone(coins):
    """The others count as they were found, and the group is told once."""
    coins.asked()
    (coins.root / "cassettes/coin/@3.yaml").unlink()
    done = coins.cli("record", "--report", "json", **KEYED)
    assert len(coins.asked()) == 2
    group = group_of(done)
    assert (group["verdict"], group["live_calls"], group["samples"]["passed"]) == ("passed", 2, 2)
    assert [one["live_calls"] for one in group["samples"]["conversations"]] == [0, 0, 2]
    lines = done.stderr.splitlines()
    assert lines[:3] == [
        "to record: 1 conversation",
        "  no cassette: 2 model calls in 1 conversation",
        "recording takes 2 model calls, about 20 input and 10 output tokens; no price is known for m",
    ]
    assert lines[3].startswith("passed     specs/coin.yaml")
    assert "2 of 3 samples passed, 2 must" in lines[3]
    assert "quoted 2 model calls, 30 tokens; took 2 model calls, 30 tokens" in done.stderr


def test_a_group_that_failed_is_recorded_anew_as_a_whole(coins):
    """To ask again only for the sample that failed would be to ask until it passes; in one that passed none is."""
    coins.asked()
    done = coins.cli("record", "--only", "failed", "--report", "json", **KEYED)
    assert (group_of(done)["verdict"], coins.asked()) == ("passed", [])
    coins.edit("specs/coin.yaml", "pass: 2", "pass: 3")
    coins.answers += ["tails", "tails"]
    done = coins.cli("record", "--only", "failed", "--report", "json", **KEYED)
    assert len(coins.asked()) == 6
    assert [one["verdict"] for one in group_of(done)["samples"]["conversations"]] == ["failed", "passed", "passed"]


def test_samples_are_recorded_at_once(coins):
    """In threads, as other conversations."""
    coins.asked()
    done = coins.cli("record", "--all", "-j", "3", "--report", "json", **KEYED)
    group = group_of(done)
    assert (len(coins.asked()), group["verdict"], group["live_calls"]) == (6, "passed", 6)
    assert [one["id"][-2:] for one in group["samples"]["conversations"]] == ["ml", "@2", "@3"]


def test_x_leaves_a_group_as_it_is_where_others_failed(coins):
    """What failed in the rehearsal stops the recording; of the group is told what there is."""
    coins.asked()
    (coins.root / "cassettes/coin/@3.yaml").unlink()
    coins.write("specs/a.yaml", "model: echo\nturns: [{user: Hi, expect: [equals: Ho]}]\n")
    coins.run("specs/a.yaml", record="all")
    done = coins.cli("record", "-x", "--report", "json", **KEYED)
    first, group = json.loads(done.stdout)["conversations"]
    assert (first["verdict"], group["verdict"], coins.asked()) == ("failed", "skipped", [])
    assert group["reason"].startswith("not begun")
    assert [one["verdict"] for one in group["samples"]["conversations"]] == ["passed", "failed", "skipped"]


def test_status_tells_samples_one_by_one(coins):
    """Each recording is fresh, stale or missing by itself."""
    (coins.root / "cassettes/coin/@3.yaml").unlink()
    done = coins.cli("status", "--json", **KEYED)
    states = {one["id"]: one["state"] for one in json.loads(done.stdout)["conversations"]}
    assert states == {
        "specs/coin.yaml": "fresh", "specs/coin.yaml::@2": "fresh", "specs/coin.yaml::@3": "missing",
    }  # fmt: skip


def test_a_turn_is_asked_anew_in_all_samples(coins):
    """`--from-turn` takes a group as one conversation."""
    coins.asked()
    done = coins.cli("record", "--from-turn", "2", "--report", "json", **KEYED)
    assert [history[-1] for history in coins.asked()] == ["Again"] * 3
    assert group_of(done)["live_calls"] == 3


def test_renamed_samples_are_recognised_by_their_numbers(coins):
    """Each recording is offered to the sample of its number."""
    (coins.root / "specs/coin.yaml").rename(coins.root / "specs/toss.yaml")
    told = coins.cli("status", "--json", **KEYED).stdout
    moved = {one["cassette"]: one["conversation"] for one in json.loads(told)["renamed"]}
    assert moved == {
        "cassettes/coin.yaml": "specs/toss.yaml",
        "cassettes/coin/@2.yaml": "specs/toss.yaml::@2",
        "cassettes/coin/@3.yaml": "specs/toss.yaml::@3",
    }


def test_show_and_diff_name_samples(coins):
    """`show` prints all samples of a spec or one; in `diff` the name of the group is its first sample."""
    shown = coins.cli("show", "specs/coin.yaml").stdout
    assert [line for line in shown.splitlines() if line.startswith("specs/")] == [
        "specs/coin.yaml (cassettes/coin.yaml)",
        "specs/coin.yaml::@2 (cassettes/coin/@2.yaml)",
        "specs/coin.yaml::@3 (cassettes/coin/@3.yaml)",
    ]
    assert "tails" in coins.cli("show", "specs/coin.yaml::@2").stdout
    done = coins.cli("diff", "specs/coin.yaml", "specs/coin.yaml::@2")
    assert (done.returncode, "tails" in done.stdout) == (0, True), done.stderr
