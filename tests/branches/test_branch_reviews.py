"""What shows, compares, quotes, mutates and prunes recordings knows of branches."""

import json
import subprocess

from branched_specs import ANGRY, DEEP, POLITE, SPEC, branched
from servers import reply


def committed(project):
    """Commit all of a project."""
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"]):
        subprocess.run(["git", *command], cwd=project.root, check=True)


def test_show_numbers_the_turns_on(recorded):
    """A branch is shown with what was said before as its history, and its turns behind those."""
    shown = recorded.cli("show", DEEP).stdout
    assert "history: 4 messages" in shown
    assert "\nturn 3\n" in shown
    assert "turn 1" not in shown


def test_diff_judges_a_branch_behind_its_trunk(recorded, answering):
    """Each side of a comparison is judged with the turns before the branch, as they were recorded then."""
    recorded.edit(SPEC, "Deep: {{ turns[1].reply }}", "Deep: {{ turns[0].reply }}")
    recorded.edit(SPEC, '"contains": "Please"', '"contains": "{{ turns[0].reply }}"')
    recorded.run(record="new_episodes")
    committed(recorded)
    answering.instead(lambda received: reply(received.body["messages"][-1]["content"]))
    recorded.run(record="all")
    told = recorded.cli("diff", "HEAD", "cassettes/lamp/polite/deep.yaml").stdout
    assert f"CHANGED {DEEP}" in told
    assert "turn 3" in told
    assert "not every turn" not in told


def test_quote_counts_a_branchs_own_turns(recorded):
    """What is to be recorded is quoted by a branch's own turns, whether it was recorded or is missing."""
    recorded.edit(SPEC, "A lamp.", "One lamp.")
    states = json.loads(recorded.cli("status", "--json").stdout)
    assert [one["quote"]["calls"] for one in states["conversations"]] == [2, 1, 2, 1]
    recorded.edit(SPEC, "One lamp.", "A lamp.")
    (recorded.root / "cassettes/lamp/polite.yaml").unlink()
    states = json.loads(recorded.cli("status", "--json").stdout)
    told = [(one["state"], one["quote"]["calls"]) for one in states["conversations"]]
    assert told == [("fresh", 0), ("fresh", 0), ("missing", 2), ("missing", 1)]


def test_mutants_are_made_of_own_turns(recorded):
    """A branch's own turns are mutated, the beginning in the trunk alone; one without its trunk is passed over."""
    scored = json.loads(recorded.cli("mutate", "--report", "json").stdout)
    turns = {(one["conversation"], one["turn"]) for gap in scored["gaps"] for one in gap["survivors"]}
    assert {name for name, _ in turns} == {SPEC, ANGRY, POLITE, DEEP}
    assert {turn for name, turn in turns if name in (ANGRY, POLITE)} == {2, 3}
    (recorded.root / "cassettes/lamp/polite.yaml").unlink()
    passed_over = {
        one["id"]: one["why"] for one in json.loads(recorded.cli("mutate", "--report", "json").stdout)["not_mutated"]
    }
    assert passed_over == {
        POLITE: "it is not recorded",
        DEEP: "what it goes on from is not recorded, or otherwise than when it was recorded",
    }


def test_prune_knows_the_recordings_of_branches(recorded):
    """A branch's recording is no orphan, that of one that is gone is; and so are turns that a branch has no more."""
    assert recorded.run().findings == ()
    assert "nothing to prune" in recorded.cli("cassette", "prune").stdout
    spec = json.loads((recorded.root / SPEC).read_text())
    polite = spec["turns"][0]["branches"]["polite"]
    del spec["turns"][0]["branches"]["angry"], polite[0]["branches"], polite[1]
    recorded.write(SPEC, json.dumps(spec))
    found = recorded.run()
    assert sorted(one.where.file for one in found.findings) == [
        "cassettes/lamp/angry.yaml",
        "cassettes/lamp/polite/deep.yaml",
    ]
    assert [one.kind for one in found.conversations[1].findings] == ["unplayed"]
    recorded.cli("cassette", "prune")
    assert not (recorded.root / "cassettes/lamp/polite").exists()
    assert [*recorded.run().conversations[1].findings] == [*recorded.run().findings] == []


def test_tool_that_only_a_branch_calls_is_used(project, answering):
    """A tool that is called in a branch alone is no finding."""
    answering.instead(
        lambda received: (
            reply(calls={"look": {}}) if received.body["messages"][-1]["content"] == "Now!" else reply("ok")
        )
    )
    declared = {"declare": {"name": "look"}, "policy": "stub", "returns": "dark"}
    project.write(SPEC, branched(answering.base_url, tools=[declared]))
    project.run(record="new_episodes", environ={"OPENAI_API_KEY": "k"})
    assert [one for one in project.run(keep_going=True).findings if one.kind == "uncalled"] == []


def test_watched_files_are_those_of_the_trunk_too(recorded):
    """An edit of the trunk's recording concerns its branches."""
    from convrun.settings import load
    from convrun.watching.dependencies import Dependencies
    from convrun.watching.marks import Marks
    from convrun.watching.module_files import ModuleFiles

    settings = load(recorded.root, {}, {})
    planned = recorded.prepared(DEEP, imports=False).conversations[0].planned
    files = Dependencies(settings, ModuleFiles(), Marks()).of(planned)
    assert {recorded.root / "cassettes" / name for name in ("lamp.yaml", "lamp/polite.yaml")} <= files
