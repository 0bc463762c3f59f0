"""The keys `tools` and `hooks`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from convrun.document import Node, Scalar
from convrun.errors import SpecError
from convrun.spec import decoding
from convrun.spec.decoding import SpecFile, Table
from convrun.spec.model import HookSpec, ToolDeclaration, ToolUse
from convrun.spec.texts import arguments, json_leaf, json_mapping
from convrun.spec.texts import data as plain

_NAME = re.compile(r"[A-Za-z0-9_.-]+")

policy = decoding.choice("live", "replay", of="policy")


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
    entry = decoding.mapping(node, "a tool")
    if entry.get("declare") is not None:
        declared: ToolDeclaration = decoding.record(node, file, _DECLARED, of="a declared tool")["declare"]
        return declared
    parts = decoding.record(node, file, _USED, of="a tool", required=("use",))
    return ToolUse(
        path=parts["use"],
        arguments=parts.get("with", {}),
        name=parts.get("as"),
        policy=parts.get("policy"),
        where=node.where,
    )


tools = decoding.listed(_tool, of="tools", judge=_together)


def _tool_name(node: Node, file: SpecFile) -> str:
    found = decoding.text(node, file)
    if not _NAME.fullmatch(found):
        raise SpecError(f"{found!r} is no tool name", where=node.where, fix="use letters, digits, _ and -")
    return found


def _declaration(node: Node, file: SpecFile) -> ToolDeclaration:
    """A tool as providers take it; what was written goes out, in its order."""
    name = decoding.record(node, file, _FUNCTION, of="a declaration", required=("name",))["name"]
    return ToolDeclaration(name=name, function=plain(node, json_leaf), where=node.where)


_FUNCTION: Table = {
    "name": _tool_name,
    "description": decoding.text,
    "parameters": json_mapping,
    "strict": decoding.flag,
}
_DECLARED: Table = {"declare": _declaration, "policy": decoding.choice("replay", of="policy of a declared tool")}
_USED: Table = {
    "use": decoding.import_path,
    "with": arguments,
    "as": _tool_name,
    "policy": policy,
    "declare": _declaration,
}


def hooks(node: Node, file: SpecFile) -> HookSpec:
    """Return the hooks, each one import path or several."""
    return HookSpec(**decoding.record(node, file, _HOOKS, of="hooks"))


_paths = decoding.one_or_more(decoding.import_path, of="import paths")
_HOOKS: Table = {"before_call": _paths, "after_call": _paths, "before_conversation": _paths}
