"""What model calls cost and how long they took: stored with the recording, and judged the same live and on replay."""

from __future__ import annotations

import json
import re

import pytest
from live_specs import CASSETTE, SPEC, echo
from servers import Answer, chunk, event_stream, reply
from test_spending import CALL, MODEL, paid, priced, run

import convrun
from convrun.cassette.files import load
from convrun.cassette.kept.partial import read_partial
from convrun.report.json_result import to_json
from convrun.testing import cassette

COSTS = re.compile(r"^timings: \[.*\]\ncosts: (\[.*\])\ndigests: ", re.MULTILINE)


def stored(project, path=CASSETTE):
    """The line of a cassette that says what its model calls cost."""
    found = COSTS.search((project.root / path).read_text("utf-8"))
    return None if found is None else json.loads(found[1])


@pytest.fixture
def desk(project, loopback):
    """A project with a conversation of two turns, whose model has a price."""
    loopback.says(paid)
    project.write(SPEC, priced(loopback.base_url, "one", "two"))
    return project


def checked(project, *checks, **more):
    """Give the conversation these checks of its own."""
    spec = json.loads((project.root / SPEC).read_text("utf-8"))
    project.write(SPEC, json.dumps(spec | {"expect": list(checks)} | more))


@pytest.mark.parametrize("stream", [True, False])
def test_what_a_call_costs_is_stored_with_it(desk, loopback, stream):
    """The prices are asked when it is recorded; a replay reads the dollars, and its results tell them."""
    desk.write(SPEC, priced(loopback.base_url, "one", "two", stream=stream))
    recorded = desk.record()
    assert stored(desk) == [pytest.approx(CALL)] * 2
    assert recorded.cost_usd == pytest.approx(2 * CALL)
    replayed = desk.run()
    assert (replayed.conversations[0].cost_usd, replayed.conversations[0].spent.usd) == (recorded.cost_usd, 0.0)
    told = json.loads(to_json(replayed))
    assert told["summary"]["cost_usd"] == told["conversations"][0]["cost_usd"] == recorded.cost_usd


def test_without_a_price_there_is_no_line(project, loopback):
    """What is not known of any call is not written, and null in the results."""
    loopback.says(echo)
    project.write(SPEC, priced(loopback.base_url, "one", name="m-of-nobody"))
    assert project.record().cost_usd is None
    assert "costs:" not in (project.root / CASSETTE).read_text("utf-8")
    assert json.loads(to_json(project.run()))["summary"]["cost_usd"] is None


def test_one_cost_that_is_unknown_makes_the_sum_unknown(desk, loopback):
    """A reply without usage has no cost: null in the line, and null in the results."""
    loopback.says(lambda received: paid(received, usage=None))
    desk.record()
    assert stored(desk) == [pytest.approx(CALL), None]
    assert desk.one().cost_usd is None


def test_a_model_of_our_own_costs_nothing(project):
    """An offline model takes no time and no money, with a cassette and without."""
    turn = {"user": "Hi", "expect": [{"cost": {"max": 0}}, {"latency": {"max": "1m"}}]}
    project.write(SPEC, json.dumps({"model": "echo", "turns": [turn]}))
    assert (project.one().verdict, project.one().cost_usd) == ("passed", 0.0)
    project.record()
    assert stored(project) == [0]
    assert (project.one().verdict, project.one().cost_usd) == ("passed", 0.0)


def test_a_call_that_is_kept_keeps_its_cost(desk, loopback):
    """What was answered before a recording broke off has its cost in the partial recording, and so in the cassette."""
    loopback.says(Answer(status=500, body={"error": {"message": "down"}}))
    run(desk)
    (kept,) = read_partial(desk.root / f"{CASSETTE}.partial").interactions
    assert kept.cost_usd == pytest.approx(CALL)
    loopback.answers[:] = [paid]
    assert run(desk, record="new_episodes").conversations[0].live_calls == 1
    assert stored(desk) == [pytest.approx(CALL)] * 2


def test_a_beginning_that_is_played_keeps_its_cost(desk, loopback):
    """A recording that goes on from a matching beginning asks no price anew."""
    desk.record()
    path = desk.root / CASSETTE
    path.write_text(COSTS.sub(lambda found: found[0].replace(found[1], "[5, 6]"), path.read_text("utf-8")), "utf-8")
    desk.write(SPEC, priced(loopback.base_url, "one", "else"))
    run(desk, record="new_episodes")
    assert stored(desk) == [5, pytest.approx(CALL)]


def test_stock_vcrpy_gets_no_cost(desk):
    """An export has what vcrpy knows, and nothing of ours."""
    desk.record()
    assert desk.cli("cassette", "export", CASSETTE, "--to", "stock.yaml").returncode == 0
    assert "cost" not in (desk.root / "stock.yaml").read_text("utf-8")


def test_a_block_of_a_program_stores_costs(tmp_path, loopback, monkeypatch):
    """A cassette for a block of code prices each call by the model that it is for."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback-0123456789")
    loopback.says(paid)
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        with cassette("talk.yaml", record="once"):
            model = convrun.get_model(MODEL, base_url=loopback.base_url, provider="openai")
            response = model.conversation().prompt("Hi")
            assert response.text() == "Hi"
            assert response.cost_usd == pytest.approx(CALL)
            convrun.expect(response, [{"cost": {"max": 0.01}}, {"latency": {"max": "1m"}}, {"model_calls": 1}])
    assert [one.cost_usd for one in load(tmp_path / "talk.yaml", "x").interactions] == [pytest.approx(CALL)]


def test_a_live_call_is_measured_without_a_cassette(loopback, monkeypatch):
    """How long a model took is known of a live call as well; what it cost nobody has asked."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback-0123456789")
    loopback.says(lambda received: loopback.wait(0.05) or paid(received))
    response = convrun.get_model(MODEL, base_url=loopback.base_url, provider="openai").conversation().prompt("Hi")
    assert response.text() == "Hi"
    assert response.elapsed_ms >= 50
    convrun.expect(response, {"latency": {"max": "1m"}})
    with pytest.raises(convrun.CheckError, match="what it cost is not known"):
        convrun.expect(response, {"cost": {"max": 1}})


def test_figures_hold_live_as_on_replay(desk):
    """The checks of figures say the same of a recording in the making and of its replay."""
    checked(
        desk,
        {"cost": {"max": 0.01}},
        {"cost": {"max": 0.0000001}},
        {"latency": {"max": "1m"}},
        {"latency": {"max": "0ms"}},
        {"tokens": {"total": {"max": 2200}}},
        {"model_calls": 2},
        {"prefix_stable": True},
        {"refusal": False},
    )
    live, replayed = desk.record().checks, desk.one().checks
    assert live == replayed
    assert [one.verdict for one in live] == ["passed", "failed", "passed", "failed", *["passed"] * 4]


def test_a_recording_without_costs_is_an_error_of_the_check(desk):
    """A recording from before there were costs, or without a price, says what to do."""
    checked(desk, {"cost": {"max": 1}})
    desk.record()
    path = desk.root / CASSETTE
    path.write_text(re.sub(r"^costs: .*\n", "", path.read_text("utf-8"), flags=re.MULTILINE), "utf-8")
    result = desk.one()
    assert result.verdict == "error"
    assert result.checks[0].message.startswith("what it cost is not known: the recording has no cost of every")
    assert "if no price of 'm-2025' is known then" in result.checks[0].message


def test_a_refusal_is_recorded_and_judged(project, loopback):
    """The provider's field is what the check sees, live and on replay, streamed or not."""
    words = "I can't help with that."
    pieces = [chunk(role="assistant"), chunk(refusal=words[:5]), chunk(refusal=words[5:]), chunk("stop")]
    body = event_stream(*pieces)
    loopback.says(
        reply() | {"choices": [_refused(words)]}, Answer(body=body, headers={"content-type": "text/event-stream"})
    )
    for stream in (False, True):
        model = {"name": "m", "base_url": loopback.base_url, "stream": stream}
        turn = {"user": "Do it", "expect": [{"refusal": True}, {"not": {"refusal": False}}]}
        project.write(SPEC, json.dumps({"model": model, "turns": [turn]}))
        assert (project.record().verdict, project.one().verdict) == ("passed", "passed")


def _refused(words):
    message = {"role": "assistant", "content": None, "refusal": words}
    return {"index": 0, "message": message, "finish_reason": "stop"}


def test_a_changed_system_prompt_breaks_the_prefix(project):
    """The failure names the turn, the model call, and the part that changed; turns before it hold."""
    turns = [{"user": "one"}, {"user": "two", "system": "Be curt."}, {"user": "three"}]
    spec = {"model": "echo", "system": "Be kind.", "turns": turns, "each_turn": [{"prefix_stable": True}]}
    project.write(SPEC, json.dumps(spec))
    result = project.one(keep_going=True)
    assert [turn.verdict for turn in result.turns] == ["passed", "failed", "passed"]
    assert result.turns[1].checks[0].message == (
        "expected each request to extend the one before, that of turn 2, model call 1 does not: "
        "the system prompt is another"
    )


def test_a_refused_turn_leaves_the_prefix_as_it_was(project, loopback):
    """A turn that expects an error is not in the history, and takes neither time nor money."""
    loopback.says(paid, Answer(status=400, body={"error": {"message": "too long"}}), paid)
    turns = [{"user": "one"}, {"user": "too much", "expect_error": {"status": 400}}, {"user": "two"}]
    model = {"name": MODEL, "provider": "openai", "base_url": loopback.base_url, "max_retries": 0}
    checks = [{"prefix_stable": True}, {"model_calls": 3}, {"cost": {"max": 0.01}}, {"latency": {"max": "1m"}}]
    project.write(SPEC, json.dumps({"model": model, "turns": turns, "expect": checks}))
    assert (project.record().verdict, project.one().verdict) == ("passed", "passed")
    assert stored(project) == [pytest.approx(CALL), None, pytest.approx(CALL)]
    assert project.one().cost_usd == pytest.approx(2 * CALL)
