"""Names of models, and where keys may go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from convrun.backends.identity import ModelIdentity, checked_url, identify
from convrun.backends.keys import Key, key_for
from convrun.backends.resolving import backend_for, model_names, resolve
from convrun.conversation.backend import ModelRequest
from convrun.conversation.messages import user
from convrun.errors import ConvrunError, SettingsError, UnknownModelError
from convrun.wire import Reply, Request

OPENAI_URL = "https://api.openai.com/v1"
ELSEWHERE = "https://llm.example.com/v1"


def known(name: str | None = None, environ: Mapping[str, str] | None = None, **said: Any) -> ModelIdentity:
    """The model that is meant."""
    return identify(name, environ=environ or {}, **said)


@pytest.mark.parametrize(
    ("name", "said", "environ", "expected"),
    [
        (None, {}, {}, ("gpt-4.1-mini", "openai", OPENAI_URL)),
        ("o9", {}, {}, ("o9", "openai", OPENAI_URL)),
        ("openai/o9", {}, {}, ("o9", "openai", OPENAI_URL)),
        ("ollama/a/b:c", {}, {}, ("a/b:c", "ollama", "http://localhost:11434/v1")),
        ("a/b", {"provider": "ollama"}, {}, ("a/b", "ollama", "http://localhost:11434/v1")),
        ("openai/o9", {"provider": "ollama"}, {}, ("openai/o9", "ollama", "http://localhost:11434/v1")),
        ("a/b", {"base_url": ELSEWHERE + "/"}, {}, ("a/b", None, ELSEWHERE)),
        ("ollama/b", {"base_url": ELSEWHERE}, {}, ("ollama/b", None, ELSEWHERE)),
        ("b", {"base_url": ELSEWHERE, "provider": "openai"}, {}, ("b", "openai", ELSEWHERE)),
        ("a/b", {}, {"OPENAI_BASE_URL": ELSEWHERE}, ("a/b", "openai", ELSEWHERE)),
        ("ollama/b", {}, {"OPENAI_BASE_URL": ELSEWHERE}, ("ollama/b", "openai", ELSEWHERE)),
        ("b", {"provider": "ollama"}, {"OPENAI_BASE_URL": ELSEWHERE}, ("b", "ollama", "http://localhost:11434/v1")),
        ("b", {}, {"OPENAI_BASE_URL": ""}, ("b", "openai", OPENAI_URL)),
        ("echo", {}, {"OPENAI_BASE_URL": ELSEWHERE}, ("echo", "echo", "https://echo.invalid/v1")),
        ("echo", {"base_url": ELSEWHERE}, {}, ("echo", None, ELSEWHERE)),
    ],
)
def test_a_name_says_where_the_model_is(
    name: str | None, said: dict[str, Any], environ: dict[str, str], expected: tuple[str, str | None, str]
) -> None:
    """A first part is a provider only where it is a preset's and nothing else says where the model is."""
    found = known(name, environ, **said)
    assert (found.model, found.provider, found.base_url) == expected
    assert found.name == (name or "gpt-4.1-mini")


def test_unknown_providers_are_refused_with_a_suggestion() -> None:
    """A misspelt provider is an UnknownModelError, which is a KeyError too."""
    with pytest.raises(UnknownModelError, match=r"'olama' is no provider \(did you mean 'ollama'\? a model"):
        known("olama/llama3")
    with pytest.raises(UnknownModelError, match=r"unknown provider 'opnai' \(did you mean 'openai'\?\)"):
        known("m", provider="opnai")
    with pytest.raises(KeyError, match=r"known are openai, azure, .*base_url"):
        known("qwertz/Llama-3")
    with pytest.raises(UnknownModelError, match="names no model"):
        known("openai/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "ftp://h/v1",
        "http://",
        "https://u:p@h/v1",
        "https://h\\@evil/v1",
        "https://h/v1?a=1",
        "http://h:99999/v1",
    ],
)
def test_a_base_url_is_a_plain_http_address(url: str) -> None:
    """An address that could be read in two ways is no base URL."""
    with pytest.raises(ConvrunError, match="is not a base URL"):
        known("m", base_url=url)


@pytest.mark.parametrize("url", ["https://u:hunter2@h/v1", "https://h/v1?key=hunter2", "https://u@h/v1#a@hunter2"])
def test_what_may_be_a_secret_in_an_address_is_not_shown(url: str) -> None:
    """The error shows an address without its user, query and fragment."""
    with pytest.raises(ConvrunError, match=r"https://.*h/v1") as caught:
        known("m", base_url=url)
    assert "hunter2" not in str(caught.value)


def key(identity: ModelIdentity, environ: Mapping[str, str], *trusted: str) -> Key | None:
    """The key that would go out."""
    return key_for(identity, environ=environ, trusted_base_urls=trusted)


KEYS = {"OPENAI_API_KEY": "sk-1", "TEAM_KEY": "tk-1"}


@pytest.mark.parametrize(
    ("said", "environ", "trusted", "variable"),
    [
        ({}, {}, (), "OPENAI_API_KEY"),
        ({"api_key_env": "OPENAI_API_KEY"}, {}, (), "OPENAI_API_KEY"),
        ({"api_key_env": "TEAM_KEY"}, {}, (OPENAI_URL,), "TEAM_KEY"),
        ({"api_key_env": "TEAM_KEY"}, {"OPENAI_BASE_URL": OPENAI_URL}, (), "TEAM_KEY"),
        ({"base_url": "https://api.openai.com/v2"}, {}, (), "OPENAI_API_KEY"),
        ({"base_url": "https://api.openai.com:443/v1"}, {}, (), "OPENAI_API_KEY"),
        ({"base_url": "http://api.openai.com/v1"}, {}, (), None),
        ({"base_url": "https://api.openai.com.evil.com/v1"}, {}, (), None),
        ({"base_url": ELSEWHERE}, {}, (), None),
        ({"base_url": ELSEWHERE, "provider": "openai"}, {}, (), None),
        ({"base_url": ELSEWHERE}, {}, (ELSEWHERE + "/",), "OPENAI_API_KEY"),
        ({"base_url": ELSEWHERE, "api_key_env": "TEAM_KEY"}, {}, (ELSEWHERE,), "TEAM_KEY"),
        ({}, {"OPENAI_BASE_URL": ELSEWHERE + "/"}, (), "OPENAI_API_KEY"),
        ({"provider": "ollama"}, {}, (), None),
    ],
)
def test_a_key_goes_where_its_preset_or_the_user_says(
    said: dict[str, Any], environ: dict[str, str], trusted: tuple[str, ...], variable: str | None
) -> None:
    """Settings, environment and command line may send a key elsewhere; a spec may not."""
    found = key(known("m", environ, **said), KEYS | environ, *trusted)
    assert (found.variable if found else None) == variable


@pytest.mark.parametrize(
    "said",
    [
        {"base_url": ELSEWHERE, "api_key_env": "TEAM_KEY"},
        {"base_url": ELSEWHERE, "api_key_env": "OPENAI_API_KEY"},
        {"provider": "ollama", "api_key_env": "OPENAI_API_KEY"},
        {"api_key_env": "TEAM_KEY"},
        {"base_url": OPENAI_URL, "api_key_env": "TEAM_KEY"},
    ],
)
def test_a_spec_alone_sends_no_key_away(said: dict[str, Any]) -> None:
    """A key that a spec wants to go elsewhere, or in a preset's place, is refused, with the ways to allow it."""
    with pytest.raises(SettingsError, match="may not go to") as caught:
        key(known("m", **said), KEYS)
    assert "--base-url" in str(caught.value.fix)


def test_a_program_says_itself_which_key_goes_out() -> None:
    """What a program names is not refused as a spec's would be; the variable is looked up when something is sent."""
    model = resolve("m", api_key_env="TEAM_KEY", environ={})
    with pytest.raises(SettingsError, match="TEAM_KEY is not set"):
        list(model.send(ModelRequest(messages=(user("hi"),))))


def test_a_missing_key_is_named_where_one_is_needed() -> None:
    """A preset's own host and a named variable need the key; a server of one's own may do without."""
    with pytest.raises(SettingsError, match="OPENAI_API_KEY is not set"):
        key(known("m"), {})
    with pytest.raises(SettingsError, match="TEAM_KEY is not set"):
        key(known("m", base_url=ELSEWHERE, api_key_env="TEAM_KEY"), {}, ELSEWHERE)
    assert key(known("m", base_url=ELSEWHERE), {}, ELSEWHERE) is None


def test_a_key_that_no_header_can_carry_is_refused() -> None:
    """The message names the variable and does not show the value."""
    with pytest.raises(SettingsError, match="value of OPENAI_API_KEY cannot be a key") as caught:
        key(known("m"), {"OPENAI_API_KEY": "sk-”secret"})
    assert "secret" not in str(caught.value)


def test_a_key_is_not_shown() -> None:
    """Neither the repr of a key nor the identity of a model holds its value."""
    found = key(known("m"), KEYS)
    assert found is not None
    assert "sk-1" not in repr(found)


class Recorded:
    """A transport in a few lines: it answers everything with one reply."""

    def send(self, request: Request) -> Reply:
        """Return the reply."""
        raise NotImplementedError(request.url)


def test_a_replay_needs_no_key() -> None:
    """Over another transport a model needs neither a key nor leave to send one."""
    identity = known("m", base_url=ELSEWHERE, api_key_env="TEAM_KEY", system_role="developer", headers={"X": "1"})
    backend = backend_for(identity, Recorded(), environ={})
    assert (backend.name, backend.format.model, backend.headers) == ("m", "m", {"X": "1"})
    assert resolve("m", transport=Recorded(), environ={}).base_url == OPENAI_URL


def test_models_without_a_word_about_where_they_are() -> None:
    """The names that are listed can all be resolved."""
    assert [resolve(name, environ={}).name for name in model_names()] == list(model_names())


def test_a_password_in_a_base_url_is_not_repeated() -> None:
    """An address with a user is refused, and the error does not show what stood before the @."""
    with pytest.raises(ConvrunError, match="not a base URL") as caught:
        checked_url("https://user:hunter2secret@api.example.com/v1")
    assert "hunter2secret" not in str(caught.value)
    assert "api.example.com" in str(caught.value)
