"""Conversations that real providers had with other people's programs, as specs: they replay offline to the same words.

The recordings lie beside the repository and are read from there; without them these tests are skipped.
"""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import yaml
from raw_recordings import exchanges, file_of
from recorded_specs import Told, offline_environment, run_offline, write_spec

CREW = "crewAIInc__crewAI/"
CHATLAS = "posit-dev__chatlas/test_provider_"
MIRASCOPE = "Mirascope__mirascope/test_"
PYDANTIC_AI = "pydantic__pydantic-ai/test_"
TOLD = {
    "streamed tool call": Told(file="simonw__llm/test_tools_streaming.test_tools_streaming_variant_a", turns=((0, 1),)),
    "streamed tool call of OpenAI": Told(file="simonw__llm/test_tools.test_tool_use_basic", turns=((0, 1),)),
    "several turns with tools": Told(
        file=f"{CHATLAS}openrouter.test_openrouter_tool_variations", turns=((0, 1), (2, 3))
    ),
    "options of single turns": Told(file=f"{CHATLAS}openrouter.test_data_extraction", turns=((0,), (1,), (2,), (3,))),
    "parallel calls streamed": Told(file="traceloop__openllmetry/test_functions"),
    "parallel calls streamed with a system prompt": Told(
        file="open-telemetry__opentelemetry-python-contrib/test_chat_completion_multiple_tools"
    ),
    "gzip": Told(file=f"{MIRASCOPE}call_with_tools", turns=((0, 1),)),
    "gzip, with a strict tool": Told(file=f"{MIRASCOPE}call_with_tools", turns=((2, 3),)),
    "image as a file": Told(file=f"{MIRASCOPE}call_with_image_content"),
    "image as a link": Told(file=f"{CHATLAS}mistral.test_mistral_images"),
    "PDF": Told(file=f"{CHATLAS}openai_completions.test_openai_pdf"),
    "refusal in a stream": Told(file=f"{MIRASCOPE}refusal.openai_gpt_4o_completions"),
    "two turns streamed": Told(file=f"{MIRASCOPE}validation_retry", turns=((0,), (1,))),
    "three calls at once": Told(file=f"{CREW}agents.TestOpenAINativeToolCalling"),
    "three results in the history": Told(
        file=f"{CREW}agents.TestOpenAINativeToolCalling",
        turns=((1,),),
        ignore=frozenset(f"/messages/{index}/name" for index in (3, 4, 5)),  # a tool message has no name in the API
    ),
    "the way on after an error": Told(file=f"{CREW}test_llm_call_when_stop", turns=((1,),)),
    "reasoning sent back": Told(file=f"{PYDANTIC_AI}zai", turns=((0,), (1,))),
    "reasoning not sent back": Told(
        file=f"{PYDANTIC_AI}crusoe", turns=((0, 1),), ignore=frozenset({"/messages/1/reasoning"})
    ),
    "reasoning streamed": Told(file="DataDog__dd-trace-py/v1.deepseek"),
    "no key for content": Told(file=f"{PYDANTIC_AI}tool_choice_matrix"),
    "calls without ids": Told(file=f"{PYDANTIC_AI}openai.test_compatible_api", turns=((0, 1),)),
    "structured output after a tool": Told(file=f"{PYDANTIC_AI}openai.test_openai_native_output", turns=((0, 1),)),
    "the key schema": Told(file=f"{PYDANTIC_AI}ollama", structured=True),
    "a chain of three calls": Told(
        file=f"{PYDANTIC_AI}temporal.test_temporal_agent_with_model_retry", turns=((0, 1, 2),)
    ),
    "tools that a later turn is without": Told(
        file=f"{PYDANTIC_AI}cache_prefix", turns=((0, 1), (2,)), ignore=frozenset({"/tools"})
    ),
    "moderation behind the usage": Told(file=f"{PYDANTIC_AI}openai.test_openai_moderation_stream"),
    "tools that were not used": Told(file=f"{CHATLAS}huggingface.test_huggingface_tools"),
    "tool call with an index": Told(file="Arize-ai__openinference/"),
    "nulls in the request": Told(file="traceloop__openllmetry/test_chat.test_together_chat_legacy"),
}


@pytest.fixture(scope="module")
def replayed(tmp_path_factory):
    """One run of them all: exit code, result, and the project's files before and after."""
    root = tmp_path_factory.mktemp("recorded")
    for number, told in enumerate(TOLD.values()):
        write_spec(root, f"told_{number:02}", told)
    before = contents(root)
    code, result = run_offline(root)
    return code, result, before, contents(root)


def contents(root):
    """Every file below a folder."""
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_run_is_green_and_leaves_everything_as_it_was(replayed):
    """All of them pass in one offline run, which writes nothing."""
    code, result, before, after = replayed
    assert (code, result["summary"]["passed"], result["summary"]["live_calls"]) == (0, len(TOLD), 0)
    assert after == before


@pytest.mark.parametrize("name", TOLD)
def test_a_recorded_conversation_replays_as_it_was(name, replayed):
    """The spec of a recorded conversation passes, with the recorded replies, calls, results and tokens."""
    told, found = TOLD[name], replayed[1]["conversations"][list(TOLD).index(name)]
    recorded = exchanges(file_of(told.file))
    assert (found["verdict"], found["stale"], found["error"], found["live_calls"]) == ("passed", None, None, 0)
    assert {one["path"] for one in found["ignored"]} == told.ignore
    for turn, numbers in zip(found["turns"], told.turns, strict=True):
        answers = [recorded[number].answer for number in numbers]
        assert turn["verdict"] == "passed"
        assert turn["model_calls"] == len(numbers)
        assert turn["reply"] == answers[-1].text
        assert turn["usage"] == answers_usage(answers)
        results = [text for number in numbers[1:] for text in recorded[number].results()]
        unanswered = [None] * len(answers[-1].calls)
        assert [(call["name"], call["arguments"]) for call in turn["tool_calls"]] == calls_of(answers)
        assert [call["result"] for call in turn["tool_calls"]] == results + unanswered
    unplayed = len(recorded) - sum(map(len, told.turns))
    assert [one["kind"] for one in found["findings"]] == ["unplayed"] * bool(unplayed)
    assert all(one["message"].startswith(f"{unplayed} recorded") for one in found["findings"])


def calls_of(answers):
    """Names and arguments of all calls, in order."""
    return [call for answer in answers for call in answer.calls]


def answers_usage(answers):
    """The tokens of several answers; unknown where one says nothing."""
    sums = [sum(some) if None not in some else None for some in zip(*(one.tokens for one in answers), strict=True)]
    return dict(zip(("input", "output"), sums, strict=True))


COUNTRY = """
def lookup_population(country: str) -> int:
    "Returns the current population of the specified fictional country"
    return 123124

def can_have_dragons(population: int) -> bool:
    "Returns True if the specified population can have dragons, False otherwise"
    return population > 10000
"""
DRAGONS = """
model: gpt-4o-mini
tools: ['country:lookup_population', 'country:can_have_dragons']
turns:
  - user: Can the country of Crumpet have dragons? Answer with only YES or NO
    expect:
      - calls:
          exactly:
            - {tool: lookup_population, with_exactly: {country: Crumpet}, returns: '123124'}
            - {tool: can_have_dragons, with_exactly: {population: 123124}, returns: 'true'}
      - equals: 'YES'
"""


def run_dragons(root, code):
    """What a run says about the recorded chain of two calls, with this code behind the tools."""
    recording = file_of("simonw__llm/test_tools.test_tool_use_chain_of_two_calls")
    for folder in ("specs", "cassettes"):
        (root / folder).mkdir()
    (root / "country.py").write_text(code, encoding="utf-8")
    (root / "specs" / "dragons.yaml").write_text(DRAGONS, encoding="utf-8")
    (root / "cassettes" / "dragons.yaml").write_bytes(recording.read_bytes())
    code, result = run_offline(root)
    (conversation,) = result["conversations"]
    return code, conversation


def test_a_chain_of_two_calls_runs_the_functions_of_today(tmp_path):
    """Real functions have the recorded schemas and give the recorded results, so the conversation passes."""
    code, found = run_dragons(tmp_path, COUNTRY)
    recorded = exchanges(file_of("simonw__llm/test_tools.test_tool_use_chain_of_two_calls"))
    (turn,) = found["turns"]
    assert (code, found["verdict"], found["stale"], found["findings"]) == (0, "passed", None, [])
    assert (found["model_calls"], found["live_calls"], turn["reply"]) == (3, 0, recorded[2].answer.text)
    assert [(call["name"], call["arguments"]) for call in turn["tool_calls"]] == calls_of(
        [one.answer for one in recorded]
    )


CHANGED = {
    "a result": (
        ("return 123124", "return 7"),
        (2, "/messages/2/content", "tool result of 'lookup_population'", "123124", "7"),
    ),
    "a docstring": (
        ("specified fictional country", "country"),
        (
            1,
            "/tools/0/function/description",
            "tool 'lookup_population': description",
            "Returns the current population of the specified fictional country",
            "Returns the current population of the country",
        ),
    ),
}


@pytest.mark.parametrize("change", CHANGED)
def test_a_change_of_a_function_makes_its_recording_stale(change, tmp_path):
    """A function that gives or says something else than when it was recorded is named, with the old and the new."""
    edit, expected = CHANGED[change]
    code, found = run_dragons(tmp_path, COUNTRY.replace(*edit))
    (one,) = found["stale"]["changes"]
    assert (code, found["verdict"], found["error"], found["live_calls"]) == (3, "stale", None, 0)
    told = (found["stale"]["model_call"], one["path"], one["part"], one["recorded"], one["now"])
    assert (found["stale"]["turn"], told) == (1, expected)
    assert all(check["info"] for check in found["turns"][0]["checks"])


def test_recorded_calls_that_a_new_signature_does_not_take_are_named(tmp_path):
    """A parameter that is no longer there breaks the recorded call of it."""
    code, found = run_dragons(tmp_path, COUNTRY.replace("country: str", "name: str"))
    assert (code, found["verdict"]) == (3, "stale")
    assert found["stale"]["breaks"] == [
        "turn 1, call 1: country is no longer a parameter",
        "turn 1, call 1: name is required now",
    ]


ERRORS = {
    "404": (
        Told(file="open-telemetry__opentelemetry-python-contrib/test_chat_completion_404"),
        404,
        "does not exist or you do",
    ),
    "400": (Told(file=f"{CREW}test_llm_call_when_stop"), 400, "Unsupported parameter: 'stop' is not supported"),
    "developer": (
        Told(file=f"{PYDANTIC_AI}openai.test_openai_o1_mini"),
        400,
        "does not support 'developer' with this model",
    ),
    "stream": (Told(file=f"{PYDANTIC_AI}openrouter.test_openrouter_stream_error"), 400, "Token limit reached"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_recorded_error_is_the_error_of_its_turn(name, tmp_path):
    """An error answer, or an error inside a stream, ends the run with exit code 4 and the provider's own words."""
    told, _, words = ERRORS[name]
    write_spec(tmp_path, "told", told)
    code, result = run_offline(tmp_path)
    (conversation,) = result["conversations"]
    (turn,) = conversation["turns"]
    assert (code, conversation["verdict"], turn["verdict"], turn["reply"]) == (4, "error", "error", None)
    assert turn["error"]["type"] == ("ModelNotFoundError" if name == "404" else "BadRequestError")
    assert conversation["stale"] is None
    assert words in turn["error"]["message"]


@pytest.mark.parametrize("name", ERRORS)
def test_a_recorded_error_passes_where_it_is_expected(name, tmp_path):
    """A spec that expects the recorded error, by its status and words, is green; another status is not."""
    told, status, words = ERRORS[name]
    write_spec(tmp_path, "told", told)
    path = tmp_path / "specs" / "told.yaml"
    spec = yaml.safe_load(path.read_text("utf-8"))
    (turn,) = spec["turns"]
    del turn["expect"]
    for wanted, verdict, code in ((status, "passed", 0), (status + 2, "failed", 1)):
        turn["expect_error"] = {"status": wanted, "matches": re.escape(words)}
        path.write_text(yaml.safe_dump(spec, sort_keys=False), "utf-8")
        ended, result = run_offline(tmp_path)
        (conversation,) = result["conversations"]
        found = conversation["turns"][0]
        assert (ended, conversation["verdict"], found["verdict"], found["reply"]) == (code, verdict, verdict, None)
        assert words in found["error"]["message"]
        assert (conversation["error"], conversation["stale"]) == (None, None)


NOT_AS_RECORDED = {
    "a reply that was written anew": (
        Told(file=f"{CHATLAS}huggingface.test_huggingface_data", turns=((0,), (1,), (2,), (3,))),
        (2, 1, "/messages/1/content", "reply in the history"),
    ),
    "a field of the program's own": (
        Told(file=f"{PYDANTIC_AI}crusoe", turns=((0, 1),)),
        (1, 2, "/messages/1/reasoning", "reply in the history"),
    ),
    "a message of the program's own": (
        Told(file=f"{PYDANTIC_AI}openai.test_image_url", turns=((0, 1),)),
        (1, 2, "/messages/3", "user text"),
    ),
}


@pytest.mark.parametrize("name", NOT_AS_RECORDED)
def test_what_a_spec_does_not_say_is_stale(name, tmp_path):
    """A program that sent more, or something else, than its conversation is told by the exact place."""
    told, expected = NOT_AS_RECORDED[name]
    write_spec(tmp_path, "told", told)
    code, result = run_offline(tmp_path)
    (conversation,) = result["conversations"]
    stale = conversation["stale"]
    (change,) = stale["changes"]
    assert (code, conversation["verdict"], conversation["error"]) == (3, "stale", None)
    assert (stale["turn"], stale["model_call"], change["path"], change["part"]) == expected


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("import openai", b"import of openai halted"),
        ("import httpx2", b"import of httpx2 halted"),
        ("import vcr", b"import of vcr halted"),
        ("import socket; socket.socket()", b"this process is offline"),
    ],
)
def test_the_runs_here_are_offline(statement, words):
    """In the processes of these tests no client can be imported and no socket opened."""
    ended = subprocess.run(
        [sys.executable, "-c", statement], env=offline_environment(), capture_output=True, check=False
    )
    assert ended.returncode == 1
    assert words in ended.stderr
