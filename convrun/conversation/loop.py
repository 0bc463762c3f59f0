"""One prompt or chain as steps: which model call comes next, which tools run, when it ends. No step is performed here.

A driver asks for the `next` step, performs it, and says so by asking again; where a step fails it calls `fail`. The
history is touched once, at the end, so that nothing of a turn that failed is in it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import NoReturn, TypeAlias

from convrun.conversation.attachments import Attachment
from convrun.conversation.backend import Backend, ModelRequest
from convrun.conversation.history import History, TurnRecord
from convrun.conversation.messages import Message, attachments_in, user
from convrun.conversation.model_call import ModelCall
from convrun.conversation.prompt import Prompt
from convrun.conversation.settings import TurnSettings
from convrun.conversation.tool_running import ToolRunning
from convrun.conversation.tools import ToolResult
from convrun.errors import ChainLimitError, ConversationError, PauseChain
from convrun.frozen import frozen


@frozen
class Said:
    """What the user says: `text` None says nothing.

    `messages` stand in for the history, `tool_results` answer open calls.
    """

    text: str | None = None
    attachments: tuple[Attachment, ...] = ()
    messages: Sequence[Message] | None = None
    system: str | None = None
    tool_results: tuple[ToolResult, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to add to what was said before."""
        return self.text is None and not self.attachments and self.messages is None


@frozen
class RunTools:
    """The step that makes the open tool calls of a reply and puts their results there."""

    call: ModelCall
    running: ToolRunning


Step: TypeAlias = ModelCall | RunTools


class Loop:
    """A prompt (`chained` False: one model call) or a chain, before, while and after it runs.

    `backend` is where a driver sends its requests. `first` is its first model call, there from the start; `calls` are
    those begun. `earlier` is the loop that has to be over before this one begins. With `runs_open_calls`, tool calls
    that the history ends with are made first, else they are answered by an error. `failure` is what ended it early.
    """

    def __init__(
        self,
        history: History,
        settings: TurnSettings,
        said: Said,
        *,
        backend: Backend,
        chained: bool,
        runs_open_calls: bool,
        earlier: Loop | None = None,
    ) -> None:
        self.settings = settings
        self.said = said
        self.backend = backend
        self.chained = chained
        self.earlier = earlier
        self.calls: list[ModelCall] = []
        self.first = ModelCall(self._prompt(), settings)
        self.over = False
        self.busy = False
        self.failure: BaseException | None = None
        self._history = history
        self._runs_open_calls = runs_open_calls
        self._steps = self._all_steps()

    def next(self) -> Step | None:
        """Return the next step, the present one again while it is not done, None once the turn is over.

        Raises:
            ChainLimitError: where the model wants more calls than it may have.
            ConversationError: where a tool or hook asks its own conversation to go on.
        """
        if self.failure is not None:
            raise self.failure
        if self.over:
            return None
        if self.busy:
            raise ConversationError(
                "a tool or hook prompts or keeps the conversation that is waiting for it",
                fix="use another conversation there, and keep this one once its chain is over or has paused",
            )
        if self.calls and not self.calls[-1].done:
            return self.calls[-1]
        try:
            return next(self._steps)
        except StopIteration:
            self.over = True
            return None
        except BaseException as error:  # noted, so that reading again says the same
            self.failure, self.over = error, True
            raise

    def fail(self, error: BaseException, *, later: BaseException | None = None) -> NoReturn:
        """End the turn with what a step raised, and raise it; at later readings `later`, if it is given."""
        self.over = True
        self.failure = later or error
        self._steps.throw(error)
        raise error

    def give_up(self, error: BaseException) -> None:
        """End the turn before it is over; `error` is raised at later readings."""
        self.over, self.failure = True, error
        self._steps.close()

    def unfinished_before(self) -> list[Loop]:
        """Return the loops that have to be finished first, the oldest first."""
        found: list[Loop] = []
        at = self
        while (earlier := at.earlier) is not None:
            at.earlier = None
            found.append(earlier)
            at = earlier
        return [loop for loop in reversed(found) if not loop.over]

    def _all_steps(self) -> Generator[Step, None, None]:
        draft = self._history.copy()
        turn, record = self._record()
        results = yield from self._beginning(draft)
        call = self.first
        for number in count(len(record.calls) + 1):  # of a turn that is resumed those before count, too
            call.begin(self._request(draft, turn, number), results)
            self.calls.append(call)
            yield call
            draft.add_reply(call)
            if not self.chained or not call.tool_calls:
                break
            if self.settings.chain_limit is not None and number >= self.settings.chain_limit:
                call.give_up("chain limit reached")
                draft.answer()
                self._commit(draft, turn, record)
                raise ChainLimitError(
                    f"the model wants more than {number} calls in one turn",
                    fix="raise chain_limit, or make the tools say enough",
                )
            try:
                yield RunTools(call=call, running=self.settings.tool_running)
            except PauseChain:
                self._commit(
                    draft, turn, record
                )  # resumed from here; no request goes out before the open calls are answered
                raise
            results = self._answered(draft)
            call = ModelCall(replace(call.prompt, prompt="", attachments=()), self.settings)
        self._commit(draft, turn, record)

    def _beginning(self, draft: History) -> Generator[Step, None, tuple[ToolResult, ...]]:
        """Bring the history to where the first request can go out; return the tool results that are new in it."""
        said = self.said
        self._load(said.attachments)
        if said.messages is not None:
            draft.start_from(said.messages)
            self._load(attachments_in(draft.messages))
        if said.system is not None:
            draft.set_system(said.system)
        if draft.last_call is not None:
            draft.last_call.give(said.tool_results)
            if self._runs_open_calls and draft.last_call.open_calls:
                yield RunTools(call=draft.last_call, running=self.settings.tool_running)
        elif said.tool_results:
            raise ConversationError("no call waits for a tool result", fix="leave tool_results out")
        results = self._answered(draft)
        if said.text is not None or said.attachments:
            draft.add(user(said.text or "", *said.attachments))
        if draft.empty:
            raise ConversationError("there is nothing to send", fix="give a prompt or messages")
        if said.nothing and draft.messages[-1].role == "assistant":
            raise ConversationError(
                "there is nothing to send: the model said the last word, and no tool call is open",
                fix="give a prompt; without one, only a turn that has paused goes on",
            )
        return results

    def _answered(self, draft: History) -> tuple[ToolResult, ...]:
        """Answer the open calls; results may come from elsewhere than from tools that were run."""
        results = draft.answer()
        for result in results:
            self._load(result.attachments)
        return results

    def _load(self, attachments: Iterable[Attachment]) -> None:
        """Read what is going to be sent before anything is: whatever becomes of a file, the history does not change."""
        for attachment in attachments:
            attachment.load(self.settings.max_attachment)

    def _prompt(self) -> Prompt:
        return Prompt(
            prompt=self.said.text or "",
            system=self.said.system,
            attachments=self.said.attachments,
            tools=tuple(self.settings.tools.values()),
            options=self.settings.options,
            schema=self.settings.schema.schema if self.settings.schema else None,
        )

    def _record(self) -> tuple[int, TurnRecord]:
        """The number of this turn (from 1) and its record: that of the last turn where this one resumes it."""
        turns, waiting = self._history.turns, self._history.last_call
        if turns and self.said.nothing and waiting is not None and waiting in turns[-1].calls:
            return len(turns), turns[-1]
        return len(turns) + 1, TurnRecord(self.said.text or "")

    def _commit(self, draft: History, turn: int, record: TurnRecord) -> None:
        self._history.take(draft)
        record.calls.extend(self.calls)
        if turn > len(self._history.turns):
            self._history.turns.append(record)

    def _request(self, draft: History, turn: int, number: int) -> ModelRequest:
        settings = self.settings
        return ModelRequest(
            messages=draft.messages,
            tools=settings.tool_schemas,
            options=settings.options,
            schema=settings.schema.schema if settings.schema else None,
            schema_name=settings.schema.name if settings.schema else "output",
            stream=settings.stream,
            turn=turn,
            call=number,
        )
