"""Projects for runs of several at once: tools that do what no tool should, and processes that are interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

WAIT = 60  # seconds
# Started in the background, by a shell or in CI, these tests would hand on that SIGINT is ignored.
HEARING = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
TOOLS = """
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

def exits():
    os._exit(3)

def killed():
    os.kill(os.getpid(), signal.SIGKILL)

def prints():
    print("x" * 10_000_000)
    return "printed"

def forks():
    if os.fork() == 0:
        os._exit(0)
    os.wait()
    return "forked"

def doubles():
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
    return "doubled"

def leaves():
    if os.fork() == 0:
        time.sleep(5)
        os._exit(0)
    os._exit(5)

def closes():
    os.closerange(3, 100)
    return "closed"

def moves():
    os.chdir("/")
    return "moved"

def ends():
    sys.exit(0)

def raises():
    raise ValueError("no")

def hangs():
    time.sleep(60)

def dawdles():
    time.sleep(0.2)
    return "dawdled"

def waits():
    child = subprocess.Popen(["sleep", "60"])
    pids = Path("pids")
    with pids.open("a") as file:
        file.write(f"{os.getpid()} {child.pid}\\n")
    try:
        child.wait()
    finally:
        child.kill()

def stubborn():
    with Path("pids").open("a") as file:
        file.write(f"{os.getpid()}\\n")
    while True:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            pass

def interrupts():
    raise KeyboardInterrupt

def works():
    return "worked"
"""


def calling(tool, **more):
    """A spec whose model calls this tool, which has to have an answer."""
    keys = "".join(f"{key}: {value}\n" for key, value in more.items())
    return (
        f"model: {{script: [{{call: {tool}}}, {{reply: done}}]}}\ntools: ['desk:{tool}']\n{keys}"
        "turns: [{user: Hi, expect: [{equals: done}]}]\n"
    )


def with_tools(project, *tools):
    """A project with a conversation for each of these tools, in order."""
    project.write("desk.py", TOOLS)
    for number, tool in enumerate(tools, 1):
        project.write(f"specs/{number}.yaml", calling(tool))
    return project


def verdicts(project, *arguments):
    """The verdicts of a run, with the message of an error."""
    ended = project.cli("run", "--report", "json", *arguments)
    return [
        one["verdict"] + (f": {one['error']['message']}" if one["error"] else "")
        for one in json.loads(ended.stdout)["conversations"]
    ]


def without_times(report):
    """A JSON report without what differs from run to run."""
    result = json.loads(report)

    def clean(value):
        if isinstance(value, dict):
            return {key: clean(item) for key, item in value.items() if key not in {"duration_s", "started"}}
        return [clean(item) for item in value] if isinstance(value, list) else value

    return clean(result)


@contextmanager
def begun(project, *arguments):
    """A process group of a run's own, that hears of Ctrl-C as in a terminal; nothing of it is left behind."""
    process = subprocess.Popen(
        [sys.executable, "-c", HEARING, *project.command(*arguments)],
        cwd=project.root,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def until(condition):
    """Wait until it holds; return what it gave."""
    end = time.monotonic() + WAIT
    while not (found := condition()):
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)
    return found


def pids(project, processes):
    """The ids that tools wrote down, once there are lines of so many processes."""
    path = project.root / "pids"
    lines = until(lambda: path.exists() and len(found := path.read_text().splitlines()) == processes and found)
    return [int(pid) for line in lines for pid in line.split()]


def alive(pid):
    """Whether a process is there and no zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


LINUX = sys.platform == "linux"
