"""A hundred secrets in recordings of another program, and in a spec: shown, compared and exported without them."""

from __future__ import annotations

import json

import pytest
from planted import escaped, found_in, in_base64, planted
from review_recordings import ask, call, completion, interaction, keep, said, stock

SECRETS = [secret for _, secret in planted(100)]
OWN = "EMP-123456"  # what the settings name
EVERY = [*SECRETS, OWN]


@pytest.fixture
def strangers(project):
    """A spec whose cassette, and a file beside it, hold secrets that nobody has taken out."""

    def exchanges(secrets, word):
        user = said("user", " , ".join([OWN, *secrets[:20], *map(in_base64, range(10), secrets[20:30])]))
        asked = completion(None, call("c1", "look", word=secrets[30], more={secrets[31]: secrets[32:36]}))
        told = [*asked["choices"][0]["message"].pop("tool_calls")]
        reply = completion(f"{word} {' '.join(map(escaped, range(10), secrets[36:46]))} {secrets[46]} {OWN}")
        result = said("tool", f"{word} {' '.join(secrets[47:])}", tool_call_id="c1")
        asked["choices"][0]["message"]["tool_calls"] = told
        history = [user, said("assistant", None, tool_calls=told), result]
        return [(ask(user, user=secrets[0]), asked), (ask(*history), reply)]

    one, other = exchanges(SECRETS[:50], "one"), exchanges(SECRETS[50:], "two")
    keep(project.root / "cassettes/a.yaml", *(interaction(*exchange) for exchange in one))
    project.write("other.json", stock(*other))
    project.write("convrun.toml", "redact = ['EMP-[0-9]{6}']\n")
    turn = {"user": f"{SECRETS[3]} {OWN}", "expect": [{"matches": f"^one|{SECRETS[0]}"}, {"not": {"contains": OWN}}]}
    spec = {"name": f"desk of {OWN}", "model": "m", "tags": [SECRETS[4], OWN], "turns": [turn]}
    project.write("specs/a.yaml", json.dumps(spec))
    return project


COMMANDS = {
    "show the spec": ("show", "specs/a.yaml"),
    "show a file": ("show", "other.json"),
    "diff": ("diff", "cassettes/a.yaml", "other.json", "-vv"),
    "diff as markdown": ("diff", "cassettes/a.yaml", "other.json", "--report", "markdown"),
    "export": ("cassette", "export", "other.json", "cassettes/a.yaml", "--to", "stock"),
    "status": ("status", "-v"),
    "status as JSON": ("status", "--json"),
    "list": ("list",),
    "list as JSON": ("list", "--json"),
    "run": ("run", "-vv", "--report", "json=out.json"),
}


def test_a_hundred_secrets_of_others_are_never_told(strangers, convrun):
    """By no command that shows, compares or exports, nor in what it writes; what stands for them is."""
    before = {path for path in strangers.root.rglob("*") if path.is_file()}
    told = {}
    for name, words in COMMANDS.items():
        code, out, err = convrun(strangers.root, *words)
        assert code in (0, 1, 3), (name, err)
        told[name] = out + err
    for path in strangers.root.rglob("*"):
        if path.is_file() and path not in before:
            told[path.name] = path.read_text("utf-8")
    assert {name: found for name, text in told.items() if (found := found_in(text, EVERY))} == {}
    for name in ("show the spec", "show a file", "diff", "diff as markdown", "other.json", "a.yaml"):
        assert "<github-token>" in told[name], name
        assert "<redacted>" in told[name], name
    assert "expected the reply to match '^one|<openai-key>'" in told["diff"]
    assert '"<redacted>"' in told["list as JSON"]


def test_what_is_said_knows_the_setting(strangers, convrun):
    """A word of the command line that is repeated in a message, in a project whose settings name such words."""
    code, out, err = convrun(strangers.root, "show", f"{OWN}.json")
    assert (code, OWN in out + err) == (2, False)
    assert "'<redacted>.json' does not exist" in err


def test_wrong_settings_show_nothing(strangers, convrun):
    """They may name secrets: a recording is shown once they are mended."""
    strangers.write("convrun.toml", "redact = ['[']\n")
    code, out, err = convrun(strangers.root, "show", "other.json")
    assert (code, out) == (2, "")
    assert "redact" in err


def test_a_key_that_stands_as_a_number_is_not_exported(project, convrun, monkeypatch):
    """A text cannot stand in its place, so the file is not written, and the place is named."""
    monkeypatch.setenv("OPENAI_API_KEY", "73501946")
    project.write("a.json", stock((ask(said("user", "hi")), completion("yes", tokens=(73501946, 1)))))
    code, _, err = convrun(project.root, "cassette", "export", "a.json", "--to", "b.yaml")
    assert (code, "73501946" in err, (project.root / "b.yaml").exists()) == (1, False, False)
    assert "interaction 1 holds a secret where it cannot be taken out" in err


def test_what_a_new_recording_changed_is_told_without_secrets(project, convrun, loopback):
    """Neither what was recorded before nor what is now; a key in `.env` is one as well."""
    project.write("convrun.toml", f"base_urls = ['{loopback.base_url}']\nredact = ['EMP-[0-9]{{6}}']\n")
    project.write(".env", "OPENAI_API_KEY=plain-words-0\n")
    old, new = (f"{OWN} plain-words-0 {' '.join(some)}" for some in (["old", *SECRETS[:22]], ["new", *SECRETS[23:45]]))
    keep(project.root / "cassettes/a.yaml", interaction(ask(said("user", "go")), completion(old)))
    loopback.says(new)
    model = {"name": "m", "base_url": loopback.base_url}
    turns = [{"user": "go", "expect": [{"contains": "new"}]}]
    project.write("specs/a.yaml", json.dumps({"model": model, "turns": turns}))
    assert "reply: '<redacted> <OPENAI_API_KEY> old " in convrun(project.root, "show", "specs/a.yaml")[1]
    code, out, err = convrun(project.root, "record", "--all", "-y")
    assert (code, "RECORDED ANEW" in out) == (0, True), err
    assert found_in(out + err, [*EVERY, "plain-words-0"]) == []
