"""Replies in their stored form, and back.

A chat's usual reply is laid open: text, calls, finish reason, usage. Any other JSON stands below `json`, a stream that
is not usual below `chunks`, what is not JSON below `body` or `base64`.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from convrun.cassette.interaction import ReceivedReply
from convrun.cassette.stored.message_nodes import call_nodes, full_calls
from convrun.cassette.stored.streams import Folded, fold, lengths_of, lengths_text, unfold
from convrun.errors import CassetteError
from convrun.values import Json, JsonObject

KEYS = frozenset(
    {
        "status",
        "headers",
        "text",
        "refusal",
        "calls",
        "message",
        "deltas",
        "finish_reason",
        "choice",
        "usage",
        "model",
        "extra",
    }
    | {"json", "chunks", "body", "base64"}
    | {"id", "output", "response"}  # of the Responses API
)
_NOISE = frozenset({"id", "object", "created", "system_fingerprint", "request_id"})
_PADDING = frozenset({"obfuscation", "p"})  # random, against eavesdroppers on a stream


@dataclass(slots=True)
class ReplyState:
    """What is written only where it changes: the replying model, and the provider's own keys at the top.

    `message` is the last reply's, which the next request may send back; None where it has none. `response` is the same
    of the Responses API.
    """

    model: Json = None
    extra: JsonObject = field(default_factory=dict)
    message: JsonObject | None = None
    response: JsonObject | None = None


def trimmed(payload: Json, *, stream: bool = False) -> Json:
    """Return a payload without what is not stored: ids, dates, nulls that mean nothing; other JSON as it is."""
    if not isinstance(payload, dict) or not isinstance(payload.get("choices"), list):
        return _trimmed_response(payload) if _is_response(payload) and isinstance(payload, dict) else payload
    dropped = _NOISE | _PADDING if stream else _NOISE
    top: JsonObject = {key: value for key, value in payload.items() if value is not None and key not in dropped}
    choices = payload["choices"]
    top["choices"] = [_trimmed_choice(choice) for choice in choices] if isinstance(choices, list) else choices
    return top


def _is_response(payload: Json) -> bool:
    """Whether a payload is a whole response of that API, or an event of its stream."""
    if not isinstance(payload, dict):
        return False
    kind = payload.get("type")
    return payload.get("object") == "response" or (isinstance(kind, str) and kind.startswith("response."))


def _trimmed_response(payload: JsonObject) -> JsonObject:
    from convrun.cassette.stored.item_replies import trimmed_response  # most cassettes are of chats

    return trimmed_response(payload)


def _response_of(reply: ReceivedReply) -> JsonObject | None:
    """The whole response in a reply of the Responses API; None where there is none."""
    if not reply.payloads or reply.status != 200 or not _is_response(reply.payloads[-1]):
        return None
    from convrun.cassette.stored.item_replies import response_of

    return response_of(reply.payloads, stream=reply.stream)


def reply_items(reply: ReceivedReply) -> tuple[list[JsonObject], str | None] | None:
    """Return the items of a reply of the Responses API, and the id of the response; None for any other."""
    response = _response_of(reply)
    output = response.get("output") if response is not None else None
    if response is None or not isinstance(output, list):
        return None
    identifier = response.get("id")
    return [one for one in output if isinstance(one, dict)], identifier if isinstance(identifier, str) else None


def _trimmed_choice(choice: Json) -> Json:
    if not isinstance(choice, dict):
        return choice
    kept: JsonObject = {key: value for key, value in choice.items() if value is not None}
    for key in ("message", "delta"):
        inner = kept.get(key)
        if isinstance(inner, dict):
            kept[key] = {name: value for name, value in inner.items() if value is not None and value != []}
    return kept


def reply_message(reply: ReceivedReply) -> JsonObject | None:
    """Return the assistant's message in a reply, a stream's put together; None where there is none.

    That of the Responses API is told as a chat's.
    """
    if reply.payloads is None or reply.status != 200:
        return None
    if (response := _response_of(reply)) is not None:
        from convrun.cassette.stored.item_replies import message_of

        return message_of(response)
    if reply.stream:
        folded = fold(reply.payloads)
        return {"role": "assistant", **folded.message} if folded else None
    payload = reply.payloads[0] if reply.payloads else None
    choices = payload.get("choices") if isinstance(payload, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    return message if isinstance(message, dict) else None


def reply_node(reply: ReceivedReply, state: ReplyState) -> JsonObject:
    """Return the stored form of a reply; `state` moves on."""
    node: JsonObject = {}
    if reply.status != 200:
        node["status"] = reply.status
    if reply.headers:
        node["headers"] = dict(reply.headers)
    state.message = state.response = None
    if reply.payloads is None:
        return node | _other_body(reply)
    if reply.payloads and _is_response(reply.payloads[-1]):
        return node | (_response_node(reply, state, node) or _as_it_came(reply))
    folded = fold(reply.payloads) if reply.stream else _folded(reply.payloads)
    if folded is not None:
        usual = _usual_node(folded, state, stream=reply.stream)
        after = ReplyState(model=state.model, extra=state.extra)
        if usual is not None and _rebuilds(node | usual, after, reply):
            state.model, state.extra, state.message = after.model, after.extra, after.message
            return node | usual
    state.message = reply_message(reply)
    return node | _as_it_came(reply)


def _as_it_came(reply: ReceivedReply) -> JsonObject:
    payloads = reply.payloads or ()
    return {"chunks": list(payloads)} if reply.stream else {"json": payloads[0]}


def _response_node(reply: ReceivedReply, state: ReplyState, beside: JsonObject) -> JsonObject | None:
    """The stored form of a usual reply of the Responses API; None for any other."""
    from convrun.cassette.stored.item_replies import response_node

    state.response = _response_of(reply)
    found = response_node(reply.payloads or (), state.extra, stream=reply.stream) if state.response else None
    if found is None or state.response is None:
        return None
    model = state.response.get("model")
    node = found if model == state.model else {**found, "model": model}
    after = ReplyState(model=state.model, extra=state.extra)
    if not _rebuilds(beside | node, after, reply):
        return None
    state.model, state.extra = after.model, after.extra
    return node


def _other_body(reply: ReceivedReply) -> JsonObject:
    try:
        text = reply.body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(reply.body).decode()}
    return {"body": text}


def _folded(payloads: tuple[Json, ...]) -> Folded | None:
    """A plain reply of one choice in the shape of a folded stream."""
    payload = payloads[0]
    choices = payload.get("choices") if isinstance(payload, dict) else None
    if not isinstance(payload, dict) or not isinstance(choices, list) or len(choices) != 1:
        return None
    choice = choices[0]
    inner = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(inner, dict):
        return None
    message = dict(inner)
    if message.pop("role", None) != "assistant":
        return None
    around = {key: value for key, value in choice.items() if key not in {"index", "message"}}
    top = {key: value for key, value in payload.items() if key != "choices"}
    return Folded(message=message, choice=around, top=top)


def _usual_node(folded: Folded, state: ReplyState, *, stream: bool) -> JsonObject | None:
    message, choice, top = dict(folded.message), dict(folded.choice), dict(folded.top)
    node: JsonObject = {}
    if isinstance(message.get("content"), str):
        node["text"] = message.pop("content")
    if isinstance(message.get("refusal"), str):
        node["refusal"] = message.pop("refusal")
    if isinstance(message.get("tool_calls"), list):
        node["calls"] = call_nodes(message.pop("tool_calls"))
    if message:
        node = {"message": message, **node}
    if stream:
        deltas = [f"{_name(channel)} {lengths_text(lengths)}".rstrip() for channel, lengths in folded.pieces]
        node["deltas"] = deltas[0] if len(deltas) == 1 else list(deltas)
    for key, value in (
        ("finish_reason", choice.pop("finish_reason", None)),
        ("choice", choice),
        ("usage", top.pop("usage", None)),
    ):
        if value is not None and value != {}:
            node[key] = value
    if top.get("model") != state.model:
        node["model"] = top.get("model")
    top.pop("model", None)
    if top != state.extra:
        node["extra"] = top
    return node


def _name(channel: str) -> str:
    return "text" if channel == "content" else channel.replace(" ", "-")


def _rebuilds(node: JsonObject, state: ReplyState, reply: ReceivedReply) -> bool:
    try:
        rebuilt = full_reply(node, state).payloads
    except CassetteError:
        return False
    if not reply.stream:
        return rebuilt == reply.payloads
    if "output" in node:
        from convrun.cassette.stored.item_streams import fold_response

        return rebuilt is not None and fold_response(rebuilt) == fold_response(reply.payloads or ())
    return rebuilt is not None and fold(rebuilt) == fold(reply.payloads or ())


def full_reply(node: JsonObject, state: ReplyState) -> ReceivedReply:
    """Return the reply of its stored form; `state` moves on.

    Raises:
        CassetteError: where the node is no reply.
    """
    status, headers = node.get("status", 200), node.get("headers", {})
    if not isinstance(status, int) or isinstance(status, bool):
        raise CassetteError(f"'status' is a number, not {status!r}")
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise CassetteError("'headers' is a mapping of texts")
    kept = {str(key): str(value) for key, value in headers.items()}
    state.message = state.response = None
    if "json" in node or "chunks" in node:
        reply = _unusual(node, status, kept)
        state.response = _response_of(reply)
        state.message = reply_message(reply) if state.response is None else None
        return reply
    if "output" in node:
        reply = _read_response(node, state, status, kept)
        state.response = _response_of(reply)
        return reply
    if "body" in node or "base64" in node:
        return ReceivedReply(status=status, headers=kept, body=_bytes(node))
    folded = _read_usual(node, state)
    if status == 200:
        state.message = {"role": "assistant", **folded.message}
    stream = "deltas" in node
    payloads = _unfolded(folded) if stream else _plain(folded)
    return ReceivedReply(status=status, headers=kept, payloads=payloads, stream=stream)


def _read_response(node: JsonObject, state: ReplyState, status: int, headers: dict[str, str]) -> ReceivedReply:
    from convrun.cassette.stored.item_replies import response_payloads

    state.model, extra = node.get("model", state.model), node.get("extra", state.extra)
    if not isinstance(extra, dict):
        raise CassetteError("'extra' is a mapping")
    state.extra = extra
    payloads = response_payloads(node, state.model, extra)
    return ReceivedReply(status=status, headers=headers, payloads=payloads, stream="deltas" in node)


def _unusual(node: JsonObject, status: int, headers: dict[str, str]) -> ReceivedReply:
    if "json" in node:
        return ReceivedReply(status=status, headers=headers, payloads=(node["json"],))
    chunks = node["chunks"]
    if not isinstance(chunks, list):
        raise CassetteError("'chunks' is a list")
    return ReceivedReply(status=status, headers=headers, payloads=tuple(chunks), stream=True)


def _bytes(node: JsonObject) -> bytes:
    if "body" in node:
        return str(node["body"] or "").encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(str(node["base64"]), validate=True)
    except (binascii.Error, ValueError) as error:
        raise CassetteError(f"'base64' is no base64: {error}") from error


def _read_usual(node: JsonObject, state: ReplyState) -> Folded:
    if "model" in node:
        state.model = node["model"]
    message, choice, extra = (node.get(key, {}) for key in ("message", "choice", "extra"))
    if not isinstance(message, dict) or not isinstance(choice, dict) or not isinstance(extra, dict):
        raise CassetteError("'message', 'choice' and 'extra' are mappings")
    if "extra" in node:
        state.extra = extra
    folded = Folded(message=dict(message), choice=dict(choice), top=dict(state.extra))
    for key, name in (("text", "content"), ("refusal", "refusal")):
        if key in node:
            folded.message[name] = node[key]
    if "calls" in node:
        folded.message["tool_calls"] = full_calls(node["calls"])
    if "finish_reason" in node:
        folded.choice["finish_reason"] = node["finish_reason"]
    if "usage" in node:
        folded.top["usage"] = node["usage"]
    if state.model is not None:
        folded.top["model"] = state.model
    deltas = node.get("deltas", [])
    try:
        folded.pieces = [_piece(entry) for entry in (deltas if isinstance(deltas, list) else [deltas])]
    except ValueError as error:
        raise CassetteError(str(error)) from error
    return folded


def _piece(entry: Json) -> tuple[str, list[int]]:
    name, _, lengths = str(entry).partition(" ")
    channel = "content" if name == "text" else name.replace("-", " ") if name.startswith("call-") else name
    return channel, lengths_of(lengths)


def _plain(folded: Folded) -> tuple[Json, ...]:
    choice: JsonObject = {"index": 0, "message": {"role": "assistant", **folded.message}, **folded.choice}
    return ({"choices": [choice], **folded.top},)


def _unfolded(folded: Folded) -> tuple[Json, ...]:
    try:
        return unfold(folded)
    except ValueError as error:
        raise CassetteError(str(error)) from error
