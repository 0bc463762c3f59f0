"""From checks to turns to conversations to the exit code; and what stops, is skipped or goes on."""

from __future__ import annotations

import json

import pytest

from convrun.results import ConversationResult, Finding
from convrun.run.verdicts import exit_code


def verdicts(result):
    """The verdict of each turn."""
    return [turn.verdict for turn in result.turns]


def echoing(*turns, **more):
    """The text of a spec with the model `echo`: each turn is what the user says and its checks."""
    said = [f"  - {{user: {text}, expect: {checks}}}\n" for text, checks in turns]
    rest = "".join(f"{key}: {value}\n" for key, value in more.items())
    return "model: echo\n" + rest + "turns:\n" + "".join(said)


PASSES, FAILS, CRASHES = "[{equals: Hi}]", "[{equals: Ho}]", "[{python: 'desk:crash'}]"
CODE = "def crash(context):\n    return 1 / 0\n"


@pytest.fixture
def many(project):
    """A project with a conversation for each verdict that echo has."""
    project.write("desk.py", CODE)
    for name, checks in {"error": CRASHES, "failed": FAILS, "passed": PASSES}.items():
        project.write(f"specs/{name}.yaml", echoing(("Hi", checks)))
    project.write("specs/skipped.yaml", echoing(("Hi", PASSES), skip="not today"))
    project.write("specs/unchecked.yaml", echoing(("Hi", "[]")))
    return project


def test_an_offline_model_needs_no_cassette(project):
    """Echo runs without one and leaves none; its cassette is where it would be."""
    project.write("specs/a.yaml", echoing(("Hi", PASSES)))
    result = project.one()
    assert (result.verdict, result.cassette, result.live_calls) == ("passed", "cassettes/a.yaml", 0)
    assert not (project.root / "cassettes").exists()


def test_a_model_without_cassette_is_missing(project):
    """Nothing is asked live: the conversation is missing, has no turns, and the run ends with 3."""
    project.write("specs/a.yaml", "model: gpt-4.1-mini\nturns: [{user: Hi}]\n")
    run = project.run()
    (result,) = run.conversations
    assert (result.verdict, result.turns, result.cassette, run.exit_code) == ("missing", (), "cassettes/a.yaml", 3)
    assert project.run(stale_is_fatal=False).exit_code == 0


def test_every_verdict_has_its_place(many):
    """Each conversation has its own verdict; the run has the exit code of the worst."""
    run = many.run()
    assert {one.spec: one.verdict for one in run.conversations} == {
        f"specs/{name}.yaml": name for name in ("error", "failed", "passed", "skipped", "unchecked")
    }
    assert run.exit_code == 4


@pytest.mark.parametrize(
    ("keyword", "code", "strict"),
    [("passed", 0, 0), ("skipped", 0, 0), ("unchecked", 0, 1), ("failed", 1, 1), ("error", 4, 4), ("nothing", 5, 5)],
)
def test_exit_codes(many, keyword, code, strict):
    """Skipped and unchecked end with 0, the latter with 1 under --strict; nothing to run ends with 5."""
    assert many.run(keyword=keyword).exit_code == code
    assert many.run(keyword=keyword, strict=True).exit_code == strict


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (("error", "failed", "stale", "missing"), 4),
        (("failed", "stale", "missing", "passed"), 1),
        (("stale", "passed"), 3),
        (("missing", "unchecked"), 3),
        (("skipped", "skipped"), 0),
        (("passed", "unchecked"), 0),
        ((), 5),
    ],
)
def test_of_several_exit_codes_the_worst_holds(found, code):
    """The order is 130, 4, 1, 3, 5."""
    conversations = [ConversationResult(id="a", spec="a", verdict=verdict) for verdict in found]
    given = {"strict": False, "stale_is_fatal": True}
    assert exit_code(conversations, (), interrupted=False, **given) == code
    assert exit_code(conversations, (), interrupted=True, **given) == 130


def test_strict_counts_findings_of_both_levels():
    """A finding of the run counts as one of a conversation does; an error keeps its own code."""
    finding = Finding(kind="unplayed", message="…")
    passed = ConversationResult(id="a", spec="a", verdict="passed")
    wrong = ConversationResult(id="a", spec="a", verdict="error", findings=(finding,))
    given = {"stale_is_fatal": True, "interrupted": False}
    assert exit_code([passed], [finding], strict=True, **given) == 1
    assert exit_code([passed], [finding], strict=False, **given) == 0
    assert exit_code([wrong], [], strict=True, **given) == 4


def test_strict_is_a_setting_too(project):
    """`strict = true` in the settings does what the option does; the environment goes before the file."""
    project.write("specs/a.yaml", echoing(("Hi", "[]")))
    project.write("convrun.toml", "strict = true\n")
    assert project.run().exit_code == 1
    assert project.run(environ={"CONVRUN_STRICT": "false"}).exit_code == 0


def test_a_conversation_without_checks_is_unchecked(project):
    """It is never green, and a finding says so."""
    project.write("specs/a.yaml", echoing(("Hi", "[]")))
    result = project.one()
    assert (result.verdict, [finding.kind for finding in result.findings]) == ("unchecked", ["unchecked"])


@pytest.mark.parametrize("where", ["each_turn", "expect"])
def test_a_check_of_any_level_makes_it_checked(project, where):
    """Checks of every turn and of the conversation assert something as well."""
    project.write("specs/a.yaml", echoing(("Hi", "[]"), **{where: PASSES}))
    assert project.one().verdict == "passed"


def test_a_turn_with_a_check_that_crashed_is_an_error(many):
    """Error goes before failed in one turn, and a turn's error stops its conversation, also with --keep-going."""
    many.write("specs/error.yaml", echoing(("Hi", "[{equals: Ho}, {python: 'desk:crash'}]"), ("Hi", PASSES)))
    result = many.one("specs/error.yaml")
    assert (result.verdict, result.turns[0].verdict) == ("error", "error")
    assert [check.verdict for check in result.turns[0].checks] == ["failed", "error"]
    assert verdicts(result) == ["error"]
    assert verdicts(many.one("specs/error.yaml", keep_going=True)) == ["error"]


def test_a_failed_turn_stops_its_conversation(project):
    """What follows is not reached and not judged, unless --keep-going."""
    project.write("specs/a.yaml", echoing(("Hi", FAILS), ("Hi", PASSES), expect=PASSES))
    stopped, kept = project.one(), project.one(keep_going=True)
    assert verdicts(stopped) == ["failed", "skipped"]
    assert (stopped.turns[1].reason, stopped.checks, stopped.turns[1].checks) == ("not reached", (), ())
    assert verdicts(kept) == ["failed", "passed"]
    assert [check.verdict for check in kept.checks] == ["passed"]


def test_a_failing_check_of_the_conversation_fails_it(project):
    """Its turns passed; text checks see the last one, call checks see all."""
    project.write("specs/a.yaml", echoing(("Ho", "[]"), ("Hi", PASSES), expect="[{contains: Ho}, {not_called: any}]"))
    result = project.one()
    assert (result.verdict, verdicts(result)) == ("failed", ["passed", "passed"])
    assert [check.verdict for check in result.checks] == ["failed", "passed"]


def test_checks_of_each_turn_follow_the_turns_own(project):
    """`each_turn` adds its checks to every turn."""
    project.write("specs/a.yaml", echoing(("Hi", PASSES), ("Ho", "[]"), each_turn="[{matches: '^H'}]"))
    assert [[check.kind for check in turn.checks] for turn in project.one().turns] == [
        ["equals", "matches"],
        ["matches"],
    ]


def test_x_stops_at_the_first_that_does_not_pass(many):
    """The others are skipped, with the reason; what came before stays."""
    run = many.run("specs/passed.yaml", "specs/failed.yaml", "specs/unchecked.yaml", most_failed=1)
    assert [one.verdict for one in run.conversations] == ["failed", "skipped", "skipped"]
    assert "-x" in run.conversations[1].reason
    assert run.exit_code == 1


@pytest.mark.parametrize("verdict", ["missing", "stale"])
def test_x_stops_at_a_recording_that_does_not_hold(project, verdict):
    """Stale and missing do not pass either."""
    project.write("specs/a.yaml", echoing(("Hi", PASSES)))
    project.write("specs/b.yaml", echoing(("Hi", PASSES)))
    project.run(record="all")
    if verdict == "missing":
        project.write("specs/a.yaml", "model: gpt-4.1-mini\nturns: [{user: Hi}]\n")
        (project.root / "cassettes/a.yaml").unlink()
    else:
        project.edit("specs/a.yaml", "user: Hi", "user: Hello")
    assert [one.verdict for one in project.run(most_failed=1).conversations] == [verdict, "skipped"]


def test_a_skipped_conversation_is_never_begun(project):
    """A spec or a case with `skip` has no turns and says why; its tools are not touched."""
    project.write(
        "specs/a.yaml",
        """
        model: echo
        cases: [{id: one}, {id: two, skip: 'too slow'}]
        turns: [{user: Hi, expect: [{equals: Hi}]}]
        """,
    )
    project.write("specs/b.yaml", echoing(("Hi", FAILS), skip="all of it"))
    run = project.run()
    assert [(one.verdict, one.reason, len(one.turns)) for one in run.conversations] == [
        ("passed", None, 1), ("skipped", "too slow", 0), ("skipped", "all of it", 0),
    ]  # fmt: skip
    assert run.exit_code == 0


def test_a_skipped_turn_is_passed_over(project):
    """The conversation goes on without it, and is judged as a whole."""
    project.write(
        "specs/a.yaml",
        """
        model: {script: [{reply: one}, {reply: three}]}
        turns:
          - {user: First?, expect: [{equals: one}]}
          - {user: Second?, skip: 'later', expect: [{equals: two}]}
          - {user: Third?, expect: [{equals: three}]}
        expect: [{equals: three}]
        """,
    )
    result = project.one()
    assert (result.verdict, verdicts(result)) == ("passed", ["passed", "skipped", "passed"])
    assert (result.turns[1].reason, result.model_calls, len(result.checks)) == ("later", 2, 1)


def test_a_conversation_whose_turns_are_all_skipped_asserts_nothing(project):
    """It is skipped, not green, and no finding says that it has no checks."""
    project.write("specs/a.yaml", "model: echo\nturns: [{user: Hi, skip: 'later', expect: [{equals: Hi}]}]\n")
    result = project.one()
    assert (result.verdict, result.reason, result.findings) == ("skipped", "every turn is skipped", ())


def test_checks_of_a_conversation_without_a_turn_that_ran_are_not_passed(project):
    """With every turn skipped there is no reply that a check could be right about."""
    project.write(
        "specs/a.yaml",
        "model: echo\nturns: [{user: Hi, skip: 'later'}]\nexpect: [{not_called: any}, {not: {contains: x}}]\n",
    )
    result = project.one()
    assert (result.verdict, result.checks, result.turns) == ("skipped", (), ())


def test_checks_of_a_conversation_see_the_last_turn_that_ran(project):
    """A skipped turn at the end has no reply to look at."""
    project.write(
        "specs/a.yaml",
        "model: echo\nturns: [{user: Hi}, {user: Ho, skip: 'later'}]\nexpect: [{equals: Hi}, {not: {contains: H}}]\n",
    )
    assert [check.verdict for check in project.one().checks] == ["passed", "failed"]


LOOPING = """
    model:
      script: [{call: work}, {call: work}, {call: work}, {reply: done}, {reply: 'yes'}]
    tools: ['desk:work']
    chain_limit: LIMIT
    turns:
      - {user: Go, expect: [{called: {tool: work, times: 3}}]}
      - {user: Done?}
"""


def test_wanting_more_calls_than_the_chain_limit_fails_the_turn(project):
    """The turn is failed and says so; the limit itself is allowed."""
    project.write("desk.py", "def work():\n    return 'ok'\n")
    project.write("specs/a.yaml", LOOPING.replace("LIMIT", "2"))
    result = project.one()
    assert (result.verdict, verdicts(result), result.model_calls) == ("failed", ["failed", "skipped"], 2)
    assert result.turns[0].error.type == "ChainLimitError"
    assert project.run().exit_code == 1
    project.write("specs/a.yaml", LOOPING.replace("LIMIT", "4"))
    assert project.one().verdict == "passed"


def test_past_the_chain_limit_open_calls_are_answered(project):
    """The history stays valid: with --keep-going the next turn is asked, and replays."""
    project.write("desk.py", "def work():\n    return 'ok'\n")
    project.write("specs/a.yaml", LOOPING.replace("LIMIT", "2"))
    assert project.record().verdict == "failed"
    recorded = (project.root / "cassettes/a.yaml").read_text("utf-8")
    assert "Error: chain limit reached" in recorded
    result = project.one(keep_going=True)
    assert (result.verdict, verdicts(result), result.turns[1].reply) == ("failed", ["failed", "passed"], "done")


def test_without_chain_tool_calls_are_seen_and_not_run(project):
    """`chain: false` is one model call; the checks see what it wanted."""
    project.write("desk.py", "def work(text: str):\n    raise AssertionError('is not called')\n")
    project.write(
        "specs/a.yaml",
        """
        model: {script: [[{call: work, with: {text: a}}, {call: work, with: {text: b}}]]}
        tools: ['desk:work']
        turns:
          - user: Go
            chain: false
            expect: [{called: {tool: work, with: {text: b}, times: 1}}, {finish_reason: tool_calls}]
        """,
    )
    project.record()
    result = project.one()
    assert (result.verdict, result.model_calls) == ("passed", 1)
    assert [(call.arguments, call.result) for call in result.turns[0].tool_calls] == [
        ({"text": "a"}, None), ({"text": "b"}, None),
    ]  # fmt: skip


def test_while_recording_a_failing_check_stops_nothing(project):
    """Every turn is sent and kept; the checks are judged afterwards."""
    project.write("specs/a.yaml", echoing(("Hi", FAILS), ("Hi", PASSES), expect=PASSES))
    result = project.record()
    assert (result.verdict, verdicts(result), len(result.checks)) == ("failed", ["failed", "passed"], 1)
    assert verdicts(project.one(keep_going=True)) == ["failed", "passed"]


def test_results_are_json_whatever_was_said(project):
    """Vars, arguments and replies of any script come out as they went in."""
    project.write(
        "specs/a.yaml", "model: echo\nvars: {x: 'ü \"\\'}\nturns: [{user: '{{ x }}', expect: [{contains: ü}]}]\n"
    )
    result = project.one()
    assert json.loads(json.dumps(dict(result.vars))) == {"x": 'ü "\\'}
    assert result.turns[0].reply == 'ü "\\'
