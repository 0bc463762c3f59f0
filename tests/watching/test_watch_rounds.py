"""The rounds of `convrun run --watch`: mistakes, crashes, hangs, files that conversations write, and the end."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from watched import LONGEST, Watched, eventually, is_alive, ran
from watched_projects import TALK

HOOKED = """
    model: echo
    hooks: {before_conversation: hooks:before}
    turns: [{user: Hi, expect: [{equals: Hi}]}]
    """
CALM = "def before(conversation):\n    pass\n"
STUCK = """
    import os
    import pathlib
    import subprocess
    import sys
    import time


    def before(conversation):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        pathlib.Path("begun").write_text(f"{os.getpid()} {child.pid}")
        while True:
            time.sleep(0.05)
    """


def begun(project):
    """The processes that STUCK has named, once it has."""
    file = project.root / "begun"
    assert eventually(lambda: file.is_file() and len(file.read_text("utf-8").split()) == 2)
    return [int(pid) for pid in file.read_text("utf-8").split()]


def test_mistakes_are_shown_and_what_they_held_up_runs_once_they_are_mended(project):
    """A mistake in a base holds up the specs that extend it, and no other; with it mended all of them run."""
    project.write("specs/_base.yaml", "model: echo")
    for name in "ab":
        project.write(f"specs/{name}.yaml", "extends: _base.yaml\nturns: [{user: Hi, expect: [{equals: Hi}]}]")
    project.write("specs/c.yaml", TALK)
    with Watched(project) as watched:
        watched.round()
        project.write("specs/_base.yaml", "modell: echo")
        text = watched.round()
        assert text.startswith("specs/_base.yaml changed: 2 specs with mistakes\n")
        assert "specs/_base.yaml:1:1: unknown key 'modell'" in text
        assert "nothing ran" in text
        assert "waiting for edits; 2 not run yet" in text
        project.edit("specs/c.yaml", "user: Hi", "user:  Hi")
        assert ran(watched.round()) == {"specs/c.yaml"}
        project.write("specs/_base.yaml", "model: echo")
        assert ran(watched.round()) == {"specs/a.yaml", "specs/b.yaml"}
        assert watched.text.endswith("waiting for edits; Ctrl-C ends\n")


def test_what_a_neighbours_mistake_held_up_runs_with_its_mending(project):
    """Two specs of one module, of which the edit spoils one, both run when that one is mended, or gone."""
    for name, function in {"a": "one", "b": "two"}.items():
        project.write(f"specs/{name}.yaml", HOOKED.replace("before}", f"{function}}}"))
    both = "def one(conversation):\n    pass\n\n\ndef two(conversation):\n    pass\n"
    project.write("hooks.py", both)
    with Watched(project) as watched:
        assert ran(watched.round()) == {"specs/a.yaml", "specs/b.yaml"}
        project.write("hooks.py", both.replace("one", "uno"))
        text = watched.round()
        assert "'hooks' has no 'one'" in text
        assert ran(text) == set()
        (project.root / "specs/a.yaml").unlink()
        text = watched.round()
        assert text.startswith("specs/a.yaml changed: 0 of 1 conversation, and 1 not run yet\n")
        assert ran(text) == {"specs/b.yaml"}


def test_settings_may_be_wrong_for_a_while(project):
    """The mistake is shown, and everything runs once it is mended."""
    project.write("specs/a.yaml", TALK)
    with Watched(project) as watched:
        watched.round()
        project.write("convrun.toml", "strikt = true\n")
        text = watched.round()
        assert "unknown setting 'strikt'" in text
        assert ran(text) == set()
        project.write("convrun.toml", "strict = true\n")
        assert ran(watched.round()) == {"specs/a.yaml"}


def test_two_specs_of_one_id_are_shown_whoever_was_edited(project):
    """A mistake that is of no single spec holds up every edit until it is mended."""
    project.write("specs/a.yaml", TALK)
    project.write("specs/b.yaml", TALK)
    with Watched(project) as watched:
        watched.round()
        project.write("specs/a.yml", TALK)
        text = watched.round()
        assert "nothing ran" in text
        assert ran(text) == set()
        project.edit("specs/b.yaml", "user: Hi", "user:  Hi")
        assert ran(watched.round()) == set()
        (project.root / "specs/a.yml").unlink()
        assert ran(watched.round()) == {"specs/b.yaml"}


def test_a_process_that_ends_by_itself_ends_no_watch(project):
    """A hook that leaves with os._exit() has no result, whatever it leaves with; mended, all that was left runs."""
    ends = "import os\n\n\ndef before(conversation):\n    os._exit({})\n"
    project.write("hooks.py", ends.format(0))
    project.write("specs/a.yaml", TALK)
    project.write("specs/b.yaml", HOOKED)
    project.write("specs/c.yaml", TALK)
    with Watched(project) as watched:
        for code in (0, 7):
            text = watched.round()
            assert f"the round has no result: its process ended with {code}" in text
            assert "waiting for edits; 2 not run yet" in text
            project.write("hooks.py", CALM if code else ends.format(7))
        assert ran(watched.round()) == {"specs/b.yaml", "specs/c.yaml"}


def test_a_round_that_hangs_is_stopped_by_the_edit_that_mends_it(project):
    """What it had not finished runs with the edit, what it had does not, and nothing of it goes on."""
    project.write("hooks.py", STUCK)
    project.write("specs/a.yaml", TALK)
    project.write("specs/b.yaml", HOOKED)
    project.write("specs/c.yaml", TALK)
    with Watched(project) as watched:
        pids = begun(project)
        project.write("hooks.py", CALM)
        watched.until("still running 3 s after the edit: stopped")
        watched.until("hooks.py changed: 2 of 3 conversations")
        assert ran(watched.round()) == {"specs/b.yaml", "specs/c.yaml"}
        assert not any(map(is_alive, pids))


def test_an_edit_during_a_round_is_not_lost(project):
    """It runs behind the round, or in its place."""
    project.write(
        "hooks.py",
        """
        import pathlib
        import time


        def before(conversation):
            pathlib.Path("begun").touch()
            while not pathlib.Path("go").exists():
                time.sleep(0.01)
        """,
    )
    project.write("specs/a.yaml", TALK)
    project.write("specs/b.yaml", HOOKED)
    with Watched(project) as watched:
        assert eventually((project.root / "begun").exists)
        project.edit("specs/a.yaml", "equals: Hi", "equals: Ho")
        project.write("go", "")
        watched.until("specs/a.yaml changed")
        assert "failed     specs/a.yaml" in watched.round()


def test_files_that_conversations_write_start_no_endless_loop(project):
    """After five rounds in a row it says so and waits; from then on an edit is one round, as it is elsewhere."""
    project.write(
        "hooks.py",
        """
        import time


        def before(conversation):
            with open("specs/_notes.md", "a", encoding="utf-8") as file:
                print(time.time(), file=file)
        """,
    )
    project.write("specs/_notes.md", "notes\n")
    project.write("specs/a.yaml", TALK)
    project.write("specs/b.yaml", HOOKED.replace("model: echo", "model: echo\n    system: {file: _notes.md}"))
    with Watched(project, "-q") as watched:
        text = watched.round()
        assert "specs/_notes.md changed during each of the last 5 rounds" in text
        assert text.count("specs/_notes.md changed: 1 of 2 conversations\n") == 4
        for name in ("a", "b", "a"):
            project.edit(f"specs/{name}.yaml", "user: ", "user:  ")
            assert watched.round().startswith(f"specs/{name}.yaml changed: 1 of 2 conversations\n")


def test_what_the_first_failure_held_up_runs_with_its_mending(project):
    """With -x the conversations that were not begun are run once what stopped them is edited."""
    project.write("specs/a.yaml", TALK.replace("equals: Hi", "equals: Ho"))
    project.write("specs/b.yaml", TALK)
    with Watched(project, "-x") as watched:
        assert "waiting for edits; 1 not run yet" in watched.round()
        project.edit("specs/a.yaml", "equals: Ho", "equals: Hi")
        assert watched.round().startswith("specs/a.yaml changed: 1 of 2 conversations, and 1 not run yet\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_its_end_is_the_end_of_the_round(project, number):
    """Interrupted or told to end, it leaves with 130 and with no process behind it, also of those of a hook."""
    project.write("hooks.py", STUCK)
    project.write("specs/a.yaml", HOOKED)
    with Watched(project) as watched:
        pids = begun(project)
        assert all(map(is_alive, pids))
        assert watched.end(number) == 130
        assert not any(map(is_alive, pids))
        assert "interrupted" in watched.text


def test_ctrl_c_on_a_terminal_ends_a_watch_that_waits(project, started):
    """The key itself: it ends with 130, and says nothing of an error."""
    project.write("specs/a.yaml", TALK)
    spawn = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    process = started(
        [sys.executable, "-c", spawn, *project.command("run", "--watch")],
        cwd=project.root, env=project.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    printed = b""
    while b"waiting for edits" not in printed:
        line = process.stdout.readline()
        assert line, printed
        printed += line
    rest, _ = process.communicate(b"\x03", timeout=LONGEST)
    assert process.returncode == 130
    assert b"Traceback" not in rest
    assert b"passed     specs/a.yaml" in printed


def test_those_that_a_round_does_not_show_are_named(project):
    """Behind a round stand others that did not pass when they last ran; the report has the round, or its mistakes."""
    report, wrong = project.root / "w.xml", "model: echo\nturns: [{user: Hi, expect: [{equals: Ho}]}]\n"
    project.write("specs/a.yaml", TALK)
    project.write("specs/b.yaml", f"{wrong}cases: [{{id: u}}, {{id: v}}, {{id: w}}, {{id: x}}]\n")
    project.write("specs/c.yaml", "model: echo\nturns: [{user: Hi}]\n")
    project.write("specs/d.yaml", wrong)
    with Watched(project, "--strict", "--report", "junit=w.xml") as watched:
        assert "last ran" not in watched.round()
        project.edit("specs/a.yaml", "user: Hi", "user:  Hi")
        named = ", ".join([*(f"specs/b.yaml::{case}" for case in "uvwx"), "specs/c.yaml"])
        assert f"\n6 others did not pass when they last ran: {named} and 1 more\nwaiting" in watched.round()
        assert 'tests="1" failures="0" errors="0"' in report.read_text("utf-8")
        project.write("specs/b.yaml", TALK)
        (project.root / "specs/d.yaml").unlink()
        assert "\n1 other did not pass when it last ran: specs/c.yaml\nwaiting" in watched.round()
        project.write("specs/c.yaml", "modell: echo\n")
        assert "last ran" not in watched.round()
        assert "unknown key &#39;modell&#39;" in report.read_text("utf-8").replace("'", "&#39;")
