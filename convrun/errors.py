"""Every error of convrun, in one tree.

ConvrunError                    what, where, fix
├── UsageError                  the command line is wrong
├── SettingsError               pyproject.toml, convrun.toml or the environment is wrong
├── SpecError                   one mistake in a spec
│   └── SpecErrors              all mistakes of all selected specs
├── UnknownModelError           also a KeyError
├── TemplateError               a template that is no template, or a value it does not have
├── CassetteError               a cassette that cannot be read or written
│   └── UnplayedError           recorded interactions that a program did not play
├── StaleError                  a request that the recording does not hold
├── ConversationError           the engine cannot go on
│   ├── AttachmentError         an attachment that cannot be read, or whose type is not known
│   ├── ToolDefinitionError     a function that cannot be a tool
│   ├── ToolArgumentsError      arguments that do not fit the tool; the model is told
│   ├── ChainLimitError         more model calls wanted than allowed
│   ├── ToolTimeoutError        a tool that did not return in time
│   ├── ToolUnavailableError    a declared tool without a recorded result
│   ├── ProcessEndedError       the process that ran a conversation was ended, by its code or from outside
│   ├── BlockedNetworkError     a tool or hook that wants to reach beyond this machine on replay
│   ├── HookError               a hook raised
│   └── KeptError               not raised: what a tool raised, of a result that was kept as JSON
├── CostLimitError              a live call that was not made, as the run has spent its limit
├── ProviderError               the model's side failed: status, provider message, request id, retryable, what arrived
│   ├── AuthenticationError     the key is missing or wrong, or may not do this
│   ├── ModelNotFoundError      no such model, or none for this key
│   ├── QuotaError              the account has no credit left, or has spent its limit
│   ├── RateLimitError          too many requests or tokens for now
│   ├── ContextOverflowError    more than the model takes in one request
│   ├── ContentFilterError      a filter blocked the request, or broke the reply off with an error
│   ├── BadRequestError         a request that the provider does not take
│   ├── ServerError             the provider failed, or is overloaded
│   ├── ProviderTimeoutError    no answer in time, or no more of one
│   ├── ConnectionFailedError   nobody was reached
│   └── BrokenReplyError        a reply that broke off, or that is none
├── CheckError                  a check that cannot be judged
├── ExpectationError            checks of a program that do not hold; also an AssertionError
├── ReportError                 a report that could not be written; the run is over by then
├── ScaffoldError               a file of a first project that could not be written
└── Signal                      not failures: raised by tools and hooks to steer the engine
    ├── CancelToolCall          the tool is not called; the model is told why
    └── PauseChain              the chain stops here and can be resumed
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from convrun.source import Where, excerpt

_KINDS = (frozenset({".yaml", ".yml"}),)  # suffixes that mean the same


class ConvrunError(Exception):
    """Root of the tree: `what` went wrong, `where` (if a file is to blame) and how to `fix` it."""

    def __init__(self, what: str, *, fix: str | None = None, where: Where | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix
        self.where = where

    def at(self, where: Where | None) -> Self:
        """Return this error, placed at `where` if it has no place yet."""
        if self.where is None:
            self.where = where
        return self

    def __str__(self) -> str:
        """One line: where, what, fix; where `what` has several, the fix follows on its own."""
        place = f"{self.where}: " if self.where else ""
        if self.fix and "\n" in self.what:
            return f"{place}{self.what}\n  {self.fix}"
        return f"{place}{self.what}" + (f" ({self.fix})" if self.fix else "")

    def lines(self) -> list[str]:
        """Return the error as people read it: `where: what`, the excerpt with a caret, the fix."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        shown = excerpt(self.where) if self.where else []
        return [head, *shown, *([f"  {self.fix}"] if self.fix else [])]


class UsageError(ConvrunError):
    """The command line is wrong; nothing ran."""


class SettingsError(ConvrunError):
    """The settings or the environment are wrong; nothing ran."""


class DocumentError(ConvrunError):
    """One mistake of YAML itself: a text that is none, a duplicate key, a limit that is passed."""


class SpecError(ConvrunError):
    """One mistake in a spec or a file it names."""


class SpecErrors(SpecError):
    """All mistakes that were found, in file order: `errors`. `rest` is what could be read all the same, if anything.

    `left` says what was not done for them.
    """

    def __init__(self, errors: Sequence[ConvrunError], *, rest: object = None, left: str = "nothing ran") -> None:
        super().__init__(f"{len(errors)} mistakes" if len(errors) != 1 else "1 mistake")
        self.errors = tuple(errors)
        self.rest = rest
        self.left = left

    def lines(self) -> list[str]:
        """Return the lines of every mistake, one below the other."""
        return [line for error in self.errors for line in error.lines()]


class UnknownModelError(ConvrunError, KeyError):
    """No model is known by this name and what else is said of it."""

    __str__ = ConvrunError.__str__


class TemplateError(ConvrunError):
    """A text that is no valid template, or that uses a value which does not exist."""


class CassetteError(ConvrunError):
    """A cassette that cannot be read, or could not be written."""


class UnplayedError(CassetteError):
    """A program asked for less than its cassette holds, or for nothing."""


class StaleError(ConvrunError):
    """The request is not the recorded one, or the recording has ended."""


class ConversationError(ConvrunError):
    """The engine cannot go on with this conversation."""


class AttachmentError(ConversationError):
    """An attachment that cannot be read, or whose type is not known."""


class ToolDefinitionError(ConversationError):
    """A function or class that cannot be offered as a tool."""


class ToolArgumentsError(ConversationError):
    """Arguments that do not fit the tool's signature, by field; the model is told, and may try again."""


class ChainLimitError(ConversationError):
    """The model wants another round past `chain_limit`; the history stays valid."""


class ToolTimeoutError(ConversationError):
    """A tool that did not return within `tool_timeout`."""


class ToolUnavailableError(ConversationError):
    """A tool without code was called, and no recording holds its result."""


class BlockedNetworkError(ConversationError):
    """User code wanted to reach what `block_network` keeps from it."""


class ProcessEndedError(ConversationError):
    """The process that ran a conversation, one of several, ended before the conversation did."""


class HookError(ConversationError):
    """A hook raised; its exception is the cause."""


class KeptError(ConversationError):
    """What a tool raised, of a result that was kept as JSON: its text, without the traceback."""


class ProviderError(ConvrunError):
    """The model's side failed.

    `status` is the HTTP status (None: no answer came, as after a time-out); `provider_message` is the provider's own
    text; `request_id` is for its support; `retryable` says whether the same request may succeed later. `is_answer`:
    the provider answered with this error, instead of not answering, breaking off or saying what nobody can read.
    `arrived` is the text of the reply that had come by then. Which subclass it is says what there is to do.
    """

    def __init__(
        self,
        what: str,
        *,
        status: int | None = None,
        provider_message: str | None = None,
        request_id: str | None = None,
        retryable: bool = False,
        is_answer: bool = False,
        fix: str | None = None,
    ) -> None:
        super().__init__(what, fix=fix)
        self.status = status
        self.provider_message = provider_message
        self.request_id = request_id
        self.retryable = retryable
        self.is_answer = is_answer
        self.arrived = ""


class AuthenticationError(ProviderError):
    """The provider does not take the key, or the key may not do this."""


class ModelNotFoundError(ProviderError):
    """The provider knows no model of this name, or none that the key may use."""


class QuotaError(ProviderError):
    """The account has no credit left, or has spent its limit: waiting does not help."""


class RateLimitError(ProviderError):
    """More requests or tokens than the provider takes in a while; `fix` says how long to wait, where that is known."""


class ContextOverflowError(ProviderError):
    """More than the model, or the account, takes in one request: the history has to become shorter."""


class ContentFilterError(ProviderError):
    """A filter of the provider blocked what was asked, or broke the reply off with an error."""


class BadRequestError(ProviderError):
    """The provider does not take the request: an option, a message, a schema, or the address."""


class ServerError(ProviderError):
    """The provider failed or has no capacity left; the request is not to blame."""


class ProviderTimeoutError(ProviderError):
    """No answer came within the model's `timeout`, or no more of it, or the provider gave up by itself."""


class ConnectionFailedError(ProviderError):
    """Nobody was reached: no such host, nobody listens there, no network."""


class BrokenReplyError(ProviderError):
    """A reply that broke off before it was whole, or that no decoder can read."""


class CostLimitError(ConvrunError):
    """A live call that was not made: what the run may cost is spent, or what the call costs is not known."""


class CheckError(ConvrunError):
    """A check that cannot be judged: its value is wrong once rendered, or its own code raised."""


class ExpectationError(ConvrunError, AssertionError):
    """Checks that `expect` found not to hold, each with what it expected and what there was."""


class ReportError(ConvrunError):
    """A report that could not be written; what it would have told has happened."""


class ScaffoldError(ConvrunError):
    """A file of a first project that could not be written; those before it are there."""


class Signal(ConvrunError):
    """Raised by tools and hooks to steer the engine; not a failure."""


class CancelToolCall(Signal):
    """Raised by `before_call`: the tool is not called, and its result is `Cancelled: <why>`."""

    def __init__(self, why: str = "") -> None:
        super().__init__(why)


class PauseChain(Signal):
    """Raised by a tool: the chain stops; `conversation.chain()` resumes it.

    The engine fills `tool_call` (the one that paused) and `tool_results` (of the siblings that finished).
    """

    def __init__(self, why: str = "") -> None:
        super().__init__(why)
        self.tool_call: object = None
        self.tool_results: tuple[object, ...] = ()


def text_of(error: BaseException) -> str:
    """Return what an exception of a user says; empty where it says nothing, or raises when it is asked."""
    try:
        return str.__str__(str(error))  # what it says may be of a class of the user's, too
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  (the exception class is the user's; `sys.exit(0)` in it is no success)
        return ""


def named(error: BaseException) -> str:
    """Return `ValueError: no such text`; the type alone where there is no text."""
    text, name = text_of(error), type(error).__name__
    return f"{name}: {text}" if text else name


def traceback_of(error: BaseException, frames: TracebackType | None) -> str:
    """Return the traceback of an exception from `frames` on; its last line alone where it cannot be shown."""
    from traceback import format_exception

    try:
        return "".join(format_exception(type(error), error, frames))
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  (what is asked of the exception may be the user's code)
        return f"{named(error)}\n"


def system_reason(error: OSError) -> str:
    """Return what the operating system says went wrong, in lower case."""
    return (error.strerror or str(error)).lower()


def did_you_mean(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return `did you mean 'contains'?` for the nearest of `known`, or None where nothing is near; see `_nearest`."""
    near = _nearest(word, known, cutoff)
    return f"did you mean {near!r}?" if near else None


def did_you_mean_file(name: str, place: Path) -> str | None:
    """Return `did you mean 'specs/clock.yaml'?` for a file as it was given that is not at its place, or None.

    Of its folder those count that are of its kind, by their suffixes.
    """
    try:
        entries = [entry.name for entry in place.parent.iterdir()]
    except (OSError, ValueError):
        return None
    kinds = next((kinds for kinds in _KINDS if place.suffix.lower() in kinds), {place.suffix.lower()})
    siblings = [entry for entry in entries if not place.suffix or Path(entry).suffix.lower() in kinds]
    near = _nearest(place.name, siblings, 0.6)
    folder = name.rstrip("/").removesuffix(place.name)
    return f"did you mean {folder + near!r}?" if near else None


def _nearest(word: str, known: Iterable[str], cutoff: float) -> str | None:
    """The nearest of `known`, or None where nothing is near.

    A slip of the fingers comes first, then a name of some of the same words: `called` for `tool_called`. `cutoff` is
    from 0 to 1.
    """
    from difflib import get_close_matches  # needed only once something is misspelt

    folded, by_folded = word.casefold(), {name.casefold(): name for name in known}
    near = get_close_matches(folded, by_folded, n=1, cutoff=max(cutoff, 0.85))
    if not near:
        # The opposite of what is meant is no help, however near it is.
        meant = [name for name in by_folded if folded.startswith("no") or not name.startswith("not_")]
        similar = get_close_matches(folded, meant, n=9, cutoff=cutoff)
        words = set(folded.split("_"))
        near = [name for name in similar if words <= (other := set(name.split("_"))) or other <= words] or similar
    return by_folded[near[0]] if near else None
