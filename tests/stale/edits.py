"""The edits that people make to the hotel, each by what is replaced in which file."""

from __future__ import annotations

from hotels import CODE, SPEC

SECOND_TURN = """\
  - user: |
      This is the room that we had last year.
      Is it the same one?
    attachments: [{path: _room.png}]
    expect: [{contains: same}]
"""
EDITS: dict[str, list[tuple[str, str, str]]] = {
    "system-prompt": [(SPEC, "polite, warm and short", "polite and short")],
    "system-prompt-long-line": [(SPEC, "A dog costs fifteen euros", "A dog costs twenty euros")],
    "system-prompt-several": [
        (SPEC, "- Answer questions about the house", "- Answer any question about the house"),
        (SPEC, "  4. Ask one question that helps the guest to decide.\n", ""),
        (SPEC, "Write times as 18:30", "Write times as 6:30 pm"),
        (SPEC, "Say so, in one sentence", "Say so"),
    ],
    "user-text": [(SPEC, "at half past six", "at half past seven")],
    "template-variable": [(SPEC, "city: Oslo", "city: Bergen")],
    "tool-added": [(SPEC, "'reception:book_table']", "'reception:book_table', 'reception:rent_bike']")],
    "tool-removed": [(SPEC, "['reception:find_room', ", "["), (SPEC, ", {called: find_room}", "")],
    "tool-renamed": [
        (CODE, "def find_room", "def search_room"),
        (SPEC, "reception:find_room", "reception:search_room"),
        (SPEC, "called: find_room", "called: search_room"),
    ],
    "tool-renamed-everywhere": [
        (CODE, "def find_room", "def search_room"),
        (SPEC, "find_room", "search_room"),
    ],
    "tool-description": [(CODE, "Look for a free room.", "Look for a room that is free.")],
    "parameter-added": [(CODE, "nights: int = 1, ", "nights: int = 1, floor: int | None = None, ")],
    "parameter-renamed": [(CODE, "find_room(city: str", "find_room(town: str"), (CODE, '"city": city', '"city": town')],
    "parameter-required": [(CODE, "nights: int = 1, guests: int = 2", "nights: int, guests: int")],
    "parameter-type": [(CODE, "nights: int = 1", "nights: str = '1'"), (CODE, "120 * nights", "120 * int(nights)")],
    "parameter-choice": [(CODE, '"garden", "street"', '"garden", "yard"')],
    "parameter-default": [(CODE, "guests: int = 2, view", "guests: int = 1, view")],
    "tool-result": [(CODE, "120 * nights", "130 * nights")],
    "tool-raises": [(CODE, 'return {"city"', 'raise KeyError(city)\n    return {"city"')],
    "option": [(SPEC, "temperature: 0", "temperature: 0.7")],
    "option-removed": [(SPEC, ", seed: 7", "")],
    "model": [(SPEC, "gpt-4.1-mini", "gpt-4.1")],
    "attachment": [(SPEC, "_room.png", "_suite.png")],
    "attachment-added": [(SPEC, "[{path: _room.png}]", "[{path: _room.png}, {path: _suite.png}]")],
    "attachment-removed": [(SPEC, "    attachments: [{path: _room.png}]\n", "")],
    "hook": [(SPEC, "tools: [", "hooks: {after_call: 'reception:with_tax'}\ntools: [")],
    "turn-inserted": [
        (SPEC, "  - user: |\n", "  - user: Is breakfast included?\n    expect: [{contains: 'yes'}]\n  - user: |\n")
    ],
    "turn-added": [(SPEC, "[{called: book_table}]\n", "[{called: book_table}]\n  - user: And a taxi, please.\n")],
    "history-added": [
        (SPEC, "turns:\n", "history:\n  - user: Hello.\n  - assistant: Good morning.\nturns:\n"),
    ],
    "schema-of-the-reply": [
        (
            SPEC,
            "    attachments:",
            "    schema: {type: object, properties: {same: {type: boolean}}, required: [same]}\n    attachments:",
        )
    ],
    "headers": [(SPEC, "X-Title: concierge", "X-Title: reception")],
    "turn-removed": [(SPEC, SECOND_TURN, "")],
    "turns-swapped": [
        (SPEC, SECOND_TURN, ""),
        (SPEC, "[{called: book_table}]\n", f"[{{called: book_table}}]\n{SECOND_TURN}"),
    ],
}
