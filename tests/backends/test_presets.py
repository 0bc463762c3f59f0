"""Providers by name: where they are, which key goes there, and where what is said of them comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from preset_recordings import RECORDED
from servers import Answer, Loopback, chunk, event_stream, reply

from convrun.backends.identity import identify
from convrun.backends.keys import Key, key_for
from convrun.backends.openai import OpenAITransport
from convrun.backends.presets import PRESETS, Preset, preset_at, quirks_of
from convrun.backends.resolving import resolve
from convrun.conversation.backend import ModelRequest
from convrun.conversation.messages import Message, user
from convrun.conversation.model import Model
from convrun.errors import ConvrunError, SettingsError
from convrun.wire import Request

ROOT = Path(__file__).parents[2]
RECORDINGS = ROOT.parent / "shared" / "recordings"
ENDPOINT = "https://ours.openai.azure.com"
ADDRESSES = {"AZURE_OPENAI_ENDPOINT": ENDPOINT + "/", "CLOUDFLARE_ACCOUNT_ID": "acc-1"}
KEYS = {preset.key_variable: f"{preset.name}-secret" for preset in PRESETS.values() if preset.key_variable}
EVERY_KEY = ADDRESSES | KEYS
KEYED = [preset.name for preset in PRESETS.values() if preset.key_variable]
LOCAL = [preset.name for preset in PRESETS.values() if not preset.key_variable]


def found(environ: Mapping[str, str], *trusted: str, name: str = "m", **said: Any) -> Key | None:
    """The key that goes out for a model."""
    return key_for(identify(name, environ=environ, **said), environ=environ, trusted_base_urls=trusted)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_found_by_its_name_and_by_its_address(name: str) -> None:
    """`name/model` leads to the preset's address, which leads back to the preset."""
    model = identify(f"{name}/some/model", environ=ADDRESSES)
    assert (model.model, model.provider) == ("some/model", name)
    assert preset_at(model.base_url, ADDRESSES) is PRESETS[name]
    assert identify("some/model", environ=ADDRESSES, provider=name).base_url == model.base_url


def test_no_two_presets_share_a_host_or_a_key() -> None:
    """Each address and each variable belongs to one provider."""
    hosts = [urlsplit(preset.url(ADDRESSES)).netloc for preset in PRESETS.values()]
    assert len(set(hosts)) == len(hosts)
    assert len(set(KEYS)) == len(KEYED)
    assert list(PRESETS) == [preset.name for preset in PRESETS.values()]


@pytest.mark.parametrize("name", KEYED)
def test_a_presets_own_key_goes_to_its_host(name: str) -> None:
    """With every key set, exactly the provider's own goes out, in its own header."""
    key = found(EVERY_KEY, name=f"{name}/m")
    assert key is not None
    assert (key.variable, key.value) == (PRESETS[name].key_variable, f"{name}-secret")
    assert key.header == ("api-key" if name == "azure" else "Authorization")


@pytest.mark.parametrize("name", KEYED)
def test_a_presets_key_goes_nowhere_else(name: str) -> None:
    """Neither another host, nor http, nor another provider's host gets it, whatever a spec says."""
    host = urlsplit(PRESETS[name].url(ADDRESSES)).netloc
    for elsewhere in (f"https://{host}.evil.example/v1", f"http://{host}/v1", "https://evil.example/v1"):
        assert found(EVERY_KEY, provider=name, base_url=elsewhere) is None
    other = PRESETS["groq" if name != "groq" else "openai"]
    with pytest.raises(SettingsError, match="may not go to"):
        found(EVERY_KEY, provider=other.name, api_key_env=PRESETS[name].key_variable)
    assert found(EVERY_KEY, provider=name, base_url=other.base_url) is None


@pytest.mark.parametrize("name", KEYED)
def test_a_missing_key_of_a_preset_is_named(name: str) -> None:
    """Without its variable a preset is an error that names it."""
    with pytest.raises(SettingsError, match=f"variable {PRESETS[name].key_variable} is not set"):
        found(ADDRESSES, name=f"{name}/m")


@pytest.mark.parametrize("name", LOCAL)
def test_a_server_of_ones_own_gets_no_key(name: str) -> None:
    """Local servers take none, and a spec alone cannot give them one; the settings can."""
    address = PRESETS[name].base_url
    assert found(EVERY_KEY, name=f"{name}/m") is None
    with pytest.raises(SettingsError, match="may not go to"):
        found(EVERY_KEY, name=f"{name}/m", api_key_env="OPENAI_API_KEY")
    trusted = found(EVERY_KEY, address, name=f"{name}/m", api_key_env="OPENAI_API_KEY")
    assert trusted is not None
    # A proxy on the same port that the settings name gets OpenAI's, as any address does.
    proxy = found(EVERY_KEY, address, base_url=address)
    assert proxy is not None
    assert (trusted.variable, proxy.variable) == ("OPENAI_API_KEY", "OPENAI_API_KEY")


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        (ENDPOINT, f"{ENDPOINT}/openai/v1"),
        (f" {ENDPOINT}/ ", f"{ENDPOINT}/openai/v1"),
        (f"{ENDPOINT}/openai", f"{ENDPOINT}/openai/v1"),
        (f"{ENDPOINT}/openai/v1/", f"{ENDPOINT}/openai/v1"),
        ("", "https://azure.invalid/v1"),
    ],
)
def test_the_address_of_azure_is_in_the_environment(endpoint: str, address: str) -> None:
    """People set the address of their resource, or more of it; without it there is still a replay."""
    assert identify("azure/gpt", environ={"AZURE_OPENAI_ENDPOINT": endpoint}).base_url == address


@pytest.mark.parametrize(
    ("base_url", "trusted", "goes"),
    [
        (f"{ENDPOINT}/openai/v1", (), True),
        (f"{ENDPOINT}/openai/deployments/gpt", (), True),
        ("https://others.openai.azure.com/openai/v1", (), False),
        ("https://others.openai.azure.com/openai/v1", ("https://others.openai.azure.com/openai/v1",), True),
        (f"{ENDPOINT.replace('https', 'http')}/openai/v1", (), False),
    ],
)
def test_the_key_of_azure_goes_to_ones_own_resource(base_url: str, trusted: tuple[str, ...], goes: bool) -> None:
    """Anybody can have a host below openai.azure.com: the one that gets the key is named outside of specs."""
    key = found(EVERY_KEY, *trusted, provider="azure", base_url=base_url)
    assert (key.variable if key else None) == ("AZURE_OPENAI_API_KEY" if goes else None)
    without_endpoint = found(KEYS, *trusted, provider="azure", base_url=base_url)
    assert (without_endpoint is not None) == bool(trusted)


@pytest.mark.parametrize("name", ["azure", "cloudflare"])
def test_an_address_that_is_not_set_is_named_when_it_is_needed(name: str) -> None:
    """A model whose address is in the environment can be replayed without, and says what is missing when asked."""
    variable = PRESETS[name].address_variable
    with pytest.raises(SettingsError, match=f"no address for '{name}/m': the environment variable {variable}"):
        found(KEYS, name=f"{name}/m")
    with pytest.raises(SettingsError, match=f"variable {variable} is not set"):
        list(resolve(f"{name}/m", environ=KEYS).send(ModelRequest(messages=(user("hi"),))))


def test_an_endpoint_that_is_no_address_is_named() -> None:
    """A variable that holds something else is an error that names it; other providers do not mind."""
    with pytest.raises(ConvrunError, match="AZURE_OPENAI_ENDPOINT: 'ours/openai/v1' is not a base URL"):
        identify("azure/gpt", environ={"AZURE_OPENAI_ENDPOINT": "ours"})
    for wrong in ("ours", "https://[", "https://h:99999"):
        assert found(KEYS | {"AZURE_OPENAI_ENDPOINT": wrong}, name="groq/m") is not None


def test_an_account_is_one_part_of_the_path() -> None:
    """What stands in a variable cannot lead out of its place in the address."""
    model = identify("cloudflare/@cf/m", environ={"CLOUDFLARE_ACCOUNT_ID": "a/../b"})
    assert model.base_url == "https://api.cloudflare.com/client/v4/accounts/a%2F..%2Fb/ai/v1"
    assert model.model == "@cf/m"


@pytest.mark.parametrize(
    ("key", "sent"),
    [
        (None, {}),
        (Key(variable="GROQ_API_KEY", value="gq-secret"), {"authorization": "Bearer gq-secret"}),
        (Key(variable="AZURE_OPENAI_API_KEY", value="az-secret", header="api-key"), {"api-key": "az-secret"}),
    ],
)
def test_a_key_is_sent_in_its_header_alone(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch, key: Key | None, sent: dict[str, str]
) -> None:
    """The headers of an OpenAI account, and the placeholder of its SDK, do not go along."""
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "API-Key: other\napi-key: other\nauthorization: other\nX-Token: other")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    loopback.says("hi")
    transport = OpenAITransport(base_url=loopback.base_url, key=lambda: key)
    body: dict[str, Any] = {"model": "m", "messages": []}
    transport.send(Request(endpoint="chat/completions", body=body, base_url=loopback.base_url))
    assert {
        name: value
        for name, value in loopback.requests[0].headers.items()
        if name in {"authorization", "api-key", "x-token"}
    } == sent


def conversation_of(loopback: Loopback, provider: str) -> Any:
    """A conversation with one tool, on the loopback server, with the quirks of a provider."""
    model = Model(resolve("m", environ={}, base_url=loopback.base_url, provider=provider))
    return model.conversation(tools=[now])


def now() -> str:
    """Tell the time."""
    return "noon"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("provider", "back"), [("gemini", True), ("groq", False)])
def test_a_signed_call_goes_back_as_it_came(loopback: Loopback, provider: str, back: bool, stream: bool) -> None:
    """Gemini refuses a call without the signature it gave; others do not know the field."""
    signed = {"google": {"thought_signature": "c2ln"}}
    call = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}, "extra_content": signed}
    if stream:
        loopback.says(Answer(body=event_stream(chunk(tool_calls=[{"index": 0, **call}]), chunk("tool_calls"))))
        loopback.says(Answer(body=event_stream(chunk(content="Noon."), chunk("stop"))))
    else:
        whole = reply(calls={"now": {}})
        whole["choices"][0]["message"]["tool_calls"] = [call]
        loopback.says(whole, "Noon.")
    conversation = conversation_of(loopback, provider)
    assert conversation.chain("Time?", stream=stream).text() == "Noon."
    (sent,) = loopback.requests[1].body["messages"][1]["tool_calls"]
    assert sent.get("extra_content") == (signed if back else None)
    message = conversation.responses[0].messages()[0]
    assert Message.from_dict(json.loads(json.dumps(message.to_dict()))) == message


@pytest.mark.parametrize(("provider", "back"), [("openrouter", True), ("groq", False)])
def test_signed_reasoning_goes_back_whole(loopback: Loopback, provider: str, back: bool) -> None:
    """OpenRouter wants its details as they came; of a stream, the pieces of one text are one detail again."""
    text = {"type": "reasoning.text", "format": "f", "index": 0}
    hidden = {"type": "reasoning.encrypted", "data": "eA==", "index": 1}
    function = {"name": "now", "arguments": "{}"}
    chunks = [
        chunk(reasoning="Let", reasoning_details=[text | {"text": "Let", "signature": None}]),
        chunk(reasoning=" me", reasoning_details=[text | {"text": " me"}]),
        chunk(reasoning_details=[text | {"signature": "c2ln"}, hidden]),
        chunk(reasoning_details=[hidden]),
        chunk(tool_calls=[{"index": 0, "id": "c1", "type": "function", "function": function}]),
        chunk("tool_calls"),
    ]
    loopback.says(Answer(body=event_stream(*chunks)), Answer(body=event_stream(chunk(content="Noon."), chunk("stop"))))
    assert conversation_of(loopback, provider).chain("Time?", stream=True).text() == "Noon."
    sent = loopback.requests[1].body["messages"][1].get("reasoning_details")
    assert sent == ([text | {"text": "Let me", "signature": "c2ln"}, hidden, hidden] if back else None)


@pytest.mark.parametrize(("provider", "kept"), [("mistral", False), ("groq", True)])
def test_ids_that_mistral_would_refuse_are_others(loopback: Loopback, provider: str, kept: bool) -> None:
    """A call and its result have the same nine letters and digits, in every request; ids of that form are kept."""
    calls = [{"id": name, "function": {"name": "now", "arguments": "{}"}} for name in ("D9WYdiHxV", "call_1_1")]
    whole = reply(calls={"now": {}})
    whole["choices"][0]["message"]["tool_calls"] = calls
    loopback.says(whole, "Noon.", "Still noon.")
    conversation = conversation_of(loopback, provider)
    conversation.chain("Time?").text()
    conversation.prompt("And now?").text()
    ids = []
    for received in loopback.requests[1:]:
        _, asked, *results = received.body["messages"][:4]
        ids.append([call["id"] for call in asked["tool_calls"]])
        assert [result["tool_call_id"] for result in results] == ids[-1]
    assert ids[0] == ids[1]
    assert (ids[0] == ["D9WYdiHxV", "call_1_1"]) == kept
    assert kept or all(re.fullmatch("[a-zA-Z0-9]{9}", one) for one in ids[0])
    assert ids[0][0] == "D9WYdiHxV"


@pytest.mark.parametrize(
    ("said", "kinds"),
    [
        ({"provider": "mistral"}, {"nine_character_ids"}),
        ({"base_url": "https://api.mistral.ai/v1"}, {"nine_character_ids"}),
        ({"provider": "gemini", "base_url": "https://api.mistral.ai/v1"}, {"nine_character_ids", "signed_calls"}),
        ({"provider": "openai"}, set()),
        ({"base_url": "https://llm.example.com/v1"}, set()),
    ],
)
def test_quirks_are_those_of_the_name_and_of_the_host(said: dict[str, Any], kinds: set[str]) -> None:
    """A proxy is named for whom it stands, and an address without a name is known by its host."""
    model = identify("m", environ={}, **said)
    assert quirks_of(model.provider, model.base_url, {}) == kinds


SIGNED = """
    model: {name: m, provider: gemini, base_url: %s, stream: %s}
    tools: ['clock:now']
    turns:
      - {user: 'Time?', expect: [{called: now}, {equals: Noon.}]}
"""


@pytest.mark.parametrize("stream", ["true", "false"])
def test_a_signature_survives_the_cassette(project: Any, loopback: Loopback, stream: str) -> None:
    """What goes back in the next request is in the recording: a replay sends the same."""
    project.write("clock.py", 'def now() -> str:\n    """Tell the time."""\n    return "noon"\n')
    project.write("specs/a.yaml", SIGNED % (loopback.base_url, stream))
    call = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    call["extra_content"] = {"google": {"thought_signature": "c2ln"}}
    if stream == "true":
        loopback.says(Answer(body=event_stream(chunk(tool_calls=[{"index": 0, **call}]), chunk("tool_calls"))))
        loopback.says(Answer(body=event_stream(chunk(content="Noon."), chunk("stop"))))
    else:
        whole = reply(calls={"now": {}})
        whole["choices"][0]["message"]["tool_calls"] = [call]
        loopback.says(whole, "Noon.")
    assert project.record().verdict == "passed"
    assert loopback.requests[1].body["messages"][1]["tool_calls"][0]["extra_content"] == call["extra_content"]
    assert project.one().verdict == "passed"


def _all_sources() -> list[tuple[Preset, str]]:
    """Recordings that a preset or its quirks name."""
    named = [(preset, one) for preset in PRESETS.values() for one in RECORDED.get(preset.name, ())]
    return named + [(preset, quirk.source) for preset in PRESETS.values() for quirk in preset.quirks]


def test_every_quirk_says_where_it_is_known_from() -> None:
    """A quirk has words and a source; one that is a recording is among those of its preset."""
    for preset, source in _all_sources():
        assert re.fullmatch(r"[^:]+: .+", source), source
        if (RECORDINGS / _file(source)).is_file():
            assert source in RECORDED[preset.name]


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not here")
@pytest.mark.parametrize("name", RECORDED)
def test_the_recordings_of_a_preset_are_of_its_host(name: str) -> None:
    """Each recording that is named exists, and its requests went to that provider."""
    preset = PRESETS[name]
    for recording in RECORDED[name]:
        items = yaml.load((RECORDINGS / _file(recording)).read_text("utf-8"), Loader=yaml.CSafeLoader)["interactions"]
        uris = [item["request"]["uri"] for item in items]
        hosts = {urlsplit(uri).netloc for uri in uris}
        if name == "azure":
            assert all(host.endswith(".openai.azure.com") for host in hosts)
        else:
            assert all(preset.is_at(uri, ADDRESSES) for uri in uris), hosts


def _file(recording: str) -> str:
    repository, _, test = recording.partition(": ")
    return f"{repository.replace('/', '__')}/{test}.yaml"


def test_the_page_of_providers_says_what_the_presets_say() -> None:
    """Each preset and each quirk has its row, with the same words."""
    page = (ROOT / "docs" / "providers.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    expected = [
        f"| `{one.name}` | `{one.base_url}` | {f'`{one.key_variable}`' if one.key_variable else 'none'} | "
        f"{'recorded' if one.name in RECORDED else 'no'} |"
        for one in PRESETS.values()
    ]
    expected += [
        f"| `{one.name}` | {quirk.says} | {quirk.source} |" for one in PRESETS.values() for quirk in one.quirks
    ]
    assert rows == expected
