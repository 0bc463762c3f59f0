"""The hooks around a whole conversation: what follows their yield, and what they may not be."""

from __future__ import annotations

from projects import Project

SPEC = """
model: {{script: [{{reply: one}}, {{reply: two}}]}}
hooks: {{before_conversation: [{hooks}]}}
turns: [{{user: Hi, expect: [{{equals: one}}]}}]
"""


def test_an_async_hook_is_refused(project: Project) -> None:
    """It would never be awaited, and what it was meant to do never be done."""
    project.write("around.py", "async def plain(conversation): ...\nasync def generator(conversation):\n    yield\n")
    project.write("specs/a.yaml", SPEC.format(hooks="'around:plain', 'around:generator'"))
    found = project.mistakes()
    assert ["'plain' is async" in found[0], "'generator' is async" in found[1]] == [True, True]


def test_a_second_yield_is_an_error(project: Project) -> None:
    """What stands behind it would never run."""
    project.write("around.py", "def twice(conversation):\n    yield\n    yield\n")
    project.write("specs/a.yaml", SPEC.format(hooks="'around:twice'"))
    result = project.one()
    assert (result.verdict, result.error and result.error.message) == ("error", "hook 'twice' yields twice")


def test_every_hook_is_ended_whatever_the_others_raise(project: Project) -> None:
    """One that raises behind its yield does not keep the ones before it from cleaning up."""
    project.write(
        "around.py",
        "from pathlib import Path\n"
        "def first(conversation):\n    yield\n    Path(__file__).with_name('ended').touch()\n"
        "def second(conversation):\n    yield\n    raise ValueError('no')\n",
    )
    project.write("specs/a.yaml", SPEC.format(hooks="'around:first', 'around:second'"))
    assert project.one().verdict == "error"
    assert (project.root / "ended").exists()


def test_what_a_hook_asks_the_model_is_in_the_recording(project: Project) -> None:
    """A prompt behind the yield is recorded with the rest, and replays."""
    project.write(
        "around.py", "def asks(conversation):\n    yield\n    assert conversation.prompt('Bye').text() == 'two'\n"
    )
    project.write("specs/a.yaml", SPEC.format(hooks="'around:asks'"))
    assert project.record().verdict == "passed"
    replayed = project.one()
    assert (replayed.verdict, replayed.findings) == ("passed", ())


def test_a_case_that_lacks_a_name_is_named(project: Project) -> None:
    """A misspelt key of one row is that row's mistake, not the template's."""
    project.write(
        "specs/a.yaml",
        "model: echo\n"
        "cases:\n"
        "  - {id: rome, city: Rome}\n"
        "  - {id: oslo, ctiy: Oslo}\n"
        "turns: [{user: 'To {{ city }}', expect: [{contains: To}]}]\n",
    )
    (mistake,) = project.mistakes()
    assert mistake.startswith("specs/a.yaml:4:")
    assert "the case 'oslo' has no 'city'" in mistake
    assert mistake.endswith("(did you mean 'ctiy'?)")
