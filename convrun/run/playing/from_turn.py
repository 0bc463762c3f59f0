"""A conversation that is recorded anew from one of its turns on: what keeps that from being done."""

from __future__ import annotations

from collections.abc import Sequence

from convrun.cassette.kept.partial import partial_path
from convrun.errors import UsageError
from convrun.results import FROM_TURN as OPTION
from convrun.run.binding.bind import BoundConversation


def turn_number(text: str) -> int:
    """Return the number of a turn, as the option gives it.

    Raises:
        UsageError: where it is no number from 1 on.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise UsageError(f"{OPTION} {text!r} is no number from 1 on", fix=f"write {OPTION} 3")
    return int(text)


def check_from_turn(turn: int, conversations: Sequence[BoundConversation]) -> None:
    """Make sure that one conversation or group is selected, has this turn, and that those before it are recorded.

    Raises:
        UsageError: where that is not so.
    """
    tests = list(dict.fromkeys(one.planned.group for one in conversations))
    if len(tests) > 1:
        more = f" and {len(tests) - 3} more" if len(tests) > 3 else ""
        what = f"{OPTION} is for one conversation, and {len(tests)} are selected: {', '.join(tests[:3])}{more}"
        raise UsageError(what, fix="name one, as file.yaml::case or with -k")
    for one in conversations:
        planned = one.planned
        last, borrowed = sum(one.most for one in planned.spec.turns), planned.spec.borrowed
        if turn <= borrowed:
            first = "turn 1" if borrowed == 1 else f"turns 1 to {borrowed}"
            what = f"{OPTION} {turn}: {planned.id} has {first} from {planned.trunks[-1].id}"
            raise UsageError(what, fix=f"name one behind them, as {OPTION} {last}, or the other conversation")
        if turn > last:
            most = " at most" if last > len(planned.spec.turns) else ""
            what = f"{OPTION} {turn}: {planned.id} has {last} turn{'' if last == 1 else 's'}{most}"
            raise UsageError(what, fix=f"name one of them, as {OPTION} {last}")
        if not (planned.cassette.is_file() or partial_path(planned.cassette).is_file() or planned.skip):
            what = f"{OPTION} {turn}: nothing of {planned.id} is recorded, as there is no {planned.cassette_shown}"
            raise UsageError(what, fix="leave the option out: all of it goes live")
