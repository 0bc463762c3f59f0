"""What makes a conversation stale, what is still played behind that, and what no longer counts."""

from __future__ import annotations

import pytest

SPEC = """
    model:
      script: [{reply: one}, {call: upper, with: {text: b}}, {reply: two}, {reply: three}]
    system: Be brief.
    options: {temperature: 0}
    tools: ['desk:upper']
    turns:
      - user: First?
        expect: [{equals: one}]
      - user: Second?
        expect: [{equals: two}, {called: upper}]
      - user: Third?
        expect: [{equals: three}]
    expect: [{calls: {exactly: [upper]}}]
"""
CODE = '''
    def upper(text: str) -> str:
        """Return it in capitals."""
        return text.upper()
'''
SPEC_FILE, CASSETTE = "specs/a.yaml", "cassettes/a.yaml"


@pytest.fixture
def recorded(project):
    """A project with one recorded conversation of three turns."""
    project.write(SPEC_FILE, SPEC)
    project.write("desk.py", CODE)
    project.record()
    assert project.one().verdict == "passed"
    return project


def verdicts(result):
    """The verdict of each turn."""
    return [turn.verdict for turn in result.turns]


CHANGES = {
    "system prompt": (SPEC_FILE, "Be brief.", "Be long.", 1, 1, "Be brief.", "Be long."),
    "user text": (SPEC_FILE, "Second?", "Another?", 2, 1, "Second?", "Another?"),
    "tool 'upper': description": (
        "desk.py", "in capitals", "loudly", 1, 1, "Return it in capitals.", "Return it loudly.",
    ),
    "tool result of 'upper'": ("desk.py", "text.upper()", "text.upper() + '!'", 2, 2, "B", "B!"),
    "option 'temperature'": (SPEC_FILE, "temperature: 0", "temperature: 1", 1, 1, 0, 1),
}  # fmt: skip


@pytest.mark.parametrize("part", CHANGES)
def test_a_change_is_explained(recorded, part):
    """A stale conversation names the turn, the model call and the part, with its old and its new value."""
    file, old, new, turn, call, was, now = CHANGES[part]
    recorded.edit(file, old, new)
    before = (recorded.root / CASSETTE).read_bytes()
    result = recorded.one()
    assert (result.verdict, result.error) == ("stale", None)
    assert (result.stale.turn, result.stale.model_call) == (turn, call)
    (change,) = result.stale.changes
    assert (change.part, change.recorded, change.now) == (part, was, now)
    assert (recorded.root / CASSETTE).read_bytes() == before


def test_a_tool_whose_schema_changed_is_stale(recorded):
    """A new parameter is a change of the tool's schema, and recorded calls that lack it are breaks."""
    recorded.edit("desk.py", "text: str", "text: str, times: int")
    result = recorded.one()
    assert result.verdict == "stale"
    assert [change.part for change in result.stale.changes] == ["tool 'upper': schema"]
    assert result.stale.breaks


def test_another_model_is_stale(recorded):
    """An edited script is another model."""
    recorded.edit(SPEC_FILE, "{reply: three}", "{reply: drei}")
    result = recorded.one()
    assert (result.verdict, result.stale.changes[0].part) == ("stale", "model")


def test_an_added_turn_is_stale(recorded):
    """Where the recording ends, the turn is new; the turns before it passed and are still shown so."""
    recorded.edit(SPEC_FILE, "expect: [{calls", "  - user: Fourth?\nexpect: [{calls")
    result = recorded.one()
    assert (result.verdict, verdicts(result)) == ("stale", ["passed", "passed", "passed", "stale"])
    assert (result.stale.turn, result.stale.changes[0].part) == (4, "recording ended")
    assert result.stale.changes[0].now == "Fourth?"


def test_every_turn_from_the_first_stale_one_on_is_stale(recorded):
    """The rest is played as far as its shape fits; its checks are information and count nowhere."""
    recorded.edit("desk.py", "text.upper()", "text.upper() + '!'")
    recorded.edit(SPEC_FILE, "{equals: three}", "{equals: four}")
    run = recorded.run()
    (result,) = run.conversations
    assert verdicts(result) == ["passed", "stale", "stale"]
    assert [turn.reply for turn in result.turns] == ["one", "two", "three"]
    assert [[(check.verdict, check.info) for check in turn.checks] for turn in result.turns] == [
        [("passed", False)], [("passed", True), ("passed", True)], [("failed", True)],
    ]  # fmt: skip
    assert (result.verdict, result.checks, result.findings, run.exit_code) == ("stale", (), (), 3)


def test_checks_behind_the_first_stale_request_raise_nothing(recorded):
    """A check that crashes there is no error of the conversation."""
    recorded.edit(SPEC_FILE, "Be brief.", "Be long.")
    recorded.edit(SPEC_FILE, "{equals: three}", "{python: 'desk:crash'}")
    recorded.write("desk.py", f"{CODE}\n    def crash(context):\n        return 1 / 0\n")
    result = recorded.one()
    assert result.verdict == "stale"
    (check,) = result.turns[2].checks
    assert (check.verdict, check.info) == ("error", True)


def test_a_hook_that_raises_behind_the_first_stale_request_is_no_error(recorded):
    """What is played on is information: it ends there, and the conversation is stale."""
    recorded.edit(SPEC_FILE, "Be brief.", "Be long.")
    recorded.edit(SPEC_FILE, "tools:", "hooks: {before_call: 'desk:hook'}\ntools:")
    recorded.write("desk.py", f"{CODE}\n    def hook(tool, call):\n        raise RuntimeError\n")
    result = recorded.one()
    assert (result.verdict, verdicts(result)) == ("stale", ["stale", "stale", "stale"])
    assert result.turns[0].reply == "one"
    assert result.turns[2].checks == ()


def test_playing_on_ends_where_the_shape_no_longer_fits(recorded):
    """An answer to another question is not played: from there on there are no replies."""
    recorded.edit(SPEC_FILE, "Be brief.", "Be long.")
    recorded.edit(SPEC_FILE, "Second?", "Another?")
    result = recorded.one()
    assert verdicts(result) == ["stale", "stale", "stale"]
    assert [turn.reply for turn in result.turns] == ["one", None, None]
    assert [len(turn.checks) for turn in result.turns] == [1, 0, 0]


def test_a_failure_before_the_first_stale_turn_is_a_failure(recorded):
    """A conversation has the worst of its turns: failed before stale, also with --keep-going."""
    recorded.edit(SPEC_FILE, "{equals: one}", "{equals: eins}")
    recorded.edit(SPEC_FILE, "Second?", "Another?")
    stopped, kept = recorded.run(), recorded.run(keep_going=True)
    assert verdicts(stopped.conversations[0]) == ["failed", "skipped", "skipped"]
    assert verdicts(kept.conversations[0]) == ["failed", "stale", "stale"]
    assert [run.conversations[0].verdict for run in (stopped, kept)] == ["failed", "failed"]
    assert [run.exit_code for run in (stopped, kept)] == [1, 1]


def test_a_failure_in_the_first_stale_turn_is_none(recorded):
    """A check that fails on a reply that is not known to be right says nothing."""
    recorded.edit(SPEC_FILE, "First?", "Erstens?")
    recorded.edit(SPEC_FILE, "{equals: one}", "{equals: eins}")
    assert recorded.one().verdict == "stale"


def test_a_turn_that_was_taken_away_is_a_finding(recorded):
    """A recording that is longer than its spec passes, with the finding `unplayed`; fatal with --strict."""
    recorded.edit(SPEC_FILE, "  - user: Third?\n    expect: [{equals: three}]\n", "")
    run, strict = recorded.run(), recorded.run(strict=True)
    (result,) = run.conversations
    (finding,) = result.findings
    assert (result.verdict, finding.kind) == ("passed", "unplayed")
    assert "number 4 in cassettes/a.yaml" in finding.message
    assert (run.exit_code, strict.exit_code) == (0, 1)


def test_a_stale_conversation_is_no_success_with_on_stale_warn(recorded):
    """`--on-stale warn` changes the exit code and nothing else; a failure keeps its own."""
    recorded.edit(SPEC_FILE, "Third?", "Last?")
    run = recorded.run(stale_is_fatal=False)
    assert (run.exit_code, run.conversations[0].verdict) == (0, "stale")
    recorded.edit(SPEC_FILE, "{equals: one}", "{equals: eins}")
    assert recorded.run(stale_is_fatal=False).exit_code == 1


def test_recorded_hooks_and_tools_are_live_on_replay(recorded):
    """With the policy `live` tools are called on replay as well, and what they return is compared."""
    recorded.write("desk.py", CODE.replace("return text.upper()", "raise ValueError('broken')"))
    result = recorded.one()
    assert (result.verdict, result.stale.changes[0].now) == ("stale", "Error: broken")


def test_ignored_differences_are_listed(recorded):
    """What `cassette.ignore` leaves out of the comparison passes, and each difference is in the result."""
    recorded.write(
        SPEC_FILE, SPEC.replace("temperature: 0", "temperature: 1") + "    cassette: {ignore: [/temperature]}\n"
    )
    result = recorded.one()
    assert result.verdict == "passed"
    assert [(one.path, one.recorded, one.now) for one in result.ignored] == [("/temperature", 0, 1)]


def test_the_same_request_twice_is_played_in_order(project):
    """Equal requests of two turns play their own replies."""
    project.write(
        SPEC_FILE,
        """
        model: {script: [{reply: heads}, {reply: tails}]}
        turns:
          - user: Toss a coin.
            expect: [{equals: heads}]
          - user: Toss a coin.
            expect: [{equals: tails}]
        """,
    )
    project.record()
    assert project.one().verdict == "passed"
