"""Which error of ours a provider's error is: told by its codes, by its words where they say more, else by the status.

No two providers agree. A code is believed before the words, and both before the status: context overflows come as 400,
413, 429 and 500, filters as 400 and 403, a wrong key as 400. Loaded when something failed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias, cast

from convrun.backends.framing import Unparsed, parsed
from convrun.errors import (
    AuthenticationError,
    BadRequestError,
    ContentFilterError,
    ContextOverflowError,
    ModelNotFoundError,
    ProviderError,
    ProviderTimeoutError,
    QuotaError,
    RateLimitError,
    ServerError,
)
from convrun.values import Json, JsonObject

Kind: TypeAlias = type[ProviderError]

_CODE_FIELDS = ("code", "type", "status", "error_type", "reason")
_INNER_FIELDS = ("innererror", "metadata", "error", "details", "errors", "raw")
_DEEPEST = 4  # fields of fields that are looked through for codes
_LARGEST = 10**9  # code that is a number
_NO_LETTERS = re.compile(r"[^a-z0-9]")


def _spelt(code: str) -> str:
    """A code as all spell it: DataInspectionFailed is data_inspection_failed."""
    return _NO_LETTERS.sub("", code.lower())


def _table(kinds: dict[Kind, str]) -> dict[str, Kind]:
    return {_spelt(code): kind for kind, codes in kinds.items() for code in codes.split()}


# What says exactly what went wrong, whatever the status.
_EXACT = _table(
    {
        ContentFilterError: "content_filter ResponsibleAIPolicyViolation content_policy_violation moderation_blocked "
        "data_inspection_failed 1301",
        ContextOverflowError: "context_length_exceeded exceed_context_size_error request_too_large payload_too_large "
        "1261",
        QuotaError: "insufficient_quota billing_hard_limit_reached billing_not_active exceeded_current_quota_error "
        "insufficient_balance billing_error payment_required arrearage 1113",
        AuthenticationError: "invalid_api_key wrong_api_key API_KEY_INVALID authentication_error authentication "
        "permission_error permission_denied",
        ModelNotFoundError: "model_not_found DeploymentNotFound invalid_model model_decommissioned",
    }
)
# What says whose fault it was, where the status does not.
_ROUGH = _table(
    {
        RateLimitError: "rate_limit_exceeded rate_limit_error rate_limit_reached_error rate_limited "
        "RESOURCE_EXHAUSTED too_many_requests_error too_many_requests",
        ProviderTimeoutError: "timeout timeout_error DEADLINE_EXCEEDED",
        ServerError: "server_error api_error internal_server_error internal_error InternalServerError INTERNAL "
        "overloaded_error engine_overloaded_error server_is_overloaded provider_overloaded provider_unavailable "
        "service_unavailable UNAVAILABLE capacity_exceeded server",
        BadRequestError: "invalid_request_error invalid_request invalid_prompt BadRequestError INVALID_ARGUMENT "
        "unprocessable tool_use_failed json_validate_failed unsupported_parameter unsupported_value",
    }
)
_LONG_TEXTS = {*map(_spelt, ("string_above_max_length", "string_too_long"))}
_OVERLOADED = {
    *map(_spelt, ("overloaded_error", "engine_overloaded_error", "server_is_overloaded", "provider_overloaded"))
}

_TOO_LARGE = re.compile("request too large", re.IGNORECASE)  # for a whole minute: waiting does not help
_OVERFLOW = re.compile(
    r"maximum context length|context (?:length|window|size) (?:is |was |has been )?exceed|context the overflows"
    r"|(?:exceed\w*|longer than|larger than|greater than|beyond)\b.{0,80}?\bcontext[ _](?:length|window|size|limit)"
    r"|context (?:length|window) (?:of only|exceeds)|(?:prompt|input) is too long|prompt too long"
    r"|model token limit|maximum prompt length is|prompt exceeds max length|input token count.{0,40}exceeds"
    r"|inputs` tokens \+ `max_new_tokens` must|tokens in request more than max tokens|reduce the length of"
    r"|range of input length should be|too many tokens: ",
    re.IGNORECASE | re.DOTALL,
)
_FILTER = re.compile(
    r"content (?:management|filter\w*|moderation|safety) polic|violates? (?:our |the )?(?:usage|content)\b"
    r"|violating (?:our |the )?(?:usage|content)\b|content exists risk|moderation block|considered high risk"
    r"|inappropriate content|input was flagged",
    re.IGNORECASE,
)
_QUOTA = re.compile(
    r"insufficient (?:account )?(?:balance|credit|fund)|credit balance is too low|requires? more credits"
    r"|more credits are required|used all available credits|spending limit",
    re.IGNORECASE,
)
_KEY = re.compile(
    r"\bapi[ _-]?key\b.{0,40}?\b(?:not valid|invalid|incorrect|expired|not found)\b"
    r"|\b(?:invalid|incorrect|missing) (?:\w+ )?api[ _-]?key\b",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"\bmodel\b.{0,80}?\b(?:not found|not exist|decommissioned)\b|not a valid model|\bunknown model\b|invalid model\b",
    re.IGNORECASE,
)
_OF_A_MODEL = re.compile(r"\bmodels?\b|\bdeployment\b|no endpoints found", re.IGNORECASE)
_LONG_FIELD = re.compile(r"messages|input|prompt|instructions")


def kind_of(status: int, error: Json, message: str, *, streamed: bool = False) -> Kind:
    """Return the class of an error.

    `error` is what the provider sent, `message` its words. `streamed`: it came in the midst of a reply.
    """
    codes = [*map(_spelt, _codes(error))]
    return (
        _by_code(codes, error, message)
        or _by_words(status, message)
        or _by_status(status, codes, message)
        or next((_ROUGH[code] for code in codes if code in _ROUGH), None)
        # Who began to answer had nothing against the request.
        or (ServerError if streamed and status < 400 else BadRequestError)
    )


def _by_code(codes: list[str], error: Json, message: str) -> Kind | None:
    if _spelt("invalid_prompt") in codes and "flagged" in message:
        return ContentFilterError
    if _LONG_TEXTS & {*codes}:
        field = error.get("param") if isinstance(error, dict) else None
        return None if isinstance(field, str) and not _LONG_FIELD.search(field) else ContextOverflowError
    metadata = error.get("metadata") if isinstance(error, dict) else None
    if isinstance(metadata, dict) and ("flagged_input" in metadata or metadata.get("reasons")):
        return ContentFilterError
    return next((_EXACT[code] for code in codes if code in _EXACT), None)


def _by_words(status: int, message: str) -> Kind | None:
    """What the words say, where a status does not say otherwise: a 401 is about the key whatever it quotes."""
    if _TOO_LARGE.search(message):
        return ContextOverflowError
    if _QUOTA.search(message):
        return QuotaError
    if status not in {401, 404, 429} and _OVERFLOW.search(message):
        return ContextOverflowError
    if status < 500 and status not in {401, 404, 429} and _FILTER.search(message):
        return ContentFilterError
    if status <= 400 and _KEY.search(message):
        return AuthenticationError
    return ModelNotFoundError if status <= 400 and _NO_MODEL.search(message) else None


def _by_status(status: int, codes: list[str], message: str) -> Kind | None:
    if status == 404:
        return ModelNotFoundError if _OF_A_MODEL.search(message) else BadRequestError
    if status == 429:
        return ServerError if _OVERLOADED & {*codes} else RateLimitError
    if status == 498 or (status >= 500 and status != 501):
        return ServerError
    return {
        401: AuthenticationError,
        402: QuotaError,
        403: AuthenticationError,
        407: AuthenticationError,
        408: ProviderTimeoutError,
        413: ContextOverflowError,
        501: BadRequestError,
    }.get(status)


def _codes(error: Json, depth: int = 0) -> Iterator[str]:
    """All that stands where providers put codes, the outermost first."""
    if depth > _DEEPEST:
        return
    if isinstance(error, list):
        for item in error:
            yield from _codes(item, depth + 1)
    elif isinstance(error, dict):
        for field in _CODE_FIELDS:
            code = error.get(field)
            if isinstance(code, str) or (isinstance(code, int) and abs(code) < _LARGEST):
                yield str(code)
        for field in _INNER_FIELDS:
            yield from _codes(_inner(error, field), depth + 1)


def _inner(error: JsonObject, field: str) -> Json:
    """What an error says within itself; behind OpenRouter's `Provider returned error` stands JSON as a text."""
    value = error.get(field)
    if field != "raw" or not isinstance(value, str):
        return value
    found = parsed(value)
    return None if isinstance(found, Unparsed) else cast("Json", found)
