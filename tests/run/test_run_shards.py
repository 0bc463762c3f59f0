"""`--shard`: parts that make the whole, of about the same recorded time, the same whoever asks."""

from __future__ import annotations

import itertools
import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convrun.cassette.timings import recorded_ms
from convrun.run.planning.shards import Shard, share

PASSES = "model: echo\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n"
WEIGHTS = st.lists(st.integers(0, 60_000) | st.none(), max_size=40)
TIMES = ["duration_s", "started"]


def named(weights):
    """The weights by names."""
    return {f"specs/{number}.yaml": weight for number, weight in enumerate(weights)}


def loads(parts, weights):
    """What each part weighs."""
    return [sum(weights[name] for name in part) for part in parts]


@settings(deadline=None)
@given(WEIGHTS, st.integers(1, 12), st.randoms())
def test_shards_partition_what_is_selected_in_any_order(weights, count, random):
    """Everything is in exactly one part, and the parts do not depend on the order of what is given."""
    every = named(weights)
    parts = share(every, count)
    assert len(parts) == count
    assert sorted(itertools.chain(*parts)) == sorted(every)
    shuffled = list(every.items())
    random.shuffle(shuffled)
    assert share(dict(shuffled), count) == parts


@settings(deadline=None)
@given(st.lists(st.integers(1, 60_000), min_size=1, max_size=80), st.integers(1, 8))
def test_no_shard_is_much_longer_than_the_others(weights, count):
    """As long as no conversation is a fifth of a shard by itself, the largest has at most 1.2 times the mean."""
    most = max(sum(weights) // (5 * count), 1)
    every = named([min(weight, most) for weight in weights])
    mean = sum(every.values()) / count
    assert max(loads(share(every, count), every)) <= max(1.2 * mean, mean + most)
    if most * 5 * count <= sum(every.values()):
        assert max(loads(share(every, count), every)) <= 1.2 * mean


@settings(deadline=None)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=7), st.integers(1, 3))
def test_a_shard_is_near_the_best_that_could_be(weights, count):
    """The largest has at most 13/11 of what the best of all partitions has."""
    every = named(weights)
    best = min(
        max(sum(itertools.compress(weights, [part == number for part in choice])) for number in range(count))
        for choice in itertools.product(range(count), repeat=len(weights))
    )
    assert max(loads(share(every, count), every)) * 11 <= best * 13


def test_where_the_longest_first_goes_wrong_it_is_done_better():
    """Longest to the lightest gives 11, 8, 8 here: more than 1.2 times the mean."""
    every = named([5, 5, 4, 4, 3, 3, 3])
    assert max(loads(share(every, 3), every)) <= 10


def test_an_unknown_time_is_the_average():
    """What was never recorded counts as one of the others, and where nothing is known all count alike."""
    parts = share({"a": 100, "b": 300, "c": None, "d": None}, 2)
    assert parts == share({"a": 100, "b": 300, "c": 200, "d": 200}, 2)
    assert sorted(map(len, share(dict.fromkeys("abcdef"), 3))) == [2, 2, 2]
    assert sorted(map(len, share(dict.fromkeys("abcdef", 0), 3))) == [2, 2, 2]


def test_the_time_is_read_from_the_end_of_a_cassette(tmp_path):
    """Calls and streams count to their end; what is no cassette of ours has no time, and a pipe is not waited for."""

    def time_of(text):
        path = tmp_path / "cassette.yaml"
        path.write_bytes(text.encode())
        return recorded_ms(path)

    assert time_of("version: convrun/1\ninteractions: []\ntimings: [12, [3, 40], 0]\ndigests: [a, b, c]\n") == 52
    assert time_of("interactions:\n- 'x\n\n    timings: [9]'\ntimings: [1]\r\ndigests: [a]\r\n") == 1
    assert time_of(f"interactions: []\ntimings: [{'7, ' * 9_999}7]\ndigests: [{'0123456789ab, ' * 10_000}]\n") == 70_000
    assert time_of("") is time_of("interactions: []\n") is None
    for timings in ("", "3", "[x]", "[]", "[null, 3]", "[-1]", "[[]]", "{}", "[" * 100_000):
        assert time_of(f"interactions: []\ntimings: {timings}\n") is None
    assert recorded_ms(tmp_path) is None
    assert recorded_ms(tmp_path / "none.yaml") is None
    os.mkfifo(tmp_path / "pipe")
    assert recorded_ms(tmp_path / "pipe") is None


def suite(project, milliseconds):
    """A project of recorded conversations that took so long."""
    for number, elapsed in enumerate(milliseconds):
        project.write(f"specs/{number}.yaml", PASSES)
        cassette = project.root / project.record(f"specs/{number}.yaml").cassette
        text = cassette.read_text("utf-8")
        head, _, tail = text.partition("\ntimings: [")
        cassette.write_text(f"{head}\ntimings: [{elapsed}]{tail.partition(']')[2]}", "utf-8")
    return project


def test_shards_have_the_same_recorded_time(project):
    """The longest conversation is alone, the short ones are together, and their order is the plan's."""
    suite(project, [100, 900, 300, 200, 300])
    found = [[one.id for one in project.run(shard=Shard(index=index, count=2)).conversations] for index in (1, 2)]
    assert found == [["specs/1.yaml"], ["specs/0.yaml", "specs/2.yaml", "specs/3.yaml", "specs/4.yaml"]]


def test_merged_shards_equal_the_whole_run(project):
    """The conversations of all shards are those of one run, but for times; the verdicts are not all the same."""
    suite(project, [5, 5, 5])
    project.write("specs/failed.yaml", "model: echo\nturns: [{user: Hi, expect: [{equals: Ho}]}]\n")
    project.write("specs/missing.yaml", "model: gpt-4.1-mini\nturns: [{user: Hi, expect: [{equals: Ho}]}]\n")
    project.write("specs/unchecked.yaml", "model: echo\ncases: [{id: one}, {id: two}]\nturns: [{user: Hi}]\n")
    project.edit("specs/0.yaml", "user: Hi", "user: Hello")

    def conversations(*more):
        ended = project.cli("run", "--report", "json", *more)
        result = json.loads(ended.stdout)
        return [{key: value for key, value in one.items() if key not in TIMES} for one in result["conversations"]]

    whole = conversations()
    merged = [one for index in (1, 2, 3) for one in conversations("--shard", f"{index}/3")]
    assert sorted(merged, key=whole.index) == whole
    assert {one["verdict"] for one in whole} == {"passed", "failed", "missing", "stale", "unchecked"}


@pytest.mark.parametrize("mode", ["once", "new_episodes", "all"])
def test_what_one_shard_records_changes_no_other(project, mode):
    """Recorded one shard after the other in one folder, each conversation is in exactly one; the longest are apart."""
    suite(project, [2000, 1, 1, 2000])
    for number in (1, 2):
        (project.root / f"cassettes/{number}.yaml").unlink()
    long = "model: echo\nturns: [{user: Hi}, {user: Hi}, {user: Hi}]\n"
    project.write("specs/4.yaml", long)
    project.write("specs/5.yaml", long)
    parts = [project.run(shard=Shard(index=index, count=2), record=mode).conversations for index in (1, 2)]
    assert sorted(one.id for part in parts for one in part) == [f"specs/{number}.yaml" for number in range(6)]
    assert [sum(len(one.turns) for one in part) for part in parts] == [5, 5]
    recorded = all((project.root / f"cassettes/{number}.yaml").is_file() for number in range(6))
    assert recorded == (mode == "all")  # offline models are recorded only where all are


def test_a_shard_is_of_what_is_selected(project):
    """-k and tags come first; each shard says how many it has, and `list` has the same."""
    suite(project, [5, 5, 5, 5])
    ended = project.cli("run", "-k", "0 or 1", "--shard", "1/2")
    assert "1 conversation: 1 passed" in ended.stdout
    assert ended.stderr == "shard 1/2: 1 of 2 conversations\n"
    listed = project.cli("list", "-k", "0 or 1", "--shard", "1/2")
    assert listed.stdout.strip() in ended.stdout


def test_a_shard_without_conversations_is_no_mistake(project):
    """More machines than conversations: the others have nothing to do, and say so; a suite of nothing is exit 5."""
    suite(project, [5])
    ended = project.cli("run", "--shard", "2/3", "--report", "json=result.json")
    assert (ended.returncode, ended.stdout) == (0, "nothing to run in this shard\n")
    assert ended.stderr == "shard 2/3 is empty: there are fewer conversations (1) than shards\n"
    assert json.loads((project.root / "result.json").read_text("utf-8"))["exit_code"] == 0
    assert project.cli("list", "--shard", "2/3").returncode == 0
    assert project.cli("run", "-k", "none", "--shard", "2/3").returncode == 5
    assert project.cli("list", "-k", "none", "--shard", "2/3").returncode == 5
