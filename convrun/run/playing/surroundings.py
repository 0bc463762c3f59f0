"""What is around a conversation: a folder, environment variables, a frozen time and UUIDs for templates; its tools."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import field
from pathlib import Path

from convrun.frozen import frozen
from convrun.redaction import placeholder
from convrun.run.binding.bound_tools import BoundTool, tool_names
from convrun.run.playing.freezing import frozen_functions
from convrun.spec.model import FreezeSpec


@frozen
class Surroundings:
    """The surroundings of one conversation. `env` is what each environment variable stands for in what is sent.

    `tools` are those it declares: what judges a check asks what else could have been called.
    """

    tmp: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    freeze: FreezeSpec | None = None
    tools: tuple[BoundTool, ...] = ()

    def tool_names(self) -> frozenset[str] | None:
        """Return the names of the tools; None where they are not known."""
        return tool_names(self.tools)

    def for_messages(self, purpose: str, turn: int = 0) -> dict[str, object]:
        """Return the names in what the model and the tools get; `turn` counts from 1, 0 is before the first."""
        return self._names(self.env, purpose, turn)

    def for_checks(self, turn: int = 0) -> dict[str, object]:
        """Return the names in one check: placeholders stand for secrets there, as they do in what it looks at.

        Each check has a new `uuid()`, so that another one beside it changes nothing.
        """
        return self._names({name: placeholder(name) for name in self.env}, "check", turn)

    def _names(self, env: Mapping[str, str], purpose: str, turn: int) -> dict[str, object]:
        names: dict[str, object] = {"env": env}
        if self.tmp is not None:
            names["tmp"] = self.tmp
        return names | frozen_functions(self.freeze, purpose, turn)


def variables(names: Iterable[str], environ: Mapping[str, str]) -> dict[str, str | None]:
    """Return the environment variables that a spec names with their values; None: it is not set, or empty."""
    return {name: environ.get(name, "").strip() or None for name in names}


def shown_variables(names: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the variables stand for: their values, a placeholder for one that is not set."""
    return {name: value or placeholder(name) for name, value in variables(names, environ).items()}


def temporary_folder(stack: ExitStack) -> str:
    """Return a new folder, which is removed at the end of the stack."""
    from tempfile import TemporaryDirectory  # only specs that ask for a folder pay for it

    made = TemporaryDirectory(prefix="convrun-", ignore_cleanup_errors=True)
    return str(Path(stack.enter_context(made)).resolve())
