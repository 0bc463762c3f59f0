"""Kinds of checks that are not convrun's: of installed packages, of the settings, of a decorator."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import zipfile
from importlib.util import find_spec

import pytest

from convrun.checks.own import REGISTERED

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
PIP = ("-m", "pip", "--isolated", "--disable-pip-version-check", "install", "--quiet", "--no-index", "--no-deps")
LOUD = "def shouting(context, value):\n    return context.reply.isupper() is value\n"
ENTRY_POINTS = """
    [convrun.checks]
    rows = acme_checks:rows
    shouting = acme_checks.loud:shouting
    loop = acme_checks.missing:loop
"""
CODE = """
    import convrun

    SCHEMA = {
        "type": "object",
        "properties": {"of": {"type": "string"}, "at_least": {"type": "integer"}},
        "required": ["of"],
        "additionalProperties": False,
    }

    @convrun.check("rows", about="a table of the reply and how many rows it has", schema=SCHEMA)
    def rows(context, value):
        found = len(context.parsed[value["of"]])
        value["of"] = "changed"
        assert found >= value.get("at_least", 1), f"there are {found}"
"""
SPEC = """
    model: {script: [{reply: '{"cities": ["Oslo"]}'}]}
    vars: {least: 1}
    turns:
      - user: Which cities?
        expect: CHECKS
"""


@pytest.fixture(autouse=True)
def forgotten():
    """Forget the functions that a test's modules have decorated."""
    yield
    REGISTERED.clear()


@pytest.fixture
def acme(project):
    """A project with a package of two checks installed in a folder of its `pythonpath`: files as pip writes them."""
    return installed(project)


def installed(project, name="acme-checks", entry_points=ENTRY_POINTS, code=CODE):
    """Install a package; return the project."""
    module = name.replace("-", "_")
    project.write("convrun.toml", 'pythonpath = ["site"]\n')
    project.write(f"site/{module}/__init__.py", code)
    project.write(f"site/{module}/loud.py", LOUD)
    project.write(f"site/{module}-1.0.dist-info/METADATA", METADATA.format(name=name))
    project.write(f"site/{module}-1.0.dist-info/entry_points.txt", entry_points)
    return project


def installed_by_pip(project):
    """Build the package of two checks as a wheel, and let pip install it; return the project."""
    project.write("convrun.toml", 'pythonpath = ["site"]\n')
    wheel, metadata = project.root / "acme_checks-1.0-py3-none-any.whl", "acme_checks-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("acme_checks/__init__.py", textwrap.dedent(CODE))
        archive.writestr("acme_checks/loud.py", LOUD)
        archive.writestr(f"{metadata}/METADATA", METADATA.format(name="acme-checks"))
        archive.writestr(f"{metadata}/WHEEL", WHEEL)
        archive.writestr(f"{metadata}/entry_points.txt", textwrap.dedent(ENTRY_POINTS))
        archive.writestr(f"{metadata}/RECORD", "")
    target = ("--no-compile", "--target", str(project.root / "site"), str(wheel))
    subprocess.run([sys.executable, *PIP, *target], check=True, capture_output=True)
    return project


def checked(project, checks, **options):
    """Run a spec with these checks; return the results of its checks."""
    project.write("specs/a.yaml", SPEC.replace("CHECKS", checks))
    return project.one(**options).turns[0].checks


def mistakes(project, checks, **options):
    """The mistakes of a spec with these checks."""
    project.write("specs/a.yaml", SPEC.replace("CHECKS", checks))
    return project.mistakes(**options)


@pytest.mark.skipif(find_spec("pip") is None, reason="this environment has no pip")
def test_a_package_with_two_checks_is_used(project):
    """Checks of a package that pip has installed are written as convrun's own, and reported so."""
    acme = installed_by_pip(project)
    acme.write(
        "specs/a.yaml",
        SPEC.replace(
            "CHECKS",
            "[rows: {of: cities, at_least: '{{ least }}'}, shouting: false, not: {shouting: true}, rows: {of: cities}]",
        ).replace("rows: {of: cities}]", "{all_of: [{rows: {of: cities, at_least: 2}, because: it asks}]}]"),
    )
    ended = acme.cli("run", "--report", "json", "--jobs", "2")
    (conversation,) = json.loads(ended.stdout)["conversations"]
    checks = conversation["turns"][0]["checks"]
    assert [(one["kind"], one["verdict"]) for one in checks] == [
        ("rows", "passed"),
        ("shouting", "passed"),
        ("not", "passed"),
        ("all_of", "failed"),
    ]
    assert checks[0]["expected"] == {"of": "cities", "at_least": 1}
    assert checks[3]["message"] == (
        "expected all of 1 check to hold, check 1 does not: "
        'expected rows {"of": "cities", "at_least": 2} to hold, it says \'there are 1\' (because: it asks)'
    )
    assert ended.returncode == 1


def test_names_are_known_without_importing(acme):
    """Validating without imports, listing and the schema know the names, and load nothing of the package."""
    acme.write("site/acme_checks/__init__.py", "raise SystemExit('imported')\n")
    acme.write("specs/a.yaml", SPEC.replace("CHECKS", "[rows: {of: 5}, shouting: true]"))
    assert acme.cli("validate", "--no-import").returncode == 0
    assert acme.cli("list").stdout == "specs/a.yaml\n"
    schema = json.loads(acme.cli("schema", "spec").stdout)["$defs"]["check"]
    assert {"rows", "shouting"} <= schema["properties"].keys()
    assert {"required": ["rows"]} in schema["oneOf"]
    assert "importing 'acme_checks' raised SystemExit" in acme.cli("validate").stderr


def test_nothing_is_looked_for_where_all_kinds_are_ours(project, monkeypatch):
    """The packages are asked only where a kind is met that is not known."""
    monkeypatch.setitem(sys.modules, "importlib.metadata", None)  # importing it raises
    assert checked(project, "[contains: Oslo, all_of: [{not: {equals: a}}]]")[0].verdict == "passed"
    with pytest.raises(ImportError):
        checked(project, "[rows: {of: cities}]")


def test_the_settings_name_a_kind_of_the_project(project):
    """A function of the project is a kind; it answers as those of `python` do."""
    project.write("convrun.toml", '[checks]\ncounts = "rules:counts"\n')
    project.write(
        "rules.py",
        """
        def counts(context, value):
            answers = {1: None, 2: True, 3: False, 4: "too few", 5: 7}
            assert value in answers, "no such answer"
            return answers[value]
        """,
    )
    listed = ", ".join(f"{{counts: {number}}}" for number in range(1, 7))
    found = checked(project, f"[{listed}, not: {{counts: 3}}]")
    assert [one.verdict for one in found] == ["passed", "passed", "failed", "failed", "error", "failed", "passed"]
    assert found[3].message == "expected counts 4 to hold, it says 'too few'"
    assert found[4].message.startswith("'rules:counts' returned an int, 7 (return None or True")
    assert found[5].message == "expected counts 6 to hold, it says 'no such answer'"


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ("[rows: {at_least: 1}]", "specs/a.yaml:5:20: rows does not take this value: 'of' is a required property "),
        (
            "[not: {rows: {of: cities, at_least: few}}]",
            (
                "specs/a.yaml:5:39: rows does not take this value: 'few' is not of type 'integer' "
                "(rows: a table of the reply and how many rows it has; it takes what fits {"
            ),
        ),
        ("[rowss: {of: cities}]", "specs/a.yaml:5:14: unknown check 'rowss' (did you mean 'rows'?)"),
        ("[all_of: [{shoting: true}]]", "specs/a.yaml:5:24: unknown check 'shoting' (did you mean 'shouting'?)"),
        ("[xyz: 1]", "specs/a.yaml:5:14: unknown check 'xyz' (known are equals, contains, "),
        (
            "[loop: 1]",
            "specs/a.yaml:5:14: the check 'loop' of the package 'acme-checks': no module named 'acme_checks.missing' ",
        ),
    ],
)
def test_mistakes_are_found_before_anything_runs(acme, checks, said):
    """Values that the schema refuses, names that nobody has, and entry points that lead nowhere."""
    (found,) = mistakes(acme, checks)
    assert found.startswith(said)


def test_a_value_with_templates_is_judged_once_it_is_rendered(acme):
    """What a template makes of it is held against the schema, and what it refuses is an error."""
    (found,) = checked(acme, "[rows: {of: cities, at_least: '{{ vars }}'}]")
    assert found.verdict == "error"
    assert found.message.startswith("the value of rows at at_least is wrong: rows does not take this value: ")


def test_a_package_with_a_name_that_is_none(acme):
    """Names are the same everywhere, so that a spec reads alike."""
    acme.write("site/acme_checks-1.0.dist-info/entry_points.txt", "[convrun.checks]\nRow-Count = acme_checks:rows\n")
    (found,) = mistakes(acme, "[Row-Count: {of: cities}]")
    assert found == (
        "specs/a.yaml:5:14: 'Row-Count' is no name of a check, and the package 'acme-checks' has one of this name "
        "(use lower-case letters, digits and _, as row_count)"
    )


def test_broken_packages_are_passed_over(acme):
    """What another package has for entry points is not ours to complain about."""
    acme.write("site/broken-1.0.dist-info/METADATA", METADATA.format(name="broken"))
    acme.write("site/broken-1.0.dist-info/entry_points.txt", "[convrun.checks]\nno equals sign\n")
    assert checked(acme, "[rows: {of: cities}]")[0].verdict == "passed"


def test_two_packages_with_one_kind(acme):
    """Whose is meant is for the settings to say."""
    installed(
        acme,
        "other-checks",
        "[convrun.checks]\nrows = other_checks:rows\n",
        "def rows(context, value): return 'other'\n",
    )
    (found,) = mistakes(acme, "[rows: {of: cities}]")
    assert found == (
        "specs/a.yaml:5:14: the check 'rows' is in several packages: 'acme-checks', 'other-checks' "
        '(say in the settings whose is meant: [tool.convrun.checks] rows = "acme_checks:rows")'
    ) or found == (
        "specs/a.yaml:5:14: the check 'rows' is in several packages: 'other-checks', 'acme-checks' "
        '(say in the settings whose is meant: [tool.convrun.checks] rows = "other_checks:rows")'
    )
    acme.write("convrun.toml", 'pythonpath = ["site"]\n[checks]\nrows = "other_checks:rows"\n')
    assert checked(acme, "[rows: {of: cities}]")[0].message.endswith("it says 'other'")


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        ("rules:rows", "def rows(context): ...", "'rules:rows' cannot be called with the context and the check's"),
        ("rules:rows", "def rows(context): ...", "(write def rows(context, value))"),
        ("rules:rows", "async def rows(context, value): ...", "'rules:rows' is an async function"),
        ("rules:rows", "rows = 5", "'rules:rows' is an int, not a function"),
        ("rules:row", "def rows(context, value): ...", "the check 'rows' of the settings: 'rules' has no 'row'"),
        ("rule:rows", "", "the check 'rows' of the settings: no module named 'rule'"),
        ("rules:rows", "raise KeyError(5)", "the check 'rows' of the settings: importing 'rules' raised KeyError: 5"),
        (
            "rules:rows",
            "import convrun\n@convrun.check('lines')\ndef rows(context, value): ...",
            "'rules:rows' judges the check 'lines', not 'rows'",
        ),
    ],
)  # fmt: skip
def test_functions_that_cannot_judge(project, path, code, said):
    """What the settings name has to be a function of context and value, of that name if it is decorated."""
    project.write("convrun.toml", f'[checks]\nrows = "{path}"\n')
    project.write("rules.py", f"{code}\n")
    (found,) = mistakes(project, "[rows: 1]")
    assert said in found


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('[checks]\ncontains = "rules:f"\n', "convrun.toml:2:1: the check 'contains' is one of convrun's own"),
        ('[checks]\nbecause = "rules:f"\n', "convrun.toml:2:1: the check 'because' is one of convrun's own"),
        ('[checks]\nexpect_error = "rules:f"\n', "convrun.toml:2:1: the check 'expect_error' is one of convrun's own"),
    ],
)
def test_a_kind_of_ours_is_not_for_the_settings(project, settings, said):
    """It would never be asked: a mistake, also where no spec uses it."""
    project.write("convrun.toml", settings)
    (found,) = mistakes(project, "[contains: Oslo]")
    assert found.startswith(said)


def test_a_decorated_kind_is_no_specs_yet(project):
    """What only a module knows that is imported by chance is unknown to specs, and the fix says where to name it."""
    project.write("rules.py", "import convrun\n@convrun.check('lines')\ndef lines(context, value): ...\n")
    project.write("specs/a.yaml", SPEC.replace("CHECKS", "[lines: 1]") + "    hooks: {before_call: 'rules:lines'}\n")
    (found,) = project.mistakes()
    assert found.endswith(
        "unknown check 'lines' (name it in the settings: [tool.convrun.checks] lines = \"rules:lines\")"
    )
