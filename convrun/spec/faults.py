"""The key `faults`: what is to go wrong with a model call, or with a call of a tool, whatever the recording holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convrun.document import Node, Scalar
from convrun.errors import SpecError, did_you_mean
from convrun.spec import decoding
from convrun.spec.decoder import Key, Record, SpecFile, mapping, takes, unknown
from convrun.spec.model import ModelFault, Spec, ToolFault, TurnSpec, every_turn
from convrun.spec.texts import spoken

RETRIED = ("429", "500", "timeout")  # a client tries again by itself; so it does where a plain reply is cut off
_INJECTED = (*RETRIED, "cut_stream", "malformed_tool_json", "refusal", "context_length", "empty")
_ABROAD = {
    "rate_limit": "429",
    "server_error": "500",
    "malformed_json": "malformed_tool_json",
    "disconnect": "cut_stream",
}


@takes(enum=[int(name) if name.isdigit() else name for name in _INJECTED])
def _injected(node: Node, file: SpecFile) -> str:
    """What is injected: a status, as a number, or a word."""
    number = isinstance(node, Scalar) and decoding.is_number(node)
    found = node.text if isinstance(node, Scalar) and number else decoding.text(node, file)
    if found in _INJECTED and found.isdigit() is number:
        return found
    if found in _INJECTED:
        raise SpecError(f"the fault {found} is a number", where=node.where, fix=f"write {found}, without quotes")
    assert isinstance(node, Scalar)  # all else was refused
    raise unknown(node, _INJECTED, f"fault {found if number else repr(found)}", _ABROAD)


_count = decoding.whole_number(1)


@takes(anyOf=[_count, {"type": "string"}])
def _turn(node: Node, file: SpecFile) -> int | str:
    """The number of a turn, or its id: what is quoted is one."""
    number = isinstance(node, Scalar) and decoding.is_number(node)
    return _count(node, file) if number else decoding.word(node, file)


_OF_MODEL = Record(
    of="a fault",
    form="a fault of a model call",
    abroad={"id": "turn", "fault": "inject", "kind": "inject", "status": "inject", "call": "model_call"},
    keys={
        "turn": Key(_turn, "The turn, by its number from 1, or by its id.", required=True),
        "model_call": Key(_count, "Which model call of the turn, from 1, the first by default."),
        "inject": Key(_injected, "What happens in the place of the reply, or to it.", required=True),
        "times": Key(_count, "Of 429, 500 and timeout: how many attempts in a row meet it, 1 by default."),
    },
)
_OF_TOOL = Record(
    of="a fault",
    form="a fault of a tool",
    abroad={"name": "tool", "raises": "raise", "error": "raise"},
    keys={
        "tool": Key(decoding.word, "The tool, by the name that the model knows.", required=True),
        "call": Key(_count, "Which of its calls in the conversation, from 1, the first by default."),
        "raise": Key(spoken, "What it raises in its place; the model is told `Error:` and this.", required=True),
    },
)
_ONLY_OF_TOOL = frozenset({"tool", "raise", "raises"})
_ONLY_OF_MODEL = frozenset({"turn", "model_call", "inject", "times"})


@takes(anyOf=[_OF_MODEL, _OF_TOOL])
def _fault(node: Node, file: SpecFile) -> ModelFault | ToolFault:
    """A fault of a model call, or of a tool."""
    entries = mapping(node, "a fault").entries
    places = {key.text: value.where for key, value in entries}
    of_tool = next((key for key, _ in entries if key.text in _ONLY_OF_TOOL), None)
    of_model = next((key for key, _ in entries if key.text in _ONLY_OF_MODEL), None)
    if of_tool is not None and of_model is not None:
        what = f"a fault is of a model call or of a tool: {of_model.text!r} does not go with {of_tool.text!r}"
        fix = "write two: {turn: 1, inject: refusal} and {tool: name, raise: text}"
        raise SpecError(what, where=max(of_tool, of_model, key=lambda key: key.start).where, fix=fix)
    if of_tool is not None:
        parts = _OF_TOOL.values(node, file)
        return ToolFault(raises=parts.pop("raise"), **parts, where=node.where, places=places)
    fault = ModelFault(**_OF_MODEL.values(node, file), where=node.where, places=places)
    if "times" in places and fault.inject not in RETRIED:
        what = f"{fault.inject!r} is no fault that several attempts meet: nothing tries again after it"
        raise SpecError(what, where=places["times"], fix=f"leave `times` out; {', '.join(RETRIED)} may have it")
    return fault


faults = decoding.listed(_fault, of="faults")


def turn_number(fault: ModelFault, turns: Sequence[TurnSpec]) -> int | None:
    """Return the number of the turn that a fault names, from 1; None where there is none."""
    if isinstance(fault.turn, int):
        return fault.turn if fault.turn <= len(turns) else None
    return next((number for number, turn in enumerate(turns, start=1) if turn.id == fault.turn), None)


def misplaced(spec: Spec) -> Iterator[SpecError]:
    """Yield a mistake for each fault that no turn can have, or that another one stands in the way of."""
    seen: dict[str, ModelFault | ToolFault] = {}
    for fault in spec.faults:
        if isinstance(fault, ModelFault):
            number = turn_number(fault, spec.turns)
            meant = [spec.turns[number - 1]] if number is not None else _of_branches(fault, spec.turns)
            if not meant:
                yield _no_such_turn(fault, spec.turns)
                continue
            if _is_behind_simulated(fault, spec.turns):
                what = f"turn {fault.turn} is simulated, or comes behind one that is"
                fix = "name an earlier one: which turns there are from there on is known when they are played"
                yield SpecError(what, where=fault.places["turn"], fix=fix)
                continue
            if all(turn.skip for turn in meant):
                fix = "take the fault out, or the turn's `skip`"
                yield SpecError(f"turn {fault.turn} is skipped", where=fault.places["turn"], fix=fix)
            place = f"turn {number or repr(fault.turn)}, model call {fault.model_call}"
        else:
            place = f"call {fault.call} of {fault.tool!r}"
        other = seen.setdefault(place, fault)
        if other is not fault:
            fix = f"the other one is in line {other.where.line}; take one out"
            yield SpecError(f"two faults for {place}", where=fault.where, fix=fix)


def _is_behind_simulated(fault: ModelFault, turns: Sequence[TurnSpec], *, seen: bool = False) -> bool:
    """Whether a turn that a fault means is simulated, or comes behind one that is; a number means none of a branch."""
    for number, turn in enumerate(turns, start=1):
        seen = seen or turn.simulate is not None
        if seen and fault.turn == (number if isinstance(fault.turn, int) else turn.id):
            return True
        if isinstance(fault.turn, str) and any(
            _is_behind_simulated(fault, branch.turns, seen=seen) for branch in turn.branches
        ):
            return True
    return False


def _of_branches(fault: ModelFault, turns: Sequence[TurnSpec]) -> list[TurnSpec]:
    """The turns of branches that have the id which a fault names: one alone is meant by it in each conversation."""
    return [turn for turn in every_turn(turns) if turn.id is not None and turn.id == fault.turn]


def _no_such_turn(fault: ModelFault, turns: Sequence[TurnSpec]) -> SpecError:
    where = fault.places["turn"]
    if isinstance(fault.turn, int):
        count = f"there {'is 1 turn' if len(turns) == 1 else f'are {len(turns)} turns'}"
        return SpecError(
            f"no turn {fault.turn}: {count}", where=where, fix=f"name one of them, as `turn: {len(turns)}`"
        )
    ids = list(dict.fromkeys(turn.id for turn in every_turn(turns) if turn.id is not None))
    fix = did_you_mean(fault.turn, ids) or (f"known are: {', '.join(ids)}" if ids else "name it by its number")
    if fault.turn.isdigit():
        fix = f"a number stands without quotes: turn: {fault.turn}"
    return SpecError(f"no turn has the id {fault.turn!r}", where=where, fix=fix)
