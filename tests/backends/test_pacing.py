"""The pace of live calls: evenly, for all conversations of a provider, and slower after a 429."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from time import monotonic, perf_counter
from typing import Any

import pytest
from servers import Answer, Loopback, Received, Said, chunk, event_stream, loopback_server, reply

from convrun.backends.pacing import Pace, pace_at, retry_wait
from convrun.backends.resolving import resolve
from convrun.conversation.backend import ModelRequest
from convrun.conversation.messages import user
from convrun.errors import ProviderError
from convrun.wire import Request


class Stamps:
    """When requests arrived, on the clock of the server's machine."""

    def __init__(self) -> None:
        self.at: list[float] = []
        self._lock = threading.Lock()

    def then(self, *answers: Said) -> Callable[[Received], Said]:
        """Note the arrival and give the answers in order, the last one for ever."""
        left = list(answers)

        def answer(_: Received) -> Said:
            with self._lock:
                self.at.append(monotonic())
                return left.pop(0) if len(left) > 1 else left[0]

        return answer

    @property
    def gaps(self) -> list[float]:
        """Seconds between one request and the next."""
        return [after - before for before, after in pairwise(sorted(self.at))]


def call(loopback: Loopback, *, stream: bool = False, **said: Any) -> str:
    """Send one message; return what the model says."""
    model = resolve("m", environ={}, base_url=loopback.base_url, **said)
    *_, last = model.send(ModelRequest(messages=(user("hello"),), stream=stream))
    return last.message.text  # type: ignore[union-attr]


def busy(**headers: str) -> Answer:
    """An answer 429."""
    return Answer(status=429, headers={name.replace("_", "-"): value for name, value in headers.items()}, body={})


def test_requests_go_out_evenly_across_threads(loopback: Loopback) -> None:
    """Of many threads at once, each has its own tenth of a second: none arrives before as many tenths are over."""
    stamps = Stamps()
    loopback.says(stamps.then("fine"))
    began = monotonic()
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda _: call(loopback, rpm=600), range(8)))
    assert said == ["fine"] * 8
    for number, arrived in enumerate(sorted(stamps.at)):
        assert arrived - began >= number / 10


def test_each_host_has_its_own_pace(loopback: Loopback) -> None:
    """What one provider has to wait, another does not."""
    with loopback_server() as other:
        loopback.says("slow")
        other.says("fast")
        call(loopback, rpm=1)  # the next one there may go in a minute
        assert [call(other) for _ in range(3)] == ["fast"] * 3
    assert pace_at(loopback.base_url) is pace_at(loopback.base_url.replace("/v1", "/v2/chat"))
    assert pace_at("https://h/v1") is pace_at("https://h:443/v2")
    assert pace_at("https://h/v1") is not pace_at("http://h/v1")


def test_a_429_holds_back_all_conversations(loopback: Loopback) -> None:
    """Nobody sends to a provider that answered 429 until the wait is over, and the SDK retries but once."""
    stamps = Stamps()
    told = threading.Event()
    pace_at(loopback.base_url).settle(heard=lambda _: told.set())
    loopback.says(stamps.then(busy(retry_after="2.5"), "fine"))
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(call, loopback)
        assert told.wait(60)  # the answer has come, and its wait, over two seconds, has begun
        others = [pool.submit(call, loopback) for _ in range(3)]
        assert [one.result() for one in (first, *others)] == ["fine"] * 4
    assert len(stamps.at) == 5
    assert stamps.gaps[0] >= 2.5
    taken = [received.headers.get("x-stainless-retry-count") for received in loopback.requests]
    assert sorted(map(str, taken)) == ["0", "0", "0", "0", "1"]


def test_a_429_that_is_not_retried_holds_back_the_next(loopback: Loopback) -> None:
    """The wait that a provider asks for is kept by the next conversation, too, where the SDK gave up."""
    stamps = Stamps()
    loopback.says(stamps.then(busy(retry_after_ms="300"), "fine"))
    with pytest.raises(ProviderError, match="429"):
        call(loopback, max_retries=0)
    assert call(loopback) == "fine"
    assert stamps.gaps[0] >= 0.28


@pytest.mark.parametrize(
    ("headers", "retries", "seconds"),
    [
        ({"retry-after-ms": "1500", "retry-after": "9"}, 0, 1.5),
        ({"retry-after": "12"}, 0, 12),
        ({"retry-after": "0.25"}, 0, 0.25),
        ({"retry-after-ms": "x", "retry-after": "3"}, 0, 3),
        ({"retry-after": "121"}, 0, None),
        ({"retry-after": "12", "x-should-retry": "false"}, 0, None),
        ({"retry-after": "0"}, 0, 0.5),
        ({"retry-after": "-4"}, 1, 1),
        ({"retry-after": "nan"}, 0, 0.5),
        ({"retry-after": "soon"}, 2, 2),
        ({}, 0, 0.5),
        ({}, 3, 4),
        ({}, 9, 8),
    ],
)
def test_how_long_the_sdk_waits(headers: Mapping[str, str], retries: int, seconds: float | None) -> None:
    """The time that a server names in any of three ways, up to two minutes; else half a second, doubled each time."""
    assert retry_wait(headers, retries) == seconds


def test_a_server_may_name_a_moment() -> None:
    """retry-after as a date is the time until then."""
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=90)
    before = datetime.now(UTC)
    wait = retry_wait({"retry-after": format_datetime(moment, usegmt=True)}, 0)
    after = datetime.now(UTC)
    assert wait is not None
    assert (moment - after).total_seconds() <= wait <= (moment - before).total_seconds()


class Clock:
    """A clock that stands still unless it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class EnoughError(Exception):
    """Ends a wait that a test would not sit out."""


def enough(said: str) -> None:
    """Hear of a wait, and wait no longer."""
    raise EnoughError(said)


def test_a_429_is_told_once_however_many_wait() -> None:
    """The first refusal names the wait; others of the same moment, and requests that come meanwhile, say no more."""
    clock, heard = Clock(), list[str]()
    pace = Pace("127.0.0.1", clock=clock)
    pace.settle(name="groq", heard=heard.append)
    pace.slow(12, waiting=True)
    clock.now += 0.3
    pace.slow(12, waiting=True)
    assert heard == ["waiting 12 s for groq: it answered 429"]
    clock.now += 12
    pace.wait()
    pace.slow(1.5, waiting=True)  # too short for a line
    assert len(heard) == 1
    clock.now += 5
    pace.slow(4.2, waiting=True)
    assert heard[1:] == ["waiting 5 s for groq: it answered 429"]


def test_a_429_that_nobody_waits_for_is_told_to_who_does() -> None:
    """Where the SDK gave up there is no wait yet; the next request has one."""
    pace = Pace("groq", clock=Clock())
    pace.settle(heard=enough)
    pace.slow(2.2, waiting=False)
    with pytest.raises(EnoughError, match=r"^waiting 3 s for groq: it answered 429$"):
        pace.wait()


@pytest.mark.parametrize(
    ("rpm", "words"),
    [
        (28, "waiting 3 s for groq: at most 28 requests a minute"),
        (1, "waiting 60 s for groq: at most 1 request a minute"),
    ],
)
def test_a_wait_for_the_pace_is_told(rpm: float, words: str) -> None:
    """A request that has to wait over two seconds for its turn says for what; one that gave up is in nobody's way."""
    clock = Clock()
    pace = Pace("host", clock=clock)
    pace.settle(name="groq", rpm=rpm, heard=enough)
    pace.wait()
    with pytest.raises(EnoughError, match=words):
        pace.wait()
    clock.now += 60
    pace.wait()


def test_short_waits_are_not_told(loopback: Loopback) -> None:
    """Two seconds and less are not worth a line."""
    heard = list[str]()
    pace_at(loopback.base_url).settle(heard=heard.append)
    loopback.says(busy(retry_after_ms="50"), "fine")
    assert [call(loopback, rpm=600) for _ in range(2)] == ["fine"] * 2
    assert heard == []


@pytest.mark.parametrize("stream", [False, True])
def test_a_reply_says_when_its_request_left(loopback: Loopback, stream: bool) -> None:
    """Waits and attempts before the last are not among the time of a call."""
    body = event_stream(chunk(content="hi"), chunk("stop"))
    loopback.says(busy(retry_after_ms="300"), Answer(body=body) if stream else reply("hi"))
    transport = resolve("m", environ={}, base_url=loopback.base_url).transport
    started = perf_counter()
    sent: dict[str, Any] = {"model": "m", "messages": [], "stream": stream}
    answered = transport.send(Request(endpoint="chat/completions", body=sent, base_url=loopback.base_url))
    assert b"hi" in b"".join(answered.body)
    assert answered.began is not None
    assert answered.began - started >= 0.28


SPEC = """
    model: {name: m, base_url: %s, max_retries: 1}
    turns:
      - user: Hi
        expect: [{contains: fine}]
"""


def test_long_waits_are_shown_on_stderr(project: Any, loopback: Loopback) -> None:
    """`record` says of a wait how long it is and why, once, and not on stdout; a replay is not held."""
    project.write("specs/a.yaml", SPEC % loopback.base_url)
    loopback.says(busy(retry_after="2.5"), "fine")
    began = monotonic()
    ended = project.cli("record", "--report", "json", CONVRUN_RPM="600")
    assert (ended.returncode, ended.stderr.count("waiting")) == (0, 1)
    assert "waiting 3 s for 127.0.0.1: it answered 429\n" in ended.stderr
    assert ended.stdout.startswith("{")
    taken = (monotonic() - began) * 1000
    text = (project.root / "cassettes/a.yaml").read_text("utf-8")
    timings = text.partition("timings: [")[2].partition("]")[0]
    assert int(timings) + 2500 <= taken  # the wait is no part of it
    again = project.cli("run", CONVRUN_RPM="0.001")
    assert (again.returncode, "waiting" in again.stderr) == (0, False)


def test_a_rate_that_is_none_is_a_mistake(project: Any) -> None:
    """A setting that names nobody ends before anything runs."""
    project.write("specs/a.yaml", "model: echo\nturns: [{user: Hi}]\n")
    project.write("convrun.toml", "[rpm]\ngrok = 30\n")
    ended = project.cli("run")
    assert (ended.returncode, "did you mean 'groq'?" in ended.stderr) == (2, True)
