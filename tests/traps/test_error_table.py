"""The table of docs/errors.md: each error it names is served by a real server, and is of the class that it says."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from servers import Answer, chunk, event_stream, reply
from trapping import SSE, Fails, Trap, failure, stored

import convrun
from convrun.errors import ProviderError

PAGE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text("utf-8")
_ITEM = re.compile(r'`(?P<status>\d{3})`(?: "(?P<with>[^"]+)")?|`(?P<code>\w+)`|"(?P<words>[^"]+)"')
_WORDS = re.compile(r'"([^"]+)"')
BELOW = {
    "ContextOverflowError": "A request that is too long: ",
    "ContentFilterError": "What a filter blocked: ",
}
HALF = event_stream(chunk(content="Hi."), done=False)
# What the table says in plain words, as a server does it; None: there is no server.
DONE: dict[str, Answer | None] = {
    "silence": Answer(delay=20),
    "silence in a stream": Answer(body=[HALF, event_stream(chunk("stop"))], pause=20, headers=SSE),
    "nobody listens": None,
    "a cut stream": Answer(body=HALF, headers=SSE, cut=True),
    "a cut reply": Answer(body=json.dumps(reply("Hi.")).encode()[:-9], cut=True),
    "a stream without an end": Answer(body=HALF, headers=SSE),
    "an empty body": Answer(body=b""),
    "half of JSON": Answer(body=b'{"choices": [{"mess'),
    "no JSON": Answer(body=b"welcome"),
    "a web page": Answer(body=b"<!DOCTYPE html><title>Welcome</title>"),
    "no choice": Answer(body={"object": "list", "data": []}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the table, its cells as they stand there."""

    name: str
    retryable: str
    seen: str

    @property
    def kind(self) -> type[ProviderError]:
        """The class."""
        found: type[ProviderError] = getattr(convrun, self.name)
        return found

    def said(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Statuses with the errors in their bodies: what the row shows as code or in quotes."""
        for item in _ITEM.finditer(self.seen):
            if item["status"]:
                yield int(item["status"]), {"message": item["with"] or "No."}
            elif item["code"]:
                yield 400, {"message": "No.", "code": item["code"]}
                yield 400, {"message": "No.", "type": item["code"], "code": None}
            else:
                yield 400, {"message": item["words"]}
        if self.name in BELOW:
            (text,) = [part for part in PAGE.split("\n\n") if part.startswith(BELOW[self.name])]
            yield from ((400, {"message": words}) for words in _WORDS.findall(" ".join(text.split())))

    def may_pass(self, status: int | None, done: str = "") -> bool:
        """Whether the row says that the same request may succeed later."""
        told, _, but = self.retryable.partition(", but for ")
        not_these = self.seen.partition("not retryable: ")[2]
        return (told.startswith("yes") and not (done and done in not_these)) != (str(status) in but)


def rows() -> list[Row]:
    """The rows of the table of classes."""
    lines = [line for line in PAGE.splitlines() if re.match(r"\| `\w+Error` \|", line)]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [Row(name=name.strip("`"), retryable=retryable, seen=seen) for name, _, retryable, seen, _ in cells]


ROWS = rows()
each_row = pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])


def must_be(error: ProviderError, row: Row, *, status: int | None, done: str = "") -> None:
    """It is of the row's class, and may pass where the row says so."""
    found = (type(error), error.retryable)
    assert found == (row.kind, row.may_pass(status, done)), (row.seen, error)


def refused(loopback: Any, answer: Answer, **settings: Any) -> ProviderError:
    """The error of a model whose server gives this answer."""
    loopback.answers.clear()
    loopback.says(answer)
    stream = "text/event-stream" in answer.headers.values()
    given = {"base_url": loopback.base_url, "max_retries": 0, "timeout": 5.0} | settings
    with pytest.raises(ProviderError) as caught:
        convrun.get_model("m", **given).prompt("Hi", stream=stream).text()
    return caught.value


def test_the_table_has_all_classes() -> None:
    """Each subclass of ProviderError has one row, and can be had from convrun."""
    assert sorted(row.name for row in ROWS) == sorted(one.__name__ for one in ProviderError.__subclasses__())
    assert {row.name for row in ROWS} <= {*convrun.__all__}
    assert sum(len([*row.said()]) for row in ROWS) > 100


@each_row
def test_an_answer_is_of_the_class_of_its_row(row: Row, loopback: Any) -> None:
    """Refused by a server with this status, code or words, a prompt raises the class of the row."""
    for status, error in row.said():
        must_be(refused(loopback, Answer(status=status, body={"error": error})), row, status=status)


@each_row
def test_an_error_in_a_stream_is_of_the_class_of_its_row(row: Row, loopback: Any) -> None:
    """Said in a stream with status 200, after text, with the status as its code, it is the same class."""
    said = [(status, error) for status, error in row.said() if status != 307]  # no code of an error
    for status, error in said:
        told = error if error.get("code") or status == 400 else {**error, "code": status}
        told = {**told, "code": told.get("code") or (400 if row.name == "BadRequestError" else None)}
        found = refused(loopback, Answer(body=event_stream(chunk(content="Hi."), {"error": told}), headers=SSE))
        must_be(found, row, status=status)
        assert found.is_answer


@each_row
def test_a_recorded_error_is_of_the_class_of_its_row(row: Row, tmp_path: Path) -> None:
    """From a cassette it is the same class."""
    for number, (status, error) in enumerate(row.said()):
        body = json.dumps({"error": error}).encode()
        trap = Trap(line="x", case="x", bodies=(body,), status=status, means=Fails(kind=row.kind))
        _, found = failure(stored(tmp_path / f"{number}.yaml", trap, body))
        must_be(found, row, status=status)


@pytest.mark.parametrize("done", DONE)
def test_what_is_no_answer_is_of_the_class_of_its_row(done: str, loopback: Any) -> None:
    """A server that does what the table says in plain words raises the class of the row that says it."""
    plain = {row.name: re.split(r"; |, |: ", _ITEM.sub("", row.seen)) for row in ROWS}
    (row,) = [row for row in ROWS if done in plain[row.name]]
    answer = DONE[done]
    if answer is None:
        with socket.create_server(("127.0.0.1", 0)) as unused:
            url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        error = refused(loopback, Answer(), base_url=url)
    else:
        error = refused(loopback, answer, timeout=0.2 if done.startswith("silence") else 5.0)
    must_be(error, row, status=error.status, done=done)
    assert not error.is_answer


def test_all_that_is_said_in_plain_words_is_done() -> None:
    """The plain words of the table are those that the test above does."""
    words = {one.strip() for row in ROWS for one in re.split(r"; |, |: ", _ITEM.sub("", row.seen))}
    assert words - {"", "not retryable", "the words below"} == {*DONE}


@pytest.mark.parametrize("status", [413, 429, 500])
def test_too_much_for_one_request_is_an_overflow_whatever_the_status(status: int, loopback: Any) -> None:
    """Its code, or the words about a minute's tokens, count more than the status, and waiting does not help."""
    for error in (
        {
            "message": "Request too large for model `m` on tokens per minute (TPM): Limit 6000",
            "code": "rate_limit_exceeded",
        },
        {"message": "the request is too long", "type": "exceed_context_size_error", "code": status},
    ):
        found = refused(loopback, Answer(status=status, body={"error": error}))
        assert (type(found), found.retryable, found.status) == (convrun.ContextOverflowError, False, status)


BODIES: dict[str, tuple[type[ProviderError], int, Any]] = {
    "Azure filter": (
        convrun.ContentFilterError,
        400,
        {
            "error": {
                "message": "No.",
                "type": None,
                "param": "prompt",
                "code": None,
                "status": 400,
                "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {}},
            }
        },
    ),
    "OpenRouter moderation": (
        convrun.ContentFilterError,
        403,
        {"error": {"code": 403, "message": "No.", "metadata": {"reasons": ["x"], "flagged_input": "y"}}},
    ),
    "xAI filter": (
        convrun.ContentFilterError,
        403,
        {
            "code": "The caller does not have permission to execute the specified operation",
            "error": "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO",
        },
    ),
    "DashScope filter": (
        convrun.ContentFilterError,
        400,
        {
            "error": {
                "code": "data_inspection_failed",
                "param": None,
                "message": "No.",
                "type": "data_inspection_failed",
            }
        },
    ),
    "behind OpenRouter": (
        convrun.ContextOverflowError,
        400,
        {
            "error": {
                "message": "Provider returned error",
                "code": 400,
                "metadata": {"raw": '{"error": {"message": "No.", "code": "context_length_exceeded"}}'},
            }
        },
    ),
    "Gemini key": (
        convrun.AuthenticationError,
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "No.",
                    "status": "INVALID_ARGUMENT",
                    "details": [{"reason": "API_KEY_INVALID"}],
                }
            }
        ],
    ),
    "Gemini quota of a minute": (
        convrun.RateLimitError,
        429,
        [{"error": {"code": 429, "message": "You exceeded your current quota.", "status": "RESOURCE_EXHAUSTED"}}],
    ),
    "Moonshot without credit": (
        convrun.QuotaError,
        403,
        {"error": {"message": "Your account is not active", "type": "exceeded_current_quota_error"}},
    ),
    "Moonshot overloaded": (
        convrun.ServerError,
        429,
        {"error": {"message": "The engine is overloaded", "type": "engine_overloaded_error"}},
    ),
    "Ollama model": (
        convrun.ModelNotFoundError,
        404,
        {"error": {"message": "model 'm' not found", "type": "api_error", "param": None, "code": None}},
    ),
    "Mistral model": (
        convrun.ModelNotFoundError,
        400,
        {"object": "error", "message": "Invalid model: m", "type": "invalid_model", "param": None, "code": "1500"},
    ),
    "vLLM overflow": (
        convrun.ContextOverflowError,
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 8",
            "type": "BadRequestError",
            "code": 400,
        },
    ),
    "wrong address": (
        convrun.BadRequestError,
        404,
        {"error": {"message": "Invalid URL (POST /v1/chat)", "code": None}},
    ),
    "FastAPI": (convrun.BadRequestError, 422, {"detail": [{"loc": ["body"], "msg": "Extra inputs", "type": "extra"}]}),
    "a long field that is no text": (
        convrun.BadRequestError,
        400,
        {"error": {"message": "string too long", "param": "user", "code": "string_above_max_length"}},
    ),
    "a long message": (
        convrun.ContextOverflowError,
        400,
        {"error": {"message": "string too long", "param": "messages[0].content", "code": "string_above_max_length"}},
    ),
    "a prompt that is no prompt": (
        convrun.BadRequestError,
        400,
        {"error": {"message": "an unsupported role", "code": "invalid_prompt"}},
    ),
    "max_tokens": (
        convrun.BadRequestError,
        400,
        {
            "error": {
                "message": "max_tokens must be at most 16384, which is less than the context_window for this model"
            }
        },
    ),
    "a filter that failed": (
        convrun.ServerError,
        500,
        {"error": {"code": "content_filter_error", "message": "The contents are not filtered"}},
    ),
    "a number that is too large": (convrun.ServerError, 500, {"error": {"code": 10**4000, "message": "No."}}),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_as_a_provider_writes_it(name: str, loopback: Any, tmp_path: Path) -> None:
    """Wherever a provider puts its code, it is found: over HTTP, and in a cassette."""
    kind, status, body = BODIES[name]
    raw = json.dumps(body).encode()
    assert type(refused(loopback, Answer(status=status, body=raw))) is kind
    trap = Trap(line="x", case="x", bodies=(raw,), status=status, means=Fails(kind=kind))
    assert type(failure(stored(tmp_path / "a.yaml", trap, raw))[1]) is kind


def test_an_error_without_a_reason_is_the_requests_before_a_reply_and_the_providers_within_one(loopback: Any) -> None:
    """Said in a good answer, with neither code nor known words, it depends on whether the reply had begun."""
    said = {"error": {"message": "It failed"}}
    assert type(refused(loopback, Answer(body=said))) is convrun.BadRequestError
    begun = event_stream(chunk(content="Hi."), said)
    assert type(refused(loopback, Answer(body=begun, headers=SSE))) is convrun.ServerError


FAILED: dict[str, tuple[type[ProviderError], dict[str, Any]]] = {
    "overflow": (convrun.ContextOverflowError, {"code": "context_length_exceeded", "message": "No."}),
    "rate": (convrun.RateLimitError, {"code": "rate_limit_exceeded", "message": "No."}),
    "server": (convrun.ServerError, {"code": "server_error", "message": "No."}),
    "filter": (
        convrun.ContentFilterError,
        {"code": "invalid_prompt", "message": "Your prompt was flagged as potentially violating our usage policy."},
    ),
    "prompt": (convrun.BadRequestError, {"code": "invalid_prompt", "message": "An item is missing."}),
}


@pytest.mark.parametrize("name", FAILED)
@pytest.mark.parametrize("shape", ["refused", "failed", "failed in a stream", "error event", "flat error event"])
def test_an_error_of_a_responses_api_is_of_the_same_classes(name: str, shape: str, loopback: Any) -> None:
    """Refused, failed as a reply, or in an event of any shape, its codes mean what they mean elsewhere."""
    kind, error = FAILED[name]
    failed = {"id": "resp_1", "object": "response", "status": "failed", "error": error, "output": []}
    events: dict[str, Any] = {
        "failed in a stream": {"type": "response.failed", "response": failed},
        "error event": {"type": "error", "error": {"type": "invalid_request_error", **error}},
        "flat error event": {"type": "error", **error, "param": None},
    }
    if shape in events:
        answer = Answer(body=event_stream(events[shape], done=False), headers=SSE)
    else:
        answer = Answer(body=failed) if shape == "failed" else Answer(status=400, body={"error": error})
    assert type(refused(loopback, answer, api="responses")) is kind
