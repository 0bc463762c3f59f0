"""Recordings as stock vcrpy writes them, made of plain values; and their import in this process."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from convrun.importing.files import import_file
from convrun.settings import find_root, load

URL = "https://api.openai.com/v1/chat/completions"


def user(text):
    """What a user says."""
    return {"role": "user", "content": text}


def said(text=None, *calls, **more):
    """What a model says, as a message of a request or a reply."""
    message = {"role": "assistant", "content": text, **more}
    return message | ({"tool_calls": list(calls)} if calls else {})


def call(name, arguments=None, identity="call_1"):
    """A tool call; `arguments` are written as JSON."""
    function = {"name": name, "arguments": json.dumps(arguments or {})}
    return {"id": identity, "type": "function", "function": function}


def result(text, identity="call_1"):
    """What a tool gave back."""
    return {"role": "tool", "tool_call_id": identity, "content": text}


def tool(name, **more):
    """A tool as it is offered."""
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}, **more}}


def replied(message, finish="stop", **more):
    """The body of a chat completion."""
    choice = {"index": 0, "message": message, "finish_reason": finish}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "gpt-4o-2024-08-06",
        "choices": [choice],
        "usage": usage,
        **more,
    }


def streamed(*deltas, finish="stop"):
    """The body of a streamed completion."""
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in [*chunks, "[DONE]"][:-1]) + "data: [DONE]\n\n"


def asked(*messages, **more):
    """The body of a request."""
    return {"model": "gpt-4o", "messages": list(messages), **more}


def exchange(request, reply, *, status=200, url=URL, method="POST"):
    """One interaction of a stock cassette; a reply that is a dict becomes JSON."""
    body = reply if isinstance(reply, str | bytes) else json.dumps(reply)
    return {
        "request": {
            "method": method,
            "uri": url,
            "body": request if isinstance(request, str | None) else json.dumps(request),
            "headers": {"authorization": ["Bearer sk-secret-of-somebody"], "openai-organization": ["org-somebody"]},
        },
        "response": {
            "status": {"code": status, "message": "OK"},
            "headers": {"content-type": ["application/json"], "set-cookie": ["session=somebody"]},
            "body": {"string": body},
        },
    }


def chat(request, message, **more):
    """One interaction that went well."""
    return exchange(request, replied(message), **more)


def stock(*exchanges):
    """The text of a stock cassette."""
    return yaml.safe_dump({"version": 1, "interactions": list(exchanges)}, allow_unicode=True, sort_keys=False)


def write_recording(root: Path, exchanges, name="talk.yaml"):
    """Write a recording outside of specs and cassettes; return its path."""
    path = root / "recorded" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(stock(*exchanges), "utf-8")
    return path


def import_exchanges(root: Path, exchanges, *, name="talk.yaml", environ=None, force=False):
    """Import a recording in this process; return its Outcome."""
    path = write_recording(root, exchanges, name)
    environ = environ or {}
    settings = load(find_root([], root), environ, {})
    return import_file(path, path.stem, settings, environ=environ, force=force)


def spec_of(root: Path, name="talk"):
    """A written spec as plain values."""
    return yaml.safe_load((root / "specs" / f"{name}.yaml").read_text("utf-8"))


def reasons(outcome):
    """Why something was not imported: numbers and words."""
    return [(refused.numbers, str(refused)) for refused in outcome.refused]


def run(project):
    """The results of a strict run of all that was imported, which is green."""
    found = project.run(strict=True)
    assert (found.exit_code, [one.findings for one in found.conversations if one.findings]) == (0, [])
    return found.conversations
