"""Specs that go live against a loopback server, and what such a server says."""

import json
import re

from servers import Answer, chunk, event_stream, reply

SPEC = "specs/a.yaml"
CASSETTE = "cassettes/a.yaml"
KEY = "sk-loopback-0123456789"
KEYED = {"OPENAI_API_KEY": KEY}
_TOKEN = re.compile(r"\s?\S{1,5}|\s")  # about as long, and as irregular, as those of a model


def echo(received):
    """What a model says that repeats the last message; streamed if that is asked for."""
    text = received.body["messages"][-1]["content"]
    if not received.body.get("stream"):
        return reply(text)
    pieces = [chunk(content=token) for token in _TOKEN.findall(text)]
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    last = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m-2025", "choices": [], "usage": usage}
    body = event_stream(chunk(role="assistant"), *pieces, chunk("stop"), last)
    return Answer(body=body, headers={"content-type": "text/event-stream"})


def spec(base_url, *users, **model):
    """A spec of one turn for each user text, whose reply is checked to repeat it."""
    settings = {"name": "m", "base_url": base_url, "max_retries": 0, "timeout": "5s", **model}
    turns = [{"user": text, "expect": [{"equals": text}]} for text in users]
    return json.dumps({"model": settings, "turns": turns})


def files(folder):
    """Every file below a folder with its bytes, compiled code apart."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def say(project, echoing, *users):
    """Let the spec say something else."""
    project.write(SPEC, spec(echoing.base_url, *users))
