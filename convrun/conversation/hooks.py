"""Hooks: functions that see each tool call before and after it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from convrun.frozen import frozen

Hook: TypeAlias = Callable[..., Any]
HookOrHooks: TypeAlias = Hook | Iterable[Hook] | None


@frozen
class Hooks:
    """`before_call(tool, call)` and `after_call(tool, call, result)`, each any number of functions, called in order.

    `tool` is None where the model calls a tool that does not exist; then `before_call` alone is called.
    """

    before_call: tuple[Hook, ...] = ()
    after_call: tuple[Hook, ...] = ()

    @classmethod
    def of(cls, before_call: HookOrHooks, after_call: HookOrHooks, otherwise: Hooks | None = None) -> Hooks:
        """Return the given hooks; one that is None is taken from `otherwise`."""
        otherwise = otherwise or cls()
        return cls(
            before_call=otherwise.before_call if before_call is None else _several(before_call),
            after_call=otherwise.after_call if after_call is None else _several(after_call),
        )


def _several(hooks: Hook | Iterable[Hook]) -> tuple[Hook, ...]:
    return (hooks,) if callable(hooks) else tuple(hooks)
