"""The command line in this process, for what does not need one of its own."""

from __future__ import annotations

import pytest

from convrun.cli.application import application


@pytest.fixture
def run_in_process(monkeypatch, capfd):
    """Call it with a project and arguments; it returns exit code, stdout and stderr."""

    def run(project, arguments):
        monkeypatch.chdir(project.root)
        with pytest.raises(SystemExit) as ended:
            application(arguments[0])(arguments, prog_name="convrun")
        captured = capfd.readouterr()
        return ended.value.code, captured.out, captured.err

    return run
