"""The key `model`: a name, a mapping, or a script."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from convrun import document
from convrun.document import Node, Scalar
from convrun.errors import ConvrunError, SpecError
from convrun.spec import decoding
from convrun.spec.decoder import Decoder, Key, Mistakes, Record, SpecFile, mapping, takes
from convrun.spec.model import ModelSpec, ScriptCall, ScriptLine
from convrun.spec.texts import literal_mapping
from convrun.values import show

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# A spec that sets Host could have a key, sent to a provider's address, handed on to another host behind it.
_OF_THE_CONNECTION = re.compile(
    r"(?i)host|connection|keep-alive|content-(length|encoding)|transfer-encoding|te|trailer|upgrade|expect|via|forwarded"
    r"|(proxy|x-forwarded|x-http-method)-?.*|x-(original|rewrite)-url|:.*"
)


def _model(node: Node, file: SpecFile) -> ModelSpec:
    """The model that a spec names."""
    if not isinstance(node, document.Mapping):
        return ModelSpec(name=decoding.word(node, file), where=node.where)
    if node.get("script") is not None:
        script = SCRIPT.values(node, file)["script"]
        return ModelSpec(name="script", script=script, where=node.where)
    return ModelSpec(**MODEL.values(node, file), where=node.where)


@takes(type="string", pattern="^https?://")
def _base_url(node: Node, file: SpecFile) -> str:
    found = decoding.word(node, file)
    try:
        split = urlsplit(found)
        good = split.scheme in ("http", "https") and bool(split.hostname)
    except ValueError:
        good = False
    if not good:
        raise SpecError(f"{found!r} is no base URL", where=node.where, fix="write it as https://host/v1")
    return found


@takes(type="object", additionalProperties={"type": "string"})
def _headers(node: Node, file: SpecFile) -> dict[str, str]:
    """Headers of the request itself: those that say where it goes, or where it ends, are not a spec's."""
    mistakes = Mistakes()
    made: dict[str, str] = {}
    for key, value in mapping(node, "headers").entries:
        with mistakes:
            if not _HEADER_NAME.fullmatch(key.text) or _OF_THE_CONNECTION.fullmatch(key.text):
                what = f"{key.text!r} is no header for a spec to set"
                raise SpecError(what, where=key.where, fix="what says where a request goes is up to base_url")
            text = decoding.text(value, file)
            if not (text.isascii() and text.isprintable()):
                raise SpecError(f"no header can carry {show(text, 60)}", where=value.where, fix="use plain ASCII")
            made[key.text] = text
    mistakes.stop()
    return made


def _line(node: Node, file: SpecFile) -> ScriptLine:
    if isinstance(node, document.Sequence):
        return ScriptLine(calls=_calls(node, file))
    line = mapping(node, "a script line")
    if line.get("call") is not None:
        return ScriptLine(calls=(_read_call(node, file),))
    if line.get("reply") is not None:
        return ScriptLine(**_REPLY.values(node, file))
    _LINE.values(node, file)
    raise SpecError("a script line needs one of 'reply' and 'call'", where=node.where)


@takes(type="string")
def _reply(node: Node, file: SpecFile) -> str:
    found = decoding.free_text(node, file)
    return found[:-1] if isinstance(node, Scalar) and node.block and found.endswith("\n") else found


def _read_call(node: Node, file: SpecFile) -> ScriptCall:
    parts: dict[str, Any] = _CALL.values(node, file)
    return ScriptCall(name=parts["call"], arguments=parts.get("with", {}))


_ANSWER = Key(_reply, "What the model says.")
_CALL = Record(
    of="a scripted call",
    keys={
        "call": Key(decoding.word, "The tool that the model calls.", required=True),
        "with": Key(literal_mapping, "The arguments of the call."),
    },
)
_REPLY = Record(of="a reply in a script", keys={"reply": _ANSWER})
_LINE = Record(
    of="a script line",
    keys={"reply": _ANSWER, "call": Key(decoding.word, "The tool that the model calls."), "with": _CALL.keys["with"]},
)
_calls = decoding.listed(Decoder(_read_call, _CALL), of="scripted calls", least=1)
_lines = decoding.listed(Decoder(_line, {"anyOf": [_LINE, _calls]}), of="script lines", least=1)
SCRIPT = Record(
    of="a scripted model",
    keys={"script": Key(_lines, "What the model says, line by line: a reply, a call, or a list of calls at once.")},
)
MODEL = Record(
    of="a model",
    keys={
        "name": Key(
            decoding.word, "The model's name, with a provider before it or not.", required=True, inherited=True
        ),
        "provider": Key(decoding.word, "A provider that is known by name: its address and the variable of its key."),
        "base_url": Key(_base_url, "The address of an OpenAI-compatible endpoint, as https://host/v1."),
        "api_key_env": Key(decoding.word, "The environment variable that holds the key."),
        "api": Key(
            decoding.choice("chat", "responses", of="api"), "The API that is spoken: chat completions, or Responses."
        ),
        "stream": Key(decoding.flag, "true: replies are streamed."),
        "system_role": Key(
            decoding.choice("system", "developer", of="system_role"), "The role of the system prompt's message."
        ),
        "headers": Key(_headers, "Headers that go with every request; no keys."),
        "timeout": Key(decoding.duration, "How long each step may take: connecting, and each wait for more."),
        "max_retries": Key(decoding.whole_number(0), "How often a call that failed for a passing reason is repeated."),
    },
)


def part_errors(node: document.Mapping, file: SpecFile) -> list[ConvrunError]:
    """Return the mistakes in a mapping that others complete: what is missing is none."""
    record = MODEL if node.get("script") is None else SCRIPT
    return record.parts(node, file, complete=False).mistakes.found


model = Decoder(
    _model,
    {
        "anyOf": [
            {"type": "string", "description": "The model's name, `echo` for the one that repeats."},
            MODEL,
            SCRIPT,
        ]
    },
    "model",
)
