"""`convrun cassette audit`: secrets in what is committed."""

import json
import shutil
from base64 import b64encode
from pathlib import Path

import pytest
from planted import escaped, in_base64, in_pieces, planted
from servers import chunk, event_stream

ROOT = Path(__file__).parents[2]
SECRETS = planted(100, seed=11)
_BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
_CLEAN = (
    "The task-force's disk-usage (risk-averse, sk-...) is at 50% of ghp_, `export OPENAI_API_KEY=sk-your-key-here`",
    "sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "call_Zb3qXJ0Kq2Vt9yN1mL7rTfWc chatcmpl-A1b2C3d4E5f6G7h8I9j0K1l2M3n4o toolu_01A09q90qw90lq917835lq9",
    "6fa459ea-ee8a-3ca4-894e-db77e160355e resp_68af4030592c81938ec0a5fbab4a3e9f05438e46b5f69a3b",
    "<github-token> <OPENAI_API_KEY> Bearer <token> https://user:password@example.com/?key=<secret>&token=abc",
    "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx AKIAIOSFODNN7EXAMPLE Basic understanding of Bearer authentication",
    "class='sk-spinner sk-spinner-double-bounce-long' Basic YmFzaWMgd29yZHM= http://host:8080/path@1.2 1.2.3-rc.1",
    "data:image/png;base64," + b64encode((ROOT / "specs" / "_postcard.png").read_bytes()).decode(),
)


def _stock(number, secret):
    """An interaction as vcrpy writes it, with a secret in one of ten places."""
    request = {
        "body": json.dumps(_BODY),
        "headers": {},
        "method": "POST",
        "uri": "https://api.openai.com/v1/chat/completions",
    }
    said, sort = f"it is {secret} now", number % 10
    response = {"status": {"code": 200, "message": "OK"}, "headers": {}, "body": {"string": "{}"}}
    if sort == 0:
        request["headers"] = {"X-Key": [secret]}
    elif sort == 1:
        request["uri"] += f"?key={secret}".replace("\n", "")
    elif sort == 2:
        request["body"] = json.dumps({**_BODY, "user": said})
    elif sort == 3:
        messages = [*_BODY["messages"], {"role": "tool", "tool_call_id": "c", "content": json.dumps({"got": secret})}]
        request["body"] = json.dumps({**_BODY, "messages": messages})
    elif sort == 4:
        pieces = [chunk(content=piece) for piece in in_pieces(secret)]
        response["body"] = {"string": event_stream(*pieces).decode()}
    elif sort == 5:
        response["body"] = {"string": json.dumps({"said": in_base64(number // 10, secret)})}
    elif sort == 6:
        response["body"] = {"string": json.dumps({"said": escaped(number // 10, secret)})}
    elif sort == 7:
        response |= {"status": {"code": 400, "message": "no"}, "body": {"string": json.dumps({"error": said})}}
    elif sort == 8:
        response["headers"] = {"Location": [f"https://ann:{secret}@example.com/".replace("\n", "")]}
    else:
        request["body"] = json.dumps({**_BODY, secret: 1})
    return {"request": request, "response": response}


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_a_hundred_secrets_planted_by_hand_are_found(project, form):
    """In ten kinds of place of a recording, each is named by file, kind and interaction, and none is shown."""
    import yaml

    value = {"interactions": [_stock(*pair) for pair in enumerate(secret for _, secret in SECRETS)], "version": 1}
    text = json.dumps(value, indent=1) if form == "json" else yaml.safe_dump(value, sort_keys=False)
    project.write(f"cassettes/all.{form}", text)
    ended = project.cli("cassette", "audit")
    lines = [line for line in ended.stdout.splitlines() if line.startswith("cassettes/")]
    assert ended.returncode == 1
    assert "100 secrets in 1 of 1 file" in ended.stdout, ended.stdout
    assert not [secret for _, secret in SECRETS if secret[:12] in ended.stdout]
    if form == "yaml":
        told = {int(line.split("interaction ")[1].split(":")[0]) for line in lines}
        assert told == {*range(1, 101)}


def test_what_is_no_secret_raises_no_alarm(project):
    """Prose, digests, ids of calls, examples, images and what stands for secrets are none."""
    project.write("cassettes/a.yaml", "\n".join(_CLEAN))
    ended = project.cli("cassette", "audit")
    assert (ended.returncode, ended.stdout) == (0, "no secret in 1 file\n")


def test_our_own_files_raise_no_alarm(project):
    """Examples, what `init` lays, and documentation hold no secret."""
    for name in ("cassettes", "specs", "convrun/scaffold", "docs"):
        shutil.copytree(ROOT / name, project.root / "all" / name, ignore=shutil.ignore_patterns("*.pyc"))
    ended = project.cli("cassette", "audit", "all")
    assert (ended.returncode, ended.stdout.startswith("no secret in ")) == (0, True), ended.stdout


def test_a_secret_is_found_wherever_it_is_committed(project):
    """In a damaged cassette, an attachment, a partial recording, a case file that is named, and as a key of `.env`."""
    (_, one), (_, two), (_, three), (_, four) = planted(4, seed=7)
    project.write(".env", "MISTRAL_API_KEY=plainwords1234567890abcdef\n")
    project.write("cassettes/cut.yaml", f"version: convrun/1\ninteractions:\n- request:\n    system: {one}\n  resp")
    project.write("cassettes/a.yaml.d/0123", f"\0{two}\0")
    project.write(
        "cassettes/a.yaml.partial", "{}\n" + json.dumps({"interaction": {"request": {"system": three}}}) + "\n"
    )
    project.write("cassettes/b.yaml", "interactions:\n- request:\n    said: plainwords1234567890abcdef\n")
    project.write("specs/_cases.csv", f"id,key\na,{four}\n")
    ended = project.cli("cassette", "audit", "cassettes", "specs/_cases.csv")
    assert ended.stdout.splitlines()[:6] == [
        f"cassettes/a.yaml.partial:2: interaction 1: a key of OpenRouter, {three[:4]}…",
        "cassettes/b.yaml:3: interaction 1: the value of MISTRAL_API_KEY, plai…",
        f"cassettes/cut.yaml:4: interaction 1: a key of OpenAI, {one[:4]}…",
        f"cassettes/a.yaml.d/0123:1: a key of Anthropic, {two[:4]}…",
        f"specs/_cases.csv:2: a key, {four[:4]}…",
        "5 secrets in 5 of 5 files",
    ]
    assert "rotate it" in ended.stdout
    assert (ended.returncode, ended.stderr) == (1, "")


def test_a_secret_is_found_in_a_name(project):
    """A file that is named by one, a folder too: it is said where, and without the secret."""
    (_, one), *_ = planted(1, seed=7)
    project.write(f"cassettes/a/{one}.yaml", "x")
    project.write(f"cassettes/{one}/b.yaml", "x")
    ended = project.cli("cassette", "audit")
    assert ended.stdout.splitlines()[:2] == [
        f"cassettes/a/<openai-key>.yaml: in its name a key of OpenAI, {one[:4]}…",
        f"cassettes/<openai-key>/b.yaml: in its name a key of OpenAI, {one[:4]}…",
    ]
    assert (ended.returncode, one in ended.stdout + ended.stderr) == (1, False)


def test_nothing_is_imported_and_a_wrong_path_is_said(project):
    """A spec's code is not run; what does not exist is exit 2."""
    project.write("boom.py", "raise SystemExit(9)")
    project.write("specs/a.yaml", "model: echo\ntools: [boom:x]\nturns: [{user: hi}]\n")
    assert project.cli("cassette", "audit", "specs", "boom.py").returncode == 0
    assert project.cli("cassette", "audit").stdout == "no secret in 0 files\n"
    ended = project.cli("cassette", "audit", "spec")
    assert ended.returncode == 2
    assert "'spec' does not exist" in ended.stderr


def test_what_mends_a_recording_names_its_conversation(project):
    """Not everything is recorded anew: only whose cassette it is; what is nobody's is named, too."""
    rows = "cases: [{id: a, word: plainwords1234567890abcdef}, {id: b, word: clean}]"
    project.write("specs/one.yaml", f"model: echo\n{rows}\nturns: [{{user: 'Hi {{{{ word }}}}'}}]\n")
    project.run(record="all")
    shutil.copy(project.root / "cassettes/one/a.yaml", project.root / "cassettes/gone.yaml")
    project.write("notes/key.txt", "plainwords1234567890abcdef")
    project.write(".env", "MISTRAL_API_KEY=plainwords1234567890abcdef\n")
    lines = project.cli("cassette", "audit", "cassettes", "notes").stdout.splitlines()
    assert lines[-3:] == [
        "  a secret that was committed is known: rotate it where it was issued",
        "  record anew, which leaves it out: convrun record --all specs/one.yaml::a",
        "  no spec here records these: mend them by hand, or where they were made: cassettes/gone.yaml, notes/key.txt",
    ]
