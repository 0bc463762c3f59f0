"""What names an account: no header and no id of the list reaches a cassette, a report, a message or the console."""

from __future__ import annotations

import json

import pytest
from servers import Answer, chunk, event_stream, reply
from trapping import SSE, Fails, Scripted, Trap, asked, failure, plain, recorded, rows, stored, stream

from convrun.cassette.files import load
from convrun.cassette.interaction import Recording
from convrun.cassette.kept.received import received
from convrun.cassette.stored.format import read
from convrun.cassette.stored.writing import write
from convrun.errors import AuthenticationError, BadRequestError, ModelNotFoundError, ProviderError, RateLimitError
from convrun.redaction import ANSWERED_HEADERS, SENT_HEADERS, Redactor

HEADERS = "Headers: authorization"
BODIES = "Bodies: `user_id`"

KEY = "sk-proj-Ab12Cd34Ef56Gh78Ij90"
MASKED = "sk-proj-********************Ij90"
ORG, GROQ_ORG, PROJECT = "org-Ab12Cd34Ef56Gh78Ij90Kl12", "org_01h8xyzab12cd34ef56gh78ij9", "proj_Ab12Cd34Ef56Gh78Ij90"
USER, SAFE = "user_2aBcDeFgHiJkLmNoPqRsTuVwXyZ", "user-Zz99Yy88Xx77Ww66Vv55Uu44"
SECRETS = (KEY, MASKED, "Ij90", ORG, GROQ_ORG, PROJECT, USER, SAFE)

NAMES = {
    "authorization": f"Bearer {KEY}",
    "openai-organization": "acme-inc",
    "openai-project": PROJECT,
    "set-cookie": "__cf_bm=acme-cookie; path=/; HttpOnly",
    "x-request-id": "req_acme",
    "cf-ray": "acme-ray",
    "traceparent": "00-acme-01",
    "apim-request-id": "acme-apim",
    "mistral-correlation-id": "acme-mistral",
    "x-databricks-org-id": "acme-databricks",
    "x-ratelimit-limit-requests": "acme-requests",
    "x-ratelimit-limit-tokens": "acme-tokens",
    "x-groq-region": "acme-region",
    "x-of-tomorrow": "acme-new",
}


def error(message, **beside):
    """The body of an error."""
    return json.dumps({"error": {"message": message, "code": None}, **beside}).encode()


ECHOED = f"Incorrect API key provided: {KEY}. You can find your API key at https://example.com/keys."
MASKING = f"Incorrect API key provided: {MASKED}. You can find your API key at https://example.com/keys."
LIMIT = "Rate limit reached for m in organization {} on tokens per min. Limit: 30000."
TOLD = [
    Trap(
        line=BODIES,
        case="user_id beside an error",
        bodies=(error("No endpoints found", user_id=USER),),
        status=404,
        means=Fails(kind=ModelNotFoundError, status=404, told="No endpoints found"),
    ),
    Trap(
        line=BODIES,
        case="user_id in the words of another",
        bodies=(
            json.dumps(
                {"error": {"message": "Provider returned error", "metadata": {"raw": f'{{"user_id":"{USER}"}}'}}}
            ).encode(),
        ),
        status=400,
        means=Fails(kind=BadRequestError, status=400, told='Provider returned error: {"user_id":"<user>"}'),
    ),
    Trap(
        line=BODIES,
        case="key echoed",
        bodies=(error(ECHOED),),
        status=401,
        means=Fails(kind=AuthenticationError, status=401, told=ECHOED.replace(KEY, "<A_KEY>")),
    ),
    Trap(
        line=BODIES,
        case="key masked",
        bodies=(error(MASKING),),
        status=401,
        means=Fails(kind=AuthenticationError, status=401, told=MASKING.replace(MASKED, "<key>")),
    ),
    Trap(
        line=BODIES,
        case="key echoed in plain words",
        bodies=(f"no such key: {KEY}".encode(),),
        status=401,
        means=Fails(kind=AuthenticationError, status=401, told="no such key: <A_KEY>"),
    ),
    Trap(
        line=BODIES,
        case="safety_identifier",
        bodies=(error("Blocked", safety_identifier=SAFE),),
        status=400,
        means=Fails(kind=BadRequestError, status=400, told="Blocked"),
    ),
    *(
        Trap(
            line=BODIES,
            case=f"{case} in a 429",
            bodies=(error(LIMIT.format(named)), LIMIT.format(named).encode()),
            status=429,
            means=Fails(kind=RateLimitError, status=429, told=LIMIT.format(placeholder), retryable=True),
        )
        for case, named, placeholder in (
            ("organization", ORG, "<organization>"),
            ("organization of Groq", f"`{GROQ_ORG}`", "`<organization>`"),
            ("project", PROJECT, "<project>"),
        )
    ),
    Trap(
        line=BODIES,
        case="organization in a stream",
        bodies=(
            event_stream(chunk(content="Hi."), {"error": {"message": LIMIT.format(ORG), "code": 429}, "user_id": USER}),
        ),
        means=Fails(kind=RateLimitError, status=429, told=LIMIT.format("<organization>"), retryable=True, after="Hi."),
    ),
]


def none_of(secrets, *texts):
    """No secret stands in any of the texts."""
    assert [(secret, text) for text in texts for secret in secrets if secret in text] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_header_of_the_list_is_not_in_a_cassette(name):
    """Of what comes along with a reply, and of what goes along with a request, only an allow-list is stored."""
    assert name not in ANSWERED_HEADERS | SENT_HEADERS
    redactor = Redactor()
    assert redactor.answered_headers({name.title(): NAMES[name], "Content-Type": "a/b"}) == {"content-type": "a/b"}
    assert redactor.sent_headers({name.title(): NAMES[name]}) == {name: f"<{name}>"}
    for status, body in ((200, plain({"content": "Hi."})), (429, error("Slow")), (500, b"<html>")):
        reply = received(status, {name: NAMES[name]}, body, redactor)
        assert NAMES[name] not in repr(reply)


@pytest.mark.parametrize("name", NAMES)
def test_a_header_of_a_recording_of_others_is_dropped(name):
    """A stock cassette that holds such a header is read without it, and written anew without it."""
    headers = {name: [NAMES[name]]}
    request = {"method": "POST", "uri": "https://h/v1/chat/completions", "body": '{"messages": []}', "headers": headers}
    body = plain({"content": "Hi."}).decode()
    response = {"status": {"code": 200}, "headers": headers, "body": {"string": body}}
    text = json.dumps({"version": 1, "interactions": [{"request": request, "response": response}]})
    recording = read(text, "a.yaml")
    none_of([NAMES[name]], repr(recording), write(recording))


@pytest.mark.parametrize(("trap", "body"), rows(TOLD))
def test_an_error_does_not_name_the_account(trap, body, tmp_path):
    """Neither the stored error nor the message of the one that is raised from it has the key or an id."""
    player = stored(tmp_path / "a.yaml", trap, body, Redactor({"A_KEY": KEY}))
    text, found = failure(player)
    assert (text, found.provider_message, found.status) == (trap.means.after, trap.means.told, trap.means.status)
    none_of(SECRETS, (tmp_path / "a.yaml").read_text("utf-8"), repr(player.recording), "\n".join(found.lines()))


@pytest.mark.parametrize(("trap", "body"), rows([trap for trap in TOLD if "echoed" not in trap.case]))
def test_a_live_error_does_not_name_the_account(trap, body):
    """The message is the one that replay gives; the key in use is taken out where the call is made."""
    _, found = failure(Scripted((trap.status, {}, [body])))
    assert found.provider_message == trap.means.told
    none_of(SECRETS, "\n".join(found.lines()))


@pytest.mark.parametrize(
    "body",
    [
        plain({"content": f"Ask {ORG}."}, safety_identifier=SAFE, user_id=USER),
        stream({"content": f"Ask {ORG}."}, safety_identifier=SAFE, user_id=USER),
    ],
    ids=["plain", "stream"],
)
def test_ids_beside_a_reply_are_dropped_and_words_stay(body, tmp_path):
    """What stands beside a reply is not stored; what the model says is, so that it plays as it was recorded."""
    trap = Trap(line=BODIES, case="beside a reply", bodies=(body,), means=Fails(kind=ProviderError))
    first, player = recorded(tmp_path / "a.yaml", trap, body)
    text, again = asked(player)
    assert text == again.message.text == first.message.text == f"Ask {ORG}."
    none_of([SAFE, USER], (tmp_path / "a.yaml").read_text("utf-8"))


def test_the_ids_in_events_of_responses_are_dropped():
    """The Responses API repeats the whole reply in its events, ids included."""
    whole = {"id": "resp_1", "status": "failed", "safety_identifier": SAFE, "error": {"message": LIMIT.format(ORG)}}
    events = event_stream(
        {"type": "response.created", "response": whole}, {"type": "response.failed", "response": whole}
    )
    for body in (events, json.dumps(whole).encode()):
        kept = received(200, {}, body, Redactor())
        none_of(SECRETS, repr(kept))
        assert "<organization>" in repr(kept)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("trap", "body"), rows(TOLD))
def test_a_process_does_not_name_the_account(trap, body, stream, project, loopback):
    """Console, report and files of a recording that fails hold neither key, ids nor headers."""
    headers = {**NAMES, **(SSE if b"data:" in body[:5] else {}), "x-echo": KEY}
    spec = {
        "model": {"name": "m", "base_url": loopback.base_url, "max_retries": 0, "stream": stream},
        "turns": [{"user": "Hi", "expect": [{"equals": "Hi."}]}],
    }
    project.write("specs/a.yaml", json.dumps(spec))
    loopback.says(Answer(status=trap.status, headers=headers, body=body))
    command = ["record", "-vv", "--base-url", loopback.base_url, "--report", "json=out/result.json"]
    ended = project.cli(*command, OPENAI_API_KEY=KEY)
    assert ended.returncode == 4, ended.stderr
    assert (
        trap.means.told.replace("<A_KEY>", "<OPENAI_API_KEY>")
        in json.loads((project.root / "out" / "result.json").read_text("utf-8"))["conversations"][0]["error"]["message"]
    )
    written = [path.read_text("utf-8") for path in project.root.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    none_of([*SECRETS, "acme"], ended.stdout, ended.stderr, *written)


def test_a_recording_of_an_account_plays_without_it(project, loopback):
    """A conversation whose replies came with headers and ids is recorded without them, and plays all the same."""
    loopback.says(
        Answer(headers=NAMES, body=reply("Hi.", user_id=USER, safety_identifier=SAFE)),
        Answer(headers={**NAMES, **SSE}, body=stream({"content": f"Your key: {KEY[:9]}"}, {"content": KEY[9:]})),
    )
    spec = {
        "model": {"name": "m", "base_url": loopback.base_url},
        "turns": [{"user": "Hi", "expect": [{"equals": "Hi."}]}, {"user": f"{KEY}?", "expect": [{"contains": "key"}]}],
    }
    project.write("specs/a.yaml", json.dumps(spec))
    found = project.record(environ={"OPENAI_API_KEY": KEY}, base_url=loopback.base_url)
    assert (found.verdict, found.live_calls) == ("passed", 2)
    none_of([KEY, USER, SAFE, "acme"], (project.root / found.cassette).read_text("utf-8"))
    again = project.one(environ={"OPENAI_API_KEY": KEY}, base_url=loopback.base_url)
    assert (again.verdict, again.live_calls) == ("passed", 0)
    recording = load(project.root / found.cassette, "a.yaml")
    assert isinstance(recording, Recording)
    assert len(recording.interactions) == 2
