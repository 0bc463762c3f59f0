"""Environment variables in specs of strangers: what none of them can send away."""

from __future__ import annotations

import pytest

ENVIRON = {"OPENAI_API_KEY": "sk-a-key-of-openai", "GROQ_API_KEY": "gsk-a-key", "TEAM_TOKEN": "a-token-of-a-team"}
CHECKED = "expect: [{contains: a}]"


@pytest.mark.parametrize(
    "text",
    [
        "turns: [{user: '{{ env.OPENAI_API_KEY }}'}]",
        "system: 'Use {{ env.OPENAI_API_KEY }}.'\nturns: [{user: Hi}]",
        "turns: [{user: Hi}, {user: Ho, system: '{{ env.OPENAI_API_KEY }}'}]",
        "history: [{user: '{{ env.OPENAI_API_KEY }}'}]\nturns: [{user: Hi}]",
    ],
)
@pytest.mark.parametrize("record", ["none", "all"])
def test_no_key_is_told_to_a_model(project, text, record):
    """The key of one provider reaches no other one, nor its own, as a part of what is said."""
    project.write("specs/a.yaml", f"model: groq/m\n{text}\n{CHECKED}\n")
    (mistake,) = project.mistakes(environ=ENVIRON, record=record)
    assert "env.OPENAI_API_KEY is a provider's key, and no key is told to a model" in mistake
    assert "sk-a-key" not in mistake


def test_a_tool_may_have_a_key(project):
    """Under `with:` it stays on this machine, in the user's own code."""
    project.write(
        "box.py",
        """
        import convrun

        class Box(convrun.Toolbox):
            def __init__(self, key: str) -> None:
                self.key = key

            def length(self) -> int:
                return len(self.key)
        """,
    )
    project.write(
        "specs/a.yaml",
        """
        model: {script: [{call: Box_length}, {reply: done}]}
        tools: [{use: 'box:Box', with: {key: '{{ env.OPENAI_API_KEY }}'}}]
        turns: [{user: Hi, expect: [{called: {tool: Box_length, returns: 18}}]}]
        """,
    )
    assert project.one(environ=ENVIRON).verdict == "passed"


def test_no_variable_is_part_of_an_address(project):
    """The provider fetches what an attachment names, and whoever answers there would see it."""
    attached = "attachments: [{url: 'https://example.com/{{ env.TEAM_TOKEN }}.png', type: image/png}]"
    project.write("specs/a.yaml", f"model: gpt-4.1-mini\nturns:\n  - user: Look\n    {attached}\n{CHECKED}\n")
    (mistake,) = project.mistakes(environ=ENVIRON)
    assert "env.TEAM_TOKEN would be part of an address that the provider asks for" in mistake
