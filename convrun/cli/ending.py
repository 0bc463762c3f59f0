"""How a command ends: every error becomes its lines on stderr and its exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import typer

from convrun.errors import ConvrunError, SettingsError, SpecError, SpecErrors, UnknownModelError, UsageError, named

WRONG_INPUT = 2
ERROR = 4
NOTHING_TO_RUN = 5
BUG = 70
INTERRUPTED = 130
NOBODY_READS = 141  # what a shell reports of a program that the signal for a broken pipe has ended

_WRONG = (UsageError, SettingsError, SpecError, UnknownModelError)


def exit_code_of(error: ConvrunError) -> int:
    """Return what a command ends with that an error of ours has ended."""
    return WRONG_INPUT if isinstance(error, _WRONG) else ERROR


@contextmanager
def named_errors(*, tracebacks: bool = False) -> Iterator[None]:
    """Turn what a command raises into lines on stderr and `typer.Exit` with the right code.

    Wrong specs, settings and command lines end with 2, other errors of ours with 4, an interruption with 130, and
    anything else is a bug: 70. Tracebacks are printed only where they are asked for.
    """
    try:
        yield
        sys.stdout.flush()
    except SpecErrors as found:
        say(_listed(found))
        raise typer.Exit(WRONG_INPUT) from found
    except _WRONG as error:
        say([*error.lines(), "", "nothing ran"])
        raise typer.Exit(WRONG_INPUT) from error
    except ConvrunError as error:
        say(error.lines())
        if tracebacks:
            say([traceback.format_exc().rstrip()])
        raise typer.Exit(ERROR) from error
    except KeyboardInterrupt as interruption:
        say(["interrupted"])
        raise typer.Exit(INTERRUPTED) from interruption
    except (typer.Exit, typer.Abort, SystemExit):
        raise
    except BrokenPipeError as gone:
        # Whoever read our output has left (`| head`): say nothing, and keep the interpreter from saying it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(NOBODY_READS) from gone
    except OSError as error:  # no room, no such folder any more: the machine's, not ours
        say([f"the operating system says: {error.strerror or error}", "  look at the disk, and at the current folder"])
        raise typer.Exit(ERROR) from error
    except BaseException as error:  # the rim: whatever gets here is our mistake, and is said to be
        say_bug(named(error), traceback.format_exc() if tracebacks else None)
        raise typer.Exit(BUG) from error


def _listed(found: SpecErrors) -> list[str]:
    """Every mistake, a blank line between them, and the count."""
    lines: list[str] = []
    for error in found.errors:
        lines += [*error.lines(), ""]
    files = len({error.where.file for error in found.errors if error.where})
    places = f" in {counted(files, 'file')}" if files else ""
    return [*lines, f"{counted(len(found.errors), 'mistake')}{places}; {found.left}"]


def counted(number: int, noun: str) -> str:
    """Return `1 spec`, `2 specs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def nothing_to_run(specs: Path, found: bool) -> str:
    """Return why there is nothing to run: no spec at all, or none that was selected."""
    if found:
        return "no conversation is selected: -k, --tag or the cases leave none"
    fix = "name a file or folder, set `specs` in the settings, or lay a first one with `convrun init`"
    return f"no spec below {str(specs)!r}: {fix}"


def say(lines: Sequence[str]) -> None:
    """Print lines to stderr, without secrets; where nobody reads it, nothing is said."""
    from convrun.run.said import said_without_secrets  # most commands end without a word

    lines = said_without_secrets(lines, os.environ)
    with suppress(OSError, ValueError):  # the latter where code has closed it
        print("\n".join(lines), file=sys.stderr, flush=True)


def say_bug(message: str, details: str | None = None) -> None:
    """Say that something is our own fault, with the traceback where it is asked for."""
    say([f"a bug in convrun: {message}", "  please report it with the output of -vv"])
    if details:
        say([details.rstrip()])
