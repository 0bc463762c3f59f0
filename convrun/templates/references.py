"""What a template refers to, judged before anything runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from convrun.errors import TemplateError, did_you_mean
from convrun.frozen import frozen
from convrun.templates.text import Text

if TYPE_CHECKING:
    from convrun.templates.expressions import Expression
    from convrun.templates.sandbox import Program

NO_FIXES: Mapping[str, str] = MappingProxyType({})
NONE_SILENT: Mapping[int | str, str] = MappingProxyType({})
_BRACES = re.compile(r"\{\{ | \}\}")
_OF_EVERY_TURN = ("index", "id", "user")


@frozen
class Reference:
    """A name that a template takes from outside.

    `turn` is the index or id in `turns[2]` and `turns.second`, `field` the one in `turns.second.reply` where every
    rendering reads it, `variable` the name in `env.NAME`.
    """

    name: str
    turn: int | str | None = None
    field: str | None = None
    variable: str | None = None


def references(text: Text) -> tuple[Reference, ...]:
    """Return what the text refers to: each name once, then each turn, field of a turn and environment variable once.

    Raises:
        TemplateError: where the text is no template.
    """
    if not text.is_template:
        return ()
    program = _program(text)
    return (
        *(Reference(name=name) for name in sorted(program.names)),
        *_turns_of(program),
        *(Reference(name="env", variable=variable) for variable in sorted(program.variables)),
    )


def _turns_of(program: Program | Expression) -> Iterator[Reference]:
    yield from (Reference(name="turns", turn=turn) for turn in sorted(program.turns, key=str))
    for turn, field in sorted(program.fields, key=str):
        yield Reference(name="turns", turn=turn, field=field)


def calls(text: Text, functions: Mapping[str, Callable[..., object]]) -> list[TemplateError]:
    """Return what the functions say of their calls in the text, as far as the arguments are written out."""
    if not text.is_template or not any(name in text.source for name in functions):
        return []
    try:
        found = _program(text).calls
    except TemplateError:
        return []  # said by `problems`
    errors: list[TemplateError] = []
    for name, given, named in found:
        if name in functions:
            try:
                functions[name](*given, **named)
            except TemplateError as error:
                errors.append(error.at(text.where))
            except TypeError as error:  # as the sandbox says it
                errors.append(TemplateError(f"the template failed: TypeError: {error}", where=text.where))
    return errors


def _program(text: Text) -> Program:
    from convrun.templates.sandbox import Program  # jinja2 loads with the first template

    try:
        return Program.of(text.source)
    except TemplateError as error:
        error.at(text.where)
        raise


def expression_problems(
    text: Text,
    variables: Collection[str],
    turns_before: int,
    turn_ids_before: Sequence[str],
    silent: Mapping[int | str, str] = NONE_SILENT,
) -> list[TemplateError]:
    """Return the mistakes in the turns and vars that an expression names; it is known to be one.

    `variables` are the names of the vars, the rest is as for `problems`.
    """
    from convrun.templates.expressions import Expression

    found = Expression.of(text.source)
    return [
        TemplateError(what, fix=_BRACES.sub("", fix or "") or None, where=text.where)
        for what, fix in (
            *(
                mistake
                for one in _turns_of(found)
                for mistake in _mistakes(one, ("turns",), turns_before, turn_ids_before, NO_FIXES, silent)
            ),
            *(
                (f"no var is called {key!r}", did_you_mean(key, variables) or _listed("vars are", sorted(variables)))
                for key in sorted(found.keys - set(variables))
            ),
        )
    ]


def problems(
    text: Text,
    known_names: Collection[str],
    turns_before: int,
    turn_ids_before: Sequence[str],
    fixes: Mapping[str, str] = NO_FIXES,
    silent: Mapping[int | str, str] = NONE_SILENT,
) -> list[TemplateError]:
    """Return every mistake that shows before the text is rendered: bad syntax, unknown names, turns not before it.

    `turns_before` is how many turns are finished by then, `turn_ids_before` the ids of those that have one. `fixes`
    are how names become known that are not yet, `silent` the turns without a reply, by index and id, and why.
    """
    try:
        found = references(text)
    except TemplateError as error:
        return [error]
    return [
        TemplateError(what, fix=fix, where=text.where)
        for reference in found
        for what, fix in _mistakes(reference, known_names, turns_before, turn_ids_before, fixes, silent)
    ]


def _mistakes(
    reference: Reference,
    known_names: Collection[str],
    turns_before: int,
    turn_ids_before: Sequence[str],
    fixes: Mapping[str, str],
    silent: Mapping[int | str, str],
) -> Iterator[tuple[str, str | None]]:
    turn = reference.turn
    if reference.field is not None:
        if turn is not None and turn in silent and reference.field not in _OF_EVERY_TURN:
            shown = f"turns[{turn}]" if isinstance(turn, int) else f"turns.{turn}"
            fix = f"name another turn, or say what stands for it: {{{{ {shown}.{reference.field} | default('') }}}}"
            yield f"{shown} has no {reference.field!r}: {silent[turn]}", fix
    elif reference.name not in known_names:
        if turn is None and reference.variable is None:
            near = fixes.get(reference.name) or did_you_mean(reference.name, known_names)
            yield f"unknown name {reference.name!r} in a template", near or _listed("known are", sorted(known_names))
    elif isinstance(turn, int):
        if not -turns_before <= turn < turns_before:
            yield (
                f"turns[{turn}] does not exist yet: {_finished(turns_before)}",
                "the first is turns[0]" if turns_before else None,
            )
    elif turn is not None and turn not in turn_ids_before:
        near = did_you_mean(turn, turn_ids_before)
        yield f"no turn before this has the id {turn!r}", near or _listed("ids are", turn_ids_before)


def _finished(turns: int) -> str:
    return {0: "no turn is finished by then", 1: "1 turn is finished by then"}.get(
        turns, f"{turns} turns are finished by then"
    )


def _listed(intro: str, names: Sequence[str]) -> str | None:
    return f"{intro} {', '.join(map(repr, names[:12]))}" if names else None
