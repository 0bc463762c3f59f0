"""The check `that`: an expression over what there is to see."""

from __future__ import annotations

import pytest
from check_cases import CALLS, judged, message, mistakes, turn
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import nodes

from convrun.checks.context import ErrorAnswer, TurnView, for_conversation, for_turn
from convrun.checks.evaluation import judge
from convrun.results import UsageResult
from convrun.templates import Text
from convrun.templates.expressions import Expression, parsed_expression
from convrun.templates.written import written

FIRST = TurnView(index=1, id="first", user="Hi", reply="Hello", tool_calls=CALLS, usage=UsageResult(input=5, output=7))
LAST = TurnView(index=2, reply='{"ok": true, "n": 1, "tags": ["a"]}', parsed={"ok": True, "n": 1, "tags": ["a"]})
CONTEXT = for_turn([FIRST, LAST], {"city": "Oslo"})
SIMPLE = st.sampled_from(
    [
        *("reply", "parsed.n", "turns[0].reply", "usage['input']", "reply[1:]", "reply[:-1]", "turns.first.tool_calls"),
        *("1", "2.5", "'a b'", "none", "true", "[1, 'x']", "(1,)", "{'a': 1}", "dict(a=1, b=2)", "-1"),
    ]
)
SAID = "reply, parsed, tool_calls, usage, turn, turns"
KNOWN = "reply, parsed, tool_calls, usage, turn, turns, vars"
NO_BRACES = "write it without braces: it is an expression already"
QUOTE = "end the text with the quote that it begins with"
COMPARE = "compare it: reply == 'YES', 'YES' in reply, parsed.total > 5, parsed.name is defined"
EXPRESSIONS = st.recursive(
    SIMPLE,
    lambda one: st.one_of(
        st.tuples(one, st.sampled_from(["+", "-", "*", "//", "~", "**", "==", "<=", "not in", "and", "or"]), one).map(
            lambda parts: f"({parts[0]}) {parts[1]} ({parts[2]})"
        ),
        one.map(lambda text: f"not ({text})"),
        one.map(lambda text: f"-({text})"),
        one.map(lambda text: f"({text}) | default('x', true)"),
        one.map(lambda text: f"({text}) is not defined"),
        one.map(lambda text: f"({text}) is sameas(none)"),
        one.map(lambda text: f"({text}).strip(*[1], a=2)"),
        st.tuples(one, one, one).map(lambda parts: f"({parts[0]}) if ({parts[1]}) else ({parts[2]})"),
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    "source",
    [
        "parsed.ok",
        "parsed.n == 1.0",
        "parsed['n'] != '1'",
        "parsed.n != true",
        "parsed.tags == ['a']",
        "parsed.tags == ('a',)",
        "true not in [parsed.n]",
        "'ok' in parsed and 'no' not in parsed",
        "'true' in reply",
        "tool_calls == [] and turn.tool_calls == tool_calls",
        "turns[0].tool_calls | length == 3",
        "turns.first.tool_calls[0].arguments.country == 'Crumpet'",
        "turns.first.tool_calls | map(attribute='name') == ['lookup', 'lookup', 'add']",
        "turns[0].usage == {'input': 5, 'output': 7}",
        "5 < turns[0].usage.output <= 7",
        "vars.city == 'Oslo' and turn.index == 2",
        "turns[-1].reply == reply and turns[1 - 1].index == 1 and turns['fi' ~ 'rst'].user == 'Hi'",
        "reply.startswith('{')",
        "parsed.missing is not defined",
        "(parsed.missing | default(3)) == 3",
        "turn.index == 2 and turns | length == 2",
        "parsed.ok if parsed.n else false",
        "  parsed.ok\n  and parsed.n == 1\n",
    ],
)
def test_what_is_true(source):
    """Names are what a check sees; values are equal as JSON, in lists too; attributes are keys."""
    assert judge("that", source, {}, CONTEXT).message == ""
    assert judge("not", {"that": source}, {}, CONTEXT).verdict == "failed"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("reply == 'YES'", "reply is 'NO'"),
        ("'YES' in reply", "reply is 'NO'"),
        ("tool_calls | length < 3", "tool_calls | length is 3"),
        ("reply.startswith('Y')", "reply is 'NO'"),
        ("reply is upper and reply == 'YES'", "reply is 'NO'"),
        ("reply == 'YES' and tool_calls | length == 1", "reply is 'NO'; tool_calls | length is 3"),
        ("reply == 'NO' and tool_calls | length == 1", "tool_calls | length is 3"),
        ("reply == 'YES' or turn.index == 2", "reply is 'NO'; turn.index is 1"),
        ("not (reply == 'YES' or turn.index == 1)", "turn.index is 1"),
        (
            "turn.index + turn.model_calls == 3",
            "turn.index + turn.model_calls is 2; turn.index is 1; turn.model_calls is 1",
        ),
        ("parsed is mapping and parsed.x == 1", "parsed is null, as the reply is no JSON"),
        ("false if reply == 'NO' else true", "reply is 'NO'"),
        ("reply == turn.user", "reply is 'NO'; turn.user is ''"),
    ],
)
def test_a_failure_shows_the_values(source, found):
    """Both sides of a comparison, and the parts that make the whole false, each as it is written."""
    assert message("that", source) == f"expected {source} to be true, {found}"


def test_not_shows_the_values_too():
    """What is true and should not be is shown by the parts that make it so."""
    assert message("not", {"that": "reply == 'NO' or reply == 'YES'"}) == (
        "expected reply == 'NO' or reply == 'YES' not to be true, it is true: reply is 'NO'"
    )


def test_the_values_are_the_actual_ones():
    """`actual` is the one value, or several by what they are of."""
    assert judged("that", "reply == 'YES'").actual == "NO"
    assert judged("that", "reply == turn.user").actual == {"reply": "NO", "turn.user": ""}
    assert judged("that", "reply == 'YES'").expected == "reply == 'YES'"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "parsed.a == 1",
            "a null has no 'a'; parsed is null, as the reply is no JSON (ask for JSON, or write: ",
        ),
        ("turn.replly == 'a'", "a turn has no 'replly'; turn is {"),
        ("turns[3].reply == 'a'", "a list of 1 has no element 3"),
        (
            "usage.output < 5",
            "null and 5 have no order; usage.output is null, as not every reply that was recorded has a usage (record",
        ),
        ("turn.index < reply", "1 and 'NO' have no order; turn.index is 1; reply is 'NO'"),
        ("(reply == 'NO') < 2", "true and 2 have no order"),
        ("tool_calls <= tool_calls", "["),
        ("reply | length", "reply | length is neither true nor false: it is the number 2 (compare it"),
        ("reply == 'x' or parsed", "reply == 'x' or parsed is neither true nor false: it is null"),
        ("reply.upper", "the value is a function"),
        ("reply.encode() == 1", "'encode' of a text cannot be used"),
        ("reply.__class__ == 1", "'__class__' of a text cannot be used"),
        ("turn.response == 1", "a turn has no 'response'"),
        ("'a' * 100000000 == reply", "'a' * 100000000 is too large"),
        ("5 in turn.index", "a number cannot be in a number"),
    ],
)
def test_what_has_no_answer_is_an_error(source, said):
    """Undefined values, what is no boolean, and what templates may not do cannot be judged, also below `not`."""
    result = judged("that", source)
    assert (result.verdict, result.message[: len(said)]) == ("error", said)
    assert judged("not", {"that": source}).verdict == "error"


@pytest.mark.parametrize(
    ("source", "what", "fix"),
    [
        ("{{ reply }}", "not an expression: expected token ':', got '}'", NO_BRACES),
        ("{% if reply %}", "not an expression: unexpected '%'", NO_BRACES),
        ("reply = 'x'", "not an expression: it ends before '='", "write == to compare"),
        ("reply == 'x' && parsed", "not an expression: unexpected char '&' at 13", "write `and`"),
        ("reply == 'x' || parsed", "not an expression: expected token 'name', got '|'", "write `or`"),
        ("!parsed", "not an expression: unexpected char '!' at 0", "write `not`"),
        ("reply == 'x", "not an expression: unexpected char \"'\" at 9", QUOTE),
        ("reply ==", "not an expression: it ends too early", None),
        ("reply reply", "not an expression: it ends before 'reply'", None),
        ("replly == 'x'", "unknown name 'replly' in the expression", "did you mean 'reply'?"),
        ("parsed == null", "unknown name 'null' in the expression", "null is written none"),
        ("reply is definde", "unknown test 'definde' in the expression", "did you mean 'defined'?"),
        ("parsed.a if parsed else reply | lowr", "unknown filter 'lowr' in the expression", "did you mean 'lower'?"),
        ("reply | _equal('x')", "unknown filter '_equal' in the expression", None),
        ("(" * 300 + "reply" + ")" * 300, "the expression is too large or nested too deeply", None),
        ("1 == 1", "1 == 1 looks at nothing: it is always the same", f"name one of {SAID}"),
        (
            "vars.city == 'Oslo'",
            "vars.city == 'Oslo' looks at nothing that was said, but at vars only",
            f"name one of {SAID}",
        ),
        ("true", "true looks at nothing: it is always the same", f"name one of {SAID}"),
        ("reply", "reply is never true or false", COMPARE),
        ("reply ~ 'a'", "reply ~ 'a' is never true or false", COMPARE),
        ("", "an empty text: an expression is wanted, as reply == 'YES'", "write what is expected"),
        (" \u00a0\n", "a text of blanks: an expression is wanted, as reply == 'YES'", "write what is expected"),
        (True, "an expression is wanted, not true", "write one, as reply == 'YES'"),
        (["reply == 'x'"], "a text is wanted, not a list", "write a check for each"),
    ],
)  # fmt: skip
def test_a_wrong_expression(source, what, fix):
    """Syntax, filters, tests and names are judged before anything runs, and so is what says nothing."""
    assert mistakes("that", source) == [((), what, fix)]


def test_a_var_is_named_by_vars():
    """Vars have no names of their own: one of them may be called as something else is."""
    assert mistakes("that", "city == 'Oslo'")[0][2] == (
        "known are reply, parsed, tool_calls, usage, turn, turns, vars; a var is vars.city"
    )


def test_braces_in_an_expression_are_no_template():
    """Texts within an expression may hold braces, and nothing of it is rendered."""
    assert judged("that", Text(source="'{{ x }}' not in reply"), x="NO").verdict == "passed"
    assert judged("that", Text(source="{'a': {'b': reply}}.a.b == 'NO'")).verdict == "passed"


def test_a_turn_without_reply_has_none_in_an_expression():
    """Of a turn that was refused or passed over there is no reply to compare with: an error, never true."""
    refused = TurnView(index=1, id="first", error=ErrorAnswer(status=400))
    context = for_conversation([refused, LAST])
    result = judge("that", "turns.first.reply != 'x'", {}, context)
    assert result.verdict == "error"
    assert result.message.startswith("a turn that was passed over or refused has no 'reply'")


@settings(deadline=None)
@given(EXPRESSIONS)
def test_an_expression_is_written_as_it_is_read(source):
    """What is shown of an expression means the same as the expression."""
    tree = parsed_expression(source)
    assert parsed_expression(written(tree)) == tree
    assert isinstance(tree, nodes.Expr)


@settings(deadline=None, max_examples=50)
@given(EXPRESSIONS, st.text(st.characters(exclude_categories=())))
def test_no_expression_ends_the_run(source, reply):
    """Whatever an expression comes to, it is a verdict, the same each time, and the other way round below `not`."""
    context = turn(reply)
    first = judged("that", source, context)
    assert judged("that", source, context) == first
    other = judged("not", {"that": source}, context).verdict
    assert {"passed": "failed", "failed": "passed", "error": "error"}[first.verdict] == other


def test_an_expression_is_compiled_once():
    """All conversations share it."""
    assert Expression.of("reply == 'a'") is Expression.of("reply == 'a'")
