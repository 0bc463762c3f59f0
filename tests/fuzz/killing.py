"""Recordings that are killed: `python tests/fuzz/killing.py --help`, or `make kills`.

A process records a conversation against a server on loopback and is killed (SIGKILL) at a random point between its
first request and its end; then the next one records. Kill number N is made from the seed and N alone, as far as the
clock lets it. A kill fails if the cassette is not whole (the old one, none, or the new one), if anything is wrong with
what is left, if more was asked than the calls of the conversation and the one in flight, or if the final cassette is
not that of an undisturbed recording, timings apart.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from random import Random

ROOT = Path(__file__).parents[2]
USERS = ["one", "two", "look up three", "four", "five", "look up six", "seven", "eight"]
CALLS = 10  # a call for each turn, and two for each with a tool
TOOLS = "def look(word: str) -> str:\n    return word.upper()\n"
CASSETTE = "cassettes/a.yaml"
LATEST = 0.4  # seconds behind the last request: its answer comes, the cassette is written, the process ends


@dataclass
class Killer:
    """What kills the process under way: some time behind a certain request."""

    request: int = 0
    delay: float = 0.0
    heard: int = 0
    process: int | None = None
    timers: list[threading.Timer] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def hears(self) -> None:
        """Count a request, and set the clock with the one that is meant."""
        with self.lock:
            self.heard += 1
            if self.heard == self.request:
                self.timers.append(threading.Timer(self.delay, self.kill))
                self.timers[-1].start()

    def kill(self) -> None:
        """End the process, unless it has ended."""
        with self.lock:
            if self.process is not None:
                with suppress(ProcessLookupError):
                    os.kill(self.process, signal.SIGKILL)

    def over(self) -> None:
        """Leave whoever has this number now alone."""
        with self.lock:
            self.process = None
        for timer in self.timers:
            timer.cancel()


def answer(received):
    """What the model says: a call where it is asked to look, else the last message and how long the history is."""
    from servers import Answer, chunk, event_stream, reply

    messages = received.body["messages"]
    last = messages[-1]
    call = last["role"] == "user" and "look" in last["content"]
    text = f"{len(messages)}: {last['content']}"
    if not received.body.get("stream"):
        said = reply(calls={"look": {"word": text}}) if call else reply(text)
        return Answer(body=said, delay=0.004)
    if call:
        function = {"name": "look", "arguments": json.dumps({"word": text})}
        pieces = [chunk(tool_calls=[{"index": 0, "id": "c", "type": "function", "function": function}])]
    else:
        pieces = [chunk(content=word) for word in re.findall(r"\s?\S+", text)]
    events = [event_stream(piece, done=False) for piece in pieces]
    return Answer(
        headers={"content-type": "text/event-stream"}, body=[*events, event_stream(chunk("stop"))], pause=0.001
    )


def laid(root: Path, base_url: str, users: list[str], *, stream: bool) -> None:
    """Write the project: one spec with a tool."""
    (root / "specs").mkdir(exist_ok=True)
    (root / "convrun.toml").write_text("")
    (root / "desk.py").write_text(TOOLS)
    model = {"name": "m", "base_url": base_url, "max_retries": 0, "timeout": "20s", "stream": stream}
    spec = {"model": model, "tools": ["desk:look"], "turns": [{"user": user} for user in users]}
    (root / "specs" / "a.yaml").write_text(json.dumps(spec))


def recorded(root: Path, *, mode: str, killer: Killer | None = None) -> int:
    """Record, and return how the process ended."""
    from forking import convrun, environment

    def begun(process: int) -> None:
        if killer is not None:
            killer.process = process

    ended = convrun("run", "--record", mode, cwd=root, environ=environment(), begun=begun)
    if killer is not None:
        killer.over()
    if ended.returncode not in (0, -signal.SIGKILL):
        raise AssertionError(f"it ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    return ended.returncode


def timeless(cassette: Path) -> str | None:
    """The text of a cassette without its timings; None where there is none."""
    if not cassette.exists():
        return None
    from convrun.cassette.files import load

    load(cassette, cassette.name)
    return re.sub(r"(?m)^timings: .*$", "", cassette.read_text("utf-8"))


class Scene:
    """A kind of recording: streamed or not, with an old cassette or without, from scratch or not."""

    def __init__(self, folder: Path, server, number: int) -> None:
        stream, old, self.mode = number & 1, number & 2, "all" if number & 4 else "new_episodes"
        self.root = folder / f"scene-{number}"
        self.root.mkdir()
        self.server = server
        if old:
            laid(self.root, server.base_url, [*USERS[:2], "look up other", "last"], stream=bool(stream))
            recorded(self.root, mode="all")
        laid(self.root, server.base_url, USERS, stream=bool(stream))
        self.old = timeless(self.root / CASSETTE)
        self.calls = CALLS - 2 if old and self.mode != "all" else CALLS
        whole = folder / f"whole-{number}"
        shutil.copytree(self.root, whole)
        recorded(whole, mode=self.mode)
        self.new = timeless(whole / CASSETTE)

    def kill(self, folder: Path, random: Random) -> bool:
        """Kill a recording, look at what is left, and record again; return whether the kill came before its end."""
        from convrun.cassette.kept.partial import partial_path, read_partial

        root = folder / "killed"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self.root, root)
        request = min(random.randint(1, self.calls + 4), self.calls)  # the end is the most delicate
        latest = LATEST if request == self.calls else 0.03
        killer = Killer(request=request, delay=random.uniform(0, latest))

        def heard(received):
            killer.hears()
            return answer(received)

        self.server.answers[:] = [heard]
        code = recorded(root, mode=self.mode, killer=killer)
        cassette = root / CASSETTE
        left = timeless(cassette)
        assert left in (self.old, self.new), "the cassette is neither the old one nor the new one"
        found = read_partial(partial_path(cassette))
        assert found.note is None, found.note
        before = killer.heard
        kept = len(found.interactions) - (CALLS - self.calls) if found.interactions else 0
        assert left == self.new or kept in (before - 1, before), f"{kept} of {before} calls were kept"
        again = Killer()
        self.server.answers[:] = [lambda received: (again.hears(), answer(received))[1]]
        if left != self.new or self.mode != "all":  # from scratch it would be asked again, as it should
            recorded(root, mode=self.mode)
        assert self.calls <= before + again.heard <= self.calls + 1, f"{before} and {again.heard} of {self.calls} calls"
        assert timeless(cassette) == self.new, "the final cassette is not that of an undisturbed recording"
        if left != self.new or self.mode != "all":
            names = sorted(path.name for path in cassette.parent.iterdir() if path.suffix != ".writing")
            assert names == ["a.yaml"], names
        return code != 0


def kill(count: int, seed: int, first: int = 0) -> tuple[int, list[str]]:
    """Kill so many recordings; return how many kills came before the end, and what failed."""
    from servers import loopback_server

    failures: list[str] = []
    in_time = 0
    # Of clients that are gone the server would print a traceback each.
    with tempfile.TemporaryDirectory() as name, redirect_stderr(StringIO()), loopback_server() as server:
        folder = Path(name)
        os.environ["TMPDIR"] = name  # for the locks
        server.answers[:] = [answer]
        scenes: dict[int, Scene] = {}
        for number in range(first, first + count):
            kind = number % 8
            if kind not in scenes:
                server.answers[:] = [answer]
                scenes[kind] = Scene(folder, server, kind)
            try:
                in_time += scenes[kind].kill(folder, Random(f"{seed} {number}"))
            except AssertionError as error:
                again = f"python tests/fuzz/killing.py --seed {seed} --first {number} --count 1"
                failures.append(f"kill {number}: {error}\n  {again}")
    return in_time, failures


def main() -> int:
    """Kill recordings; return 1 where one lost something."""
    parser = argparse.ArgumentParser(description="Kill recordings at random points; nothing may be lost.")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first kill")
    given = parser.parse_args()
    in_time, failures = kill(given.count, given.seed, given.first)
    lines = [*failures, f"{given.count} kills, {in_time} before the end of the recording, {len(failures)} failed"]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    sys.exit(main())
