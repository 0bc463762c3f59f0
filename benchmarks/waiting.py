"""Measure live conversations that wait for a far server, as tasks of one event loop and in threads.

python benchmarks/waiting.py [--rounds N] [--write]    writes docs/benchmarks-waiting.md

Each measurement is a process of its own, and so is the server. Recording is left aside: it costs the same in both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROWS = ((500, 3, 200, 500), (64, 3, 50, 8), (64, 3, 50, 32))  # conversations, turns, milliseconds, so many at once
AIM = 30.0  # seconds for the first row
_MOST_THREADS = 64


def main() -> None:
    """Measure and print; with --write keep the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks-waiting.md")
    options = parser.parse_args()
    lines = []
    for line in _page(options.rounds):
        print(line, flush=True)
        lines.append(f"{line}\n")
    if options.write:
        (HERE.parent / "docs" / "benchmarks-waiting.md").write_text("".join(lines), encoding="utf-8")


def _page(rounds: int) -> Iterator[str]:
    load = f"under a load of {os.getloadavg()[0]:.0f}"
    machine = f"{os.cpu_count()} cores of a shared machine ({platform.system()} {platform.machine()}), {load},"
    yield "# Waiting for a model\n"
    yield f"Measured on {datetime.now(UTC):%Y-%m-%d} with Python {platform.python_version()} on {machine} by"
    yield f"`python benchmarks/waiting.py --write`: the least of {rounds} rounds, without start and"
    yield "imports. The first figure is seconds, the second CPU seconds of the process that asks. The aim is the"
    yield f"first row, as tasks of one event loop, in less than {AIM:.0f} seconds.\n"
    yield "| workload | at once | tasks | threads |"
    yield "| --- | ---: | ---: | ---: |"
    for conversations, turns, delay, most in ROWS:
        with _server(delay) as base_url:
            row = [str(one) for one in (conversations, turns, most)]
            tasks, threads = ([_measured(base_url, way, *row) for _ in range(rounds)] for way in ("tasks", "threads"))
        cells = [" / ".join(f"{min(column):.2f}" for column in zip(*one, strict=True)) for one in (tasks, threads)]
        yield f"| {conversations} conversations of {turns} turns, {delay} ms a call | {most} | {' | '.join(cells)} |"
    yield ""
    yield f"More than {_MOST_THREADS} threads are not taken: such a row has that many."


@contextmanager
def _server(delay: int) -> Iterator[str]:
    command = [sys.executable, __file__, "--serve", str(delay)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # a pipe
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.terminate()


def _measured(base_url: str, way: str, *row: str) -> tuple[float, float]:
    environ = {
        **os.environ,
        "OPENAI_BASE_URL": base_url,
        "OPENAI_API_KEY": "sk-nobodys",
        "PYTHONPATH": str(HERE.parent),
    }
    command = [sys.executable, __file__, "--one", way, *row]
    done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, check=True, text=True)
    seconds, cpu = map(float, done.stdout.split())
    return seconds, cpu


def _one(way: str, conversations: int, turns: int, most: int) -> None:
    """Hold the conversations, and print seconds and CPU seconds."""
    import openai  # noqa: F401  (half a second that is not the conversations')

    work = _tasks if way == "tasks" else _threads
    began, used = time.perf_counter(), time.process_time()
    said = work(conversations, turns, most)
    print(time.perf_counter() - began, time.process_time() - used)
    assert said == ["ok"] * conversations * turns


def _tasks(conversations: int, turns: int, most: int) -> list[str]:
    import convrun

    async def talk(model: Any, room: asyncio.Semaphore) -> list[str]:
        async with room:
            conversation = model.conversation(stream=False)
            return [await conversation.prompt(f"Turn {number}").text() for number in range(turns)]

    async def main() -> list[list[str]]:
        model, room = convrun.get_async_model("m"), asyncio.Semaphore(most)
        return await asyncio.gather(*(talk(model, room) for _ in range(conversations)))

    return [text for texts in asyncio.run(main()) for text in texts]


def _threads(conversations: int, turns: int, most: int) -> list[str]:
    import convrun

    model = convrun.get_model("m")

    def talk(_number: int) -> list[str]:
        conversation = model.conversation(stream=False)
        return [conversation.prompt(f"Turn {number}").text() for number in range(turns)]

    with ThreadPoolExecutor(min(most, _MOST_THREADS)) as pool:
        return [text for texts in pool.map(talk, range(conversations)) for text in texts]


async def _serve(delay: int) -> None:
    """Answer each chat completion after `delay` milliseconds, however many wait; the port is printed."""
    message = {"role": "assistant", "content": "ok"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = json.dumps(
        {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}
    ).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
                await reader.readexactly(next(int(line[15:]) for line in lines if line.startswith(b"content-length:")))
                await asyncio.sleep(delay / 1000)
                writer.write(head + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _one(sys.argv[2], *map(int, sys.argv[3:]))
    elif sys.argv[1:2] == ["--serve"]:
        asyncio.run(_serve(int(sys.argv[2])))
    else:
        main()
