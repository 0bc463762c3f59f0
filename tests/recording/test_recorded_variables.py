"""Environment variables in templates: what goes out, what is written, and what a replay does without."""

import json

import pytest
from live_specs import CASSETTE, KEYED, SPEC, files
from servers import Answer

SECRET = 'hunter2-is-"no"-password'
OTHER = "another-value-of-it"
SET = {"TEAM_TOKEN": SECRET}
A_TOOL = [{"declare": {"name": "a"}}]


def spec(base_url, *turns, **more):
    """A spec that says a variable in its system prompt, and these turns."""
    model = {"name": "m", "base_url": base_url, "max_retries": 0, "timeout": "5s"}
    return json.dumps({"model": model, "system": "Token: {{ env.TEAM_TOKEN }}.", "turns": list(turns), **more})


def said(text, **more):
    """A turn whose reply, which repeats it, is compared with the same template."""
    return {"user": text, "expect": [{"equals": text}], **more}


@pytest.fixture
def teamed(project, echoing):
    """A project that may send to the server, with a recording that was made with the variable set."""
    project.write("convrun.toml", f"base_urls = [{json.dumps(echoing.base_url)}]\n")
    project.write(SPEC, spec(echoing.base_url, said("It is {{ env['TEAM_TOKEN'] }}!"), said("again")))
    recorded = project.record(environ=SET)
    assert (recorded.verdict, recorded.live_calls) == ("passed", 2)
    return project


def test_the_value_goes_out_and_its_placeholder_is_kept(teamed, echoing):
    """The model is told the value; the cassette holds `<NAME>` in its place, and the result does, too."""
    first = echoing.requests[0].body["messages"]
    assert [message["content"] for message in first] == [f"Token: {SECRET}.", f"It is {SECRET}!"]
    text = (teamed.root / CASSETTE).read_text("utf-8")
    assert "hunter2" not in text
    assert "Token: <TEAM_TOKEN>." in text
    assert teamed.one(environ=SET).turns[0].user == "It is <TEAM_TOKEN>!"


@pytest.mark.parametrize("environ", [SET, {}, {"TEAM_TOKEN": OTHER}, {"TEAM_TOKEN": ""}])
def test_a_replay_matches_whatever_the_variable_is(teamed, environ):
    """Set, not set or set to something else: the same requests, replies and checks."""
    replayed = teamed.one(environ=environ)
    assert (replayed.verdict, replayed.live_calls) == ("passed", 0)
    assert replayed.turns[0].checks[0].expected == "It is <TEAM_TOKEN>!"
    assert replayed.turns[0].reply == "It is <TEAM_TOKEN>!"


@pytest.mark.parametrize("environ", [SET, {}])
def test_another_text_around_the_variable_is_stale(teamed, echoing, environ):
    """The placeholder is compared, and so is what stands beside it."""
    teamed.write(SPEC, spec(echoing.base_url, said("It was {{ env['TEAM_TOKEN'] }}!"), said("again")))
    assert teamed.one(environ=environ).verdict == "stale"


@pytest.mark.parametrize("arguments", [["run", "--record", "all"], ["record", "--all"]])
def test_a_variable_that_is_not_set_is_said_before_anything_is_sent(teamed, echoing, arguments):
    """Exit 2 names it and the template's place; an empty one is not set."""
    echoing.asked()
    for environ in ({}, {"TEAM_TOKEN": " "}):
        ended = teamed.cli(*arguments, **environ)
        assert (ended.returncode, ended.stdout, echoing.asked()) == (2, "", [])
        assert "specs/a.yaml:1:" in ended.stderr
        assert "the environment variable TEAM_TOKEN is not set" in ended.stderr


def test_a_first_recording_needs_the_variable_and_a_recorded_conversation_does_not(teamed, echoing):
    """`once` and `new_episodes` ask for it where there is no cassette."""
    for mode in ("once", "new_episodes"):
        assert teamed.one(record=mode).verdict == "passed"
    (teamed.root / CASSETTE).unlink()
    for mode in ("once", "new_episodes"):
        (mistake,) = teamed.mistakes(record=mode)
        assert "TEAM_TOKEN is not set" in mistake


def test_a_difference_that_would_go_live_is_an_error_of_its_turn(teamed, echoing):
    """Without the variable what was replayed holds a placeholder, and that is never sent."""
    echoing.asked()
    teamed.write(SPEC, spec(echoing.base_url, said("It is {{ env['TEAM_TOKEN'] }}!"), said("once more")))
    result = teamed.one(record="new_episodes")
    assert [turn.verdict for turn in result.turns] == ["passed", "error"]
    assert "TEAM_TOKEN is not set" in result.turns[1].error.message
    assert echoing.asked() == []
    assert teamed.one(record="new_episodes", environ=SET).verdict == "passed"
    assert echoing.asked() == ["once more"]


def test_a_spec_alone_sends_no_variable_away(teamed, echoing):
    """An address that only the spec names gets nothing of the environment, also where a difference shows late."""
    echoing.asked()
    teamed.write("convrun.toml", "")
    (mistake,) = teamed.mistakes(record="all", environ=SET)
    assert "env.TEAM_TOKEN may not go to 'http://127.0.0.1" in mistake
    teamed.write(SPEC, spec(echoing.base_url, said("It is {{ env['TEAM_TOKEN'] }}!"), said("once more")))
    late = teamed.one(record="new_episodes", environ=SET)
    assert "may not go to" in late.turns[1].error.message
    assert echoing.asked() == []
    assert teamed.one(record="all", environ=SET, base_url=echoing.base_url).verdict == "passed"
    named = {**SET, "OPENAI_BASE_URL": echoing.base_url}
    assert teamed.one(record="all", environ=named).verdict == "passed"


def test_a_value_that_cannot_be_redacted_is_refused(teamed):
    """A short one would tear words apart: it is refused everywhere, unnamed, and the fix is a var."""
    for arguments in (["run"], ["validate"], ["record", "--all"]):
        ended = teamed.cli(*arguments, TEAM_TOKEN="qqqqq")
        assert ended.returncode == 2
        assert "TEAM_TOKEN is too short to be redacted" in ended.stderr
        assert "vars: {team_token: …}" in ended.stderr
        assert "qqqqq" not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("turn", "more", "part"),
    [
        ({"user": "To the library!"}, {}, "a turn"),
        ({"user": "{{ 'library' }} {{ env.TEAM_TOKEN }}"}, {}, "a turn"),
        ({"user": "x", "expect": [{"contains": "library"}]}, {}, "a check"),
        ({"user": "x"}, {"each_turn": [{"called": {"tool": "a", "with": {"library": 1}}}], "tools": A_TOOL}, "a check"),
        ({"user": "x"}, {"tools": [{"declare": {"name": "open_library"}}]}, "a tool"),
        ({"user": "x"}, {"tools": ["desk:library"]}, "the name of a tool"),
        ({"user": "x"}, {"history": [{"user": "library"}]}, "the history"),
        ({"user": "x"}, {"vars": {"place": "library"}}, "the vars"),
        ({"user": "x"}, {"cases": [{"id": "a", "place": "library"}]}, "a case"),
        ({"user": "x"}, {"model": "library-1"}, "the model's name"),
        ({"user": "x"}, {"model": {"script": [{"reply": "In the library."}]}}, "the script"),
    ],
)
def test_a_value_that_the_spec_says_itself_is_refused(project, turn, more, part):
    """Its placeholder would stand in both places, and a replay without it would not match; no value is shown."""
    project.write("desk.py", "def library() -> str:\n    return 'x'\n")
    written = {"model": "echo", "system": "Token: {{ env.TEAM_TOKEN }}.", "turns": [turn], **more}
    project.write(SPEC, json.dumps(written))
    (mistake,) = project.mistakes(environ={"TEAM_TOKEN": "library", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"})
    assert mistake.startswith(f"{SPEC}:1:")
    assert f"the value of TEAM_TOKEN stands in the spec itself, in {part}: a recording could not tell" in mistake
    assert "library" not in mistake
    ended = project.cli("run", TEAM_TOKEN="library", OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert ended.returncode == 2
    assert "library" not in ended.stdout + ended.stderr


@pytest.mark.parametrize("value", ["", "team_token", "TEAM_TOKEN", "another"])
def test_a_value_that_stands_nowhere_else_is_none_of_it(project, value):
    """What is not set, and the name of the variable in its braces, are nothing that the spec says."""
    written = {"model": "echo", "turns": [{"user": "{{ env.TEAM_TOKEN }}, other"}]}
    project.write(SPEC, json.dumps(written))
    assert project.one(environ={"TEAM_TOKEN": value}).verdict == "unchecked"


def test_two_variables_of_one_value_are_not_recorded(teamed, echoing):
    """A placeholder could be either of them, and a replay without them would not match."""
    teamed.write(SPEC, spec(echoing.base_url, {"user": "{{ env.TEAM_TOKEN }} {{ env.TWIN }}"}))
    (mistake,) = teamed.mistakes(record="all", environ={**SET, "TWIN": SECRET})
    assert "TEAM_TOKEN and TWIN have one value" in mistake


def test_later_templates_cannot_take_a_value_apart(project, echoing):
    """Turns hold placeholders, so a piece of a reply is no piece of a secret."""
    turns = [{"user": "It is {{ env.TEAM_TOKEN }}"}, said("{{ turns[0].reply[6:13] }} {{ turns[0].user | upper }}")]
    project.write(SPEC, spec(echoing.base_url, *turns))
    recorded = project.record(environ=SET, base_url=echoing.base_url)
    assert recorded.turns[1].user == "<TEAM_T IT IS <TEAM_TOKEN>"
    assert "hunter" not in (project.root / CASSETTE).read_text("utf-8").lower()
    assert project.one().verdict == "passed"


def test_a_tool_gets_the_value_where_there_is_one(project, echoing):
    """Under `with`, on replay as well; without the variable it gets the placeholder."""
    project.write(
        "vault.py",
        """
        import convrun

        GIVEN = []

        class Vault(convrun.Toolbox):
            def __init__(self, token: str):
                GIVEN.append(token)
        """,
    )
    tools = [{"use": "vault:Vault", "with": {"token": "{{ env.TEAM_TOKEN }}"}}]
    project.write(SPEC, spec(echoing.base_url, said("hi"), tools=tools))
    project.record(environ=SET, base_url=echoing.base_url)
    given = []
    for environ in (SET, {}):
        assert project.one(environ=environ).verdict == "passed"
        import vault

        given += vault.GIVEN
    assert given == [SECRET, "<TEAM_TOKEN>"]


def test_an_offline_model_needs_no_variable(project):
    """Nothing goes anywhere: the placeholder stands for what is not set."""
    project.write(SPEC, json.dumps({"model": "echo", "turns": [said("I am {{ env.TEAM_TOKEN }}")]}))
    assert project.one().turns[0].reply == "I am <TEAM_TOKEN>"
    assert project.one(environ=SET).turns[0].reply == "I am <TEAM_TOKEN>"


LEAKS = """
import convrun


class Vault(convrun.Toolbox):
    def __init__(self, token: str):
        self.token = token

    def open(self, word: str) -> str:
        raise ValueError(f"{word}: {self.token}")


class Broken(convrun.Toolbox):
    def __init__(self, token: str):
        raise ValueError(token)


def same(context):
    raise RuntimeError(f"{context.response.text()}")


def shout(conversation):
    raise RuntimeError(conversation.system)
"""


def test_no_output_and_no_file_holds_the_value(project, echoing):
    """Whatever fails or crashes (a check, a tool, a hook, a template, the provider) says it nowhere."""
    named = "{{ env.TEAM_TOKEN }}"
    vault = {"use": "leaks:Vault", "with": {"token": named}}
    project.write("leaks.py", LEAKS)
    url = echoing.base_url
    called = json.dumps({"tool_calls": [{"name": "Vault_open", "arguments": {"word": SECRET}}]})
    failing = [{"contains": f"no {named}"}, {"python": "leaks:same"}, {"matches": f"^{named}$"}]
    project.write("specs/checks.yaml", spec(url, {"user": named, "expect": failing}))
    project.write("specs/crash.yaml", spec(url, {"user": named}, tools=[{**vault, "use": "leaks:Broken"}]))
    project.write("specs/hook.yaml", spec(url, {"user": "hi"}, hooks={"before_conversation": "leaks:shout"}))
    project.write("specs/template.yaml", spec(url, {"user": named}, {"user": f"{named} {{{{ turns[0].nope }}}}"}))
    project.write("specs/attach.yaml", spec(url, {"user": "hi", "attachments": [{"path": named + ".png"}]}))
    project.write(
        "specs/tool.yaml",
        json.dumps(
            {
                "model": {"script": [{"call": "Vault_open", "with": {"word": called}}]},
                "tools": [vault],
                "turns": [{"user": named}],
            }
        ),
    )
    arguments = ["-vv", "--base-url", url, "--report", "json=out/result.json"]
    environ = {**KEYED, **SET}
    ended = [project.cli("run", "--record", "all", *arguments, **environ)]
    assert ended[0].returncode == 4
    reported = json.loads((project.root / "out/result.json").read_text("utf-8"))
    verdicts = {one["spec"].removeprefix("specs/"): one["verdict"] for one in reported["conversations"]}
    assert verdicts == {
        "attach.yaml": "error",
        "checks.yaml": "error",
        "crash.yaml": "error",
        "hook.yaml": "error",
        "template.yaml": "error",
        "tool.yaml": "error",
    }
    project.write("specs/new.yaml", spec(url, {"user": f"other {named}"}))
    echoing.says(Answer(status=400, body={"error": {"message": f"your prompt was {SECRET}"}}))
    ended += [project.cli("run", *arguments, **environ), project.cli("record", *arguments, **environ)]
    ended += [project.cli("validate", "-vv", **environ), project.cli("list", "--json", **environ)]
    out = "".join(one.stdout + one.stderr for one in ended)
    assert "<TEAM_TOKEN>" in out
    kept = {name: data for name, data in files(project.root).items() if not name.startswith("specs/tool")}
    for spelling in (SECRET, json.dumps(SECRET)[1:-1], "hunter2"):
        assert spelling not in out
        assert not [name for name, data in kept.items() if spelling.encode() in data]
