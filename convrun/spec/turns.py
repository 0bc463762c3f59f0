"""The key `turns`: what the user says, what goes with it, and what must hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from convrun import document
from convrun.document import Node, Scalar, quoted
from convrun.errors import SpecError
from convrun.source import Where
from convrun.spec import decoding
from convrun.spec.checks import checks
from convrun.spec.decoding import Mistakes, SpecFile, Table
from convrun.spec.model import AttachmentSpec, SchemaSpec, TurnSpec
from convrun.spec.texts import data, json_leaf, json_schema, schema_path, spoken, template
from convrun.values import schema_fault

_NOT_OPTIONS = {
    "messages": "the turns and `history` are the messages",
    "model": "name it under `model:`",
    "tools": "name them under `tools:`",
    "stream": "write `model: {name: …, stream: true}`",
}
_ABROAD = dict.fromkeys(("prompt", "input", "content", "message", "question", "text"), "user") | dict.fromkeys(
    ("assert", "asserts", "assertions", "check", "checks", "tests"), "expect"
)
_MIME = re.compile(r"[A-Za-z0-9][\w.+-]*/[\w.+-]+")


def _together(found: Sequence[TurnSpec]) -> Iterator[SpecError]:
    """Ids that are there twice, and a turn without chain that is not the last."""
    seen: dict[str, int | None] = {}
    for number, turn in enumerate(found, start=1):
        if turn.id in seen:
            fix = f"the other one is in line {seen[turn.id]}; rename one"
            yield SpecError(f"two turns have the id {turn.id!r}", where=turn.where, fix=fix)
        if not turn.chain and number < len(found):
            fix = "its tool calls would stay unanswered; only the last turn may have it"
            yield SpecError("chain: false before the last turn", where=turn.where, fix=fix)
        if turn.id is not None:
            seen[turn.id] = turn.where.line


def options(node: Node, file: SpecFile) -> dict[str, Any]:  # noqa: ARG001 (a decoder)
    """Return options as the provider gets them; what convrun itself sends is none."""
    mistakes = Mistakes()
    for key, value in decoding.mapping(node, "options").entries:
        with mistakes:
            if key.text in _NOT_OPTIONS:
                raise SpecError(f"{key.text!r} is no option", where=key.where, fix=_NOT_OPTIONS[key.text])
            if key.text == "n" and not (isinstance(value, Scalar) and value.value in {1, None}):
                fix = "leave `n` out: what no check sees must not be asked for"
                raise SpecError("several choices are not supported", where=value.where, fix=fix)
    mistakes.stop()
    made: dict[str, Any] = data(node, json_leaf)
    return made


def _turn(node: Node, file: SpecFile) -> TurnSpec:
    read = decoding.parts(node, file, _TURN, of="a turn", required=("user",), abroad=_ABROAD)
    turn = TurnSpec(**read.values, where=node.where) if "user" in read.values else None
    read.mistakes.stop(rest=turn)
    assert turn is not None  # a turn without `user` is a mistake
    return turn


def _attachment(node: Node, file: SpecFile) -> AttachmentSpec:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        key = "url" if "://" in node.value else "path"
        raise decoding.expected("a mapping for an attachment", node, f"write {{{key}: {quoted(node.value)}}}")
    parts = decoding.record(node, file, _ATTACHMENT, of="an attachment")
    if ("path" in parts) == ("url" in parts):
        raise SpecError("an attachment needs one of 'path' and 'url'", where=node.where)
    return AttachmentSpec(**parts, where=node.where)


def _mime(node: Node, file: SpecFile) -> str:
    found = decoding.text(node, file)
    if not _MIME.fullmatch(found):
        raise SpecError(f"{found!r} is no media type", where=node.where, fix="write one as image/png")
    return found


def _schema(node: Node, file: SpecFile) -> SchemaSpec:
    if isinstance(node, Scalar):
        return SchemaSpec(path=schema_path(node, file), where=node.where)
    decoding.mapping(node, "a schema")
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


_ATTACHMENT: Table = {
    "path": spoken,
    "url": spoken,
    "type": _mime,
    "detail": decoding.choice("auto", "low", "high", of="detail"),
}
_TURN: Table = {
    "user": template,
    "id": decoding.identifier,
    "system": template,
    "chain": decoding.flag,
    "attachments": decoding.listed(_attachment, of="attachments"),
    "options": options,
    "schema": _schema,
    "expect": checks,
    "skip": decoding.reason,
}
turns = decoding.listed(_turn, of="turns", least=1, judge=_together)
