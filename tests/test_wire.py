"""The seam between backends and transports: lists of messages that know what they go on from."""

from __future__ import annotations

import json
import pickle
from copy import copy, deepcopy

from convrun.values import Json
from convrun.wire import Growing, goes_on


def test_a_growing_list_is_a_list() -> None:
    """It is compared, written and read as any list; copies of it are plain lists, which may be changed."""
    origin: list[Json] = [{"role": "system"}]
    growing = Growing(origin, [1, {"a": 2}])
    assert growing == [{"role": "system"}, 1, {"a": 2}]
    assert json.dumps(growing) == '[{"role": "system"}, 1, {"a": 2}]'
    pickled = pickle.dumps(growing)
    for found in (copy(growing), deepcopy(growing), pickle.loads(pickled), growing[:], [*growing]):  # noqa: S301  # our own
        assert type(found) is list
        assert found == growing


def test_what_goes_on_is_told_by_its_items() -> None:
    """The same objects in the same places are a beginning; equal ones are not, nor is what is longer."""
    one: Json = {"a": 1}
    other: Json = {"a": 1}
    assert goes_on([one, other], [one])
    assert goes_on([one], [])
    assert not goes_on([one], [other])
    assert not goes_on([one], [one, other])


def test_growing_lists_of_the_same_origin_go_on_from_one_another() -> None:
    """Origin and length say it all; a list of another origin is looked at."""
    said: list[Json] = [{"n": number} for number in range(4)]
    origin: list[Json] = []
    assert goes_on(Growing(origin, said), Growing(origin, said[:2]))
    assert not goes_on(Growing(origin, said[:2]), Growing(origin, said))
    assert goes_on(Growing([], said), Growing(origin, said[:2]))
    assert goes_on(Growing(origin, said), said[:3])
    assert not goes_on(Growing([], [{"n": 0}]), Growing(origin, said[:1]))
