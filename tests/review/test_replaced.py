"""After recording over an old cassette: what that changed in the conversation."""

from __future__ import annotations

from goldens import goldens
from review_projects import BYE, CASSETTE, HELLO, KEYED, NAME, SCRIPT
from servers import reply

golden = goldens(__file__)


def record(desk, convrun, monkeypatch, *answers, options=("--all",)):
    """Record the conversation again by the command line; return what it prints on stdout."""
    desk.loopback.answers[:] = []
    desk.loopback.says(*answers)
    for name, value in KEYED.items():
        monkeypatch.setenv(name, value)
    code, out, err = convrun(desk.root, "record", NAME, "--base-url", desk.loopback.base_url, *options)
    assert code in (0, 1), err
    return out


def test_a_new_recording_tells_what_it_changed(desk, convrun, monkeypatch):
    """Turns that changed with the parts that did, verdicts and tokens, between the conversation's line and the end."""
    more = BYE | {"usage": {"prompt_tokens": 9, "completion_tokens": 2}}
    out = record(desk, convrun, monkeypatch, HELLO, reply(calls={"price": {"city": "Nice"}}), "It is 4 euros.", more)
    _, begin, rest = out.partition("RECORDED ANEW")
    told, end, _ = rest.partition("convrun diff\n")
    assert begin + told + end == golden("behaviour.txt", begin + told + end)


def test_a_recording_of_the_same_tells_nothing(desk, convrun, monkeypatch):
    """Where nothing changed but times, nor anything was there before, nothing is told."""
    out = record(desk, convrun, monkeypatch, *SCRIPT)
    assert "4 live calls" in out
    assert "RECORDED ANEW" not in out
    (desk.root / CASSETTE).unlink()
    assert "RECORDED ANEW" not in record(desk, convrun, monkeypatch, *SCRIPT[:3], "Bye.")


def test_quiet_tells_nothing(desk, convrun, monkeypatch):
    """With -q only what did not pass is told."""
    out = record(desk, convrun, monkeypatch, *SCRIPT[:3], "Bye.", options=("--all", "-q"))
    assert out.startswith("1 conversation: 1 passed")


def test_a_damaged_recording_that_is_replaced_is_named(desk, convrun, monkeypatch):
    """What the old one was cannot be known, and that is said."""
    (desk.root / CASSETTE).write_text("no cassette", "utf-8")
    out = record(desk, convrun, monkeypatch, *SCRIPT)
    assert f"RECORDED ANEW {NAME}: the recording before: " in out


def test_many_changes_take_a_screen(project, loopback, convrun, monkeypatch):
    """However many conversations and turns changed, what is told of them is short, and what is left out is counted."""
    cases = [{"id": f"c{number}"} for number in range(12)]
    turns = [{"user": f"q{number}"} for number in range(8)]
    project.write("specs/a.yaml", f"model: m\ncases: {cases}\nturns: {turns}\n")
    for name, value in KEYED.items():
        monkeypatch.setenv(name, value)
    for text in ("one", "two"):
        loopback.answers[:] = []
        loopback.says(text)
        _, out, _ = convrun(project.root, "record", "--all", "--base-url", loopback.base_url)
    lines = out.splitlines()
    begin = next(index for index, line in enumerate(lines) if line.startswith("RECORDED ANEW"))
    assert lines[begin + 5] == "  ... 4 turns more"
    assert "... 9 conversations more" in lines[begin:]
    told = lines[begin : lines.index("", begin)]
    assert len(told) <= 22
