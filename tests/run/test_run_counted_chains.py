"""`chain: N`: so many model calls, of which the last may leave tool calls open."""

from __future__ import annotations

SPEC = """
    model: {script: [{call: look, with: {n: 1}}, [{call: look, with: {n: 2}}, {call: look, with: {n: 3}}], {reply: no}]}
    tools: ['desk:look']
    turns:
      - user: Hi
        chain: LIMIT
        expect: [{calls: {exactly: CALLS}}]
"""


def written(project, limit, calls):
    """A spec with this limit and these calls, and a tool that says how often it was called."""
    project.write("desk.py", "seen = []\ndef look(n: int) -> str:\n    seen.append(n)\n    return str(n)\n")
    project.write("specs/a.yaml", SPEC.replace("LIMIT", str(limit)).replace("CALLS", calls))


def test_the_calls_of_the_last_are_not_run(project):
    """The checks see them, their results are not there, and the tool is not called."""
    written(project, 2, "[look, look, look]")
    (turn,) = project.one().turns
    assert (turn.verdict, turn.model_calls, [call.result for call in turn.tool_calls]) == (
        "passed",
        2,
        ["1", None, None],
    )
    import desk

    assert desk.seen == [1]


def test_what_ends_earlier_ends_as_usual(project):
    """A reply without calls is the end, however many calls there may be."""
    written(project, 5, "[look, look, look]")
    (turn,) = project.one().turns
    assert (turn.verdict, turn.model_calls, turn.reply) == ("passed", 3, "no")


def test_no_more_than_the_limit_of_the_spec(project):
    """A number that the limit never lets a turn reach is a mistake, with a limit that is written and without."""
    for more, limit, chain in (("chain_limit: 2", 2, 4), ("", 10, 11)):
        project.write("specs/a.yaml", f"model: echo\n{more}\nturns: [{{user: Hi, chain: {chain}}}]\n")
        (mistake,) = project.mistakes()
        assert f"chain: {chain} is more than the chain_limit of {limit} (write `chain_limit: {chain}`" in mistake
    project.write("specs/a.yaml", "model: echo\nchain_limit: 2\nturns: [{user: Hi, chain: 2}]\n")
    assert project.one().verdict == "unchecked"


def test_it_is_recorded_and_replayed(project):
    """The recording holds so many requests, and none is left over."""
    written(project, 2, "[look, look, look]")
    project.record()
    found = project.one(strict=True)
    assert (found.verdict, found.findings, found.turns[0].model_calls) == ("passed", (), 2)


def test_only_the_last_turn_may_have_it(project):
    """Before another turn the open calls would stay unanswered."""
    project.write("specs/a.yaml", "model: echo\nturns: [{user: Hi, chain: 2}, {user: Hi}]\n")
    (mistake,) = project.mistakes()
    assert "chain: 2 before the last turn" in mistake
    project.write("specs/a.yaml", "model: echo\nturns: [{user: Hi, chain: 0}]\n")
    (mistake,) = project.mistakes()
    assert "expected a whole number from 1 on, got the number 0" in mistake
