"""The keys `tools` and `hooks`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from convrun.document import Mapping, Node, Scalar
from convrun.errors import SpecError
from convrun.spec import decoding
from convrun.spec.decoder import Decoder, Key, Record, SpecFile, mapping, takes
from convrun.spec.model import HookSpec, ToolDeclaration, ToolUse
from convrun.spec.stubs import stub
from convrun.spec.texts import arguments, json_leaf, json_mapping
from convrun.spec.texts import data as plain

_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_OF_ALL = ("live", "replay", "verify")
_STUB = "stub"

_policy = decoding.choice(*_OF_ALL, _STUB, of="policy")
_known_to_all = decoding.choice(*_OF_ALL, of="policy")


@takes(_known_to_all.shape)
def policy(node: Node, file: SpecFile) -> str:
    """Return the policy of all tools that name none; a stub has a value of its own."""
    if isinstance(node, Scalar) and node.value == _STUB:
        fix = "write `policy: stub` and `returns:` at the tool itself"
        raise SpecError("'stub' is no policy for all tools: each needs its own value", where=node.where, fix=fix)
    return _known_to_all(node, file)


def _refuse_half_a_stub(entry: Mapping) -> None:
    """Raise for a stub that gives nothing, and for a value that nobody would ask for."""
    chosen, given = entry.get("policy"), entry.get("returns")
    is_stub = isinstance(chosen, Scalar) and chosen.value == _STUB
    if is_stub and chosen is not None and given is None:
        fix = "write `returns:` beside it: a value, or a list of {when: {…}, returns: …}"
        raise SpecError("a stub needs what it gives to the model", where=chosen.where, fix=fix)
    if given is not None and not is_stub:
        raise SpecError("`returns` without `policy: stub`", where=given.where, fix="write `policy: stub` beside it")


def _together(found: Sequence[ToolUse | ToolDeclaration]) -> Iterator[SpecError]:
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
