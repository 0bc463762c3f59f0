"""`--last-failed` and `--maxfail`: what did not pass comes again, and a run ends when enough has gone wrong."""

from __future__ import annotations

import json
import shutil
import sys

import pytest

STATE = ".convrun/last-failed.json"


def spec(expected="Hi"):
    """A conversation that passes where it expects `Hi`."""
    return f"model: echo\nturns: [{{user: Hi, expect: [{{equals: {expected}}}]}}]\n"


@pytest.fixture
def mixed(project):
    """Two conversations that pass, one that fails, one that is missing and one that is an error."""
    project.write("specs/a.yaml", spec())
    project.write("specs/failed.yaml", spec("Ho"))
    project.write("specs/missing.yaml", spec().replace("echo", "gpt-4.1-mini"))
    project.write("specs/wrong.yaml", spec().replace("Hi,", "'{{ turns[9].reply }}',").replace("user", "id: x, user"))
    project.write("specs/z.yaml", spec())
    project.write("specs/wrong.yaml", "model: echo\ntools: ['desk:stop']\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n"
                  "hooks: {before_conversation: ['desk:stop']}\n")  # fmt: skip
    project.write("desk.py", "def stop(conversation):\n    raise ValueError('no')\n")
    return project


def ran(ended):
    """The ids of a run's report."""
    return [one["id"] for one in json.loads(ended.stdout)["conversations"]]


def again(project, *more):
    """Run with --last-failed; return the process."""
    return project.cli("run", "--report", "json", "--last-failed", *more)


def test_what_did_not_pass_comes_again_until_it_passes(mixed):
    """Failed, missing and errors are taken; mended ones are forgotten, and once all pass all are taken."""
    mixed.cli("run")
    ended = again(mixed)
    assert ran(ended) == ["specs/failed.yaml", "specs/missing.yaml", "specs/wrong.yaml"]
    assert ended.stderr.startswith("--last-failed: 3 of 5 conversations\n")
    mixed.write("specs/failed.yaml", spec())
    mixed.write("specs/wrong.yaml", spec())
    assert len(ran(again(mixed))) == 3
    assert ran(again(mixed)) == ["specs/missing.yaml"]
    (mixed.root / "specs/missing.yaml").unlink()
    ended = again(mixed)
    assert ran(ended) == ["specs/a.yaml", "specs/failed.yaml", "specs/wrong.yaml", "specs/z.yaml"]
    assert "none of them is known to have failed, so all are taken" in ended.stderr


def test_what_did_not_run_stays_known(mixed):
    """A run of others forgets nothing, and neither does one that stopped before."""
    mixed.cli("run")
    mixed.cli("run", "specs/a.yaml")
    mixed.cli("run", "-x")
    assert ran(again(mixed)) == ["specs/failed.yaml", "specs/missing.yaml", "specs/wrong.yaml"]
    assert ran(again(mixed, "-k", "missing")) == ["specs/missing.yaml"]
    assert ran(again(mixed, "specs/a.yaml")) == ["specs/a.yaml"]
    shards = [one for index in (1, 2) for one in ran(again(mixed, "--shard", f"{index}/2"))]
    assert sorted(shards) == ["specs/failed.yaml", "specs/missing.yaml", "specs/wrong.yaml"]
    assert mixed.cli("list", "--last-failed").stdout.split() == [
        "specs/failed.yaml", "specs/missing.yaml", "specs/wrong.yaml",
    ]  # fmt: skip


def test_findings_of_a_green_run_write_nothing(project):
    """What only a strict run would not pass leaves no trace of a run that is not strict."""
    project.write("specs/unchecked.yaml", "model: echo\nturns: [{user: Hi}]\n")
    assert project.cli("run").returncode == 0
    assert not (project.root / ".convrun").exists()
    assert project.cli("run", "--strict").returncode == 1
    assert (project.root / STATE).exists()


def test_where_nothing_failed_nothing_is_written(project):
    """A green run leaves no trace, and without a memory all are taken; one that failed is passed over by git."""
    project.write("specs/a.yaml", spec())
    ended = again(project)
    assert ran(ended) == ["specs/a.yaml"]
    assert "no conversation is known to have failed, so all are taken" in ended.stderr
    assert not (project.root / ".convrun").exists()
    project.write("specs/a.yaml", spec("Ho"))
    project.cli("run")
    assert (project.root / ".convrun/.gitignore").read_text() == "*\n"
    assert json.loads((project.root / STATE).read_text()) == {"last_failed": ["specs/a.yaml"]}
    project.write("specs/a.yaml", spec())
    project.cli("run")
    assert not (project.root / STATE).exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"last_failed": [], "with_findings": [1]}',
        '{"last_failed": "a"}',
        '{"last_failed": [1]}',
        "[" * 100_000,
    ],
)
def test_a_damaged_memory_is_said_and_all_are_taken(mixed, text):
    """Nothing is taken for passed because the file that knows cannot be read; the run mends it."""
    mixed.write(STATE, text)
    ended = again(mixed)
    assert len(ran(ended)) == 5
    assert f"{STATE} is damaged, so all are taken" in ended.stderr
    assert len(ran(again(mixed))) == 3


@pytest.mark.parametrize("taken", [".convrun", STATE])
def test_a_memory_that_cannot_be_written_is_no_error(mixed, taken):
    """Where a file or folder is in its place the run is as it would be."""
    if taken == STATE:
        (mixed.root / STATE).mkdir(parents=True)
    else:
        mixed.write(taken, "")
    ended = mixed.cli("run")
    assert ended.returncode == 4
    assert ended.stderr == ""
    assert len(ran(again(mixed))) == 5


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_no_memory_is_written_outside_of_the_project(mixed, tmp_path_factory):
    """A link in a project that somebody else made leads nowhere."""
    elsewhere = tmp_path_factory.mktemp("home")
    (mixed.root / ".convrun").symlink_to(elsewhere)
    mixed.cli("run")
    assert list(elsewhere.iterdir()) == []
    shutil.rmtree(elsewhere)
    mixed.cli("run")
    assert not elsewhere.exists()


def test_maxfail_stops_after_so_many(mixed):
    """Two that did not pass: what follows is skipped, with the reason; -x is one."""
    result = mixed.run(most_failed=2)
    assert [one.verdict for one in result.conversations] == ["passed", "failed", "missing", "skipped", "skipped"]
    assert result.conversations[-1].reason == "not begun: stopped at 2 that did not pass (--maxfail)"
    assert "2 that did not pass" in mixed.cli("run", "--maxfail", "2").stdout
    assert "1 passed, 1 failed, 3 not begun" in mixed.cli("run", "--maxfail", "5", "-x").stdout


UNCHECKED = "model: echo\nturns: [{user: Hi}]\n"


@pytest.mark.parametrize("before", [["--strict"], []], ids=str)
def test_what_fails_a_strict_run_comes_again_in_one(project, before):
    """What has findings is taken by a strict run, whatever the one before was, and by no other."""
    project.write("specs/a.yaml", spec())
    project.write("specs/failed.yaml", spec("Ho"))
    project.write("specs/unchecked.yaml", UNCHECKED)
    project.cli("run", *before)
    assert ran(again(project)) == ["specs/failed.yaml"]
    project.write("specs/failed.yaml", spec())
    ended = again(project, "--strict")
    assert (ran(ended), ended.returncode) == (["specs/failed.yaml", "specs/unchecked.yaml"], 1)
    project.write("convrun.toml", "strict = true\n")
    assert ran(again(project)) == ["specs/unchecked.yaml"]
    project.write("specs/unchecked.yaml", spec())
    assert again(project).returncode == 0
    assert not (project.root / STATE).exists()


def test_what_fails_a_strict_run_ends_it(project):
    """-x and --maxfail count what has findings where the run is strict, by the option or the settings."""
    for name in "abc":
        project.write(f"specs/{name}.yaml", UNCHECKED)
    project.write("specs/d.yaml", spec())

    def skipped(**options):
        return [one.verdict for one in project.run(**options).conversations].count("skipped")

    assert skipped(most_failed=1) == 0
    assert skipped(most_failed=1, strict=True) == 3
    assert skipped(most_failed=4, strict=True) == 0
    project.write("convrun.toml", "strict = true\n")
    assert skipped(most_failed=3) == 1
