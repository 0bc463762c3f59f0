"""Recordings of ours and of vcrpy, made of requests and replies."""

from __future__ import annotations

import json

from convrun.cassette.interaction import Interaction, Recording, SentRequest
from convrun.cassette.kept.received import parsed_reply
from convrun.cassette.stored.writing import write
from convrun.redaction import Redactor

URL = "https://api.openai.com/v1/chat/completions"


def ask(*messages, **more):
    """A request's body."""
    return {"model": "gpt-4.1-mini", "messages": list(messages), **more}


def said(role, content, **more):
    """A message."""
    return {"role": role, "content": content, **more}


def call(identifier, name, **arguments):
    """A tool call."""
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def completion(content=None, *calls, finish=None, tokens=(11, 7), **message):
    """A provider's payload."""
    message |= {"role": "assistant", "content": content} | ({"tool_calls": list(calls)} if calls else {})
    reason = finish or ("tool_calls" if calls else "stop")
    usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
    return {"choices": [{"index": 0, "message": message, "finish_reason": reason}], "usage": usage}


def interaction(body, reply, status=200):
    """One exchange."""
    received = parsed_reply(status, {"content-type": "application/json"}, (reply,), Redactor(), stream=False)
    return Interaction(request=SentRequest(url=URL, body=body), reply=received)


def keep(path, *interactions):
    """Write a cassette of ours; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(write(Recording(interactions=interactions)), "utf-8", newline="\n")
    return path


def stock(*exchanges):
    """The text of a cassette in JSON, as vcrpy writes it."""
    return json.dumps({"version": 1, "interactions": [_stock(*one) for one in exchanges]})


def _stock(body, reply):
    return {
        "request": {"method": "POST", "uri": URL, "body": json.dumps(body), "headers": {}},
        "response": {
            "status": {"code": 200, "message": "OK"},
            "headers": {"content-type": ["application/json"]},
            "body": {"string": json.dumps(reply)},
        },
    }


def conversation(*turns, system="Be brief."):
    """The interactions of a conversation: each turn is what the user says and the reply to it."""
    messages, made = [said("system", system)], []
    for user, reply in turns:
        messages = [*messages, said("user", user)]
        made.append(interaction(ask(*messages), completion(reply)))
        messages = [*messages, said("assistant", reply)]
    return made
