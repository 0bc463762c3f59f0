"""The check `python`: a function of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import cast

from convrun.checks.check import Claim, Outcome, Path
from convrun.checks.code import Code, typed
from convrun.checks.context import CheckContext, TurnView
from convrun.checks.reader import Reader
from convrun.conversation.network import watching
from convrun.errors import CheckError, text_of
from convrun.frozen import frozen
from convrun.templates import TurnList
from convrun.values import show


@frozen
class PythonCheck:
    """A function that is given the context holds.

    None and True pass, False fails, a text fails with it, an AssertionError fails; all else is an error.
    """

    code: Code

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject=self.code.path, predicate="hold")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return what the function says; whatever else it raises is raised."""
        function = cast("Callable[[CheckContext], object]", self.code.target)
        try:
            with watching(f"check {self.code.path!r}"):
                answer = function(_lent(context))
        except AssertionError as error:
            said = text_of(error)
            return self._outcome(context, passed=False, found=_says(said) if said else _line(error))
        if isinstance(answer, str):
            return self._outcome(context, passed=False, found=_says(answer))
        if answer is None or isinstance(answer, bool):
            found = f"it returned {answer} for the reply {show(context.reply, 120)}"
            return self._outcome(context, passed=answer is not False, found=found)
        raise CheckError(
            f"{self.code.path!r} returned {typed(answer)}, {show(answer, 60)}",
            fix="return None or True if the check holds, else False or a text that says why",
        )

    def _outcome(self, context: CheckContext, *, passed: bool, found: str) -> Outcome:
        return Outcome(passed=passed, actual=context.reply, found=found)


def _lent(context: CheckContext) -> CheckContext:
    """The context with values of its own: what the function changes in them, no other check sees."""
    return replace(
        context,
        parsed=deepcopy(context.parsed),
        tool_calls=deepcopy(context.tool_calls),
        turn=_lent_turn(context.turn),
        turns=TurnList(context.turns, shown=_lent_turn),
        vars=deepcopy(dict(context.vars)),
    )


def _lent_turn(turn: TurnView) -> TurnView:
    return replace(turn, parsed=deepcopy(turn.parsed), tool_calls=deepcopy(turn.tool_calls))


def _says(text: str) -> str:
    """The function's own words, on lines of their own if they are several."""
    return f"it says:\n{text}" if "\n" in text.strip() else f"it says {text!r}"


def _line(error: AssertionError) -> str:
    """The line of code that asserts, for an assertion without words."""
    from traceback import extract_tb

    last = extract_tb(error.__traceback__)[-1]
    return f"this is not so: {last.line}"


def read_python(reader: Reader, value: object, path: Path) -> PythonCheck:
    """Read the value of `python`: an import path, or the Code it was replaced by."""
    if isinstance(value, Code):
        if not callable(value.target):
            reader.wrong(path, f"{value.path!r} is {typed(value.target)}, not a function")
        elif is_async(value.target):
            reader.wrong(path, f"{value.path!r} is an async function", "a check is a plain function")
        return PythonCheck(code=value)
    text = reader.text(value, path, empty="an import path is wanted")
    if text and ":" not in text:
        reader.wrong(path, f"{text!r} is no import path", "write package.module:function")
    return PythonCheck(code=Code(path=text, target=None))


def is_async(target: object) -> bool:
    """Return whether a function would have to be awaited."""
    from inspect import iscoroutinefunction

    return iscoroutinefunction(target)
