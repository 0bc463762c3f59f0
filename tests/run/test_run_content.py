"""What a spec says reaches the conversation: templates, history, options, tools by policy, attachments, settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from convrun.errors import SettingsError

CODE = '''
    from pathlib import Path

    LOG = Path(__file__).with_name("log.txt")

    def write(text):
        with LOG.open("a", encoding="utf-8") as log:
            log.write(f"{text}\\n")

    def upper(text: str) -> str:
        """In capitals."""
        write(f"called {text}")
        return text.upper()

    def before(tool, call):
        write(f"before {call.name}")

    def after(tool, call, result):
        write(f"after {result.output}")

    def around(conversation):
        write(f"begin, replaying {conversation.replaying}")
        yield
        write(f"end, {len(conversation.responses)} responses")
'''
HOOKS = "{before_call: 'desk:before', after_call: 'desk:after', before_conversation: 'desk:around'}"


def log(project):
    """What the code wrote since this was asked last."""
    path = project.root / "log.txt"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def test_templates_see_vars_and_earlier_turns(project):
    """Texts are rendered when their turn comes: by number, by id, with arguments of tool calls."""
    project.write("desk.py", CODE)
    project.write(
        "specs/a.yaml",
        """
        model: {script: [{reply: one}, {call: upper, with: {text: b}}, {reply: two}, {reply: three}]}
        vars: {name: Ada, ages: [36, null]}
        tools: ['desk:upper']
        turns:
          - {id: first, user: '{{ name }}, {{ vars.ages }}'}
          - user: '{{ turns[0].reply }} and {{ turns.first.user }}'
          - user: '{{ turns[1].tool_calls[0].arguments.text }}{{ turns[1].tool_calls[0].result }}'
            expect: [{equals: 'thr{{ "ee" }}'}, {one_of: ['{{ turns[2].reply }}']}]
        """,
    )
    result = project.one()
    assert result.verdict == "passed"
    assert [turn.user for turn in result.turns] == ["Ada, [36, null]", "one and Ada, [36, null]", "bB"]


def test_a_template_that_fails_is_an_error_of_its_turn(project):
    """What cannot be known beforehand is found when the turn begins; the turns before it stand."""
    project.write(
        "specs/a.yaml",
        """
        model: echo
        turns:
          - {user: Hi, expect: [{equals: Hi}]}
          - {user: 'First {{ turns[0].tool_calls[0].name }}'}
          - {user: Bye}
        """,
    )
    run = project.run(keep_going=True)
    (result,) = run.conversations
    assert ([turn.verdict for turn in result.turns], run.exit_code) == (["passed", "error"], 4)
    error = result.turns[1].error
    assert (error.type, error.where.file, error.where.line) == ("TemplateError", "specs/a.yaml", 4)


def test_a_template_of_a_check_that_fails_is_an_error(project):
    """The check is an error, and so is its turn."""
    project.write(
        "specs/a.yaml", "model: echo\nturns: [{user: Hi, expect: [{equals: '{{ turns[0].tool_calls[0].name }}'}]}]\n"
    )
    result = project.one()
    assert (result.verdict, result.turns[0].checks[0].verdict) == ("error", "error")


def test_a_value_that_is_one_template_keeps_its_type(project):
    """A number stays one; what it has become is judged when it is rendered."""
    spec = """
        model: echo
        vars: {count: 2, text: two}
        tools: ['desk:upper']
        turns: [{user: 'a', expect: [{not: {called: {tool: upper, times: '{{ NAME }}'}}}]}]
    """
    project.write("desk.py", CODE)
    project.write("specs/a.yaml", spec.replace("NAME", "count"))
    assert project.one().verdict == "passed"
    project.write("specs/a.yaml", spec.replace("NAME", "text"))
    assert project.one().verdict == "error"


def test_a_history_stands_before_the_first_turn(project):
    """Messages, tool calls and results of the history are sent first; their texts are templates."""
    project.write("desk.py", CODE)
    project.write(
        "specs/a.yaml",
        """
        model: {script: [{reply: 'You are Ada.'}]}
        vars: {name: Ada}
        tools: ['desk:upper']
        history:
          - user: 'I am {{ name }}.'
          - tool_calls: [{id: c1, name: upper, arguments: {text: ada}}]
          - {tool: ADA, tool_call_id: c1}
          - assistant: 'Hello!'
        turns: [{user: Who am I?, expect: [{contains: '{{ name }}'}]}]
        """,
    )
    project.record()
    recorded = (project.root / "cassettes/a.yaml").read_text("utf-8")
    assert "I am Ada." in recorded
    assert project.one().verdict == "passed"
    project.edit("specs/a.yaml", "Hello!", "Hi!")
    result = project.one()
    assert (result.verdict, result.stale.changes[0].part) == ("stale", "reply in the history")


def test_options_of_a_turn_go_over_those_of_the_spec(project):
    """A turn adds options, changes them and removes them with null, for itself alone."""
    project.write(
        "specs/a.yaml",
        """
        model: {script: [{reply: a}, {reply: b}, {reply: c}]}
        options: {temperature: 0, seed: 7}
        turns:
          - {user: One}
          - {user: Two, options: {temperature: 1, seed: null, top_p: 0.5}}
          - {user: Three}
        """,
    )
    project.record()
    recorded = (project.root / "cassettes/a.yaml").read_text("utf-8")
    assert [line.strip() for line in recorded.splitlines() if "temperature" in line] == [
        "options: {temperature: 0, seed: 7}",
        "options: {temperature: 1, top_p: 0.5}",
        "options: {temperature: 0, seed: 7}",
    ]
    assert project.one().verdict == "unchecked"


TOOL = """
    model: {script: [{call: upper, with: {text: b}}, {reply: done}]}
    tools: [{use: 'desk:upper', policy: POLICY}]
    hooks: HOOKS
    turns: [{user: Go, expect: [{called: {tool: upper, returns: B}}]}]
""".replace("HOOKS", HOOKS)


def test_policies_say_whether_a_tool_is_called_on_replay(project):
    """`live` calls it again; `replay` does not, and hooks are told what was recorded."""
    project.write("desk.py", CODE)
    project.write("specs/a.yaml", TOOL.replace("POLICY", "live"))
    project.record()
    recorded = ["begin, replaying False", "before upper", "called b", "after B", "end, 2 responses"]
    assert log(project) == recorded
    assert project.one().verdict == "passed"
    assert log(project) == [line.replace("False", "True") for line in recorded]
    project.write("specs/a.yaml", TOOL.replace("POLICY", "replay"))
    assert project.one().verdict == "passed"
    assert log(project) == ["begin, replaying True", "before upper", "after B", "end, 2 responses"]


@pytest.mark.parametrize("where", ["spec", "settings"])
def test_a_policy_can_be_set_for_all_tools(project, where):
    """`tool_policy` of the spec, or of the settings, is that of tools without their own."""
    project.write("desk.py", CODE)
    project.write("specs/a.yaml", TOOL.replace(", policy: POLICY", ""))
    project.record()
    if where == "spec":
        project.edit("specs/a.yaml", "hooks:", "tool_policy: replay\nhooks:")
    else:
        project.write("convrun.toml", "tool_policy = 'replay'\n")
    log(project)
    assert project.one().verdict == "passed"
    assert "called b" not in log(project)


DECLARED = """
    model: {script: [{call: upper, with: {text: b}}, {reply: done}]}
    tools:
      - declare:
          name: upper
          description: In capitals.
          parameters: {type: object, properties: {text: {type: string}}, required: [text]}
    turns: [{user: Go, expect: [{called: {tool: upper, returns: B}}]}]
"""


def test_a_declared_tool_answers_from_the_recording(project):
    """A recording of a function plays with the same tool declared, without its code."""
    project.write("desk.py", CODE)
    project.write("specs/a.yaml", TOOL.replace("POLICY", "live"))
    project.record()
    project.write("specs/a.yaml", DECLARED)
    (project.root / "desk.py").unlink()
    assert project.one().verdict == "passed"


def test_a_declared_tool_without_a_recording_is_an_error(project):
    """Nothing can be known of what it would return."""
    project.write("specs/a.yaml", DECLARED)
    run = project.run()
    (result,) = run.conversations
    assert (result.verdict, result.turns[0].error.type, run.exit_code) == ("error", "ToolUnavailableError", 4)


def test_attachments_stay_inside_of_the_project(project):
    """A path that leaves the root once it is rendered is an error of its turn; nothing is read."""
    project.write("convrun.toml", "")
    project.write("sub/convrun.toml", "")
    project.write("outside.png", "no picture")
    project.write(
        "sub/specs/a.yaml",
        "model: echo\nvars: {up: '../../'}\nturns: [{user: Hi, attachments: [{path: '{{ up }}outside.png'}]}]\n",
    )
    result = project.one("sub/specs/a.yaml")
    assert (result.verdict, result.turns[0].error.type) == ("error", "AttachmentError")
    assert "outside of the project" in result.turns[0].error.message


@pytest.mark.parametrize("path", ["../../outside.png", "/etc/hostname"])
def test_attachments_outside_are_found_before_anything_runs(project, path):
    """A path without a template is judged with the other mistakes of the spec."""
    project.write("sub/convrun.toml", "")
    project.write("outside.png", "no picture")
    project.write("sub/specs/a.yaml", f"model: echo\nturns: [{{user: Hi, attachments: [{{path: {path}}}]}}]\n")
    (mistake,) = project.mistakes("sub/specs/a.yaml")
    assert "outside of the project" in mistake


def test_attachments_that_lead_outside_are_refused(project):
    """A symbolic link inside of the project to a file outside of it is no way around."""
    project.write("secret.png", "no picture")
    project.write("sub/convrun.toml", "")
    project.write("sub/specs/a.yaml", "model: echo\nturns: [{user: Hi, attachments: [{path: picture.png}]}]\n")
    (project.root / "sub/specs/picture.png").symlink_to(project.root / "secret.png")
    (mistake,) = project.mistakes("sub/specs/a.yaml")
    assert "outside of the project" in mistake


def test_an_attachment_that_is_not_there_is_found_before_anything_runs(project):
    """A later turn's missing file costs no model call of an earlier one; the nearest name is suggested."""
    project.write("specs/picture.png", "no picture")
    project.write("specs/a.yaml", "model: echo\nturns: [{user: Hi}, {user: Ho, attachments: [{path: pictur.png}]}]\n")
    (mistake,) = project.mistakes()
    assert mistake.startswith("specs/a.yaml:2:")
    assert mistake.endswith("no file 'pictur.png' to attach (did you mean 'picture.png'?)")


def test_tmp_is_fresh_for_each_conversation_and_gone_afterwards(project):
    """Two conversations do not share it, and nothing of it is left."""
    project.write(
        "desk.py",
        """
        import convrun
        from pathlib import Path
        class Notes(convrun.Toolbox):
            def __init__(self, path):
                self.path = Path(path)
                assert not self.path.exists()
                self.path.write_text("x")
            def where(self) -> str:
                return str(self.path)
        """,
    )
    project.write(
        "specs/a.yaml",
        """
        model: echo
        cases: [{id: one}, {id: two}]
        tools: [{use: 'desk:Notes', with: {path: '{{ tmp }}/notes'}, as: Log}]
        turns:
          - user: {raw: true, text: '{"tool_calls": [{"name": "Log_where"}]}'}
            expect: [{called: Log_where}]
        """,
    )
    folders = [one.turns[0].reply for one in project.run().conversations]
    assert len(set(folders)) == 2
    assert not any(Path(folder).parent.exists() for folder in folders)


def test_settings_name_the_folders_and_the_model(project):
    """`specs`, `cassettes`, `pythonpath` and `model` are taken from the settings."""
    project.write("convrun.toml", "specs = 'talks'\ncassettes = 'tapes'\nmodel = 'echo'\npythonpath = ['src']\n")
    project.write("src/desk.py", CODE)
    project.write("specs/ignored.yaml", "model: echo\nturns: [{user: No}]\n")
    project.write("talks/deep/a.yaml", "tools: ['desk:upper']\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n")
    result = project.record()
    assert (result.id, result.model, result.verdict) == ("talks/deep/a.yaml", "echo", "passed")
    assert result.cassette == "tapes/deep/a.yaml"
    assert project.one(cassettes="other").cassette == "other/deep/a.yaml"


def test_unknown_settings_are_refused(project):
    """A misspelt setting stops everything."""
    project.write("convrun.toml", "specz = 'talks'\n")
    with pytest.raises(SettingsError, match="unknown setting 'specz'"):
        project.run()


def test_a_folder_is_no_attachment(project):
    """What is there and is no file is named as what it is."""
    project.write("specs/p.png/keep", "")
    project.write("specs/a.yaml", "model: echo\nturns: [{user: Hi, attachments: [{path: p.png}]}]\n")
    (mistake,) = project.mistakes()
    assert "'p.png' is no regular file" in mistake
