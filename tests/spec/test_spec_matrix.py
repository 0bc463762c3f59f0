"""The key `matrix`: its axes, and what each value is called in ids."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from convrun.errors import SpecErrors
from convrun.schemas import spec_schema
from convrun.spec.loading import load_spec


@pytest.fixture
def matrix(tmp_path):
    """The axes of a spec with this value of `matrix`, and with more keys, beside a prompt in a file."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/brief.md").write_text("Be brief.\n", "utf-8")

    def read(value, **more):
        spec = {"turns": [{"user": "Hi"}], **more, "matrix": value}
        (tmp_path / "a.yaml").write_text(json.dumps(spec), "utf-8")
        return load_spec(tmp_path / "a.yaml", tmp_path).matrix

    return read


def mistakes(matrix, value, **more):
    """The mistakes, each with its fix."""
    with pytest.raises(SpecErrors) as raised:
        matrix(value, **more)
    return [f"{error.what}; {error.fix}" for error in raised.value.errors]


LONG = "You are the desk of a small library: answer in one sentence."


@pytest.mark.parametrize(
    ("axis", "value", "name"),
    [
        ("city", "Paris", "Paris"),
        ("city", "New York", "New York"),
        ("city", 7, "7"),
        ("city", True, "true"),
        ("city", None, "null"),
        ("city", {"id": "oslo", "zip": "0010"}, "oslo"),
        ("city", {"id": 3}, "3"),
        ("city", LONG, "You-are-the-desk-of-a-183e378a"),
        ("city", "a\nb", "a-b-7e18f737"),
        ("city", " a", "a-7de598b3"),
        ("city", "x" * 41, f"{'x' * 24}-3164596d"),
        ("city", "\n", "text-01ba4719"),
        ("city", {"id": "x" * 41}, "x" * 41),
        ("model", "groq/llama", "groq/llama"),
        ("model", {"name": "llama", "provider": "groq"}, "llama"),
        ("model", {"id": "fast", "name": "llama"}, "fast"),
        ("model", {"script": [{"reply": "Hi"}]}, "script"),
        ("model", {"id": "told", "script": [{"reply": "Hi"}]}, "told"),
        ("system", "Be kind.", "Be kind."),
        ("system", {"file": "prompts/brief.md"}, "brief"),
        ("system", {"file": "prompts/brief.md", "id": "b"}, "b"),
        ("system", {"text": "", "id": "none"}, "none"),
        ("system", {"text": "Be kind.", "raw": True}, "Be kind."),
        ("options", {"temperature": 0}, "temperature=0"),
        ("options", {"top_p": 0.5, "seed": None, "user": "x"}, "seed=null,top_p=0.5,user=x"),
        ("options", {"id": "as-written"}, "as-written"),
        ("options", {"stop": ["a", "b"]}, 'stop=["a", "b"]'),
    ],
)
def test_values_have_names(matrix, axis, value, name):
    """A short line is its own name, a file its stem, a mapping its `id`; long texts have a digest behind them."""
    ((found,),) = (one.values for one in matrix({axis: [value]}))
    assert found.name == name


def test_axes_keep_the_order_of_the_file(matrix):
    """Axes and values stand as they are written; a var keeps the `id` of a value, the spec's own keys lose it."""
    model = {"id": "fast", "name": "llama"}
    found = matrix(
        {"b": ["y", "x"], "a": [{"id": "one", "n": 1}], "options": [{"id": "cold", "seed": 1}], "model": [model]}
    )
    assert [axis.name for axis in found] == ["b", "a", "options", "model"]
    assert [value.value for value in found[0].values] == ["y", "x"]
    assert [axis.values[0].value for axis in found[1:3]] == [{"id": "one", "n": 1}, {"seed": 1}]
    assert found[3].values[0].value.name == "llama"


KEYS = "write keys and values, as `key: value`"
NAMELESS = "a value without a name for the ids of conversations"
LEAVE = "write one, or leave the key out"
TAKEN = "it has a meaning already; rename it"
OWN = "'tools' cannot be an axis: of a spec's own keys model, system and options can"
OTHER = "the other one is in line 1; take one out, or give one an `id`"
FILE = "write {file: prompts/brief.md}, or {text: 'prompts/brief.md'} if it is meant"


@pytest.mark.parametrize(
    ("value", "what", "fix"),
    [
        ({}, "an empty matrix", "write `model: [a, b]` into it, or leave the key out"),
        ([], "expected a mapping for matrix, got a list", KEYS),
        ({"city": []}, "an empty list of values", LEAVE),
        ({"model": []}, "an empty list of models", LEAVE),
        (
            {"city": "x"},
            "expected a list for the axis 'city', got the text 'x'",
            "write it as a list, as `city: [a, b]`",
        ),
        (
            {"model": "x"},
            "expected a list for the axis 'model', got the text 'x'",
            "write it as a list, as `model: [a, b]`",
        ),
        (
            {"city": {"file": "a.csv"}},
            "expected a list for the axis 'city', got a mapping",
            "rows of a file are `cases`",
        ),
        ({"turns": [1]}, "'turns' cannot be the name of an axis", TAKEN),
        ({"env": [1]}, "'env' cannot be the name of an axis", TAKEN),
        ({"tools": ["a:b"]}, OWN, "rename it if it is a var; else write it into the spec"),
        ({"model": [1]}, "expected text, got the number 1", "quote it: '1'"),
        ({"model": [{"nam": "x"}]}, "unknown key 'nam' in a model", "did you mean 'name'?"),
        ({"model": [{"id": "x"}]}, "a model needs the key 'name'", "write `name:` into it"),
        ({"system": [{"id": "x"}]}, "expected one of 'text' and 'file'", None),
        ({"system": [{"text": "a", "rwa": True}]}, "unknown key 'rwa' in a text", "did you mean 'raw'?"),
        ({"system": [{"file": "prompts/brif.md"}]}, "'prompts/brif.md' does not exist", "did you mean 'brief.md'?"),
        ({"system": ["prompts/brief.md"]}, "'prompts/brief.md' is a file, and no system prompt", FILE),
        ({"system": [None]}, "expected a system prompt, got nothing", "write {id: none, text: ''} for none at all"),
        ({"system": [""]}, NAMELESS, "give it an `id`, as {id: none, text: ''}"),
        ({"options": ["cold"]}, "expected a mapping for options, got the text 'cold'", KEYS),
        ({"options": [{"model": "x"}]}, "'model' is no option", "name it under `model:`"),
        ({"options": [{}]}, NAMELESS, "give it an `id`, as {id: as-written}"),
        ({"city": [""]}, NAMELESS, "write {id: none, text: ''}; templates say .text"),
        ({"city": [{"a": 1}]}, "a mapping without a name", "give it an `id`, as {id: paris, …}"),
        (
            {"city": [["a"]]},
            "a list has no name for the ids of conversations",
            "write a mapping with an `id`, as {id: few, items: […]}",
        ),
        ({"city": [{"id": "", "a": 1}]}, "expected a text that is not empty", "write it, or leave it out"),
        ({"city": ["x", "y", "x"]}, "the names of two values are equal: 'x'", OTHER),
        ({"city": [1, "1"]}, "the names of two values are equal: '1'", OTHER),
        ({"city": ["x", "X"]}, "the names of two values differ in upper and lower case only: 'X'", OTHER),
        ({"model": [{"name": "x"}, {"name": "x", "stream": True}]}, "the names of two values are equal: 'x'", OTHER),
    ],
)
def test_a_mistake_says_what_to_write(matrix, value, what, fix):
    """What an axis or a value cannot be is told with its fix."""
    assert mistakes(matrix, value) == [f"{what}; {fix}"]


def test_all_mistakes_are_told_at_once(matrix):
    """One axis that is wrong keeps nothing back of the others."""
    found = mistakes(matrix, {"city": [], "turns": [], "model": ["a", {"name": "b", "sream": True}, 3]})
    assert [one.partition(";")[0] for one in found] == [
        "an empty list of values",
        "'turns' cannot be the name of an axis",
        "unknown key 'sream' in a model",
        "expected text, got the number 3",
    ]


def test_an_axis_and_a_case_key_of_one_name_are_a_mistake(matrix):
    """One of them would hide the other, also where only one row has the key."""
    rows = [{"id": "a"}, {"id": "b", "city": "Rome"}]
    assert mistakes(matrix, {"city": ["x"]}, cases=rows) == [
        "the axis 'city' is named as a case key; the case 'b' has a value of this name; rename one, or take one out"
    ]


def test_a_base_gives_axes(matrix, tmp_path):
    """Axes merge with those of a base, their lists replace; what the spec itself has comes first."""
    (tmp_path / "_base.yaml").write_text("matrix: {model: [a, b], city: [x]}\n", "utf-8")
    found = matrix({"city": ["y", "z"]}, extends=["_base.yaml"])
    assert [(axis.name, [value.name for value in axis.values]) for axis in found] == [
        ("city", ["y", "z"]),
        ("model", ["a", "b"]),
    ]


def test_the_schema_takes_what_is_read(matrix):
    """What a spec may say is valid by the published schema, what is refused by its form is not."""
    check = Draft202012Validator(spec_schema()).is_valid
    right = {
        "model": ["a", {"name": "b", "id": "c"}, {"script": [{"reply": "Hi"}], "id": "told"}],
        "system": [{"file": "prompts/brief.md"}, {"text": "", "id": "none"}, "Be kind."],
        "options": [{"temperature": 0}, {"id": "cold"}],
        "city": ["Paris", 7, True, None, {"id": "oslo"}],
    }
    assert len(matrix(right)) == 4
    turns = [{"user": "Hi"}]
    assert check({"turns": turns, "matrix": right})
    wrong = [{}, {"city": []}, {"turns": [1]}, {"tools": ["a:b"]}, {"city": [{"a": 1}]}, {"system": [{"txt": "x"}]}]
    assert not any(check({"turns": turns, "matrix": one}) for one in wrong)
