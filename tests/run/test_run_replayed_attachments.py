"""Attachments that tools handed to the model: recorded, they come back with the results of replayed tools."""

from __future__ import annotations

CODE = """
    import convrun

    PNG = b"\\x89PNG\\r\\n\\x1a\\n"

    def draw(what: str) -> convrun.ToolOutput:
        image = convrun.Attachment(content=PNG + what.encode(), detail="low")
        link = convrun.Attachment(url="https://example.com/image?of=it", type="image/jpeg")
        return convrun.ToolOutput(f"a {what}", attachments=[image, link])

    def hum(what: str) -> convrun.ToolOutput:
        sound = convrun.Attachment(content=what.encode(), type="audio/wav")
        return convrun.ToolOutput("hm", attachments=[sound])
"""
SPEC = """
    model: {script: [[{call: draw, with: {what: cat}}, {call: hum, with: {what: tune}}], {reply: Nice.}, {reply: Bye.}]}
    tool_policy: live
    tools: ['studio:draw', 'studio:hum']
    turns:
      - user: Draw a cat and hum.
        expect: [{called: {tool: draw, returns: a cat}}, {equals: Nice.}]
      - user: Bye.
        expect: [{equals: Bye.}]
"""


def test_attachments_are_replayed_with_the_results(project):
    """Tools that are replayed give the recorded attachments too: no request differs, and no function is called."""
    project.write("studio.py", CODE)
    project.write("specs/a.yaml", SPEC)
    project.record()
    project.edit("specs/a.yaml", "tool_policy: live", "tool_policy: replay")
    project.edit("studio.py", "    image =", "    raise OSError\n    image =")
    project.edit("studio.py", "    sound =", "    raise OSError\n    sound =")
    found = project.one()
    assert (found.verdict, found.stale, found.model_calls, found.live_calls) == ("passed", None, 3, 0)


def test_attachments_of_a_live_tool_are_not_given_twice(project):
    """Where one tool of a reply is called and another one replayed, the attachments are those of the one called."""
    project.write("studio.py", CODE)
    project.edit("studio.py", 'convrun.ToolOutput("hm", attachments=[sound])', '"hm"')
    project.write("specs/a.yaml", SPEC.replace("'studio:hum'", "{use: 'studio:hum', policy: replay}"))
    project.record()
    found = project.one()
    assert (found.verdict, found.stale, found.model_calls) == ("passed", None, 3)
