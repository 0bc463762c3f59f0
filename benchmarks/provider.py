"""A loopback provider for recording: calls the tool when asked for the weather, answers everything else with a text.

python benchmarks/provider.py    prints its port and serves until it is ended; GET returns how many requests there were
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_FILLER = "The answer depends on the season, on the height above the sea and on the wind of the day. "


class Provider(BaseHTTPRequestHandler):
    """One chat completion per request; a question about the weather is answered by a tool call first."""

    protocol_version = "HTTP/1.1"
    answered = 0  # chat completions, of this process
    wbufsize = -1  # head and body in one packet: apart, each call would wait for an acknowledgement

    def do_POST(self) -> None:
        """Answer one chat completion."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        last = body["messages"][-1]
        if last["role"] == "user" and "weather" in last["content"]:
            city = last["content"].rsplit(" ", 1)[-1].rstrip("?")
            function = {"name": "weather", "arguments": json.dumps({"city": city})}
            call = {"id": f"call_{len(body['messages'])}", "type": "function", "function": function}
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
            reason = "tool_calls"
        else:
            message = {"role": "assistant", "content": f"Certainly. {(_FILLER * 4)[:289]}"}
            reason = "stop"
        reply = {
            "id": "chatcmpl-benchmark",
            "object": "chat.completion",
            "created": 1,
            "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 60, "total_tokens": 160},
        }
        Provider.answered += 1
        self._send(reply)

    def do_GET(self) -> None:
        """Return how many chat completions were answered."""
        self._send(Provider.answered)

    def _send(self, reply: object) -> None:
        data = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        """Stay quiet."""


def serve(port: int = 0) -> ThreadingHTTPServer:
    """Return a server on loopback that is bound and not yet serving."""
    return ThreadingHTTPServer(("127.0.0.1", port), Provider)


if __name__ == "__main__":
    server = serve()
    print(server.server_port, flush=True)
    server.serve_forever()
