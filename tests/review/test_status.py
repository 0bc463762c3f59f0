"""`convrun status`: how recordings stand to the specs and the code of today, without running anything."""

from __future__ import annotations

import json

import pytest
from review_projects import CASSETTE, NAME
from servers import Answer

CASES = """
    model: {script: [{reply: 'A card.'}, {reply: 'Bye.'}]}
    system: You write cards.
    cases: [{place: Oslo}, {place: Bergen}]
    turns: [{user: 'A card from {{ place }}'}, {user: Thanks}]
"""


def states(convrun, root, *arguments):
    """The JSON of `convrun status`, and its exit code, which stands in it too."""
    code, out, err = convrun(root, "status", "--json", *arguments)
    found = json.loads(out)
    assert (found["exit_code"], err) == (code, "")
    return found, code


@pytest.fixture
def cards(project):
    """A project whose spec has two cases, both recorded."""
    project.write("specs/cards.yaml", CASES)
    project.run(record="all")
    return project


def test_a_fresh_recording_is_fresh_as_far_as_tools_answer_as_they_did(convrun, desk):
    """What was not tried is named: the tool that the recorded conversation calls."""
    found, code = states(convrun, desk.root)
    (one,) = found["conversations"]
    assert (code, one["state"], one["cassette"], one["committed"]) == (0, "fresh", CASSETTE, None)
    assert one["assumed"] == ["tool 'price'"]
    assert found["quote"]["calls"] == 0


def test_nothing_of_the_project_is_called(desk):
    """A tool that would end the process is not run, nor is a hook."""
    with (desk.root / "desk.py").open("a") as file:
        file.write(
            "\n\ndef price(city: str, days: int = 1) -> str:\n    '''What a room costs.'''\n    raise SystemExit\n"
        )
        file.write("\n\ndef hook(*args):\n    raise SystemExit\n")
    desk.project.edit(NAME, "turns:", "hooks: {before_call: ['desk:hook'], before_conversation: ['desk:hook']}\nturns:")
    done = desk.project.cli("status", "--json")
    (one,) = json.loads(done.stdout)["conversations"]
    assert (done.returncode, one["state"], one["assumed"]) == (0, "fresh", ["hook 'hook'", "tool 'price'"])


def test_what_makes_a_recording_stale_is_told_with_what_a_refresh_takes(convrun, desk):
    """Part, turn and call; from there on its calls go live."""
    desk.project.edit(NAME, "What is a room in Paris?", "What is a room in Paris for one?")
    found, code = states(convrun, desk.root)
    (one,) = found["conversations"]
    assert (code, one["state"]) == (3, "stale")
    assert (one["stale"]["turn"], one["stale"]["model_call"]) == (2, 1)
    assert one["stale"]["changes"][0]["part"] == "user text"
    assert one["quote"]["calls"] == 3
    code, out, _ = convrun(desk.root, "status")
    assert code == 3
    assert "user text, turn 2" in out
    assert "recording takes 3 model calls, about " in out
    assert out.splitlines()[-1] == f"record: convrun record {NAME}"


def test_a_missing_one_is_quoted_by_its_siblings(convrun, desk):
    """Another case of the spec tells about how long it is; without one only the turns are known."""
    desk.project.edit(NAME, "turns:", "cases: [{city: Paris}, {city: Rome}]\nturns:")
    desk.project.run(
        f"{NAME}::Paris",
        record="all",
        environ={"OPENAI_API_KEY": "sk-loopback-0123456789"},
        base_url=desk.loopback.base_url,
    )
    found, code = states(convrun, desk.root)
    assert (code, [one["state"] for one in found["conversations"]]) == (3, ["fresh", "missing"])
    first, second = found["conversations"]
    assert second["quote"]["calls"] > 0
    assert not second["quote"]["at_least"]
    (desk.root / first["cassette"]).unlink()
    found, _ = states(convrun, desk.root)
    assert [(one["quote"]["calls"], one["quote"]["at_least"]) for one in found["conversations"]] == [(3, True)] * 2
    _, out, _ = convrun(desk.root, "status")
    assert "at least 6 model calls" in out


def test_conversations_stale_for_one_change_are_told_once(convrun, cards):
    """The change, then who it concerns."""
    cards.edit("specs/cards.yaml", "You write cards.", "You write letters.")
    code, out, _ = convrun(cards.root, "status")
    assert code == 3
    ids = "specs/cards.yaml::Oslo, specs/cards.yaml::Bergen"
    cause = f"  system prompt, turn 1, so that everything goes live: {ids}"
    assert out.splitlines()[:2] == ["stale     2 conversations", cause]
    assert "You write letters." not in out
    _, out, _ = convrun(cards.root, "status", "-v")
    assert out.count("+ You write letters.") == 1


def test_an_offline_model_without_a_cassette_is_in_order(convrun, cards):
    """A run needs none for it, so that nothing is missing."""
    (cards.root / "cassettes/cards/Oslo.yaml").unlink()
    found, code = states(convrun, cards.root)
    assert (code, [one["state"] for one in found["conversations"]]) == (0, ["offline", "fresh"])


def test_a_cassette_of_no_conversation_is_orphaned(convrun, cards):
    """That of a case that is gone; one of `-m` belongs to its spec, and with a PATH nothing is said of the rest."""
    cards.edit("specs/cards.yaml", ", {place: Bergen}", "")
    cards.run(record="all", models=("echo",))
    found, code = states(convrun, cards.root)
    assert (code, found["orphans"]) == (0, ["cassettes/cards/Bergen.yaml"])
    assert states(convrun, cards.root, "specs/cards.yaml")[0]["orphans"] == []
    assert "orphaned  1 cassette" in convrun(cards.root, "status")[1]


def test_a_cassette_of_a_spec_with_mistakes_is_no_orphan(convrun, cards):
    """Whose it is cannot be known: the mistakes are told, as everywhere."""
    cards.edit("specs/cards.yaml", "turns:", "turn:")
    code, out, err = convrun(cards.root, "status")
    assert (code, out) == (2, "")
    assert "turn" in err


def test_a_damaged_cassette_is_an_error(convrun, cards):
    """With what is wrong; the others are told all the same."""
    cards.write("cassettes/cards/Oslo.yaml", "convrun: [")
    found, code = states(convrun, cards.root)
    assert (code, [one["state"] for one in found["conversations"]]) == (4, ["error", "fresh"])
    assert found["conversations"][0]["error"]["type"] == "CassetteError"


def test_the_day_of_the_last_commit_is_told(convrun, cards, git):
    """Where there is a repository; a cassette that is not in it is not committed. One process asks for all."""
    git.begin(cards.root)
    git(cards.root, "add", "specs", "cassettes/cards/Oslo.yaml")
    git(cards.root, "commit", "--quiet", "-m", "one", "--date", "2024-02-03T12:00:00+00:00")
    found, _ = states(convrun, cards.root)
    day, nothing = [one["committed"] for one in found["conversations"]]
    assert nothing is None
    assert day == git(cards.root, "log", "-1", "--format=%cs")
    _, out, _ = convrun(cards.root, "status", "-v")
    assert f"cassettes/cards/Oslo.yaml, {day}" in out
    assert "cassettes/cards/Bergen.yaml, not committed" in out
    assert f"committed {day}, 1 not committed" in out


def test_many_conversations_fit_on_a_screen(convrun, project):
    """Also where they are stale for many reasons; -v shows each."""
    rows = ", ".join(f"{{place: p{number}}}" for number in range(60))
    project.write("specs/cards.yaml", CASES.replace("{place: Oslo}, {place: Bergen}", rows))
    project.run(record="all")
    project.edit("specs/cards.yaml", "A card from", "A letter from")
    code, out, _ = convrun(project.root, "status")
    assert (code, len(out.splitlines()) < 24) == (3, True)
    assert "stale     60 conversations" in out
    assert len(convrun(project.root, "status", "-v")[1].splitlines()) > 60


def test_without_conversations_there_is_nothing(convrun, project):
    """It ends with 5, as other commands do."""
    code, _, err = convrun(project.root, "status")
    assert (code, "no spec below" in err) == (5, True)


def test_what_a_recording_that_broke_off_has_left_is_not_paid_again(convrun, project, loopback):
    """How many calls are kept is told, and only what it lacks is quoted."""
    settings = f"{{name: m, base_url: '{loopback.base_url}', max_retries: 0}}"
    turns = "[{user: One}, {user: Two}, {user: Three}]"
    project.write(NAME, f"model: {settings}\nturns: {turns}\n")
    loopback.says("one", "two", Answer(status=500))
    assert project.one(record="new_episodes").verdict == "error"
    found, code = states(convrun, project.root)
    (one,) = found["conversations"]
    assert (code, one["state"], one["kept_calls"]) == (3, "partial", 2)
    assert (one["quote"]["calls"], one["quote"]["at_least"]) == (1, True)
    assert "partial   1 conversation, a recording broke off, 2 calls are kept" in convrun(project.root, "status")[1]
    loopback.answers[:] = []
    loopback.says("three")
    assert project.cli("record").returncode == 0
    assert [request.body["messages"][-1]["content"] for request in loopback.requests[3:]] == ["Three"]
    assert states(convrun, project.root)[0]["conversations"][0]["state"] == "fresh"


def test_what_was_answered_to_the_end_costs_nothing_more(convrun, project, loopback):
    """Where the rest of a stale one is kept already, recording takes no call."""
    settings = f"{{name: m, base_url: '{loopback.base_url}', max_retries: 0}}"
    project.write(NAME, f"model: {settings}\nturns: [{{user: One}}, {{user: Two}}]\n")
    loopback.says("one", "two")
    project.record()
    project.edit(NAME, "Two", "Drei")
    loopback.answers[:] = []
    loopback.says("three", Answer(status=500))
    project.edit(NAME, "{user: Drei}", "{user: Drei}, {user: Four}")
    assert project.one(record="new_episodes").verdict == "error"
    project.edit(NAME, ", {user: Four}", "")
    found, code = states(convrun, project.root)
    (one,) = found["conversations"]
    assert (code, one["state"], one["kept_calls"], one["quote"]["calls"]) == (3, "partial", 2, 0)
    asked = len(loopback.requests)
    done = project.cli("record")
    assert (done.returncode, len(loopback.requests)) == (0, asked)
    assert states(convrun, project.root)[1] == 0


def test_a_recording_longer_than_its_spec_is_fresh_and_told(convrun, cards):
    """It passes, and prune shortens it."""
    cards.edit("specs/cards.yaml", ", {user: Thanks}", "")
    found, code = states(convrun, cards.root)
    assert (code, [(one["state"], one["longer"]) for one in found["conversations"]]) == (0, [("fresh", True)] * 2)
    assert (
        "unplayed  2 recordings are longer than their specs: convrun cassette prune" in convrun(cards.root, "status")[1]
    )
    assert convrun(cards.root, "cassette", "prune")[1].endswith("2 shortened\n")
    assert not any(one["longer"] for one in states(convrun, cards.root)[0]["conversations"])


def test_what_broke_off_and_is_nobodys_is_orphaned(convrun, project, loopback):
    """A partial recording without a cassette is named by its own name, by prune too."""
    project.write(
        NAME,
        f"model: {{name: m, base_url: '{loopback.base_url}', max_retries: 0}}\nturns: [{{user: One}}, {{user: Two}}]\n",
    )
    loopback.says("one", Answer(status=500))
    assert project.one(record="new_episodes").verdict == "error"
    project.write("specs/other.yaml", "model: echo\nturns: [{user: Hi}]\n")
    (project.root / NAME).unlink()
    found, code = states(convrun, project.root)
    assert (code, found["orphans"]) == (0, ["cassettes/desk.yaml.partial"])
    out = convrun(project.root, "cassette", "prune")[1]
    assert out == "removed    cassettes/desk.yaml.partial: no spec has it\n1 removed\n"


def test_what_cannot_be_read_comes_with_what_mends_it(convrun, cards):
    """As a run says it; it is not said that all is in order."""
    cards.write("cassettes/cards/Oslo.yaml", "convrun: [")
    fix = next(one.error.fix for one in cards.run().conversations if one.error)
    out = convrun(cards.root, "status")[1]
    assert f"\n    {fix}" in out
    assert out.splitlines()[-1] == "nothing is to be recorded but what cannot be read"
