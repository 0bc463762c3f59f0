"""`@frozen` makes what the standard library makes of the same class."""

from __future__ import annotations

import copy
import inspect
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace

import pytest

from convrun.frozen import frozen


def made(decorate):
    """Return a class with each kind of field, decorated."""

    @decorate
    class Value:
        """A value."""

        name: str
        count: int = 1
        notes: list[str] = field(default_factory=list)
        hidden: str | None = field(default=None, repr=False, compare=False)
        given: str = field(default="given", init=False)
        gathered: dict[str, int] = field(default_factory=dict, init=False)
        told: str = field(init=False, repr=False)

        def __post_init__(self):
            object.__setattr__(self, "told", f"{self.name} {self.count}")

    return Value


BOTH = pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (made(frozen), made(dataclass(frozen=True, slots=True, kw_only=True))),
        (made(frozen(kw_only=False)), made(dataclass(frozen=True, slots=True))),
        (made(frozen(eq=False)), made(dataclass(frozen=True, slots=True, kw_only=True, eq=False))),
    ],
)


@frozen
class Kept:
    """A value that a pickle finds by its name."""

    name: str
    notes: tuple[str, ...] = ()


@BOTH
def test_a_value_reads_as_one_of_the_standard_library(ours, theirs):
    """Fields, parameters, representation, defaults and what a pattern may take are the same."""
    for values in ({"name": "a"}, {"name": "a", "count": 2, "notes": ["n"], "hidden": "h"}):
        assert repr(ours(**values)) == repr(theirs(**values))
        assert asdict(ours(**values)) == asdict(theirs(**values))
    assert ours.__match_args__ == theirs.__match_args__
    kinds = [(one.name, one.kind, one.annotation) for one in inspect.signature(ours).parameters.values()]
    assert kinds == [(one.name, one.kind, one.annotation) for one in inspect.signature(theirs).parameters.values()]
    assert not hasattr(ours(name="a"), "__dict__")


@BOTH
def test_values_are_equal_as_those_of_the_standard_library(ours, theirs):
    """The fields that are compared decide, within one class, and a value that cannot be hashed says so."""
    nan = float("nan")
    pairs = [({}, {}), ({"hidden": "h"}, {}), ({"count": 2}, {}), ({"notes": ["n"]}, {}), ({"count": nan},) * 2]
    for one, other in pairs:
        same = theirs(name="a", **one) == theirs(name="a", **other)
        assert (ours(name="a", **one) == ours(name="a", **other)) is same
    assert ours(name="a") != theirs(name="a")
    if ours.__eq__ is object.__eq__:
        assert ours.__hash__ is theirs.__hash__ is object.__hash__
    else:
        with pytest.raises(TypeError, match="unhashable"):
            hash(ours(name="a"))


def test_equal_values_have_one_hash():
    """A set holds equal values once, also those with one field or none."""

    @frozen
    class Nothing:
        """A value of nothing."""

    assert len({Kept(name="a"), Kept(name="a", notes=()), Kept(name="b")}) == 2
    assert {Nothing()} == {Nothing()}


@BOTH
def test_nothing_of_a_value_changes(ours, theirs):
    """A field is neither set nor deleted, in the words of the standard library."""
    for change in (lambda value: setattr(value, "name", "b"), lambda value: delattr(value, "name")):
        with pytest.raises(FrozenInstanceError) as theirs_says:
            change(theirs(name="a"))
        with pytest.raises(FrozenInstanceError) as ours_says:
            change(ours(name="a"))
        assert str(ours_says.value) == str(theirs_says.value)


@BOTH
def test_wrong_arguments_are_told_alike(ours, theirs):
    """A missing and an unknown argument read as they do everywhere."""
    for values in ({}, {"name": "a", "colour": 1}):
        with pytest.raises(TypeError) as theirs_says:
            theirs(**values)
        with pytest.raises(TypeError) as ours_says:
            ours(**values)
        assert str(ours_says.value) == str(theirs_says.value)


@BOTH
def test_each_value_has_its_own_defaults(ours, theirs):
    """What a factory makes belongs to one value, as does what is worked out behind it."""
    one, other = ours(name="a"), ours(name="b")
    assert one.notes is not other.notes
    assert one.gathered is not other.gathered
    assert (one.told, other.told) == (theirs(name="a").told, "b 1")


def test_values_are_replaced_copied_and_pickled():
    """What makes another value of one works: replace(), copy, deepcopy and pickle."""
    kept = Kept(name="a", notes=("n",))
    assert replace(kept, name="b") == Kept(name="b", notes=("n",))
    for again in (copy.copy(kept), copy.deepcopy(kept), pickle.loads(pickle.dumps(kept))):  # noqa: S301
        assert again == kept
        assert again is not kept
    assert [one.name for one in fields(kept)] == ["name", "notes"]


def test_a_value_within_itself_is_shown():
    """A representation ends, also where a value holds itself."""
    notes: list[object] = []
    kept = Kept(name="a", notes=notes)
    notes.append(kept)
    assert repr(kept) == "Kept(name='a', notes=[...])"
