"""Judging: finish_reason, python, templates in values, and what an error is."""

from __future__ import annotations

import pytest
from check_cases import assert_is_yes, assert_with_words, judged, message, mistakes, turn

from convrun.checks.check import ValueProblem
from convrun.checks.code import Code
from convrun.checks.context import CheckContext, TurnView, for_conversation, for_turn
from convrun.checks.evaluation import judge
from convrun.checks.registry import KINDS, LISTED, code_paths, parse, templates, tool_names
from convrun.results import ToolCallResult, UsageResult
from convrun.source import Where
from convrun.templates import Text


def crash(context: CheckContext) -> None:
    """Raise something else."""
    raise KeyError(context.reply)


async def later(context: CheckContext) -> bool:
    """Not a plain function."""
    return True


def python(target: object) -> Code:
    """Return the value of a python check as bind makes it."""
    return Code(path="rules:polite", target=target)


def test_finish_reason():
    """The last model call ended for the reason, or for one of them."""
    assert message("finish_reason", "stop") == ""
    assert message("finish_reason", ["length", "stop"]) == ""
    assert message("finish_reason", "length") == "expected the finish reason to be 'length', got 'stop'"
    assert message("finish_reason", ["length", "tool_calls"], turn(finish_reason=None)) == (
        "expected the finish reason to be 'length' or 'tool_calls', the provider gave none"
    )


@pytest.mark.parametrize(
    ("value", "path", "what"),
    [
        (5, (), "a text is wanted, not the number 5"),
        ([], (), "an empty list: no reason can be one of none"),
        (["stop", None], (1,), "a text is wanted, not null"),
        ("", (), "an empty text: a finish reason is wanted, as stop"),
    ],
)
def test_a_wrong_finish_reason(value, path, what):
    """Reasons are texts."""
    assert mistakes("finish_reason", value)[0][:2] == (path, what)


@pytest.mark.parametrize("target", [lambda _: None, lambda _: True, lambda context: context.reply == "NO"])
def test_python_passes(target):
    """None and True pass."""
    result = judged("python", python(target))
    assert (result.verdict, result.expected) == ("passed", "rules:polite")


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (lambda _: False, "it returned False for the reply 'NO'"),
        (lambda context: f"too short: {context.reply}", "it says 'too short: NO'"),
        (lambda _: "", "it says ''"),
        (assert_with_words, "it says 'not polite'"),
    ],
)
def test_python_fails(target, found):
    """False fails, a text fails with it, and so does an AssertionError."""
    assert message("python", python(target)) == f"expected rules:polite to hold, {found}"


def test_an_assertion_without_words_shows_its_line():
    """A bare assert fails with its line of code."""
    assert message("python", python(assert_is_yes)) == (
        'expected rules:polite to hold, this is not so: assert context.reply == "YES"'
    )


@pytest.mark.parametrize("answer", [0, 1, [], {"ok": True}, 1.0])
def test_another_answer_is_an_error(answer):
    """A function that answers with anything else cannot be judged."""
    result = judged("python", python(lambda _: answer))
    assert result.verdict == "error"
    assert result.message.startswith(
        f"'rules:polite' returned {'an' if type(answer) is int else 'a'} {type(answer).__name__}, "
    )


def test_a_crash_is_an_error_with_its_traceback():
    """What a check raises is an error, never a failure, and its traceback is kept."""
    result = judged("python", python(crash))
    assert (result.verdict, result.message) == ("error", "the check raised KeyError: 'NO'")
    assert result.details is not None
    assert "in crash" in result.details
    assert "checks/evaluation.py" not in result.details


def test_python_sees_the_context():
    """A function is given the reply, its value, calls, usage, the turn, all turns, the vars and the response."""
    response = object()
    first = TurnView(index=1, reply="A")
    last = TurnView(index=2, reply='{"a": 1}', parsed={"a": 1}, usage=UsageResult(input=3), response=response)
    seen: list[CheckContext] = []
    result = judge("python", python(seen.append), {}, for_turn([first, last], {"city": "Rome"}))
    assert result.verdict == "passed"
    (context,) = seen
    assert (context.reply, context.parsed, context.turn) == ('{"a": 1}', {"a": 1}, last)
    assert list(context.turns) == [first, last]
    assert (context.vars, context.usage.input, context.tool_calls) == ({"city": "Rome"}, 3, ())
    assert context.response is response


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (5, "a text is wanted, not the number 5"),
        ("polite", "'polite' is no import path"),
        (python(5), "'rules:polite' is an int, not a function"),
        (python(later), "'rules:polite' is an async function"),
    ],
)
def test_a_wrong_python_value(value, what):
    """An import path names a plain function."""
    assert mistakes("python", value)[0][:2] == ((), what)


@pytest.mark.parametrize("kind", ["contian", "sounds_like", "token", "Equals", ""])
def test_an_unknown_kind_is_a_mistake(kind):
    """A kind that is not known is refused with the nearest one or all of them."""
    ((path, what, fix),) = mistakes(kind, "x")
    assert (path, what) == ((), f"unknown check {kind!r}")
    assert fix is not None
    assert fix.startswith(("did you mean", "known are equals, "))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(
            (kind, Text(source="{{ x }}"))
            for kind in LISTED
            if not KINDS[kind].literal and KINDS[kind].family != "combined"
        ),
        ("equals", Text(source="a {{ x }}")),
        ("matches", Text(source="({{ x }}")),
        ("one_of", [Text(source="{{ x }}"), Text(source="a{{ x }}"), Text(source="b")]),
        ("json", {"path": Text(source="$.{{ x }}"), "min": Text(source="{{ x }}"), "equals": Text(source="{{ x }}")}),
        ("called", {"tool": Text(source="{{ x }}"), "times": Text(source="{{ x }}"), "with": Text(source="{{ x }}")}),
        ("calls", {"only": Text(source="{{ x }}")}),
        ("not", {"equals": Text(source="{{ x }}")}),
        ("equals", Text(source="{{ broken")),
    ],
)
def test_templates_pass_as_what_they_may_become(kind, value):
    """Before rendering a whole expression may become anything and any other template a text."""
    assert not isinstance(parse(kind, value), tuple)


@pytest.mark.parametrize(
    ("kind", "value", "path", "what"),
    [
        ("json", Text(source="a{{ x }}"), (), "true or a mapping with a path is wanted, not a text"),
        ("one_of", Text(source="a{{ x }}"), (), "a list of texts is wanted, not a text with a template"),
        (
            "called",
            {"tool": "f", "times": Text(source="{{ x }}0")},
            ("times",),
            "a number is wanted, not a text with a template",
        ),
        ("called", {"tool": "f", "times": Text(source="3")}, ("times",), "a number is wanted, not the text '3'"),
        (
            "matches",
            Text(source="("),
            (),
            "'(' is not a regular expression: missing ), unterminated subpattern at position 0",
        ),
    ],
)
def test_what_a_template_cannot_become_is_a_mistake(kind, value, path, what):
    """A template beside other text is never a number or a list, and a literal text is judged at once."""
    assert [(problem.path, problem.what) for problem in _problems(kind, value)] == [(path, what)]


def _problems(kind: str, value: object) -> tuple[ValueProblem, ...]:
    parsed = parse(kind, value)
    assert isinstance(parsed, tuple)
    return parsed


def test_templates_in_values_are_rendered():
    """Each text sees the names, and the result shows the rendered value."""
    value = {"tool": "lookup", "with": {"country": Text(source="{{ city }}")}, "times": Text(source="{{ n }}")}
    result = judged("called", value, city="Crumpet", n=1)
    assert result.verdict == "passed"
    assert result.expected == {"tool": "lookup", "with": {"country": "Crumpet"}, "times": 1}
    assert judged("not", {"matches": Text(source="^{{ word }}$")}, word="NO").message == (
        "expected the reply not to match '^NO$', got 'NO'"
    )
    assert judged("equals", Text(source="{{ city }}", raw=True), turn("{{ city }}"), city="x").verdict == "passed"


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (
            "equals",
            Text(source="{{ n }}"),
            ('the value of equals is wrong: a text is wanted, not the number 5 (write "{{ n | string }}")'),
        ),
        (
            "not",
            {"one_of": ["YES", Text(source="{{- n + 1 }}")]},
            (
                "the value of not at one_of.1 is wrong: a text is wanted, not the number 6 "
                '(write "{{ (n + 1) | string }}")'
            ),
        ),
        (
            "called",
            {"tool": "lookup", "times": Text(source="{{ word }}")},
            (
                "the value of called at times is wrong: a number is wanted, not the text '(' "
                "(write how often, as 2; without times it is once or more often)"
            ),
        ),
        ("equals", Text(source="{{ nobody }}"), "'nobody' is not defined"),
        (
            "contains",
            Text(source="{{ empty }}"),
            ("the value of contains is wrong: an empty text: every reply contains it (write what is expected)"),
        ),
        (
            "matches",
            Text(source="{{ word }}"),
            (
                "the value of matches is wrong: '(' is not a regular expression: missing ), "
                "unterminated subpattern at position 0 (put a backslash before a sign that is meant literally)"
            ),
        ),
    ],
)
def test_a_value_that_is_wrong_once_rendered_is_an_error(kind, value, expected):
    """What a template turns out to be is checked as strictly, and makes the check an error, not a failure."""
    result = judged(kind, value, n=5, word="(", empty="")
    assert (result.verdict, result.message) == ("error", expected)


def test_a_result_carries_reason_and_place():
    """`because` and the place are those of the check, whatever the verdict."""
    where = Where(file="a.yaml", line=2)
    for value, verdict in (("NO", "passed"), ("YES", "failed"), (Text(source="{{ x }}"), "error")):
        result = judge("equals", value, {}, turn(), because="it matters", where=where)
        assert (result.verdict, result.because, result.where) == (verdict, "it matters", where)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("called", "f", [((), "f")]),
        ("called", {"tool": "f", "with": {"tool": "g"}}, [(("tool",), "f")]),
        ("called", Text(source="f"), [((), "f")]),
        ("called", Text(source="{{ f }}"), []),
        ("not_called", "any", []),
        ("not_called", "f", [((), "f")]),
        ("not_called", ["f", Text(source="{{ x }}"), "g"], [((0,), "f"), ((2,), "g")]),
        ("calls", {"in_order": ["f", {"tool": "g"}]}, [(("in_order", 0), "f"), (("in_order", 1, "tool"), "g")]),
        ("not", {"not": {"called": {"tool": "f"}}}, [(("not", "called", "tool"), "f")]),
        ("equals", "f", []),
        ("calls", "f", []),
        ("calls", {"only": 5}, []),
        ("called", {"tool": 5}, []),
        ("unknown", {"tool": "f"}, []),
    ],
)
def test_tools_that_a_check_names(kind, value, expected):
    """Every tool name is found with its path, but those that only a template knows."""
    assert tool_names(kind, value) == expected


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("python", "rules:polite", [()]),
        ("python", Text(source="rules:polite"), [()]),
        ("json_schema", "shapes:Dish", [()]),
        ("json_schema", {"type": "object"}, []),
        ("not", {"not": {"python": "rules:polite"}}, [("not", "python")]),
        ("not", "python", []),
        ("equals", "rules:polite", []),
        ("unknown", "rules:polite", []),
    ],
)
def test_import_paths_in_a_check(kind, value, expected):
    """Where code is named is found, so that it can be put there."""
    assert code_paths(kind, value) == expected


def test_templates_in_a_check():
    """Templates are found at every depth, but not in schemas, where braces mean nothing."""
    one, two, literal = Text(source="{{ one }}"), Text(source="{{ two }}"), Text(source="three")
    assert list(templates("calls", {"only": ["f", {"tool": one, "with": {"a": [literal, two]}}]})) == [one, two]
    assert list(templates("not", {"not": {"equals": one}})) == [one]
    assert list(templates("not", {"json_schema": {"const": one}})) == []
    assert list(templates("unknown", [one])) == [one]


def test_a_conversations_checks_see_the_last_turn_and_all_calls():
    """Text checks see the last turn; calls and figures are everything's, and unknown where one turn's is."""
    calls = [ToolCallResult(id=str(number), name=f"f{number}", arguments={}) for number in range(2)]
    turns = [
        TurnView(index=1, reply="A", tool_calls=(calls[0],), usage=UsageResult(input=1, output=2)),
        TurnView(index=2, reply="B", tool_calls=(calls[1],), usage=UsageResult(input=10), finish_reason="stop"),
    ]
    context = for_conversation(turns)
    assert (context.reply, context.finish_reason, context.turn) == ("B", "stop", turns[1])
    assert context.tool_calls == tuple(calls)
    assert context.usage == UsageResult(input=11, output=None)
    assert for_turn(turns).tool_calls == (calls[1],)


def test_what_a_check_raises_is_its_verdict():
    """An exception that is no Exception is a crash as well; an interruption alone gets through."""

    class Ended(BaseException):
        pass

    def raises(error):
        def target(_context):
            raise error

        return python(target)

    assert judged("python", raises(Ended("no"))).message == "the check raised Ended: no"
    assert judged("python", raises(GeneratorExit())).verdict == "error"
    with pytest.raises(KeyboardInterrupt):
        judged("python", raises(KeyboardInterrupt()))


@pytest.mark.parametrize("word", ["stop", "tool_calls", "end_turn", "max_tokens", "max_length", "eos", "stopped"])
def test_a_finish_reason_may_be_a_providers_own(word):
    """Words that are not nearly one of the common ones are allowed."""
    assert judged("finish_reason", word, turn(finish_reason=word)).verdict == "passed"


@pytest.mark.parametrize(
    ("word", "meant"),
    [("stopp", "stop"), ("STOP", "stop"), ("lenght", "length"), ("tool_call", "tool_calls")],
)
def test_a_misspelt_finish_reason(word, meant):
    """A word that is nearly a common one is refused, alone and in a list."""
    expected = (f"unknown finish reason {word!r}", f"did you mean {meant!r}?")
    assert mistakes("finish_reason", word) == [((), *expected)]
    assert mistakes("finish_reason", ["eos", word]) == [((1,), *expected)]


@pytest.mark.parametrize(
    ("kind", "fix"),
    [
        ("tool_called", "did you mean 'called'?"),
        ("is_called", "did you mean 'called'?"),
        ("nt_called", "did you mean 'not_called'?"),
        ("json_path", "did you mean 'json'?"),
        ("icontain", "did you mean 'icontains'?"),
        ("not_contains", "write not: {contains: …}"),
    ],
)
def test_the_kind_that_was_meant(kind, fix):
    """What is suggested for an unknown kind is not its opposite."""
    assert mistakes(kind, "x") == [((), f"unknown check {kind!r}", fix)]
