"""Parameters that commands share are declared once and stand in each of them."""

from __future__ import annotations

import inspect
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from convrun.cli.flattening import flat
from convrun.frozen import frozen

Name = Annotated[str | None, typer.Option("-n", help="Whom to greet.")]


@frozen
class Greeting:
    """Two parameters."""

    name: Name = None
    loud: Annotated[bool, typer.Option("--loud")] = False


@frozen
class Ending:
    """One more."""

    times: Annotated[int, typer.Option("--times", count=True)] = 0


@flat
def greet(*, greeting: Greeting, warmly: Annotated[bool, typer.Option("--warmly")] = False, ending: Ending) -> None:
    """Say hello."""
    typer.echo(f"{greeting} {warmly} {ending}")


def called(*arguments: str) -> str:
    """Return what the command prints."""
    app = typer.Typer(rich_markup_mode=None)
    app.command()(greet)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def test_values_come_back_from_single_parameters():
    """The command gets the values that typer has parsed, and their defaults, as the groups it declares."""
    assert called() == f"{Greeting()} False {Ending()}\n"
    given = called("--times", "-n", "Ann", "--warmly", "--times", "--loud")
    assert given == f"{Greeting(name='Ann', loud=True)} True {Ending(times=2)}\n"


def test_parameters_stand_where_their_group_does():
    """The signature has the fields in the order of the groups, each with its type and its default."""
    parameters = inspect.signature(greet).parameters
    assert list(parameters) == ["name", "loud", "warmly", "times"]
    assert [one.default for one in parameters.values()] == [None, False, False, 0]
    assert parameters["name"].annotation == Name
    assert greet.__doc__ == "Say hello."
    printed = called("--help")
    assert printed.index("Whom to greet.") < printed.index("--loud") < printed.index("--warmly")


def test_no_parameter_stands_twice():
    """A field of the name of another parameter is refused when the command is made."""

    def twice(*, greeting: Greeting, name: str) -> None:
        typer.echo(f"{greeting} {name}")

    with pytest.raises(ValueError, match="duplicate parameter name: 'name'"):
        flat(twice)
