"""Structured output: schemas that go out, values that come back."""

from __future__ import annotations

import pytest
from pydantic import BaseModel
from scripted_models import says, scripted

import convrun as llm


class Dog(BaseModel):
    name: str
    age: int


def test_a_schema_goes_out_and_the_reply_is_parsed():
    """A JSON Schema is sent as it is, under the name that was given, and the reply is JSON."""
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}}
    model, script = scripted(says('{"age": 3}'))
    response = model.prompt("A dog", schema=schema, schema_name="dog")
    assert response.parsed() == {"age": 3}
    sent = script.bodies[0]["response_format"]["json_schema"]
    assert (sent["name"], sent["schema"]) == ("dog", schema)
    assert response.prompt.schema == schema


def test_a_pydantic_model_gives_an_instance():
    """A pydantic model is sent as its schema, under its name, and the reply is an instance."""
    model, script = scripted(says('{"name": "Buddy", "age": 3}'))
    response = model.conversation(schema=Dog).prompt("A dog")
    assert response.parsed() == Dog(name="Buddy", age=3)
    sent = script.bodies[0]["response_format"]["json_schema"]
    assert (sent["name"], sent["schema"]["required"]) == ("Dog", ["name", "age"])


@pytest.mark.parametrize(
    ("title", "name"), [("Dog", "Dog"), ("A dog and its age", "output"), ("d" * 65, "output"), (1, "output")]
)
def test_a_schema_without_a_name_goes_by_its_title(title, name):
    """A title that providers take as a name is one, so that a model and its JSON Schema are the same request."""
    model, script = scripted(says("{}"))
    model.prompt("A dog", schema=Dog.model_json_schema() | {"title": title}).text()
    assert script.bodies[0]["response_format"]["json_schema"]["name"] == name


@pytest.mark.parametrize(("schema", "problem"), [(None, "is not JSON"), ({}, "is not JSON"), (Dog, "is no Dog")])
def test_a_reply_that_is_something_else_is_an_error(schema, problem):
    """A reply that cannot be parsed is a ConversationError."""
    model, _ = scripted(says("Sorry"))
    with pytest.raises(llm.ConversationError, match=problem) as caught:
        model.prompt("A dog", schema=schema).parsed()
    assert "https://" not in str(caught.value)


@pytest.mark.parametrize("schema", [None, {}, Dog])
def test_a_refusal_has_no_value(schema):
    """Where the model refused, parsed() says so, in the model's words."""
    refused = says("")
    refused["choices"][0]["message"] = {"role": "assistant", "content": None, "refusal": "I cannot do that."}
    model, _ = scripted(refused)
    with pytest.raises(llm.ConversationError, match=r"the model refused: 'I cannot do that\.'"):
        model.prompt("A dog", schema=schema).parsed()


def test_what_is_no_schema_is_refused():
    """A schema of another kind is refused before anything is sent."""
    model, _ = scripted()
    with pytest.raises(llm.ConversationError, match="is no schema"):
        model.prompt("A dog", schema="name, age int")


def test_brackets_beyond_what_python_reads_are_an_error():
    """A reply nested too deeply is no JSON, and says so."""
    model, _ = scripted(says("[" * 100_000 + "]" * 100_000))  # past the limit of every Python
    with pytest.raises(llm.ConversationError, match="the reply is not JSON"):
        model.prompt("x").parsed()
