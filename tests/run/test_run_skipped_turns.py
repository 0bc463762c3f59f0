"""What templates and results know of turns that have no reply."""

from __future__ import annotations

from projects import Project


def test_the_reply_of_a_skipped_turn_is_undefined(project: Project) -> None:
    """A template that reads what a skipped turn would have said is an error of its own turn, not an empty text."""
    project.write(
        "specs/a.yaml",
        "model: echo\n"
        "turns:\n"
        "  - {id: first, user: Hi, skip: later}\n"
        "  - user: 'You said {{ turns.first.reply }}'\n"
        "    expect: [{contains: You}]\n",
    )
    found = project.one("specs/a.yaml")
    assert [turn.verdict for turn in found.turns] == ["skipped", "error"]
    assert found.turns[1].error is not None
    assert "reply" in found.turns[1].error.message


def test_the_error_of_a_turn_is_the_conversations_error(project: Project) -> None:
    """Whoever reads only the conversation's result finds there what went wrong, and where."""
    project.write("specs/a.yaml", "model: {script: [{reply: one}]}\nturns: [{user: Hi}, {user: More}]\n")
    found = project.one("specs/a.yaml")
    assert found.verdict == "error"
    assert found.error is not None
    assert found.error == found.turns[1].error
