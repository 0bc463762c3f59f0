"""The command line: its commands, each loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any

import typer

from convrun.cli.lean import without_pydantic
from convrun.version import VERSION

_ABOUT = "Run conversations with language models, written down as YAML, and test them: offline, from cassettes."
_COMMANDS = {  # module and function of each, and what the list of commands says of it
    "init": ("init", "init", "Lay a first project: convrun run is green at once."),
    "run": ("run", "run", "Run specs and check what came out, offline."),
    "record": ("record", "record", "Record what is stale or missing, live."),
    "status": ("status", "status", "Say which recordings are fresh, stale, missing."),
    "validate": ("validate", "validate", "Report every mistake in specs; runs nothing."),
    "schema": ("schema", "schema", "Print the JSON Schema of specs, results or scores."),
    "list": ("listing", "list_conversations", "List the conversations that would run."),
    "show": ("show", "show", "Print recorded conversations, turn by turn."),
    "diff": ("diff", "diff", "Compare recordings as conversations."),
    "mutate": ("mutate", "mutate", "Say which changes of replies no check notices."),
    "import": ("importing", "import_recordings", "Make specs and cassettes of recordings."),
}
_CASSETTE: dict[str, tuple[str, str, str]] = {  # as above, for `convrun cassette …`
    "audit": ("cassette_audit", "audit", "Look for secrets in what is committed."),
    "prune": ("cassette_prune", "prune", "Remove what no spec needs any more."),
    "export": ("cassette_export", "export", "Write cassettes as stock vcrpy has them."),
}
_ABOUT_CASSETTE = "Look after recordings."


def application(asked: str | None = None) -> Callable[..., Any]:
    """Return what runs a command line, with the command that is asked for, as the others cost time; else with all."""
    app = typer.Typer(
        name="convrun",
        help=_ABOUT,
        add_completion=False,
        rich_markup_mode=None,  # plain help, the same everywhere, and no rich at start-up
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback(invoke_without_command=True)(_convrun)
    for name in [asked] if asked in _COMMANDS else _COMMANDS:
        module, function, about = _COMMANDS[name]
        app.command(name, short_help=about)(getattr(import_module(f"convrun.cli.{module}"), function))
    if _CASSETTE and asked not in _COMMANDS:
        app.add_typer(_cassette(), name="cassette")
    return without_pydantic(typer.main.get_command(app))


def _cassette() -> typer.Typer:
    """The commands behind `convrun cassette`."""
    group = typer.Typer(help=_ABOUT_CASSETTE, no_args_is_help=True, rich_markup_mode=None)
    for name, (module, function, about) in _CASSETTE.items():
        group.command(name, short_help=about)(getattr(import_module(f"convrun.cli.{module}"), function))
    return group


def _convrun(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", is_eager=True, help="Print the version and exit.")] = False,
) -> None:
    if show_version:
        print(f"convrun {VERSION}")
    elif context.invoked_subcommand is None:
        print(context.get_help())
