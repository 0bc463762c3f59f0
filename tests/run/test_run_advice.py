"""Advice that fits: what is printed can be typed, and what is broken is not recorded."""

from __future__ import annotations

from servers import Answer

TOOL = "def price(item: str) -> int:\n    return {'tea': 3}[item]\n"
SPEC = """
model: {script: [{call: price, with: {item: tea}}, {reply: three}]}
tools: [shop:price]
turns: [{user: How much, expect: [{contains: three}]}]
"""


def test_a_tool_that_raises_now_is_to_be_mended(project):
    """A recorded result that a broken tool no longer gives names what it raised: recording would keep the defect."""
    project.write("shop.py", TOOL)
    project.write("specs/a.yaml", SPEC)
    project.record()
    project.edit("shop.py", "{'tea': 3}[item]", "PRICES[item]")
    (change,) = project.one().stale.changes
    assert change.part == "tool result of 'price'"
    assert change.hint == (
        "price raised NameError: name 'PRICES' is not defined: if that is not meant, mend it and record nothing"
    )


def test_a_tool_that_gives_something_else_is_no_defect(project):
    """Another result is a change like others."""
    project.write("shop.py", TOOL)
    project.write("specs/a.yaml", SPEC)
    project.record()
    project.edit("shop.py", "3", "4")
    (change,) = project.one().stale.changes
    assert (change.recorded, change.now, change.hint) == ("3", "4", None)


def test_an_id_can_be_typed_wherever_one_stands(project):
    """What `run just it` prints begins at the root, and is found from every folder of the project."""
    project.write("specs/a.yaml", "model: echo\ncases: [{id: one}, {id: two}]\nturns: [{user: Hi}]\n")
    for where in (project.root, project.root / "specs"):
        ended = project.cli("list", "specs/a.yaml::two", cwd=where)
        assert (ended.returncode, ended.stdout) == (0, "specs/a.yaml::two\n")


def test_an_error_that_is_not_the_expected_one_is_said_once(project, loopback):
    """The check names status and words; advice for an error that nobody expected is not added."""
    loopback.says(Answer(status=400, body={"error": {"message": "too long"}}))
    project.write("convrun.toml", f"base_urls = ['{loopback.base_url}']\n")
    project.write(
        "specs/a.yaml",
        f"""
        model: {{name: m, base_url: '{loopback.base_url}', max_retries: 0}}
        turns: [{{user: Hi, expect_error: {{status: 401}}}}]
        """,
    )
    ended = project.cli("run", "--record", "all", OPENAI_API_KEY="sk-not-a-key")
    assert ended.returncode == 1
    assert "expected the provider to refuse with status 401, got status 400" in ended.stdout
    assert "change what the request says" not in ended.stdout
