"""Cassettes that cannot be written: known before anything is sent, or an error that hides nothing."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from live_specs import CASSETTE, SPEC, echo, files, say, spec
from servers import reply


@pytest.mark.parametrize("exists", [False, True])
def test_a_cassette_that_cannot_be_written_costs_nothing(project, echoing, exists):
    """Where the cassettes' folder takes no file the error comes before anything is sent."""
    project.write(SPEC, spec(echoing.base_url, "one"))
    folder = project.root / "cassettes"
    if exists:
        (folder / "a.yaml").mkdir(parents=True)  # a folder where the file should be
    else:
        folder.write_text("a file where the folder should be")
    run = project.run(record="all")
    (result,) = run.conversations
    assert (run.exit_code, result.verdict, echoing.asked()) == (4, "error", [])
    error = result.error or result.turns[0].error
    assert (error.type, error.where.file) == ("CassetteError", CASSETTE)
    assert "cannot be written" in error.message
    assert "--cassettes" in error.fix


# The bounding set loses CAP_DAC_OVERRIDE, by which root writes to folders that are read-only; then the command runs.
WITHOUT_PRIVILEGE = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(24, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


@pytest.mark.skipif(sys.platform == "win32", reason="the rights of a folder are other ones there")
def test_a_read_only_folder_costs_nothing(recorded, echoing, locks):
    """In a folder without the right to write nothing is sent, and the old cassette is as it was."""
    say(recorded, echoing, "one", "zwei")
    folder = recorded.root / "cassettes"
    before = files(folder)
    begin = [sys.executable, "-c", WITHOUT_PRIVILEGE] if os.getuid() == 0 else []
    folder.chmod(0o555)
    try:
        touched = subprocess.run([*begin, shutil.which("touch"), folder / "probe"], capture_output=True, check=False)
        if touched.returncode == 0:
            (folder / "probe").unlink()
            pytest.skip("whoever runs this may write everywhere")
        ended = subprocess.run(
            [*begin, *recorded.command("record", "--report", "json")],
            cwd=recorded.root,
            env=recorded.environment(),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    finally:
        folder.chmod(0o755)
    assert (ended.returncode, echoing.asked()) == (4, [])
    (result,) = json.loads(ended.stdout)["conversations"]
    error = result["turns"][1]["error"]
    assert (result["verdict"], error["message"]) == ("error", "cannot be written: permission denied")
    assert error["where"]["file"] == CASSETTE
    assert error["fix"]
    assert "Traceback" not in ended.stderr
    assert files(folder) == before
    assert files(locks) == {}


def test_a_write_that_fails_at_the_end_hides_nothing(project, loopback):
    """Where the cassette's place is taken meanwhile, the turns are shown, paid for and judged; the error is added."""
    project.write(
        "desk.py",
        f"""
        from pathlib import Path

        def take() -> str:
            Path({str(project.root / CASSETTE)!r}).mkdir()
            return "taken"
        """,
    )
    body = json.loads(spec(loopback.base_url, "taken"))
    project.write(SPEC, json.dumps({**body, "tools": ["desk:take"]}))
    loopback.says(reply(calls={"take": {}}), echo)
    run = project.run(record="all")
    (result,) = run.conversations
    assert (run.exit_code, result.verdict, result.live_calls) == (4, "error", 2)
    assert (result.error.type, result.error.where.file) == ("CassetteError", CASSETTE)
    assert [(turn.verdict, turn.reply) for turn in result.turns] == [("passed", "taken")]
    assert [check.verdict for check in result.turns[0].checks] == ["passed"]
    cassette = project.root / CASSETTE
    assert sorted(path.name for path in cassette.parent.iterdir()) == ["a.yaml", "a.yaml.partial"]
    cassette.rmdir()
    project.write("desk.py", "def take() -> str:\n    return 'taken'\n")
    again = project.one(record="all")
    assert (again.verdict, again.live_calls, len(loopback.requests)) == ("passed", 0, 2)
    assert list(files(cassette.parent)) == ["a.yaml"]


def test_turns_survive_a_hook_that_raises_at_the_end(project, loopback):
    """What follows a hook's yield may fail: the conversation is an error, and its recording and its turns are kept."""
    project.write("desk.py", "def hook(conversation):\n    yield\n    raise ValueError('too late')\n")
    body = json.loads(spec(loopback.base_url, "one"))
    project.write(SPEC, json.dumps({**body, "hooks": {"before_conversation": "desk:hook"}}))
    loopback.says(echo)
    result = project.one(record="all")
    assert (result.verdict, result.error.type, result.live_calls) == ("error", "HookError", 1)
    assert [turn.reply for turn in result.turns] == ["one"]
    assert (project.root / CASSETTE).is_file()
    replayed = project.one()
    assert (replayed.verdict, [turn.reply for turn in replayed.turns]) == ("error", ["one"])
