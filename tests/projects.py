"""Projects in a temporary folder: files are written, and runs of them are real, here or in a process."""

from __future__ import annotations

import importlib
import os
import sys
import textwrap

from forking import convrun, environment

from convrun.errors import SpecErrors
from convrun.run.planning.options import RecordMode, RunOptions
from convrun.run.project import open_project, prepare
from convrun.suite.run import run_all


class Project:
    """A folder with settings, specs and code."""

    def __init__(self, root):
        self.root = root
        self.write("convrun.toml", "")

    def write(self, name, text):
        """Write a file, dedented; return its path."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), "utf-8", newline="\n")
        return path

    def edit(self, name, old, new):
        """Replace a text that is in a file."""
        path = self.root / name
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8", newline="\n")

    def prepared(self, *paths, environ=None, cwd=None, cassettes=None, imports=True, **options):
        """What is to run; its code is imported anew."""
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(f"{self.root}{os.sep}"):
                del sys.modules[name]
        importlib.invalidate_caches()
        environ = environ or {}
        project = open_project(paths, cwd=cwd or self.root, environ=environ, overrides={"cassettes": cassettes})
        return prepare(project, _options(options), environ=environ, imports=imports)

    def run(self, *paths, environ=None, cwd=None, cassettes=None, **options):
        """Run in this process; return the RunResult."""
        prepared = self.prepared(*paths, environ=environ, cwd=cwd, cassettes=cassettes, **options)
        return run_all(
            prepared, _options(options), environ=environ or {}, command="convrun run", on_result=lambda _: None
        )

    def one(self, *paths, **options):
        """Run in this process; return the result of the only conversation."""
        (found,) = self.run(*paths, **options).conversations
        return found

    def record(self, *paths, **options):
        """Run with `--record all`; return the result of the only conversation, which is recorded."""
        found = self.one(*paths, record="all", **options)
        assert (self.root / found.cassette).is_file()
        return found

    def mistakes(self, *paths, **options):
        """The mistakes for which nothing runs."""
        try:
            self.prepared(*paths, **options)
        except SpecErrors as found:
            return [str(error) for error in found.errors]
        raise AssertionError("there is no mistake")

    def cli(self, *arguments, cwd=None, **environ):
        """Run `convrun` as a process of its own; return it with its output as text."""
        return convrun(*arguments, cwd=cwd or self.root, environ=self.environment(**environ))

    @staticmethod
    def command(*arguments):
        """The command line of a process."""
        return [sys.executable, "-m", "convrun", *arguments]

    environment = staticmethod(environment)


def _options(given):
    return RunOptions(**given | {"record": RecordMode(given.get("record", "none"))})
