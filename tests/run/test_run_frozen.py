"""`freeze`: a time and UUIDs in templates that are the same in every run."""

import json
import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convrun.errors import TemplateError
from convrun.run.playing.freezing import frozen_now, frozen_uuid

V4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = "2026-01-31T12:05:09+02:00"
DIRECTIVES = "YymdHIMSfjAaBbz"


def spec(*turns, **more):
    """A spec of the model that repeats, with time and seed frozen."""
    turns = [turn if isinstance(turn, dict) else {"user": turn} for turn in turns]
    return json.dumps({"model": "echo", "freeze": {"time": TIME, "uuid": "a seed"}, "turns": turns, **more})


def users(result):
    """What was said in each turn."""
    return [turn.user for turn in result.turns]


def test_now_is_the_time_of_the_spec(project):
    """As it is written, and in a format; in messages and in checks."""
    project.write(
        "specs/a.yaml",
        spec({"user": "{{ now() }}", "expect": [{"equals": "{{ now() }}"}]}, "on {{ now('%A, %d %B %Y, %I:%M %p') }}"),
    )
    result = project.one()
    assert users(result) == [TIME, "on Saturday, 31 January 2026, 12:05 PM"]
    assert result.turns[0].checks[0].expected == TIME


@given(
    st.datetimes(min_value=datetime.fromisoformat("1000-01-01")),
    st.integers(-1439, 1439),
    st.text(DIRECTIVES, max_size=9),
)
def test_formats_are_those_of_strftime(naive, minutes, letters):
    """Every directive gives what Python gives in English, for any time."""
    time = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    form = " ".join(f"%{letter}" for letter in letters) + " 100%%"
    assert frozen_now(time.isoformat())(form) == time.strftime(form)


@pytest.mark.parametrize(
    ("expression", "what", "fix"),
    [
        ("now('%' ~ 'Q')", "now() does not know '%Q'", "it knows %Y"),
        ("now(turns | length)", "now() takes a format", "now('%Y-%m-%d')"),
        ("now('x' * 2000)", "now() takes a format", "now('%Y-%m-%d')"),
        ("uuid(1 / 2)", "uuid() takes a name", "uuid('order')"),
        ("now", "the value is a function", "call it"),
    ],
)
def test_a_wrong_use_is_an_error_of_its_turn(project, expression, what, fix):
    """It says what is wrong and what to write."""
    project.write("specs/a.yaml", spec(f"{{{{ {expression} }}}}"))
    error = project.one().turns[0].error
    assert what in error.message
    assert fix in error.fix


@pytest.mark.parametrize(
    ("expression", "what", "fix"),
    [
        ("now('%F')", "now() does not know '%F'", "it knows %Y"),
        ("now('%')", "now() does not know '%'", "it knows %Y"),
        ("now(5)", "now() takes a format, a short text", "write now('%Y-%m-%d')"),
        ("now('%Y', '%m')", "now() takes a format, a short text", "write now('%Y-%m-%d')"),
        ("uuid(1.5)", "uuid() takes a name, a text", "write uuid('order')"),
        ("uuid([1])", "uuid() takes a name, a text", "write uuid('order')"),
        ("'a' if turns else uuid({})", "uuid() takes a name, a text", "write uuid('order')"),
    ],
)
@pytest.mark.parametrize("place", ["user", "check"])
def test_a_wrong_use_that_is_written_out_is_a_mistake(project, expression, what, fix, place):
    """Before anything runs, with the words and at the place that the turn would have."""
    template = f"{{{{ {expression} }}}}"
    project.write(
        "specs/a.yaml", spec(template if place == "user" else {"user": "x", "expect": [{"equals": template}]})
    )
    (found,) = project.mistakes()
    assert found.startswith("specs/a.yaml:1:")
    assert what in found
    assert fix in found


@pytest.mark.parametrize("template", ["{{ uuid(none) }}", "{{ now(none) }}", "{{ uuid(7) }}", "{{ now('%d.%m.') }}"])
def test_right_calls_are_no_mistake(project, template):
    """A name may be a number, and no name is one that is left out."""
    project.write("specs/a.yaml", spec(template))
    assert project.one().verdict == "unchecked"


def test_a_function_of_the_template_itself_is_another(project):
    """A macro called now takes what it likes."""
    project.write("specs/a.yaml", spec("{% macro now(a) %}{{ a }}{% endmacro %}{{ now(5) }}"))
    assert users(project.one()) == ["5"]


def test_uuids_differ_by_turn_and_call_and_repeat_with_every_run(project):
    """Two in one text, and those of two turns, are four; the next run has the same."""
    project.write("specs/a.yaml", spec("{{ uuid() }} {{ uuid() }}", "{{ uuid() }} {{ uuid() }}"))
    first = users(project.one())
    made = " ".join(first).split()
    assert len(set(made)) == 4
    assert all(V4.fullmatch(one) for one in made)
    assert users(project.one()) == first
    project.edit("specs/a.yaml", "a seed", "b seed")
    assert not set(" ".join(users(project.one())).split()) & set(made)


def test_a_named_uuid_is_one_everywhere(project):
    """In the system prompt, a turn and its checks `uuid('order')` is the same; another name is another."""
    turns = [
        {
            "user": "{{ uuid('order') }}",
            "expect": [{"equals": "{{ uuid('order') }}"}, {"not": {"equals": "{{ uuid() }}"}}],
        },
        "{{ uuid('order') }} {{ uuid('other') }}",
    ]
    project.write("specs/a.yaml", spec(*turns))
    result = project.one()
    assert result.turns[0].verdict == "passed"
    one, *others = users(result)[1].split()
    assert one == result.turns[0].user
    assert others != [one]


CHECKED = {"user": "{{ uuid() }}", "expect": [{"not": {"contains": "{{ uuid() }}"}}]}


def test_uuids_are_the_same_when_recorded_and_replayed(project):
    """Checks are judged after all turns of a recording, and between those of a replay; that changes none."""
    project.write("specs/a.yaml", spec(CHECKED, CHECKED, "{{ uuid() }}", system="{{ uuid() }}"))
    recorded = project.record()
    replayed = project.one()
    assert replayed.verdict == "passed"
    assert users(replayed) == users(recorded)
    expected = [[check.expected for turn in run.turns for check in turn.checks] for run in (recorded, replayed)]
    assert expected[0] == expected[1]


def test_an_added_check_or_a_failing_one_changes_no_uuid(project):
    """Neither in messages nor in the checks beside it."""
    project.write("specs/a.yaml", spec(CHECKED, "{{ uuid() }}"))
    before = project.one()
    added = {**CHECKED, "expect": [{"contains": "{{ uuid() }}, no"}, *CHECKED["expect"]]}
    project.write("specs/a.yaml", spec(added, "{{ uuid() }}"))
    after = project.one(keep_going=True)
    assert after.turns[0].verdict == "failed"
    assert users(after) == users(before)
    assert after.turns[0].checks[1].expected == before.turns[0].checks[0].expected


def test_cases_have_the_same_uuids(project):
    """What tells two cases apart is their row."""
    project.write("specs/a.yaml", spec("{{ uuid() }}", cases=[{"id": "a"}, {"id": "b"}]))
    first, second = project.run().conversations
    assert users(first) == users(second)


def test_only_what_is_frozen_is_known(project):
    """With a time alone `uuid()` is unknown, and with a seed alone `now()`; the fix is the key."""
    project.write("specs/a.yaml", "model: echo\nfreeze: {uuid: 7}\nturns: [{user: '{{ uuid() }} {{ now() }}'}]\n")
    assert [("unknown name 'now'" in one, "freeze: {time:" in one) for one in project.mistakes()] == [(True, True)]
    project.edit("specs/a.yaml", "uuid: 7", f"time: '{TIME}'")
    assert [("unknown name 'uuid'" in one, "freeze: {uuid:" in one) for one in project.mistakes()] == [(True, True)]


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("2026-01-31", "a date without a time (write '2026-01-31T00:00:00Z')"),
        ("2026-01-31T12:00", "has no offset from UTC (write '2026-01-31T12:00Z' for UTC"),
        ("2026-01-31 12:00:00Z", "a space before the hour (write '2026-01-31T12:00:00Z')"),
        ("2026-02-31T12:00:00Z", "no day, hour or offset that there is"),
        ("2026-01-31T12:00:00+99:00", "no day, hour or offset that there is"),
        ("yesterday", "no ISO 8601 time (write it as '2026-01-31T12:00:00Z')"),
        ("٢٠٢٦-01-31T12:00:00Z", "no ISO 8601 time"),
    ],
)
def test_a_time_that_is_none_says_how_to_write_it(project, written, says):
    """Dates, times without an offset and what is no time at all."""
    project.write("specs/a.yaml", f"model: echo\nfreeze: {{time: {written}}}\nturns: [{{user: '{{{{ now() }}}}'}}]\n")
    (mistake,) = project.mistakes()
    assert mistake.startswith("specs/a.yaml:2:")
    assert says in mistake


@pytest.mark.parametrize(("value", "says"), [("{}", "needs one of 'time' and 'uuid'"), ("now", "expected a mapping")])
def test_freeze_names_what_it_freezes(project, value, says):
    """An empty mapping and a text freeze nothing."""
    project.write("specs/a.yaml", f"model: echo\nfreeze: {value}\nturns: [{{user: hi}}]\n")
    assert [says in one for one in project.mistakes()] == [True]


def test_a_seed_is_a_number_as_well_as_a_text():
    """And the scope and the count in it are all that else counts."""
    assert frozen_uuid("7", "turn", 1)() == frozen_uuid("7", "turn", 1)()
    assert frozen_uuid("7", "turn", 1)() != frozen_uuid("7", "turn", 2)()
    with pytest.raises(TemplateError):
        frozen_uuid("7")(name=["no"])
