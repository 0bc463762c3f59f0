"""Stubs: what stands in for a tool's code, judged before anything runs and rendered once for each conversation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from convrun.checks.call_pattern import CallPattern, read_pattern
from convrun.checks.reader import Reader, settled
from convrun.conversation.tools import Tool, ToolCall, ToolResult
from convrun.errors import SpecError, ToolUnavailableError
from convrun.frozen import frozen
from convrun.redaction import Redactor
from convrun.results import ToolCallResult
from convrun.run.binding.bound_checks import place
from convrun.source import Where
from convrun.spec.model import StubEntry
from convrun.templates import render_text, render_value
from convrun.values import Json, show

_SHOWN = 6  # entries listed in a message


def stub_errors(entries: Iterable[StubEntry]) -> Iterator[SpecError]:
    """Yield the mistakes in what entries want of a call's arguments."""
    for entry in entries:
        reader = Reader()
        _pattern("tool", settled(entry.when), reader)
        yield from _mistakes(entry, reader)


@frozen
class Stub:
    """What a tool gives in the place of its code: the answer of the first entry that a call fits."""

    tool: str
    answers: Sequence[_Answer]
    redactor: Redactor
    where: Where

    def __call__(self, call: ToolCall) -> ToolResult:
        """Return the result of a call.

        Raises:
            ToolUnavailableError: where no entry fits.
        """
        arguments: Json = self.redactor.thorough.value(call.arguments)  # placeholders, as they are on replay
        sent = ToolCallResult(id="", name=self.tool, arguments=arguments)
        for answer in self.answers:
            if answer.pattern is None or answer.pattern.fits(sent):
                if answer.raises is not None:
                    return ToolResult.failed(call, Exception(answer.raises))
                return ToolResult.of(call, answer.value)
        shown = [str(answer.pattern) for answer in self.answers]
        more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
        raise ToolUnavailableError(
            f"no entry under `returns` of the tool {self.tool!r} fits its call with {show(arguments)}: "
            f"there are {', '.join(shown[:_SHOWN])}{more}",
            fix="add an entry for it, or a last one without `when`",
            where=self.where,
        )


@frozen
class _Answer:
    """An entry, rendered: `raises` is what the tool raises, else `value` is what it gives."""

    pattern: CallPattern | None
    value: Json = None
    raises: str | None = None


def stubbed(
    tools: Iterable[Tool],
    entries: Sequence[StubEntry],
    names: Mapping[str, object],
    names_in_checks: Mapping[str, object],
    *,
    redactor: Redactor,
    where: Where,
) -> list[Tool]:
    """Return the tools with the entries in the place of their code.

    What they give is rendered with `names`. What they want of arguments is with `names_in_checks`, as in a check: there
    placeholders stand for secrets.

    Raises:
        TemplateError: where a template fails.
        SpecError: where what it gives is no condition.
    """
    return [
        replace(tool, stand_in=stub_of(tool.name, entries, names, names_in_checks, redactor=redactor, where=where))
        for tool in tools
    ]


def stub_of(
    tool: str,
    entries: Sequence[StubEntry],
    names: Mapping[str, object],
    names_in_checks: Mapping[str, object],
    *,
    redactor: Redactor,
    where: Where,
) -> Stub:
    """Return what stands in for the tool of this name; the rest is as for `stubbed`."""
    answers = [_answer(tool, entry, names, names_in_checks) for entry in entries]
    return Stub(tool=tool, answers=answers, redactor=redactor, where=where)


def _answer(tool: str, entry: StubEntry, names: Mapping[str, object], names_in_checks: Mapping[str, object]) -> _Answer:
    reader = Reader()
    pattern = _pattern(tool, render_value(entry.when, names_in_checks), reader)
    for mistake in _mistakes(entry, reader):
        raise mistake
    if entry.raises is not None:
        return _Answer(pattern=pattern, raises=render_text(entry.raises, names))
    return _Answer(pattern=pattern, value=render_value(entry.returns, names))


def _pattern(tool: str, when: object, reader: Reader) -> CallPattern | None:
    return None if when is None else read_pattern(reader, {"tool": tool, "with": when}, ())


def _mistakes(entry: StubEntry, reader: Reader) -> Iterator[SpecError]:
    for problem in reader.problems:
        where = place(entry.places, problem.path[1:]) or entry.where
        yield SpecError(f"in `when`: {problem.what}", where=where, fix=problem.fix)
