"""What a failing reply means: each way a provider can fail, as the one ProviderError that says what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast

from convrun.backends.chat_calls import mended
from convrun.backends.framing import Payload, Unparsed
from convrun.errors import (
    AuthenticationError,
    BadRequestError,
    BrokenReplyError,
    ConnectionFailedError,
    ContentFilterError,
    ContextOverflowError,
    ModelNotFoundError,
    ProviderError,
    ProviderTimeoutError,
    QuotaError,
    RateLimitError,
    ServerError,
)
from convrun.frozen import frozen
from convrun.redaction import without_account, without_ids
from convrun.values import Json, show

_PASSING = (RateLimitError, ServerError, ProviderTimeoutError)  # the same request may succeed later
_LOCKED = frozenset({409, 425})  # so may these
_TITLE = re.compile(r"<title[^>]*>\s*(.*?)\s*</title>", re.IGNORECASE | re.DOTALL)
_PAGE = re.compile(r"\s*<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)
_STATUS = re.compile(r"[45]\d\d", re.ASCII)
_NO_PREVIOUS = re.compile(r"previous.response\b.*\bnot.found", re.IGNORECASE | re.DOTALL)
_FORGOTTEN = (
    "the provider keeps replies for a while only: go on without previous_response_id, or begin anew "
    "(a recording with `convrun record --all`)"
)
_SHOWN = 500  # characters of a provider's text that go into a message


@frozen
class ReplyErrors:
    """The errors of one reply.

    `provider` is the name or host that people know; `key_variable` is where the key came from, None if none was sent;
    `withheld_at` is the address that got none because only a spec names it.
    """

    provider: str
    status: int = 200
    headers: Mapping[str, str]
    key_variable: str | None = None
    withheld_at: str | None = None

    def refused(self, payloads: Sequence[Payload]) -> ProviderError:
        """Return the error of a reply whose status is no success."""
        payload = payloads[0] if payloads else None
        error: Json = None
        if isinstance(payload, Unparsed | str):
            text = payload.text if isinstance(payload, Unparsed) else payload
            if _PAGE.match(text):
                return self._page(text, is_answer=True)
            message = text.strip()
        else:
            error = error_in(payload) or cast("Json", payload)
            message = _message(error)
        shown = f": {_cut(message)}" if message else " with an empty body" if payload is None else ""
        kind = self._kind(self.status, error, message)
        fix = _FORGOTTEN if _NO_PREVIOUS.search(message) else None
        return self._error(kind, f"{self.provider} answered {self.status}{shown}", message, is_answer=True, fix=fix)

    def told(self, error: Json, *, streamed: bool) -> ProviderError:
        """Return the error that stands in a reply with a good status; `streamed`: in the midst of it."""
        message, status = _message(error), _status(error) or self.status
        where = "broke its stream off with an error" if streamed else f"answered {self.status} with an error"
        shown = _cut(message) or show(without_account(error, failed=True))
        kind = self._kind(status, error, message, streamed=streamed)
        return self._error(kind, f"{self.provider} {where}: {shown}", message, status=status, is_answer=True)

    def unreadable(self, text: str, *, streamed: bool) -> ProviderError:
        """Return the error of a payload that is not JSON."""
        if _PAGE.match(text):
            return self._page(text)
        if streamed or text.lstrip()[:1] in {"{", "["}:
            return self.broken(f"{show(text[-80:])} is where its JSON stops making sense")
        return self._error(
            BrokenReplyError,
            f"{self.provider} answered {self.status} with text that is not JSON: {show(_cut(text))}",
            text.strip(),
            fix="check that base_url is the address of an OpenAI-compatible API",
        )

    def empty(self) -> ProviderError:
        """Return the error of a reply without a body."""
        return self._error(
            BrokenReplyError,
            f"{self.provider} answered {self.status} with an empty body",
            retryable=True,
            fix="try again; if it stays, check that base_url is the address of an OpenAI-compatible API",
        )

    def no_choices(self, payload: Payload) -> ProviderError:
        """Return the error of a reply that is JSON and holds no completion."""
        fix = "check that base_url is the address of an OpenAI-compatible chat API, and the model one that chats"
        return self._without("a choice", payload, fix)

    def no_output(self, payload: Payload) -> ProviderError:
        """Return the error of a reply that is JSON and no reply of a Responses API."""
        fix = "check that base_url is the address of a Responses API; most providers have only the one for chat"
        return self._without("an output", payload, fix)

    def no_item(self) -> ProviderError:
        """Return the error of a reply of a Responses API that is complete and says nothing at all."""
        what = f"{self.provider} answered {self.status} with a reply that holds no item"
        return self._error(
            BrokenReplyError, what, retryable=True, fix="try again; a reply says something or calls a tool"
        )

    def unfinished(self, state: str) -> ProviderError:
        """Return the error of a reply that is to be fetched later."""
        return self._error(
            BadRequestError,
            f"{self.provider} answered {self.status} with a reply that is still {state}",
            fix="leave the option 'background' out: nobody comes back for the reply",
        )

    def broken(self, detail: str = "it gave neither a finish reason nor the end mark") -> ProviderError:
        """Return the error of a reply that ended before it was complete."""
        return self._error(
            BrokenReplyError,
            f"the reply of {self.provider} broke off before it was complete: {detail}",
            retryable=True,
            fix="try again; the connection was cut, by the provider or on the way",
        )

    def _without(self, what: str, payload: Payload, fix: str) -> ProviderError:
        text = payload.text if isinstance(payload, Unparsed) else None
        shown = show(without_account(cast("Json", payload), failed=True) if text is None else text)
        return self._error(BrokenReplyError, f"{self.provider} answered {self.status} without {what}: {shown}", fix=fix)

    def _page(self, text: str, *, is_answer: bool = False) -> ProviderError:
        title = _TITLE.search(text)
        named = f" ({show(_cut(title[1]))})" if title else ""
        return self._error(
            BrokenReplyError if self.status < 300 else self._kind(self.status),
            f"{self.provider} answered {self.status} with a web page instead of JSON{named}",
            title[1] if title else None,
            fix="try again later; a server on the way failed"
            if self.status >= 500
            else "check that base_url is the address of an API (it often ends in /v1) and no proxy stands between",
            is_answer=is_answer,
        )

    def _kind(
        self, status: int, error: Json = None, message: str = "", *, streamed: bool = False
    ) -> type[ProviderError]:
        from convrun.backends.error_kinds import kind_of  # most replies are no errors

        return kind_of(status, error, message, streamed=streamed)

    def _error(
        self,
        kind: type[ProviderError],
        what: str,
        message: str | None = None,
        *,
        status: int | None = None,
        retryable: bool | None = None,
        is_answer: bool = False,
        fix: str | None = None,
    ) -> ProviderError:
        status = status or self.status
        if retryable is None:
            retryable = issubclass(kind, _PASSING) or status in _LOCKED
        # Half a character of the provider's could be printed nowhere.
        return kind(
            mended([without_ids(what)]),
            status=status,
            provider_message=mended([without_ids(message)]) if message else None,
            request_id=self.headers.get("x-request-id") or self.headers.get("request-id"),
            retryable=retryable,
            is_answer=is_answer,
            fix=fix or self._fix(kind, status),
        )

    def _fix(self, kind: type[ProviderError], status: int) -> str:
        key = f"the key in {self.key_variable}" if self.key_variable else None
        if 300 <= status < 400:
            onwards = self.headers.get("location")
            place = f", to {show(_cut(onwards))}," if onwards else ""
            return f"it sends on{place} and nobody is followed: give the address that answers as base_url"
        if kind is RateLimitError:
            wait = self.headers.get("retry-after")
            if not wait or not wait.isdigit():
                return "wait a little, or send less"
            return f"wait {wait} second{'' if wait == '1' else 's'}, or send less"
        fixes: dict[type[ProviderError], str] = {
            AuthenticationError: self._without_key()
            if key is None
            else f"check what {key} may do"
            if status == 403
            else f"check {key}, and that it is set",
            ModelNotFoundError: "check the model's name and base_url",
            QuotaError: f"the account of {key} has no credit left" if key else self._without_key(),
            ContextOverflowError: "send less: a shorter history or text; or take a model that takes more",
            ContentFilterError: "a filter of the provider stopped it: say it in other words, or leave it out",
            ServerError: "try again later; the provider has no capacity left"
            if status == 498
            else "try again later; the provider failed, not the request",
            ProviderTimeoutError: "try again",
        }
        requests = {400: "change what the request says", 404: "check the model's name and base_url"}
        return fixes.get(kind) or requests.get(status, "the words are the provider's; its documentation says more")

    def _without_key(self) -> str:
        if self.withheld_at is None:
            return "no key was sent: name the variable that holds one as api_key_env"
        return (
            f"no key was sent, as only a spec names {self.withheld_at!r}: "
            "name it in the settings' base_urls, in OPENAI_BASE_URL or with --base-url"
        )


def timed_out(host: str, seconds: float | None, more: str = "") -> ProviderError:
    """Return the error of a request that was not answered in time; `more` is ` more` where an answer had begun."""
    within = f" within {seconds:g} s" if seconds else " in time"
    return ProviderTimeoutError(
        f"no{more} answer from {host}{within}", retryable=True, fix="try again, or raise the model's timeout"
    )


def broke_off(host: str, why: str, *, status: int | None = None, request_id: str | None = None) -> ProviderError:
    """Return the error of a connection that was cut, before its answer began (no `status`) or within it."""
    return BrokenReplyError(
        f"the reply of {host} broke off before it was complete: {why}",
        status=status,
        request_id=request_id,
        retryable=True,
        fix="try again; the connection was cut, by the provider or on the way",
    )


def unreachable(host: str, why: str, base_url: str) -> ProviderError:
    """Return the error of a request that reached nobody."""
    return ConnectionFailedError(
        f"{host} cannot be reached: {why}",
        retryable=True,
        fix=f"check the network, and that a server answers at {base_url}",
    )


def unsendable(why: object) -> ProviderError:
    """Return the error of a request that is no JSON."""
    return BadRequestError(f"the request cannot be sent: {why}", fix="look at its options")


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


def _status(error: Json) -> int | None:
    """The status that an error names, as a number or a text; None where it names none."""
    if isinstance(error, dict):
        for key in ("code", "type", "status_code", "status"):
            code = error.get(key)
            if isinstance(code, str) and _STATUS.fullmatch(code):
                return int(code)
            if isinstance(code, int) and 400 <= code < 600:
                return code
    return None


def _cut(text: str | None) -> str:
    text = " ".join((text or "").split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
