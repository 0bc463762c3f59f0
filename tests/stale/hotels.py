"""A recorded project as people have them: a long system prompt, three turns, two tools, an attachment."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from projects import Project
from servers import loopback_server, reply

SPEC, CODE = "specs/concierge.yaml", "reception.py"
HOTEL = Path(__file__).parent / "hotel"
ROOM = {"city": "Oslo", "nights": 3}
TABLE = {"place": "Ekeberg", "time": "18:30"}
REPLIES = (
    reply(calls={"find_room": ROOM}),
    reply("Room 214 with a view of the sea is free, for 360 euros. Shall I keep it for you?"),
    reply("It is the same one. Would you like it again?"),
    reply(calls={"book_table": TABLE}),
    reply("Your table at Ekeberg is booked for 18:30. Do you need a taxi?"),
)


def recorded_hotel(folder: Path) -> Path:
    """Lay the project in a folder and record its conversation at a server on loopback; return the folder."""
    path, modules = [*sys.path], set(sys.modules)
    shutil.copytree(HOTEL, folder, dirs_exist_ok=True)
    with loopback_server() as server:
        server.says(*REPLIES)
        project = Project(folder)
        project.edit(SPEC, "BASE_URL", server.base_url)
        result = project.record(environ={"OPENAI_API_KEY": "sk-loopback-0123456789"})
    assert result.verdict == "passed", result
    sys.path[:] = path  # what it imports is imported anew by each test
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]
    return folder
