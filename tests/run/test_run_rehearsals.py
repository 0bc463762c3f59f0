"""A recording is rehearsed: with the tools, or on paper, where no code of the project is called."""

from __future__ import annotations

import pytest

from convrun.run.planning.options import Rehearsal

SPEC = """
    model:
      script: [{reply: one}, {call: upper, with: {text: b}}, {reply: two}, {reply: three}]
    system: Be brief.
    tools: ['desk:upper']
    hooks:
      before_call: ['desk:seen']
      after_call: ['desk:louder']
      before_conversation: ['desk:begins']
    turns:
      - user: First?
      - user: Second?
        expect: [{equals: two}]
      - user: Third?
        expect: [{python: 'desk:checked'}]
"""
CODE = '''
    """What runs leaves its name in a file."""
    from dataclasses import replace
    from pathlib import Path

    def ran(name):
        with Path(__file__).with_name("ran.txt").open("a") as file:
            file.write(f"{name} ")

    def upper(text: str) -> str:
        """Return it in capitals."""
        ran("tool")
        return text.upper()

    def seen(tool, call):
        ran("before")

    def louder(tool, call, result):
        ran("after")
        return replace(result, output=result.output + "!")

    def begins(conversation):
        ran("begins")

    def checked(context):
        ran("check")
        return True
'''
NAME, CASSETTE = "specs/a.yaml", "cassettes/a.yaml"


@pytest.fixture
def recorded(project):
    """A recorded project; `ran()` is what of its code was called since the last time."""
    project.write(NAME, SPEC)
    project.write("desk.py", CODE)

    def ran():
        path = project.root / "ran.txt"
        names = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return names

    project.ran = ran
    project.record()
    assert ran() == ["begins", "before", "tool", "after", "check"]
    return project


def rehearsed(project, how, **options):
    """The result of rehearsing the only conversation; nothing is written by that."""
    files = {path: path.read_bytes() for path in project.root.glob("cassettes/**/*")}
    result = project.one(record="new_episodes", refresh=True, rehearsal=how, **options)
    assert {path: path.read_bytes() for path in project.root.glob("cassettes/**/*")} == files
    assert result.live_calls == 0
    return result


@pytest.mark.parametrize("how", Rehearsal)
def test_what_matches_is_played_to_its_end(recorded, how):
    """A rehearsal of a fresh conversation runs its code and checks, on paper none of them."""
    result = rehearsed(recorded, how)
    with_tools = how is Rehearsal.WITH_TOOLS
    assert (result.verdict, result.model_calls) == ("passed" if with_tools else "unchecked", 4)
    assert recorded.ran() == (["begins", "before", "tool", "after", "check"] if with_tools else [])


@pytest.mark.parametrize("how", Rehearsal)
def test_it_ends_where_it_would_go_live(recorded, how):
    """An edited question ends it there: what differs is told, no check is judged, nothing behind it is played."""
    recorded.edit(NAME, "Third?", "Fourth?")
    result = rehearsed(recorded, how)
    assert (result.verdict, result.stale.turn, result.stale.model_call) == ("stale", 3, 1)
    assert [(one.part, one.now) for one in result.stale.changes] == [("user text", "Fourth?")]
    assert ([turn.verdict for turn in result.turns], result.checks) == (["passed", "passed", "stale"], ())
    assert all(not turn.checks for turn in result.turns)


def test_a_failing_check_stops_no_rehearsal(recorded):
    """As in a recording, checks are judged once every turn was played."""
    recorded.edit(NAME, "equals: two", "equals: no")
    result = rehearsed(recorded, Rehearsal.WITH_TOOLS)
    assert (result.verdict, [turn.verdict for turn in result.turns]) == ("failed", ["passed", "failed", "passed"])


def test_a_tool_that_answers_differently_shows_with_tools_only(recorded):
    """On paper tools give what was recorded, so that a new result is not known."""
    recorded.edit("desk.py", "text.upper()", "text.lower()")
    result = rehearsed(recorded, Rehearsal.WITH_TOOLS)
    assert [(one.part, one.recorded, one.now) for one in result.stale.changes] == [
        ("tool result of 'upper'", "B!", "b!")
    ]
    assert (result.stale.turn, result.stale.model_call) == (2, 2)
    assert rehearsed(recorded, Rehearsal.ON_PAPER).verdict == "unchecked"


@pytest.mark.parametrize("how", Rehearsal)
def test_a_changed_signature_is_seen(recorded, how):
    """Schemas are those of today's code, on paper too."""
    recorded.edit("desk.py", "text: str)", "text: str, times: int = 1)")
    result = rehearsed(recorded, how)
    assert [one.part for one in result.stale.changes] == ["tool 'upper': schema"]


@pytest.mark.parametrize("how", Rehearsal)
def test_without_a_cassette_it_is_missing(recorded, how):
    """Also an offline model's, as `record` would write it; nothing is played."""
    (recorded.root / CASSETTE).unlink()
    assert rehearsed(recorded, how).verdict == "missing"
    assert recorded.ran() == []


@pytest.mark.parametrize("how", Rehearsal)
def test_a_damaged_cassette_is_an_error(recorded, how):
    """It is told as in a run."""
    recorded.write(CASSETTE, "convrun: [\n")
    result = rehearsed(recorded, how)
    assert (result.verdict, result.error.type) == ("error", "CassetteError")


def test_a_hook_that_asks_the_model_something_new_makes_it_stale(recorded):
    """What would go live before the first turn is no error."""
    recorded.edit("desk.py", 'ran("begins")', 'conversation.prompt("New?").text()')
    result = rehearsed(recorded, Rehearsal.WITH_TOOLS)
    assert (result.verdict, result.error, result.stale.turn) == ("stale", None, 1)


@pytest.mark.parametrize("key", ["known_failure: it is so", "turns"])
def test_on_paper_a_known_failure_is_nothing_new(recorded, key):
    """Nothing is judged, so nothing can pass that is known to fail."""
    if key == "turns":
        recorded.edit(NAME, "- user: First?", "- user: First?\n    known_failure: it is so")
    else:
        recorded.edit(NAME, "system: Be brief.", "system: Be brief.\nknown_failure: it is so")
    assert rehearsed(recorded, Rehearsal.ON_PAPER).verdict == "unchecked"


BOXES = '''
    """Toolboxes: an object of one says so, and more tools are made at run time."""
    from pathlib import Path

    from convrun import Toolbox

    def ran(name):
        with Path(__file__).with_name("ran.txt").open("a") as file:
            file.write(f"{name} ")

    class Box(Toolbox):
        def __init__(self, size: int):
            ran("constructor")
            self.size = size

        def fill(self, count: int = 1) -> str:
            """Put something in."""
            return f"{count} of {self.size}"

        @staticmethod
        def colour(name: str) -> str:
            """Paint it."""
            return name

        @classmethod
        def weigh(cls) -> int:
            """Say what it weighs."""
            return 1

    class Shelf(Toolbox):
        def first(self) -> str:
            """Say what is first."""
            return "a"

        def prepare(self):
            ran("prepare")
            for name in ("second", "third"):
                self.add_tool(self.made(name))

        def made(self, name):
            def tool() -> str:
                return name
            tool.__name__ = name
            return tool

    def last() -> str:
        """Say what is last."""
        return "z"
'''
BOX = """
    model: {script: [{call: Box_fill, with: {count: 2}}, {call: second, with: {}}, {reply: done}]}
    tools:
      - {use: 'boxes:Shelf', as: Board}
      - {use: 'boxes:Box', with: {size: 3}}
      - boxes:last
    turns: [{user: Fill it}]
"""


@pytest.fixture
def boxed(project, recorded):
    """A recorded project with toolboxes, one of which has tools that only an object of it knows."""
    project.write(NAME, BOX)
    project.write("boxes.py", BOXES.replace("def made(", "def _made(").replace("self.made(", "self._made("))
    project.record()
    assert project.ran() == ["prepare", "constructor"]
    return project


def test_on_paper_no_object_of_a_toolbox_is_made(boxed):
    """Its schemas are made from the class; those of tools added at run time are the recorded ones."""
    result = rehearsed(boxed, Rehearsal.ON_PAPER)
    assert (result.verdict, result.stale) == ("unchecked", None)
    assert [(call.name, call.result) for call in result.turns[0].tool_calls] == [
        ("Box_fill", "2 of 3"),
        ("second", "second"),
    ]
    assert boxed.ran() == []


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("Put something in", "Put it in", "tool 'Box_fill': description"),
        ("colour(name: str)", "colour(name: int)", "tool 'Box_colour': schema"),
        ("def first", "def front", "tool 'Board_first': name"),
    ],
)
def test_on_paper_an_edited_method_is_seen(boxed, old, new, part):
    """A class whose methods changed is stale without an object of it."""
    boxed.edit("boxes.py", old, new)
    assert [one.part for one in rehearsed(boxed, Rehearsal.ON_PAPER).stale.changes] == [part]


def test_on_paper_a_removed_tool_is_seen(boxed):
    """Only a class that adds tools at run time answers for those that the code does not show."""
    boxed.edit(NAME, "  - boxes:last\n", "")
    boxed.edit(NAME, "  - {use: 'boxes:Shelf', as: Board}\n", "")
    assert rehearsed(boxed, Rehearsal.ON_PAPER).verdict == "stale"


def test_rehearsals_run_at_once_as_replays_do(recorded):
    """They never go live, so that processes of their own play them."""
    recorded.write("specs/b.yaml", SPEC)
    result = recorded.run(record="new_episodes", refresh=True, rehearsal=Rehearsal.WITH_TOOLS, jobs=2)
    assert [one.verdict for one in result.conversations] == ["passed", "missing"]
