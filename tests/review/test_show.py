"""`convrun show`: what was recorded, as people read it."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys

import pytest
from counting import calls_made
from forking import SOURCES
from goldens import goldens
from review_projects import CASSETTE, NAME, SCRIPT
from review_recordings import ask, call, completion, interaction, keep, said, stock

from convrun.cassette.files import load
from convrun.review.transcripts import transcript

golden = goldens(__file__)
ATTRIBUTES = (SOURCES / "convrun/scaffold/project/dot-gitattributes").read_text("utf-8")  # those of init


def test_a_spec_is_shown_as_it_was_recorded(desk, convrun):
    """Turns with user text, calls, results, reply, how each ended and what it took; first what was asked for."""
    code, out, err = convrun(desk.root, "show", NAME)
    assert (code, err) == (0, "")
    assert out == golden("show.txt", out)


def test_a_cassette_alone_has_no_title(desk, convrun):
    """A file is shown without its name: git compares copies of any name, and the same content is the same text."""
    _, named, _ = convrun(desk.root, "show", NAME)
    copy = desk.copy("elsewhere/blob_without_suffix")
    code, out, _ = convrun(desk.root, "show", str(copy))
    assert code == 0
    assert named == f"{NAME} ({CASSETTE})\n{out}"


def test_a_file_outside_of_every_project_is_shown(desk, convrun, tmp_path_factory):
    """Where a recording lies does not matter, nor whether its spec is there."""
    copy = desk.copy("a.yaml")
    other = tmp_path_factory.mktemp("other")
    shutil.copy(copy, other / "copy")
    assert convrun(desk.root, "show", str(other / "copy")) == convrun(other, "show", "copy")


@pytest.mark.parametrize(("turns", "shown"), [("2", [2]), ("2-3", [2, 3]), ("2-", [2, 3]), ("3-9", [3])])
def test_some_turns_are_shown(desk, convrun, turns, shown):
    """`--turns` names one, several, or all from one on."""
    code, out, _ = convrun(desk.root, "show", CASSETTE, "--turns", turns)
    assert code == 0
    assert [line for line in out.splitlines() if line.startswith("turn ")] == [f"turn {index}" for index in shown]


@pytest.mark.parametrize("turns", ["0", "3-2", "a", "-2", "4-", ""])
def test_turns_that_are_not_there_are_a_mistake(desk, convrun, turns):
    """What names no turn of the conversation ends with 2."""
    code, out, err = convrun(desk.root, "show", CASSETTE, f"--turns={turns}")
    assert (code, out) == (2, "")
    assert "--turns" in err


def test_each_case_of_a_spec_is_shown_or_one(project, convrun):
    """A spec shows all of its conversations with their ids, `FILE::CASE` one; what is not recorded is named."""
    project.write(
        "specs/a.yaml",
        """
        model: {script: [{reply: 'yes'}]}
        cases: [{id: one, word: 1}, {id: two, word: 2}, {id: three, word: 3}]
        turns: [{user: 'Is it {{ word }}?'}]
        """,
    )
    project.run(record="all")
    (project.root / "cassettes/a/three.yaml").unlink()
    code, out, err = convrun(project.root, "show", "specs/a.yaml")
    assert code == 0
    assert [line for line in out.splitlines() if line.startswith("specs/")] == [
        "specs/a.yaml::one (cassettes/a/one.yaml)",
        "specs/a.yaml::two (cassettes/a/two.yaml)",
    ]
    assert "specs/a.yaml::three is not recorded: no cassettes/a/three.yaml" in err
    _, out, _ = convrun(project.root, "show", "specs/a.yaml::two")
    assert "user: 'Is it 2?'" in out
    assert "Is it 1?" not in out
    code, _, err = convrun(project.root, "show", "specs/a.yaml::three")
    assert code == 2
    assert "is not recorded" in err


def test_nothing_is_imported(desk, convrun):
    """The module of a tool may be broken: what was recorded is shown all the same."""
    sys.modules.pop("desk")
    desk.project.write("desk.py", "raise RuntimeError('imported')")
    assert convrun(desk.root, "show", NAME)[0] == 0
    assert "desk" not in sys.modules


def test_conversations_of_another_program_are_told_apart(tmp_path, convrun):
    """In a recording of vcrpy a request that extends no other one begins a conversation, and so is it shown."""
    first = [said("user", "Hi"), said("assistant", "Ho"), said("user", "On")]
    second = [said("user", "Hi"), said("assistant", "Hu"), said("user", "Off")]
    (tmp_path / "stock.json").write_text(
        stock(
            (ask(first[0]), completion("Ho")),
            (ask(second[0]), completion("Hu")),
            (ask(*first), completion("one")),
            (ask(*second), completion("two")),
            (ask(said("user", "Else"), said("assistant", "x"), said("user", "y")), completion("three")),
        )
    )
    code, out, _ = convrun(tmp_path, "show", "stock.json")
    assert code == 0
    parts = out.split("conversation ")[1:]
    assert ["reply: 'one'" in part for part in parts] == [True, False, False]
    assert ["reply: 'two'" in part for part in parts] == [False, True, False]
    assert "history: 2 messages\n  user: 'Else'\n  assistant: 'x'" in parts[2]


def test_all_that_a_reply_may_hold_is_shown(tmp_path, convrun):
    """Reasoning, refusals, texts beside calls, attachments by type and size, errors, and where a prompt changes."""
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base64.b64encode(b'x' * 20).decode()}"}}
    link = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    document = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}}
    user = said("user", [{"type": "text", "text": "What is this?"}, image, link, document])
    calls = [call("c1", "look", at="a")]
    calling = completion("Let me see.", *calls, reasoning_content="It may be\na cat.")
    sent = said("assistant", "Let me see.", tool_calls=calls)
    result = said("tool", "A", tool_call_id="c1")
    refusing = completion(refusal="I will not.")
    history = [user, sent, result, said("user", [image])]
    again = [*history, said("assistant", None, refusal="I will not."), said("user", "Please")]
    path = keep(
        tmp_path / "a.yaml",
        interaction(ask(said("system", "One"), user, temperature=0), calling),
        interaction(ask(said("system", "One"), *history, temperature=0), refusing),
        interaction(ask(said("system", "Two"), *again, seed=7), {"error": {"message": "too fast"}}, status=429),
    )
    _, out, _ = convrun(tmp_path, "show", path.name)
    assert out == golden("show-everything.txt", out)


def test_what_is_no_chat_is_named(tmp_path, convrun):
    """A request to another endpoint is no conversation; it is listed."""
    path = tmp_path / "a.json"
    path.write_text(stock((ask(said("user", "Hi")), completion("Ho"))).replace("chat/completions", "embeddings"))
    code, out, _ = convrun(tmp_path, "show", path.name)
    assert (code, out) == (
        0,
        "no conversation: interaction 1: POST https://api.openai.com/v1/embeddings\n",
    )


def test_an_empty_recording_is_said_to_be_one(tmp_path, convrun):
    """A cassette without interactions holds no conversation."""
    (tmp_path / "a.yaml").write_text("interactions: []\nversion: 1\n")
    assert convrun(tmp_path, "show", "a.yaml") == (0, "no conversation: the recording is empty\n", "")


def test_control_characters_are_visible(tmp_path, convrun):
    """What a model said cannot steer a terminal, nor pass for lines of ours."""
    path = keep(tmp_path / "a.yaml", interaction(ask(said("user", "Hi")), completion("\x1b[2J\u202eok\nturn 2")))
    _, out, _ = convrun(tmp_path, "show", path.name)
    assert "  reply:\n    | \\x1b[2J\\u202eok\n    | turn 2\n" in out


def test_on_github_no_line_of_a_reply_is_a_command(tmp_path, convrun, monkeypatch):
    """What was said stands between the runner's stop token and its end."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    path = keep(tmp_path / "a.yaml", interaction(ask(said("user", "Hi")), completion("Ho")))
    _, out, _ = convrun(tmp_path, "show", path.name)
    first, *_, last = out.splitlines()
    assert first.startswith("::stop-commands::")
    assert last == f"::{first.removeprefix('::stop-commands::')}::"


def test_keys_in_recordings_of_others_are_placeholders(tmp_path, convrun, monkeypatch):
    """The value of a key that is set is not printed, wherever a stock recording has it."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-mine")
    (tmp_path / "a.json").write_text(stock((ask(said("user", "My key: sk-secret-of-mine")), completion("ok"))))
    _, out, _ = convrun(tmp_path, "show", "a.json")
    assert "user: 'My key: <OPENAI_API_KEY>'" in out


def test_what_cannot_be_shown_is_said(desk, convrun):
    """A file that is not there ends with 2, a damaged cassette with 4, each with what would help."""
    code, _, err = convrun(desk.root, "show", "cassettes/desc.yaml")
    assert code == 2
    assert "does not exist" in err
    path = desk.root / CASSETTE
    path.write_text(path.read_text("utf-8").replace("Welcome!", "Welcome?"), "utf-8")
    code, out, err = convrun(desk.root, "show", CASSETTE)
    assert (code, out) == (4, "")
    assert "interaction 1 is not what was recorded" in err


def test_git_shows_recordings_as_conversations(desk, git):
    """As git's textconv, `convrun show` makes of two cassettes two texts whose difference people read."""
    git.begin(desk.root)
    command = f'f() {{ "{sys.executable}" -m convrun show "$1" || cat "$1"; }}; f'  # as docs/cli.md has it
    git(desk.root, "config", "diff.convrun.textconv", command)
    desk.project.write(".gitattributes", ATTRIBUTES)
    git.commit(desk.root)
    desk.record(*SCRIPT[:3], "Goodbye.")
    assert _changed(desk.root) == ["-  reply: 'You are welcome.'", "+  reply: 'Goodbye.'"]
    desk.project.edit(CASSETTE, "Goodbye.", "Good day.")
    assert "+    text: Good day." in _changed(desk.root)


def _changed(root):
    """The lines that git shows as changed; it does not fail."""
    done = subprocess.run(
        ["git", "-C", str(root), "diff", "--unified=0", "--", CASSETTE],
        env={**os.environ, "PYTHONPATH": str(SOURCES), "COVERAGE_PROCESS_START": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def test_a_long_conversation_is_read_in_work_that_grows_with_it(tmp_path):
    """Of twice as many turns a recording of ours is about twice as many calls of functions; vcrpy's reads the same."""

    def read(turns):
        messages, exchanges = [said("system", "Be brief.")], []
        for number in range(turns):
            messages = [*messages, said("user", f"Question {number}")]
            exchanges.append((ask(*messages), completion(f"Answer {number}")))
            messages = [*messages, said("assistant", f"Answer {number}")]
        path = keep(tmp_path / "a.yaml", *(interaction(body, reply) for body, reply in exchanges))
        recording = load(path, "a.yaml")
        script, made = calls_made(lambda: transcript(recording))
        (found,) = script.conversations
        assert [turn.user for turn in found.turns] == [f"Question {number}" for number in range(turns)]
        (tmp_path / "a.json").write_text(stock(*exchanges))
        (other,) = transcript(load(tmp_path / "a.json", "a.json")).conversations
        assert other == found
        return made

    read(10)  # what is loaded and compiled once
    assert read(160) < 2.5 * read(80)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00binary", b"", b"\n"])
def test_a_file_without_text_is_a_spec_among_specs_only(desk, convrun, tmp_path_factory, content):
    """A binary or empty .yaml is a recording that cannot be read, code 4; in the specs folder it is a spec, code 2."""
    other = tmp_path_factory.mktemp("other") / "a.yaml"
    for file, code in ((CASSETTE, 4), ("beside.yaml", 4), (str(other), 4), ("specs/none.yaml", 2)):
        (desk.root / file).write_bytes(content)
        ended, out, err = convrun(desk.root, "show", file)
        assert (ended, out) == (code, ""), err
        assert ("spec" in err.replace("specs/", "") or "is not UTF-8: line" in err) is (code == 2), err


@pytest.mark.skipif(not os.path.exists(os.devnull) or os.name == "nt", reason="its devices have no paths")
@pytest.mark.parametrize("words", [["show", os.devnull], ["diff", os.devnull], ["diff", "HEAD", os.devnull]])
def test_a_device_is_no_regular_file(desk, convrun, words):
    """What is no file is named as such, whether it lies in a project or not."""
    code, out, err = convrun(desk.root, *words)
    assert (code, out) == (2, "")
    assert f"'{os.devnull}' is not a regular file\n  " in err
