"""The kinds of files from outside: how an input of each is made, and all that is done with it."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import fuzz_material as material
import yaml
from fuzz_cuts import cassette_cuts, partial_cuts, take_cut, take_partial_cut
from fuzz_damage import make_damaged, make_flipped, make_partial, take_damaged, take_partial
from fuzz_replies import make_reply, take_reply
from fuzz_texts import changed_bytes, changed_text, encoded
from fuzz_values import changed

from convrun.backends.chat_decoding import ChatDecoder
from convrun.backends.chat_encoding import encode_message
from convrun.backends.provider_errors import ReplyErrors
from convrun.backends.reading import decode
from convrun.cassette.files import load
from convrun.cassette.interaction import Recording
from convrun.cassette.playing import Player
from convrun.cassette.stored.format import VERSION, chained_digest
from convrun.cassette.stored.writing import write
from convrun.conversation.backend import Completion
from convrun.document import read_values
from convrun.errors import CassetteError, ConvrunError, SpecErrors
from convrun.redaction import Redactor
from convrun.report.conversation_diff import difference_lines
from convrun.report.style import Line, plain, rendered
from convrun.report.transcript import conversation_lines
from convrun.review.comparing import Recorded, compared, conversation_pairs
from convrun.review.transcripts import transcript
from convrun.run.planning.options import RunOptions
from convrun.run.project import open_project, prepare
from convrun.wire import Reply, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """`take` does what convrun does with a file, and says whether it is right.

    `make` gives the bytes of a random input. Where there are only so many, `every` gives all.
    """

    take: Callable[[Path], bool]
    file: str
    make: Callable[[Random], bytes] | None = None
    every: Callable[[], Sequence[bytes]] | None = None

    def made(self, number: int, name: str) -> bytes:
        """The bytes of the input of this number; the name stands for all that a random one is made from."""
        if self.every is not None:
            return self.every()[number]
        assert self.make is not None
        return self.make(Random(name))


def _vocabulary() -> list[str]:
    return [*material.vocabulary()]


# Specs


def make_spec(random: Random) -> bytes:
    """A spec, changed as a text, as values or as bytes."""
    text = random.choice(material.specs() if random.random() < 0.8 else material.wrong_specs())
    way = random.random()
    if way < 0.5:
        text = changed_text(text, random, _vocabulary(), random.choice(material.specs()))
    elif way < 0.85:
        value, other = _values(text), _values(random.choice(material.specs()))
        if isinstance(value, dict | list):
            text = _dumped(changed(value, random, _vocabulary(), [other]), random)
    data = encoded(text)
    return changed_bytes(data, random) if way >= 0.85 or random.random() < 0.05 else data


def _values(text: str) -> Any:
    try:
        return read_values(text, "x")  # it has limits
    except ConvrunError:
        return {"turns": [{"user": "Hi"}]}


def _dumped(value: Any, random: Random) -> str:
    """A value as YAML in one of its styles, or as JSON."""
    style = random.choice(({"default_flow_style": False}, {"default_flow_style": True}, {"width": 20}, None))
    if style is not None:
        with suppress(yaml.YAMLError, RecursionError, UnicodeError):
            return yaml.dump(value, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, **style)
    return json.dumps(value, ensure_ascii=random.random() < 0.5, default=str, indent=random.choice((None, 2)))


def take_spec(path: Path) -> bool:
    """Read, plan and bind it without imports; every mistake is shown as people see it."""
    root = path.parents[1]
    options = RunOptions()
    try:
        project = open_project([str(path)], cwd=root, environ={}, overrides={})
        prepare(project, options, environ={}, imports=False)
    except SpecErrors as found:
        assert found.errors
        for error in found.errors:
            _shown(error)
        return False
    except ConvrunError as error:
        _shown(error)
        return False
    return True


def _shown(error: ConvrunError) -> None:
    """An error as it is printed: it has words, and they can be written."""
    assert error.what
    "\n".join([str(error), *error.lines()]).encode("utf-8", "backslashreplace")


# Cassettes of ours


def make_cassette(random: Random) -> bytes:
    """A cassette, changed within its interactions with the digests put right, or as a text or bytes."""
    text = random.choice(material.our_cassettes())
    way = random.random()
    if way < 0.65:
        other = _values(random.choice(material.our_cassettes()))
        text = _with_digests(changed(_values(text), random, _vocabulary(), [other["interactions"]]), random)
    elif way < 0.85:
        text = changed_text(text, random, _vocabulary(), random.choice(material.our_cassettes()))
    data = encoded(text)
    return changed_bytes(data, random) if way >= 0.85 else data


def _with_digests(document: Any, random: Random) -> str:
    if isinstance(document, dict) and isinstance(nodes := document.get("interactions"), list):
        previous, digests = "", []
        for node in nodes:
            with suppress(CassetteError, RecursionError):
                previous = chained_digest(node, previous)
            digests.append(previous)
        if random.random() < 0.95:
            document = {**document, "digests": digests}
            document["timings"] = [random.choice((7, None, [1, 7])) for _ in nodes]
            document |= random.choice(({}, {"costs": [random.choice((0, 2.1e-05, None)) for _ in nodes]}))
        document.pop("version", None)
        return (
            f"version: {VERSION}\n{_dumped(document, random)}" if random.random() < 0.97 else _dumped(document, random)
        )
    return _dumped(document, random)


# Recordings of others


def make_recording(random: Random) -> bytes:
    """A stock cassette, changed in the whole, in a body, or as a text or bytes."""
    document = random.choice(material.recordings())
    way = random.random()
    if way < 0.3:
        document = changed(document, random, _vocabulary(), [random.choice(material.recordings())])
    elif way < 0.8:
        items = [*document["interactions"]]
        at = random.randrange(len(items))
        items[at] = _other_bodies(items[at], random)
        document = {**document, "interactions": items}
    text = _dumped(document, random)
    if 0.8 <= way < 0.9:
        text = changed_text(text, random, _vocabulary(), random.choice(material.our_cassettes()))
    return changed_bytes(encoded(text), random) if way >= 0.9 else encoded(text)


def _other_bodies(item: Any, random: Random) -> Any:
    """An interaction whose request or reply says something else, in one of the shapes that recorders write."""
    request, response = dict(item["request"]), dict(item["response"])
    if random.random() < 0.3 and isinstance(request.get("body"), str | bytes):
        body = material.parsed(_text(request["body"]))
        others = [random.choice(material.recordings())]
        request["body"] = json.dumps(changed(body, random, _vocabulary(), others), default=str)
    body = response.get("body", response.get("content"))
    raw = body.get("string", "") if isinstance(body, dict) else body
    data = encoded(_other_reply(_text(raw), random))
    headers = {name: value for name, value in (response.get("headers") or {}).items() if "encoding" not in name.lower()}
    response = {"status": response.get("status") or {"code": response.get("status_code", 200)}, "headers": headers}
    if random.random() < 0.1:
        response["status"] = random.choice(({"code": 429}, {"code": 503}, {"code": "200"}, {}, None, 200))
    return {"request": request, "response": response | _packed(data, headers, random)}


def _text(body: Any) -> str:
    data = body if isinstance(body, bytes) else str(body or "").encode("utf-8", "surrogatepass")
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return data.decode("utf-8", "replace")


def _other_reply(text: str, random: Random) -> str:
    """A reply whose payload, or one of whose events, is changed; or whose lines are."""
    value = material.parsed(text)
    others = [random.choice(material.recordings())]
    if value is not None and random.random() < 0.85:
        return json.dumps(changed(value, random, _vocabulary(), others), default=str)
    lines = text.split("\n")
    events = [at for at, line in enumerate(lines) if line.startswith("data: {")]
    if events and random.random() < 0.7:
        for at in random.choices(events, k=random.choice((1, 1, 2, 4))):
            event = material.parsed(lines[at].removeprefix("data: "))
            lines[at] = f"data: {json.dumps(changed(event, random, _vocabulary(), others), default=str)}"
        if random.random() < 0.2:
            random.shuffle(lines)
        return "\n".join(lines)
    return changed_text(text, random, _vocabulary(), random.choice(material.specs()))


def _packed(data: bytes, headers: dict[str, Any], random: Random) -> dict[str, Any]:
    """The bytes of a body as a recorder keeps them; sometimes compressed, sometimes cut."""
    value = material.parsed(data.decode("utf-8", "replace"))
    match random.randrange(10):
        case 0:
            return {"body": {"base64_string": base64.b64encode(data).decode()[random.choice((0, 0, 1)) :]}}
        case 1:
            packed = gzip.compress(data, mtime=0)
            return {"body": {"string": packed[: random.choice((None, None, -1, 20))]}}
        case 2:
            headers["content-encoding"] = [random.choice(("deflate", "gzip", "br", "zstd", "deflate"))]
            return {"body": {"string": random.choice((zlib.compress(data), data))}}
        case 3 if value is not None:
            return {"parsed_body": value}
        case 4:
            return {"content": data.decode("utf-8", "replace")}
        case _:
            return {"body": {"string": data.decode("utf-8", "replace") if random.random() < 0.7 else data}}


# Both kinds of cassettes are played


REDACTORS = (Redactor(), Redactor({"A_KEY": "assistant"}))  # a value that is sure to stand somewhere


def take_cassette(path: Path) -> bool:
    """Load it, play all of it, decode each reply, ask for what it does not hold, show it, and write it anew."""
    try:
        recording = load(path, "cassettes/fuzzed.yaml")
    except ConvrunError as error:
        _shown(error)
        return False
    for redactor in REDACTORS:
        player = Player(recording, ignore=("/metadata", "/messages/0/content"), redactor=redactor)
        for request in _requests(recording):
            _answered(player, request)
        _surprised(Player(recording, redactor=redactor), recording)
    _reviewed(recording)
    try:
        write(Recording(interactions=recording.interactions, file="cassettes/fuzzed.yaml"))
    except ConvrunError as error:
        _shown(error)
    return True


def _requests(recording: Recording) -> Iterator[Request]:
    for item in recording.interactions:
        if isinstance(item.request.body, dict):
            yield Request(
                endpoint=item.request.endpoint,
                body=item.request.body,
                base_url="https://api.example.com/v1",
                provider=item.request.provider,
            )


def _answered(player: Player, request: Request) -> None:
    try:
        reply = player.send(request)
        found = _completion(reply)
        for call in found.message.tool_calls:
            player.recorded_result(call.id, call.name, call.arguments)
            player.recorded_attachments(call.id)
            player.results_by_call(call.name, call.arguments)
    except ConvrunError as error:
        _shown(error)


def _completion(reply: Reply) -> Completion:
    """What the reply decodes to; it can be sent back as JSON, and its numbers are counts."""
    errors = ReplyErrors(provider="acme", status=reply.status, headers=reply.headers)
    *_, last = decode(reply, ChatDecoder(errors), errors)
    assert isinstance(last, Completion)
    json.dumps(encode_message(last.message), ensure_ascii=False).encode()
    for count in (last.usage.input, last.usage.output):
        assert count is None or (type(count) is int and count >= 0)
    return last


def _surprised(player: Player, recording: Recording) -> None:
    """Requests that differ from the recorded ones are explained, and what follows is played or refused."""
    for request in _requests(recording):
        messages = request.body.get("messages")
        body = {**request.body, "seed": 1, "tools": [{"type": "function"}]}
        if isinstance(messages, list):
            body["messages"] = [*messages[:-1], {"role": "user", "content": "Something else"}]
        _answered(player, Request(endpoint=request.endpoint, body=body, base_url=request.base_url))
        if player.difference is not None:
            for change in player.difference.changes:
                assert change.part


def _reviewed(recording: Recording) -> None:
    """It is shown as conversations, and compared with its own beginning."""
    lines: list[Line] = []
    half = Recording(interactions=recording.interactions[: len(recording.interactions) // 2 + 1])
    for single in (True, False):
        found = transcript(recording, single=single, redactor=REDACTORS[1]).conversations
        other = transcript(half, single=single).conversations
        for conversation in found:
            lines += conversation_lines(conversation)
        for one, two in conversation_pairs(found, other):
            if one is not None and two is not None:
                sides = (Recorded(name="a", conversation=side) for side in (found[one], other[two]))
                lines += difference_lines(compared("x", *sides))
    rendered(lines, plain).encode("utf-8", "backslashreplace")


KINDS = {
    "specs": Kind(make=make_spec, take=take_spec, file="specs/fuzzed.yaml"),
    "cassettes": Kind(make=make_cassette, take=take_cassette, file="cassettes/fuzzed.yaml"),
    "recordings": Kind(make=make_recording, take=take_cassette, file="cassettes/fuzzed.yaml"),
    "replies": Kind(make=make_reply, take=take_reply, file="replies/fuzzed.txt"),
    "flips": Kind(make=make_flipped, take=take_damaged, file="cassettes/damaged.yaml"),
    "cuts": Kind(every=cassette_cuts, take=take_cut, file="cassettes/damaged.yaml"),
    "damage": Kind(make=make_damaged, take=take_damaged, file="cassettes/damaged.yaml"),
    "partials": Kind(make=make_partial, take=take_partial, file="cassettes/damaged.yaml.partial"),
    "partial-cuts": Kind(every=partial_cuts, take=take_partial_cut, file="cassettes/damaged.yaml.partial"),
}
