"""The keys `tools`, with what stands in for their code (`returns`), and `hooks`."""

from __future__ import annotations

import re
from collections import abc
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from convrun.document import Mapping, Node, Scalar, Sequence
from convrun.errors import SpecError
from convrun.spec import decoding
from convrun.spec.checks import Places
from convrun.spec.decoder import Decoder, Key, Record, SpecFile, is_nothing, mapping, takes
from convrun.spec.model import HookSpec, StubEntry, ToolDeclaration, ToolUse
from convrun.spec.texts import arguments, json_leaf, json_mapping, spoken, templates
from convrun.spec.texts import data as plain
from convrun.templates import Text
from convrun.values import contains

_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_OF_ALL = ("live", "replay", "verify")
_STUB = "stub"
_OUTCOMES = ("returns", "raises")
_COMPARED = 100  # entries of a stub that others are compared with: a hostile list would take for ever

_policy = decoding.choice(*_OF_ALL, _STUB, of="policy")
_known_to_all = decoding.choice(*_OF_ALL, of="policy")


@takes(_known_to_all.shape)
def policy(node: Node, file: SpecFile) -> str:
    """Return the policy of all tools that name none; a stub has a value of its own."""
    if isinstance(node, Scalar) and node.value == _STUB:
        fix = "write `policy: stub` and `returns:` at the tool itself"
        raise SpecError("'stub' is no policy for all tools: each needs its own value", where=node.where, fix=fix)
    return _known_to_all(node, file)


@takes({})
def _json_value(node: Node, file: SpecFile) -> Any:
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
        "returns": Key(_json_value, "What the model gets: a text as it is, anything else as JSON."),
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


def _unreachable(entries: abc.Sequence[StubEntry]) -> Iterator[SpecError]:
    """A mistake for each entry whose calls have all found one before it."""
    conditions = [_sources(entry.when) for entry in entries]
    for index, entry in enumerate(entries):
        wanted = conditions[index]
        compared = enumerate(conditions[: min(index, _COMPARED)])
        before = next(
            (at for at, one in compared if one is None or (wanted is not None and contains(wanted, one))), None
        )
        if before is not None:
            line = entries[before].where.line
            what = f"no call gets to this entry: each that fits it has fitted the one in line {line}"
            yield SpecError(what, where=entry.where, fix="put it above that one, or take it out")


def _sources(value: object) -> object:
    """The value with the sources of its texts."""
    if isinstance(value, Text):
        return value.source
    if isinstance(value, dict):
        return {key: _sources(item) for key, item in value.items()}
    return [_sources(item) for item in value] if isinstance(value, list) else value


_entries = decoding.listed(_entry, of="entries of a stub", judge=_unreachable)


def _is_entry(node: Node) -> bool:
    """Whether a mapping is meant as an entry: it says what comes of a call, or for which calls."""
    if not isinstance(node, Mapping):
        return False
    return any(node.get(name) is not None for name in _OUTCOMES) or isinstance(node.get("when"), Mapping)


def _has_only_keys_of_one(node: Node) -> bool:
    return isinstance(node, Mapping) and all(key.text in _ENTRY.keys for key, _ in node.entries)


def _stub(node: Node, file: SpecFile) -> tuple[StubEntry, ...]:
    if _is_entry(node) and _has_only_keys_of_one(node):
        fix = "put it in a list: a dash before it; a value of this form is written as [{returns: {…}}]"
        raise SpecError("an entry of a stub stands by itself", where=node.where, fix=fix)
    if isinstance(node, Sequence) and any(map(_is_entry, node.items)):
        return _entries(node, file)
    return (StubEntry(returns=_json_value(node, file), where=node.where),)


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


def _refuse_half_a_stub(entry: Mapping) -> None:
    """Raise for a stub that gives nothing, and for a value that nobody would ask for."""
    chosen, given = entry.get("policy"), entry.get("returns")
    is_stub = isinstance(chosen, Scalar) and chosen.value == _STUB
    if is_stub and chosen is not None and given is None:
        fix = "write `returns:` beside it: a value, or a list of {when: {…}, returns: …}"
        raise SpecError("a stub needs what it gives to the model", where=chosen.where, fix=fix)
    if given is not None and not is_stub:
        raise SpecError("`returns` without `policy: stub`", where=given.where, fix="write `policy: stub` beside it")


def _together(found: abc.Sequence[ToolUse | ToolDeclaration]) -> Iterator[SpecError]:
    """Declared tools of one name; what code is called shows only when it is imported."""
    seen: dict[str, int | None] = {}
    for tool in found:
        if not isinstance(tool, ToolDeclaration):
            continue
        if tool.name in seen:
            fix = f"the other one is in line {seen[tool.name]}; rename one"
            yield SpecError(f"two tools are named {tool.name!r}", where=tool.where, fix=fix)
        seen[tool.name] = tool.where.line


def _tool(node: Node, file: SpecFile) -> ToolUse | ToolDeclaration:
    if isinstance(node, Scalar):
        path = decoding.import_path(node, file)
        return ToolUse(path=path, where=path.where)
    entry = mapping(node, "a tool")
    if entry.get("declare") is not None:
        parts = _DECLARED.values(node, file)
        _refuse_half_a_stub(entry)
        declared: ToolDeclaration = parts["declare"]
        return replace(declared, stub=parts.get("returns", ()))
    parts = _USED.values(node, file)
    _refuse_half_a_stub(entry)
    return ToolUse(
        path=parts["use"],
        arguments=parts.get("with", {}),
        name=parts.get("as"),
        policy=parts.get("policy"),
        stub=parts.get("returns", ()),
        where=node.where,
    )


@takes(type="string", pattern=r"^[A-Za-z0-9_.-]+$")
def _tool_name(node: Node, file: SpecFile) -> str:
    found = decoding.text(node, file)
    if not _NAME.fullmatch(found):
        raise SpecError(f"{found!r} is no tool name", where=node.where, fix="use letters, digits, _ and -")
    return found


def _declaration(node: Node, file: SpecFile) -> ToolDeclaration:
    """A tool as providers take it; what was written goes out, in its order."""
    name = _FUNCTION.values(node, file)["name"]
    return ToolDeclaration(name=name, function=plain(node, json_leaf), where=node.where)


_FUNCTION = Record(
    of="a declaration",
    keys={
        "name": Key(_tool_name, "What the model calls it.", required=True),
        "description": Key(decoding.text, "What the model is told of it."),
        "parameters": Key(json_mapping, "A JSON Schema of the arguments; it goes out as it is written."),
        "strict": Key(decoding.flag, "true: the provider holds the model to the schema."),
    },
)
_declare = Key(Decoder(_declaration, _FUNCTION), "A tool without code: what it returned is in the recording.")
_returns = Key(stub, "Of a stub: what it gives to the model, or a list of entries, the first of which fits.")
_DECLARED = Record(
    of="a declared tool",
    keys={
        "declare": _declare,
        "policy": Key(
            decoding.choice("replay", _STUB, of="policy of a declared tool"),
            "replay (default): its recorded results are used; stub: what it `returns`.",
        ),
        "returns": _returns,
    },
)
_USED = Record(
    of="a tool",
    keys={
        "use": Key(decoding.import_path, "A function, or a subclass of convrun.Toolbox.", required=True),
        "with": Key(arguments, "The Toolbox's constructor arguments, with templates; `tmp` is a fresh folder."),
        "as": Key(_tool_name, "Another name."),
        "policy": Key(
            _policy,
            "What a replay does with it: live calls it, verify calls it and checks that it gives what was recorded, "
            "replay uses the recorded result, stub what it `returns`.",
        ),
        "returns": _returns,
        "declare": _declare,
    },
)
_SHORT_OR_LONG = {"anyOf": [decoding.import_path, _USED, _DECLARED]}
tools = decoding.listed(Decoder(_tool, _SHORT_OR_LONG), of="tools", judge=_together)

_paths = decoding.one_or_more(decoding.import_path, of="import paths")
_HOOKS = Record(
    of="hooks",
    keys={
        "before_call": Key(_paths, "Called with each tool and call before it is made; may replace or cancel it."),
        "after_call": Key(_paths, "Called with each tool, call and result; may replace the result."),
        "before_conversation": Key(_paths, "Called with the Conversation; what follows its yield runs at the end."),
    },
)


@takes(_HOOKS)
def hooks(node: Node, file: SpecFile) -> HookSpec:
    """Return the hooks, each one import path or several."""
    return HookSpec(**_HOOKS.values(node, file))
