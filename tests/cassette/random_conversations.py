"""Random conversations as plans, and the real engine that holds one: live through a recorder, or from a cassette.

A plan is made of plain values, so that a failing one can be read. What the model says is in it, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from servers import Answer, event_stream, reply

from convrun.backends.resolving import resolve
from convrun.conversation.attachments import Attachment
from convrun.conversation.messages import Message as Said
from convrun.conversation.messages import ToolCallPart, ToolResultPart, assistant, user
from convrun.conversation.model import Model
from convrun.conversation.response import Response
from convrun.conversation.tools import Tool, ToolOutput
from convrun.errors import ConvrunError
from convrun.run.playing.carrier import Carrier

KIB = 1024
SECRET = "hunter2-hunter2"
NASTY = (
    *("", " ", "\n", "a\n", "a\n\n", " a", "\ta\nb", "a  \nb ", "\r", "a\r\nb", "\x00", "\x85", "\u2028a", "\ufeff"),
    *("😀", "e\u0301", "\u202eabc", "null", "yes", "1.0", "2024-01-01", "- a", "a: b", "{}", "$json", "<<", "…" * 130),
    *("---\na", "...", "%TAG", "# a", "'\"", "\\u0041", "x" * 300, "a\n" * 60, SECRET, f"a {SECRET}\n", "<A_KEY>"),
    *("digests: []", "raw", "\U0010ffff", "$attachment", "version: convrun/1\n", ">>>>>>> b\n"),
)
texts = st.sampled_from(NASTY) | st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
torn = texts | st.sampled_from(["\ud800", "a\udfffb", "\ud83d \ude00"])  # halves of characters, as a model may send
numbers = st.sampled_from([0, -0.0, 1, 1.0, 0.1, 2**63, -(2**63) - 1, 2**64, 1e22, 1.5e300, 5e-324, True, False])
values = st.recursive(
    st.none() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(["look", "look-up", "f_1", "A" * 64])
ids = st.sampled_from(["call_1", "call_1", "c", "", "1", "a b", "ü", "'", "call_1_1", "x" * 90]) | st.none()
_ARGUMENTS = (
    "",
    "{}",
    '{"a": 1}',
    '{"a":1.0,"b":[true]}',
    '{"ä": "\\ud800"}',
    "not json",
    "null",
    "[1]",
    '{"n": 1e400}',
)
arguments = st.sampled_from(_ARGUMENTS) | st.dictionaries(texts, values, max_size=2).map(
    lambda given: json.dumps(given, ensure_ascii=False)
)


def _deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"in": schema}}
    return schema


schemas = st.fixed_dictionaries(
    {"type": st.just("object")},
    optional={"properties": st.dictionaries(names, st.just({})), "description": texts, "default": values},
) | st.sampled_from([5, 38, 41, 90]).map(_deep)
names_of_options = st.sampled_from(["temperature", "stop", "metadata", "seed", "user", "top_p", "weights"])
options = st.dictionaries(names_of_options, values.filter(lambda value: value is not None), max_size=2)


_KINDS = ("image/png", "image/webp", "application/pdf", "audio/wav", "audio/mpeg")
_LINKS = (
    "https://e.org/a.png",
    "https://e.org/a.png?x=1#y",
    "data:image/png;base64,QQ==",
    "data:image/png;base64,QUI=",
)
attachments = st.one_of(
    st.builds(lambda url: {"url": url}, st.sampled_from(_LINKS)),
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(_KINDS),
            "fill": st.integers(0, 255),
            "size": st.sampled_from([1, KIB - 1, KIB, KIB + 1, KIB + 2, 3 * KIB]),
        },
        optional={"detail": st.sampled_from(["low", "high", "auto"])},
    ),
)


def attachment(given: dict[str, Any]) -> Attachment:
    """Return an attachment: a link as it stands, or so many bytes."""
    if "url" in given:
        return Attachment(**given)
    content = bytes((given["fill"] + at) % 256 for at in range(given["size"]))
    return Attachment(type=given["type"], content=content, detail=given.get("detail"))


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What the user says with which settings, what the model says to it, and what the tools return meanwhile."""

    user: str
    replies: list[Answer]
    results: list[str] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[dict[str, Any]] = field(default_factory=list)  # that the first tool returns
    system: str | None = None
    tools: int | None = None  # how many of the conversation's; None: all
    schema: dict[str, Any] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    stream: bool = False
    back: int = 0  # so many messages are forgotten before it
    error_wanted: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A conversation."""

    turns: list[Turn]
    system: str | None = None
    system_role: str = "system"
    tools: dict[str, dict[str, Any]] = field(default_factory=dict)  # input schemas by name
    history: list[tuple[str, str, str]] = field(default_factory=list)  # role, text, and the id of a call


@st.composite
def answers(draw: st.DrawFn, tools: list[str], *, streamed: bool, last: bool) -> Answer:
    """One reply of a model: a text, or calls, or both; streamed in pieces of any length."""
    message: dict[str, Any] = {"role": "assistant", "content": draw(st.none() | torn)}
    if tools and not last:
        message["tool_calls"] = [
            draw(
                st.fixed_dictionaries(
                    {"function": st.fixed_dictionaries({"name": st.sampled_from(tools), "arguments": arguments})},
                    optional={"id": ids, "type": st.just("function"), "index": st.just(0)},
                )
            )
            for _ in range(draw(st.integers(1, 3)))
        ]
    message |= draw(
        st.fixed_dictionaries({}, optional={"refusal": texts, "reasoning_content": texts, "annotations": st.just([])})
    )
    top = draw(st.fixed_dictionaries({}, optional={"model": texts, "service_tier": texts, "usage": st.just(_USAGE)}))
    if not streamed:
        finish = "tool_calls" if "tool_calls" in message else "stop"
        return Answer(body=reply() | top | {"choices": [{"index": 0, "message": message, "finish_reason": finish}]})
    return Answer(
        body=event_stream(*draw(chunks(message, top))), headers={"content-type": "text/event-stream; charset=utf-8"}
    )


_USAGE = {"prompt_tokens": 2**40, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 1}}


@st.composite
def chunks(draw: st.DrawFn, message: dict[str, Any], top: dict[str, Any]) -> list[Any]:
    """A reply as the events of a stream: texts and arguments are cut somewhere."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    for key in ("reasoning_content", "content", "refusal"):
        text = message.get(key) or ""
        cut = draw(st.integers(0, len(text)))
        deltas += [{key: piece} for piece in (text[:cut], text[cut:]) if piece]
    for index, call in enumerate(message.get("tool_calls", [])):
        text = call["function"]["arguments"]
        cut = draw(st.integers(0, len(text)))
        head = {**call, "index": index, "function": {**call["function"], "arguments": text[:cut]}}
        deltas += [{"tool_calls": [head]}, {"tool_calls": [{"index": index, "function": {"arguments": text[cut:]}}]}]
    around = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": top.get("model", "m")}
    found = [around | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    found.append(around | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return [*found, around | {"choices": [], "usage": top["usage"]}] if "usage" in top else found


@st.composite
def turns(draw: st.DrawFn, tools: list[str]) -> Turn:
    """One turn, with up to two rounds of calls; or one in which the provider refuses, as is wanted."""
    some = draw(st.integers(0, len(tools))) if draw(st.booleans()) else None
    offered = tools[:some]
    streamed, refused = draw(st.booleans()), draw(st.integers(0, 9)) == 0
    if refused:
        error = {"error": {"message": draw(texts), "code": "invalid"}}
        replies = [Answer(status=draw(st.sampled_from([400, 404, 429, 500])), body=error)]
    else:
        rounds = draw(st.integers(0, 2)) if offered else 0
        replies = [draw(answers(offered, streamed=streamed, last=False)) for _ in range(rounds)]
        replies.append(draw(answers([], streamed=streamed, last=True)))
    return Turn(
        user=draw(texts),
        replies=replies,
        results=draw(st.lists(texts, min_size=6, max_size=6)),
        attachments=draw(st.lists(attachments, max_size=2)),
        pictures=draw(st.just([]) | st.just([]) | st.lists(attachments, max_size=1)),
        system=draw(st.none() | st.none() | texts),
        tools=some,
        schema=draw(st.none() | st.none() | schemas),
        options=draw(st.just({}) | options),
        stream=streamed,
        back=draw(st.sampled_from([0, 0, 0, 1, 3])),
        error_wanted=refused,
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A conversation of up to five turns."""
    tools = draw(st.dictionaries(names, schemas, max_size=3))
    return Plan(
        turns=draw(st.lists(turns([*tools]), min_size=1, max_size=5)),
        system=draw(st.none() | texts),
        system_role=draw(st.sampled_from(["system", "system", "developer"])),
        tools=tools,
        history=draw(st.lists(st.tuples(st.sampled_from(["user", "assistant", "call"]), texts, texts), max_size=3)),
    )


def hold(plan: Plan, carrier: Carrier, base_url: str, begun: Callable[[Turn], object] = lambda _: None) -> list[Any]:
    """Hold the conversation, and return what came of each turn: texts, calls and results, or the words of an error.

    An error that no turn wants ends it, as it does in a run. `begun` hears of each turn that begins.
    """
    backend = resolve("m", base_url=base_url, transport=carrier, system_role=plan.system_role, environ={})
    results: list[Any] = []  # of the turn that is on

    def result(**_: Any) -> Any:
        return results.pop(0)

    made = [
        Tool(name=name, description=f"It is {name}.\n", input_schema=schema, implementation=result)
        for name, schema in plan.tools.items()
    ]
    conversation = Model(backend).conversation(
        system=plan.system, tools=made, history=[*_history(plan)], stream=False, chain_limit=5
    )
    found: list[Any] = []
    for number, turn in enumerate(plan.turns, 1):
        carrier.begin_turn(number, error_wanted=turn.error_wanted)
        begun(turn)
        pictures = [*map(attachment, turn.pictures)]
        results[:] = [ToolOutput(turn.results[0], pictures), *turn.results[1:]] if pictures else turn.results
        try:
            chain = conversation.chain(
                turn.user,
                attachments=[*map(attachment, turn.attachments)],
                system=turn.system,
                messages=conversation.history[: -turn.back] if turn.back else None,
                tools=None if turn.tools is None else made[: turn.tools],
                schema=turn.schema,
                stream=turn.stream,
                options=turn.options,
            )
            found.append([_told(response) for response in [*chain.responses()]])
        except ConvrunError as error:
            found.append({type(error).__name__: error.what})
            if not turn.error_wanted:
                break
    return found


def _told(response: Response) -> list[Any]:
    calls = [[call.name, call.arguments_text, call.tool_call_id] for call in response.tool_calls()]
    results = [result.output for result in response.tool_results()]
    usage = response.usage()
    return [response.text(), response.refusal, calls, results, usage.input, usage.output]


def _history(plan: Plan) -> Iterator[Said]:
    for role, text, identifier in plan.history:
        if role == "call":
            yield assistant("", (ToolCallPart("gone", '{"a":  1}', identifier),))
            yield Said("tool", (ToolResultPart(identifier, "gone", text),))
        else:
            yield user(text) if role == "user" else assistant(text)
