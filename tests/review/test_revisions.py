"""`convrun diff` of revisions: every recording that differs, judged by the specs of its time."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from goldens import goldens
from review_projects import BYE, CASSETTE, HELLO, NAME, SCRIPT
from review_recordings import completion, conversation, interaction, keep, said
from servers import reply

golden = goldens(__file__)


@pytest.fixture
def repository(desk, git):
    """The project, committed once."""
    git.begin(desk.root)
    git.commit(desk.root, "first")
    return desk


def heads(out):
    """The lines that name conversations."""
    return re.findall(r"^(?:CHANGED|NEW|REMOVED|SAME|UNREADABLE) .*", out, re.MULTILINE)


def test_a_recording_is_compared_with_what_was_committed(repository, convrun):
    """HEAD and a file, a file alone, nothing at all, and a revision alone say the same of the working tree."""
    assert convrun(repository.root, "diff") == (0, "no recording differs\n", "")
    repository.record(*SCRIPT[:3], "Bye.")
    code, out, err = convrun(repository.root, "diff")
    assert (code, err) == (0, "")
    assert "      - You are welcome.\n      + Bye.\n" in out
    assert f"  HEAD:{CASSETTE} -> {CASSETTE}\n" in out
    for words in ([f"HEAD:{CASSETTE}", CASSETTE], [CASSETTE], ["HEAD", CASSETTE], ["HEAD"], ["HEAD.."]):
        assert convrun(repository.root, "diff", *words) == (0, out, "")


def test_a_recording_of_a_revision_is_shown(repository, convrun):
    """`convrun show REV:FILE` prints what was committed, with its name above."""
    _, before, _ = convrun(repository.root, "show", CASSETTE)
    repository.record(*SCRIPT[:3], "Bye.")
    assert convrun(repository.root, "show", f"HEAD:{CASSETTE}") == (0, f"HEAD:{CASSETTE}\n{before}", "")
    assert convrun(repository.root, "show", "HEAD:nothing.yaml")[0] == 2


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("HEAD:../../x", "there is no file '../../x' at HEAD\n  a path begins here, or at the top"),
        ("HEAD:/nowhere/x", "there is no file '/nowhere/x' at HEAD\n  a path begins here, or at the top"),
        ("HEAD:specs/a.yaml::x", "no conversation of a spec\n  name its file, as HEAD:cassettes/a/one.yaml"),
        (
            "HEAD:specs/desk.yaml",
            "is a spec, no recording\n  name its recording, as HEAD:cassettes/desk.yaml; of cases",
        ),
        ("HEAD::", "'HEAD::' does not exist\n  give two files, REV:FILE, an id"),
    ],
)
def test_what_no_revision_can_hold_is_told_with_a_fix(repository, convrun, word, said):
    """A path out of the repository, a conversation of a spec at a revision, and a revision without a path."""
    for words in (["show", word], ["diff", f"HEAD:{CASSETTE}", word]):
        code, out, err = convrun(repository.root, *words)
        assert (code, out) == (2, "")
        assert said in err


def test_a_folder_is_not_compared(repository, convrun):
    """A folder beside a recording is named as one, instead of as a slip of its own name."""
    code, _, err = convrun(repository.root, "diff", f"HEAD:{CASSETTE}", "cassettes")
    assert code == 2
    assert "'cassettes' is a folder\n" in err
    assert "did you mean" not in err


def test_revisions_are_told_for_a_pull_request(repository, git, convrun):
    """As Markdown: a table of the conversations, and what differs in each, folded up."""
    repository.project.write("specs/new.yaml", "model: echo\nturns: [{user: Hi, expect: [{equals: Hi}]}]\n")
    repository.project.run("specs/new.yaml", record="all")
    repository.record(HELLO, reply(calls={"price": {"city": "Nice"}}), "It is 4 euros.", BYE)
    git.commit(repository.root, "second")
    code, out, err = convrun(repository.root, "diff", "HEAD~1..HEAD", "--report", "markdown")
    assert code == 0
    assert out == golden("diff.md", out)
    assert err == convrun(repository.root, "diff", "HEAD~1..HEAD")[1]
    file = repository.root / "out/diff.md"
    _, console, _ = convrun(repository.root, "diff", "HEAD~1", "HEAD", f"--report=markdown={file}")
    assert (console, file.read_text("utf-8")) == (err, out)


def test_where_nothing_could_be_compared_the_code_is_2(repository, git, convrun):
    """Of two revisions, too, recordings that cannot be read alone are a mistake; beside others they are named."""
    repository.project.edit(CASSETTE, "Welcome!", "Welcome?")
    git.commit(repository.root, "damaged")
    code, out, _ = convrun(repository.root, "diff", "HEAD~1..HEAD")
    assert (code, heads(out)) == (2, [f"UNREADABLE {NAME}"])
    repository.project.write("specs/b.yaml", "model: echo\nturns: [{user: Hi}]\n")
    repository.project.run("specs/b.yaml", record="all")
    git.commit(repository.root, "another")
    code, out, _ = convrun(repository.root, "diff", "HEAD~2..HEAD")
    assert (code, heads(out)) == (0, ["NEW specs/b.yaml", f"UNREADABLE {NAME}"])


def test_each_side_is_judged_by_the_spec_of_its_time(repository, git, convrun):
    """Where only a check has changed, the same recording passes before and fails now."""
    repository.project.edit(NAME, "contains: Welcome", "contains: Greetings")
    repository.project.edit(CASSETTE, "timings: [", "timings: [ ")  # what git sees, and no reader of conversations
    git.commit(repository.root)
    out = convrun(repository.root, "diff", "HEAD~1..HEAD")[1]
    assert "  checks: passed -> failed\n  turn 1: passed -> failed\n    fails now: specs/desk.yaml:6:15" in out
    assert "2 turns unchanged" in out


def test_nothing_outdated_is_told_as_passed(repository, git, convrun):
    """Where the spec was edited after its recording, which a run calls stale, that stands for the verdict."""
    repository.record(*SCRIPT[:3], "Bye.")
    repository.project.edit(NAME, "You sell rooms.", "You rent rooms.")
    git.commit(repository.root)
    assert repository.project.one(NAME).verdict == "stale"
    code, out, err = convrun(repository.root, "diff", "HEAD~1..HEAD", "--report", "markdown")
    assert code == 0
    assert f"| `{NAME}` | 1 of 3 turns | passed → spec has changed since |" in out
    assert "  checks: passed -> spec has changed since\n" in err
    assert f"  the spec has changed since HEAD:{CASSETTE} was recorded: system prompt\n" in err
    assert "whether these still fit the specs, `convrun run` says" in out
    assert "whether these still fit the specs, `convrun run` says" in err


def test_a_spec_of_its_time_has_its_files(repository, git, convrun):
    """Bases, prompts and case files are those of the revision, wherever in the project they lie."""
    project = repository.project
    project.write("shared/base.yaml", "system: {file: texts/be.md}\neach_turn: [{contains: '{{ word }}'}]\n")
    project.write("shared/texts/be.md", "Be brief.")
    project.write("rows/words.csv", "id,word\none,Hi\n")
    project.write(
        "specs/b.yaml",
        "model: echo\nextends: ../shared/base.yaml\ncases: {file: ../rows/words.csv}\nturns: [{user: Hi}]\n",
    )
    project.run("specs/b.yaml", record="all")
    git.commit(repository.root)
    for gone in ("shared", "rows", "specs/b.yaml"):
        path = repository.root / gone
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    project.edit("cassettes/b/one.yaml", "timings: [", "timings: [ ")
    git.commit(repository.root)
    out = convrun(repository.root, "diff", "HEAD~1..HEAD")[1]
    assert heads(out) == ["CHANGED specs/b.yaml::one"]
    assert "checks: passed -> not judged" in out
    assert "not judged: no spec has this cassette" in out


def test_new_and_removed_conversations_are_said_to_be_so(repository, git, convrun):
    """A recording that one side lacks is new or removed, also one that git does not know yet."""
    project = repository.project
    project.write("specs/b.yaml", "model: echo\nturns: [{user: Hi, expect: [{equals: Ho}]}]\n")
    project.run("specs/b.yaml", record="all")
    (repository.root / CASSETTE).unlink()
    out = convrun(repository.root, "diff")[1]
    assert heads(out) == [f"REMOVED {NAME}", "NEW specs/b.yaml"]
    assert "  1 turn, 1 model call, ? tokens in, ? out; checks: failed\n  fails now: specs/b.yaml:2:" in out
    assert out.endswith("2 conversations: 1 new, 1 removed; 1 that did not fail before\n")
    git.commit(repository.root)
    assert heads(convrun(repository.root, "diff", "HEAD..HEAD~1")[1]) == ["REMOVED specs/b.yaml", f"NEW {NAME}"]


def test_a_renamed_spec_keeps_its_conversation(repository, git, convrun):
    """A cassette that moved with its spec is compared with what it was."""
    (repository.root / NAME).rename(repository.root / "specs/counter.yaml")
    (repository.root / CASSETTE).rename(repository.root / "cassettes/counter.yaml")
    git.commit(repository.root)
    out = convrun(repository.root, "diff", "HEAD~1..")[1]
    assert heads(out) == ["SAME specs/counter.yaml"]


def test_a_repository_may_begin_above_the_project(tmp_path, git, convrun, project):
    """Paths are those of the project, and `REV:FILE` begins here or at the top of the repository."""
    inner = tmp_path / "apps/desk"
    keep(inner / CASSETTE, *conversation(("Hello", "Hi")))
    (inner / "convrun.toml").write_text("")
    (inner / "specs").mkdir()
    (inner / NAME).write_text(
        "model: gpt-4.1-mini\nsystem: Be brief.\nturns: [{user: Hello, expect: [{equals: Hi}]}]\n"
    )
    git.begin(tmp_path)
    git.commit(tmp_path)
    keep(inner / CASSETTE, *conversation(("Hello", "Ho")))
    out = convrun(inner, "diff")[1]
    assert heads(out) == [f"CHANGED {NAME}"]
    assert "checks: passed -> failed" in out
    for path in (CASSETTE, f"apps/desk/{CASSETTE}"):
        assert "checks: passed -> failed" in convrun(inner, "diff", f"HEAD:{path}", CASSETTE)[1]
    assert heads(convrun(inner / "specs", "diff", f"HEAD:../{CASSETTE}", f"../{CASSETTE}")[1]) == [f"CHANGED {NAME}"]
    assert "no recording differs" in convrun(tmp_path, "diff")[1]  # another project: it has no cassettes


def test_a_damaged_recording_does_not_keep_the_others_from_being_compared(repository, git, convrun):
    """It is named with what is wrong, on whichever side it is; a binary one too."""
    other = repository.root / "cassettes/other.yaml"
    other.write_bytes(b"\x00\xff\x00")
    git.commit(repository.root)
    keep(other, *conversation(("a", "b")))
    repository.record(*SCRIPT[:3], "Bye.")
    code, out, _ = convrun(repository.root, "diff")
    assert code == 0
    assert heads(out) == [f"CHANGED {NAME}", "UNREADABLE cassettes/other.yaml"]
    assert "  HEAD:cassettes/other.yaml: the file is not UTF-8 text\n" in out
    assert out.endswith("2 conversations: 1 changed, 1 unreadable\n")


def test_cassettes_may_lie_anywhere(tmp_path, git, convrun, project):
    """The folder of the settings counts, however it is written; one outside of the project is no mistake of ours."""
    talk = conversation(("Hello", "Hi"))
    for folder, path in (("./records/", "desk/records/a.yaml"), ("../records", "records/a.yaml")):
        keep(tmp_path / path, *talk)
        project.write("desk/convrun.toml", f"cassettes = '{folder}'\n")
        project.write("desk/specs/a.yaml", "model: gpt-4.1-mini\nturns: [{user: Hello, expect: [{equals: Hi}]}]\n")
        git.begin(tmp_path)
        git.commit(tmp_path)
        keep(tmp_path / path, *conversation(("Hello", "Ho")))
        code, out, _ = convrun(tmp_path / "desk", "diff")
        assert code == (2 if ".." in folder else 0)
        assert heads(out) == [f"{'UNREADABLE ../records/a.yaml' if '..' in folder else 'CHANGED specs/a.yaml'}"]


def test_three_dots_compare_with_where_branches_parted(repository, git, convrun):
    """What the other branch did since is not told."""
    git(repository.root, "switch", "--quiet", "-c", "mine")
    repository.record(*SCRIPT[:3], "Bye.")
    git.commit(repository.root)
    git(repository.root, "switch", "--quiet", "main")
    keep(repository.root / "cassettes/other.yaml", *conversation(("a", "b")))
    git.commit(repository.root)
    assert len(heads(convrun(repository.root, "diff", "main..mine")[1])) == 2
    assert heads(convrun(repository.root, "diff", "main...mine")[1]) == [f"CHANGED {NAME}"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere..HEAD"], "git knows no revision 'nowhere'"),
        (["HEAD..--output=x"], "'--output=x' is no revision"),
        (["--", "--output=x..HEAD"], "'--output=x' is no revision"),
        (["..HEAD"], "begins nowhere"),
        ([f"HEAD:{CASSETTE}x", CASSETTE], f"there is no file '{CASSETTE}x' at HEAD"),
        (["--", f"-x:{CASSETTE}", CASSETTE], "'-x' is no revision"),
        (["HEAD", f"HEAD:{CASSETTE}"], "'HEAD' does not exist"),
    ],
)
def test_what_git_does_not_know_ends_with_2(repository, convrun, words, said):
    """Each mistake is said in words, and nothing of it reaches git as an option."""
    code, out, err = convrun(repository.root, "diff", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert not (repository.root / "x").exists()


def test_without_a_repository_there_are_no_revisions(desk, convrun, git):
    """It is said that there is none; files are compared all the same."""
    code, _, err = convrun(desk.root, "diff", "HEAD~1..HEAD")
    assert code == 2
    assert "is in no git repository" in err
    copy = desk.copy("a.yaml")
    assert convrun(desk.root, "diff", copy.name, CASSETTE)[0] == 0


def test_without_git_there_are_no_revisions(repository, convrun, monkeypatch):
    """It is said that git is not installed; files are compared all the same."""
    monkeypatch.setenv("PATH", str(repository.root))
    code, _, err = convrun(repository.root, "diff", "HEAD~1..HEAD")
    assert code == 2
    assert "git, which is not installed" in err
    copy = repository.copy("a.yaml")
    assert convrun(repository.root, "diff", copy.name, CASSETTE)[0] == 0


def test_a_shallow_clone_says_what_it_lacks(repository, git, convrun, tmp_path_factory):
    """A workflow that fetched one commit only is told how to fetch the others."""
    git.commit(repository.root, "second")
    clone = tmp_path_factory.mktemp("clone")
    git(clone, "clone", "--quiet", "--depth=1", f"file://{repository.root}", str(clone / "desk"))
    code, _, err = convrun(clone / "desk", "diff", "HEAD~1..HEAD")
    assert code == 2
    assert "fetch-depth: 0" in err


def test_the_working_tree_stays_as_it_is(repository, git, convrun):
    """Nothing is written beside a report: neither files nor the index."""
    repository.record(*SCRIPT[:3], "Bye.")
    before = {path: path.read_bytes() for path in repository.root.rglob("*") if path.is_file()}
    convrun(repository.root, "diff")
    convrun(repository.root, "diff", "HEAD..")
    assert {path: path.read_bytes() for path in repository.root.rglob("*") if path.is_file()} == before


def test_a_link_out_of_the_project_is_not_followed(repository, git, convrun, tmp_path_factory):
    """What lies behind it is not shown."""
    secret = keep(tmp_path_factory.mktemp("other") / "secret.yaml", *conversation(("a", "secret")))
    path = repository.root / CASSETTE
    path.unlink()
    path.symlink_to(secret)
    out = convrun(repository.root, "diff")[1]
    assert heads(out) == [f"UNREADABLE {NAME}"]
    assert "secret" not in out
    code, out, err = convrun(repository.root, "show", NAME)
    assert (code, out) == (4, "")
    assert "a link that leads out of the project" in err


def test_what_was_said_is_no_markup(tmp_path, git, convrun):
    """Fences, HTML, mentions, tables and control characters in names and replies stay text in Markdown."""
    name = "cassettes/a|b`c <b>@team.yaml"
    wicked = "```\n</details><script>alert(1)</script>\n- [x] @team #1 | a |\n\x1b[31m~~~~"
    keep(tmp_path / name, interaction({"model": "m", "messages": [said("user", "Hi")]}, completion("ok")))
    (tmp_path / "convrun.toml").write_text("")
    git.begin(tmp_path)
    git.commit(tmp_path)
    keep(tmp_path / name, interaction({"model": "m", "messages": [said("user", "Hi")]}, completion(wicked)))
    out = convrun(tmp_path, "diff", "--report", "markdown")[1]
    table, _, body = out.partition("<details>")
    assert "<b>" not in table
    assert "@" not in table
    assert "a&#124;b&#96;c" in table
    fence = re.search(r"^(`{3,})diff$", body, re.MULTILINE)[1]
    assert len(fence) == 4
    inside, _, rest = body.partition(f"{fence}diff\n")[2].partition(f"\n{fence}\n")
    assert "</details><script>" in inside
    assert "\x1b" not in out
    assert rest.strip() == "</details>"


def test_a_comment_has_room_for_the_markdown(tmp_path, git, convrun):
    """Of many long differences as many are told as fit; how many are not is said."""
    (tmp_path / "convrun.toml").write_text("")
    lines = [json.dumps([number, number]) for number in range(4000)]
    for index in range(7):
        keep(tmp_path / f"cassettes/{index}.yaml", *conversation(*((f"q{turn}", "a") for turn in range(30))))
    git.begin(tmp_path)
    git.commit(tmp_path)
    for index in range(7):
        talk = ((f"q{turn}", "\n".join(lines[turn * 130 : turn * 130 + 130])) for turn in range(30))
        keep(tmp_path / f"cassettes/{index}.yaml", *conversation(*talk))
    out = convrun(tmp_path, "diff", "--report", "markdown")[1]
    assert len(out.encode()) < 65_536
    assert re.search(r"\*\*Left out, as there is no room for more: \d conversations?\.\*\*", out)
    assert out.count("<details>") == out.count("</details>") > 2
