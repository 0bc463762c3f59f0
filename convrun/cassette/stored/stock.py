"""Recordings in vcrpy's own shape: read as they are, and written for whoever plays ours through vcrpy.

Read are stock YAML and JSON, compressed bodies, pydantic-ai's `parsed_body` and the old httpx shape.
"""

from __future__ import annotations

import binascii
import json
import zlib
from collections.abc import Mapping
from contextlib import suppress
from http.client import responses as _reasons

from convrun.cassette.interaction import (
    PLAIN,
    RECORD_ANEW,
    Interaction,
    ReceivedReply,
    SentRequest,
    dollars,
    lanes_last,
    milliseconds,
    parse_json,
)
from convrun.cassette.kept.received import parsed_reply, received
from convrun.document import read_values
from convrun.errors import CassetteError, ConvrunError
from convrun.redaction import Redactor
from convrun.values import Json, JsonObject

OURS = "convrun"  # the key of our own data in a stock response; one in the request would break vcrpy
_NOT_STOCK = ("timings", "costs", "digests")
_BODIES = ("body", "content", "parsed_body")
_PLAIN = Redactor()
_GZIP = b"\x1f\x8b"
_LARGEST = 64 << 20  # bytes of a body once decompressed


def read_stock(text: str, file: str) -> tuple[Interaction, ...]:
    """Return the interactions of a stock vcrpy cassette.

    Raises:
        CassetteError: where the text is none.
    """
    try:
        data = parse_json(text) if text.lstrip()[:1] == "{" else read_values(text, file)
    except ConvrunError as error:
        raise CassetteError(f"not a whole cassette: {error.what}", where=error.where, fix=error.fix) from error
    except ValueError as error:
        raise CassetteError(
            f"not a whole cassette: {error}", fix=f"restore the file from version control, or {RECORD_ANEW}"
        ) from error
    return interactions_of(data)


def interactions_of(data: object) -> tuple[Interaction, ...]:
    """Return the interactions of what vcrpy hands to a serializer.

    Raises:
        CassetteError: where an interaction has neither shape that vcrpy writes.
    """
    if isinstance(data, Mapping) and (not data.keys().isdisjoint(_NOT_STOCK) or "convrun" in str(data.get("version"))):
        raise CassetteError("a convrun cassette begins with 'version: convrun/1', and this one does not")
    found = data.get("interactions") if isinstance(data, Mapping) else None
    if not isinstance(found, list):
        raise CassetteError(
            "not a cassette: there is no list of 'interactions'", fix="a vcrpy recording or one of convrun's is wanted"
        )
    return lanes_last(_interaction(item, number) for number, item in enumerate(found, 1))


def _interaction(item: object, number: int) -> Interaction:
    request, response = (item.get("request"), item.get("response")) if isinstance(item, Mapping) else (None, None)
    if not isinstance(request, Mapping) or not isinstance(response, Mapping):
        raise CassetteError(f"interaction {number} has no 'request' and 'response'")
    for part, name in ((request, "request"), (response, "response")):
        if part.keys().isdisjoint(_BODIES):  # of no recorder: what there is would be played as an empty one
            raise CassetteError(f"the {name} of interaction {number} has no body", fix="is it a recording of vcrpy?")
    try:
        ours = response.get(OURS)
        ours = ours if isinstance(ours, Mapping) else {}
        sent = SentRequest(
            url=str(request.get("uri") or request.get("url")),
            method=str(request.get("method") or "POST").upper(),
            provider=ours.get("provider"),
            headers=ours.get("headers") or {},
            body=_request_body(request),
        )
        return Interaction(
            request=sent,
            reply=_reply(response),
            elapsed_ms=milliseconds(ours.get("elapsed_ms")),
            first_ms=milliseconds(ours.get("first_ms")),
            cost_usd=dollars(ours.get("cost_usd")),
            lane=ours.get("lane"),
        )
    except (ValueError, TypeError, zlib.error) as error:
        raise CassetteError(
            f"interaction {number} cannot be read: {error}", fix="is it a recording of vcrpy?"
        ) from error


def _request_body(request: Mapping[str, object]) -> Json:
    if "parsed_body" in request:
        return request["parsed_body"]  # type: ignore[return-value]  # YAML and JSON give nothing else
    body = request.get("body")
    text = body.decode("utf-8", "surrogateescape") if isinstance(body, bytes) else body
    if not isinstance(text, str):
        return None if text is None else str(text)
    try:
        return parse_json(text)
    except ValueError:
        return text


def _reply(response: Mapping[str, object]) -> ReceivedReply:
    status = response.get("status", response.get("status_code", 200))
    code = status.get("code", 200) if isinstance(status, Mapping) else status
    headers = _headers(response.get("headers"))
    if not isinstance(code, int):
        raise ValueError(f"{code!r} is no status")
    if "parsed_body" in response:
        parsed: Json = response["parsed_body"]  # type: ignore[assignment]  # YAML and JSON give nothing else
        return parsed_reply(code, headers, (parsed,), _PLAIN, stream=False)
    body = response.get("body", response.get("content"))
    if isinstance(body, Mapping):
        body = binascii.a2b_base64(str(body["base64_string"])) if "base64_string" in body else body.get("string")
    data = body.encode("utf-8", "surrogateescape") if isinstance(body, str) else body or b""
    if not isinstance(data, bytes):
        raise ValueError(f"a body of {type(data).__name__} is not known")
    return received(code, headers, _decompressed(data, headers.get("content-encoding", "")), _PLAIN)


def _headers(headers: object) -> dict[str, str]:
    """Headers with lower-case names and one value each; vcrpy keeps lists of them."""
    if not isinstance(headers, Mapping):
        return {}
    first = {
        str(name).lower(): value[0] if isinstance(value, list) and value else value for name, value in headers.items()
    }
    return {name: value.decode("latin-1") if isinstance(value, bytes) else str(value) for name, value in first.items()}


def _decompressed(data: bytes, encoding: str) -> bytes:
    """The body as it was before compression; some recordings keep the header of a body that is plain already."""
    if data[:2] == _GZIP:
        return _inflated(data, 16 + zlib.MAX_WBITS)
    if encoding == "deflate":
        for bits in (zlib.MAX_WBITS, -zlib.MAX_WBITS):
            try:
                return _inflated(data, bits)
            except zlib.error:
                continue
    elif encoding in {"br", "zstd"}:
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise ValueError(
                f"a body compressed as {encoding!r}: record it with decode_compressed_response=True"
            ) from error
    return data


def _inflated(data: bytes, bits: int) -> bytes:
    stream = zlib.decompressobj(bits)
    body = stream.decompress(data, _LARGEST)
    if not stream.eof:
        # The end of a stream may take one more step, which gives nothing.
        if stream.decompress(stream.unconsumed_tail, 1):
            raise ValueError(f"a body of more than {_LARGEST >> 20} MiB once decompressed")
        if not stream.eof:
            raise zlib.error("the compressed body is cut")
    return body


def stock_interaction(interaction: Interaction, number: int) -> JsonObject:
    """Return an interaction as vcrpy's own; clients that insist on ids and dates find some."""
    request, reply = interaction.request, interaction.reply
    body = None if request.body is None else _sent(request.body)
    ours: JsonObject = {
        "elapsed_ms": interaction.elapsed_ms,
        "first_ms": interaction.first_ms,
        "cost_usd": interaction.cost_usd,
        "provider": request.provider,
        "lane": interaction.lane,
    }
    if request.headers:
        ours["headers"] = dict(request.headers)
    headers: JsonObject = {"content-type": [reply.content_type]}
    headers.update((name, [value]) for name, value in reply.headers.items())
    response: JsonObject = {
        "status": {"code": reply.status, "message": _reasons.get(reply.status, "")},
        "headers": headers,
        "body": {"string": _reply_text(reply, number)},
    }
    kept: JsonObject = {key: value for key, value in ours.items() if value is not None}
    # vcrpy's `body` matcher compares JSON as JSON only where the request says that it is.
    sent: JsonObject = {} if request.body is None or isinstance(request.body, str) else {"content-type": [PLAIN]}
    sent.update((name, [value]) for name, value in request.headers.items())
    asked: JsonObject = {"method": request.method, "uri": request.url, "body": body, "headers": sent}
    return {"request": asked, "response": response | ({OURS: kept} if kept else {})}


def _sent(body: Json) -> Json:
    """The body of a request; one that was no text is the bytes that it was."""
    if not isinstance(body, str):
        return json.dumps(body)
    if not any("\udc80" <= character <= "\udcff" for character in body):
        return body
    with suppress(UnicodeEncodeError):
        return body.encode("utf-8", "surrogateescape")  # type: ignore[return-value]  # vcrpy takes bytes here
    return body


def _reply_text(reply: ReceivedReply, number: int) -> Json:
    if reply.payloads is None:
        try:
            return reply.body.decode()
        except UnicodeDecodeError:
            return reply.body  # type: ignore[return-value]  # vcrpy takes bytes here
    if any(isinstance(item, dict) and _is_event(item) for item in reply.payloads):
        events = enumerate(map(_dated, reply.payloads))
        numbered = ({**item, "sequence_number": at} if isinstance(item, dict) else item for at, item in events)
        return "".join(f"{_named(payload)}data: {json.dumps(payload)}\n\n" for payload in numbered)
    if not reply.stream and isinstance(reply.payloads[0], dict) and reply.payloads[0].get("object") == "response":
        return json.dumps(_dated(reply.payloads[0]))
    kind = "chat.completion.chunk" if reply.stream else "chat.completion"
    named: JsonObject = {"id": f"chatcmpl-{number}", "object": kind, "created": 0}
    payloads = [named | item if isinstance(item, dict) and "choices" in item else item for item in reply.payloads]
    if not reply.stream:
        return json.dumps(payloads[0])
    return "".join(f"data: {json.dumps(payload)}\n\n" for payload in payloads) + "data: [DONE]\n\n"


def _is_event(payload: JsonObject) -> bool:
    """Whether a payload is an event of a stream of a Responses API."""
    return str(payload.get("type")).startswith("response.")


def _named(payload: Json) -> str:
    return f"event: {payload.get('type')}\n" if isinstance(payload, dict) else ""


def _dated(payload: Json) -> Json:
    """A response, or an event that holds one, with a date for clients that insist on it."""
    if not isinstance(payload, dict):
        return payload
    inner = payload.get("response")
    if isinstance(inner, dict):
        return {**payload, "response": _dated(inner)}
    return {**payload, "created_at": 0} if payload.get("object") == "response" else payload
