"""`known_failure` on a turn, a case and a spec: what it covers, what it does not, and what is said once it passes."""

import json

import pytest

SPEC = "specs/a.yaml"
HOLDS = {"contains": "i"}
FAILS = {"contains": "nothing like it"}


def written(project, *turns, **more):
    """A spec of the model `echo` with these turns."""
    project.write(SPEC, json.dumps({"model": "echo", "turns": list(turns), **more}))


def turn(*checks, **more):
    """A turn with these checks."""
    return {"user": "Hi", "expect": list(checks), **more}


def verdicts(result):
    """The verdicts of the turns."""
    return [one.verdict for one in result.turns]


def standings(checks):
    """What each check says, and whether it counts."""
    return [(check.kind, check.verdict, "info" if check.info else "counts") for check in checks]


def test_a_turn_that_fails_as_known_is_skipped_and_stops_nothing(project):
    """It carries the reason, its checks are there and count nowhere; the rest makes the verdict."""
    written(project, turn(HOLDS, FAILS, known_failure="a slip"), turn(HOLDS), expect=[HOLDS])
    run = project.run()
    (found,) = run.conversations
    assert (run.exit_code, found.verdict, found.reason, verdicts(found)) == (0, "passed", None, ["skipped", "passed"])
    first = found.turns[0]
    assert (first.reason, first.reply, first.model_calls) == ("known failure: a slip", "Hi", 1)
    assert standings(first.checks) == [("contains", "passed", "info"), ("contains", "failed", "info")]
    assert standings(found.checks) == [("contains", "passed", "counts")]
    assert found.findings == ()


def test_its_reply_is_in_the_history_and_known_to_templates(project):
    """The turn was played: what follows builds on it."""
    told = {"user": "You said {{ turns[0].reply }}", "expect": [{"equals": "You said Hi"}]}
    written(project, turn(FAILS, known_failure="a slip"), told)
    assert project.one().verdict == "passed"


@pytest.mark.parametrize("more", [{}, {"keep_going": True}, {"record": "all"}])
def test_the_rest_can_fail(project, more):
    """A failure of another turn is one, whether it stops the conversation or not."""
    written(project, turn(FAILS, known_failure="a slip"), turn(FAILS), turn(HOLDS))
    run = project.run(**more)
    last = "passed" if more else "skipped"
    assert (run.exit_code, verdicts(run.conversations[0])) == (1, ["skipped", "failed", last])


def test_where_all_that_was_checked_is_known_to_fail_the_conversation_is_skipped(project):
    """Nothing that holds is left: it is not green, and carries the reason."""
    written(project, {"user": "Hi"}, turn(HOLDS, FAILS, known_failure="a slip"))
    run = project.run(strict=True)
    (found,) = run.conversations
    assert (run.exit_code, found.verdict, found.reason) == (0, "skipped", "known failure: a slip")
    assert found.findings == ()


def test_a_turn_that_passes_fails(project):
    """The message says to take the key out, and stands at it; the turns behind it are not reached."""
    written(project, turn(HOLDS, known_failure="a slip"), turn(HOLDS))
    run = project.run()
    (found,) = run.conversations
    assert (run.exit_code, found.verdict, verdicts(found)) == (1, "failed", ["failed", "skipped"])
    assert standings(found.turns[0].checks) == [("contains", "passed", "counts"), ("known_failure", "failed", "counts")]
    check = found.turns[0].checks[1]
    assert check.message == "the turn passes, and is known to fail ('a slip'): take known_failure out"
    assert check.where.text[check.where.column - 1 :].startswith('"a slip"')


@pytest.mark.parametrize("level", ["spec", "case"])
def test_a_conversation_that_fails_as_known_is_skipped(project, level):
    """On a spec or a case it covers failures of turns and of the conversation's own checks."""
    known = {"known_failure": "see issue 7"}
    more = known if level == "spec" else {"cases": [{"id": "one", **known}]}
    written(project, turn(HOLDS), turn(HOLDS, FAILS), turn(HOLDS), expect=[HOLDS, FAILS], **more)
    run = project.run()
    (found,) = run.conversations
    assert (run.exit_code, found.verdict, found.reason) == (0, "skipped", "known failure: see issue 7")
    assert [(one.verdict, one.reason) for one in found.turns] == [
        ("passed", None),
        ("skipped", "known failure: see issue 7"),
        ("passed", None),
    ]
    assert standings(found.turns[1].checks) == [("contains", "passed", "info"), ("contains", "failed", "info")]
    assert standings(found.checks) == [("contains", "passed", "counts"), ("contains", "failed", "info")]


@pytest.mark.parametrize("level", ["spec", "case"])
def test_a_conversation_that_passes_fails(project, level):
    """The message says to take the key out, and stands at it."""
    known = {"known_failure": "see issue 7"}
    written(project, turn(HOLDS), **(known if level == "spec" else {"cases": [{"id": "one", **known}]}))
    run = project.run()
    (found,) = run.conversations
    assert (run.exit_code, found.verdict, verdicts(found)) == (1, "failed", ["passed"])
    (check,) = found.checks
    assert check.message == "the conversation passes, and is known to fail ('see issue 7'): take known_failure out"
    assert check.where.text[check.where.column - 1 :].startswith('"see issue 7"')


def test_a_case_says_it_for_itself_before_the_spec(project):
    """One row is known to fail, its neighbour is not; a row's reason goes over the spec's."""
    rows = [{"id": "bad", "word": "x", "known_failure": "no x"}, {"id": "good", "word": "i"}]
    written(project, turn({"contains": "{{ word }}"}), cases=rows)
    assert [(one.verdict, one.reason) for one in project.run().conversations] == [
        ("skipped", "known failure: no x"),
        ("passed", None),
    ]
    written(project, turn(FAILS), cases=rows, known_failure="all of them")
    assert [one.reason for one in project.run().conversations] == ["known failure: no x", "known failure: all of them"]


def test_a_row_of_a_csv_file_is_known_to_fail(project):
    """The column `known_failure` holds the reason; an empty one says nothing, and its place is the row's."""
    project.write("specs/_rows.csv", "id,word,known_failure\nbad,x,no x\ngood,i,\nmended,i,it was x\n")
    written(project, turn({"contains": "{{ word }}"}), cases={"file": "_rows.csv"})
    found = project.run().conversations
    assert [one.verdict for one in found] == ["skipped", "passed", "failed"]
    assert str(found[2].checks[0].where) == "specs/_rows.csv:4:1"


def test_an_error_is_not_covered(project):
    """What ends a conversation is an error on every level."""
    broken = {"user": "You said {{ turns[0].tool_calls[7] }}", "expect": [FAILS], "known_failure": "a slip"}
    written(project, turn(HOLDS), broken, known_failure="all of it")
    run = project.run()
    assert (run.exit_code, run.conversations[0].verdict, verdicts(run.conversations[0])) == (
        4,
        "error",
        ["passed", "error"],
    )


def test_a_missing_recording_is_not_covered(project):
    """Without a cassette nothing is known, and so it is said."""
    project.write(SPEC, json.dumps({"model": "m", "turns": [turn(FAILS)], "known_failure": "a slip"}))
    run = project.run(environ={"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"})
    assert (run.exit_code, run.conversations[0].verdict) == (3, "missing")


@pytest.mark.parametrize("stale", [0, 1])
def test_a_stale_recording_is_not_covered(project, stale):
    """A turn that failed before the stale one is excused, and the conversation is stale all the same."""
    turns = [turn(FAILS), turn(HOLDS)]
    written(project, *turns)
    project.record()
    turns[stale] |= {"user": "Hello, i", "known_failure": "a slip"}
    written(project, *turns, known_failure="all of it")
    run = project.run(keep_going=True)
    (found,) = run.conversations
    assert (run.exit_code, found.verdict) == (3, "stale")
    assert verdicts(found) == (["stale", "stale"] if stale == 0 else ["skipped", "stale"])


@pytest.mark.parametrize("level", ["spec", "case"])
@pytest.mark.parametrize(
    ("second", "code", "verdict", "first"),
    [("Hello, i", 3, "stale", "skipped"), ("{{ 1 / 0 }}", 4, "error", "failed")],
    ids=["stale", "error"],
)
def test_what_lies_behind_a_failed_turn_shows(project, level, second, code, verdict, first):
    """A conversation that is known to fail is played to its end: what is not covered is hidden by no failed turn."""
    known = {"known_failure": "all of it"}
    more = known if level == "spec" else {"cases": [{"id": "one", **known}]}
    written(project, turn(FAILS), turn(HOLDS), **more)
    project.record()
    written(project, turn(FAILS), turn(HOLDS) | {"user": second}, **more)
    run = project.run(strict=True)
    (found,) = run.conversations
    assert (run.exit_code, found.verdict, verdicts(found)) == (code, verdict, [first, verdict])


@pytest.mark.parametrize("others", [[], [FAILS]], ids=["alone", "beside a failure"])
def test_a_known_failure_of_a_conversation_does_not_cover_that_a_turn_passes(project, others):
    """That the key of a turn is out of date fails the conversation, whatever else fails as known."""
    written(project, turn(HOLDS, known_failure="a slip"), turn(HOLDS, *others), known_failure="all of it")
    run = project.run()
    (found,) = run.conversations
    assert (run.exit_code, found.verdict, found.reason) == (1, "failed", None)
    assert verdicts(found) == ["failed", "skipped" if others else "passed"]
    assert standings(found.turns[0].checks)[-1] == ("known_failure", "failed", "counts")


def test_too_many_calls_are_a_failure(project):
    """A turn past chain_limit fails without a check, and may be known to."""
    project.write("desk.py", "def look() -> str:\n    return 'x'\n")
    call = json.dumps({"tool_calls": [{"name": "look", "arguments": {}}]})
    more = {"tools": ["desk:look"], "chain_limit": 1}
    written(project, {"user": call, "known_failure": "too eager"}, turn(HOLDS), **more)
    found = project.one()
    assert (found.verdict, verdicts(found), found.turns[0].error.type) == (
        "passed",
        ["skipped", "passed"],
        "ChainLimitError",
    )
    written(project, {"user": call, "known_failure": "too eager"}, **(more | {"chain_limit": 2}))
    assert project.one().verdict == "failed"


def test_an_unchecked_conversation_does_not_fail_as_known(project):
    """Where nothing was checked and nothing went wrong, it fails and says so; it stays a finding."""
    project.write("desk.py", "def look() -> str:\n    return 'x'\n")
    written(project, {"user": "Hi"}, tools=["desk:look"], known_failure="a slip")
    found = project.one()
    assert (found.verdict, [one.kind for one in found.findings]) == ("failed", ["unchecked"])
    assert found.checks[0].message.startswith("the conversation has no check, and is known to fail")


def test_an_expected_error_that_does_not_come_may_be_known(project):
    """A turn with expect_error can be known to fail like others."""
    written(project, {"user": "Hi", "expect_error": {"status": 400}, "known_failure": "not refused yet"}, turn(HOLDS))
    assert (project.one().verdict, verdicts(project.one())) == ("passed", ["skipped", "passed"])


def test_the_first_failure_stops_a_run_and_a_known_one_does_not(project):
    """With -x the conversations behind a known failure run."""
    written(project, turn(FAILS), known_failure="a slip")
    project.write("specs/b.yaml", json.dumps({"model": "echo", "turns": [turn(HOLDS)]}))
    assert [one.verdict for one in project.run(most_failed=1).conversations] == ["skipped", "passed"]


def test_a_recording_sees_no_difference(project):
    """Every turn is sent and the cassette is written; its replay gives the same verdict."""
    written(project, turn(FAILS, known_failure="a slip"), turn(FAILS), known_failure="all of it")
    recorded = project.record()
    assert (recorded.verdict, verdicts(recorded)) == ("skipped", ["skipped", "skipped"])
    replayed = project.one()
    assert (replayed.verdict, verdicts(replayed)) == ("skipped", ["skipped", "skipped"])
    assert (replayed.turns[1].reply, recorded.findings, replayed.findings) == ("Hi", (), ())


def test_findings_stay(project):
    """What a recording holds and nobody plays is a finding, fatal with --strict, also of a known failure."""
    written(project, turn(FAILS), turn(HOLDS))
    project.run(record="all")
    written(project, turn(FAILS), known_failure="a slip")
    run = project.run(strict=True)
    (found,) = run.conversations
    assert (run.exit_code, found.verdict, [one.kind for one in found.findings]) == (1, "skipped", ["unplayed"])


@pytest.mark.parametrize(
    ("turns", "more", "mistake"),
    [
        ([turn(HOLDS, skip="x", known_failure="y")], {}, "known_failure beside skip"),
        ([turn(HOLDS)], {"skip": "x", "known_failure": "y"}, "known_failure beside skip"),
        ([turn(HOLDS)], {"cases": [{"id": "a", "skip": "x", "known_failure": "y"}]}, "known_failure beside skip"),
        ([turn(HOLDS)], {"known_failure": True}, "expected a reason, got true"),
        ([turn(HOLDS)], {"known_failure": ""}, "expected a text that is not empty"),
        ([{"user": "Hi", "known_failure": "x"}, turn(HOLDS)], {}, "known_failure of what has no check: it cannot fail"),
        ([{"user": "Hi"}], {"known_failure": "x"}, "known_failure of what has no check: it cannot fail"),
        ([{"user": "Hi"}], {"cases": [{"id": "a", "known_failure": "x"}]}, "known_failure of what has no check"),
    ],
)
def test_what_cannot_be_meant_is_a_mistake(project, turns, more, mistake):
    """A known failure of what is skipped, or cannot fail, and one without a reason are refused before anything runs."""
    written(project, *turns, **more)
    (found,) = project.mistakes()
    assert mistake in found


def test_a_row_with_both_is_a_mistake(project):
    """A row of a file that is to be skipped and known to fail is refused at its place."""
    project.write("specs/_rows.csv", "id,skip,known_failure\na,x,y\n")
    written(project, turn(HOLDS), cases={"file": "_rows.csv"})
    (found,) = project.mistakes()
    assert found.startswith("specs/_rows.csv:2:1: known_failure beside skip")


def test_checks_of_every_turn_can_fail(project):
    """A turn without checks of its own has those of every turn."""
    written(project, {"user": "Hi", "known_failure": "x"}, each_turn=[FAILS])
    assert project.one().verdict == "skipped"


def test_reports_show_it(project):
    """The console's line has the reason, -v what failed; the counts have no failure; the JSON result agrees."""
    written(project, turn(HOLDS, FAILS), turn(HOLDS), known_failure="see issue 7")
    ended = project.cli("run", "--report", "json")
    result = json.loads(ended.stdout)
    assert (ended.returncode, result["summary"]["skipped"], result["summary"]["failed"]) == (0, 1, 0)
    assert result["summary"]["checks"] == {"passed": 1, "failed": 0, "error": 0, "stale": 0, "info": 2}
    assert result["conversations"][0]["reason"] == "known failure: see issue 7"
    shown = project.cli("run", "--keep-going").stdout.splitlines()
    assert shown[0] == "skipped    specs/a.yaml  known failure: see issue 7"
    assert len(shown) == 2
    assert "1 skipped; 1 turn, 1 check (2 info)" in shown[1]
    told = project.cli("run", "-v").stdout
    assert "skipped turn 1: known failure: see issue 7" in told
    assert "(info: a known failure, counts nowhere)" in told
    written(project, turn(HOLDS), known_failure="see issue 7")
    failed = project.cli("run")
    assert failed.returncode == 1
    assert "specs/a.yaml:1:" in failed.stdout
    assert "known_failure: the conversation passes, and is known to fail ('see issue 7')" in failed.stdout
