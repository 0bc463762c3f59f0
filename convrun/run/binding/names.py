"""Names in templates, judged before anything runs: unknown ones, and turns that are not before this one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from convrun.checks.registry import expressions, runs_code, templates
from convrun.errors import ConvrunError, SpecError, TemplateError, did_you_mean
from convrun.frozen import frozen
from convrun.run.playing.freezing import frozen_functions
from convrun.source import Where
from convrun.spec.case_rows import RESERVED
from convrun.spec.model import OWN_AXES, CaseSpec, CheckSpec, Spec, StubEntry, ToolFault, ToolUse, TurnSpec
from convrun.templates import Text, calls, expression_problems, problems, references

_ALWAYS = frozenset({"vars", "turns", "env", "tmp"})
_FIXES = {
    "now": "now() is known with `freeze: {time: '2026-01-31T12:00:00Z'}` in the spec: a prompt that differs each time "
    "cannot be replayed",
    "uuid": "uuid() is known with `freeze: {uuid: any text}` in the spec: a prompt that differs each time cannot be "
    "replayed",
}
# Options that many providers have: an axis of such a name is none of vars.
_OPTIONS = frozenset({"temperature", "top_p", "seed", "max_tokens", "max_completion_tokens", "reasoning_effort"})


def name_errors(spec: Spec, names: Iterable[str], *, all_turns: bool = True) -> list[ConvrunError]:
    """Return every mistake in the spec's templates, for a conversation whose vars have these names.

    Without `all_turns` some are missing, and which turn a template names is not judged.
    """
    errors: list[ConvrunError] = [_reserved(name, spec.where) for name in sorted(RESERVED & set(names))]
    functions = frozen_functions(spec.freeze)
    known = _ALWAYS | set(names) | set(functions)
    for use in _uses(spec):
        seen = use if all_turns else replace(use, turns_before=sys.maxsize, turn_ids=_AnyTurn(), silent={})
        errors += problems(seen.text, known, seen.turns_before, seen.turn_ids, _FIXES, seen.silent)
        errors += calls(seen.text, functions)
    for use in _in_all_checks(spec, _expressions_of):
        with suppress(TemplateError):  # one that is none is said by its check
            seen = use if all_turns else replace(use, turns_before=sys.maxsize, turn_ids=_AnyTurn(), silent={})
            errors += expression_problems(seen.text, set(names), seen.turns_before, seen.turn_ids, seen.silent)
    return errors


@frozen(kw_only=False)
class _Use:
    """A text and how many turns are finished when it is rendered; those that are `silent` have no reply, and why."""

    text: Text
    turns_before: int
    turn_ids: Sequence[str]
    silent: Mapping[int | str, str]


def row_errors(spec: Spec, case: CaseSpec | None) -> list[ConvrunError]:
    """Return a mistake for each name that templates use and other cases have, but this one lacks."""
    if case is None or spec.cases is None:
        return []
    others = {key for one in spec.cases for key in one.values} - {*case.values, *given_to_all(spec)}
    if not others:
        return []
    missing: dict[str, Text] = {}
    for use in _uses(spec):
        try:
            missing |= {one.name: use.text for one in references(use.text) if one.name in others}
        except TemplateError:
            continue  # said by name_errors
    return [
        SpecError(
            f"the case {case.id!r} has no {name!r}, which the template at {text.where} uses",
            where=case.where,
            fix=did_you_mean(name, case.values) or f"give it a {name!r}",
        )
        for name, text in missing.items()
    ]


def given_to_all(spec: Spec) -> set[str]:
    """Return the names of the vars that each conversation of a spec has, whatever its case."""
    return {*spec.vars, *(axis.name for axis in spec.matrix if axis.is_var)}


def axis_errors(spec: Spec) -> Iterator[SpecError]:
    """Yield a mistake for each axis of the matrix that nothing uses: its conversations would all be the same."""
    checks = [check for turn in spec.turns for check in turn.own_checks] + [*spec.each_turn, *spec.expect]
    if not spec.matrix or any(runs_code(check.kind, check.value) for check in checks):
        return  # code may look at any of them
    prompts = [value.value for axis in spec.matrix if axis.name == "system" for value in axis.values]
    said = [*used_templates(spec), *(text for check in checks for text in texts(check.value)), *prompts]
    for axis in spec.matrix:
        if axis.is_var and not mention(said, axis.name) and not mention(said, "vars"):
            fix = did_you_mean(axis.name, OWN_AXES) or f"name it in a template, as {{{{ {axis.name} }}}}"
            fix = f"write `options: [{{{axis.name}: …}}, …]`" if axis.name in _OPTIONS else fix
            yield SpecError(f"nothing uses the axis {axis.name!r}", where=axis.where, fix=fix)


class _AnyTurn(tuple[str, ...]):
    """The ids of turns that are not all known: every id may be among them."""

    __slots__ = ()

    def __contains__(self, turn_id: object) -> bool:
        return True


def used_templates(spec: Spec) -> tuple[Text, ...]:
    """Return the templates of a spec."""
    return tuple(use.text for use in _uses(spec))


def mention(found: Iterable[Text], name: str) -> bool:
    """Return whether one of these templates may use this name."""
    return any(name in text.source for text in found)


def variables_named(found: Iterable[Text]) -> dict[str, Text]:
    """Return the environment variables that these templates name, each with the first text that does."""
    named: dict[str, Text] = {}
    for text in found:
        if "env" in text.source:
            with suppress(TemplateError):  # said by name_errors
                for one in references(text):
                    if one.variable is not None:
                        named.setdefault(one.variable, text)
    return named


def variables_sent(spec: Spec) -> dict[str, Text]:
    """Return those of them that stand in messages to the model; what tools and checks get is not among these."""
    said: list[object] = [spec.system, *(message.text for message in spec.history)]
    said += [text for turn in spec.turns for text in (turn.user, turn.system, *_simulated(turn))]
    said += [part for entry in _stub_entries(spec) for part in (entry.returns, entry.raises)]
    said += _raised(spec)
    return variables_named(text for one in said for text in texts(one))


def variables_in_addresses(spec: Spec) -> dict[str, Text]:
    """Return those of them that stand in the address of an attachment, which the provider asks for."""
    return variables_named(one.url for turn in spec.turns for one in turn.attachments if one.url is not None)


def _uses(spec: Spec) -> Iterator[_Use]:
    turns = spec.turns
    at_start: list[object] = [spec.system, *(message.text for message in spec.history)]
    at_start += [tool.arguments for tool in spec.tools if isinstance(tool, ToolUse)]
    at_start += [part for entry in _stub_entries(spec) for part in (entry.when, entry.returns, entry.raises)]
    at_start += _raised(spec)
    special = _special(turns)
    yield from _each(_in(at_start), special, 0)
    for index, turn in enumerate(turns):
        files = [part for attachment in turn.attachments for part in (attachment.path, attachment.url)]
        played = 0 if turn.skip else len(turns)  # what is never rendered may read whatever it likes
        yield from _each(_in([turn.user, turn.system, files, _simulated(turn)]), special, index, played)
    yield from _in_all_checks(spec, _templates_of)


def _in_all_checks(spec: Spec, texts_of: Callable[[CheckSpec], Iterable[Text]]) -> Iterator[_Use]:
    """What `texts_of` finds in the checks of a spec, and when it is looked at."""

    def found(checks: Iterable[CheckSpec]) -> list[Text]:
        return [text for check in checks for text in texts_of(check)]

    turns, special = spec.turns, _special(spec.turns)
    for index, turn in enumerate(turns):
        played = 0 if turn.skip else len(turns)
        yield from _each(found(turn.own_checks), special, index + 1, played)
        yield from _each(found([turn.expect_error] if turn.expect_error else ()), special, index, played)
    # A check of every turn sees at least the first one; a later reference is an error of the turn that lacks it.
    yield from _each(found(spec.each_turn), special, 1, 0)
    last = max((index for index, turn in enumerate(turns, start=1) if not turn.skip), default=0)
    yield from _each(found(spec.expect), special, len(turns), last)


def _simulated(turn: TurnSpec) -> list[Text | None]:
    """What the model is told that plays the user."""
    return [turn.simulate.persona, turn.simulate.goal] if turn.simulate else []


def _templates_of(check: CheckSpec) -> Iterator[Text]:
    return templates(check.kind, check.value)


def _expressions_of(check: CheckSpec) -> Iterator[Text]:
    return expressions(check.kind, check.value)


def _stub_entries(spec: Spec) -> Iterator[StubEntry]:
    return (entry for tool in spec.tools for entry in tool.stub)


def _raised(spec: Spec) -> list[object]:
    """What tools are to raise by the faults of a spec."""
    return [fault.raises for fault in spec.faults if isinstance(fault, ToolFault)]


def _special(turns: Sequence[TurnSpec]) -> list[tuple[int, TurnSpec]]:
    """The turns that have an id, no reply or several, with their places: all others are alike, and may be many."""
    return [(index, turn) for index, turn in enumerate(turns) if turn.id or turn.simulate or _silence(turn)]


def _each(found: Sequence[Text], special: Sequence[tuple[int, TurnSpec]], before: int, seen: int = 0) -> Iterator[_Use]:
    """These texts, which are looked at when `before` turns are finished and see `seen` of them at most.

    Those that are known to have no reply are looked for among the latter.
    """
    if found:
        finished = [(index, turn) for index, turn in special if index < before]
        ids = [turn.id for _, turn in finished if turn.id]
        silent = _silent([(index, turn) for index, turn in finished if index < seen], min(before, seen))
        # One that a simulated user does not come to is no mistake.
        most = before + sum(turn.most - 1 for _, turn in finished)
        yield from (_Use(text, most, ids, silent) for text in found)


def _in(value: object) -> list[Text]:
    """The templates in a value."""
    return [text for text in texts(value) if text.is_template]


def _silent(special: Sequence[tuple[int, TurnSpec]], count: int) -> dict[int | str, str]:
    """The turns that have no reply, of `count` turns, by index from both ends and by id, and why."""
    silent: dict[int | str, str] = {}
    simulated = [index for index, turn in special if turn.simulate and not turn.skip]
    for index, turn in special:
        why = _silence(turn)
        if why is not None:  # behind a simulated user turns are not where they stand
            places = {index: why} if not any(one < index for one in simulated) else {}
            places |= {index - count: why} if not any(one > index for one in simulated) else {}
            silent |= places | ({turn.id: why} if turn.id else {})
    return silent


def _silence(turn: TurnSpec) -> str | None:
    if turn.skip:
        return "the turn is skipped"
    return "the turn expects an error in the place of a reply" if turn.expect_error else None


def texts(value: object) -> Iterator[Text]:
    """Yield every Text in a value of mappings and lists, in order."""
    if isinstance(value, Text):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)


def _reserved(name: str, where: Where) -> SpecError:
    return SpecError(f"{name!r} cannot be the name of a var: templates use it", where=where, fix="rename it")
