"""What is said of a request that differs: whatever it is and whatever was edited, the right part is named."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from cassette_conversations import call, completion, exchange, interaction, request, requests
from counting import calls_made
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convrun.cassette.interaction import Recording
from convrun.cassette.playing import Player
from convrun.cassette.stale.change import Change
from convrun.report.console import closing
from convrun.results import Change as Shown
from convrun.results import ConversationResult, RunResult, Staleness

PIXEL = "data:image/png;base64,iVBORw0KGgo="
OTHER = "data:image/png;base64,iVBORw0KGgoAAAA="


def changes(before: Any, after: Any, **more: Any) -> tuple[Change, ...]:
    """Return what is said where the second request is sent and the first was recorded."""
    player = Player(Recording(interactions=(interaction(before, completion("ok"), **more.pop("recorded", {})),)))
    assert player.play(request(after, **more)) is None
    assert player.difference is not None
    return player.difference.changes


def block(found: tuple[Change, ...]) -> list[str]:
    """Return the lines of the console about these changes."""
    shown = tuple(
        Shown(path=one.path, part=one.part, recorded=one.recorded, now=one.now, hint=one.hint) for one in found
    )
    stale = Staleness(turn=1, model_call=1, changes=shown)
    result = ConversationResult(id="specs/a.yaml", spec="specs/a.yaml", verdict="stale", stale=stale)
    run = RunResult(version="1", started="", duration_s=0.0, exit_code=3, conversations=(result,))
    return closing(run).rpartition("\n1 conversation")[0].strip("\n").split("\n")


def user(text: str, *urls: str) -> dict[str, Any]:
    """Return what a user says, with attachments."""
    images = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return {"role": "user", "content": [{"type": "text", "text": text}, *images] if urls else text}


def tool(name: str, description: str = "Look it up.", **properties: Any) -> dict[str, Any]:
    """Return a tool."""
    parameters = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def told(found: tuple[Change, ...]) -> list[tuple[str, str, Any, Any]]:
    """Return the changes as tuples."""
    return [(one.path, one.part, one.recorded, one.now) for one in found]


def test_an_attachment_is_told_by_its_digest() -> None:
    """Type, size and digest stand for the bytes, of a new, a changed and a removed one; the text is told apart."""
    one, other = "image/png, 8 bytes, sha256 4c4b6a3be1314ab8", "image/png, 11 bytes"
    hi, look = {"messages": [user("Hi", PIXEL)]}, {"messages": [user("Look", PIXEL)]}
    assert told(changes(hi, look)) == [("/messages/0/content/0/text", "user text", "Hi", "Look")]
    ((path, part, recorded, now),) = told(changes(hi, {"messages": [user("Hi", OTHER)]}))
    assert (path, part, recorded) == ("/messages/0/content/1", "attachment", one[:-4])
    assert str(now).startswith(other)
    assert told(changes(hi, {"messages": [user("Hi")]})) == [("/messages/0/content/1", "attachment", one[:-4], None)]
    ((path, part, recorded, _),) = told(changes(hi, {"messages": [user("Hi", PIXEL, OTHER)]}))
    assert (path, part, recorded) == ("/messages/0/content/2", "attachment 2", None)


def test_a_file_is_told_by_its_name() -> None:
    """A PDF has a name in the request, a sound its format, a link its address."""
    parts: list[Any] = [
        {"type": "file", "file": {"filename": "menu.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
    ]
    bodies = [
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}, *given]}]} for given in ([], parts)
    ]
    assert [str(one.now).partition(", sha256")[0] for one in changes(*bodies)] == [
        "'menu.pdf', application/pdf, 4 bytes", "audio/wav, 4 bytes", "https://example.com/a.png, detail low",
    ]  # fmt: skip


def test_bytes_are_never_shown() -> None:
    """Neither where a whole message is new, nor where the recording ended, is there base64 in the change."""
    start = [user("One")]
    more = [*start, {"role": "assistant", "content": "1"}, user("Two", PIXEL)]
    assert "base64" not in json.dumps(told(changes({"messages": start}, {"messages": more})))
    player = Player(Recording(interactions=(interaction({"messages": start}, completion("1")),)))
    assert player.play(request({"messages": start})) is not None
    assert player.play(request({"messages": more})) is None
    assert player.difference is not None
    assert "base64" not in json.dumps(told(player.difference.changes))


def test_a_renamed_tool_is_one_change() -> None:
    """The same tool under another name is no tool gone and another new; what else changed of it is told beside."""
    city = {"city": {"type": "string"}}
    before = {"messages": [user("Hi")], "tools": [tool("look", **city), tool("b", "Bee.")]}
    same = {"messages": [user("Hi")], "tools": [tool("find", **city), tool("b", "Bee.")]}
    assert told(changes(before, same)) == [("/tools/0/function/name", "tool 'look': name", "look", "find")]
    wordier = {"messages": [user("Hi")], "tools": [tool("b", "Bee."), tool("find", "Look it up now.", **city)]}
    assert [part for _, part, _, _ in told(changes(before, wordier))] == [
        "tool 'look': name", "tool 'find': description", "order of the tools",
    ]  # fmt: skip
    other = {"messages": [user("Hi")], "tools": [tool("drop", "Drop it.", x={}), tool("b", "Bee.")]}
    assert [part for _, part, _, _ in told(changes(before, other))] == ["tool 'look'", "tool 'drop'"]


def test_a_message_of_the_history_moves_no_others() -> None:
    """Where an exchange is new at the beginning, the messages behind it are not told as changed."""
    calls = [
        {"role": "assistant", "tool_calls": [call("a", "x")]},
        {"role": "tool", "tool_call_id": "a", "content": "X"},
    ]
    before = [user("One"), *calls, {"role": "assistant", "content": "1"}, user("Two")]
    more = [{"role": "tool", "tool_call_id": "b", "content": "Y"}, {"role": "assistant", "content": "0"}]
    after = [user("Zero"), {"role": "assistant", "tool_calls": [call("b", "y")]}, *more, *before]
    assert [(path, part) for path, part, _, _ in told(changes({"messages": before}, {"messages": after}))] == [
        ("/messages/0", "user text in the history"),
        ("/messages/1", "reply in the history"),
        ("/messages/2", "tool result of 'upper'"),
        ("/messages/3", "reply in the history"),
    ]


def test_where_a_request_goes_is_named() -> None:
    """The provider, the user's own headers and the endpoint are parts like others."""
    body = {"messages": [user("Hi")]}
    sent = {"provider": "groq", "sent": {"x-title": "a"}, "url": "https://api.groq.com/v1/responses"}
    found = changes(body, body, recorded=sent, provider="openai", headers={"X-Title": "b"})
    assert told(found) == [
        ("", "endpoint", "responses", "chat/completions"),
        ("", "provider", "groq", "openai"),
        ("", "headers", {"x-title": "a"}, {"x-title": "b"}),
    ]


def test_results_that_answer_other_calls_are_a_change() -> None:
    """Two results that changed places between equal calls are told, though their words are the same."""
    made = {"role": "assistant", "tool_calls": [call("a", "x"), call("b", "x")]}
    results = [{"role": "tool", "tool_call_id": name, "content": "X"} for name in "ab"]
    crossed = [{"role": "tool", "tool_call_id": name, "content": "X"} for name in "bb"]
    found = changes({"messages": [user("Hi"), made, *results]}, {"messages": [user("Hi"), made, *crossed]})
    assert [one.part for one in found] == ["tool result of 'upper'"]


IMAGE = user("", OTHER)["content"][1]
TEXTS = st.text(st.sampled_from("ab.{<|é \n7"), min_size=1, max_size=60).filter(str.strip)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def replaced(*path: str | int) -> Callable[[Any, Any], None]:
    """Return what puts another value at this place."""

    def edit(body: Any, value: Any) -> None:
        for part in path[:-1]:
            body = body[part]
        body[path[-1]] = value

    return edit


EDITS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "system": ("system prompt", replaced("messages", 0, "content")),
    "text beside an attachment": ("user text", replaced("messages", 1, "content", 0, "text")),
    "attachment": ("attachment", lambda body, _: body["messages"][1]["content"].__setitem__(1, IMAGE)),
    "no attachment": ("attachment", lambda body, _: body["messages"][1]["content"].pop()),
    "arguments": ("reply in the history", replaced("messages", 2, "tool_calls", 0, "function", "name")),
    "result": ("tool result of 'upper'", replaced("messages", 3, "content")),
    "name": ("tool 'look'", replaced("tools", 0, "function", "name")),
    "description": ("tool 'look': description", replaced("tools", 0, "function", "description")),
    "schema": ("tool 'look': schema", replaced("tools", 0, "function", "parameters", "x")),
    "tool gone": ("tool 'look'", lambda body, _: body["tools"].pop(0)),
    "tool new": ("tool 'new'", lambda body, _: body["tools"].append(tool("new", "New."))),
    "order": ("order of the tools", lambda body, _: body["tools"].reverse()),
    "message": ("user text in the history", lambda body, new: body["messages"].insert(1, user(new))),
    "model": ("model", replaced("model")),
    "option": ("option 'temperature'", replaced("temperature")),
    "option gone": ("option 'temperature'", lambda body, _: body.pop("temperature")),
    "option new": ("option 'seed'", replaced("seed")),
    "format": ("schema of the reply", replaced("response_format")),
}  # fmt: skip


@given(texts=st.tuples(TEXTS, TEXTS, TEXTS, TEXTS), city=VALUES, new=TEXTS, edit=st.sampled_from(list(EDITS)))
@settings(max_examples=80, deadline=None)
def test_any_edit_is_told_as_what_it_is(texts: tuple[str, ...], city: Any, new: str, edit: str) -> None:
    """Whatever a request holds and whichever part of it is edited, that part is named, in a block of 12 lines."""
    assume(new not in {*texts, "m", "b"})  # two tools of one name are another matter
    result = {"role": "tool", "tool_call_id": "a", "content": texts[3]}
    asked = {"role": "assistant", "tool_calls": [call("a", texts[0])]}
    before: dict[str, Any] = {
        "model": "m",
        "temperature": 0,
        "tools": [tool("look", texts[0], city=city), tool("b", "Bee.")],
        "messages": [{"role": "system", "content": texts[1]}, user(texts[2], PIXEL), asked, result],
    }
    after = copy.deepcopy(before)
    part, make = EDITS[edit]
    make(after, new)
    found = changes(before, after)
    assert part in {change.part.removesuffix(": name") for change in found}
    others = {"tool result of 'upper'", f"tool result of {new!r}"} if edit == "arguments" else set()
    assert {change.part for change in found} <= {part, f"{part}: name", *others}
    assert len(block(found)) <= 12


def test_what_differs_in_long_texts_takes_little() -> None:
    """Work grows with a prompt that changed all over, as one line and as many, not with its square."""
    took: dict[int, list[int]] = {}
    for size in (1_000, 4_000):
        words = [" ".join(f"{word} {number} and more" for number in range(size)) for word in ("rule", "law")]
        for before, after in (words, [text.replace(" and", "\n") for text in words]):
            bodies = [{"messages": [user(text)]} for text in (before, after)]
            shown, calls = calls_made(lambda bodies=bodies: block(changes(*bodies)))
            took.setdefault(size, []).append(calls)
            assert len(shown) <= 12
            assert max(map(len, shown)) < 400
    for few, many in zip(*took.values(), strict=True):
        assert many < few * 6


def test_many_turns_are_explained_in_linear_time() -> None:
    """What is stale in the last of 200 turns takes four times as much work to explain as in the last of 50."""
    took = []
    for turns in (50, 200):
        recording = exchange([(f"Question {number}", "Answer") for number in range(turns)])
        *sent, last = requests(recording)
        player = Player(recording)
        for one in sent:
            assert player.play(one) is not None
        messages: Any = last.body["messages"]
        new = request(last.body | {"messages": [*messages[:-1], user("Another question")]})
        played, calls = calls_made(lambda player=player, new=new: player.play(new))
        assert played is None
        took.append(calls)
    assert took[1] < took[0] * 5
