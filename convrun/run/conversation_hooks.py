"""The `before_conversation` hooks: called with the Conversation; what follows a generator's yield runs at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from convrun.conversation.conversation import Conversation
from convrun.errors import ConvrunError, HookError, named


@contextmanager
def hooked(hooks: Sequence[Callable[..., object]], conversation: Conversation) -> Iterator[None]:
    """Call the hooks; at the end let the generators among them run on, the last one first.

    Raises:
        HookError: where one raises.
    """
    begun: list[tuple[Callable[..., object], Iterator[object]]] = []
    try:
        for hook in hooks:
            made = _called(hook, hook, conversation)
            if isinstance(made, Iterator):
                begun.append((hook, made))
                _called(hook, next, made, None)
        yield
    finally:
        while begun:
            hook, made = begun.pop()
            _called(hook, next, made, None)


def _called(hook: Callable[..., object], function: Callable[..., object], *arguments: object) -> object:
    try:
        return function(*arguments)
    except ConvrunError:
        raise
    except (Exception, SystemExit) as error:  # the hook is the user's; `sys.exit(0)` in it must not look like success
        name = getattr(hook, "__name__", repr(hook))
        raise HookError(f"hook {name!r} raised {named(error)}", fix="mend the hook") from error
