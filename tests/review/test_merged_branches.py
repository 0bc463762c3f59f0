"""Two branches that both recorded a conversation again, merged by git: one of the two recordings, or an error."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from itertools import product

import pytest
from forking import SOURCES
from review_recordings import ask, completion, interaction, said

from cassettes import save
from convrun.cassette.files import load
from convrun.cassette.interaction import Recording
from convrun.errors import CassetteError

BASE = ("one", "two", "three", "four", "five")
PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{'AAAB' * 500}"}}
ATTRIBUTES = (SOURCES / "convrun/scaffold/project/dot-gitattributes").read_text("utf-8")
HUNK = re.compile(r"<{7} [^\n]*\n(.*?)={7}\n(.*?)>{7} [^\n]*\n", re.DOTALL)
CHANGES = {
    "the first and the last reply": (("ONE", *BASE[1:]), (*BASE[:4], "FIVE")),
    "the same reply": (("ONE", *BASE[1:]), ("uno", *BASE[1:])),
    "a turn more, and another reply": ((*BASE, "six"), (*BASE[:2], "THREE", *BASE[3:])),
    "a turn less, and another reply": (BASE[:4], ("ONE", *BASE[1:])),
    "several of each": (("ONE", "two", "THREE", "four", "FIVE"), ("one", "TWO", "THREE!", "FOUR", "five")),
}


def recorded(replies, ms=10):
    """A conversation with these replies; what they hang on is a part of the requests behind them."""
    messages, found = [], []
    for number, text in enumerate(replies, start=1):
        content = [PICTURE] if text == "FIVE" else f"Number {number}?"
        messages = [*messages, said("user", content)]
        made = interaction(ask(*messages), completion(f"{text}\n\nThat is what it is called here."))
        found.append(replace(made, elapsed_ms=ms + number, cost_usd=ms / 10_000))
        messages = [*messages, said("assistant", f"{text}\n\nThat is what it is called here.")]
    return Recording(interactions=tuple(found), file="a.yaml")


@pytest.fixture
def merged(tmp_path, git):
    """Call it with two recordings and words for `git merge`: the cassette after the merge of their branches."""

    def merge(ours, theirs, *words, attributes=""):
        path = tmp_path / "cassettes/a.yaml"
        git.begin(tmp_path)
        (tmp_path / ".gitattributes").write_text(attributes, "utf-8")
        for branch, recording in (("main", recorded(BASE)), ("theirs", theirs), ("ours", ours)):
            if branch != "main":
                git(tmp_path, "checkout", "--quiet", "-b", branch, "main")
            save(path, recording)
            git.commit(tmp_path, branch)
        command = ["git", "-C", str(tmp_path), "merge", "--quiet", "--no-edit", *words, "theirs"]
        subprocess.run(command, capture_output=True, check=False)
        return path

    return merge


def outcome(path, *sides):
    """What is read: which of the sides it is, or `mix` where an error says so and what to do."""
    try:
        found = load(path, "a.yaml").interactions
    except CassetteError as error:
        if "conflict marker" in error.what:
            assert "take one side of the file as it was" in error.fix
            return "conflict"
        assert "a mix of two recordings: take one side of the file as it was, or record" in error.fix
        return "mix"
    assert found in [side.interactions for side in sides]
    return [side.interactions for side in sides].index(found)


@pytest.mark.parametrize("change", CHANGES)
def test_a_merge_is_one_side_or_an_error(merged, git, change):
    """A default merge ends in markers; taking a side is that side; any choice of hunks is one of them, or a mix."""
    ours, theirs = recorded(CHANGES[change][0], ms=100), recorded(CHANGES[change][1], ms=200)
    path = merged(ours, theirs)
    text = path.read_text("utf-8")
    assert outcome(path, ours, theirs) == "conflict"
    seen = set()
    for choice in product(range(3), repeat=len(HUNK.findall(text))):
        resolved = iter(choice)
        chosen = HUNK.sub(lambda found: _resolved(found, next(resolved)), text)  # noqa: B023  # called at once
        path.write_text(chosen, "utf-8", newline="\n")
        seen.add(outcome(path, ours, theirs))
    assert "mix" in seen
    for side, expected in (("--ours", 0), ("--theirs", 1)):
        git(path.parent, "checkout", side, "--", "a.yaml")
        git(path.parent, "checkout", "ours" if expected == 0 else "theirs", "--", ".")
        assert outcome(path, ours, theirs) == expected


def _resolved(found, choice):
    """A hunk resolved to one side, to the other, or to both."""
    return (found[1], found[2], found[1] + found[2])[choice]


@pytest.mark.parametrize("change", list(CHANGES)[::2])
@pytest.mark.parametrize("words", [("-X", "ours"), ("-X", "theirs"), ("union",)], ids=" ".join)
def test_a_merge_that_asks_nobody_is_one_side_or_an_error(merged, change, words):
    """`-X ours`, `-X theirs` and `merge=union` take what they can of both: that is one side, or an error."""
    ours, theirs = recorded(CHANGES[change][0], ms=100), recorded(CHANGES[change][1], ms=200)
    union = words == ("union",)
    path = merged(ours, theirs, *(() if union else words), attributes="*.yaml merge=union\n" if union else "")
    assert outcome(path, ours, theirs) in ("mix", 0, 1)
    if change in ("the first and the last reply", "several of each"):
        assert outcome(path, ours, theirs) == "mix"


@pytest.mark.parametrize("change", list(CHANGES)[1::3])
def test_with_the_attributes_of_init_a_cassette_is_merged_whole(merged, change):
    """What `convrun init` writes leaves our side in its place, as a conflict, and `-X theirs` takes theirs whole."""
    ours, theirs = recorded(CHANGES[change][0], ms=100), recorded(CHANGES[change][1], ms=200)
    path = merged(ours, theirs, attributes=ATTRIBUTES)
    assert outcome(path, ours, theirs) == 0
    status = subprocess.run(["git", "-C", str(path.parent), "status", "--short"], capture_output=True, check=False)
    assert b"UU" in status.stdout


def test_one_branch_alone_is_merged_as_it_is(merged):
    """Where only one branch recorded anew, a merge is its recording, also with the attributes of init."""
    theirs = recorded(CHANGES["several of each"][1])
    assert outcome(merged(recorded(BASE), theirs, attributes=ATTRIBUTES), theirs) == 0
