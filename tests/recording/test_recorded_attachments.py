"""Attachments that were recorded live, in the hands of convrun, vcrpy and pytest-recording."""

import base64
import json
import subprocess
import sys
from hashlib import sha256

import openai
import pytest
import vcr
from forking import SOURCES
from live_specs import echo, files
from servers import reply

from convrun.cassette import persister, serializer
from convrun.errors import CassetteError

PICTURE = b"\x89PNG\r\n\x1a\n" + b"\x00\x01" * 2_000
NAME = sha256(PICTURE).hexdigest()
URL = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"
MESSAGES = [
    {
        "role": "user",
        "content": [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": URL}}],
    }
]
SPEC = """
    model: {name: m, base_url: URL, max_retries: 0}
    turns:
      - user: What is it?
        attachments: [{path: picture.png}]
        expect: [{contains: tram}]
"""


def recorder(*, with_persister=True, **options):
    """Return vcrpy as a user of it has it, with our serializer."""
    made = vcr.VCR(serializer="convrun", match_on=["method", "path", "body"], **options)
    made.register_serializer("convrun", serializer)
    if with_persister:
        made.register_persister(persister)
    return made


def ask(base_url):
    """Send a picture through the openai SDK, and return what the model says."""
    with openai.OpenAI(api_key="none", base_url=base_url, max_retries=0) as client:
        return client.chat.completions.create(model="m", messages=MESSAGES).choices[0].message.content


@pytest.fixture
def pictured(project, loopback):
    """A project whose conversation shows a picture, recorded."""
    loopback.says(reply("A tram."))
    project.write("specs/a.yaml", SPEC.replace("URL", loopback.base_url))
    (project.root / "specs/picture.png").write_bytes(PICTURE)
    assert project.record().verdict == "passed"
    loopback.requests.clear()
    return project


def test_a_recorded_picture_lies_beside_its_cassette(pictured):
    """The file is the picture, a replay sends what was recorded, and without it the conversation is an error."""
    assert files(pictured.root / "cassettes").keys() == {"a.yaml", f"a.yaml.d/{NAME}"}
    picture = pictured.root / "cassettes/a.yaml.d" / NAME
    assert picture.read_bytes() == PICTURE
    assert pictured.one().verdict == "passed"
    picture.unlink()
    found = pictured.one()
    assert found.verdict == "error"
    assert found.error.message == f"interaction 1: attachment 'cassettes/a.yaml.d/{NAME}' is missing"


def test_vcrpy_plays_it_with_the_persister_and_names_it_without(pictured, loopback):
    """`use_cassette` needs the persister for such a file, and the error of the serializer alone says so."""
    path = str(pictured.root / "cassettes/a.yaml")
    before = files(pictured.root / "cassettes")
    with recorder(record_mode="none").use_cassette(path) as cassette:
        assert ask(loopback.base_url) == "A tram."
        assert cassette.all_played
    with (
        pytest.raises(CassetteError, match=r"interaction 1: its attachments lie beside the file") as caught,
        recorder(with_persister=False, record_mode="none").use_cassette(path),
    ):
        pass
    assert caught.value.fix == "register the persister, too: vcr.register_persister(convrun.cassette.persister)"
    assert loopback.requests == []
    assert files(pictured.root / "cassettes") == before


def test_vcrpy_records_pictures_beside_the_cassette(tmp_path, loopback):
    """With the persister vcrpy writes what convrun would; without it the picture stays in the text, and plays too."""
    loopback.says(reply("A tram."))
    for name, kept in (("beside", True), ("inside", False)):
        path = str(tmp_path / f"{name}.yaml")
        with recorder(with_persister=kept).use_cassette(path):
            assert ask(loopback.base_url) == "A tram."
        with recorder(with_persister=kept, record_mode="none").use_cassette(path):
            assert ask(loopback.base_url) == "A tram."
    assert files(tmp_path).keys() == {"beside.yaml", f"beside.yaml.d/{NAME}", "inside.yaml"}
    assert (tmp_path / "beside.yaml.d" / NAME).read_bytes() == PICTURE
    assert len(loopback.requests) == 2


def test_the_persister_leaves_other_cassettes_alone(tmp_path, loopback):
    """Cassettes of vcrpy's own serializers are read and written as they would be without it."""
    loopback.says(reply("A tram."))
    with recorder().use_cassette(str(tmp_path / "a.yaml"), serializer="yaml"):
        assert ask(loopback.base_url) == "A tram."
    with vcr.use_cassette(str(tmp_path / "a.yaml"), record_mode="none"):
        assert ask(loopback.base_url) == "A tram."
    with recorder().use_cassette(str(tmp_path / "a.yaml"), serializer="yaml", record_mode="none"):
        assert ask(loopback.base_url) == "A tram."
    assert files(tmp_path).keys() == {"a.yaml"}
    assert len(loopback.requests) == 1


def test_pytest_recording_records_and_plays_pictures(pictured, loopback):
    """Tests of pytest-recording need nothing but the serializer's name; several cassettes are played together."""
    loopback.answers.clear()
    loopback.says(echo)
    pictured.write(
        "test_theirs.py",
        f"""
        import openai
        import pytest

        CONTENT = {json.dumps(MESSAGES[0]["content"])}

        def ask(content):
            with openai.OpenAI(api_key="none", base_url={loopback.base_url!r}, max_retries=0) as client:
                messages = [{{"role": "user", "content": content}}]
                return client.chat.completions.create(model="m", messages=messages).choices[0].message.content

        @pytest.fixture(scope="module")
        def vcr_config():
            return {{"serializer": "convrun", "path_transformer": str, "match_on": ["method", "path", "body"]}}

        @pytest.mark.vcr(record_mode="once")
        @pytest.mark.default_cassette("theirs.yaml")
        def test_recorded():
            assert ask("Hello") == "Hello"

        @pytest.mark.vcr({str(pictured.root / "cassettes/a.yaml")!r}, record_mode="none")
        @pytest.mark.default_cassette("theirs.yaml")
        def test_played():
            assert ask(CONTENT) == "A tram."
            assert ask("Hello") == "Hello"
        """,
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "test_theirs.py"]
    ended = subprocess.run(
        command, cwd=pictured.root, env=pictured.environment(), capture_output=True, encoding="utf-8", check=False
    )
    assert "2 passed" in ended.stdout, ended.stdout
    assert len(loopback.requests) == 1


def test_an_imported_picture_lies_beside_its_cassette(pictured):
    """What `convrun import` writes has the picture beside its cassette as well, and passes at once."""
    done = pictured.cli("import", "cassettes/a.yaml", "--specs", "specs/imported", "--force")
    assert done.returncode == 0, done.stderr
    assert (pictured.root / "cassettes/imported/a.yaml.d" / NAME).read_bytes() == PICTURE
    assert pictured.one("specs/imported").verdict == "passed"


def test_revisions_are_read_without_the_pictures_beside_them(pictured):
    """`show` and `diff` of what git has name a picture by size and digest, which the cassette says."""

    def git(*words):
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false", *words]
        done = subprocess.run(command, cwd=pictured.root, capture_output=True, encoding="utf-8", check=True)
        return done.stdout

    attributes = SOURCES / "convrun/scaffold/project/dot-gitattributes"
    pictured.write(".gitattributes", attributes.read_text("utf-8"))
    git("init", "-q")
    git("add", "--all")
    git("commit", "-qm", "one")
    said = git("check-attr", "diff", "merge", "text", "--", f"cassettes/a.yaml.d/{NAME}", "cassettes/a.yaml")
    assert [line.rpartition(" ")[2] for line in said.splitlines()] == ["unset"] * 3 + ["convrun", "binary", "set"]
    other = b"another" * 1_000
    (pictured.root / "specs/picture.png").write_bytes(other)
    pictured.record()
    assert files(pictured.root / "cassettes").keys() == {"a.yaml", f"a.yaml.d/{sha256(other).hexdigest()}"}
    shown = pictured.cli("show", "HEAD:cassettes/a.yaml")
    assert f"attachment: image/png, 4,008 bytes, sha256 {NAME[:8]}" in shown.stdout
    diff = pictured.cli("diff", "HEAD")
    assert diff.returncode == 0, diff.stderr
    assert NAME[:8] in diff.stdout
    assert sha256(other).hexdigest()[:8] in diff.stdout
    assert pictured.one().verdict == "passed"
