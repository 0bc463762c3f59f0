"""Stubs: what a tool gives in the place of its code, live and on replay, and what is refused before anything runs."""

from __future__ import annotations

import pytest

SPEC_FILE = "specs/a.yaml"
CODE = """
    import convrun

    def work(text: str, number: int = 1):
        raise SystemExit("called")

    class Box(convrun.Toolbox):
        def __init__(self):
            raise SystemExit("made")

        def first(self):
            raise SystemExit("called")

        def second(self):
            raise SystemExit("called")
"""
SPEC = """
    model: {script: [{call: work, with: {text: b, number: 7}}, {reply: done}]}
    vars: {colour: red, size: {width: 3}}
    tools:
      - use: 'desk:work'
        policy: stub
        returns: RETURNS
    turns:
      - user: Go
        expect: [{equals: done}]
"""


def stubbed(project, returns, *, spec=SPEC, **options):
    """Run a spec whose tool is a stub with this value; return the result of its only conversation."""
    project.write(SPEC_FILE, spec.replace("RETURNS", returns))
    project.write("desk.py", CODE)
    return project.one(**options)


def given(result):
    """What the model was given for each call, and what the tool raised."""
    return [(call.result, call.error) for turn in result.turns for call in turn.tool_calls]


VALUES = {
    "sunny": "sunny",
    "''": "",
    "12": "12",
    "true": "true",
    "null": "null",
    "[]": "[]",
    "[1, a, {when: 'noon'}]": '[1, "a", {"when": "noon"}]',
    "{a: [1.5, null]}": '{"a": [1.5, null]}',
    "'{{ colour }}'": "red",
    "'{{ size }}'": '{"width": 3}',
    "{c: 'very {{ colour }}', '{{ d }}': '{{ size.width }}'}": '{"c": "very red", "{{ d }}": 3}',
    "{text: '{{ raw }}', raw: true}": "{{ raw }}",
    "[{returns: [{returns: 1}]}]": '[{"returns": 1}]',
    "[{when: {text: a}, returns: no}, {when: {text: b}, returns: yes}]": "yes",
    "[{when: {text: b, number: 8}, returns: no}, {when: {number: 7}, returns: {a: 1}}, {returns: rest}]": '{"a": 1}',
    "[{when: {text: {matches: '^c'}}, returns: no}, {when: {number: {min: 7, max: 7}}, returns: yes}]": "yes",
    "[{when: {text: 'B'}, returns: no}, {returns: rest}]": "rest",
    "[{when: {text: '{{ colour }}'}, returns: no}, {when: {text: {equals: b}}, returns: '{{ colour }}'}]": "red",
}


@pytest.mark.parametrize("returns", VALUES)
def test_a_stub_gives_its_value(project, returns):
    """A text goes as it is, the rest as JSON; of entries the first that fits; the function is never called."""
    found = stubbed(project, returns)
    assert (found.verdict, given(found)) == ("passed", [(VALUES[returns], None)])


def test_a_stub_may_raise(project):
    """`raises` is told to the model as what a tool raised, and checks see it."""
    spec = SPEC.replace("{equals: done}", "{called: {tool: work, error: 'no red'}}")
    found = stubbed(project, "[{raises: 'no {{ colour }}'}]", spec=spec)
    assert (found.verdict, given(found)) == ("passed", [("Error: no red", "Exception: no red")])


def test_arguments_that_do_not_fit_are_told_to_the_model(project):
    """A stub takes what its function takes, and no more."""
    found = stubbed(project, "sunny", spec=SPEC.replace("number: 7", "numbr: 7"))
    assert given(found)[0][0] == "Error: numbr: unexpected argument"


def test_a_declared_tool_may_be_a_stub(project):
    """It needs neither code nor a recording; its definition goes out as it is written, whatever is called."""
    spec = SPEC.replace("use: 'desk:work'", "declare: {name: work, parameters: {type: object, required: [x]}}")
    found = stubbed(project, "[{when: {number: 7}, returns: sunny}]", spec=spec)
    assert (found.verdict, given(found)) == ("passed", [("sunny", None)])
    spec = spec.replace("tools:", "tool_policy: verify\n    tools:")
    assert stubbed(project, "sunny", spec=spec, record="all").verdict == "passed"
    assert project.one().verdict == "passed"


def test_a_toolbox_may_be_a_stub(project):
    """All its tools give the value, and there is no object of it."""
    spec = SPEC.replace("desk:work", "desk:Box").replace(
        "{call: work, with: {text: b, number: 7}}", "[{call: Box_first}, {call: Box_second}]"
    )
    assert given(stubbed(project, "sunny", spec=spec)) == [("sunny", None), ("sunny", None)]


@pytest.mark.parametrize("record", ["none", "all"])
def test_a_call_that_no_entry_fits_is_an_error(project, record):
    """The turn is an error at the tool that says the arguments and the entries."""
    found = stubbed(project, "[{when: {text: a}, returns: no}, {when: {number: {min: 8}}, raises: no}]", record=record)
    error = found.turns[0].error
    assert (found.verdict, error.type, error.where.line) == ("error", "ToolUnavailableError", 4)
    assert error.message == (
        "no entry under `returns` of the tool 'work' fits its call with "
        '{"text": "b", "number": 7}: there are work(text=\'a\'), work(number=<to be at least 8>)'
    )
    assert error.fix == "add an entry for it, or a last one without `when`"


def test_an_edited_stub_is_stale(project):
    """What the model would get is another result than the recorded one: stale, with the line that says why."""
    assert stubbed(project, "sunny", record="all").verdict == "passed"
    assert project.one().verdict == "passed"
    project.edit(SPEC_FILE, "returns: sunny", "returns: rain")
    found = project.one()
    (change,) = found.stale.changes
    assert (found.verdict, change.part, change.recorded, change.now) == (
        "stale", "tool result of 'work'", "sunny", "rain",
    )  # fmt: skip
    assert change.hint == "the tool is a stub: what it `returns` is not what was recorded"


def test_an_edited_stub_is_stale_on_paper(project):
    """A value needs no code: `status` knows of it, where no hook has a say."""
    assert stubbed(project, "sunny", record="all").verdict == "passed"
    assert "fresh" in project.cli("status").stdout
    project.edit(SPEC_FILE, "returns: sunny", "returns: rain")
    assert "stub 'work' returns something else in turn 1" in project.cli("status").stdout


def test_a_secret_in_a_stub_is_a_placeholder_in_the_recording(project):
    """A variable's value goes to the model, and its placeholder into the file; conditions fit with and without it."""
    spec = SPEC.replace("text: b", "text: '<TOWN_SECRET>'")
    returns = "[{when: {text: '{{ env.TOWN_SECRET }}'}, returns: 'at {{ env.TOWN_SECRET }}'}]"
    environ = {"TOWN_SECRET": "Springfield-7"}
    assert given(stubbed(project, returns, spec=spec, record="all", environ=environ)) == [("at <TOWN_SECRET>", None)]
    assert "Springfield" not in (project.root / "cassettes/a.yaml").read_text("utf-8")
    assert project.one(environ=environ).verdict == "passed"
    assert project.one().verdict == "passed"


HOOKS = """
    import convrun

    def work(text: str, number: int = 1):
        raise SystemExit("called")

    def before(tool, call):
        return convrun.ToolCall(call.name, {"text": "c"}, call.tool_call_id)

    def after(tool, call, result):
        return convrun.ToolResult(result.name, f"{result.output}!")
"""


def test_hooks_have_a_say_in_stubs(project):
    """A stub stands where the function does: hooks change its call and its result, recording and replaying."""
    spec = f"{SPEC}    hooks: {{before_call: 'desk:before', after_call: 'desk:after'}}\n"
    project.write(SPEC_FILE, spec.replace("RETURNS", "[{when: {text: c}, returns: sunny}]"))
    project.write("desk.py", HOOKS)
    assert given(project.record()) == [("sunny!", None)]
    assert project.one().verdict == "passed"
    assert "fresh" in project.cli("status").stdout


def test_a_recorded_tool_becomes_a_stub_and_back(project):
    """A stub that gives what was recorded plays the recording of the function, and the other way round."""
    project.write("desk.py", "def work(text: str, number: int = 1):\n    return {'a': text}\n")
    project.write(SPEC_FILE, SPEC.replace("policy: stub\n        returns: RETURNS", "policy: live"))
    project.record()
    project.edit(SPEC_FILE, "policy: live", "policy: stub\n    returns: {a: b}")
    assert project.one().verdict == "passed"
    project.record()
    project.edit(SPEC_FILE, "policy: stub\n    returns: {a: b}", "policy: verify")
    assert project.one().verdict == "passed"


MISTAKES = {  # the place is marked
    "{USED, policy: ^stub}": "a stub needs what it gives to the model",
    "{USED, returns: ^1}": "`returns` without `policy: stub`",
    "{USED, policy: verify, returns: ^1}": "`returns` without `policy: stub`",
    "{declare: {name: f}, returns: ^1}": "`returns` without `policy: stub`",
    "{declare: {name: f}, policy: ^stub}": "a stub needs what it gives to the model",
    "{declare: {name: f}, policy: ^verify}": "unknown policy of a declared tool 'verify'",
    "{STUB, returns: ^{when: {text: a}, returns: 1}}": "an entry of a stub stands by itself",
    "{STUB, returns: [{when: {text: a}, ^retruns: 1}]}": "unknown key 'retruns' in an entry of a stub",
    "{STUB, returns: [{^wehn: {text: a}, returns: 1}]}": "unknown key 'wehn' in an entry of a stub",
    "{STUB, returns: [{returns: 1}, ^sunny]}": "expected a mapping for an entry of a stub, got the text 'sunny'",
    "{STUB, returns: [^{returns: 1, raises: a}]}": "an entry both returns and raises",
    "{STUB, returns: [^{when: {text: a}}]}": "an entry neither returns nor raises",
    "{STUB, returns: [{when: ^{}, returns: 1}]}": "an empty `when` fits every call",
    "{STUB, returns: [{when: ^[a], returns: 1}]}": "expected a mapping for the arguments, got a list",
    "{STUB, returns: [{raises: ^''}]}": "expected a text that is not empty",
    "{STUB, returns: ^}": "expected a value, got nothing",
    "{STUB, returns: ^1.10}": "the number 1.10 would be printed as 1.1",
    "{STUB, returns: ^'{{ nmae }}'}": "unknown name 'nmae' in a template",
    "{STUB, returns: [{when: {text: ^'{{ turns[0].reply }}'}, returns: 1}]}": "turns[0] does not exist yet",
    "{STUB, returns: ^'{{ env.OPENAI_API_KEY }}'}": "env.OPENAI_API_KEY is a provider's key",
    "{STUB, returns: [{when: {text: {^matches: '('}}, returns: 1}]}": "in `when`: '(' is",
    "{STUB, returns: [{when: {text: {^contains: a}}, returns: 1}]}": "in `when`: 'contains' is",
    "{STUB, returns: [{returns: 1}, ^{when: {text: a}, returns: 2}]}": "no call gets to this entry",
    "{STUB, returns: [{when: {text: a}, returns: 1}, ^{when: {number: 1, text: a}, raises: b}]}": (
        "no call gets to this entry: each that fits it has fitted the one in line 3"
    ),
}


@pytest.mark.parametrize("marked", MISTAKES)
def test_mistakes_in_stubs_are_found_before_anything_runs(project, marked):
    """Each is one mistake with its place."""
    project.write("desk.py", CODE)
    marked, what = marked.replace("STUB", "USED, policy: stub").replace("USED", "use: 'desk:work'"), MISTAKES[marked]
    tool, column = marked.replace("^", "", 1), marked.index("^") + 3
    project.write(SPEC_FILE, f"model: echo\ntools:\n- {tool}\nturns: [{{user: Hi}}]\n")
    (found,) = project.mistakes()
    assert found.startswith(f"{SPEC_FILE}:3:{column}: {what}"), found


@pytest.mark.parametrize("imports", [True, False])
def test_conditions_are_judged_without_importing(project, imports):
    """`validate --no-import` says what is wrong in `when`, too."""
    project.write("desk.py", CODE)
    returns = "[{when: {text: {matches: '('}}, returns: 1}]"
    project.write(SPEC_FILE, SPEC.replace("RETURNS", returns))
    assert len(project.mistakes(imports=imports)) == 1


@pytest.mark.parametrize(
    ("settings", "environ", "what"),
    [
        ("tool_policy = 'stub'", {}, "'tool_policy' must be 'live', 'replay' or 'verify', not 'stub'"),
        ("", {"CONVRUN_TOOL_POLICY": "stub"}, "CONVRUN_TOOL_POLICY: 'tool_policy' must be 'live'"),
    ],
)
def test_a_stub_is_no_policy_for_all_tools_of_a_project(project, settings, environ, what):
    """The settings and the environment refuse it, and say where a stub is written."""
    project.write("convrun.toml", settings)
    project.write(SPEC_FILE, "model: echo\nturns: [{user: Hi}]\n")
    printed = project.cli("run", **environ)
    assert printed.returncode == 2
    assert what in printed.stderr
    assert "a stub needs a value: write `policy: stub` and `returns:` at the tool" in printed.stderr


def test_a_stub_is_no_policy_for_all_tools_of_a_spec(project):
    """Nor is it in a spec."""
    project.write(SPEC_FILE, "model: echo\ntool_policy: stub\nturns: [{user: Hi}]\n")
    (found,) = project.mistakes()
    assert found.startswith(f"{SPEC_FILE}:2:14: 'stub' is no policy for all tools: each needs its own value")


@pytest.mark.parametrize("where", ["spec", "settings", "environment"])
def test_tools_may_be_verified_by_default(project, where):
    """`tool_policy: verify` in spec, settings or environment is for tools with code, no stubs and no declared ones."""
    spec = """
        model: {script: [[{call: work, with: {text: b}}, {call: told}, {call: stub}], {reply: done}]}
        tools:
          - 'desk:work'
          - {declare: {name: stub}, policy: stub, returns: 1}
          - {declare: {name: told}, policy: stub, returns: 2}
        turns: [{user: Go, expect: [{equals: done}]}]
    """
    project.write(SPEC_FILE, spec)
    project.write("desk.py", "def work(text: str):\n    return text\n")
    project.record()
    project.edit(SPEC_FILE, "{declare: {name: told}, policy: stub, returns: 2}", "{declare: {name: told}}")
    if where == "spec":
        project.edit(SPEC_FILE, "\nturns:", "\ntool_policy: verify\nturns:")
    elif where == "settings":
        project.write("convrun.toml", "tool_policy = 'verify'")
    project.edit("desk.py", "return text", "return 'c'")
    found = project.one(environ={"CONVRUN_TOOL_POLICY": "verify"} if where == "environment" else {})
    checks = [check for check in found.turns[0].checks if check.kind == "tool_result"]
    assert (found.verdict, [(check.expected, check.actual) for check in checks]) == ("failed", [("b", "c")])
