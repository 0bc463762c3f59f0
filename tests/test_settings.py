"""Settings: where they are found, what they may say, and who wins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from convrun.errors import SettingsError, UsageError
from convrun.settings import Settings, find_root, load


def write(path: Path, text: str) -> Path:
    """Write a file and the folders it needs; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refusal(root: Path, **environ: str) -> SettingsError:
    """Return the error that loading the settings of `root` raises."""
    with pytest.raises(SettingsError) as caught:
        load(root, environ, {})
    return caught.value


def test_without_a_file_the_defaults_hold(tmp_path):
    """A project without settings has specs and cassettes in the folders of these names."""
    assert load(tmp_path, {}, {}) == Settings(root=tmp_path, specs="specs", cassettes="cassettes")


@pytest.mark.parametrize(("name", "head"), [("pyproject.toml", "[tool.convrun]\n"), ("convrun.toml", "")])
def test_every_setting_is_read_from_either_file(tmp_path, name, head):
    """Both files hold the same keys, and each reaches its field."""
    file = write(
        tmp_path / name,
        head + 'specs = "./talks/"\ncassettes = "tapes"\nmodel = "m"\nstrict = true\n'
        'pythonpath = ["src"]\nbase_urls = ["http://localhost:1/v1"]\ntool_policy = "replay"\njobs = 3\n'
        'max_attachment = "5 MB"\n',
    )
    assert load(tmp_path, {}, {}) == Settings(
        root=tmp_path,
        file=file,
        specs="talks",
        cassettes="tapes",
        model="m",
        strict=True,
        pythonpath=("src",),
        base_urls=("http://localhost:1/v1",),
        tool_policy="replay",
        jobs=3,
        max_attachment=5_000_000,
    )


def test_option_beats_environment_beats_file(tmp_path):
    """Each setting is taken from the nearest of option, environment and file that gives it."""
    write(tmp_path / "convrun.toml", 'specs = "a"\ncassettes = "a"\nmodel = "a"\n')
    environ = {"CONVRUN_CASSETTES": "b", "CONVRUN_MODEL": "b", "CONVRUN_SPECS": "", "PATH": "x"}
    settings = load(tmp_path, environ, {"model": "c", "cassettes": None})
    assert (settings.specs, settings.cassettes, settings.model) == ("a", "b", "c")


def test_environment_texts_become_flags_and_lists(tmp_path):
    """Variables are texts; flags and lists are made of them."""
    environ = {"CONVRUN_STRICT": "yes", "CONVRUN_PYTHONPATH": "src", "CONVRUN_BASE_URLS": "http://a/v1, http://b/v1"}
    environ["CONVRUN_JOBS"] = "4"
    settings = load(tmp_path, environ, {})
    assert settings.jobs == 4
    assert settings.strict is True
    assert settings.pythonpath == ("src",)
    assert settings.base_urls == ("http://a/v1", "http://b/v1")


def test_an_override_is_checked_like_a_value_in_the_file(tmp_path):
    """An option that cannot be is refused with its name."""
    with pytest.raises(SettingsError, match="--specs"):
        load(tmp_path, {}, {"specs": "/elsewhere"})


def test_an_unknown_key_shows_its_line_and_the_nearest_key(tmp_path):
    """A misspelt key is an error with place, excerpt and suggestion."""
    write(tmp_path / "pyproject.toml", '[project]\ncasettes = "no"\n\n[tool.convrun]\n  casettes = "tapes"\n')
    assert refusal(tmp_path).lines() == [
        "pyproject.toml:5:3: unknown setting 'casettes'",
        '    5 |   casettes = "tapes"',
        "      |   ^^^^^^^^",
        "  did you mean 'cassettes'?",
    ]


def test_a_setting_that_does_not_exist_yet_is_unknown(tmp_path):
    """A key that nothing reads is refused, not taken and ignored."""
    write(tmp_path / "convrun.toml", "mutations = 1\n")
    assert refusal(tmp_path).what == "unknown setting 'mutations'"


@pytest.mark.parametrize(
    ("redact", "what"),
    [
        ("1", "'redact' must be a list of texts, not 1"),
        ("['(a']", "'(a' is none (missing ), unterminated subpattern at position 0)"),
        ("['a*']", "'a*' fits an empty text"),
        ("['<.*>']", "'<.*>' fits '<redacted>', which stands for one"),
        ("['chat.completion']", "'chat.completion' fits '/chat/completions', which is part of requests"),
        ("['EMP-[0-9]{6}', '[a-z]{8,}']", "'[a-z]{8,}' fits"),
        ("['(?P<badge>badge|B[0-9]{4})']", "fits '<badge>', which stands for one"),
    ],
)
def test_a_pattern_that_would_fit_everywhere_is_refused(tmp_path, redact, what):
    """What is no pattern, fits nothing at all, or fits what stands for a secret, is a mistake with its line."""
    write(tmp_path / "convrun.toml", f"strict = true\nredact = {redact}\n")
    error = refusal(tmp_path)
    assert what in error.what
    assert (error.where.line, bool(error.fix) or redact == "1") == (2, True)


def test_a_table_below_ours_is_an_unknown_key_at_its_header(tmp_path):
    """An unknown table is shown where its header stands."""
    write(tmp_path / "pyproject.toml", '[tool.convrun]\nstrict = true\n\n[tool.convrun.later]\nmodel = "m"\n')
    error = refusal(tmp_path)
    assert str(error.where) == "pyproject.toml:4:15"
    assert "unknown setting 'later'" in str(error)


def test_record_is_refused_with_the_reason(tmp_path):
    """A committed file cannot make a run cost money, and neither can a variable."""
    write(tmp_path / "convrun.toml", 'record = "all"\n')
    assert "must not make a run cost money" in str(refusal(tmp_path))
    assert "must not make a run cost money" in str(refusal(tmp_path / "other", CONVRUN_RECORD="all"))


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("specs = 1", "'specs' must be a text, not 1"),
        ('specs = "../elsewhere"', "'specs' must be a folder below the root"),
        ('cassettes = ""', "'cassettes' must be a text"),
        ("jobs = 0", "'jobs' must be a number from 1 to 256, or 'auto', not 0"),
        ("jobs = true", "'jobs' must be a number from 1 to 256, or 'auto', not True"),
        ('jobs = "many"', "'jobs' must be a number from 1 to 256, or 'auto', not 'many'"),
        ('strict = "yes"', "'strict' must be true or false, not 'yes'"),
        ('pythonpath = "src"', "'pythonpath' must be a list of texts"),
        ('base_urls = ["localhost"]', "'base_urls' must be a list of URLs"),
        ("max_attachment = 0", "'max_attachment' must be a number of bytes, or a size as '20MB', not 0"),
        ("max_attachment = true", "'max_attachment' must be a number of bytes, or a size as '20MB', not True"),
        ("max_attachment = 1.5", "'max_attachment' must be a number of bytes, or a size as '20MB', not 1.5"),
        ('max_attachment = "much"', "'max_attachment' must be a number of bytes, or a size as '20MB', not 'much'"),
        ('max_attachment = "-1MB"', "'max_attachment' must be a number of bytes, or a size as '20MB', not '-1MB'"),
        ('max_attachment = "0.1B"', "'max_attachment' must be a number of bytes, or a size as '20MB', not '0.1B'"),
        ('tool_policy = "reply"', "'tool_policy' must be 'live', 'replay' or 'verify'"),
    ],
)
def test_a_wrong_value_says_what_it_must_be_and_where_it_is(tmp_path, line, wanted):
    """A value of the wrong type is refused at its line."""
    write(tmp_path / "convrun.toml", f"# settings\n{line}\n")
    error = refusal(tmp_path)
    assert wanted in error.what
    assert str(error.where) == "convrun.toml:2:1"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("20MB", 20_000_000),
        ("1.5 mb", 1_500_000),
        ("4MiB", 4 * 2**20),
        (" 700 kB", 700_000),
        ("1GB", 10**9),
        ("12345", 12_345),
        ("512 b", 512),
        ("2KiB", 2048),
    ],
)
def test_a_size_is_bytes_or_has_a_unit(tmp_path, text, size):
    """Sizes are taken as people write them, from the file and the environment."""
    assert load(tmp_path, {"CONVRUN_MAX_ATTACHMENT": text}, {}).max_attachment == size
    write(tmp_path / "convrun.toml", f"max_attachment = {text if text.isdigit() else repr(text)}\n")
    assert load(tmp_path, {}, {}).max_attachment == size


def test_a_unit_that_is_none_has_the_nearest(tmp_path):
    """A misspelt unit, and a misspelt setting of sizes, come with what was meant."""
    error = refusal(tmp_path, CONVRUN_MAX_ATTACHMENT="20MBB")
    assert error.what.startswith("CONVRUN_MAX_ATTACHMENT: 'max_attachment' must be a number of bytes")
    assert error.fix == "did you mean 'MB'?"
    assert "did you mean 'CONVRUN_MAX_ATTACHMENT'?" in str(refusal(tmp_path, CONVRUN_MAX_ATTACHMENTS="1"))
    write(tmp_path / "convrun.toml", "max_atachment = 1\n")
    assert "did you mean 'max_attachment'?" in str(refusal(tmp_path))


def test_a_wrong_variable_is_named(tmp_path):
    """A value from the environment is refused with the variable's name."""
    assert (
        refusal(tmp_path, CONVRUN_STRICT="perhaps").what
        == "CONVRUN_STRICT: 'strict' must be true or false, not 'perhaps'"
    )
    assert "did you mean 'CONVRUN_CASSETTES'?" in str(refusal(tmp_path, CONVRUN_CASETTES="x"))


def test_toml_that_is_none_is_shown_at_its_place(tmp_path):
    """A syntax error has line and column."""
    write(tmp_path / "convrun.toml", "strict = true\nspecs = [\n")
    error = refusal(tmp_path)
    assert error.what.startswith("not TOML: ")
    assert error.where is not None
    assert error.where.line is not None


def test_settings_in_two_files_are_refused(tmp_path):
    """Two settings files in one folder would leave open which holds."""
    write(tmp_path / "convrun.toml", "strict = true\n")
    write(tmp_path / "pyproject.toml", "[tool.convrun]\nstrict = false\n")
    assert "two files" in refusal(tmp_path).what


def test_a_table_header_in_our_own_file_is_explained(tmp_path):
    """Whoever copies `[tool.convrun]` into convrun.toml is told that it does not belong there."""
    write(tmp_path / "convrun.toml", "[tool.convrun]\nstrict = true\n")
    assert "without [tool.convrun]" in str(refusal(tmp_path))


def test_the_root_is_the_nearest_folder_with_settings(tmp_path):
    """The first path's nearest folder with our settings is the root; another tool's pyproject.toml is passed by."""
    write(tmp_path / "convrun.toml", "")
    write(tmp_path / "a" / "pyproject.toml", "[tool.convrun]\n")
    write(tmp_path / "a" / "b" / "pyproject.toml", "[tool.other]\nname = 'convrun'\n")
    spec = write(tmp_path / "a" / "b" / "specs" / "x.yaml", "")
    assert find_root([spec], tmp_path) == tmp_path / "a"
    assert find_root([], tmp_path / "a" / "b") == tmp_path / "a"
    assert find_root([], tmp_path) == tmp_path


def test_without_settings_the_root_is_the_current_folder(tmp_path):
    """Where no settings stand above the path, the current folder is the root."""
    spec = write(tmp_path / "specs" / "x.yaml", "")
    assert find_root([spec], tmp_path) == tmp_path
    assert find_root([tmp_path / "not" / "there.yaml"], tmp_path) == tmp_path


def test_paths_under_two_roots_are_refused(tmp_path):
    """One run has one root."""
    write(tmp_path / "a" / "convrun.toml", "")
    write(tmp_path / "b" / "convrun.toml", "")
    with pytest.raises(UsageError, match="two roots"):
        find_root([tmp_path / "a", tmp_path / "b"], tmp_path)


def test_a_broken_pyproject_of_somebody_else_is_no_concern(tmp_path):
    """A pyproject.toml that does not speak of convrun is not parsed at all."""
    write(tmp_path / "pyproject.toml", "this is no toml")
    assert find_root([], tmp_path) == tmp_path


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"model = {'1' * 5000}\n", "not settings: a number is too long"),
        (f"model = {'[' * 5000}\n", "not settings: nested too deeply"),
        ("x" * 4_000_001, "the settings cannot be read: larger than 4,000,000 bytes"),
    ],
    ids=["digits", "brackets", "characters"],
)
def test_settings_beyond_all_measure_are_refused(tmp_path, text, what):
    """Too long a number, too many brackets and too large a file are errors of the settings."""
    write(tmp_path / "convrun.toml", text)
    assert refusal(tmp_path).what == what


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_is_no_settings_file(tmp_path):
    """A pipe, which nobody may ever write to, is refused; as a pyproject.toml it is somebody else's."""
    os.mkfifo(tmp_path / "pyproject.toml")
    assert load(tmp_path, {}, {}) == Settings(root=tmp_path)
    os.mkfifo(tmp_path / "convrun.toml")
    error = refusal(tmp_path)
    assert error.what == "the settings cannot be read: not a regular file"
    assert error.fix == "settings are a file of TOML: rename what is called convrun.toml, or take it away"


def test_settings_without_a_text_say_where_and_how_to_mend_it(tmp_path):
    """A folder in place of the file, and bytes that are no UTF-8, are told with the place and a fix."""
    (tmp_path / "convrun.toml").mkdir()
    error = refusal(tmp_path)
    assert str(error.where) == "convrun.toml"
    assert error.what == "the settings cannot be read: is a directory"
    assert error.fix
    (tmp_path / "convrun.toml").rmdir()
    (tmp_path / "convrun.toml").write_bytes(b'model = "echo"\n# \xff\n')
    error = refusal(tmp_path)
    assert error.lines() == ["convrun.toml:2: the settings are not UTF-8: byte 0xff", "  save the file as UTF-8"]


def test_a_path_that_is_too_long_has_no_settings(tmp_path):
    """The root of a path that cannot be is the current folder: whoever reads the path tells what is wrong."""
    assert find_root([tmp_path / ("x" * 5000)], tmp_path) == tmp_path


@pytest.mark.parametrize("text", ['cassettes = "specs"', 'cassettes = "./specs/"', 'specs = "x"\ncassettes = "x"'])
def test_specs_and_cassettes_have_each_a_folder(tmp_path, text):
    """One folder for both is a mistake at its line: the cassette of a spec would be the spec's own file."""
    write(tmp_path / "convrun.toml", f"{text}\n")
    error = refusal(tmp_path)
    assert "'specs' and 'cassettes' are one folder" in error.what
    assert str(error.where) == f"convrun.toml:{len(text.splitlines())}:1"


def test_one_folder_by_a_variable_or_a_link_is_refused(tmp_path):
    """It does not matter where the folder is named, nor how."""
    assert "one folder, 'specs'" in refusal(tmp_path, CONVRUN_CASSETTES="specs").what
    (tmp_path / "specs").mkdir()
    (tmp_path / "cassettes").symlink_to("specs")
    assert "one folder, 'specs'" in refusal(tmp_path).what


@pytest.mark.parametrize("cassettes", ["specs/recorded", "."])
def test_cassettes_may_be_inside_specs_or_round_them(tmp_path, cassettes):
    """Only the same folder is a mistake."""
    assert load(tmp_path, {"CONVRUN_CASSETTES": cassettes}, {}).cassettes == cassettes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("checks = 5", "'checks' must be a table, not 5"),
        (
            '[checks]\na = "m:f"\nRow-Count = "m:f"',
            "convrun.toml:3:1: 'Row-Count' is no name of a check (use lower-case",
        ),
        (
            '[checks]\na = "m:f"\nrows = "m.f"',
            "convrun.toml:3:1: the check 'rows' is 'm.f', no import path (write rows = \"m:f\")",
        ),
        ("[checks]\nrows = 5", "convrun.toml:2:1: the check 'rows' is 5, no import path (write rows = "),
    ],
)
def test_kinds_of_checks_are_import_paths_by_name(tmp_path, text, said):
    """A name that is none, and what is no import path, are refused."""
    (tmp_path / "convrun.toml").write_text(text, "utf-8")
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, {}, {})
    assert said in str(caught.value)


def test_kinds_of_checks_have_places(tmp_path):
    """Each is known with the line that names it, in a table of its own and in a line; no variable names them."""
    text = (
        '[project]\nrows = "x:y"\n[tool.convrun]\nmodel = "echo"\n[tool.convrun.checks]\nmodel = "m:f"\nrows = "m:g"\n'
    )
    (tmp_path / "pyproject.toml").write_text(text, "utf-8")
    found = load(tmp_path, {}, {}).checks
    assert {kind: (one.path, one.where.line) for kind, one in found.items()} == {
        "model": ("m:f", 6),
        "rows": ("m:g", 7),
    }
    (tmp_path / "pyproject.toml").write_text('[tool.convrun]\nchecks = {rows = "m:g"}\n', "utf-8")
    assert load(tmp_path, {}, {}).checks["rows"].where.line == 2
    with pytest.raises(SettingsError, match="CONVRUN_CHECKS cannot be a variable"):
        load(tmp_path, {"CONVRUN_CHECKS": "rows=m:g"}, {})
