"""The key `returns` of a tool with the policy `stub`: what stands in for its code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convrun import document
from convrun.document import Node
from convrun.errors import SpecError
from convrun.spec import decoding
from convrun.spec.checks import Places
from convrun.spec.decoder import Decoder, Key, Record, SpecFile, is_nothing, takes
from convrun.spec.model import StubEntry
from convrun.spec.texts import arguments, spoken, templates
from convrun.templates import Text
from convrun.values import contains

_OUTCOMES = ("returns", "raises")


@takes({})
def _value(node: Node, file: SpecFile) -> Any:
    """A JSON value whose texts are templates."""
    if is_nothing(node):
        raise SpecError("expected a value, got nothing", where=node.where, fix="write it; null is one, too")
    decoding.refuse_comment(node)
    return templates(node, file, strict=True)


@takes(type="object", minProperties=1)
def _when(node: Node, file: SpecFile) -> tuple[dict[str, Any], Places]:
    """Arguments, each a value or conditions on it, with their places."""
    found = arguments(node, file)
    if not found:
        raise SpecError("an empty `when` fits every call", where=node.where, fix="leave it out, in the last entry")
    return found, Places(node)


_ENTRY = Record(
    of="an entry of a stub",
    keys={
        "when": Key(_when, "Arguments, as in the check called: calls that have these get it. Without: every call."),
        "returns": Key(_value, "What the model gets: a text as it is, anything else as JSON."),
        "raises": Key(spoken, "What the tool raises; the model is told `Error:` and this."),
    },
)


@takes(_ENTRY)
def _entry(node: Node, file: SpecFile) -> StubEntry:
    parts = _ENTRY.values(node, file)
    given = [name for name in _OUTCOMES if name in parts]
    if len(given) != 1:
        what = "an entry both returns and raises" if given else "an entry neither returns nor raises"
        raise SpecError(what, where=node.where, fix="write one of returns: and raises:")
    when, places = parts.get("when", (None, {}))
    return StubEntry(
        when=when, returns=parts.get("returns"), raises=parts.get("raises"), where=node.where, places=places
    )


def _unreachable(entries: Sequence[StubEntry]) -> Iterator[SpecError]:
    """A mistake for each entry whose calls have all found one before it."""
    for index, entry in enumerate(entries):
        for before in entries[:index]:
            if before.when is None or (entry.when is not None and contains(_plain(entry.when), _plain(before.when))):
                what = f"no call gets to this entry: each that fits it has fitted the one in line {before.where.line}"
                yield SpecError(what, where=entry.where, fix="put it above that one, or take it out")
                break


def _plain(value: object) -> object:
    """The value with the sources of its texts."""
    if isinstance(value, Text):
        return value.source
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


_entries = decoding.listed(_entry, of="entries of a stub", judge=_unreachable)


def _is_entry(node: Node) -> bool:
    """Whether a mapping is meant as an entry: it says what comes of a call, or for which calls."""
    if not isinstance(node, document.Mapping):
        return False
    return any(node.get(name) is not None for name in _OUTCOMES) or isinstance(node.get("when"), document.Mapping)


def _has_only_keys_of_one(node: Node) -> bool:
    return isinstance(node, document.Mapping) and all(key.text in _ENTRY.keys for key, _ in node.entries)


def _stub(node: Node, file: SpecFile) -> tuple[StubEntry, ...]:
    if _is_entry(node) and _has_only_keys_of_one(node):
        fix = "put it in a list: a dash before it; a value of this form is written as [{returns: {…}}]"
        raise SpecError("an entry of a stub stands by itself", where=node.where, fix=fix)
    if isinstance(node, document.Sequence) and any(map(_is_entry, node.items)):
        return _entries(node, file)
    return (StubEntry(returns=_value(node, file), where=node.where),)


_MEANT_AS_ENTRIES = {
    "type": "array",
    "contains": {
        "anyOf": [
            *({"type": "object", "required": [name]} for name in _OUTCOMES),
            {
                "type": "object",
                "required": ["when"],
                "properties": {"when": {"type": "object", "description": "Arguments."}},
            },
        ]
    },
}
stub = Decoder(_stub, {"anyOf": [_entries, {"not": _MEANT_AS_ENTRIES}]}, "stub")
