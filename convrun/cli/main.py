"""`convrun`: the application and its commands."""

from __future__ import annotations

import gc
import os
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from convrun.cli.diff import diff
from convrun.cli.importing import import_recordings
from convrun.cli.init import init
from convrun.cli.lean import without_pydantic
from convrun.cli.listing import list_conversations
from convrun.cli.record import record
from convrun.cli.run import run
from convrun.cli.schema import schema
from convrun.cli.show import show
from convrun.cli.validate import validate
from convrun.version import VERSION

app = typer.Typer(
    name="convrun",
    help="Run conversations with language models, written down as YAML, and test them: offline, from cassettes.",
    add_completion=False,
    rich_markup_mode=None,  # plain help, the same everywhere, and no rich at start-up
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.callback(invoke_without_command=True)
def convrun(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", is_eager=True, help="Print the version and exit.")] = False,
) -> None:
    """Run conversations with language models, written down as YAML, and test them: offline, from cassettes."""
    if show_version:
        print(f"convrun {VERSION}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


app.command("init", short_help="Lay a first project: convrun run is green at once.")(init)
app.command("run", short_help="Run specs and check what came out, offline.")(run)
app.command("record", short_help="Record what is stale or missing, live.")(record)
app.command("validate", short_help="Report every mistake in specs; runs nothing.")(validate)
app.command("schema", short_help="Print the JSON Schema of specs or of results.")(schema)
app.command("list", short_help="List the conversations that would run.")(list_conversations)
app.command("show", short_help="Print recorded conversations, turn by turn.")(show)
app.command("diff", short_help="Compare recordings as conversations.")(diff)
app.command("import", short_help="Make specs and cassettes of recordings.")(import_recordings)


def main() -> None:
    """Run the command line of this process and exit with its code."""
    # Started without an open stdout or stderr there is nobody to tell; what is printed goes nowhere.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # open until the process ends
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # open until the process ends
    if isinstance(sys.stdout, TextIOWrapper):
        # What is printed is UTF-8 as reports are, whatever the locale; a file name that is none is shown escaped.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    # Starting makes many small values that stay and hardly a cycle: collecting them over and over costs a tenth of it.
    gc.set_threshold(50_000, 20, 20)
    without_pydantic(typer.main.get_command(app))(prog_name="convrun")
