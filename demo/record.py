"""Record the example specs without a provider, those of `convrun init` too: a server answers from demo/answers.yaml.

    python -m demo.record

The cassettes hold what this server said, in the form of the OpenAI API. Nothing leaves the machine, no key is needed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import yaml

PORT = 8124  # fixed, so that recording again changes no address in a cassette
ANSWERS = Path(__file__).with_name("answers.yaml")
SOURCES = ANSWERS.parents[1]
PROJECTS = (SOURCES, SOURCES / "convrun/scaffold/python", SOURCES / "convrun/scaffold/plain")


class Provider(BaseHTTPRequestHandler):
    """Answers chat completions by the last message of the request."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: apart, each call would wait for an acknowledgement
    answers: ClassVar = {entry["to"]: entry for entry in yaml.safe_load(ANSWERS.read_text(encoding="utf-8"))}

    def do_POST(self) -> None:
        """Answer one chat completion, or say which line the script lacks."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = _text(body["messages"][-1]["content"])
        if said in self.answers:
            self._send(200, _completion(self.answers[said], body))
        else:
            message = f"demo/answers.yaml has no answer to {said!r}"
            self._send(400, {"error": {"message": message, "type": "invalid_request_error"}})

    def _send(self, status: int, content: object) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        """Stay quiet: convrun reports what it recorded."""


def _text(content: object) -> str:
    """The text of a message's content, which may be a list of parts."""
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return str(content)


def _completion(answer: dict[str, object], body: dict[str, object]) -> dict[str, object]:
    calls = answer.get("calls", [])
    assert isinstance(calls, list)
    words = len(json.dumps(body["messages"]).split())
    tool_calls = [
        {
            "id": f"call_{words}_{index}",
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call["arguments"], separators=(",", ":"))},
        }
        for index, call in enumerate(calls)
    ]
    message: dict[str, object] = {"role": "assistant", "content": answer.get("reply")}
    if tool_calls:
        message["tool_calls"] = tool_calls
    said = len(json.dumps(message).split())
    return {
        "id": "chatcmpl-example",
        "object": "chat.completion",
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if tool_calls else "stop"}],
        # A provider counts tokens; this one counts words, which is enough for an example.
        "usage": {"prompt_tokens": words, "completion_tokens": said, "total_tokens": words + said},
    }


def main() -> int:
    """Serve on loopback while `convrun record --all` runs in each project; return the first exit code that is not 0."""
    with ThreadingHTTPServer(("127.0.0.1", PORT), Provider) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        codes = [_recorded(project) for project in PROJECTS]
        server.shutdown()
    return next(filter(None, codes), 0)


def _recorded(project: Path) -> int:
    """Record the specs of one project; return the exit code."""
    address = f"http://127.0.0.1:{PORT}/v1"
    command = [sys.executable, "-m", "convrun", "record", "--all", "--base-url", address, "specs"]
    ours = {
        "OPENAI_API_KEY": "example-key-that-goes-nowhere",
        "PYTHONPATH": str(SOURCES),  # in a folder of data, `python -m convrun` is not found beside it
        "PYTHONDONTWRITEBYTECODE": "1",  # what lies in these folders is part of the package
    }
    return subprocess.run(command, env={**os.environ, **ours}, cwd=project, timeout=120, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
