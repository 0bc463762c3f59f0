"""The key `branches`: what is refused, what conversations are called, and what selects them."""

import json

import pytest
from branched_specs import ANGRY, DEEP, POLITE, SPEC

from convrun.errors import UsageError


def spec(branches, **turn):
    """A spec of two turns, the first of which has these branches."""
    return json.dumps({"model": "echo", "turns": [{"user": "A lamp.", "branches": branches, **turn}, {"user": "Bye."}]})


NOW = [{"user": "Now!"}]
NESTED = {"angry": NOW, "polite": [{"user": "Please?", "branches": {"deep": [{"user": "Deep."}]}}, {"user": "Thanks."}]}


@pytest.mark.parametrize(
    ("branches", "said"),
    [
        (None, "expected a mapping for branches, got null"),
        ({}, "no branches (write a name with a list of turns, or leave the key out)"),
        (NOW, "expected a mapping for branches, got a list (write `name: [turns]` below it for each way on)"),
        ({"angry": []}, "an empty list of turns"),
        ({"angry": {"user": "Now!"}}, "expected a list of turns, got a mapping"),
        ({"angry": [{"usr": "Now!"}]}, "unknown key 'usr' in a turn (did you mean 'user'?)"),
        ({"a/b": NOW}, "'a/b' cannot be the name of a branch"),
        ({"": NOW}, "'' cannot be the name of a branch"),
        ({"..": NOW}, "'..' cannot be the name of a branch"),
        ({"a b": NOW}, "'a b' cannot be the name of a branch"),
        ({"a.yaml": NOW}, "'a.yaml' cannot be the name of a branch"),
        ({"con": NOW}, "'con' cannot be the name of a branch"),
        ({"angry@2": NOW}, "'angry@2' cannot be the name of a branch"),
        ({"angry": NOW, "Angry": NOW}, "the names of two branches differ in upper and lower case only: 'Angry'"),
    ],
)
def test_branches_that_cannot_be_are_refused(project, branches, said):
    """What is no mapping of fit names to turns is a mistake at its place, and nothing runs."""
    project.write(SPEC, spec(branches))
    (mistake, *_) = project.mistakes()
    assert mistake.startswith(f"{SPEC}:1:")
    assert said in mistake


def test_places_of_mistakes_in_branches(project):
    """A mistake in a branch is told where it stands, each once, also one that trunk and branches share."""
    project.write(
        SPEC,
        """
        model: echo
        turns:
        - user: '{{ nobody }}'
          branches:
            angry:
            - user: Now!
              expect: [contain: x]
            - user: '{{ turns[5].reply }}'
        """,
    )
    first, second, third = project.mistakes()
    assert first.startswith(f"{SPEC}:3:9: unknown name 'nobody' in a template")
    assert second.startswith(f"{SPEC}:7:16: unknown check 'contain'")
    assert third.startswith(f"{SPEC}:8:13: ")


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        ({"chain": False}, "chain: false before the last turn"),
        ({"expect_error": {"status": 400}}, "a turn with expect_error has no reply that branches could go on from"),
    ],
)
def test_turn_that_nothing_goes_on_from_has_no_branches(project, turn, said):
    """Branches of a turn whose calls stay open, or that expects an error, are a mistake."""
    project.write(SPEC, spec({"angry": NOW}, **turn))
    assert said in project.mistakes()[0]


def test_last_turn_may_branch(project):
    """On the last turn the trunk just ends; chain: false there is a mistake, and none in the last turn of a branch."""
    project.write(SPEC, json.dumps({"model": "echo", "turns": [{"user": "A", "branches": {"b": NOW}}]}))
    assert [one.id for one in project.run().conversations] == [SPEC, f"{SPEC}/b"]
    last = [{"user": "Now!", "chain": False}]
    project.write(SPEC, json.dumps({"model": "echo", "turns": [{"user": "A", "branches": {"b": last}}]}))
    assert len(project.run().conversations) == 2
    turn = {"user": "A", "chain": False, "branches": {"b": NOW}}
    project.write(SPEC, json.dumps({"model": "echo", "turns": [turn]}))
    assert "chain: false with branches" in project.mistakes()[0]


def test_ids_of_turns_are_told_apart_on_each_way(project):
    """A turn's id may stand in two branches, but not in a branch and before it."""
    project.write(SPEC, spec({"a": [{"user": "1", "id": "x"}], "b": [{"user": "2", "id": "x"}]}))
    assert len(project.run().conversations) == 3
    project.write(SPEC, spec({"a": [{"user": "1", "id": "x"}]}, id="x"))
    assert "two turns have the id 'x'" in project.mistakes()[0]


@pytest.mark.parametrize(
    ("paths", "ids"),
    [
        ([SPEC], [SPEC, ANGRY, POLITE, DEEP]),
        ([ANGRY], [ANGRY]),
        ([f"{SPEC}::angry"], [ANGRY]),
        ([POLITE], [POLITE, DEEP]),
        ([DEEP, ANGRY], [ANGRY, DEEP]),
        ([ANGRY, SPEC], [SPEC, ANGRY, POLITE, DEEP]),
    ],
)
def test_branches_are_selected_by_their_ids(project, paths, ids):
    """An id selects a branch and what goes on from it; the file all of it."""
    project.write(SPEC, spec(NESTED))
    assert [one.id for one in project.run(*paths).conversations] == ids


def test_branches_of_a_case_are_selected_with_it(project):
    """A case selects its trunk and its branches, `case/branch` that one; so it is with a keyword and another model."""
    project.write(SPEC, json.dumps(json.loads(spec(NESTED)) | {"cases": [{"id": "paris"}, {"id": "oslo"}]}))
    ids = [one.id for one in project.run(f"{SPEC}::paris").conversations]
    assert ids == [f"{SPEC}::paris{rest}" for rest in ("", "/angry", "/polite", "/polite/deep")]
    assert project.one(f"{SPEC}::paris/angry").cassette == "cassettes/lamp/paris/angry.yaml"
    assert [one.id for one in project.run(keyword="deep and oslo").conversations] == [f"{SPEC}::oslo/polite/deep"]


def test_branch_is_found_with_another_model(project):
    """With -m the model stands before the branch, which is selected without it as well."""
    project.write(SPEC, spec({"angry": NOW}))
    planned = project.prepared(ANGRY, models=("gpt-9",), imports=False).conversations
    assert [one.planned.id for one in planned] == [f"{SPEC}::gpt-9/angry"]
    assert "have one cassette" in project.mistakes(models=("echo", "angry"))[0]


@pytest.mark.parametrize(
    ("path", "fix"),
    [(f"{SPEC}/angri", "did you mean '/angry'?"), (f"{POLITE}/dep", "did you mean '/polite/deep'?")],
)
def test_branch_that_is_not_there(project, path, fix):
    """A branch that is not there is a mistake of the command line, and the near one is told."""
    project.write(SPEC, spec(NESTED))
    with pytest.raises(UsageError) as caught:
        project.prepared(path)
    assert (caught.value.what.startswith(f"{SPEC} has no branch"), caught.value.fix) == (True, fix)


def test_branch_that_is_called_as_a_case(project):
    """A case whose id is the path of a branch is a mistake: two conversations had one id."""
    cases = [{"id": "a"}, {"id": "a/angry"}]
    project.write(SPEC, json.dumps(json.loads(spec({"angry": NOW})) | {"cases": cases}))
    assert f"two conversations have the same id: '{SPEC}::a/angry'" in project.mistakes()[0]


def test_branch_that_is_named_by_a_secret(project):
    """A key as the name of a branch is a mistake that does not repeat it."""
    key = "sk-loopback-0123456789"
    project.write(SPEC, spec({key: NOW}))
    (mistake,) = project.mistakes(environ={"OPENAI_API_KEY": key})
    assert "the name of this branch is a secret" in mistake


def test_list_tells_of_branches(project):
    """As JSON a branch has its own turns, and what it goes on from."""
    project.write(SPEC, spec(NESTED))
    listed = {one["id"]: one for one in json.loads(project.cli("list", "--json").stdout)}
    assert [one["turns"] for one in listed.values()] == [2, 1, 2, 1]
    assert (listed[SPEC]["branch"], listed[DEEP]["branch"]) == (None, {"trunk": POLITE, "turn": 2})


def test_folder_of_specs_in_the_way_of_branches(project):
    """A folder of specs that is called as a spec with branches has the place of their cassettes."""
    project.write(SPEC, spec({"angry": NOW}))
    project.write("specs/lamp/other.yaml", spec({"angry": NOW}))
    assert "lies in a folder named as 'specs/lamp.yaml', whose cassettes are there" in project.mistakes()[0]


def test_faults_belong_to_who_has_the_turn(project):
    """A fault of a turn by its number is the trunk's, and a branch's where the turn is before it; by id its own."""
    faults = [{"turn": 2, "inject": "refusal"}, {"turn": "late", "inject": "refusal"}]
    late = [{"user": "Now!", "id": "late", "expect": [{"refusal": True}]}]
    written = json.loads(spec({"angry": NOW, "late": late})) | {"faults": faults}
    project.write(SPEC, json.dumps(written))
    found = {one.id: [turn.faults != () for turn in one.turns] for one in project.run().conversations}
    assert found == {SPEC: [False, True], ANGRY: [False], f"{SPEC}/late": [True]}
    project.write(SPEC, json.dumps(written | {"faults": [{"turn": "lat", "inject": "refusal"}]}))
    assert "no turn has the id 'lat' (did you mean 'late'?)" in project.mistakes()[0]


def test_skipped_beginning_needs_no_recording(project):
    """Where every turn before a branch is passed over, it needs no trunk's recording."""
    project.write(SPEC, spec({"angry": [{"user": "Now!", "expect": [{"equals": "Now!"}]}]}, skip="later"))
    assert project.one(ANGRY, record="all").verdict == "passed"
    assert project.one(ANGRY).verdict == "passed"


def test_templates_of_a_branch_see_the_beginning(project):
    """What a branch says may name the turns before it, by their numbers and ids."""
    branch = [{"user": "{{ turns.first.reply }} again", "expect": [{"equals": "{{ turns[0].reply }} again"}]}]
    project.write(SPEC, spec({"more": branch}, id="first"))
    assert project.one(f"{SPEC}/more").turns[0].reply == "A lamp. again"
