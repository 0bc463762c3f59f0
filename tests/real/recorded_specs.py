"""Specs that are recorded conversations: everything in them is taken from the raw requests of a recording."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from raw_recordings import Exchange, exchanges, file_of

HERE = Path(__file__).parent
_NOT_OPTIONS = {"model", "messages", "tools", "stream", "stream_options"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Which exchanges of a recording are one conversation.

    `turns` has the numbers (from 0) of each turn's exchanges, `ignore` the pointers of what no spec says. With
    `structured`, the wanted output stands under `schema` and not among the options.
    """

    file: str
    turns: tuple[tuple[int, ...], ...] = ((0,),)
    ignore: frozenset[str] = frozenset()
    structured: bool = False


def spec_of(told: Told, recorded: list[Exchange], folder: Path) -> dict[str, Any]:
    """The spec of a conversation; files that its attachments need are written into `folder`."""
    first = recorded[told.turns[0][0]].body
    messages = first["messages"][:-1]
    model = {"name": first["model"], "stream": bool(first.get("stream"))}
    base_url = recorded[told.turns[0][0]].url.removesuffix("/chat/completions")
    if base_url != "https://api.openai.com/v1":
        model["base_url"] = base_url
    spec: dict[str, Any] = {"model": model, "options": _options(first)}
    if messages and messages[0]["role"] in {"system", "developer"}:
        model["system_role"] = messages[0]["role"]
        spec["system"] = {"text": messages.pop(0)["content"], "raw": True}
    spec["tools"] = [{"declare": tool["function"]} for tool in first.get("tools") or []]
    spec["history"] = [_history(message) for message in messages]
    spec["turns"] = [_turn(told, index, recorded, folder) for index in range(len(told.turns))]
    spec["cassette"] = {"ignore": sorted(told.ignore)} if told.ignore else {}
    if told.structured:
        spec["turns"][0]["schema"] = spec["options"].pop("response_format")["json_schema"]["schema"]
    return {key: value for key, value in spec.items() if value}


def _options(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in _NOT_OPTIONS and value is not None}


def _turn(told: Told, index: int, recorded: list[Exchange], folder: Path) -> dict[str, Any]:
    """What the user says at the end of the turn's first request, and checks of what came back."""
    numbers = told.turns[index]
    asked = recorded[numbers[0]].body
    content = asked["messages"][-1]["content"]
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    (text,) = [part["text"] for part in parts if part["type"] == "text"]
    turn: dict[str, Any] = {"user": {"text": text, "raw": True}}
    if len(parts) > 1:
        turn["attachments"] = [_attachment(part, folder) for part in parts if part["type"] != "text"]
    options, everywhere = _options(asked), _options(recorded[told.turns[0][0]].body)
    changed = {key: options.get(key) for key in everywhere | options if options.get(key) != everywhere.get(key)}
    if changed:
        turn["options"] = changed
    answers = [recorded[number].answer for number in numbers]
    if answers[-1].calls:
        turn["chain"] = False
    turn["expect"] = [{"calls": {"exactly": [name for answer in answers for name, _ in answer.calls]}}]
    if answers[-1].text:
        turn["expect"].append({"equals": {"text": answers[-1].text, "raw": True}})
    return turn


def _attachment(part: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A link as it is; bytes as a file."""
    if part["type"] == "file":
        name, url, more = part["file"]["filename"], part["file"]["file_data"], {}
    else:
        image = part["image_url"]
        name, url, more = "image.png", image["url"], {key: image[key] for key in image if key != "url"}
    if not url.startswith("data:"):
        return {"url": url, **more}
    (folder / name).write_bytes(base64.b64decode(url.partition(",")[2]))
    return {"path": name, **more}


def _history(message: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {message["role"]: message["content"]}
    if message["role"] == "tool":
        said["tool_call_id"] = message["tool_call_id"]
    if message.get("tool_calls"):
        said["tool_calls"] = [{"id": call["id"], **call["function"]} for call in message["tool_calls"]]
    return said


def write_spec(root: Path, name: str, told: Told) -> None:
    """Write the spec of a recorded conversation, and lay its recording where the cassette is looked for."""
    recording = file_of(told.file)
    for folder in ("specs", "cassettes"):
        (root / folder).mkdir(exist_ok=True)
    spec = spec_of(told, exchanges(recording), root / "specs")
    text = yaml.safe_dump(spec, allow_unicode=True, sort_keys=False)
    (root / "specs" / f"{name}.yaml").write_text(text, encoding="utf-8")
    (root / "cassettes" / f"{name}.yaml").write_bytes(recording.read_bytes())


def offline_environment() -> dict[str, str]:
    """The environment of a process that can reach nobody, imports no client, and has nobody's keys."""
    steering = ("CONVRUN_", "OPENAI_", "COVERAGE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
    return kept | {"PYTHONPATH": os.pathsep.join([str(HERE / "offline"), str(HERE.parents[1])]), "PYTHONUTF8": "1"}


def run_offline(root: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON result of a real `convrun run` in such a process."""
    ended = subprocess.run(
        [sys.executable, "-m", "convrun", "run", "--report", "json", *arguments],
        cwd=root,
        env=offline_environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert ended.stdout, ended.stderr
    return ended.returncode, json.loads(ended.stdout)
