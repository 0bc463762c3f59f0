"""The console's text, for results built by hand; `tests/report/golden` holds the whole of it."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from goldens import goldens
from report_samples import FAILED, FIRST, MISSING, PASSED, PROMPT, RUN, SECOND, SKIPPED, STALE, UNCHECKED, run

from convrun.report.console import FULL, NORMAL, QUIET, VERBOSE, closing, conversation_line, details, summary
from convrun.report.markdown import to_markdown
from convrun.report.stop_token import StopToken
from convrun.report.style import ansi
from convrun.results import NOT_BEGUN, CheckResult, Finding, ToolCallResult
from convrun.source import Where

golden = goldens(__file__)


@pytest.mark.parametrize(
    ("name", "verbosity"), [("quiet", QUIET), ("normal", NORMAL), ("verbose", VERBOSE), ("full", FULL)]
)
def test_the_whole_text_is_the_golden_one(name, verbosity):
    """Each verbosity says exactly what its golden file holds."""
    lines = [conversation_line(conversation, width=27) for conversation in RUN.conversations]
    text = "\n".join([*lines, closing(RUN, verbosity=verbosity)]) + "\n"
    assert text == golden(f"{name}.txt", text)


def test_wide_letters_take_two_columns():
    """Ids of any script are padded to the same column."""
    lines = [conversation_line(replace(PASSED, id=name), width=6) for name in ("京都", "paris")]
    assert [line.partition("  ")[2].split("turn")[0] for line in lines] == ["   京都    1 ", "   paris   1 "]


def test_nothing_is_said_about_what_passed():
    """Without -v a passed conversation has its line and no more."""
    assert details(PASSED) == ""
    assert closing(run(PASSED)) == summary(run(PASSED))


def test_a_reply_that_is_not_whole_is_seen():
    """With -v a turn says why its reply ended, where that is not as replies end; a provider's word is a quotation."""
    cut_off = (replace(SECOND, finish_reason="length"), replace(SECOND, finish_reason="a\nb"), SECOND)
    text = details(replace(PASSED, turns=cut_off), verbosity=VERBOSE)
    assert [line for line in text.splitlines() if "finish_reason" in line] == [
        "    finish_reason: 'length'",
        "    finish_reason: 'a b'",
    ]


def test_a_failure_shows_its_turn_its_place_and_how_to_see_it_again():
    """Place, excerpt with caret, expected, actual, reason, reply and the quoted command are all there."""
    text = details(FAILED, command="convrun run")
    assert "specs/crumpet.yaml:12:9: matches: the pattern is not found" in text
    assert "12 |       - matches: '^(YES|NO)$'\n        |         ^^^^^^^" in text
    assert "expected: '^(YES|NO)$'" in text
    assert "because: 'the next program reads one word'" in text
    assert "convrun run 'specs/crumpet.yaml::rome & co'" in text
    assert "lookup_population" not in text, "the other turn has nothing to do with it"


def test_a_model_cannot_write_to_the_terminal():
    """Control characters of a reply, a tool and a name are made visible."""
    call = ToolCallResult(id="1", name="wipe", arguments={"a": "\x1b[2J"}, result="\x1b]0;title\x07")
    turn = replace(SECOND, reply="\x1b[31mred [bold]\r\u202e", tool_calls=(call,))
    text = details(replace(FAILED, turns=(turn,)), verbosity=FULL)
    assert "\x1b" not in text
    assert "\r" not in text
    assert "\\x1b[31mred [bold]\\x0d\\u202e" in text
    assert "\x1b" not in conversation_line(replace(SKIPPED, reason="\x1b[2J"))


def test_a_reply_cannot_pass_for_a_line_of_ours():
    """Every line of a text of several lines stands behind a gutter."""
    turn = replace(SECOND, reply="well\n::error::forged\n1 conversation: 1 passed")
    lines = details(replace(FAILED, turns=(turn,))).splitlines()
    assert "    | ::error::forged" in lines
    assert not any(line.lstrip().startswith("::") for line in lines)


def test_github_takes_no_commands_from_a_conversation():
    """With a token all that was said stands between stop-commands and its end; the counts stand behind it."""
    token = StopToken(word="t0ken")
    lines = closing(run(FAILED, exit_code=1), stop_token=token).splitlines()
    assert lines[0] == "::stop-commands::t0ken"
    assert lines[-2] == "::t0ken::"
    assert lines[-1].startswith("1 conversation: 1 failed")
    assert closing(run(PASSED), stop_token=token).splitlines() == ["::t0ken::", summary(run(PASSED))]
    assert closing(run(PASSED)) == summary(run(PASSED))


def test_a_token_is_made_on_github_only():
    """There each is another one; elsewhere it has no word and changes no text."""
    words = {StopToken.made({"GITHUB_ACTIONS": "true"}).word for _ in range(10)}
    assert len(words) == 10
    assert all(re.fullmatch(r"\w{32,}", word or "") for word in words)
    elsewhere = StopToken.made({"CI": "true"})
    assert (elsewhere.word, elsewhere.begin, elsewhere.end) == (None, "", "")
    assert (elsewhere.around("said"), elsewhere.around("")) == ("said", "")


def test_only_what_passed_is_green():
    """Unchecked, skipped, stale and missing have other colours than passed, in their line and in the summary."""
    style, green = ansi(), "\x1b[32m"
    assert green in conversation_line(PASSED, style=style)
    assert green in summary(run(PASSED), style=style)
    for conversation in (UNCHECKED, SKIPPED, STALE, MISSING, FAILED):
        assert green not in conversation_line(conversation, style=style)
        assert green not in summary(run(PASSED, conversation), style=style)
    assert green not in details(STALE, verbosity=VERBOSE, style=style), "a check behind a stale request counts nowhere"


def test_a_run_that_fails_for_its_findings_alone_says_so():
    """The last line, which would be green for its verdicts, gives the reason for the exit code and is red."""
    found = replace(PASSED, findings=(Finding(kind="unplayed", message="two interactions were not asked for"),))
    said = summary(run(found, exit_code=1), style=ansi())
    assert "; the run is strict and fails, as there is a finding" in said
    assert "\x1b[32m" not in said
    assert "strict" not in summary(run(found))
    assert "strict" not in summary(run(found, FAILED, exit_code=1)), "a failed check is reason enough"


def test_live_calls_that_failed_are_accounted_for():
    """They are no model calls of a turn, but they were made; so are those of checks, which did not fail."""
    assert "2 model calls (2 live) in" in summary(run(replace(PASSED, live_calls=2)))
    assert "2 model calls (3 live, with those that failed) in" in summary(run(replace(PASSED, live_calls=3)))
    asked = replace(PASSED, live_calls=5, check_calls=3)
    assert "2 model calls and 3 of checks (5 live) in" in summary(run(asked))
    assert "2 model calls and 3 of checks (6 live, with those that failed) in" in summary(
        run(replace(asked, live_calls=6))
    )
    assert "0 model calls (1 live call failed) in" in summary(run(replace(PASSED, model_calls=0, live_calls=1)))


def test_what_was_not_run_is_counted():
    """An interrupted run says of how many it tells; what was passed over for others is not among the skipped."""
    interrupted = replace(run(PASSED, interrupted=True), planned=12)
    assert summary(interrupted).startswith("interrupted: 1 of 12 conversations: 1 passed; ")
    nothing = replace(run(interrupted=True, exit_code=130), planned=12)
    assert summary(nothing) == "interrupted: nothing of 12 conversations was finished"
    passed_over = replace(SKIPPED, reason=NOT_BEGUN + "the first that did not pass (-x)")
    stopped = replace(run(FAILED, SKIPPED, passed_over, passed_over, exit_code=1), planned=4)
    assert summary(stopped).startswith("4 conversations: 1 failed, 1 skipped, 2 not begun; ")
    assert "## convrun: 1 failed, 1 skipped, 2 not begun\n" in to_markdown(stopped)


def test_a_check_behind_a_stale_request_is_labelled():
    """What does not count says so."""
    text = details(STALE, verbosity=VERBOSE)
    assert "failed contains: does not hold (info: behind a stale request, counts nowhere)" in text
    assert "passed equals 'Hello' (info: behind a stale request, counts nowhere)" in text


def test_conversations_stale_for_one_change_are_one_block():
    """The change is shown once, with every conversation it concerns; another change has a block of its own."""
    other = replace(
        STALE, id="specs/old.yaml::c", stale=replace(STALE.stale, changes=(replace(PROMPT, now="Else", hint="a hint"),))
    )
    text = closing(run(STALE, replace(STALE, id="specs/old.yaml::b"), other, exit_code=3))
    assert text.count("STALE system prompt") == 2
    assert text.count("+ Answer with only YES or NO.") == 1
    assert "    a hint" in text
    assert "breaks: turn 2, call 1: city is no longer a parameter" in text
    assert "record again: convrun record -D city=Rome --cassettes DIR specs/old.yaml::a specs/old.yaml::b\n" in text


def test_many_missing_recordings_are_one_command():
    """More than three conversations are recorded by their specs, more than three specs all together."""
    few = [replace(MISSING, id=f"specs/new.yaml::{number}") for number in range(5)]
    assert "record: convrun record specs/new.yaml\n" in closing(plain_run(*few))
    many = [replace(MISSING, id=f"specs/{number}.yaml", spec=f"specs/{number}.yaml") for number in range(5)]
    assert "record: convrun record\n" in closing(plain_run(*many))


def plain_run(*conversations):
    """A run without options."""
    return replace(run(*conversations, exit_code=3), command="convrun run")


@pytest.mark.parametrize(
    ("command", "recording"),
    [
        ("convrun run -m gpt-5", "convrun record -m gpt-5 specs/new.yaml"),
        ("convrun run --cassettes 'my tapes' --record once", "convrun record --cassettes 'my tapes' specs/new.yaml"),
        ("convrun run -D city=Rome", "convrun record -D city=Rome --cassettes DIR specs/new.yaml"),
    ],
)
def test_what_is_missing_is_recorded_as_it_was_run(command, recording):
    """The command that records has the options of the run; with -D it has a folder of its own to name."""
    missing = replace(MISSING, id="specs/new.yaml")
    assert f"record: {recording}\n" in closing(replace(run(missing, exit_code=3), command=command))


def test_a_traceback_is_for_those_who_ask():
    """The traceback of an error and of a crashed check appears with -vv only."""
    crash = CheckResult(kind="python", verdict="error", message="KeyError: 'x'", details="Traceback\n  deep inside")
    conversation = replace(PASSED, verdict="error", turns=(replace(FIRST, verdict="error", checks=(crash,)),))
    assert "deep inside" not in details(conversation, verbosity=VERBOSE)
    assert "  | Traceback" in details(conversation, verbosity=FULL)
    assert "python: KeyError: 'x'" in details(conversation)


def test_long_texts_are_cut_and_counted():
    """A long reply is cut in the middle, saying how much is missing; -vv shows all of it."""
    turn = replace(SECOND, reply="a" * 5000, checks=(replace(SECOND.checks[0], actual="b\n" * 500),))
    conversation = replace(FAILED, turns=(turn,))
    text = details(conversation)
    assert "4400 characters more, -vv shows them" in text
    assert "481 lines more, -vv shows them" in text or "482 lines more, -vv shows them" in text
    assert len(text) < 3000
    assert "a" * 5000 in details(conversation, verbosity=FULL)


def test_whole_texts_are_compared_line_by_line():
    """Where `equals` compares texts of several lines, the failure is their diff."""
    check = CheckResult(kind="equals", verdict="failed", expected="one\ntwo\nthree", actual="one\n2\nthree")
    text = details(replace(FAILED, turns=(replace(SECOND, checks=(check,)),)))
    assert "      - two\n      + 2\n" in text


def test_checks_of_the_conversation_fail_under_its_name():
    """A failing check of the whole conversation is shown without a turn."""
    check = CheckResult(kind="calls", verdict="failed", message="no call", where=Where(file="specs/a.yaml", line=3))
    text = details(replace(PASSED, verdict="failed", checks=(check,)))
    assert text.startswith("FAILED specs/crumpet.yaml::paris\n  specs/a.yaml:3: calls: no call\n")


def test_findings_that_make_a_run_fail_are_never_silent():
    """With -q findings are left out, unless they are why the run failed."""
    finding = Finding(kind="unplayed", message="2 interactions", where=Where(file="cassettes/a.yaml", line=9))
    result = replace(run(PASSED), findings=(finding,))
    assert "FINDING unplayed: 2 interactions\n  cassettes/a.yaml:9\n" in closing(result)
    assert "FINDING" not in closing(result, verbosity=QUIET)
    assert "FINDING" in closing(replace(result, exit_code=1), verbosity=QUIET)


def test_the_closing_line_counts():
    """The counts, the time and an interruption stand in the last line."""
    assert summary(run(PASSED)) == ("1 conversation: 1 passed; 1 turn, 1 check, 2 model calls (0 live) in 500 ms")
    assert summary(run(PASSED, interrupted=True)).startswith("interrupted: 1 conversation")
    assert summary(run(exit_code=5)) == "nothing to run"
    assert summary(run()) == "nothing to run in this shard"


def test_a_plain_report_loads_neither_rich_nor_difflib():
    """What passed is told without the packages that colours and diffs need."""
    code = (
        "import sys; sys.path.insert(0, 'tests/report'); from report_samples import PASSED, run;"
        "from convrun.report.console import closing, conversation_line; from convrun.report.json_result import to_json;"
        "closing(run(PASSED)); conversation_line(PASSED); to_json(run(PASSED));"
        "print({'rich', 'difflib', 'pydantic', 'typer'} & set(sys.modules))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout == "set()\n"


def test_values_are_not_said_twice():
    """A short message that names expected and actual stands alone; -vv shows both all the same."""
    check = CheckResult(kind="equals", verdict="failed", expected="a", actual=1, message="expected 'a', got 1")
    conversation = replace(FAILED, turns=(replace(SECOND, checks=(check,)),))
    assert "actual:" not in details(conversation)
    assert "actual:   1" in details(conversation, verbosity=FULL)
