"""Hooks: functions that see each tool call before and after it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from convrun.errors import ConversationError
from convrun.frozen import frozen
from convrun.values import show

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
        """Return the given hooks; one that is None is taken from `otherwise`.

        Raises:
            ConversationError: for what is no function.
        """
        otherwise = otherwise or cls()
        return cls(
            before_call=otherwise.before_call if before_call is None else _several("before_call", before_call),
            after_call=otherwise.after_call if after_call is None else _several("after_call", after_call),
        )


def _several(name: str, hooks: object) -> tuple[Hook, ...]:
    if callable(hooks):
        return (hooks,)
    found = tuple(hooks) if isinstance(hooks, Iterable) and not isinstance(hooks, str) else (hooks,)
    for hook in found:
        if not callable(hook):
            fix = f"give a function, or a list of them: {name}=log"
            raise ConversationError(f"{name} is no function, but {show(hook, 60)}", fix=fix)
    return found
