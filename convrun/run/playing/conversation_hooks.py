"""The `before_conversation` hooks: called with the Conversation; what follows a generator's yield runs at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from convrun.conversation.conversation import Conversation
from convrun.conversation.network import watching
from convrun.errors import ConvrunError, HookError, named

_OVER = object()


@contextmanager
def hooked(hooks: Sequence[Callable[..., object]], conversation: Conversation) -> Iterator[None]:
    """Call the hooks; at the end let the generators among them run on, the last one first.

    Raises:
        HookError: where one raises.
    """
    with ExitStack() as endings:  # each runs, whatever the others raise
        for hook in hooks:
            made = _called(hook, hook, conversation)
            if isinstance(made, Iterator):
                endings.callback(_end, hook, made)
                _called(hook, next, made, None)
        yield


def _end(hook: Callable[..., object], made: Iterator[object]) -> None:
    if _called(hook, next, made, _OVER) is not _OVER:
        what = f"hook {getattr(hook, '__name__', repr(hook))!r} yields twice"
        raise HookError(what, fix="yield once: what is before it runs first, what is behind it at the end")


def _called(hook: Callable[..., object], function: Callable[..., object], *arguments: object) -> object:
    name = getattr(hook, "__name__", repr(hook))
    try:
        with watching(f"hook {name!r}"):
            return function(*arguments)
    except ConvrunError:
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the hook is the user's; `sys.exit(0)` in it must not look like success
        raise HookError(f"hook {name!r} raised {named(error)}", fix="mend the hook") from error
