"""Processes of `convrun` for tests, forked from one that has imported it already: most of a start is imports.

Each is a process of its own, with its own folder, environment, streams and end. What it lacks is a fresh interpreter:
what steers that one (`PYTHON…`, the locale, the time zone) is the same for all, and whoever asks for another gets a
real start. Commands that go live come from a process that has loaded the SDK and vcrpy, all others from one that has
not.
`CONVRUN_TESTS=start pytest` starts every process for real, and so does a system that is not Linux.

Run as a program this file is the process that is forked; it ends when the tests do.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from importlib import import_module
from pathlib import Path
from runpy import run_module

SOURCES = Path(__file__).parents[1]
OURS = ("cli.application", "cli.run", "cli.running", "run.project", "importing.files", "templates.sandbox")
OFFLINE = (*(f"convrun.{name}" for name in OURS), "yaml", "jinja2", "jsonschema", "jsonpath_rfc9535")
LIVE = ("convrun.cassette.kept.recording", "openai", "httpx2", "vcr", "genai_prices.data")
STEERING = ("PYTHON", "LC_", "LANG", "TZ", "LD_", "COVERAGE_")  # beginnings of names that an interpreter reads at first
BYTECODE = "PYTHONDONTWRITEBYTECODE"  # the one of them that can be set later
LARGEST = 1_000_000  # bytes of a request


def environment(**more):
    """The environment of a process: without colour, keys and settings of whoever runs the tests."""
    theirs = ("CONVRUN_", "OPENAI_", "GITHUB_", "COVERAGE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    return {**kept, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(SOURCES), **more}


def convrun(*arguments, cwd, environ=None, alone=False, timeout=60, begun=None):
    """Run a command line to its end; return it with its output as text.

    `alone` is the interpreter's option `-P`: as for the installed command, the folder is not on the import path.
    `begun` is told the number of the process (of one that is forked) as soon as it is there.
    """
    environ = environment() if environ is None else environ
    if sys.platform != "linux" or os.environ.get("CONVRUN_TESTS") == "start" or _steering(environ) != _STEERING:
        start = [sys.executable, *(["-P"] if alone else []), "-m", "convrun", *arguments]
        return subprocess.run(
            start, cwd=cwd, env=environ, capture_output=True, encoding="utf-8", timeout=timeout, check=False
        )
    request = {"arguments": arguments, "cwd": os.fspath(cwd), "environ": environ, "alone": alone}
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr, open(os.devnull, "rb") as stdin:
        code = _parent(arguments).forked(request, [stdin.fileno(), stdout.fileno(), stderr.fileno()], timeout, begun)
        texts = [stream.seek(0) or stream.read().decode().replace("\r\n", "\n") for stream in (stdout, stderr)]
    return subprocess.CompletedProcess(["convrun", *arguments], code, *texts)


def _steering(environ):
    kept = {name: value for name, value in environ.items() if name.startswith(STEERING)}
    return {name: value for name, value in kept.items() if name != BYTECODE}


_STEERING = _steering(environment())


class Parent:
    """The process that is forked, as the tests see it; it serves one of them at a time."""

    def __init__(self, modules):
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-P", __file__, str(theirs.fileno()), *modules]
            self._process = subprocess.Popen(command, env=environment(), pass_fds=[theirs.fileno()])
        self._lock = threading.Lock()
        atexit.register(self.end)

    def forked(self, request, streams, timeout, begun=None):
        """Have a command run on these streams; return its exit code. `begun` is told the number of the process."""
        with self._lock:
            self._control.settimeout(timeout)
            socket.send_fds(self._control, [json.dumps(request).encode()], streams)
            child = int(self._control.recv(100))
            if begun is not None:
                begun(child)
            try:
                return int(self._control.recv(100))
            except TimeoutError:
                os.kill(child, signal.SIGKILL)
                self._control.recv(100)
                raise subprocess.TimeoutExpired(request["arguments"], timeout) from None

    def end(self):
        """End it."""
        self._control.close()
        self._process.wait()


_parents: dict[bool, Parent] = {}
_starting = threading.Lock()


def _parent(arguments):
    live = any(word.startswith(("record", "--record")) for word in arguments)
    with _starting:
        if live not in _parents:
            _parents[live] = Parent([*OFFLINE, *(LIVE if live else ())])
        return _parents[live]


def serve(control):
    """Fork for each request, and say how the child ended; return in the child, with its request."""
    while True:
        data, streams, _, _ = socket.recv_fds(control, LARGEST, 3)
        if not data:
            sys.exit()
        child = os.fork()
        if not child:
            return json.loads(data), streams
        for stream in streams:
            os.close(stream)
        control.send(b"%d" % child)
        control.send(b"%d" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def become(request, streams):
    """Make of this process what the request says."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request["environ"])
    os.chdir(request["cwd"])
    sys.dont_write_bytecode = bool(os.environ.get(BYTECODE))
    sys.argv[1:] = request["arguments"]
    if not request["alone"]:
        sys.path.insert(0, os.getcwd())


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests; they end this process
    for module in sys.argv[2:]:
        import_module(module)
    gc.freeze()  # what is loaded is not looked through by any child
    with socket.socket(fileno=int(sys.argv[1])) as listening:
        become(*serve(listening))
    run_module("convrun", run_name="__main__", alter_sys=True)
