"""Secrets: headers by an allow-list, key values by placeholders."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode, encodebytes
from urllib.parse import quote, quote_plus, unquote, unquote_plus

import pytest
from planted import escaped, found_in, in_base64, in_pieces, planted

from convrun.cassette.kept.split_secrets import without_split_secrets
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


@pytest.mark.parametrize(("kind", "secret"), planted(46, seed=3), ids=range(46))
def test_a_known_shape_becomes_its_kind(kind, secret):
    """Whatever its value, alone, in a sentence, in base64 at any place, escaped or in an address; once is enough."""
    redactor = Redactor().thorough
    assert redactor.text(secret) == f"<{kind}>"
    assert redactor.text(f"key={secret}, and") == f"key=<{kind}>, and"
    texts = [in_base64(number, secret) for number in range(6)] + [escaped(number, secret) for number in range(3)]
    for text in [*texts, json.dumps(json.dumps({"a": [secret]})), f"a/{texts[0]}"]:
        clean = redactor.text(text)
        assert not found_in(clean, [secret])
        assert redactor.text(clean) == clean
        assert clean != text
    assert redactor.value({secret: [secret, {"a": secret}]}) == {f"<{kind}>": [f"<{kind}>", {"a": f"<{kind}>"}]}


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("postgres://ann:s3cr3t-x@db/x", "postgres://ann:<password>@db/x"),
        ("https://a.example/x?page=2&api_key=0a1b2c3d4e5f6g7h#top", "https://a.example/x?page=2&api_key=<secret>#top"),
        ("/blob?se=2030&sig=aB3%2Fde%3D0123456789", "/blob?se=2030&sig=<secret>"),
        ("Authorization: Bearer 0a1b2c3d", "Authorization: Bearer <token>"),
        ("curl -H 'Authorization: Basic YW5uOnBhc3M='", "curl -H 'Authorization: Basic <credentials>'"),
        ("hooks.slack.com/services/T01/B02/a1B2c3D4e5F6g7H8", "hooks.slack.com/services/<slack-hook>"),
        ("aws_secret_access_key = " + "aB3/" * 10, "aws_secret_access_key = <aws-secret>"),
        ("AccountKey=" + "aB3/" * 21 + "ab==;", "AccountKey=<azure-key>;"),
    ],
)
def test_a_secret_is_known_by_what_stands_beside_it(text, clean):
    """Passwords and signatures in addresses, and what an authorization header sends."""
    assert Redactor().thorough.text(text) == clean


def test_the_values_of_variables_are_found_encoded():
    """A value without any shape in base64, in an address, escaped, and in what was learned late."""
    redactor = Redactor({"A_KEY": "tiger-lily-99"})
    for lead in ("", "x", "xy"):
        assert b64decode(redactor.thorough.text(b64encode(f"{lead}tiger-lily-99".encode()).decode())) == (
            f"{lead}<A_KEY>".encode()
        )
    assert redactor.thorough.text("tiger%2Dlily%2d99 \\u0074iger-lily-99") == "<A_KEY> <A_KEY>"
    assert not redactor.thorough.found_in(["lily of the valley"])
    redactor.learn({"B_KEY": "lily of the valley"})
    assert redactor.thorough.found_in(["lily of the valley"])


def _lines(text):
    return encodebytes(text.encode()).decode()


def _read(said):
    return b64decode(said).decode()


def _twice(text, **how):
    return json.dumps(json.dumps(text, **how))


def _from_twice(said):
    return json.loads(json.loads(said))


SPELLINGS = {
    "in lines": (_lines, _read),
    "with blanks": (lambda text: _lines(text).replace("\n", " "), _read),
    "escaped lines": (lambda text: json.dumps(_lines(text)), lambda said: _read(json.loads(said))),
    "in base64": (lambda text: b64encode(text.encode()).decode(), _read),
    "in an address": (quote, unquote),
    "lower-case": (lambda text: re.sub("%..", lambda found: found[0].lower(), quote(text)), unquote),
    "in a form": (quote_plus, unquote_plus),
    "in JSON": (json.dumps, json.loads),
    "in JSON in JSON": (_twice, _from_twice),
    "half escaped": (lambda text: _twice(text, ensure_ascii=False), _from_twice),
    "JSON in base64": (
        lambda text: b64encode(json.dumps(text).encode()).decode(),
        lambda said: json.loads(_read(said)),
    ),
}
VALUES = ("tiger-lily-in-the-long-grass-of-1907", "p\u00e4ss w\u00f6rt \U0001f511", 'ti"ger\\lily \\" 9', "a b c d e")


@pytest.mark.parametrize("kind", SPELLINGS)
@pytest.mark.parametrize("value", VALUES, ids=range(4))
def test_values_are_found_however_they_are_spelled(kind, value):
    """Wrapped base64, UTF-8 in base64 and in addresses, forms, JSON in JSON: there is the placeholder instead."""
    encoded, decoded = SPELLINGS[kind]
    thorough = Redactor({"A_KEY": value}).thorough
    for lead in ("", "before, ", "some text before " * 5):
        clean = thorough.text(encoded(f"{lead}{value}, and behind"))
        assert decoded(clean) == f"{lead}<A_KEY>, and behind"
        assert thorough.text(clean) == clean


def test_wrapped_base64_becomes_that_of_the_clean_text():
    """Of a secret that goes over lines nothing is left; words beside each other stay words."""
    thorough = Redactor({"A_KEY": "tiger-lily-99"}).thorough
    for lead in range(70):
        data = b"x" * lead + b"tiger-lily-99 " * 2 + b"y" * 60
        clean = thorough.text(encodebytes(data).decode())
        assert b64decode(clean) == data.replace(b"tiger-lily-99", b"<A_KEY>"), lead
    words = [b64encode(b"a tiger-lily-99").decode(), b64encode(b"another tiger-lily-99").decode()]
    assert thorough.text(" ".join(words)).count(" ") == 1


def test_a_secret_far_within_base64_is_found_at_each_alignment():
    """Also in a run of more than twenty thousand characters, and beside one at another alignment."""
    thorough = Redactor({"A_KEY": "tiger-lily-99"}).thorough
    one = b64encode(b"x" * 30_001 + b"tiger-lily-99" + b"y" * 9).decode().rstrip("=")
    for lead in ("", "a", "ab", "abc"):
        clean = thorough.text(f"{lead}{one}")
        assert b"tiger" not in b64decode(clean[len(lead) :] + "===")


def test_many_backslashes_are_read_once():
    """A secret behind a long row of them is found; looked at anew from each, such a row would take minutes."""
    row = "\\" * 200_000
    assert Redactor().thorough.text(f"{row}u0067hp_{'a1B2' * 9}").endswith("<github-token>")
    assert Redactor().thorough.text(row) == row


def test_patterns_of_the_settings_are_secrets():
    """One becomes `<redacted>`, or the name of its group, which alone is replaced."""
    redactor = Redactor(patterns=["EMP-[0-9]{6}", "badge (?P<badge>B[0-9]{4})"]).thorough
    assert redactor.text("EMP-123456 has badge B0042") == "<redacted> has badge <badge>"
    assert redactor.found_in(["badge B0042"])


def test_a_secret_is_replaced_in_an_attachment():
    """The base64 stays base64: of the same file without the secret."""
    (_, secret), *_ = planted(1)
    data = bytes(range(256)) * 300 + secret.encode() + bytes(range(256)) * 300
    clean = Redactor().thorough.text(f"data:image/png;base64,{b64encode(data).decode()}")
    assert b64decode(clean.partition(",")[2]) == data.replace(secret.encode(), b"<openai-key>")


def test_what_a_secret_spreads_over_is_looked_at_as_one_text():
    """Also in a stream of several choices, of which a cassette keeps every chunk, and beside other text."""
    (_, secret), *_ = planted(1)
    pieces = [*in_pieces(f"it is {secret}, yes")]
    chunks = [
        {"choices": [{"index": index, "delta": {"content": piece if index else "so"}}]}
        for piece in pieces
        for index in (0, 1)
    ]
    clean = without_split_secrets(tuple(chunks), Redactor().thorough)
    said = [one["choices"][0]["delta"]["content"] for one in clean]
    assert "".join(said[1::2]) == "it is <openai-key>, yes"
    assert set(said[::2]) == {"so"}
    assert said[1] == "it "
    assert without_split_secrets(clean, Redactor().thorough) is clean
