"""The checks of one conversation, made ready once, and asked of each mutant whether they notice it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from convrun.checks.check import Check
from convrun.checks.context import CheckContext, TurnView, for_conversation, for_turn
from convrun.checks.evaluation import judge as judge_anew
from convrun.checks.registry import KINDS, leaves, parse, render, templates
from convrun.errors import CheckError, TemplateError
from convrun.frozen import frozen
from convrun.review.judge import Judge
from convrun.run.binding.bound_checks import BoundCheck
from convrun.run.binding.names import mention
from convrun.run.playing.judging import template_names


@frozen
class _Ready:
    """A check of the turn at `place`, None: of the conversation. `sees` are the families of what it looks at.

    Without a `check` its value hangs on what was said, and is rendered anew for each mutant.
    """

    place: int | None
    bound: BoundCheck
    sees: frozenset[str]
    check: Check | None


class Witness:
    """The checks of a conversation that was recorded so; `whole`: with all its turns.

    Turns that are known to fail have none here: what their checks say does not count.
    """

    def __init__(self, judge: Judge, views: Sequence[TurnView], *, whole: bool) -> None:
        self.views = views
        self._judge = judge
        replied = [index for index, view in enumerate(views) if view.model_calls and view.error is None]
        self._last = replied[-1] if replied else 0  # whose reply the conversation's own checks look at
        self._own: list[list[_Ready]] = []
        self._moving: list[_Ready] = []
        for place, turn in enumerate(judge.turns):
            counts = views[place].model_calls and not turn.bound.spec.known_failure
            ready = [self._ready(place, one) for one in turn.bound.checks] if counts else []
            self._own.append([one for one in ready if one.check is not None])
            self._moving += (one for one in ready if one.check is None)
        self._whole = [self._ready(None, one) for one in judge.checks] if whole else []

    def notices(self, place: int, view: TurnView) -> bool:
        """Return whether a check fails, or cannot be evaluated, where the turn at a place is this one.

        The turn's own are asked first, then those of later turns whose templates may name it, then the conversation's.
        """
        changed = _changed(self.views[place], view)
        if _any_fails(self._own[place], changed, for_turn((view,))):
            return True
        moving = [one for one in self._moving if one.place is not None and one.place >= place]
        if not moving and not self._whole:
            return False
        views = [*self.views[:place], view, *self.views[place + 1 :]]
        if any(not self._holds_anew(one, views) for one in moving):
            return True
        if not self._whole:
            return False
        seen = changed if place == self._last else changed & {"calls"}
        return _any_fails(self._whole, seen, for_conversation(views)) or any(
            not self._holds_anew(one, views) for one in self._whole if one.check is None
        )

    def check(self, place: int, kind: str, value: object) -> Check | None:
        """Return a check of the turn at a place, ready to be asked; None where it cannot be made."""
        return self._made(place, kind, value)

    def _ready(self, place: int | None, bound: BoundCheck) -> _Ready:
        kind, value = bound.spec.kind, bound.value
        sees = frozenset(KINDS[leaf].family for _, leaf, _ in leaves(kind, value))
        fixed = not mention(templates(kind, value), "turns")
        return _Ready(place=place, bound=bound, sees=sees, check=self._made(place, kind, value) if fixed else None)

    def _made(self, place: int | None, kind: str, value: object) -> Check | None:
        try:
            made = parse(kind, render(kind, value, self._names(place, self.views)))
        except (TemplateError, CheckError):
            return None
        return None if isinstance(made, tuple) else made

    def _names(self, place: int | None, views: Sequence[TurnView]) -> dict[str, object]:
        """What the templates of a check see."""
        planned, turn = self._judge.planned, 0 if place is None else place + 1
        finished = views if place is None else views[:turn]
        return template_names(planned.vars, finished, {}) | self._judge.surroundings.for_checks(turn)

    def _holds_anew(self, ready: _Ready, views: Sequence[TurnView]) -> bool:
        place = ready.place
        context = for_conversation(views) if place is None else for_turn(views[: place + 1])
        kind, value = ready.bound.spec.kind, ready.bound.value
        return judge_anew(kind, value, self._names(place, views), context).verdict == "passed"


def holds(check: Check, context: CheckContext) -> bool:
    """Return whether a check holds; one that cannot say so does not."""
    try:
        return check.evaluate(context).passed
    except CheckError:
        return False


def _any_fails(every: Iterable[_Ready], changed: frozenset[str], context: CheckContext) -> bool:
    asked: Iterator[Check] = (one.check for one in every if one.check is not None and not changed.isdisjoint(one.sees))
    return any(not holds(check, context) for check in asked)


def _changed(old: TurnView, new: TurnView) -> frozenset[str]:
    """The families of checks that can see what differs."""
    found = ["calls"] if new.tool_calls is not old.tool_calls else []
    found += ["text"] if new.reply is not old.reply else []
    found += ["figure"] if new.finish_reason != old.finish_reason else []
    return frozenset(found)
