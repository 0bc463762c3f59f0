"""Which files a spec, a link or a settings file can bring into a run, and where a recording can be written."""

from __future__ import annotations

import os

import pytest

ECHO = "model: echo\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n"
SECRET = "aws_secret: [TOPSECRET\n"
PRIVATE = [".env", ".env.local", ".ENV", ".envrc", ".git/config", ".netrc", ".npmrc", ".pypirc"]


@pytest.fixture
def outside(tmp_path_factory):
    """A folder that is not the project's, with a secret in it."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "a.yaml").write_text(SECRET, "utf-8")
    (folder / "a.png").write_text(SECRET, "utf-8")
    return folder


def attached(path):
    """A spec with an attachment."""
    return f"model: echo\nturns: [{{user: Hi, attachments: [{{path: '{path}', type: image/png}}]}}]\n"


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../secret.png", "link.png", "folder/a.png", "/proc/self/environ", "/dev/zero"]
)
def test_an_attachment_stays_below_the_root(project, outside, path):
    """No path, absolute, upwards or through a link, attaches a file from outside; found before anything runs."""
    project.write("specs/a.yaml", attached(path))
    (project.root / "specs/link.png").symlink_to(outside / "a.png")
    (project.root / "specs/folder").symlink_to(outside)
    (mistake,) = project.mistakes()
    assert f"{path!r} is outside of the project" in mistake


@pytest.mark.parametrize("path", ["{{ '../' * 9 }}etc/passwd", "{{ 'link' }}.png"])
def test_a_rendered_path_stays_below_the_root(project, outside, path):
    """The same holds for a path that a template makes."""
    project.write("specs/a.yaml", attached(path.replace("'", "''")))
    (project.root / "specs/link.png").symlink_to(outside / "a.png")
    result = project.one()
    assert (result.verdict, result.error.type) == ("error", "AttachmentError")
    assert result.error.message.endswith("is outside of the project")


@pytest.mark.parametrize(
    "path", ["circle.png", "{{ ''circle.png'' }}", "{{ ''a'' * 5000 }}", '{{ "a\\0b" }}', "a" * 5000]
)
def test_a_path_that_leads_nowhere_is_an_error(project, path):
    """A circle of links, a name that is too long or none is said as any mistake."""
    project.write("specs/a.yaml", attached(path))
    (project.root / "specs/circle.png").symlink_to("circle.png")
    run = project.cli("run")
    assert run.returncode in (2, 4)
    told = ("outside of the project", "cannot be read", "leads back to itself")
    assert any(words in run.stdout + run.stderr for words in told)


def test_an_attachment_is_a_file(project):
    """A pipe, which may never end, is refused."""
    project.write("specs/a.yaml", attached("pipe.png"))
    os.mkfifo(project.root / "specs/pipe.png")
    (mistake,) = project.mistakes()
    assert "no regular file" in mistake


@pytest.mark.parametrize("name", PRIVATE)
def test_files_with_keys_are_not_attached(project, name):
    """What usually holds keys and tokens is refused, though it lies below the root."""
    project.write(name, "TOPSECRET")
    project.write("specs/a.yaml", attached(f"../{name}"))
    (mistake,) = project.mistakes()
    assert f"{name!r} is not for specs" in mistake


def test_files_with_keys_are_not_attached_through_a_link(project):
    """What a link leads to counts, not its name; a template's path is judged when it is known."""
    project.write(".env", "TOPSECRET")
    (project.root / "specs").mkdir()
    (project.root / "specs/a.png").symlink_to("../.env")
    project.write("specs/a.yaml", attached("{{ ''a'' }}.png"))
    assert project.one().error.message == "'.env' is not for specs"


@pytest.mark.parametrize("name", PRIVATE)
@pytest.mark.parametrize("key", ["system: {file: ../NAME}", "extends: [../NAME]", "cases: {file: ../NAME}"])
def test_files_with_keys_are_not_read(project, name, key):
    """Neither a text, nor a base, nor cases come from such a file, and nothing of it is shown."""
    project.write(name, "TOPSECRET=[\n")
    project.write("specs/a.yaml", f"{ECHO}{key.replace('NAME', name)}\n")
    mistakes = "\n".join(project.mistakes())
    assert f"{name!r} is not for specs" in mistakes
    assert "TOPSECRET" not in mistakes


@pytest.mark.parametrize("link", ["specs/a.yaml", "specs"])
def test_a_spec_from_outside_is_not_read(project, outside, link):
    """A link brings no spec into the project, and no line of the file behind it into an error."""
    (project.root / link).parent.mkdir(exist_ok=True)
    (project.root / link).symlink_to(outside / "a.yaml" if link.endswith("yaml") else outside)
    (mistake,) = project.mistakes()
    assert mistake.startswith("specs/a.yaml: a link that leads out of the project")


@pytest.mark.parametrize("round_about", ["a.yaml", "_b.yaml"])
def test_a_link_to_itself_is_told_as_what_it_is(project, round_about):
    """A spec that is a circle of links leads nowhere, and not out of the project: also where it is named."""
    (project.root / "specs").mkdir(exist_ok=True)
    (project.root / "specs/a.yaml").symlink_to(round_about)
    if round_about != "a.yaml":
        (project.root / "specs" / round_about).symlink_to("a.yaml")
    for arguments in ((), ("specs/a.yaml",)):
        told = project.cli("validate", *arguments)
        assert told.returncode == 2
        assert "a link that leads back to itself" in told.stdout + told.stderr
        assert "put the file in its place" in told.stdout + told.stderr


def test_a_file_from_outside_is_not_read(project, outside):
    """`{file: …}` follows no link out of the project."""
    project.write("specs/a.yaml", f"{ECHO}system: {{file: link.md}}\n")
    (project.root / "specs/link.md").symlink_to(outside / "a.yaml")
    (mistake,) = project.mistakes()
    assert "'link.md' is outside of the project" in mistake


@pytest.mark.parametrize("mode", ["none", "once", "new_episodes", "all"])
@pytest.mark.parametrize("link", ["cassettes", "cassettes/deep", "cassettes/deep/a.yaml"])
def test_a_cassette_from_outside_is_neither_read_nor_written(project, outside, link, mode):
    """A link in a cassette's path that leads out of the project is an error, and what is there stays unseen."""
    (outside / "deep").mkdir()
    (outside / "deep/a.yaml").write_text(SECRET, "utf-8")
    project.write("specs/deep/a.yaml", ECHO)
    (project.root / link).parent.mkdir(parents=True, exist_ok=True)
    (project.root / link).symlink_to(outside / "a.yaml" if link.endswith("yaml") else outside)
    run = project.cli("run", "--record", mode)
    assert run.returncode == 4
    assert "cassettes/deep/a.yaml: a link that leads out of the project" in run.stdout
    assert "TOPSECRET" not in run.stdout + run.stderr
    assert (outside / "a.yaml").read_text("utf-8") == (outside / "deep/a.yaml").read_text("utf-8") == SECRET


def test_cassettes_may_lie_elsewhere_by_the_users_own_word(project, outside):
    """A folder that is named outside of the specs may be anywhere."""
    project.write("specs/b.yaml", ECHO)
    assert project.one(cassettes=str(outside), record="all").verdict == "passed"
    assert (outside / "b.yaml").is_file()


@pytest.mark.parametrize(
    "case", ["../../a", "/etc/a", "a/../../b", "..", "C:\\a", "CON", "a\x00b", "a\n::error::b", "."]
)
def test_an_id_makes_no_path_of_its_own(project, case):
    """Whatever a case is called, its cassette lies below the cassettes folder."""
    quoted = case.replace("\\", "\\\\").replace("\x00", "\\0").replace("\n", "\\n")
    project.write("specs/a.yaml", f'{ECHO}cases: [{{id: "{quoted}"}}]\n')
    result = project.record()
    file = (project.root / result.cassette).resolve()
    assert file.parent == (project.root / "cassettes/a").resolve()
    assert file.name.isprintable()


@pytest.mark.parametrize("mode", ["none", "all"])
def test_a_spec_is_not_written_over_by_its_cassette(project, mode):
    """Where the folder for cassettes would make one file of both, nothing runs, and the spec stays."""
    text = "model: {script: [{reply: a}]}\nturns: [{user: Hi, expect: [{equals: a}]}]\n"
    project.write("convrun.toml", "cassettes = '.'")
    spec = project.write("other/a.yaml", text)
    ended = project.cli("run", "other/a.yaml", "--record", mode)
    assert (ended.returncode, spec.read_text("utf-8")) == (2, text)
    assert "the cassette of 'other/a.yaml' would be the spec 'other/a.yaml' itself" in ended.stderr
