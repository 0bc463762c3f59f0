"""Random conversations, sync and async: whatever happens in one, its next request is valid.

A program is a list of what the user does, and a list of what the model answers; both are plain values, so that one that
fails can be read. The same body holds it with both APIs: what a sync one gives back is there, what an async one gives
back is awaited.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from inspect import isawaitable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_models import calls, says, streams
from servers import called, event_stream, output, said, streamed
from valid_requests import InvalidRequestError, check_chat, check_responses

import convrun as llm
from convrun.backends.chat_format import ChatFormat
from convrun.backends.model_backend import ModelBackend
from convrun.backends.responses_format import ResponsesFormat
from convrun.conversation.at_once import run
from convrun.wire import Reply, Request

NAMES = ("good", "bad", "pausing", "drawing", "stopped", "cancelled", "unknown")
IDS = st.sampled_from(["", "0", "call_1"])
CALLED = st.lists(st.tuples(st.sampled_from(NAMES), IDS), min_size=1, max_size=3)
ANSWERS = st.one_of(
    st.just(("says", "yes")),
    st.just(("streams", "ab")),
    st.tuples(st.just("calls"), CALLED),
    st.tuples(st.just("refused"), st.sampled_from([400, 429, 500])),
    st.just(("cut", "a")),
)
DEEDS = st.one_of(
    *(st.tuples(st.just(deed)) for deed in ("prompt", "chain", "go on", "half", "close", "tools", "again", "system")),
    st.sampled_from([("kept",), ("history",)]),
    st.tuples(st.sampled_from(["reply", "rebuilt"])),
    st.tuples(st.just("interrupted"), st.integers(0, 6), st.booleans()),
)
PROGRAMS = st.tuples(st.lists(DEEDS, min_size=1, max_size=8), st.lists(ANSWERS, min_size=1, max_size=6))


class Answering:
    """A transport that answers as drawn, over and over, and refuses what no API would take.

    `interrupting` counts down at each of its waits; at none it interrupts, as Ctrl-C does. What a
    Responses API has `said` it keeps, by the ids of its replies.
    """

    def __init__(self, answers: Sequence[Any], *, own_ids: bool) -> None:
        self.answers = answers
        self.own_ids = own_ids  # each call has an id that no other has
        self.requests: list[Mapping[str, Any]] = []
        self.interrupting: int | None = None
        self.said: dict[str, list[Any]] = {}

    def send(self, request: Request) -> Reply:
        """Answer at once."""
        if self.interrupting == 0:
            self.interrupting = None
            raise KeyboardInterrupt
        if self.interrupting is not None:
            self.interrupting -= 1
        return self._answered(request)

    async def asend(self, request: Request) -> Reply:
        """Answer after some turns of the event loop."""
        for _ in range(3):
            await asyncio.sleep(0)
        return self._answered(request)

    def _answered(self, request: Request) -> Reply:
        body = json.loads(json.dumps(request.body))
        whole = body if "messages" in body else {"input": self._all_said(body)}
        (check_chat if "messages" in body else check_responses)(whole)
        self.requests.append(body)
        kind, what = self.answers[(len(self.requests) - 1) % len(self.answers)]
        if kind == "refused":
            return Reply(status=what, headers={}, payloads=({"error": {"message": "no"}},))
        return self._chat(kind, what) if "messages" in body else self._items(kind, what, whole["input"])

    def _all_said(self, body: Mapping[str, Any]) -> list[Any]:
        if not body["input"]:
            raise InvalidRequestError("no input")
        previous = body.get("previous_response_id")
        return [*(self.said[previous] if previous is not None else ()), *body["input"]]

    def _items(self, kind: str, what: Any, before: Sequence[Any]) -> Reply:
        """What a Responses API says."""
        number = len(self.requests)
        if kind == "calls":
            items = [
                called(name, call_id=f"call_{number}_{at}" if self.own_ids else given)
                for at, (name, given) in enumerate(what)
            ]
        else:
            items = [said(what, f"msg_{number}")]
        whole = output(*items, id=f"resp_{number}")
        if kind != "cut":
            self.said[whole["id"]] = [*before, *items]
        if kind in ("says", "calls"):
            return Reply(status=200, headers={}, payloads=(whole,))
        events = streamed(whole)
        if kind == "streams":
            return Reply(status=200, headers={}, payloads=tuple(events))
        return Reply(status=200, headers={}, body=(event_stream(*events[:4], done=False),))

    def _chat(self, kind: str, what: Any) -> Reply:
        """What chat completions say."""
        if kind == "cut":
            return Reply(
                status=200, headers={}, body=(b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n',)
            )
        if kind == "streams":
            return Reply(status=200, headers={}, payloads=tuple(streams(*what)))
        if kind == "says":
            return Reply(status=200, headers={}, payloads=(says(what),))
        named = calls(*((name, {}) for name, _ in what), ids=tuple(given for _, given in what))
        return Reply(status=200, headers={}, payloads=(named,))


class Tools:
    """Tools and a hook of all manners; those that pause do so every other time."""

    def __init__(self, *, awaited: bool) -> None:
        self.paused = 0
        plain = {name: getattr(self, name, self.good) for name in NAMES if name != "unknown"}
        self.tools = [llm.Tool.function(_awaited(one) if awaited else one, name=name) for name, one in plain.items()]

    def good(self) -> str:
        """Answer."""
        return "ok"

    def bad(self) -> str:
        """Fail."""
        raise ValueError("bad")

    def pausing(self) -> str:
        """Pause, every other time."""
        self.paused += 1
        if self.paused % 2:
            raise llm.PauseChain
        return "there"

    def drawing(self) -> llm.ToolOutput:
        """Answer with an image."""
        return llm.ToolOutput("drawn", [llm.Attachment(url="https://example.com/a.png")])

    def before(self, _tool: llm.Tool | None, call: llm.ToolCall) -> None:
        """Stop the chain, or the call."""
        if call.name == "stopped":
            raise RuntimeError("stop")
        if call.name == "cancelled":
            raise llm.CancelToolCall("no")


def _awaited(function: Callable[[], Any]) -> Callable[[], Coroutine[Any, Any, Any]]:
    async def tool() -> Any:
        await asyncio.sleep(0)
        return function()

    return tool


async def done(value: Any) -> Any:
    """Return what a method of either API gives."""
    return await value if isawaitable(value) else value


async def piece_of(response: Any) -> None:
    """Read one piece of a response, and leave it there."""
    if hasattr(response, "__aiter__"):
        async for _ in response.stream_events():
            return
    else:
        next(iter(response.stream_events()), None)


async def is_the_same(new: Any, old: Any) -> None:
    """Assert that a rebuilt response says what it said, in answer to the same prompt."""
    assert await done(new.text()) == await done(old.text())
    assert new.tool_results() == old.tool_results()
    for name in ("prompt", "system", "messages", "attachments", "tool_results", "options", "schema"):
        assert getattr(new.prompt, name) == getattr(old.prompt, name), name


class Program:
    """What the user does in one conversation of either API."""

    def __init__(self, model: Any, transport: Answering, *, awaited: bool, options: Any) -> None:
        tools = Tools(awaited=awaited)
        self.talk = model.conversation(
            system="S", tools=tools.tools, before_call=tools.before, stream=False, chain_limit=3, options=options
        )
        self.tools = tools
        self.model = model
        self.transport = transport
        self.awaited = awaited
        self.last: Any = None

    async def does(self, deed: str, *more: Any) -> None:
        """Do one thing; what the engine raises is no matter, as long as it is of the tree."""
        with suppress(llm.ConvrunError, KeyboardInterrupt, asyncio.CancelledError):
            await self._does(deed, *more)

    async def _does(self, deed: str, *more: Any) -> None:
        talk, last = self.talk, self.last
        if deed in ("prompt", "half", "close", "system"):
            self.last = talk.prompt("u", **({"system": "T"} if deed == "system" else {}))
            if deed in ("half", "close"):
                await piece_of(self.last)
            if deed == "close":
                await done(self.last.close())
            if deed in ("prompt", "system"):
                await done(self.last.text())
        elif deed == "chain":
            await self._chained(talk.chain("u"))
        elif deed == "go on":
            await self._chained(talk.chain())
        elif deed == "history":
            self.last = talk.prompt("u", messages=talk.history[:3])
            await done(self.last.text())
        elif deed == "kept":
            await self._kept(await done(talk.to_dict()))
        elif deed == "interrupted":
            await self._interrupted(*more)
        elif last is not None:
            await self._with(last, deed)

    async def _with(self, last: Any, deed: str) -> None:
        if deed == "tools":
            await done(last.execute_tool_calls())
        elif deed == "again":
            await done(last.text())
        elif deed == "reply":
            answer = last.reply("branch", stream=False)
            self.last = await answer if self.awaited else answer
            await done(self.last.text())
        elif deed == "rebuilt":
            kept = await done(last.to_dict())
            rebuilt = type(last).from_dict(json.loads(json.dumps(kept)), model=self.model)
            assert await done(rebuilt.to_dict()) == kept
            await is_the_same(rebuilt, last)

    async def _kept(self, kept: Any) -> None:
        """Go on with the conversation as it is rebuilt from JSON: it is the same one."""
        before, told = self.talk, json.loads(json.dumps(kept, allow_nan=False))
        try:
            self.talk = type(before).from_dict(
                told, model=self.model, tools=self.tools.tools, before_call=self.tools.before
            )
        except llm.ConvrunError as error:
            raise AssertionError(f"{error} in {told}") from error
        assert await done(self.talk.to_dict()) == told == kept
        assert self.talk.history == before.history
        for old, new in zip(before.responses, self.talk.responses, strict=True):
            await is_the_same(new, old)
        self.last = self.talk.responses[-1] if self.talk.turns else None

    async def _chained(self, chain: Any) -> None:
        try:
            await done(chain.text())
        finally:
            self.last = chain.begun[-1] if chain.begun else self.last

    async def _interrupted(self, after: int, chained: bool) -> None:
        made = self.talk.chain("u") if chained else self.talk.prompt("u")
        if not self.awaited:
            self.transport.interrupting = after
            made.text()
            return
        reading = asyncio.ensure_future(made.text())
        for _ in range(after):
            await asyncio.sleep(0)
        reading.cancel()
        await reading


async def held(program: Program, deeds: Sequence[Any]) -> None:
    """Do all of it, and say one thing more: that goes out, whatever came before."""
    for deed in deeds:
        await program.does(*deed)
    program.transport.interrupting = None
    program.transport.answers = [("says", "last")]
    before = len(program.transport.requests)
    end = program.talk.prompt("the end")
    with suppress(llm.ConvrunError):  # what was left half read is read to its end first, and may fail there
        await done(end.text())
    assert await done(end.text()) == "last"
    assert len(program.transport.requests) > before
    last = program.transport.requests[-1]
    assert (last.get("messages") or last["input"])[-1]["content"] == "the end"
    assert [message.role for message in program.talk.history].count("system") == 1


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("spoken", "options"),
    [(ChatFormat, {}), (ResponsesFormat, {}), (ResponsesFormat, {"previous_response_id": "auto"})],
    ids=["chat", "responses", "auto"],
)
@settings(max_examples=25)
@given(drawn=PROGRAMS)
def test_the_next_request_is_always_valid(drawn: tuple[Any, Any], *, spoken: Any, options: Any, awaited: bool):
    """Whatever the order of prompts, chains, failing and pausing tools, interruptions and refused requests."""
    deeds, answers = drawn
    transport = Answering(answers, own_ids=bool(options))
    backend = ModelBackend(name="m", format=spoken(model="m"), transport=transport, base_url="http://model.test/v1")
    model = (llm.AsyncModel if awaited else llm.Model)(backend)
    program = held(Program(model, transport, awaited=awaited, options=options), deeds)
    if awaited:
        asyncio.run(asyncio.wait_for(program, 30))
    else:
        run(program)
