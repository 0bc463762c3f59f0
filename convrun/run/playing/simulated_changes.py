"""What differs between what a simulated user is asked and what was recorded of it, and what it said there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convrun.cassette.interaction import Interaction
from convrun.cassette.stored.reply_nodes import reply_message
from convrun.redaction import Redactor
from convrun.results import USER_LANE, Change
from convrun.run.playing.lane_answers import passed_over
from convrun.run.playing.lane_calls import LaneCalls
from convrun.run.playing.simulated_user import Said, heard, told_parts
from convrun.values import Json, equal
from convrun.wire import Request

_LAST = "last message"
_SCRIPT = "script:"  # how the names of models begin that are lines of a spec


def changes_of(
    request: Request, calls: LaneCalls, redactor: Redactor, script: Sequence[str] = ()
) -> tuple[Change, ...]:
    """Return what differs from what was recorded where the user had spoken as often, or as near to that as there is.

    Of a user who says the lines of a `script` it is those, where the model that was recorded is a script as well.
    """
    same = calls.same_in(USER_LANE, request)
    if same:
        return (passed_over(same),)
    now = redactor.thorough.value(request.body)
    place = spoken(now)
    left = sorted(calls.left_in(USER_LANE), key=lambda one: abs(spoken(one.request.body) - place))
    asked = dict(_parts(now))
    if not left or spoken(left[0].request.body) != place:
        return (Change(path="", part="what the simulated user says", now=asked.get(_LAST, ("", None))[1]),)
    before = dict(_parts(redactor.thorough.value(left[0].request.body)))
    found = []
    for name in {**before, **asked}:
        (path, old), (now_path, new) = before.get(name, ("", None)), asked.get(name, ("", None))
        if name == "model" and script and str(old).startswith(_SCRIPT):
            if not equal(old, new):
                found.append(_lines(str(old), script, calls, redactor))
        elif not equal(old, new):
            found.append(Change(path=now_path or path, part=name, recorded=old, now=new))
    return tuple(found) or (Change(path="", part="request"),)


def _lines(model: str, script: Sequence[str], calls: LaneCalls, redactor: Redactor) -> Change:
    """The change of a script's lines; of the recorded one only those are known that were said."""
    bodies = ((one, one.request.body) for one in calls.left_in(USER_LANE))
    said = [_words(one) for one, body in bodies if isinstance(body, dict) and body.get("model") == model]
    begun = [*script[: len(said)]]
    now = begun if begun != said else [*script]
    before, after = (redactor.thorough.text("\n".join(lines)) for lines in (said, now))
    return Change(path="", part="lines of the script", recorded=before, now=after)


def stand_in(request: Request, calls: LaneCalls) -> Said | None:
    """Return what was recorded where the user had spoken as often; None where nothing was."""
    place = spoken(request.body)
    words = (_words(one) for one in calls.left_in(USER_LANE) if spoken(one.request.body) == place)
    return next((heard(text) for text in words if text.strip()), None)


def spoken(body: Json) -> int:
    """Return how often the user had spoken when a model was asked so to play it."""
    return sum(role == "assistant" for _, role, _ in shown(body))


def shown(body: Json) -> Iterator[tuple[str, str, str]]:
    """Yield what a model was shown that plays the user: the JSON pointer, the role and the text of each message."""
    known = body if isinstance(body, dict) else {}
    if isinstance(instructions := known.get("instructions"), str):  # of the Responses API
        yield "/instructions", "system", instructions
    for key in ("messages", "input"):
        listed = known.get(key)
        for index, one in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(one, dict):
                yield f"/{key}/{index}/content", str(one.get("role")), _text(one.get("content"))


def _text(content: Json) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _words(item: Interaction) -> str:
    text = (reply_message(item.reply) or {}).get("content")
    return text if isinstance(text, str) else ""


def _parts(body: Json) -> Iterator[tuple[str, tuple[str, Json]]]:
    """The parts of a request by their names for people, each with its JSON pointer."""
    for key, value in body.items() if isinstance(body, dict) else ():
        if key not in ("messages", "input", "instructions"):
            yield key if key == "model" else f"option {key!r}", (f"/{key}", value)
    messages = list(shown(body))
    for index, (path, role, text) in enumerate(messages):
        if role in ("system", "developer"):
            yield from ((name, (path, part)) for name, part in told_parts(text).items())
        else:
            yield _LAST if index == len(messages) - 1 else f"message {index}", (path, text)
