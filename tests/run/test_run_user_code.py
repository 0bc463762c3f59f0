"""Tools, hooks, constructors and checks that misbehave: one clear error, and the recording stays as it was."""

from __future__ import annotations

import json
import time

import pytest

CALLS = """
    model:
      script: [{call: work, with: {text: a}}, {reply: done}]
    tools: ['desk:work']
    turns:
      - user: Go
        expect: [{equals: done}]
"""
TOOLBOX = CALLS.replace("desk:work", "desk:Box").replace("call: work", "call: Box_work")
HOOKED = f"{CALLS}    hooks: {{HOOK: 'desk:hook'}}\n"
GOOD = """
    def work(text: str) -> str:
        return text
"""


def broken(project, *, spec=CALLS, code, **options):
    """Run a spec whose code is broken; return the result of its only conversation."""
    project.write("specs/a.yaml", spec)
    project.write("desk.py", code)
    return project.one(**options)


def only_error(result):
    """The error of the only turn, which has no reply and no checks."""
    (turn,) = result.turns
    assert (result.verdict, turn.verdict, turn.reply, turn.checks) == ("error", "error", None, ())
    return turn.error


def test_what_a_tool_prints_stays_out_of_the_report(project):
    """Prints, writes to descriptor 1 and a subprocess's output reach stderr; the JSON on stdout is whole."""
    project.write("specs/a.yaml", CALLS)
    project.write(
        "desk.py",
        """
        import os, subprocess, sys
        print("at import")
        def work(text: str) -> str:
            print("printed")
            sys.__stdout__.write("past the redirection\\n")
            os.write(1, b"written\\n")
            subprocess.run([sys.executable, "-c", "print('by a child')"], check=True)
            return text
        """,
    )
    ended = project.cli("run", "--report", "json")
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["summary"]["passed"] == 1
    for said in ("at import", "printed", "past the redirection", "written", "by a child"):
        assert said in ended.stderr


def test_a_tool_that_raises_is_told_to_the_model(project):
    """An exception of a tool is its result, `Error: …`, and the conversation goes on."""
    result = broken(project, code="def work(text: str):\n    raise ValueError('no such text')")
    (call,) = result.turns[0].tool_calls
    assert (result.verdict, call.result, call.error) == (
        "passed", "Error: no such text", "ValueError: no such text",
    )  # fmt: skip


def test_a_tool_that_exits_is_told_to_the_model(project):
    """`sys.exit` in a tool does not end the run."""
    result = broken(project, code="import sys\ndef work(text: str):\n    sys.exit(0)")
    assert result.verdict == "passed"
    assert result.turns[0].tool_calls[0].result.startswith("Error: ")


def test_an_async_tool_that_is_cancelled_is_told_to_the_model(project):
    """CancelledError of a tool ends that tool, not the run."""
    result = broken(project, code="import asyncio\nasync def work(text: str):\n    raise asyncio.CancelledError")
    assert (result.verdict, result.turns[0].tool_calls[0].result) == ("passed", "Error: the coroutine was cancelled")


def test_a_result_that_is_not_json_is_told_to_the_model(project):
    """What a tool returns must be text or JSON; else the model hears of the error."""
    result = broken(project, code="def work(text: str):\n    return object()")
    (call,) = result.turns[0].tool_calls
    assert call.result.startswith("Error: ")
    assert "object" in call.result
    assert call.error


@pytest.mark.parametrize(
    "body",
    [
        "time.sleep(30)",
        "\n        while True: pass",
        "\n        while True:\n            try: time.sleep(30)\n            except Exception: pass",
        "\n        try: time.sleep(30)\n        except BaseException: return text",
    ],
    ids=["sleeps", "spins", "catches exceptions", "catches everything"],
)
def test_a_tool_that_never_returns_is_an_error(project, body):
    """A tool is ended after `tool_timeout`; the turn is an error that names the tool."""
    began = time.monotonic()
    result = broken(
        project,
        spec=f"{CALLS}    tool_timeout: 200ms\n",
        code=f"""
    import time
    def work(text: str) -> str:
        {body}
    """,
    )
    error = only_error(result)
    assert (error.type, error.message) == ("ToolTimeoutError", "tool 'work' did not return within 0.2 s")
    assert error.fix == "make it faster, or raise tool_timeout"
    assert time.monotonic() - began < 20  # of 30


@pytest.mark.parametrize(
    ("when", "parameters"),
    [("before_call", "tool, call"), ("after_call", "tool, call, result"), ("before_conversation", "conversation")],
)
def test_a_hook_that_raises_is_an_error(project, when, parameters):
    """Whichever hook raises, the conversation is an error that names the hook and what it raised."""
    code = f"{GOOD}\n    def hook({parameters}):\n        raise RuntimeError('not today')\n"
    result = broken(project, spec=HOOKED.replace("HOOK", when), code=code)
    error = result.error if when == "before_conversation" else only_error(result)
    assert result.verdict == "error"
    assert (error.type, error.message) == ("HookError", "hook 'hook' raised RuntimeError: not today")
    assert error.where.file == "specs/a.yaml"


@pytest.mark.parametrize("code", ["0", "1"])
@pytest.mark.parametrize(
    ("when", "parameters"),
    [("before_call", "tool, call"), ("after_call", "tool, call, result"), ("before_conversation", "conversation")],
)
def test_a_hook_that_exits_is_an_error(project, when, parameters, code):
    """`sys.exit` in a hook does not end the run, least of all as a success."""
    code = f"{GOOD}\n    def hook({parameters}):\n        raise SystemExit({code})\n"
    result = broken(project, spec=HOOKED.replace("HOOK", when), code=code)
    assert result.verdict == "error"


EVIL = """
    class E(Exception):
        def __str__(self):
            raise SystemExit(0)
        @property
        def __notes__(self):
            raise SystemExit(0)
"""


CHECKED = CALLS.replace("equals: done", "python: 'desk:check'")


@pytest.mark.parametrize(
    ("spec", "code", "verdict", "said"),
    [
        (CALLS, "def work(text: str):\n        raise E", "passed", "E"),
        (
            HOOKED.replace("HOOK", "before_call"),
            f"def hook(*_):\n        raise E{GOOD}",
            "error",
            "hook 'hook' raised E",
        ),
        (CHECKED, f"def check(context):\n        raise E{GOOD}", "error", "the check raised E"),
        (
            CHECKED,
            f"class F(E, AssertionError):\n        pass\n    def check(context):\n        raise F{GOOD}",
            "failed",
            "expected desk:check to hold, this is not so: raise F",
        ),
    ],
)
def test_an_exception_that_ends_the_process_when_it_is_asked_what_it_is(project, spec, code, verdict, said):
    """An exception whose own words call `sys.exit` is told by its name, and does not end the run as a success."""
    result = broken(project, spec=spec, code=f"{EVIL}    {code}\n")
    (turn,) = result.turns
    told = [*(one.message for one in turn.checks if one.message), *(one.error for one in turn.tool_calls)]
    assert (result.verdict, [turn.error.message] if turn.error else told[:1]) == (verdict, [said])


def test_a_hook_may_raise_behind_its_yield(project):
    """What raises after the conversation makes it an error: its clean-up did not happen."""
    code = f"{GOOD}\n    def hook(conversation):\n        yield\n        raise RuntimeError('still dirty')\n"
    result = broken(project, spec=HOOKED.replace("HOOK", "before_conversation"), code=code)
    assert (result.verdict, result.error.message) == ("error", "hook 'hook' raised RuntimeError: still dirty")


def test_a_hook_can_cancel_a_call(project):
    """CancelToolCall: the tool is not called, and the model is told why."""
    code = """
    import convrun
    def work(text: str) -> str:
        raise AssertionError("is not called")
    def hook(tool, call):
        raise convrun.CancelToolCall("not on Sundays")
    """
    result = broken(project, spec=HOOKED.replace("HOOK", "before_call"), code=code)
    assert (result.verdict, result.turns[0].tool_calls[0].result) == ("passed", "Cancelled: not on Sundays")


@pytest.mark.parametrize("raised", ["ValueError('no room')", "SystemExit(0)"])
def test_a_constructor_that_raises_is_an_error(project, raised):
    """A toolbox that cannot be made is an error at its place in the spec; no turn was begun."""
    code = f"""
    import convrun
    class Box(convrun.Toolbox):
        def __init__(self):
            raise {raised}
        def work(self, text: str) -> str:
            return text
    """
    result = broken(project, spec=TOOLBOX, code=code)
    assert (result.verdict, result.turns) == ("error", ())
    assert result.error.message.startswith("the constructor of 'desk:Box' raised ")
    assert (result.error.where.file, result.error.where.line) == ("specs/a.yaml", 3)


def test_a_toolbox_that_cannot_prepare_is_an_error(project):
    """`prepare` is the user's code as well: what it raises is an error of the conversation."""
    code = """
    import convrun
    class Box(convrun.Toolbox):
        def prepare(self):
            raise ValueError("no tools today")
        def work(self, text: str) -> str:
            return text
    """
    result = broken(project, spec=TOOLBOX, code=code)
    assert (result.verdict, result.turns) == ("error", ())
    assert "no tools today" in result.error.message


@pytest.mark.parametrize("raised", ["KeyError('x')", "SystemExit(0)", "RecursionError()"])
def test_a_check_that_crashes_is_an_error(project, raised):
    """A `python` check that raises is an error, whatever it raises; its traceback is kept."""
    spec = CALLS.replace("{equals: done}", "{python: 'desk:check'}")
    result = broken(project, spec=spec, code=f"{GOOD}\n    def check(context):\n        raise {raised}\n")
    (check,) = result.turns[0].checks
    assert (result.verdict, check.verdict) == ("error", "error")
    assert "in check" in check.details


MUTE = """
    class Mute(Exception):
        def __str__(self):
            raise ValueError("says nothing")
"""


def test_an_exception_that_cannot_say_what_it_is_ends_no_run(project):
    """One whose text raises is named by its type, wherever it was raised."""
    raising = "    raise Mute\n"
    told = broken(project, code=f"{MUTE}\n    def work(text: str):\n    {raising}")
    assert (told.verdict, told.turns[0].tool_calls[0].result) == ("passed", "Error: Mute")
    code = f"{MUTE}\n{GOOD}\n    def hook(tool, call):\n    {raising}"
    hooked = broken(project, spec=HOOKED.replace("HOOK", "before_call"), code=code)
    assert only_error(hooked).message == "hook 'hook' raised Mute"
    spec = CALLS.replace("{equals: done}", "{python: 'desk:check'}")
    checked = broken(project, spec=spec, code=f"{MUTE}\n{GOOD}\n    def check(context):\n    {raising}")
    assert checked.turns[0].checks[0].message == "the check raised Mute"


VALUES = {
    "itself": ("x = []; x.append(x); return x", "Circular reference"),
    "depths": ("\n        x = []\n        for _ in range(100_000): x = [x]\n        return x", "recursion"),
    "no number": ("return float('nan')", "not JSON"),
    "a huge number": ("return 10**5000", "not JSON"),
    "bytes": ("return b'abc'", "bytes"),
    "pairs as keys": ("return {(1, 2): 3}", "not JSON"),
    "a generator": ("yield 1", "generator"),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_result_of_any_kind_ends_no_run(project, name):
    """What is not JSON is an error that the model is told, and so it is replayed."""
    body, said = VALUES[name]
    result = broken(project, code=f"def work(text: str):\n        {body}\n", record="all")
    assert said in result.turns[0].tool_calls[0].result
    assert project.one().verdict == "passed"


def test_a_text_enumeration_is_its_value(project):
    """A member that prints otherwise goes out as the text that it is."""
    code = """
    from enum import Enum
    class Colour(str, Enum):
        RED = "red"
    def work(text: str):
        return Colour.RED
    """
    result = broken(project, code=code, record="all")
    assert f"{result.turns[0].tool_calls[0].result}" == "red"
    assert project.one().verdict == "passed"


def test_nothing_recorded_is_lost_by_a_broken_hook(project):
    """Whatever the hook raises, replaying and recording leave the cassette as it was."""
    broken(project, code=GOOD)
    recorded = project.root / project.record().cassette
    before = recorded.read_bytes()
    spec = HOOKED.replace("HOOK", "before_call")
    code = f"{GOOD}\n    def hook(tool, call):\n        raise RuntimeError('not today')\n"
    for mode in ("none", "once", "new_episodes", "all"):
        project.write("specs/a.yaml", spec)
        project.write("desk.py", code)
        assert project.one(record=mode).verdict == "error"
        assert recorded.read_bytes() == before
    assert [path.name for path in recorded.parent.iterdir()] == [recorded.name]


def test_tracebacks_are_shown_with_vv_only(project):
    """An error says where, what and how to mend it in a few lines; -vv adds the traceback of the user's code."""
    project.write("specs/a.yaml", HOOKED.replace("HOOK", "after_call"))
    project.write("desk.py", f"{GOOD}\n    def hook(tool, call, result):\n        raise RuntimeError('not today')\n")
    short, long = (project.cli("run", *more) for more in ((), ("-vv",)))
    assert (short.returncode, long.returncode) == (4, 4)
    assert "Traceback" not in short.stdout + short.stderr
    assert "hook 'hook' raised RuntimeError: not today" in short.stdout
    assert "specs/a.yaml:5:" in short.stdout
    assert "mend the hook" in short.stdout
    assert "Traceback" in long.stdout
    assert "desk.py" in long.stdout
