"""Secrets: headers by an allow-list, key values by placeholders."""

from __future__ import annotations

import json

from convrun.redaction import Redactor

KEY = 'sk-"quoted"\\key'


def test_key_values_become_their_names():
    """A key is replaced wherever it stands, in texts, keys, bytes and inside JSON text; the longest first."""
    redactor = Redactor({"A_KEY": KEY, "LONGER_KEY": KEY + "-more"})
    assert redactor.text(f"x {KEY} y {KEY}-more") == "x <A_KEY> y <LONGER_KEY>"
    assert redactor.text(json.dumps({"key": KEY})) == '{"key": "<A_KEY>"}'
    assert redactor.value({KEY: [KEY, 1, None]}) == {"<A_KEY>": ["<A_KEY>", 1, None]}
    assert redactor.data(b"\xff" + KEY.encode()) == b"\xff<A_KEY>"


def test_what_holds_no_key_is_handed_back():
    """A value without a key is the same object again, and without secrets nothing is looked at."""
    value = {"messages": [{"content": "hello"}]}
    assert Redactor({"A_KEY": KEY}).value(value) is value
    assert Redactor().value(value) is value
    assert not Redactor({"A_KEY": "", "B_KEY": "short"})


def test_headers_are_kept_by_an_allow_list():
    """Of the user's own headers the names stay, and the values of the harmless ones; of a reply's only two."""
    redactor = Redactor({"A_KEY": KEY})
    sent = {"X-Title": f"app {KEY}", "Authorization": "Bearer x", "X-Org": "acme"}
    kept = {"authorization": "<authorization>", "x-org": "<x-org>", "x-title": "app <A_KEY>"}
    assert redactor.sent_headers(sent) == kept
    assert redactor.answered_headers({"Retry-After": "2", "Set-Cookie": "c", "CF-Ray": "r"}) == {"retry-after": "2"}
