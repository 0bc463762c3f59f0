"""`convrun.expect`: the checks of specs, said of responses in programs."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest
from pydantic import BaseModel

import convrun
from convrun import CheckError, ConversationError, ExpectationError, expect


class Dog(BaseModel):
    name: str
    age: int


def upper(text: str) -> str:
    """Return the text in capitals."""
    return text.upper()


def polite(context):
    """Say whether the reply has manners."""
    return None if "please" in context.reply else "there is no please"


def crashing(_context):
    """Fail as a check should not."""
    raise ZeroDivisionError("by nothing")


def model(reply="It is PANDA.", call="upper"):
    """A model that calls a tool, and says this and one thing more."""
    return convrun.get_model(script=[{"call": call, "with": {"text": "panda"}}, {"reply": reply}, {"reply": "Bye."}])


def chain(reply="It is PANDA."):
    """A chain with one call of a tool, not read yet."""
    return model(reply).conversation(tools=[upper]).chain("Convert panda")


def said(text):
    """A response that says this, not read yet."""
    return convrun.get_model("echo").prompt(text)


HOLDING = [
    {"contains": "PANDA"},
    {"equals": "It is PANDA."},
    {"matches": r"PAN.A", "because": "capitals were asked for"},
    {"one_of": ("It is PANDA.", "PANDA")},
    {"called": {"tool": "upper", "with": {"text": "panda"}, "returns": "PANDA", "times": 1}},
    {"calls": {"exactly": ["upper"]}},
    {"finish_reason": "stop"},
    {"not": {"contains": "panda"}},
    {"not": {"python": polite}},
    {"python": lambda context: context.response.text() == "It is PANDA."},
]


@pytest.mark.parametrize("check", HOLDING, ids=lambda check: next(iter(check)))
def test_a_check_that_holds_says_nothing(check):
    """The chain is read if it was not, and handed back."""
    given = chain()
    assert expect(given, check) is given


def test_models_and_schemas_are_given_themselves():
    """A pydantic model and a JSON Schema stand where a spec has an import path."""
    response = said('{"name": "Cleo", "age": 3}')
    expect(
        response, [{"json_schema": Dog}, {"json_schema": {"required": ["age"]}}, {"json": {"path": "$.age", "min": 3}}]
    )


def test_all_failures_are_told_at_once():
    """Every check that does not hold is there, with what was expected, what there was and why it matters."""
    checks = [
        {"contains": "PANDA"},
        {"contains": "otter", "because": "otters were promised"},
        {"called": {"tool": "upper", "with": {"text": "otter"}}},
        {"python": polite},
    ]
    with pytest.raises(AssertionError) as caught:
        expect(chain(), checks)
    assert isinstance(caught.value, ExpectationError)
    assert isinstance(caught.value, convrun.ConvrunError)
    assert str(caught.value) == (
        "3 of 4 checks failed:\n"
        "  contains: expected the reply to contain 'otter', got 'It is PANDA.'\n"
        "    expected: 'otter'\n"
        "    actual:   'It is PANDA.'\n"
        "    because: 'otters were promised'\n"
        "  called: expected upper(text='otter') to be called, the call was upper(text='panda')\n"
        "    text: expected 'otter', got 'panda'\n"
        '    expected: {"tool": "upper", "with": {"text": "otter"}}\n'
        '    actual:   [{"name": "upper", "arguments": {"text": "panda"}}]\n'
        "  python: expected polite to hold, it says 'there is no please'\n"
        "    expected: 'polite'\n"
        "    actual:   'It is PANDA.'"
    )


def test_a_failure_reads_as_on_the_console(project):
    """The message of a check is word for word the one that a run of the same check prints."""
    project.write("specs/one.yaml", "model: echo\nturns: [{user: Hi, expect: [{equals: Bye}]}]\n")
    done = project.cli("run")
    with pytest.raises(ExpectationError) as caught:
        expect(said("Hi"), {"equals": "Bye"})
    message = str(caught.value).splitlines()[1].strip()
    assert message == "equals: expected the reply to equal 'Bye', got 'Hi'"
    assert message in done.stdout


def test_a_check_that_crashes_is_no_assertion():
    """What cannot be judged is an error with the traceback, and tells the other failures as well."""
    with pytest.raises(CheckError) as caught:
        expect(said("Hi"), [{"python": crashing}, {"contains": "Bye"}])
    assert not isinstance(caught.value, AssertionError)
    text = str(caught.value)
    assert text.startswith("2 of 2 checks failed or cannot be judged:\n")
    assert "ZeroDivisionError: by nothing" in text
    assert "raise ZeroDivisionError" in text
    assert "expected the reply to contain 'Bye'" in text
    with pytest.raises(CheckError, match=r"^the check cannot be judged:\n"):
        expect(said("Hi"), {"python": crashing})


MISTAKES = [
    ([], "an empty list of checks: nothing would be checked"),
    ("contains", "a list of checks is wanted, not the text 'contains'"),
    (["contains"], "a check is a dict, not the text 'contains'"),
    ({}, "a check needs a kind"),
    ({"because": "why not"}, "a check needs a kind"),
    ({"contain": "x"}, "unknown check 'contain' (did you mean 'contains'?)"),
    ({"expect_error": {"status": 400}}, "expect_error belongs to a turn of a spec"),
    ({"not": {"expect_error": {}}}, "not.expect_error: unknown check 'expect_error'"),
    ({"contains": "x", "becuase": "y"}, "a second kind beside 'contains': 'becuase' (did you mean 'because'?)"),
    ({"contains": "x", "because": 3}, "because: a text is wanted, not 3"),
    ({"contains": 5}, "contains: a text is wanted, not the number 5"),
    ({"contains": ""}, "contains: an empty text: every reply contains it"),
    ({"called": {"tool": "upper", "wiht": {}}}, "called.wiht: unknown key 'wiht' (did you mean 'with'?)"),
    ({"python": "checks:polite"}, "python: the text 'checks:polite' is not what it takes (give the function"),
    ({"python": 5}, "python: the number 5 is not what it takes (give the function or the model itself)"),
    ({"not": {"python": "checks:polite"}}, "not: the text 'checks:polite' is not what it takes"),
    ({"json_schema": int}, "json_schema: 'int' is no pydantic model"),
    ({"json_schema": {"type": "objct"}}, "json_schema.type: not a JSON Schema"),
    ({"not_called": "uper"}, "not_called: no tool is called 'uper' (did you mean 'upper'?)"),
]


@pytest.mark.parametrize(("checks", "message"), MISTAKES, ids=[message[:40] for _, message in MISTAKES])
def test_a_mistake_in_a_check_is_no_assertion(checks, message):
    """What cannot be a check is said with its place and the fix, not counted as a failure."""
    with pytest.raises(CheckError) as caught:
        expect(chain(), checks)
    assert str(caught.value).startswith(message)
    assert not isinstance(caught.value, AssertionError)


def test_all_mistakes_are_told_at_once_before_anything_is_sent():
    """Nothing goes to the model while a check is wrong."""
    response = said("Hi")
    with pytest.raises(CheckError) as caught:
        expect(response, [{"contain": "x"}, {"contains": "Hi"}, {"equals": 1}])
    assert str(caught.value) == (
        "2 mistakes in the checks\n"
        "  check 1: unknown check 'contain' (did you mean 'contains'?)\n"
        "  check 3: equals: a text is wanted, not the number 1 (quote it: '1')"
    )
    assert not response.done


def test_values_are_literal():
    """What looks like a template is a text like any other."""
    expect(said("{{ vars.city }}"), {"equals": "{{ vars.city }}"})


def test_a_conversation_is_judged_as_a_whole():
    """Its text checks see the last turn, its call checks all of them."""
    conversation = model().conversation(tools=[upper])
    conversation.chain("Convert panda").text()
    conversation.chain("Bye").text()
    assert expect(conversation, [{"equals": "Bye."}, {"called": "upper"}]) is conversation
    expect(conversation.turns[0], {"equals": "It is PANDA."})
    expect(conversation.turns[1], {"not_called": "upper"})
    with pytest.raises(ExpectationError, match="expected upper to stay uncalled"):
        expect(conversation, {"not_called": "upper"})
    expect(conversation, {"python": lambda context: [turn.index for turn in context.turns] == [1, 2]})


def test_one_response_of_a_chain_is_judged_alone():
    """A response sees its own model call, with the results of its tools."""
    conversation = model().conversation(tools=[upper])
    conversation.chain("Convert panda").text()
    first, last = conversation.responses
    expect(first, [{"called": {"tool": "upper", "returns": "PANDA"}}, {"finish_reason": "tool_calls"}])
    expect(last, {"not_called": "any"})


def test_a_prompt_that_was_not_read_is_not_passed_over():
    """A conversation whose newest turn nobody read is not judged by the turns before it."""
    conversation = convrun.get_model("echo").conversation()
    with pytest.raises(ConversationError, match="nothing was said in the conversation yet"):
        expect(conversation, {"contains": "One"})
    conversation.prompt("One").text()
    response = conversation.prompt("Two")
    with pytest.raises(ConversationError, match="was not read to its end"):
        expect(conversation, {"contains": "One"})
    response.text()
    expect(conversation, {"equals": "Two"})


def test_other_things_are_refused():
    """A text has no tool calls and no finish reason: the response itself is wanted."""
    with pytest.raises(ConversationError, match="a response, a chain, a turn or a conversation is wanted"):
        expect("Hi", {"contains": "Hi"})


def test_of_a_response_from_a_dict_the_tools_are_not_known():
    """Its checks may name tools that it has lost."""
    kept = said("Hi").to_dict()
    expect(convrun.Response.from_dict(json.loads(json.dumps(kept))), [{"equals": "Hi"}, {"not_called": "upper"}])


def test_pytest_shows_the_line_and_the_checks(tmp_path):
    """In pytest it is a failure at the line of the test, with no frame of ours above the words."""
    (tmp_path / "test_one.py").write_text(
        "import convrun\n\n\ndef test_one():\n"
        '    convrun.expect(convrun.get_model("echo").prompt("Hi"), {"equals": "Bye"})\n'
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_one.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "E       convrun.errors.ExpectationError: the check failed:" in done.stdout
    assert "expected the reply to equal 'Bye', got 'Hi'" in done.stdout
    assert "expecting.py" not in done.stdout


def nested(levels, *, kind="not"):
    """A check within so many others."""
    check = {"contains": "Milan"}
    for _ in range(levels):
        check = {kind: check}
    return check


ENDLESS_CHECK: dict[str, object] = {}
ENDLESS_CHECK["not"] = ENDLESS_CHECK
ENDLESS_LIST: list[object] = []
ENDLESS_LIST += [ENDLESS_LIST, ENDLESS_LIST]


@pytest.mark.parametrize(
    "check",
    [
        ENDLESS_CHECK,
        ENDLESS_LIST,
        {"one_of": ENDLESS_LIST},
        nested(3000),
        nested(100),
        {"json": nested(3000, kind="a")},
    ],
    ids=["in itself", "a list", "a value in itself", "3000 deep", "101 deep", "a deep value"],
)
def test_a_check_without_a_last_level_is_an_error(check):
    """Python's own limit is not what the program hears of."""
    with pytest.raises(CheckError, match=r"check 2: nested deeper than 100 levels \(does it stand within itself\?\)"):
        expect(convrun.get_model("echo").prompt("Hi"), [{"contains": "Hi"}, check])


def test_a_check_as_deep_as_in_a_spec_is_judged():
    """99 times `not` is a no."""
    expect(convrun.get_model("echo").prompt("Hi"), nested(99))


def test_a_decorated_kind_is_a_check():
    """A kind of one's own is known once its function is defined, also within others, and keeps to its schema."""

    @convrun.check("longer_than", about="the least length", schema={"type": "integer"})
    def longer_than(context, value):
        return len(context.reply) > value or f"it has {len(context.reply)}"

    response = convrun.get_model("echo").prompt("Hello")
    expect(response, [{"longer_than": 2}, {"not": {"any_of": [{"longer_than": 7, "because": "short"}]}}])
    with pytest.raises(convrun.ExpectationError, match="expected longer_than 7 to hold, it says 'it has 5'"):
        expect(response, {"longer_than": 7})
    with pytest.raises(convrun.CheckError, match=r"longer_than does not take this value: 'x' is not of type 'integer'"):
        expect(response, {"longer_than": "x"})
    assert longer_than.__name__ == "longer_than"


def _two(_context, _value):
    return True


def _one(_context):
    return True


@pytest.mark.parametrize(
    ("kind", "schema", "function", "said"),
    [
        ("contains", None, _two, "the check 'contains' is one of convrun's own"),
        ("any_of", None, _two, "the check 'any_of' is one of convrun's own"),
        ("Row-Count", None, _two, "'Row-Count' is no name of a check (use lower-case letters"),
        (5, None, _two, "a kind's name is wanted, not "),
        ("lines", {"type": "integr"}, _two, "the schema of the check 'lines' is no JSON Schema"),
        ("lines", None, _one, "cannot be called with the context and the check's value: too many"),
    ],
)
def test_a_decorator_that_is_wrong(kind, schema, function, said):
    """Names, schemas and functions that do not do are refused where they are written."""
    with pytest.raises(convrun.CheckError) as caught:
        convrun.check(kind, schema=schema)(function)
    assert said in str(caught.value)


def test_two_functions_for_one_kind():
    """A second function of another name is refused; the same one defined anew, as in a notebook, is taken."""

    def define(name):
        def judge(context, value):
            return True

        judge.__qualname__ = name
        return convrun.check("defined_twice")(judge)

    define("one")
    define("one")
    with pytest.raises(convrun.CheckError, match=r"the check 'defined_twice' is judged by '.*:one' and '.*:two'"):
        define("two")


def test_what_was_awaited_can_be_checked():
    """What the async API gives is judged once it was read, and stays what it was; before that, it is to be awaited."""

    async def talk():
        conversation = convrun.get_async_model("echo").conversation(tools=[upper])
        response = conversation.prompt("Hi")
        for unread in (response, conversation.chain("Hi")):
            with pytest.raises(ConversationError, match="was not read yet") as refused:
                expect(unread, {"contains": "Hi"})
            assert refused.value.fix == "await it first"
        chain = conversation.chain('{"tool_calls": [{"name": "upper", "arguments": {"text": "a"}}]}')
        await chain
        for checked in (await response, conversation.turns[0]):
            assert expect(checked, [{"equals": "Hi"}, {"python": lambda context: context.response.text() == "Hi"}])
        for checked in (chain, conversation.turns[-1], conversation):
            assert expect(checked, [{"called": {"tool": "upper", "returns": "A"}}, {"equals": "A"}]) is checked
            with pytest.raises(ExpectationError, match="expected the reply to equal 'B'"):
                expect(checked, {"equals": "B"})
        assert conversation.responses[0] is response
        assert await response.text() == "Hi"

    asyncio.run(talk())
