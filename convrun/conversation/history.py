"""The history of a conversation: what was said so far, by turns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from convrun.conversation.backend import Completion
from convrun.conversation.messages import Message, SharedMessages, system
from convrun.conversation.model_call import ModelCall
from convrun.conversation.prompt import Prompt
from convrun.conversation.settings import TurnSettings
from convrun.conversation.tools import ToolResult
from convrun.errors import ConversationError
from convrun.values import show, type_name


@dataclass(slots=True)
class TurnRecord:
    """One turn as it happened; `face` is the Turn that shows it."""

    prompt: str
    calls: list[ModelCall] = field(default_factory=list)
    face: Any = None


def checked_messages(given: object, name: str) -> Sequence[Message]:
    """Return the messages that a program gives as `name`.

    Raises:
        ConversationError: where they are none.
    """
    if isinstance(given, SharedMessages):
        return given
    fix = "give a list of user('…'), assistant('…'), system('…') or Message.from_dict(…)"
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise ConversationError(f"{name} is a list of messages, not the {type_name(given)} {show(given, 60)}", fix=fix)
    found = []
    for number, message in enumerate(given, start=1):
        if not isinstance(message, Message):
            what = f"{name} holds no message at {number}, but the {type_name(message)} {show(message, 60)}"
            raise ConversationError(what, fix=fix)
        found.append(message)
    return found


class History:
    """What goes to the model before anything new. Only turns that did not fail get in.

    `messages` are all of it, the system message first. `last_call` is the model call that they end with while its tool
    calls are not answered there, else None.
    """

    def __init__(self, messages: Iterable[Message] = (), *, system_text: str | None = None) -> None:
        self.messages = SharedMessages()
        self.last_call: ModelCall | None = None
        self.turns: list[TurnRecord] = []
        self.start_from(messages)
        if system_text is not None:
            self.set_system(system_text)

    @property
    def system(self) -> Message | None:
        """The system message."""
        return self.messages.system

    @property
    def empty(self) -> bool:
        """Whether nothing was said yet."""
        return len(self.messages) == (self.system is not None)

    def set_system(self, text: str) -> None:
        """Replace the system message; an empty text removes it, the same text keeps the same message."""
        if self.system is None or self.system.text != text:
            self.messages = self.messages.under(system(text) if text else None)

    def start_from(self, messages: Iterable[Message]) -> None:
        """Replace what was said; a system message in front becomes the system message of all that follows.

        Calls in the last message can still be made.
        """
        given = SharedMessages(messages)
        self.messages = given if given.system is not None else given.under(self.system)
        self.last_call = None
        if not self.empty and given[-1].role == "assistant" and given[-1].tool_calls:
            self.last_call = ModelCall(Prompt(), TurnSettings())
            self.last_call.take(Completion(message=given[-1]))

    def add(self, message: Message) -> None:
        """Append what the user says."""
        self.messages = self.messages.then(message)

    def add_reply(self, call: ModelCall) -> None:
        """Append what the model said."""
        assert call.completion is not None
        self.messages = self.messages.then(call.completion.message)
        self.last_call = call if call.tool_calls else None

    def answer(self) -> tuple[ToolResult, ...]:
        """Append the results of the last call's tool calls and return them; no call stays unanswered."""
        call, self.last_call = self.last_call, None
        if call is None:
            return ()
        self.messages = self.messages.then(*call.answers())
        return call.tool_results

    def copy(self) -> History:
        """Return a history that goes its own way from here, without the turns; what was said is shared."""
        found = History()
        found.take(self)
        return found

    def take(self, other: History) -> None:
        """Become what `other` has become; the turns stay."""
        self.messages, self.last_call = other.messages, other.last_call
