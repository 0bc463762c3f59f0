"""The key `faults`: what may go wrong, where, and what of it is a mistake."""

from __future__ import annotations

from dataclasses import fields

import pytest

from convrun.errors import SpecErrors
from convrun.spec.faults import turn_number
from convrun.spec.loading import load_spec
from convrun.spec.model import ModelFault, ToolFault

TURNS = "turns: [{user: Hi}, {user: Bye, id: end}, {user: Never, id: '3', skip: later}]"


@pytest.fixture
def loaded(tmp_path):
    """Reads a spec of three turns with this value for `faults`."""

    def load(value, turns=TURNS):
        (tmp_path / "a.yaml").write_text(f"{turns}\nfaults: {value}\n", "utf-8")
        return load_spec(tmp_path / "a.yaml", tmp_path)

    return load


def said(fault):
    """What a fault says, places apart."""
    return {field.name: getattr(fault, field.name) for field in fields(fault) if field.name not in {"where", "places"}}


@pytest.mark.parametrize("name", [429, 500, "timeout"])
def test_a_fault_that_is_tried_again_has_times(loaded, name):
    """A status is a number, and both counts begin at 1."""
    first, second = loaded(
        f"[{{turn: 1, inject: {name}}}, {{turn: 1, model_call: 2, inject: {name}, times: 3}}]"
    ).faults
    assert said(first) == {"turn": 1, "model_call": 1, "inject": str(name), "times": 1}
    assert said(second) == {"turn": 1, "model_call": 2, "inject": str(name), "times": 3}


@pytest.mark.parametrize("name", ["cut_stream", "malformed_tool_json", "refusal", "context_length", "empty"])
def test_a_fault_is_named_by_a_word(loaded, name):
    """A turn is named by its number or by its id, and which it is does not matter."""
    by_number, by_id = (loaded(f"[{{turn: {turn}, inject: {name}}}]") for turn in (2, "end"))
    assert [turn_number(spec.faults[0], spec.turns) for spec in (by_number, by_id)] == [2, 2]
    assert isinstance(by_id.faults[0], ModelFault)


def test_a_fault_of_a_tool_has_the_text_that_it_raises(loaded):
    """Its calls are counted over the conversation; the first is meant where nothing is said."""
    first, second = loaded("[{tool: f, raise: no disk}, {tool: f, call: 2, raise: '{{ why }}'}]").faults
    assert isinstance(first, ToolFault)
    assert (first.tool, first.call, first.raises.source) == ("f", 1, "no disk")
    assert (second.call, second.raises.is_template) == (2, True)


def test_a_base_may_have_the_faults(loaded, tmp_path):
    """They are replaced as a list, and their turns are those of the whole spec."""
    loaded("[{turn: end, inject: empty}]")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\nturns: [{user: Hi, id: end}]\n", "utf-8")
    spec = load_spec(tmp_path / "b.yaml", tmp_path)
    assert [turn_number(fault, spec.turns) for fault in spec.faults] == [1]


MISTAKES = [
    ("{turn: 1}", "2:9: expected a list of faults, got a mapping: put it in a list"),
    ("[refusal]", "2:10: expected a mapping for a fault, got the text 'refusal'"),
    ("[{}]", "2:10: a fault needs the key 'turn'"),
    ("[{turn: 1}]", "2:10: a fault needs the key 'inject'"),
    ("[{inject: empty}]", "2:10: a fault needs the key 'turn'"),
    ("[{turn: 1, inject: refuse}]", "2:28: unknown fault 'refuse': did you mean 'refusal'?"),
    ("[{turn: 1, inject: rate_limit}]", "2:28: unknown fault 'rate_limit': did you mean '429'?"),
    ("[{turn: 1, inject: 503}]", "2:28: unknown fault 503: "),
    ("[{turn: 1, inject: '429'}]", "2:28: the fault 429 is a number: write 429, without quotes"),
    ("[{turn: 1, inject: [empty]}]", "2:28: expected text, got a list"),
    ("[{turn: 0, inject: empty}]", "2:17: expected a whole number from 1 on, got the number 0"),
    ("[{turn: 1.5, inject: empty}]", "2:17: expected a whole number from 1 on, got the number 1.5"),
    ("[{turn: 4, inject: empty}]", "2:17: no turn 4: there are 3 turns: name one of them, as `turn: 3`"),
    ("[{turn: edn, inject: empty}]", "2:17: no turn has the id 'edn': did you mean 'end'?"),
    ("[{turn: '1', inject: empty}]", "2:17: no turn has the id '1': a number stands without quotes: turn: 1"),
    ("[{turn: 3, inject: empty}]", "2:17: turn 3 is skipped: take the fault out, or the turn's `skip`"),
    ("[{turn: '3', inject: empty}]", "2:17: turn 3 is skipped: take the fault out, or the turn's `skip`"),
    ("[{turn: 1, model_call: 0, inject: empty}]", "2:32: expected a whole number from 1 on, got the number 0"),
    ("[{turn: 1, inject: 429, times: 0}]", "2:40: expected a whole number from 1 on, got the number 0"),
    (
        "[{turn: 1, inject: empty, times: 2}]",
        "2:42: 'empty' is no fault that several attempts meet: nothing tries again after it: leave `times` out",
    ),
    (
        "[{turn: 1, modelcall: 2, inject: empty}]",
        "2:20: unknown key 'modelcall' in a fault: did you mean 'model_call'?",
    ),
    ("[{turn: 1, call: 2, inject: empty}]", "2:20: unknown key 'call' in a fault: did you mean 'model_call'?"),
    ("[{tool: f, model_call: 2, raise: x}]", "2:20: a fault is of a model call or of a tool: 'model_call' does not go"),
    ("[{tool: f, inject: timeout}]", "2:20: a fault is of a model call or of a tool: 'inject' does not go with 'tool'"),
    ("[{tool: f}]", "2:10: a fault needs the key 'raise'"),
    ("[{raise: x}]", "2:10: a fault needs the key 'tool'"),
    ("[{tool: f, raises: x}]", "2:20: unknown key 'raises' in a fault: did you mean 'raise'?"),
    ("[{tool: f, raise: ''}]", "2:27: expected a text that is not empty"),
    ("[{tool: f, raise: x, call: 0}]", "2:36: expected a whole number from 1 on, got the number 0"),
    (
        "[{turn: end, inject: empty}, {turn: 2, model_call: 1, inject: 429}]",
        "2:38: two faults for turn 2, model call 1: the other one is in line 2; take one out",
    ),
    (
        "[{tool: f, raise: x}, {tool: f, call: 1, raise: y}]",
        "2:31: two faults for call 1 of 'f': the other one is in line 2; take one out",
    ),
]


@pytest.mark.parametrize(("value", "told"), MISTAKES)
def test_what_is_wrong_is_said_at_its_place(loaded, value, told):
    """One mistake each, with what to write instead."""
    with pytest.raises(SpecErrors) as caught:
        loaded(value)
    first, *more = caught.value.errors
    assert f"{first.where}: {first.what}: {first.fix}".startswith(f"a.yaml:{told}")
    assert [error.what for error in more] == (["a fault needs the key 'inject'"] if value == "[{}]" else [])


def test_turns_that_are_wrong_are_no_mistake_of_the_faults(loaded):
    """Which turns there are is not known then."""
    with pytest.raises(SpecErrors) as caught:
        loaded("[{turn: end, inject: empty}]", turns="turns: [{user: Hi}, {usr: Bye, id: end}]")
    assert [error.what for error in caught.value.errors] == ["unknown key 'usr' in a turn"]
