"""Chain responses: the responses of a tool loop, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from convrun.conversation.at_once import AtOnce
from convrun.conversation.backend import StreamEvent
from convrun.conversation.driving import Driver
from convrun.conversation.messages import Message, Usage
from convrun.conversation.model_call import ModelCall
from convrun.conversation.prompt import Prompt
from convrun.conversation.response import AnyResponse, Response
from convrun.conversation.tools import ToolCall, ToolResult
from convrun.conversation.turns import messages_of, text_of, tool_calls_of, tool_results_of, usage_of

ResponseT = TypeVar("ResponseT", bound=AnyResponse)

if TYPE_CHECKING:
    from convrun.conversation.owner import Owner


class AnyChain(Generic[ResponseT]):
    """What sync and async chains share: all that can be said without waiting."""

    def __init__(self, driver: Driver, conversation: Owner) -> None:
        self._driver = driver
        self._calls = driver.loop.calls
        self._conversation = conversation

    @property
    def conversation(self) -> Owner:
        """The conversation it belongs to."""
        return self._conversation

    @property
    def prompt(self) -> Prompt:
        """What was asked at first."""
        return self._driver.loop.first.prompt

    @property
    def begun(self) -> list[ResponseT]:
        """The responses there are so far, without going on: all of them once the chain is read, or has failed."""
        return [self._response(position) for position in range(len(self._calls))]

    def whole(self) -> list[Response]:
        """Return all responses with their replies, to be looked at without waiting; a sync chain is read for it.

        Raises:
            ConversationError: for one that has to be awaited, and was not read yet.
        """
        raise NotImplementedError

    def __repr__(self) -> str:
        """Show prompt and progress without fetching anything."""
        return f"<{type(self).__name__} prompt={self.prompt.prompt!r} responses={len(self._calls)}>"

    def _response(self, position: int) -> ResponseT:
        call = self._calls[position]
        found: ResponseT = call.face or self._made(position)
        return found

    def _made(self, position: int) -> ResponseT:
        """A new response to the call at `position`."""
        raise NotImplementedError


class ChainResponse(AnyChain[Response]):
    """A tool loop: the model is asked, its tools are run and it is asked again, until it stops.

    Nothing happens before it is read, nothing happens twice; an error is raised at each reading again.
    """

    def whole(self) -> list[Response]:
        """Return all responses, read to their ends."""
        self._all()
        return self.begun

    def responses(self) -> Iterator[Response]:
        """Yield the responses, each as soon as it can be read; the tools in between are run on the way."""
        for position in count():
            if not self._at_once.run(self._driver.has_call(position)):
                return
            yield self._response(position)

    def __iter__(self) -> Iterator[str]:
        """Yield pieces of text of all responses, as they arrive the first time."""
        for response in self.responses():
            yield from response

    def stream_events(self) -> Iterator[StreamEvent]:
        """Yield the events of all responses, as they arrive the first time."""
        for response in self.responses():
            yield from response.stream_events()

    def text(self) -> str:
        """Return the text of all responses."""
        return text_of(self._all())

    def __str__(self) -> str:
        """Return the text of all responses."""
        return self.text()

    def messages(self) -> list[Message]:
        """Return what the model and the tools said."""
        return messages_of(self._all())

    def tool_calls(self) -> list[ToolCall]:
        """Return the calls the model wanted, in order."""
        return tool_calls_of(self._all())

    def tool_results(self) -> list[ToolResult]:
        """Return what came of them, in order."""
        return tool_results_of(self._all())

    def usage(self) -> Usage:
        """Return the tokens of all responses."""
        return usage_of(self._all())

    def parsed(self) -> object:
        """Return the value in the last response, as `Response.parsed` does."""
        return self._all()[-1].parsed()

    def close(self) -> None:
        """Give up a chain that is not over: its connection is closed, and its turn is not in the history."""
        self._at_once.run(self._driver.close())

    def _all(self) -> Sequence[ModelCall]:
        """The model calls, once all is over."""
        self._at_once.run(self._driver.finish())
        return self._calls

    @property
    def _at_once(self) -> AtOnce:
        return cast(AtOnce, self._driver.effects)

    def _made(self, position: int) -> Response:
        return Response(self._calls[position], self._driver, self._conversation)
