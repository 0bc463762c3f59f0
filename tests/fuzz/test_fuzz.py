"""A slice of the fuzzers' inputs: whatever a file from outside says, it is right or an error of ours, at once."""

from __future__ import annotations

from pathlib import Path

import fuzzing
import pytest
from fuzz_kinds import KINDS, take_cassette, take_spec

SLICES = 50
COUNT = 120


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_refused_or_right(kind, request, tmp_path, capsys):
    """One of fifty slices of the inputs that `make fuzz` takes; the seed of the test run says which."""
    seed = getattr(request.config.option, "randomly_seed", 0)
    first = (seed if isinstance(seed, int) else 0) % SLICES * COUNT
    (batch,) = fuzzing.batches([kind], 0, first, COUNT)
    found = fuzzing.supervised(batch, tmp_path)
    assert found["failed"] == 0, capsys.readouterr().err
    assert found["taken"] == COUNT
    least = 0 if kind in {"flips", "cuts"} else COUNT / 20  # few of those are harmless
    assert least <= found["right"] < COUNT  # some are well-formed, not all: else it would show nothing


def test_every_cut_is_made():
    """Without a number, each beginning of each cassette and partial recording is taken, with one, so many of them."""
    for kind in ("cuts", "partial-cuts"):
        cuts = KINDS[kind].every()
        numbers = [number for batch in fuzzing.batches([kind], 0, 0, None) for number in batch.numbers]
        assert numbers == [*range(len(cuts))]
        ends = [cuts[number] for number, behind in enumerate([*numbers[1:], 0]) if cuts[behind] == b""]
        assert len({*ends}) == len(ends) > 10
        assert sum(len(end) + 1 for end in ends) == len(cuts)  # those that are whole but for a byte
        some = [number for batch in fuzzing.batches([kind], 0, 7, COUNT) for number in batch.numbers]
        assert (some[0], len(some)) == (7, COUNT)
        assert max(some) > len(cuts) * 0.9


def test_inputs_are_the_same_every_time():
    """An input is made from its kind, seed and number alone."""
    for kind in KINDS:
        first, again, other = (fuzzing.made(kind, 0, number) for number in (5, 5, 6))
        assert first == again
        assert first != other


NOTICED = {
    "raise ValueError": "ValueError",
    "os._exit(3)": "the worker ended with 3",
    "time.sleep(60)": "Timeout (0:00:03)!",
    "sum(range(3 * 10**7))": "it took",
}


@pytest.mark.parametrize("ending", NOTICED)
def test_the_fuzzer_notices(ending, tmp_path, capsys):
    """An exception, a crash, a hang and a slow input fail, each said as what it is, and the input is written."""
    wrong = f"""
import os, sys, time, runpy
sys.path[:0] = {[str(Path(fuzzing.__file__).parent), str(fuzzing.ROOT), str(fuzzing.ROOT / "tests")]!r}
import fuzz_kinds, fuzzing
from dataclasses import replace
def take(path):
    {ending}
    return True
fuzzing.HANGS, fuzzing.SLOW = {3.0 if "sleep" in ending else 30.0}, 0.1
fuzz_kinds.KINDS["specs"] = replace(fuzz_kinds.KINDS["specs"], take=take)
sys.exit(fuzzing.main())
"""
    program = tmp_path / "wrong.py"
    program.write_text(wrong, "utf-8")
    batch = fuzzing.Batch(kind="specs", seed=0, first=7, count=1)
    found = fuzzing.supervised(batch, tmp_path / "out", program=str(program))
    assert found["failed"] == 1
    assert NOTICED[ending] in capsys.readouterr().err
    assert (tmp_path / "out" / "specs-0-7.yaml").read_bytes() == fuzzing.made("specs", 0, 7)


REPLY = """\
version: convrun/1
interactions:
- request:
    url: https://h/v1/chat/completions
    messages:
    - user: Hi
  response:
    calls:
    - {id: c, name: look, arguments: {a: 1}, style: STYLE}
timings: [null]
digests: [DIGEST]
"""


@pytest.mark.parametrize("style", ["[]", "{}"])
@pytest.mark.parametrize("returned", [None, "{with: [{}]}", "{with: [[]]}"])
def test_what_cannot_be_looked_up(style, returned, tmp_path):
    """A cassette whose style of arguments, or whose key of a message, is a list or a mapping is refused."""
    from convrun.cassette.stored.format import chained_digest
    from convrun.document import read_values

    text = REPLY.replace("STYLE", style)
    if returned:  # the reply is right then, and the request after it is not
        second = f"- request:\n    returned: {returned}\n  response: {{text: x}}\ntimings: [null, null]\n"
        text = REPLY.replace("STYLE", "spaced").replace("timings: [null]\n", second)
    previous, digests = "", []
    for node in read_values(text.replace("DIGEST", "x"), "x")["interactions"]:
        previous = chained_digest(node, previous)
        digests.append(f"'{previous}'")
    path = tmp_path / "a.yaml"
    path.write_text(text.replace("DIGEST", ", ".join(digests)), "utf-8")
    assert not take_cassette(path)


@pytest.mark.parametrize(
    ("uri", "identifier"), [("https://h/v1/\\ud800", "c"), ("https://h/v1/chat/completions", "\\ud800")]
)
def test_halves_of_characters(uri, identifier, tmp_path):
    """A recording with half of a character in its address, or in the id of a call, is read and played."""
    body = '{"choices": [{"message": {"tool_calls": [{"id": "ID", "function": {"name": "f"}}]}}]}'
    body = body.replace("ID", identifier).replace('"', '\\"').replace("\\ud", "\\\\ud")
    path = tmp_path / "a.yaml"
    path.write_text(
        f'{{"version": 1, "interactions": [{{"request": {{"method": "POST", "uri": "{uri}", "body": "{{}}"}}, '
        f'"response": {{"status": {{"code": 200}}, "body": {{"string": "{body}"}}}}}}]}}',
        "utf-8",
    )
    assert take_cassette(path)


def test_deep_brackets_behind_a_text(tmp_path):
    """Brackets past the limit of libyaml, behind what is no YAML by itself, are refused."""
    path = tmp_path / "specs" / "a.yaml"
    path.parent.mkdir()
    path.write_text("options: {max" + "{" * 1200 + "\n", "utf-8")
    assert not take_spec(path)


def test_a_long_expression_is_read_at_once(tmp_path):
    """A template of three hundred divisions is refused within a second, and does not cost the cube of its length."""
    path = tmp_path / "specs" / "a.yaml"
    path.parent.mkdir()
    (tmp_path / "convrun.toml").write_text('model = "echo"\n', "utf-8")
    path.write_text(f"vars: {{n: 1}}\nturns: [{{user: '{{{{ {'n/' * 300}n }}}}'}}]\n", "utf-8")
    why, right, spent = fuzzing._taken(take_spec, path)
    assert (why, right) == (None, False)
    assert spent < fuzzing.SLOW
