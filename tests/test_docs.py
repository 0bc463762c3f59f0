"""What README.md and docs/ say works as they say it."""

from __future__ import annotations

import re

import pytest
from documentation import ROOT, PageError, blocks, project_of, run_page

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_block_of_a_page_works(page, tmp_path):
    """Each code block is written, validated or run, in a project with the example specs or in an empty folder."""
    text = page.read_text(encoding="utf-8")
    run_page(text, project_of(text, tmp_path))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_to_files_lead_somewhere(page):
    """A relative link names a file that exists."""
    targets = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_to_headings_lead_somewhere(page):
    """A relative link with a fragment names a heading of its page, spelled as GitHub does."""
    links = re.findall(r"\]\((?!https?://|mailto:)([^)#\s]*)#([^)\s]+)\)", page.read_text(encoding="utf-8"))
    targets = [(page.parent / path if path else page, fragment) for path, fragment in links]
    assert [f"{path.name}#{fragment}" for path, fragment in targets if fragment not in _anchors(path)] == []


def _anchors(page):
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_contributing_gives_every_dependency_its_reason():
    """Each dependency in pyproject.toml has a row in CONTRIBUTING.md."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    reasons = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").lower()
    rows = " ".join(re.findall(r"^\| ([^|]+) \|", reasons, re.MULTILINE)).replace(",", " ").split()
    names = re.findall(r'^\s+"([a-z0-9-]+)(?:\[[a-z]+\])?>=', project, re.MULTILINE)
    assert len(names) > 10
    assert set(names) <= set(rows)


def test_blocks_are_found_with_their_lines():
    """Fenced blocks with a language are found; a marked one carries its reason."""
    page = "a\n```yaml\nx: 1\n```\n\n<!-- not run: costs money -->\n```sh\nconvrun record\n```\n```\nplain\n```\n"
    found = blocks(page)
    assert [(block.language, block.line, block.reason) for block in found] == [
        ("yaml", 2, None),
        ("sh", 7, "costs money"),
    ]
    assert found[0].text == "x: 1\n"


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("```python\nraise SystemExit(3)\n```\n", "ended with 3"),
        ("```yaml\nturns: 1\n```\n", "ended with 2"),
        ("```sh\nconvrun --no-such-option\n```\n", "ended with 2"),
        ("```sh\nmake no-such-target\n```\n", "no target 'no-such-target'"),
        ("```sh\ncurl http://example.com\n```\n", "'curl' is not run here"),
        ("```diff\n# convrun.toml\n-old\n+new\n```\n", "not once in 'convrun.toml'"),
        ("```console\n$ convrun --version\nconvrun 99\n```\n", "another one"),
        ("```sh\ncat no_such_file.yaml\n```\n", "no file 'no_such_file.yaml'"),
        ("```sh\npytest no_such_test.py\n```\n", "ended with 4"),
        ("```sh\npython no_such_script.py\n```\n", "ended with 2"),
    ],
)
def test_a_block_that_does_not_work_is_found(page, message, tmp_path):
    """The runner of the pages can fail: each kind of block that is wrong is reported with its line."""
    with pytest.raises(PageError, match="line 1:") as caught:
        run_page(page, tmp_path)
    assert message in str(caught.value)


def test_blocks_that_work_pass(tmp_path):
    """Files are written and changed, commands end with the exit code that is named, times in output do not matter."""
    page = (
        "```python\n# demo_tools.py\ndef twice(n: int) -> int:\n    return 2 * n\n```\n"
        "```python\nfrom demo_tools import twice\nassert twice(2) == 4\n```\n"
        "```sh\nmake run test\nconvrun list nowhere.yaml  # exit 2\n```\n"
        "```diff\n# demo_tools.py\n-    return 2 * n\n+    return n + n\n```\n"
        "```console\n$ convrun --version\n...\nconvrun 0.1.0\n```\n"
        "```console\n$ cat demo_tools.py\n...\ndef twice(n: int) -> int:\n    return n + n\n```\n"
        "```sh\npython demo_tools.py\npytest --version\n```\n"
    )
    run_page(page, tmp_path)


def test_a_page_begins_in_an_empty_folder_where_it_says_so(tmp_path):
    """The example specs are there unless the page says that it begins in an empty folder."""
    (tmp_path / "new").mkdir()
    project_of("<!-- begins in an empty folder -->\n", tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
    assert (project_of("# A page\n", tmp_path) / "specs").is_dir()
