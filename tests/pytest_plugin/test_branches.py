"""Branches of a conversation in pytest: an item each."""

BRANCHED = """
    model: echo
    turns:
    - user: A lamp.
      branches:
        angry: [{user: Now!, expect: [contains: Later]}]
        polite: [{user: Please?, expect: [contains: Please], branches: {deep: [{user: Ah., expect: [contains: Ah]}]}}]
    - {user: Never mind., expect: [contains: mind]}
"""


def test_a_branch_is_an_item_that_is_named_behind_its_file(suite):
    """The trunk is called as the file, a branch by its name; what fails is repeated by that, and nothing else is."""
    suite.write("specs/a.yaml", BRANCHED)
    ids = ["specs/a.yaml", *(f"specs/a.yaml::{name}" for name in ("angry", "polite", "polite/deep"))]
    assert suite.ids("specs") == ids
    result = suite.pytest("specs/a.yaml::angry", code=1)
    result.stdout.fnmatch_lines(["FAILED specs/a.yaml::angry, turn 2", "  run just it: pytest specs/a.yaml::angry"])
    suite.passes("specs/a.yaml::polite/deep", passed=1)


def test_branches_of_a_case_that_are_stale_name_what_records_them(suite):
    """A stale beginning names the trunk, whose recording records its branches, too."""
    suite.write("specs/a.yaml", f"{BRANCHED}    cases: [{{id: paris}}]\n")
    suite.run("specs/a.yaml::paris", record="all", keep_going=True)
    assert suite.ids("specs")[1] == "specs/a.yaml::paris/angry"
    suite.edit("specs/a.yaml", "A lamp.", "One lamp.")
    result = suite.pytest("specs/a.yaml::paris/polite", code=1)
    result.stdout.fnmatch_lines(
        ["*specs/a.yaml::paris/polite, turn 1, model call 1", "*convrun record specs/a.yaml::paris"]
    )
