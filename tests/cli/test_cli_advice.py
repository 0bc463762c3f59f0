"""What convrun advises where somebody slipped: the line that is meant, once."""

from __future__ import annotations

import re
import subprocess

import pytest
from servers import Answer

ECHO = "model: echo\ntags: [smoke]\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n"
LIVE = ECHO.replace("echo", "gpt-4.1-mini")


def test_a_missing_key_is_one_mistake(project):
    """However many specs need it: the first ones are named, and the `.env` as a place for it."""
    for number in range(7):
        project.write(f"specs/{number}.yaml", LIVE)
    (mistake,) = project.mistakes(record="all", environ={})
    assert mistake.startswith("specs/0.yaml:1:8: no key for 'gpt-4.1-mini'")
    assert "specs/2.yaml, specs/3.yaml, specs/4.yaml, and 2 more" in mistake
    assert "set OPENAI_API_KEY, in the environment or in the `.env`" in mistake


def test_a_cassette_is_no_spec_with_mistakes(project):
    """It is one mistake, with the command that prints it and the spec that is meant."""
    project.write("specs/a.yaml", ECHO)
    project.write("specs/deep/b.yaml", ECHO.replace("turns", "cases: [{id: one}]\nturns"))
    project.cli("record")
    for cassette, spec in (("cassettes/a.yaml", "specs/a.yaml"), ("cassettes/deep/b/one.yaml", "specs/deep/b.yaml")):
        (mistake,) = project.mistakes(cassette)
        assert "this is a cassette, no spec" in mistake
        assert f"`convrun show {cassette}` prints it; run {spec}" in mistake


def test_a_tag_is_no_model(project):
    """`-m smoke`, as pytest has it, would ask for recordings that cost money; a model of that name is one."""
    project.write("specs/a.yaml", ECHO)
    ended = project.cli("run", "-m", "smoke")
    assert ended.returncode == 2
    assert "write --tag smoke; " in ended.stderr
    assert project.cli("run", "-m", "openai/smoke").returncode == 3
    project.write("specs/b.yaml", ECHO.replace("model: echo", "model: smoke"))
    assert project.cli("run", "-m", "smoke").returncode == 3


def test_an_edited_cassette_gives_the_command_for_its_conversation(project):
    """The id stands in the command, quoted."""
    project.write("specs/a b.yaml", ECHO)
    cassette = project.record().cassette
    project.edit(cassette, "text: Hi", "text: Ho")
    assert "or record it anew: convrun record --all 'specs/a b.yaml'\n" in project.cli("run").stdout


def test_a_row_with_too_few_values_is_not_to_be_quoted(project):
    """A comma within a value makes too many of them, not too few."""
    project.write("specs/a.yaml", ECHO.replace("turns", "cases: {file: rows.csv}\nturns"))
    project.write("specs/rows.csv", "id,city\none\ntwo,a,b\n")
    few, many = project.mistakes("specs")
    assert "for each name" in few
    assert "comma in it" in many


def test_a_mistyped_file_is_no_revision(project):
    """`diff` names the file that is meant; git is not asked for it."""
    project.write("cassettes/small.yaml", "")
    subprocess.run(["git", "init", "-q", project.root], check=True)
    ended = project.cli("diff", "cassettes/smal.yaml")
    assert ended.returncode == 2
    assert "'cassettes/smal.yaml' does not exist\n  did you mean 'cassettes/small.yaml'?\n" in ended.stderr


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("specs/clok.yaml", "specs/clock.yaml"), ("specs/clockk.yml", "specs/clock.yaml"), ("speks", "specs")],
)
def test_a_mistyped_file_is_answered_as_it_was_typed(project, typed, meant):
    """With its folder, by what is of the same kind: no picture, and no folder of attachments."""
    project.write("specs/clock.yaml", ECHO)
    project.write("specs/clok.yamll", "")
    project.write("specs/clokk.png", "")
    ended = project.cli("run", typed)
    assert (ended.returncode, f"did you mean {meant!r}?" in ended.stderr) == (2, True)


def test_a_long_option_with_one_dash_is_recognised(project):
    """`-all` is no row of short ones."""
    ended = project.cli("record", "-all")
    assert ended.returncode == 2
    assert "No such option: -all; did you mean --all?" in ended.stderr


def test_a_failed_check_of_a_recording_is_replayed_without_an_address(project, loopback):
    """The line that repeats it goes nowhere; that of an error records again, and says where."""
    project.write("specs/a.yaml", LIVE.replace("equals: Hi", "equals: nothing"))
    loopback.says("Hello")
    ended = project.cli("record", "--base-url", loopback.base_url, OPENAI_API_KEY="sk-test")
    assert re.search(r"run just it: convrun run specs/a.yaml\n", ended.stdout), ended.stdout


def test_the_line_that_repeats_an_error_says_all_that_was_asked_for(project, loopback):
    """What is recorded, from where on and for how much; where a check failed it plays, without those."""
    project.write("specs/a.yaml", LIVE.replace("equals: Hi", "equals: nothing"))
    project.write("specs/b.yaml", LIVE.replace("equals: Hi", "contains: e"))
    keyed = {"OPENAI_API_KEY": "sk-test"}
    loopback.says("Hello")
    ended = project.cli("record", "--all", "--base-url", loopback.base_url, **keyed)
    assert "run just it: convrun run specs/a.yaml\n" in ended.stdout
    loopback.answers[:] = [Answer(status=400, body={"error": "no"})]
    address = f"--base-url {loopback.base_url}"
    for words, which in (("--from-turn 1", "b"), ("--max-cost 0.05 --all", "b"), ("--only failed", "a")):
        ended = project.cli("record", *words.split(), *address.split(), f"specs/{which}.yaml", **keyed)
        said = f"run just it: convrun record {address} {words} specs/{which}.yaml\n"
        assert said in ended.stdout, ended.stdout
