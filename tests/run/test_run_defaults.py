"""The defaults of a project: what every spec has if it says nothing else."""

from __future__ import annotations

import pytest

from convrun.errors import SettingsError

SPEC = "turns: [{user: Hi}]\n"


def test_defaults_are_those_of_every_spec(project):
    """Model, options, hooks and checks of the settings are there in each spec, below what it says itself."""
    project.write(
        "convrun.toml",
        """
        [defaults]
        model = {script = [{reply = "Hello"}]}
        options = {seed = 7, temperature = 0.5}
        hooks = {before_conversation = "hook:note"}
        each_turn = [{contains = "Hello"}]
        """,
    )
    project.write("hook.py", "seen = []\ndef note(conversation):\n    seen.append(conversation)\n")
    project.write("specs/a.yaml", SPEC)
    project.write("specs/b.yaml", f"{SPEC}options: {{seed: 8}}\neach_turn+: [{{equals: Hello}}]\n")
    found = project.run().conversations
    assert [[check.kind for check in one.turns[0].checks] for one in found] == [["contains"], ["contains", "equals"]]
    assert {one.verdict for one in found} == {"passed"}
    import hook

    sent = [conversation.responses[0].prompt.options for conversation in hook.seen]
    assert sent == [{"seed": 7, "temperature": 0.5}, {"seed": 8, "temperature": 0.5}]


@pytest.mark.parametrize("model", ["model: echo\n", "model: {script: [{reply: Hi}]}\n"])
def test_a_spec_has_the_last_word(project, model):
    """A model that a spec names stands in the place of the default one."""
    project.write("pyproject.toml", '[tool.convrun.defaults]\nmodel = {name = "m", base_url = "http://localhost/v1"}\n')
    (project.root / "convrun.toml").unlink()
    project.write("specs/a.yaml", f"{model}{SPEC}expect: [{{equals: Hi}}]\n")
    assert project.one().verdict == "passed"


def test_bases_are_written_over_the_defaults(project):
    """What a base says is nearer than what the settings say."""
    project.write("convrun.toml", '[defaults]\nmodel = "m"\neach_turn = [{contains = "H"}]\n')
    project.write("specs/_base.yaml", "model: echo\neach_turn+: [{contains: i}]\n")
    project.write("specs/a.yaml", f"extends: _base.yaml\n{SPEC}each_turn+: [{{equals: Hi}}]\n")
    assert [check.kind for check in project.one().turns[0].checks] == ["contains", "contains", "equals"]


def test_a_mistake_in_the_defaults_is_shown_in_the_settings(project):
    """It stands where the key is written, once for all specs."""
    project.write("convrun.toml", '[defaults]\nmodel = "echo"\neach_turn = [{contians = "H"}]\noptions = {n = 3}\n')
    project.write("specs/a.yaml", SPEC)
    project.write("specs/b.yaml", SPEC)
    assert [line.partition(" (")[0] for line in project.mistakes()] == [
        "convrun.toml:3:15: unknown check 'contians'",
        "convrun.toml:4:12: several choices are not supported",
    ]


@pytest.mark.parametrize(
    ("written", "mistake"),
    [
        ("model = {naem = 'm', timeout = '5s'}", "unknown key 'naem' in a model"),
        ("model = {timeout = 5}", "5 has no unit"),
        ("model = {script = [{replay = 'x'}]}", "unknown key 'replay' in a script line"),
        ("options = {stream = true}", "'stream' is no option"),
        ("hooks = {before = 'a:b'}", "unknown key 'before' in hooks"),
    ],
)
def test_a_mistake_in_the_defaults_is_one_although_no_spec_takes_them(project, written, mistake):
    """What every spec says otherwise is judged, too."""
    project.write("convrun.toml", f"[defaults]\n{written}\n")
    project.write("specs/a.yaml", f"model: echo\n{SPEC}")
    (found,) = [line for line in project.mistakes() if line.startswith("convrun.toml:2:")]
    assert mistake in found


def test_a_part_of_a_model_is_a_default(project):
    """The specs name theirs, and have the rest of it."""
    project.write("convrun.toml", "[defaults]\nmodel = {timeout = '5s'}\n")
    project.write("specs/a.yaml", f"model: {{name: echo}}\n{SPEC}")
    (planned,) = project.prepared().plan.conversations
    assert planned.model.timeout == 5


def test_a_key_may_go_where_the_default_model_is(project):
    """The settings are the user's word: the address in them is named outside of specs; one in a spec is not."""
    address, environ = "http://127.0.0.1:9/v1", {"TEAM_KEY": "a-key-of-the-team"}
    model = f'{{name = "m", base_url = "{address}", api_key_env = "TEAM_KEY"}}'
    project.write("convrun.toml", f"[defaults]\nmodel = {model}\n")
    project.write("specs/a.yaml", SPEC)
    project.prepared(record="all", environ=environ)
    project.write("convrun.toml", "")
    project.write("specs/a.yaml", f"model: {{name: m, base_url: '{address}', api_key_env: TEAM_KEY}}\n{SPEC}")
    (mistake,) = project.mistakes(record="all", environ=environ)
    assert "may not go to" in mistake


WRONG = {
    "unknown": ('[defaults]\nsystem = "x"\n', "unknown default 'system'"),
    "no table": ('defaults = "x"\n', "'defaults' must be a table"),
    "two models": ('model = "a"\n[defaults]\nmodel = "b"\n', "the model is named twice"),
}


@pytest.mark.parametrize("name", WRONG)
def test_defaults_that_are_none(project, name):
    """What no spec can take over is refused."""
    text, words = WRONG[name]
    project.write("convrun.toml", text)
    project.write("specs/a.yaml", SPEC)
    with pytest.raises(SettingsError, match=words):
        project.prepared()


def test_a_date_is_no_default(project):
    """What YAML does not have, no default has."""
    project.write("convrun.toml", "[defaults]\noptions = {day = 2026-01-01}\n")
    project.write("specs/a.yaml", SPEC)
    ended = project.cli("run")
    assert ended.returncode == 2
    assert ended.stderr.startswith("convrun.toml:2:12: 2026-01-01 is nothing that a spec can say")


def test_the_model_of_the_environment_is_nearer_than_the_file(project):
    """CONVRUN_MODEL takes the place of the default model."""
    project.write("convrun.toml", '[defaults]\nmodel = "gpt-4.1-mini"\n')
    project.write("specs/a.yaml", f"{SPEC}expect: [{{equals: Hi}}]\n")
    assert project.one(environ={"CONVRUN_MODEL": "echo"}).verdict == "passed"
    with pytest.raises(SettingsError, match="CONVRUN_DEFAULTS cannot be a variable"):
        project.prepared(environ={"CONVRUN_DEFAULTS": "x"})


def test_attachments_of_a_base_lie_beside_it(project):
    """The path of an attachment begins at the folder of the file that names it."""
    project.write("specs/shared/note.txt", "x")
    project.write("specs/shared/_base.yaml", "model: echo\nturns: [{user: Look, attachments: [{path: nte.txt}]}]\n")
    project.write("specs/a.yaml", "extends: shared/_base.yaml\n")
    (only,) = project.mistakes()
    assert only.startswith("specs/shared/_base.yaml:2:")
    assert "did you mean 'note.txt'?" in only
