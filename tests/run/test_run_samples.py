"""Groups of samples: independent conversations that are one test."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import Project

from convrun.errors import UsageError
from convrun.results import ConversationResult
from convrun.run.binding.bind import BoundConversation
from convrun.run.planning.last_failed import LastFailed, remember
from convrun.run.planning.plan import Planned
from convrun.run.samples import group_result, wilson
from convrun.source import Where
from convrun.spec.model import ModelSpec, SamplesSpec, Spec

CHECKED = """
import itertools

calls = itertools.count(1)
failing = {failing}
interrupting = {interrupting}

def check(context):
    number = next(calls)
    if number == interrupting:
        raise KeyboardInterrupt
    return "it went wrong" if number in failing else None
"""
SPEC = """
model: echo
samples: {{times: {times}, pass: {needed}}}
turns:
  - user: Hi
    expect: [python: 'judging:check']
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose samples fail as they are told to."""
    monkeypatch.delitem(sys.modules, "judging", raising=False)  # that of another test
    return Project(tmp_path)


@pytest.fixture
def sampled(project):
    """Runs a spec of which these samples fail."""

    def run(times, needed, failing=(), *, more="", interrupting=None, **options):
        project.write("judging.py", CHECKED.format(failing=set(failing) or "()", interrupting=interrupting))
        project.write("specs/a.yaml", SPEC.format(times=times, needed=needed) + more)
        return project.run(**options)

    return run


def folded(verdicts, samples):
    """The group of samples of these verdicts that are over."""
    spec = Spec(file="specs/a.yaml", name="a", where=Where(file="specs/a.yaml"), samples=samples)
    planned = Planned(
        id="specs/a.yaml",
        group="specs/a.yaml",
        spec=spec,
        model=ModelSpec(name="echo"),
        cassette=Path("a"),
        cassette_shown="a",
        sample=1,
    )
    bound = BoundConversation(planned=planned, spec=None, model=planned.model)
    results = [
        ConversationResult(id=f"specs/a.yaml::@{n}", spec="specs/a.yaml", verdict=one) for n, one in enumerate(verdicts)
    ]
    return group_result([bound], results)


# Newcombe, Statistics in Medicine 17 (1998), method 3; n = 1 from the formula by hand.
@pytest.mark.parametrize(
    ("passed", "judged", "interval"),
    [
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
        (29, 29, (0.8830, 1.0)),
        (0, 1, (0.0, 0.7935)),
        (1, 1, (0.2065, 1.0)),
    ],
)
def test_the_interval_is_wilsons(passed, judged, interval):
    """The bounds are those that are published, and exactly 0 and 1 where none or all passed."""
    low, high = wilson(passed, judged)
    assert (round(low, 4), round(high, 4)) == interval
    assert (low == 0) is (passed == 0)
    assert (high == 1) is (passed == judged)


@pytest.mark.parametrize(
    ("needed", "failing", "verdict"),
    [(4, {2}, "passed"), (4, {2, 5}, "failed"), (5, {1}, "failed"), (5, (), "passed"), (1, {1, 2, 3, 4}, "passed")],
)
def test_a_group_passes_when_enough_samples_do(sampled, needed, failing, verdict):
    """It is one result, with its samples, their rate and its interval."""
    result = sampled(5, needed, failing)
    (group,) = result.conversations
    passed = 5 - len(failing)
    assert (group.id, group.verdict, group.samples.passed) == ("specs/a.yaml", verdict, passed)
    assert (group.samples.rate, group.samples.interval) == (passed / 5, wilson(passed, 5))
    found = [one.verdict for one in group.samples.conversations]
    assert found == ["failed" if number in failing else "passed" for number in range(1, 6)]
    assert (group.turns, group.checks, group.model_calls, result.planned) == ((), (), 5, 1)
    assert result.exit_code == (0 if verdict == "passed" else 1)


def test_samples_have_ids_and_cassettes_of_their_own(sampled):
    """Those of the first are as without samples."""
    (group,) = sampled(3, 3, record="all").conversations
    assert [one.id for one in group.samples.conversations] == ["specs/a.yaml", "specs/a.yaml::@2", "specs/a.yaml::@3"]
    assert [one.cassette for one in group.samples.conversations] == [
        "cassettes/a.yaml",
        "cassettes/a/@2.yaml",
        "cassettes/a/@3.yaml",
    ]


def test_with_more_samples_nothing_is_missing_but_the_new_ones(sampled, project):
    """Giving a recorded spec samples, and raising their number, leaves its recordings as they are."""
    project.write("specs/a.yaml", "model: {script: [{reply: Hi}]}\nturns: [{user: Hi, expect: [contains: Hi]}]\n")
    project.record()
    project.edit("specs/a.yaml", "turns:", "samples: {times: 2}\nturns:")
    (group,) = project.run(refresh=True).conversations
    assert (group.verdict, group.samples.rate, group.samples.interval) == ("missing", None, None)
    assert [one.verdict for one in group.samples.conversations] == ["passed", "missing"]
    project.run(record="new_episodes", refresh=True)
    project.edit("specs/a.yaml", "times: 2", "times: 4")
    (group,) = project.run(refresh=True).conversations
    assert [one.verdict for one in group.samples.conversations] == ["passed", "passed", "missing", "missing"]


def test_the_worst_of_its_samples_is_a_groups_before_their_number(sampled, project):
    """One that is stale makes it stale, though enough others pass; a stale group was not judged."""
    sampled(3, 1, record="all")
    project.edit("specs/a.yaml", "user: Hi", "user: Hello")
    project.run("specs/a.yaml::@3", record="all")
    (group,) = project.run().conversations
    assert (group.verdict, group.samples.passed, group.samples.rate) == ("stale", None, None)
    assert [one.verdict for one in group.singles] == ["stale", "stale", "passed"]
    assert group.stale.turn == 1


def test_a_group_without_checks_is_unchecked(project):
    """Nothing was judged, so there is no rate, and the finding is told once."""
    project.write("specs/a.yaml", "model: echo\nsamples: {times: 3}\nturns: [{user: Hi}]\n")
    (group,) = project.run().conversations
    assert (group.verdict, group.samples.rate, len(group.findings)) == ("unchecked", None, 1)


@pytest.mark.parametrize(
    ("failing", "verdict", "exit_code"), [({1, 2}, "skipped", 0), ({1}, "failed", 1), ((), "failed", 1)]
)
def test_a_known_failure_is_the_groups(sampled, failing, verdict, exit_code):
    """A group that fails is skipped, whatever single samples do; one that passes fails."""
    result = sampled(3, 2, failing, more="known_failure: the model is small\n")
    (group,) = result.conversations
    assert (group.verdict, result.exit_code) == (verdict, exit_code)
    assert group.samples.rate == (3 - len(failing)) / 3
    assert {one.verdict for one in group.samples.conversations} <= {
        "passed",
        "skipped" if verdict == "skipped" else "failed",
    }


def test_a_skipped_group_is_one(sampled):
    """Its reason is the spec's."""
    (group,) = sampled(3, 2, more="skip: later\n").conversations
    assert (group.verdict, group.reason, group.samples.rate, group.samples.passed) == ("skipped", "later", None, None)


def test_a_sample_that_is_named_is_a_conversation_by_itself(project):
    """A case alone names its whole group."""
    project.write("specs/a.yaml", "model: echo\nsamples: {times: 3}\nturns: [{user: Hi, expect: [contains: Hi]}]\n")
    project.write("specs/b.yaml", (project.root / "specs/a.yaml").read_text("utf-8") + "cases: [{id: x}, {id: y}]\n")
    one = project.one("specs/a.yaml::@2")
    assert (one.id, one.samples, len(one.turns)) == ("specs/a.yaml::@2", None, 1)
    assert project.one("specs/b.yaml::y@3").samples is None
    assert project.one("specs/b.yaml::y").samples.times == 3
    assert [one.samples is None for one in project.run("specs/b.yaml::y", "specs/b.yaml::y@2").conversations] == [False]
    assert project.one("specs/b.yaml::x", models=("echo",)).id == "specs/b.yaml::x"
    for path in ("specs/a.yaml::@1", "specs/b.yaml::y@1"):  # its id is the group's
        one = project.one(path)
        assert (one.id, one.samples) == (path.removesuffix("@1").removesuffix("::"), None)
    with pytest.raises(UsageError, match="its conversations are @1, @2, @3"):
        project.run("specs/a.yaml::x")


def test_a_model_stands_before_the_number(project):
    """`-m` adds its name to the group."""
    project.write("specs/a.yaml", "model: gpt-5\nsamples: {times: 2}\nturns: [{user: Hi, expect: [contains: Hi]}]\n")
    group = project.one(models=("echo",))
    assert [one.id for one in group.samples.conversations] == ["specs/a.yaml::echo", "specs/a.yaml::echo@2"]


def test_a_case_that_is_called_as_a_sample_is_a_mistake(project):
    """Equal ids are refused, as any."""
    project.write(
        "specs/a.yaml",
        "model: echo\nsamples: {times: 2}\ncases: [{id: x}, {id: 'x@2'}]\nturns: [{user: Hi}]\n",
    )
    (mistake,) = project.mistakes()
    assert mistake.startswith("specs/a.yaml:2:10: two conversations have one id, 'specs/a.yaml::x@2': one is a sample")


def test_x_stops_behind_a_group_that_did_not_pass(sampled, project):
    """A group counts once, is played to its end, and what follows it is passed over."""
    project.write("specs/b.yaml", SPEC.format(times=2, needed=2))
    result = sampled(4, 3, {1, 2, 3}, most_failed=1)
    first, second = result.conversations
    assert [one.verdict for one in first.singles] == ["failed", "failed", "failed", "passed"]
    assert (second.verdict, second.not_begun, len(second.singles)) == ("skipped", True, 2)


def test_two_that_fail_in_one_group_are_one_for_maxfail(sampled, project):
    """The second group is begun."""
    project.write("specs/b.yaml", SPEC.format(times=2, needed=2))
    result = sampled(4, 3, {1, 2, 3}, most_failed=2)
    assert [one.verdict for one in result.conversations] == ["failed", "passed"]


def test_shards_keep_groups_together(project):
    """Each group is in one shard as a whole, and counts as one."""
    from convrun.run.planning.shards import Shard

    for name in "abc":
        project.write(
            f"specs/{name}.yaml", "model: echo\nsamples: {times: 3}\nturns: [{user: Hi, expect: [contains: Hi]}]\n"
        )
    found = []
    for index in (1, 2):
        result = project.run(shard=Shard(index=index, count=2))
        found += result.conversations
        assert all(len(one.singles) == 3 for one in result.conversations)
    assert sorted(one.id for one in found) == ["specs/a.yaml", "specs/b.yaml", "specs/c.yaml"]
    assert project.prepared(shard=Shard(index=1, count=2)).plan.remarks[0].endswith("of 3 conversations")


def test_keywords_look_at_the_groups_name(project):
    """`-k` selects a group or does not: no sample by itself."""
    project.write("specs/a.yaml", "model: echo\nsamples: {times: 3}\nturns: [{user: Hi, expect: [contains: Hi]}]\n")
    assert len(project.one(keyword="not @2").singles) == 3
    assert project.run(keyword="@2").conversations == ()


def test_what_failed_last_is_the_group(sampled, project):
    """A group that failed is run again as a whole; once it passes, its samples are forgotten as well."""
    result = sampled(3, 3, {2})
    remember(project.root, result.conversations, strict=False)
    assert LastFailed.at(project.root).ids == {"specs/a.yaml"}
    assert len(project.one(last_failed=True).singles) == 3
    alone = project.write(
        "judging.py", CHECKED.format(failing="(1,)", interrupting=None)
    )  # of another size: it is read anew
    remember(project.root, project.run("specs/a.yaml::@2").conversations, strict=False)
    assert LastFailed.at(project.root).ids == {"specs/a.yaml", "specs/a.yaml::@2"}
    alone.write_text(CHECKED.format(failing="()", interrupting=None), "utf-8")
    remember(project.root, project.run().conversations, strict=False)
    assert LastFailed.at(project.root).ids == set()


def test_one_strict_finding_of_all_samples_is_one(project):
    """Findings of a group are its own, each once."""
    project.write("specs/a.yaml", "model: echo\nsamples: {times: 3}\nturns: [{user: Hi}]\n")
    result = project.run(strict=True)
    assert (result.exit_code, len(result.conversations[0].findings)) == (1, 1)


def test_samples_in_processes_are_told_in_their_order(sampled):
    """Several at once give what one after the other gives."""
    (group,) = sampled(6, 6, jobs=2).conversations
    assert [one.id.partition("::")[2] for one in group.singles] == ["", "@2", "@3", "@4", "@5", "@6"]


def test_fewer_samples_leave_orphans(project, sampled):
    """Recordings of samples that are no more are told."""
    sampled(4, 4, record="all")
    project.edit("specs/a.yaml", "times: 4, pass: 4", "times: 2")
    assert [one.where.file for one in project.run().findings] == ["cassettes/a/@3.yaml", "cassettes/a/@4.yaml"]


@pytest.mark.parametrize(
    ("needed", "failing", "verdict"),
    [(2, (), "skipped"), (4, {1}, "skipped"), (4, {1, 2}, "failed"), (5, {2}, "failed")],
)
def test_a_group_that_was_interrupted_did_not_pass(sampled, needed, failing, verdict):
    """Though enough samples have passed, the others lack; it has failed only where they could not make up for it."""
    result = sampled(5, needed, failing, interrupting=4)
    (group,) = result.conversations
    assert (result.interrupted, result.exit_code, group.verdict) == (True, 130, verdict)
    assert group.reason == ("interrupted: 3 of 5 samples were finished" if verdict == "skipped" else None)
    assert (len(group.singles), group.samples.passed, group.samples.rate) == (3, None, None)
    assert not group.finished


def test_an_interrupted_group_is_not_forgotten(sampled, project):
    """What failed last stays what failed last until all of it has run again."""
    remember(project.root, sampled(3, 3, {2}).conversations, strict=False)
    remember(project.root, sampled(3, 3, interrupting=3).conversations, strict=False)
    assert LastFailed.at(project.root).ids == {"specs/a.yaml"}


def test_too_many_conversations_of_a_spec_are_a_mistake(project):
    """Samples of many cases are refused before anything runs."""
    rows = ", ".join(f"{{id: c{number}}}" for number in range(11))
    project.write("specs/a.yaml", f"model: echo\nsamples: {{times: 1000}}\ncases: [{rows}]\nturns: [{{user: Hi}}]\n")
    (mistake,) = project.mistakes()
    assert mistake.startswith("specs/a.yaml:2:10: 1,000 samples of 11 conversations are 11,000")


def test_a_base_may_say_how_many(project):
    """`samples` merges as a mapping."""
    project.write("specs/_base.yaml", "model: echo\nsamples: {times: 4, pass: 3}\nturns: [{user: Hi}]\n")
    project.write("specs/a.yaml", "extends: [_base.yaml]\nsamples: {times: 3}\n")
    samples = project.one().samples
    assert (samples.times, samples.needed) == (3, 3)
    project.edit("specs/a.yaml", "times: 3", "times: 2")
    assert project.mistakes()[0].startswith("specs/_base.yaml:2:27: 3 samples are to pass, of 2")


def test_a_matrix_has_its_samples_by_combination(project):
    """Each combination is a group, with its name before the number."""
    project.write(
        "specs/a.yaml",
        "model: echo\nmatrix: {city: [Oslo, Rome]}\nsamples: {times: 2}\n"
        "turns: [{user: '{{ city }}', expect: [contains: '{{ city }}']}]\n",
    )
    found = project.run().conversations
    assert [one.id for group in found for one in group.singles] == [
        "specs/a.yaml::Oslo", "specs/a.yaml::Oslo@2", "specs/a.yaml::Rome", "specs/a.yaml::Rome@2",
    ]  # fmt: skip


def test_only_some_ids_keep_their_groups_whole(project):
    """What is touched of a group runs it all, as `--watch` asks for."""
    project.write("specs/a.yaml", "model: echo\nsamples: {times: 3}\nturns: [{user: Hi, expect: [contains: Hi]}]\n")
    for name in ("specs/a.yaml", "specs/a.yaml::@2"):
        assert len(project.one(only=frozenset({name})).singles) == 3


@given(st.lists(st.sampled_from(["passed", "failed", "stale", "missing", "error"]), min_size=1, max_size=6), st.data())
def test_a_group_is_judged_as_the_rule_says(verdicts, data):
    """The worst of error, stale and missing; else passed if enough passed, else failed; only then there is a rate."""
    needed = data.draw(st.integers(1, len(verdicts)))
    group = folded(verdicts, SamplesSpec(times=len(verdicts), needed=needed))
    worst = next((one for one in ("error", "stale", "missing") if one in verdicts), None)
    passed = verdicts.count("passed")
    assert group.verdict == worst or (worst is None and group.verdict == ("passed" if passed >= needed else "failed"))
    assert group.samples.passed == (passed if worst is None else None)
    assert (group.samples.rate is None) is (group.samples.interval is None) is (worst is not None)
    if worst is None:
        low, high = group.samples.interval
        assert 0 <= low <= group.samples.rate <= high <= 1


@given(st.lists(st.sampled_from(["passed", "failed"]), min_size=1, max_size=6), st.integers(1, 5), st.data())
def test_what_an_interruption_leaves_open_is_not_judged(verdicts, lacking, data):
    """A group of which samples lack never passed; it has failed if no outcome of those could have made it pass."""
    times = len(verdicts) + lacking
    needed = data.draw(st.integers(1, times))
    group = folded(verdicts, SamplesSpec(times=times, needed=needed))
    best = folded([*verdicts, *["passed"] * lacking], SamplesSpec(times=times, needed=needed))
    assert group.verdict == ("failed" if best.verdict == "failed" else "skipped")
    assert group.samples.rate is None
