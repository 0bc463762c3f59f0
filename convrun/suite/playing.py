"""The playing of a run's conversations, one at a time: a result for each, whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from traceback import format_exception
from typing import TypeAlias

from convrun.errors import named
from convrun.results import ConversationResult, Problem
from convrun.run.binding.bind import BoundConversation
from convrun.run.planning.options import RunOptions
from convrun.run.playing.conversation import run_conversation
from convrun.run.secrets import redactor_for, without_secrets

Outcome: TypeAlias = ConversationResult | Problem
Play: TypeAlias = Callable[[int], Outcome]


def playing(conversations: Sequence[BoundConversation], options: RunOptions, *, environ: Mapping[str, str]) -> Play:
    """Return what runs the conversation of an index; a bug of ours is a Problem instead of its result.

    It raises KeyboardInterrupt, and BrokenPipeError where nobody reads any more.
    """

    def play(index: int) -> Outcome:
        try:
            return run_conversation(conversations[index], options, environ=environ)
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001  # a bug of ours; what was finished is reported all the same
            return without_secrets(bug(error), redactor_for(conversations[index], environ))

    return play


def bug(error: Exception) -> Problem:
    """Return an exception that nothing of ours should raise as a value, with its traceback."""
    return Problem(type=type(error).__name__, message=named(error), details="".join(format_exception(error)))
