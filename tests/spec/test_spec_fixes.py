"""What newcomers write, and the fix they are told: one mistake, one message."""

from __future__ import annotations

import pytest

from convrun.errors import SpecErrors
from convrun.spec.loading import load_spec

TURN = "turns: [{user: Hi}]\n"


def mistakes(folder, text):
    """The place, the text and the fix of each mistake in a spec."""
    (folder / "a.yaml").write_text(text, "utf-8")
    with pytest.raises(SpecErrors) as caught:
        load_spec(folder / "a.yaml", folder)
    return [(str(error.where), error.what, error.fix) for error in caught.value.errors]


@pytest.mark.parametrize(
    ("text", "what", "fix"),
    [
        (f"{TURN}cases: _c.csv", "expected a list of cases, got the text '_c.csv'", "write {file: _c.csv}"),
        ("turns: [{prompt: Hi}]", "unknown key 'prompt' in a turn", "did you mean 'user'?"),
        ("turns: [{user: Hi, assert: []}]", "unknown key 'assert' in a turn", "did you mean 'expect'?"),
        ("messages: [{user: Hi}]", "unknown key 'messages' in a spec", "did you mean 'turns'?"),
        (f"{TURN}branches: {{}}", "unknown key 'branches' in a spec", "it belongs to a turn: write it below `turns:`"),
        (
            f"{TURN}api: responses",
            "unknown key 'api' in a spec",
            "it belongs to the model: write `model: {name: …, api: …}`",
        ),
        (f"{TURN}variables: {{}}", "unknown key 'variables' in a spec", "did you mean 'vars'?"),
        (f"{TURN}skip: true", "expected a reason, got true", "write the reason itself, as a text"),
        (f"{TURN}skip: false", "expected a reason, got false", "leave the key out, or write a reason"),
        ("turns: [{user: Hi, chain: no}]", "expected true or false, got the text 'no'", "write false"),
        ("turns: [{user: Hi, chain: 'On'}]", "expected true or false, got the text 'On'", "write true"),
        ("turns: [{user: Hi, chain: maybe}]", "expected true or false, got the text 'maybe'", None),
        ("turns: [{user: Hi, schema: s.json}]", "'s.json' is no import path", "write {file: s.json}"),
        (
            "turns: [{user: Hi, expect: [{json_schema: a/s.yml}]}]",
            "'a/s.yml' is no import path",
            "write {file: a/s.yml}",
        ),
        (
            "turns: [{user: Hi, attachments: [a.png]}]",
            "expected a mapping for an attachment, got the text 'a.png'",
            "write {path: 'a.png'}",
        ),
        (
            "turns: [{user: Hi, attachments: ['https://x.y/a']}]",
            "expected a mapping for an attachment, got the text 'https://x.y/a'",
            "write {url: 'https://x.y/a'}",
        ),
        (
            f"{TURN}history: [{{role: assistant, content: Hi}}]",
            "unknown key 'content' in a message",
            "write it as {assistant: …}, without role and content",
        ),
        (
            f"{TURN}history: [{{role: usr, content: Hi}}]",
            "unknown key 'content' in a message",
            "write it as {user: …}, without role and content",
        ),
        (
            f"{TURN}history: [{{role: system, content: Hi}}]",
            "a system prompt is no message",
            "write it under the spec's `system:`",
        ),
        (f"{TURN}model: {{script: [{{cal: f}}]}}", "unknown key 'cal' in a script line", "did you mean 'call'?"),
        (f"{TURN}model: {{script: [{{rply: f}}]}}", "unknown key 'rply' in a script line", "did you mean 'reply'?"),
        (f"{TURN}model: {{script: [{{}}]}}", "a script line needs one of 'reply' and 'call'", None),
        (
            f"{TURN}model: {{script: [{{reply: a, with: {{}}}}]}}",
            "unknown key 'with' in a reply in a script",
            "known are: reply",
        ),
    ],
)
def test_what_newcomers_write(tmp_path, text, what, fix):
    """There is one mistake, and its fix is what was meant."""
    assert [(found, mended) for _, found, mended in mistakes(tmp_path, text)] == [(what, fix)]


def test_a_schema_that_is_none_is_refused_where_it_is_wrong(tmp_path):
    """A turn's schema is judged before anything runs; the place is in the spec, or where the spec names a file."""
    (tmp_path / "s.json").write_text('{"type": "objct"}', "utf-8")
    what = "not a JSON Schema: unknown type 'objct', did you mean 'object'?"
    turns = ["user: Hi\n    schema:\n      properties: {a: {type: objct}}", "user: Hi\n    schema: {file: s.json}"]
    spec = "turns:\n" + "".join(f"  - {turn}\n" for turn in turns)
    assert mistakes(tmp_path, spec) == [("a.yaml:4:30", what, None), ("a.yaml:6:13", what, None)]


@pytest.mark.parametrize(("header", "sign"), [("id;city", ";"), ("id\tcity", "\t")])
def test_columns_are_separated_by_commas(tmp_path, header, sign):
    """A CSV file with other separators is told so."""
    (tmp_path / "c.csv").write_text(f"{header}\na{sign}b\n", "utf-8")
    found = mistakes(tmp_path, f"{TURN}cases: {{file: c.csv}}")
    assert found == [("c.csv:1:1", f"the columns are separated by {sign!r}", "separate names and values by commas")]


def test_a_header_of_one_column_is_no_mistake(tmp_path):
    """A single column needs no comma."""
    (tmp_path / "c.csv").write_text("city\nOslo\n", "utf-8")
    (tmp_path / "a.yaml").write_text(f"{TURN}cases: {{file: c.csv}}", "utf-8")
    assert [case.id for case in load_spec(tmp_path / "a.yaml", tmp_path).cases] == ["Oslo"]
