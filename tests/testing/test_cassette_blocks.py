"""`convrun.testing.cassette`: what is recorded and played in a block of code."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from servers import Answer, chunk, event_stream, reply

import convrun
from convrun import CassetteError, ConvrunError, ProviderError, StaleError, UnplayedError
from convrun.testing import cassette, script


def echo(*texts):
    """Say these texts to the model that repeats them, each in a conversation of its own."""
    return [convrun.get_model("echo").prompt(text).text() for text in texts]


def test_what_was_recorded_once_is_played(talk, loopback):
    """The first block asks the server, the second one nobody."""
    loopback.says("Hello", "Rome")
    assert talk("Hi", "And Italy?", record="once") == ["Hello", "Rome"]
    assert len(loopback.requests) == 2
    assert talk("Hi", "And Italy?") == ["Hello", "Rome"]
    assert talk("Hi", "And Italy?", record="once") == ["Hello", "Rome"]
    assert len(loopback.requests) == 2


def test_the_cassette_is_one_of_a_conversation(talk, loopback, folder):
    """Each message is in the file once, as in the cassettes of specs."""
    loopback.says("Hello", "Rome")
    talk("Hi", "And Italy?", record="once")
    text = (folder / "talk.yaml").read_text("utf-8")
    assert text.startswith("version: convrun/1\n")
    assert [text.count(said) for said in ("Be brief.", "user: Hi", "And Italy?", "Rome")] == [1, 1, 1, 1]


def test_streams_tools_and_chains_are_played(folder, loopback):
    """A chain with a tool call is played with its tools running."""
    loopback.says(reply(calls={"upper": {"text": "panda"}}), "It is PANDA.")

    def upper(text: str) -> str:
        """Return the text in capitals."""
        return text.upper()

    for record in ("all", "none"):
        with cassette("chain.yaml", record):
            chain = convrun.get_model("m", base_url=loopback.base_url).conversation(tools=[upper]).chain("Convert")
            assert "".join(chain) == "It is PANDA."
            convrun.expect(chain, {"called": {"tool": "upper", "returns": "PANDA"}})
    assert len(loopback.requests) == 2


def test_a_replay_loads_neither_the_sdk_nor_vcrpy(folder):
    """Playing opens no connection: there is nothing there to open one."""
    with cassette("echo.yaml", "all"):
        echo("Hi")
    program = (
        "import sys, convrun\nfrom convrun.testing import cassette\n"
        "with cassette('echo.yaml'):\n    print(convrun.get_model('echo').prompt('Hi').text())\n"
        "print(sorted({'openai', 'httpx2', 'vcr', 'rich', 'pydantic', 'typer'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "Hi\n[]\n"


def test_without_a_cassette_nothing_goes_live(talk, loopback):
    """The mode `none` says which cassette is missing and how to make it, before the block begins."""
    with pytest.raises(CassetteError) as caught:
        talk("Hi")
    assert str(caught.value) == (
        "talk.yaml: there is no such cassette, and the record mode 'none' makes none (record it with record=\"once\")"
    )
    assert loopback.requests == []


def test_a_misspelt_cassette_is_found(folder):
    """A file with nearly that name is named."""
    Path("greeting.yaml").write_text("")
    with pytest.raises(CassetteError, match=r"did you mean 'greeting.yaml'\?"), cassette("greetings.yaml"):
        pass


def test_a_misspelt_mode_is_found(folder):
    """An unknown record mode is an error, not a replay."""
    with pytest.raises(ConvrunError, match=r"unknown record mode 'new_episode' \(did you mean 'new_episodes'\?\)"):
        cassette("talk.yaml", "new_episode").__enter__()


@pytest.mark.parametrize("record", ["none", "once"])
def test_a_stale_request_explains_itself(talk, loopback, record):
    """What changed is shown as a diff, with the way out; nothing is asked."""
    loopback.says("Hello", "Rome")
    talk("Hi", "And Italy?", record="all")
    with pytest.raises(StaleError) as caught:
        talk("Hi", "And Italy?", system="Be brief.\nBe kind.", record=record)
    assert str(caught.value) == (
        "talk.yaml: model call 1 of the block is not the recorded one: system prompt\n"
        "      Be brief.\n"
        "    + Be kind.\n"
        '  if the change is meant, record it with record="new_episodes"'
    )
    assert len(loopback.requests) == 2


def test_a_request_behind_the_end_is_stale(talk, loopback):
    """One more turn than recorded is new, not live."""
    loopback.says("Hello")
    talk("Hi", record="all")
    with pytest.raises(StaleError, match="model call 2 of the block is new: the recording has ended") as caught:
        talk("Hi", "And Italy?")
    assert "+ And Italy?" in str(caught.value)
    assert len(loopback.requests) == 1


def test_a_usual_suspect_is_pointed_out(talk, loopback):
    """A date that changed is named, with what settles it, and then does."""
    loopback.says("Hello")
    talk("It is 2026-01-30.", record="all")
    with pytest.raises(StaleError) as caught:
        talk("It is 2026-01-31.")
    assert "'2026-01-31' looks like a date: fix it in the program" in str(caught.value)
    assert "ignore=['/messages/1/content']" in str(caught.value)
    assert talk("It is 2026-01-31.", ignore=["/messages/1/content"]) == ["Hello"]


def test_a_swallowed_stale_request_is_raised_at_the_end(talk, folder):
    """A program that goes on after any error does not make a stale recording green."""
    with cassette("echo.yaml", "all"):
        echo("Hi")
    with (
        pytest.raises(StaleError, match="user text"),
        cassette("echo.yaml", allow_unplayed=True),
        suppress(ConvrunError),
    ):
        echo("Ho")


def test_what_was_not_played_is_an_error(talk, loopback):
    """A block that asks for less than is recorded does not pass; it may say that it means to."""
    loopback.says("Hello", "Rome")
    talk("Hi", "And Italy?", record="all")
    with pytest.raises(UnplayedError) as caught:
        talk("Hi")
    assert str(caught.value) == (
        "talk.yaml: 1 recorded interaction was never played, the first is number 2 "
        '(ask for them again, record anew with record="all", or let them be with allow_unplayed=True)'
    )
    with pytest.raises(UnplayedError, match="1 recorded interaction was"):
        talk("Hi", record="new_episodes")
    assert talk("Hi", allow_unplayed=True) == ["Hello"]


@pytest.mark.parametrize("record", ["none", "once", "new_episodes", "all"])
def test_a_block_without_a_model_call_is_an_error(folder, record):
    """A response that is only read behind the block would go live there: it is told before."""
    with cassette("echo.yaml", "all"):
        echo("Hi")
    with pytest.raises(UnplayedError, match="no model was called in the block"), cassette("echo.yaml", record):
        convrun.get_model("echo").prompt("Hi")


def test_new_episodes_keeps_what_matches(talk, loopback, folder):
    """The matching beginning is played, the first difference goes live and the old rest is gone."""
    loopback.says("Hello", "Rome", "Ciao", "Madrid")
    talk("Hi", "And Italy?", "Bye", record="all")
    assert talk("Hi", "And Spain?", record="new_episodes") == ["Hello", "Madrid"]
    assert len(loopback.requests) == 4
    text = (folder / "talk.yaml").read_text("utf-8")
    assert "Italy" not in text
    assert "Bye" not in text
    assert talk("Hi", "And Spain?") == ["Hello", "Madrid"]


def test_all_records_anew(talk, loopback):
    """The old cassette plays no part."""
    loopback.says("Hello", "Good day")
    talk("Hi", record="all")
    assert talk("Hi", record="all") == ["Good day"]
    assert talk("Hi") == ["Good day"]


def test_a_block_that_fails_keeps_what_was_answered(talk, loopback, folder):
    """The old cassette stays byte for byte; the next recording goes on from the answers beside it."""
    loopback.says("Hello", "Rome")
    talk("Hi", record="all")
    before = (folder / "talk.yaml").read_bytes()

    def failing():
        assert convrun.get_model("m", base_url=loopback.base_url).prompt("Ho").text() == "Hello"

    with pytest.raises(AssertionError), cassette("talk.yaml", "all"):
        failing()
    assert (folder / "talk.yaml").read_bytes() == before
    assert sorted(entry.name for entry in folder.iterdir()) == ["talk.yaml", "talk.yaml.partial"]
    with cassette("talk.yaml", "new_episodes"):
        assert convrun.get_model("m", base_url=loopback.base_url).prompt("Ho").text() == "Rome"
    assert [entry.name for entry in folder.iterdir()] == ["talk.yaml"]
    assert len(loopback.requests) == 2


def test_a_block_from_scratch_asks_everything_anew(loopback, folder):
    """Who was not content with an answer gets another one: nothing that was kept is played."""
    loopback.says("Rome", "Hello")
    with pytest.raises(AssertionError), cassette("talk.yaml", "all"):
        assert convrun.get_model("m", base_url=loopback.base_url).prompt("Ho").text() == "Hello"
    with cassette("talk.yaml", "all"):
        assert convrun.get_model("m", base_url=loopback.base_url).prompt("Ho").text() == "Hello"
    assert [entry.name for entry in folder.iterdir()] == ["talk.yaml"]


def test_a_failure_in_the_block_is_what_is_told(talk, loopback):
    """An assertion that fails hides behind nothing: that the rest was not played is its consequence."""
    loopback.says("Hello", "Rome")
    talk("Hi", "And Italy?", record="all")
    model = convrun.get_model("m", base_url=loopback.base_url)
    with pytest.raises(AssertionError, match="expected the reply to equal 'Bye'"), cassette("talk.yaml"):
        convrun.expect(model.prompt("Hi", system="Be brief."), {"equals": "Bye"})


def test_a_reply_that_was_not_read_is_not_recorded(folder, loopback):
    """Half a stream is no recording."""
    pieces = [event_stream(chunk(content="Hello"), done=False), event_stream(chunk("stop", content=" you"))]
    loopback.says(Answer(headers={"content-type": "text/event-stream"}, body=pieces))
    response = convrun.get_model("m", base_url=loopback.base_url).prompt("Hi")
    with pytest.raises(CassetteError, match="was not read to its end"), cassette("half.yaml", "once"):
        next(response.stream_events())
    assert not Path("half.yaml").exists()


def test_two_conversations_share_a_cassette(folder):
    """Their requests lie in one file in the order of the calls; each plays its own, whoever asks first."""

    def both(first, second):
        one, two = (convrun.get_model("echo").conversation(system=system) for system in ("One.", "Two."))
        for _ in range(2):
            for conversation in (one, two) if first == "one" else (two, one):
                assert conversation.prompt(f"{second} {len(conversation.turns)}").text()
        return one, two

    with cassette("two.yaml", "all") as opened:
        both("one", "Hi")
    assert opened.live_calls == 4
    for first in ("one", "two"):
        with cassette("two.yaml") as opened:
            both(first, "Hi")
        assert (opened.model_calls, opened.live_calls) == (4, 0)


def test_of_two_conversations_the_one_that_changed_is_explained(folder):
    """A request is compared with what is recorded of its own conversation, not with what comes next in the file."""

    def both(*turns):
        one, two = (convrun.get_model("echo").conversation(system=system) for system in ("One.", "Two."))
        for which, text in turns:
            (one if which == 1 else two).prompt(text).text()

    with cassette("two.yaml", "all"):
        both((1, "A"), (2, "B"), (1, "C"), (2, "D"))
    with pytest.raises(StaleError) as caught, cassette("two.yaml"):
        both((1, "A"), (2, "B"), (2, "E"))
    assert "is not the recorded one: user text\n    - D\n    + E\n" in str(caught.value)


def test_equal_requests_are_played_each_once(folder, loopback):
    """The same question asked twice plays the first answer, then the second; a third time it is new."""
    loopback.says("heads", "tails")
    model = convrun.get_model("m", base_url=loopback.base_url)
    for record in ("all", "none"):
        with cassette("coin.yaml", record):
            assert [model.prompt("Toss").text() for _ in range(2)] == ["heads", "tails"]
    with pytest.raises(StaleError, match="model call 3 of the block is new"), cassette("coin.yaml"):
        _ = [model.prompt("Toss").text() for _ in range(3)]


def test_the_inner_block_wins(folder):
    """Of nested blocks each has its own requests; the outer one goes on behind the inner."""
    with cassette("outer.yaml", "all") as outer:
        echo("A")
        with cassette("inner.yaml", "all") as inner:
            echo("B")
        echo("C")
    assert (outer.model_calls, inner.model_calls) == (2, 1)
    with cassette("outer.yaml"):
        assert echo("A", "C") == ["A", "C"]
    with cassette("inner.yaml"):
        assert echo("B") == ["B"]


def test_models_outside_of_blocks_are_untouched(folder):
    """Behind the block the same model answers by itself again, also where the block failed."""
    model = convrun.get_model("echo")
    with cassette("echo.yaml", "all"):
        model.prompt("Hi").text()
    assert model.prompt("Ho").text() == "Ho"
    with pytest.raises(StaleError), cassette("echo.yaml"):
        model.prompt("Ho").text()
    assert model.prompt("Ho").text() == "Ho"


def test_a_script_is_played_as_well(folder):
    """Offline models are recorded like others: another script is another model."""
    for record in ("once", "none"):
        with cassette("script.yaml", record):
            assert script([{"reply": "One"}]).prompt("Hi").text() == "One"
    with pytest.raises(StaleError, match="model"), cassette("script.yaml"):
        script([{"reply": "Two"}]).prompt("Hi").text()


def test_an_error_that_the_program_deals_with_is_recorded(folder, loopback):
    """A refusal is part of what happened: it is played as well."""
    refused = Answer(status=400, body={"error": {"message": "too long", "type": "invalid_request_error"}})
    loopback.says(refused, "Shorter.")
    model = convrun.get_model("m", base_url=loopback.base_url, max_retries=0)
    for record in ("all", "none"):
        with cassette("refused.yaml", record):
            with pytest.raises(ProviderError, match="too long") as caught:
                model.prompt("Hi " * 9).text()
            assert caught.value.status == 400
            assert model.prompt("Hi").text() == "Shorter."
    assert len(loopback.requests) == 2


def test_a_recording_of_nothing_is_an_error(folder):
    """Where no call was answered there is no cassette, and that is said."""
    model = convrun.get_model("m", base_url="http://127.0.0.1:9/v1", max_retries=0)
    with (
        pytest.raises(CassetteError, match="no call was answered"),
        cassette("dead.yaml", "once"),
        suppress(ProviderError),
    ):
        model.prompt("Hi").text()
    assert not Path("dead.yaml").exists()


def test_the_folder_of_the_block_does_not_matter(folder, monkeypatch):
    """The cassette lies where its path led at the start, and its folders are made."""
    with cassette("deep/er/echo.yaml", "once"):
        (folder / "elsewhere").mkdir()
        monkeypatch.chdir(folder / "elsewhere")
        echo("Hi")
    assert (folder / "deep" / "er" / "echo.yaml").is_file()
    with cassette(folder / "deep" / "er" / "echo.yaml"):
        assert echo("Hi") == ["Hi"]


def test_a_function_can_be_a_block(folder):
    """As a decorator it opens the cassette with each call."""

    @cassette("echo.yaml", "once")
    def asked():
        return echo("Hi")

    assert asked() == asked() == ["Hi"]


def test_a_broken_cassette_is_an_error_of_its_own(folder):
    """What is no cassette is neither played nor replaced."""
    Path("echo.yaml").write_text("version: convrun/1\ninteractions: [")
    for record in ("none", "once", "new_episodes"):
        with pytest.raises(CassetteError, match=r"^echo\.yaml"), cassette("echo.yaml", record):
            echo("Hi")
    assert Path("echo.yaml").read_text() == "version: convrun/1\ninteractions: ["


def test_a_rebuilt_response_goes_on_in_the_block(folder):
    """The model of a response from a dict is one made by its name, too."""
    kept = convrun.get_model("echo").prompt("Remember 42")
    kept.text()
    for record in ("once", "none"):
        with cassette("rebuilt.yaml", record) as opened:
            assert convrun.Response.from_dict(kept.to_dict()).reply("Which?").text() == "Which?"
        assert opened.model_calls == 1
