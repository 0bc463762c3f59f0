"""The key `model`: a name, a mapping, or a script."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from convrun import document
from convrun.document import Node, Scalar
from convrun.errors import SpecError
from convrun.spec import decoding
from convrun.spec.decoding import SpecFile, Table
from convrun.spec.model import ModelSpec, ScriptCall, ScriptLine
from convrun.spec.texts import literal_mapping


def model(node: Node, file: SpecFile) -> ModelSpec:
    """Return the model that a spec names."""
    if not isinstance(node, document.Mapping):
        return ModelSpec(name=decoding.word(node, file), where=node.where)
    if node.get("script") is not None:
        script = decoding.record(node, file, _SCRIPT, of="a scripted model")["script"]
        return ModelSpec(name="script", script=script, where=node.where)
    parts = decoding.record(node, file, _MODEL, of="a model", required=("name",))
    parts.pop("api", None)  # there is one
    return ModelSpec(**parts, where=node.where)


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


def _headers(node: Node, file: SpecFile) -> dict[str, str]:
    mistakes = decoding.Mistakes()
    made: dict[str, str] = {}
    for key, value in decoding.mapping(node, "headers").entries:
        with mistakes:
            made[key.text] = decoding.text(value, file)
    mistakes.stop()
    return made


def _line(node: Node, file: SpecFile) -> ScriptLine:
    if isinstance(node, document.Sequence):
        return ScriptLine(calls=_calls(node, file))
    line = decoding.mapping(node, "a script line")
    if line.get("call") is not None:
        return ScriptLine(calls=(_call(node, file),))
    if line.get("reply") is not None:
        return ScriptLine(**decoding.record(node, file, {"reply": _reply}, of="a reply in a script"))
    decoding.record(node, file, {"reply": _reply, **_CALL}, of="a script line")
    raise SpecError("a script line needs one of 'reply' and 'call'", where=node.where)


def _reply(node: Node, file: SpecFile) -> str:
    found = decoding.free_text(node, file)
    return found[:-1] if isinstance(node, Scalar) and node.block and found.endswith("\n") else found


def _call(node: Node, file: SpecFile) -> ScriptCall:
    parts: dict[str, Any] = decoding.record(node, file, _CALL, of="a scripted call", required=("call",))
    return ScriptCall(name=parts["call"], arguments=parts.get("with", {}))


_CALL: Table = {"call": decoding.word, "with": literal_mapping}
_calls = decoding.listed(_call, of="scripted calls", least=1)
_SCRIPT: Table = {"script": decoding.listed(_line, of="script lines", least=1)}
_MODEL: Table = {
    "name": decoding.word,
    "provider": decoding.word,
    "base_url": _base_url,
    "api_key_env": decoding.word,
    "api": decoding.choice("chat", of="api"),
    "stream": decoding.flag,
    "system_role": decoding.choice("system", "developer", of="system_role"),
    "headers": _headers,
    "timeout": decoding.duration,
    "max_retries": decoding.whole_number(0),
}
