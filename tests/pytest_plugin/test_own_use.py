"""Our own use of the plugin: conversations with a cassette beside this file."""

from __future__ import annotations

import os

import pytest
from plugin import INSTALLED

from convrun import expect

if not INSTALLED:
    outdated = "installed before the plugin was there: make test installs it anew"
    pytest.fail(outdated, pytrace=False) if os.environ.get("CI") else pytest.skip(outdated, allow_module_level=True)


def books(author: str) -> list[str]:
    """Return the titles by an author."""
    return {"Italo Calvino": ["Invisible Cities"]}.get(author, [])


LINES = [
    {"call": "books", "with": {"author": "Italo Calvino"}},
    {"reply": "We have Invisible Cities."},
    {"reply": "Italo Calvino wrote it."},
]


@pytest.mark.convrun(script=LINES, system="You are a librarian. Be brief.", tools=[books])
def test_a_librarian_looks_before_it_speaks(conversation):
    """The recorded librarian finds the book with its tool, and remembers it in the next turn."""
    chain = conversation.chain("What do you have by Italo Calvino?")
    expect(
        chain, [{"called": {"tool": "books", "with": {"author": "Italo Calvino"}}}, {"contains": "Invisible Cities"}]
    )
    assert "Calvino" in conversation.prompt("Who wrote it?").text()
