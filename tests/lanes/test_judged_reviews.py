"""Judges in what shows recordings: `show`, `diff`, `cassette prune`, `cassette export`, and a save by vcrpy."""

import json

import yaml
from judged_specs import CASSETTE, SPEC, judge, means, spec
from servers import reply

from convrun.cassette import serializer
from convrun.cassette.files import load


def test_show_tells_grades_under_their_turn(recorded):
    """Each turn has what a judge said of it; embeddings are counted."""
    found = recorded.cli("show", SPEC)
    assert found.returncode == 0, found.stderr
    lines = [line.strip() for line in found.stdout.splitlines()]
    first, second = lines.index("turn 1"), lines.index("turn 2")
    assert lines.index("judge (j): 'kind'") in range(first, second)
    assert lines[lines.index("judge (j): 'short'") + 1] == "0.9: 'because it is 0.9'"
    assert "checks asked for 2 embeddings" in lines


def test_diff_compares_scores_and_reasons(recorded, world):
    """Where only a grade differs, it is told with its reason, and that its check fails now."""
    before = recorded.write("before.yaml", (recorded.root / CASSETTE).read_text("utf-8"))
    (recorded.root / f"{CASSETTE}.d").rename(f"{before}.d")
    world.scores["kind"] = 0.2
    recorded.record(environ=world.environ)
    found = recorded.cli("diff", "before.yaml", CASSETTE)
    assert """judge of 'kind': "0.9: because it is 0.9" -> "0.2: because it is 0.2\"""" in found.stdout
    assert "checks: passed -> failed" in found.stdout


def test_recorded_anew_tells_grades_apart_from_turns(project, world):
    """An edited rubric changes no turn; a judge that gives no grade now is an error, not a failure."""
    project.write(SPEC, spec(("a cat", judge("short"))))
    project.record(environ=world.environ)
    project.edit(SPEC, '"short"', '"shorter"')
    told = project.cli("record", "-y", **world.environ).stdout
    assert f"RECORDED ANEW {SPEC}: 0 of 1 turn changed, now passed\n" in told
    project.edit(SPEC, '"shorter"', '"brief"')
    world.answers["brief"] = reply("I think good")
    told = project.cli("record", "-y", **world.environ).stdout
    assert "0 of 1 turn changed, now error\n" in told
    assert "judge is an error now (specs/a.yaml:" in told


def test_prune_removes_what_no_check_asks_for(recorded, world):
    """What a check that is gone had asked is taken out, with the vectors beside it; the rest plays on.

    A check that nobody judges without running it is no doubt where no model is asked in it.
    """
    recorded.write("rules.py", "def no(context):\n    return False\n")
    recorded.edit(SPEC, f", {json.dumps(means('the dog'))}", ", {not: {python: 'rules:no'}}")
    assert [one.kind for one in recorded.one().findings] == ["unplayed"]
    found = recorded.cli("cassette", "prune")
    assert "interactions 5-6, which no check of specs/a.yaml asks for" in found.stdout, found.stdout + found.stderr
    assert [one.lane for one in load(recorded.root / CASSETTE, CASSETTE).interactions] == [None, None, "judge", "judge"]
    assert not (recorded.root / f"{CASSETTE}.d").exists()
    again = recorded.one()
    assert (again.verdict, again.findings) == ("passed", ())


def test_prune_keeps_the_grades_of_turns_that_stay(recorded):
    """A turn that is gone takes its own interaction and what its checks asked, and nothing else."""
    recorded.write(SPEC, spec(("a cat", judge("kind"))))
    assert recorded.cli("cassette", "prune").returncode == 0
    assert [one.lane for one in load(recorded.root / CASSETTE, CASSETTE).interactions] == [None, "judge"]
    assert recorded.one().verdict == "passed"


def test_prune_keeps_what_an_edited_rubric_had_asked(recorded):
    """Until it is recorded anew, the old grade may be wanted again."""
    recorded.edit(SPEC, '"rubric": "kind"', '"rubric": "kinder"')
    text = (recorded.root / CASSETTE).read_text("utf-8")
    assert recorded.cli("cassette", "prune").returncode == 0
    assert (recorded.root / CASSETTE).read_text("utf-8") == text


def test_stock_vcrpy_plays_what_checks_asked(recorded):
    """An export has the calls of lanes as plain interactions behind the others."""
    found = recorded.cli("cassette", "export", CASSETTE, "--to", "stock.yaml")
    assert found.returncode == 0, found.stderr
    interactions = yaml.safe_load((recorded.root / "stock.yaml").read_text("utf-8"))["interactions"]
    ends = [one["request"]["uri"].rpartition("/v1/")[2] for one in interactions]
    assert ends == ["chat/completions"] * 4 + ["embeddings"] * 2


def test_a_save_by_vcrpy_keeps_lanes(recorded):
    """Read and written again by the serializer, each interaction is in its lane."""
    whole = load(recorded.root / CASSETTE, CASSETTE)
    text = serializer.serialize(serializer.as_stock(whole))
    again = serializer.deserialize(text)
    assert [one["response"].get("convrun", {}).get("lane") for one in again["interactions"]] == [
        one.lane for one in whole.interactions
    ]


def test_audit_sees_what_checks_asked(recorded):
    """A secret that got into a rubric is found in its lane."""
    text = (recorded.root / CASSETTE).read_text("utf-8")
    assert recorded.cli("cassette", "audit").returncode == 0
    recorded.write(CASSETTE, text.replace("because it is 0.9", "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEF"))
    assert recorded.cli("cassette", "audit").returncode != 0
