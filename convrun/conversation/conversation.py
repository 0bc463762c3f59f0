"""Conversations: prompts and chains that share a history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

from convrun.conversation.at_once import AtOnce
from convrun.conversation.attachments import Attachment, attachments_of, checked_limit
from convrun.conversation.backend import bound_here
from convrun.conversation.chain import ChainResponse
from convrun.conversation.driving import Driver
from convrun.conversation.history import History, checked_messages
from convrun.conversation.hooks import HookOrHooks, Hooks
from convrun.conversation.loop import Loop, Said
from convrun.conversation.messages import Message, Usage, attachments_in
from convrun.conversation.model_call import ModelCall
from convrun.conversation.response import Keepable, Response
from convrun.conversation.settings import TurnSettings, checked_chain_limit, checked_tool_timeout
from convrun.conversation.structured import OutputSchema, SchemaLike
from convrun.conversation.tool_running import RecordedResults
from convrun.conversation.toolbox import ToolLike, tools_by_name
from convrun.conversation.tools import Tool, ToolResult
from convrun.conversation.turns import Turn, usage_of
from convrun.errors import ConversationError
from convrun.values import Json, JsonObject, show, type_name

_Response = TypeVar("_Response")
_Chain = TypeVar("_Chain")

if TYPE_CHECKING:
    from convrun.conversation.effects import Effects
    from convrun.conversation.owner import LanguageModel
    from convrun.conversation.persistence.settings import Rebound


class AnyConversation(Keepable, Generic[_Response, _Chain]):
    """What sync and async conversations share, which is all but the kinds of their responses."""

    def __init__(  # noqa: PLR0913  (each is a keyword that users know from the API)
        self,
        model: LanguageModel,
        *,
        system: str | None = None,
        tools: Iterable[ToolLike] = (),
        history: Iterable[Message] = (),
        options: Mapping[str, Json] | None = None,
        schema: SchemaLike | None = None,
        schema_name: str | None = None,
        stream: bool | None = None,
        before_call: HookOrHooks = None,
        after_call: HookOrHooks = None,
        chain_limit: int | None = None,
        tool_timeout: float | None = None,
        recorded_results: RecordedResults | None = None,
        max_attachment: int | None = None,
    ) -> None:
        self.model: LanguageModel = model
        self.replaying = False
        self._history = History(
            checked_messages(history, "history"), system_text=_checked_text(system, "a system prompt")
        )
        settings = TurnSettings(
            tools=tools_by_name(tools),
            schema=None if schema is None else OutputSchema.of(schema, schema_name),
            stream=model.stream if stream is None else stream,
            hooks=Hooks.of(before_call, after_call),
            chain_limit=checked_chain_limit(chain_limit),
            tool_timeout=checked_tool_timeout(tool_timeout),
            recorded_results=recorded_results,
            max_attachment=checked_limit(max_attachment),
        )
        for attachment in attachments_in(self._history.messages):
            attachment.load(settings.max_attachment)
        self._settings = settings.with_options(model.options).with_options(options or {})
        self._newest: Loop | None = None
        self._beginning = Lock()  # prompts of several threads are in a row, too
        self._is_branch = False
        self._effects = self._new_effects()

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools of every turn that has none of its own."""
        return tuple(self._settings.tools.values())

    @property
    def system(self) -> str | None:
        """The system prompt that the next turn has."""
        return None if self._history.system is None else self._history.system.text

    @property
    def history(self) -> Sequence[Message]:
        """What was said so far, the system message first; nothing of a turn that is not over. It never changes."""
        return self._history.messages

    @property
    def unread(self) -> bool:
        """Whether the newest prompt or chain was not read to its end: it is in none of the turns yet."""
        return self._newest is not None and not self._newest.over

    @property
    def turns(self) -> list[Turn]:
        """What was said so far, grouped by what the user said; turns that failed are not in it."""
        for record in reversed(self._history.turns):
            if record.face is not None:
                break
            record.face = Turn(record, self)
        return [record.face for record in self._history.turns]

    @property
    def responses(self) -> list[_Response]:
        """One for each model call of these turns, in order."""
        return [self.shown(call) for record in self._history.turns for call in record.calls]

    def usage(self) -> Usage:
        """Return the tokens of all turns."""
        return usage_of([call for record in self._history.turns for call in record.calls])

    def prompt(  # noqa: PLR0913  (each is a keyword that users know from the API)
        self,
        prompt: str | None = None,
        *,
        attachments: Sequence[Attachment] = (),
        system: str | None = None,
        messages: Sequence[Message] | None = None,
        tools: Iterable[ToolLike] | None = None,
        tool_results: Sequence[ToolResult] = (),
        schema: SchemaLike | None = None,
        schema_name: str | None = None,
        stream: bool | None = None,
        options: Mapping[str, Json] | None = None,
        **more_options: Json,
    ) -> _Response:
        """Return the lazy response to one prompt; its tool calls are not run.

        `system` replaces the system prompt from this turn on, `messages` stand in for the history; options are those
        of the provider's API and go over the conversation's, None removes one.
        """
        said = _said(prompt, attachments, messages, system, tool_results)
        options = _with(options, more_options)
        settings = self._settings_of_turn(said, tools, schema, schema_name, stream, options)
        driver = self._begin(said, settings, chained=False)
        return self._response(driver.loop.first, driver)

    def chain(  # noqa: PLR0913  (each is a keyword that users know from the API)
        self,
        prompt: str | None = None,
        *,
        attachments: Sequence[Attachment] = (),
        system: str | None = None,
        messages: Sequence[Message] | None = None,
        tools: Iterable[ToolLike] | None = None,
        tool_results: Sequence[ToolResult] = (),
        schema: SchemaLike | None = None,
        schema_name: str | None = None,
        stream: bool | None = None,
        options: Mapping[str, Json] | None = None,
        before_call: HookOrHooks = None,
        after_call: HookOrHooks = None,
        chain_limit: int | None = None,
        **more_options: Json,
    ) -> _Chain:
        """Return the lazy chain that answers a prompt, running tools until the model stops.

        Without a prompt it goes on where the last turn has left tool calls open, as after PauseChain, with the settings
        of that turn. Hooks and the limit go over the conversation's, one by one; the rest is as for `prompt`.
        """
        said = _said(prompt, attachments, messages, system, tool_results)
        options = _with(options, more_options)
        settings = self._settings_of_turn(said, tools, schema, schema_name, stream, options)
        if before_call is not None or after_call is not None:
            settings = replace(settings, hooks=Hooks.of(before_call, after_call, settings.hooks))
        if chain_limit is not None:
            settings = replace(settings, chain_limit=checked_chain_limit(chain_limit))
        return self._chain(self._begin(said, settings, chained=True))

    def branch(self, call: ModelCall) -> Self:
        """Return a conversation with the same settings that goes on from a reply on its own."""
        found = type(self)(self.model)
        found._begin_as_branch(call, replaying=self.replaying)  # noqa: SLF001  (of this very class)
        return found

    @classmethod
    def _rebuilt(cls, data: Mapping[str, Any], model: LanguageModel | None, rebound: Rebound) -> Self:
        from convrun.conversation.owner import model_for
        from convrun.conversation.persistence.conversations import conversation_of
        from convrun.conversation.persistence.kept_value import KeptValue

        kept = conversation_of(KeptValue(data, "conversation"), rebound)
        found = cls(model_for(cls.kind, model, kept.model_id, kept.place))
        found._settings, found._history, found._is_branch = kept.settings, kept.history, kept.is_branch
        return found

    def _to_dict(self) -> JsonObject:
        from convrun.conversation.persistence.conversations import conversation_to_dict

        return conversation_to_dict(self._history, self._settings, model=self.model, is_branch=self._is_branch)

    def _begin_as_branch(self, call: ModelCall, *, replaying: bool) -> None:
        self.replaying = replaying
        self._settings = call.settings
        self._history = History(call.prompt.messages)
        self._history.add_reply(call)
        self._is_branch = True

    def _settings_of_turn(
        self,
        said: Said,
        tools: Iterable[ToolLike] | None,
        schema: SchemaLike | None,
        schema_name: str | None,
        stream: bool | None,
        options: Mapping[str, Json],
    ) -> TurnSettings:
        changed: dict[str, Any] = {}
        if tools is not None:
            changed["tools"] = tools_by_name(tools)
        if schema is not None:
            changed["schema"] = OutputSchema.of(schema, schema_name)
        if stream is not None:
            changed["stream"] = stream
        usual = self._resumed if said.nothing else self._settings
        return (replace(usual, **changed) if changed else usual).with_options(options)

    @property
    def _resumed(self) -> TurnSettings:
        """The settings of the turn that goes on where nothing new is said; those of the conversation if none does."""
        if self._newest is not None and self.unread:
            return self._newest.settings
        waiting, turns = self._history.last_call, self._history.turns
        return waiting.settings if waiting is not None and turns and waiting in turns[-1].calls else self._settings

    def _begin(self, said: Said, settings: TurnSettings, *, chained: bool) -> Driver:
        with self._beginning:
            earlier = self._newest if self._newest is not None and not self._newest.over else None
            self._newest = loop = Loop(
                self._history,
                settings,
                said,
                backend=bound_here(self.model.backend),
                chained=chained,
                runs_open_calls=chained or self._is_branch,
                earlier=earlier,
            )
        return Driver(loop, self._effects)

    def shown(self, call: ModelCall) -> _Response:
        """Return the response that shows a model call, the same one each time."""
        found: _Response = call.face or self._response(call)
        return found

    def _new_effects(self) -> Effects:
        """What performs the steps of this conversation."""
        raise NotImplementedError

    def _response(self, call: ModelCall, driver: Driver | None = None) -> _Response:
        """A new response."""
        raise NotImplementedError

    def _chain(self, driver: Driver) -> _Chain:
        """A new chain."""
        raise NotImplementedError


class Conversation(AnyConversation[Response, ChainResponse]):
    """A history and what holds for every turn of it.

    `replaying` says whether the model's side comes from a recording; hooks and tools may look. `chain_limit` counts the
    model calls of a turn, None for no limit; `tool_timeout` is in seconds. No attachment has more than `max_attachment`
    bytes, 20,000,000 if nothing is said.
    """

    kind = "sync"

    def to_dict(self) -> JsonObject:
        """Return all it takes to go on from here, as a JSON object; what was not read to its end is read first.

        Tools are there by name, attachments as base64, and no key is.
        """
        if self._newest is not None and self.unread:
            cast(AtOnce, self._effects).run(Driver(self._newest, self._effects).finish())
        return self._to_dict()

    def _new_effects(self) -> Effects:
        return AtOnce()

    def _response(self, call: ModelCall, driver: Driver | None = None) -> Response:
        return Response(call, driver, self)

    def _chain(self, driver: Driver) -> ChainResponse:
        return ChainResponse(driver, self)


def _said(
    text: str | None,
    attachments: Sequence[Attachment],
    messages: Sequence[Message] | None,
    system: str | None,
    tool_results: Sequence[ToolResult],
) -> Said:
    return Said(
        text=_checked_text(text, "a prompt"),
        attachments=attachments_of(attachments),
        messages=None if messages is None else checked_messages(messages, "messages"),
        system=_checked_text(system, "a system prompt"),
        tool_results=_checked_results(tool_results),
    )


def _with(options: Mapping[str, Json] | None, more: Mapping[str, Json]) -> Mapping[str, Json]:
    """All options of a turn; what is no mapping is refused where they are used."""
    return {**options, **more} if isinstance(options, Mapping) else options or more


def _checked_results(given: Sequence[ToolResult]) -> tuple[ToolResult, ...]:
    fix = "give tool_results=[convrun.ToolResult(name, output, tool_call_id)]"
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise ConversationError(f"tool_results is a list, not {show(given, 60)}", fix=fix)
    found = tuple(given)
    for result in found:
        if not isinstance(result, ToolResult):
            raise ConversationError(f"{show(result, 60)} is no tool result", fix=fix)
    return found


def _checked_text(text: str | None, what: str) -> str | None:
    if text is not None and not isinstance(text, str):
        raise ConversationError(f"{what} is a text, not the {type_name(text)} {show(text, 60)}", fix="give a str")
    return text
