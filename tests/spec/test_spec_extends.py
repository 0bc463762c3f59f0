"""Specs that are written over others: what merges, what replaces, what appends, and where mistakes are shown."""

from __future__ import annotations

import pytest

from convrun.errors import SpecErrors
from convrun.spec.loading import load_spec

BASE = """
model: {name: gpt-4.1-mini, timeout: 5s}
system: Be brief.
vars: {city: Oslo, place: {country: Norway, river: Akerselva}}
options: {temperature: 0, seed: 7}
tags: [base]
hooks: {before_call: 'a:b', after_call: 'a:c'}
each_turn: [{finish_reason: stop}]
expect: [{contains: one}]
turns: [{user: Hi}]
"""


@pytest.fixture
def load(tmp_path):
    """Load `specs/a.yaml` from these texts by file name, `spec` being its own."""

    def loaded(spec, defaults=None, **others):
        for name, text in {"a.yaml": spec, **{f"{name}.yaml": text for name, text in others.items()}}.items():
            path = tmp_path / "specs" / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        return load_spec(tmp_path / "specs" / "a.yaml", tmp_path, defaults)

    return loaded


@pytest.fixture
def mistakes(load):
    """The mistakes that loading finds, a line each."""

    def found(spec, **others):
        with pytest.raises(SpecErrors) as caught:
            load(spec, **others)
        return [str(error) for error in caught.value.errors]

    return found


def kinds(checks):
    """The kinds and values of checks."""
    return [(check.kind, getattr(check.value, "source", check.value)) for check in checks]


def test_a_spec_has_what_its_base_has(load):
    """What a spec does not say comes from its base; its name and file are its own."""
    spec = load("extends: [_base.yaml]\n", _base=BASE)
    assert (spec.system.source, spec.vars["city"], spec.options["seed"]) == ("Be brief.", "Oslo", 7)
    assert [turn.user.source for turn in spec.turns] == ["Hi"]
    assert (spec.name, spec.file, str(spec.where)) == ("a", "specs/a.yaml", "specs/a.yaml:1:1")


def test_mappings_merge_at_every_depth_and_the_rest_replaces(load):
    """Of two mappings both have their say, the spec's own first; texts and lists stand in the base's place."""
    spec = load(
        """
        extends: _base.yaml
        model: {timeout: 9s}
        system: Be long.
        vars: {place: {river: Glomma}}
        options: {seed: null}
        tags: [own]
        hooks: {after_call: ['a:d', 'a:e']}
        """,
        _base=BASE,
    )
    assert (spec.model.name, spec.model.timeout) == ("gpt-4.1-mini", 9.0)
    assert spec.vars == {"city": "Oslo", "place": {"country": "Norway", "river": "Glomma"}}
    assert (spec.options, spec.tags, spec.system.source) == ({"temperature": 0, "seed": None}, ("own",), "Be long.")
    assert [one.text for one in spec.hooks.before_call] == ["a:b"]
    assert [one.text for one in spec.hooks.after_call] == ["a:d", "a:e"]


def test_checks_append_where_a_plus_says_so(load):
    """`expect+` and `each_turn+` go behind the base's, `expect` stands in its place."""
    spec = load("extends: [_base.yaml]\nexpect+: [{contains: two}]\neach_turn: [{contains: x}]\n", _base=BASE)
    assert kinds(spec.expect) == [("contains", "one"), ("contains", "two")]
    assert kinds(spec.each_turn) == [("contains", "x")]
    assert [str(check.where) for check in spec.expect] == ["specs/_base.yaml:9:11", "specs/a.yaml:2:12"]


def test_bases_are_written_over_each_other_in_order(load):
    """The later base wins over the earlier, a base's own base loses to it, and appended checks add up."""
    spec = load(
        "extends: [_one.yaml, _two.yaml]\nexpect+: [{contains: d}]\n",
        _one="extends: deep/_zero.yaml\nvars: {x: one, y: one}\nexpect+: [{contains: b}]\nturns: [{user: one}]\n",
        _two="vars: {x: two}\nexpect+: [{contains: c}]\n",
        deep___zero="vars: {x: zero, y: zero, z: zero}\nexpect: [{contains: a}]\nmodel: echo\n",
    )
    assert spec.vars == {"x": "two", "y": "one", "z": "zero"}
    assert kinds(spec.expect) == [("contains", name) for name in "abcd"]
    assert (spec.model.name, spec.turns[0].user.source) == ("echo", "one")


def test_a_base_that_only_appends_is_enough(load):
    """Where no base has checks of its own, the appended ones are all."""
    spec = load("extends: _x.yaml\nturns: [{user: Hi}]\n", _x="expect+: [{contains: x}]\n")
    assert kinds(spec.expect) == [("contains", "x")]


@pytest.mark.parametrize(
    ("base", "own", "expected"),
    [
        ("system: {text: a, raw: true}", "system: {file: _b.md}", "from the file"),
        ("system: a", "system: {text: b}", "b"),
    ],
)
def test_a_text_is_one_value(load, tmp_path, base, own, expected):
    """The long form of a text does not merge with another text."""
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "_b.md").write_text("from the file\n", "utf-8")
    spec = load(f"extends: _x.yaml\n{own}\nturns: [{{user: Hi}}]\n", _x=base)
    assert (spec.system.source, spec.system.raw) == (expected, False)


@pytest.mark.parametrize("turned", [False, True])
def test_a_script_is_a_model_of_its_own(load, turned):
    """Nothing of another model is left beside a script, nor of a script beside another model."""
    models = ["model: {name: m, base_url: 'http://localhost/v1'}", "model: {script: [{reply: a}]}"]
    base, own = reversed(models) if turned else models
    spec = load(f"extends: _x.yaml\n{own}\nturns: [{{user: Hi}}]\n", _x=base)
    assert (spec.model.name, spec.model.script is None) == (("m", True) if turned else ("script", False))


def test_paths_begin_at_the_file_that_names_them(load, tmp_path):
    """A base in another folder names files beside itself, and so do its checks and cases."""
    shared = tmp_path / "specs" / "shared"
    shared.mkdir(parents=True)
    (shared / "_system.md").write_text("From beside the base.", "utf-8")
    (shared / "_rows.csv").write_text("city\nOslo\n", "utf-8")
    (shared / "_schema.json").write_text('{"type": "object"}', "utf-8")
    spec = load(
        "extends: shared/_base.yaml\nturns: [{user: Hi}]\n",
        shared___base="system: {file: _system.md}\ncases: {file: _rows.csv}\n"
        "expect: [{json_schema: {file: _schema.json}}]\n",
    )
    assert spec.system.source == "From beside the base."
    assert ([case.id for case in spec.cases], spec.expect[0].value) == (["Oslo"], {"type": "object"})


def test_a_mistake_stands_where_it_is_written(mistakes):
    """Mistakes in a base are shown in the base, those of the spec in the spec, all at once."""
    found = mistakes(
        "extends: _base.yaml\ntags: 5\nturns: [{usr: Hi}]\n", _base="model: echo\nsytem: x\nvars: {zip: 012}\n"
    )
    assert [line.partition(" ")[0] for line in found] == [
        "specs/_base.yaml:2:1:",
        "specs/_base.yaml:3:13:",
        "specs/a.yaml:2:7:",
        "specs/a.yaml:3:10:",
    ]


CYCLES = {
    "itself": ({"spec": "extends: a.yaml\n"}, "'specs/a.yaml' extends itself: specs/a.yaml -> specs/a.yaml"),
    "each other": (
        {"spec": "extends: _b.yaml\n", "_b": "extends: _c.yaml\n", "_c": "extends: _b.yaml\n"},
        "'specs/_b.yaml' extends itself: specs/_b.yaml -> specs/_c.yaml -> specs/_b.yaml",
    ),
}


@pytest.mark.parametrize("name", CYCLES)
def test_a_cycle_is_an_error(mistakes, name):
    """A file that extends itself, by whatever way, is told with the way."""
    texts, words = CYCLES[name]
    (only,) = mistakes(**texts)
    assert words in only


WRONG = {
    "nothing there": ("extends: _bsae.yaml\nturns: [{user: Hi}]\n", "'specs/_bsae.yaml' does not exist"),
    "outside": ("extends: ../../x.yaml\nturns: [{user: Hi}]\n", "is outside of the project"),
    "no YAML file": ("extends: notes.md\nturns: [{user: Hi}]\n", "'notes.md' is no YAML file"),
    "an empty base": ("extends: _empty.yaml\nturns: [{user: Hi}]\n", "'specs/_empty.yaml' is empty"),
    "a list for a base": ("extends: _list.yaml\nturns: [{user: Hi}]\n", "expected a mapping for a spec"),
    "both lists": ("extends: _base.yaml\nexpect: [{contains: a}]\nexpect+: [{contains: b}]\n", "beside 'expect'"),
    "no base": ("turns: [{user: Hi}]\nexpect+: [{contains: a}]\n", "there is nothing to append to"),
    "no list": ("extends: _base.yaml\nexpect+: {contains: a}\n", "expected a list of checks"),
    "a number": ("extends: [5]\nturns: [{user: Hi}]\n", "expected text, got the number 5"),
    "twice in a base": ("extends: _twice.yaml\nturns: [{user: Hi}]\n", "duplicate key 'model'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_bases_that_are_none(mistakes, tmp_path, name):
    """One clear mistake for each, and nothing that only follows from it."""
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "notes.md").write_text("x", "utf-8")
    text, words = WRONG[name]
    (only,) = mistakes(text, _base=BASE, _empty="\n", _list="[1]\n", _twice="model: a\nmodel: b\n")
    assert words in only


def test_too_many_bases_are_refused(mistakes):
    """A spec of more than fifty files is no spec that a person wrote."""
    chain = {f"_b{number}": f"extends: _b{number + 1}.yaml\n" for number in range(60)}
    (only,) = mistakes("extends: _b0.yaml\n", **chain)
    assert "more than 50 bases" in only
