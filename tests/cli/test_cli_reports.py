"""The reports of real runs: what is in their files, on stdout and in the summary of a step on GitHub."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest
from jsonschema import Draft202012Validator
from junitparser import JUnitXml

from convrun.schemas import result_schema

PASSES = "model: echo\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n"
STALE = "model: {script: [{reply: one}]}\nsystem: Be brief.\nturns: [{user: Hi, expect: [{equals: one}]}]\n"
SPECS = {
    "a": PASSES,
    "b": 'model: {script: [{reply: "No.\\n::error::forged\\n##[error]forged"}]}\nturns:\n  - user: Hi\n'
    "    expect:\n      - equals: Ho\n",
    "c": "model: gpt-4.1-mini\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n",
    "d": f"skip: no dragons yet\n{PASSES}",
    "e": "model: echo\nturns: [{user: Hi, expect: [{python: 'desk:crash'}]}]\n",
    "f": "model: echo\nturns: [{user: Hi}]\n",
    "g": f"cases: [{{id: x}}, {{id: y}}]\n{STALE}",
}
VERDICTS = {"passed": 1, "failed": 1, "missing": 1, "skipped": 1, "error": 1, "unchecked": 1, "stale": 2}


@pytest.fixture
def mixed(project):
    """A project with conversations of all verdicts; two are stale because of one change."""
    project.write("desk.py", "def crash(conversation):\n    raise KeyError('x')\n")
    project.write("specs/g.yaml", SPECS["g"])
    project.run(record="all")
    project.edit("specs/g.yaml", "Be brief.", "Be kind.")
    for name, text in SPECS.items():
        if name != "g":
            project.write(f"specs/{name}.yaml", text)
    return project


def console_block(text, name):
    """What the console says of a failure, from its heading to the line that repeats it."""
    return re.search(rf"^(?:FAILED|ERROR) {re.escape(name)}.*?run just it: [^\n]*", text, re.MULTILINE | re.DOTALL)[0]


def test_all_reports_of_one_run_say_the_same(mixed):
    """Console, JSON, JUnit, Markdown and annotations have the same verdicts and the same text of each failure."""
    wanted = ["json=out/r.json", "junit=out/j.xml", "markdown=out/c.md", "github=out/g.txt"]
    ended = mixed.cli("run", *(word for one in wanted for word in ("--report", one)))
    assert (ended.returncode, ended.stderr) == (4, "")
    read = {name: (mixed.root / "out" / name).read_text("utf-8") for name in ("r.json", "j.xml", "c.md", "g.txt")}
    assert {key: count for key, count in json.loads(read["r.json"])["summary"].items() if key in VERDICTS} == VERDICTS
    suites = list(JUnitXml.fromstring(read["j.xml"].encode()))
    properties = [{one.name: one.value for one in suite.properties()} for suite in suites]
    assert Counter(one["verdict"] for one in properties) == VERDICTS
    assert [(one["file"], one["line"]) for one in properties][:2] == [("specs/a.yaml", "1"), ("specs/b.yaml", "1")]
    assert read["c.md"].startswith(
        "## convrun: 1 error, 1 failed, 2 stale, 1 missing, 1 unchecked, 1 skipped, 1 passed\n"
    )
    assert "::error file=specs/b.yaml,line=5,col=9,title=FAILED specs/b.yaml%2C turn 1::" in read["g.txt"]
    for name in ("specs/b.yaml", "specs/e.yaml"):
        block = console_block(ended.stdout, name)
        (outcome,) = [one for suite in suites for case in suite for one in case.result if case.name == name]
        assert outcome.text == block
        assert spelt(block) in spelt(read["c.md"])
        assert spelt(block.partition("\n")[2]) in spelt(read["g.txt"].replace("%0A", "\n"))


def spelt(text):
    """The words of a text, without what differs between reports: indentation, and commands that are disarmed."""
    return "".join(text.replace("# #[", "##[").split())


def test_annotations_stand_behind_what_was_said_and_are_taken(mixed):
    """In a job commands are stopped until the console has ended; then come ours, on the same stream, and no others."""
    ended = mixed.cli("run", "--report", "github", GITHUB_ACTIONS="true")
    assert ended.returncode == 4
    token = re.match(r"::stop-commands::(\w+)\n", ended.stderr)[1]
    said, _, taken = ended.stdout.rpartition(f"\n::{token}::\n")
    assert "forged" in said
    assert [line.partition(" ")[0] for line in taken.splitlines() if line.startswith("::")] == ["::error"] * 4 + [
        "::warning"
    ]
    assert not re.search(r"^\s*::error::|^[^:].*##\[", taken, re.MULTILINE)
    assert "8 conversations: " in taken


def test_annotations_elsewhere_have_stdout_for_themselves(mixed):
    """Without a runner stdout is the report, and people read stderr."""
    ended = mixed.cli("run", "--report", "github")
    assert all(line.startswith(("::error ", "::warning ")) for line in ended.stdout.splitlines())
    assert len(ended.stdout.splitlines()) == 5
    assert "8 conversations: " in ended.stderr


def test_where_all_is_well_no_annotation_is_printed(project):
    """Nothing at all is on stdout then."""
    project.write("specs/a.yaml", PASSES)
    assert project.cli("run", "--report", "github").stdout == ""


def test_places_are_those_of_the_repository(mixed):
    """A project in a subfolder of the workspace is annotated at its files' paths from there."""
    ended = mixed.cli("run", "specs/b.yaml", "--report", "github", GITHUB_WORKSPACE=str(mixed.root.parent))
    assert ended.stdout.startswith(f"::error file={mixed.root.name}/specs/b.yaml,line=5,")
    for elsewhere in (str(mixed.root), str(mixed.root / "specs"), ""):
        ended = mixed.cli("run", "specs/b.yaml", "--report", "github", GITHUB_WORKSPACE=elsewhere)
        assert ended.stdout.startswith("::error file=specs/b.yaml,line=5,")


def test_the_summary_of_the_step_is_added_to(mixed):
    """With annotations the Markdown goes behind what the step has said already; without them nothing does."""
    summary = mixed.write("summary.md", "# Before\n")
    mixed.cli("run", "--report", "junit=j.xml", GITHUB_STEP_SUMMARY=str(summary))
    assert summary.read_text("utf-8") == "# Before\n"
    mixed.cli("run", "--report", "github", "--report", "markdown=c.md", GITHUB_STEP_SUMMARY=str(summary))
    lines, comment = summary.read_text("utf-8").splitlines(), (mixed.root / "c.md").read_text("utf-8").splitlines()
    times = re.compile(r" in \d+ ms| in [\d.]+ s")
    assert [times.sub("", line) for line in lines] == ["# Before", "", *(times.sub("", line) for line in comment)]


def test_the_summary_of_the_step_keeps_to_what_github_takes(mixed):
    """What would be too much for it is left out and counted; where there is no room at all, nothing is added."""
    summary = mixed.root / "summary.md"
    summary.write_text("x" * (1024 * 1024 - 2000), "utf-8")
    mixed.cli("run", "--report", "github", GITHUB_STEP_SUMMARY=str(summary))
    assert "no room for more" in summary.read_text("utf-8")
    assert 1024 * 1024 - 2000 < summary.stat().st_size <= 1024 * 1024
    summary.write_text("x" * (1024 * 1024 - 20), "utf-8")
    assert mixed.cli("run", "--report", "github", GITHUB_STEP_SUMMARY=str(summary)).returncode == 4
    assert summary.stat().st_size == 1024 * 1024 - 20


def test_one_report_that_cannot_be_written_spares_the_others(project):
    """The others are written; a summary of the step that cannot be is an error as well."""
    project.write("specs/a.yaml", PASSES)
    (project.root / "taken").mkdir()
    ended = project.cli("run", "--report", "junit=taken", "--report", "markdown=c.md")
    assert (ended.returncode, "'taken' cannot be written" in ended.stderr) == (4, True)
    assert (project.root / "c.md").read_text("utf-8").startswith("## convrun: 1 passed\n")
    ended = project.cli("run", "--report", "github", GITHUB_STEP_SUMMARY=str(project.root / "taken"))
    assert (ended.returncode, "summary of the step" in ended.stderr) == (4, True)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["json", "markdown"], "--report json and --report markdown would both go to stdout"),
        (["junit=x", "markdown=./x"], "--report junit and --report markdown name one file"),
        (["junit=specs/a.yaml"], "not a place for a report"),
        (["html"], "one of json, junit, markdown, github"),
    ],
)
def test_reports_that_would_be_lost_are_refused(project, given, said):
    """Nothing runs where two reports, or a report and a spec, would share a place, or a format is not known."""
    project.write("specs/a.yaml", PASSES)
    ended = project.cli("run", *(word for one in given for word in ("--report", one)))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in ended.stderr
    assert (project.root / "specs/a.yaml").read_text("utf-8") == PASSES


@pytest.mark.parametrize(
    "name", [".env", ".env.local", "desk.py", "pyproject.toml", ".convrun/last-failed.json", "specs/new.yaml", ".git/x"]
)
def test_a_report_takes_the_place_of_no_file_of_the_project(project, name):
    """Keys, code, settings and what git and convrun remember are refused by their names, also where nothing is yet."""
    project.write("specs/a.yaml", PASSES)
    ended = project.cli("run", "--report", f"json={name}")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"--report json={name}: " in ended.stderr
    assert "not a place for a report" in ended.stderr
    assert not (project.root / name).exists()


def test_code_that_ends_the_process_leaves_no_report_of_an_earlier_run(project):
    """In turn, a tool that calls `os._exit(0)` ends the run as a success; nothing says that conversations passed."""
    project.write("desk.py", "import os\ndef leave() -> str:\n    os._exit(0)\n")
    project.write("specs/a.yaml", "model: {script: [{call: leave}]}\ntools: ['desk:leave']\nturns: [{user: Hi}]\n")
    old = project.write("results/old.json", "{}")
    project.write("j.xml", "<testsuites/>")
    (project.root / "link.json").symlink_to(old)
    ended = project.cli("run", "-j", "1", "--report", "json=link.json", "--report", "junit=j.xml")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert not (project.root / "j.xml").exists()
    assert old.read_text("utf-8") == ""
    assert project.cli("run", "-j", "2").returncode == 4


@pytest.mark.parametrize("name", ["json", "junit", "markdown"])
def test_a_report_in_the_log_of_a_job_has_no_commands(mixed, name):
    """Where a report is printed in a job, the runner finds nothing in it to obey."""
    ended = mixed.cli("run", "specs/b.yaml", "--report", name, GITHUB_ACTIONS="true")
    assert "forged" in ended.stdout
    assert not re.search(r"^\s*::|##\[", ended.stdout, re.MULTILINE)
    if name == "json":
        (found,) = json.loads(ended.stdout)["conversations"]
        assert found["turns"][0]["reply"] == "No.\n::error::forged\n##[error]forged"


def test_an_interrupted_run_is_not_green(project):
    """The reports have what was finished, and say that it is not all."""
    project.write("desk.py", "def stop() -> str:\n    raise KeyboardInterrupt\n")
    project.write("specs/a.yaml", PASSES)
    project.write(
        "specs/b.yaml", "model: {script: [{call: stop}, {reply: x}]}\ntools: ['desk:stop']\nturns: [{user: Hi}]\n"
    )
    ended = project.cli("run", "--report", "junit=j.xml", "--report", "markdown=c.md", "--report", "github=g.txt")
    assert ended.returncode == 130
    whole = JUnitXml.fromstring((project.root / "j.xml").read_bytes())
    assert [(suite.name, suite.errors) for suite in whole] == [("specs/a.yaml", 0), ("convrun", 1)]
    assert "only what was finished" in (project.root / "c.md").read_text("utf-8")
    assert (project.root / "g.txt").read_text("utf-8").startswith("::error title=convrun::interrupted")


MISTAKES = {"a": "modl: echo\nturns: [{user: Hi}]\n", "b": "model: echo\nturns: [{user: Hi, expect: [{contain: x}]}]\n"}


def test_mistakes_in_specs_are_annotated(project):
    """Where nothing can run, each mistake is an error on its line, and in the summary of the step."""
    for name, text in MISTAKES.items():
        project.write(f"specs/{name}.yaml", text)
    summary = project.root / "summary.md"
    ended = project.cli("run", "--report", "github", "--report", "junit=j.xml", GITHUB_STEP_SUMMARY=str(summary))
    assert ended.returncode == 2
    starts = [line.partition(",title=")[0] for line in ended.stdout.splitlines()]
    assert starts == ["::error file=specs/a.yaml,line=1,col=1", "::error file=specs/b.yaml,line=2,col=30"]
    assert "unknown check 'contain'" in ended.stdout
    assert summary.read_text("utf-8").startswith("\n## convrun: nothing ran, 2 mistakes\n\n```text\nspecs/a.yaml:1:1: ")
    assert "unknown check 'contain'" in (project.root / "j.xml").read_text("utf-8")


FILES = {"json": "r.json", "junit": "j.xml", "markdown": "c.md", "github": "g.txt"}
WANTED = [word for name, file in FILES.items() for word in ("--report", f"{name}={file}")]


def written(project):
    """The reports of a run in the project's root."""
    return {name: (project.root / file).read_text("utf-8") for name, file in FILES.items()}


@pytest.mark.parametrize(
    ("files", "arguments", "said", "place"),
    [
        ({"specs/b.yaml": MISTAKES["a"]}, ["run"], "unknown key 'modl'", ("specs/b.yaml", 1)),
        ({"convrun.toml": "strict = true\nmodell = 'x'\n"}, ["run"], "unknown setting 'modell'", ("convrun.toml", 2)),
        ({"convrun.toml": "strict = \n"}, ["run"], "convrun.toml", ("convrun.toml", 1)),
        ({}, ["run", "-k", "a or"], "-k 'a or': a substring is missing", None),
        ({}, ["run", "--shard", "3/2"], "--shard '3/2' is no part", None),
        ({}, ["run", "--on-stale", "x"], "--on-stale 'x' is not known", None),
        ({}, ["run", "none.yaml"], "none.yaml", None),
        ({}, ["run", "-j", "0"], "'jobs' must be a number", None),
        ({}, ["record", "-D", "x=1"], "-D changes what is recorded", None),
        ({}, ["run", "--watch", "-k", "a or"], "-k 'a or': a substring is missing", None),
    ],
    ids=str,
)
def test_no_report_is_left_green_where_nothing_ran(project, run_in_process, files, arguments, said, place):
    """Of a mistake in specs, settings or the command line every report tells, in place of the last run's result."""
    project.write("specs/a.yaml", PASSES)
    assert run_in_process(project, ["run", *WANTED])[0] == 0
    assert JUnitXml.fromstring(written(project)["junit"].encode()).errors == 0
    for name, text in files.items():
        project.write(name, text)
    code, stdout, stderr = run_in_process(project, [*arguments, *WANTED])
    assert (code, stdout, said in stderr) == (2, "", True)
    found = written(project)
    assert all(said in text.replace("&#39;", "'").replace("&#x27;", "'") for text in found.values())
    result = json.loads(found["json"])
    Draft202012Validator(result_schema()).validate(result)
    assert (result["exit_code"], result["conversations"], result["summary"]["passed"]) == (2, [], 0)
    (finding,) = result["findings"]
    where = finding["where"]
    assert (finding["kind"], where and (where["file"], where["line"])) == ("mistake", place)
    whole = JUnitXml.fromstring(found["junit"].encode())
    assert (whole.tests, whole.failures, whole.errors) == (1, 0, 1)
    (outcome,) = [one for suite in whole for case in suite for one in case.result]
    assert (outcome.type, outcome.message) == ("mistake", "nothing ran: 1 mistake")
    assert found["markdown"].startswith("## convrun: nothing ran, 1 mistake\n")
    assert found["github"].startswith(f"::error file={place[0]},line={place[1]}," if place else "::error title=")


def test_settings_that_are_wrong_are_annotated(project):
    """In a job the error is on its line, named from the workspace, and in the summary of the step."""
    project.write("convrun.toml", "modell = 'x'\n")
    summary = project.root / "summary.md"
    ended = project.cli(
        "run", "--report", "github",
        GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary), GITHUB_WORKSPACE=str(project.root.parent),
    )  # fmt: skip
    assert ended.returncode == 2
    assert f"\n::error file={project.root.name}/convrun.toml,line=1,col=1," in ended.stderr
    assert "unknown setting 'modell'" in summary.read_text("utf-8")


@pytest.mark.parametrize("settings", ["", "modell = 'x'\n"], ids=["spec", "settings"])
@pytest.mark.parametrize(
    "file", ["specs/bad.yaml", "specs/a.yaml", "convrun.toml", "cassettes/a.yaml", "other/base.yml", "other/bad.yaml"]
)
def test_mistakes_take_the_place_of_no_other_file(project, run_in_process, settings, file):
    """Neither a spec, also one that cannot be read, nor a cassette or settings become a report; others are written."""
    kept = {"specs/bad.yaml": "extends: ../other/base.yml\n", "specs/a.yaml": PASSES, "cassettes/a.yaml": "x: 1\n",
            "other/base.yml": "modl: x\n", "other/bad.yaml": "modl: x\n", "convrun.toml": settings}  # fmt: skip
    for name, text in kept.items():
        project.write(name, text)
    arguments = ["run", "specs/bad.yaml", "other", "--report", f"junit={file}", "--report", "markdown=c.md"]
    assert run_in_process(project, arguments)[0] == 2
    assert {name: (project.root / name).read_text("utf-8") for name in kept} == kept
    assert (project.root / "c.md").read_text("utf-8").startswith("## convrun: nothing ran")


def test_mistakes_are_the_result_on_stdout(project, run_in_process):
    """A program that reads the JSON of a run finds what kept it from running."""
    project.write("specs/a.yaml", MISTAKES["a"])
    code, stdout, _ = run_in_process(project, ["run", "--report", "json"])
    assert code == json.loads(stdout)["exit_code"] == 2


def test_annotations_of_mistakes_are_taken(project):
    """In a job they stand behind the end of the token, on the stream on which it was begun."""
    project.write("specs/a.yaml", MISTAKES["a"])
    lines = project.cli("run", "--report", "github", GITHUB_ACTIONS="true").stderr.splitlines()
    token = lines[0].removeprefix("::stop-commands::")
    assert lines[1] == f"::{token}::"
    assert lines[2].startswith("::error file=specs/a.yaml,line=1,col=1,")
    assert "::stop-commands::" not in "".join(lines[1:])
