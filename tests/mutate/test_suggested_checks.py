"""The checks that are suggested: each is pasted where it is said to go, and does what is said of it."""

from __future__ import annotations

import pytest
from mutate_projects import recorded, report, result

SPECS = {
    "calls": """
        model: {script: [
          [{call: price, with: {city: Paris, days: 2, guests: {min: 1, max: 2}, notes: ['{{ a }}', 'it''s: "x"']}},
           {call: price, with: {city: Rome, notes: [[{equals: 1}]]}}, {call: price, with: {city: Rome}}],
          {call: book, with: {city: 'on'}}, {call: book, with: {}}, {reply: Booked.}]}
        tools: ['desk:price', 'desk:book']
        turns:
          - user: A
            expect:
              - contains: Booked
        """,
    "replies": """
        model: {script: [{reply: 'It costs 1,200 euros: {{ all }} of it, 30 % # now.'},
                         {reply: "First line 1\\n  second: line 2\\n\\n- third 3\\n"},
                         {reply: 'Ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja,
                         ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja.'},
                         {reply: '「竹の間」は四万八千円、二名様で 2 泊です。'}]}
        turns:
          - user: A
            expect:
              - matches: .
          - user: B
            expect:
              - matches: .
          - user: C
            expect:
              - matches: .
          - user: D
            expect:
              - matches: .
        """,
    "JSON": """
        model: {script: [
          {reply: '{"a": {"b c": [1, {"d''e": null}], "ok": true}, "empty": {}, "long": "words and words and words",
            "more": "words and words and words", "most": ["words and words and words", "{{ x }}", {"min": 5}]}'},
          {reply: '[1.5, "{{ x }}", {"min": 5}]'}]}
        turns:
          - user: A
            expect:
              - json: true
          - user: B
            expect:
              - json: true
        """,
    "cases": """
        model: {script: [{call: price, with: {city: Paris}}, {reply: 'Paris, 40 euros.'}, {reply: '{"to": "Paris"}'}]}
        tools: ['desk:price']
        cases: [{city: Paris, x: 1}, {id: two, city: Paris, x: 2}]
        turns:
          - user: A {{ x }}
            expect:
              - matches: euros
          - user: B
            expect:
              - json: true
        """,
}


def pasted(project, name, gap):
    """Put a suggested check into the spec, below the line that says where."""
    path = project.root / name
    lines = path.read_text("utf-8").split("\n")
    check = gap["check"].split("\n")
    if gap["under"] == "each_turn":
        lines += ["each_turn:", *(f"  {line}" for line in check)]
    else:
        at = lines.index("    expect:", gap["where"]["line"] - 1)
        lines[at + 1 : at + 1] = [f"      {line}" for line in check]
    path.write_text("\n".join(lines), "utf-8")


def survived(found):
    """What survived in a report, with what was put in the place of what."""
    return {
        tuple(str(one[key]) for key in ("conversation", "turn", "operator", "part", "recorded", "mutant"))
        for gap in found["gaps"]
        for one in gap["survivors"]
    }


@pytest.mark.parametrize("name", SPECS)
def test_a_suggested_check_catches_its_survivors_and_passes_on_the_recording(project, name):
    """Pasted into the spec, each is a check of its own that `convrun run` finds right, and its survivors are gone."""
    recorded(project, SPECS[name])
    spec = project.root / "specs/desk.yaml"
    before, text = report(project), spec.read_text("utf-8")
    assert before["gaps"]
    for gap in before["gaps"]:
        assert gap["check"] is not None, gap
        pasted(project, "specs/desk.yaml", gap)
        ran = project.run()
        assert ran.passed, (gap["check"], ran.conversations)
        left = survived(report(project))
        assert left <= survived(before) - survived({"gaps": [gap]}), gap["check"]
        spec.write_text(text, "utf-8")


@pytest.mark.parametrize("name", SPECS)
def test_with_all_suggested_checks_nothing_survives(project, name):
    """Together they close every gap."""
    recorded(project, SPECS[name])
    for gap in sorted(report(project)["gaps"], key=lambda gap: gap["where"]["line"], reverse=True):
        pasted(project, "specs/desk.yaml", gap)
    assert project.run().passed
    found = report(project, "--min-score", "1")
    assert (found["gaps"], found["score"]["rate"], found["exit_code"]) == ([], 1.0, 0)


def test_survivors_that_one_check_catches_stand_together(project):
    """A single call needs one check, whatever was done to it, and a reason to end is one of every turn."""
    recorded(
        project,
        """
        model: {script: [{call: book, with: {city: Paris}}, {reply: Booked.}, {reply: Bye.}]}
        tools: ['desk:book']
        turns: [{user: A, expect: [{equals: Booked.}]}, {user: B, expect: [{equals: Bye.}]}]
        """,
    )
    found = result(project)
    assert [(gap.check, gap.turns, gap.each_turn, len(gap.survivors)) for gap in found.gaps] == [
        ("- called: {tool: book, with_exactly: {city: Paris}, times: 1}", (1,), False, 5),
        ("- finish_reason: stop", (1, 2), True, 2),
    ]


CASES = """
    model: echo
    cases: [{city: Paris}, {id: other, city: Oslo}]
    turns:
      - user: '{{ city }} costs {{ city | length }}0 euros.'
        expect:
          - finish_reason: stop
          - matches: (?i)costs .* euros
"""


def test_a_check_is_for_all_cases_of_its_spec(project):
    """What holds in one case only is not suggested, also where the other case was not selected."""
    recorded(project, CASES)
    for paths in ((), ("specs/desk.yaml::Paris",)):
        gaps = {gap.check: [one.operator for one in gap.survivors] for gap in result(project, *paths).gaps}
        assert gaps == {None: ["number changed"] * (2 - len(paths))}


def test_the_survivors_of_several_cases_are_told_once(project):
    """With the var in the place of its value one check is for all of them."""
    recorded(
        project,
        """
        model: {script: [{call: book, with: {city: Paris}}, {reply: Booked.}]}
        tools: ['desk:book']
        cases: [{city: Paris, n: 1}, {id: again, city: Paris, n: 2}]
        turns: [{user: 'A {{ n }}', expect: [{equals: Booked.}]}]
        each_turn: [{finish_reason: stop}]
        """,
    )
    (gap,) = result(project).gaps
    assert gap.check == "- called: {tool: book, with_exactly: {city: '{{ city }}'}, times: 1}"
    assert {one.conversation for one in gap.survivors} == {"specs/desk.yaml::Paris", "specs/desk.yaml::again"}
    assert len(gap.survivors) == 10


def test_each_sample_and_each_model_of_a_matrix_counts(project):
    """Each has a recording of its own, is mutated by itself, and holds what is suggested for all."""
    recorded(
        project,
        """
        model: echo
        vars: {city: Rome}
        matrix: {city: [Paris, Oslo]}
        samples: {times: 2}
        turns: [{user: 'To {{ city }}'}]
        each_turn: [{finish_reason: stop}]
        """,
    )
    found = result(project)
    assert len(found.conversations) == 4
    assert found.total.all == 4 * 5
    assert {gap.check for gap in found.gaps} == {"- contains: '{{ city }}'"}
