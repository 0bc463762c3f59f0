"""Templates: what is one, what is found before anything runs, and what they render to."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convrun.errors import TemplateError
from convrun.source import Where
from convrun.templates import Reference, Text, TurnList, problems, references, render, render_text, render_value

WHERE = Where(file="a.yaml", line=3, column=9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool call as templates see it."""

    name: str
    arguments: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A turn as templates see it."""

    reply: str
    tool_calls: tuple[Call, ...] = ()
    response: object = field(default=None, metadata={"hidden": True})


FIRST = Turn(reply="YES", tool_calls=(Call(name="lookup", arguments={"country": "Crumpet"}),), response=object())
SECOND = Turn(reply="NO")
NAMES = {
    "country": "Crumpet",
    "count": 5,
    "brave": True,
    "nothing": None,
    "rows": [{"name": "Ann"}, {"name": "Bo"}],
    "dish": {"items": 2, "keys": "k", "pasta": {"deep": 1.5}},
    "html": "<b> & 'x'",
    "turns": TurnList([FIRST, SECOND], {"second": SECOND, "count": FIRST}),
}


def rendered(source: str, **names: object) -> object:
    """Return what a source renders to."""
    return render(Text(source=source, where=WHERE), NAMES | names)


def refusal(source: str) -> TemplateError:
    """Return the error that rendering a source raises."""
    with pytest.raises(TemplateError) as caught:
        rendered(source)
    assert caught.value.where == WHERE
    return caught.value


def found(source: str, *, turns: int = 0, ids: tuple[str, ...] = ()) -> list[str]:
    """Return what is wrong with a source before anything runs."""
    known = {"vars", "turns", "tmp", "country"}
    return [str(error) for error in problems(Text(source=source, where=WHERE), known, turns, ids)]


@pytest.mark.parametrize("source", ["", "plain", "a { b } c", "100 %", "{'a': 1}", "}} %}"])
def test_a_text_without_marks_is_no_template(source):
    """Braces and per cent signs alone mean nothing, and the text stays as it is."""
    text = Text(source=source)
    assert not text.is_template
    assert not text.whole
    assert render(text, {}) == source


@given(st.text())
def test_a_raw_text_is_taken_literally(source):
    """Whatever stands in a raw text, it is rendered to itself and refers to nothing."""
    text = Text(source=source, raw=True)
    assert render(text, {}) == source
    assert references(text) == ()
    assert problems(text, (), 0, ()) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ count }}", 5),
        ("{{ brave }}", True),
        ("{{ nothing }}", None),
        ("{{ rows }}", [{"name": "Ann"}, {"name": "Bo"}]),
        ("{{ dish.pasta }}", {"deep": 1.5}),
        ("{{- count + 1 -}}", 6),
        ("{{ '}}' }}", "}}"),
        ("{{ rows | map(attribute='name') }}", ["Ann", "Bo"]),
        ("{{ range(3) }}", [0, 1, 2]),
        ("{{ count | string }}", "5"),
        ("{{ html }}", "<b> & 'x'"),
    ],
)
def test_a_whole_expression_keeps_its_type(source, expected):
    """A text that is exactly one expression gives the value itself."""
    assert Text(source=source).whole
    value = rendered(source)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ count }}.", "5."),
        (" {{ count }}", " 5"),
        ("{{ count }}{{ count }}", "55"),
        ("{{ brave }} {{ nothing }} {{ 1 == 2 }}", "true null false"),
        ("{{ rows }}!", '[{"name": "Ann"}, {"name": "Bo"}]!'),
        ("{{ dish.pasta }}\n", '{"deep": 1.5}\n'),
        ("{{ html }};", "<b> & 'x';"),
        ("{{ html | tojson }};", "\"<b> & 'x'\";"),
        ("{% if brave %}{{ country }}{% endif %}", "Crumpet"),
        (
            "{% for row in rows %}{{ loop.index }}{{ row.name }}{% if not loop.last %}, {% endif %}{% endfor %}",
            "1Ann, 2Bo",
        ),
        ("{% set ns = namespace(n=0) %}{% for i in range(4) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "6"),
        ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("é {{ country }} 🐉", "é Crumpet 🐉"),
    ],
)
def test_other_templates_are_texts_that_print_json(source, expected):
    """Beside other text true, false, null, lists and mappings print as JSON, and nothing is escaped for HTML."""
    assert not Text(source=source).whole
    assert rendered(source) == expected


def test_render_text_prints_a_whole_value_as_json():
    """Where a text is wanted, a whole expression is printed too."""
    assert render_text(Text(source="{{ brave }}"), NAMES) == "true"
    assert render_text(Text(source="{{ dish.pasta }}"), NAMES) == '{"deep": 1.5}'
    assert render_text(Text(source="{{ country }}"), NAMES) == "Crumpet"
    assert render_text(Text(source="as it is"), NAMES) == "as it is"


def test_render_value_renders_every_leaf():
    """Texts in lists and mappings are rendered where they stand; everything else stays."""
    value = {"a": [Text(source="{{ count }}"), 1, None], "b": {"c": Text(source="x{{ count }}")}, "d": "{{ count }}"}
    assert render_value(value, NAMES) == {"a": [5, 1, None], "b": {"c": "x5"}, "d": "{{ count }}"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [("{{ dish.items }}", 2), ("{{ dish.keys }}", "k"), ("{{ dish['items'] }}", 2), ("{{ dish | attr('items') }}", 2)],
)
def test_a_name_behind_a_dot_is_a_mappings_key(source, expected):
    """`a.b` on a mapping is its key b, also where a method has that name."""
    assert rendered(source) == expected


def test_a_mappings_methods_are_not_there():
    """A mapping without such a key has nothing of that name."""
    assert refusal("{{ dish.values }}").what == "a mapping has no 'values'"
    assert refusal("{{ dish['values'] }}").what == "a mapping has no 'values'"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ turns[0].reply }}", "YES"),
        ("{{ turns[-1].reply }}", "NO"),
        ("{{ turns.second.reply }}", "NO"),
        ("{{ turns.count.reply }}", "YES"),
        ("{{ turns['second'].reply }}", "NO"),
        ("{{ turns | length }}", 2),
        ("{{ turns | map(attribute='reply') | join(',') }}", "YES,NO"),
        ("{{ turns[0].tool_calls[0].arguments.country }}", "Crumpet"),
        ("{{ turns[0].tool_calls | selectattr('name', 'equalto', 'lookup') | list | length }}", 1),
        ("{{ turns[0].tool_calls }}", [{"name": "lookup", "arguments": {"country": "Crumpet"}}]),
        ("{% for turn in turns %}{{ turn.reply }};{% endfor %}", "YES;NO;"),
        ("{{ turns[:1] | length }}", 1),
    ],
)
def test_turns_are_a_list_that_answers_to_ids(source, expected):
    """Turns are reached by index and by id, an id before any method, and their fields print as JSON."""
    assert rendered(source) == expected


def test_what_is_hidden_is_no_field():
    """A template can neither reach nor print a field that is hidden from it."""
    assert refusal("{{ turns[0].response }}").what == "a Turn has no 'response'"
    assert "response" not in json.dumps(rendered("{{ turns[0] }}"))


@pytest.mark.parametrize(
    ("source", "what", "fix"),
    [
        ("{{ dragon }}", "'dragon' is not defined", None),
        ("{{ dragon }}!", "'dragon' is not defined", None),
        ("{{ dish.pizza }}", "a mapping has no 'pizza'", "it has items, keys, pasta"),
        ("{{ dish.past }}", "a mapping has no 'past'", "did you mean 'pasta'?"),
        ("{{ rows[7] }}", "a list of 2 has no element 7", "the first is 0"),
        ("{{ turns[0].replay }}", "a Turn has no 'replay'", "did you mean 'reply'?"),
        ("{{ turns.third }}", "a list has no 'third'", "it has second, count"),
        ("{{ country.__class__ }}", "'__class__' of a text cannot be used in a template", None),
        ("{{ '{0.__class__}'.format(country) }}", "'__class__' of a text cannot be used in a template", None),
        ("{{ rows.append(1) }}", "'append' of a list cannot be used in a template", None),
        ("{{ 1 / 0 }}", "the template failed: ZeroDivisionError: division by zero", None),
        ("{{ country.upper }}", "the value is a function, which JSON does not have", "call it"),
        ("{{ {1: 2} }}", "a mapping's key is 1, and JSON has texts only", "quote the key"),
        ("{{ 1e308 * 10 }}", "inf is no number that JSON has", None),
    ],
)
def test_a_value_that_is_not_there_is_an_error(source, what, fix):
    """What cannot be rendered says what is missing and what is there instead, and where the text stands."""
    error = refusal(source)
    assert (error.what, error.fix) == (what, fix)


@pytest.mark.parametrize(
    ("source", "what"),
    [
        (
            "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
            "the template takes more than 100,000 steps",
        ),
        ("{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}", "the template is nested too deeply"),
        ("{% for x in rows recursive %}{{ loop(rows) }}{% endfor %}", "a recursive loop may never end"),
        ("{{ range(10 ** 9) }}", "the template failed: OverflowError: Range too big"),
        ("{{ 'x' * 10 ** 9 }}", "'x' * 1000000000 is too large"),
        ("{{ 10 ** 9 * [1] }}", "1000000000 * [1] is too large"),
        ("{{ 9 ** (9 ** 9) }}", "9 ** 387420489 is too large"),
        ("{% for i in range(90000) %}" + "x" * 200 + "{% endfor %}", "the rendered text is longer than 10,000,000"),
        ("{{ " + "(" * 4000 + ")" * 4000 + " }}", "the template is too large or nested too deeply"),
        ("{% for i in rows %}" * 30 + "{% endfor %}" * 30, "the template is too large or nested too deeply"),
        ("{{ " + "1" * 5000 + " }}", "the template is too large or nested too deeply"),
    ],
    ids=range(11),
)
def test_a_template_cannot_hang(source, what):
    """Loops, calls, powers and outputs without bounds are errors, at once."""
    assert refusal(source).what.startswith(what)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ x", "a.yaml:3:9: '{{' or '{%' is not closed (if it is meant literally, write {text: …, raw: true})"),
        ("a\nb {{ x y }}", "a.yaml:3:9: the template wants '}}' where 'y' stands (line 2 of the text) (if it is"),
        ("{% if x %}", "a.yaml:3:9: '{% if %}' is not closed (end it with {% endif %})"),
        ("{% fro x in y %}{% endfor %}", "a.yaml:3:9: unknown tag '{% fro %}' (did you mean 'for'?)"),
        ("{{ country | uper }}", "a.yaml:3:9: unknown filter 'uper' in a template (did you mean 'upper'?)"),
        ("{{ country is defind }}", "a.yaml:3:9: unknown test 'defind' in a template (did you mean 'defined'?)"),
        ("{{ [1, 2] | random }}", "a.yaml:3:9: unknown filter 'random' in a template"),
        ("a {# b #}", "a.yaml:3:9: '{#' begins a Jinja comment (if it is meant literally, write {text: …, raw: true})"),
        ("{% include 'x' %}", "a.yaml:3:9: '{% include %}' is not for specs: there are no other templates"),
    ],
)
def test_bad_syntax_is_found_before_anything_runs(source, expected):
    """A text that is no template is one mistake, in our words, with its place and a fix."""
    (error,) = found(source)
    assert error.startswith(expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ country }} {{ vars.x }} {{ tmp }}", []),
        ("{{ contry }}", ["unknown name 'contry' in a template (did you mean 'country'?)"]),
        ("{{ env.HOME }}", ["unknown name 'env' in a template"]),
        ("{{ now() }}", ["unknown name 'now' in a template"]),
        ("{{ a }} {{ b }}", ["unknown name 'a' in a template", "unknown name 'b' in a template"]),
        ("{{ q | default('x') }}", ["unknown name 'q' in a template"]),
        ("{% set q = 1 %}{{ q }}{% for r in [1] %}{{ r }}{{ loop.index }}{% endfor %}{{ range(2) }}", []),
        ("{{ turns[0].reply }} {{ turns[1].reply }} {{ turns[-2].reply }} {{ turns.second }}", []),
        ("{{ turns[2].reply }}", ["turns[2] does not exist yet: 2 turns are finished by then"]),
        ("{{ turns[-3].reply }}", ["turns[-3] does not exist yet: 2 turns are finished by then"]),
        ("{{ turns.secnd.reply }}", ["no turn before this has the id 'secnd' (did you mean 'second'?)"]),
        ("{{ turns['third'].reply }}", ["no turn before this has the id 'third' (ids are 'second')"]),
        ("{{ turns[country] }} {{ turns | length }}", []),
        ("{% set turns = [1, 2, 3] %}{{ turns[2] }}", []),
        ("{% if false %}{{ hidden }}{% endif %}", ["unknown name 'hidden' in a template"]),
    ],
)
def test_unknown_names_and_later_turns_are_found_before_anything_runs(source, expected):
    """Every name and turn that will not be there is a mistake with the nearest one that will."""
    errors = found(source, turns=2, ids=("second",))
    assert len(errors) == len(expected)
    for error, start in zip(errors, expected, strict=True):
        assert error.startswith(f"a.yaml:3:9: {start}")


def test_the_first_turn_has_none_before_it():
    """Before the first turn no index is there."""
    assert found("{{ turns[0].reply }}") == ["a.yaml:3:9: turns[0] does not exist yet: no turn is finished by then"]
    assert "1 turn is finished" in found("{{ turns[1].reply }}", turns=1)[0]


def test_references_are_names_then_turns():
    """What a text refers to is listed once each."""
    assert references(Text(source="{{ country }}{{ turns[1] }}{{ turns.second }}{{ turns[1].reply }}")) == (
        Reference(name="country"),
        Reference(name="turns"),
        Reference(name="turns", turn=1),
        Reference(name="turns", turn="second"),
        Reference(name="turns", turn=1, field="reply"),
    )


@given(st.text(alphabet="{}%# -xif()[].|'\"\n1", max_size=40))
def test_any_text_renders_or_is_a_template_error(source):
    """No source raises anything but a TemplateError, neither before nor while it is rendered."""
    text = Text(source=source, where=WHERE)
    errors = problems(text, ("x", "i", "f"), 0, ())
    assert all(error.where == WHERE for error in errors)
    with suppress(TemplateError):
        json.dumps(render(text, {"x": 1, "i": [1], "f": "f"}))
        assert [error.what for error in errors if not error.what.startswith("unknown name")] == []


def test_values_of_templates_are_copies():
    """A rendered value can be changed without changing the vars."""
    value = rendered("{{ rows }}")
    assert isinstance(value, list)
    value.append(1)
    assert len(NAMES["rows"]) == 2


def test_literal_texts_do_not_load_jinja():
    """Jinja2 is imported with the first template, not before."""
    code = (
        "import sys\nfrom convrun.templates import *\n"
        "text = Text(source='plain {x}')\n"
        "render(text, {}), render_text(text, {}), problems(text, (), 0, ()), text.whole\n"
        "assert 'jinja2' not in sys.modules\nrender(Text(source='{{ 1 }}'), {})\nassert 'jinja2' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_turn_that_nobody_looks_at_is_not_made() -> None:
    """Of turns that are shown in another form, those are made that are looked at, each once; a list may go on."""
    made: list[int] = []

    def shown(number: int) -> Turn:
        made.append(number)
        return Turn(reply=str(number))

    numbers = [0, 1, 2, 3]
    turns = TurnList(numbers, shown=shown)
    numbers.append(4)
    assert len(turns) == 4
    assert made == []
    assert [turns[-1].reply, turns[3].reply, turns[1].reply] == ["3", "3", "1"]
    assert made == [3, 1]
    assert [turn.reply for turn in turns[2:]] == ["2", "3"]
    assert sorted(made) == [0, 1, 2, 3]
    with pytest.raises(IndexError):
        turns[4]
