"""`convrun.testing.run_spec`: specs run from texts and files in a test's process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from convrun.errors import SettingsError, SpecErrors, UsageError
from convrun.testing import explained, run_spec

CALLS: list[str] = []

GREETING = """
    model: echo
    turns:
      - user: Hi
        expect: [{equals: Hi}]
"""
DESK = """
    model: {script: [{call: desk_of, with: {}}, {reply: Done}]}
    tools: [desk:desk_of]
    turns: [{user: Whose, expect: [{called: {tool: desk_of, returns: ours}}]}]
"""


def remember(text: str) -> str:
    """Remember a text."""
    CALLS.append(text)
    return "noted"


def polite(context):
    """Say whether the reply has manners."""
    return "please" in context.reply


def live(loopback, reply="Hello"):
    """A spec whose model is the server on loopback."""
    loopback.says(reply)
    return f"""
        model: {{name: m, base_url: {loopback.base_url}}}
        turns: [{{user: Hi, expect: [{{equals: Hello}}]}}]
    """


def test_a_text_is_run():
    """It is dedented, and the result is that of a run."""
    result = run_spec(GREETING)
    assert result.passed
    (conversation,) = result.conversations
    assert (conversation.id, conversation.verdict, conversation.turns[0].reply) == ("spec.yaml", "passed", "Hi")


def test_a_failure_is_explained():
    """A failed check is not passed; explained() says what the console would, without a command that ran nothing."""
    result = run_spec(GREETING.replace("equals: Hi", "equals: Bye"))
    assert not result.passed
    text = explained(result)
    assert "FAILED spec.yaml, turn 1" in text
    assert "spec.yaml:5:15: equals: expected the reply to equal 'Bye', got 'Hi'" in text
    assert "1 conversation: 1 failed" in text
    assert "run just it" not in text


@pytest.mark.parametrize(
    ("spec", "verdict"),
    [
        ("model: echo\nturns: [{user: Hi}]", "unchecked"),
        ("model: echo\nskip: later\nturns: [{user: Hi, expect: [{equals: Hi}]}]", "skipped"),
        ("model: gpt-4.1-mini\nturns: [{user: Hi, expect: [{equals: Hi}]}]", "missing"),
        ("model: {script: [{reply: Hi}]}\nturns: [{user: Hi}, {user: Ho, expect: [{equals: Hi}]}]", "error"),
    ],
)
def test_only_what_was_checked_has_passed(spec, verdict):
    """A spec without a check, a skipped one, one without a cassette and a broken one did not pass."""
    result = run_spec(spec)
    assert [conversation.verdict for conversation in result.conversations] == [verdict]
    assert not result.passed


def test_a_skipped_case_keeps_the_others_passed():
    """One of several conversations may be skipped."""
    spec = """
        model: echo
        cases: [{id: a}, {id: b, skip: later}]
        turns: [{user: Hi, expect: [{equals: Hi}]}]
    """
    result = run_spec(spec)
    assert [conversation.verdict for conversation in result.conversations] == ["passed", "skipped"]
    assert result.passed


def test_mistakes_are_at_their_places_in_the_text():
    """All of them, with lines as in the text that was given, and pytest shows them with the error."""
    with pytest.raises(SpecErrors) as caught:
        run_spec(GREETING.replace("user", "usr").replace("model: echo", "modle: echo"))
    assert [str(error) for error in caught.value.errors] == [
        "spec.yaml:2:1: unknown key 'modle' in a spec (did you mean 'model'?)",
        "spec.yaml:4:5: unknown key 'usr' in a turn (did you mean 'user'?)",
    ]
    (note,) = caught.value.__notes__
    assert "    4 |   - usr: Hi\n      |     ^^^\n  did you mean 'user'?" in note


def test_import_paths_begin_at_the_callers_folder():
    """Without a root a test names its own module, the very one that is running."""
    CALLS.clear()
    before = [*sys.path]
    result = run_spec(f"""
        model: {{script: [{{call: remember, with: {{text: note}}}}, {{reply: 'Done, please'}}]}}
        tools: ['{__name__}:remember']
        turns: [{{user: Remember, expect: [{{called: remember}}, {{python: '{__name__}:polite'}}]}}]
    """)
    assert result.passed, explained(result)
    assert CALLS == ["note"]
    assert sys.path == before


def test_a_root_has_tools_settings_and_files(project):
    """Import paths, named files, settings and the cassettes' folder are those of the root; sys.path is left alone."""
    project.write("convrun.toml", "model = 'echo'\npythonpath = ['src']\n")
    project.write("src/desk_checks.py", "def short(context):\n    return len(context.reply) < 9\n")
    project.write("prompts/hi.md", "Hi")
    before = [*sys.path]
    spec = "turns: [{user: {file: prompts/hi.md}, expect: [{equals: Hi}, {python: desk_checks:short}]}]"
    result = run_spec(spec, root=project.root)
    assert result.passed, explained(result)
    assert sys.path == before


def test_each_root_has_its_own_modules(tmp_path):
    """Two roots with a module of one name run their own code, and what was imported before comes back."""
    for owner in ("mine", "ours"):
        (tmp_path / owner).mkdir()
        (tmp_path / owner / "desk.py").write_text(f"def desk_of() -> str:\n    'Whose.'\n    return {owner!r}\n")
    assert not run_spec(DESK, root=tmp_path / "mine").passed
    first = sys.modules["desk"]
    assert run_spec(DESK, root=tmp_path / "ours").passed
    assert sys.modules["desk"] is first
    assert not run_spec(DESK, root=tmp_path / "mine").passed


def test_a_text_is_recorded_and_played_below_its_root(tmp_path, loopback):
    """Its cassette has its name; the second run asks nobody."""
    spec = live(loopback)
    assert run_spec(spec, root=tmp_path, name="greeting", record="once").passed
    assert (tmp_path / "cassettes" / "greeting.yaml").is_file()
    assert run_spec(spec, root=tmp_path, name="greeting").passed
    assert len(loopback.requests) == 1
    changed = run_spec(spec.replace("user: Hi", "user: Ho"), root=tmp_path, name="greeting")
    assert changed.conversations[0].verdict == "stale"
    assert "- Hi\n    + Ho" in explained(changed)
    assert "convrun record" not in explained(changed)
    assert [entry.name for entry in tmp_path.iterdir()] == ["cassettes"]


def test_a_recording_is_not_thrown_away(loopback):
    """A text without a root has no place for a cassette."""
    with pytest.raises(UsageError, match="the cassette would be lost"):
        run_spec(live(loopback), record="once")
    assert loopback.requests == []


def test_a_path_is_run_in_its_project(project, monkeypatch):
    """The root is the nearest folder with settings; a case may be chosen; what fails is reproduced by a command."""
    project.write(
        "specs/city.yaml",
        """
        model: echo
        cases: [{id: paris, city: Paris}, {id: rome, city: Rome}]
        turns: [{user: '{{ city }}', expect: [{equals: Paris}]}]
        """,
    )
    monkeypatch.chdir(project.root)
    assert run_spec("specs/city.yaml::paris").passed
    result = run_spec(Path("specs/city.yaml"))
    assert [conversation.verdict for conversation in result.conversations] == ["passed", "failed"]
    assert "run just it: convrun run specs/city.yaml::rome" in explained(result)
    monkeypatch.chdir("/")
    assert run_spec(f"{project.root / 'specs' / 'city.yaml'}::paris").passed
    assert run_spec(project.root / "specs" / "city.yaml", root=project.root / "specs").conversations[0].id == (
        "city.yaml::paris"
    )


def test_vars_are_defined():
    """define= is -D: known vars are set, others refused."""
    spec = "model: echo\nvars: {city: Paris}\nturns: [{user: '{{ city }}', expect: [{equals: Rome}]}]"
    assert run_spec(spec, define={"city": "Rome"}).passed
    with pytest.raises(UsageError, match="-D town: no selected spec has a var of this name"):
        run_spec(spec, define={"town": "Rome"})


def test_strict_makes_findings_fatal(tmp_path, loopback):
    """A recorded interaction that is not played passes, but not strictly."""
    spec = live(loopback)
    longer = spec.replace("turns: [", "turns: [{user: First},")
    assert run_spec(longer, root=tmp_path, record="once", keep_going=True).passed
    shorter = longer.replace(",{user: Hi, expect: [{equals: Hello}]}", "").replace(
        "{user: First}", "{user: First, expect: [{equals: Hello}]}"
    )
    assert run_spec(shorter, root=tmp_path).passed
    assert not run_spec(shorter, root=tmp_path, strict=True).passed


@pytest.mark.parametrize(
    ("spec", "given", "error", "message"),
    [
        (GREETING, {"record": "onse"}, UsageError, r"unknown record mode 'onse' \(did you mean 'once'\?\)"),
        (GREETING, {"name": "../greeting"}, UsageError, "is no name below the root"),
        (GREETING, {"name": ""}, UsageError, "is no name below the root"),
        ("nowhere.yaml", {}, SpecErrors, "1 mistake"),
        (GREETING, {"environ": {"CONVRUN_SPECZ": "x"}}, SettingsError, "CONVRUN_SPECZ"),
    ],
)
def test_what_cannot_be_run_is_refused(spec, given, error, message):
    """Wrong arguments are errors that say what is wrong."""
    with pytest.raises(error, match=message):
        run_spec(spec, **given)


def test_a_file_outside_of_its_root_is_refused(tmp_path):
    """A root holds its specs."""
    (tmp_path / "spec.yaml").write_text("model: echo\n")
    with pytest.raises(UsageError, match="is outside of the project"):
        run_spec(tmp_path / "spec.yaml", root=tmp_path / "below")


def test_pytest_shows_the_mistakes(tmp_path):
    """In pytest the excerpt with the caret stands below the error."""
    (tmp_path / "test_one.py").write_text(
        'from convrun.testing import run_spec\n\n\ndef test_one():\n    run_spec("model: echo\\nturns: [{usr: Hi}]")\n'
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_one.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "E           2 | turns: [{usr: Hi}]\nE             |          ^^^\n" in done.stdout
    assert "did you mean 'user'?" in done.stdout
    assert "def prepare" not in done.stdout
    assert "environ" not in done.stdout
