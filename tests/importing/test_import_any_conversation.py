"""Any conversation that a program had, recorded in vcrpy's shape, imported and run, is the same conversation."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projects import Project
from recordings import asked, chat, exchange, import_exchanges, reasons, result, run, said, streamed, tool, user

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.text(st.sampled_from("a \n\t{}%#:'\"|->-é\u2028"), max_size=12),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
NAMES = ("look", "find_it", "a-b")
CALLS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.dictionaries(TEXTS, VALUES, max_size=3), TEXTS), min_size=1, max_size=2
)
TURNS = st.lists(st.tuples(TEXTS, st.lists(CALLS, max_size=2), TEXTS), min_size=1, max_size=3)


def recorded(turns, *, system, streams, options):
    """The exchanges of a conversation: each turn has what the user says, rounds of calls with results, and a reply."""
    messages = [{"role": "system", "content": system}] if system else []
    more = options | {"tools": [tool(name) for name in NAMES]} | ({"stream": True} if streams else {})
    found = []

    def answered(message):
        request = asked(*messages, **more)
        pieces = [
            message | {"tool_calls": [one | {"index": at} for at, one in enumerate(message.get("tool_calls", []))]}
        ]
        found.append(exchange(request, streamed(*pieces)) if streams else chat(request, message))
        messages.append(message)

    for text, rounds, reply in turns:
        messages.append(user(text))
        for calls in rounds:
            made = [
                {
                    "id": f"id{len(found)}.{at}",
                    "type": "function",
                    "function": {"name": name, "arguments": json.dumps(given)},
                }
                for at, (name, given, _) in enumerate(calls)
            ]
            answered(said(None, *made))
            messages += [result(text, one["id"]) for one, (_, _, text) in zip(made, calls, strict=True)]
        answered(said(reply))
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    turns=TURNS, system=TEXTS, streams=st.booleans(), options=st.dictionaries(st.sampled_from(["a", "b: #"]), VALUES)
)
def test_any_conversation_comes_out_as_it_was(turns, system, streams, options):
    """Texts, calls, arguments, results and replies are the recorded ones, whatever stands in them."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder).resolve())
        exchanges = recorded(turns, system=system, streams=streams, options=options)
        assert reasons(import_exchanges(project.root, exchanges)) == []
        (conversation,) = run(project)
    assert [turn.user for turn in conversation.turns] == [text for text, _, _ in turns]
    assert [turn.reply for turn in conversation.turns] == [reply for _, _, reply in turns]
    calls = [call for _, rounds, _ in turns for made in rounds for call in made]
    found = [call for turn in conversation.turns for call in turn.tool_calls]
    assert [(call.name, call.arguments, call.result) for call in found] == calls
