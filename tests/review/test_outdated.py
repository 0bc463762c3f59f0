"""A spec that was edited after its recording: what is known of it without a run is what a run says."""

from __future__ import annotations

import pytest
from review_projects import KEYED, NAME
from servers import Answer

from convrun.cassette.files import load
from convrun.review.judge import judge_of
from convrun.review.outdated import outdated_parts
from convrun.review.transcripts import transcript
from convrun.run.planning.options import RunOptions
from convrun.run.project import open_project, planned


def outdated(project, name=NAME):
    """The parts of a conversation that its spec has otherwise than its recording."""
    opened = open_project([name], cwd=project.root, environ={}, overrides={})
    (plan,) = planned(opened, RunOptions()).conversations
    (found,) = transcript(load(plan.cassette, plan.cassette_shown), single=True).conversations
    return outdated_parts(judge_of(plan, root=project.root), found.turns)


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("You sell rooms.", "You rent rooms.", ("system prompt",)),
        ("system: You sell rooms.", "", ("system prompt",)),
        ("system: You sell rooms.", "system: '{{ what }}'\nvars: {what: You rent rooms.}", ("system prompt",)),
        ("- user: Thanks", "- {user: Thanks, system: Be kind.}", ("system prompt",)),
        ("gpt-4.1-mini", "gpt-4.1", ("model",)),
        ("- user: Hello", "- user: Hello there", ("user text of turn 1",)),
        ("system:", "options: {temperature: 0}\nsystem:", ("option 'temperature'",)),
        ("- user: Thanks", "- {user: Thanks, options: {seed: 1}}", ("option 'seed'",)),
        ("- user: Thanks", "- user: Thanks\n  - user: Bye", ("turn 4, which was not recorded",)),
        ("- user: Hello\n", "- user: Hello\n    skip: later\n", ("turns that it no longer has",)),
    ],
)
def test_what_a_run_calls_stale_is_outdated(desk, old, new, parts):
    """Texts, model, options and turns that were edited are named, and a run says that the recording is stale."""
    assert outdated(desk.project) == ()
    desk.project.edit(NAME, old, new)
    assert outdated(desk.project) == parts
    assert desk.project.one(NAME).verdict == "stale"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("contains: Welcome", "contains: Greetings"),
        ("system: You sell rooms.", "system: '{{ what }}'\nvars: {what: You sell rooms.}"),
        ("- user: Thanks", "# no more"),
        ("system:", "options: {temperature: 0}\ncassette: {ignore: [/temperature]}\nsystem:"),
        ("You sell rooms.", "You rent rooms.\ncassette: {ignore: [/messages/0/content]}"),
    ],
)
def test_what_a_run_plays_is_not_outdated(desk, old, new):
    """An edit of checks, one that sends the same, and what `ignore` leaves out outdate nothing."""
    desk.project.edit(NAME, old, new)
    assert outdated(desk.project) == ()
    assert desk.project.one(NAME, keep_going=True).verdict != "stale"


REFUSED = "expect_error: {status: 400}"


@pytest.mark.parametrize(
    "turns",
    [
        f"[{{user: a, system: Be kind., {REFUSED}}}, {{user: b}}]",
        f"[{{user: a, {REFUSED}}}, {{user: a}}, {{user: b}}]",
    ],
)
def test_a_turn_that_is_refused_outdates_nothing(project, loopback, turns):
    """It leaves no system prompt behind, and the turn that repeats it is one of its own."""
    project.write(NAME, f"model: gpt-4.1-mini\nsystem: Be brief.\nturns: {turns}\n")
    loopback.says(Answer(status=400, body={"error": {"message": "no"}}), "ok")
    project.record(environ=KEYED, base_url=loopback.base_url)
    assert project.one(NAME).verdict == "passed"
    assert outdated(project) == ()


def test_what_only_a_run_knows_is_not_guessed(desk):
    """Hooks may say what they like, so of their conversations nothing is said."""
    desk.project.edit("desk.py", '"""Prices."""', "def hook(conversation):\n    yield\n")
    desk.project.edit(NAME, "system: You sell rooms.", "hooks: {before_conversation: 'desk:hook'}")
    assert outdated(desk.project) == ()


STUBBED = """
    model: {script: [[{call: work, with: {text: a}}, {call: work, with: {text: b}}, {call: told}], {reply: ok}]}
    vars: {colour: red}
    tools:
      - use: 'desk:work'
        policy: stub
        returns: [{when: {text: a}, returns: '{{ colour }}'}, {returns: {b: 1}}]
      - {declare: {name: told}, policy: stub, returns: sunny}
    turns: [{user: Go}]
"""


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("returns: sunny", "returns: rain", ("what the stub 'told' returns",)),
        ("colour: red", "colour: blue", ("what the stub 'work' returns",)),
        ("{b: 1}", "{b: 2}", ("what the stub 'work' returns",)),
        ("when: {text: a}, returns: '{{ colour }}'", "when: {text: a}, raises: no", ("what the stub 'work' returns",)),
        ("when: {text: a}, returns: '{{ colour }}'", "when: {text: {matches: ^a}}, returns: red", ()),
        ("returns: {b: 1}", "returns: '{\"b\": 1}'", ()),
    ],
)
def test_an_edited_stub_outdates_what_it_gave(project, old, new, parts):
    """A stub's value is known without code: what a run calls stale for it is outdated, and nothing else is."""
    project.write(NAME, STUBBED)
    project.write("desk.py", "def work(text: str):\n    raise SystemExit\n")
    project.record()
    assert outdated(project) == ()
    project.edit(NAME, old, new)
    assert outdated(project) == parts
    assert project.one(NAME).verdict == ("stale" if parts else "unchecked")


@pytest.mark.parametrize("how", ["a hook", "a wrong argument"])
def test_what_a_stub_alone_did_not_make_outdates_nothing(project, how):
    """Where a hook, or the signature of the function, has made the result, nothing is known without code."""
    spec = (
        STUBBED.replace("{call: work, with: {text: b}}", "{call: work, with: {txt: b}}") if how != "a hook" else STUBBED
    )
    project.write(NAME, f"{spec}    hooks: {{after_call: 'desk:loud'}}\n" if how == "a hook" else spec)
    project.write(
        "desk.py",
        """
        import convrun

        def work(text: str):
            raise SystemExit

        def loud(tool, call, result):
            return convrun.ToolResult(result.name, f"{result.output}!")
        """,
    )
    project.record()
    assert (outdated(project), project.one(NAME).verdict) == ((), "unchecked")
