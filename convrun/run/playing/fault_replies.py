"""What a fault makes of a reply, in the form in which a provider would have sent it: pure functions of what came."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from convrun.backends.framing import DONE, Framing, Unparsed
from convrun.backends.presets import called, origin
from convrun.backends.provider_errors import broke_off, error_in
from convrun.errors import ProviderError
from convrun.values import Json, JsonObject
from convrun.wire import Reply, Request

Payloads: TypeAlias = Sequence[JsonObject]

_REFUSED: Mapping[str, tuple[int, JsonObject]] = {
    "429": (
        429,
        {
            "message": "Rate limit reached for requests. Please try again later.",
            "type": "requests",
            "param": None,
            "code": "rate_limit_exceeded",
        },
    ),
    "500": (
        500,
        {
            "message": "The server had an error while processing your request. Sorry about that!",
            "type": "server_error",
            "param": None,
            "code": None,
        },
    ),
    "context_length": (
        400,
        {
            "message": "This model's maximum context length is 8192 tokens. However, your messages resulted in 8961 "
            "tokens. Please reduce the length of the messages.",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        },
    ),
}
REFUSING = frozenset(_REFUSED)  # faults that are an error in the place of the reply
_WORDS: Mapping[str, JsonObject] = {
    "refusal": {"content": None, "refusal": "I'm sorry, but I can't help with that."},
    "empty": {"content": ""},
}
_PARTS: Mapping[str, JsonObject] = {  # the same, as parts of an item
    "refusal": {"type": "refusal", "refusal": _WORDS["refusal"]["refusal"]},
    "empty": {"type": "output_text", "text": "", "annotations": []},
}
REPLACING = frozenset(_WORDS)  # faults that are another message in the reply
_CUT = "peer closed connection without sending complete message body (incomplete chunked read)"
_FIGURES = ("usage", "x_groq")  # what a reply took, which it did whatever it says


def host_of(request: Request) -> str:
    """Return the host that a request is for, as errors name it; a model that is not there has none."""
    _, host, _ = origin(request.base_url)
    return "the model" if (host or "").endswith(".invalid") else called(request.provider, request.base_url)


def refusing(fault: str) -> Reply:
    """Return the error that a provider answers with."""
    status, error = _REFUSED[fault]
    return Reply(status=status, headers={"content-type": "application/json"}, payloads=({"error": error},))


def hung_up(request: Request, reply: Reply | None = None) -> ProviderError:
    """Return the error of a connection that was cut; of a stream, within this reply."""
    if reply is None:
        return broke_off(host_of(request), _CUT)
    return broke_off(host_of(request), _CUT, status=reply.status, request_id=reply.headers.get("x-request-id"))


def read(reply: Reply) -> tuple[Reply, Payloads]:
    """Return a reply that was read to its end, and its payloads; none where it is no answer of a model.

    Raises:
        ProviderError: where it breaks off.
    """
    if reply.payloads is not None:
        found = list(reply.payloads)
    else:
        pieces = _pieces(reply)
        reply, framing = replace(reply, body=pieces), Framing()
        framed = [payload for piece in pieces for payload in framing.feed(piece)]
        framed += framing.finish()
        if any(isinstance(payload, Unparsed) for payload in framed):
            return reply, ()
        found = [payload for payload in framed if payload is not DONE and not isinstance(payload, Unparsed)]
    payloads = [payload for payload in found if isinstance(payload, dict)]
    answered = 200 <= reply.status < 300 and not any(map(error_in, payloads))
    return reply, payloads if answered and (any(map(_choice, payloads)) or _has_items(payloads)) else ()


def _pieces(reply: Reply) -> tuple[bytes, ...]:
    try:
        return tuple(reply.body)
    finally:
        close = getattr(reply.body, "close", None)
        if close is not None:
            close()


def with_payloads(reply: Reply, payloads: Payloads) -> Reply:
    """Return the reply with these payloads in the place of its own."""
    return replace(reply, payloads=tuple(payloads), body=())


def saying(fault: str, payloads: Payloads) -> Payloads:
    """Return the payloads of a reply that says what the fault says, plain or streamed as these are."""
    part = _WORDS[fault]
    if _has_items(payloads):
        from convrun.run.playing import fault_items  # few specs need it

        return fault_items.saying(_PARTS[fault], payloads)
    first = next(payload for payload in payloads if _choice(payload))
    if "message" in _choice(first):
        return [{**first, "choices": [_said("message", {"role": "assistant", **part}, "stop")]}]
    head: JsonObject = {key: value for key, value in first.items() if key not in ("choices", *_FIGURES)}
    figures: JsonObject = {key: payload[key] for payload in payloads for key in _FIGURES if payload.get(key)}
    deltas: list[tuple[JsonObject, str | None]] = [({"role": "assistant"}, None), (part, None), ({}, "stop")]
    chunks: list[JsonObject] = [{**head, "choices": [_said("delta", *delta)]} for delta in deltas]
    return [*chunks[:-1], {**chunks[-1], **figures}]


def _said(key: str, message: JsonObject, finish: str | None) -> JsonObject:
    return {"index": 0, key: message, "finish_reason": finish}


def cut_off(request: Request, reply: Reply, payloads: Payloads) -> tuple[Reply, ProviderError]:
    """Return a reply whose first half comes, and the error that it then ends in."""
    error = hung_up(request, reply)
    if _is_plain(payloads):
        whole = json.dumps(payloads[0], ensure_ascii=False).encode(errors="replace")
        pieces = [whole[: len(whole) // 2]]
    else:
        events = [f"data: {json.dumps(payload, ensure_ascii=False)}\n\n" for payload in payloads]
        pieces = [event.encode(errors="replace") for event in events[: max(len(events) // 2, 1)]]

    def body() -> Iterator[bytes]:
        yield from pieces
        raise error

    return replace(reply, payloads=None, body=body()), error


def malformed(payloads: Payloads) -> tuple[Payloads, str] | None:
    """Return the payloads with the arguments of the first tool call cut, and what is left; None without a call."""
    if _has_items(payloads):
        from convrun.run.playing import fault_items  # few specs need it

        return fault_items.malformed(payloads, _beginning)
    copies: list[JsonObject] = json.loads(json.dumps(payloads))
    functions = list(_first_call(copies))
    if not functions:
        return None
    texts = [_text(function.get("arguments")) for function in functions]
    left = room = _beginning("".join(texts))
    for function in functions:
        if "arguments" in function or function is functions[-1]:
            own = len(_text(function.get("arguments"))) if function is not functions[-1] else len(room)
            function["arguments"], room = room[:own], room[own:]
    return copies, left


def _beginning(arguments: str) -> str:
    """What is left of arguments that are cut: a beginning of an object is none, of any other value it may be one."""
    whole = arguments.strip()
    return whole[: max(len(whole) // 2, 1)] if whole.startswith(("{", "[")) else "{"


def _first_call(payloads: Payloads) -> Iterator[JsonObject]:
    """The functions, or the pieces of one, that are the first tool call of a reply."""
    index: Json = None
    begun = False
    for payload in payloads:
        choice = _choice(payload)
        message = choice.get("message") or choice.get("delta")
        calls = message.get("tool_calls") if isinstance(message, dict) else None
        legacy = message.get("function_call") if isinstance(message, dict) else None
        calls = [{"index": 0, "function": legacy}] if not calls and legacy else calls
        for call in calls if isinstance(calls, list) else []:
            function = call.get("function") if isinstance(call, dict) else None
            if not isinstance(call, dict) or not isinstance(function, dict):
                continue
            if not begun:
                begun, index = True, call.get("index")
            elif index is None or call.get("index") != index:
                continue
            yield function


def _text(arguments: Json) -> str:
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else json.dumps(arguments, ensure_ascii=False)


def _has_items(payloads: Payloads) -> bool:
    """Whether these are a reply of a Responses API, and no error."""
    if not any("output" in payload or "response" in payload for payload in payloads):
        return False
    from convrun.run.playing import fault_items  # few specs need it

    return fault_items.response_in(payloads) is not None


def _is_plain(payloads: Payloads) -> bool:
    if _has_items(payloads):
        return "output" in payloads[-1]
    return "message" in _choice(next(payload for payload in payloads if _choice(payload)))


def _choice(payload: JsonObject) -> JsonObject:
    choices = payload.get("choices")
    found = [one for one in choices if isinstance(one, dict)] if isinstance(choices, list) else []
    return next((one for one in found if one.get("index") in (0, None)), {})
