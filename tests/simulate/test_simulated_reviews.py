"""Simulated users in what reads recordings without running anything, and in what counts turns."""

import json

from simulated_specs import CASSETTE, SPEC, simulate, spec


def test_show_has_their_texts_as_the_users(recorded):
    """The transcript has every turn, judged by the checks of the spec."""
    shown = recorded.cli("show", SPEC)
    assert shown.returncode == 0
    for text in ("Hi", "It is 1042", "refund it now", "Thanks", "model: refunded 1042"):
        assert text in shown.stdout


def test_a_mutated_recording_changes_the_last_turn_of_a_user_only(recorded):
    """Its `until` and `expect` notice; of those before it is said that they were left as they are."""
    found = recorded.cli("mutate", "--report", "json", SPEC)
    assert found.returncode == 0, found.stderr
    told = json.loads(found.stdout)
    assert not told["not_mutated"]
    assert [one["line"] for one in told["simulated"]] == [1]
    turns = {survivor["turn"] for gap in told["gaps"] for survivor in gap["survivors"]}
    assert 2 not in turns
    assert 1 in turns
    assert "not mutated: what 1 simulated user answered" in recorded.cli("mutate", SPEC).stdout


def test_an_edited_goal_keeps_a_recording_from_being_mutated(recorded):
    """The spec sends something else by now."""
    recorded.edit(SPEC, "Get a refund.", "Get it.")
    told = json.loads(recorded.cli("mutate", "--report", "json", SPEC).stdout)
    (one,) = told["not_mutated"]
    assert one["why"].endswith("what the simulated user of turn 2 is told, what the simulated user of turn 3 is told")


def test_prune_drops_what_a_user_says_no_more(project, world):
    """Fewer turns leave turns of the model and answers of the user that no run asks for."""
    world.says = ["one", "two", "three"]
    project.write(SPEC, spec(simulate(max_turns=3)))
    project.record(environ=world.environ)
    project.write(SPEC, spec(simulate(max_turns=2, expect=[{"contains": "two"}])))
    assert "never played" in project.one().findings[0].message
    pruned = project.cli("cassette", "prune", SPEC)
    assert pruned.returncode == 0, pruned.stdout + pruned.stderr
    found = project.one()
    assert (found.verdict, found.findings) == ("passed", ())
    assert (project.root / CASSETTE).read_text("utf-8").count("lane: user") == 2


def test_prune_keeps_the_word_that_ends_it(project, world):
    """An answer of nothing but the marker is asked for in each run."""
    world.says = ["one", "[END]"]
    project.write(SPEC, spec(simulate(expect=[{"contains": "one"}])))
    project.record(environ=world.environ)
    before = (project.root / CASSETTE).read_text("utf-8")
    assert project.cli("cassette", "prune", SPEC).returncode == 0
    assert (project.root / CASSETTE).read_text("utf-8") == before


def test_what_was_never_recorded_is_quoted_with_up_to_so_many_calls(project, world):
    """A turn is a call at the least, and the user speaks as often as it may at the most."""
    project.write(SPEC, spec("Hi", simulate(max_turns=3)))
    status = project.cli("status", **world.environ)
    assert "at least 2 model calls and up to 3 of simulated users" in status.stdout
    assert not world.asked()


def test_an_edited_persona_is_quoted_from_its_turn_on(recorded, world):
    """Known turns count as they were recorded, with their tokens."""
    recorded.edit(SPEC, "In a hurry.", "At ease.")
    status = json.loads(recorded.cli("status", "--json", **world.environ).stdout)
    assert (status["quote"]["calls"], status["quote"]["user_calls"]) == (4, 10)
    assert status["quote"]["input"] > 30


def test_reports_have_its_turns_as_any_other(recorded):
    """JSON and JUnit count four turns; `list` says how many there are at most."""
    listed = json.loads(recorded.cli("list", "--json").stdout)
    assert [one["turns"] for one in listed] == [12]
    ran = recorded.cli("run", "--report", "json", "--report", "junit=junit.xml")
    assert ran.returncode == 0, ran.stderr
    (one,) = json.loads(ran.stdout)["conversations"]
    assert [(turn["index"], turn["user"]) for turn in one["turns"]][2] == (3, "refund it now")
    assert "4 turns" in recorded.cli("run").stdout
    assert 'errors="0"' in (recorded.root / "junit.xml").read_text("utf-8")


def test_the_console_tells_the_calls_of_users_apart(project, world):
    """They are neither the tested model's nor those of checks."""
    project.write(SPEC, spec(simulate(max_turns=2, expect=[{"contains": "model"}])))
    found = project.cli("run", "--record", "all", **world.environ)
    assert "2 model calls and 2 of simulated users (4 live)" in found.stdout


def test_a_diff_of_two_recordings_pairs_its_turns(recorded, world):
    """What the user said otherwise is another user text."""
    recorded.edit(SPEC, "In a hurry.", "At ease.")
    (recorded.root / "old.yaml").write_bytes((recorded.root / CASSETTE).read_bytes())
    world.says[1] = "Number 1042, please"
    assert recorded.one(record="new_episodes", environ=world.environ).verdict == "passed"
    found = recorded.cli("diff", "old.yaml", CASSETTE)
    assert "Number 1042, please" in found.stdout
