"""Typer without pydantic: its start-up cost is a third of a replay, and our parameters are texts.

From 0.29 on typer converts every parameter through a pydantic TypeAdapter. All parameters of convrun are texts, lists
of texts, counts and flags, which arrive as they are meant; so they are handed on unconverted. Where typer is built
otherwise, nothing is changed and it only starts slower. Nor does the help of an argument name its type.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Protocol, TypeVar


class _Parameter(Protocol):
    multiple: bool
    nargs: int


class _AsGiven:
    """Typer's runtime conversion of one parameter, leaving the value as the parser found it."""

    def coerce(self, value: object, param: _Parameter, ctx: object) -> object:  # noqa: ARG002 (the signature is typer's)
        """Return the value; an absent one of a repeatable parameter is empty."""
        if value is None:
            return () if getattr(param, "multiple", False) or param.nargs == -1 else None
        return value


def _no_type(ctx: object) -> None:
    """What the help of an argument says behind its metavar from typer 0.29 on: nothing."""


def _hinting(parse: Callable[[Any, list[str]], list[str]]) -> Callable[[Any, list[str]], list[str]]:
    """The parser of a command line, which knows `-all` for a long option with one dash."""

    def parsed(context: Any, words: list[str]) -> list[str]:
        given = [*words]  # the parser takes them away
        try:
            return parse(context, words)
        finally:
            error = sys.exc_info()[1]
            if type(error).__name__ == "NoSuchOption" and not getattr(error, "possibilities", None):
                known = {name for one in context.command.get_params(context) for name in getattr(one, "opts", ())}
                meant = next((word for word in given if len(word) > 2 and f"-{word}" in known), None)
                if meant is not None:
                    error.__dict__["message"] = f"No such option: {meant}; did you mean -{meant}?"

    return parsed


CommandT = TypeVar("CommandT")


def without_pydantic(command: CommandT, parent: Any = None) -> CommandT:
    """Return the command, its parameters and those of its subcommands set to be taken as they are given."""
    made: Any = command
    made.parse_args = _hinting(made.parse_args)
    context = made.context_class(made, parent=parent, **made.context_settings)
    for parameter in made.get_params(context):  # with --help, which is made on demand
        if parameter.param_type_name == "argument" and hasattr(parameter, "display_type_rich"):
            parameter.display_type_rich = _no_type  # its metavar says what it is: PATH, not PATH <list[str]>
        if hasattr(parameter, "_runtime_param"):
            parameter._runtime_param = _AsGiven()  # noqa: SLF001  # typer has no public switch for it
    for subcommand in getattr(made, "commands", {}).values():
        without_pydantic(subcommand, context)
    return command
