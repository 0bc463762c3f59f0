"""Checks in programs: what a spec says under `expect:`, said of a response in Python."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from convrun.checks.check import Path
from convrun.checks.code import Code, OwnValue
from convrun.checks.context import CheckContext, TurnView, for_conversation, for_turn
from convrun.checks.evaluation import judge
from convrun.checks.own import REGISTERED
from convrun.checks.registry import KINDS, LISTED, changed, parse, tool_names
from convrun.checks.views import turn_view
from convrun.conversation.chain import AnyChain
from convrun.conversation.conversation import AnyConversation
from convrun.conversation.response import AnyResponse, Response
from convrun.conversation.turns import Turn
from convrun.errors import CheckError, ConversationError, ExpectationError, did_you_mean
from convrun.frozen import frozen
from convrun.results import CheckResult
from convrun.templates import TurnList
from convrun.values import show, type_name

CheckLike: TypeAlias = Mapping[str, Any]  # {"contains": "Paris"}, with "because" beside the kind if there is a reason
Checked = TypeVar("Checked", bound="AnyResponse | AnyChain[Any] | Turn | AnyConversation[Any, Any]")

_BESIDE = "because"
_DEEPEST = 100  # levels
_WRITE = 'write {"contains": "Paris"}: a kind and its value'


def expect(checked: Checked, checks: CheckLike | Sequence[CheckLike]) -> Checked:
    """Judge checks of a response, chain, turn or whole conversation, reading it if it was not; return it.

    Of the async API, what was awaited is judged; it is not awaited here.

    A check is a dict of its kind and value, as in a spec; functions and pydantic models stand in place of import paths,
    and nothing is a template. A conversation's checks see what those at the end of a spec do.

    Raises:
        ExpectationError: with every check that does not hold; an AssertionError.
        CheckError: for checks that are none, and for one that cannot be judged.
        ConversationError: where there is nothing to look at.
    """
    __tracebackhide__ = True  # pytest shows the line of the test
    wanted = _read(checks)
    turns = _turns(checked)
    views: TurnList[TurnView] = TurnList([turn.view for turn in turns])
    _refuse_unknown_tools(wanted, turns)
    context = for_conversation(views) if isinstance(checked, AnyConversation) else for_turn(views)
    results = [_judged(one, context) for one in wanted]
    bad = [result for result in results if result.verdict != "passed"]
    if bad:
        raise _error(bad, len(results))
    return checked


@frozen
class _Wanted:
    """A check that is well-formed; `place` says which of several it is."""

    kind: str
    value: object
    because: str | None
    place: str


@frozen
class _Turn:
    """A turn as checks see it; `tools` are the names of those the model was given, None: not known."""

    view: TurnView
    tools: frozenset[str] | None


def _read(checks: CheckLike | Sequence[CheckLike]) -> list[_Wanted]:
    listed = [checks] if isinstance(checks, Mapping) else checks
    if not isinstance(listed, list | tuple):
        raise CheckError(f"a list of checks is wanted, not the {type_name(checks)} {show(checks, 60)}", fix=_WRITE)
    if not listed:
        raise CheckError("an empty list of checks: nothing would be checked", fix=_WRITE)
    wanted: list[_Wanted] = []
    mistakes: list[CheckError] = []
    for number, check in enumerate(listed, start=1):
        place = f"check {number}: " if len(listed) > 1 else ""
        try:
            one = _shaped(check, place)
        except CheckError as error:
            mistakes.append(error)
            continue
        problems = parse(one.kind, one.value)
        wanted.append(one)
        if isinstance(problems, tuple):
            known = one.kind in KINDS
            mistakes += [
                CheckError(f"{_placed(one, problem.path) if known else place}{problem.what}", fix=problem.fix)
                for problem in problems
            ]
    _refuse(mistakes)
    return wanted


def _refuse(mistakes: Sequence[CheckError]) -> None:
    """Raise all mistakes at once."""
    if len(mistakes) == 1:
        raise mistakes[0]
    if mistakes:
        raise CheckError("\n".join([f"{len(mistakes)} mistakes in the checks", *(f"  {error}" for error in mistakes)]))


def _shaped(check: object, place: str) -> _Wanted:
    """A check's kind, value and reason, its functions and models as Code."""
    if _too_deep(check):
        raise CheckError(f"{place}nested deeper than {_DEEPEST} levels", fix="does it stand within itself?")
    if not isinstance(check, Mapping):
        raise CheckError(f"{place}a check is a dict, not the {type_name(check)} {show(check, 60)}", fix=_WRITE)
    kinds = [key for key in check if key != _BESIDE]
    if not kinds:
        raise CheckError(f"{place}a check needs a kind", fix=_WRITE)
    kind = str(kinds[0])
    if len(kinds) > 1:
        fix = did_you_mean(str(kinds[1]), [_BESIDE]) or "make it a check of its own: {…}, {…}"
        raise CheckError(f"{place}a second kind beside {kind!r}: {kinds[1]!r}", fix=fix)
    if kind in KINDS and kind not in LISTED:
        what = f"{place}{kind} belongs to a turn of a spec: what the provider refused is no response to check"
        raise CheckError(what, fix="catch the error: `with pytest.raises(convrun.ProviderError):`")
    because = check.get(_BESIDE)
    if because is not None and not isinstance(because, str):
        raise CheckError(f"{place}{_BESIDE}: a text is wanted, not {show(because, 60)}")
    value = _coded(kind, check[kinds[0]], f"{place}{kind}")
    return _Wanted(kind=kind, value=value, because=because, place=place)


def _too_deep(check: object) -> bool:
    """Whether a check has more levels than one in a spec may have; one that stands within itself has no last one."""
    waiting = [(check, 0)]
    while waiting:
        value, level = waiting.pop()  # the deepest first: what stands within itself is soon found out
        if level > _DEEPEST:
            return True
        if isinstance(value, Mapping | list | tuple):
            waiting += [(item, level + 1) for item in (value.values() if isinstance(value, Mapping) else value)]
    return False


def _coded(kind: str, value: object, place: str) -> object:
    """The value of a kind, with Code in place of functions and models; within others stand checks again."""

    def coded(leaf: str, found: object) -> object:
        if leaf not in KINDS:
            return OwnValue(value=found, code=REGISTERED[leaf]) if leaf in REGISTERED else found
        if not KINDS[leaf].code:
            return found
        if not callable(found) and not isinstance(found, Mapping):
            what = f"{place}: the {type_name(found)} {show(found, 60)} is not what it takes"
            raise CheckError(what, fix="give the function or the model itself")
        return Code(path=_name(found), target=found) if callable(found) else found

    return changed(kind, value, coded)


def _name(target: object) -> str:
    """What a function or class is called, without where it was defined."""
    return str(getattr(target, "__qualname__", type(target).__name__)).rpartition("<locals>.")[2]


def _placed(wanted: _Wanted, path: Path) -> str:
    return f"{wanted.place}{'.'.join(map(str, (wanted.kind, *path)))}: "


def _turns(checked: object) -> list[_Turn]:
    """What there is to look at, the newest turn last."""
    if isinstance(checked, AnyResponse):
        return [_turn([checked], checked.prompt.prompt, 1)]
    if isinstance(checked, AnyChain):
        return [_turn(checked.whole(), checked.prompt.prompt, 1)]
    if isinstance(checked, Turn):
        return [_turn(checked.responses, checked.prompt, 1)]
    if not isinstance(checked, AnyConversation):
        given = f"the {type_name(checked)} {show(checked, 60)}"
        raise ConversationError(
            f"a response, a chain, a turn or a conversation is wanted, not {given}",
            fix='give what prompt() or chain() returned, as expect(response, {"contains": …})',
        )
    if checked.unread:
        raise ConversationError(
            "the conversation's newest prompt was not read to its end: no check would see it",
            fix="read it first, as with its text()",
        )
    if not checked.turns:
        raise ConversationError("nothing was said in the conversation yet", fix="read a response of it first")
    return [_turn(turn.responses, turn.prompt, index) for index, turn in enumerate(checked.turns, start=1)]


def _turn(given: Sequence[AnyResponse], user: str, index: int) -> _Turn:
    responses: list[Response] = [response.whole() for response in given]
    known = all(response.conversation is not None for response in responses)  # one from a dict has lost its tools
    tools = frozenset(tool.name for response in responses for tool in response.prompt.tools)
    return _Turn(view=turn_view(responses, index=index, user=user), tools=tools if known else None)


def _refuse_unknown_tools(wanted: Iterable[_Wanted], turns: Sequence[_Turn]) -> None:
    """Raise for a tool that the model was not given: that it was not called would hold for ever."""
    known: set[str] = set()
    for turn in turns:
        if turn.tools is None:
            return
        known |= turn.tools | {call.name for call in turn.view.tool_calls}
    _refuse(list(_unknown_tools(wanted, known)))


def _unknown_tools(wanted: Iterable[_Wanted], known: Collection[str]) -> Iterator[CheckError]:
    listed = f"given were {', '.join(sorted(known))}" if known else "give it to the conversation with tools=[…]"
    for one in wanted:
        for path, name in tool_names(one.kind, one.value):
            if name not in known:
                yield CheckError(
                    f"{_placed(one, path)}no tool is called {name!r}", fix=did_you_mean(name, known) or listed
                )


def _judged(wanted: _Wanted, context: CheckContext) -> CheckResult:
    return judge(wanted.kind, wanted.value, {}, context, because=wanted.because)


def _error(bad: Sequence[CheckResult], count: int) -> CheckError | ExpectationError:
    """The error of checks that do not hold, in the words of the console; one that crashed comes before all."""
    from convrun.report.failure import check_failure  # only where there is something to tell
    from convrun.report.style import plain, rendered

    crashed = sum(result.verdict == "error" for result in bad)
    of = f"{len(bad)} of {count} checks" if count > 1 else "the check"
    told = "failed" if not crashed else "cannot be judged" if crashed == len(bad) else "failed or cannot be judged"
    lines = [line.indented(2) for result in bad for line in check_failure(result, full=True)]
    text = f"{of} {told}:\n{rendered(lines, plain)}"
    return CheckError(text) if crashed else ExpectationError(text)
