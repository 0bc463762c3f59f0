"""`convrun mutate`: what it says, and what it ends with."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator
from mutate_projects import recorded, report, result, survivors

from convrun.mutation import Gap, MutationResult, Survivor
from convrun.report.mutate import mutation_lines
from convrun.report.style import plain, rendered
from convrun.schemas import mutation_schema
from convrun.transcript import PartDifference

SPEC = """
    model: {script: [{call: price, with: {city: Paris}}, {reply: It is 40 euros.}, {reply: Bye.}]}
    tools: ['desk:price']
    turns:
      - user: Hi
        expect: [{called: price}, {contains: '40'}]
      - user: Thanks
        expect: [{equals: Bye.}, {python: 'desk:polite'}]
    each_turn: [{finish_reason: stop}]
"""


def faults(value):
    """What the schema says of a report."""
    return [f"{one.json_path}: {one.message}" for one in Draft202012Validator(mutation_schema()).iter_errors(value)]


def test_the_console_says_what_survives_and_what_would_catch_it(project):
    """Place, change, check, what was not asked, and the score by family."""
    recorded(project, SPEC)
    ended = project.cli("mutate")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == (
        "specs/desk.yaml:4:5, turn 1: 4 changes unnoticed\n"
        "  call doubled: call 1, price(city='Paris') -> price(city='Paris'), price(city='Paris')\n"
        '  argument missing: call 1, price: $.city, "Paris" -> nothing\n'
        '  argument changed: text: call 1, price: $.city, "Paris" -> "something else"\n'
        "  argument added: call 1, price: $.days, nothing -> 1\n"
        "  under `expect` this would catch them:\n"
        "    - called: {tool: price, with_exactly: {city: Paris}, times: 1}\n"
        "\n"
        "not asked: 1 check that may notice more\n"
        "  specs/desk.yaml:7:31, python: it needs the project's code\n"
        "noticed\n"
        "  tool calls         1 of 5, 20 %\n"
        "  reply              11 of 11, 100 %\n"
        "  finish reason      2 of 2, 100 %\n"
        "  all                14 of 18, 77 %, 1 conversation\n"
    )


def test_changes_of_one_kind_are_counted_and_all_told_on_request(project):
    """Each number of a reply is a change: the first is shown with how many there are, with -v all, with -q none."""
    reply = "Rain in Oslo for 2 days, 12 degrees, 40 percent."
    recorded(
        project,
        f"model: {{script: [{{reply: '{reply}'}}]}}\nturns: [{{user: Hi, expect: [{{contains: Rain in Oslo}}]}}]\n",
    )
    found = result(project)
    told = [line.text for line in mutation_lines(found)]
    changed = "'Rain in Oslo for 2 days, 12...' -> 'Rain in Oslo for 3 days, 12...'"
    assert told[0].endswith(": 4 changes unnoticed")
    assert told[4:6] == [f"  number changed, 3 times: {changed}", "  and 2 more, -v shows them"]
    assert [line.text for line in mutation_lines(found, every=True)][4:7] == [
        f"  number changed: {changed}",
        "  number changed: '...for 2 days, 12 degrees, 40...' -> '...for 2 days, 13 degrees, 40...'",
        "  number changed: '...12 degrees, 40 percent.' -> '...12 degrees, 41 percent.'",
    ]
    ended = project.cli("mutate", "-q")
    assert ended.stdout.splitlines()[0] == "noticed"


def test_it_is_as_long_as_a_screen_unless_all_is_asked_for(project):
    """Of many gaps the largest are told, of many survivors and conversations the first; -v tells all."""
    turns = "".join(f"  - {{user: U{number}}}\n" for number in range(30))
    recorded(project, f"model: echo\nturns:\n{turns}")
    found = result(project)
    short = rendered(mutation_lines(found), plain).split("\n")
    whole = rendered(mutation_lines(found, every=True), plain).split("\n")
    assert len(short) < 90 < len(whole)
    assert "more unnoticed, -v shows all" in "\n".join(short)
    assert sum(" unnoticed" in line for line in whole) == len(found.gaps)


def test_json_has_it_all_and_fits_its_schema(project):
    """The score, the gaps with their checks, what was not mutated and not asked."""
    recorded(project, SPEC)
    project.write("specs/new.yaml", "model: echo\nturns: [{user: Hi}]\n")
    found = report(project)
    assert faults(found) == []
    assert (found["exit_code"], found["score"]) == (0, {"killed": 14, "all": 18, "rate": 14 / 18})
    assert found["families"]["tool calls"] == {"killed": 1, "all": 5, "rate": 0.2}
    assert [one["id"] for one in found["conversations"]] == ["specs/desk.yaml"]
    (gap,) = found["gaps"]
    assert (gap["turns"], gap["under"], len(gap["survivors"])) == ([1], "expect", 4)
    assert [(one["id"], one["why"]) for one in found["not_mutated"]] == [("specs/new.yaml", "it is not recorded")]
    assert [one["kind"] for one in found["not_asked"]] == ["python"]


def test_json_in_a_file_leaves_the_console_where_it_is(project):
    """With a FILE both are written; without one the console goes to stderr."""
    recorded(project, SPEC)
    ended = project.cli("mutate", "--report", "json=out/mutate.json")
    assert "noticed\n" in ended.stdout
    assert json.loads((project.root / "out/mutate.json").read_text("utf-8"))["score"]["all"] == 18
    ended = project.cli("mutate", "--report", "json")
    assert json.loads(ended.stdout)["score"]["all"] == 18
    assert "noticed\n" in ended.stderr
    assert project.cli("mutate", "--report", "json=specs/desk.yaml").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--min-score", "0.77"], 0, ""),
        (["--min-score", "0.78"], 1, ""),
        (["--min-score", "75%"], 2, "no number from 0 to 1"),
        (["--min-score", "nan"], 2, "no number from 0 to 1"),
        (["-k", "nowhere"], 5, "no conversation is selected"),
        (["--last-failed"], 2, "No such option"),
        (["-D", "town=Rome"], 2, "no selected spec has a var of this name"),
        (["--report", "junit"], 2, "one of json"),
        (["--cassettes", "elsewhere"], 5, ""),
        (["specs/none.yaml"], 2, "does not exist"),
    ],
)
def test_it_ends_with(project, arguments, code, said):
    """0, 1 below the score, 2 for a wrong command line, 5 where nothing is selected or recorded."""
    recorded(project, SPEC)
    ended = project.cli("mutate", *arguments)
    assert (ended.returncode, said in ended.stderr) == (code, True), ended.stderr


def test_a_group_of_samples_is_one_conversation(project):
    """Counted and told once, unless some of its samples are mutated: then the others are named."""
    recorded(project, "model: echo\nsamples: {times: 3}\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n")
    assert [line.text for line in mutation_lines(result(project))][-1].endswith(", 1 conversation")
    (project.root / "cassettes/desk/@3.yaml").unlink()
    told = [line.text for line in mutation_lines(result(project))]
    at = told.index("not mutated: 1 sample")
    assert (told[at + 1], told[-1][-16:]) == ("  specs/desk.yaml::@3: it is not recorded", ", 1 conversation")
    (project.root / "cassettes/desk/@2.yaml").unlink()
    (project.root / "cassettes/desk.yaml").unlink()
    told = [line.text for line in mutation_lines(result(project))]
    assert told[:2] == ["not mutated: 1 conversation", "  specs/desk.yaml: it is not recorded"]


def test_mistakes_in_specs_end_with_2(project):
    """All of them are told, and nothing is mutated."""
    recorded(project, SPEC)
    project.edit("specs/desk.yaml", "contains:", "contain:")
    ended = project.cli("mutate")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "unknown check 'contain'" in ended.stderr


def test_a_cassette_that_cannot_be_read_ends_with_4_and_the_others_are_mutated(project):
    """It is named with its problem."""
    recorded(project, SPEC)
    recorded(project, SPEC, name="specs/other.yaml")
    (project.root / "cassettes/other.yaml").write_text("interactions: [", "utf-8")
    ended = project.cli("mutate", "--min-score", "0.1")
    assert ended.returncode == 4
    assert "specs/other.yaml: its recording cannot be read: cassettes/other.yaml" in ended.stdout
    assert "14 of 18, 77 %, 1 conversation" in ended.stdout


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (
            "contains: '40'",
            "contains: '41'",
            "its recording does not pass: contains: expected the reply",
        ),
        ("user: Thanks", "user: Thank you", "its spec has changed since it was recorded: user text of turn 2"),
        ("model:", "skip: later\nmodel:", "skipped: later"),
        ("turns:", "known_failure: wrong price\nturns:", "its recording does not pass: known_failure"),
    ],
)
def test_what_does_not_pass_is_not_mutated(project, old, new, why):
    """A conversation whose checks fail as it is, or of which nobody knows, would tell nothing; it is said so."""
    recorded(project, SPEC)
    project.edit("specs/desk.yaml", old, new)
    (one,) = result(project).passed_over
    assert one.why.startswith(why)
    ended = project.cli("mutate")
    assert ended.returncode == 5
    assert "nothing was mutated" in ended.stdout
    assert why in ended.stdout


def test_a_conversation_that_fails_as_it_is_known_to_is_not_mutated(project):
    """There is nothing that its checks could notice."""
    recorded(project, SPEC)
    project.edit("specs/desk.yaml", "contains: '40'", "contains: '41'")
    project.edit("specs/desk.yaml", "turns:", "known_failure: the price is old\nturns:")
    assert [one.why for one in result(project).passed_over] == ["it is known to fail"]


def test_a_conversation_without_checks_notices_nothing(project):
    """It is mutated, and its score is nought: each change is one that nobody would see."""
    recorded(project, "model: echo\nturns: [{user: Hi 5}]\n")
    found = result(project)
    assert (found.total.killed, found.total.all) == (0, 6)
    assert [one[2] for one in survivors(found)] == [
        "reply emptied",
        "reply cut",
        "reply is a refusal",
        "model refuses",
        "number changed",
        "cut off",
    ]


def test_nothing_of_the_project_is_imported(project):
    """A module that would end the process is not loaded."""
    recorded(project, SPEC)
    project.write("desk.py", "raise SystemExit('imported')\n")
    assert project.cli("mutate").returncode == 0


def test_checks_that_ask_a_model_are_not_asked(project):
    """The recording has no answer to what they would ask of a mutant; they stand beside the score."""
    recorded(project, "model: echo\nturns:\n  - user: Hi\n    expect: [{contains: Hi}]\n")
    project.edit(
        "specs/desk.yaml", "[{contains: Hi}]", "[{contains: Hi}, {judge: {rubric: It greets., model: gpt-4.1-mini}}]"
    )
    found = result(project)
    assert found.passed_over == ()
    assert [(one.kind, one.why) for one in found.unjudged] == [("judge", "it asks a model")]


def test_skipped_turns_and_history_are_left_out(project):
    """What a recording does not hold cannot be changed, nor is what stood before it the model's answer."""
    recorded(
        project,
        """
        model: echo
        history: [{user: Before}, {assistant: Earlier}]
        turns: [{user: A, skip: later}, {user: B, expect: [{equals: B}]}]
        each_turn: [{finish_reason: stop}]
        """,
    )
    found = result(project)
    assert found.passed_over == ()
    assert (found.total.killed, found.total.all) == (4, 4)


def test_secrets_are_not_told(project):
    """What the settings call a secret is replaced, in the changes as in the checks."""
    recorded(project, "model: {script: [{reply: The code is zebra-77 now}]}\nturns: [{user: Hi}]\n")
    project.write("convrun.toml", "redact = ['zebra-[0-9]+']\n")
    ended = project.cli("mutate", "-v")
    assert "unnoticed" in ended.stdout
    assert "zebra-77" not in ended.stdout


def test_a_var_of_one_spec_is_none_of_another(project):
    """`-D` sets it where there is one; the other's conversations are mutated as they are."""
    recorded(project, "model: echo\nvars: {city: Rome}\nturns: [{user: 'To {{ city }}'}]\n", name="specs/a.yaml")
    recorded(
        project, "model: echo\ncases: [{to: Oslo}, {to: Bonn}]\nturns: [{user: 'To {{ to }}'}]\n", name="specs/b.yaml"
    )
    found = report(project, "-D", "city=Rome")
    assert {gap["spec"] for gap in found["gaps"]} == {"specs/a.yaml", "specs/b.yaml"}
    assert found["not_mutated"] == []


def test_many_turns_are_told_in_short():
    """Those that follow each other stand as one, and of many gaps between them the first."""
    difference = PartDifference(part="reply", old="a", new="b")
    for turns, words in (
        ([2], "turn 2"),
        ([1, 2, 3, 7], "turns 1-3, 7"),
        ([*range(1, 31, 2), 30], "turns 1, 3, 5, 7, 9, 11 and 10 more"),
    ):
        changes = tuple(
            Survivor(conversation="a.yaml", turn=turn, family="reply", operator="reply cut", difference=difference)
            for turn in turns
        )
        found = MutationResult(gaps=(Gap(spec="a.yaml", survivors=changes),))
        assert (
            mutation_lines(found)[0].text == f"a.yaml, {words}: {len(turns)} change{'s' * (len(turns) > 1)} unnoticed"
        )


def test_a_shard_without_conversations_ends_with_0(project):
    """The others have them."""
    recorded(project, SPEC)
    codes = [project.cli("mutate", "--shard", f"{part}/2").returncode for part in (1, 2)]
    assert codes == [0, 0]
