"""The files behind a module: found by reading imports, nothing is imported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from convrun.watching.marks import Marks
from convrun.watching.module_files import ModuleFiles, import_folders


def behind(project, module, *pythonpath):
    """The files of the project that are there and that importing a module reads, by name."""
    found = ModuleFiles().behind(module, import_folders(project.root, pythonpath), Marks())
    return {path.relative_to(project.root).as_posix() for path in found if path.is_file()}


@pytest.mark.parametrize(
    "line",
    [
        "import lib.deep",
        "import lib.deep as other",
        "from lib import deep",
        "from lib.deep import VALUE",
        "from lib.deep import *",
        "def later():\n    from lib import deep",
        "if 1:\n    import lib.deep",
        "import importlib\nimportlib.import_module('lib.deep')",
        "__import__('lib.deep')",
    ],
)
def test_every_way_to_import_is_seen(project, line):
    """At the top or inside, of a module or of what is in it, by statement or by name; packages count, others do not."""
    project.write("tools.py", line)
    for name in ("lib/__init__.py", "lib/deep.py", "lib/other.py"):
        project.write(name, "VALUE = 1")
    assert behind(project, "tools") == {"tools.py", "lib/__init__.py", "lib/deep.py"}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from . import near", {"pack/near.py"}),
        ("from .near import VALUE", {"pack/near.py"}),
        ("from .. import far", {"far.py"}),
        ("from ..pile.thing import VALUE", {"pile/thing.py"}),
    ],
)
def test_relative_imports_begin_at_the_package(project, line, found):
    """One dot is the module's own folder, each further one is above it."""
    project.write("top/pack/tools.py", line)
    for name in ("pack/near.py", "far.py", "pile/thing.py"):
        project.write(f"top/{name}", "VALUE = 1")
    assert behind(project, "top.pack.tools") == {"top/pack/tools.py", *(f"top/{name}" for name in found)}


def test_imports_are_followed_as_far_as_they_go(project):
    """From module to module, also in a circle, and into folders of `pythonpath`."""
    project.write("tools.py", "import one")
    project.write("src/one.py", "import two")
    project.write("src/two.py", "import one, three")
    project.write("three.py", "import json, pytest, nowhere")
    assert behind(project, "tools", "src") == {"tools.py", "src/one.py", "src/two.py", "three.py"}
    assert behind(project, "tools") == {"tools.py"}


def test_what_is_not_there_yet_counts(project):
    """The files that a missing module could be made of are among those found: their coming changes the import."""
    project.write("tools.py", "import later")
    found = ModuleFiles().behind("tools", import_folders(project.root, ()), Marks())
    assert {project.root / "later.py", project.root / "later/__init__.py"} <= found
    assert project.root / "json.py" not in found


def test_a_file_of_pythons_own_name_counts_where_it_is_there(project):
    """`calendar.py` in the project is what `import calendar` reads."""
    project.write("tools.py", "import calendar, json")
    project.write("calendar.py", "")
    assert behind(project, "tools") == {"tools.py", "calendar.py"}


def test_a_module_that_is_no_python_is_a_file_all_the_same(project):
    """A syntax error, bytes that are none, and warnings of the compiler hide nothing but imports."""
    project.write("tools.py", "import one, two\nPATTERN = '\\d'")
    project.write("one.py", "import three\ndef broken(:")
    (project.root / "two.py").write_bytes(b"\xff\x00")
    project.write("three.py", "")
    assert behind(project, "tools") == {"tools.py", "one.py", "two.py"}


def test_imports_are_read_again_once_the_file_has_changed(project):
    """What was read of a file counts until its mark is another."""
    modules, folders = ModuleFiles(), import_folders(project.root, ())
    project.write("tools.py", "import one")
    project.write("one.py", "")
    project.write("other.py", "")
    assert project.root / "one.py" in modules.behind("tools", folders, Marks())
    project.write("tools.py", "import other")
    found = modules.behind("tools", folders, Marks())
    assert project.root / "other.py" in found
    assert project.root / "one.py" not in found


def test_modules_lie_where_python_looks_below_the_root(project, monkeypatch):
    """A folder of `sys.path` in the project is its own; packages that are installed into it are not."""
    monkeypatch.setattr(sys, "path", [str(project.root / "src"), str(project.root / "v/site-packages"), "/elsewhere"])
    assert import_folders(project.root, ["lib"]) == (project.root, project.root / "lib", project.root / "src")
    assert all(isinstance(folder, Path) for folder in import_folders(project.root, []))
