"""A disk that is full when a recording is finished: what was there stays whole, and what was answered is kept."""

import subprocess
import sys
from pathlib import Path

import pytest

from convrun.cassette.files import load
from convrun.cassette.kept.partial import partial_path, read_partial

TESTS = Path(__file__).parents[1]
RECORD = """
import base64, resource, sys
from pathlib import Path
from cassette_conversations import completion, request
from convrun.cassette.kept.recording import Recorder
from convrun.errors import CassetteError
from convrun.wire import Reply

def send(sent):
    return Reply(status=200, headers={}, payloads=(completion("A picture."),))

class Model:
    send = staticmethod(send)

def record(size, words, room):
    url = f"data:image/png;base64,{base64.b64encode(bytes(size)).decode()}"
    said = {"type": "text", "text": f"{size} bytes" + words * " word"}
    parts = [said, {"type": "image_url", "image_url": {"url": url}}]
    with Recorder(Path("a.yaml"), shown_as="a.yaml", live=lambda: Model) as recorder:
        recorder.send(request({"model": "m", "messages": [{"role": "user", "content": parts}]}))
        if room:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        recorder.finish()

record(2000, 0, None)
try:
    record(*map(int, sys.argv[1:]))
except CassetteError as error:
    print(error, error.fix)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
@pytest.mark.parametrize(
    ("size", "words", "room"),
    [(5000, 0, 3000), (1100, 900, 1500), (500, 0, 100)],
    ids=["attachment", "cassette behind its attachment", "cassette"],
)
def test_a_full_disk_at_the_end_harms_nothing(size, words, room, tmp_path):
    """What finds no room is no part of what was there, which stays; the answer is in the partial recording."""
    paths = [str(TESTS.parent), str(TESTS), str(TESTS / "cassette")]
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{RECORD}"]
    ended = subprocess.run(
        [*command, str(size), str(words), str(room)], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "a.yaml: cannot be written: file too large" in ended.stdout
    assert "make room on the disk" in ended.stdout
    kept = read_partial(partial_path(tmp_path / "a.yaml"))
    assert (len(kept.interactions), kept.note) == (1, None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.yaml", "a.yaml.d", "a.yaml.partial"]
    assert [path.stat().st_size for path in (tmp_path / "a.yaml.d").iterdir()] == [2000]
    (item,) = load(tmp_path / "a.yaml", "a.yaml").interactions
    assert item.request.messages[0]["content"][0]["text"] == "2000 bytes"
