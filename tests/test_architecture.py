"""The import table of docs/ARCHITECTURE.md holds, for every import of every file."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from import_graph import ROOT, Import, cycles, imports, modules
from projects import Project

HEAVY = {"openai", "httpx2", "vcr", "jinja2", "jsonschema", "rich", "pydantic", "asyncio", "difflib", "watchfiles"} | {
    "genai_prices",
    "rapidfuzz",
}
NO_REPLAY = (  # beginnings of modules that a replay which passes can do without
    r"convrun\.(importing|mutat\w+|review|scaffold|schemas|testing|models|expecting|watching)\b"
    r"|convrun\.conversation\.persistence\b"
    r"|convrun\.cassette\.(kept|stale|stored\.emitting|stored\.writing)\b"
    r"|convrun\.run\.playing\.(conversation_hooks|going_live|history|known_failures|own_texts|rehearsing)\b"
    r"|convrun\.report\.(difference|every_turn|failure|findings|stale)\b"  # what nobody has to be told
    r"|convrun\.report\.(json_result|junit|github|markdown|transcript)\b"
    r"|convrun\.cli\.(diff|importing|init|listing|mutate|record|schema|show|status|validate|watch)\b"
)
MOST_FOR_A_REPLAY = 200  # files of ours
FOR_ALL = {"frozen"}  # as the page says above the table
MODULES = modules()
IMPORTS = imports(MODULES)


def component(module: str) -> str:
    """Return the component a module belongs to; the package's own file is `convrun`."""
    return [*module.split("."), module][1]


def table() -> dict[str, set[str]]:
    """Return who may import whom, as the page says."""
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rows = text.partition("| component | may import |")[2].partition("\n\n")[0]
    allowed: dict[str, set[str]] = {}
    for row in re.findall(r"^\| ([^|-][^|]*) \| ([^|]+) \|$", rows, re.MULTILINE):
        for name in row[0].split(", "):
            allowed[name] = set() if row[1] == "nothing" else set(row[1].split(", "))
    return allowed


def test_every_import_is_in_the_table():
    """No file imports a component that its row does not name."""
    allowed = table()
    wrong = [
        f"{MODULES[one.importer].relative_to(ROOT)}:{one.line}: {component(one.importer)} imports {one.imported}"
        for one in IMPORTS
        if one.imported.split(".")[0] == "convrun"
        and component(one.imported)
        not in {component(one.importer), *FOR_ALL, *allowed.get(component(one.importer), ())}
    ]
    assert not wrong, "\n".join(wrong)


def test_the_table_names_what_there_is():
    """Each component has a row, and each name in the table is a component."""
    allowed = table()
    there = {component(name) for name in MODULES}
    assert there <= allowed.keys()
    assert {name for names in allowed.values() for name in names} | allowed.keys() <= there


def test_the_page_names_each_folder_of_a_component():
    """A package within a component is a word of the page."""
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    within = {name for name, path in MODULES.items() if path.name == "__init__.py" and name.count(".") == 2}
    assert within
    assert {name for name in within if not re.search(rf"\b{name.rpartition('.')[2]}\b", text)} == set()


def test_no_file_imports_itself_by_a_detour():
    """There is no cycle between files, deferred and type-checking imports included."""
    edges: dict[str, set[str]] = {}
    for one in IMPORTS:
        if one.imported in MODULES:
            edges.setdefault(one.importer, set()).add(one.imported)
    assert [" -> ".join(cycle) for cycle in cycles(edges)] == []


@pytest.mark.parametrize(
    ("package", "owners"),
    [
        ("openai", {"convrun.backends.openai"}),
        ("httpx2", {"convrun.backends.openai"}),
        ("vcr", {"convrun.cassette.kept.saving", "convrun.cassette.persister"}),
        ("genai_prices", {"convrun.backends.prices"}),
    ],
)
def test_one_file_owns_what_talks_to_the_world(package, owners):
    """The SDK and the price list are imported by one file each, vcrpy by who records and who is called by it."""
    assert {one.importer for one in IMPORTS if one.imported.split(".")[0] == package} <= owners


def test_heavy_packages_are_loaded_late():
    """A file that has a heavy package at its top is itself imported inside functions only."""
    holders = {one.importer for one in IMPORTS if one.at_load and one.imported.split(".")[0] in HEAVY}
    early = [one for one in IMPORTS if one.at_load and one.imported in holders]
    assert not early, [f"{one.importer}:{one.line} loads {one.imported}" for one in early]


def test_only_absolute_imports_are_used():
    """A reader sees where a name comes from."""
    relative = [one for one in IMPORTS if not one.imported]
    assert not relative


def loaded(code: str) -> set[str]:
    """Return the packages and modules that a fresh interpreter has loaded after running `code`."""
    tail = "\nimport sys; print('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code + tail], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_asking_for_the_version_loads_nothing_heavy():
    """`convrun --version` loads no heavy package that typer does not load by itself, and nothing of a run."""
    code = (
        "import sys; sys.argv = ['convrun', '--version']\nfrom convrun.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code"
    )
    found = loaded(code)
    assert found & HEAVY <= loaded("import typer") & HEAVY
    assert not found & {"convrun.results", "convrun.values", "convrun.settings", "convrun.spec", "convrun.document"}


def test_a_replay_loads_only_what_replays(tmp_path: Path):
    """A replay that passes loads no heavy package, no other command, no recorder, no report but the console's."""
    project = Project(tmp_path)
    project.write("specs/greet.yaml", "model: echo\nturns: [{user: Hello, expect: [{contains: Hello}]}]\n")
    project.record()
    code = (
        f"import os, sys; os.chdir({str(tmp_path)!r}); sys.argv = ['convrun', 'run']\n"
        "from convrun.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code"
    )
    found = loaded(code)
    assert found & HEAVY <= loaded("import typer") & HEAVY
    ours = {name for name in found if name.startswith("convrun.")}
    assert not {name for name in ours if re.match(NO_REPLAY, name)}
    assert len(ours) <= MOST_FOR_A_REPLAY, (
        "each file costs a quarter of a millisecond, each value a tenth: load it later"
    )


def test_values_are_made_by_frozen():
    """The standard library's own decorator takes six times as long, at each start."""
    slow = [
        f"{path.relative_to(ROOT)}: {found[0]}, write @frozen"
        for path in MODULES.values()
        for found in re.finditer(r"@dataclass\(.*frozen=True.*slots=True.*\)", path.read_text(encoding="utf-8"))
    ]
    assert not slow


def test_importing_the_package_loads_nothing():
    """`import convrun` costs next to nothing: names are loaded when they are asked for."""
    assert not loaded("import convrun") & {*HEAVY, "typer", "yaml"}


def test_the_reader_of_imports_sees_all_kinds(tmp_path: Path):
    """Imports at the top, under TYPE_CHECKING and inside functions are found, and so is a cycle of them."""
    package = tmp_path / "convrun"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("import json\ndef f():\n    from convrun import b\n")
    (package / "b.py").write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from convrun.a import f\n")
    known = modules(tmp_path)
    found = imports(known)
    assert Import(importer="convrun.a", imported="json", line=1, at_load=True) in found
    assert Import(importer="convrun.a", imported="convrun.b", line=3, at_load=False) in found
    assert Import(importer="convrun.b", imported="convrun.a", line=3, at_load=False) in found
    assert cycles({"convrun.a": {"convrun.b"}, "convrun.b": {"convrun.a"}}) == [["convrun.a", "convrun.b", "convrun.a"]]
