"""What long conversations cost: an echo run of 1,000 turns beside one of 500, a request of 400 turns beside the SDK's.

python benchmarks/long_conversations.py runs ROUNDS [TURNS]               prints CPU and memory of both runs, by round
python benchmarks/long_conversations.py requests ROUNDS BASE_URL [TURNS]  prints CPU of a request, ours and the SDK's
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

GROWTH_AIM, REQUEST_AIM = 2.3, 0.1
TURNS, SENT_TURNS = 1000, 400
_REQUESTS = 10  # of each kind in a round
_SAID = "What should I know about place {}? " + "I have read a good deal of it, and want to hear the rest. " * 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LongConversations:
    """CPU and memory of an echo run, by those of one half as long; and the CPU milliseconds of a request."""

    cpu: float
    memory: float
    ours: float
    theirs: float


def long_conversations(rounds: int, *, turns: int = TURNS, sent: int = SENT_TURNS) -> LongConversations:
    """Return what long conversations cost: a process for each kind, all in turn in it, the medians of the rounds.

    Raises:
        Failed: where a conversation cannot be held.
    """
    from rows import provider

    runs = [[*map(float, line)] for line in _told("runs", str(rounds), str(turns))]
    with provider() as base_url:
        requests = [[*map(float, line)] for line in _told("requests", str(rounds), base_url, str(sent))]
    return LongConversations(
        cpu=median(run[1] / run[0] for run in runs),
        memory=median(run[3] / run[2] for run in runs),
        ours=median(request[0] for request in requests),
        theirs=median(request[1] for request in requests),
    )


def _told(*arguments: str) -> list[list[str]]:
    """What this program prints, called with these arguments: the words of each line."""
    from processes import Failed
    from sides import sides

    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, __file__, *arguments]
        environ = sides("")[0].environ(Path(name))
        done = subprocess.run(command, cwd=name, env=environ, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(done.stderr)
    return [line.split() for line in done.stdout.splitlines()]


def runs(rounds: int, turns: int) -> Iterator[tuple[float, ...]]:
    """Yield for each round the CPU seconds of a run with half the turns and with all, then their peaks of memory."""
    folders = [_project(number) for number in (turns // 2, turns)]
    for folder in folders:  # for nothing: modules are loaded, caches filled
        _run(folder)
    memory = [_peak(folder) for folder in folders]  # the same in each round: what is allocated hangs on no machine
    for _ in range(rounds):
        yield (*map(_run, folders), *memory)


def _project(turns: int) -> Path:
    """A new project in the folder: one spec of so many turns, with a check each."""
    folder = Path.cwd() / str(turns)
    (folder / "specs").mkdir(parents=True)
    (folder / "convrun.toml").write_text("", encoding="utf-8")
    said = "".join(
        f"  - user: '{_SAID.format(number)}'\n    expect: [{{contains: place}}]\n" for number in range(turns)
    )
    text = f"model: echo\nsystem: You are a travel guide.\nturns:\n{said}"
    (folder / "specs" / "echo.yaml").write_text(text, encoding="utf-8")
    return folder


def _run(folder: Path) -> float:
    """Load a project and run it; return the CPU seconds."""
    from convrun.run.planning.options import RunOptions
    from convrun.run.project import open_project, prepare
    from convrun.suite.run import run_all

    os.chdir(folder)
    gc.collect()
    began = process_time()
    options = RunOptions()
    prepared = prepare(open_project([], cwd=folder, environ={}, overrides={}), options, environ={})
    result = run_all(prepared, options, environ={}, command="convrun run", on_result=lambda _: None)
    spent = process_time() - began
    assert [one.verdict for one in result.conversations] == ["passed"], result
    return spent


def _peak(folder: Path) -> float:
    """The most bytes that a run has allocated at a time."""
    tracemalloc.start()
    try:
        _run(folder)
        return float(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


def requests(rounds: int, base_url: str, turns: int) -> Iterator[tuple[float, float]]:
    """Yield for each round the CPU milliseconds that one more turn of a conversation takes: ours, and the SDK's.

    Both build the request, encode and send it and read the reply, through the same SDK and connection.
    """
    import openai

    import convrun

    said = [(_SAID.format(number), f"Certainly, of place {number}: " + "it is windy. " * 20) for number in range(turns)]
    history = [convrun.system("You are a travel guide.")]
    messages: list[Any] = [{"role": "system", "content": "You are a travel guide."}]
    for question, answer in said:
        history += (convrun.user(question), convrun.assistant(answer))
        messages += ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
    conversation = convrun.get_model("gpt-4.1-mini", base_url=base_url).conversation(history=history, stream=False)
    client = openai.OpenAI(base_url=base_url, api_key="not-a-key")

    def ours() -> None:
        assert conversation.prompt("And what else?").text().startswith("Certainly")

    def theirs() -> None:
        messages.append({"role": "user", "content": "And what else?"})
        reply = client.chat.completions.create(model="gpt-4.1-mini", messages=messages).choices[0].message
        assert reply.content is not None
        assert reply.content.startswith("Certainly")
        messages.append({"role": "assistant", "content": reply.content})

    ours(), theirs()  # for nothing: what goes out first is encoded whole, and connections are opened
    for _ in range(rounds):
        yield _milliseconds(ours), _milliseconds(theirs)


def _milliseconds(work: Any) -> float:
    """The CPU time of a request, the mean of some."""
    gc.collect()
    began = process_time()
    for _ in range(_REQUESTS):
        work()
    return (process_time() - began) / _REQUESTS * 1000


def main() -> None:
    """Print a line for each round."""
    kind, rounds, *more = sys.argv[1:]
    if kind == "runs":
        found: Iterator[tuple[float, ...]] = runs(int(rounds), int(more[0]) if more else TURNS)
    else:
        found = requests(int(rounds), more[0], int(more[1]) if more[1:] else SENT_TURNS)
    for figures in found:
        print(*figures)


if __name__ == "__main__":
    main()
