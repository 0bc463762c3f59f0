"""How large recordings become, and how small their changes are, through the whole path."""

import difflib
import random
import string

import pytest
from live_specs import CASSETTE, SPEC, echo, spec


def messages(count, length):
    """Texts of words, each another one and none that a shorter way of writing would find in another."""
    chance = random.Random(7)
    words = ["".join(chance.choices(string.ascii_lowercase, k=chance.randint(2, 9))) for _ in range(2_000)]
    for number in range(count):
        text = f"{number}"
        while len(text) < length:
            text += f" {chance.choice(words)}"
        yield text[: length - 1] + "."


@pytest.mark.parametrize(("stream", "turns"), [(False, 400), (True, 100)], ids=["plain", "streamed"])
def test_a_cassette_grows_with_the_new_messages(project, loopback, stream, turns):
    """400 turns of 300 characters each way take less than 500 KB, and at most 2.1 times what 200 take."""
    loopback.says(echo)
    texts = list(messages(turns, 300))
    project.write(SPEC, spec(loopback.base_url, *texts[: turns // 2], stream=stream))
    assert project.one(record="new_episodes").live_calls == turns // 2
    half = (project.root / CASSETTE).stat().st_size
    project.write(SPEC, spec(loopback.base_url, *texts, stream=stream))
    result = project.one(record="new_episodes")
    assert (result.verdict, result.live_calls, result.model_calls) == ("passed", turns // 2, turns)
    whole = (project.root / CASSETTE).stat().st_size
    assert whole < 1250 * turns
    assert whole <= 2.1 * half
    assert project.one().verdict == "passed"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_one_changed_message_is_a_small_difference(project, loopback, stream):
    """One message changed in 50 turns and recorded again changes the lines of that turn, the times and the digests."""
    loopback.says(echo)
    texts = list(messages(50, 60))
    project.write(SPEC, spec(loopback.base_url, *texts, stream=stream))
    project.record()
    before = (project.root / CASSETTE).read_text("utf-8").splitlines()
    texts[30] = "Something else."
    project.write(SPEC, spec(loopback.base_url, *texts, stream=stream))
    assert project.one(record="new_episodes").live_calls == 20
    after = (project.root / CASSETTE).read_text("utf-8").splitlines()
    changed = [line for line in difflib.ndiff(before, after) if line[:2] in {"- ", "+ "}]
    assert len(changed) <= 10
    told = [line for line in changed if not line[2:].startswith(("timings:", "digests:"))]
    assert all(texts[30][:9] in line or line.startswith("-") or "deltas" in line for line in told)
