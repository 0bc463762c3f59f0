"""The driver: performs the steps of loops and tool calls. Written once, for the sync and the async API alike.

It is made of coroutines. What waits is left to its effects: those of `at_once` do it on the spot, so that the
coroutines never suspend and a plain function can run them to their ends; those of `awaited` let the event loop go on.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from convrun.conversation.backend import Completion
from convrun.conversation.loop import Loop, RunTools
from convrun.conversation.model_call import ModelCall
from convrun.conversation.tool_running import ToolRunning
from convrun.conversation.tools import ToolCall, ToolResult
from convrun.errors import ConversationError, PauseChain, ProviderError

if TYPE_CHECKING:
    from convrun.conversation.effects import Effects


class Driver:
    """Drives one loop with its backend."""

    def __init__(self, loop: Loop, effects: Effects) -> None:
        self.loop = loop
        self.effects = effects

    async def advance(self) -> ModelCall | None:
        """Run tools until the next model call can be read and return it, None at the end of the turn.

        Raises:
            ConvrunError: whatever ended the turn, each time again.
        """
        for earlier in self.loop.unfinished_before():
            await Driver(earlier, self.effects).finish()
        while True:
            step = self.loop.next()
            if not isinstance(step, RunTools):
                return step
            self.loop.busy = True
            try:
                await run_tools(step.call, step.running, self.effects)
            except BaseException as error:  # noqa: BLE001  (the loop raises it again)
                self.loop.fail(error, later=self._later(error))
            finally:
                self.loop.busy = False

    async def pull(self, call: ModelCall) -> bool:
        """Fetch one more piece of a reply; False where it is whole already.

        Raises:
            ConvrunError: whatever ended the turn, each time again.
        """
        if call.done:
            return False
        if call.request is None:
            await self.advance()
        if self.loop.failure is not None:
            raise self.loop.failure
        try:
            if call.source is None:
                assert call.request is not None  # the loop has begun with this call
                call.started()
                call.source = await self.effects.open(self.loop.backend, call.request)
            item = await self.effects.next_item(call.source)
            if item is None:
                raise call.ended_early()
            call.take(item)
        except BaseException as error:  # noqa: BLE001  (the loop raises it again)
            if isinstance(error, ProviderError):
                error.arrived = call.text_so_far
            call.source = None
            self.loop.fail(error, later=self._later(error))
        if isinstance(item, Completion):
            await self._settle(call)
        return True

    async def read(self, call: ModelCall) -> None:
        """Fetch the rest of a reply."""
        while await self.pull(call):
            pass

    async def finish(self) -> None:
        """Go on to the end of the turn."""
        while (call := await self.advance()) is not None:
            await self.read(call)

    async def has_event(self, call: ModelCall, position: int) -> bool:
        """Return whether a reply has an event at `position`, fetching it where it is not there yet."""
        while position >= len(call.events):
            if not await self.pull(call):
                return False
        return True

    async def has_call(self, position: int) -> bool:
        """Return whether the turn has a model call at `position`; the one before is read to its end for it."""
        calls = self.loop.calls
        if position >= len(calls):
            if position:
                await self.read(calls[position - 1])
            await self.advance()
        return position < len(calls)

    async def close(self) -> None:
        """Give up what is not over: the connection is closed, and nothing of the turn is in the history."""
        if self.loop.over:
            return
        self.loop.give_up(ConversationError("the reply was closed before it was whole", fix="prompt again"))
        for call in self.loop.calls:
            source, call.source = call.source, None
            if source is not None:
                await self.effects.close(source)

    def _later(self, error: BaseException) -> BaseException:
        """What is raised at later readings of a turn that `error` has ended."""
        if not isinstance(error, self.effects.interruptions):
            return error
        return ConversationError("the task that read this reply was cancelled before it was whole", fix="prompt again")

    async def _settle(self, call: ModelCall) -> None:
        """The reply is whole: let the source end, and the turn where nothing can follow."""
        source, call.source = call.source, None
        await self.effects.close(source)
        if not (self.loop.chained and call.tool_calls):
            await self.advance()
        await self._call_back(call)

    async def _call_back(self, call: ModelCall) -> None:
        """Call all who want to hear of a whole reply; then raise the first error, of interruptions before others."""
        errors: list[BaseException] = []
        for callback in call.when_done:
            try:
                await self.effects.call_back(callback, call.face)
            except GeneratorExit:  # nobody waits any more
                raise
            except BaseException as error:  # noqa: BLE001  (raised once all are called)
                errors.append(error)
        if errors:
            raise min(errors, key=lambda error: isinstance(error, Exception))


async def run_tools(call: ModelCall, running: ToolRunning, effects: Effects) -> None:
    """Make the open tool calls of a reply and put their results there.

    Raises:
        PauseChain: from a tool; it carries the call that paused and the results there are.
        ConvrunError: where the chain has to stop.
    """
    works = [partial(_run_tool, call, position, tool_call, running, effects) for position, tool_call in call.open_calls]
    try:
        await effects.each(works)
    except PauseChain as pause:
        pause.tool_results = call.tool_results
        raise


async def _run_tool(
    call: ModelCall, position: int, tool_call: ToolCall, running: ToolRunning, effects: Effects
) -> None:
    """Make one tool call, and put its result there."""
    try:
        result = await _result(tool_call, running, effects)
    except PauseChain as pause:
        pause.tool_call = tool_call
        raise
    if result.tool_call_id != tool_call.tool_call_id:  # a hook made it
        result = replace(result, tool_call_id=tool_call.tool_call_id)
    call.results[position] = result


async def _result(call: ToolCall, running: ToolRunning, effects: Effects) -> ToolResult:
    """The result of one tool call."""
    steps = running.steps(call)
    try:
        invocation = next(steps)
        while True:
            outcome = await effects.perform(invocation)
            invocation = steps.send(outcome.value) if outcome.error is None else steps.throw(outcome.error)
    except StopIteration as end:
        result: ToolResult = end.value
        return result
    finally:
        steps.close()
