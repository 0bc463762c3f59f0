"""What the help of commands says."""

from __future__ import annotations

import pytest

from convrun.cli.application import application

COMMANDS = ["init", "run", "record", "status", "validate", "schema", "list", "show", "diff", "import"]


@pytest.fixture
def printed(capsys):
    """Call it with a command; it returns its help without line ends."""

    def called(command):
        with pytest.raises(SystemExit) as ended:
            application(command)([command, "--help"], prog_name="convrun")
        assert ended.value.code == 0
        return " ".join(capsys.readouterr().out.split())

    return called


@pytest.mark.parametrize("command", COMMANDS)
def test_an_argument_is_named_by_what_it_is(printed, command):
    """Behind PATH, FILE or DIR stands no type of Python."""
    assert "str>" not in printed(command)
    assert "list[" not in printed(command)


def test_the_options_of_what_runs_nothing_say_what_they_do_there(printed):
    """The only report of diff is Markdown, its -v has an effect from -vv on, and -m of show and mutate runs nothing."""
    diff = printed("diff")
    assert "--report markdown[=FILE]" in diff
    assert "junit" not in diff
    assert "Turns and checks" not in diff
    assert "-vv: long texts whole" in diff
    assert "Run with" not in printed("show") + printed("mutate")
