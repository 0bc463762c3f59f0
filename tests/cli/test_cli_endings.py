"""How a process ends: refused options, nothing to run, interrupted, unread, and by a bug."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import pytest

PASSES = "model: echo\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "-j", "0"],
        ["run", "-j", "x"],
        ["run", "-j", "10000"],
        ["run", "--shard", "0/3"],
        ["run", "--shard", "4/3"],
        ["run", "--shard", "1/0"],
        ["run", "--shard", "x"],
        ["run", "--shard", "1/"],
        ["run", "--shard", "1/2/3"],
        ["run", "--shard", "+1/2"],
        ["list", "--shard", "0/3"],
        ["run", "--maxfail", "0"],
        ["run", "--maxfail", "x"],
        ["run", "--maxfail", "-1"],
        ["run", "--max-cost", "x"],
        ["run", "--report", "html"],
        ["run", "--report", "json", "--report", "json=x"],
        ["run", "--report", "json="],
        ["run", "--on-stale", "ignore"],
        ["run", "--record", "always"],
        ["run", "-D", "x"],
        ["run", "-D", "=x"],
        ["run", "-k", "a or"],
        ["run", "--nonsense"],
        ["run", "none.yaml"],
        ["record", "--only", "fresh"],
        ["record", "-D", "x=1"],
        ["record", "--from-turn", "0"],
        ["run", "--max-cost", "free"],
        ["show", "specs/a.yaml"],
        ["diff", "a", "b"],
        ["mutate", "--min-score", "2"],
        ["cassette", "launder"],
        ["init", "--force"],
        ["runn"],
    ],
    ids=" ".join,
)
def test_what_is_not_there_is_refused(project, run_in_process, arguments):
    """An option or command that is unknown, or of a later version, ends with 2, a message and nothing done."""
    project.write("specs/a.yaml", PASSES)
    code, stdout, stderr = run_in_process(project, arguments)
    assert code == 2
    assert stdout == ""
    assert stderr.strip()
    assert "Traceback" not in stderr
    assert sorted(path.name for path in project.root.iterdir()) == ["convrun.toml", "specs"]


def test_nothing_to_run_is_said(project):
    """Exit 5, on the console and in the report."""
    project.write("specs/a.yaml", PASSES)
    ended = project.cli("run", "-k", "zzz", "--report", "json")
    assert (ended.returncode, json.loads(ended.stdout)["exit_code"]) == (5, 5)
    assert "nothing to run" in ended.stderr


def test_a_reader_that_goes_away_is_no_error(project, started):
    """`convrun run | head -1` ends without a traceback, and not as a failed check."""
    project.write(
        "specs/a.yaml", PASSES.replace("turns", f"cases: [{', '.join(f'{{id: c{n}}}' for n in range(8000))}]\nturns")
    )
    process = started(
        project.command("list"),
        cwd=project.root, env=project.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout.readline().strip() == b"specs/a.yaml::c0"
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (errors, process.wait(30)) == (b"", 141)


def test_a_run_whose_reader_goes_away_ends(project, started):
    """The same while conversations are running."""
    project.write("desk.py", "import time\ndef check(context):\n    time.sleep(0.05)\n")
    cases = ", ".join(f"{{id: c{number}}}" for number in range(200))
    project.write(
        "specs/a.yaml",
        PASSES.replace("turns", f"cases: [{cases}]\nturns").replace("{equals: Hi}", "{python: 'desk:check'}"),
    )
    process = started(
        project.command("run"),
        cwd=project.root, env=project.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (errors, process.wait(5)) == (b"", 141)


SLOW = """
    model: {script: [{call: work}, {reply: done}]}
    tools: ['desk:work']
    cases: [{id: first}, {id: second}, {id: third}]
    vars: {}
    turns: [{user: 'Go', expect: [{equals: done}]}]
"""


@pytest.mark.parametrize("more", [[], ["--report", "json"]], ids=["console", "report"])
def test_an_interrupted_run_reports_what_was_finished(project, more, started):
    """Ctrl-C: exit 130, the conversations that had ended, and nothing of the one that had not."""
    project.write("specs/a.yaml", SLOW)
    project.write(
        "desk.py",
        """
        import time
        from pathlib import Path
        calls = []
        def work():
            calls.append(1)
            if len(calls) == 2:
                Path("waiting").touch()
                time.sleep(30)
            return "ok"
        """,
    )
    process = started(
        project.command("run", *more),
        cwd=project.root, env=project.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    until = time.monotonic() + 20
    while not (project.root / "waiting").exists() and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert "interrupted: 1 of 3 conversations: 1 passed" in (stderr if more else stdout)
    if more:
        result = json.loads(stdout)
        assert (result["exit_code"], [one["case"] for one in result["conversations"]]) == (130, ["first"])


def test_an_interruption_before_the_first_conversation(project):
    """While modules are imported, Ctrl-C ends with 130 and a word."""
    project.write("specs/a.yaml", PASSES.replace("turns", "tools: ['desk:work']\nturns"))
    project.write("desk.py", "raise KeyboardInterrupt\n")
    ended = project.cli("run")
    assert (ended.returncode, ended.stderr) == (130, "interrupted\n")


@pytest.mark.parametrize("raising", ["raise KeyboardInterrupt", "exec('raise KeyboardInterrupt')"])
@pytest.mark.parametrize("module", ["typer", "yaml"])
def test_an_interruption_while_convrun_is_loaded(project, module, raising):
    """In the first moments of a process, too, Ctrl-C ends it with 130 and a word, not with a traceback."""
    project.write("specs/a.yaml", PASSES)
    project.write(f"{module}.py", f"{raising}\n")  # the folder is first on the path of `python -m`
    ended = subprocess.run(
        project.command("run"),
        cwd=project.root, env=project.environment(), capture_output=True, encoding="utf-8", timeout=30, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (130, "")
    assert ended.stderr in {"interrupted\n", "interrupted: nothing ran\n"}


def test_a_bug_is_called_one(project):
    """What nobody foresaw (here: code of a spec breaks convrun itself) ends with 70; the traceback comes with -vv."""
    project.write("specs/a.yaml", PASSES.replace("turns", "tools: ['desk:work']\nturns"))
    project.write(
        "desk.py", "from convrun.suite import playing\nplaying.run_conversation = None\ndef work():\n    pass\n"
    )
    ended, full = (project.cli("run", *more) for more in ([], ["-vv"]))
    assert (ended.returncode, full.returncode) == (70, 70)
    assert "a bug in convrun: TypeError" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Traceback" in full.stderr


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys\nsys.exit(0)\n", "importing 'desk' raised SystemExit: 0"),
        ("def __getattr__(name):\n    raise SystemExit\n", "looking up 'work' in 'desk' raised SystemExit"),
        (
            "class E(Exception):\n    def __str__(self):\n        raise SystemExit(0)\nraise E\n",
            "importing 'desk' raised E (desk.py, line 4)",
        ),
    ],
)
def test_an_exit_by_the_code_of_a_spec_is_a_mistake(project, code, said):
    """A module that ends the process on import, or as it is put into words, does not end it as a success."""
    project.write("specs/a.yaml", PASSES.replace("turns", "tools: ['desk:work']\nturns"))
    project.write("desk.py", code)
    ended = project.cli("run")
    assert ended.returncode == 2
    assert said in ended.stderr


def test_a_run_from_a_folder_inside(project):
    """The root is found above the current folder."""
    project.write("specs/deep/a.yaml", PASSES)
    ended = project.cli("run", cwd=project.root / "specs/deep")
    assert ended.returncode == 0
    assert "passed     specs/deep/a.yaml" in ended.stdout


def test_two_roots_end_with_2(project):
    """Nothing runs."""
    project.write("specs/a.yaml", PASSES)
    project.write("other/convrun.toml", "")
    project.write("other/specs/a.yaml", PASSES)
    ended = project.cli("run", "specs", "other/specs")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "under two roots" in ended.stderr
    assert "nothing ran" in ended.stderr


def test_help_fits_on_one_screen(project):
    """`-h` says what a person needs: the options, the exit codes."""
    ended = project.cli("run", "-h")
    assert ended.returncode == 0
    assert len(ended.stdout.splitlines()) <= 50
    for word in ("--record", "--strict", "130"):
        assert word in ended.stdout
