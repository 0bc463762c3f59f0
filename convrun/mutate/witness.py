"""The checks of one conversation, made ready once, and asked of each mutant whether they notice it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from convrun.checks.check import Check
from convrun.checks.context import CheckContext, TurnView, for_conversation, for_turn
from convrun.checks.evaluation import judge as judge_anew
from convrun.checks.registry import KINDS, expressions, leaves, parse, render, templates
from convrun.errors import CheckError, TemplateError
from convrun.frozen import frozen
from convrun.review.judge import Judge
from convrun.run.binding.bound_checks import BoundCheck
from convrun.run.binding.names import mention
from convrun.run.playing.judging import template_names
from convrun.templates import TurnList
from convrun.values import Json

_CALLS, _REPLY, _FIGURES = "calls", "reply", "figures"
_EVERYTHING = frozenset({_CALLS, _REPLY, _FIGURES})


@frozen
class _Ready:
    """A check of the turn at `place`, None: of the conversation. `sees` is what it may look at.

    Without a `check` it names other turns, and is made anew for each mutant.
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
        self._own: list[list[_Ready]] = []
        self._moving: list[_Ready] = []
        for place, turn in enumerate(judge.turns):
            counts = views[place].model_calls and not turn.bound.spec.known_failure
            ready = [self._ready(place, one) for one in turn.bound.checks] if counts else []
            self._own.append([one for one in ready if one.check is not None])
            self._moving += (one for one in ready if one.check is None)
        own = [self._ready(None, one) for one in judge.checks] if whole else []
        self._whole = [one for one in own if one.check is not None]
        self._moving += (one for one in own if one.check is None)

    def notices(self, place: int, view: TurnView) -> bool:
        """Return whether a check fails, or cannot be evaluated, where the turn at a place is this one.

        The turn's own are asked first, then those that name other turns and may see it, then the conversation's.
        """
        changed = _changed(self.views[place], view)
        views = [*self.views[:place], view, *self.views[place + 1 :]]
        if _any_fails(self._own[place], changed, self.context(place, view)):
            return True
        moving = [one for one in self._moving if one.place is None or one.place >= place]
        if any(not self._holds_anew(one, views) for one in moving):
            return True
        if not self._whole:
            return False
        return _any_fails(self._whole, changed, for_conversation(views, self.vars))

    @property
    def branches(self) -> tuple[str, ...]:
        """The names that lead to the branch that the conversation is; none where it is the trunk."""
        return self._judge.planned.branches

    @property
    def vars(self) -> Mapping[str, Json]:
        """The vars of the conversation."""
        return self._judge.planned.vars

    def check(self, place: int, kind: str, value: object) -> Check | None:
        """Return a check of the turn at a place, ready to be asked; None where it cannot be made."""
        return self._made(place, kind, value)

    def context(self, place: int, view: TurnView) -> CheckContext:
        """Return what checks of the turn at a place see where it is this one."""
        return for_turn((*self.views[:place], view), self.vars)

    def _ready(self, place: int | None, bound: BoundCheck) -> _Ready:
        kind, value = bound.spec.kind, bound.value
        sees = frozenset().union(*(_sees(leaf) for _, leaf, _ in leaves(kind, value)))
        fixed = not mention((*templates(kind, value), *expressions(kind, value)), "turns")
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
        finished = _turns(views if place is None else views[: place + 1])
        context = (for_conversation if place is None else for_turn)(finished, self.vars)
        kind, value = ready.bound.spec.kind, ready.bound.value
        return judge_anew(kind, value, self._names(place, views), context).verdict == "passed"


def _turns(views: Sequence[TurnView]) -> TurnList[TurnView]:
    """The turns as checks name them, by their ids as well."""
    return TurnList(views)


def holds(check: Check, context: CheckContext) -> bool:
    """Return whether a check holds; one that cannot say so does not."""
    try:
        return check.evaluate(context).passed
    except CheckError:
        return False


def _any_fails(every: Iterable[_Ready], changed: frozenset[str], context: CheckContext) -> bool:
    return any(
        not holds(one.check, context) for one in every if one.check is not None and not changed.isdisjoint(one.sees)
    )


def _sees(leaf: str) -> frozenset[str]:
    """What a kind of check may look at: figures are taken of anything, and an expression names what it likes."""
    family = KINDS[leaf].family
    if family == "calls":
        return frozenset({_CALLS})
    return frozenset({_REPLY}) if family == "text" and leaf != "that" else _EVERYTHING


def _changed(old: TurnView, new: TurnView) -> frozenset[str]:
    """What differs, of what checks may look at."""
    figures = [(view.finish_reason, view.model_calls, view.refusal) for view in (old, new)]
    found = [_FIGURES] if figures[0] != figures[1] else []
    found += [_CALLS] if new.tool_calls is not old.tool_calls else []
    found += [_REPLY] if new.reply is not old.reply else []
    return frozenset(found)
