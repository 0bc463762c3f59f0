"""`convrun diff` of two recordings: what changed in them as conversations."""

from __future__ import annotations

import re

import pytest
from counting import calls_made
from goldens import goldens
from review_projects import BYE, CASSETTE, HELLO, KEYED, NAME, SCRIPT
from review_recordings import ask, call, completion, conversation, interaction, keep, said, stock
from servers import reply

from convrun.cassette.files import load

golden = goldens(__file__)


@pytest.fixture
def two(tmp_path, convrun):
    """Call it with two lists of interactions; it returns what diff says of them, without the closing line."""

    def compare(old, new, *options):
        keep(tmp_path / "old.yaml", *old)
        keep(tmp_path / "new.yaml", *new)
        code, out, err = convrun(tmp_path, "diff", "old.yaml", "new.yaml", *options)
        assert (code, err) == (0, "")
        return out

    return compare


def exchange(reply_to_it, *, user="Hi", **more):
    """The only interaction of a conversation."""
    return [interaction(ask(said("user", user), **more), reply_to_it)]


def test_what_changed_is_told_turn_by_turn(desk, convrun):
    """Replies, calls, arguments, results, tokens and verdicts that differ are told; turns that are the same counted."""
    old = desk.copy("old.yaml")
    other = reply(calls={"price": {"city": "Nice", "days": 2}})
    desk.record(HELLO, other, "It is 8 euros.", BYE | {"usage": {"prompt_tokens": 9, "completion_tokens": 2}})
    code, out, _ = convrun(desk.root, "diff", old.name, CASSETTE)
    assert code == 0
    assert out == golden("diff.txt", out)


def test_equal_recordings_are_the_same(desk, convrun):
    """A recording of the same is none that changed, whatever time it took."""
    old = desk.copy("old.yaml")
    desk.record(*SCRIPT)
    assert convrun(desk.root, "diff", old.name, CASSETTE)[1] == f"SAME {NAME}\n\n1 conversation: 1 the same\n"


def test_a_turn_in_between_is_one_turn(two):
    """A turn that was put in or taken out is said to be so; those behind it are the same turns."""
    talk = [("Hello", "Hi"), ("How are you?", "Fine"), ("Bye", "See you")]
    more = [*talk[:1], ("And now?", "Nothing"), *talk[1:]]
    out = two(conversation(*talk), conversation(*more))
    assert re.findall(r"^  turn.*", out, re.MULTILINE) == ["  turn 2, new"]
    assert "user: 'And now?'" in out
    assert "3 turns unchanged" in out
    out = two(conversation(*more), conversation(*talk))
    assert re.findall(r"^  turn.*", out, re.MULTILINE) == ["  turn 2, removed"]


def test_an_edited_turn_is_the_same_turn(two):
    """Where the user says it otherwise, beside a new turn, the like one is compared."""
    old = conversation(("Hello", "Hi"), ("What is the price of a room?", "5"), ("Bye", "See you"))
    new = conversation(("Hello", "Hi"), ("Well", "Yes?"), ("What is the price of the room?", "6"), ("Bye", "See you"))
    out = two(old, new)
    assert re.findall(r"^  turn.*", out, re.MULTILINE) == ["  turn 2, new", "  turn 3, was turn 2"]
    assert "    user text:\n      - What is the price of a room?\n      + What is the price of the room?\n" in out


def test_equal_texts_are_kept_apart_by_their_replies(two):
    """Of turns in which the user always says the same, the one whose reply is new is new."""
    old = conversation(("go on", "one"), ("go on", "two"), ("go on", "three"))
    new = conversation(("go on", "zero"), ("go on", "one"), ("go on", "two"), ("go on", "three"))
    assert re.findall(r"^  turn.*", two(old, new), re.MULTILINE) == ["  turn 1, new"]


def test_arguments_are_told_by_their_path(two):
    """Of a call's arguments that is told what differs, with its place; strings and numbers are kept apart."""
    old = completion(None, call("a", "book", city="Rome", days=[1, 2], who={"first name": "Ada"}, note=None))
    new = completion(None, call("b", "book", city="Rome", days=[1, "2"], who={"first name": "Eve"}, rush=True))
    out = two(exchange(old), exchange(new))
    assert '    call 1, book: $.days[1]: 2 -> "2"\n' in out
    assert '    call 1, book: $.who[\'first name\']: "Ada" -> "Eve"\n' in out
    assert "    call 1, book: $.note, removed:\n      - null\n" in out
    assert "    call 1, book: $.rush, new:\n      + true\n" in out
    assert "$.city" not in out


def test_calls_are_paired_by_what_they_are(two):
    """A call that is new, one that is gone, and one in the place of another are told as such; ids do not count."""
    first, second, third = call("1", "a", x=1), call("2", "b", y=1), call("3", "c", z="é")
    out = two(exchange(completion(None, first, second)), exchange(completion(None, first, third, second)))
    assert '    call 2, new:\n      + c({"z": "é"})\n' in out
    assert "call 1" not in out
    out = two(exchange(completion(None, first)), exchange(completion(None, third)))
    assert '    call 1: a({"x": 1}) -> c({"z": "é"})\n' in out
    again = call("9", "a", x=1)
    assert "the same" in two(exchange(completion(None, first)), exchange(completion(None, again)))


def test_what_was_asked_for_is_told_once(two):
    """Model, options, tools and system prompt are told where they begin to differ, not in each turn after it."""
    tool = {"type": "function", "function": {"name": "t", "description": "old", "parameters": {"type": "object"}}}
    other = {"type": "function", "function": {**tool["function"], "description": "new"}}

    def talk(model, system, tools, late):
        first = [said("system", system), said("user", "a")]
        second = [*first, said("assistant", "A"), said("user", "b")]
        third = [*second, said("assistant", "B"), said("user", "c")]
        body = {"model": model, "tools": tools}
        return [
            interaction(ask(*first) | body, completion("A")),
            interaction(ask(*second) | body | late, completion("B")),
            interaction(ask(*third) | body | late, completion("C")),
        ]

    out = two(talk("m-1", "Be brief.", [tool], {}), talk("m-2", "Be kind.", [other], {"seed": 1}))
    assert out == golden("diff-asked.txt", out)


def test_a_difference_in_tokens_alone_is_no_change_of_a_turn(two):
    """Turns whose tokens differ only are unchanged, and that they are counted otherwise is said."""
    out = two(exchange(completion("ok", tokens=(1, 4))), exchange(completion("ok", tokens=(3, 5))))
    assert "  1 turn, 1 model call, 1 token in, 4 out -> 1 turn, 1 model call, 3 tokens in, 5 out\n" in out
    assert "  1 turn unchanged, 1 of them but for the tokens\n" in out


def test_json_that_is_spaced_otherwise_is_shown(two):
    """A reply that means the same and is written otherwise differs, and both are shown as they are."""
    out = two(exchange(completion('{"a": 1}')), exchange(completion('{"a":1}')))
    assert '    reply:\n      - {"a": 1}\n      + {"a":1}\n' in out


def test_open_calls_are_told(desk, convrun):
    """Calls that stay open at the end of a chain make a turn fail, and that is said."""
    old = desk.copy("old.yaml")
    recording = load(desk.root / "old.yaml", "old.yaml")
    keep(desk.root / CASSETTE, *recording.interactions[:2])
    out = convrun(desk.root, "diff", old.name, CASSETTE)[1]
    assert (
        "fails now: specs/desk.yaml:7:5: the recording ends its chain with open tool calls, after 1 model call" in out
    )


def test_refusals_errors_and_ends_are_told(two):
    """A refusal in the place of a reply, an error, and another reason to end are changes."""
    out = two(exchange(completion("yes")), exchange(completion(refusal="no", finish="content_filter")))
    assert "    refusal, new:\n      + no\n" in out
    assert "    finish reason: stop -> content_filter\n" in out
    refused = [interaction(ask(said("user", "Hi")), {"error": {"message": "too long"}}, status=400)]
    assert "    error, new:\n      + the provider answered 400: too long\n" in two(exchange(completion("yes")), refused)


def test_of_a_long_text_the_part_is_shown_that_differs(two):
    """Long lines are shown around the difference, and -vv shows all of them."""
    words = " ".join(f"word{number}" for number in range(200))
    old, new = exchange(completion(f"{words} old {words}")), exchange(completion(f"{words} new {words}"))
    assert len(two(old, new)) < 800
    assert words in two(old, new, "-vv")


def test_verdicts_need_a_spec(desk, convrun, tmp_path_factory):
    """Files that belong to no spec are compared, and said not to be judged: nothing passes unseen."""
    other = tmp_path_factory.mktemp("other")
    (other / "a.yaml").write_bytes((desk.root / CASSETTE).read_bytes())
    desk.record("Go away", *SCRIPT[1:])
    (other / "b.yaml").write_bytes((desk.root / CASSETTE).read_bytes())
    out = convrun(other, "diff", "a.yaml", "b.yaml")[1]
    assert "not judged: the recording belongs to no spec" in out
    assert "passed" not in out
    out = convrun(desk.root, "diff", str(other / "a.yaml"), CASSETTE)[1]  # the spec of one judges both
    assert "  checks: passed -> failed\n" in out


def test_what_needs_code_is_listed(desk, convrun):
    """A check that was not judged is named with its place, and the verdict is not known."""
    desk.project.edit(NAME, "expect: [{contains: Welcome}]", "expect: [{python: 'desk:polite'}]")
    old = desk.copy("old.yaml")
    desk.record("Hi!", *SCRIPT[1:])
    out = convrun(desk.root, "diff", old.name, CASSETTE)[1]
    assert "not judged: python (specs/desk.yaml:6:15): it needs the project's code" in out
    assert "passed" not in out


def test_a_conversation_is_named_by_its_id(desk, convrun):
    """In the place of a cassette stands the spec, or one of its cases; several are too many."""
    old = desk.copy("old.yaml")
    desk.record(*SCRIPT[:3], "Bye.")
    assert convrun(desk.root, "diff", old.name, NAME)[:2] == convrun(desk.root, "diff", old.name, CASSETTE)[:2]
    desk.project.write("specs/b.yaml", "model: echo\ncases: [{id: a}, {id: b}]\nturns: [{user: Hi}]\n")
    code, _, err = convrun(desk.root, "diff", old.name, "specs/b.yaml")
    assert code == 2
    assert "has 2 conversations" in err
    code, _, err = convrun(desk.root, "diff", old.name, "specs/b.yaml::a")
    assert code == 2
    assert "has no recording" in err


def test_several_conversations_of_a_file_are_compared_one_by_one(tmp_path, convrun):
    """Of a recording of another program each conversation is compared with the one that begins as it does."""
    first, second = (ask(said("user", "Hi")), completion("Ho")), (ask(said("user", "On")), completion("Off"))
    (tmp_path / "old.json").write_text(stock(first, second))
    (tmp_path / "new.json").write_text(stock((second[0], completion("Out")), (ask(said("user", "x")), completion("y"))))
    out = convrun(tmp_path, "diff", "old.json", "new.json")[1]
    assert re.findall("^(?:CHANGED|NEW|REMOVED).*", out, re.MULTILINE) == [
        "REMOVED new.json, conversation 1",
        "CHANGED new.json, conversation 2",
        "NEW new.json, conversation 3",
    ]


def test_a_damaged_side_is_named(desk, convrun):
    """A recording that cannot be read is said to be so; where nothing else was to be compared, that is a mistake."""
    old = desk.copy("old.yaml")
    old.write_text(old.read_text("utf-8").replace("Welcome!", "Welcome?"), "utf-8")
    code, out, _ = convrun(desk.root, "diff", old.name, CASSETTE)
    assert code == 2
    assert out.startswith(f"UNREADABLE {NAME}\n  old.yaml: interaction 1 is not what was recorded")
    assert out.endswith("1 conversation: 1 unreadable\n")


@pytest.mark.parametrize("target", [NAME, CASSETTE, "cassettes/new.md", "old.yaml", "convrun.toml", "./old.yaml"])
def test_a_report_takes_the_place_of_no_source(desk, convrun, target):
    """What is compared, specs, settings and the folder of cassettes are no place for a report, as in a run."""
    old = desk.copy("old.yaml")
    desk.record(*SCRIPT[:3], "Bye.")
    before = {path: path.read_bytes() for path in desk.root.rglob("*") if path.is_file()}
    code, out, err = convrun(desk.root, "diff", old.name, CASSETTE, "--report", f"markdown={target}")
    assert (code, out) == (2, "")
    assert (
        f"--report markdown={target}: that is a spec, a cassette, settings, keys or code, not a place for a report"
        in err
    )
    assert {path: path.read_bytes() for path in desk.root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("words", [["a", "b", "c"], ["no.yaml", "no.yaml"], ["a.yaml", CASSETTE], ["--report=json"]])
def test_what_cannot_be_compared_ends_with_2(desk, convrun, words):
    """Too many words, files that are not there and unknown formats are mistakes."""
    code, out, err = convrun(desk.root, "diff", *words)
    assert (code, out) == (2, "")
    assert err


def test_what_a_hook_said_is_no_turn_of_the_spec(project, loopback, convrun):
    """Turns that the spec does not have are compared and not judged; its own are judged by their own checks."""
    project.write("desk.py", "def greet(conversation):\n    conversation.prompt('Psst').text()\n    yield\n")
    project.write(
        "specs/a.yaml",
        """
        model: m
        hooks: {before_conversation: 'desk:greet'}
        turns: [{user: Hi, expect: [{equals: Ho}]}]
        """,
    )
    for answers in (["psst", "Ho"], ["sh", "Hu"]):
        loopback.answers[:] = []
        loopback.says(*answers)
        project.record(environ=KEYED, base_url=loopback.base_url)
        (project.root / f"{answers[0]}.yaml").write_bytes((project.root / "cassettes/a.yaml").read_bytes())
    out = convrun(project.root, "diff", "psst.yaml", "cassettes/a.yaml")[1]
    assert "  checks: passed -> failed\n" in out
    assert re.findall(r"^  turn.*", out, re.MULTILINE) == ["  turn 1", "  turn 2: passed -> failed"]


def test_a_long_conversation_is_compared_in_work_that_grows_with_it(tmp_path, convrun):
    """Of twice as many turns, reading, aligning and telling them is about twice as many calls of functions."""

    def compared(turns):
        talk = [(f"Question {number}", f"Answer {number}") for number in range(turns)]
        keep(tmp_path / "old.yaml", *conversation(*talk))
        half, later = turns // 2, turns // 2 + 10
        talk[half:half] = [("new", "one")]
        talk[later] = (f"Question {later - 1}", "another")
        keep(tmp_path / "new.yaml", *conversation(*talk))
        (_, out, _), made = calls_made(lambda: convrun(tmp_path, "diff", "old.yaml", "new.yaml"))
        found = re.findall(r"^  turn.*", out, re.MULTILINE)
        assert found == [f"  turn {half + 1}, new", f"  turn {later + 1}, was turn {later}"]
        assert f"{turns - 1} turns unchanged" in out
        return made

    compared(40)  # what is loaded and compiled once
    assert compared(160) < 2.5 * compared(80)
