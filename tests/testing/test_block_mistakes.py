"""Mistakes in the use of `convrun.testing.cassette`: told as such, with the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

import convrun
from convrun import CassetteError, ConversationError
from convrun.testing import cassette

RECORD_MODES = ("none", "once", "new_episodes", "all")


def echo(text="Hi"):
    """Say a text to the model that repeats it."""
    return convrun.get_model("echo").prompt(text).text()


def test_a_text_to_ignore_is_no_list_of_them(folder):
    """The text is not taken for a list of its letters."""
    with pytest.raises(CassetteError) as caught, cassette("echo.yaml", "once", ignore="/messages/0/content"):
        echo()
    assert str(caught.value) == (
        "echo.yaml: 'ignore' is the text '/messages/0/content', not a list (ignore=['/messages/0/content'])"
    )
    assert not Path("echo.yaml").exists()


@pytest.mark.parametrize("record", RECORD_MODES)
@pytest.mark.parametrize("name", ["n" * 300, "a\0b.yaml", "\ud800.yaml"], ids=["too long", "NUL", "no Unicode"])
def test_a_name_that_no_file_can_have_is_an_error(folder, name, record):
    """It is told before the block begins, whatever the mode."""
    with pytest.raises(CassetteError, match="there cannot be such a file: "), cassette(name, record):
        pytest.fail("the block began")
    assert [*folder.iterdir()] == []


@pytest.mark.parametrize("record", RECORD_MODES)
def test_a_folder_that_is_a_file_is_an_error(folder, record):
    """Nothing can lie within a file."""
    Path("file").write_text("")
    with pytest.raises(CassetteError, match=r"^file/echo\.yaml: "), cassette("file/echo.yaml", record):
        echo()


def test_a_block_is_entered_once(folder):
    """A second time, behind the first or within it, is an error that says what to do; the block goes on."""
    block = cassette("echo.yaml", "once")
    with block as opened:
        with pytest.raises(ConversationError, match="was entered before"), block:
            pytest.fail("the block began")
        assert echo() == "Hi"
    assert opened.live_calls == 1
    with pytest.raises(ConversationError, match=r"call cassette\(…\) again"), block:
        pytest.fail("the block began")
    with cassette("echo.yaml"):
        assert echo() == "Hi"


def test_a_decorated_function_can_call_itself(folder):
    """Each call has a block of its own, and the function keeps its name, arguments and result."""
    with cassette("echo.yaml", "once"):
        echo("Hi")

    @cassette("echo.yaml")
    def asked(times: int, *, text: str) -> int:
        """Ask so often."""
        echo(text)
        return times if times == 1 else 1 + asked(times - 1, text=text)

    assert asked.__name__ == "asked"
    assert asked(3, text="Hi") == 3
