"""What a failing reply means: each way a provider can fail, as the one ProviderError that says what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast

from convrun.backends.framing import Payload, Unparsed
from convrun.errors import ProviderError
from convrun.frozen import frozen
from convrun.redaction import without_account, without_ids
from convrun.values import Json, show

_RETRYABLE = frozenset({408, 409, 425, 429, 498})  # 498: Groq has no capacity left
_FOR_GOOD = frozenset({"insufficient_quota", "billing_hard_limit_reached", "invalid_api_key"})
_PASSING = frozenset({"rate_limit_exceeded", "rate_limit_error", "overloaded_error", "server_error", "api_error"})
_TITLE = re.compile(r"<title[^>]*>\s*(.*?)\s*</title>", re.IGNORECASE | re.DOTALL)
_PAGE = re.compile(r"\s*<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)
_STATUS = re.compile(r"[45]\d\d", re.ASCII)
_SHOWN = 500  # characters of a provider's text that go into a message


@frozen
class ReplyErrors:
    """The errors of one reply.

    `provider` is the name or host that people know; `key_variable` is where the key came from, None if none was sent.
    """

    provider: str
    status: int = 200
    headers: Mapping[str, str]
    key_variable: str | None = None

    def refused(self, payloads: Sequence[Payload]) -> ProviderError:
        """Return the error of a reply whose status is no success."""
        payload = payloads[0] if payloads else None
        if isinstance(payload, Unparsed | str):
            text = payload.text if isinstance(payload, Unparsed) else payload
            if _PAGE.match(text):
                return self._page(text, is_answer=True)
            message, code = text.strip(), None
        else:
            message, code = _message(error_in(payload) or payload), _code(error_in(payload))
        shown = f": {_cut(message)}" if message else " with an empty body" if payload is None else ""
        what = f"{self.provider} answered {self.status}{shown}"
        return self._error(what, message, code=code, fix=self._fix(code), is_answer=True)

    def told(self, error: Json, *, streamed: bool) -> ProviderError:
        """Return the error that stands in a reply with a good status."""
        message, code = _message(error), _code(error)
        where = "broke its stream off with an error" if streamed else f"answered {self.status} with an error"
        status = code if isinstance(code, int) and 400 <= code < 600 else self.status
        return self._error(
            f"{self.provider} {where}: {_cut(message) or show(without_account(error, failed=True))}",
            message,
            code=code,
            status=status,
            fix=self._fix(code, status),
            is_answer=True,
        )

    def unreadable(self, text: str, *, streamed: bool) -> ProviderError:
        """Return the error of a payload that is not JSON."""
        if _PAGE.match(text):
            return self._page(text)
        if streamed or text.lstrip()[:1] in {"{", "["}:
            return self.broken(f"{show(text[-80:])} is where its JSON stops making sense")
        return self._error(
            f"{self.provider} answered {self.status} with text that is not JSON: {show(_cut(text))}",
            text.strip(),
            fix="check that base_url is the address of an OpenAI-compatible API",
        )

    def empty(self) -> ProviderError:
        """Return the error of a reply without a body."""
        return self._error(
            f"{self.provider} answered {self.status} with an empty body",
            retryable=True,
            fix="try again; if it stays, check that base_url is the address of an OpenAI-compatible API",
        )

    def no_choices(self, payload: Payload) -> ProviderError:
        """Return the error of a reply that is JSON and holds no completion."""
        text = payload.text if isinstance(payload, Unparsed) else None
        shown = show(without_account(cast("Json", payload), failed=True) if text is None else text)
        return self._error(
            f"{self.provider} answered {self.status} without a choice: {shown}",
            fix="check that base_url is the address of an OpenAI-compatible chat API, and the model one that chats",
        )

    def no_output(self, payload: Payload) -> ProviderError:
        """Return the error of a reply that is JSON and no reply of a Responses API."""
        text = payload.text if isinstance(payload, Unparsed) else None
        shown = show(without_account(cast("Json", payload), failed=True) if text is None else text)
        return self._error(
            f"{self.provider} answered {self.status} without an output: {shown}",
            fix="check that base_url is the address of a Responses API; most providers have only the one for chat",
        )

    def unfinished(self, state: str) -> ProviderError:
        """Return the error of a reply that is to be fetched later."""
        return self._error(
            f"{self.provider} answered {self.status} with a reply that is still {state}",
            fix="leave the option 'background' out: nobody comes back for the reply",
        )

    def broken(self, detail: str = "it gave neither a finish reason nor the end mark") -> ProviderError:
        """Return the error of a reply that ended before it was complete."""
        return self._error(
            f"the reply of {self.provider} broke off before it was complete: {detail}",
            retryable=True,
            fix="try again; the connection was cut, by the provider or on the way",
        )

    def _page(self, text: str, *, is_answer: bool = False) -> ProviderError:
        title = _TITLE.search(text)
        named = f" ({show(_cut(title[1]))})" if title else ""
        return self._error(
            f"{self.provider} answered {self.status} with a web page instead of JSON{named}",
            title[1] if title else None,
            fix="try again later; a server on the way failed"
            if self.status >= 500
            else "check that base_url is the address of an API (it often ends in /v1) and no proxy stands between",
            is_answer=is_answer,
        )

    def _error(
        self,
        what: str,
        message: str | None = None,
        *,
        code: str | int | None = None,
        status: int | None = None,
        retryable: bool | None = None,
        is_answer: bool = False,
        fix: str | None = None,
    ) -> ProviderError:
        status = status or self.status
        if retryable is None:
            passing = status in _RETRYABLE or status >= 500 or code in _PASSING
            retryable = passing and code not in _FOR_GOOD
        return ProviderError(
            without_ids(what),
            status=status,
            provider_message=without_ids(message) if message else None,
            request_id=self.headers.get("x-request-id") or self.headers.get("request-id"),
            retryable=retryable,
            is_answer=is_answer,
            fix=fix,
        )

    def _fix(self, code: str | int | None = None, status: int | None = None) -> str:
        status = status or self.status
        key = f"the key in {self.key_variable}" if self.key_variable else "the key (none was sent)"
        if code == "insufficient_quota":
            return f"the account of {key} has no credit left"
        if 300 <= status < 400:
            onwards = self.headers.get("location")
            place = f", to {show(_cut(onwards))}," if onwards else ""
            return f"it sends on{place} and nobody is followed: give the address that answers as base_url"
        if status == 429:
            wait = self.headers.get("retry-after")
            return f"wait {wait} seconds, or send less" if wait and wait.isdigit() else "wait a little, or send less"
        if status >= 500:
            return "try again later; the provider failed, not the request"
        return {
            400: "change what the request says",
            401: f"check {key}",
            403: f"check what {key} may do",
            404: "check the model's name and base_url",
            408: "try again",
            413: "send less: the request is too large",
            498: "try again later; the provider has no capacity left",
        }.get(status, "the words are the provider's; its documentation says more")


def timed_out(host: str, seconds: float | None, more: str = "") -> ProviderError:
    """Return the error of a request that was not answered in time; `more` is ` more` where an answer had begun."""
    within = f" within {seconds:g} s" if seconds else " in time"
    return ProviderError(
        f"no{more} answer from {host}{within}", retryable=True, fix="try again, or raise the model's timeout"
    )


def broke_off(host: str, why: str, *, status: int | None = None, request_id: str | None = None) -> ProviderError:
    """Return the error of a connection that was cut, before its answer began (no `status`) or within it."""
    return ProviderError(
        f"the reply of {host} broke off before it was complete: {why}",
        status=status,
        request_id=request_id,
        retryable=True,
        fix="try again; the connection was cut, by the provider or on the way",
    )


def error_in(payload: Payload) -> Json:
    """Return the error a payload holds, in whatever shape this provider writes it; None where it holds none."""
    if isinstance(payload, list):
        return next((error_in(item) for item in payload if isinstance(item, dict) and error_in(item)), None)
    if not isinstance(payload, dict):
        return None
    if payload.get("error"):
        error = payload["error"]
        # {"error": true, "message": …}: the words stand beside it.
        return payload if error is True or (isinstance(error, str) and payload.get("message")) else error
    if payload.get("object") == "error" or (payload.get("errors") and not payload.get("choices")):
        return payload
    return None


def _message(error: Payload) -> str:
    """The provider's own words."""
    if isinstance(error, str):
        return error.strip()
    if isinstance(error, list):
        return "; ".join(filter(None, map(_message, error)))
    if not isinstance(error, dict):
        return ""
    for key in ("message", "detail", "msg", "error_description", "error", "errors"):
        if text := _message(error.get(key)):
            return f"{text}: {raw}" if (raw := _raw(error)) else text
    return ""


def _raw(error: dict[str, Json]) -> str:
    """What stands behind OpenRouter's `Provider returned error`."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return raw.strip() if isinstance(raw, str) else ""


def _code(error: Json) -> str | int | None:
    if isinstance(error, dict):
        for key in ("code", "type"):
            code = error.get(key)
            if isinstance(code, str | int) and not isinstance(code, bool):
                return int(code) if isinstance(code, str) and _STATUS.fullmatch(code) else code
    return None


def _cut(text: str | None) -> str:
    text = " ".join((text or "").split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
