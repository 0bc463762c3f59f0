"""Responses: what a model said to one prompt, fetched when it is first read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, cast

from convrun.conversation.backend import Backend, Completion, StreamEvent
from convrun.conversation.driving import Driver, run_tools
from convrun.conversation.hooks import HookOrHooks, Hooks
from convrun.conversation.messages import Message, RefusalPart, Usage, system
from convrun.conversation.model_call import ModelCall
from convrun.conversation.prompt import Prompt
from convrun.conversation.settings import TurnSettings
from convrun.conversation.structured import parsed_json
from convrun.conversation.tool_running import ToolRunning
from convrun.conversation.tools import ToolCall, ToolResult
from convrun.errors import ConversationError
from convrun.values import Json, JsonObject


class LanguageModel(Protocol):
    """What a response knows of its model."""

    @property
    def model_id(self) -> str:
        """The model's name."""
        ...

    @property
    def backend(self) -> Backend:
        """What answers the requests."""
        ...

    @property
    def options(self) -> Mapping[str, Json]:
        """Options of every conversation that does not say otherwise."""
        ...

    @property
    def stream(self) -> bool:
        """Whether replies are streamed where nothing else is said."""
        ...

    def conversation(self) -> Owner:
        """Return a new conversation."""
        ...


class Owner(Protocol):
    """What a response knows of its conversation."""

    @property
    def model(self) -> LanguageModel:
        """The conversation's model."""
        ...

    def branch(self, call: ModelCall) -> Owner:
        """Return a conversation that goes on from `call` on its own."""
        ...

    def prompt(self, prompt: str | None = None, **settings: Any) -> Response:
        """Return the lazy response to a prompt."""
        ...


_RESOLVERS: dict[str, Callable[[str], LanguageModel]] = {}


def bind_model_resolver(resolver: Callable[[str], LanguageModel]) -> None:
    """Let responses that were rebuilt from a dict find their model by its name."""
    _RESOLVERS["sync"] = resolver


class Response:
    """The reply to one prompt. Nothing is sent before it is read; it is sent once; read again, it comes from memory.

    Reading half of it and the rest later goes on with the same reply. An error is raised at each reading again.
    """

    def __init__(self, call: ModelCall, driver: Driver | None = None, conversation: Owner | None = None) -> None:
        call.face = self
        self._call = call
        self._driver = driver
        self._conversation = conversation
        self._model_id: str | None = None
        self._place: JsonObject = {}  # where the model was, of a rebuilt response whose model's name does not say it

    @property
    def conversation(self) -> Owner | None:
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
        resolver = _RESOLVERS.get("sync")
        if resolver is None or self._model_id is None:
            raise ConversationError("this response has no model", fix="import convrun, or give from_dict a model=")
        if self._place:  # the name alone would send the conversation, and a key, somewhere else
            at = self._place["endpoint"] or "a backend of its own"
            raise ConversationError(
                f"the model {self._model_id!r} was at {at}, which its name does not say",
                fix="give it again, as Response.from_dict(data, model=…)",
            )
        return resolver(self._model_id)

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

    def __iter__(self) -> Iterator[str]:
        """Yield pieces of text, as they arrive the first time."""
        return (event.chunk for event in self.stream_events() if event.type == "text")

    def stream_events(self) -> Iterator[StreamEvent]:
        """Yield text, reasoning, refusals and tool calls piece by piece, as they arrive the first time."""
        position, events = 0, self._call.events
        while True:
            while position < len(events):
                yield events[position]
                position += 1
            if not self._pull():
                return

    def text(self) -> str:
        """Return the whole text."""
        return self._whole().message.text

    def __str__(self) -> str:
        """Return the whole text."""
        return self.text()

    def __repr__(self) -> str:
        """Show prompt and text without fetching anything."""
        text = self._call.completion.message.text if self._call.completion else "... not yet done ..."
        return f"<Response prompt={self.prompt.prompt!r} text={text!r}>"

    def messages(self) -> list[Message]:
        """Return what this response produced."""
        return [self._whole().message]

    def tool_calls(self) -> list[ToolCall]:
        """Return the calls the model wants."""
        self._whole()
        return list(self._call.tool_calls)

    def tool_results(self) -> list[ToolResult]:
        """Return the results that its tool calls have so far, in the order of the calls."""
        return list(self._call.tool_results)

    def usage(self) -> Usage:
        """Return the tokens, as the provider counted them."""
        return self._whole().usage

    @property
    def finish_reason(self) -> str | None:
        """Why the model stopped: stop, length, tool_calls, content_filter, or the provider's own word."""
        return self._whole().finish_reason

    @property
    def refusal(self) -> str | None:
        """The model's own words for refusing; None where it did not."""
        texts = [part.text for part in self._whole().message.parts if isinstance(part, RefusalPart)]
        return "".join(texts) if texts else None

    @property
    def elapsed_ms(self) -> float | None:
        """How long the model took: as recorded, of a live reply as measured; None where nobody knows."""
        return self._whole().elapsed_ms

    @property
    def model_name(self) -> str | None:
        """The model that answered, in the reply's own words; None where it does not say."""
        return self._whole().model

    @property
    def cost_usd(self) -> float | None:
        """What it cost in dollars, as recorded; None where that is not known."""
        return self._whole().cost_usd

    def parsed(self) -> object:
        """Return the value in the reply: an instance where the schema is a pydantic model, else JSON.

        Raises:
            ConversationError: where there is none.
        """
        schema = self._call.settings.schema
        text = self.text()
        return parsed_json(text) if schema is None else schema.parsed(text)

    def json(self) -> Json:
        """Return the provider's payload; for a streamed reply, what is known of it in the same words."""
        found = self._whole()
        if found.raw is not None:
            return found.raw
        return {
            "id": found.id,
            "model": found.model,
            "content": found.message.text,
            "finish_reason": found.finish_reason,
        }

    def duration_ms(self) -> int:
        """Return how long the reply took here, from the sending to its end."""
        self._whole()
        return round((self._call.duration or 0) * 1000)

    def datetime_utc(self) -> str:
        """Return when it was sent, as ISO 8601."""
        self._whole()
        return self._call.began.isoformat() if self._call.began else ""

    def on_done(self, callback: Callable[[Response], object]) -> None:
        """Call `callback` with this response once the reply is whole, at once if it is."""
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
        self._whole()
        running = self._call.settings.tool_running
        run_tools(
            self._call,
            ToolRunning(
                tools=running.tools,
                hooks=Hooks.of(before_call, after_call, running.hooks),
                seconds=running.seconds,
                recorded_results=running.recorded_results,
            ),
        )
        return self.tool_results()

    def reply(self, prompt: str | None = None, **settings: Any) -> Response:
        """Return the lazy response to `prompt` said right after this one; tool calls still open are made first.

        It goes on in a conversation of its own: the one this response belongs to does not see it. `settings` are those
        of `Conversation.prompt`.
        """
        self._whole()
        owner = self._conversation or self.model.conversation()
        return owner.branch(self._call).prompt(prompt, **settings)

    def to_dict(self) -> JsonObject:
        """Return all it takes to go on from here, as a JSON object; attachments as base64."""
        completion = self._whole()
        prompt: JsonObject = {"messages": [message.to_dict() for message in self.prompt.messages]}
        if self.prompt.options:
            prompt["options"] = dict(self.prompt.options)
        if self.prompt.messages and self.prompt.messages[0].role == "system":
            prompt["system"] = self.prompt.messages[0].text
        usage: JsonObject = {"input": completion.usage.input, "output": completion.usage.output}
        if completion.usage.details:
            usage["details"] = completion.usage.details
        return {
            "model": self._model_id or self.model.model_id,
            **(self._place if self._conversation is None else _place(self._conversation.model.backend)),
            "prompt": prompt,
            "messages": [completion.message.to_dict()],
            "id": self.id,
            "usage": {key: value for key, value in usage.items() if value is not None},
            "datetime_utc": self.datetime_utc(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, model: LanguageModel | None = None) -> Response:
        """Return the response that `to_dict` wrote, read already; `model` is found by its name where it is not given.

        Raises:
            ConversationError: where the dict is none of a response.
        """
        try:
            messages = [Message.from_dict(message) for message in data["prompt"]["messages"]]
            reply = [Message.from_dict(message) for message in data["messages"]]
            parts = tuple(part for message in reply for part in message.parts)
            model_id, options = str(data["model"]), data["prompt"].get("options", {})
            text, usage, began = data["prompt"].get("system"), data.get("usage", {}), data.get("datetime_utc")
        except (KeyError, TypeError, AttributeError) as error:
            raise ConversationError(f"no response: {error!r}", fix="give what to_dict() returned") from error
        if text and not (messages and messages[0].role == "system"):
            messages.insert(0, system(text))
        said = next((message.text for message in reversed(messages) if message.role == "user"), "")
        prompt = Prompt(prompt=said, messages=tuple(messages), system=text, options=options)
        call = ModelCall(prompt, TurnSettings(options=options))
        call.take(
            Completion(message=Message("assistant", parts), usage=Usage(**usage), id=data.get("id"), model=model_id)
        )
        call.duration, call.began = None, datetime.fromisoformat(began).astimezone(UTC) if began else None
        found = cls(call, conversation=None if model is None else model.conversation())
        found._model_id = model_id
        found._place = {"endpoint": data["endpoint"]} if "endpoint" in data else {}
        return found

    def _pull(self) -> bool:
        return self._driver is not None and self._driver.pull(self._call)

    def _whole(self) -> Completion:
        if self._driver is not None and not self._call.done:
            self._driver.read(self._call)
        return cast(Completion, self._call.completion)


def _place(backend: Backend) -> JsonObject:
    """Where a model is, if its name alone does not say it; None for a backend that has no address."""
    return {} if getattr(backend, "by_name", False) else {"endpoint": getattr(backend, "base_url", None)}
