"""The table of tool policies: what each does with the function, the model, a difference and the hooks, cell by cell."""

from __future__ import annotations

import json

import pytest
from servers import Answer, chunk, event_stream

CODE = '''
    from pathlib import Path

    import convrun

    LOG = Path(__file__).with_name("log.txt")

    def write(text):
        with LOG.open("a", encoding="utf-8") as log:
            log.write(f"{text}\\n")

    def upper(text: str) -> str:
        """In capitals."""
        write(f"called {text}")
        return text.upper()

    class Box(convrun.Toolbox):
        def upper(self, text: str) -> str:
            """In capitals."""
            write(f"called {text}")
            return text.upper()

    def before(tool, call):
        write(f"before {call.arguments['text']}")

    def after(tool, call, result):
        write(f"after {result.output}")

    def around(conversation):
        write(f"replaying {conversation.replaying}")
'''
SPEC = """
    model: MODEL
    tools: [{use: 'desk:USE', policy: live}]
    hooks: {before_call: 'desk:before', after_call: 'desk:after', before_conversation: 'desk:around'}
    turns:
      - user: Go
        expect: [{called: NAME}, {equals: done}]
      - user: Bye
        expect: [{equals: bye}]
"""
SCRIPT = "{script: [[{call: NAME, with: {text: b}}, {call: NAME, with: {text: c}}], {reply: done}, {reply: bye}]}"
STUB = "returns: [{when: {text: b}, returns: B}, {returns: C}]"
POLICIES = {
    "live": "policy: live",
    "verify": "policy: verify",
    "replay": "policy: replay",
    "stub": f"policy: stub, {STUB}",
}
CALLED = {"live", "verify"}
SPEC_FILE = "specs/a.yaml"


def log(project):
    """What the code wrote since this was asked last."""
    path = project.root / "log.txt"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def with_policy(project, policy):
    """Give the tool another policy."""
    project.edit(SPEC_FILE, "policy: live", POLICIES[policy])


def streams(received):
    """What a live model says, piece by piece: two calls to what the user says first, then texts."""
    messages = received.body["messages"]
    assert received.body["stream"] is True
    if messages[-1]["role"] == "tool" or len(messages) > 1:
        pieces = [chunk(content="done" if messages[-1]["role"] == "tool" else "bye"), chunk("stop")]
    else:
        calls = [
            {"index": index, "id": f"call_{text}", "type": "function",
             "function": {"name": "upper", "arguments": json.dumps({"text": text})}}
            for index, text in enumerate("bc")
        ]  # fmt: skip
        pieces = [chunk(tool_calls=calls), chunk("tool_calls")]
    return Answer(body=event_stream(*pieces), headers={"content-type": "text/event-stream"})


@pytest.fixture
def recorded(project, request):
    """A project whose conversation is recorded with live tools, and what they wrote forgotten."""
    kind = getattr(request, "param", "function")
    use, name = ("Box", "Box_upper") if kind == "toolbox" else ("upper", "upper")
    model = SCRIPT
    if kind == "streamed":
        loopback = request.getfixturevalue("loopback").says(streams)
        model = f"{{name: m, base_url: '{loopback.base_url}', stream: true, max_retries: 0}}"
    project.write(SPEC_FILE, SPEC.replace("MODEL", model).replace("USE", use).replace("NAME", name))
    project.write("desk.py", CODE)
    assert project.record().verdict == "passed"
    assert log(project)[0] == "replaying False"
    return project


def results(result):
    """The results of the first turn's calls."""
    return [call.result for call in result.turns[0].tool_calls]


def of_tools(result):
    """The checks that verified tools made: verdict, expected and actual of each."""
    checks = [check for turn in result.turns for check in turn.checks if check.kind == "tool_result"]
    return [(check.verdict, check.expected, check.actual) for check in checks]


@pytest.mark.parametrize("recorded", ["function", "toolbox", "streamed"], indirect=True)
@pytest.mark.parametrize("policy", POLICIES)
def test_a_change_of_policy_needs_no_recording(recorded, policy):
    """Recorded with one policy, played with each: it passes, hooks fire, and the function is called where it should."""
    with_policy(recorded, policy)
    found = recorded.one()
    assert (found.verdict, found.stale, results(found), found.live_calls) == ("passed", None, ["B", "C"], 0)
    calls = [["called b"], ["called c"]] if policy in CALLED else [[], []]
    assert log(recorded) == [
        "replaying True", "before b", *calls[0], "after B", "before c", *calls[1], "after C",
    ]  # fmt: skip
    assert of_tools(found) == ([("passed", "B", "B"), ("passed", "C", "C")] if policy == "verify" else [])


@pytest.mark.parametrize("recorded", ["function", "toolbox", "streamed"], indirect=True)
@pytest.mark.parametrize("policy", POLICIES)
def test_what_a_difference_makes_of_a_conversation(recorded, policy):
    """Where the function or the stub gives something else: stale, a failed check, or nothing to be noticed."""
    with_policy(recorded, policy)
    recorded.edit("desk.py", "return text.upper()", "return text.upper() + '!'")
    if policy == "stub":
        recorded.edit(SPEC_FILE, "returns: B}, {returns: C}", "returns: B!}, {returns: C!}")
    found = recorded.one()
    stale = policy in {"live", "stub"}
    verdict = "stale" if stale else "failed" if policy == "verify" else "passed"
    assert (found.verdict, found.turns[0].verdict) == (verdict, verdict)
    assert results(found) == (["B!", "C!"] if stale else ["B", "C"])
    assert of_tools(found) == ([("failed", "B", "B!"), ("failed", "C", "C!")] if policy == "verify" else [])
    if stale:
        (first, second) = found.stale.changes
        assert first.part.startswith("tool result of '")
        assert (first.recorded, first.now, second.now) == ("B", "B!", "C!")
    else:
        assert found.stale is None


@pytest.mark.parametrize("policy", POLICIES)
def test_hooks_see_what_goes_on_to_the_model(recorded, policy):
    """Whatever the policy, hooks fire; of a verified tool that gives something else they are shown that, too."""
    with_policy(recorded, policy)
    recorded.edit("desk.py", "return text.upper()", "return text.upper() + '!'")
    recorded.one()
    seen = [line for line in log(recorded) if line.startswith(("before", "after"))]
    first = {
        "live": ["before b", "after B!"],
        "verify": ["before b", "after B", "after B!"],
        "replay": ["before b", "after B"],
        "stub": ["before b", "after B"],
    }[policy]
    assert seen[: len(first)] == first
    assert seen[len(first)] == "before c"


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("mode", ["all", "new_episodes"])
def test_tools_run_while_a_conversation_is_recorded(recorded, policy, mode):
    """From the first live call on live, verified and replayed tools run and are not compared; a stub stands in."""
    with_policy(recorded, policy)
    recorded.edit(SPEC_FILE, "user: Go", "user: Gone")
    recorded.edit("desk.py", "return text.upper()", "return text.upper() + '!'")
    found = recorded.one(record=mode)
    assert (found.verdict, found.stale, of_tools(found)) == ("passed", None, [])
    assert results(found) == (["B", "C"] if policy == "stub" else ["B!", "C!"])
    wrote = log(recorded)
    assert [line for line in wrote if "called" in line] == ([] if policy == "stub" else ["called b", "called c"])
    assert wrote[0] == f"replaying {mode == 'new_episodes'}"
    assert recorded.one().verdict == "passed"


@pytest.mark.parametrize("policy", POLICIES)
def test_the_prefix_that_a_recording_plays_is_like_a_replay(recorded, policy):
    """Before the first live call a tool does what it does on replay: a verified one is compared."""
    with_policy(recorded, policy)
    recorded.edit(SPEC_FILE, "user: Bye", "user: Good-bye")
    found = recorded.one(record="new_episodes")
    assert results(found) == ["B", "C"]
    assert [line for line in log(recorded) if "called" in line] == (
        ["called b", "called c"] if policy in CALLED else []
    )
    assert [verdict for verdict, _, _ in of_tools(found)] == (["passed", "passed"] if policy == "verify" else [])
    assert (found.verdict, recorded.one().verdict) == ("passed", "passed")


def test_a_difference_in_the_prefix_fails_a_recording(recorded):
    """A verified tool that differs before the first live call is a failed check, and the old result stays recorded."""
    with_policy(recorded, "verify")
    recorded.edit("desk.py", "return text.upper()", "return text.upper() + '!'")
    before = (recorded.root / "cassettes/a.yaml").read_bytes()
    found = recorded.one(record="new_episodes")
    assert (found.verdict, found.live_calls, [verdict for verdict, _, _ in of_tools(found)]) == (
        "failed", 0, ["failed", "failed"],
    )  # fmt: skip
    assert (recorded.root / "cassettes/a.yaml").read_bytes() == before


ERROR = """
    model: {script: [{call: work}, {reply: done}]}
    tools: [{use: 'desk:work', policy: POLICY}, {declare: {name: told}}]
    turns: [{user: Go, expect: [CHECK]}]
"""


@pytest.mark.parametrize("policy", ["live", "verify", "stub, returns: [{raises: no}]"])
def test_checks_see_what_a_tool_raises(project, policy):
    """What a tool raised is known where it is called, and where a stub raises it."""
    project.write("desk.py", "def work():\n    raise ValueError('no')\n")
    project.write(SPEC_FILE, ERROR.replace("POLICY", "live").replace("CHECK", "{called: {tool: work, error: no}}"))
    project.record()
    project.edit(SPEC_FILE, "policy: live", f"policy: {policy}")
    assert project.one().verdict == "passed"


@pytest.mark.parametrize(
    "check",
    [
        "{called: {tool: work, error: no}}",
        "{not: {called: {error: true, tool: work}}}",
        "{calls: {exactly: [{tool: work, error: false}]}}",
        "{called: {tool: told, error: no}}",
    ],
)
def test_what_a_replayed_tool_raises_cannot_be_checked(project, check):
    """A recording has only what the model was told: a check of more than that could not tell right from wrong."""
    project.write("desk.py", "def work():\n    raise ValueError('no')\n")
    project.write(SPEC_FILE, ERROR.replace("POLICY", "replay").replace("CHECK", check))
    (found,) = project.mistakes()
    column = f"turns: [{{user: Go, expect: [{check}".index("error") + 1
    assert found.startswith(f"{SPEC_FILE}:3:{column}: "), found
    assert "raises is in no recording, and with `policy: replay` it is not called" in found
