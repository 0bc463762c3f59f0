"""Keys in blocks: whoever's they are, they are not written down."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from servers import reply

import convrun
from convrun import StaleError
from convrun.backends.presets import PRESETS
from convrun.testing import cassette

KEYS = {"OPENAI_API_KEY": "sk-live-0123456789", "TEAM_KEY": "team-9876543210"}


@pytest.fixture
def _keys(monkeypatch):
    """Both keys are set."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


def confess(base_url):
    """Two models are told both keys, each with a key of its own."""
    said = " and ".join(os.environ.get(name, f"<{name}>") for name in KEYS)
    models = [convrun.get_model("m", base_url=base_url, api_key_env=name) for name in KEYS]
    return [model.prompt(f"My keys are {said}").text() for model in models]


@pytest.mark.usefixtures("_keys")
def test_keys_of_all_models_are_taken_out(folder, loopback, monkeypatch):
    """Neither stands in the cassette, in prompts or replies, and it plays with the keys and without."""
    loopback.says(*(reply(f"You have {value}") for value in KEYS.values()))
    with cassette("keys.yaml", "once"):
        confess(loopback.base_url)
    assert [request.headers["authorization"] for request in loopback.requests] == [
        f"Bearer {value}" for value in KEYS.values()
    ]
    text = Path("keys.yaml").read_text("utf-8")
    assert not [value for value in KEYS.values() if value in text]
    assert "My keys are <OPENAI_API_KEY> and <TEAM_KEY>" in text
    with cassette("keys.yaml"):
        assert confess(loopback.base_url) == ["You have <OPENAI_API_KEY>", "You have <TEAM_KEY>"]
    for name in KEYS:
        monkeypatch.delenv(name)
    with cassette("keys.yaml"):
        confess(loopback.base_url)
    assert len(loopback.requests) == 2


@pytest.mark.usefixtures("_keys")
def test_keys_are_not_in_messages(folder, loopback):
    """What explains a stale request shows their names."""
    loopback.says("Hello")
    model = convrun.get_model("m", base_url=loopback.base_url, api_key_env="TEAM_KEY")
    with cassette("keys.yaml", "once"):
        model.prompt("Hi").text()
    with pytest.raises(StaleError) as caught, cassette("keys.yaml"):
        model.prompt(f"Hi {KEYS['TEAM_KEY']} {KEYS['OPENAI_API_KEY']}").text()
    assert "+ Hi <TEAM_KEY> <OPENAI_API_KEY>" in str(caught.value)
    assert not [value for value in KEYS.values() if value in str(caught.value)]


@pytest.mark.parametrize("record", ["once", "new_episodes", "all"])
def test_the_key_of_the_only_model_is_taken_out(folder, loopback, monkeypatch, record):
    """Where no provider's own key is set, that of a model which names another variable is not written either."""
    for variable in {preset.key_variable for preset in PRESETS.values() if preset.key_variable}:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TEAM_KEY", KEYS["TEAM_KEY"])
    loopback.says(reply(f"You have {KEYS['TEAM_KEY']}"))
    model = convrun.get_model("m", base_url=loopback.base_url, api_key_env="TEAM_KEY")
    for mode in (record, "none"):
        with cassette("keys.yaml", mode):
            said = model.prompt(f"My key is {KEYS['TEAM_KEY']}").text()
    assert said == "You have <TEAM_KEY>"
    text = Path("keys.yaml").read_text("utf-8")
    assert KEYS["TEAM_KEY"] not in text
    assert "My key is <TEAM_KEY>" in text
    assert len(loopback.requests) == 1


@pytest.mark.usefixtures("_keys")
def test_a_block_knows_the_keys_of_its_own_models(folder, loopback):
    """What a model of another test was given as its key is an ordinary text in a block that does not use it."""
    loopback.says("Hello")
    convrun.get_model("m", base_url=loopback.base_url, api_key_env="TEAM_KEY")
    with cassette("keys.yaml", "once"):
        convrun.get_model("echo").prompt(f"Hi {KEYS['TEAM_KEY']}").text()
    assert KEYS["TEAM_KEY"] in Path("keys.yaml").read_text("utf-8")
    with cassette("keys.yaml", "all"):
        convrun.get_model("echo").prompt(f"Hi {KEYS['TEAM_KEY']}").text()
        convrun.get_model("m", base_url=loopback.base_url, api_key_env="TEAM_KEY").prompt("Hi").text()
    assert KEYS["TEAM_KEY"] not in Path("keys.yaml").read_text("utf-8")
