"""Histories that share their storage: each is what it was, whatever goes on from it."""

from __future__ import annotations

import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from copy import copy, deepcopy

import pytest

from convrun.conversation.messages import Message, SharedMessages, assistant, system, user

SAID = (system("S"), user("one"), assistant("two"), user("three"))


def test_it_is_read_as_a_tuple_is() -> None:
    """Length, items, slices, membership, order and text are those of a tuple of the same messages."""
    shared = SharedMessages(SAID)
    assert len(shared) == 4
    assert list(shared) == list(SAID)
    assert [shared[index] for index in range(-4, 4)] == [SAID[index] for index in range(-4, 4)]
    assert (shared[1:], shared[:-1], shared[::2]) == (SAID[1:], SAID[:-1], SAID[::2])
    assert user("three") in shared
    assert user("four") not in shared
    assert tuple(reversed(shared)) == SAID[::-1]
    assert repr(shared) == repr(SAID)
    more = (user("four"),)
    assert shared + more == SAID + more
    assert more + shared == more + SAID
    assert not SharedMessages()
    for index in (4, -5):
        with pytest.raises(IndexError, match=f"there is no message {index} of 4"):
            shared[index]


def test_it_equals_what_has_the_same_messages() -> None:
    """A tuple, a list or another of the same messages is equal, from both sides, and has the same hash."""
    shared = SharedMessages(SAID)
    assert shared == SAID == shared
    assert shared == [*SAID] == shared
    assert shared == SharedMessages(SAID)
    assert {shared: 1}[SharedMessages(SAID)] == 1
    assert hash(shared) == hash(SAID)
    for other in (SAID[:3], SAID[1:], (*SAID, user("four")), shared.under(None), shared.then(user("four")), "SAID"):
        assert shared != other
        assert other != shared


def test_copies_and_pickles_are_equal_and_go_their_own_way() -> None:
    """A copy holds these messages, and none that others have said since."""
    shared = SharedMessages(SAID)
    shared.then(user("a secret of others"))
    pickled = pickle.dumps(shared)
    for found in (copy(shared), deepcopy(shared), pickle.loads(pickled)):  # noqa: S301  # our own
        assert found == SAID
        assert found.then(user("four")) == (*SAID, user("four"))
    assert b"secret" not in pickled


def test_what_goes_on_shares_the_storage() -> None:
    """A history that grows, or comes under another system message, is in the same log; a second branch is not."""
    begun = SharedMessages(SAID)
    longer = begun.then(assistant("four")).then(user("five"), assistant("six"))
    under = longer.under(system("T"))
    assert begun.log is longer.log is under.log is SharedMessages(longer).log
    assert begun.then(user("another")).log is not begun.log
    assert begun == SAID
    assert under == (system("T"), *longer[1:])
    assert longer.under(None) == longer[1:]


def test_whoever_goes_on_is_recognised() -> None:
    """What begins with all messages of another goes on from it, whether they share their storage or are equal."""
    begun = SharedMessages(SAID)
    longer = begun.then(user("four"))
    assert longer.goes_on_from(begun)
    assert longer.goes_on_from(SAID)
    assert longer.goes_on_from(SharedMessages(SAID))
    assert longer.goes_on_from(())
    assert not begun.goes_on_from(longer)
    assert not longer.under(system("T")).goes_on_from(begun)
    assert not begun.then(user("another"), user("more")).goes_on_from(longer)


def test_random_branches_are_what_was_said_in_them() -> None:
    """Whoever goes on from whatever point, in any order, has its own messages and no others."""
    chance = random.Random(7)
    every: list[tuple[SharedMessages, tuple[Message, ...]]] = [(SharedMessages(), ())]
    for number in range(400):
        shared, plain = chance.choice(every[-5:] if chance.random() < 0.7 else every)
        more = [user(f"{number}.{index}") for index in range(chance.randrange(3))]
        if plain and chance.random() < 0.2:
            more.append(plain[0])  # a message may be said twice, and is the same object then
        every.append((shared.then(*more), (*plain, *more)))
    assert all(shared == plain for shared, plain in every)


def test_branches_in_threads_do_not_mix() -> None:
    """Threads that go on from the same point at once each have what they said."""
    begun = SharedMessages(SAID)

    def go_on(name: int) -> bool:
        said = tuple(user(f"{name}.{number}") for number in range(50))
        shared = begun
        for message in said:
            shared = shared.then(message)
        return shared == (*SAID, *said)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(go_on, range(64)))
    assert begun == SAID
