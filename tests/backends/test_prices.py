"""What calls cost: the library's own prices, for the usage that providers tell in their ways."""

from __future__ import annotations

import subprocess
import sys

import pytest
from genai_prices import Usage as Tokens
from genai_prices import calc_price

from convrun.backends.chat_decoding import usage_of
from convrun.backends.identity import identify
from convrun.backends.presets import PRESETS
from convrun.backends.prices import _LISTED, cost_usd, has_price, reply_cost_usd
from convrun.conversation.messages import Usage
from convrun.conversation.usage import total

MINI = "gpt-4.1-mini"


def listed(model=MINI, provider="openai", **tokens):
    """What the library itself takes for these tokens."""
    return float(calc_price(Tokens(**tokens), model, provider_id=provider).total_price)


def cost(name, usage=None, *, environ=None, **more):
    """What a call of this model costs."""
    identity = identify(name, environ=environ or {}, **more)
    return cost_usd(identity, usage or Usage(input=1000, output=100), environ=environ or {})


def of(usage, model=MINI, provider="openai", tier=None):
    """What a reply with this usage costs, as it stands in its payload."""
    identity = identify(model, environ={}, provider=provider)
    return reply_cost_usd(identity, [{"usage": usage, "service_tier": tier}], environ={})


@pytest.mark.parametrize(
    ("name", "model", "provider"),
    [
        (MINI, MINI, "openai"),
        ("gpt-4.1-mini-2025-04-14", MINI, "openai"),
        ("azure/gpt-4o-mini", "gpt-4o-mini", "azure"),
        ("openrouter/openai/gpt-4o", "openai/gpt-4o", "openrouter"),
        ("gemini/gemini-2.5-flash", "gemini-2.5-flash", "google"),
        ("anthropic/claude-sonnet-4-5", "claude-sonnet-4-5", "anthropic"),
        ("xai/grok-4", "grok-4", "x-ai"),
        ("moonshot/kimi-k2-thinking", "kimi-k2-thinking", "moonshotai"),
    ],
)
def test_a_call_costs_its_usage_times_the_listed_price(name, model, provider):
    """Providers, aliases and dated names are those of the list."""
    expected = listed(model, provider, input_tokens=1000, output_tokens=100)
    assert expected > 0
    assert cost(name) == pytest.approx(expected)


@pytest.mark.parametrize(
    "name",
    [
        "gpt-0-never-sold",
        "azure/my-own-deployment",
        "ollama/llama3.2",
        "vllm/gpt-4o",
        "lmstudio/gpt-4o",
        "openai/tts-1",
    ],
)
def test_what_is_not_on_the_list_costs_nobody_knows_what(name):
    """A model that is not known, that runs on the user's machine, or is not sold by the token has no price."""
    assert cost(name) is None
    assert not has_price(identify(name, environ={}), environ={})


def test_our_own_models_cost_nothing():
    """Neither echo nor a script is ever paid for, also where nothing counts tokens."""
    assert cost("echo") == 0.0
    assert cost(None, Usage(), script=[{"reply": "Hi"}]) == 0.0


def test_an_address_says_whose_price_it_is_unless_it_is_this_machine():
    """A base URL of a provider's is the provider's; one on loopback is nobody's, but where the provider is named."""
    local = "http://127.0.0.1:4000/v1"
    assert cost(MINI, base_url="https://api.openai.com/v1") == cost(MINI)
    assert cost(MINI, base_url=local) is None
    assert cost(MINI, base_url="http://localhost:4000/v1") is None
    assert cost(MINI, base_url="https://llm.example.org/v1") is None
    assert cost(MINI, base_url=local, provider="openai") == cost(MINI)
    assert cost(MINI, environ={"OPENAI_BASE_URL": f"{local}/"}) is None
    assert cost(MINI, environ={"OPENAI_BASE_URL": "https://proxy.example.org/v1"}) == cost(MINI)


def test_a_router_costs_what_the_named_seller_takes():
    """Hugging Face routes to whom it likes, unless the model's name says to whom."""
    assert cost("huggingface/openai/gpt-oss-120b") is None
    model = "openai/gpt-oss-120b"
    expected = listed(model, "huggingface_novita", input_tokens=1000, output_tokens=100)
    assert cost(f"huggingface/{model}:novita") == pytest.approx(expected)


def test_every_preset_is_on_the_list_or_known_to_have_no_price():
    """A new preset is given its price, or left out on purpose."""
    assert PRESETS.keys() - _LISTED.keys() == {"huggingface", "ollama", "vllm", "lmstudio"}
    for provider in _LISTED.values():
        with pytest.raises(LookupError, match="find model"):  # not: find provider
            calc_price(Tokens(input_tokens=1), "no-such-model", provider_id=provider)


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None}, {"total_tokens": 7}, {"prompt_tokens": 3}, [1]])
def test_without_both_figures_nothing_is_known(usage):
    """Half a usage is no price."""
    assert of(usage) is None


CACHED = {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 600}}


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (CACHED, {"input_tokens": 1000, "cache_read_tokens": 600, "output_tokens": 100}),
        (CACHED | {"prompt_tokens_details": None}, {"input_tokens": 1000, "output_tokens": 100}),
        (CACHED | {"prompt_tokens_details": {"cached_tokens": None}}, {"input_tokens": 1000, "output_tokens": 100}),
        (CACHED | {"prompt_tokens_details": "x"}, {"input_tokens": 1000, "output_tokens": 100}),
        (CACHED | {"prompt_tokens_details": {"cached_tokens": -5}}, {"input_tokens": 1000, "output_tokens": 100}),
        # More from the cache than there was, or the cache is apart in the total: it is no part of the input's count.
        (
            CACHED | {"prompt_tokens_details": {"cached_tokens": 3000}},
            {"input_tokens": 4000, "cache_read_tokens": 3000, "output_tokens": 100},
        ),
        (CACHED | {"total_tokens": 1700}, {"input_tokens": 1600, "cache_read_tokens": 600, "output_tokens": 100}),
        # Thoughts are a part of the answer, or apart from it: then they are in the total, or are more than it.
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 50,
                "total_tokens": 60,
                "completion_tokens_details": {"reasoning_tokens": 40},
            },
            {"input_tokens": 10, "output_tokens": 50},
        ),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 55}, {"input_tokens": 10, "output_tokens": 45}),
        (
            {"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 40}},
            {"input_tokens": 10, "output_tokens": 45},
        ),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 3}, {"input_tokens": 10, "output_tokens": 5}),
        ({"prompt_tokens": 0, "completion_tokens": 0}, {"input_tokens": 0, "output_tokens": 0}),
    ],
)
def test_usage_is_read_as_it_is_billed(usage, tokens):
    """Cached input is cheaper, thoughts are paid as output, wherever a provider counts them."""
    assert of(usage) == pytest.approx(listed(**tokens), abs=1e-12)


def test_sound_from_a_cache_is_not_taken_for_too_little():
    """Where the list cannot tell what of the cached is sound, nothing is taken for cached."""
    usage = {"prompt_tokens": 100, "completion_tokens": 10}
    usage["prompt_tokens_details"] = {"cached_tokens": 90, "audio_tokens": 80}
    found = of(usage, "gemini-2.5-flash", "gemini")
    assert found == pytest.approx(
        listed("gemini-2.5-flash", "google", input_tokens=100, input_audio_tokens=80, output_tokens=10)
    )


def test_a_tier_has_its_own_price():
    """The service tier that a reply names counts; one that is not known has the usual price."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 100}
    usual = of(usage, "gpt-5")
    assert of(usage, "gpt-5", tier="priority") > usual > of(usage, "gpt-5", tier="flex")
    assert of(usage, "gpt-5", tier="default") == of(usage, "gpt-5", tier="nobody-knows") == usual


def test_what_openrouter_says_it_took_is_the_price():
    """It names the dollars; those of somebody else's key it does not take."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "cost": 0.25}
    by_list = listed("openai/gpt-4o", "openrouter", input_tokens=1000, output_tokens=100)
    assert of(usage, "openai/gpt-4o", "openrouter") == 0.25
    assert of(usage | {"is_byok": True}, "openai/gpt-4o", "openrouter") == pytest.approx(by_list)
    assert of(usage | {"cost": float("nan")}, "openai/gpt-4o", "openrouter") == pytest.approx(by_list)
    assert of(usage) == pytest.approx(listed(input_tokens=1000, output_tokens=100))


def test_usage_beyond_measure_is_no_price():
    """What no float can hold, and what no call takes, is not known; nor is a charge that nobody would."""
    for count in (10**400, 1e308, 10**10, 2.5, -1):
        assert of({"prompt_tokens": count, "completion_tokens": 1}) is None
    usage = {"prompt_tokens": 1000, "completion_tokens": 100}
    by_list = of(usage, "openai/gpt-4o", "openrouter")
    assert of(usage | {"cost": 1e308}, "openai/gpt-4o", "openrouter") == by_list
    odd = {"prompt_tokens_details": {"cached_tokens": 1e308}}
    assert of(usage | odd) == of(usage)


def test_a_stream_is_as_long_as_its_last_usage_says():
    """Some providers tell usage in each chunk, some nulls before the last, one under a name of its own."""
    chunks = [{"choices": []}, {"usage": {"prompt_tokens": 5, "completion_tokens": 1}}, {"usage": None}]
    last = {"x_groq": {"usage": {"prompt_tokens": 5, "completion_tokens": 9}}}
    assert usage_of([*chunks, last]) == Usage(input=5, output=9)
    assert usage_of([]) == Usage()


def test_a_total_is_kept_only_where_it_says_more():
    """What is counted apart is in the total alone; sums of replies leave it out."""
    sums = {"usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}
    more = {"usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 57}}
    assert usage_of([sums]).details == {}
    assert usage_of([more]).details == {"total_tokens": 57}
    assert total([usage_of([sums]), usage_of([more])]) == Usage(input=6, output=4)


def test_prices_are_loaded_only_when_one_is_asked_for():
    """The price list and what it brings along wait for the first question, and nothing is ever fetched."""
    code = (
        "import sys, socket\n"
        "def refuse(*_): raise AssertionError('a connection')\n"
        "socket.socket.connect = refuse\n"
        "from convrun.backends.prices import cost_usd\n"
        "from convrun.backends.identity import identify\n"
        "from convrun.conversation.messages import Usage\n"
        "assert cost_usd(identify('echo', environ={}), Usage()) == 0.0\n"
        "assert not {'genai_prices', 'pydantic', 'httpx2'} & set(sys.modules)\n"
        "assert cost_usd(identify('gpt-4.1-mini', environ={}), Usage(input=1, output=1), environ={}) > 0\n"
        "import threading; assert threading.active_count() == 1\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_response_costs_what_its_usage_and_tier_say():
    """What a Responses API counts has its own names; in a stream both figures and tier stand in the last event."""
    usage = {
        "input_tokens": 1000,
        "input_tokens_details": {"cached_tokens": 400},
        "output_tokens": 100,
        "output_tokens_details": {"reasoning_tokens": 64},
        "total_tokens": 1100,
    }
    identity = identify("gpt-5-mini", environ={}, provider="openai", api="responses")
    chat = {"prompt_tokens": 1000, "prompt_tokens_details": {"cached_tokens": 400}, "completion_tokens": 100}
    for tier in ("default", "priority", "flex"):
        whole = {"object": "response", "output": [], "usage": usage, "service_tier": tier}
        begun = {"type": "response.created", "response": {**whole, "usage": None, "service_tier": "auto"}}
        events = [begun, {"type": "response.completed", "response": whole}]
        expected = of(chat, model="gpt-5-mini", tier=tier)
        assert expected > 0
        for payloads in ([whole], events):
            assert reply_cost_usd(identity, payloads, environ={}) == pytest.approx(expected)
    assert of(chat, model="gpt-5-mini", tier="priority") != of(chat, model="gpt-5-mini", tier="default")
