"""Real recordings of other people's programs, imported and run: what they said and called comes out again, exactly."""

from __future__ import annotations

import pytest
import yaml
from raw_recordings import FOLDER, exchanges
from recorded_specs import run_offline

from convrun.importing.files import import_file
from convrun.settings import load

FILES = sorted(FOLDER.rglob("*.yaml")) if FOLDER.is_dir() else []
REASONS = (
    "several choices",
    "audio",
    "custom tools",
    "legacy functions",
    "no chat completion in the answer",
    "a system message that is not first",
    "a history that the API would not accept",
    "a field that convrun does not send: `/",
)


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """All of them imported into one project, which is then run: the outcome of each file, and what the run says."""
    if not FILES:
        pytest.skip(f"no recordings at {FOLDER}")
    root = tmp_path_factory.mktemp("imported")
    settings = load(root, {}, {})
    outcomes = {
        path: import_file(path, f"r{number:02}", settings, environ={}, force=False) for number, path in enumerate(FILES)
    }
    code, result = run_offline(root, "--strict")
    return outcomes, code, result


def test_all_that_was_imported_passes_at_once(imported):
    """One run, offline and strict, is green, and there is much in it."""
    outcomes, code, result = imported
    written = sum(len(outcome.written) for outcome in outcomes.values())
    assert (code, result["summary"]["passed"], result["summary"]["live_calls"]) == (0, written, 0)
    assert len(result["conversations"]) == written >= 60


@pytest.mark.parametrize("path", FILES or [None], ids=lambda path: path.stem if path else "none")
def test_a_recording_comes_out_as_it_was(path, imported):
    """Replies, calls, results and tokens of each turn are the recorded ones, to the last exchange."""
    outcome, found = imported[0][path], {one["spec"]: one for one in imported[2]["conversations"]}
    recorded = exchanges(path) if outcome.written else []
    for written in outcome.written:
        told = [recorded[number - 1] for number in written.conversation.numbers]
        for turn in found[written.place.spec]["turns"]:
            assert_as_recorded(turn, told[: turn["model_calls"]])
            told = told[turn["model_calls"] :]
        assert told == []


@pytest.mark.parametrize("path", FILES or [None], ids=lambda path: path.stem if path else "none")
def test_every_interaction_is_imported_or_refused(path, imported):
    """Nothing is left out in silence: what is not imported has one of the known reasons."""
    outcome = imported[0][path]
    numbers = [number for written in outcome.written for number in written.conversation.numbers]
    numbers += [number for refused in outcome.refused for number in refused.numbers]
    everything = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["interactions"]
    assert sorted(numbers) == list(range(1, len(everything) + 1))
    assert [str(refused) for refused in outcome.refused if not str(refused).startswith(REASONS)] == []


def assert_as_recorded(turn, told):
    """A turn of the result is what these exchanges say."""
    answers = [one.answer for one in told]
    assert turn["user"] == told[0].user
    if turn["error"] is not None:
        assert (turn["reply"], turn["verdict"]) == (None, "passed")
        return
    calls = [called for answer in answers for called in answer.calls]
    results = [text for one in told[1:] for text in one.results()]
    assert turn["reply"] == answers[-1].text
    assert [(called["name"], called["arguments"]) for called in turn["tool_calls"]] == calls
    assert [called["result"] for called in turn["tool_calls"]] == results + [None] * len(answers[-1].calls)
    sums = [sum(some) if None not in some else None for some in zip(*(one.tokens for one in answers), strict=True)]
    assert turn["usage"] == dict(zip(("input", "output"), sums, strict=True))
