"""Chain responses: the responses of a tool loop, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

from convrun.conversation.backend import StreamEvent
from convrun.conversation.driving import Driver
from convrun.conversation.messages import Message, Usage
from convrun.conversation.prompt import Prompt
from convrun.conversation.response import Owner, Response
from convrun.conversation.tools import ToolCall, ToolResult
from convrun.conversation.turns import messages_of, responses_of
from convrun.conversation.usage import total


class ChainResponse:
    """A tool loop: the model is asked, its tools are run and it is asked again, until it stops.

    Nothing happens before it is read, nothing happens twice; an error is raised at each reading again.
    """

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
    def begun(self) -> list[Response]:
        """The responses there are so far, without going on: all of them once the chain is read, or has failed."""
        return [self._response(position) for position in range(len(self._calls))]

    def responses(self) -> Iterator[Response]:
        """Yield the responses, each as soon as it can be read; the tools in between are run on the way."""
        position = 0
        while position < len(self._calls) or self._more(position):
            yield self._response(position)
            position += 1

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
        return "".join(response.text() for response in self._all())

    def __str__(self) -> str:
        """Return the text of all responses."""
        return self.text()

    def __repr__(self) -> str:
        """Show prompt and progress without fetching anything."""
        return f"<ChainResponse prompt={self.prompt.prompt!r} responses={len(self._calls)}>"

    def messages(self) -> list[Message]:
        """Return what the model and the tools said."""
        self._all()
        return messages_of(self._calls)

    def tool_calls(self) -> list[ToolCall]:
        """Return the calls the model wanted, in order."""
        return [call for response in self._all() for call in response.tool_calls()]

    def tool_results(self) -> list[ToolResult]:
        """Return what came of them, in order."""
        return [result for response in self._all() for result in response.tool_results()]

    def usage(self) -> Usage:
        """Return the tokens of all responses."""
        return total(response.usage() for response in self._all())

    def parsed(self) -> object:
        """Return the value in the last response, as `Response.parsed` does."""
        return self._all()[-1].parsed()

    def _all(self) -> list[Response]:
        self._driver.finish()
        return responses_of(self._calls, self._conversation)

    def _more(self, position: int) -> bool:
        """Whether there is a response at `position`; the one before is read to its end for it."""
        if position:
            self._driver.read(self._calls[position - 1])
        self._driver.advance()
        return position < len(self._calls)

    def _response(self, position: int) -> Response:
        call = self._calls[position]
        found: Response = call.face or Response(call, self._driver, self._conversation)
        return found
