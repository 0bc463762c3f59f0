"""What templates and results know of turns that have no reply."""

from __future__ import annotations

import json

import pytest
from projects import Project


@pytest.mark.parametrize("silent", [{"skip": "later"}, {"expect_error": {"status": 400}}], ids=["skip", "error"])
@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("You said {{ turns.first.reply }}", "turns.first has no 'reply'"),
        ("{{ turns[0].reply | upper }}", "turns[0] has no 'reply'"),
        ("{{ turns[-1]['tool_calls'][0].name }}", "turns[-1] has no 'tool_calls'"),
        ("{% for call in turns.first.tool_calls %}x{% endfor %}", "turns.first has no 'tool_calls'"),
        ("{% if turns.first.reply %}x{% endif %}", "turns.first has no 'reply'"),
    ],
)
@pytest.mark.parametrize("place", ["user", "check", "end"])
def test_to_read_a_reply_that_cannot_be_there_is_a_mistake(
    project: Project, silent: dict[str, object], template: str, shown: str, place: str
) -> None:
    """It says why before anything is paid for, at the template; a turn itself is the last one to its checks."""
    shown, template = (text.replace("[-1]", "[-2]" if place != "user" else "[-1]") for text in (shown, template))
    second = {"user": template} if place == "user" else {"user": "x"}
    checks = [{"contains": template}]
    more = {"expect": checks} if place == "end" else {}
    second |= {"expect": checks} if place == "check" else {}
    project.write(
        "specs/a.yaml", json.dumps({"model": "echo", "turns": [{"user": "Hi", "id": "first"} | silent, second], **more})
    )
    (found,) = project.mistakes()
    why = "the turn is skipped" if "skip" in silent else "the turn expects an error in the place of a reply"
    assert f"{shown}: {why}" in found
    assert "| default('') }}" in found


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ turns.first.reply | default('nothing') }}", "nothing"),
        ("{{ turns.first.reply is defined }}", "false"),
        ("{% if turns.first.reply is defined %}{{ turns.first.reply }}{% else %}no{% endif %}", "no"),
        ("{{ turns.first.reply if turns.first.reply is defined else 'no' }}", "no"),
        ("{{ turns.first.id }}", "first"),
        ("{{ turns[-1].index }}", "1"),
    ],
)
def test_what_a_skipped_turn_has_may_be_read(project: Project, template: str, said: str) -> None:
    """Where it stands, and whether there is a reply; what asks first is no mistake."""
    turns = [{"user": "Hi", "id": "first", "skip": "later"}, {"user": template}]
    project.write("specs/a.yaml", json.dumps({"model": "echo", "turns": turns}))
    assert project.one("specs/a.yaml").turns[1].reply == said


def test_a_skipped_turn_may_read_what_it_likes(project: Project) -> None:
    """Its texts are never rendered."""
    turns = [{"user": "Hi", "skip": "later"}, {"user": "{{ turns[0].reply }}", "skip": "later"}, {"user": "x"}]
    project.write("specs/a.yaml", json.dumps({"model": "echo", "turns": turns}))
    assert project.one("specs/a.yaml").verdict == "unchecked"


def test_the_reply_of_a_skipped_turn_is_undefined(project: Project) -> None:
    """Where only the run shows which turn is read, it is an error of the reading turn, in words for people."""
    turns = [{"user": "Hi", "skip": "later"}, {"user": "{{ turns[turns | length - 1].reply }}"}]
    project.write("specs/a.yaml", json.dumps({"model": "echo", "turns": turns}))
    found = project.one("specs/a.yaml")
    assert [turn.verdict for turn in found.turns] == ["skipped", "error"]
    assert found.turns[1].error is not None
    assert found.turns[1].error.message == "a turn that was passed over or refused has no 'reply'"
    assert found.turns[1].error.fix == "it has index, id, user"


def test_a_field_that_no_turn_has_is_named_in_words(project: Project) -> None:
    """No name of a class of ours is in the message."""
    project.write(
        "specs/a.yaml", json.dumps({"model": "echo", "turns": [{"user": "Hi"}, {"user": "{{ turns[0].replay }}"}]})
    )
    error = project.one("specs/a.yaml").error
    assert error is not None
    assert error.message == "a turn has no 'replay'"


def test_the_error_of_a_turn_is_the_conversations_error(project: Project) -> None:
    """Whoever reads only the conversation's result finds there what went wrong, and where."""
    project.write("specs/a.yaml", "model: {script: [{reply: one}]}\nturns: [{user: Hi}, {user: More}]\n")
    found = project.one("specs/a.yaml")
    assert found.verdict == "error"
    assert found.error is not None
    assert found.error == found.turns[1].error
