"""`convrun record`: everything is rehearsed, what is stale or missing is quoted, and recorded after a question."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from servers import reply

CASES = """
    model: {name: m, base_url: BASE, max_retries: 0, timeout: 5s}
    system: Be brief.
    tools: ['desk:now']
    cases: [{place: Oslo}, {place: Bergen}, {place: Bodo}]
    turns:
      - user: Where is {{ place }}?
        expect: [{contains: Where}]
      - user: Thanks
"""
CODE = '''
    """A tool that is counted."""
    from pathlib import Path

    def now() -> str:
        """Say what time it is."""
        with Path(__file__).with_name("ran.txt").open("a") as file:
            file.write("now ")
        return "12:00"
'''
NAME = "specs/cards.yaml"


@pytest.fixture
def cards(project, loopback):
    """A project with three cases, the first two of them recorded; `asked()` is what the model was asked since."""

    def says(received):
        text = received.body["messages"][-1]["content"]
        message = {"role": "assistant", "content": f"You said: {text}"}
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        return {"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}

    def asked():
        heard = [request.body["messages"][-1]["content"] for request in loopback.requests]
        loopback.requests.clear()
        return heard

    loopback.says(says)
    project.write(NAME, CASES.replace("BASE", loopback.base_url))
    project.write("desk.py", CODE)
    project.run(record="all")
    (project.root / "cassettes/cards/Bodo.yaml").unlink()
    project.asked = asked
    asked()
    return project


def verdicts(done):
    """The verdicts of the JSON result, by case."""
    return {one["case"]: (one["verdict"], one["live_calls"]) for one in json.loads(done.stdout)["conversations"]}


def test_what_is_fresh_is_done_and_the_rest_is_quoted_and_recorded(cards):
    """One result of all in the order of the plan; the quote stands before the live calls, its comparison behind."""
    done = cards.cli("record", "--report", "json")
    assert (done.returncode, cards.asked()) == (0, ["Where is Bodo?", "Thanks"])
    assert verdicts(done) == {"Oslo": ("passed", 0), "Bergen": ("passed", 0), "Bodo": ("passed", 2)}
    lines = done.stderr.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["passed", "passed"]
    assert lines[2:5] == [
        "to record: 1 conversation",
        "  no cassette: 2 model calls in 1 conversation",
        "recording takes 2 model calls, about 20 input and 10 output tokens; no price is known for m",
    ]
    assert lines[5].startswith("passed     specs/cards.yaml::Bodo")
    assert lines[6] == "quoted 2 model calls, 30 tokens; took 2 model calls, 30 tokens"
    assert cards.cli("record").stdout.count("\n") == 4
    assert cards.asked() == []


def test_stale_ones_are_told_by_their_cause(cards):
    """The same cause once; what is recorded goes live from the first difference on."""
    cards.edit(NAME, "- user: Thanks", "- user: Thank you")
    done = cards.cli("record")
    assert cards.asked() == ["Thank you", "Thank you", "Where is Bodo?", "Thank you"]
    assert "  user text, turn 2: 2 model calls in 2 conversations (specs/cards.yaml::Oslo, " in done.stdout
    assert "recording takes 4 model calls, about 40 input and 20 output tokens" in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("only", "asked", "code"),
    [("stale", ["Where is Oslo now?", "Thanks"], 3), ("missing", ["Where is Bodo?", "Thanks"], 3)],
)
def test_only_one_kind_is_recorded(cards, only, asked, code):
    """The others are what the rehearsal found them to be, and count."""
    cards.edit(NAME, "{place: Oslo}", "{id: Oslo, place: Oslo now}")
    done = cards.cli("record", "--only", only, "--report", "json")
    assert (done.returncode, cards.asked()) == (code, asked)
    left = "Bodo" if only == "stale" else "Oslo"
    assert verdicts(done)[left] == ("missing" if only == "stale" else "stale", 0)


def test_those_that_fail_are_recorded_from_scratch(cards):
    """What matches and fails is asked anew, and nothing else is."""
    cards.edit(NAME, "{place: Oslo}", "{place: Oslo, said: Nowhere}")
    cards.edit(NAME, "{place: Bergen}, {place: Bodo}", "{place: Bergen, said: Where}")
    cards.edit(NAME, "{contains: Where}", "{contains: '{{ said }}'}")
    done = cards.cli("record", "--only", "failed", "--report", "json")
    assert (done.returncode, cards.asked()) == (1, ["Where is Oslo?", "Thanks"])
    assert verdicts(done) == {"Oslo": ("failed", 2), "Bergen": ("passed", 0)}
    assert "  from scratch: 2 model calls in 1 conversation" in done.stderr


def test_all_is_quoted_as_a_whole(cards):
    """Nothing is rehearsed where everything is recorded anew."""
    done = cards.cli("record", "--all")
    assert (done.returncode, len(cards.asked())) == (0, 6)
    assert "to record: 3 conversations" in done.stdout
    assert "recording takes 6 model calls, about 60 input and 30 output tokens" in done.stdout


def test_quiet_prints_no_quote(cards):
    """Only what did not pass, and the counts."""
    done = cards.cli("record", "-q")
    assert (done.returncode, len(cards.asked())) == (0, 2)
    assert "quoted" not in done.stdout
    assert "to record" not in done.stdout
    assert "passed" not in done.stdout.splitlines()[0].split()[0]


@pytest.mark.parametrize("words", [("--all", "--only", "stale"), ("--only", "fresh")])
def test_wrong_words_are_refused(cards, words):
    """Before anything runs."""
    done = cards.cli("record", *words)
    assert (done.returncode, cards.asked()) == (2, [])
    assert "--only" in done.stderr


def test_a_key_that_is_needed_is_asked_for_before_anything_is_sent(cards):
    """Also for a conversation that has a cassette and turned out to be stale."""
    cards.edit(NAME, "{name: m,", "{name: m, api_key_env: MY_KEY,")
    cards.write("convrun.toml", f"base_urls = [{json.dumps(cards_base(cards))}]\n")
    cards.edit(NAME, "Be brief.", "Be long.")
    done = cards.cli("record", "-k", "Oslo", "--report", "junit=out.xml")
    assert (done.returncode, cards.asked()) == (2, [])
    assert "MY_KEY is not set" in done.stderr
    assert "MY_KEY is not set" in (cards.root / "out.xml").read_text()


def cards_base(cards):
    """The address in the spec."""
    return (cards.root / NAME).read_text().split("base_url: ")[1].split(",")[0]


def test_after_the_first_that_did_not_pass_nothing_is_recorded(cards):
    """With -x, a fresh conversation that fails counts first."""
    cards.edit(NAME, "{contains: Where}", "{contains: Nowhere}")
    done = cards.cli("record", "-x", "--report", "json")
    assert (done.returncode, cards.asked()) == (1, [])
    assert verdicts(done)["Bodo"] == ("skipped", 0)


def test_at_once_the_result_is_the_same(cards):
    """In processes the rehearsal, in threads the recording."""
    cards.edit(NAME, "- user: Thanks", "- user: Thank you")
    done = cards.cli("record", "-j", "2", "--report", "json")
    assert (done.returncode, len(cards.asked())) == (0, 4)
    assert list(verdicts(done)) == ["Oslo", "Bergen", "Bodo"]


def on_terminal(cards, answer, *arguments):
    """Run `record` on a terminal where a person types this; return the exit code and what stands there."""
    import pty  # not everywhere

    control, terminal = pty.openpty()
    environ = cards.environment()
    process = subprocess.Popen(
        [sys.executable, "-m", "convrun", "record", *arguments],
        cwd=cards.root, env=environ, stdin=terminal, stdout=terminal, stderr=terminal,
    )  # fmt: skip
    os.close(terminal)
    os.write(control, answer)
    said = b""
    try:
        while piece := os.read(control, 65_536):
            said += piece
    except OSError:  # the other end is closed
        pass
    os.close(control)
    return process.wait(), said.decode().replace("\r\n", "\n")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
@pytest.mark.parametrize(
    ("answer", "arguments", "recorded"),
    [(b"y\n", (), True), (b"\x04", ("-q",), False), (b"n\n", ("-y",), True)],
)
def test_on_a_terminal_it_is_asked_once(cards, answer, arguments, recorded):
    """Declined, nothing is recorded, which ends as a run does; -y asks nothing, -q does."""
    code, said = on_terminal(cards, answer, *arguments)
    assert (code, bool(cards.asked())) == (0 if recorded else 3, recorded)
    assert ("record 1 conversation, 2 model calls? [y/N]" in said) is ("-y" not in arguments)
    assert ("nothing was recorded" in said) is not recorded


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
def test_declined_from_scratch_nothing_was_run(cards):
    """Nothing was played before the question: none is shown, nor is the run taken for an empty shard."""
    code, said = on_terminal(cards, b"n\n", "--all")
    assert (code, cards.asked()) == (0, [])
    assert said.endswith("nothing was recorded\nnone of 3 conversations was run\n")


def test_a_rehearsal_leaves_nothing_behind_in_the_modules_of_tools(project, loopback):
    """A tool that counts its calls begins anew in the recording, which goes live where the quote says."""
    settings = f"{{name: m, base_url: '{loopback.base_url}', max_retries: 0}}"
    turns = "[{user: Count}, {user: And?}, {user: Thanks}]"
    project.write(NAME, f"model: {settings}\ntools: ['counting:count']\nturns: {turns}\n")
    code = "CALLS = []\n\ndef count() -> int:\n    CALLS.append(1)\n    return len(CALLS)\n"
    project.write("counting.py", code)
    loopback.says(reply(calls={"count": {}}), "one", "two", "three")
    assert project.cli("record").returncode == 0
    project.edit(NAME, "Thanks", "Bye")
    loopback.requests.clear()
    done = project.cli("record")
    assert done.returncode == 0
    assert "recording takes 1 model call," in done.stdout
    assert [request.body["messages"][-1]["content"] for request in loopback.requests] == ["Bye"]


def test_a_tool_that_raises_is_said_to_before_that_is_recorded(project, loopback):
    """The quote names what it raised: a broken tool is to be mended, not recorded."""
    settings = f"{{name: m, base_url: '{loopback.base_url}', max_retries: 0}}"
    project.write(NAME, f"model: {settings}\ntools: ['desk:now']\nturns: [{{user: Hi}}, {{user: When}}]\n")
    project.write("desk.py", "def now() -> str:\n    return '12:00'\n")
    loopback.says("Hi", reply(calls={"now": {}}), "It is noon", "It is noon")
    project.record()
    project.write("desk.py", "def now() -> str:\n    raise RuntimeError('no clock')\n")
    said = project.cli("record").stdout
    assert "  tool 'now' raised RuntimeError: no clock in turn 2: 1 model call in 1 conversation" in said


def test_another_model_is_quoted_by_what_the_first_one_said(cards):
    """The recordings of the spec's own model tell how long its conversations are."""
    done = cards.cli("status", "-m", "gpt-4.1-mini", "-k", "Oslo", "--json")
    quote = json.loads(done.stdout)["quote"]
    assert (done.returncode, quote["calls"], quote["input"], quote["at_least"]) == (3, 2, 20, False)
    assert quote["usd"] > 0
