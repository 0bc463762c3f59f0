"""A matrix: which conversations it makes, what each of them says, and that its ids stay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convrun.errors import UsageError
from convrun.run.planning.options import RunOptions
from convrun.run.planning.plan import plan
from convrun.settings import Settings
from convrun.spec.loading import load_spec

CASES = [{"id": "one", "name": "Ann"}, {"id": "two", "name": "Bob"}]
TURN = {"user": "Hi {{ name }} in {{ city }}", "expect": [{"contains": "Hi"}]}
SPEC = {"model": "echo", "vars": {"city": "Rome", "name": "Eve"}, "turns": [TURN]}


def write(project, matrix, **more):
    """Write the spec with this matrix."""
    project.write("specs/a.yaml", json.dumps({**SPEC, **more, "matrix": matrix}))


def ids(run):
    """The ids, without what all have in common."""
    return [one.id.removeprefix("specs/a.yaml::") for one in run.conversations]


def verdicts(run):
    """The verdicts by what is behind `::` in the ids."""
    return dict(zip(ids(run), (one.verdict for one in run.conversations), strict=True))


def test_the_product_stands_in_the_order_of_the_file(project):
    """Cases change last, the last axis first; an id has the case, then the values in the order of the axes."""
    write(project, {"city": ["Oslo", "Bonn"], "options": [{"seed": 1}, {"seed": 2}]}, cases=CASES)
    run = project.run()
    assert ids(run) == [
        f"{case}-{city}-seed={n}" for case in ("one", "two") for city in ("Oslo", "Bonn") for n in (1, 2)
    ]
    assert [one.turns[0].user for one in run.conversations[:3:2]] == ["Hi Ann in Oslo", "Hi Ann in Bonn"]
    assert run.conversations[0].case == "one"


def test_a_matrix_of_one_value_adds_its_name(project):
    """The id follows from the key, never from how many there are."""
    write(project, {"city": ["Oslo"]})
    assert ids(project.run()) == ["Oslo"]


def test_models_prompts_and_options_are_the_specs_own(project, loopback):
    """Each conversation asks its model with its system prompt, and its options over those of the spec."""
    project.write("specs/_brief.md", "Be brief, {{ name }}.\n")
    model = {"name": "m", "base_url": loopback.base_url, "max_retries": 0, "stream": False}
    loopback.says(*["Hi."] * 8)
    write(
        project,
        {
            "model": ["m", {"name": "n", "base_url": loopback.base_url}],
            "system": [{"file": "_brief.md"}, {"text": "", "id": "none"}],
            "options": [{"temperature": 0}, {"seed": None, "temperature": 1}],
        },
        model=model,
        options={"seed": 7, "top_p": 1},
    )
    run = project.run(record="all")
    assert {one.verdict for one in run.conversations} == {"passed"}
    asked = [request.body for request in loopback.requests]
    said = [
        (one["model"], [m["content"] for m in one["messages"]][:-1], one.get("seed"), one["temperature"])
        for one in asked
    ]
    assert said == [
        (name, prompt, seed, temperature)
        for name in ("m", "n")
        for prompt in (["Be brief, Eve."], [])
        for seed, temperature in ((7, 0), (None, 1))
    ]
    assert {one["top_p"] for one in asked} == {1}
    assert [one.verdict for one in project.run().conversations] == ["passed"] * 8


def test_a_turn_goes_over_the_matrix(project, loopback):
    """Options and system prompt of a turn stand over those of its combination."""
    model = {"name": "m", "base_url": loopback.base_url, "max_retries": 0}
    turns = [TURN, {"user": "Sure?", "system": "Be long.", "options": {"seed": None}}]
    loopback.says("Hi.", "Yes.")
    write(project, {"system": ["Be brief."], "options": [{"seed": 1}]}, model=model, turns=turns)
    project.run(record="all")
    first, second = (request.body for request in loopback.requests)
    assert (first["messages"][0]["content"], first["seed"]) == ("Be brief.", 1)
    assert (second["messages"][0]["content"], second.get("seed")) == ("Be long.", None)


def test_the_matrix_goes_over_cases_and_vars_and_d_over_all(project):
    """Precedence: vars, case, matrix, -D; the ids stay those of the values."""
    write(project, {"city": ["Oslo", "Bonn"]}, cases=CASES)
    assert project.run().conversations[1].vars == {"id": "one", "name": "Ann", "city": "Bonn"}
    run = project.run(defines={"city": "Kiel"})
    assert ids(run) == ["one-Oslo", "one-Bonn", "two-Oslo", "two-Bonn"]
    assert {one.vars["city"] for one in run.conversations} == {"Kiel"}
    with pytest.raises(UsageError, match="did you mean 'city'"):
        project.run(defines={"cit": "Kiel"})


def test_a_path_selects_a_case_or_a_combination(project):
    """What is behind `::` is a case, of which all combinations are taken, or the rest of an id."""
    write(project, {"city": ["Oslo", "Bonn"]}, cases=CASES)
    assert ids(project.run("specs/a.yaml::two")) == ["two-Oslo", "two-Bonn"]
    assert ids(project.run("specs/a.yaml::one-Bonn")) == ["one-Bonn"]
    assert ids(project.run(keyword="bonn and not two")) == ["one-Bonn"]
    assert ids(project.run("specs/a.yaml::one-Bonn", models=("echo", "m"))) == ["one-Bonn", "one-Bonn-m"]
    with pytest.raises(UsageError, match="did you mean 'one-Bonn'"):
        project.run("specs/a.yaml::one-Bon")


def test_m_takes_the_place_of_the_models(project):
    """A model of the axis keeps its id, another one stands where it would stand if it were added."""
    told = {"id": "told", "script": [{"reply": "Hi"}]}
    write(project, {"model": ["echo", told], "city": ["Oslo", "Bonn"]}, model="gpt-5")
    assert ids(project.run(models=("echo",))) == ["echo-Oslo", "echo-Bonn"]
    assert ids(project.run(models=("told", "ollama/llama", "echo", "ollama/llama"))) == [
        f"{name}-{city}" for name in ("told", "ollama/llama", "echo") for city in ("Oslo", "Bonn")
    ]
    assert [one.model for one in project.run(models=("gpt-5",)).conversations] == ["gpt-5"] * 2
    write(project, {"city": ["Oslo", "Bonn"]}, cases=CASES)
    assert ids(project.run("specs/a.yaml::one", models=("echo", "m"))) == [
        "one-Oslo", "one-Oslo-m", "one-Bonn", "one-Bonn-m"
    ]  # fmt: skip


def test_a_plain_model_means_what_it_means_behind_m(project):
    """The spec's own keeps its endpoint, another one only how it answers; a mapping is complete in itself."""
    own = {"name": "a", "base_url": "http://127.0.0.1:9/v1", "stream": True}
    write(project, {"model": ["a", "b", {"name": "c"}, {"name": "d", "system_role": "developer"}]}, model=own)
    models = [one.planned.model for one in project.prepared().conversations]
    assert [(one.name, one.base_url is not None, one.stream) for one in models] == [
        ("a", True, True),
        ("b", False, True),
        ("c", False, True),
        ("d", False, False),
    ]


def test_no_other_model_is_needed_than_those_of_the_matrix(project):
    """Neither the spec nor the settings name one."""
    spec = {"turns": [{"user": "Hi", "expect": [{"contains": "Hi"}]}], "matrix": {"model": ["echo"]}}
    project.write("specs/a.yaml", json.dumps(spec))
    assert verdicts(project.run()) == {"echo": "passed"}


def test_combinations_share_what_they_can(project):
    """A spec is bound once for each system prompt with each options, whatever else there are."""
    write(project, {"model": ["echo", "m"], "system": ["a", "b"], "city": ["x", "y", "z"]}, cases=CASES)
    bound = project.prepared().conversations
    assert (len(bound), len({id(one.spec) for one in bound})) == (24, 2)
    assert {one.spec.spec.system.source for one in bound} == {"a", "b"}


ADDED = [
    {"cases": [{"id": "new", "name": "Zoe"}, *CASES]},
    {"cases": [*CASES, {"id": "new", "name": "Zoe"}]},
    {"model": [{"id": "new", "script": [{"reply": "Hi"}]}, "echo", {"id": "told", "script": [{"reply": "Hi"}]}]},
    {"city": ["new", "Oslo", "Bonn"]},
    {"city": ["Bonn", "new", "Oslo"]},
    {"system": ["Be kind.", {"text": "new", "id": "new"}, {"file": "_brief.md"}]},
    {"options": [{"seed": 2}, {"id": "new", "top_p": 1}, {"seed": 1}]},
]


@pytest.fixture
def recorded(project):
    """A spec with cases and all kinds of axes, every conversation of which is recorded."""
    project.write("specs/_brief.md", "Be brief.")
    found = {
        "model": ["echo", {"id": "told", "script": [{"reply": "Hi"}]}],
        "system": [{"file": "_brief.md"}, "Be kind."],
        "options": [{"seed": 1}, {"seed": 2}],
        "city": ["Oslo", "Bonn"],
    }
    write(project, found, cases=CASES)
    assert len({one.cassette for one in project.run(record="all").conversations}) == 32
    return project, found


def test_nothing_is_missing_but_what_is_new(recorded):
    """A case, a model, a prompt, options or a value that is added, wherever, leaves all recordings their owners."""
    project, found = recorded
    before = set(ids(project.run()))
    for added in ADDED:
        cases = added.get("cases", CASES)
        write(project, {**found, **{key: value for key, value in added.items() if key != "cases"}}, cases=cases)
        run = project.run(refresh=True)
        now = verdicts(run)
        new = {name for name in now if "new" in name}
        assert new
        assert set(now) - new == before, added
        assert {name for name, verdict in now.items() if verdict == "missing"} == new
        assert {now[name] for name in before} == {"passed"}
        assert not [finding for finding in run.findings if finding.kind == "orphaned"]


WORDS = st.text("abc-2", min_size=1, max_size=3)
VALUES = st.lists(WORDS | st.integers(0, 9) | st.booleans() | st.none(), min_size=1, max_size=4, unique_by=str)


@given(st.data(), st.lists(VALUES, min_size=1, max_size=3))
def test_ids_follow_from_values_alone(data, lists):
    """Whatever is added to an axis and in whatever order its values stand, the other conversations keep their ids."""
    axes = {f"axis{number}": values for number, values in enumerate(lists)}
    name = data.draw(st.sampled_from(sorted(axes)))
    fewer = {**axes, name: data.draw(st.lists(st.sampled_from(axes[name]), min_size=1, unique_by=str))}
    every, some = planned_ids(axes), planned_ids(fewer)
    if every is not None:
        assert some is not None
        assert some <= every
        assert len(some) == len(every) // len(axes[name]) * len(fewer[name])


def planned_ids(axes):
    """The ids and cassettes of a matrix; None where two combinations have one, which is a mistake."""
    text = json.dumps({"model": "echo", "turns": [{"user": "Hi"}], "matrix": axes})
    spec = load_spec(Path("/nowhere/specs/a.yaml"), Path("/nowhere"), text=text)
    found = plan([(spec, None)], Settings(root=Path("/nowhere")), RunOptions())
    return None if found.errors else {(one.id, one.cassette_shown) for one in found.conversations}


def test_equal_ids_of_two_combinations_are_a_mistake(project):
    """Where parts of an id can be read in two ways, it is told once, at the matrix."""
    write(project, {"city": ["a", "a-b"], "name": ["c", "b-c"]})
    (told,) = project.mistakes()
    assert "specs/a.yaml:1:" in told
    assert "two combinations have one id: 'specs/a.yaml::a-b-c'" in told
    assert "rename a case, or write a value as a mapping with an `id`" in told
    write(project, {"city": ["a", "A-b"], "name": ["c", "B-c"]})
    (told,) = project.mistakes()
    assert "differ in upper and lower case only: 'specs/a.yaml::a-B-c' and 'specs/a.yaml::A-b-c'" in told


def test_samples_of_a_combination_are_its_own(project):
    """Each combination has its samples; a value that is named as another's sample is a mistake."""
    write(project, {"city": ["x", "y"]}, samples={"times": 2})
    assert [one.planned.id.partition("::")[2] for one in project.prepared().conversations] == ["x", "x@2", "y", "y@2"]
    write(project, {"city": ["x", "x@2"]}, samples={"times": 2})
    (told,) = project.mistakes()
    assert "two conversations have one id, 'specs/a.yaml::x@2': one is a sample" in told


def test_more_combinations_than_anybody_can_mean_are_a_mistake(project):
    """It is told how many there are and what makes them, at once."""
    write(project, {"city": [*map(str, range(100))], "name": [*map(str, range(51))]}, cases=[{"id": "a"}, {"id": "b"}])
    (told,) = project.mistakes()
    assert "the matrix makes 10,200 conversations, 2 of cases x 100 of city x 51 of name: more than 10,000" in told
    write(project, {"city": [*map(str, range(100))]}, samples={"times": 101})
    (told,) = project.mistakes()
    assert "the matrix makes 10,100 conversations, 100 of city x 101 of samples: more than 10,000" in told
    write(project, {"city": [*map(str, range(100))], "name": [*map(str, range(51))]})
    assert len(project.prepared(imports=False).conversations) == 5_100


@pytest.mark.parametrize(
    ("axis", "fix"),
    [
        ("modle", "did you mean 'model'?"),
        ("sytem", "did you mean 'system'?"),
        ("temperature", "write `options: [{temperature: …}, …]`"),
        ("quarter", "name it in a template, as {{ quarter }}"),
    ],
)
def test_an_axis_that_nothing_uses_is_a_mistake(project, axis, fix):
    """It is a misspelt key or none at all: its conversations would all be the same."""
    write(project, {"city": ["x", "y"], axis: ["a", "b"]})
    (told,) = project.mistakes()
    assert f"nothing uses the axis {axis!r}" in told
    assert fix in told


@pytest.mark.parametrize(
    "more",
    [
        {"turns": [{"user": "{{ vars['quarter'] }}"}]},
        {"turns": [{"user": "Hi", "expect": [{"contains": "{{ quarter }}"}]}]},
        {"expect": [{"not": {"python": "lib.checks:looks"}}]},
        {"system": "{{ quarter }}"},
    ],
)
def test_an_axis_that_may_be_used_is_none(project, more):
    """A template, a check or a function of the project may look at it."""
    project.write("lib/checks.py", "def looks(context):\n    return context.vars['quarter'] == 'z'")
    write(project, {"quarter": ["a", "b"]}, **more)
    assert len(project.prepared().conversations) == 2


def test_an_axis_that_one_system_prompt_uses_is_used(project):
    """The others may do without."""
    write(project, {"quarter": ["a"], "system": ["x", "in {{ quarter }}"]})
    assert len(project.prepared().conversations) == 2


def test_mistakes_of_a_combination_are_told_once(project):
    """An unknown name in one prompt is told for it alone, one in the turns for all of them together."""
    write(
        project,
        {"system": ["{{ nme }}", "ok"], "options": [{"seed": 1}, {"seed": 2}], "city": ["x", "y"]},
        turns=[{"user": "{{ ciy }}"}],
    )
    told = sorted(one.split(": ", 1)[1] for one in project.mistakes())
    assert told == [
        "unknown name 'ciy' in a template (did you mean 'city'?)",
        "unknown name 'nme' in a template (did you mean 'name'?)",
    ]


def test_a_broken_spec_still_tells_of_names(project):
    """Beside another mistake, names in the prompts are judged with the axes known."""
    write(project, {"system": ["{{ nme }} {{ city }}"], "city": ["x"]}, tags=5)
    told = [one.split(": ", 1)[1].split(" (")[0] for one in project.mistakes()]
    assert told == ["expected a list of tags, got the number 5", "unknown name 'nme' in a template"]


def test_an_axis_gives_its_name_to_every_case(project):
    """A case that lacks what another has is no mistake where the matrix gives it to all."""
    write(project, {"city": ["x"]}, cases=CASES, vars={})
    assert verdicts(project.run()) == {"one-x": "passed", "two-x": "passed"}


def test_defaults_and_bases_lie_below(project):
    """Options of the settings are those of the spec, over which the matrix stands; a base may bring axes."""
    project.write("convrun.toml", "[defaults]\nmodel = 'echo'\noptions = {seed = 1, top_p = 0.5}\n")
    project.write("specs/_base.yaml", "matrix: {options: [{seed: 2}, {seed: null}]}\n")
    project.write("specs/a.yaml", json.dumps({"extends": "_base.yaml", "turns": [{"user": "Hi"}]}))
    found = project.prepared().conversations
    assert [one.spec.spec.options for one in found] == [{"seed": 2, "top_p": 0.5}, {"top_p": 0.5}]


def test_a_value_named_by_a_secret_is_a_mistake(project):
    """Its name would stand in file names, for all to see."""
    key = "sk-proj-" + "Zk3vQ9xT1mB7nR5wLc8D" * 2
    write(project, {"city": [key, "x"]})
    (told,) = project.mistakes()
    assert "the name of this value is a secret" in told
    assert key not in told


def test_a_variable_may_not_stand_in_the_matrix_as_well(project):
    """The value of a variable that a template names, written out in an axis, could not be told apart."""
    write(project, {"city": ["quite-a-secret-town", "x"]}, turns=[{"user": "{{ city }} {{ env.TOWN }}"}])
    (told,) = project.mistakes(environ={"TOWN": "quite-a-secret-town"})
    assert "the value of TOWN stands in the spec itself, in the matrix" in told


def test_list_shows_the_vars(project):
    """As JSON each conversation has its vars, those of the axes among them."""
    write(project, {"city": ["Oslo", {"id": "bonn", "n": 1}]})
    found = json.loads(project.cli("list", "--json").stdout)
    assert [one["vars"]["city"] for one in found] == ["Oslo", {"id": "bonn", "n": 1}]
