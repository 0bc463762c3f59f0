"""What live calls cost: counted as each reply ends, shown, and held below the limit of the run."""

from __future__ import annotations

import json
import threading

import pytest
from genai_prices import Usage as Tokens
from genai_prices import calc_price
from live_specs import KEYED, SPEC, spec
from projects import Project
from servers import Answer, chunk, event_stream, reply

from convrun.backends.metering import Meter
from convrun.errors import UsageError
from convrun.report.json_result import to_json
from convrun.report.junit import to_junit
from convrun.run.spending import max_cost

MODEL = "gpt-4.1-mini"
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}


def price(model=MODEL, **tokens):
    """What the price list takes for a call, of the usual length where nothing else is said."""
    tokens = tokens or {"input_tokens": 1000, "output_tokens": 100}
    return float(calc_price(Tokens(**tokens), model, provider_id="openai").total_price)


CALL = price()


def paid(received, usage=USAGE):
    """The last message again, with a usage."""
    text = received.body["messages"][-1]["content"]
    counted = {} if usage is None else {"usage": usage}
    if not received.body.get("stream"):
        return {**{key: value for key, value in reply(text).items() if key != "usage"}, **counted}
    last = [chunk() | {"choices": [], **counted}] if counted else []
    body = event_stream(chunk(content=text), chunk("stop"), *last)
    return Answer(body=body, headers={"content-type": "text/event-stream"})


@pytest.fixture
def desk(project, loopback):
    """A project with two conversations of two turns, whose provider is OpenAI, at an address on loopback."""
    loopback.says(paid)
    for name in "ab":
        project.write(f"specs/{name}.yaml", priced(loopback.base_url, f"{name} one", f"{name} two"))
    return project


def priced(base_url, *users, **model):
    """A spec whose model has a price."""
    return spec(base_url, *users, **{"name": MODEL, "provider": "openai", **model})


def run(desk, limit=None, record="all", **more):
    """Record, with a limit in dollars; return the result."""
    meter = None if limit is None else Meter(limit)
    return desk.run(record=record, meter=meter, **more)


@pytest.mark.parametrize("stream", [True, False])
def test_a_run_says_what_it_spent(desk, loopback, stream):
    """Each reply's usage is counted once, streamed or not, in the run and in each conversation."""
    desk.write("specs/b.yaml", priced(loopback.base_url, "b one", "b two", stream=stream))
    result = run(desk)
    assert len(loopback.requests) == 4
    told = json.loads(to_json(result))
    assert told["summary"]["spent_usd"] == pytest.approx(4 * CALL)
    assert [one["spent_usd"] for one in told["conversations"]] == [pytest.approx(2 * CALL)] * 2
    assert f'name="spent_usd" value="{2 * CALL:.6f}"' in to_junit(result)


def test_a_replay_spends_nothing(desk, loopback):
    """What is answered from the cassette costs nothing, whatever it once did."""
    run(desk)
    told = json.loads(to_json(desk.run()))
    assert told["summary"]["spent_usd"] == 0.0
    assert {one["spent_usd"] for one in told["conversations"]} == {0.0}


def test_only_what_went_live_is_counted(desk, loopback):
    """A recording that goes on from a matching beginning pays for the rest alone."""
    run(desk)
    desk.write("specs/a.yaml", priced(loopback.base_url, "a one", "a else"))
    result = run(desk, record="new_episodes")
    assert result.spent.usd == pytest.approx(CALL)
    assert result.spent.tokens == 1100


def test_the_run_ends_where_its_limit_is_reached(desk, loopback):
    """The call that comes after is not made; that conversation and all that would go live end with the error."""
    result = run(desk, limit=1.5 * CALL)
    assert len(loopback.requests) == 2
    first, second = result.conversations
    assert (first.verdict, second.verdict) == ("passed", "error")
    assert second.error.type == "CostLimitError"
    assert f"is reached after ${2 * CALL:.4f}" in second.error.message
    assert second.error.where is not None
    assert (second.live_calls, result.exit_code) == (0, 4)
    assert result.spent.usd == pytest.approx(2 * CALL)


def test_a_limit_in_the_middle_of_a_conversation_ends_it_there(desk, loopback):
    """The turn whose call is not made is the error; the one before it is shown."""
    result = run(desk, limit=CALL)
    assert len(loopback.requests) == 1
    first = result.conversations[0]
    assert [turn.verdict for turn in first.turns] == ["passed", "error"]
    assert (first.live_calls, first.spent.usd) == (1, pytest.approx(CALL))


def test_what_only_replays_goes_on(desk, loopback):
    """A limit concerns live calls: recorded conversations pass, before and behind the one that would go live."""
    run(desk)
    desk.write("specs/ab.yaml", priced(loopback.base_url, "new"))
    loopback.requests.clear()
    result = run(desk, limit=0.0, record="new_episodes")
    assert [one.verdict for one in result.conversations] == ["passed", "error", "passed"]
    assert loopback.requests == []


def test_threads_share_the_limit(project, loopback):
    """With several at once each call is asked for, and none begins once all together have reached it."""
    gate = threading.Barrier(3)

    def together(received):
        if len(loopback.requests) <= 3:
            gate.wait(10)
        return paid(received)

    loopback.says(together)
    for name in "abcdef":
        project.write(f"specs/{name}.yaml", priced(loopback.base_url, "one", "two"))
    result = run(project, limit=2.5 * CALL, jobs=3)
    made = len(loopback.requests)
    assert 3 <= made <= 5  # when the third has ended, two more may be under way
    assert result.spent.usd == pytest.approx(made * CALL)
    assert {one.error.type for one in result.conversations if one.error} == {"CostLimitError"}
    assert [one.live_calls for one in result.conversations[3:]] == [0, 0, 0]


def test_a_model_without_a_price_is_refused_beforehand(desk, loopback):
    """Under a limit nothing starts where nobody knows what a call costs; a recorded conversation needs no price."""
    desk.write("specs/c.yaml", spec(loopback.base_url, "one", name="own-model"))
    (mistake,) = desk.mistakes(record="all", meter=Meter(1.0))
    assert "--max-cost needs prices, and none is known for 'own-model'" in mistake
    assert loopback.requests == []
    desk.record("specs/c.yaml")
    assert run(desk, limit=1.0, record="new_episodes").exit_code == 0


def test_a_price_is_that_of_a_name_at_its_provider(desk, loopback):
    """Beside a model with a price, one of the same name elsewhere has none, and is refused."""
    for provider in ("openai", "vllm"):
        model = {"name": "gpt-4.1-mini", "provider": provider, "base_url": loopback.base_url}
        desk.write(f"specs/{provider}.yaml", json.dumps({"model": model, "turns": [{"user": "Hi"}]}))
    (mistake,) = desk.mistakes("specs/openai.yaml", "specs/vllm.yaml", record="all", meter=Meter(1.0))
    assert "none is known for 'gpt-4.1-mini', the model of specs/vllm.yaml" in mistake


def test_a_stale_recording_of_a_model_without_a_price_makes_no_call(desk, loopback):
    """What turns out only while running that it would go live ends there."""
    desk.write("specs/c.yaml", spec(loopback.base_url, "one", name="own-model"))
    desk.record("specs/c.yaml")
    desk.write("specs/c.yaml", spec(loopback.base_url, "two", name="own-model"))
    loopback.requests.clear()
    found = desk.run("specs/c.yaml", record="new_episodes", meter=Meter(1.0)).conversations[0]
    assert "no price is known for 'own-model'" in found.error.message
    assert loopback.requests == []


def test_without_a_limit_an_unknown_price_is_said(desk, loopback):
    """What a local model costs is null in the result and no figure on the console."""
    desk.write("specs/a.yaml", spec(loopback.base_url, "one", name="own-model"))
    done = desk.cli("run", "--record", "all", "specs/a.yaml")
    assert "spent: not known, there is no price for the model (1 live call, 1,100 tokens)" in done.stdout
    done = desk.cli("run", "--record", "all", "--report", "json", "--base-url", loopback.base_url, **KEYED)
    told = json.loads(done.stdout)
    assert [one["spent_usd"] for one in told["conversations"]] == [None, pytest.approx(2 * CALL)]
    assert told["summary"]["spent_usd"] is None
    assert f"spent ${2 * CALL:.4f} and more (3 live calls, 3,300 tokens, no price is known for 1" in done.stderr


@pytest.mark.parametrize("usage", [None, {"total_tokens": 7}, {"prompt_tokens": None, "completion_tokens": 5}])
@pytest.mark.parametrize("stream", [True, False])
def test_a_reply_without_usage_is_counted_by_its_length(desk, loopback, usage, stream):
    """Every token is a byte at least: that is what the call costs at most, for the limit; the figure is not known."""
    loopback.answers.clear()
    loopback.says(lambda received: paid(received, usage))
    desk.write("specs/a.yaml", priced(loopback.base_url, "one", "x" * 2000, stream=stream))
    result = desk.run("specs/a.yaml", record="all", meter=Meter(1.0))
    spent = result.spent
    assert (spent.usd, spent.untold, spent.total_usd) == (0.0, 2, None)
    least = price(input_tokens=2000, output_tokens=2000)
    assert least < spent.more_usd < 10 * least
    desk.edit("specs/a.yaml", "xxx", "yyy")
    result = desk.run("specs/a.yaml", record="all", meter=Meter(least / 100))
    assert "reached after at most $" in result.conversations[0].error.message


def test_a_stream_that_breaks_off_is_counted_as_far_as_it_came(desk, loopback):
    """What was said before the connection was cut was paid for."""
    body = event_stream(chunk(content="x" * 500), done=False)
    loopback.answers.clear()
    loopback.says(Answer(body=body, headers={"content-type": "text/event-stream"}, cut=True))
    desk.write("specs/a.yaml", priced(loopback.base_url, "one", stream=True))
    result = desk.run("specs/a.yaml", record="all", meter=Meter(1.0))
    assert result.conversations[0].error.type == "BrokenReplyError"
    assert result.spent.untold == 1
    assert result.spent.more_usd > price(input_tokens=1, output_tokens=500)


def test_an_error_is_no_call_that_was_paid(desk, loopback):
    """A refusal costs nothing, and no attempt that got no answer is counted, those that the SDK repeats included."""
    loopback.answers.clear()
    loopback.says(Answer(status=503, body={"error": {"message": "busy"}}), paid)
    desk.write("specs/a.yaml", priced(loopback.base_url, "one", max_retries=1))
    result = desk.run("specs/a.yaml", record="all", meter=Meter(1.0))
    assert len(loopback.requests) == 2
    assert result.spent.usd == pytest.approx(CALL)


def test_offline_models_cost_nothing_under_a_limit(project):
    """An echo or a script is recorded where nothing may go live."""
    project.write(SPEC, "model: echo\nturns: [{user: Hello, expect: [{contains: Hello}]}]\n")
    result = project.run(record="all", meter=Meter(0.0))
    assert (result.exit_code, result.spent.usd, result.conversations[0].live_calls) == (0, 0.0, 0)


@pytest.mark.parametrize("limit", ["nan", "inf", "-1", "-0.01", "", "1,50", "$1", "1e999", "1_0", "١"])
def test_a_limit_is_a_number_from_0_on(limit):
    """Anything else is a mistake of the command line."""
    with pytest.raises(UsageError, match="is no number of dollars from 0 on"):
        max_cost("--max-cost", limit)


def test_a_wrong_limit_lets_nothing_run(desk, loopback):
    """Nothing is asked, and the exit code is 2."""
    done = desk.cli("run", "--record", "once", "--max-cost=nan")
    assert done.returncode == 2
    assert "--max-cost 'nan' is no number of dollars" in done.stderr
    assert loopback.requests == []


def test_record_holds_the_limit_and_says_what_it_spent(desk, loopback):
    """The command line ends with 4, names what was spent, and takes 0 for: nothing may go live."""
    done = desk.cli("record", "--max-cost", "0", "--base-url", loopback.base_url, **KEYED)
    assert (done.returncode, loopback.requests) == (4, [])
    assert "--max-cost 0 is reached after $0.0000; the call was not made" in done.stdout
    done = desk.cli("record", "--max-cost", f"{3 * CALL:.6f}", "--base-url", loopback.base_url, **KEYED)
    assert done.returncode == 4
    assert len(loopback.requests) == 3
    assert f"spent ${3 * CALL:.4f} (3 live calls, 3,300 tokens)" in done.stdout


def test_record_refuses_what_has_no_price_once_it_is_known_to_go_live(desk, loopback):
    """A recording that its rehearsal finds stale ends with 2 before anything is sent, as for a key."""
    desk.write("specs/c.yaml", spec(loopback.base_url, "one", name="own-model"))
    desk.record("specs/c.yaml")
    desk.edit("specs/c.yaml", '"one"', '"two"')
    loopback.requests.clear()
    done = desk.cli("record", "--max-cost", "1", "specs/c.yaml")
    assert (done.returncode, loopback.requests) == (2, [])
    assert "--max-cost needs prices, and none is known for 'own-model', the model of specs/c.yaml\n" in done.stderr
    assert "specs/c.yaml:1:" in done.stderr
    assert done.stderr.endswith("1 mistake in 1 file; nothing was recorded\n")


def test_an_address_of_openai_on_this_machine_is_said_to_have_no_price(desk, loopback):
    """The variable that leads there is named."""
    desk.write("specs/c.yaml", json.dumps({"model": MODEL, "turns": [{"user": "one"}]}))
    (mistake,) = desk.mistakes(
        "specs/c.yaml", record="all", meter=Meter(1.0), environ={"OPENAI_BASE_URL": loopback.base_url, **KEYED}
    )
    assert "; OPENAI_BASE_URL leads to a server on this machine, of which no price is known" in mistake


def test_a_quote_beyond_the_limit_is_said_to_be(desk, loopback):
    """Before it goes live stands that the limit will be reached."""
    run(desk)
    desk.edit("specs/a.yaml", "a one", "a new")
    done = desk.cli("record", "--max-cost", "0.0005", "specs/a.yaml")
    assert "that is more than --max-cost allows, $0.0005: it will end there" in done.stdout
    assert done.returncode == 4


def test_a_replay_loads_no_prices(desk, loopback):
    """A run that asks for no price does without the price list, the meter and what they bring along."""
    import subprocess
    import sys

    run(desk)
    code = (
        "import sys; sys.argv = ['convrun', 'run', '--max-cost', '1']\n"
        "from convrun.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "assert not {'genai_prices', 'httpx2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=desk.root, env=Project.environment())


def test_what_an_interrupted_run_spent_is_counted(desk, loopback):
    """The calls of a conversation that was not finished are in the sum all the same."""
    desk.write("stopping.py", "def stop() -> str:\n    raise KeyboardInterrupt\n")
    loopback.answers.clear()
    loopback.says(reply(calls={"stop": {}}, usage=USAGE))
    spec_text = json.loads(priced(loopback.base_url, "one")) | {"tools": ["stopping:stop"]}
    desk.write("specs/a.yaml", json.dumps(spec_text))
    result = run(desk)
    assert (result.interrupted, result.conversations) == (True, ())
    assert result.spent.usd == pytest.approx(CALL)
    assert json.loads(to_json(result))["summary"]["spent_usd"] == pytest.approx(CALL)
