"""The sync driver: performs the steps of loops and tool calls. An async one would differ here and nowhere else."""

from __future__ import annotations

from dataclasses import replace

from convrun.conversation.backend import Completion
from convrun.conversation.loop import Loop, RunTools
from convrun.conversation.model_call import ModelCall
from convrun.conversation.network import watched
from convrun.conversation.time_limit import within
from convrun.conversation.tool_running import Invocation, ToolRunning
from convrun.conversation.tools import ToolCall, ToolResult
from convrun.errors import PauseChain


class Driver:
    """Drives one loop with its backend."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop

    def advance(self) -> ModelCall | None:
        """Run tools until the next model call can be read and return it, None at the end of the turn.

        Raises:
            ConvrunError: whatever ended the turn, each time again.
        """
        for earlier in self.loop.unfinished_before():
            Driver(earlier).finish()
        while True:
            step = self.loop.next()
            if not isinstance(step, RunTools):
                return step
            self.loop.busy = True
            try:
                run_tools(step.call, step.running)
            except BaseException as error:  # noqa: BLE001  (the loop raises it again)
                self.loop.fail(error)
            finally:
                self.loop.busy = False

    def pull(self, call: ModelCall) -> bool:
        """Fetch one more piece of a reply; False where it is whole already.

        Raises:
            ConvrunError: whatever ended the turn, each time again.
        """
        if call.done:
            return False
        if call.request is None:
            self.advance()
        if self.loop.failure is not None:
            raise self.loop.failure
        try:
            if call.source is None:
                assert call.request is not None  # the loop has begun with this call
                call.started()
                call.source = iter(self.loop.backend.send(call.request))
            item = next(call.source, None)
            if item is None:
                raise call.ended_early()
            call.take(item)
        except BaseException as error:  # noqa: BLE001  (the loop raises it again)
            call.failure, call.source = error, None
            self.loop.fail(error)
        if isinstance(item, Completion):
            self._settle(call)
        return True

    def read(self, call: ModelCall) -> None:
        """Fetch the rest of a reply."""
        while self.pull(call):
            pass

    def finish(self) -> None:
        """Go on to the end of the turn."""
        while (call := self.advance()) is not None:
            self.read(call)

    def _settle(self, call: ModelCall) -> None:
        """The reply is whole: let the source end, and the turn where nothing can follow."""
        source, call.source = call.source, None
        close = getattr(source, "close", None)
        if close is not None:
            close()
        if not (self.loop.chained and call.tool_calls):
            self.advance()
        for callback in call.when_done:
            callback(call.face)


def run_tools(call: ModelCall, running: ToolRunning) -> None:
    """Make the open tool calls of a reply, in order, and put their results there.

    Raises:
        PauseChain: from a tool; it carries the call that paused and the results there are.
        ConvrunError: where the chain has to stop.
    """
    for position, tool_call in call.open_calls:
        try:
            result = run_tool(tool_call, running)
        except PauseChain as pause:
            pause.tool_call = tool_call
            pause.tool_results = call.tool_results
            raise
        if result.tool_call_id != tool_call.tool_call_id:  # a hook made it
            result = replace(result, tool_call_id=tool_call.tool_call_id)
        call.results[position] = result


def run_tool(call: ToolCall, running: ToolRunning) -> ToolResult:
    """Return the result of one tool call.

    Raises:
        ConvrunError: where the chain has to stop.
    """
    steps = running.steps(call)
    try:
        invocation = next(steps)
        while True:
            try:
                value = _perform(invocation)
            except BaseException as error:  # noqa: BLE001  (the steps decide what it means)
                invocation = steps.throw(error)
            else:
                invocation = steps.send(value)
    except StopIteration as end:
        result: ToolResult = end.value
        return result


def _perform(invocation: Invocation) -> object:
    def work() -> object:
        return invocation.function(*invocation.arguments, **invocation.keywords)

    try:
        return watched(invocation.owner, lambda: within(invocation.seconds, invocation.name, work))
    except GeneratorExit as error:  # thrown into the steps, a generator, it would say that nobody waits for them
        raise RuntimeError("GeneratorExit") from error
