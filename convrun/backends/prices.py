"""What model calls cost, by the price list that genai-prices brings along; nothing is fetched.

Prices are those of today, of providers that publish them. What is not known is None, and never 0: a model on this
machine costs something else, a deployment may be named anything, a reply may not say how long it was.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import TypeAlias
from urllib.parse import urlsplit

from convrun.backends.chat_decoding import MOST_TOKENS, usage_of
from convrun.backends.framing import Payload
from convrun.backends.identity import ModelIdentity
from convrun.backends.presets import preset_at
from convrun.conversation.messages import Usage
from convrun.values import Json, JsonObject

# How the list calls our providers; those that are not here run on machines of the user's.
_MOST_USD = 100_000  # of one call; a provider that charges more has miscounted
_LISTED = {
    "openai": "openai",
    "azure": "azure",
    "openrouter": "openrouter",
    "groq": "groq",
    "mistral": "mistral",
    "deepseek": "deepseek",
    "gemini": "google",
    "anthropic": "anthropic",
    "xai": "x-ai",
    "together": "together",
    "fireworks": "fireworks",
    "cerebras": "cerebras",
    "zai": "zai",
    "moonshot": "moonshotai",
    "cloudflare": "cloudflare",
}
# Where providers say how much of the input came from a cache and was put there, and how much of the answer was thought.
_Places: TypeAlias = tuple[tuple[str, ...], ...]
_READ: _Places = (
    ("prompt_tokens_details", "cached_tokens"),
    ("input_tokens_details", "cached_tokens"),
    ("cached_tokens",),
    ("prompt_cache_hit_tokens",),
    ("cache_read_input_tokens",),
)
_WRITTEN: _Places = (
    ("prompt_tokens_details", "cache_write_tokens"),
    ("input_tokens_details", "cache_write_tokens"),
    ("cache_creation_input_tokens",),
)
_THOUGHT: _Places = (
    ("completion_tokens_details", "reasoning_tokens"),
    ("output_tokens_details", "reasoning_tokens"),
    ("reasoning_tokens",),
)


def cost_usd(
    identity: ModelIdentity, usage: Usage, *, tier: str | None = None, environ: Mapping[str, str] = os.environ
) -> float | None:
    """Return what one call costs, in dollars; None where no price or no usage is known, 0.0 for a model of our own.

    One call, as some prices rise with the length of the input. `tier` is the service tier that the reply names.
    """
    if identity.offline:
        return 0.0
    if usage.input is None or usage.output is None:
        return None
    charged = _charged(identity, usage)
    if charged is not None:
        return charged
    counted = _counted(usage)
    # Tokens that are of two kinds (sound from a cache) have a price of their own where they are not counted apart:
    # nothing is taken for cached then, so that it is not too little.
    plain = {name: count for name, count in counted.items() if not name.startswith("cache_")}
    for tokens in (counted, plain):
        try:
            return _listed(identity, tokens, tier, environ)
        except ValueError:
            continue
    return None


def reply_cost_usd(
    identity: ModelIdentity, payloads: Iterable[Payload], *, environ: Mapping[str, str] = os.environ
) -> float | None:
    """Return what the call cost whose reply these payloads are, as `cost_usd` does."""
    read = list(payloads)
    told = [one for one in read if isinstance(one, dict)]
    whole = [one["response"] for one in reversed(told) if isinstance(one.get("response"), dict)]  # of events
    tiers = (one.get("service_tier") for one in (*whole, *told) if isinstance(one, dict))
    tier = next((tier for tier in tiers if isinstance(tier, str)), None)
    return cost_usd(identity, usage_of(read), tier=tier, environ=environ)


def recorded_cost_usd(
    identity: ModelIdentity, payloads: Iterable[Payload], *, environ: Mapping[str, str] = os.environ
) -> float | None:
    """Return what is stored of a call's cost with its recording: `reply_cost_usd`, to a millionth of a millionth."""
    cost = reply_cost_usd(identity, payloads, environ=environ)
    return None if cost is None else round(cost, 12)


def has_price(identity: ModelIdentity, *, environ: Mapping[str, str] = os.environ, embeds: bool = False) -> bool:
    """Return whether it is known what the tokens of a model cost; `embeds`: one of embeddings has those of input."""
    return cost_usd(identity, Usage(input=1, output=0 if embeds else 1), environ=environ) is not None


def _listed(
    identity: ModelIdentity, tokens: Mapping[str, int], tier: str | None, environ: Mapping[str, str]
) -> float | None:
    """What the list says; ValueError where it cannot say it of these tokens."""
    asked = _asked(identity, environ)
    if asked is None:
        return None
    from genai_prices import Usage as Tokens  # a quarter of a second, and an HTTP library: only who asks for a price
    from genai_prices import calc_price

    context = {"service_tier": tier} if tier else None
    try:
        found = calc_price(Tokens(**tokens), price_context=context, **asked)  # type: ignore[call-overload]  # as `_asked` makes them
    except LookupError:
        return None
    output = found.model_price.output_mtok is not None or not tokens.get("output_tokens")
    if found.model_price.input_mtok is None or not output:
        return None  # it is sold by the second, the page or the picture
    dollars = float(found.total_price)
    return dollars if math.isfinite(dollars) else None


def _asked(identity: ModelIdentity, environ: Mapping[str, str]) -> dict[str, str] | None:
    """Which price it is, as the list wants to be asked; None where it cannot know."""
    url, provider, model = identity.base_url, identity.provider, identity.model
    if speaks_as_openai(identity, environ):
        return None
    if provider is None:
        if _is_local(url):
            return None
        at = preset_at(url, environ)
        if at is None:
            return {"model_ref": model, "provider_api_url": url}
        provider = at.name
    if provider == "huggingface":
        # The router takes any of its providers, but where the model names one: `Qwen/Qwen3-32B:groq`.
        model, colon, seller = model.partition(":")
        return {"model_ref": model, "provider_id": f"huggingface_{seller}"} if colon else None
    listed = _LISTED.get(provider)
    return {"model_ref": model, "provider_id": listed} if listed else None


def speaks_as_openai(identity: ModelIdentity, environ: Mapping[str, str]) -> bool:
    """Return whether OPENAI_BASE_URL leads to a server on this machine that only speaks as OpenAI does."""
    url = identity.base_url
    here = identity.provider == "openai" and _is_local(url)
    return here and url == environ.get("OPENAI_BASE_URL", "").strip().rstrip("/")


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _charged(identity: ModelIdentity, usage: Usage) -> float | None:
    """What the provider itself says it took: OpenRouter's `cost`, in dollars, but where the key is one of another's."""
    cost = usage.details.get("cost")
    if identity.provider != "openrouter" or usage.details.get("is_byok") is True:
        return None
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 <= cost <= _MOST_USD:
        return None
    return float(cost)


def _counted(usage: Usage) -> dict[str, int]:
    """The tokens of a call by kind, each part within its whole, whatever the provider counts apart."""
    details = usage.details
    read, written, thought = _first(details, _READ), _first(details, _WRITTEN), _first(details, _THOUGHT)
    whole, answer = usage.input or 0, usage.output or 0
    total = _number(details.get("total_tokens"))  # kept where it is not the sum of both
    apart = total - whole - answer
    if apart > 0 and apart in {read, read + written} and apart != thought:
        whole += apart
    elif apart > 0:
        answer += apart  # thoughts that are no part of the answer's count, as xAI's and Gemini's are
    if read + written > whole:
        whole += read + written
    if thought > answer:
        answer += thought
    return {
        "input_tokens": whole,
        "output_tokens": answer,
        "cache_read_tokens": read,
        "cache_write_tokens": written,
        "output_reasoning_tokens": thought,
        "input_audio_tokens": min(_at(details, ("prompt_tokens_details", "audio_tokens")), whole),
        "output_audio_tokens": min(_at(details, ("completion_tokens_details", "audio_tokens")), answer),
    }


def _first(details: JsonObject, places: _Places) -> int:
    """The first number that is more than nothing; providers say the same in several places."""
    return next((number for place in places if (number := _at(details, place))), 0)


def _at(details: JsonObject, place: tuple[str, ...]) -> int:
    found: Json = details
    for key in place:
        found = found.get(key) if isinstance(found, dict) else None
    return _number(found)


def _number(value: Json) -> int:
    """A count of tokens; 0 for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 2 * MOST_TOKENS:
        return 0
    return int(value) if value == value // 1 else 0
