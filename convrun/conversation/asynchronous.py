"""The async API: the same conversations, whose responses are awaited. All that it does is done by the shared driver."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Sequence
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from convrun.conversation.backend import StreamEvent
from convrun.conversation.chain import AnyChain
from convrun.conversation.conversation import AnyConversation
from convrun.conversation.driving import Driver, run_tools
from convrun.conversation.hooks import HookOrHooks
from convrun.conversation.messages import Message, Usage
from convrun.conversation.model import AnyModel
from convrun.conversation.model_call import ModelCall
from convrun.conversation.response import AnyResponse, Response
from convrun.conversation.tools import ToolCall, ToolResult
from convrun.conversation.turns import messages_of, text_of, tool_calls_of, tool_results_of, usage_of
from convrun.errors import ConversationError
from convrun.values import Json, JsonObject

if TYPE_CHECKING:
    from convrun.conversation.awaited import Awaited

_Value = TypeVar("_Value")


def _effects() -> Awaited:
    """What performs the steps of one conversation."""
    from convrun.conversation.awaited import Awaited  # asyncio comes with it

    return Awaited()


async def _alone(driver: Driver, work: Callable[[], Coroutine[Any, Any, _Value]]) -> _Value:
    """What a step of a driver returns, while no other task drives the conversation."""
    return await cast("Awaited", driver.effects).alone(work)


class AsyncResponse(AnyResponse):
    """The reply to one prompt, awaited. Nothing is sent before it is read; it is sent once, whoever reads it.

    Awaiting it reads it whole and gives it back. Properties that need the whole reply, as `finish_reason`, are there
    once it was read. A cancelled reading ends its turn, which is not in the history then.
    """

    kind = "async"

    def __await__(self) -> Generator[Any, None, Self]:
        """Read it whole, and give it back."""
        return self._awaited().__await__()

    def __aiter__(self) -> AsyncIterator[str]:
        """Yield pieces of text, as they arrive the first time."""
        return self._pieces()

    async def stream_events(self) -> AsyncIterator[StreamEvent]:
        """Yield text, reasoning, refusals and tool calls piece by piece, as they arrive the first time."""
        call, driver = self._call, self._driver
        for position in count():
            if position >= len(call.events):
                if driver is None or call.done:
                    return
                if not await _alone(driver, partial(driver.has_event, call, position)):
                    return
            yield call.events[position]

    async def text(self) -> str:
        """Return the whole text."""
        return (await self._read()).whole.message.text

    async def messages(self) -> list[Message]:
        """Return what this response produced."""
        return [(await self._read()).whole.message]

    async def tool_calls(self) -> list[ToolCall]:
        """Return the calls the model wants."""
        return list((await self._read()).tool_calls)

    async def usage(self) -> Usage:
        """Return the tokens, as the provider counted them."""
        return (await self._read()).whole.usage

    async def parsed(self) -> object:
        """Return the value in the reply: an instance where the schema is a pydantic model, else JSON.

        Raises:
            ConversationError: where there is none.
        """
        return (await self._read()).parsed()

    async def json(self) -> Json:
        """Return the provider's payload; for a streamed reply, what is known of it in the same words."""
        return (await self._read()).payload()

    async def duration_ms(self) -> int:
        """Return how long the reply took here, from the sending to its end."""
        return (await self._read()).duration_ms

    async def datetime_utc(self) -> str:
        """Return when it was sent, as ISO 8601."""
        return (await self._read()).datetime_utc

    async def on_done(self, callback: Callable[[AsyncResponse], object]) -> None:
        """Call `callback` with this response once the reply is whole, at once if it is; it may be async.

        See `Response`.
        """
        if not self.done:
            self._call.when_done.append(callback)
            return
        await _effects().call_back(callback, self)

    async def execute_tool_calls(
        self, *, before_call: HookOrHooks = None, after_call: HookOrHooks = None
    ) -> list[ToolResult]:
        """Make the tool calls that have no result yet, async tools at the same time; see `Response`."""
        call = await self._read()
        running = self._running(before_call, after_call)
        effects = cast("Awaited", self._driver.effects) if self._driver is not None else _effects()
        await effects.alone(lambda: run_tools(call, running, effects))
        return self.tool_results()

    async def reply(self, prompt: str | None = None, **settings: Any) -> AsyncResponse:
        """Return the lazy response to `prompt` said right after this one, which is read first; see `Response`."""
        await self._read()
        found: AsyncResponse = self._branch().prompt(prompt, **settings)
        return found

    async def to_dict(self) -> JsonObject:
        """Return all it takes to go on from here, as a JSON object; attachments as base64."""
        await self._read()
        return self._to_dict()

    async def close(self) -> None:
        """Give up a reply that is not whole: its connection is closed, and its turn is not in the history."""
        if self._driver is not None:
            await _alone(self._driver, self._driver.close)

    async def _read(self) -> ModelCall:
        driver = self._driver
        if driver is not None and not self.done:
            await _alone(driver, lambda: driver.read(self._call))
        return self._call

    async def _awaited(self) -> Self:
        await self._read()
        return self

    async def _pieces(self) -> AsyncIterator[str]:
        async for event in self.stream_events():
            if event.type == "text":
                yield event.chunk

    def _known(self) -> ModelCall:
        if not self.done:
            raise ConversationError("this reply was not read yet", fix="await it first")
        return self._call


class AsyncChainResponse(AnyChain[AsyncResponse]):
    """A tool loop, awaited: the model is asked, its tools are run and it is asked again, until it stops."""

    def whole(self) -> list[Response]:
        """Return all responses with their replies, to be looked at without waiting; see `AsyncResponse.whole`."""
        loop = self._driver.loop
        if not loop.over:
            raise ConversationError("this chain was not read yet", fix="await it first")
        if loop.failure is not None:
            raise loop.failure
        return [response.whole() for response in self.begun]

    def __await__(self) -> Generator[Any, None, Self]:
        """Go on to its end, and give it back."""
        return self._awaited().__await__()

    def __aiter__(self) -> AsyncIterator[str]:
        """Yield pieces of text of all responses, as they arrive the first time."""
        return self._pieces()

    async def responses(self) -> AsyncIterator[AsyncResponse]:
        """Yield the responses, each as soon as it can be read; the tools in between are run on the way."""
        driver = self._driver
        for position in count():
            if not await _alone(driver, partial(driver.has_call, position)):
                return
            yield self._response(position)

    async def stream_events(self) -> AsyncIterator[StreamEvent]:
        """Yield the events of all responses, as they arrive the first time."""
        async for response in self.responses():
            async for event in response.stream_events():
                yield event

    async def text(self) -> str:
        """Return the text of all responses."""
        return text_of(await self._all())

    async def messages(self) -> list[Message]:
        """Return what the model and the tools said."""
        return messages_of(await self._all())

    async def tool_calls(self) -> list[ToolCall]:
        """Return the calls the model wanted, in order."""
        return tool_calls_of(await self._all())

    async def tool_results(self) -> list[ToolResult]:
        """Return what came of them, in order."""
        return tool_results_of(await self._all())

    async def usage(self) -> Usage:
        """Return the tokens of all responses."""
        return usage_of(await self._all())

    async def parsed(self) -> object:
        """Return the value in the last response, as `Response.parsed` does."""
        return (await self._all())[-1].parsed()

    async def close(self) -> None:
        """Give up a chain that is not over: its connection is closed, and its turn is not in the history."""
        await _alone(self._driver, self._driver.close)

    async def _all(self) -> Sequence[ModelCall]:
        """The model calls, once all is over."""
        await _alone(self._driver, self._driver.finish)
        return self._calls

    async def _awaited(self) -> Self:
        await self._all()
        return self

    async def _pieces(self) -> AsyncIterator[str]:
        async for response in self.responses():
            async for piece in response:
                yield piece

    def _made(self, position: int) -> AsyncResponse:
        return AsyncResponse(self._calls[position], self._driver, self._conversation)


class AsyncConversation(AnyConversation[AsyncResponse, AsyncChainResponse]):
    """A history and what holds for every turn of it; see `Conversation`. Its tasks go on one at a time."""

    kind = "async"

    async def to_dict(self) -> JsonObject:
        """Return all it takes to go on from here, as a JSON object; see `Conversation`."""
        return await cast("Awaited", self._effects).alone(self._kept)

    async def _kept(self) -> JsonObject:
        if self._newest is not None and self.unread:
            await Driver(self._newest, self._effects).finish()
        return self._to_dict()

    def _new_effects(self) -> Awaited:
        return _effects()

    def _response(self, call: ModelCall, driver: Driver | None = None) -> AsyncResponse:
        return AsyncResponse(call, driver, self)

    def _chain(self, driver: Driver) -> AsyncChainResponse:
        return AsyncChainResponse(driver, self)


class AsyncModel(AnyModel[AsyncResponse, AsyncChainResponse]):
    """A model whose responses are awaited; see `Model`."""

    def conversation(self, **settings: Any) -> AsyncConversation:
        """Return a new conversation; `settings` are those of `Conversation`."""
        return AsyncConversation(self, **settings)
