"""Responses: what a model said to one prompt, fetched when it is first read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from convrun.conversation.at_once import AtOnce
from convrun.conversation.backend import StreamEvent
from convrun.conversation.driving import Driver, run_tools
from convrun.conversation.hooks import HookOrHooks, Hooks
from convrun.conversation.messages import Message, Usage
from convrun.conversation.model_call import ModelCall
from convrun.conversation.prompt import Prompt
from convrun.conversation.tool_running import ToolRunning
from convrun.conversation.tools import ToolCall, ToolResult
from convrun.values import Json, JsonObject

if TYPE_CHECKING:
    from convrun.conversation.owner import LanguageModel, Owner
    from convrun.conversation.persistence.settings import Rebound
    from convrun.conversation.structured import SchemaLike
    from convrun.conversation.toolbox import ToolLike


class Keepable:
    """What `to_dict` gives as JSON and `from_dict` gives back: responses and conversations, sync and async."""

    kind: ClassVar[str]

    @classmethod
    def from_dict(
        cls,
        data: Mapping[str, Any],
        *,
        model: LanguageModel | None = None,
        tools: Iterable[ToolLike] | None = None,
        schema: SchemaLike | None = None,
        before_call: HookOrHooks = None,
        after_call: HookOrHooks = None,
    ) -> Self:
        """Return what `to_dict` wrote, read already, sync or async; it goes on where that one was.

        `model` is found by its name where it is not given. No code is in the dict: `tools` are bound by their names,
        those that it did not have are new, and hooks are given again. Without `tools` the model is offered the same
        ones, and none of them can be called. `schema` may be the pydantic class again that a schema was made from.

        Raises:
            ConversationError: where the dict is something else, `tools` lack one that it had, or `model` speaks another
                API. Where the model's name does not say where it is: of a conversation now, of a response once its
                model is asked for.
        """
        from convrun.conversation.persistence.settings import Rebound  # few programs keep anything

        return cls._rebuilt(data, model, Rebound.of(tools, schema, Hooks.of(before_call, after_call)))

    @classmethod
    def _rebuilt(cls, data: Mapping[str, Any], model: LanguageModel | None, rebound: Rebound) -> Self:
        """Return what `data` holds, with what was given again."""
        raise NotImplementedError


class AnyResponse(Keepable):
    """What sync and async responses share: all that can be said without waiting."""

    def __init__(self, call: ModelCall, driver: Driver | None = None, conversation: Owner | None = None) -> None:
        call.face = self
        self._call = call
        self._driver = driver
        self._conversation = conversation
        self._model_id: str | None = None
        self._place: JsonObject = {}  # where the model was, of a rebuilt response whose model's name does not say it

    @property
    def conversation(self) -> Any:
        """The conversation it belongs to; None for a response rebuilt from a dict."""
        return self._conversation

    @property
    def model(self) -> LanguageModel:
        """Its model.

        Raises:
            ConversationError: for a rebuilt response whose model cannot be found by its name.
        """
        if self._conversation is not None:
            return self._conversation.model
        from convrun.conversation.owner import model_of  # few programs rebuild responses

        return model_of(self.kind, self._model_id or "", self._place)

    @property
    def prompt(self) -> Prompt:
        """What was asked; its messages are there once it was sent."""
        return self._call.prompt

    @property
    def done(self) -> bool:
        """Whether the reply is whole."""
        return self._call.done

    @property
    def id(self) -> str:
        """The provider's id of the reply, or one of our own."""
        return self._call.id

    def __repr__(self) -> str:
        """Show prompt and text without fetching anything."""
        text = self._call.whole.message.text if self.done else "... not yet done ..."
        return f"<{type(self).__name__} prompt={self.prompt.prompt!r} text={text!r}>"

    def tool_results(self) -> list[ToolResult]:
        """Return the results that its tool calls have so far, in the order of the calls."""
        return list(self._call.tool_results)

    @property
    def finish_reason(self) -> str | None:
        """Why the model stopped: stop, length, tool_calls, content_filter, or the provider's own word."""
        return self._known().whole.finish_reason

    @property
    def refusal(self) -> str | None:
        """The model's own words for refusing; None where it did not."""
        return self._known().refusal

    @property
    def elapsed_ms(self) -> float | None:
        """How long the model took: as recorded, of a live reply as measured; None where nobody knows."""
        return self._known().whole.elapsed_ms

    @property
    def model_name(self) -> str | None:
        """The model that answered, in the reply's own words; None where it does not say."""
        return self._known().whole.model

    @property
    def cost_usd(self) -> float | None:
        """What it cost in dollars, as recorded; None where that is not known."""
        return self._known().whole.cost_usd

    @classmethod
    def _rebuilt(cls, data: Mapping[str, Any], model: LanguageModel | None, rebound: Rebound) -> Self:
        from convrun.conversation.owner import model_for
        from convrun.conversation.persistence.responses import call_from_dict

        call, model_id, place = call_from_dict(data, rebound)
        owner = None if model is None else model_for(cls.kind, model, model_id, place).conversation()
        found = cls(call, conversation=owner)
        found._model_id, found._place = model_id, place
        return found

    def _to_dict(self) -> JsonObject:
        from convrun.conversation.persistence.responses import call_to_dict

        kept = (self._model_id, self._place) if self._conversation is None else None
        return call_to_dict(self._call, *(kept or (None, None)), model=None if kept else self.model)

    def _branch(self) -> Any:
        """A conversation that goes on from here."""
        return (self._conversation or self.model.conversation()).branch(self._call)

    def _running(self, before_call: HookOrHooks, after_call: HookOrHooks) -> ToolRunning:
        """What it takes to make the tool calls, with these hooks over the conversation's."""
        running = self._call.settings.tool_running
        return replace(running, hooks=Hooks.of(before_call, after_call, running.hooks))

    def whole(self) -> Response:
        """Return the response with its reply, to be looked at without waiting; a sync one is read for it.

        Raises:
            ConversationError: for one that has to be awaited, and was not read yet.
        """
        return Response(copy(self._known()), conversation=self._conversation)

    def _known(self) -> ModelCall:
        """The model call, its reply whole."""
        raise NotImplementedError


class Response(AnyResponse):
    """The reply to one prompt. Nothing is sent before it is read; it is sent once; read again, it comes from memory.

    Reading half of it and the rest later goes on with the same reply. An error is raised at each reading again.
    """

    kind = "sync"

    def whole(self) -> Response:
        """Return this response, read to its end."""
        self._known()
        return self

    def __iter__(self) -> Iterator[str]:
        """Yield pieces of text, as they arrive the first time."""
        return (event.chunk for event in self.stream_events() if event.type == "text")

    def stream_events(self) -> Iterator[StreamEvent]:
        """Yield text, reasoning, refusals and tool calls piece by piece, as they arrive the first time."""
        events = self._call.events
        for position in count():
            if position >= len(events) and not (
                self._driver is not None and self._at_once.run(self._driver.has_event(self._call, position))
            ):
                return
            yield events[position]

    def text(self) -> str:
        """Return the whole text."""
        return self._known().whole.message.text

    def __str__(self) -> str:
        """Return the whole text."""
        return self.text()

    def messages(self) -> list[Message]:
        """Return what this response produced."""
        return [self._known().whole.message]

    def tool_calls(self) -> list[ToolCall]:
        """Return the calls the model wants."""
        return list(self._known().tool_calls)

    def usage(self) -> Usage:
        """Return the tokens, as the provider counted them."""
        return self._known().whole.usage

    def parsed(self) -> object:
        """Return the value in the reply: an instance where the schema is a pydantic model, else JSON.

        Raises:
            ConversationError: where there is none.
        """
        return self._known().parsed()

    def json(self) -> Json:
        """Return the provider's payload; for a streamed reply, what is known of it in the same words."""
        return self._known().payload()

    def duration_ms(self) -> int:
        """Return how long the reply took here, from the sending to its end."""
        return self._known().duration_ms

    def datetime_utc(self) -> str:
        """Return when it was sent, as ISO 8601."""
        return self._known().datetime_utc

    def on_done(self, callback: Callable[[Response], object]) -> None:
        """Call `callback` with this response once the reply is whole, at once if it is.

        Its turn is in the history by then. Where a callback raises, the others are called all the same, and who reads
        the reply gets the first error, once.
        """
        if self.done:
            callback(self)
        else:
            self._call.when_done.append(callback)

    def execute_tool_calls(
        self, *, before_call: HookOrHooks = None, after_call: HookOrHooks = None
    ) -> list[ToolResult]:
        """Make the tool calls that have no result yet, with the conversation's hooks, and return all results.

        The next prompt of the conversation sends them.

        Raises:
            PauseChain: from a tool.
            ConvrunError: where a hook raised, or a tool did not return in time.
        """
        call, effects = self._known(), self._at_once
        effects.run(run_tools(call, self._running(before_call, after_call), effects))
        return self.tool_results()

    def reply(self, prompt: str | None = None, **settings: Any) -> Response:
        """Return the lazy response to `prompt` said right after this one; tool calls still open are made first.

        It goes on in a conversation of its own: the one this response belongs to does not see it. `settings` are those
        of `Conversation.prompt`.
        """
        self._known()
        found: Response = self._branch().prompt(prompt, **settings)
        return found

    def to_dict(self) -> JsonObject:
        """Return all it takes to go on from here, as a JSON object; attachments as base64."""
        self._known()
        return self._to_dict()

    def close(self) -> None:
        """Give up a reply that is not whole: its connection is closed, and its turn is not in the history."""
        if self._driver is not None:
            self._at_once.run(self._driver.close())

    def _known(self) -> ModelCall:
        if self._driver is not None and not self.done:
            self._at_once.run(self._driver.read(self._call))
        return self._call

    @property
    def _at_once(self) -> AtOnce:
        return AtOnce() if self._driver is None else cast(AtOnce, self._driver.effects)
