"""The check `that`: an expression is true."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from convrun.checks.check import Claim, Explanation, Outcome, Path
from convrun.checks.context import CheckContext, seen_by_templates
from convrun.checks.reader import Reader
from convrun.checks.reply import nested_deeply, read_json
from convrun.errors import CheckError, TemplateError, did_you_mean
from convrun.frozen import frozen
from convrun.values import Json, show, type_name

if TYPE_CHECKING:
    from convrun.templates.expressions import Expression

NAMES = ("reply", "parsed", "tool_calls", "usage", "turn", "turns", "vars")
_SAID = NAMES[:-1]  # those that tell something of the conversation
_NO_BOOLEANS = frozenset(NAMES) - {"parsed"}
_SPELT = {"null": "null is written none"}
_FUNCTIONS = ("range", "dict", "namespace")
_WANTED = "an expression is wanted, as reply == 'YES'"
_CLAIMED = 160  # characters of an expression in a message
_VALUE = 120  # characters of a value in a message
_NOT_RECORDED = {  # parts of an expression that are null where nobody knows, and why
    "usage": ("not every reply that was recorded has a usage", "record it anew with a provider that tells it"),
    "cost_usd": ("the recording has no cost of every model call", "record it anew, which stores it"),
    "latency_s": ("the recording has no time of every model call", "record it anew, which stores it"),
}
_NO_BOOLEAN = "compare it: reply == 'YES', 'YES' in reply, parsed.total > 5, parsed.name is defined"


@frozen
class That:
    """The expression, in one line as `text`, is true of what there is to see."""

    source: str
    text: str

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject=_cut(self.text), predicate="be true")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether it is true, with the values that make it so."""
        expression, names = _expression(self.source), _names(context)
        try:
            value = expression.value(names)
        except TemplateError as error:
            if isinstance(error.__cause__, RecursionError) and nested_deeply(context.parsed):
                what = "the reply is nested too deeply for the expression"
                raise CheckError(what, fix="look at reply, or at a part: parsed[0].a") from error
            shown = expression.shown(names)
            seen = _said(shown, context)
            fix = next((why[1] for text, value in shown.items() if (why := _unknown(text, value, context))), error.fix)
            raise CheckError(f"{error.what}{f'; {seen}' if seen else ''}", fix=fix) from error
        if not isinstance(value, bool):
            given = "null" if value is None else f"the {type_name(value)} {show(value, _VALUE)}"
            raise CheckError(f"{_cut(self.text)} is neither true nor false: it is {given}", fix=_NO_BOOLEAN)
        if value:  # the values are told below `not` only
            explain = partial(_explained, expression, names, context)
            return Outcome(passed=True, actual=True, found="it is true", explain=explain)
        shown = expression.shown(names)
        actual: Json = next(iter(shown.values())) if len(shown) == 1 else shown
        return Outcome(passed=False, actual=actual, found=_said(shown, context) or "it is false")


def _explained(expression: Expression, names: Mapping[str, object], context: CheckContext) -> Explanation:
    said = _said(expression.shown(names), context)
    return Explanation(remark=f": {said}" if said else "")


def _expression(source: str) -> Expression:
    from convrun.templates.expressions import Expression  # jinja2 loads with the first

    return Expression.of(source)


def _names(context: CheckContext) -> dict[str, object]:
    return {
        "reply": context.reply,
        "parsed": context.parsed,
        "tool_calls": list(context.tool_calls),
        "usage": context.usage,
        "turn": context.turn,
        "turns": seen_by_templates(context.turns),
        "vars": context.vars,
    }


def _said(values: Mapping[str, Json], context: CheckContext) -> str:
    told = []
    for text, value in values.items():
        why = _unknown(text, value, context)
        told.append(f"{text} is {show(value, _VALUE)}{f', as {why[0]}' if why else ''}")
    return "; ".join(told)


def _unknown(text: str, value: Json, context: CheckContext) -> tuple[str, str] | None:
    """Why a part of an expression is null, and how to mend that, where it is something that was not given."""
    if value is not None:
        return None
    if text in ("parsed", "turn.parsed"):
        fix = "ask for JSON, or write: parsed is mapping and …"
        return ("the reply is no JSON", fix) if read_json(context.reply).fault is not None else None
    return next((why for part, why in _NOT_RECORDED.items() if part in text), None)


def _cut(text: str) -> str:
    return text if len(text) <= _CLAIMED else f"{text[: _CLAIMED - 1]}…"


def read_that(reader: Reader, value: object, path: Path) -> That:
    """Read the value of `that`, an expression."""
    if value is None or isinstance(value, bool | int | float):
        reader.wrong(path, f"an expression is wanted, not {show(value)}", "write one, as reply == 'YES'")
        return That(source="", text="")
    source = reader.text(value, path, empty=_WANTED)
    text = " ".join(line for raw in source.splitlines() if (line := raw.strip()))
    if source and not text:
        reader.wrong(path, f"a text of blanks: {_WANTED}", "write what is expected")
    if text:
        try:
            _judge(reader, _expression(source), text, path)
        except TemplateError as error:
            reader.wrong(path, error.what, error.fix)
    return That(source=source, text=text)


def _judge(reader: Reader, expression: Expression, text: str, path: Path) -> None:
    """Note what is seen before anything runs: names that there are not, and an expression that says nothing."""
    unknown = sorted(expression.names.difference(NAMES, _FUNCTIONS))
    for name in unknown:
        fix = _SPELT.get(name) or did_you_mean(name, NAMES) or f"known are {', '.join(NAMES)}; a var is vars.{name}"
        reader.wrong(path, f"unknown name {name!r} in the expression", fix)
    if unknown:
        return
    if not expression.names.intersection(_SAID):
        what = "nothing: it is always the same" if not expression.names else "nothing that was said, but at vars only"
        reader.wrong(path, f"{_cut(text)} looks at {what}", f"name one of {', '.join(_SAID)}")
    elif expression.never_boolean or text in _NO_BOOLEANS:
        reader.wrong(path, f"{_cut(text)} is never true or false", _NO_BOOLEAN)
