"""What user code is given is its own: changing it changes nothing that is judged or reported."""

from __future__ import annotations

import pytest
from projects import Project

CODE = """
def order(items: list[str]) -> str:
    items.sort()
    items.pop()
    return "ok"

def before(tool, call):
    call.arguments["items"].append("from the hook")

def tampers(context):
    context.tool_calls[0].arguments["items"].clear()
    context.turns[0].tool_calls[0].arguments["items"].clear()
    context.vars["city"] = "Oslo"
"""


@pytest.mark.parametrize("extra", ["", "hooks: {before_call: 'desk:before'}\n"])
def test_checks_see_the_arguments_that_the_model_sent(project: Project, extra: str) -> None:
    """A tool, a hook and a check that change what they were given do not rewrite what the model called."""
    project.write("desk.py", CODE)
    project.write(
        "specs/a.yaml",
        "model: {script: [{call: order, with: {items: [b, a, c]}}, {reply: ok}]}\n"
        f"tools: ['desk:order']\n{extra}vars: {{city: Rome}}\n"
        "turns:\n"
        "  - user: hi\n"
        "    expect:\n"
        "      - python: desk:tampers\n"
        "      - called: {tool: order, with_exactly: {items: [b, a, c]}}\n",
    )
    result = project.one()
    assert result.verdict == "passed"
    assert result.turns[0].tool_calls[0].arguments == {"items": ["b", "a", "c"]}
    assert result.vars == {"city": "Rome"}
