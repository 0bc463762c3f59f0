"""The JSON Schemas: current, true to what is read and written, and a help in an editor."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from documentation import blocks
from forking import convrun, environment
from jsonschema import Draft202012Validator

from convrun.document import read_values
from convrun.report.json_result import to_json
from convrun.schemas import SCHEMAS, result_schema, spec_schema

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
SPEC = Draft202012Validator(spec_schema())
DOCUMENTED = Draft202012Validator(spec_schema(["sentences"]))
RESULT = Draft202012Validator(result_schema())


def printed(*arguments):
    """What `convrun schema` prints, and how it ends."""
    ended = convrun("schema", *arguments, cwd=ROOT)
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_published_schema_is_what_the_command_prints(name):
    """`schemas/<name>.schema.json` is current; `convrun schema NAME > FILE` writes it anew."""
    code, out, _ = printed(name)
    assert code == 0
    assert (ROOT / "schemas" / f"{name}.schema.json").read_text("utf-8") == out


def test_the_reference_of_specs_is_current():
    """`docs/reference.md` is what `docs/reference.py` makes of the schema; `make schemas` writes it anew."""
    ended = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "reference.py")],
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert (ROOT / "docs" / "reference.md").read_text("utf-8") == ended.stdout


def test_a_spec_is_the_default():
    """`convrun schema` prints that of specs."""
    assert printed() == printed("spec")


def test_an_unknown_schema_is_a_mistake_of_the_command_line():
    """Another word ends with 2 and a suggestion."""
    code, out, error = printed("results")
    assert (code, out) == (2, "")
    assert "did you mean 'result'?" in error


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one(name):
    """Each is valid by the dialect that it names, and says of every key what it is for."""
    schema = SCHEMAS[name]()
    Draft202012Validator.check_schema(schema)
    assert list(silent(schema)) == []


def silent(schema, path=""):
    """The keys without a description."""
    if isinstance(schema, dict):
        for key, value in schema.get("properties", {}).items():
            if isinstance(value, dict) and "description" not in value and not path.endswith("options"):
                yield f"{path}.{key}"
        for key, value in schema.items():
            inner = value.items() if key in ("properties", "$defs") else [(key, value)]
            for name, one in inner:
                yield from silent(one, f"{path}.{name}")
    elif isinstance(schema, list):
        for item in schema:
            yield from silent(item, path)


def faults(validator, value):
    """What a validator says, in one line each."""
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("[!_]*.yaml")), ids=lambda path: path.stem)
def test_the_examples_fit(path):
    """What convrun reads, an editor finds right."""
    assert faults(SPEC, read_values(path.read_text("utf-8"), path.name)) == []


def documented():
    """The specs in the pages of the documentation that are right: files below specs/, and those without a path."""
    for page in sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]):
        for block in blocks(page.read_text("utf-8")):
            if block.language == "yaml" and (not block.path or block.path.startswith("specs/")):
                yield pytest.param(block.text, id=f"{page.stem}:{block.line}")


SHARED = {
    "a base": "system: Be brief.\nmodel: {timeout: 9s}\nexpect+: [{contains: a}]\n",
    "a spec over it": "extends: _base.yaml\nmodel: {stream: true}\neach_turn+: [{contains: b}]\n",
}


@pytest.mark.parametrize("name", SHARED)
def test_a_part_of_a_spec_fits(name):
    """An editor sees one file: what may stand in another is not missed."""
    assert faults(SPEC, read_values(SHARED[name], "spec")) == []


@pytest.mark.parametrize("text", list(documented()))
def test_documented_specs_fit(text):
    """So it is with every spec in the documentation, where the schema has the kinds of its own."""
    assert faults(DOCUMENTED, read_values(text, "spec")) == []


STRUCTURE = (
    "unknown-key",
    "unknown-key-of-a-turn",
    "unknown-check",
    "check-with-an-unknown-key",
    "two-kinds-in-one-check",
    "empty-list-of-turns",
    "number-for-text",
    "unknown-policy",
    "option-that-is-none",
    "pointer-without-slash",
    "duration-without-unit",
    "check-that-is-no-list",
)


@pytest.mark.parametrize("name", STRUCTURE)
def test_what_convrun_refuses_an_editor_marks(name):
    """Mistakes of structure are mistakes by the schema too."""
    (spec,) = (GOLDEN / name / "specs").glob("*.yaml")
    assert faults(SPEC, read_values(spec.read_text("utf-8"), spec.name)) != []


WRITTEN = {
    "passed": "model: echo\nturns: [{user: Hi, expect: [{contains: Hi}]}]\n",
    "failed": "model: echo\nturns: [{user: Hi, expect: [{contains: Ho, because: x}]}]\nexpect: [{equals: x}]\n",
    "error": "model: {script: [{reply: a}]}\nturns: [{user: Hi}, {user: Ho}]\n",
    "check error": "model: echo\nturns: [{user: Hi, expect: [{contains: '{{ turns[0].parsed.x }}'}]}]\n",
    "missing": "model: gpt-4.1-mini\nturns: [{user: Hi}]\n",
    "skipped": "model: echo\nskip: later\nturns: [{user: Hi}]\n",
    "unchecked": "model: echo\nturns: [{user: Hi}]\n",
    "cases": "model: echo\ncases: [{id: a, x: 1}]\ntags: [t]\nturns: [{user: '{{ x }}', skip: why}, {user: Hi}]\n",
    "tools": "model: {script: [{call: f, with: {x: 1}}, {reply: a}]}\ntools: [tool:f]\nturns: [{user: Hi}]\n",
}


def test_every_result_fits(project):
    """Results of all verdicts, with errors, calls and findings, are what the schema of results says."""
    project.write("tool.py", "def f(x: int) -> int:\n    raise ValueError(x)\n")
    for name, text in WRITTEN.items():
        project.write(f"specs/{name.replace(' ', '_')}.yaml", text)
    result = json.loads(to_json(project.run()))
    assert faults(RESULT, result) == []
    assert {one["verdict"] for one in result["conversations"]} >= {"passed", "failed", "error", "missing", "skipped"}


def test_a_stale_result_fits(project):
    """A stale conversation with its changes, breaks and ignored differences fits."""
    spec = project.write(
        "specs/a.yaml",
        """
        model: echo
        system: Be brief.
        options: {seed: 1, metadata: {run: a}}
        turns: [{user: Hi}]
        cassette: {ignore: [/metadata/run]}
        """,
    )
    project.record()
    project.edit(spec.relative_to(project.root), "run: a", "run: b")
    ignored = json.loads(to_json(project.run()))
    project.edit(spec.relative_to(project.root), "brief", "long")
    stale = json.loads(to_json(project.run()))
    assert [one["path"] for one in ignored["conversations"][0]["ignored"]] == ["/metadata/run"]
    assert stale["conversations"][0]["stale"]["changes"][0]["part"] == "system prompt"
    assert faults(RESULT, ignored) == faults(RESULT, stale) == []


def test_a_result_with_another_key_does_not_fit(project):
    """The schema of results is closed: what is added has to be said there."""
    project.write("specs/a.yaml", WRITTEN["passed"])
    result = json.loads(to_json(project.run()))
    result["conversations"][0]["turns"][0]["more"] = 1
    assert faults(RESULT, result) != []
