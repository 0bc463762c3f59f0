"""What a spec itself says: the texts in which no value of an environment variable may stand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from convrun.frozen import frozen
from convrun.source import Where
from convrun.spec.model import CheckSpec, ModelSpec, Spec, ToolDeclaration, ToolUse, TurnSpec
from convrun.templates import Text

_VARIABLE = re.compile(r"\{\{-?\s*env\b[^}]*\}\}")  # where the value of a variable belongs
_CODE = "python"  # the check whose value is the name of a function


@frozen(kw_only=False)
class OwnText:
    """A text that goes to the model or is compared with what comes back; `part` is what it belongs to, for people."""

    text: str
    part: str
    where: Where | None


def own_texts(spec: Spec, model: ModelSpec, tools: Iterable[str] = ()) -> Iterator[OwnText]:
    """Yield the texts of a spec and of the model that answers; `tools` are the names of the tools with code."""
    yield OwnText(model.name, "the model's name", model.where or spec.where)
    for line in model.script or ():
        said = [line.reply, *(part for call in line.calls for part in (call.name, call.arguments))]
        yield from _in(said, "the script", model.where)
    for tool in spec.tools:
        if isinstance(tool, ToolDeclaration):
            yield from _in(tool.function, "a tool", tool.where)
        elif isinstance(tool, ToolUse):
            yield from _in([tool.name, tool.arguments], "a tool", tool.where)
        for entry in tool.stub:
            yield from _in([entry.when, entry.returns, entry.raises], "a stub", entry.where)
    yield from (OwnText(name, "the name of a tool", spec.where) for name in tools)
    yield from _in(spec.system, "the system prompt", spec.where)
    for message in spec.history:
        called = [part for call in message.tool_calls for part in (call.name, call.arguments)]
        yield from _in([message.text, called], "the history", message.where)
    yield from _in(spec.vars, "the vars", spec.where)
    yield from _in(spec.options, "the options", spec.where)
    for case in spec.cases or ():
        yield from _in(case.values, "a case", case.where)
    for axis in spec.matrix:
        for value in axis.values:
            yield from _in([value.name, value.value], "the matrix", value.where)
    for turn in spec.turns:
        yield from _in_turn(turn)
    yield from _in_checks((*spec.each_turn, *spec.expect))


def _in_turn(turn: TurnSpec) -> Iterator[OwnText]:
    yield from _in([turn.user, turn.system], "a turn", turn.where)
    if turn.simulate is not None:
        yield from _in([turn.simulate.persona, turn.simulate.goal], "a simulated user", turn.simulate.where)
    yield from _in([[one.path, one.url] for one in turn.attachments], "an attachment", turn.where)
    yield from _in([turn.options, turn.schema.schema if turn.schema else None], "a turn", turn.where)
    yield from _in_checks([*turn.own_checks, *([turn.expect_error] if turn.expect_error else [])])


def _in_checks(checks: Iterable[CheckSpec]) -> Iterator[OwnText]:
    for check in checks:
        if check.kind != _CODE:
            yield from _in(check.value, "a check", check.where)


def _in(value: object, part: str, where: Where | None) -> Iterator[OwnText]:
    """The texts in a value of mappings and lists, keys included; a template without the variables that it prints."""
    if isinstance(value, str):
        yield OwnText(value, part, where)
    elif isinstance(value, Text):
        said = _VARIABLE.sub("\0", value.source) if value.is_template else value.source
        yield OwnText(said, part, value.where or where)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield OwnText(str(key), part, where)
            yield from _in(item, part, where)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _in(item, part, where)
