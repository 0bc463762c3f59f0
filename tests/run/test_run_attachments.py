"""Attachments of specs: what cannot be sent is a mistake with its place, or the turn's error; and their limit."""

from __future__ import annotations

import base64
import json

import pytest

PNG = b"\x89PNG\r\n\x1a\n" + bytes(992)
DATA = base64.b64encode(PNG).decode()
ONE = "model: echo\nturns:\n  - user: Look\n    attachments:\n      - {ATTACHED}\n    expect: [{equals: Look}]\n"
CODE = """
    import convrun

    def look() -> convrun.ToolOutput:
        content = b"\\x89PNG\\r\\n\\x1a\\n" + bytes(992)
        return convrun.ToolOutput("seen", attachments=[convrun.Attachment(content=content)])
"""


@pytest.fixture
def pictured(project):
    """A project with a picture of 1,000 bytes."""
    project.write("specs/map.png", "")
    (project.root / "specs/map.png").write_bytes(PNG)
    return project


@pytest.mark.parametrize(
    ("attached", "what", "fix"),
    [
        ("path: empty.png", "attachment 'empty.png' is empty", "attach what has something in it"),
        ("path: notes", "the type of attachment 'notes' is not known", "say it, as type image/jpeg"),
        ("url: 'https://example.com/a'", "the type of attachment 'https://example.com/a' is not", "say it, as type"),
        ("path: loop.png", "'loop.png' is a link that leads back to itself", "give the path of the file itself"),
        ("url: map.png", "'map.png' is no URL", "a URL begins with https:// or data:; of a file give the path"),
        ("url: 'file:///etc/passwd'", "'file:///etc/passwd' is no URL", "of a file give the path"),
        ("url: 'https://[::1/a.png'", "'https://[::1/a.png' is no URL", "a URL begins with https:// or data:"),
        (
            "path: 'https://example.com/a.png'",
            "no file 'https://example.com/a.png' to attach",
            "an address stands at `url:`",
        ),
        ("url: 'data:image/png;base64,a'", "'data:image/png;base64,a' has no valid base64", "data:TYPE;base64,BYTES"),
        ("path: map.png, type: png", "'png' is no media type", "write one as image/png"),
    ],
)
def test_what_cannot_be_sent_is_found_before_anything_runs(pictured, attached, what, fix):
    """One mistake, at the attachment's line, with what mends it; the command ends with 2."""
    pictured.write("specs/empty.png", "")
    pictured.write("specs/notes", "hello")
    (pictured.root / "specs/loop.png").symlink_to("loop.png")
    pictured.write("specs/a.yaml", ONE.replace("ATTACHED", attached))
    (mistake,) = pictured.mistakes()
    assert mistake.startswith("specs/a.yaml:5:")
    assert what in mistake
    assert fix in mistake


@pytest.mark.parametrize("attached", ["path: map.png", f"url: 'data:image/png;base64,{DATA}'"])
def test_one_that_is_too_large_is_found_before_anything_runs(pictured, attached):
    """Its bytes are counted, the limit is that of the settings, and the command ends with 2 and says where."""
    pictured.write("specs/a.yaml", ONE.replace("ATTACHED", attached))
    pictured.write("convrun.toml", "max_attachment = '999B'")
    (mistake,) = pictured.mistakes()
    assert mistake.startswith("specs/a.yaml:5:9: attachment ")
    assert mistake.endswith(
        "has 1,000 bytes, more than the 999 of max_attachment (make it smaller, or raise max_attachment)"
    )
    assert pictured.one(environ={"CONVRUN_MAX_ATTACHMENT": "1kB"}).verdict == "passed"


def test_the_command_says_it_once_with_the_place(pictured):
    """`convrun run` and `convrun validate` end with 2 and the excerpt; 20 MB are the limit where none is set."""
    pictured.write("specs/a.yaml", ONE.replace("ATTACHED", "path: film.png"))
    with (pictured.root / "specs/film.png").open("wb") as file:
        file.write(PNG)
        file.truncate(20_000_001)
    for command in ("run", "validate"):
        ended = pictured.cli(command)
        assert ended.returncode == 2
        assert ended.stderr.splitlines()[:4] == [
            "specs/a.yaml:5:9: attachment 'film.png' has 20,000,001 bytes, more than the 20,000,000 of max_attachment",
            "    5 |       - {path: film.png}",
            "      |         ^^^^^^^^^^^^^^^^",
            "  make it smaller, or raise max_attachment",
        ]
    (pictured.root / "specs/film.png").write_bytes(PNG)
    assert pictured.cli("run").returncode == 0


@pytest.mark.parametrize("attached", ["path: '{{ name }}.png'", "url: 'data:image/png;base64,{{ data }}'"])
def test_what_a_template_makes_is_the_turns_error(pictured, attached):
    """A path or URL that is known only when the turn is played ends that turn, at its place, with nothing sent."""
    pictured.write("specs/a.yaml", ONE.replace("ATTACHED", attached) + f"vars: {{name: map, data: {DATA}}}\n")
    assert pictured.one().verdict == "passed"
    found = pictured.one(environ={"CONVRUN_MAX_ATTACHMENT": "999"})
    assert (found.verdict, found.model_calls, found.error.type) == ("error", 0, "AttachmentError")
    assert "has 1,000 bytes, more than the 999 of max_attachment" in found.error.message
    assert found.error.where.line == 5


def test_a_tools_attachment_has_the_same_limit(project):
    """What a tool hands over beyond the limit is its error, which the model is told; the chain goes on."""
    project.write("pictures.py", CODE)
    project.write(
        "specs/a.yaml",
        """
        model: {script: [{call: look}, {reply: Well.}]}
        tools: ['pictures:look']
        turns: [{user: Look, expect: [{equals: Well.}, {called: {tool: look, error: more than the 999 of}}]}]
        """,
    )
    found = project.one(environ={"CONVRUN_MAX_ATTACHMENT": "999"})
    assert found.verdict == "passed", found
    assert project.one().verdict == "failed"


def test_a_picture_goes_out_as_what_it_is(pictured, loopback):
    """A JPEG that is called .png is sent, recorded and replayed as a JPEG."""
    (pictured.root / "specs/map.png").write_bytes(b"\xff\xd8\xff\xe0" + bytes(40))
    loopback.says("A map.")
    spec = ONE.replace("ATTACHED", "path: map.png").replace("equals: Look", "equals: A map.")
    pictured.write("specs/a.yaml", spec.replace("echo", f"{{name: m, base_url: {loopback.base_url}}}"))
    pictured.record()
    (sent,) = loopback.requests
    assert sent.body["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/jpeg;base64,")
    assert "data:image/jpeg" in json.dumps((pictured.root / "cassettes/a.yaml").read_text("utf-8"))
    assert pictured.one().verdict == "passed"
    assert len(loopback.requests) == 1


def test_documents_and_sounds_lie_beside_the_cassette(project, loopback):
    """A PDF and a sound are sent, kept as they are beside the cassette, and replayed; an edited one makes it stale."""
    pdf, wav = b"%PDF-1.4\n".ljust(2_000, b"%"), b"RIFF\xe8\x07\0\0WAVEfmt ".ljust(2_024, b"\1")
    project.write("specs/bill.pdf", "")
    (project.root / "specs/bill.pdf").write_bytes(pdf)
    (project.root / "specs/bark.wav").write_bytes(wav)
    loopback.says("Well.")
    attached = "path: bill.pdf}\n      - {path: bark.wav"
    spec = ONE.replace("ATTACHED", attached).replace("equals: Look", "equals: Well.")
    project.write("specs/a.yaml", spec.replace("echo", f"{{name: m, base_url: {loopback.base_url}}}"))
    project.record()
    document, sound = loopback.requests[0].body["messages"][0]["content"][1:]
    assert document["file"]["filename"] == "bill.pdf"
    assert base64.b64decode(sound["input_audio"]["data"]) == wav
    beside = {file.read_bytes() for file in (project.root / "cassettes/a.yaml.d").iterdir()}
    assert beside == {pdf, wav}
    assert project.one().verdict == "passed"
    (project.root / "specs/bark.wav").write_bytes(wav + b"\2")
    assert project.one().verdict == "stale"
