"""Verified tools: what is compared, what counts as equal, and what else may come of calling them on replay."""

from __future__ import annotations

import pytest

from convrun.report.github import to_github
from convrun.report.json_result import to_json
from convrun.report.junit import to_junit
from convrun.report.markdown import to_markdown

SPEC_FILE = "specs/a.yaml"
SPEC = """
    model: {script: [{call: work, with: {text: b}}, {reply: done}, {reply: bye}]}
    tools:
      - {use: 'desk:work', policy: verify}
    turns:
      - user: Go
        expect: [{equals: done}]
      - {user: Bye, expect: [{equals: bye}]}
"""


@pytest.fixture
def recorded(project):
    """Return what records the spec with one body of the tool, and gives the project with another."""

    def record(old, new, *, spec=SPEC, code="def work(text: str):\n    ", **options):
        project.write(SPEC_FILE, spec)
        project.write("desk.py", f"import convrun\n{code}{old}\n")
        project.record(**options)
        project.edit("desk.py", old, new)
        return project

    return record


def tool_result(result):
    """The check of the only call of a verified tool."""
    (check,) = (check for turn in result.turns for check in turn.checks if check.kind == "tool_result")
    return check


EQUAL = {
    "the order of keys": ("return {'a': 1, 'b': [2]}", "return {'b': [2], 'a': 1.0}"),
    "spaces in JSON": ("return '{\"a\": 1}'", "return '{\"a\":1}'"),
    "a number": ("return 1", "return 1.0"),
    "the same text": ("return 'sunny'", "return 'sun' + 'ny'"),
    "the same error": ("raise ValueError('no')", "raise LookupError('no')"),
}
OTHER = {
    "a text and a number": ("return '\"5\"'", "return 5", '"5"', "5"),
    "true and one": ("return True", "return 1", "true", "1"),
    "a text": ("return 'sunny'", "return 'Sunny'", "sunny", "Sunny"),
    "no JSON on one side": ("return 'NaN'", "return 'nan'", "NaN", "nan"),
    "a key more": ("return {'a': 1}", "return {'a': 1, 'b': None}", '{"a": 1}', '{"a": 1, "b": null}'),
    "an error now": ("return 'sunny'", "raise ValueError('no')", "sunny", "Error: no"),
    "no error any more": ("raise ValueError('no')", "return 'sunny'", "Error: no", "sunny"),
    "nothing like JSON": ("return 'sunny'", "return object()", "sunny", None),
    "deep JSON": ("return '[' * 300 + ']' * 300", "return '[' * 300 + ' ' + ']' * 300", None, None),
}


@pytest.mark.parametrize("case", EQUAL)
def test_equal_results_pass(recorded, case):
    """Results are equal as JSON where both are JSON, else as texts; whatever it was that raised them."""
    found = recorded(*EQUAL[case]).one()
    assert (found.verdict, tool_result(found).verdict, tool_result(found).message) == ("passed", "passed", "")


@pytest.mark.parametrize("case", OTHER)
def test_other_results_fail_their_turn(recorded, case):
    """The turn fails with what was recorded and what came now; it is not stale, and the model had the recorded one."""
    old, new, expected, actual = OTHER[case]
    found = recorded(old, new).one(keep_going=True)
    assert (found.verdict, found.stale, [turn.verdict for turn in found.turns]) == (
        "failed",
        None,
        ["failed", "passed"],
    )
    check = tool_result(found)
    assert check.verdict == "failed"
    assert expected in {None, check.expected}
    assert actual in {None, check.actual}
    assert found.turns[0].tool_calls[0].result == check.expected
    assert found.turns[0].reply == "done"


def test_a_failure_says_where_what_and_how_to_mend_it(recorded):
    """It stands at the tool in the spec, names the call, and says how a new result is taken for right."""
    project = recorded("return 'sunny'", "return 'rain'")
    run = project.run()
    check = tool_result(run.conversations[0])
    assert (check.where.file, check.where.line, check.info) == (SPEC_FILE, 3, False)
    assert check.message == (
        "work(text='b') gave another result than the recorded one (mend the tool; if this is meant, record it anew: "
        "convrun record --all specs/a.yaml)"
    )
    assert run.exit_code == 1
    for report in (to_json, to_junit, to_markdown, to_github):
        assert "gave another result than the recorded one" in report(run), report
    printed = project.cli("run").stdout
    assert "specs/a.yaml:3:5: tool_result: work(text='b') gave another result" in printed
    assert "expected: 'sunny'" in printed
    assert "2 checks (1 failed)" in printed


def test_what_is_different_in_each_run_is_not_advised_to_be_recorded_anew(recorded):
    """A time recorded anew would fail in the next run: the policy that plays it is named."""
    check = tool_result(recorded("return 'at 2026-01-31 12:00'", "return 'at 2026-02-01 09:30'").one())
    assert check.message == (
        "work(text='b') gave another result than the recorded one ('2026-02-01 09:30' looks like a date and time: "
        "give the tool `policy: replay`)"
    )


def test_what_it_raised_is_told(recorded):
    """The message has the error, and the details its traceback."""
    check = tool_result(recorded("return 'sunny'", "raise ValueError('no')").one())
    assert check.message.startswith("work(text='b') raised ValueError: no (")
    assert check.details.startswith("Traceback")
    assert "in work" in check.details


def test_an_error_that_agrees_is_one_to_checks(recorded):
    """A check that looks at what the tool raised sees it, as it does with a live tool."""
    spec = SPEC.replace("{equals: done}", "{called: {tool: work, error: 'ValueError: no'}}")
    assert recorded("raise ValueError('no')", "raise ValueError(f'no')", spec=spec).one().verdict == "passed"


def test_only_verified_tools_leave_a_conversation_unchecked(recorded):
    """What tools give says nothing of what the model says; but a difference fails."""
    spec = "\n".join(line for line in SPEC.splitlines() if "expect" not in line) + "\n      - user: Bye\n"
    project = recorded("return 'sunny'", "return 'sunny' ", spec=spec)
    found = project.one()
    assert (found.verdict, tool_result(found).verdict) == ("unchecked", "passed")
    assert [finding.kind for finding in found.findings] == ["unchecked"]
    project.edit("desk.py", "sunny", "rain")
    assert project.one().verdict == "failed"


def test_a_known_failure_covers_it(recorded):
    """A turn that is known to fail is skipped where its tool gives something else."""
    project = recorded("return 'sunny'", "return 'rain'")
    project.edit(SPEC_FILE, "- user: Go", "- user: Go\n    known_failure: the weather")
    found = project.one()
    assert (found.verdict, found.turns[0].verdict, tool_result(found).info) == ("passed", "skipped", True)


def test_behind_a_stale_request_it_counts_nowhere(recorded):
    """Where the conversation is stale already, a verified tool is compared for information only."""
    project = recorded("return 'sunny'", "return 'rain'")
    project.edit(SPEC_FILE, "turns:", "system: Be brief.\nturns:")
    found = project.one()
    check = tool_result(found)
    assert (found.verdict, check.verdict, check.info) == ("stale", "failed", True)


def test_a_verified_tool_that_never_returns_is_an_error(recorded):
    """It has its time limit, and the turn is an error without checks."""
    project = recorded("return 'sunny'", "import time; time.sleep(30)", spec=f"{SPEC}    tool_timeout: 200ms\n")
    found = project.one()
    assert (found.verdict, found.error.type, found.turns[0].checks) == ("error", "ToolTimeoutError", ())


@pytest.mark.parametrize("policy", ["live", "verify", "replay", "stub, returns: sunny"])
def test_the_network_is_blocked_for_what_is_called(recorded, policy):
    """With block_network a tool that is called on replay may reach nothing; one that is not called has no need to."""
    project = recorded("return 'sunny'", "import socket; socket.create_connection(('192.0.2.1', 9))")
    project.write("convrun.toml", "block_network = true")
    project.edit(SPEC_FILE, "policy: verify", f"policy: {policy}")
    found = project.one()
    blocked = policy in {"live", "verify"}
    assert found.verdict == ("error" if blocked else "passed")
    assert not blocked or found.error.type == "BlockedNetworkError"


HOOKS = """
def cancel(tool, call):
    raise convrun.CancelToolCall("not allowed")

def other(tool, call):
    return convrun.ToolCall(call.name, {"text": "c"}, call.tool_call_id)

def loud(tool, call, result):
    return convrun.ToolResult(result.name, result.output + "!")

def mild(tool, call, result):
    return convrun.ToolResult(result.name, result.output[:5]) if len(result.output) > 5 else None

def stop(tool, call, result):
    raise convrun.CancelToolCall("too late")

def work(text: str):
    """


@pytest.mark.parametrize(
    "hook",
    [
        "before_call: 'desk:cancel'",
        "before_call: 'desk:other'",
        "after_call: 'desk:loud'",
        "after_call: 'desk:mild'",
        "after_call: 'desk:stop'",
    ],
)
def test_hooks_change_nothing_that_was_changed_when_recorded(recorded, hook):
    """What hooks make of call and result is made of what is compared, too: nothing changed, nothing fails."""
    spec = f"{SPEC}    hooks: {{{hook}}}\n"
    found = recorded("return f'very {text}'", "return 'very ' + text", spec=spec, code=HOOKS).one()
    assert (found.verdict, tool_result(found).verdict) == ("passed", "passed")


def test_a_call_that_a_hook_cancels_is_not_made(recorded):
    """A guard keeps a verified tool from being called."""
    spec = f"{SPEC}    hooks: {{before_call: 'desk:cancel'}}\n"
    found = recorded("return 'sunny'", "raise SystemExit('called')", spec=spec, code=HOOKS).one()
    assert (found.verdict, tool_result(found).expected) == ("passed", "Cancelled: not allowed")


@pytest.mark.parametrize("hook", ["before_call: 'desk:cancel'", "after_call: 'desk:loud'", "after_call: 'desk:stop'"])
def test_a_hook_that_is_new_is_a_difference(recorded, hook):
    """What the model would get now is another result, though the function gives the same."""
    project = recorded("return 'sunny'", "return 'sunny' ", code=HOOKS)
    project.edit(SPEC_FILE, "turns:", f"hooks: {{{hook}}}\nturns:")
    found = project.one()
    check = tool_result(found)
    assert (found.verdict, check.expected) == ("failed", "sunny")
    assert check.actual in {"Cancelled: not allowed", "sunny!", "Cancelled: too late"}
    assert ("was cancelled" in check.message) == check.actual.startswith("Cancelled")


def test_secrets_are_compared_by_their_placeholders(recorded):
    """A result with a key in it is the recorded one with the key, without it, and with another; and none is told."""
    environ = {"OPENAI_API_KEY": "sk-abcdefgh12345678"}
    body = "import os; return {'key': os.environ.get('DESK_KEY', '<OPENAI_API_KEY>')}"
    project = recorded(body, f"{body} ", environ=environ)
    assert project.one(environ=environ).verdict == "passed"
    assert project.one().verdict == "passed"
    project.edit("desk.py", "os.environ.get('DESK_KEY', '<OPENAI_API_KEY>')", "'sk-abcdefgh12345678'")
    assert tool_result(project.one(environ=environ)).actual == '{"key": "<OPENAI_API_KEY>"}'
    assert project.one(environ=environ).verdict == "passed"
    project.edit("desk.py", "'sk-abcdefgh12345678'", "'<OPENAI_API_KEY>', 'more': 'sk-abcdefgh12345678'")
    found = project.one(environ=environ)
    assert (found.verdict, "sk-abcdefgh" in repr(found)) == ("failed", False)


PARALLEL = SPEC.replace(
    "[{call: work, with: {text: b}},",
    "[[{call: work, with: {text: b}}, {call: work, with: {text: c}}, {call: work, with: {text: b}}],",
)


def test_parallel_calls_are_compared_one_by_one(recorded):
    """Of several calls of one name each has its own recorded result."""
    code = "calls = []\ndef work(text: str):\n    calls.append(text); "
    found = recorded(
        "return f'{text}{len(calls)}'", "return f'{text}{min(len(calls), 2)}'", spec=PARALLEL, code=code
    ).one()
    checks = [check for check in found.turns[0].checks if check.kind == "tool_result"]
    assert [(check.verdict, check.expected, check.actual) for check in checks] == [
        ("passed", "b1", "b1"), ("passed", "c2", "c2"), ("failed", "b3", "b2"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "verdict"), [("return text", "return text ", "passed"), ("return text", "return 1", "failed")]
)
def test_what_a_hook_asks_is_compared_too(recorded, old, new, verdict):
    """A verified tool that is called behind the last turn, by the prompt of a hook, is a check of the conversation."""
    spec = SPEC.replace(
        "{reply: done}, {reply: bye}]}", "{reply: done}, {reply: bye}, {call: work, with: {text: c}}, {reply: x}]}"
    )
    spec = f"{spec}    hooks: {{before_conversation: 'desk:around'}}\n".replace(
        "call: work, with: {text: b}", "call: told"
    )
    spec = spec.replace("tools:", "tools:\n      - {declare: {name: told}, policy: stub, returns: 1}")
    code = (
        "def around(conversation):\n    yield\n    conversation.chain('One more').text()\n\ndef work(text: str):\n    "
    )
    found = recorded(old, new, spec=spec, code=code).one()
    assert (found.verdict, [check.verdict for check in found.checks]) == (verdict, [verdict])


DRAWING = """
def image(text):
    return convrun.Attachment(content=b"\\x89PNG\\r\\n\\x1a\\n" + text.encode())

def work(text: str):
    """
GIVES = "return convrun.ToolOutput(text, [image(text)])"


@pytest.mark.parametrize(
    ("new", "verdicts"),
    [
        ("return convrun.ToolOutput(text, [image(text)]) ", ["passed"] * 3),
        ("return convrun.ToolOutput(text, [image(text.upper())])", ["failed"] * 3),
        ("return text", ["passed", "passed", "failed"]),
        ("return convrun.ToolOutput(text, [image(text)] * (1 + (text == 'c')))", ["passed", "failed", "passed"]),
    ],
)
def test_attachments_are_compared(recorded, new, verdicts):
    """What tools hand over beside their texts has to be what was recorded, and goes on as it was recorded."""
    found = recorded(GIVES, new, spec=PARALLEL, code=DRAWING).one(keep_going=True)
    checks = [check for check in found.turns[0].checks if check.kind == "tool_result"]
    assert (found.stale, [check.verdict for check in checks]) == (None, verdicts)
    assert all("gave other attachments" in check.message for check in checks if check.verdict == "failed")


def test_attachments_beside_a_live_tool_are_the_tools_own(recorded):
    """Where nothing tells whose the recorded attachments are, both tools give theirs, and no request differs."""
    spec = PARALLEL.replace("{call: work, with: {text: c}}", "{call: draw, with: {text: c}}")
    spec = spec.replace("turns:", "  - 'desk:draw'\n    turns:")
    code = DRAWING.replace("def work", "def draw(text: str):\n    " + GIVES + "\n\ndef work")
    found = recorded(GIVES, f"{GIVES} ", spec=spec, code=code).one()
    assert (found.verdict, found.stale) == ("passed", None)


def test_keys_of_known_shapes_are_compared_by_their_placeholders(recorded):
    """A key that nobody named is a placeholder in the recording, and the tool that gives it gives what was recorded."""
    project = recorded("return ['ghp_' + 'a1B2' * 9]", "return ['ghp_' + 'a1B2' * 9] ")
    assert "a1B2" not in (project.root / "cassettes/a.yaml").read_text("utf-8")
    assert project.one().verdict == "passed"
    project.edit("desk.py", "* 9]", "* 9, 1]")
    found = project.one()
    assert (found.verdict, "a1B2" in repr(found)) == ("failed", False)
