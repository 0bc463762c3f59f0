"""From a spec file to a frozen Spec, and every mistake of a file at once."""

from __future__ import annotations

import contextlib
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convrun.errors import SpecErrors
from convrun.spec.loading import load_spec
from convrun.spec.model import ModelSpec, ScriptCall, ScriptLine, ToolDeclaration, ToolUse
from convrun.templates import Text

WHOLE = """\
name: crumpet                       # default: the file's stem
description: 'Dragons need people.'
tags: [smoke, tools]
model: gpt-4.1-mini                 # a name
system: |                           # a template
  Answer with only YES or NO.
vars: {country: Crumpet, deep: [1, {a: null}]}
options: {temperature: 0, logit_bias: {50256: -100}}
tools:
  - demo.tools:lookup_population    # a function
  - use: demo.memory:Memory         # the long form
    with: {path: '{{ tmp }}/notes.db', size: 3}
    as: Notes
    policy: replay
  - declare: {name: f, description: 'No code here.', parameters: {type: object}, strict: true}
hooks:
  before_call: demo.hooks:log_before
  after_call: [demo.hooks:one, demo.hooks:Two.three]
chain_limit: 3
tool_timeout: 1.5m
tool_policy: live
turns:
  - user: Can the country of {{ country }} have dragons?
    expect:
      - called: {tool: lookup_population, with: {country: Crumpet}, times: 1}
        because: the model cannot know
      - matches: '^(YES|NO)$'
  - id: second
    user: {text: 'Take {{ this }} as it is', raw: true}
    system: 'Answer at length.'
    chain: false
    attachments: [{path: map.png}, {url: 'https://example.com/a.jpg', type: image/jpeg, detail: low}]
    options: {temperature: null}
    schema: {type: object, title: '{{ no template }}'}
    skip: not yet
each_turn: [{finish_reason: stop}]
expect: [{not_called: any}]
cassette: {ignore: [/metadata/run_id, /a~1b/0]}
skip: later
cases: [{id: paris, city: Paris}, {id: 2, city: Rome, skip: closed}]
"""


@pytest.fixture
def read(tmp_path):
    """Reads a spec of this text."""

    def read_text(text, name="specs/a.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), "utf-8", newline="\n")
        return load_spec(path, tmp_path)

    return read_text


@pytest.fixture
def mistakes(read):
    """The mistakes of a spec of this text, as `line:column what`."""

    def found(text):
        with pytest.raises(SpecErrors) as raised:
            read(text)
        return [f"{error.where.line}:{error.where.column} {error.what}" for error in raised.value.errors]

    return found


def test_every_key_is_read(read):
    """The whole of a spec arrives in its frozen form."""
    spec = read(WHOLE)
    assert (spec.file, spec.name, spec.tags, spec.skip) == ("specs/a.yaml", "crumpet", ("smoke", "tools"), "later")
    assert spec.model.name == "gpt-4.1-mini"
    assert spec.system.source == "Answer with only YES or NO."
    assert spec.vars == {"country": "Crumpet", "deep": [1, {"a": None}]}
    assert spec.options == {"temperature": 0, "logit_bias": {"50256": -100}}
    assert (spec.chain_limit, spec.tool_timeout, spec.tool_policy) == (3, 90.0, "live")
    assert spec.ignore == ("/metadata/run_id", "/a~1b/0")
    assert [hook.text for hook in spec.hooks.after_call] == ["demo.hooks:one", "demo.hooks:Two.three"]
    assert [(case.id, case.values, case.skip) for case in spec.cases] == [
        ("paris", {"id": "paris", "city": "Paris"}, None),
        ("2", {"id": 2, "city": "Rome"}, "closed"),
    ]


def test_tools_keep_their_order_and_form(read):
    """Functions, classes with arguments and declarations are three forms of a tool."""
    function, memory, declared = read(WHOLE).tools
    assert isinstance(function, ToolUse)
    assert function.path.text == "demo.tools:lookup_population"
    assert str(function.where) == "specs/a.yaml:10:5"
    assert (memory.name, memory.policy, memory.arguments["size"]) == ("Notes", "replay", 3)
    assert memory.arguments["path"].source == "{{ tmp }}/notes.db"
    assert isinstance(declared, ToolDeclaration)
    assert list(declared.function) == ["name", "description", "parameters", "strict"]


def test_turns_hold_what_goes_with_them(read):
    """A turn has its texts, options, schema and checks; schemas are no templates."""
    first, second = read(WHOLE).turns
    assert [check.kind for check in first.expect] == ["called", "matches"]
    assert first.expect[0].because == "the model cannot know"
    assert second.user == Text(source="Take {{ this }} as it is", raw=True, where=second.user.where)
    assert (second.id, second.chain, second.options, second.skip) == ("second", False, {"temperature": None}, "not yet")
    assert second.schema.schema == {"type": "object", "title": "{{ no template }}"}
    assert [
        (one.path and one.path.source, one.url and one.url.source, one.type, one.detail) for one in second.attachments
    ] == [
        ("map.png", None, None, None),
        (None, "https://example.com/a.jpg", "image/jpeg", "low"),
    ]


def test_checks_know_the_place_of_everything_in_their_value(read):
    """A path into a check's value leads to the line and column it stands at."""
    check = read(WHOLE).turns[0].expect[0]
    assert str(check.where) == "specs/a.yaml:25:9"
    assert str(check.places[()]) == "specs/a.yaml:25:17"
    assert str(check.places["with", "country"]) == "specs/a.yaml:25:50"
    assert check.value["with"]["country"].source == "Crumpet"
    assert check.value["times"] == 1


def test_code_and_schemas_in_checks_are_no_templates(read):
    """Import paths and JSON Schemas stay plain texts, within `not` too."""
    spec = read(
        """\
        turns:
          - user: Hi
            expect:
              - python: a.b:c
              - json_schema: {const: '{{ x }}'}
              - not: {json_schema: {const: x}}
              - not: {contains: x}
              - json_schema: a.b:Model
              - equals: {text: '{# x', raw: true}
        """
    )
    code, schema, negated, texts, model, raw = (check.value for check in spec.turns[0].expect)
    assert (code, schema, negated, model) == (
        "a.b:c",
        {"const": "{{ x }}"},
        {"json_schema": {"const": "x"}},
        "a.b:Model",
    )
    assert isinstance(texts["contains"], Text)
    assert (raw.source, raw.raw) == ("{# x", True)


def test_models_have_three_forms(read):
    """A model is a name, a mapping or a script."""
    text = "turns: [{user: Hi}]\nmodel: "
    mapping = (
        "{name: m, provider: groq, base_url: 'https://x.test/v1', api: chat, stream: true, "
        "timeout: 200ms, headers: {X-A: b}}"
    )
    found = read(text + mapping).model
    assert (found.name, found.provider, found.base_url, found.stream) == ("m", "groq", "https://x.test/v1", True)
    assert (found.timeout, found.headers) == (0.2, {"X-A": "b"})
    script = read(text + "{script: [{reply: Hi}, {call: f, with: {a: 1}}, [{call: f}, {call: g}]]}").model
    assert script.name == "script"
    assert script.script == (
        ScriptLine(reply="Hi"),
        ScriptLine(calls=(ScriptCall(name="f", arguments={"a": 1}),)),
        ScriptLine(calls=(ScriptCall(name="f", arguments={}), ScriptCall(name="g", arguments={}))),
    )
    assert read(text + "plain").model == ModelSpec(name="plain", where=read(text + "plain").model.where)


def test_all_mistakes_are_found_at_once(mistakes):
    """One reading gives every mistake of a file, in its order."""
    assert mistakes(
        """\
        nmae: x
        tags: smoke
        model: {nme: x, timeout: 5}
        system: 12
        options: {stream: true}
        tools: [a.b.c, {use: 'a:b', policy: stub}]
        hooks: {before_cal: 'a:b'}
        turns:
          - user: Price is #1
            expect: [{a: 1, b: 2}, foo, {because: x}]
          - {users: x, chain: maybe, attachments: [{paths: x}], schema: {file: nope.json}}
          - id: x
        each_turn: {a: 1}
        cassette: {ignore: [a, /~2, '']}
        cases: [{id: a, model: x}, {}]
        """
    ) == [
        "1:1 unknown key 'nmae' in a spec",
        "2:7 expected a list of tags, got the text 'smoke'",
        "3:9 unknown key 'nme' in a model",
        "3:26 5 has no unit",
        "4:9 expected text, got the number 12",
        "5:11 'stream' is no option",
        "6:9 'a.b.c' is no import path",
        "6:37 a stub needs what it gives to the model",
        "7:9 unknown key 'before_cal' in hooks",
        "9:11 a comment behind a text without quotes: is it the text's end?",
        "10:21 a second kind beside 'a': 'b'",
        "10:28 expected a check, got the text 'foo'",
        "10:33 a check needs a kind",
        "11:6 unknown key 'users' in a turn",
        "11:23 expected true or false, got the text 'maybe'",
        "11:45 unknown key 'paths' in an attachment",
        "11:72 'specs/nope.json' does not exist",
        "12:5 a turn needs the key 'user'",
        "13:12 expected a list of checks, got a mapping",
        "14:21 'a' is no JSON pointer",
        "14:24 '/~2' is no JSON pointer",
        "14:29 '' is no JSON pointer",
        "15:17 'model' cannot be the name of a case key",
        "15:28 an empty case",
    ]


@pytest.mark.parametrize(
    "key",
    ["branches: []", "tags+: []"],
)
def test_keys_that_are_not_there_are_unknown(mistakes, key):
    """What this version does not do is refused, never passed over."""
    name = key.partition(":")[0]
    assert mistakes(f"turns: [{{user: Hi}}]\n{key}\n") == [f"2:1 unknown key '{name}' in a spec"]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("vars: {a: 012}", "the number 012 would be printed as 12"),
        ("vars: {a: [1.10]}", "the number 1.10 would be printed as 1.1"),
        ("vars: {a: 1e3}", "the number 1e3 would be printed as 1000.0"),
        ("cases: [{id: 007}]", "the number 007 would be printed as 7"),
        ("cases: [{id: a, zip: 0x10}]", "the number 0x10 would be printed as 16"),
        ("tools: [{use: 'a:b', with: {n: +1}}]", "the number +1 would be printed as 1"),
        ("expect: [{called: {tool: f, with: {n: 1.50}}}]", "the number 1.50 would be printed as 1.5"),
        ("vars: {turns: 1}", "'turns' cannot be the name of a var"),
        ("chain_limit: true", "expected a whole number from 1 on, got true"),
        ("tool_timeout: soon", "'soon' is not a duration"),
        ("tool_timeout: 0s", "'0s' is no time that can be kept"),
        ("tool_timeout: 1441m", "'1441m' is no time that can be kept"),
        ("model: {name: m, timeout: 0ms}", "'0ms' is no time that can be kept"),
        ("model: {name: m, timeout: 99999999999999m}", "'99999999999999m' is no time that can be kept"),
        ("model: {name: m, base_url: localhost}", "'localhost' is no base URL"),
        ("model: {script: []}", "an empty list of script lines"),
        ("model: {script: [{replay: x}]}", "unknown key 'replay' in a script line"),
        ("tools: [{as: x}]", "a tool needs the key 'use'"),
        ("tools: [{declare: {name: f, paramters: {}}}]", "unknown key 'paramters' in a declaration"),
        ("tools: [{declare: {name: f}, policy: live}]", "unknown policy of a declared tool 'live'"),
        ("skip: ''", "expected a text that is not empty"),
        ("description: A  # b", "a comment behind a text without quotes: is it the text's end?"),
        ("expect: [{equals: A  # b\n  }]", "a comment behind a text without quotes: is it the text's end?"),
        ("expect: [{python: a/b.py}]", "'a/b.py' is no import path"),
        ("name:", "expected text, got nothing"),
        ("expect: [{expect_error: {status: 400}}]", "expect_error is a key of the turn, not a check under expect"),
    ],
)
def test_a_wrong_value_is_one_mistake(mistakes, line, what):
    """Each wrong value is told once, in words that name it."""
    found = mistakes(f"turns: [{{user: Hi}}]\n{line}\n")
    assert [one.partition(" ")[2] for one in found] == [what]


def test_comments_behind_names_are_no_mistake(read):
    """Only free texts can be cut off by a comment: names, numbers and import paths have no `#` in them."""
    text = """\
        name: a  # b
        chain_limit: 3  # c
        model: m  # d
        tools:
          - a.b:c  # e
        turns:
          - id: x  # f
            user: 'Hi'  # g
        """
    assert read(text).turns[0].user.source == "Hi"


def test_block_texts_lose_one_line_break(read):
    """Of a block or a file the last line break is dropped, and no more."""
    (turn,) = read("turns:\n  - user: |+\n      a\n\n").turns
    assert turn.user.source == "a\n"
    assert read('turns:\n  - user: "a\\n"\n').turns[0].user.source == "a\n"


def test_the_name_defaults_to_the_stem(read):
    """Without a name of its own a spec has its file's."""
    assert read("turns: [{user: Hi}]", "specs/deep/b.yml").name == "b"


def test_a_spec_that_cannot_be_read_is_a_mistake(tmp_path):
    """A folder, or bytes that are no UTF-8, is told by the file's name."""
    (tmp_path / "a.yaml").write_bytes(b"turns:\n  - user: caf\xe9\n")
    (tmp_path / "b.yaml").mkdir()
    for name, what in (("a.yaml", "not UTF-8: line 2"), ("b.yaml", "cannot be read"), ("c.yaml", "cannot be read")):
        with pytest.raises(SpecErrors) as raised:
            load_spec(tmp_path / name, tmp_path)
        (error,) = raised.value.errors
        assert what in error.what
        assert error.where.file == name


VALUES = st.sampled_from(
    ["", "x", "1", "01", "true", "[]", "{}", "[x]", "{a: 1}", "{file: x}", "[{user: Hi}]", "x # y", "{{ a }}", "a:b"]
)
LINES = WHOLE.splitlines()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, len(LINES) - 1), VALUES), min_size=1, max_size=6))
def test_any_wrong_value_is_a_mistake_and_no_crash(tmp_path, changes):
    """Whatever stands behind a key, the spec is read or its mistakes are told."""
    lines = list(LINES)
    for number, value in changes:
        head, colon, _ = lines[number].partition(":")
        lines[number] = f"{head}{colon} {value}"
    path = tmp_path / "a.yaml"
    path.write_text("\n".join(lines), "utf-8")
    with contextlib.suppress(SpecErrors):
        assert load_spec(path, tmp_path).turns


@pytest.mark.parametrize("value", ["5", "[resp_1]", "{}", "''"])
def test_a_previous_response_is_an_id_or_auto(read, mistakes, value):
    """What no API takes is found before anything runs; null removes the option."""
    text = "turns: [{{user: Hi, options: {{previous_response_id: {}}}}}]\n"
    (found,) = mistakes(text.format(value))
    assert found.startswith("1:52 expected the id of a response, or auto, got")
    assert read(text.format("null") + "options: {previous_response_id: auto}\n").turns


@pytest.mark.parametrize(
    ("value", "mistake"),
    [
        ("true", "1:34 expected a mapping for expect_error, got true"),
        ("400", "1:34 expected a mapping for expect_error, got the number 400"),
        ("[400]", "1:34 expected a mapping for expect_error, got a list"),
        ("{}", "1:34 expect_error says neither 'status' nor 'matches'"),
        ("{because: x}", "1:34 expect_error says neither 'status' nor 'matches'"),
        ("{status: '400'}", "1:43 expected a whole number from 200 on, got the text '400'"),
        ("{status: 4000}", "1:43 4000 is no HTTP status of an answer"),
        ("{statuss: 400}", "1:35 unknown key 'statuss' in expect_error"),
        ("{matches: 400}", "1:44 expected text, got the number 400"),
        ("{status: 400}, expect: []", "1:34 a turn with expect_error has no reply that expect could check"),
    ],
)
def test_a_wrong_expected_error_is_a_mistake(mistakes, value, mistake):
    """An error that says nothing, or what no error can have, is refused; so are checks of a reply beside it."""
    assert mistakes(f"turns: [{{user: Hi, expect_error: {value}}}]\n") == [mistake]
