"""The key `turns`: what the user says, what goes with it, and what must hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from convrun import document
from convrun.document import Node, Scalar, quoted
from convrun.errors import SpecError
from convrun.source import Where
from convrun.spec import decoding
from convrun.spec.checks import check, checks, expected_error
from convrun.spec.decoder import Decoder, Key, Mistakes, Record, SpecFile, expected, mapping, takes
from convrun.spec.known_failures import known_failure, refuse_beside_skip
from convrun.spec.model import (
    AttachmentSpec,
    BranchSpec,
    ModelSpec,
    SchemaSpec,
    SimulateSpec,
    Spec,
    TurnSpec,
    every_turn,
)
from convrun.spec.models import model
from convrun.spec.texts import data, json_leaf, json_schema, schema_path, spoken, template
from convrun.templates import Text
from convrun.values import schema_fault

_NOT_OPTIONS = {
    "messages": "the turns and `history` are the messages",
    "input": "the turns and `history` are the input",
    "instructions": "write them as `system:`",
    "model": "name it under `model:`",
    "tools": "name them under `tools:`",
    "stream": "write `model: {name: …, stream: true}`",
}
_ABROAD = dict.fromkeys(("prompt", "input", "content", "message", "question", "text"), "user") | dict.fromkeys(
    ("assert", "asserts", "assertions", "check", "checks", "tests"), "expect"
)
_NOT_SIMULATED = {
    "user": "make it a turn of its own: what a simulated user says is up to its model",
    "chain": "leave it out: the simulated user answers a reply, so that its tools have to have run",
    "attachments": "leave them out, or put them into a turn with `user:` before it",
    "branches": "write what follows as specs of their own, or let each branch begin with a simulated user",
    "expect_error": "leave it out: which turn is refused is not known before; write `faults` or a turn with `user:`",
}
_MOST_TURNS = 100  # of one simulated user: whoever talks longer goes in circles, and each turn is paid for
_MIME = re.compile(r"^[A-Za-z0-9][\w.+-]*/[\w.+-]+$")


def _together(found: Sequence[TurnSpec], before: Sequence[TurnSpec] = ()) -> Iterator[SpecError]:
    """Ids that are there twice, and a turn without chain that is not the last; `before` are those of the trunk."""
    seen = {turn.id: turn.where.line for turn in before if turn.id is not None}
    for number, turn in enumerate(found, start=1):
        if turn.id in seen:
            fix = f"the other one is in line {seen[turn.id]}; rename one"
            yield SpecError(f"two turns have the id {turn.id!r}", where=turn.where, fix=fix)
        if turn.chain is not True and (number < len(found) or turn.branches):
            fix = "its tool calls would stay unanswered; only the last turn may have it"
            told = "false" if turn.chain is False else turn.chain
            what = f"chain: {told} before the last turn" if number < len(found) else f"chain: {told} with branches"
            yield SpecError(what, where=turn.where, fix=fix)
        if turn.id is not None:
            seen[turn.id] = turn.where.line
        if turn.branches and turn.expect_error is not None:
            what = "a turn with expect_error has no reply that branches could go on from"
            yield SpecError(what, where=turn.branches[0].where, fix="write them on the turn before it")
        if turn.branches and any(one.simulate for one in (*before, *found[:number])):
            what = "branches behind a simulated user: how many turns they would begin with is known when it has spoken"
            yield SpecError(what, where=turn.branches[0].where, fix=_NOT_SIMULATED["branches"])
        for branch in turn.branches:
            yield from _together(branch.turns, (*before, *found[:number]))


def past_limit(spec: Spec) -> Iterator[SpecError]:
    """Yield a mistake for a turn with more model calls than the spec's `chain_limit` lets it have."""
    for turn in every_turn(spec.turns):
        if turn.chain is not True and turn.chain > spec.chain_limit:
            what = f"chain: {turn.chain} is more than the chain_limit of {spec.chain_limit}"
            yield SpecError(what, where=turn.where, fix=f"write `chain_limit: {turn.chain}` into the spec")


@takes(
    type="object",
    properties={
        **dict.fromkeys(_NOT_OPTIONS, False),
        "n": {"enum": [1, None], "description": "One answer: what no check sees must not be asked for."},
        "previous_response_id": {
            "type": ["string", "null"],
            "minLength": 1,
            "description": "The id of a response, or `auto`: each turn goes on from the reply before it.",
        },
    },
)
def options(node: Node, _: SpecFile) -> dict[str, Any]:
    """Return options as the provider gets them; what convrun itself sends is none."""
    mistakes = Mistakes()
    for key, value in mapping(node, "options").entries:
        with mistakes:
            if key.text in _NOT_OPTIONS:
                raise SpecError(f"{key.text!r} is no option", where=key.where, fix=_NOT_OPTIONS[key.text])
            if key.text == "n" and not (isinstance(value, Scalar) and value.value in {1, None}):
                fix = "leave `n` out: what no check sees must not be asked for"
                raise SpecError("several choices are not supported", where=value.where, fix=fix)
            if key.text == "previous_response_id" and not _is_previous(value):
                fix = "write auto: each turn then goes on from the reply before it"
                raise expected("the id of a response, or auto", value, fix)
    mistakes.stop()
    made: dict[str, Any] = data(node, json_leaf)
    return made


def _is_previous(node: Node) -> bool:
    """Whether it is the id of a response, `auto`, or null, which removes the option."""
    return isinstance(node, Scalar) and (node.value is None or (isinstance(node.value, str) and node.value != ""))


def _turn(node: Node, file: SpecFile) -> TurnSpec:
    others = Mistakes()
    if isinstance(node, document.Mapping) and node.get("simulate") is not None:
        read = _SIMULATED.parts(_own_keys(node, others), file)
    else:
        read = _TURN.parts(node, file)
    read.mistakes.found += others.found
    # A turn whose text is wrong is judged all the same; its mistake keeps the spec from being run.
    turn = TurnSpec(**{"user": _unsaid(node, read.values), **read.values}, where=node.where)
    with read.mistakes:
        refuse_beside_skip(read.values.get("skip"), read.values.get("known_failure"))
    if "expect" in read.values and "expect_error" in read.values:
        what = "a turn with expect_error has no reply that expect could check"
        fix = "take one of them out; expect_error itself checks status and message"
        read.mistakes.found.append(SpecError(what, where=read.values["expect_error"].where, fix=fix))
    read.mistakes.stop(rest=turn)
    return turn


@takes(type="integer", minimum=1, maximum=_MOST_TURNS)
def _max_turns(node: Node, file: SpecFile) -> int:
    found = _count(node, file)
    if found > _MOST_TURNS:
        what = f"{found} turns are more than the {_MOST_TURNS} that a simulated user may have"
        raise SpecError(what, where=node.where, fix=f"write {_MOST_TURNS} or fewer; each is a model call at the least")
    return found


def _simulate(node: Node, file: SpecFile) -> SimulateSpec:
    if isinstance(node, Scalar):
        fix = "say what the user is after: {goal: Get a refund for order 1042.}"
        raise expected("a mapping for simulate", node, fix)
    return SimulateSpec(**_SIMULATE.values(node, file), where=node.where)


@takes(anyOf=[model])
def _speaker(node: Node, file: SpecFile) -> ModelSpec:
    """The model that plays the user: it has no tools."""
    found = model(node, file)
    if any(line.calls for line in found.script or ()):
        raise SpecError("a simulated user calls no tools", where=node.where, fix="give it lines of `reply:` only")
    return found


def _unsaid(node: Node, values: dict[str, Any]) -> Text:
    """What stands for the text of a turn that has none: whoever lists turns tells by it that a model says it."""
    simulate = values.get("simulate")
    said = f"(simulated user: {simulate.goal.source})" if simulate is not None else ""
    return Text(source=said, raw=True, where=node.where)


def _own_keys(node: document.Mapping, mistakes: Mistakes) -> document.Mapping:
    """A simulated turn without the keys of another, each of which is a mistake."""
    for key, _ in node.entries:
        if key.text in _NOT_SIMULATED:
            what = f"{key.text!r} does not go with 'simulate'"
            mistakes.found.append(SpecError(what, where=key.where, fix=_NOT_SIMULATED[key.text]))
    return replace(node, entries=tuple(entry for entry in node.entries if entry[0].text not in _NOT_SIMULATED))


def _attachment(node: Node, file: SpecFile) -> AttachmentSpec:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        key = "url" if "://" in node.value else "path"
        raise expected("a mapping for an attachment", node, f"write {{{key}: {quoted(node.value)}}}")
    parts = _ATTACHMENT.values(node, file)
    if ("path" in parts) == ("url" in parts):
        raise SpecError("an attachment needs one of 'path' and 'url'", where=node.where)
    return AttachmentSpec(**parts, where=node.where)


@takes(
    type="object",
    minProperties=1,
    propertyNames={"pattern": r"^[^\s./\\:@][^\s/\\:@]*$"},
    additionalProperties={
        "type": "array",
        "minItems": 1,
        "items": {"anyOf": [{"$ref": "#/$defs/turn"}, {"$ref": "#/$defs/simulated_turn"}]},
    },
)
def _branches(node: Node, file: SpecFile) -> tuple[BranchSpec, ...]:
    from convrun.spec.branches import read_branches  # few specs have any

    return read_branches(node, file, _of_a_branch)


_count = decoding.whole_number(1)


@takes(anyOf=[decoding.flag, _count])
def _chain(node: Node, file: SpecFile) -> bool | int:
    counted = isinstance(node, Scalar) and isinstance(node.value, int) and not isinstance(node.value, bool)
    return _count(node, file) if counted else decoding.flag(node, file)


@takes(type="string", pattern=_MIME.pattern)
def _mime(node: Node, file: SpecFile) -> str:
    found = decoding.text(node, file)
    if not _MIME.fullmatch(found):
        raise SpecError(f"{found!r} is no media type", where=node.where, fix="write one as image/png")
    return found


@takes(anyOf=[schema_path, {"type": "object"}])
def _schema(node: Node, file: SpecFile) -> SchemaSpec:
    if isinstance(node, Scalar):
        return SchemaSpec(path=schema_path(node, file), where=node.where)
    mapping(node, "a schema")
    schema = json_schema(node, file)
    if not isinstance(schema, dict):
        raise SpecError("the schema is no mapping", where=node.where)
    fault = schema_fault(schema)
    if fault is not None:
        raise SpecError(f"not a JSON Schema: {fault.what}", where=_within(node, fault.path))
    return SchemaSpec(schema=schema, where=node.where)


def _within(node: Node, path: Sequence[str | int]) -> Where:
    """The place of a path in a node, or of the nearest thing above it: a schema may stand in a file of its own."""
    for step in path:
        if isinstance(node, document.Mapping):
            inner = node.get(str(step))
        else:
            inner = node.items[int(step)] if isinstance(node, document.Sequence) else None
        if inner is None:
            break
        node = inner
    return node.where


_ATTACHMENT = Record(
    of="an attachment",
    keys={
        "path": Key(spoken, "A file below the project's root; its path begins at the spec's folder."),
        "url": Key(spoken, "An address that the provider reads."),
        "type": Key(_mime, "The media type, where name and content do not say it, as image/jpeg."),
        "detail": Key(decoding.choice("auto", "low", "high", of="detail"), "How closely an image is looked at."),
    },
)
_attachments = decoding.listed(Decoder(_attachment, _ATTACHMENT), of="attachments")
_SYSTEM = Key(template, "Replaces the system prompt from here on.")
_OF_CALLS = {
    "options": Key(options, "Over the spec's options, for this turn; null removes one."),
    "schema": Key(_schema, "Structured output: a JSON Schema, {file: …}, or a pydantic model's import path."),
}
_PASSED_OVER = {
    "skip": Key(decoding.reason, "Why the turn is left out."),
    "known_failure": Key(known_failure, "Why the turn fails; it is shown as skipped, and fails once it passes."),
}
_TURN = Record(
    of="a turn",
    name="turn",
    abroad=_ABROAD,
    keys={
        "user": Key(template, "What the user says.", required=True),
        "id": Key(decoding.identifier, "Names the turn for templates (`turns.second`) and reports."),
        "system": _SYSTEM,
        "chain": Key(_chain, "false: one model call, or a number of them; the tool calls of the last are not run."),
        "attachments": Key(_attachments, "Images and files that go with what the user says."),
        **_OF_CALLS,
        "expect": Key(checks, "What must hold after this turn."),
        "expect_error": Key(expected_error, "In the place of expect: the error that the provider is to answer with."),
        **_PASSED_OVER,
        "branches": Key(_branches, "Other ways on from here, by name: turns in the place of those that follow."),
    },
)
_SIMULATE = Record(
    of="simulate",
    form="a simulated user",
    abroad={"turns": "max_turns", "limit": "max_turns", "task": "goal", "instructions": "goal", "stop": "until"},
    keys={
        "goal": Key(spoken, "What the user is after.", required=True),
        "persona": Key(spoken, "Who the user is, and how they write."),
        "max_turns": Key(_max_turns, f"How many turns there are at most, 10 by default, {_MOST_TURNS} at the most."),
        "until": Key(
            decoding.listed(check, of="checks", least=1),
            "Checks of the turn just played: once all hold, it is the last; if none is that, the last one fails.",
        ),
        "model": Key(_speaker, "The model that plays the user; default: the conversation's own."),
    },
)
_SIMULATED = Record(
    of="a simulated turn",
    form="a simulated turn",
    name="simulated_turn",
    abroad=_ABROAD | {"persona": "simulate", "goal": "simulate", "until": "simulate", "max_turns": "simulate"},
    keys={
        "simulate": Key(Decoder(_simulate, _SIMULATE), "A model plays the user, turn after turn.", required=True),
        "id": Key(decoding.identifier, "Names its last turn for templates and reports."),
        "system": _SYSTEM,
        **_OF_CALLS,
        "expect": Key(checks, "What must hold after its last turn."),
        **_PASSED_OVER,
    },
)
_any_turn = Decoder(_turn, {"anyOf": [_TURN, _SIMULATED]})
_of_a_branch = decoding.listed(_any_turn, of="turns", least=1)  # judged with those that they go on from
turns = decoding.listed(_any_turn, of="turns", least=1, judge=_together)
